//! Readiness messages: the datagrams of sd_notify, received from children and sent upwards.
//!
//! What it is for: [`NotifySocket`] hears what a child says about itself (READY, STATUS, more time,
//! stopping); [`Upward`] says the same to whoever supervises tminus. What it must never do: believe a
//! stranger, keep a descriptor that was sent along, or block. Where to start reading: [`Message`],
//! then [`NotifySocket::receive`].
//!
//! The protocol is described in sd_notify(3): lines of `NAME=value` in one datagram to the socket in
//! `NOTIFY_SOCKET`, an absolute path or an abstract name that is written with `@`.

use crate::sys;
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, sendto, socket_with};
use rustix::process::{getpid, getuid};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest datagram that is read, as in systemd. Longer ones are not half-read but refused.
const MAX_DATAGRAM: usize = 4096;

/// The longest status that is kept, in bytes.
const MAX_STATUS: usize = 512;

/// How far up the process tree a sender is followed.
const MAX_ANCESTORS: usize = 64;

/// Names that are tried for the socket before giving up.
const MAX_NAMES: usize = 16;

/// What one datagram says. Unknown assignments are ignored, as are WATCHDOG and MAINPID: tminus kills
/// nobody for being silent, and it knows its child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// `READY=1`: start-up has finished.
    pub ready: bool,
    /// `RELOADING=1`: reading its configuration again; READY follows.
    pub reloading: bool,
    /// `STOPPING=1`: on its way out.
    pub stopping: bool,
    /// `STATUS=`: one line for people, at most 512 bytes, control characters removed.
    pub status: Option<String>,
    /// `EXTEND_TIMEOUT_USEC=`: it needs this much more time from now.
    pub extend: Option<Duration>,
    /// `ERRNO=`: why it fails.
    pub errno: Option<i32>,
}

/// A message with its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Process id of the sender, which may be a grandchild; 0 outside our PID namespace.
    pub pid: u32,
    /// What it says.
    pub message: Message,
}

impl Message {
    /// Reads a datagram. None when it says nothing that is known.
    pub fn parse(datagram: &[u8]) -> Option<Message> {
        let mut message = Message::default();
        for line in datagram.split(|byte| *byte == b'\n') {
            let Some(at) = memchr::memchr(b'=', line) else { continue };
            let (name, value) = (&line[..at], &line[at + 1..]);
            match name {
                b"READY" => message.ready |= value == b"1",
                b"RELOADING" => message.reloading |= value == b"1",
                b"STOPPING" => message.stopping |= value == b"1",
                b"STATUS" => message.status = Some(one_line(&String::from_utf8_lossy(value))),
                b"EXTEND_TIMEOUT_USEC" => message.extend = decimal(value).map(Duration::from_micros).or(message.extend),
                b"ERRNO" => message.errno = decimal(value).and_then(|code| i32::try_from(code).ok()).or(message.errno),
                _ => {}
            }
        }
        (message != Message::default()).then_some(message)
    }

    /// The datagram that says this. RELOADING is left out: it needs a clock, and tminus does not
    /// reload.
    pub fn encode(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        lines.extend(self.ready.then(|| "READY=1".to_owned()));
        lines.extend(self.stopping.then(|| "STOPPING=1".to_owned()));
        lines.extend(self.status.as_deref().map(|status| format!("STATUS={}", one_line(status))));
        lines.extend(self.extend.map(|extend| format!("EXTEND_TIMEOUT_USEC={}", extend.as_micros())));
        lines.extend(self.errno.map(|errno| format!("ERRNO={errno}")));
        lines.join("\n").into_bytes()
    }
}

