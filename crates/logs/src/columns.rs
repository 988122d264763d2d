//! The columns that a program writes before its message: stamp, level, process, thread, logger.
//!
//! One walk over the start of a line, column by column, instead of one pattern per program: nearly
//! all loggers write the same few columns in some order and some brackets. The first thing that is
//! no column is the message, and nothing in the message is ever read as a level.

use crate::time::{self, Stamp};
use tminus_core::vocabulary::Severity;

/// What the columns of a line say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns<'a> {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) severity: Option<Severity>,
    pub(crate) logger: Option<&'a str>,
    /// Where the message begins, in bytes.
    pub(crate) message: usize,
}

/// Words of Postgres that stand in the level column and are no severity of their own.
const CONTINUATIONS: [&str; 5] = ["DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY"];

/// Level words that also count in lower case at the very start of a line, with a colon.
const ALONE: [&str; 14] = [
    "error", "err", "warn", "warning", "info", "debug", "trace", "fatal", "panic", "crit", "critical", "fail", "dbug",
    "trce",
];

/// Reads the columns at the start of `line`.
pub(crate) fn columns(line: &str) -> Columns<'_> {
    let mut walk = Walk { line, at: 0, found: Columns::default(), level_seen: false, columns: 0, bracket: None };
    let indent = line.bytes().take_while(|b| *b == b' ').count();
    if indent > 0 {
        // An indented line continues another one, unless it is indented a little and has a stamp.
        if indent > 4 || time::stamp(&line[indent..]).is_none() {
            return walk.found;
        }
        walk.at = indent;
    }
    if line.starts_with('\t') {
        return walk.found;
    }
    walk.nest();
    while walk.columns < 10 && walk.column() {
        walk.columns += 1;
    }
    if walk.level_seen {
        walk.logger();
        walk.found.logger = walk.found.logger.or(walk.bracket);
    }
    walk.found.message = walk.at;
    if walk.at == 0 {
        walk.found.stamp = access_stamp(line);
    }
    walk.found
}

/// The stamp of an access log, which stands behind the client: `10.0.0.1 - - [22/Nov/2026:06:00:00 +0000] "GET`.
fn access_stamp(line: &str) -> Option<Stamp> {
    let open = line.bytes().take(120).position(|b| b == b'[')?;
    let inside = line.get(open + 1..)?;
    let (stamp, used) = time::stamp(inside).filter(|_| open > 0)?;
    inside[used..].starts_with("] \"").then_some(stamp)
}

