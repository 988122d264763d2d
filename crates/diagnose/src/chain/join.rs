//! Rows to blocks: one pass over the rows, one growing block at a time.

use super::Language;
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{columns, dotnet, go, jvm, node, php, python, ruby, rust, server, title};
use std::ops::Range;

/// A block holds at most this many rows in suspense: a message before its first call is at most
/// this long.
const MOST_HELD: usize = 24;
/// A row that comes later than this does not continue a message; calls and connectives may.
const LATE_MS: u64 = 200;

/// One physical line of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line<'t> {
    /// What the program said, its own columns in place, without the line break.
    pub text: &'t str,
    /// The caller knows that a record with its own stamp, severity or envelope starts here.
    /// Where the transport makes every line a record, this is found out and ignored.
    pub boundary: bool,
    /// Milliseconds since the line before, when known.
    pub elapsed_ms: Option<u64>,
}

/// Neighbouring lines that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which lines, as indices; never empty.
    pub range: Range<usize>,
    /// What they are.
    pub kind: Kind,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One ordinary line.
    Single,
    /// A failure text, usually of several lines. [`parse`](super::parse) may still find that
    /// nothing failed: warnings and thread dumps are printed alike.
    Failure(Language),
}

/// Joins the lines of one stream of one attempt, given in order, into blocks. The blocks cover
/// all lines exactly once and in order; the work is linear in their number.
pub fn blocks(lines: &[Line]) -> Vec<Block> {
    let mut joiner = Joiner::new(lines);
    joiner.run();
    joiner.out
}

/// The language of a row that only one language prints.
pub(super) fn language_of(row: &Row) -> Option<Language> {
    start_of(row).map(|(language, _)| language)
}

/// What asks a language whether a row begins a block of it, and the bytes that such a row can
/// begin with behind its indentation; none means any.
type Starter = (Language, &'static [u8], fn(&Row) -> Option<Start>);

const STARTERS: [Starter; 9] = [
    (Language::Python, b"TEFD|+", python::start),
    (Language::Jvm, b"ECSWa.*", jvm::start),
    (Language::Node, b"", node::start),
    (Language::DotNet, b"U-a", dotnet::start),
    (Language::Go, b"", go::start),
    (Language::Rust, b"tCEa", rust::start),
    (Language::Ruby, b"", ruby::start),
    (Language::Php, b"PFS[#", php::start),
    (Language::Postgres, b"", server::start),
];

/// How a row begins a block, if it does.
fn start_of(row: &Row) -> Option<(Language, Start)> {
    let first = *row.trimmed.as_bytes().first()?;
    if columns::is_structured(row.text) {
        return None;
    }
    let fits = |(_, firsts, _): &&Starter| firsts.is_empty() || firsts.contains(&first);
    STARTERS.iter().filter(fits).find_map(|(language, _, starter)| Some((*language, starter(row)?)))
}

pub(super) struct Joiner<'l, 't> {
    lines: &'l [Line<'t>],
    pub out: Vec<Block>,
    /// The last row that named an error and may be followed by its calls.
    title: Option<usize>,
    /// Whether the caller's boundaries tell records apart.
    boundaries_tell: bool,
    /// Rows looked at, to prove that the work is linear.
    pub work: usize,
}

impl<'l, 't> Joiner<'l, 't> {
    pub fn new(lines: &'l [Line<'t>]) -> Joiner<'l, 't> {
        let indented = |line: &&Line| line.text.starts_with([' ', '\t']) && !line.text.trim_start().is_empty();
        let continuations = lines.iter().filter(indented);
        let marked = continuations.clone().filter(|line| line.boundary).count();
        Joiner {
            lines,
            out: Vec::new(),
            title: None,
            // A record of several rows is not marked inside: where most indented rows are
            // marked, the transport marks every row.
            boundaries_tell: marked * 2 <= continuations.count(),
            work: 0,
        }
    }

    pub fn run(&mut self) {
        let mut at = 0;
        while at < self.lines.len() {
            let row = self.row(at, None);
            let Some((language, start)) = start_of(&row) else {
                self.single(at, &row);
                at += 1;
                continue;
            };
            let first = self.first_row(at, &row, start.head);
            self.title = None;
            at = self.grow(first, at + 1, language, start.grow);
            // What the client library of a database said may be the message of a driver's error.
            if language == Language::Postgres && title::anywhere(self.lines[first].text).is_some() {
                self.title = Some(first);
            }
        }
    }

    /// The row at `at`; `before` is the last row of the growing block behind its first.
    fn row(&mut self, at: usize, before: Option<&Row>) -> Row<'t> {
        self.work += 1;
        let line = &self.lines[at];
        let row = Row::of(line.text);
        let own_columns = row.has_more_columns_than(before) || columns::is_structured(line.text);
        Row {
            fresh: own_columns || (line.boundary && self.boundaries_tell),
            late: line.elapsed_ms.is_some_and(|elapsed| elapsed > LATE_MS),
            ..row
        }
    }

    /// Puts out an ordinary row, and remembers it if calls may follow it.
    fn single(&mut self, at: usize, row: &Row) {
        if title::anywhere(row.text).is_some() {
            self.title = Some(at);
        } else if row.fresh || row.late || self.title.is_some_and(|title| at - title > MOST_HELD) {
            self.title = None;
        }
        self.out.push(Block { range: at..at + 1, kind: Kind::Single });
    }

    /// Where the block begins that was noticed at `at`; takes back the rows put out since.
    fn first_row(&mut self, at: usize, row: &Row, head: Head) -> usize {
        let before = |count: usize| {
            let earliest = self.out.iter().rev().take(count);
            let single = earliest.clone().count() == count
                && earliest.clone().all(|block| block.kind == Kind::Single)
                && !self.lines[at - count].text.trim().is_empty();
            single.then(|| at - count)
        };
        // Deno draws the source between an error's title and its calls: a caret stands above these.
        let caret = |at: &usize| self.lines[*at].text.trim().bytes().all(|b| b == b'^' || b == b'~');
        let drawn = before(1).filter(caret).and_then(|_| before(3));
        let first = match head {
            Head::Here => None,
            Head::Title if drawn.is_some() => drawn,
            Head::Title if row.columned() => self.title,
            Head::Title => self.title.or(before(1)),
            Head::Paragraph => self.title.or(before(1)).or(before(2)),
            Head::Function => self.title.or(before(2)).or(before(1)),
        };
        let Some(first) = first else { return at };
        while self.out.last().is_some_and(|block| block.range.start >= first) {
            self.out.pop();
        }
        first
    }

    /// Grows a block whose rows `first..at` are known; the row after it.
    fn grow(&mut self, first: usize, at: usize, language: Language, mut grow: Box<dyn Grow>) -> usize {
        let mut end = at;
        let mut next = at;
        let mut before = None;
        while next < self.lines.len() && next - end < MOST_HELD {
            let row = self.row(next, before.as_ref());
            match grow.step(&row) {
                Step::Join => {
                    end = next + 1;
                    before = Some(row);
                }
                Step::Hold if start_of(&row).is_none() => {}
                Step::Hold | Step::End => break,
            }
            next += 1;
        }
        if grow.confirmed() {
            self.out.push(Block { range: first..end, kind: Kind::Failure(language) });
            return end;
        }
        for unjoined in first..at {
            let row = self.row(unjoined, None);
            self.single(unjoined, &row);
        }
        at
    }
}
