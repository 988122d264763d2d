//! The supervisor: one table of children, one loop that reaps, one place where signals arrive.
//!
//! What it is for: running as PID 1 or under any other init, starting children, and telling the
//! caller one [`Happening`] after the other. What it must never do: decide what a signal or an
//! ending means (the caller does), poll, or lose the ending of a child. Where to start reading:
//! [`Supervisor::new`], then [`Supervisor::next`].
//!
//! Children are started and reaped on the same thread, and nothing else in the process may wait for
//! "any child": so a process id in the table cannot be reused before its ending was taken here.

use crate::notify::{Notify, NotifySocket};
use crate::spawn::Given;
use crate::{Signal, SpawnError, Spec, Status, sys, terminal};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, WaitId, WaitIdOptions, WaitOptions, getpid, pidfd_open, set_child_subreaper, wait, waitid,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

/// Endings taken in one go before signals are looked at again: thousands of orphans must not delay
/// one TERM.
const REAPED_AT_ONCE: usize = 64;
/// Datagrams taken before endings are: more than a socket's queue holds as kernels are set
/// (`net.unix.max_dgram_qlen`), and not so many that whoever floods it hides an ending.
const HEARD_BEFORE: usize = 1024;

/// `si_code` of signals that the kernel itself sends.
const SI_KERNEL: i32 = 0x80;

/// A child of this supervisor. Never used twice, other than a process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(u32);

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its process id; 0 when it is outside our PID namespace.
    pub pid: u32,
    /// Its real user id.
    pub uid: u32,
}

/// What has happened.
#[derive(Debug)]
pub enum Happening {
    /// A signal for this process. Signals that it caused itself, by writing to a closed pipe, are
    /// not told.
    Signal {
        /// Which one.
        signal: Signal,
        /// Who sent it; none for the kernel, as with ctrl-C.
        sender: Option<Sender>,
    },
    /// A child has ended. Told once per child, before anything else is known of it being gone.
    Exited {
        /// Which one.
        child: ChildId,
        /// How.
        status: Status,
    },
    /// A child was stopped, as by ctrl-Z.
    Stopped {
        /// Which one.
        child: ChildId,
        /// By what.
        signal: Signal,
    },
    /// A stopped child runs again.
    Continued {
        /// Which one.
        child: ChildId,
    },
    /// A process that we did not start, and that was left to us, has ended and was reaped.
    OrphanReaped {
        /// Its former process id.
        pid: u32,
        /// How it ended.
        status: Status,
    },
    /// A message came over the notification socket.
    Notified(Notify),
}

/// In which position this process reaps.
#[derive(Debug)]
pub enum Role {
    /// PID 1 of its namespace: every orphan comes here.
    Pid1,
    /// Sub-reaper: orphans of our own descendants come here.
    Subreaper,
    /// Neither, because the kernel refused: orphans go to the init above us, which has to reap them.
    /// Worth a warning, never a failure.
    Plain(io::Error),
}

/// A signal or a group that has nobody to receive it any more.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The child has ended, and its ending was told.
    #[error("the child has ended already")]
    Gone,
    /// The system refused.
    #[error("cannot send {signal} to process {pid}")]
    Refused {
        /// What was sent.
        signal: Signal,
        /// The process.
        pid: u32,
        /// The error of the system.
        source: io::Error,
    },
}

struct Child {
    id: ChildId,
    pid: Pid,
    own_group: bool,
    /// Whether it is to have the terminal when that is ours to give.
    terminal: bool,
    /// None on kernels without pidfds; `kill` is as exact there, because only we reap.
    pidfd: Option<OwnedFd>,
}

/// Starts children, takes their endings, and receives the signals of this process.
pub struct Supervisor {
    signals: Watched<SignalFd>,
    given: Given,
    role: Role,
    /// Those that have not ended; few, so a list.
    children: Vec<Child>,
    /// Groups whose leader has ended while others were in it.
    leaderless: BTreeMap<ChildId, Pid>,
    /// The group that has our terminal.
    foreground: Option<Pid>,
    last_id: u32,
    reap_due: bool,
    notify: Option<Watched<NotifySocket>>,
    queue: VecDeque<Happening>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("role", &self.role).field("children", &self.children.len()).finish()
    }
}

