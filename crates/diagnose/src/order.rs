//! Puts records in the order in which they were written.
//!
//! Order is (time, position in the file after its direction is normalised); row ids never order,
//! rows of one traceback share a stamp and their ids contradict the true order. A row without a
//! time belongs to the row before it. Ties between files are broken by what the files hold, not by
//! the order in which they were given.

use std::collections::BTreeMap;
use tminus_core::record::{Clock, Origin, Record, SourceId};
use tminus_core::{Timestamp, exits::Exits};

/// Rounding of clock offsets, seconds: zones differ by quarters of an hour.
const QUARTER: i64 = 900;
/// A step in time up to this, milliseconds, tells a file's direction only where no longer one does:
/// neighbours this close are written, shipped and exported in any order.
const SHORT_STEP: i64 = 10;
/// Largest offset that a time zone can explain, seconds.
const ZONE_MAX: i64 = 14 * 3600;

/// A record in its place.
#[derive(Clone, Debug)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// Its moment, corrected and inherited where it has none of its own.
    pub at: Option<Timestamp>,
}

/// All rows in order, and what had to be done for it.
#[derive(Debug, Default)]
pub struct Ordered {
    /// Rows, oldest first.
    pub rows: Vec<Row>,
    /// Per input: was it newest first?
    pub newest_first: Vec<bool>,
    /// Clock offsets found, for people.
    pub clocks: Vec<String>,
    /// Largest offset between envelope and program that no time zone explains, seconds.
    pub skew: Option<Skew>,
    /// `envelope`, `text`, `assumed_utc` or `none`.
    pub time_basis: &'static str,
}

/// A program whose own clock disagrees with the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Program minus platform, seconds.
    pub seconds: i64,
    /// Index of a row that shows it.
    pub row: usize,
}

/// Orders `records` of `inputs` files.
pub fn order(records: Vec<Record>, inputs: usize, exits: Option<&Exits>) -> Ordered {
    let mut by_source: BTreeMap<SourceId, Vec<Record>> = BTreeMap::new();
    for record in records {
        by_source.entry(record.source).or_default().push(record);
    }
    let mut ordered = Ordered { newest_first: vec![false; inputs], time_basis: "none", ..Ordered::default() };
    let mut directions: BTreeMap<SourceId, Direction> = BTreeMap::new();
    for (source, records) in &by_source {
        directions.insert(*source, direction(records));
    }
    // A piece too short to show its direction goes the way of the others.
    let fallback = directions.values().copied().max_by_key(|d| d.steps()).map_or(Way::Forward, Direction::way);
    let mut pieces: Vec<Vec<Row>> = Vec::new();
    for (source, mut records) in by_source {
        records.sort_by_key(|r| r.position);
        let seen = directions[&source];
        let way = if seen.steps() == 0 { fallback } else { seen.way() };
        if way == Way::Backward && seen.steps() > 0 {
            ordered.newest_first[source.0 as usize] = true;
        }
        let offsets = clock_offsets(&records, exits, &mut ordered.clocks);
        pieces.push(place(records, way, &offsets));
    }
    // Ties between files go to the file whose rows begin earlier, then by content.
    pieces.sort_by(|a, b| span(a).cmp(&span(b)).then_with(|| content(a).cmp(content(b))));
    ordered.rows = pieces.into_iter().flatten().collect();
    ordered.rows.sort_by_key(|row| row.at); // stable; rows without any time stand first, in file order
    ordered.time_basis = time_basis(&ordered.rows);
    ordered.skew = skew(&ordered.rows, &mut ordered.clocks);
    ordered
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward,
    Backward,
}

/// Steps in time between neighbours of one file.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    up: u64,
    down: u64,
    /// Of those, the ones longer than [`SHORT_STEP`].
    far_up: u64,
    far_down: u64,
}

impl Direction {
    fn steps(self) -> u64 {
        self.up + self.down
    }
    fn way(self) -> Way {
        if (self.far_down, self.down) > (self.far_up, self.up) { Way::Backward } else { Way::Forward }
    }
    fn step(&mut self, from: Timestamp, to: Timestamp) {
        let far = u64::from((to.as_nanosecond() - from.as_nanosecond()).abs() > i128::from(SHORT_STEP) * 1_000_000);
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => (self.up, self.far_up) = (self.up + 1, self.far_up + far),
            std::cmp::Ordering::Less => (self.down, self.far_down) = (self.down + 1, self.far_down + far),
            std::cmp::Ordering::Equal => {}
        }
    }
}

