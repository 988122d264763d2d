//! What the kernel offers and no safe crate does: the way from fork to exec, and signals by number.
//!
//! What it is for: every `unsafe` of this crate, in one place. What it must never do: decide
//! anything, or allocate between fork and exec. Where to start reading: [`Image::spawn`].
//!
//! Why not `std::process::Command` alone: it empties the signal mask, runs programs without a `#!`
//! line through a shell (so that a program for another machine becomes a syntax error of `sh`), and
//! cannot say whether the directory or the program was missing. It is kept for the fork itself, the
//! standard streams, and the pipe that brings an error back.
#![allow(unsafe_code)]

use crate::Signal;
use nix::libc::{self, c_char, c_int};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal as Named, sigaction};
use rustix::process::Pid;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Puts SIGCHLD back to its default and says whether it was ignored: with an ignored SIGCHLD the
/// kernel throws the endings of children away.
pub(crate) fn default_sigchld() -> io::Result<bool> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler of ours is installed, only the default disposition.
    let before = unsafe { sigaction(Named::SIGCHLD, &default)? };
    Ok(matches!(before.handler(), SigHandler::SigIgn))
}

/// Sends a signal to one process.
pub(crate) fn kill(pid: Pid, signal: Signal) -> io::Result<()> {
    // SAFETY: kill takes two integers and touches no memory of ours.
    check(unsafe { libc::kill(pid.as_raw_nonzero().get(), signal.number()) })
}

/// Sends a signal to every process of a group.
pub(crate) fn kill_group(group: Pid, signal: Signal) -> io::Result<()> {
    // SAFETY: as in `kill`.
    check(unsafe { libc::kill(-group.as_raw_nonzero().get(), signal.number()) })
}

/// Sends a signal to the process behind a pidfd.
pub(crate) fn pidfd_kill(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    let fd = pidfd.as_fd().as_raw_fd();
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open during the call; the kernel fills in the information itself
    // when the pointer is null.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal.number(), none, 0) };
    check(result as c_int)
}

/// Registers a descriptor with the runtime, to be told when it can be read.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open, and the same, for as long as the `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? })
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Where on the way to the new program something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before or in fork.
    Fork,
    /// Changing to the working directory.
    Directory,
    /// Process group, terminal, mask, death signal.
    Setting,
    /// Every candidate was tried.
    Exec,
}

/// A failed spawn: the stage, the error, and which candidate it is about.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) stage: Stage,
    pub(crate) error: io::Error,
    pub(crate) candidate: usize,
}

/// A program with everything that it needs, made before fork, because nothing may be allocated
/// after it.
pub(crate) struct Image {
    /// Paths to try, in this order.
    pub(crate) candidates: Vec<CString>,
    /// Arguments, the program's name first.
    pub(crate) argv: Vec<CString>,
    /// `NAME=value`, all of them.
    pub(crate) env: Vec<CString>,
    /// Working directory.
    pub(crate) directory: Option<CString>,
    /// Whether it leads a process group of its own.
    pub(crate) own_group: bool,
    /// Whether its group becomes the foreground of the terminal that is its standard input.
    pub(crate) foreground: bool,
    /// Sent to it when the thread that spawned it ends.
    pub(crate) death_signal: Option<Signal>,
    /// The signal mask it starts with.
    pub(crate) mask: SigSet,
    /// Whether it starts with SIGCHLD ignored.
    pub(crate) sigchld_ignored: bool,
    /// Standard streams.
    pub(crate) stdio: [Stdio; 3],
}

/// Arrays of pointers as `execve` wants them. They point into the strings of an [`Image`], which
/// live as long as the closure that owns both.
struct Pointers(Vec<*const c_char>);

// SAFETY: the pointers are only read, and what they point to is owned beside them and never changed.
unsafe impl Send for Pointers {}
// SAFETY: as above.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn new(strings: &[CString]) -> Pointers {
        Pointers(strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect())
    }
}

impl Image {
    /// Forks, prepares the child, and executes the first candidate that can be executed. Returns
    /// when the program runs, or when the reason is known why it does not.
    pub(crate) fn spawn(mut self) -> Result<Pid, Refused> {
        let [stdin, stdout, stderr] = std::mem::replace(&mut self.stdio, std::array::from_fn(|_| Stdio::null()));
        // The name is never used: the closure executes the program itself.
        let mut command = Command::new("/");
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let parent = nix::unistd::getpid();
        let (argv, env) = (Pointers::new(&self.argv), Pointers::new(&self.env));
        let enter = move || {
            let image = &self;
            Err(image.enter(parent, &argv, &env))
        };
        // SAFETY: the closure only makes system calls that are async-signal-safe, on memory that was
        // prepared before; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(enter) };
        match command.spawn() {
            Ok(child) => Ok(Pid::from_child(&child)),
            Err(error) => Err(decode(error)),
        }
    }

