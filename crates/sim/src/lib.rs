//! The simulated driver: the run machine of `tminus-core` in virtual time.
//!
//! What it is for: everything that must hold for a start, shown over thousands of starts in seconds;
//! rehearsals without a network; fleets later. It executes the machine's commands against a
//! [`world::World`] of models, whose faults are a schedule, and jumps from one thing that happens to
//! the next. The same plan, world and seed give the same bytes.
//! What it must never do: decide what a start does (that is the machine's), read a clock, wait,
//! or draw a random number of its own.
//! Where to start reading: [`drive`], then [`world::World`], then [`scenario`].

mod driver;
pub mod recipe;
pub mod scenario;
pub mod world;

pub use driver::{EPOCH, End, Ending, Run, Seen, drive, watch};
