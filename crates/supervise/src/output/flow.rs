//! What is on its way to one target.
//!
//! What it is for: the order of bytes at the target, and where in them own lines may stand. What it
//! must never do: change, drop or reorder a byte of a child while the target takes it. Where to start
//! reading: [`Flow::take`] (in) and [`Flow::advance`] (out).

use super::source::{Aside, Live};
use super::target::{Kind, Target};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, ioctl_fionread, read};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice, tee};
use rustix::termios::isatty;
use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Read at once when bytes are copied.
const BUFFER: usize = 64 * 1024;
/// What is read at once when little is there.
const SMALL_BUFFER: usize = 4 * 1024;
/// From this amount on, moving pages is cheaper than copying them.
const WORTH_SPLICING: u64 = 16 * 1024;
/// There is so much in the pipe that the child waits for us, or soon will.
const FULL: u64 = 48 * 1024;
/// While the child waits, looking may take one part in so many of the time.
const LOOK_SHARE: u32 = 16;
/// Looking that is always allowed, so that a burst is looked at whole.
const LOOK_FREELY: Duration = Duration::from_millis(5);
/// The size of the sideline, so that it holds a whole tail. Without permission it stays smaller.
const ASIDE: usize = 1024 * 1024;

/// How far the queue came.
pub(super) enum Moved {
    /// Everything is written.
    All,
    /// The target takes nothing now.
    Blocked,
    /// Nobody reads any more.
    Broken,
}

/// A piece on its way.
enum Piece {
    /// This part of the buffer, from a child.
    Copied(Range<usize>),
    /// This many bytes that are still in the child's pipe.
    Spliced(usize),
    /// Lines of ours.
    Own(Own),
}

/// Lines of ours, to be written at once.
struct Own {
    /// What is left to be written.
    bytes: Vec<u8>,
    /// How many bytes were said, for the account of what waits.
    said: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    InLine,
    /// Bytes have passed that nobody has looked at yet.
    Unknown,
}

pub(super) struct Flow {
    target: Target,
    splices: bool,
    broken: bool,
    buffer: Vec<u8>,
    /// The source that the queue is of, and how much of the buffer is its.
    source: u64,
    filled: usize,
    queue: VecDeque<Piece>,
    /// Since when the child waits for us, and how much of that time was spent looking.
    waits_since: Option<Instant>,
    looking: Duration,
    /// Where skipped bytes go.
    waste: Option<OwnedFd>,
    at: At,
    voice: VecDeque<Own>,
    /// Own bytes that are done with, and those of them that nobody will see.
    done: usize,
    dropped: usize,
}

