//! Listeners that accept nobody: the kernel's queue is full, so a connect gets no answer.
//!
//! Over TCP that is a black hole as a firewall or a missing route makes it: SYNs are dropped, the
//! client sends them again at its own pace. On a unix socket there is no SYN: a connect blocks, or is
//! EAGAIN when it must not block.
//!
//! Start reading at [`FullBacklog`].

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::super::error::{Error, Result};
use super::super::port::Port;
use super::super::scratch::Scratch;

/// The backlog asked for; the kernel completes one connection more than it. With 0 it would answer by cookies only.
const BACKLOG: i32 = 1;
/// The backlog once it is open.
const OPEN_BACKLOG: i32 = 128;
/// How long a connection that fills the queue may take: the kernel does it at once.
const FILL: Duration = Duration::from_secs(10);

/// A TCP port of 127.0.0.1 from which nothing comes back until [`FullBacklog::open`].
#[derive(Debug)]
pub struct FullBacklog {
    listener: TcpListener,
    address: SocketAddr,
    _filling: Vec<TcpStream>,
}

impl FullBacklog {
    /// Listens, and fills the queue.
    ///
    /// # Errors
    ///
    /// When a port or the connections that fill it cannot be had.
    pub fn new() -> Result<FullBacklog> {
        Self::on(Port::reserve()?)
    }

    /// The same on a reserved port: what refused becomes a black hole.
    ///
    /// # Errors
    ///
    /// As [`FullBacklog::new`].
    pub fn on(port: Port) -> Result<FullBacklog> {
        let address = port.address();
        let listener = TcpListener::from(port.listen(BACKLOG)?);
        let filling = (0..=BACKLOG)
            .map(|_| TcpStream::connect_timeout(&address, FILL))
            .collect::<std::io::Result<_>>()
            .map_err(Error::io(format!("fill the queue of {address}")))?;
        Ok(FullBacklog { listener, address, _filling: filling })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens the way: the queue is drained, and the listener is handed over to somebody who accepts, for example
    /// [`Relay`](super::Relay). Connects get their answer at the next SYN that their kernels send.
    ///
    /// # Errors
    ///
    /// When the queue cannot be drained.
    pub fn open(self) -> Result<TcpListener> {
        let failed = || Error::io(format!("open {}", self.address));
        // In this order: the room is there before the first connection leaves.
        rustix::net::listen(&self.listener, OPEN_BACKLOG).map_err(|errno| failed()(errno.into()))?;
        for _ in 0..=BACKLOG {
            self.listener.accept().map_err(failed())?;
        }
        Ok(self.listener)
    }
}

/// A unix socket whose queue is full until [`FullSocket::open`].
#[derive(Debug)]
pub struct FullSocket {
    listener: UnixListener,
    path: PathBuf,
    filling: Vec<UnixStream>,
    scratch: Scratch,
}

impl FullSocket {
    /// Listens on a socket of this name in a directory of its own, and fills the queue.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn new(name: &str) -> Result<FullSocket> {
        let scratch = Scratch::new("full")?;
        let path = scratch.path().join(name);
        let listener = bind_socket(&path, 0)?;
        let mut filling = Vec::new();
        while let Some(stream) = connect_now(&path)? {
            filling.push(stream);
        }
        Ok(FullSocket { listener, path, filling, scratch })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the way: the queue is drained, and the listener is handed over to somebody who accepts. The socket
    /// file stays as long as the second value does.
    ///
    /// # Errors
    ///
    /// When the queue cannot be drained.
    pub fn open(self) -> Result<(UnixListener, impl std::fmt::Debug + use<>)> {
        let failed = || Error::io(format!("open {}", self.path.display()));
        rustix::net::listen(&self.listener, OPEN_BACKLOG).map_err(|errno| failed()(errno.into()))?;
        for _ in &self.filling {
            self.listener.accept().map_err(failed())?;
        }
        Ok((self.listener, self.scratch))
    }
}

/// Listens on `path` with exactly this backlog; the standard library's own is always long.
fn bind_socket(path: &Path, backlog: i32) -> Result<UnixListener> {
    let failed = || Error::at::<rustix::io::Errno>("listen on", path);
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(failed())?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path).map_err(failed())?).map_err(failed())?;
    rustix::net::listen(&socket, backlog).map_err(failed())?;
    Ok(UnixListener::from(socket))
}

/// Connects without waiting; `None` when the queue is full.
fn connect_now(path: &Path) -> Result<Option<UnixStream>> {
    let failed = || Error::at::<rustix::io::Errno>("connect to", path);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed())?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path).map_err(failed())?) {
        Ok(()) => Ok(Some(UnixStream::from(socket))),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(errno) => Err(failed()(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};

    #[test]
    fn nothing_comes_back_until_it_is_opened() {
        let hole = FullBacklog::new().unwrap();
        let address = hole.address();
        // Longer than the kernel's first repetition of a SYN, so that a second one is dropped too.
        let failed = TcpStream::connect_timeout(&address, Duration::from_millis(1300)).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        let listener = hole.open().unwrap();
        let mut client = TcpStream::connect_timeout(&address, FILL).unwrap();
        client.write_all(b"through").unwrap();
        drop(client);
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn a_connect_that_waits_gets_through_when_it_opens() {
        let hole = FullBacklog::new().unwrap();
        let address = hole.address();
        let waiting = std::thread::spawn(move || TcpStream::connect_timeout(&address, FILL));
        let listener = hole.open().unwrap();
        listener.accept().unwrap();
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn a_full_socket_says_so_at_once_and_takes_clients_when_opened() {
        let full = FullSocket::new("s").unwrap();
        let path = full.path().to_owned();
        assert!(connect_now(&path).unwrap().is_none());
        let (listener, directory) = full.open().unwrap();
        assert!(connect_now(&path).unwrap().is_some());
        listener.accept().unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}
