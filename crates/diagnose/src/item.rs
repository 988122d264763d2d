//! Joins the rows of a lane into items and reads each of them: one item is one message, or one
//! failure text of many rows, with what the catalogue and the chain parser say about it.

use crate::catalogue::{Catalogue, Hit, Mark};
use crate::chain::{self, Chain, Line};
use crate::order::Row;
use crate::wording::BREATH_MS;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tminus_core::Timestamp;
use tminus_core::record::Stream;
use tminus_core::vocabulary::Severity;

/// One message of a lane.
#[derive(Debug)]
pub struct Item<'r> {
    /// Its text, rows joined by `\n`.
    pub text: Cow<'r, str>,
    /// Where each row begins in the text: (offset, index of the row).
    pub pieces: Vec<(usize, usize)>,
    /// When its first row was written.
    pub at: Option<Timestamp>,
    /// Its moment is that of a row before it: it has none of its own.
    pub inherited: bool,
    /// When its last row was written.
    pub until: Option<Timestamp>,
    /// Highest severity of its rows.
    pub severity: Option<Severity>,
    /// Which stream.
    pub stream: Stream,
    /// The failure chain, when it is one.
    pub chain: Option<Chain>,
    /// What the catalogue says.
    pub hits: Vec<Hit>,
    /// Kinds of its markers.
    pub marks: Vec<Mark>,
}

impl Item<'_> {
    /// Index of its first row.
    pub fn first_row(&self) -> usize {
        self.pieces[0].1
    }

    /// Where the row that holds byte `offset` of the text begins in it, and the row's index.
    pub fn piece_at(&self, offset: usize) -> (usize, usize) {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        self.pieces[after.saturating_sub(1)]
    }

    /// The line of the text around byte `offset`.
    pub fn line_at(&self, offset: usize) -> &str {
        let offset = offset.min(self.text.len());
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[offset..].find('\n').map_or(self.text.len(), |at| offset + at);
        &self.text[start..end]
    }

    /// The `index`th line of the text and its offset.
    pub fn line(&self, index: usize) -> (usize, &str) {
        let mut offset = 0;
        for (i, line) in self.text.split('\n').enumerate() {
            if i == index {
                return (offset, line);
            }
            offset += line.len() + 1;
        }
        (0, self.text.split('\n').next().unwrap_or(""))
    }

    /// Does it carry this marker?
    pub fn is(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }
}

/// Items of one lane in order. `cuts` are moments at which an attempt is known to begin.
pub fn items<'r>(rows: &'r [Row], lane: &[usize], cuts: &[Timestamp], catalogue: &Catalogue) -> Vec<Item<'r>> {
    let mut streams: BTreeMap<Stream, Vec<usize>> = BTreeMap::new();
    for &row in lane {
        if !rows[row].record.text.is_empty() || rows[row].record.detail.request.is_some() {
            streams.entry(rows[row].record.stream).or_default().push(row);
        }
    }
    let mut items: Vec<Item<'r>> = Vec::new();
    for (stream, indices) in streams {
        match stream {
            // What the platform writes is never part of a traceback.
            Stream::Platform | Stream::Request => {
                items.extend(indices.iter().map(|&row| item(rows, &[row], stream, catalogue)));
            }
            _ => {
                for block in join(rows, &indices, cuts) {
                    items.push(item(rows, &block, stream, catalogue));
                }
            }
        }
    }
    items.sort_by_key(Item::first_row);
    items
}