impl Flow {
    pub(super) fn new(target: Target) -> Flow {
        // Sockets and terminals are written without waiting, which a splice cannot be told.
        let splices = target.kind != Kind::Socket && !isatty(&target);
        Flow {
            target,
            splices,
            broken: false,
            buffer: Vec::new(),
            source: 0,
            filled: 0,
            queue: VecDeque::new(),
            waits_since: None,
            looking: Duration::ZERO,
            waste: None,
            at: At::LineStart,
            voice: VecDeque::new(),
            done: 0,
            dropped: 0,
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn broken(&self) -> bool {
        self.broken
    }

    /// Whether something waits for the target.
    pub(super) fn busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether no own line waits.
    pub(super) fn silent(&self) -> bool {
        self.voice.is_empty() && !self.queue.iter().any(|piece| matches!(piece, Piece::Own(_)))
    }

    /// Own bytes that no longer wait, and how many of them were dropped, since the last call.
    pub(super) fn spoken(&mut self) -> (usize, usize) {
        (std::mem::take(&mut self.done), std::mem::take(&mut self.dropped))
    }

    fn drop_own(&mut self, said: usize) {
        self.done += said;
        self.dropped += said;
    }

    pub(super) fn say(&mut self, pieces: Vec<Vec<u8>>) {
        if self.broken {
            self.drop_own(pieces.iter().map(Vec::len).sum());
        } else {
            self.voice.extend(pieces.into_iter().map(|bytes| Own { said: bytes.len(), bytes }));
        }
    }

    /// Queues own lines when nothing else is on its way and a line has just ended.
    fn speak(&mut self) {
        if self.queue.is_empty() && self.at == At::LineStart {
            self.queue.extend(self.voice.drain(..).map(Piece::Own));
        }
    }

    /// Ends the child's line that has no end, when own lines wait for it and cannot wait any more.
    pub(super) fn end_line(&mut self) {
        if self.queue.is_empty()
            && self.at != At::LineStart
            && let Some(first) = self.voice.front_mut()
        {
            if self.at == At::InLine {
                first.bytes.insert(0, b'\n');
            }
            self.at = At::LineStart;
        }
    }

    /// Nothing will be written any more.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
        let queued =
            self.queue.drain(..).filter_map(|piece| if let Piece::Own(own) = piece { Some(own) } else { None });
        let said = queued.chain(self.voice.drain(..)).map(|own| own.said).sum();
        self.drop_own(said);
    }

    /// Takes what a child has written. True when its pipe has ended.
    pub(super) fn take(&mut self, live: &mut Live) -> bool {
        let there = ioctl_fionread(&live.pipe).unwrap_or(0);
        if there < FULL {
            self.waits_since = None;
        } else if self.waits_since.is_none() {
            (self.waits_since, self.looking) = (Some(Instant::now()), Duration::ZERO);
        }
        if there >= WORTH_SPLICING && self.splices && self.voice.is_empty() && self.splice(live, there as usize) {
            return false;
        }
        self.copy(live, there as usize)
    }

    /// Sets a second reference to the bytes aside, and queues them to be spliced. False when that is
    /// not possible.
    fn splice(&mut self, live: &mut Live, there: usize) -> bool {
        if live.watching() || !self.looks_too_much() {
            self.look_aside(live);
        }
        if live.aside.is_none() {
            let Ok((read, write)) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK) else { return false };
            // A smaller sideline keeps a shorter tail of very fast output.
            let _ = fcntl_setpipe_size(&write, ASIDE);
            live.aside = Some(Aside { read, write, held: 0 });
        }
        loop {
            let Some(aside) = &mut live.aside else { return false };
            match tee(&live.pipe, &aside.write, there, SpliceFlags::NONBLOCK) {
                Ok(count) if count > 0 => {
                    aside.held += count;
                    self.source = live.id;
                    self.queue.push_back(Piece::Spliced(count));
                    return true;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if aside.held > 0 => self.throw_aside_away(live),
                _ => return false,
            }
        }
    }

    /// Whether looking holds the child up more than it may.
    fn looks_too_much(&self) -> bool {
        self.looking > LOOK_FREELY && self.waits_since.is_some_and(|since| self.looking * LOOK_SHARE > since.elapsed())
    }

    fn copy(&mut self, live: &mut Live, there: usize) -> bool {
        // What was passed on before is looked at before.
        self.look_aside(live);
        // Most programs never fill it: it grows with what they write.
        let size = there.clamp(SMALL_BUFFER, BUFFER).max(self.buffer.len());
        self.buffer.resize(size, 0);
        match read(&live.pipe, &mut self.buffer[..]) {
            Ok(0) => true,
            Ok(count) => {
                self.filled = count;
                self.source = live.id;
                self.cut_for_voice(count);
                false
            }
            Err(Errno::INTR | Errno::AGAIN) => false,
            Err(_) => true,
        }
    }

    /// Queues the buffer, with the own lines that wait after the first line end in it.
    fn cut_for_voice(&mut self, count: usize) {
        let end = memchr::memchr(b'\n', &self.buffer[..count]).filter(|_| !self.voice.is_empty());
        let first = end.map_or(count, |at| at + 1);
        self.queue.push_back(Piece::Copied(0..first));
        if end.is_some() {
            self.queue.extend(self.voice.drain(..).map(Piece::Own));
        }
        if first < count {
            self.queue.push_back(Piece::Copied(first..count));
        }
    }

    /// Writes as much as the target takes, with own lines where they may stand; then looks at what was
    /// written.
    pub(super) fn advance(&mut self, sources: &mut [Live]) -> Moved {
        if self.broken {
            return Moved::Broken;
        }
        loop {
            // Also after a piece: own lines may have come while it was on its way.
            self.speak();
            let Some(piece) = self.queue.front_mut() else { return Moved::All };
            let live = sources.iter_mut().find(|live| live.id == self.source);
            let result = match (piece, live) {
                (Piece::Copied(range), _) => self.target.write(&self.buffer[range.clone()]),
                (Piece::Own(own), _) => self.target.write(&own.bytes),
                (Piece::Spliced(left), Some(live)) => {
                    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
                    splice(&live.pipe, None, &self.target, None, *left, flags)
                }
                // Cannot be: a source leaves only when nothing of it is on its way.
                (Piece::Spliced(_), None) => Ok(0),
            };
            match result {
                Ok(count) => self.moved(count, sources),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Moved::Blocked,
                Err(Errno::PIPE | Errno::CONNRESET) => {
                    self.break_off();
                    return Moved::Broken;
                }
                Err(Errno::INVAL) if matches!(self.queue.front(), Some(Piece::Spliced(_))) => {
                    self.copy_instead(sources)
                }
                Err(_) => self.lose(sources),
            }
        }
    }

    /// This many bytes of the first piece are written.
    fn moved(&mut self, count: usize, sources: &mut [Live]) {
        let (all, last) = match self.queue.front_mut() {
            Some(Piece::Copied(range)) => {
                range.start += count;
                (range.start >= range.end, range.start.checked_sub(1).map(|at| self.buffer[at]))
            }
            Some(Piece::Own(own)) => {
                let last = own.bytes.get(count.saturating_sub(1)).copied();
                own.bytes.drain(..count);
                let all = own.bytes.is_empty();
                self.done += if all { own.said } else { 0 };
                (all, last)
            }
            Some(Piece::Spliced(left)) => {
                *left -= count.min(*left);
                // Nothing there although it was: somebody else has read the child's pipe.
                if count == 0 {
                    *left = 0;
                }
                (*left == 0, None)
            }
            None => return,
        };
        self.at = match last {
            Some(b'\n') => At::LineStart,
            Some(_) => At::InLine,
            None => At::Unknown,
        };
        if all {
            self.queue.pop_front();
        }
        if self.queue.is_empty() {
            self.look(sources);
        }
    }

    /// The round is written: looks at the buffer.
    fn look(&mut self, sources: &mut [Live]) {
        let filled = std::mem::take(&mut self.filled);
        if let Some(live) = sources.iter_mut().find(|live| live.id == self.source)
            && filled > 0
        {
            live.look(&self.buffer[..filled]);
        }
    }

    /// Looks at what was set aside.
    pub(super) fn look_aside(&mut self, live: &mut Live) {
        if !live.has_aside() {
            return;
        }
        let began = Instant::now();
        while let Some(aside) = live.aside.as_mut().filter(|aside| aside.held > 0) {
            self.buffer.resize(BUFFER, 0);
            match read(&aside.read, &mut self.buffer[..]) {
                Ok(count) if count > 0 => {
                    aside.held -= count.min(aside.held);
                    live.look(&self.buffer[..count]);
                    // Everything that was set aside is passed on: its last byte is the target's last.
                    if live.id == self.source {
                        self.at = if self.buffer[count - 1] == b'\n' { At::LineStart } else { At::InLine };
                    }
                }
                Err(Errno::INTR) => {}
                _ => {
                    let lost = std::mem::take(&mut aside.held);
                    live.skip(lost);
                }
            }
        }
        self.looking += began.elapsed();
    }

    /// Makes room: what was set aside longest is not looked at.
    fn throw_aside_away(&mut self, live: &mut Live) {
        let Some(aside) = &mut live.aside else { return };
        if self.waste.is_none() {
            self.waste = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).ok();
        }
        // Half of it, so that there is room for a while.
        let size = aside.held.div_ceil(2).max(BUFFER);
        let thrown = match &self.waste {
            Some(waste) => splice(&aside.read, None, waste, None, size, SpliceFlags::NONBLOCK),
            None => {
                self.buffer.resize(BUFFER, 0);
                read(&aside.read, &mut self.buffer[..])
            }
        };
        match thrown {
            Ok(count) if count > 0 => {
                aside.held -= count.min(aside.held);
                live.skip(count);
            }
            Err(Errno::INTR) => {}
            _ => {
                let lost = std::mem::take(&mut aside.held);
                live.skip(lost);
            }
        }
    }

