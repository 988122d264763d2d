//! The terminal and job control.
//!
//! What it is for: giving the foreground of our controlling terminal to the child, taking it back,
//! and stopping together with the child when a shell is there that can continue us. What it must
//! never do: read from the terminal, or change its modes. Where to start reading: [`is_ours`].

use nix::sys::signal::{SigSet, Signal as Named, kill};
use nix::unistd::{Pid, getpgrp, getpid, tcgetpgrp, tcsetpgrp};
use rustix::stdio::stdin;
use std::io;

/// Whether standard input is our controlling terminal and we are its foreground. Compared as numbers
/// of this PID namespace: a group of another one is 0 on both sides, and is ours all the same.
pub(crate) fn is_ours() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// Whether this group is the foreground of the terminal.
pub(crate) fn is_with(group: rustix::process::Pid) -> bool {
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground.as_raw() == group.as_raw_nonzero().get())
}

/// Makes our own group the foreground again. Our mask holds SIGTTOU back, so that this works from the
/// background too. A terminal that has gone away is no error: there is nothing to take back.
pub(crate) fn take_back() {
    let _ = tcsetpgrp(stdin(), getpgrp());
}

/// Makes this group the foreground.
pub(crate) fn hand_over(group: rustix::process::Pid) {
    let _ = tcsetpgrp(stdin(), Pid::from_raw(group.as_raw_nonzero().get()));
}

/// Stops this process as ctrl-Z would, and returns when somebody continued it. Returns at once where
/// nobody could: PID 1 and orphaned groups are not stopped by the kernel.
pub(crate) fn stop_here() -> io::Result<()> {
    let mut only = SigSet::empty();
    only.add(Named::SIGTSTP);
    kill(getpid(), Named::SIGTSTP)?;
    // It is delivered here, to its default disposition, before the call returns.
    only.thread_unblock()?;
    only.thread_block()?;
    Ok(())
}
