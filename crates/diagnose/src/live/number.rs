//! Live starts as rows of the exits: what says best when an attempt began, how it ended, and which
//! rows of a log are its own.

use super::Start;
use tminus_core::exits::{Exit, Exits};

/// A live start and a row of the exits file are one when they overlap within this, milliseconds.
const SLACK_MS: i64 = 2_000;

/// The exits with the live starts among them.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// All rows: those that were given, completed, and one for each further start.
    pub(crate) exits: Exits,
    /// Per start: the index of its row.
    pub(crate) rows: Vec<usize>,
}

/// Gives every start (oldest first) its row: one that was given and is about it, or a new one.
pub(crate) fn number(starts: &[Start], given: Option<Exits>) -> Numbered {
    let source = starts.first().map_or_else(String::new, |start| start.source.clone());
    let mut exits = given.unwrap_or(Exits { source, attempts: Vec::new() });
    let mut rows: Vec<usize> = Vec::new();
    for start in starts {
        let taken = |index: &usize| rows.contains(index);
        let known = (0..exits.attempts.len()).find(|index| !taken(index) && same(&exits.attempts[*index], start));
        let index = known.unwrap_or_else(|| {
            let attempt = exits.attempts.iter().map(|exit| exit.attempt).max().unwrap_or(0).saturating_add(1);
            exits.attempts.push(Exit {
                attempt,
                started: None,
                ended: None,
                exit_code: None,
                signal: None,
                revision: None,
                instance: None,
                reason: None,
            });
            exits.attempts.len() - 1
        });
        complete(&mut exits.attempts[index], start);
        rows.push(index);
    }
    Numbered { exits, rows }
}

/// Is a row that was given about this start?
fn same(exit: &Exit, start: &Start) -> bool {
    let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
    let (Some(from), Some(to)) = (start.began, start.until.at.or(start.began)) else { return false };
    let Some(started) = exit.started.or(exit.ended) else { return false };
    let ended = exit.ended.map_or(i64::MAX, |ended| ended.as_millisecond().saturating_add(SLACK_MS));
    let overlaps = started.as_millisecond() - SLACK_MS <= to.as_millisecond() && from.as_millisecond() <= ended;
    overlaps && agree(&exit.instance, &start.instance) && agree(&exit.revision, &start.revision)
}

/// What was measured counts for more than what a row was given.
fn complete(exit: &mut Exit, start: &Start) {
    exit.started = start.began.or(exit.started);
    exit.ended = start.until.at.or(exit.ended);
    if start.child.exited.is_some() {
        (exit.exit_code, exit.signal) = (start.child.code, start.child.signal.clone());
    }
    exit.reason = start.child.reason.clone().or(exit.reason.take());
    exit.revision = start.revision.clone().or(exit.revision.take());
    exit.instance = start.instance.clone().or(exit.instance.take());
}
