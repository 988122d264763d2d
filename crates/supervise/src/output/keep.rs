//! What is kept of an output, for the verdict.
//!
//! What it is for: the beginning, the end, and between them the lines that may say why, of a stream
//! that may be endless. What it must never do: grow without bound, or take memory for output that
//! never came. Where to start reading: [`Keep::push`]; [`Kept`] is what others see.
//!
//! The gate is asked about a line when it leaves the tail, so that output that fits into head and
//! tail, which is nearly every start, costs no search at all.

use super::lines::{Line, Lines};
use std::collections::VecDeque;
use std::fmt;

/// Kept of the beginning.
pub const HEAD: usize = 64 * 1024;
/// Kept of the end.
pub const TAIL: usize = 256 * 1024;
/// Kept of what lies between them, counted with a little for each line.
pub const MIDDLE: usize = 64 * 1024;
/// Gaps that are listed; more are only counted.
const MAX_GAPS: usize = 64;
/// What a kept line costs besides its bytes.
const LINE_COST: usize = 32;

/// Says whether a line that is neither in the head nor in the tail is worth keeping. Called with at
/// most 8 KiB of the line, without its line end, on the thread of the pump.
pub type Gate = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// A line that the gate let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// Where it begins in the stream.
    pub offset: u64,
    /// Without its line end; at most 8 KiB.
    pub bytes: Vec<u8>,
    /// Whether it was longer.
    pub cut: bool,
}

/// Bytes that were passed on without being looked at, because looking would have held them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins in the stream.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
}

/// What is kept of an output, at one moment. Offsets count bytes of the stream from 0.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// All bytes that came, kept or not.
    pub bytes: u64,
    /// Line ends among those that were looked at.
    pub lines: u64,
    /// The first bytes.
    pub head: Vec<u8>,
    /// Lines that begin after the head or in its last line, end before the tail, and passed the gate.
    pub middle: Vec<KeptLine>,
    /// Lines that passed the gate and found no room.
    pub middle_dropped: u64,
    /// The last bytes; empty while all that came is in the head.
    pub tail: Vec<u8>,
    /// Where the tail begins.
    pub tail_offset: u64,
    /// Bytes that were not looked at, in order.
    pub gaps: Vec<Gap>,
    /// Bytes in all gaps, listed or not.
    pub skipped: u64,
    /// Bytes that could not be written to where they were meant for, as on a full disk.
    pub lost: u64,
    /// Whether looking was given up because the gate failed.
    pub blind: bool,
}

impl fmt::Debug for Kept {
    // Output may hold secrets: never print it by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("bytes", &self.bytes)
            .field("lines", &self.lines)
            .field("head", &self.head.len())
            .field("middle", &self.middle.len())
            .field("tail", &self.tail.len())
            .field("gaps", &self.gaps)
            .finish_non_exhaustive()
    }
}

/// Lines that passed the gate: the first half of the room stays with the first of them, because a
/// cause is often told once and early; the other half follows the newest.
#[derive(Default)]
struct Middle {
    first: Vec<KeptLine>,
    first_cost: usize,
    newest: VecDeque<KeptLine>,
    newest_cost: usize,
    dropped: u64,
}

impl Middle {
    fn add(&mut self, line: KeptLine) {
        let cost = line.bytes.len() + LINE_COST;
        if self.newest.is_empty() && self.dropped == 0 && self.first_cost + cost <= MIDDLE / 2 {
            self.first_cost += cost;
            self.first.push(line);
            return;
        }
        self.newest_cost += cost;
        self.newest.push_back(line);
        while self.newest_cost > MIDDLE / 2
            && let Some(oldest) = self.newest.pop_front()
        {
            self.newest_cost -= oldest.bytes.len() + LINE_COST;
            self.dropped += 1;
        }
    }
}

/// Takes a stream and keeps what is worth keeping.
#[derive(Default)]
pub(crate) struct Keep {
    gate: Option<Gate>,
    bytes: u64,
    newlines: u64,
    head: Vec<u8>,
    head_closed: bool,
    tail: VecDeque<u8>,
    /// Lines that leave the tail.
    leaving: Lines,
    middle: Middle,
    gaps: Vec<Gap>,
    skipped: u64,
    lost: u64,
    blind: bool,
}