fn direction(records: &[Record]) -> Direction {
    let mut steps = Direction::default();
    let mut last: Option<Timestamp> = None;
    for record in records {
        let Some(at) = record.at else { continue };
        if let Some(last) = last {
            steps.step(last, at.time);
        }
        last = Some(at.time);
    }
    steps
}

/// Turns a file round if it must be, and gives every row a moment. A row without its own time stays
/// behind the row that it follows in the file, also when the file is turned.
fn place(records: Vec<Record>, way: Way, offsets: &BTreeMap<String, i64>) -> Vec<Row> {
    let mut units: Vec<Vec<Row>> = Vec::new();
    for record in records {
        let at = record.at.map(|at| match at.clock {
            Clock::Envelope => at.time,
            Clock::Text | Clock::TextNoZone => {
                let offset = offsets.get(logger_of(&record)).copied().unwrap_or(0);
                at.time.checked_sub(jiff::SignedDuration::from_secs(offset)).unwrap_or(at.time)
            }
        });
        match (at, units.last_mut()) {
            (None, Some(unit)) => {
                let at = unit[0].at;
                unit.push(Row { record, at });
            }
            _ => units.push(vec![Row { record, at }]),
        }
    }
    // Rows before the first stamp belong to the start of what follows them.
    if units.len() > 1 && units[0][0].at.is_none() {
        let at = units[1][0].at;
        units[0].iter_mut().for_each(|row| row.at = at);
    }
    if way == Way::Backward {
        units.reverse();
    }
    let mut rows: Vec<Row> = units.into_iter().flatten().collect();
    lift_coarse_stamps(&mut rows);
    rows
}

/// A stamp of whole seconds beside finer ones must not jump back behind the row before it: inside
/// its second, its place in the file is the better witness.
fn lift_coarse_stamps(rows: &mut [Row]) {
    let mut last: Option<Timestamp> = None;
    for row in rows {
        let Some(at) = row.at else { continue };
        let coarse = row.record.at.is_none_or(|at| at.clock != Clock::Envelope) && at.subsec_nanosecond() == 0;
        if let Some(before) = last
            && coarse
            && at < before
            && at.as_second() == before.as_second()
        {
            row.at = last;
        }
        last = last.max(row.at);
    }
}

fn span(piece: &[Row]) -> (Option<Timestamp>, Option<Timestamp>) {
    let times = || piece.iter().filter_map(|row| row.at);
    (times().min(), times().max())
}

/// What a file holds, row by row: files that begin alike differ further down, or not at all.
fn content(piece: &[Row]) -> impl Iterator<Item = (Option<Timestamp>, &str, &Origin)> {
    piece.iter().map(|row| (row.at, row.record.text.as_str(), &*row.record.origin))
}

fn logger_of(record: &Record) -> &str {
    record.detail.logger.as_deref().unwrap_or("")
}

/// Offsets (program minus anchor, seconds, whole quarters of an hour) of the loggers of a file that
/// has no envelope times. The anchor is the exits file, else the logger that writes a zone.
fn clock_offsets(records: &[Record], exits: Option<&Exits>, clocks: &mut Vec<String>) -> BTreeMap<String, i64> {
    let mut first_seen: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for record in records {
        match record.at {
            Some(at) if at.clock == Clock::TextNoZone => {
                first_seen.entry(logger_of(record).to_owned()).or_default().push(at.time);
            }
            _ => {}
        }
    }
    if first_seen.is_empty() {
        return BTreeMap::new();
    }
    let anchors: Vec<(Timestamp, Timestamp)> = match exits {
        Some(exits) if exits.attempts.iter().any(|a| a.started.is_some()) => {
            exits.attempts.iter().filter_map(|a| Some((a.started?, a.ended.or(a.started)?))).collect()
        }
        _ => records
            .iter()
            .filter_map(|r| r.at)
            .filter(|at| at.clock != Clock::TextNoZone)
            .map(|at| (at.time, at.time))
            .collect(),
    };
    let (Some(from), Some(to)) = (anchors.iter().map(|a| a.0).min(), anchors.iter().map(|a| a.1).max()) else {
        return BTreeMap::new();
    };
    let mut offsets = BTreeMap::new();
    for (logger, times) in first_seen {
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { continue };
        let Some(offset) = zone_offset(*first, *last, from, to) else { continue };
        if offset != 0 {
            let name = if logger.is_empty() { "text" } else { &logger };
            clocks.push(format!("{name}: {} against the anchor, corrected", signed_hours(offset)));
            offsets.insert(logger, offset);
        }
    }
    offsets
}

