//! Rust panics in their old and new form, and the reports of anyhow, eyre and color-eyre.

use super::frame::{contains_any, split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation};

/// `thread 'main' panicked at ...`: what stands behind.
fn panicked(text: &str) -> Option<&str> {
    let rest = text.trim().strip_prefix("thread ")?;
    let at = rest.find(" panicked at ")?;
    Some(&rest[at + " panicked at ".len()..])
}

/// `   0: text` or `    0  text`: number and text.
fn numbered(text: &str) -> Option<(usize, &str)> {
    let row = text.trim_start();
    let digits = row.bytes().take_while(u8::is_ascii_digit).count();
    let rest = row[digits..].strip_prefix(": ")?;
    let number = row[..digits].parse().ok()?;
    (row.len() < text.len()).then_some((number, rest))
}

/// `at src/main.rs:1:2` below the name of a call.
fn is_position(text: &str) -> bool {
    let Some(source) = text.trim().strip_prefix("at ") else {
        return false;
    };
    let (file, number) = split_position(source);
    text.starts_with("      ") && number.is_some() && file.ends_with(".rs")
}

/// A panic, the list of causes of a report, or a backtrace whose head is missing.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |state| Joiner { state };
    let text = row.trimmed;
    if let Some(rest) = panicked(row.text) {
        let old = rest.starts_with('\'');
        return Start::here(joiner(if old { State::Notes } else { State::First }));
    }
    if text == "Caused by:" && !row.columned() {
        return Start::from(Head::Paragraph, joiner(State::List));
    }
    if text == "Error:" {
        return Start::here(joiner(State::Report));
    }
    if is_position(row.text) {
        return Start::from(Head::Function, joiner(State::Backtrace));
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The panic's message comes next.
    First,
    /// The message may go on until a note or a backtrace comes.
    Message,
    /// After the old form's only row.
    Notes,
    Backtrace,
    /// After `Caused by:` or `Location:`: indented rows.
    List,
    /// After the `Error:` of color-eyre: a numbered list must come.
    Report,
}

struct Joiner {
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        let text = row.trimmed;
        let next = match self.state {
            _ if starts_with_any(
                text,
                &["note: run with `RUST_BACKTRACE", "note: Some details are omitted", "note: we would appreciate"],
            ) =>
            {
                Some(State::Notes)
            }
            _ if is_backtrace(text) => Some(State::Backtrace),
            State::First if row.fresh || panicked(row.text).is_some() => None,
            State::First => Some(State::Message),
            State::Message if row.fresh || panicked(row.text).is_some() => None,
            State::Message if row.indent() > 0 => Some(State::Message),
            State::Message => return Step::Hold,
            State::Notes => None,
            State::Backtrace if numbered(row.text).is_some() || is_position(row.text) => Some(State::Backtrace),
            State::Backtrace => None,
            State::List | State::Report if text == "Caused by:" || is_heading(text) => Some(State::List),
            State::List if row.indent() > 0 && !row.fresh => Some(State::List),
            State::Report => numbered(row.text).map(|_| State::List),
            State::List => None,
        };
        match next {
            Some(next) => {
                self.state = next;
                Step::Join
            }
            None => Step::End,
        }
    }

    fn confirmed(&self) -> bool {
        self.state != State::Report
    }
}

/// What a list of errors begins with.
fn is_list(text: &str) -> bool {
    matches!(text, "Caused by:" | "Error:")
}

fn is_backtrace(text: &str) -> bool {
    matches!(text, "stack backtrace:" | "Stack backtrace:")
}

/// What stands in a report between its lists.
fn is_heading(text: &str) -> bool {
    matches!(text, "Location:" | "Suggestion:") || contains_any(text, &["━━ BACKTRACE ━━", "Backtrace omitted."])
}

/// The panic, or the errors of a report.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    if rows.iter().any(|row| panicked(row.text).is_some()) {
        return panic(rows);
    }
    let listed = rows.iter().any(|row| is_list(row.trimmed));
    if listed { report(rows) } else { backtrace_only(rows) }
}

fn panic(rows: &[Row]) -> Option<Chain> {
    let at = rows.iter().position(|row| panicked(row.text).is_some())?;
    let rest = panicked(rows[at].text)?;
    let mut link = match rest.strip_prefix('\'') {
        // The old form: `'message', src/main.rs:1:2`.
        Some(quoted) => {
            let (message, source) = quoted.rsplit_once("', ").unwrap_or((quoted, ""));
            let mut link = Link::new("panic", message, at..at + 1);
            let (file, number) = split_position(source);
            if number.is_some() {
                link.call(Frame::new(at, "", file, number, place("", file)), false);
            }
            link
        }
        None => new_form(rows, at, rest),
    };
    calls(rows, &mut link);
    let complete = !link.whole.is_empty();
    Chain::new(Language::Rust, vec![link], !complete)
}

/// `thread 'main' panicked at src/main.rs:1:2:` with the message below.
fn new_form(rows: &[Row], at: usize, rest: &str) -> Link {
    let (file, number) = split_position(rest.trim_end_matches(':'));
    let mut link = Link::new("panic", "", at..at + 1);
    let ends = |row: &Row| starts_with_any(row.trimmed, &["note: ", "stack backtrace:"]);
    let message: Vec<_> = (at + 1..rows.len()).take_while(|row| !ends(&rows[*row])).collect();
    for row in message {
        if link.whole.is_empty() && !rows[row].blank() {
            // The message is what to cite, not the row above it.
            link = Link::new("panic", rows[row].text, row..row + 1);
        } else {
            link.go_on(row, rows[row].text);
        }
    }
    let frame = Frame::new(at, "", file, number, place("", file));
    link.call(frame, false);
    link
}

