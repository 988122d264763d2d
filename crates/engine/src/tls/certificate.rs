//! The few fields of a certificate that the verifier does not hand out: dates and common names.
//!
//! It reads DER of strangers: every length is checked, nothing is copied but names, and a
//! certificate that cannot be read has no fields. It never decides what a field means.

/// Dates and names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    /// First and last second, Unix time.
    pub valid: Option<(i64, i64)>,
    /// Common name of the subject.
    pub subject: Option<String>,
    /// Common name (or organisation) of the issuer.
    pub issuer: Option<String>,
    /// The names of subject and issuer are the same bytes.
    pub self_issued: bool,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// Reads a certificate in DER (RFC 5280, 4.1).
pub(crate) fn fields(der: &[u8]) -> Fields {
    read(der).unwrap_or_default()
}

fn read(der: &[u8]) -> Option<Fields> {
    let (_, certificate, _) = element(der)?;
    let (tag, tbs, _) = element(certificate)?;
    if tag != SEQUENCE {
        return None;
    }
    let mut rest = tbs;
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2; // version
    }
    let (tag, _, after) = element(rest)?;
    if tag != INTEGER {
        return None;
    }
    let (_, _, after) = element(after)?; // signature algorithm
    let (_, issuer, after) = element(after)?;
    let (_, validity, after) = element(after)?;
    let (_, subject, _) = element(after)?;
    let (from_tag, from, until) = element(validity)?;
    let (until_tag, until, _) = element(until)?;
    Some(Fields {
        valid: time(from_tag, from).zip(time(until_tag, until)),
        subject: name(subject, COMMON_NAME),
        issuer: name(issuer, COMMON_NAME).or_else(|| name(issuer, ORGANIZATION)),
        self_issued: issuer == subject,
    })
}

/// Tag, content and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count)?;
            (digits.iter().fold(0usize, |len, digit| len << 8 | usize::from(*digit)), rest.get(count..)?)
        }
        _ => return None,
    };
    Some((tag, rest.get(..len)?, rest.get(len..)?))
}

/// The last value of `kind` in a distinguished name.
fn name(mut names: &[u8], kind: &[u8]) -> Option<String> {
    let mut found = None;
    while !names.is_empty() {
        let (_, mut set, after) = element(names)?;
        while !set.is_empty() {
            let (_, pair, next) = element(set)?;
            let (tag, oid, value) = element(pair)?;
            let (_, value, _) = element(value)?;
            if tag == OID && oid == kind && value.len() <= 256 {
                found = Some(String::from_utf8_lossy(value).into_owned());
            }
            set = next;
        }
        names = after;
    }
    found
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` as Unix time.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |at: usize, len: usize| std::str::from_utf8(digits.get(at..at + len)?).ok()?.parse::<i16>().ok();
    let (year, at) = match (tag, digits.len()) {
        // RFC 5280: two digits from 50 on are of the last century.
        (UTC_TIME, 12) => (number(0, 2).map(|year| if year >= 50 { 1900 + year } else { 2000 + year })?, 2),
        (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
        _ => return None,
    };
    let part = |index: usize| number(at + 2 * index, 2).and_then(|number| i8::try_from(number).ok());
    let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
    let moment = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    // As a difference: "no end" is 99991231235959Z, later than the last timestamp that there is.
    Some(moment.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_of_dates_are_read() {
        assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, b"20500101000000Z"), Some(2_524_608_000));
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
        for odd in [&b"701301000000Z"[..], b"7001010000Z", b"700101000000", b"-00101000000Z", b""] {
            assert_eq!(time(UTC_TIME, odd), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = fields(&bytes);
            let mut shaped = vec![0x30, 0x82, 1, 0];
            shaped.extend(bytes);
            let _ = fields(&shaped);
        }
    }
}
