//! Lines out of pieces.
//!
//! What it is for: cutting a stream that arrives in arbitrary pieces into lines, without copying
//! those that arrive whole. What it must never do: hold more than one bounded line. Where to start
//! reading: [`Lines::push`].

/// As much of a line as is looked at and kept.
pub(super) const MAX_LINE: usize = 8 * 1024;

/// A complete line, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Where it begins in the stream.
    pub(super) offset: u64,
    /// Its first [`MAX_LINE`] bytes.
    pub(super) bytes: &'a [u8],
    /// Whether it was longer.
    pub(super) cut: bool,
}

/// The line that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    carry: Vec<u8>,
    cut: bool,
    start: u64,
    open: bool,
    /// Inside a line whose beginning is unknown: nothing is told until the next one.
    unknown: bool,
}

impl Lines {
    /// Takes the next piece, which begins at `offset`, and calls `each` for every line that it
    /// completes.
    pub(super) fn push(&mut self, mut offset: u64, mut piece: &[u8], mut each: impl FnMut(Line<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (head, rest) = (&piece[..end], &piece[end + 1..]);
            if self.unknown {
                self.unknown = false;
            } else if self.open {
                self.hold(head);
                each(Line { offset: self.start, bytes: &self.carry, cut: self.cut });
            } else {
                let bytes = &head[..head.len().min(MAX_LINE)];
                each(Line { offset, bytes, cut: bytes.len() < head.len() });
            }
            self.close();
            offset += end as u64 + 1;
            piece = rest;
        }
        if piece.is_empty() || self.unknown {
            return;
        }
        if !self.open {
            (self.open, self.start) = (true, offset);
        }
        self.hold(piece);
    }

    /// The stream has ended: what is there is the last line.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Line<'_>)) {
        if self.open {
            each(Line { offset: self.start, bytes: &self.carry, cut: self.cut });
        }
        self.close();
    }

    /// Bytes were left out: the line that they were in is not known.
    pub(super) fn interrupt(&mut self) {
        self.close();
        self.unknown = true;
    }

    fn hold(&mut self, piece: &[u8]) {
        let room = MAX_LINE - self.carry.len();
        self.cut |= piece.len() > room;
        self.carry.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn close(&mut self) {
        self.carry.clear();
        (self.cut, self.open) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(u64, Vec<u8>, bool)> {
        let (mut lines, mut found, mut offset) = (Lines::default(), Vec::new(), 0);
        let mut note = |line: Line<'_>| found.push((line.offset, line.bytes.to_vec(), line.cut));
        for piece in pieces {
            lines.push(offset, piece, &mut note);
            offset += piece.len() as u64;
        }
        lines.finish(&mut note);
        found
    }

    proptest! {
        #[test]
        fn how_it_is_cut_into_pieces_changes_nothing(
            text in proptest::collection::vec(prop_oneof![3 => Just(b'a'), 1 => Just(b'\n')], 0..200),
            at in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let mut at: Vec<_> = at.into_iter().map(|at| at.min(text.len())).chain([0, text.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<_> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let whole = cut(&[&text]);
            prop_assert_eq!(&cut(&pieces), &whole);
            let expected: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').scan(0, |offset, line| {
                let start = *offset;
                *offset += line.len() as u64;
                Some((start, line.strip_suffix(b"\n").unwrap_or(line).to_vec(), false))
            }).collect();
            prop_assert_eq!(whole, expected);
        }
    }

    #[test]
    fn long_lines_are_cut_and_the_next_is_whole() {
        let long = vec![b'x'; MAX_LINE + 5];
        for pieces in [
            vec![[&long[..], b"\nnext\n"].concat()],
            vec![long[..10].to_vec(), long[10..].to_vec(), b"\nnext\n".to_vec()],
        ] {
            let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
            let found = cut(&pieces);
            assert_eq!(found[0], (0, vec![b'x'; MAX_LINE], true));
            assert_eq!(found[1], (MAX_LINE as u64 + 6, b"next".to_vec(), false));
        }
    }

    #[test]
    fn a_line_with_a_gap_in_it_is_not_told() {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let mut note = |line: Line<'_>| found.push(line.bytes.to_vec());
        lines.push(0, b"one\ntw", &mut note);
        lines.interrupt();
        lines.push(100, b"ee\nfour\n", &mut note);
        assert_eq!(found, [b"one".to_vec(), b"four".to_vec()]);
    }
}