struct Walk<'a> {
    line: &'a str,
    at: usize,
    found: Columns<'a>,
    level_seen: bool,
    columns: u32,
    /// A name in brackets behind the level: a thread, or the logger when no other follows.
    bracket: Option<&'a str>,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// Steps over one column; false when the message begins here.
    fn column(&mut self) -> bool {
        let Some(first) = self.rest().bytes().next() else {
            return false;
        };
        match first {
            b'[' | b'(' | b'<' => self.bracketed(),
            b'0'..=b'9' => self.stamped() || self.process(),
            b'A'..=b'Z' if self.stamped() => true,
            b'I' | b'W' | b'E' | b'F' | b'D' | b'C' | b'N' if self.letter() => true,
            b'A'..=b'Z' | b'a'..=b'z' => self.level() || self.name_before_level(),
            b'|' | b'-' if self.columns > 0 => self.separator(),
            b'#' | b'*' | b'.' | b'-' if self.columns > 0 => self.redis_level(),
            _ => false,
        }
    }

    /// `[Nest] 37  - ` stands before the stamp.
    fn nest(&mut self) {
        if let Some(rest) = self.line.strip_prefix("[Nest] ") {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            if let Some(rest) = rest.strip_prefix("- ") {
                self.at = self.line.len() - rest.len();
                self.columns = 1;
            }
        }
    }

    fn skip(&mut self, bytes: usize) -> bool {
        self.at += bytes;
        self.at += self.rest().bytes().take_while(|b| *b == b' ').count();
        true
    }

    fn stamped(&mut self) -> bool {
        if self.found.stamp.is_some() {
            return false;
        }
        let Some((stamp, used)) = time::stamp(self.rest()) else {
            return false;
        };
        self.found.stamp = Some(stamp);
        self.at += used;
        // Go's and haproxy's colon, zap's tab, logback's comma.
        self.at += self.rest().bytes().take_while(|b| matches!(b, b'\t' | b':' | b',')).count();
        self.skip(0)
    }

    /// A bare process id: `1:M` of redis, `1#1:` of nginx, `1 ---` of Spring Boot, or a number
    /// between stamp and level.
    fn process(&mut self) -> bool {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 10 {
            return false;
        }
        match &rest.as_bytes()[digits..] {
            [b':', b'A'..=b'Z', b' ', ..] => self.skip(digits + 2),
            [b'#', more @ ..] => {
                let thread = more.iter().take_while(|b| b.is_ascii_digit()).count();
                if more.get(thread) == Some(&b':') { self.skip(digits + thread + 2) } else { false }
            }
            [b' ', ..] if self.level_seen && rest[digits..].trim_start().starts_with("---") => {
                let dashes = rest[digits..].len() - rest[digits..].trim_start().len() + digits + 3;
                self.skip(dashes)
            }
            [b' ', ..] if self.found.stamp.is_some() && !self.level_seen && self.level_follows(digits) => {
                self.skip(digits)
            }
            _ => false,
        }
    }

    /// Whether a level column stands within the next columns: only then is a bare number one.
    fn level_follows(&self, from: usize) -> bool {
        let mut words = self.rest()[from..].split_ascii_whitespace().take(3);
        words.any(|word| bare_level(word.trim_matches(['[', ']', ':'])).is_some())
    }

    /// `I 2026-..`, `E1122 06:00:00.000000 1 main.go:12]`, `I, [2026-.. #1]  INFO -- :`.
    fn letter(&mut self) -> bool {
        if self.columns > 0 {
            return false;
        }
        let rest = self.rest();
        let severity = match rest.as_bytes()[0] {
            b'D' => Severity::Debug,
            b'I' => Severity::Info,
            b'N' => Severity::Notice,
            b'W' => Severity::Warning,
            b'E' => Severity::Error,
            _ => Severity::Critical,
        };
        if let Some((stamp, used)) = time::klog_stamp(&rest[1..]) {
            self.found = Columns { stamp: Some(stamp), severity: Some(severity), ..self.found };
            let end = rest[1 + used..].find("] ").map_or(1 + used, |close| 1 + used + close + 1);
            return self.skip(end);
        }
        let after = rest[1..].trim_start_matches([',', ' ']).trim_start_matches('[');
        if after.len() == rest.len() - 1 || time::stamp(after).is_none() {
            return false;
        }
        self.found.severity = Some(severity);
        self.skip(rest.len() - rest[1..].trim_start_matches([',', ' ']).len())
    }

    /// A level word that a colon, spaces or a tab follows.
    fn level(&mut self) -> bool {
        if self.level_seen {
            return false;
        }
        let rest = self.rest();
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let word = &rest[..length];
        let next = rest.as_bytes().get(length);
        if CONTINUATIONS.contains(&word) && next == Some(&b':') {
            self.level_seen = true;
            return self.skip(length + 1);
        }
        let upper = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let lower = word.bytes().all(|b| b.is_ascii_lowercase());
        let stands = match next {
            Some(b':') => upper || self.columns > 0 || ALONE.contains(&word),
            Some(b'\t') => upper || lower,
            // Lower case words without a mark are words.
            Some(b' ') => upper && (self.columns > 0 || word != "LOG"),
            Some(b'|' | b']') => self.columns > 0,
            None => upper && self.columns > 0,
            _ => false,
        };
        let Some(severity) = bare_level(word).filter(|_| stands) else {
            return false;
        };
        self.set(severity);
        self.at += length;
        self.at += self.rest().bytes().take_while(|b| matches!(b, b':' | b'\t')).count();
        self.skip(0)
    }

    /// A logger's name between stamp and level: `app.main - ERROR - `, `app.db ERROR `. A plain
    /// word counts only with a mark behind it, else it is a sentence about an error.
    fn name_before_level(&mut self) -> bool {
        if self.found.stamp.is_none() || self.level_seen || self.found.logger.is_some() {
            return false;
        }
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"._$/:-".contains(b)).count();
        let name = rest[..length].trim_end_matches(':');
        let after = rest[length..].trim_start_matches(' ');
        let bare = after.trim_start_matches(['-', '|', ' ', '[']);
        let marked = bare.len() < after.len() || name.len() < length || name.contains('.');
        let word: &str = &bare[..bare.bytes().take_while(u8::is_ascii_uppercase).count()];
        if !marked || !is_identifier(name) || bare_level(word).is_none() {
            return false;
        }
        self.found.logger = Some(name);
        let skipped = after.len() - after.trim_start_matches(['-', '|', ' ']).len();
        self.skip(rest.len() - after.len() + skipped)
    }

    fn set(&mut self, severity: Severity) {
        self.level_seen = true;
        self.found.severity = Some(severity);
    }

    /// A column in brackets: stamp, level, process, thread or logger, or several of them.
    fn bracketed(&mut self) -> bool {
        let rest = self.rest();
        let close = match rest.as_bytes()[0] {
            b'[' => ']',
            b'(' => ')',
            _ => '>',
        };
        let Some(end) = rest.find(close).filter(|end| *end <= 120) else {
            return false;
        };
        let inside = &rest[1..end];
        let known = self.inside(inside.trim());
        // A bracket that is no column by itself may still be one between others: a thread, a
        // component. Alone at the start of a line it is the program's own prefix.
        let column = known || (self.columns > 0 && inside.len() <= 60 && is_identifier(inside.trim()));
        if !column {
            return false;
        }
        if !known && self.level_seen && self.bracket.is_none() {
            self.bracket = Some(inside.trim());
        }
        let colon = usize::from(rest.as_bytes().get(end + 1) == Some(&b':'));
        let spaced_colon = rest[end + 1..].starts_with(" : ");
        self.skip(end + 1 + colon);
        if spaced_colon {
            self.skip(1);
        }
        true
    }

    /// Reads the inside of brackets; whether it was stamp, level or process.
    fn inside(&mut self, inside: &'a str) -> bool {
        if !inside.is_empty() && inside.len() <= 10 && inside.bytes().all(|b| b.is_ascii_digit()) {
            return true;
        }
        let mut rest = inside;
        let mut any = false;
        if let Some((stamp, used)) = time::stamp(rest).filter(|_| self.found.stamp.is_none()) {
            self.found.stamp = Some(stamp);
            rest = rest[used..].trim_start_matches([':', ' ', ',']);
            any = true;
        }
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let ends = matches!(rest.as_bytes().get(length), None | Some(b' ' | b'/' | b':'));
        // In brackets of its own a level may be in any case; otherwise `[Error handler]` is one too.
        if let Some(severity) =
            bare_level(&rest[..length]).filter(|_| ends && !self.level_seen && (any || rest.len() == length))
        {
            self.set(severity);
            any = true;
            let name = rest[length..].trim();
            if is_identifier(name) && !name.contains(' ') {
                self.found.logger = Some(name);
            }
        }
        any
    }

    /// `|` of loguru, ` - ` of python and logback, `--` of Ruby.
    fn separator(&mut self) -> bool {
        let rest = self.rest();
        for mark in ["| ", "- ", "-- : ", "--- "] {
            if rest.starts_with(mark) {
                return self.skip(mark.len());
            }
        }
        false
    }

    /// The level of redis is a mark after the stamp.
    fn redis_level(&mut self) -> bool {
        let severity = match self.rest().as_bytes() {
            [b'#', b' ', ..] => Severity::Warning,
            [b'*', b' ', ..] => Severity::Notice,
            [b'-' | b'.', b' ', ..] => Severity::Debug,
            _ => return false,
        };
        if self.level_seen || self.found.stamp.is_none() {
            return false;
        }
        self.set(severity);
        self.skip(1)
    }

    /// A name that a mark follows: `c.e.Demo : `, `app.main - `, `| module:fn:12 - `, `ERROR:root:`,
    /// or one that is dotted and therefore no word of a sentence.
    fn logger(&mut self) {
        if self.found.logger.is_some() {
            return;
        }
        let rest = self.rest();
        if self.line[..self.at].ends_with(':') {
            // python's default format has no spaces: LEVEL:name:message.
            if let Some((name, _)) = rest.split_once(':').filter(|(name, _)| is_identifier(name) && !name.contains(' '))
            {
                self.found.logger = Some(name);
                self.skip(name.len() + 1);
            }
            return;
        }
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"._$/:-".contains(b)).count();
        let name = rest[..length].trim_end_matches(':');
        let after = rest[length..].trim_start_matches(' ');
        let mark = [": ", "- ", "| "].into_iter().find(|mark| after.starts_with(*mark));
        // One plain word is as likely the start of the message, with a colon or without.
        let spaced = rest[length..].starts_with(' ');
        let qualified = if name.len() < length {
            name.contains(['.', ':', '/', '_', '$'])
        } else {
            name.contains('.') || name.contains("::")
        };
        let named = is_identifier(name) && !name.ends_with('.') && name.bytes().any(|b| b.is_ascii_lowercase());
        if !named || !(mark.is_some() || qualified && spaced) {
            return;
        }
        self.found.logger = Some(name);
        self.skip(rest.len() - after.len());
        self.skip(mark.map_or(0, |_| 1));
    }
}

