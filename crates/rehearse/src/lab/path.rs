//! Ways to a server that are broken, each really so.
//!
//! | wanted | use |
//! |---|---|
//! | nothing listens | [`Port`](super::Port) |
//! | no answer to a connect, until told otherwise | [`FullBacklog`], [`FullSocket`] |
//! | accepted, then closed, reset, or left in silence | [`AcceptThen`] |
//! | packets that vanish on a network of its own, host by host | [`Network`] |
//! | a name server that answers, lies, or does not | [`Dns`] |
//! | a socket file without a server, or out of reach | [`SocketFile`] |
//! | a way that works, to one that is somewhere else | [`Relay`] |
//!
//! They live on loopback, in a temporary directory or in namespaces of their own; all of them end when dropped.
//!
//! It must never touch the machine's own network configuration.
//!
//! Start reading at [`FullBacklog`].

mod accept_then;
mod backlog;
pub mod dns;
pub mod network;
mod relay;
mod socket_file;
mod stream;

pub use accept_then::{AcceptThen, End, Script};
pub use backlog::{FullBacklog, FullSocket};
pub use dns::Dns;
pub use network::Network;
pub use relay::Relay;
pub use socket_file::SocketFile;
pub use stream::{Listener, Place};
