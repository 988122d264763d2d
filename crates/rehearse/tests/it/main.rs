//! The lab against real clients: each server answers its protocol, each fault is what it says, and nothing is left.

mod guard;
mod path;
mod postgres;
mod redis;
mod servers;
