//! Verdicts to text: what people read on a terminal, in an issue, in a workflow run; and JSON.
//!
//! What it is for: every sentence that leaves tminus about a verdict is composed here, from the
//! fields of the verdict alone, and every text that came from a log passes through [`encode`].
//! What it must never do: read, write, or look at a clock; state what the fields do not support;
//! let a log line steer the terminal, the page or the workflow that shows it. Same input, same bytes.
//! Where to start reading: [`terminal`], then `view` (what a verdict says), then [`encode`].

pub mod encode;
mod figures;
pub mod findings;
mod github;
mod json;
pub mod ladder;
mod markdown;
mod sentences;
pub mod start;
mod terminal;
pub mod timeline;
mod view;
mod words;

pub use github::github;
pub use json::json;
pub use markdown::{Claim, EvidenceAs, MarkdownOptions, markdown};
pub use start::StartView;
pub use terminal::{LINES_MAX, Style, WIDTH_MAX, WIDTH_MIN, terminal};
pub use words::Words;
