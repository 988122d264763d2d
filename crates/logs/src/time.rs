//! Stamps: the ways in which programs and platforms write a moment.
//!
//! [`stamp`] reads one at the start of a text. What a stamp leaves out (zone, year, date) is filled
//! in by [`Clockwork`], which remembers the last moment that was complete, or the last one at all
//! where none was.

use jiff::{civil, tz::TimeZone};
use tminus_core::{
    Timestamp,
    record::{At, Clock},
};

/// A moment as written, with what may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    year: Option<i16>,
    /// Month and day.
    date: Option<(i8, i8)>,
    time: civil::Time,
    /// Seconds east of UTC.
    zone: Option<i32>,
}

impl Stamp {
    /// The stamp as one of UTC.
    pub(crate) fn in_utc(self) -> Stamp {
        Stamp { zone: Some(0), ..self }
    }
}

/// Fills in what stamps leave out.
pub(crate) struct Clockwork {
    zone: TimeZone,
    anchor: Option<Timestamp>,
    /// The anchor is a moment of the log, and complete.
    complete: bool,
}

impl Clockwork {
    /// `zone` for stamps without one; `anchor`, about when the log was written, for the first stamp
    /// without a year or a date. Until a complete one has been seen, each is near the one before it,
    /// so that the rows of a night follow one another whatever the time of day of the anchor.
    pub(crate) fn new(zone: TimeZone, anchor: Option<Timestamp>) -> Clockwork {
        Clockwork { zone, anchor, complete: false }
    }

    /// Remembers a complete moment as the neighbour of the next incomplete one.
    pub(crate) fn seen(&mut self, time: Timestamp) {
        self.anchor = Some(time);
        self.complete = true;
    }

    /// The moment that `stamp` means; nothing when a date is missing and no moment is near.
    pub(crate) fn resolve(&mut self, stamp: Stamp) -> Option<At> {
        let clock = if stamp.zone.is_some() { Clock::Text } else { Clock::TextNoZone };
        let time = match (stamp.year, stamp.date) {
            (Some(year), Some((month, day))) => {
                let time = self.at(civil::Date::new(year, month, day).ok()?, &stamp)?;
                self.seen(time);
                time
            }
            (_, Some((month, day))) => {
                let near = self.near(&stamp)?;
                let years = [near.year() - 1, near.year(), near.year() + 1];
                self.nearest(years.into_iter().filter_map(|year| civil::Date::new(year, month, day).ok()), &stamp)?
            }
            (_, None) => {
                let near = self.near(&stamp)?;
                let days = [near.yesterday().ok(), Some(near), near.tomorrow().ok()];
                self.nearest(days.into_iter().flatten(), &stamp)?
            }
        };
        if !self.complete {
            self.anchor = Some(time);
        }
        Some(At { time, clock })
    }

    fn at(&self, date: civil::Date, stamp: &Stamp) -> Option<Timestamp> {
        let when = date.to_datetime(stamp.time);
        match stamp.zone {
            Some(seconds) => jiff::tz::Offset::from_seconds(seconds).ok()?.to_timestamp(when).ok(),
            None => self.zone.to_ambiguous_timestamp(when).compatible().ok(),
        }
    }

    fn near(&self, stamp: &Stamp) -> Option<civil::Date> {
        let offset = stamp.zone.and_then(|seconds| jiff::tz::Offset::from_seconds(seconds).ok());
        let anchor = self.anchor?;
        Some(offset.map_or_else(|| self.zone.to_datetime(anchor), |o| o.to_datetime(anchor)).date())
    }

    fn nearest(&self, dates: impl Iterator<Item = civil::Date>, stamp: &Stamp) -> Option<Timestamp> {
        let anchor = self.anchor?.as_nanosecond();
        dates.filter_map(|date| self.at(date, stamp)).min_by_key(|time| (time.as_nanosecond() - anchor).abs())
    }
}

/// A complete moment with its zone, as envelopes write it: RFC 3339.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (stamp, used) = stamp(text)?;
    let zone = jiff::tz::Offset::from_seconds(stamp.zone?).ok()?;
    let (month, day) = stamp.date?;
    let date = civil::Date::new(stamp.year?, month, day).ok()?;
    if used != text.len() {
        return None;
    }
    zone.to_timestamp(date.to_datetime(stamp.time)).ok()
}

