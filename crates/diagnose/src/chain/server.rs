//! Messages of the Postgres server with their DETAIL and HINT rows, and the messages of its client
//! library that go on behind a tab.

use super::frame::starts_with_any;
use super::grow::{Grow, Start};
use super::row::{Row, Step};
use super::stamp::stamp;
use super::{Chain, Language, Link};

const FAILURES: [&str; 3] = ["ERROR", "FATAL", "PANIC"];
/// These are failures only when the server has advice about them.
const NOTES: [&str; 2] = ["LOG", "WARNING"];
const FOLLOWERS: [&str; 6] = ["DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"];

/// A row of the server: what stands before its tag, the tag, the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said<'t> {
    /// The prefix without its stamp: the same for all rows of one message.
    writer: &'t str,
    tag: &'t str,
    text: &'t str,
}

/// Takes a row of the server apart: a tag in capitals, a colon and two spaces.
fn said<'t>(row: &Row<'t>) -> Option<Said<'t>> {
    if !row.signs.tag {
        return None;
    }
    let line = row.line;
    let spaced = |at: &usize| line[*at..].starts_with(":  ");
    let at = line.match_indices(':').map(|(at, _)| at).find(spaced)?;
    let text = &line[at + 3..];
    let start = line[..at].trim_end_matches(|c: char| c.is_ascii_uppercase()).len();
    let tag = &line[start..at];
    let known = FAILURES.contains(&tag) || NOTES.contains(&tag) || FOLLOWERS.contains(&tag);
    if !known || text.starts_with(' ') || text.is_empty() {
        return None;
    }
    let prefix = &line[..start];
    let stamped = stamp(prefix).unwrap_or(0);
    Some(Said { writer: prefix[stamped..].trim(), tag, text })
}

/// A message of the client library, which names the server it tried.
fn is_client(row: &Row) -> bool {
    if !row.signs.connection {
        return false;
    }
    let tried = [
        "connection to server at ",
        "connection to server on socket ",
        "could not connect to server: ",
        "could not translate host name ",
    ];
    let mut starts = row.line.match_indices('c').map(|(at, _)| at);
    starts.any(|at| starts_with_any(&row.line[at..], &tried))
}

/// A message that more rows may follow.
pub(super) fn start(row: &Row) -> Option<Start> {
    if let Some(said) = said(row).filter(|said| !FOLLOWERS.contains(&said.tag)) {
        return Start::here(Joiner { writer: Some(said.writer.to_string()), note: NOTES.contains(&said.tag), rows: 1 });
    }
    if is_client(row) {
        return Start::here(Joiner { writer: None, note: false, rows: 1 });
    }
    None
}

struct Joiner {
    /// Who wrote the server's row; none for the client library.
    writer: Option<String>,
    /// The first row was no failure: only advice makes it one.
    note: bool,
    rows: usize,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        let joins = match (&self.writer, said(row)) {
            (Some(writer), Some(said)) => {
                let advice = !self.note || self.rows > 1 || said.tag == "HINT";
                said.writer == writer && FOLLOWERS.contains(&said.tag) && advice
            }
            // psql and drivers print the rest of a server's message without its prefix.
            (None, Some(said)) => FOLLOWERS.contains(&said.tag) && said.writer.is_empty(),
            (Some(_), None) => !row.fresh && !self.note && is_rest(row),
            (None, None) => !row.fresh && !row.late && (row.line.starts_with('\t') || is_client(row)),
        };
        if joins {
            self.rows += 1;
            return Step::Join;
        }
        Step::End
    }

    fn confirmed(&self) -> bool {
        self.rows > 1
    }
}

/// The rest of a statement behind a tab, or psql's excerpt of it with the mark below.
fn is_rest(row: &Row) -> bool {
    let mark = row.indent() > 0 && row.trimmed == "^";
    row.line.starts_with('\t') || starts_with_any(row.text, &["LINE "]) || mark
}

/// The message, its further rows as part of it.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let begins = |row: &Row| said(row).is_some_and(|said| !FOLLOWERS.contains(&said.tag)) || is_client(row);
    let first = rows.iter().position(begins)?;
    let mut link = match said(&rows[first]) {
        Some(said) => Link::new(said.tag, said.text, first..first + 1),
        None => Link::new("", rows[first].trimmed, first..first + 1),
    };
    for (at, row) in rows.iter().enumerate().skip(first + 1) {
        match said(row) {
            Some(said) => link.go_on(at, &format!("{}: {}", said.tag, said.text)),
            None => link.go_on(at, row.text),
        }
    }
    if link.lines.len() < 2 {
        return None;
    }
    Chain::new(Language::Postgres, vec![link], false)
}
