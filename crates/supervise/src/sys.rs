//! What the kernel offers and no safe crate does: the way from fork to exec, and signals by number.
//!
//! What it is for: every `unsafe` of this crate, in one place. What it must never do: decide
//! anything, or allocate between fork and exec. Where to start reading: [`Image::spawn`].
//!
//! Why not `std::process::Command`: it empties the signal mask, runs programs without a `#!` line
//! through a shell (so that a program for another machine becomes a syntax error of `sh`), cannot say
//! whether the directory or the program was missing, and copies the whole process in order to fork
//! where any of that is to be avoided.
#![allow(unsafe_code)]

use crate::Signal;
use crate::residence::Mapping;
use nix::libc::{self, c_char, c_int, c_void};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal as Named, sigaction};
use rustix::process::Pid;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
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

/// Takes the pages of a mapping out of this process. They must be as they are in their file.
pub(crate) fn forget_pages(mapping: Mapping) -> io::Result<()> {
    let length = mapping.end.saturating_sub(mapping.start);
    // SAFETY: the caller has seen that no page of it was ever written to, and it cannot be written to:
    // what is read there afterwards is what the file holds, as before. An unmapped range is an error.
    check(unsafe { libc::madvise(mapping.start as *mut c_void, length, libc::MADV_DONTNEED) })
}

/// Gives the free end of the heap back to the kernel, where the C library knows how to.
pub(crate) fn trim_heap() {
    // SAFETY: touches only what is free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Where on the way to the new program something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before there was a child.
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

/// A program with everything that it needs, made before there is a child, because the child may not
/// allocate.
pub(crate) struct Image {
    /// Paths to try, in this order.
    pub(crate) candidates: Vec<CString>,
    /// Arguments, the program's name first.
    pub(crate) argv: Vec<CString>,
    /// `NAME=value`, all of them.
    pub(crate) env: Vec<CString>,
    /// Which of `env` is `LISTEN_PID` and shall name the child, which only the child can know.
    pub(crate) listen_pid: Option<usize>,
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
    /// Standard streams, each on a descriptor above them; none is ours, untouched.
    pub(crate) stdio: [Option<OwnedFd>; 3],
}

/// Arrays of pointers as `execve` wants them, into strings that live as long as they do.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// What the child finds, on the stack of the parent that waits for it.
struct Birth<'a> {
    image: &'a Image,
    parent: nix::unistd::Pid,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// Left by a child that could not become the program.
    failed: Option<Refused>,
}

/// The stack of the child until it executes the program: a few frames of system calls.
#[repr(C, align(16))]
struct Stack([u8; 32 * 1024]);

impl Image {
    /// Makes a child, prepares it, and executes the first candidate that can be executed. Returns
    /// when the program runs, or when the reason is known why it does not.
    ///
    /// As `posix_spawn` does it: the child borrows our memory, and we are held until it executes or
    /// ends. Nothing of a large process is copied, and what failed is found where it left it.
    pub(crate) fn spawn(self) -> Result<Pid, Refused> {
        let in_fork = |error: io::Error| Refused { stage: Stage::Fork, error, candidate: 0 };
        let mut birth = Birth {
            image: &self,
            parent: nix::unistd::getpid(),
            argv: pointers(&self.argv),
            env: pointers(&self.env),
            failed: None,
        };
        let mut stack = Box::<Stack>::new_uninit();
        // A handler that ran in the child would run in our memory.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(|error| in_fork(error.into()))?;
        // SAFETY: the stack grows down from the end of memory that is ours and that nobody else uses;
        // it and `birth` live until the call returns, which is when the child has executed or ended
        // (CLONE_VFORK). `enter` makes only system calls, on memory that was prepared before: it
        // neither allocates nor takes a lock, which another thread might hold.
        let pid = unsafe {
            let top = stack.as_mut_ptr().add(1).cast();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            libc::clone(enter, top, flags, (&raw mut birth).cast())
        };
        let error = io::Error::last_os_error();
        let restored = before.thread_set_mask();
        let Some(pid) = Pid::from_raw(pid).filter(|_| pid > 0) else { return Err(in_fork(error)) };
        if let Some(refused) = birth.failed {
            // It has ended by itself, and its ending is nobody else's business.
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            return Err(refused);
        }
        restored.map(|()| pid).map_err(|error| in_fork(error.into()))
    }