/// The multiple of a quarter of an hour nearest to zero that brings [first, last] inside [from, to],
/// give or take half a minute; none when no such multiple does.
fn zone_offset(first: Timestamp, last: Timestamp, from: Timestamp, to: Timestamp) -> Option<i64> {
    let fits = |offset: i64| {
        let slack = 30;
        first.as_second() - offset >= from.as_second() - slack && last.as_second() - offset <= to.as_second() + slack
    };
    if fits(0) {
        return Some(0);
    }
    let steps = ZONE_MAX / QUARTER;
    (1..=steps).flat_map(|n| [n * QUARTER, -n * QUARTER]).find(|offset| fits(*offset))
}

fn signed_hours(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn time_basis(rows: &[Row]) -> &'static str {
    let clocks = || rows.iter().filter_map(|row| row.record.at).map(|at| at.clock);
    if clocks().any(|clock| clock == Clock::Envelope) {
        "envelope"
    } else if clocks().any(|clock| clock == Clock::Text) {
        "text"
    } else if clocks().any(|clock| clock == Clock::TextNoZone) {
        "assumed_utc"
    } else {
        "none"
    }
}

/// Compares the program's own stamps with the envelope's: differences of whole quarters of an hour
/// are zones and noted; a larger or odd one is a skewed clock.
fn skew(rows: &[Row], clocks: &mut Vec<String>) -> Option<Skew> {
    let mut zones: BTreeMap<&str, i64> = BTreeMap::new();
    let mut found: Option<Skew> = None;
    for (index, row) in rows.iter().enumerate() {
        let (Some(at), Some(app)) = (row.record.at, row.record.detail.app_time) else { continue };
        if at.clock != Clock::Envelope {
            continue;
        }
        let seconds = app.as_second() - at.time.as_second();
        let rounded = (seconds + seconds.signum() * QUARTER / 2) / QUARTER * QUARTER;
        if rounded.abs() > ZONE_MAX {
            if found.is_none_or(|skew| seconds.abs() > skew.seconds.abs()) {
                found = Some(Skew { seconds, row: index });
            }
        } else if rounded != 0 {
            zones.entry(logger_of(&row.record)).or_insert(rounded);
        }
    }
    for (logger, offset) in zones {
        let name = if logger.is_empty() { "text" } else { logger };
        clocks.push(format!("{name}: {} against the envelope", signed_hours(offset)));
    }
    if let Some(skew) = found {
        clocks.push(format!("the program's clock is {} days off the platform's", skew.seconds / 86_400));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tminus_core::record::{At, Detail, Stream};

    /// Rows of one file: (milliseconds, text).
    fn file(source: u16, rows: &[(Option<i64>, &str)]) -> Vec<Record> {
        let record = |(position, (ms, text)): (usize, &(Option<i64>, &str))| Record {
            at: ms.map(|ms| At {
                time: Timestamp::from_millisecond(1_795_327_200_000 + ms).expect("a moment"),
                clock: Clock::Envelope,
            }),
            severity: None,
            stream: Stream::Unknown,
            text: (*text).to_owned(),
            line: position as u32 + 1,
            source: SourceId(source),
            position: position as u64,
            origin: Arc::default(),
            detail: Detail::default(),
        };
        rows.iter().enumerate().map(record).collect()
    }

    fn texts(records: Vec<Record>) -> Vec<String> {
        order(records, 2, None).rows.into_iter().map(|row| row.record.text).collect()
    }

    #[test]
    fn long_steps_tell_the_direction_where_there_are_any() {
        let shuffled =
            [(Some(0), "a"), (Some(900), "e"), (Some(896), "d"), (Some(892), "c"), (Some(888), "b"), (Some(888), "b2")];
        assert_eq!(texts(file(0, &shuffled)), ["a", "b", "b2", "c", "d", "e"]);
        let newest_first = [(Some(900), "c2"), (Some(900), "c1"), (Some(888), "b"), (Some(0), "a")];
        assert_eq!(texts(file(0, &newest_first)), ["a", "b", "c1", "c2"]);
        let quick_newest_first = [(Some(5), "c"), (Some(3), "b2"), (Some(3), "b1"), (Some(0), "a")];
        assert_eq!(texts(file(0, &quick_newest_first)), ["a", "b1", "b2", "c"]);
    }

    #[test]
    fn files_without_times_are_ordered_by_all_that_they_hold() {
        let (one, other) = ([(None, "boot"), (None, "b")], [(None, "boot"), (None, "a"), (None, "c")]);
        let want = ["boot", "a", "c", "boot", "b"];
        assert_eq!(texts([file(0, &one), file(1, &other)].concat()), want);
        assert_eq!(texts([file(0, &other), file(1, &one)].concat()), want);
    }
}
