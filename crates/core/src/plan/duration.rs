//! Lengths of time as a plan writes them: `250ms`, `8s`, `1m30s`, `1.5h`.
//!
//! Units are required, because a bare number has misled in every tool that takes one.

use crate::time::Millis;

/// The longest time that a plan may give to anything: a day.
pub const LONGEST: Millis = Millis::secs(24 * 60 * 60);

/// Units with their length in milliseconds. `ms` stands before `m` so that it is read first.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// What is wrong with a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not of the form.
    #[error("is not a duration")]
    Form,
    /// A number without a unit.
    #[error("has no unit")]
    Unit,
    /// A sign.
    #[error("is negative")]
    Negative,
    /// Nothing at all.
    #[error("is zero")]
    Zero,
    /// Longer than [`LONGEST`].
    #[error("is longer than 24 h")]
    Long,
    /// More digits than milliseconds can keep.
    #[error("is finer than a millisecond")]
    Fine,
}

/// Reads a length of time; zero is one.
pub fn parse(text: &str) -> Result<Millis, BadDuration> {
    let mut rest = text.trim();
    if rest.starts_with('-') {
        return Err(BadDuration::Negative);
    }
    if rest.is_empty() {
        return Err(BadDuration::Form);
    }
    let (mut sum, mut largest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| tail.starts_with(name));
        let &(name, length) = unit.ok_or(if tail.is_empty() { BadDuration::Unit } else { BadDuration::Form })?;
        // Each unit once, the larger first: `1m30s`.
        if length >= largest {
            return Err(BadDuration::Form);
        }
        sum = sum.saturating_add(scaled(number, length)?);
        largest = length;
        rest = tail[name.len()..].trim_start();
    }
    match u32::try_from(sum) {
        Ok(sum) if sum <= LONGEST.0 => Ok(Millis(sum)),
        _ => Err(BadDuration::Long),
    }
}

/// `number` times `unit`, exactly.
fn scaled(number: &str, unit: u64) -> Result<u64, BadDuration> {
    let (whole, part) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let value = |digits: &str| digits.parse::<u64>().map_err(|_| BadDuration::Long);
    if whole.is_empty() || part.is_some_and(|part| part.is_empty() || part.contains('.')) {
        return Err(BadDuration::Form);
    }
    let sum = value(whole)?.saturating_mul(unit);
    let Some(part) = part.map(|part| part.trim_end_matches('0')).filter(|part| !part.is_empty()) else {
        return Ok(sum);
    };
    if part.len() > 9 {
        return Err(BadDuration::Fine);
    }
    let (product, scale) = (value(part)? * unit, 10_u64.pow(part.len() as u32));
    if product % scale == 0 { Ok(sum.saturating_add(product / scale)) } else { Err(BadDuration::Fine) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("8s", 8_000),
            ("250ms", 250),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1.5s", 1_500),
            ("0.25m", 15_000),
            ("24h", 86_400_000),
            ("0s", 0),
            (" 2s ", 2_000),
        ] {
            assert_eq!(parse(text), Ok(Millis(ms)), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("8", BadDuration::Unit),
            ("", BadDuration::Form),
            ("soon", BadDuration::Form),
            ("s", BadDuration::Form),
            ("1s1m", BadDuration::Form),
            ("1s1s", BadDuration::Form),
            ("1..5s", BadDuration::Form),
            ("1.s", BadDuration::Form),
            ("8 seconds", BadDuration::Form),
            ("-8s", BadDuration::Negative),
            ("25h", BadDuration::Long),
            ("99999999999999999999s", BadDuration::Long),
            ("0.0001s", BadDuration::Fine),
            ("0.5ms", BadDuration::Fine),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