impl Supervisor {
    /// Holds every signal back that can be held back, to read them one by one, and becomes the
    /// reaper of orphans.
    ///
    /// To be called once, first in the process, before any thread: threads inherit the mask. Needs no
    /// runtime; [`next`](Self::next) does. Fails only when the system has no descriptor left.
    pub fn new() -> io::Result<Supervisor> {
        let all = SigSet::all();
        let mask = all.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let sigchld_ignored = sys::default_sigchld()?;
        let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let role = if getpid() == Pid::INIT {
            Role::Pid1
        } else {
            set_child_subreaper(Some(getpid())).map_or_else(|error| Role::Plain(error.into()), |()| Role::Subreaper)
        };
        Ok(Supervisor {
            signals: Watched::new(signals),
            given: Given { mask, sigchld_ignored },
            role,
            children: Vec::new(),
            leaderless: BTreeMap::new(),
            foreground: None,
            last_id: 0,
            // Whoever executed us may have left children behind.
            reap_due: true,
            notify: None,
            queue: VecDeque::new(),
        })
    }

    /// As what this process reaps.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Listens for messages of children. One socket for all of them; a second one replaces the first.
    pub fn listen(&mut self, socket: NotifySocket) {
        self.notify = Some(Watched::new(socket));
    }

    /// Starts a child. When it returns, the program runs, or the error says why not.
    pub fn spawn(&mut self, spec: Spec) -> Result<ChildId, SpawnError> {
        let own_group = spec.own_group;
        let terminal = spec.wants_terminal();
        let foreground = terminal && terminal::is_ours();
        let spawned = spec.spawn(self.given, foreground);
        if foreground {
            match &spawned {
                Ok(pid) => self.foreground = Some(*pid),
                // The process that took it is gone.
                Err(_) => terminal::take_back(),
            }
        }
        let pid = spawned?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
        self.last_id += 1;
        let id = ChildId(self.last_id);
        self.children.push(Child { id, pid, own_group, terminal, pidfd });
        Ok(id)
    }

    /// The process id of a child that has not ended.
    pub fn pid(&self, child: ChildId) -> Option<u32> {
        self.find(child).map(|entry| number(entry.pid))
    }

    /// Sends a signal to the child itself, never to its group: servers with workers pass signals on by
    /// themselves, and the second INT of one ctrl-C makes some of them give up their grace.
    pub fn signal(&self, child: ChildId, signal: Signal) -> Result<(), SignalError> {
        let entry = self.find(child).ok_or(SignalError::Gone)?;
        let pid = entry.pid;
        let by_pidfd = entry.pidfd.as_ref().map(|pidfd| sys::pidfd_kill(pidfd, signal));
        let sent = match by_pidfd {
            Some(Err(error)) if error.raw_os_error() == Some(Errno::NOSYS.raw_os_error()) => sys::kill(pid, signal),
            None => sys::kill(pid, signal),
            Some(sent) => sent,
        };
        sent.map_err(|source| SignalError::Refused { signal, pid: number(pid), source })
    }

    /// Kills the child and every process of its group, also after the child itself has ended. Returns
    /// whether there was anybody. For a child without a group of its own only the child is killed.
    pub fn kill_group(&mut self, child: ChildId) -> Result<bool, SignalError> {
        let found = self.find(child).map(|entry| (entry.pid, entry.own_group));
        match found {
            Some((_, false)) => return self.signal(child, Signal::KILL).map(|()| true),
            Some((pid, true)) => return kill_all(pid),
            None => {}
        }
        let Some(group) = self.leaderless.get(&child).copied() else { return Ok(false) };
        // As reapers we have adopted what was left of the group. When no child of ours is in a group of
        // this number, the number may belong to somebody else by now.
        let adopted = matches!(self.role, Role::Plain(_)) || has_children(group);
        if !adopted {
            self.leaderless.remove(&child);
            return Ok(false);
        }
        kill_all(group)
    }