    /// In the child. Returns only when something failed.
    fn enter(&self, parent: nix::unistd::Pid, argv: &Pointers, env: &Pointers) -> io::Error {
        if let Err(error) = self.settle(parent) {
            return encode(Stage::Setting, error as c_int, 0);
        }
        if let Some(directory) = &self.directory {
            // SAFETY: a C string that lives in `self`.
            if unsafe { libc::chdir(directory.as_ptr()) } < 0 {
                return encode(Stage::Directory, nix::errno::Errno::last_raw(), 0);
            }
        }
        let (mut error, mut about) = (libc::ENOENT, 0);
        for (index, path) in self.candidates.iter().enumerate() {
            // SAFETY: all three are null-terminated and live in `self` and its neighbours; on success
            // the call does not return.
            unsafe { libc::execve(path.as_ptr(), argv.0.as_ptr(), env.0.as_ptr()) };
            match nix::errno::Errno::last_raw() {
                // The next directory may have it. A missing interpreter is ENOENT too: which it was is
                // found out by the parent.
                libc::ENOENT | libc::ENOTDIR | libc::ENODEV | libc::ESTALE => {}
                libc::EACCES => (error, about) = (libc::EACCES, index),
                other => return encode(Stage::Exec, other, index),
            }
        }
        encode(Stage::Exec, error, about)
    }

    /// Everything that the new program inherits, but for its directory.
    fn settle(&self, parent: nix::unistd::Pid) -> nix::Result<()> {
        use nix::errno::Errno;
        use nix::unistd::{Pid as NixPid, getpid, getppid, setpgid, tcsetpgrp};
        // Until the mask is put back: taking the foreground from the background raises SIGTTOU, and
        // a signal to the group must not end the child before it is one.
        SigSet::all().thread_block()?;
        if let Some(signal) = self.death_signal {
            let signal = signal.number();
            // SAFETY: prctl with integers.
            if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) } < 0 {
                return Err(Errno::last());
            }
            // It has gone already, and its death will not be told any more.
            if getppid() != parent {
                return Err(Errno::ESRCH);
            }
        }
        if self.own_group {
            setpgid(NixPid::from_raw(0), NixPid::from_raw(0))?;
        }
        if self.foreground {
            // A terminal that cannot be handed over is still a terminal: the program runs without.
            let _ = tcsetpgrp(rustix::stdio::stdin(), getpid());
        }
        if self.sigchld_ignored {
            let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
            // SAFETY: no handler of ours is installed.
            unsafe { sigaction(Named::SIGCHLD, &ignore)? };
        }
        self.mask.thread_set_mask()
    }
}

// The pipe of `Command` brings one integer back. Error numbers are below 4096.
fn encode(stage: Stage, errno: c_int, candidate: usize) -> io::Error {
    let stage = match stage {
        Stage::Fork => 0,
        Stage::Directory => 1,
        Stage::Setting => 2,
        Stage::Exec => 3,
    };
    let candidate = c_int::try_from(candidate.min(0x7fff)).unwrap_or(0);
    io::Error::from_raw_os_error(candidate << 16 | stage << 12 | (errno & 0xfff))
}

fn decode(error: io::Error) -> Refused {
    let Some(raw) = error.raw_os_error() else {
        return Refused { stage: Stage::Fork, error, candidate: 0 };
    };
    let stage = match raw >> 12 & 0xf {
        1 => Stage::Directory,
        2 => Stage::Setting,
        3 => Stage::Exec,
        _ => Stage::Fork,
    };
    Refused { stage, error: io::Error::from_raw_os_error(raw & 0xfff), candidate: (raw >> 16) as usize }
}

/// What came with one datagram.
pub(crate) struct Received {
    /// Bytes in the buffer.
    pub(crate) length: usize,
    /// Whether the datagram was longer than the buffer.
    pub(crate) truncated: bool,
    /// Process and user id of the sender, vouched for by the kernel.
    pub(crate) sender: Option<(u32, u32)>,
}

/// Takes one datagram with the credentials of its sender. Descriptors that came along are closed.
///
/// Own code, because safe wrappers either cannot say "process id 0", which is how the kernel names a
/// sender outside our PID namespace, or lose descriptors when there are too many of them.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    // Room for as many descriptors as one datagram can carry (253), and credentials; aligned for headers.
    let mut control = [0u64; 160];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zeroes is a valid msghdr without name, data and control.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = std::mem::size_of_val(&control) as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to buffers that live until the end of this function.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &mut header, flags) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    let mut sender = None;
    // SAFETY: the kernel has filled the control buffer with well-formed messages of the length that
    // the header now says; these macros walk inside it.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(&header) };
    while !message.is_null() {
        // SAFETY: not null, so a complete header; its data follows it and is `cmsg_len` long.
        unsafe {
            let data = libc::CMSG_DATA(message);
            let size = ((*message).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..size / size_of::<RawFd>() {
                        let fd = data.cast::<RawFd>().add(index).read_unaligned();
                        // Ours alone since the kernel put it into our table.
                        drop(OwnedFd::from_raw_fd(fd));
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if size >= size_of::<libc::ucred>() => {
                    let told = data.cast::<libc::ucred>().read_unaligned();
                    sender = Some((told.pid.unsigned_abs(), told.uid));
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(&header, message);
        }
    }
    Ok(Received { length, truncated: header.msg_flags & libc::MSG_TRUNC != 0, sender })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_comes_back_through_one_integer() {
        for stage in [Stage::Fork, Stage::Directory, Stage::Setting, Stage::Exec] {
            for (errno, candidate) in [(libc::ENOENT, 0), (libc::EACCES, 7), (libc::ENOEXEC, 0x7fff)] {
                let refused = decode(encode(stage, errno, candidate));
                assert_eq!(refused.stage, stage);
                assert_eq!(refused.error.raw_os_error(), Some(errno));
                assert_eq!(refused.candidate, candidate);
            }
        }
    }
}
