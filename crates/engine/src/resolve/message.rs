//! Messages of DNS (RFC 1035): one question out, addresses in.
//!
//! Own code, because only two kinds of record are read: a whole library brings tables of
//! international names and costs more than the rest of the resolver. Any bytes may come in; what
//! cannot be read is no answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Kinds of question.
pub(super) const A: u16 = 1;
pub(super) const AAAA: u16 = 28;

const HEADER: usize = 12;
/// Most records of an answer that are looked at.
const RECORDS_MAX: u16 = 64;

/// What came with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rcode {
    NoError,
    /// NXDOMAIN.
    NameError,
    Other(u8),
}

/// The word for an rcode.
pub(super) fn rcode_word(number: u8) -> String {
    match number {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        number => format!("RCODE {number}"),
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub code: Rcode,
    pub addresses: Vec<IpAddr>,
    /// The lowest lifetime of the addresses, seconds.
    pub ttl: u32,
}

/// What an incoming message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Answer(Answer),
    /// It did not fit: to be asked again over TCP.
    Truncated,
    /// Not the answer to this question.
    Stray,
}

/// True when DNS can hold the name.
pub(super) fn fits(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.is_ascii() && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// A question. `name` fits.
pub(super) fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 32);
    out.extend(id.to_be_bytes());
    // Recursion is wanted; one question.
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(label.len().min(63) as u8);
        out.extend(label.bytes().take(63));
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out
}

/// Reads what came in as the answer to `question`.
pub(super) fn read(question: &[u8], bytes: &[u8]) -> Read {
    answer(question, bytes).unwrap_or(Read::Stray)
}

fn answer(question: &[u8], bytes: &[u8]) -> Option<Read> {
    let header = bytes.get(..HEADER)?;
    let response = header[2] & 0x80 != 0;
    if header[..2] != question[..2] || !response || number(bytes, 4)? != 1 {
        return None;
    }
    let asked = question.get(HEADER..)?;
    let echoed = bytes.get(HEADER..HEADER + asked.len())?;
    if !echoed.eq_ignore_ascii_case(asked) {
        return None;
    }
    if header[2] & 2 != 0 {
        return Some(Read::Truncated);
    }
    let code = match header[3] & 15 {
        0 => Rcode::NoError,
        3 => Rcode::NameError,
        other => Rcode::Other(other),
    };
    let kind = number(question, question.len() - 4)?;
    let mut addresses = Vec::new();
    let mut ttl = u32::MAX;
    let mut at = HEADER + asked.len();
    for _ in 0..number(bytes, 6)?.min(RECORDS_MAX) {
        // A record that is cut off ends the list; what stood before it counts.
        let Some((record, next)) = record(bytes, at) else { break };
        at = next;
        if record.kind == kind
            && let Some(ip) = address(kind, record.data)
        {
            ttl = ttl.min(record.ttl);
            addresses.push(ip);
        }
    }
    Some(Read::Answer(Answer { code, addresses, ttl }))
}

struct Record<'m> {
    kind: u16,
    ttl: u32,
    data: &'m [u8],
}

fn record(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let at = skip_name(bytes, at)?;
    let fixed = bytes.get(at..at + 10)?;
    let ttl = u32::from_be_bytes(fixed[4..8].try_into().ok()?);
    let len = usize::from(number(bytes, at + 8)?);
    let data = bytes.get(at + 10..at + 10 + len)?;
    Some((Record { kind: number(bytes, at)?, ttl, data }, at + 10 + len))
}

/// Behind a name: labels up to a zero, or up to a pointer, which is not followed.
fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            len if len < 64 => at += 1 + usize::from(len),
            _ => return None,
        }
    }
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    match kind {
        A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
        _ => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer to `question` with records of (kind, data), after a CNAME.
    fn reply(question: &[u8], flags: [u8; 2], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = question.to_vec();
        out[2] = flags[0];
        out[3] = flags[1];
        out[7] = records.len() as u8 + 1;
        let mut push = |kind: u16, ttl: u32, data: &[u8]| {
            out.extend([0xc0, 12]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1]);
            out.extend(ttl.to_be_bytes());
            out.extend((data.len() as u16).to_be_bytes());
            out.extend(data);
        };
        push(5, 3, &[3, b'x', b'y', b'z', 0]);
        for (index, (kind, data)) in records.iter().enumerate() {
            push(*kind, 60 + index as u32, data);
        }
        out
    }

    #[test]
    fn addresses_behind_a_cname_are_read() {
        let asked = question(7, "db.example.org", A);
        let bytes = reply(&asked, [0x81, 0x80], &[(1, &[10, 0, 0, 1]), (1, &[10, 0, 0, 2]), (28, &[0; 16])]);
        let addresses = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        assert_eq!(read(&asked, &bytes), Read::Answer(Answer { code: Rcode::NoError, addresses, ttl: 60 }));
    }

    #[test]
    fn strays_truncation_and_rcodes_are_told_apart() {
        let asked = question(7, "db.example.org", A);
        assert_eq!(read(&asked, &asked), Read::Stray, "a question is no answer");
        assert_eq!(read(&asked, &reply(&question(8, "db.example.org", A), [0x81, 0x80], &[])), Read::Stray);
        assert_eq!(read(&asked, &reply(&question(7, "db.example.net", A), [0x81, 0x80], &[])), Read::Stray);
        assert_eq!(read(&asked, &reply(&asked, [0x83, 0x80], &[])), Read::Truncated);
        let code = |flags| match read(&asked, &reply(&asked, flags, &[])) {
            Read::Answer(answer) => answer.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code([0x81, 0x83]), Rcode::NameError);
        assert_eq!(code([0x81, 0x82]), Rcode::Other(2));
    }

    #[test]
    fn names_that_dns_cannot_hold_are_not_asked_for() {
        assert!(fits("db.example.org.") && fits("a_b"));
        for odd in ["", "a..b", ".a", "größe.example", &"x".repeat(64), &["x"; 200].join(".")] {
            assert!(!fits(odd), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let asked = question(7, "db.example.org", AAAA);
            let _ = read(&asked, &bytes);
            let mut shaped = reply(&asked, [0x81, 0x80], &[]);
            shaped[7] = 40;
            shaped.extend(bytes);
            let _ = read(&asked, &shaped);
        }
    }
}
