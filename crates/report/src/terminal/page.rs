//! Lines of a terminal: encoding, widths, wrapping, cutting, colours, and the limit on lines.
//!
//! The only ways of adding text encode it first, so that no caller can forget to.

use super::{LINES_MAX, Style, WIDTH_MAX, WIDTH_MIN};
use crate::encode;
use unicode_width::UnicodeWidthChar;

/// Columns that labels take; texts start after them.
pub(crate) const INDENT: usize = 7;

/// Fewer columns than these are left empty rather than begun with a piece of a long word.
const BREAK_MIN: usize = 16;

/// How a stretch of a line is shown when colours are wanted. The words say the same without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Label,
    Bad,
    Good,
    Warn,
    Dim,
}

impl Paint {
    fn sgr(self) -> &'static str {
        match self {
            Paint::Plain => "",
            Paint::Label => "\x1b[1m",
            Paint::Bad => "\x1b[1;31m",
            Paint::Good => "\x1b[1;32m",
            Paint::Warn => "\x1b[33m",
            Paint::Dim => "\x1b[2m",
        }
    }
}

/// One line of spans that are already encoded and measured.
#[derive(Default)]
pub(crate) struct Line {
    spans: Vec<(Paint, String)>,
    /// A heading makes no sense as the last line of its section.
    heading: bool,
}

impl Line {
    pub(crate) fn heading(mut self) -> Line {
        self.heading = true;
        self
    }

    fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| width(text)).sum()
    }
}

/// Lines that belong together.
pub(crate) struct Section {
    lines: Vec<Line>,
    /// Lines that stay when the page gets too long.
    keep: usize,
    /// An empty line stands before it.
    pub(crate) apart: bool,
}

impl Section {
    pub(crate) fn new(lines: Vec<Line>, keep: usize) -> Section {
        Section { lines, keep, apart: false }
    }

    pub(crate) fn apart(mut self) -> Section {
        self.apart = true;
        self
    }

    fn surplus(&self) -> usize {
        self.lines.len().saturating_sub(self.keep)
    }
}

/// Makes lines of a style.
pub(crate) struct Page {
    pub(crate) width: usize,
    ascii: bool,
    color: bool,
    full: bool,
}

impl Page {
    pub(crate) fn new(style: &Style) -> Page {
        Page {
            width: style.width.clamp(WIDTH_MIN, WIDTH_MAX),
            ascii: style.ascii,
            color: style.color,
            full: style.full,
        }
    }

    /// Columns right of the labels.
    pub(crate) fn room(&self) -> usize {
        self.width - INDENT
    }

    /// The text as it may be shown.
    pub(crate) fn show(&self, text: &str) -> String {
        if self.ascii { encode::ascii(text) } else { encode::terminal(text) }
    }

    /// True when the text fits on a line of its own.
    pub(crate) fn fits(&self, text: &str) -> bool {
        width(&self.show(text)) <= self.width
    }

    /// The text in at most `room` columns, cut at its end.
    pub(crate) fn fit(&self, text: &str, room: usize) -> String {
        let text = self.show(text);
        if width(&text) <= room {
            return text;
        }
        let dots = self.dots();
        if room < width(dots) {
            return String::new();
        }
        let mut kept = prefix(&text, room.saturating_sub(width(dots))).trim_end().to_owned();
        kept.push_str(dots);
        kept
    }

    /// The text in at most `room` columns, cut in its middle: identifiers differ at their ends.
    pub(crate) fn fit_middle(&self, text: &str, room: usize) -> String {
        let text = self.show(text);
        if width(&text) <= room {
            return text;
        }
        let dots = self.dots();
        if room < width(dots) {
            return String::new();
        }
        let left = room - width(dots);
        let tail = left / 2;
        format!("{}{dots}{}", prefix(&text, left - tail), suffix(&text, tail))
    }