    /// In the child. Returns only when something failed.
    fn enter(&self, parent: nix::unistd::Pid, argv: &[*const c_char], env: &mut [*const c_char]) -> Refused {
        let refused = |stage, errno: c_int, candidate| {
            let error = io::Error::from_raw_os_error(errno);
            Refused { stage, error, candidate }
        };
        if let Err(error) = self.settle(parent) {
            return refused(Stage::Setting, error as c_int, 0);
        }
        if let Some(directory) = &self.directory {
            // SAFETY: a C string that lives in `self`.
            if unsafe { libc::chdir(directory.as_ptr()) } < 0 {
                return refused(Stage::Directory, nix::errno::Errno::last_raw(), 0);
            }
        }
        let mut own = LISTEN_PID;
        if let Some(slot) = self.listen_pid.and_then(|index| env.get_mut(index)) {
            // `own` outlives the calls below that read it.
            *slot = listen_pid(&mut own, nix::unistd::getpid().as_raw()).as_ptr().cast();
        }
        let (mut error, mut about) = (libc::ENOENT, 0);
        for (index, path) in self.candidates.iter().enumerate() {
            // SAFETY: all three are null-terminated and live in `self` and its neighbours; on success
            // the call does not return.
            unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
            match nix::errno::Errno::last_raw() {
                // The next directory may have it. A missing interpreter is ENOENT too: which it was is
                // found out by the parent.
                libc::ENOENT | libc::ENOTDIR | libc::ENODEV | libc::ESTALE => {}
                libc::EACCES => (error, about) = (libc::EACCES, index),
                other => return refused(Stage::Exec, other, index),
            }
        }
        refused(Stage::Exec, error, about)
    }

    /// Everything that the new program inherits, but for its directory.
    fn settle(&self, parent: nix::unistd::Pid) -> nix::Result<()> {
        use nix::errno::Errno;
        use nix::unistd::{Pid as NixPid, getpid, getppid, setpgid, tcsetpgrp};
        // Every signal is blocked until the mask is put back: taking the foreground from the background
        // raises SIGTTOU, and a signal to the group must not end the child before it is one.
        for (descriptor, stream) in (0..).zip(&self.stdio) {
            if let Some(fd) = stream {
                // SAFETY: integers; the source is above the standard streams, so that none is lost.
                if unsafe { libc::dup2(fd.as_raw_fd(), descriptor) } < 0 {
                    return Err(Errno::last());
                }
            }
        }
        // The runtime of Rust ignores it for itself, and an ignored signal stays ignored.
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler of ours is installed; the table of the child is its own.
        unsafe { sigaction(Named::SIGPIPE, &default)? };
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

/// The first thing that a child does, and the last when it cannot become the program.
extern "C" fn enter(birth: *mut c_void) -> c_int {
    // SAFETY: the parent's, who is held until we have executed or ended.
    let birth = unsafe { &mut *birth.cast::<Birth<'_>>() };
    birth.failed = Some(birth.image.enter(birth.parent, &birth.argv, &mut birth.env));
    // SAFETY: ends this process at once; nothing of the parent's is run.
    unsafe { libc::_exit(127) }
}

/// Room for `LISTEN_PID=`, ten digits, and the zero that ends it.
const LISTEN_PID: [u8; 22] = *b"LISTEN_PID=\0\0\0\0\0\0\0\0\0\0\0";

/// Writes the number behind the name; without allocating, as everything between fork and exec.
fn listen_pid(text: &mut [u8; 22], pid: c_int) -> &[u8; 22] {
    let (mut rest, mut digits, mut count) = (pid.unsigned_abs(), [0; 10], 0);
    while rest > 0 || count == 0 {
        digits[count] = b'0' + (rest % 10) as u8;
        (rest, count) = (rest / 10, count + 1);
    }
    for (place, digit) in text[11..].iter_mut().zip(digits[..count].iter().rev()) {
        *place = *digit;
    }
    text
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
    fn the_childs_own_id_is_written_without_allocating() {
        for (pid, text) in [(1, "LISTEN_PID=1"), (4_194_304, "LISTEN_PID=4194304"), (i32::MAX, "LISTEN_PID=2147483647")]
        {
            let mut room = LISTEN_PID;
            let written = std::ffi::CStr::from_bytes_until_nul(listen_pid(&mut room, pid)).unwrap();
            assert_eq!(written.to_str(), Ok(text));
        }
    }
}
