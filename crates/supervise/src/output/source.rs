//! One child's pipe into a pump, from both sides.
//!
//! What it is for: [`Source`] is what the caller holds (what was kept, whether it has ended), `Live`
//! is what the pump's thread holds. What it must never do: let a failing gate or predicate end the
//! thread. Where to start reading: [`Source`]; `Live::look`.

use super::keep::{Gate, Keep, Kept};
use super::lines::Lines;
use super::pump::{Command, Control, lock};
use rustix::io::ioctl_fionread;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What is still passed on after the limit of a finish, when more and more comes.
const MAX_AFTER: u64 = 1024 * 1024;

/// Says whether a line is the awaited one. Called with at most 8 KiB of it, without its line end.
pub type Predicate = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// What is to be looked at in an output.
#[derive(Default)]
pub struct Tap {
    /// Which lines between head and tail are kept; none when there is no gate.
    pub gate: Option<Gate>,
    /// The line to wait for. Until it has come, nothing is skipped, however fast the output is.
    pub watch: Option<Watch>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tap {{ gate: {}, watch: {} }}", self.gate.is_some(), self.watch.is_some())
    }
}

/// A line that is waited for, for example the one that says "ready".
pub struct Watch {
    predicate: Predicate,
    found: oneshot::Sender<Vec<u8>>,
}

/// The other end of a [`Watch`].
#[derive(Debug)]
pub struct FirstLine(oneshot::Receiver<Vec<u8>>);

impl Watch {
    /// Waits for the first line that the predicate accepts.
    pub fn new(predicate: Predicate) -> (Watch, FirstLine) {
        let (found, line) = oneshot::channel();
        (Watch { predicate, found }, FirstLine(line))
    }
}

impl FirstLine {
    /// The line, without its end, as soon as it has come; none when the output has ended without it.
    /// May be dropped and called again until it has answered once.
    pub async fn line(&mut self) -> Option<Vec<u8>> {
        (&mut self.0).await.ok()
    }
}

/// How an output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everybody who could write has closed it, and everything is passed on.
    Closed,
    /// Somebody still holds it, most likely a process that the child left behind.
    Held {
        /// Bytes that are in the pipe and not passed on, because the target does not take them.
        unread: u64,
    },
    /// The target was closed by its reader; the child was told as by any pipe.
    Broken,
}

/// One output of one child.
#[derive(Debug)]
pub struct Source {
    pub(super) control: Arc<Control>,
    pub(super) id: u64,
    pub(super) keep: Shared,
}

/// What is kept, shared between caller and thread.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<Keep>>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Source {
    /// What is kept at this moment.
    pub fn kept(&self) -> Kept {
        lock(&self.keep.0).kept()
    }

    /// Passes on what is there, then waits until the output ends, but not longer than this. To be
    /// called when the child has ended. Can be called again.
    pub async fn finish(&self, limit: Duration) -> Ending {
        let (reply, ending) = oneshot::channel();
        let deadline = Instant::now() + limit;
        if !self.control.send(Command::Finish { source: self.id, deadline, reply }) {
            return Ending::Broken;
        }
        ending.await.unwrap_or(Ending::Broken)
    }
}

/// Pages that were passed on and wait to be looked at.
pub(super) struct Aside {
    pub(super) read: OwnedFd,
    pub(super) write: OwnedFd,
    /// Bytes in it.
    pub(super) held: usize,
}

/// A pipe as the thread knows it.
pub(super) struct Live {
    pub(super) id: u64,
    pub(super) pipe: OwnedFd,
    pub(super) finishing: Option<(Instant, oneshot::Sender<Ending>)>,
    pub(super) aside: Option<Aside>,
    keep: Shared,
    watch: Option<Watch>,
    watched: Lines,
    offset: u64,
    /// What was passed on when the limit of a finish came.
    at_limit: Option<u64>,
}

impl Live {
    pub(super) fn new(id: u64, pipe: OwnedFd, keep: Shared, watch: Option<Watch>) -> Live {
        Live {
            id,
            pipe,
            finishing: None,
            aside: None,
            keep,
            watch,
            watched: Lines::default(),
            offset: 0,
            at_limit: None,
        }
    }

    pub(super) fn has_aside(&self) -> bool {
        self.aside.as_ref().is_some_and(|aside| aside.held > 0)
    }

    pub(super) fn watching(&self) -> bool {
        self.watch.is_some()
    }

    /// Looks at bytes that were passed on. A failure of the caller's functions ends the looking, and
    /// nothing else.
    pub(super) fn look(&mut self, bytes: &[u8]) {
        let Live { keep, watch, watched, offset, .. } = self;
        let looked = catch_unwind(AssertUnwindSafe(|| {
            lock(&keep.0).push(bytes);
            look_out(watch, |each| watched.push(*offset, bytes, each));
        }));
        if looked.is_err() {
            lock(&self.keep.0).give_up();
            self.watch = None;
        }
        self.offset += bytes.len() as u64;
    }

    /// Bytes were passed on that nobody will look at.
    pub(super) fn skip(&mut self, count: usize) {
        let keep = &self.keep;
        if catch_unwind(AssertUnwindSafe(|| lock(&keep.0).skip(count as u64))).is_err() {
            lock(&self.keep.0).give_up();
        }
        self.watched.interrupt();
        self.offset += count as u64;
    }

    /// Bytes could not be written.
    pub(super) fn lose(&mut self, count: usize) {
        lock(&self.keep.0).lose(count as u64);
    }

    /// Answers whoever waits for the end, when the limit has come and what is there is passed on.
    pub(super) fn settle(&mut self, now: Instant, blocked: bool) {
        let Some((deadline, _)) = &self.finishing else { return };
        if now < *deadline {
            return;
        }
        let unread = ioctl_fionread(&self.pipe).unwrap_or(0);
        let since = self.offset - *self.at_limit.get_or_insert(self.offset);
        if (unread == 0 || blocked || since > MAX_AFTER)
            && let Some((_, reply)) = self.finishing.take()
        {
            self.at_limit = None;
            // Whoever asked may have given up.
            let _ = reply.send(Ending::Held { unread });
        }
    }

    /// The pipe has ended.
    pub(super) fn end(mut self, ending: Ending) {
        let Live { watch, watched, .. } = &mut self;
        // A last line without an end is a line.
        let _ = catch_unwind(AssertUnwindSafe(|| look_out(watch, |each| watched.finish(each))));
        if let Some((_, reply)) = self.finishing.take() {
            let _ = reply.send(ending);
        }
    }
}

/// Runs `lines` over the predicate until it accepts one.
fn look_out(watch: &mut Option<Watch>, lines: impl FnOnce(&mut dyn FnMut(super::lines::Line<'_>))) {
    let Some(Watch { predicate, .. }) = watch else { return };
    let mut found = None;
    lines(&mut |line| {
        if found.is_none() && predicate(line.bytes) {
            found = Some(line.bytes.to_vec());
        }
    });
    if let Some(line) = found
        && let Some(watch) = watch.take()
    {
        // Nobody may wait for it any more.
        let _ = watch.found.send(line);
    }
}
