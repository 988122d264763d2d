//! One connect() to one address, and what its errors mean.
//!
//! Limits, staggering and choice of addresses are the run machine's; dropping the future cancels
//! the dial.

use crate::connection::{Connection, Raw};
use crate::finding::Failure;
use crate::probe::Address;
use std::io;
use tminus_core::code::Code;
use tokio::net::{TcpStream, UnixStream};

/// errno of connect(2) on TCP: what each means. Numbers are Linux's (asm-generic).
const TCP: &[(i32, Code)] = &[
    (111, Code::Refused),         // ECONNREFUSED
    (110, Code::NoAnswer),        // ETIMEDOUT: the kernel has given up repeating its SYN
    (101, Code::NoRoute),         // ENETUNREACH
    (113, Code::NoRoute),         // EHOSTUNREACH: an ICMP answer, or nobody has that address
    (112, Code::NoRoute),         // EHOSTDOWN
    (100, Code::NoRoute),         // ENETDOWN
    (97, Code::NoRoute),          // EAFNOSUPPORT: this machine has no such family
    (22, Code::NoRoute),          // EINVAL: a link-local address without its link
    (104, Code::ConnectReset),    // ECONNRESET
    (103, Code::ConnectReset),    // ECONNABORTED
    (1, Code::ConnectForbidden),  // EPERM: a firewall of this machine
    (13, Code::ConnectForbidden), // EACCES: a broadcast address, or a security module
    (99, Code::NoLocalPort),      // EADDRNOTAVAIL
    (98, Code::NoLocalPort),      // EADDRINUSE: every local port is taken for this peer
    (11, Code::NoLocalPort),      // EAGAIN: no auto-assigned port left (connect(2))
    (24, Code::NoDescriptor),     // EMFILE
    (23, Code::NoDescriptor),     // ENFILE
    (105, Code::NoDescriptor),    // ENOBUFS
    (12, Code::NoDescriptor),     // ENOMEM
];

/// errno of connect(2) on a unix socket.
const UNIX: &[(i32, Code)] = &[
    (2, Code::SocketMissing),      // ENOENT
    (20, Code::SocketMissing),     // ENOTDIR: a part of the path is a file
    (13, Code::SocketDenied),      // EACCES: no write permission, or a directory without search
    (1, Code::SocketDenied),       // EPERM: a security module
    (40, Code::SocketNotASocket),  // ELOOP
    (91, Code::SocketNotASocket),  // EPROTOTYPE: a socket of another kind
    (11, Code::BacklogFull),       // EAGAIN: at once, there is no SYN to repeat
    (36, Code::SocketPathTooLong), // ENAMETOOLONG
    (22, Code::SocketPathTooLong), // EINVAL
    (24, Code::NoDescriptor),
    (23, Code::NoDescriptor),
    (104, Code::ConnectReset),
];

/// Connects once.
///
/// # Errors
/// The code of the errno.
pub(crate) async fn dial(address: &Address) -> Result<Connection, Failure> {
    match address {
        Address::Tcp { socket, .. } => match TcpStream::connect(socket).await {
            Ok(stream) => {
                // Handshakes are ping-pong: waiting to fill a segment would only add latency.
                let _ = stream.set_nodelay(true);
                Ok(Connection::new(Raw::Tcp(stream), address.clone()))
            }
            Err(error) => Err(Failure::new(tcp(&error), format!("{socket}: {}", words(&error)))),
        },
        Address::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => Ok(Connection::new(Raw::Unix(stream), address.clone())),
            Err(error) => Err(unix(path, &error)),
        },
    }
}

fn look_up(table: &[(i32, Code)], error: &io::Error) -> Option<Code> {
    let errno = error.raw_os_error()?;
    table.iter().find(|(number, _)| *number == errno).map(|(_, code)| *code)
}

/// What an error of connect() or of the first use of a TCP socket means.
pub(crate) fn tcp(error: &io::Error) -> Code {
    look_up(TCP, error).unwrap_or(match error.kind() {
        io::ErrorKind::TimedOut => Code::NoAnswer,
        _ => Code::ConnectReset,
    })
}

fn unix(path: &str, error: &io::Error) -> Failure {
    // ECONNREFUSED is given for a socket that nobody listens on, and for a path that is no socket.
    let code = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            use std::os::unix::fs::FileTypeExt;
            match std::fs::metadata(path) {
                Ok(metadata) if !metadata.file_type().is_socket() => Code::SocketNotASocket,
                _ => Code::SocketStale,
            }
        }
        _ => look_up(UNIX, error).unwrap_or(Code::SocketStale),
    };
    let failure = Failure::new(code, format!("{path}: {}", words(error)));
    match code {
        Code::SocketMissing => missing(path, failure),
        _ => failure,
    }
}

/// Which part of a missing path is there: an empty directory says that something was to be mounted.
fn missing(path: &str, failure: Failure) -> Failure {
    let mut there = std::path::Path::new(path);
    while let Some(parent) = there.parent() {
        there = parent;
        let Ok(mut entries) = std::fs::read_dir(there) else { if there.exists() { break } else { continue } };
        let what = if entries.next().is_none() { "is empty" } else { "is there, what follows is not" };
        return Failure::new(failure.code, format!("{}; {} {what}", failure.detail, there.display()));
    }
    failure
}

/// The system's words for an error, without Rust's `(os error N)`.
pub(crate) fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tminus_core::vocabulary::Layer;

    #[test]
    fn every_row_of_connect_belongs_to_its_layer() {
        for (errno, code) in TCP {
            assert_eq!(tcp(&io::Error::from_raw_os_error(*errno)), *code);
            assert_eq!(code.layer(), Layer::Tcp, "{errno}");
        }
        for (errno, code) in UNIX {
            assert_eq!(unix("/nowhere/at/all", &io::Error::from_raw_os_error(*errno)).code, *code, "{errno}");
        }
    }

    #[test]
    fn a_missing_socket_says_which_directory_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("project:region:instance/.s.PGSQL.5432");
        let failure = unix(path.to_str().unwrap(), &io::Error::from_raw_os_error(2));
        assert_eq!(failure.code, Code::SocketMissing);
        assert!(failure.detail.ends_with(&format!("{} is empty", directory.path().display())), "{}", failure.detail);
    }
}