/// A count since 1970, whatever its unit: seconds, milli-, micro- or nanoseconds are a thousand
/// times apart, and logs are written in this century.
pub(crate) fn epoch(digits: &str) -> Option<Timestamp> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let count: i128 = whole.parse().ok()?;
    let unit = match count {
        100_000_000..10_000_000_000 => 1_000_000_000,
        100_000_000_000..10_000_000_000_000 => 1_000_000,
        100_000_000_000_000..10_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000..10_000_000_000_000_000_000 => 1,
        // 1.76e9, as some encoders write floats.
        _ => return digits.contains(['e', 'E']).then(|| digits.parse::<f64>().ok()).flatten().and_then(from_float),
    };
    let mut nanos = count * unit;
    let mut worth = unit;
    for digit in fraction.bytes().take_while(u8::is_ascii_digit) {
        worth /= 10;
        nanos += i128::from(digit - b'0') * worth;
    }
    Timestamp::from_nanosecond(nanos).ok()
}

fn from_float(seconds: f64) -> Option<Timestamp> {
    if (1e8..1e10).contains(&seconds) { Timestamp::from_microsecond((seconds * 1e6) as i64).ok() } else { None }
}

/// The stamp at the start of `text` and its length in bytes.
pub(crate) fn stamp(text: &str) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    let stamp = match cursor.peek()? {
        b'0'..=b'9' => digits_first(&mut cursor)?,
        b'A'..=b'Z' => month_first(&mut cursor)?,
        _ => return None,
    };
    // A stamp ends where its word ends.
    match cursor.peek() {
        Some(b) if b.is_ascii_alphanumeric() => None,
        _ => Some((stamp, cursor.at)),
    }
}

/// Whether `text` is `Sun ` or another day of the week.
pub(crate) fn is_weekday(text: &str) -> bool {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    cursor.weekday() && cursor.take(b" ").is_some()
}

/// The stamp of klog and glog after the level letter: `1122 06:00:00.000000`.
pub(crate) fn klog_stamp(text: &str) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    let month = cursor.number(2)?;
    let day = cursor.number(2)?;
    cursor.take(b" ")?;
    let time = cursor.time()?;
    Some((Stamp { year: None, date: Some((month as i8, day as i8)), time, zone: None }, cursor.at))
}

/// Stamps that begin with a digit: ISO 8601 and its relatives, `22/Nov/2026:06:00:00 +0000`,
/// `22 Nov 2026 06:00:00`, `11/22/2026, 6:00:00 AM`, `17/06/09 20:10:40`, `06:00:00.123`.
fn digits_first(c: &mut Cursor<'_>) -> Option<Stamp> {
    match c.bytes.iter().take_while(|b| b.is_ascii_digit()).count() {
        4 => iso(c),
        8 if c.bytes.get(8) == Some(&b' ') || c.bytes.get(8) == Some(&b'T') => compact(c),
        1 | 2 if c.bytes.get(2) == Some(&b':') => {
            let time = c.time()?;
            let zone = c.zone();
            Some(Stamp { year: None, date: None, time, zone })
        }
        1 | 2 => day_first(c),
        _ => None,
    }
}

fn iso(c: &mut Cursor<'_>) -> Option<Stamp> {
    let year = c.number(4)?;
    let between = c.take(b"-/.")?;
    let month = c.number(2)?;
    c.take(&[between])?;
    let day = c.number(2)?;
    c.take(b"T t_")?;
    let time = c.time()?;
    let zone = c.zone();
    Some(Stamp { year: Some(year as i16), date: Some((month as i8, day as i8)), time, zone })
}

fn compact(c: &mut Cursor<'_>) -> Option<Stamp> {
    let (year, month, day) = (c.number(4)?, c.number(2)?, c.number(2)?);
    c.take(b" T")?;
    let time = c.time()?;
    let zone = c.zone();
    Some(Stamp { year: Some(year as i16), date: Some((month as i8, day as i8)), time, zone })
}

