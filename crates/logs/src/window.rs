//! A view of the input that can be stretched: what is read ahead stays until it is consumed.

use std::io::{ErrorKind, Read, Result};

/// Bytes asked for at once.
const CHUNK: usize = 256 * 1024;

/// Unconsumed bytes of an input and the line on which they begin.
pub(crate) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    line: u32,
    consumed: u64,
    /// Why the input ended early, when a compressed one is damaged.
    pub(crate) damage: Option<String>,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(input: R) -> Window<R> {
        Window { input, buffer: Vec::new(), start: 0, end: 0, ended: false, line: 1, consumed: 0, damage: None }
    }

    /// What has been read and not been consumed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The physical line, from 1, on which [`Window::bytes`] begin.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Bytes consumed so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads on; false when the input has ended.
    pub(crate) fn more(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.make_room();
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // What a damaged gzip stream gave so far is still good.
                Err(error) if is_damage(&error) => {
                    self.ended = true;
                    self.damage = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
            return Ok(!self.ended);
        }
    }

    /// Moves what is left to the front when that frees enough, else grows: either way each byte
    /// is moved a bounded number of times.
    fn make_room(&mut self) {
        let held = self.end - self.start;
        if self.buffer.len() - self.end >= CHUNK / 2 {
            return;
        }
        if self.start >= held {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = held;
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            let size = (self.buffer.len() * 2).max(CHUNK);
            self.buffer.resize(size, 0);
        }
    }

    /// Steps over `count` bytes, at most all that are there.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        let passed = &self.buffer[self.start..self.start + count];
        let lines = memchr::memchr_iter(b'\n', passed).count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.start += count;
        self.consumed += count as u64;
    }

    /// Steps over a line of `length` bytes and its line break.
    pub(crate) fn consume_line(&mut self, length: usize) {
        let whole = self.start + length < self.end;
        self.line = self.line.saturating_add(u32::from(whole));
        let count = length + usize::from(whole);
        self.start += count;
        self.consumed += count as u64;
    }

    /// Offset of the next line break, reading on up to `limit` bytes; nothing when the input ends
    /// before it or the limit is reached (then more than `limit` bytes are there).
    pub(crate) fn line_break(&mut self, limit: usize) -> Result<Option<usize>> {
        let mut searched = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.bytes()[searched..]) {
                return Ok(Some(searched + found));
            }
            searched = self.bytes().len();
            if searched > limit || !self.more()? {
                return Ok(None);
            }
        }
    }
}

fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let count = self.0.len().min(1).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn lines_are_found_and_counted_whatever_the_size_of_reads() -> Result<()> {
        let mut window = Window::new(Drip(b"one\ntwo\n\nlast"));
        let mut lines = Vec::new();
        while let Some(end) = window.line_break(100)? {
            lines.push((window.line(), String::from_utf8_lossy(&window.bytes()[..end]).into_owned()));
            window.consume_line(end);
        }
        assert_eq!(lines, [(1, "one".to_owned()), (2, "two".to_owned()), (3, String::new())]);
        assert_eq!((window.line(), window.bytes(), window.consumed()), (4, &b"last"[..], 9));
        Ok(())
    }

    #[test]
    fn a_long_line_is_not_read_to_its_end() -> Result<()> {
        let mut window = Window::new(std::io::repeat(b'x'));
        assert_eq!(window.line_break(1000)?, None);
        assert!(window.bytes().len() > 1000 && window.bytes().len() <= 2 * CHUNK);
        Ok(())
    }
}
