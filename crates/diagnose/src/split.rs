//! Cuts a lane into attempts: one lifetime of the main process each.
//!
//! The best witness is the exits file; then the platform's and the program's own words (a start
//! banner, an end); then, for programs whose words nobody knows, the first line that comes back.
//! Re-boots of a pre-fork master's workers cut nothing.

use crate::catalogue::Mark;
use crate::item::Item;
use crate::lane::LaneKey;
use std::collections::BTreeMap;
use std::ops::Range;
use tminus_core::Timestamp;
use tminus_core::exits::{Exit, Exits};
use tminus_core::record::Stream;

/// An attempt may write before the exits file says that it started, and after it says that it ended
/// (formats.md).
const SLACK_MS: i64 = 2_000;
/// A silence that can separate two attempts when nothing better is known, milliseconds.
const GAP_MS: i64 = 300;

/// Workers of one server print their banners within this time, milliseconds, or within so many lines
/// where rows have no time.
const WORKERS_MS: i64 = 1_500;
const WORKERS_LINES: usize = 4;

/// A run of items, and the exits row that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Items.
    pub items: Range<usize>,
    /// Index into the exits rows.
    pub exit: Option<usize>,
}

/// Moments at which an attempt is known to begin, for rows of `revision`.
pub fn known_starts(exits: Option<&Exits>, revision: Option<&str>) -> Vec<Timestamp> {
    let Some(exits) = exits else { return Vec::new() };
    windows(exits, revision).into_iter().map(|window| window.from).collect()
}

/// Cuts `items` of the lane `key` into attempts.
pub fn split(items: &[Item], exits: Option<&Exits>, key: &LaneKey) -> Vec<Cut> {
    if items.is_empty() {
        return Vec::new();
    }
    let named = key.instance.is_some();
    let timed = items.iter().any(|item| item.at.is_some() && !item.inherited);
    match exits {
        Some(exits) if timed => {
            let windows = windows(exits, key.revision.as_deref());
            let cuts = by_windows(items, &windows);
            if cuts.iter().any(|cut| cut.exit.is_some()) {
                return cuts;
            }
            by_words(items, None, named).into_iter().map(|items| Cut { items, exit: None }).collect()
        }
        Some(exits) => without_time(items, exits),
        None => by_words(items, None, named).into_iter().map(|items| Cut { items, exit: None }).collect(),
    }
}

/// When rows of one exits row may be written.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    exit: usize,
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    /// Does a moment fall into it?
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// When the attempts of the exits file may have written, for rows of `revision`; in order of start.
pub fn windows(exits: &Exits, revision: Option<&str>) -> Vec<Window> {
    let fits = |exit: &Exit| match (&exit.revision, revision) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let slack = jiff::SignedDuration::from_millis(SLACK_MS);
    let mut rows: Vec<(usize, Timestamp, Option<Timestamp>)> = exits
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, exit)| fits(exit))
        .filter_map(|(index, exit)| Some((index, exit.started.or(exit.ended)?, exit.ended)))
        .collect();
    rows.sort_by_key(|row| row.1);
    let mut windows: Vec<Window> = Vec::new();
    for (index, started, ended) in rows {
        // Where the slack of neighbours overlaps, the middle between an end and the next start divides.
        let mut from = started.checked_sub(slack).unwrap_or(started);
        if let Some(before) = windows.last_mut() {
            let ended_before = before.to.checked_sub(slack).unwrap_or(before.to);
            if from < before.to {
                let middle = Timestamp::from_millisecond(
                    (ended_before.as_millisecond().min(started.as_millisecond()) + started.as_millisecond()) / 2,
                );
                from = middle.unwrap_or(started);
                before.to = from;
            }
        }
        let to = ended.map_or(Timestamp::MAX, |ended| ended.checked_add(slack).unwrap_or(ended));
        windows.push(Window { exit: index, from, to });
    }
    windows
}

fn by_windows(items: &[Item], windows: &[Window]) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let exit = item.at.and_then(|at| windows.iter().rev().find(|w| w.from <= at)).and_then(|window| {
            // Late rows (a buffered last line) still belong to the attempt that they follow.
            let follows = cuts.last().is_some_and(|cut: &Cut| cut.exit == Some(window.exit));
            (item.at.is_some_and(|at| at <= window.to) || follows).then_some(window.exit)
        });
        match cuts.last_mut() {
            Some(cut) if cut.exit == exit => cut.items.end = index + 1,
            _ => cuts.push(Cut { items: index..index + 1, exit }),
        }
    }
    rows_before_the_first_stamp(items, &mut cuts);
    cuts
}

