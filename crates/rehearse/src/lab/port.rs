//! A TCP port of 127.0.0.1 that nobody else can take.
//!
//! The port stays bound, without listening, for as long as the value lives. To a client that is a
//! port on which nothing listens: refused. A server that sets SO_REUSEADDR (all of the lab's do) can
//! bind and listen beside it, stop, and come back, and neither another process nor the kernel's own
//! choice of ports can take the port meanwhile. So there are no collisions to retry.
//!
//! Start reading at [`Port::reserve`].

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::error::{Error, Result};

/// A reserved port of 127.0.0.1: dialling it is refused until a server listens on it.
#[derive(Debug)]
pub struct Port {
    socket: OwnedFd,
    address: SocketAddrV4,
}

impl Port {
    /// Reserves a free port.
    ///
    /// # Errors
    ///
    /// When the kernel has no free port, or no socket.
    pub fn reserve() -> Result<Port> {
        let failed = || Error::io::<rustix::io::Errno>("reserve a port of 127.0.0.1");
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(failed())?;
        sockopt::set_socket_reuseaddr(&socket, true).map_err(failed())?;
        rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
        let address = rustix::net::getsockname(&socket).map_err(failed())?;
        let address = SocketAddrV4::try_from(address).map_err(failed())?;
        Ok(Port { socket, address })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address.port()
    }

    /// 127.0.0.1 and its number.
    pub fn address(&self) -> SocketAddr {
        self.address.into()
    }

    /// Listens on the reserving socket itself, with room for `backlog` connections (the kernel adds one).
    pub(crate) fn listen(self, backlog: i32) -> Result<OwnedFd> {
        rustix::net::listen(&self.socket, backlog).map_err(Error::io(format!("listen on {}", self.address)))?;
        Ok(self.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_reserved_port_refuses_and_a_server_can_come_and_go() {
        let port = Port::reserve().unwrap();
        for _ in 0..3 {
            assert_eq!(TcpStream::connect(port.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            // The standard library sets SO_REUSEADDR, as servers do.
            let server = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
            drop(server);
        }
    }

    #[test]
    fn two_reservations_differ() {
        let ports: Vec<Port> = (0..64).map(|_| Port::reserve().unwrap()).collect();
        let numbers: std::collections::BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
    }
}