    /// The target cannot be spliced to, as files opened for appending: from now on bytes are copied.
    fn copy_instead(&mut self, sources: &mut [Live]) {
        self.splices = false;
        self.queue.pop_front();
        let Some(live) = sources.iter_mut().find(|live| live.id == self.source) else { return };
        // They are still in the child's pipe, and will be looked at when they are copied.
        live.aside = None;
    }

    /// The target refuses the first piece, as a full disk does: it is lost, the next may not be.
    fn lose(&mut self, sources: &mut [Live]) {
        let live = sources.iter_mut().find(|live| live.id == self.source);
        match (self.queue.pop_front(), live) {
            (Some(Piece::Own(own)), _) => self.drop_own(own.said),
            (Some(Piece::Copied(range)), Some(live)) => live.lose(range.len()),
            // Taken out of the child's pipe, which would be full for ever otherwise. It was set aside.
            (Some(Piece::Spliced(left)), Some(live)) => {
                live.lose(left);
                let mut left = left;
                let mut waste = [0; 4096];
                while left > 0
                    && let Ok(count @ 1..) = read(&live.pipe, &mut waste[..left.min(4096)])
                {
                    left -= count;
                }
            }
            _ => {}
        }
        if self.queue.is_empty() {
            self.look(sources);
        }
    }
}
