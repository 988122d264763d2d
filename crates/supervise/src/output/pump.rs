//! One thread per target: takes what children write into their pipes, and writes it on.
//!
//! What it is for: passing output on byte for byte, at the speed of a pipe, while keeping a copy of
//! what the verdict may need. What it must never do: let looking hold up moving, let one target hold
//! up the supervisor, or wake up when nothing happens. Where to start reading: [`Worker::run`].
//!
//! Small amounts are read and written. Large ones are spliced: the kernel moves pages from pipe to
//! target, and `tee` puts a second reference to them into a pipe of our own, the sideline, from which
//! they are looked at afterwards. When the child writes faster than we can look, the oldest content
//! of the sideline is thrown away, unread, and counted as a gap; the newest stays for the tail.

use super::flow::{Flow, Moved};
use super::keep::Keep;
use super::source::{Ending, Live};
use super::target::{Kind, Target};
use super::voice::{MAX_WAITING, timespec};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{read, write};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Address space of the thread's stack; only what is touched becomes memory.
const STACK: usize = 128 * 1024;

/// How long a flush may take longer than its limit, when the thread itself is stuck in a write that
/// cannot be made to return (a file on a dead network mount).
const STUCK: Duration = Duration::from_millis(200);

/// What the thread is told to do.
pub(super) enum Command {
    /// Passes another pipe on.
    Add(Live),
    /// Tells when a pipe has ended, or that it has not by then.
    Finish { source: u64, deadline: Instant, reply: oneshot::Sender<Ending> },
    /// Writes own lines, each piece at once.
    Say(Vec<Vec<u8>>),
    /// Tells when everything said is written, or that it is not by then.
    Flush { deadline: Instant, reply: mpsc::Sender<bool> },
    /// Ends the thread.
    Stop,
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Control {
    commands: Mutex<Option<Vec<Command>>>,
    pending: AtomicBool,
    wake: OwnedFd,
    /// Bytes said and not written yet.
    waiting: AtomicUsize,
    dropped: AtomicU64,
    sources: AtomicU64,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

impl Control {
    /// Starts the thread for a target.
    pub(super) fn start(target: Target) -> io::Result<Arc<Control>> {
        let control = Arc::new(Control {
            commands: Mutex::new(Some(Vec::new())),
            pending: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            sources: AtomicU64::new(0),
        });
        let worker = Worker {
            control: control.clone(),
            flow: Flow::new(target),
            sources: Vec::new(),
            flushes: Vec::new(),
            stopping: false,
        };
        thread::Builder::new().name("tminus-output".to_owned()).stack_size(STACK).spawn(move || worker.run())?;
        Ok(control)
    }

    /// Hands a command over. False when the thread has ended.
    pub(super) fn send(&self, command: Command) -> bool {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(commands) = commands.as_mut() else { return false };
        commands.push(command);
        self.pending.store(true, Ordering::Release);
        // Cannot fail but by being full, and then it is readable already.
        let _ = write(&self.wake, &1u64.to_ne_bytes());
        true
    }

    pub(super) fn next_source(&self) -> u64 {
        self.sources.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn say(&self, pieces: Vec<Vec<u8>>) {
        let mut taken = Vec::new();
        for piece in pieces {
            if self.waiting.load(Ordering::Relaxed) + piece.len() > MAX_WAITING {
                self.drop_bytes(piece.len());
            } else {
                self.waiting.fetch_add(piece.len(), Ordering::Relaxed);
                taken.push(piece);
            }
        }
        let bytes = taken.iter().map(Vec::len).sum();
        if !taken.is_empty() && !self.send(Command::Say(taken)) {
            self.drop_bytes(bytes);
        }
    }

    pub(super) fn flush(&self, limit: Duration) -> bool {
        // What was counted is written or dropped: nobody has to be asked.
        if self.waiting.load(Ordering::Acquire) == 0 {
            return true;
        }
        let (reply, answer) = mpsc::channel();
        let deadline = Instant::now() + limit;
        self.send(Command::Flush { deadline, reply }) && answer.recv_timeout(limit + STUCK).unwrap_or(false)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn drop_bytes(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn take(&self) -> Vec<Command> {
        if !self.pending.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        // Emptied first: a command that comes now wakes us again.
        let _ = read(&self.wake, &mut [0u8; 8][..]);
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

struct Flush {
    deadline: Instant,
    reply: mpsc::Sender<bool>,
}

struct Worker {
    control: Arc<Control>,
    flow: Flow,
    sources: Vec<Live>,
    flushes: Vec<Flush>,
    stopping: bool,
}

impl Worker {
    fn run(mut self) {
        while !self.stopping {
            for command in self.control.take() {
                self.obey(command);
            }
            if !self.flushes.is_empty() {
                self.flow.end_line();
            }
            match self.flow.advance(&mut self.sources) {
                Moved::All => self.settle(false),
                Moved::Blocked => self.settle(true),
                Moved::Broken => self.give_up(),
            }
            if !self.stopping && !self.control.pending.load(Ordering::Acquire) {
                self.wait();
            }
        }
        // Nobody can be answered any more: whoever waits is told by the closed channel.
        *self.control.commands.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn obey(&mut self, command: Command) {
        match command {
            // Where nothing can be written any more, the child shall know: its pipe is closed.
            Command::Add(live) if self.flow.broken() => drop(live),
            Command::Add(live) => self.sources.push(live),
            Command::Finish { source, deadline, reply } => {
                match self.sources.iter_mut().find(|live| live.id == source) {
                    Some(live) => live.finishing = Some((deadline, reply)),
                    // Whoever asks may have gone.
                    None if self.flow.broken() => drop(reply.send(Ending::Broken)),
                    None => drop(reply.send(Ending::Closed)),
                }
            }
            Command::Say(pieces) => self.flow.say(pieces),
            Command::Flush { deadline, reply } => self.flushes.push(Flush { deadline, reply }),
            Command::Stop => self.stopping = true,
        }
    }

    /// Answers those who wait for an end. `blocked` says that the target takes nothing now.
    fn settle(&mut self, blocked: bool) {
        let (done, dropped) = self.flow.spoken();
        self.control.waiting.fetch_sub(done, Ordering::Release);
        self.control.drop_bytes(dropped);
        if self.flushes.is_empty() && self.sources.iter().all(|live| live.finishing.is_none()) {
            return;
        }
        let now = Instant::now();
        let silent = self.flow.silent();
        self.flushes.retain(|flush| {
            let settled = silent || now >= flush.deadline;
            if settled {
                // Whoever asked may have given up.
                let _ = flush.reply.send(silent);
            }
            !settled
        });
        for live in &mut self.sources {
            live.settle(now, blocked);
        }
    }

    /// The target is gone: children get what they would have got without us, a closed pipe.
    fn give_up(&mut self) {
        for live in self.sources.drain(..) {
            live.end(Ending::Broken);
        }
        self.settle(false);
    }

    fn wait(&mut self) {
        let ready = {
            let blocked = self.flow.busy();
            let mut fds = vec![PollFd::new(&self.control.wake, PollFlags::IN)];
            if blocked {
                fds.push(PollFd::new(self.flow.target(), PollFlags::OUT));
            } else {
                fds.extend(self.sources.iter().map(|live| PollFd::new(&live.pipe, PollFlags::IN)));
                // A pipe without readers says so, so that the child's next write fails as it should.
                if self.flow.target().kind == Kind::Pipe && !self.flow.broken() {
                    fds.push(PollFd::new(self.flow.target(), PollFlags::empty()));
                }
            }
            let timeout = self.timeout().map(timespec);
            match poll(&mut fds, timeout.as_ref()) {
                // A signal for this thread cannot be: try again.
                Err(_) => return,
                Ok(_) if blocked => return,
                Ok(_) => fds[1..].iter().map(PollFd::revents).collect::<Vec<_>>(),
            }
        };
        if ready.get(self.sources.len()).is_some_and(|flags| flags.contains(PollFlags::ERR)) {
            self.flow.break_off();
            return self.give_up();
        }
        let mut any = false;
        for at in (0..self.sources.len()).rev() {
            if ready[at].is_empty() {
                continue;
            }
            any = true;
            // One at a time: what it holds has to be written before the next is read.
            if self.flow.busy() {
                break;
            }
            if self.flow.take(&mut self.sources[at]) {
                self.sources.remove(at).end(Ending::Closed);
            }
        }
        if !any {
            // Nothing comes: time to look at what was set aside.
            for live in &mut self.sources {
                self.flow.look_aside(live);
            }
        }
    }

    /// How long nothing needs to happen: for ever, unless somebody waits for an end.
    fn timeout(&self) -> Option<Duration> {
        if !self.flow.busy() && self.sources.iter().any(Live::has_aside) {
            return Some(Duration::ZERO);
        }
        let ends = self.sources.iter().filter_map(|live| live.finishing.as_ref().map(|(deadline, _)| *deadline));
        let earliest = ends.chain(self.flushes.iter().map(|flush| flush.deadline)).min();
        earliest.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Locks what is kept; a gate that panicked has left it usable.
pub(super) fn lock(keep: &Mutex<Keep>) -> std::sync::MutexGuard<'_, Keep> {
    keep.lock().unwrap_or_else(PoisonError::into_inner)
}