/// Rows without a time of their own at the end of a piece belong to the next one as far as they stand
/// behind the last word of the end: programs print before their logger is set up.
fn rows_before_the_first_stamp(items: &[Item], cuts: &mut [Cut]) {
    for index in 1..cuts.len() {
        let before = cuts[index - 1].items.clone();
        let run = before.clone().rev().take_while(|&i| items[i].inherited).last();
        let Some(run) = run.filter(|&run| run > before.start) else { continue };
        let ends = |item: &Item| {
            item.chain.is_some()
                || [Mark::Wrapper, Mark::Consequence, Mark::Stopping, Mark::Exited].iter().any(|mark| item.is(*mark))
        };
        if let Some(end) = (run..before.end).rev().find(|&i| ends(&items[i])) {
            cuts[index - 1].items.end = end + 1;
            cuts[index].items.start = end + 1;
        }
    }
}

/// No row has a time: the program's words decide, the number of exits rows helps, and the last
/// piece belongs to the last row, since a log that lacks something lacks its beginning.
fn without_time(items: &[Item], exits: &Exits) -> Vec<Cut> {
    let want = exits.attempts.len();
    let mut order: Vec<usize> = (0..want).collect();
    order.sort_by_key(|&index| (exits.attempts[index].started, exits.attempts[index].attempt));
    let pieces = by_words(items, Some(want), false);
    let spare = pieces.len().saturating_sub(want);
    let skip = want.saturating_sub(pieces.len());
    pieces
        .into_iter()
        .enumerate()
        .map(|(index, items)| Cut { items, exit: index.checked_sub(spare).map(|index| order[index + skip]) })
        .collect()
}

/// Cuts by what the program and the platform say; `want` is how many attempts there should be.
///
/// A silence alone separates attempts only where nothing else can: rows that name their instance
/// come from a platform that also says when it starts and ends one.
fn by_words(items: &[Item], want: Option<usize>, named: bool) -> Vec<Range<usize>> {
    let known = by_markers(items);
    let enough = |cuts: &[usize]| want.is_none_or(|want| cuts.len() + 1 == want);
    if !known.is_empty() && enough(&known) {
        return ranges(items.len(), &known);
    }
    let recurring = by_recurrence(items, want, !named);
    let best = if known.is_empty() || (enough(&recurring) && !recurring.is_empty()) { recurring } else { known };
    ranges(items.len(), &best)
}

fn ranges(len: usize, cuts: &[usize]) -> Vec<Range<usize>> {
    let mut from = 0;
    let mut out = Vec::new();
    for &cut in cuts.iter().chain(std::iter::once(&len)) {
        if cut > from {
            out.push(from..cut);
            from = cut;
        }
    }
    out
}

/// Indices at which a new attempt begins, by markers: the first word after an end, or a start banner
/// that comes back, unless it is the next worker's.
fn by_markers(items: &[Item]) -> Vec<usize> {
    let mut cuts = Vec::new();
    let mut begun = 0;
    let mut banners: Vec<(u64, usize)> = Vec::new();
    let mut ended = false;
    for (index, item) in items.iter().enumerate() {
        let program = !matches!(item.stream, Stream::Platform | Stream::Request);
        if item.is(Mark::Exited) || item.is(Mark::RestartScheduled) {
            ended = true;
            continue;
        }
        let platform_start = item.is(Mark::PlatformStarting) && index > begun;
        let banner = item.is(Mark::Start);
        let kind = if banner { shape(&item.text) } else { 0 };
        let before = banners.iter().rev().find(|(seen, _)| banner && *seen == kind).map(|(_, at)| *at);
        if (ended && (program || platform_start)) || (platform_start && !banners.is_empty()) {
            cuts.push(index);
            (begun, ended) = (index, false);
            banners.clear();
        } else if banner && before.is_some_and(|before| !is_next_worker(items, before, index)) {
            let cut = back_to_end(items, begun, index);
            cuts.push(cut);
            begun = cut;
            banners.clear();
        }
        if banner {
            banners.push((kind, index));
        }
    }
    cuts
}

/// Servers with several workers print the banner of each at once, with no failure between them.
fn is_next_worker(items: &[Item], first: usize, second: usize) -> bool {
    let failed = |item: &Item| {
        item.chain.is_some() || [Mark::Wrapper, Mark::Consequence, Mark::Stopping].iter().any(|mark| item.is(*mark))
    };
    let at_once = match (items[first].at, items[second].at) {
        (Some(a), Some(b)) if !items[first].inherited && !items[second].inherited => {
            b.as_millisecond() - a.as_millisecond() <= WORKERS_MS
        }
        _ => second - first <= WORKERS_LINES,
    };
    at_once && !items[first + 1..second].iter().any(failed)
}