    /// The part of the text that fits, around the first place where `about` stands.
    pub(crate) fn fit_around(&self, text: &str, about: &str, room: usize) -> String {
        let (text, about) = (self.show(text), self.show(about));
        let at = if about.is_empty() { None } else { text.find(&about) };
        match at {
            Some(at) if width(&text[..at + about.len()]) > room => {
                let dots = self.dots();
                let before = suffix(&text[..at], room / 3);
                let rest = format!("{before}{}", &text[at..]);
                format!("{dots}{}", self.fit(&rest, room.saturating_sub(width(dots))))
            }
            _ => self.fit(&text, room),
        }
    }

    /// As many clauses as fit on one line right of the labels; the first one always, cut if need be.
    pub(crate) fn clauses(&self, clauses: &[String]) -> String {
        let mut text = clauses.first().map(|c| self.fit(c, self.room())).unwrap_or_default();
        for clause in clauses.iter().skip(1) {
            let longer = format!("{text}; {}", self.show(clause));
            if width(&longer) <= self.room() {
                text = longer;
            }
        }
        text
    }

    /// One line under a label (or under none), cut at its end.
    pub(crate) fn one(&self, label: &str, text: &str) -> Line {
        self.line(label, vec![(Paint::Plain, self.fit(text, self.room()))])
    }

    /// A paragraph whose further lines are indented by so many columns more.
    pub(crate) fn hanging(&self, label: &str, text: &str, further: usize, most: usize) -> Vec<Line> {
        let most = if self.full { usize::MAX } else { most };
        let wrapped = wrap(&self.show(text), self.room(), self.room() - further);
        let cut = wrapped.len() > most;
        let mut lines: Vec<Line> = Vec::new();
        for (i, text) in wrapped.into_iter().take(most).enumerate() {
            let (label, pad) = if i == 0 { (label, 0) } else { ("", further) };
            let text = if cut && i + 1 == most {
                self.fit(&format!("{text} {}", self.dots()), self.room() - pad)
            } else {
                text
            };
            lines.push(self.line(label, vec![(Paint::Plain, format!("{}{text}", " ".repeat(pad)))]));
        }
        lines
    }

    /// The text in lines of at most `room` columns.
    pub(crate) fn wrapped(&self, text: &str, room: usize) -> Vec<String> {
        wrap(&self.show(text), room, room)
    }

    /// Items under one label, each beginning on a line of its own.
    pub(crate) fn items(&self, label: &str, items: &[String], most_items: usize, most_lines: usize) -> Vec<Line> {
        let most_items = if self.full { usize::MAX } else { most_items };
        let mut lines = Vec::new();
        for (i, item) in items.iter().take(most_items).enumerate() {
            lines.extend(self.hanging(if i == 0 { label } else { "" }, item, 2, most_lines));
        }
        if let (Some(more), Some(last)) = (items.len().checked_sub(most_items).filter(|n| *n > 0), lines.last_mut()) {
            self.append(last, &format!("  (+{more} more)"));
        }
        lines
    }

    /// A line of spans that are already encoded; the label takes its columns. What would not fit is cut.
    pub(crate) fn line(&self, label: &str, spans: Vec<(Paint, String)>) -> Line {
        let mut line = Line::default();
        line.spans.push((Paint::Label, format!("{label:<INDENT$}")));
        self.extend(&mut line, spans);
        line
    }

    /// A line without room for a label.
    pub(crate) fn bare(&self, spans: Vec<(Paint, String)>) -> Line {
        let mut line = Line::default();
        self.extend(&mut line, spans);
        line
    }

    fn extend(&self, line: &mut Line, spans: Vec<(Paint, String)>) {
        for (paint, text) in spans {
            let room = self.width.saturating_sub(line.width());
            line.spans.push((paint, if width(&text) > room { self.fit(&text, room) } else { text }));
        }
    }

    /// Adds to the end of a line if it fits there.
    fn append(&self, line: &mut Line, text: &str) {
        let text = self.show(text);
        if line.width() + width(&text) <= self.width {
            line.spans.push((Paint::Dim, text));
        }
    }

