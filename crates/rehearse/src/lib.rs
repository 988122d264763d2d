//! Practising a start: real servers, and really broken ways to them.
//!
//! For now this crate holds the [`lab`]: the servers and the faults that tests, benches and rehearsals
//! run against. Nothing in it imitates a program that is installed: a Postgres is Postgres.
//!
//! It must never be part of `tminus run`: it starts programs, binds ports and writes temporary files.
//!
//! Start reading at [`lab`].

pub mod lab;
