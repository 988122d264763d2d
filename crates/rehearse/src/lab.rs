//! Real servers for tests and rehearsals, and the ways to them that are broken on purpose.
//!
//! Every server is the installed program itself, with its own temporary directory, its own port or
//! socket, and a `start` that returns when its real protocol answers. Every fault is the real thing
//! too: a black hole is a path on which the kernel gets no answer, not a slow mock.
//!
//! The interface is synchronous and needs no runtime, so that it can be called from inside any.
//! Dropping a value ends everything that it started and removes its directory, also when a test
//! panics; a small guard process does the same when the process is killed.
//!
//! It must never skip: a program that is missing is an [`Error`] with the command that installs it.
//! It must never signal a process that it did not start itself.
//!
//! Start reading at [`Postgres`], then [`path`].

mod account;
pub mod certs;
mod error;
mod guard;
pub mod http;
mod nats;
pub mod path;
pub mod pgbouncer;
mod port;
pub mod postgres;
mod process;
mod programs;
pub mod redis;
mod scratch;

pub use certs::{Ca, Certs, Identity};
pub use error::{Error, Result};
pub use http::Http;
pub use nats::Nats;
pub use pgbouncer::PgBouncer;
pub use port::Port;
pub use postgres::Postgres;
pub use programs::Program;
pub use redis::Redis;