/// Starts with a letter, holds what names hold.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._$/:-#@=+ ".contains(&b))
}

/// The severity that a whole word of a level column means. Numbers are not read here.
fn bare_level(word: &str) -> Option<Severity> {
    if word.len() < 3 || word.len() > 13 || !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    match word {
        "dbug" | "trce" => Some(Severity::Debug),
        _ => Severity::read(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, Debug, Error, Info, Notice, Warning};

    #[test]
    fn columns_of_the_usual_loggers() {
        let mut wrong = Vec::new();
        for (line, severity, logger, message) in [
            ("INFO:     Started server process [38]", Some(Info), None, "Started server process [38]"),
            (
                "2026-11-22 06:45:15,395 INFO    orders orders service starting",
                Some(Info),
                None,
                "orders orders service starting",
            ),
            (
                "2026-11-22 06:45:15,396 WARNING orders.telemetry sentry_sdk is not installed",
                Some(Warning),
                Some("orders.telemetry"),
                "sentry_sdk is not installed",
            ),
            ("2026-11-22 06:45:15,396 - app.main - ERROR - x failed", Some(Error), Some("app.main"), "x failed"),
            ("ERROR:root:it failed", Some(Error), Some("root"), "it failed"),
            (
                "[2026-11-22 05:59:22 +0000] [60] [INFO] Starting gunicorn 27.0.1",
                Some(Info),
                None,
                "Starting gunicorn 27.0.1",
            ),
            (
                "2026-11-22 06:00:00.123 UTC [12] FATAL:  password authentication failed",
                Some(Critical),
                None,
                "password authentication failed",
            ),
            (
                "2026-11-22 06:00:00.123 UTC [12] DETAIL:  Role \"x\" does not exist.",
                None,
                None,
                "Role \"x\" does not exist.",
            ),
            ("2026-11-22 06:00:00,123 INFO  [main] o.s.b.Foo: started", Some(Info), Some("o.s.b.Foo"), "started"),
            (
                "2026-11-22 08:20:34.061 INFO  [           main] io.parcels.Main         : Starting",
                Some(Info),
                Some("io.parcels.Main"),
                "Starting",
            ),
            ("INFO: CATALINA_BASE:         /srv/app", Some(Info), None, "CATALINA_BASE:         /srv/app"),
            ("HINT:  Check free disk space.", None, None, "Check free disk space."),
            ("06:00:00.123 [main] INFO  com.foo.Bar - started", Some(Info), Some("com.foo.Bar"), "started"),
            (
                "2026-11-22T06:00:00.123Z  INFO 1 --- [app] [           main] c.e.DemoApplication : Starting",
                Some(Info),
                Some("c.e.DemoApplication"),
                "Starting",
            ),
            (
                "2026/11/22 06:00:00 [emerg] 1#1: host not found in upstream",
                Some(Critical),
                None,
                "host not found in upstream",
            ),
            ("2009/11/10 23:00:00 listening on :8080", None, None, "listening on :8080"),
            ("[ALERT]    (1) : config : parsing failed", Some(Critical), Some("config"), "parsing failed"),
            ("1:M 22 Nov 2026 06:00:00.000 # Warning: no config", Some(Warning), None, "Warning: no config"),
            (
                "1:M 22 Nov 2026 06:00:00.000 * Ready to accept connections",
                Some(Notice),
                None,
                "Ready to accept connections",
            ),
            ("E1122 06:00:00.000000       1 main.go:12] cannot bind", Some(Error), None, "cannot bind"),
            ("I 2026-11-22 06:10:51,258 cache warmer starting", Some(Info), None, "cache warmer starting"),
            (
                "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.",
                Some(Info),
                Some("alembic.runtime.migration"),
                "Context impl PostgresqlImpl.",
            ),
            ("2026-11-22T06:00:00.123456Z  INFO app::server: listening", Some(Info), Some("app::server"), "listening"),
            ("[2026-11-22T06:00:00Z ERROR app::db] refused", Some(Error), Some("app::db"), "refused"),
            (
                "[2026-11-22T06:00:00Z WARN  app] OLD_NAME is deprecated",
                Some(Warning),
                Some("app"),
                "OLD_NAME is deprecated",
            ),
            (
                "2026-11-22 06:00:00.123 | INFO     | app.main:run:12 - started",
                Some(Info),
                Some("app.main:run:12"),
                "started",
            ),
            ("I, [2026-11-22T06:00:00.123456 #1]  INFO -- : booted", Some(Info), None, "booted"),
            ("[22-Nov-2026 06:00:00] NOTICE: fpm is running, pid 1", Some(Notice), None, "fpm is running, pid 1"),
            (
                "2026-11-22T06:00:00.123456Z 0 [ERROR] [MY-010123] [Server] aborting",
                Some(Error),
                Some("MY-010123"),
                "aborting",
            ),
            ("[2026-11-22 06:00:00,123: INFO/MainProcess] celery@x ready.", Some(Info), None, "celery@x ready."),
            ("[1] 2026/11/22 06:00:00.123456 [INF] Starting nats-server", Some(Info), None, "Starting nats-server"),
            ("info: Microsoft.Hosting.Lifetime[14]", Some(Info), None, "Microsoft.Hosting.Lifetime[14]"),
            (
                "2026-11-22T06:00:00.123Z\terror\tdb/pool.go:12\tdial failed",
                Some(Error),
                None,
                "db/pool.go:12\tdial failed",
            ),
            (
                "[2026-11-22T06:00:00,123][WARN ][o.e.n.Node               ] [n1] slow",
                Some(Warning),
                Some("o.e.n.Node"),
                "slow",
            ),
            ("2026-11-22 06:00:00.123456+00:00 [info] <0.9.0> started", Some(Info), None, "<0.9.0> started"),
            (
                "[Nest] 37  - 11/22/2026, 6:00:00 AM     LOG [NestFactory] Starting",
                Some(Info),
                Some("NestFactory"),
                "Starting",
            ),
            ("fail: Microsoft.Hosting[1]", Some(Error), None, "Microsoft.Hosting[1]"),
            ("panic: runtime error: index out of range", Some(Critical), None, "runtime error: index out of range"),
            ("DEBUG: pool opened", Some(Debug), None, "pool opened"),
        ] {
            let found = columns(line);
            let got = (found.severity, found.logger, &line[found.message..]);
            if got != (severity, logger, message) {
                wrong.push(format!("{line}\n  {got:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn words_of_a_message_are_no_level() {
        for line in [
            "Error: listen EADDRINUSE: address already in use :::8080",
            "error while loading shared libraries: libpq.so.5",
            "Traceback (most recent call last):",
            "    raise ERROR",
            "  File \"a.py\", line 1, in <module>",
            "[boot] fatal: AggregateError [ECONNREFUSED]: ",
            "[boot] optional module dd-trace not available: MODULE_NOT_FOUND",
            "starting: error budget 1 %",
            "config: loaded",
            "note: run with `RUST_BACKTRACE=1`",
            "10 errors found",
            "127.0.0.1 - - [22/Nov/2026:06:00:00 +0000] \"GET /error HTTP/1.1\" 500",
            "2026-11-22 06:00:00 Error connecting to database",
            "",
            "é",
        ] {
            assert_eq!(columns(line).severity, None, "{line}");
        }
    }
}
