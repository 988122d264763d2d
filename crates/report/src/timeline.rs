//! The timeline of a start, failed or good: a waterfall of phases and steps, what the time was
//! spent on, and the chain of steps that decided how long it took.
//!
//! What it is for: the same picture as text and as SVG, from the same [`StartView`] as the block.
//! What it must never do: depend on colour to tell what failed, run a script, refer to anything
//! outside itself, or let a name of a phase or step be read as markup.
//! Where to start reading: `model.rs` (what is drawn), then [`text`], then [`svg`].

mod model;
mod svg;
mod text;

pub use svg::svg;
pub use text::text;
