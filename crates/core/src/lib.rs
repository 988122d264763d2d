//! The words that every part of tminus shares, as plain data.
//!
//! What it is for: one vocabulary ([`vocabulary`]), one row of a log ([`record`]), one event type
//! ([`event`]), one verdict ([`verdict`]), and the two side files of `why` ([`exits`], [`facts`]).
//! What it must never do: read a clock, the environment, a file or the network; iterate over a
//! randomly ordered map; print. CI proves it (`clippy.toml`, `ci/purity`).
//! Where to start reading: [`vocabulary`], then [`record::Record`], then [`verdict::Verdict`].

pub mod code;
pub mod event;
pub mod exits;
pub mod facts;
pub mod history;
mod json;
pub mod ladder;
pub mod plan;
pub mod record;
pub mod redact;
pub mod run;
pub mod secret;
pub mod target;
pub mod time;
pub mod verdict;
pub mod vocabulary;

/// A moment, UTC, to the nanosecond.
pub use jiff::Timestamp;
