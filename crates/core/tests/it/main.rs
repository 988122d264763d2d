//! The plan: what it reads, what it refuses, and what its page and schema say about it.

#![expect(clippy::disallowed_methods, reason = "the tests read the repository's files; the crate never does")]

mod incident;
mod mistakes;
mod page;
mod plans;
mod properties;
mod reading;
mod schema;
