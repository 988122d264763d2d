//! Lines that a container runtime cut: joined again before anyone reads them.
//!
//! The kubelet marks each piece of a long line `P` and its last one `F`; Docker's json-file driver
//! writes pieces without a line break. Pieces of different streams interleave.

use crate::emit::{Draft, Emitter};
use std::borrow::Cow;

/// Text of one joined line beyond which it is handed on as it is.
const MAX_JOINED: usize = 1 << 20;
/// Streams with an open line at the same time.
const MAX_OPEN: usize = 64;
/// Docker cuts at this size.
const DOCKER_PIECE: usize = 16 * 1024;
/// Longer than a line takes to write, shorter than a restart.
const MAX_PAUSE_NS: i128 = 1_000_000_000;

/// Rows without a line break after which a file is taken to use none.
const MAX_UNDECIDED: usize = 32;

/// Lines of which the end has not been seen.
#[derive(Default)]
pub(crate) struct Joiner {
    open: Vec<(Draft, String)>,
}

impl Joiner {
    /// Takes one piece of a line; emits the line when `last` or when it grows too long.
    pub(crate) fn piece(&mut self, draft: Draft, text: Cow<'_, str>, last: bool, out: &mut Emitter<'_>) {
        let Some(at) = self.find(&draft) else {
            if last {
                return line(draft, text, out);
            }
            if self.open.len() == MAX_OPEN {
                let (draft, text) = self.open.remove(0);
                line(draft, Cow::Owned(text), out);
            }
            return self.open.push((draft, text.into_owned()));
        };
        self.open[at].1.push_str(&text);
        if last || self.open[at].1.len() > MAX_JOINED {
            self.end(at, out);
        }
    }

    /// The open line that `draft` would continue.
    fn find(&self, draft: &Draft) -> Option<usize> {
        let same = |(open, _): &(Draft, String)| {
            open.record.stream == draft.record.stream && open.record.origin == draft.record.origin
        };
        self.open.iter().position(same)
    }

    fn end(&mut self, at: usize, out: &mut Emitter<'_>) {
        let (draft, text) = self.open.remove(at);
        line(draft, Cow::Owned(text), out);
    }

    /// Emits what is open: the input has ended.
    pub(crate) fn flush(&mut self, out: &mut Emitter<'_>) {
        for (draft, text) in self.open.drain(..) {
            line(draft, Cow::Owned(text), out);
        }
    }
}

/// Rows of Docker's json-file driver.
#[derive(Default)]
pub(crate) struct Docker {
    joiner: Joiner,
    /// Whether rows of this input end with a line break where their line ends; tools that rewrote
    /// the file may have dropped all of them.
    breaks: Option<bool>,
    undecided: Vec<(Draft, String)>,
}

impl Docker {
    /// Takes one row.
    pub(crate) fn row(&mut self, draft: Draft, text: Cow<'_, str>, out: &mut Emitter<'_>) {
        match self.breaks {
            Some(true) => self.piece(draft, text, out),
            Some(false) => line(draft, text, out),
            None if text.ends_with('\n') => {
                self.breaks = Some(true);
                for (draft, text) in std::mem::take(&mut self.undecided) {
                    self.piece(draft, Cow::Owned(text), out);
                }
                self.piece(draft, text, out);
            }
            None => {
                self.undecided.push((draft, text.into_owned()));
                if self.undecided.len() > MAX_UNDECIDED {
                    self.breaks = Some(false);
                    self.flush(out);
                }
            }
        }
    }

    fn piece(&mut self, draft: Draft, text: Cow<'_, str>, out: &mut Emitter<'_>) {
        // A short piece is the last thing that a process wrote; what comes later is the next one's.
        if let Some(at) = self.joiner.find(&draft) {
            let (open, joined) = &self.joiner.open[at];
            if joined.len() < DOCKER_PIECE && pause(open, &draft) > MAX_PAUSE_NS {
                self.joiner.end(at, out);
            }
        }
        let last = text.ends_with('\n');
        self.joiner.piece(draft, text, last, out);
    }

    /// Emits what is open: the input has ended.
    pub(crate) fn flush(&mut self, out: &mut Emitter<'_>) {
        for (draft, text) in self.undecided.drain(..) {
            line(draft, Cow::Owned(text), out);
        }
        self.joiner.flush(out);
    }
}

fn pause(before: &Draft, after: &Draft) -> i128 {
    match (before.record.at, after.record.at) {
        (Some(before), Some(after)) => (after.time.as_nanosecond() - before.time.as_nanosecond()).abs(),
        _ => 0,
    }
}

/// Emits a whole line, unless it is blank.
pub(crate) fn line(draft: Draft, text: Cow<'_, str>, out: &mut Emitter<'_>) {
    if !text.trim().is_empty() {
        out.text(draft, text);
    }
}