impl Keep {
    pub(crate) fn new(gate: Option<Gate>) -> Keep {
        Keep { gate, ..Keep::default() }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, mut piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.newlines += memchr::memchr_iter(b'\n', piece).count() as u64;
        if !self.head_closed {
            let (head, rest) = piece.split_at(piece.len().min(HEAD - self.head.len()));
            self.head.extend_from_slice(head);
            piece = rest;
            if self.head.len() == HEAD {
                self.close_head();
            }
        }
        if piece.is_empty() {
            return;
        }
        let excess = (self.tail.len() + piece.len()).saturating_sub(TAIL);
        let from_tail = excess.min(self.tail.len());
        let start = self.bytes - piece.len() as u64 - self.tail.len() as u64;
        self.leave(start, from_tail);
        let (passing, staying) = piece.split_at(excess - from_tail);
        let Keep { gate, leaving, middle, .. } = self;
        leaving.push(start + from_tail as u64, passing, |line| keep_if(gate, middle, line));
        // Grows as it is needed, to the bound and not past it.
        if self.tail.len() + staying.len() > self.tail.capacity() {
            let room = (2 * self.tail.capacity()).clamp(self.tail.len() + staying.len(), TAIL);
            self.tail.reserve_exact(room - self.tail.len());
        }
        self.tail.extend(staying);
    }

    /// The next `length` bytes were passed on without being looked at.
    pub(crate) fn skip(&mut self, length: u64) {
        if length == 0 {
            return;
        }
        if !self.head_closed {
            self.close_head();
        }
        let tail = self.tail.len();
        self.leave(self.bytes - tail as u64, tail);
        self.leaving.interrupt();
        let listed = self.gaps.len();
        match self.gaps.last_mut() {
            Some(gap) if gap.offset + gap.length == self.bytes => gap.length += length,
            _ if listed < MAX_GAPS => self.gaps.push(Gap { offset: self.bytes, length }),
            _ => {}
        }
        self.skipped += length;
        self.bytes += length;
    }

    /// Bytes that came and could not be written to where they were meant for.
    pub(crate) fn lose(&mut self, length: u64) {
        self.lost += length;
    }

    /// Looking has failed: from now on only counts.
    pub(crate) fn give_up(&mut self) {
        self.blind = true;
    }

    pub(crate) fn kept(&self) -> Kept {
        let tail_offset = self.bytes - self.tail.len() as u64;
        Kept {
            bytes: self.bytes,
            lines: self.newlines,
            head: self.head.clone(),
            middle: self.middle.first.iter().chain(&self.middle.newest).cloned().collect(),
            middle_dropped: self.middle.dropped,
            tail: self.tail.iter().copied().collect(),
            tail_offset,
            gaps: self.gaps.clone(),
            skipped: self.skipped,
            lost: self.lost,
            blind: self.blind,
        }
    }

    /// From here on bytes go to the tail. The last line of the head may go on there: it is offered to
    /// the gate as a whole.
    fn close_head(&mut self) {
        self.head_closed = true;
        let begin = memchr::memrchr(b'\n', &self.head).map_or(0, |at| at + 1);
        self.leaving.push(begin as u64, &self.head[begin..], |_| {});
    }

    /// Lets the oldest `count` bytes of the tail, which begins at `start`, pass the gate and go.
    fn leave(&mut self, start: u64, count: usize) {
        let Keep { gate, tail, leaving, middle, .. } = self;
        let (front, back) = tail.as_slices();
        let (front, back) = (&front[..count.min(front.len())], &back[..count.saturating_sub(front.len())]);
        for (offset, piece) in [(start, front), (start + front.len() as u64, back)] {
            leaving.push(offset, piece, |line| keep_if(gate, middle, line));
        }
        tail.drain(..count);
    }
}