    pub(crate) fn dots(&self) -> &'static str {
        if self.ascii { ".." } else { "…" }
    }

    /// Adds to the last line if it fits there, else as a line of its own.
    pub(crate) fn append_or_line(&self, lines: &mut Vec<Line>, text: &str) {
        match lines.last_mut() {
            Some(last) if last.width() + 3 + width(text) <= self.width => {
                last.spans.push((Paint::Dim, format!("   {}", self.show(text))));
            }
            _ => lines.push(self.line("", vec![(Paint::Dim, self.fit(text, self.room()))])),
        }
    }

    /// All sections as text; without `full`, in at most [`LINES_MAX`] lines.
    pub(crate) fn print(&self, mut sections: Vec<Section>) -> String {
        sections.retain(|section| !section.lines.is_empty());
        if !self.full {
            self.shorten(&mut sections);
        }
        let mut out = String::new();
        for section in &sections {
            if section.apart && !out.is_empty() {
                out.push('\n');
            }
            for line in &section.lines {
                self.write(&mut out, line);
            }
        }
        out
    }

    /// Takes lines from whichever section has most to spare, until the page is short enough.
    fn shorten(&self, sections: &mut [Section]) {
        let mut total: usize = sections.iter().map(|s| s.lines.len() + usize::from(s.apart)).sum();
        while total > LINES_MAX {
            let Some(section) = sections.iter_mut().rev().max_by_key(|s| s.surplus()).filter(|s| s.surplus() > 0)
            else {
                return;
            };
            let before = section.lines.len();
            section.lines.pop();
            while section.lines.len() > section.keep && section.lines.last().is_some_and(|line| line.heading) {
                section.lines.pop();
            }
            total -= before - section.lines.len();
        }
    }

    fn write(&self, out: &mut String, line: &Line) {
        // Nothing trails: a label without text leaves no padding behind.
        let last = line.spans.iter().rposition(|(_, text)| !text.trim().is_empty()).unwrap_or(0);
        for (i, (paint, text)) in line.spans.iter().take(last + 1).enumerate() {
            let text = if i == last { text.trim_end() } else { text };
            let sgr = if self.color && !text.trim().is_empty() { paint.sgr() } else { "" };
            out.push_str(sgr);
            out.push_str(text);
            if !sgr.is_empty() {
                out.push_str("\x1b[0m");
            }
        }
        out.push('\n');
    }
}

/// Columns of a text, counted by character: never less than what a terminal uses.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The longest beginning that fits in `room` columns.
fn prefix(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        if used > room {
            return &text[..at];
        }
    }
    text
}

/// The longest end that fits in `room` columns.
fn suffix(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += columns(c);
        if used > room {
            return &text[at + c.len_utf8()..];
        }
    }
    text
}

/// Breaks at spaces; a word longer than a line is broken where the line ends.
fn wrap(text: &str, first: usize, further: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        loop {
            let room = if lines.len() == 1 { first } else { further };
            let Some(line) = lines.last_mut() else {
                return lines;
            };
            let used = width(line);
            let gap = usize::from(used > 0);
            if used + gap + width(word) <= room {
                if gap > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                break;
            }
            let left = room.saturating_sub(used + gap);
            // A word that fits on no line may as well begin on this one.
            if used > 0 && (width(word) <= further || left < BREAK_MIN) {
                lines.push(String::new());
                continue;
            }
            let head = break_at(word, left);
            if head == 0 {
                if used == 0 {
                    return lines;
                }
                lines.push(String::new());
                continue;
            }
            line.push_str(if gap > 0 { " " } else { "" });
            line.push_str(&word[..head]);
            word = &word[head..];
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Where to break a long word: never before a colon, since a runner would read `::name::` at the
/// start of a line as a command. Encoding leaves at most two colons in a row and none at the start
/// of a word, so this ends at nothing only where very little room is left.
fn break_at(word: &str, room: usize) -> usize {
    let mut head = prefix(word, room);
    while word[head.len()..].starts_with(':') && !head.is_empty() {
        head = head.strip_suffix(|_| true).unwrap_or_default();
    }
    head.len()
}

/// An encoded text in at most `room` columns, cut at its end.
pub(crate) fn fit_line(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = prefix(text, room.saturating_sub(1)).trim_end().to_owned();
    kept.push('…');
    kept
}