    /// Stops together with a child that was stopped by TSTP, TTIN or TTOU, so that the shell above us
    /// sees its job stop; returns when we are continued. A child that is to have the terminal is then
    /// continued with it, if the terminal is ours: after `fg`, and also at once where no shell could
    /// ever continue us, as in a container with a terminal, or when the shell was faster. Any other child stays stopped until the
    /// CONT that continues us is passed on to it.
    pub fn suspend_with(&mut self, child: ChildId) -> Result<(), SignalError> {
        let entry = self.find(child).ok_or(SignalError::Gone)?;
        let (pid, terminal) = (entry.pid, entry.terminal);
        // Stopped for want of a terminal that is ours by now: there is nothing to wait for.
        let wanted_it = terminal && terminal::is_ours();
        if !wanted_it {
            if self.foreground == Some(pid) && terminal::is_with(pid) {
                terminal::take_back();
            }
            let refused = |source| SignalError::Refused { signal: Signal::TSTP, pid: number(getpid()), source };
            terminal::stop_here().map_err(refused)?;
        }
        if terminal && self.hand_over(pid) {
            let refused = |source| SignalError::Refused { signal: Signal::CONT, pid: number(pid), source };
            sys::kill_group(pid, Signal::CONT).map_err(refused)?;
        }
        Ok(())
    }

    /// Gives a child the terminal, when it is ours.
    fn hand_over(&mut self, pid: Pid) -> bool {
        let ours = terminal::is_ours();
        if ours {
            terminal::hand_over(pid);
            self.foreground = Some(pid);
        }
        ours
    }

    /// The next thing that happens. May be dropped and called again without losing anything. Must be
    /// awaited inside a tokio runtime with its IO driver, on the thread that called
    /// [`new`](Self::new).
    ///
    /// An error means that the kernel refused to tell: no more happenings can be expected.
    pub async fn next(&mut self) -> io::Result<Happening> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Happening>> {
        loop {
            if let Some(happening) = self.queue.pop_front() {
                return Poll::Ready(Ok(happening));
            }
            while let Poll::Ready(info) = self.signals.poll_read(context, |fd| Ok(fd.read_signal()?))? {
                self.received(&info);
            }
            if self.reap_due {
                self.hear_first();
                self.reap()?;
            }
            let heard = self.queue.is_empty() && self.hear(context);
            if self.queue.is_empty() && !self.reap_due && !heard {
                return Poll::Pending;
            }
        }
    }

    /// What a child said before it ended counts, and comes before its ending: one that says READY and
    /// fails at once was ready.
    fn hear_first(&mut self) {
        let Some(socket) = &self.notify else { return };
        let children = self.pids();
        for _ in 0..HEARD_BEFORE {
            // Read, not polled: the runtime may not have looked at the socket yet. What is broken is
            // found out by whoever polls it.
            let Ok(Some(message)) = socket.inner.receive(&children) else { return };
            self.queue.extend(message.map(Happening::Notified));
        }
    }

    fn pids(&self) -> Vec<u32> {
        self.children.iter().map(|entry| number(entry.pid)).collect()
    }

    /// Takes one datagram, and says whether there was one.
    fn hear(&mut self, context: &mut Context<'_>) -> bool {
        let children = self.pids();
        let Some(socket) = &mut self.notify else { return false };
        match socket.poll_read(context, |fd| fd.receive(&children)) {
            Ok(Poll::Ready(message)) => {
                self.queue.extend(message.map(Happening::Notified));
                true
            }
            Ok(Poll::Pending) => false,
            // A socket that is broken must not end the supervision: nothing is heard from it any more.
            Err(_) => {
                self.notify = None;
                false
            }
        }
    }

