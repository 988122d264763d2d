//! Probes against real servers and really broken ways to them.

mod embedding;
mod http;
mod network;
mod pooler;
mod postgres;
mod properties;
mod redis;
mod sockets;
mod support;
mod tls;
