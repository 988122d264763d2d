//! What is checked, and where in it something stands.
//!
//! What it is for: a file's name and text, byte spans, and from a span to line, column and the piece
//! of the line that a person is shown. What it must never do: open a file, or show a secret: the
//! spans that hold one are masked here, before anything leaves the crate.
//! Where to start reading: [`Source`], then [`Lines::excerpt`].

use serde::Serialize;

/// Larger files are no manifests; they are reported and not read.
pub const BYTES_MAX: usize = 8 << 20;

/// Characters of a line that are shown around what is meant; `terraform show -json` is one line.
const EXCERPT_MAX: usize = 120;

/// What stands where a secret stood.
pub(crate) const MASK: &str = "***";

/// A file as the caller read it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Its name, as the caller wants it cited.
    pub name: String,
    /// Its text. Bytes that are no UTF-8 were replaced by the caller.
    pub text: String,
}

impl std::fmt::Debug for Source {
    /// The name and the size: a manifest may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name, self.text.len())
    }
}

impl Source {
    /// A file of that name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { name: name.into(), text: text.into() }
    }
}

/// Bytes of a text, from `start` up to `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` to `end`; never negative.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end: end.max(start) }
    }
}

/// A place in a text, as editors count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// Characters from the start of the line, from 1; a tab is one.
    pub column: usize,
}

/// A piece of one line, and what is meant in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Excerpt {
    /// The text, secrets masked, cut around what is meant. Untrusted.
    pub text: String,
    /// Characters before what is meant.
    pub before: usize,
    /// Characters that are meant.
    pub marked: usize,
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Lines<'t> {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        Lines { text, starts }
    }

    /// The nearest boundary of characters at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    pub(crate) fn place(&self, at: usize) -> Place {
        let at = self.boundary(at);
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        Place { line, column: self.text[self.starts[line - 1]..at].chars().count() + 1 }
    }

    /// First and last place of `span`, and the piece of its first line with every span of `secrets` masked.
    pub(crate) fn excerpt(&self, span: Span, secrets: &[Span]) -> (Place, Place, Excerpt) {
        let (start, end) = (self.boundary(span.start), self.boundary(span.end.max(span.start)));
        let from = self.place(start);
        let line_start = self.starts[from.line - 1];
        let rest = &self.text[line_start..];
        let line_end = line_start + rest.find('\n').unwrap_or(rest.len());
        let line_end =
            if self.text[..line_end].ends_with('\r') && line_end > line_start { line_end - 1 } else { line_end };
        // Only what is near is looked at: a line may have millions of characters.
        let near = 4 * EXCERPT_MAX;
        let last = self.up(start.saturating_add(near)).min(line_end.max(start));
        let mark_end = end.clamp(start, last);
        let secrets: Vec<&Span> =
            secrets.iter().filter(|s| s.end > start.saturating_sub(near) && s.start < last).collect();
        let mut excerpt = Excerpt { text: String::new(), before: 0, marked: 0 };
        let mut at = self.boundary(start.saturating_sub(near)).max(line_start);
        while at < last {
            let hidden = secrets.iter().find(|s| s.start <= at && at < s.end);
            let (piece, next) = match hidden {
                Some(secret) => (MASK, self.up(secret.end).clamp(at + 1, last)),
                None => {
                    let next = at + self.text[at..].chars().next().map_or(1, char::len_utf8);
                    (&self.text[at..next], next)
                }
            };
            let count = piece.chars().count();
            if next <= start {
                excerpt.before += count;
            } else if at < mark_end {
                excerpt.marked += count;
            }
            excerpt.text.push_str(piece);
            at = next;
        }
        let to = self.place(mark_end.max(start));
        (from, to, cut(excerpt))
    }

    /// The nearest boundary of characters at or behind `at`.
    fn up(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        at
    }
}

/// Cuts a long line around what is meant.
fn cut(excerpt: Excerpt) -> Excerpt {
    let all = excerpt.text.chars().count();
    let before = excerpt.before.min(all);
    if all <= EXCERPT_MAX {
        return Excerpt { before, ..excerpt };
    }
    let from = before.saturating_sub(EXCERPT_MAX / 3);
    let text: String = excerpt.text.chars().skip(from).take(EXCERPT_MAX).collect();
    let left = EXCERPT_MAX.saturating_sub(before - from);
    Excerpt { text, before: before - from, marked: excerpt.marked.min(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_tabs_are_one() {
        let lines = Lines::new("a: ü\n\tb: x\r\nlast");
        assert_eq!(lines.place(6), Place { line: 2, column: 1 });
        assert_eq!(lines.place(8), Place { line: 2, column: 3 });
        assert_eq!(lines.place(999), Place { line: 3, column: 5 });
        let (from, to, excerpt) = lines.excerpt(Span::new(7, 11), &[]);
        assert_eq!((from.line, from.column, to.column), (2, 2, 6));
        assert_eq!(excerpt, Excerpt { text: "\tb: x".to_owned(), before: 1, marked: 4 });
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_in_the_line() {
        let text = "key: hunter2 # x";
        let (_, _, excerpt) = Lines::new(text).excerpt(Span::new(0, 3), &[Span::new(5, 12)]);
        assert_eq!(excerpt.text, "key: *** # x");
        let (_, _, excerpt) = Lines::new(text).excerpt(Span::new(5, 12), &[Span::new(5, 12)]);
        assert_eq!((excerpt.text.as_str(), excerpt.before, excerpt.marked), ("key: *** # x", 5, 3));
    }

    #[test]
    fn a_document_of_one_line_is_cut_around_what_is_meant() {
        let text = format!("{}HERE{}", "x".repeat(5000), "y".repeat(5000));
        let (_, _, excerpt) = Lines::new(&text).excerpt(Span::new(5000, 5004), &[]);
        assert_eq!(excerpt.text.chars().skip(excerpt.before).take(excerpt.marked).collect::<String>(), "HERE");
        assert!(excerpt.text.chars().count() <= EXCERPT_MAX);
    }
}