fn keep_if(gate: &mut Option<Gate>, middle: &mut Middle, line: Line<'_>) {
    if gate.as_mut().is_some_and(|gate| gate(line.bytes)) {
        middle.add(KeptLine { offset: line.offset, bytes: line.bytes.to_vec(), cut: line.cut });
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::MAX_LINE;
    use super::*;
    use proptest::prelude::*;

    fn gated() -> Keep {
        Keep::new(Some(Box::new(|line: &[u8]| line.starts_with(b"!"))))
    }

    /// Lines with some marked by `!`; lengths so that head and tail are passed.
    fn text(lines: usize, seed: u64) -> Vec<u8> {
        let mut text = Vec::new();
        let mut state = seed | 1;
        for number in 0..lines {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mark = if state >> 60 == 0 { "!" } else { "" };
            text.extend_from_slice(format!("{mark}{number} {}\n", "x".repeat((state >> 33) as usize % 200)).as_bytes());
        }
        text
    }

    fn push_in_pieces(keep: &mut Keep, text: &[u8], mut seed: u64) {
        let mut rest = text;
        while !rest.is_empty() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let limit = [7, 500, 4096, 70_000, 400_000][(seed >> 40) as usize % 5];
            let (piece, next) = rest.split_at(((seed >> 20) as usize % limit + 1).min(rest.len()));
            keep.push(piece);
            rest = next;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn head_tail_and_marked_lines_are_those_of_the_stream(lines in 0usize..9000, seed: u64) {
            let text = text(lines, seed);
            let mut keep = gated();
            push_in_pieces(&mut keep, &text, seed);
            let kept = keep.kept();
            prop_assert_eq!(kept.bytes, text.len() as u64);
            prop_assert_eq!(kept.lines, lines as u64);
            prop_assert_eq!(&kept.head[..], &text[..text.len().min(HEAD)]);
            let tail_start = kept.tail_offset as usize;
            prop_assert_eq!(tail_start, (text.len().saturating_sub(TAIL)).max(text.len().min(HEAD)));
            prop_assert_eq!(&kept.tail[..], &text[tail_start..]);
            // Every marked line that ends between head and tail, or a first and a last part of them.
            let mut offset = 0;
            let mut expected = Vec::new();
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let end = offset + line.len();
                if line.starts_with(b"!") && end > HEAD && end <= tail_start {
                    expected.push((offset as u64, line[..line.len() - 1].to_vec()));
                }
                offset = end;
            }
            let found: Vec<_> = kept.middle.iter().map(|line| (line.offset, line.bytes.clone())).collect();
            prop_assert_eq!(found.len() + kept.middle_dropped as usize, expected.len());
            if kept.middle_dropped == 0 {
                prop_assert_eq!(found, expected);
            } else {
                prop_assert_eq!(&found[0], &expected[0]);
                prop_assert_eq!(found.last(), expected.last());
                prop_assert!(found.iter().all(|line| expected.contains(line)));
            }
            let cost: usize = kept.middle.iter().map(|line| line.bytes.len() + LINE_COST).sum();
            prop_assert!(cost <= MIDDLE);
        }

        #[test]
        fn gaps_are_where_they_were(parts in proptest::collection::vec((0usize..100_000, 0u64..5000), 1..12)) {
            let mut keep = gated();
            let (mut offset, mut skipped, mut expected) = (0u64, 0, Vec::<Gap>::new());
            for (length, gap) in parts {
                keep.push(&vec![b'a'; length]);
                offset += length as u64;
                keep.skip(gap);
                if gap > 0 {
                    match expected.last_mut() {
                        Some(last) if last.offset + last.length == offset => last.length += gap,
                        _ => expected.push(Gap { offset, length: gap }),
                    }
                }
                offset += gap;
                skipped += gap;
            }
            keep.push(b"end");
            let kept = keep.kept();
            prop_assert_eq!(kept.bytes, offset + 3);
            prop_assert_eq!((kept.skipped, kept.gaps), (skipped, expected));
            let all = [&kept.head[..], &kept.tail[..]].concat();
            prop_assert!(all.ends_with(b"end"));
        }
    }

    #[test]
    fn memory_is_taken_when_output_comes_and_stays_bounded() {
        let mut keep = gated();
        assert_eq!((keep.head.capacity(), keep.tail.capacity()), (0, 0));
        keep.push(b"hello\n");
        assert_eq!(keep.tail.capacity(), 0);
        for _ in 0..200 {
            keep.push(&[b'!'; 10_000]);
        }
        assert!(keep.head.capacity() <= 2 * HEAD);
        assert!(keep.tail.capacity() <= TAIL + 64, "{}", keep.tail.capacity());
    }

    #[test]
    fn a_line_that_leaves_the_head_is_offered_whole() {
        let mut keep = gated();
        keep.push(&vec![b'a'; HEAD - 3]);
        keep.push(b"\n!c");
        keep.push(b"ause\n");
        keep.push(&vec![b'b'; TAIL]);
        let kept = keep.kept();
        let expected = KeptLine { offset: HEAD as u64 - 2, bytes: b"!cause".to_vec(), cut: false };
        assert_eq!(kept.middle, [expected]);
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_its_bound() {
        let mut keep = gated();
        keep.push(&vec![b'\n'; HEAD]);
        keep.push(&vec![b'!'; 2_000_000]);
        keep.push(b"\n");
        keep.push(&vec![b'b'; TAIL]);
        let kept = keep.kept();
        assert_eq!((kept.middle.len(), kept.middle[0].bytes.len(), kept.middle[0].cut), (1, MAX_LINE, true));
    }

    #[test]
    fn output_is_not_printed_by_accident() {
        let mut keep = gated();
        keep.push(b"password=s3cret\n");
        assert!(!format!("{:?}", keep.kept()).contains("s3cret"));
    }
}