fn day_first(c: &mut Cursor<'_>) -> Option<Stamp> {
    let first = c.number_up_to(2)?;
    let between = c.take(b"/- ")?;
    let (year, month, day) = match c.month() {
        Some(month) => {
            // `22 Nov 06:00:00` has no year.
            let year = c.take(&[between]).and_then(|_| c.number_if_year());
            (year, month, first)
        }
        None if between == b'/' => {
            let second = c.number_up_to(2)?;
            c.take(b"/")?;
            match c.number_if_year() {
                Some(year) => (Some(year), first, second),
                None => (Some(2000 + first), second, c.number(2)?),
            }
        }
        None => return None,
    };
    if year.is_some() {
        while c.take(b": ,").is_some() {}
    }
    let time = c.time()?;
    let zone = c.zone();
    Some(Stamp { year: year.map(|y| y as i16), date: Some((month as i8, day as i8)), time, zone })
}

/// Stamps that begin with a name: `Nov 22 06:00:00`, `Sun Nov 22 06:00:00.123 2026`,
/// `Nov 22, 2026 6:00:00 AM`, `Sun, 22 Nov 2026 06:00:00 GMT`.
fn month_first(c: &mut Cursor<'_>) -> Option<Stamp> {
    if c.weekday() {
        c.take(b",");
        c.take(b" ")?;
    }
    if c.peek()?.is_ascii_digit() {
        return day_first(c);
    }
    let month = c.month()?;
    c.take(b" ")?;
    c.take(b" ");
    let day = c.number_up_to(2)?;
    let mut year = None;
    if c.take(b",").is_some() {
        c.take(b" ")?;
        year = Some(c.number(4)?);
    }
    c.take(b" ")?;
    let time = c.time()?;
    if year.is_none() && c.bytes.get(c.at) == Some(&b' ') {
        let back = c.at;
        c.at += 1;
        year = c.number_if_year();
        if year.is_none() {
            c.at = back;
        }
    }
    let zone = c.zone();
    Some(Stamp { year: year.map(|y| y as i16), date: Some((month as i8, day as i8)), time, zone })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over one of `any`.
    fn take(&mut self, any: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|b| any.contains(b))?;
        self.at += 1;
        Some(byte)
    }

    /// Exactly `digits` digits.
    fn number(&mut self, digits: usize) -> Option<i32> {
        let text = self.bytes.get(self.at..self.at + digits)?;
        let mut value = 0;
        for byte in text {
            if !byte.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i32::from(byte - b'0');
        }
        self.at += digits;
        Some(value)
    }

    fn number_up_to(&mut self, digits: usize) -> Option<i32> {
        (1..=digits).rev().find_map(|count| self.number(count))
    }

    /// Four digits that no colon follows.
    fn number_if_year(&mut self) -> Option<i32> {
        let digits = self.bytes.get(self.at..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 4 { self.number(4) } else { None }
    }

    /// `06:00`, `06:00:00`, `06:00:00.123456789`, `06:00:00,123`, `6:00:00 PM`.
    fn time(&mut self) -> Option<civil::Time> {
        let mut hour = self.number_up_to(2)?;
        self.take(b":")?;
        let minute = self.number(2)?;
        self.take(b":")?;
        let second = self.number(2)?.min(59);
        let nanos = self.fraction();
        if let Some(afternoon) = self.half_day() {
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        civil::Time::new(hour as i8, minute as i8, second as i8, nanos).ok()
    }

    fn fraction(&mut self) -> i32 {
        let digits = match self.peek() {
            Some(b'.' | b',') => &self.bytes[self.at + 1..],
            _ => return 0,
        };
        let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return 0;
        }
        self.at += 1 + count;
        let mut worth = 100_000_000;
        digits[..count].iter().fold(0, |sum, digit| {
            let sum = sum + i32::from(digit - b'0') * worth;
            worth /= 10;
            sum
        })
    }

    /// ` AM` or ` PM`: whether it is the second.
    fn half_day(&mut self) -> Option<bool> {
        let afternoon = match self.bytes.get(self.at..self.at + 3)? {
            b" AM" | b" am" => false,
            b" PM" | b" pm" => true,
            _ => return None,
        };
        self.at += 3;
        Some(afternoon)
    }

    /// `Z`, `+00:00`, ` +0000`, ` UTC` and the abbreviations that mean one offset only.
    fn zone(&mut self) -> Option<i32> {
        let back = self.at;
        self.take(b" ");
        let found = match self.peek() {
            Some(b'Z') if self.at == back => {
                self.at += 1;
                Some(0)
            }
            Some(b'+' | b'-') => self.offset(),
            Some(b'A'..=b'Z') => self.abbreviation(),
            _ => None,
        };
        if found.is_none() || self.peek().is_some_and(|b| b.is_ascii_alphanumeric()) {
            self.at = back;
            return None;
        }
        found
    }

    fn offset(&mut self) -> Option<i32> {
        let sign = if self.take(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        self.take(b":");
        let minutes = self.number(2).unwrap_or(0);
        (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }

    fn abbreviation(&mut self) -> Option<i32> {
        const ZONES: &[(&str, i32)] = &[
            ("UTC", 0),
            ("GMT", 0),
            ("EST", -5),
            ("EDT", -4),
            ("CDT", -5),
            ("MST", -7),
            ("MDT", -6),
            ("PST", -8),
            ("PDT", -7),
            ("WET", 0),
            ("CET", 1),
            ("CEST", 2),
            ("EET", 2),
            ("EEST", 3),
            ("MSK", 3),
            ("JST", 9),
            ("KST", 9),
            ("AEST", 10),
            ("AEDT", 11),
        ];
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
        let (_, hours) = ZONES.iter().find(|(name, _)| name.as_bytes() == &rest[..length])?;
        self.at += length;
        Some(hours * 3600)
    }

    /// An English month name of three letters.
    fn month(&mut self) -> Option<i32> {
        const MONTHS: [&[u8]; 12] =
            [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        let name = self.bytes.get(self.at..self.at + 3)?;
        let found = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
        self.at += 3;
        Some(found as i32 + 1)
    }

    fn weekday(&mut self) -> bool {
        const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
        let is_day = self.bytes.get(self.at..self.at + 3).is_some_and(|name| DAYS.contains(&name));
        if is_day {
            self.at += 3;
        }
        is_day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<(String, Clock, usize)> {
        let mut clockwork = Clockwork::new(TimeZone::UTC, "2026-11-22T05:00:00Z".parse().ok());
        let (stamp, used) = stamp(text)?;
        let at = clockwork.resolve(stamp)?;
        Some((at.time.to_string(), at.clock, used))
    }

    #[test]
    fn the_usual_ways_to_write_a_moment() {
        use Clock::{Text, TextNoZone};
        for (text, want, clock) in [
            ("2026-11-22T06:00:00.123456789Z", "2026-11-22T06:00:00.123456789Z", Text),
            ("2026-11-22T06:00:00+00:00", "2026-11-22T06:00:00Z", Text),
            ("2026-11-22T07:30:00.5+0130", "2026-11-22T06:00:00.5Z", Text),
            ("2026-11-22 05:59:22 +0000", "2026-11-22T05:59:22Z", Text),
            ("2026-11-22 06:00:00.123 UTC", "2026-11-22T06:00:00.123Z", Text),
            ("2026-11-22 01:00:00.123 EST", "2026-11-22T06:00:00.123Z", Text),
            ("2026-11-22 06:45:15,395", "2026-11-22T06:45:15.395Z", TextNoZone),
            ("2026/11/22 06:00:00", "2026-11-22T06:00:00Z", TextNoZone),
            ("22 Nov 2026 06:00:00.001", "2026-11-22T06:00:00.001Z", TextNoZone),
            ("22/Nov/2026:06:00:00 +0000", "2026-11-22T06:00:00Z", Text),
            ("22-Nov-2026 06:00:00", "2026-11-22T06:00:00Z", TextNoZone),
            ("11/22/2026, 6:00:00 PM", "2026-11-22T18:00:00Z", TextNoZone),
            ("17/06/09 20:10:40", "2017-06-09T20:10:40Z", TextNoZone),
            ("Sun Nov 22 06:00:00.123456 2026", "2026-11-22T06:00:00.123456Z", TextNoZone),
            ("Sun, 22 Nov 2026 06:00:00 GMT", "2026-11-22T06:00:00Z", Text),
            ("Nov 22, 2026 6:00:00 AM", "2026-11-22T06:00:00Z", TextNoZone),
            ("20261122 06:00:00", "2026-11-22T06:00:00Z", TextNoZone),
            // No year, then no date: from the nearest complete moment.
            ("Nov 22 06:00:00", "2026-11-22T06:00:00Z", TextNoZone),
            ("22 Nov 06:00:00.250", "2026-11-22T06:00:00.25Z", TextNoZone),
            ("Jan  1 00:00:01", "2027-01-01T00:00:01Z", TextNoZone),
            ("23:59:59.5", "2026-11-21T23:59:59.5Z", TextNoZone),
            ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z", Text),
        ] {
            assert_eq!(utc(text), Some((want.to_owned(), clock, text.len())), "{text}");
            assert_eq!(utc(&format!("{text} x")).map(|(_, _, used)| used), Some(text.len()), "{text} x");
        }
    }

    #[test]
    fn what_only_looks_like_a_stamp_is_none() {
        for text in [
            "",
            "1",
            "2026",
            "2026-13-22 06:00:00",
            "2026-11-22",
            "10.0.0.1:5432",
            "12:30: x",
            "[2026",
            "Novel 22 06:00:00",
            "22 nodes",
            "2026-11-22T06:00:00Zulu",
            "é2026",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn without_a_neighbour_a_partial_stamp_has_no_moment() {
        let mut clockwork = Clockwork::new(TimeZone::UTC, None);
        let partial = stamp("Nov 22 06:00:00").map(|(stamp, _)| stamp).expect("a stamp");
        assert_eq!(clockwork.resolve(partial), None);
    }

    #[test]
    fn partial_stamps_follow_one_another_until_a_complete_one_is_seen() {
        let mut clockwork = Clockwork::new(TimeZone::UTC, "2026-11-22T12:00:00Z".parse().ok());
        let mut moment = |text: &str| {
            let (stamp, _) = stamp(text).expect("a stamp");
            clockwork.resolve(stamp).expect("a moment").time.to_string()
        };
        assert_eq!(moment("23:59:50"), "2026-11-22T23:59:50Z");
        assert_eq!(moment("00:00:10"), "2026-11-23T00:00:10Z");
        assert_eq!(moment("09:00:00"), "2026-11-23T09:00:00Z");
        assert_eq!(moment("2026-11-25 06:00:00"), "2026-11-25T06:00:00Z");
        assert_eq!(moment("17:00:00"), "2026-11-25T17:00:00Z");
        assert_eq!(moment("23:00:00"), "2026-11-24T23:00:00Z");
    }

    #[test]
    fn a_zone_given_by_the_caller_is_used_for_stamps_without_one() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let (stamp, _) = stamp("2026-11-22 08:00:00").expect("a stamp");
        let at = Clockwork::new(zone, None).resolve(stamp).expect("complete");
        assert_eq!(at.time.to_string(), "2026-11-22T06:00:00Z");
    }

    #[test]
    fn counts_since_1970_tell_their_unit_by_their_size() {
        for text in
            ["1795327200", "1795327200.0", "1795327200000", "1795327200000000", "1795327200000000000", "1.7953272e9"]
        {
            assert_eq!(epoch(text).map(|t| t.to_string()).as_deref(), Some("2026-11-22T06:00:00Z"), "{text}");
        }
        assert_eq!(epoch("1795327200.25").map(|t| t.to_string()).as_deref(), Some("2026-11-22T06:00:00.25Z"));
        assert_eq!(epoch("12"), None);
        assert_eq!(epoch("-1795327200"), None);
    }

    #[test]
    fn envelopes_need_date_time_and_zone() {
        assert!(rfc3339("2026-11-22T06:03:57.290277Z").is_some());
        assert_eq!(rfc3339("2026-11-22T06:03:57.290277"), None);
        assert_eq!(rfc3339("2026-11-22T06:03:57.290277Z x"), None);
    }
}
