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
/// Docker cuts at this size; a shorter piece is the last thing that a process wrote.
const DOCKER_PIECE: usize = 16 * 1024;
/// Longer than a line takes to write, shorter than a restart.
const MAX_PAUSE_NS: i128 = 1_000_000_000;

/// Lines of which the end has not been seen.
#[derive(Default)]
pub(crate) struct Joiner {
    open: Vec<(Draft, String)>,
}

impl Joiner {
    /// Takes one piece of a line; emits the line when `last` or when it cannot go on.
    pub(crate) fn piece(&mut self, draft: Draft, text: Cow<'_, str>, last: bool, out: &mut Emitter<'_>) {
        let same = |(open, _): &(Draft, String)| open.record.stream == draft.record.stream && open.record.origin == draft.record.origin;
        let Some(at) = self.open.iter().position(same) else {
            if last {
                return line(draft, text, out);
            }
            if self.open.len() == MAX_OPEN {
                let (draft, text) = self.open.remove(0);
                line(draft, Cow::Owned(text), out);
            }
            return self.open.push((draft, text.into_owned()));
        };
        let (first, joined) = &mut self.open[at];
        if joined.len() < DOCKER_PIECE && pause(first, &draft) > MAX_PAUSE_NS {
            let (draft_before, before) = std::mem::replace(&mut self.open[at], (draft, text.into_owned()));
            line(draft_before, Cow::Owned(before), out);
        } else {
            joined.push_str(&text);
        }
        if last || self.open[at].1.len() > MAX_JOINED {
            let (draft, text) = self.open.remove(at);
            line(draft, Cow::Owned(text), out);
        }
    }

    /// Emits what is open: the input has ended.
    pub(crate) fn flush(&mut self, out: &mut Emitter<'_>) {
        for (draft, text) in self.open.drain(..) {
            line(draft, Cow::Owned(text), out);
        }
    }
}

fn pause(before: &Draft, after: &Draft) -> i128 {
    match (before.record.at, after.record.at) {
        (Some(before), Some(after)) => (after.time.as_nanosecond() - before.time.as_nanosecond()).abs(),
        _ => 0,
    }
}

/// Emits a whole line, unless it is blank.
fn line(draft: Draft, text: Cow<'_, str>, out: &mut Emitter<'_>) {
    if !text.trim().is_empty() {
        out.text(draft, text);
    }
}
