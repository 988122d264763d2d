//! The part of tminus that touches the world for a service that starts: it resolves, dials and
//! probes dependencies, layer by layer.
//!
//! What it must never do: touch process-wide state (signal handlers, global loggers, the
//! environment), write to a stream, or ask a dependency deeper than it was told to. It uses the
//! caller's tokio runtime and stops when its futures are dropped. Everything that it reads from
//! outside is bounded, and no secret leaves it.
//! Where to start reading: [`Countdown`], to start a program in declared phases; [`driver`], which
//! executes what the run machine decides; [`probe::Probe`], which goes through one dependency step by
//! step, then the module of a protocol.

pub mod connection;
pub mod dial;
pub mod driver;
pub mod embed;
mod file;
pub mod finding;
mod http;
pub mod lease;
mod postgres;
pub mod probe;
mod redis;
mod resolve;
mod tls;
pub mod trust;
pub mod walk;
mod wire;

pub use connection::Connection;
pub use embed::{CancellationToken, Countdown, NotStarted, Started, StepError};
pub use finding::{Failure, Note, Passed, Subject};
pub use probe::{Address, Addresses, Probe};
pub use walk::{Limits, Walk, walk};
