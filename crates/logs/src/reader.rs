//! Cuts the input into lines, documents and elements of arrays, and hands each to its reader.
//!
//! Nothing but the current unit is held: lines and top-level arrays stream, one document that
//! spans lines is held whole, up to the caller's limit. Every scan that fails is bounded (nesting,
//! first grammar error), so that text which merely begins like JSON costs little.

use crate::{
    ReadError,
    clean::lossy,
    emit::{Draft, Emitter},
    entries::Entries,
    json::{Doc, Value, is_json, repair},
    lines::Lines,
    scan::{Found, Scan},
    sniff::Manner,
    window::Window,
};
use std::{borrow::Cow, io::Read};

/// A line of text longer than this is cut; a JSON line longer than this is scanned piece by piece.
const MAX_LINE: usize = 1 << 20;

/// Bytes in which the first key of an array's elements is looked for.
const KEY: usize = 128;

/// Reads one input to its end.
pub(crate) struct Reader<'s, R> {
    window: Window<R>,
    rows: Rows<'s>,
    max_document: usize,
    /// A value has just ended: a comma here only separates it from the next.
    after_value: bool,
    /// A document was cut off: lines that are only its brackets are not text.
    salvage: bool,
}

impl<'s, R: Read> Reader<'s, R> {
    pub(crate) fn new(input: R, manner: Manner, max_document: u64, out: Emitter<'s>) -> Reader<'s, R> {
        let rows = Rows { lines: Lines::new(manner), entries: Entries::new(), out };
        let max_document = usize::try_from(max_document).unwrap_or(usize::MAX);
        Reader { window: Window::new(input), rows, max_document, after_value: false, salvage: false }
    }

    /// Reads everything; gives back what was counted.
    pub(crate) fn run(mut self) -> Result<crate::Summary, ReadError> {
        while let Some((indent, first)) = self.peek(0)? {
            match first {
                b'\n' => self.window.consume(indent + 1),
                b',' if self.after_value => self.window.consume(indent + 1),
                b'{' => self.document(indent)?,
                b'[' if self.is_array(indent)? => self.array(indent)?,
                _ => self.text_line()?,
            }
        }
        if let Some(damage) = self.window.damage.take() {
            self.skipped(format!("the compressed input is cut off or damaged here: {damage}"));
        }
        // Blanks may be left at the end.
        self.window.consume(usize::MAX);
        let mut summary = self.rows.finish();
        summary.bytes = self.window.consumed();
        Ok(summary)
    }

    /// Reports what stands at the window's start.
    fn skipped(&mut self, reason: impl Into<String>) {
        self.rows.out.skipped(self.window.line(), reason);
    }

    /// Offset and value of the first byte at or after `from` that is no blank; a byte order mark
    /// and carriage returns count as blanks.
    fn peek(&mut self, from: usize) -> Result<Option<(usize, u8)>, ReadError> {
        let mut at = from;
        loop {
            let bytes = self.window.bytes();
            while at < bytes.len() && matches!(bytes[at], b' ' | b'\t' | b'\r') {
                at += 1;
            }
            match bytes.get(at..) {
                Some(rest) if rest.starts_with("\u{feff}".as_bytes()) => at += 3,
                Some([first, ..]) if *first != 0xef || bytes.len() > at + 2 => return Ok(Some((at, *first))),
                _ => {
                    if !self.window.more()? {
                        return Ok(self.window.bytes().get(at).map(|first| (at, *first)));
                    }
                }
            }
        }
    }

    /// Whether the bracket at `at` opens an array of objects or an empty one, and not a line such
    /// as `[boot] up`.
    fn is_array(&mut self, at: usize) -> Result<bool, ReadError> {
        let mut next = at + 1;
        let mut in_object = false;
        loop {
            match self.peek(next)? {
                Some((at, b'\n')) => next = at + 1,
                Some((at, b'{')) if !in_object => {
                    in_object = true;
                    next = at + 1;
                }
                Some((_, b'"' | b'}')) if in_object => return Ok(true),
                Some((at, b']')) if !in_object => {
                    let after = self.peek(at + 1)?.map(|(_, byte)| byte);
                    return Ok(matches!(after, None | Some(b'\n' | b'[' | b',')));
                }
                _ => return Ok(false),
            }
        }
    }

    /// Reads the line if it is one whole JSON value (behind `at` blanks); false when it is not.
    fn one_line(&mut self, at: usize) -> Result<bool, ReadError> {
        let line_break = self.window.line_break(MAX_LINE)?;
        let bytes = self.window.bytes();
        if line_break.is_none() && bytes.len() > MAX_LINE {
            return Ok(false);
        }
        let end = line_break.unwrap_or(bytes.len());
        let line = lossy(&bytes[at..end]);
        let value = line.trim_end_matches([' ', '\t', '\r', ',']);
        if !value.ends_with(['}', ']']) {
            return Ok(false);
        }
        match self.rows.value(value, self.window.line()) {
            Held::Rows => {}
            Held::Nothing if is_empty_array(value) => {}
            Held::Nothing => self.rows.text(&lossy(&bytes[..end]), self.window.line()),
            Held::NoJson => return Ok(false),
        }
        self.window.consume_line(end);
        Ok(true)
    }

    /// An object that begins at `at`: on one line, or over several.
    fn document(&mut self, at: usize) -> Result<(), ReadError> {
        if self.one_line(at)? {
            return Ok(());
        }
        match self.scan(at)? {
            Found::End(end) => self.whole_document(at, end),
            Found::Broken(reason) => {
                if self.window.bytes()[at..].starts_with(b"{\"") {
                    self.skipped(format!("not a complete JSON row ({reason}); kept as text"));
                }
                self.text_line()
            }
            Found::More => {
                self.salvage = true;
                self.skipped("a JSON document begins here and is cut off; rows inside it are read one by one");
                if memchr::memchr(b'\n', self.window.bytes()).is_none() { self.cut_line() } else { self.text_line() }
            }
        }
    }

    /// The rest of the input, one line that is a cut document: the rows of each array in it.
    fn cut_line(&mut self) -> Result<(), ReadError> {
        let mut any = false;
        while let Some(found) = memchr::memmem::find(self.window.bytes(), b"[{") {
            self.window.consume(found);
            self.array(0)?;
            any = true;
        }
        if !any {
            return self.text_line();
        }
        self.window.consume(usize::MAX);
        Ok(())
    }

    /// The end of the value that begins at `at`, as an offset from the window's start.
    fn scan(&mut self, at: usize) -> Result<Found, ReadError> {
        let mut scan = Scan::new();
        loop {
            match scan.advance(&self.window.bytes()[at..]) {
                Found::End(length) => return Ok(Found::End(at + length)),
                Found::More if self.window.bytes().len() - at > self.max_document => {
                    return Err(ReadError::DocumentTooLarge {
                        line: self.window.line(),
                        limit: self.max_document as u64,
                    });
                }
                Found::More => {
                    if !self.window.more()? {
                        return Ok(Found::More);
                    }
                }
                broken => return Ok(broken),
            }
        }
    }

    /// A complete object over several lines, or with something behind it on its line.
    fn whole_document(&mut self, at: usize, end: usize) -> Result<(), ReadError> {
        // Text may follow a value of one line: then the line is text.
        let after = self.peek(end)?.map(|(_, byte)| byte);
        let text = lossy(&self.window.bytes()[at..end]);
        if !text.contains('\n') && !matches!(after, None | Some(b'\n' | b',' | b'{' | b'[')) {
            if text.starts_with("{\"") {
                self.skipped("something stands behind the JSON row; kept as text");
            }
            return self.text_line();
        }
        let number = self.window.line();
        if !matches!(self.rows.value(&text, number), Held::Rows) {
            // Settings or an answer that the program printed: lines like any others.
            self.rows.text(&text, number);
        }
        self.window.consume(end);
        self.after_value = true;
        Ok(())
    }

    /// An array of objects that begins at `at`: each element is read as soon as it is complete.
    fn array(&mut self, at: usize) -> Result<(), ReadError> {
        if self.one_line(at)? {
            return Ok(());
        }
        // What breaks in its first element is no array but a line that begins like one.
        if !matches!(self.scan_first(at)?, Found::End(_)) {
            self.skipped("not a complete JSON array; kept as text");
            return self.text_line();
        }
        let line = self.window.line();
        self.window.consume(at + 1);
        let mut first_key = Vec::new();
        loop {
            match self.peek(0)? {
                None => {
                    self.skipped("the array is cut off: its end is missing");
                    return Ok(());
                }
                Some((at, b'\n' | b',')) => self.window.consume(at + 1),
                Some((at, b']')) => {
                    self.window.consume(at + 1);
                    self.after_value = true;
                    return Ok(());
                }
                Some((at, _)) => {
                    self.window.consume(at);
                    if first_key.is_empty() {
                        while self.window.bytes().len() < KEY && self.window.more()? {}
                        first_key = key_of(self.window.bytes());
                    }
                    if !self.element(&first_key, line)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Scans the first element of the array at `at`; an empty array has a good one.
    fn scan_first(&mut self, at: usize) -> Result<Found, ReadError> {
        let mut next = at + 1;
        loop {
            match self.peek(next)? {
                Some((at, b'\n')) => next = at + 1,
                Some((at, b']')) => return Ok(Found::End(at)),
                Some((at, _)) => return self.scan(at),
                None => return Ok(Found::More),
            }
        }
    }

    /// Reads the element at the window's start; false when the array, which began on line
    /// `first_line`, cannot go on.
    fn element(&mut self, first_key: &[u8], first_line: u32) -> Result<bool, ReadError> {
        match self.scan(0)? {
            Found::End(end) => {
                let text = lossy(&self.window.bytes()[..end]);
                self.rows.element(&text, self.window.line());
                self.window.consume(end);
                Ok(true)
            }
            Found::More => {
                self.skipped("the last element of the array is cut off");
                self.window.consume(usize::MAX);
                Ok(false)
            }
            Found::Broken(reason) => {
                self.skipped(format!("an element of the array is broken ({reason}); kept as text"));
                if self.window.line() == first_line {
                    return self.resume_on_line(first_key);
                }
                // Line by line from here: rows are found there too, and what is no row is not lost.
                self.salvage = true;
                self.text_line()?;
                Ok(false)
            }
        }
    }

    /// Goes to the next element on this line, by the key with which elements of one export begin, or
    /// behind the line: an array on one line may stand in a log, what follows it is not in it.
    fn resume_on_line(&mut self, first_key: &[u8]) -> Result<bool, ReadError> {
        let number = self.window.line();
        let line_break = self.window.line_break(self.max_document)?;
        let end = line_break.unwrap_or(self.window.bytes().len());
        let next = self.window.bytes().get(1..end).and_then(|rest| memchr::memmem::find(rest, first_key));
        match next.filter(|_| !first_key.is_empty()) {
            Some(next) => {
                self.window.consume(next + 1);
                Ok(true)
            }
            None => {
                let rest = lossy(&self.window.bytes()[..end]);
                self.rows.text(&rest, number);
                self.window.consume(end + 1);
                Ok(false)
            }
        }
    }

    fn text_line(&mut self) -> Result<(), ReadError> {
        self.after_value = false;
        let line_break = self.window.line_break(MAX_LINE)?;
        let number = self.window.line();
        let bytes = self.window.bytes();
        let end = line_break.unwrap_or(bytes.len()).min(MAX_LINE);
        let line = lossy(&bytes[..end]);
        let line = line.trim_end_matches('\r');
        if !(self.salvage && is_brackets(line)) {
            self.rows.lines.line(line, number, &mut self.rows.out);
        }
        if line_break == Some(end) {
            self.window.consume_line(end);
            return Ok(());
        }
        self.window.consume(end);
        self.rest_of_line(number)
    }

    /// Steps over what is left of a line that was cut.
    fn rest_of_line(&mut self, number: u32) -> Result<(), ReadError> {
        let mut cut = false;
        loop {
            let found = memchr::memchr(b'\n', self.window.bytes());
            cut |= found.unwrap_or(self.window.bytes().len()) > 0;
            self.window.consume(found.map_or(usize::MAX, |at| at + 1));
            if found.is_some() || !self.window.more()? {
                break;
            }
        }
        if cut {
            self.rows.out.skipped(number, "the line is longer than 1 MiB; the rest of it was left out");
        }
        Ok(())
    }
}

/// The readers of units, and where their rows go.
struct Rows<'s> {
    lines: Lines,
    entries: Entries,
    out: Emitter<'s>,
}

/// What a text held.
enum Held {
    Rows,
    /// JSON without rows in it.
    Nothing,
    NoJson,
}

impl Rows<'_> {
    /// Reads a JSON value.
    fn value(&mut self, text: &str, number: u32) -> Held {
        let base = Draft::new("text", number, self.out.unknown.clone());
        if self.entries.rows(Value(text), &Doc::new(text, number), &base, &mut self.out) {
            return Held::Rows;
        }
        if is_json(text) {
            return Held::Nothing;
        }
        let repaired = repair(text);
        if self.entries.rows(Value(&repaired), &Doc::new(&repaired, number), &base, &mut self.out) {
            Held::Rows
        } else {
            Held::NoJson
        }
    }

    /// Reads text line by line.
    fn text(&mut self, text: &str, number: u32) {
        for (line, number) in text.lines().zip(number..) {
            self.lines.line(line, number, &mut self.out);
        }
    }

    /// Reads an element of an array: a row, a wrapper of rows, or a string that is a line.
    fn element(&mut self, text: &str, number: u32) {
        if matches!(self.value(text, number), Held::Rows) {
            return;
        }
        match Value(text).string() {
            Some(said) => said.lines().for_each(|line| self.lines.line(line, number, &mut self.out)),
            None => {
                self.out.skipped(number, "an element of the array is no log row; kept as text");
                self.text(text, number);
            }
        }
    }

    /// Hands on what waits for its end.
    fn finish(mut self) -> crate::Summary {
        self.lines.cri.flush(&mut self.out);
        self.entries.flush(&mut self.out);
        self.out.summary
    }
}

/// The bytes up to the first colon of an object: `{"insertId":` with the white space in it.
fn key_of(bytes: &[u8]) -> Vec<u8> {
    let head = &bytes[..bytes.len().min(KEY)];
    match head.iter().position(|b| *b == b':') {
        Some(colon) if head[0] == b'{' => head[..=colon].to_vec(),
        _ => Vec::new(),
    }
}

/// An export without rows.
fn is_empty_array(value: &str) -> bool {
    value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|inside| inside.trim().is_empty())
}

/// Whether a line of a cut document has no text: only brackets, or a key that opens one.
fn is_brackets(line: &str) -> bool {
    let line: Cow<'_, str> = Cow::Borrowed(line.trim());
    let open = line.ends_with(['{', '[']) && line.contains("\":");
    open || line.bytes().all(|b| b"{}[], \t".contains(&b))
}