    fn received(&mut self, info: &nix::libc::signalfd_siginfo) {
        let Some(signal) = Signal::new(info.ssi_signo as i32) else { return };
        if signal == Signal::CHLD {
            self.reap_due = true;
            return;
        }
        let by_kernel = info.ssi_code == SI_KERNEL;
        // Writing to a closed pipe or past a limit raises a signal in whoever writes: ours are no
        // business of the child.
        let own = info.ssi_pid == number(getpid());
        if own && (signal == Signal::PIPE || signal == Signal::XFSZ) {
            return;
        }
        // A shell has put us into the foreground, with `fg`.
        if signal == Signal::CONT
            && let Some(pid) = self.children.iter().find(|child| child.terminal).map(|child| child.pid)
        {
            self.hand_over(pid);
        }
        let sender = (!by_kernel).then_some(Sender { pid: info.ssi_pid, uid: info.ssi_uid });
        self.queue.push_back(Happening::Signal { signal, sender });
    }

    /// Takes a bounded number of endings; `reap_due` stays set when there may be more.
    fn reap(&mut self) -> io::Result<()> {
        for _ in 0..REAPED_AT_ONCE {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED) {
                Ok(Some((pid, status))) => self.changed(pid, status),
                Ok(None) | Err(Errno::CHILD) => {
                    self.reap_due = false;
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn changed(&mut self, pid: Pid, status: rustix::process::WaitStatus) {
        let at = self.children.iter().position(|child| child.pid == pid);
        let child = at.map(|at| self.children[at].id);
        if let Some(signal) = status.stopping_signal() {
            if let (Some(child), Some(signal)) = (child, Signal::new(signal)) {
                self.queue.push_back(Happening::Stopped { child, signal });
            }
            return;
        }
        if status.continued() {
            self.queue.extend(child.map(|child| Happening::Continued { child }));
            return;
        }
        let status = Status::from_raw(status.as_raw());
        match at.map(|at| self.children.swap_remove(at)) {
            Some(child) => {
                self.ended(&child);
                self.queue.push_back(Happening::Exited { child: child.id, status });
            }
            None => self.queue.push_back(Happening::OrphanReaped { pid: number(pid), status }),
        }
    }

    fn ended(&mut self, child: &Child) {
        let pid = child.pid;
        if child.own_group && rustix::process::test_kill_process_group(pid) != Err(Errno::SRCH) {
            self.leaderless.insert(child.id, pid);
        }
        if self.foreground == Some(pid) {
            self.foreground = None;
            if terminal::is_with(pid) {
                terminal::take_back();
            }
        }
    }

    fn find(&self, child: ChildId) -> Option<&Child> {
        self.children.iter().find(|entry| entry.id == child)
    }
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

fn kill_all(group: Pid) -> Result<bool, SignalError> {
    match sys::kill_group(group, Signal::KILL) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(false),
        Err(source) => Err(SignalError::Refused { signal: Signal::KILL, pid: number(group), source }),
    }
}

/// Whether a child of ours, born or adopted, is in this group. Takes no ending.
fn has_children(group: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pgid(Some(group)), look), Err(Errno::CHILD))
}

/// A descriptor that is registered with the runtime when it is first waited for, so that it can be
/// opened before there is a runtime.
struct Watched<T> {
    inner: T,
    /// A second descriptor of the same thing, which the runtime keeps.
    registered: Option<AsyncFd<OwnedFd>>,
}

impl<T: AsFd> Watched<T> {
    fn new(inner: T) -> Watched<T> {
        Watched { inner, registered: None }
    }

    /// Calls `read` until it has something, or until it has nothing and the task will be woken.
    fn poll_read<R>(
        &mut self,
        context: &mut Context<'_>,
        mut read: impl FnMut(&T) -> io::Result<Option<R>>,
    ) -> io::Result<Poll<R>> {
        let registered = match &mut self.registered {
            Some(registered) => registered,
            none => none.insert(sys::watch(self.inner.as_fd().try_clone_to_owned()?)?),
        };
        loop {
            let Poll::Ready(guard) = registered.poll_read_ready(context) else { return Ok(Poll::Pending) };
            let mut guard = guard?;
            match read(&self.inner)? {
                Some(found) => return Ok(Poll::Ready(found)),
                None => guard.clear_ready(),
            }
        }
    }
}