fn decimal(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Without control characters, and not longer than is worth showing.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().filter(|char| !char.is_control()).collect();
    let mut end = line.len().min(MAX_STATUS);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

/// The socket that children are told of by `NOTIFY_SOCKET`.
#[derive(Debug)]
pub struct NotifySocket {
    socket: OwnedFd,
    address: OsString,
    /// A directory of our own, when the name could not be abstract.
    directory: Option<PathBuf>,
    refused: AtomicU64,
}

impl NotifySocket {
    /// Opens one: with an abstract name, which needs no writable directory; where those are refused,
    /// in a new private directory under the first of `directories` that takes one.
    pub fn open(directories: &[PathBuf]) -> io::Result<NotifySocket> {
        NotifySocket::with_abstract_name().or_else(|error| {
            let opened = directories.iter().find_map(|parent| NotifySocket::in_directory(parent).ok());
            opened.ok_or(error)
        })
    }

    fn with_abstract_name() -> io::Result<NotifySocket> {
        let socket = new_socket()?;
        for attempt in 0..MAX_NAMES {
            let name = unlikely_name(attempt);
            match bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?) {
                Ok(()) => return NotifySocket::ready(socket, format!("@{name}").into(), None),
                Err(Errno::ADDRINUSE) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::ADDRINUSE.into())
    }

    fn in_directory(parent: &Path) -> io::Result<NotifySocket> {
        let socket = new_socket()?;
        for attempt in 0..MAX_NAMES {
            let directory = parent.join(unlikely_name(attempt).replace('/', "-"));
            match fs::DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            let path = directory.join("notify");
            let bound = SocketAddrUnix::new(&path).and_then(|address| bind(&socket, &address));
            // From here on the directory is removed when the socket is dropped.
            let opened = NotifySocket::ready(socket, path.into_os_string(), Some(directory))?;
            bound?;
            return Ok(opened);
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn ready(socket: OwnedFd, address: OsString, directory: Option<PathBuf>) -> io::Result<NotifySocket> {
        let opened = NotifySocket { socket, address, directory, refused: AtomicU64::new(0) };
        set_socket_passcred(&opened.socket, true)?;
        Ok(opened)
    }

    /// The value for `NOTIFY_SOCKET` in the environment of a child.
    pub fn address(&self) -> &OsStr {
        &self.address
    }

    /// Datagrams that were not believed: from outside our own tree and of another user, or too long.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes one datagram. `Some(None)` is one that says nothing or was refused; `None` means that no
    /// more are there. Descriptors that came along are closed, which is also the answer to `BARRIER=1`:
    /// everything sent before has been taken by then.
    pub(crate) fn receive(&self, children: &[u32]) -> io::Result<Option<Option<Notify>>> {
        let mut buffer = [0; MAX_DATAGRAM];
        let received = match sys::receive(&self.socket, &mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let believed = !received.truncated
            && received.sender.is_some_and(|(pid, uid)| uid == getuid().as_raw() || is_descendant(pid, children));
        if !believed {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(None));
        }
        let pid = received.sender.map_or(0, |(pid, _)| pid);
        let message = Message::parse(&buffer[..received.length]);
        Ok(Some(message.map(|message| Notify { pid, message })))
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // Left behind when it cannot be removed: nothing depends on it.
            let _ = fs::remove_file(directory.join("notify"));
            let _ = fs::remove_dir(directory);
        }
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?)
}

/// A name that nobody else has: process ids repeat in other namespaces that share the network.
fn unlikely_name(attempt: usize) -> String {
    use std::hash::{BuildHasher, RandomState};
    // The seed of hash maps is the randomness that needs neither a file nor a crate.
    let random = RandomState::new().hash_one((getpid().as_raw_nonzero().get(), attempt));
    format!("tminus/notify/{random:016x}")
}

/// Whether a process is one of our children, or descends from one or from us.
fn is_descendant(mut pid: u32, children: &[u32]) -> bool {
    let own = getpid().as_raw_nonzero().get().unsigned_abs();
    for _ in 0..MAX_ANCESTORS {
        if pid == own || children.contains(&pid) {
            return true;
        }
        match parent(pid) {
            Some(next) if next > 0 => pid = next,
            _ => return false,
        }
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything but ends with the last of them: `1 (a) b) S 0 ...`.
    let after = &stat[memchr::memrchr(b')', &stat)? + 1..];
    let mut fields = after.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
}

/// The way to whoever supervises tminus itself, as systemd does.
#[derive(Debug)]
pub struct Upward {
    socket: OwnedFd,
    address: SocketAddrUnix,
}

impl Upward {
    /// For the value of our own `NOTIFY_SOCKET`: a path or `@name`. Fails for other kinds of addresses
    /// (vsock) and for paths that are too long.
    pub fn to(address: &OsStr) -> io::Result<Upward> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
            path @ [b'/', ..] => SocketAddrUnix::new(OsString::from_vec(path.to_vec()))?,
            _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "NOTIFY_SOCKET is neither a path nor `@name`")),
        };
        Ok(Upward { socket: new_socket()?, address })
    }

    /// Sends a message. Never blocks: whoever does not read misses it, and that is the error.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        sendto(&self.socket, &message.encode(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL, &self.address)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_assignment_is_read() {
        let read = Message::parse(
            b"READY=1\nSTATUS=loading \x1b[31m3 of 5\x07\nEXTEND_TIMEOUT_USEC=5000000\nERRNO=2\nSTOPPING=1\nRELOADING=1\nX_OWN=1\n",
        );
        let expected = Message {
            ready: true,
            reloading: true,
            stopping: true,
            status: Some("loading [31m3 of 5".to_owned()),
            extend: Some(Duration::from_secs(5)),
            errno: Some(2),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn what_is_not_meant_for_us_says_nothing() {
        for datagram in
            ["", "WATCHDOG=1", "MAINPID=1", "FDSTORE=1\nFDNAME=x", "BARRIER=1", "READY=0", "READY", "=", "\n\n"]
        {
            assert_eq!(Message::parse(datagram.as_bytes()), None, "{datagram:?}");
        }
    }

    #[test]
    fn wrong_numbers_are_no_numbers() {
        for value in ["", "-1", "x", "99999999999999999999999"] {
            assert_eq!(Message::parse(format!("EXTEND_TIMEOUT_USEC={value}").as_bytes()), None, "{value:?}");
        }
    }

    #[test]
    fn a_status_is_bounded_at_a_character() {
        let long = "ä".repeat(4000);
        let status = Message::parse(format!("STATUS={long}").as_bytes()).unwrap().status.unwrap();
        assert_eq!(status.len(), 512);
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let message = Message {
            ready: true,
            stopping: true,
            status: Some("database, 3 of 7\nREADY=1".to_owned()),
            extend: Some(Duration::from_millis(1500)),
            errno: Some(5),
            reloading: false,
        };
        let read = Message::parse(&message.encode()).unwrap();
        assert_eq!(read, Message { status: Some("database, 3 of 7READY=1".to_owned()), ..message });
    }

    #[test]
    fn our_parent_is_found_and_we_descend_from_it() {
        let me = std::process::id();
        assert_eq!(parent(me), Some(std::os::unix::process::parent_id()));
        assert!(is_descendant(me, &[]));
        assert!(!is_descendant(1, &[]));
        assert!(!is_descendant(0, &[]));
    }

    #[test]
    fn without_abstract_names_a_private_directory_serves_and_leaves_nothing() {
        use std::os::unix::fs::MetadataExt;
        let parent = tempfile::tempdir().unwrap();
        let socket = NotifySocket::in_directory(parent.path()).unwrap();
        let directory = socket.directory.clone().unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        Upward::to(socket.address()).unwrap().send(&Message { ready: true, ..Message::default() }).unwrap();
        let received = socket.receive(&[]).unwrap().unwrap().unwrap();
        assert!(received.message.ready);
        assert_eq!(received.pid, std::process::id());
        drop(socket);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn datagrams_that_are_too_long_are_refused_whole() {
        let socket = NotifySocket::open(&[]).unwrap();
        let upward = Upward::to(socket.address()).unwrap();
        let mut long = b"READY=1\n".to_vec();
        long.resize(5000, b'x');
        sendto(&upward.socket, &long, SendFlags::empty(), &upward.address).unwrap();
        assert_eq!(socket.receive(&[]).unwrap(), Some(None));
        assert_eq!(socket.refused(), 1);
        assert_eq!(socket.receive(&[]).unwrap(), None);
    }

    #[test]
    fn addresses_that_cannot_be_are_errors() {
        for address in ["", "relative", "vsock:2:1"] {
            assert!(Upward::to(OsStr::new(address)).is_err(), "{address:?}");
        }
        assert!(Upward::to(OsStr::new(&format!("/{}", "x".repeat(200)))).is_err());
    }
}
