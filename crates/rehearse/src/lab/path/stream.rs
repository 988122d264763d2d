//! TCP and unix sockets as one: the ways of this module exist over both.
//!
//! Start reading at [`Listener`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{Shutdown, sockopt};

/// Far longer than a server of this machine takes.
const CONNECT: Duration = Duration::from_secs(10);

/// Something that accepts.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP port.
    Tcp(TcpListener),
    /// On a unix socket.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Listener::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Listener::Unix(listener)
    }
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a TCP address.
    Tcp(SocketAddr),
    /// On a socket file.
    Unix(PathBuf),
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Place::Tcp(address)
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Place::Unix(path)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    pub(super) fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
        }
    }

    pub(super) fn try_clone(&self) -> std::io::Result<Listener> {
        match self {
            Listener::Tcp(listener) => listener.try_clone().map(Listener::Tcp),
            Listener::Unix(listener) => listener.try_clone().map(Listener::Unix),
        }
    }

    /// Ends an accept that is under way, from wherever it can be reached.
    pub(super) fn shut(&self) {
        let _ = match self {
            Listener::Tcp(listener) => rustix::net::shutdown(listener, Shutdown::Both),
            Listener::Unix(listener) => rustix::net::shutdown(listener, Shutdown::Both),
        };
    }
}

impl Place {
    pub(super) fn connect(&self) -> std::io::Result<Stream> {
        match self {
            Place::Tcp(address) => TcpStream::connect_timeout(address, CONNECT).map(Stream::Tcp),
            Place::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
        }
    }
}

impl Stream {
    fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    /// Ends both ways, whoever else has a handle.
    pub(super) fn shut(&self) {
        let _ = rustix::net::shutdown(self.socket(), Shutdown::Both);
    }

    /// Ends the way to the other side.
    pub(super) fn finish(&self) {
        let _ = rustix::net::shutdown(self.socket(), Shutdown::Write);
    }

    /// A read that gets nothing for so long fails.
    pub(super) fn limit_reads(&self, limit: Duration) {
        let _ = match self {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(limit)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(limit)),
        };
    }

    /// Bytes are sent when they are written.
    pub(super) fn at_once(&self) {
        if let Stream::Tcp(stream) = self {
            let _ = stream.set_nodelay(true);
        }
    }

    /// From now on the end of the last handle is a reset, with whatever is unread or unsent.
    pub(super) fn reset_at_end(&self) {
        if let Stream::Tcp(stream) = self {
            let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&*stream).read(buffer),
            Stream::Unix(stream) => (&*stream).read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&*stream).write(bytes),
            Stream::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