/// Groups rows of one stream into failure texts and single messages.
fn join(rows: &[Row], indices: &[usize], cuts: &[Timestamp]) -> Vec<Vec<usize>> {
    let mut lines: Vec<Line> = Vec::with_capacity(indices.len());
    let mut owner: Vec<usize> = Vec::with_capacity(indices.len());
    let mut last: Option<Timestamp> = None;
    // Nothing is joined across the beginning of an attempt.
    let mut segments: Vec<usize> = Vec::new();
    for &row in indices {
        let record = &rows[row].record;
        let at = rows[row].at;
        let elapsed_ms = match (last, at) {
            (Some(last), Some(at)) => u64::try_from(at.as_millisecond() - last.as_millisecond()).ok(),
            _ => None,
        };
        let cut = cuts.iter().any(|cut| last.is_some_and(|last| last < *cut) && at.is_some_and(|at| at >= *cut));
        // An entry of a structured log that carries a level is a message of its own.
        let own = record.severity.is_some() || record.text.contains('\n');
        if cut {
            segments.push(lines.len());
        }
        for (i, text) in record.text.split('\n').enumerate() {
            lines.push(Line {
                text,
                boundary: i == 0 && (cut || own),
                elapsed_ms: if i == 0 { elapsed_ms } else { Some(0) },
            });
            owner.push(row);
        }
        last = at.or(last);
    }
    segments.push(lines.len());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut from = 0;
    let segment = |to: usize| {
        let start = std::mem::replace(&mut from, to);
        chain::blocks(&lines[start..to])
            .into_iter()
            .map(move |block| block.range.start + start..block.range.end + start)
    };
    for range in segments.into_iter().flat_map(segment) {
        let mut group: Vec<usize> = owner[range].to_vec();
        group.dedup();
        if let Some(before) = groups.last_mut()
            && (is_report(rows, before, group[0]) || tells_cause(rows, before, group[0]))
        {
            before.extend(group);
            continue;
        }
        // A row is never torn: what begins inside a row belongs to the item that has the row.
        match groups.last_mut() {
            Some(before) if before.last() == group.first() => {
                before.extend(group.into_iter().skip(1));
            }
            _ => groups.push(group),
        }
    }
    groups
}

/// Reports of several plain rows that programs write in one go: how the first row begins, how many
/// rows there are at most, and how the others begin (none: in any way).
const REPORTS: &[(&str, usize, &[&str])] = &[
    ("*** FATAL CONFIG FILE ERROR", 4, &[]),
    ("Reading the configuration file, at line", 3, &[]),
    ("Picked up JAVA_TOOL_OPTIONS", 2, &["Unrecognized ", "Invalid ", "Error"]),
    ("Picked up _JAVA_OPTIONS", 2, &["Unrecognized ", "Invalid ", "Error"]),
    ("NOTE: Picked up JDK_JAVA_OPTIONS", 2, &["Unrecognized ", "Invalid ", "Error"]),
    // Python's faulthandler, when its timer fires.
    ("Timeout (", 60, &["Thread 0x", "  File "]),
];

/// Does `next` go on with the report that `group` began?
fn is_report(rows: &[Row], group: &[usize], next: usize) -> bool {
    let text = |row: usize| rows[row].record.text.as_str();
    REPORTS.iter().any(|(head, most, others)| {
        let goes_on = others.is_empty() || others.iter().any(|other| text(next).starts_with(other));
        group.len() < *most && text(group[0]).starts_with(head) && goes_on
    })
}

/// `  caused by: ...` in a row of its own: loggers that print each error of a chain as an entry.
fn tells_cause(rows: &[Row], group: &[usize], next: usize) -> bool {
    let message = chain::message_of(&rows[next].record.text).trim_start();
    let caused = message.get(..10).is_some_and(|head| head.eq_ignore_ascii_case("caused by:"));
    let (before, after) = (group.last().map(|&row| &rows[row]), &rows[next]);
    let soon = before.is_some_and(|before| match (before.at, after.at) {
        (Some(before), Some(after)) => after.as_millisecond() - before.as_millisecond() <= BREATH_MS,
        _ => true,
    });
    caused
        && soon
        && before.is_some_and(|before| before.record.severity >= after.record.severity.min(Some(Severity::Error)))
}

fn item<'r>(rows: &'r [Row], group: &[usize], stream: Stream, catalogue: &Catalogue) -> Item<'r> {
    let mut pieces = Vec::with_capacity(group.len());
    let text: Cow<'r, str> = if let [row] = group {
        pieces.push((0, *row));
        Cow::Borrowed(rows[*row].record.text.as_str())
    } else {
        let mut text = String::new();
        for (i, &row) in group.iter().enumerate() {
            if i > 0 {
                text.push('\n');
            }
            pieces.push((text.len(), row));
            text.push_str(&rows[row].record.text);
        }
        Cow::Owned(text)
    };
    let hits = catalogue.scan(&text);
    let mut marks: Vec<Mark> =
        hits.iter().filter_map(|hit| hit.marker()).map(|marker| catalogue.marker(marker).marks).collect();
    marks.sort_unstable();
    marks.dedup();
    let chain = match stream {
        Stream::Platform | Stream::Request => None,
        _ => chain::parse(&text.split('\n').collect::<Vec<_>>()),
    };
    Item {
        pieces,
        at: rows[group[0]].at,
        inherited: rows[group[0]].record.at.is_none(),
        until: rows[*group.last().unwrap_or(&group[0])].at,
        severity: group.iter().filter_map(|&row| rows[row].record.severity).max(),
        stream,
        chain,
        hits,
        marks,
        text,
    }
}
