//! Dates and times as loggers write them, with what the loggers of some programs put around them.

use super::frame::starts_with_any;

/// Length of the stamp at the start of `text`, with its fraction and zone, and with the letter,
/// process or name that a few loggers put before it.
pub(super) fn stamp(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'0'..=b'9' => plain(text).or_else(|| redis(text)),
        b'A'..=b'Z' => plain(text).or_else(|| lettered(text)),
        b'[' => nest(text),
        _ => None,
    }
}

/// Length of a date, a time of day, or both.
fn plain(text: &str) -> Option<usize> {
    let Some(day) = date(text) else {
        return time(text);
    };
    let rest = &text[day..];
    let gap = rest.len() - rest.trim_start_matches([' ', 'T', ',', ':']).len();
    let length = time(&rest[gap..])?;
    // Apache and `date` write the year last.
    let year = length_of(&rest[gap + length..], " 9999").unwrap_or(0);
    Some(day + gap + length + year)
}

/// `I 2026-11-22 06:07:41`; and of Ruby's `E, [2026-11-22T06:07:41 #1]` the part before the bracket.
fn lettered(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(|level: char| "DIWEFAN".contains(level))?;
    if let Some(bracketed) = rest.strip_prefix(", [") {
        return date(bracketed).map(|_| 2);
    }
    let rest = rest.strip_prefix(' ')?;
    date(rest)?;
    Some(2 + plain(rest)?)
}

/// Redis: `1:M 22 Nov 2026 06:07:41.250 # `, process and role before, the level's mark after.
fn redis(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let role = text.get(digits..)?.strip_prefix(':').filter(|_| digits > 0)?;
    let rest = role.strip_prefix(['M', 'S', 'C', 'X'])?.strip_prefix(' ')?;
    let end = text.len() - rest.len() + plain(rest)?;
    let marked = starts_with_any(&text[end..], &[" # ", " * ", " - ", " . "]);
    Some(if marked { end + 2 } else { end })
}

/// Nest: `[Nest] 123  - 11/22/2026, 6:07:41 AM`.
fn nest(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("[Nest] ")?;
    let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let rest = rest.trim_start().strip_prefix("- ")?;
    Some(text.len() - rest.len() + plain(rest)?)
}

/// klog and glog: `E1122 06:07:41.250000       1 main.go:12]`.
pub(super) fn glog(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let level = b"IWEF".contains(bytes.first()?);
    let date = bytes.get(1..5)?.iter().all(u8::is_ascii_digit);
    if !level || !date || bytes.get(5) != Some(&b' ') {
        return None;
    }
    time(text.get(6..)?)?;
    let end = text.bytes().take(120).position(|byte| byte == b']')?;
    Some(end + 1)
}

/// Dates that begin with a number.
const NUMBERED: [&str; 9] = [
    "9999-99-99",
    "9999/99/99",
    "9999.99.99",
    "99-Xxx-9999",
    "99/Xxx/9999",
    "99 Xxx 9999",
    "99/99/9999",
    "9/99/9999",
    "99/9/9999",
];

/// Dates that begin with a name. Those of syslog end inside the time, to tell it from a year.
const NAMED: [&str; 6] = ["Xxx 99, 9999", "Xxx 9, 9999", "Xxx Xxx 99", "Xxx Xxx  9", "Xxx 99 99:", "Xxx  9 99:"];

/// Length of a date.
fn date(text: &str) -> Option<usize> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return NUMBERED.iter().find_map(|shape| length_of(text, shape));
    }
    NAMED.iter().find_map(|shape| {
        let length = length_of(text, shape)?;
        Some(if shape.ends_with(':') { length - 4 } else { length })
    })
}

/// Length of a time of day with fraction, AM or PM, and zone.
fn time(text: &str) -> Option<usize> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let shapes = ["99:99:99", "9:99:99", "99:99AM", "99:99PM", "9:99AM", "9:99PM"];
    let mut at = shapes.iter().find_map(|shape| length_of(text, shape))?;
    let fraction = text[at..].strip_prefix(['.', ',', ':']);
    let digits = fraction.map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if digits > 0 {
        at += digits + 1;
    }
    // AM or PM may stand before the zone.
    for _ in 0..2 {
        at += zone(&text[at..]);
    }
    let next = text[at..].chars().next();
    next.is_none_or(|next| !next.is_alphanumeric()).then_some(at)
}

/// What may follow a time of day.
const ZONES: [&str; 19] = [
    "Z", " Z", "+99:99", "-99:99", " +99:99", " -99:99", "+9999", "-9999", " +9999", " -9999", "+99", "-99", " UTC",
    " GMT", " CET", " EST", " PST", " AM", " PM",
];

/// Length of a zone, or of AM and PM; 0 when there is none.
fn zone(text: &str) -> usize {
    let begins = match text.as_bytes() {
        [b'Z' | b'+' | b'-', ..] => true,
        [b' ', next, ..] => b"APUGCEZ+-".contains(next),
        _ => false,
    };
    if !begins {
        return 0;
    }
    ZONES.iter().find_map(|zone| length_of(text, zone)).unwrap_or(0)
}

/// Length of `text`'s start when it has the shape: `9` any digit, `X` a capital, `x` a small
/// letter, anything else itself.
fn length_of(text: &str, shape: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..shape.len())?;
    let fits = bytes.iter().zip(shape.bytes()).all(|(byte, want)| match want {
        b'9' => byte.is_ascii_digit(),
        b'X' => byte.is_ascii_uppercase(),
        b'x' => byte.is_ascii_lowercase(),
        want => *byte == want,
    });
    fits.then_some(shape.len())
}
