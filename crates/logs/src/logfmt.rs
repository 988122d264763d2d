//! Lines of `key=value` pairs: logrus, slog's text handler, zerolog's console, Grafana, Traefik.

use crate::{json_logger::Moment, time};
use tminus_core::vocabulary::Severity;

/// What the pairs of a line say about it. The text stays the whole line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Logfmt<'a> {
    pub(crate) severity: Option<Severity>,
    pub(crate) logger: Option<&'a str>,
    pub(crate) time: Option<Moment>,
}

/// Pairs of a line that are looked at.
const MAX_PAIRS: usize = 12;

/// Reads a line that begins with pairs and has one that only log lines have.
pub(crate) fn read(line: &str) -> Option<Logfmt<'_>> {
    let mut found = Logfmt::default();
    let mut pairs = 0;
    let mut is_log = false;
    let mut rest = line;
    while let Some((key, value, after)) = pair(rest).filter(|_| pairs < MAX_PAIRS) {
        let plain = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        match key {
            "level" | "lvl" | "severity" => {
                found.severity = found.severity.or_else(|| Severity::read(plain));
                is_log = true;
            }
            "time" | "ts" | "t" | "timestamp" => {
                let complete = time::rfc3339(plain).or_else(|| time::epoch(plain)).map(Moment::Complete);
                let stamp = || time::stamp(plain).map(|(stamp, _)| Moment::Stamp(stamp));
                found.time = found.time.or_else(|| complete.or_else(stamp));
                is_log |= found.time.is_some();
            }
            "logger" | "component" | "module" | "subsys" if !value.starts_with('"') => found.logger = Some(value),
            "msg" | "message" => is_log = true,
            _ => {}
        }
        pairs += 1;
        rest = after;
    }
    (is_log && pairs >= 2).then_some(found)
}

/// The pair at the start of `text`, its value as written, and what follows.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = text.split_once('=')?;
    if key.is_empty() || key.len() > 40 || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-@/".contains(&b)) {
        return None;
    }
    let length = match rest.strip_prefix('"') {
        Some(inside) => 2 + closing_quote(inside)?,
        None => rest.find(' ').unwrap_or(rest.len()),
    };
    let (value, after) = rest.split_at_checked(length)?;
    Some((key, value, after.trim_start_matches(' ')))
}

/// Offset of the quote that ends a string.
fn closing_quote(inside: &str) -> Option<usize> {
    let mut escaped = false;
    inside.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_log_lines() {
        let line = r#"time="2026-11-22T06:00:00Z" level=fatal msg="dial \"db\": refused" component=store error=x"#;
        let found = read(line).expect("a row");
        assert_eq!((found.severity, found.logger), (Some(Severity::Critical), Some("store")));
        assert!(matches!(found.time, Some(Moment::Complete(_))));
        assert!(read("ts=1795327200.5 caller=a.go:1 level=info msg=up").is_some());
    }

    #[test]
    fn other_pairs_are_text() {
        for line in ["a=1 b=2", "PATH=/usr/bin", "level=info", "x = y", "msg=\"cut", "2026-11-22 level=info msg=x", ""]
        {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