/// A banner is rarely the first line of an attempt: walks back from it to the end of the one before.
fn back_to_end(items: &[Item], begun: usize, banner: usize) -> usize {
    let says_so = |item: &Item| item.is(Mark::Wrapper) || item.is(Mark::Consequence) || item.is(Mark::Stopping);
    let fails = |item: &Item| item.chain.is_some();
    let before = |ends: &dyn Fn(&Item) -> bool| (begun + 1..banner).rev().find(|&index| ends(&items[index]));
    if let Some(end) = before(&says_so).or_else(|| before(&fails)) {
        // A failure text that is followed by much more was survived: then silence is the better sign.
        if banner - end <= 40 {
            return end + 1;
        }
    }
    widest_gap(items, begun, banner).unwrap_or(banner)
}

fn widest_gap(items: &[Item], begun: usize, banner: usize) -> Option<usize> {
    (begun + 1..=banner)
        .filter_map(|index| {
            let gap = items[index].at?.as_millisecond() - items[index - 1].until?.as_millisecond();
            (gap >= GAP_MS).then_some((gap, index))
        })
        .max()
        .map(|(_, index)| index)
}

/// Indices at which the first line of an attempt comes back. A line qualifies when every time that
/// it comes back, an end stands right before it: a failure, a word of ending, or a silence.
fn by_recurrence(items: &[Item], want: Option<usize>, silence_ends: bool) -> Vec<usize> {
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        if item.chain.is_none() {
            places.entry(shape(&item.text)).or_default().push(index);
        }
    }
    let ends_before = |index: usize| {
        let before = &items[index - 1];
        before.chain.is_some()
            || before
                .marks
                .iter()
                .any(|mark| matches!(mark, Mark::Wrapper | Mark::Consequence | Mark::Stopping | Mark::Exited))
            || matches!((items[index].at, before.until), (Some(at), Some(until))
                if silence_ends && at.as_millisecond() - until.as_millisecond() >= GAP_MS)
    };
    places
        .into_values()
        .filter(|places| places.len() >= 2 && places.len() <= items.len() / 2)
        .filter_map(|places| {
            let cuts: Vec<usize> = places.iter().copied().filter(|&index| index > 0).collect();
            let sure = cuts.iter().filter(|&&index| ends_before(index)).count();
            let counted = want.is_some_and(|want| cuts.len() + 1 == want || places.len() == want);
            let credible = sure == cuts.len() || (counted && 2 * sure >= cuts.len()) || (counted && places[0] == 0);
            credible.then_some((counted, sure, std::cmp::Reverse(places[0]), cuts))
        })
        .max()
        .map(|(_, _, _, cuts)| cuts)
        .unwrap_or_default()
}

/// A text without what changes between attempts: digits and hexadecimal words.
pub fn shape(text: &str) -> u64 {
    let mut hash = crate::collect::Fnv::default();
    let first = text.lines().next().unwrap_or("");
    for word in
        first.split(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ',' | '"' | '\'' | '[' | ']' | '(' | ')'))
    {
        if !word.chars().any(|c| c.is_ascii_digit()) {
            hash.add(word.as_bytes());
        }
    }
    hash.0
}

#[cfg(test)]
mod tests {
    use crate::{Diagnosis, Options, catalogue::Catalogue};
    use std::sync::Arc;
    use tminus_core::record::{Detail, Origin, Record, Stream};

    /// How many attempts a plain log without times and exits holds.
    fn attempts(lines: &[&str]) -> usize {
        let mut diagnosis = Diagnosis::new(Catalogue::builtin(), Options::default());
        let source = diagnosis.open("web.log");
        for (position, line) in (0u32..).zip(lines) {
            diagnosis.record(Record {
                at: None,
                severity: None,
                stream: Stream::Unknown,
                text: (*line).to_owned(),
                line: position + 1,
                source,
                position: position.into(),
                origin: Arc::new(Origin::default()),
                detail: Detail::default(),
            });
        }
        diagnosis.verdict().attempts.len()
    }

    #[test]
    fn workers_of_one_server_are_one_attempt() {
        let start = ["INFO:     Started parent process [1]", "INFO:     Started server process [8]"];
        let rest = [
            "INFO:     Waiting for application startup.",
            "INFO:     Started server process [9]",
            "INFO:     Waiting for application startup.",
            "INFO:     Application startup complete.",
        ];
        assert_eq!(attempts(&[start.as_slice(), &rest].concat()), 1);
    }

    #[test]
    fn a_banner_that_comes_back_after_a_failure_begins_an_attempt() {
        let one = ["INFO:     Started server process [8]", "ERROR:    Application startup failed. Exiting."];
        assert_eq!(attempts(&[one, one, one].concat()), 3);
    }
}
