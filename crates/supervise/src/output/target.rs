//! Where output goes in the end.
//!
//! What it is for: one description of the file, pipe, socket or terminal behind one of our standard
//! streams, and a write that does not block where that can be had. What it must never do: change the
//! flags of the open file, which is shared with processes that know nothing of us. Where to start
//! reading: [`Target::write`].

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, fcntl_dupfd_cloexec, write};
use rustix::net::{SendFlags, send};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a pipe takes without blocking once it says that it can be written to, and in one piece.
pub(super) const PIPE_BUF: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pipe or fifo.
    Pipe,
    Socket,
    /// A regular file: never "full" in the sense of poll.
    File,
    /// Terminals, /dev/null and the like.
    Device,
}

/// What identifies an open file well enough to say "the same".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

#[derive(Debug)]
pub(super) struct Target {
    fd: OwnedFd,
    pub(super) kind: Kind,
    pub(super) identity: Identity,
}

impl Target {
    /// The target behind a descriptor, held by a descriptor of our own that no child inherits.
    pub(super) fn of(fd: BorrowedFd<'_>) -> io::Result<Target> {
        let fd = fcntl_dupfd_cloexec(fd, 3)?;
        let stat = fstat(&fd)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Fifo => Kind::Pipe,
            FileType::Socket => Kind::Socket,
            FileType::RegularFile => Kind::File,
            _ => Kind::Device,
        };
        Ok(Target { fd, kind, identity: Identity(stat.st_dev, stat.st_ino) })
    }

    /// Writes some of it. WOULDBLOCK when it takes nothing now.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.kind {
            Kind::File => write(&self.fd, bytes),
            Kind::Socket => send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Kind::Pipe | Kind::Device if self.writable() => write(&self.fd, &bytes[..bytes.len().min(PIPE_BUF)]),
            Kind::Pipe | Kind::Device => Err(Errno::WOULDBLOCK),
        }
    }

    fn writable(&self) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        // Errors of the target are found by writing.
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Target {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
