//! Puts records in the order in which they were written.
//!
//! Order is (time, position in the file after its direction is normalised); row ids never order,
//! rows of one traceback share a stamp and their ids contradict the true order. A row without a
//! time belongs to the row before it. Ties between files are broken by what the files hold, not by
//! the order in which they were given.

use std::collections::BTreeMap;
use tminus_core::record::{Clock, Record, SourceId};
use tminus_core::{Timestamp, exits::Exits};

/// Rounding of clock offsets, seconds: zones differ by quarters of an hour.
const QUARTER: i64 = 900;
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
    pieces.sort_by(|a, b| piece_key(a).cmp(&piece_key(b)));
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
}

impl Direction {
    fn steps(self) -> u64 {
        self.up + self.down
    }
    fn way(self) -> Way {
        if self.down > self.up { Way::Backward } else { Way::Forward }
    }
}

fn direction(records: &[Record]) -> Direction {
    let mut steps = Direction::default();
    let mut last: Option<Timestamp> = None;
    for record in records {
        let Some(at) = record.at else { continue };
        match last.map(|last| at.time.cmp(&last)) {
            Some(std::cmp::Ordering::Greater) => steps.up += 1,
            Some(std::cmp::Ordering::Less) => steps.down += 1,
            _ => {}
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

fn piece_key(piece: &[Row]) -> (Option<Timestamp>, Option<Timestamp>, &str) {
    let times = || piece.iter().filter_map(|row| row.at);
    (times().min(), times().max(), piece.first().map_or("", |row| row.record.text.as_str()))
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