/// `Error: outer`, then the numbered causes; or color-eyre's list that begins with the outermost.
fn report(rows: &[Row]) -> Option<Chain> {
    let heading = rows.iter().position(|row| is_list(row.trimmed))?;
    let mut links = Vec::new();
    if rows[heading].trimmed == "Caused by:" {
        links.extend(outermost(rows, heading));
    }
    let headed = rows[heading].trimmed == "Error:" || !links.is_empty();
    let after = |row: &Row| is_heading(row.trimmed) || is_backtrace(row.trimmed);
    let list = rows.iter().enumerate().skip(heading + 1);
    let list = list.take_while(|(_, row)| !after(row));
    for (step, (at, row)) in list.filter(|(_, row)| !row.blank()).enumerate() {
        match (numbered(row.text), links.last_mut()) {
            (Some((_, message)), _) => links.push(Link::new("", message, at..at + 1)),
            (None, Some(link)) if step > 0 => link.go_on(at, row.text),
            // A single cause has no number.
            (None, _) => links.push(Link::new("", row.trimmed, at..at + 1)),
        }
    }
    for (at, link) in links.iter_mut().enumerate().skip(1) {
        link.outer = Some(at - 1);
        link.relation = Some(Relation::CausedBy);
    }
    if let Some(root) = links.last_mut() {
        calls(rows, root);
        location(rows, root);
    }
    Chain::new(Language::Rust, links, !headed)
}

/// What stands above `Caused by:`, from the last row that begins with `Error: ` on; without one,
/// the row above.
fn outermost(rows: &[Row], heading: usize) -> Option<Link> {
    let spoken = |at: &usize| !rows[*at].blank();
    let above = || (0..heading).rev().filter(spoken);
    let first = above().find(|at| rows[*at].trimmed.starts_with("Error: ")).or_else(|| above().next())?;
    let message = rows[first].trimmed.trim_start_matches("Error: ");
    let mut link = Link::new("", message, first..first + 1);
    for (at, row) in rows.iter().enumerate().take(heading).skip(first + 1) {
        link.go_on(at, row.text);
    }
    Some(link)
}

/// eyre's `Location:` and the position below it.
fn location(rows: &[Row], link: &mut Link) {
    let Some(at) = rows.iter().position(|row| row.trimmed == "Location:") else {
        return;
    };
    if let Some(row) = rows.get(at + 1) {
        let (file, number) = split_position(row.trimmed);
        if number.is_some() {
            link.call(Frame::new(at + 1, "", file, number, place("", file)), false);
        }
    }
}

/// Calls whose head is missing.
fn backtrace_only(rows: &[Row]) -> Option<Chain> {
    let mut link = Link::new("", "", 0..1);
    calls(rows, &mut link);
    let found = link.deepest.is_some();
    Chain::new(Language::Rust, Vec::from_iter(found.then_some(link)), true)
}

/// The calls of a backtrace, innermost first.
fn calls(rows: &[Row], link: &mut Link) {
    let begin = rows.iter().position(|row| is_backtrace(row.trimmed));
    for (at, row) in rows.iter().enumerate().skip(begin.map_or(0, |begin| begin + 1)) {
        let Some((_, function)) = numbered(row.text) else {
            continue;
        };
        let position = rows.get(at + 1).filter(|row| is_position(row.text));
        if begin.is_none() && position.is_none() {
            continue;
        }
        let source = position.map_or("", |row| row.trimmed.trim_start_matches("at "));
        let (file, number) = split_position(source);
        link.call(Frame::new(at, function, file, number, place(function, file)), false);
    }
}

/// Does a call name a type of a crate outside of the standard library, or only such types?
fn of_library(function: &str) -> bool {
    let names = function.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')));
    let standard = ["std::", "core::", "alloc::", "__rustc", "rust_"];
    names.skip(1).any(|name| name.contains("::") && !name.starts_with(':') && !starts_with_any(name, &standard))
}

fn place(function: &str, file: &str) -> Place {
    let runtime = [
        "std::",
        "core::",
        "alloc::",
        "rust_begin_unwind",
        "__rust",
        "<core::",
        "<alloc::",
        "<std::",
        "__libc_start",
        "_start",
        "main",
        "__rustc",
    ];
    // `unwrap<redis::Connection, redis::RedisError>`: the standard library's code, a library's types.
    if function.contains('<') && file.starts_with("/rustc/") && of_library(function) {
        return Place::ThirdParty;
    }
    if file.starts_with("/rustc/")
        || file.contains("/rustlib/")
        || starts_with_any(function, &runtime) && function != "main::main"
    {
        return Place::Runtime;
    }
    if contains_any(file, &["/.cargo/registry/", "/.cargo/git/", "/registry/src/", "/vendor/"]) {
        return Place::ThirdParty;
    }
    // Without a file only the crate's name tells; these carry futures and servers everywhere.
    let crates = [
        "tokio::",
        "hyper::",
        "axum::",
        "actix_",
        "tower::",
        "futures_",
        "sqlx_",
        "sqlx::",
        "tokio_postgres::",
        "<tokio::",
    ];
    if file.is_empty() && starts_with_any(function, &crates) {
        return Place::ThirdParty;
    }
    Place::Application
}
