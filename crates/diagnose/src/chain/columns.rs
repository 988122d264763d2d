//! The columns that loggers put before a message: stamp, level, process, thread, logger, source.

use super::frame::{contains_any, split_position, starts_with_any};
use super::{stamp, title};

/// `STATEMENT`, the longest word that stands for a level.
const LONGEST_LEVEL: usize = 9;
/// A line has no more columns than this; the rest is message.
const MOST_COLUMNS: usize = 10;

/// The message of a log line, without the columns of the common loggers; the line itself when it
/// has none. Of a logfmt line this is its `msg` field, with what follows when an `err` does.
pub fn message_of(line: &str) -> &str {
    let rest = line[read(line).width..].trim();
    logfmt_message(rest).unwrap_or(rest)
}

/// The columns at the start of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// Bytes up to the message; 0 when there are none. The message keeps its indentation beyond
    /// one space.
    pub width: usize,
    /// A date or a time is among them.
    pub stamped: bool,
    /// A level is among them.
    pub levelled: bool,
}

/// Finds the columns of a line.
pub(super) fn read(line: &str) -> Columns {
    if line.starts_with([' ', '\t']) || is_structured(line) {
        return Columns::default();
    }
    let mut reader = Reader::new(line);
    let mut width = 0;
    for _ in 0..MOST_COLUMNS {
        let Some(length) = reader.column() else { break };
        reader.at += length;
        width = reader.separator();
    }
    Columns { width, stamped: reader.stamped, levelled: reader.levelled }
}

/// Whether `line` starts a record of its own without columns: a JSON or logfmt object.
pub(super) fn is_structured(line: &str) -> bool {
    let starts = ["{\"", "time=", "level=", "ts=", "t=20", "at=20", "timestamp="];
    line.starts_with(['{', 't', 'l', 'a']) && starts_with_any(line, &starts)
}

/// The value of `msg=` in a logfmt line.
fn logfmt_message(line: &str) -> Option<&str> {
    if line.starts_with("{\"") || !is_structured(line) {
        return None;
    }
    let at = line.find(" msg=")?;
    let rest = &line[at + " msg=".len()..];
    if contains_any(rest, &[" err=", " error="]) {
        return Some(rest);
    }
    let inner = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    Some(inner.map_or(rest, |(inner, _)| inner))
}

/// Reads columns one after another.
struct Reader<'t> {
    line: &'t str,
    at: usize,
    stamped: bool,
    levelled: bool,
    named: bool,
}

impl<'t> Reader<'t> {
    fn new(line: &'t str) -> Reader<'t> {
        Reader { line, at: 0, stamped: false, levelled: false, named: false }
    }

    fn rest(&self) -> &'t str {
        &self.line[self.at..]
    }

    /// Length of the column that begins here.
    fn column(&mut self) -> Option<usize> {
        let rest = self.rest();
        if let Some(length) = stamp::stamp(rest) {
            self.stamped = true;
            return Some(length);
        }
        if let Some(length) = stamp::glog(rest).filter(|_| self.at == 0) {
            (self.stamped, self.levelled) = (true, true);
            return Some(length);
        }
        if let Some(length) = self.level(rest) {
            self.levelled = true;
            return Some(length);
        }
        if let Some(length) = self.bracketed(rest) {
            return Some(length);
        }
        self.name(rest)
    }

    /// Moves over what separates two columns, or the last one from the message; the position
    /// where the message would start.
    fn separator(&mut self) -> usize {
        let start = self.at;
        let rest = self.rest();
        let mark = rest.trim_start_matches([' ', '\t']);
        let marks = ["---", "-- :", "--", "- ", "| ", ": ", ":\t"];
        let found = marks.iter().find(|found| mark.starts_with(**found));
        let colon = mark == ":" || mark == "-" || mark == "|";
        self.at += rest.len() - mark.len();
        match found {
            Some(found) => self.at += found.trim_end().len(),
            None if colon => self.at += 1,
            None => {}
        }
        let message = self.at;
        let gap = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += gap;
        // One space or tab separates; more is the message's own indentation.
        match found {
            Some(_) => message + gap.min(1),
            None if self.at > start => start + (self.at - start).min(1),
            None => self.at,
        }
    }

    /// A level: a word in capitals, or in small letters where only a level can stand.
    fn level(&self, rest: &str) -> Option<usize> {
        if self.levelled || rest.starts_with("FATAL ERROR") {
            return None;
        }
        let length = rest.bytes().take(LONGEST_LEVEL + 1).take_while(u8::is_ascii_alphabetic).count();
        if !(3..=LONGEST_LEVEL).contains(&length) {
            return None;
        }
        let word = &rest[..length];
        let after = rest[length..].chars().next();
        let ends = matches!(after, None | Some(' ' | ':' | '\t' | '|' | ',' | '(' | '['));
        let fits = if self.stamped && is_server_tag(word) {
            after == Some(':')
        } else if is_level(word) {
            // `ERROR 1045 (28000)` and `LOG` as a word are text, not columns.
            ends && (word != "LOG" || after == Some(':'))
        } else {
            let alone = after == Some(':') && self.at == 0;
            let small = ends && (alone || self.stamped) && word != "panic" && is_level_word(word);
            small || is_dotnet_level(word, after)
        };
        // logrus: `FATA[0000]`, basicConfig: `ERROR:root:`.
        let fits = fits || (length == 4 && is_logrus(word, &rest[length..]));
        fits.then(|| length + seconds_length(&rest[length..]) + root_length(&rest[length..]))
    }

    /// `[...]` or `(...)` that holds a stamp, a level, a process, a thread or a logger.
    fn bracketed(&mut self, rest: &str) -> Option<usize> {
        let close = match rest.bytes().next()? {
            b'[' => ']',
            b'(' if self.stamped || self.levelled => ')',
            b'<' if self.stamped => '>',
            _ => return None,
        };
        let inner = rest.get(1..)?.split(close).next()?;
        let length = inner.len() + 2;
        if length > rest.len() || inner.len() > 80 {
            return None;
        }
        let words = inner.trim();
        let stamp = stamp::stamp(words).is_some();
        // `[Error: no such file]` is an error that is printed so, `[Error]` a level.
        let alone = words.len() <= LONGEST_LEVEL && is_level(&words.to_ascii_uppercase());
        let level = alone || words.split([' ', ':', '/', ',', '|', '.']).any(is_level_word);
        let number = !words.is_empty() && words.bytes().all(|byte| byte.is_ascii_digit());
        let name = (self.stamped || self.levelled) && is_name(words);
        self.stamped |= stamp;
        self.levelled |= level;
        // `(psycopg2.OperationalError)` begins a message.
        let error = title::ends_like_error(words) || close == ')' && title::is_error_name(words);
        ((stamp || level || number || name) && !error).then_some(length)
    }

    /// A logger, a source position, a process or a host, once a stamp or a level has been seen.
    fn name(&mut self, rest: &str) -> Option<usize> {
        if !(self.stamped || self.levelled) {
            return None;
        }
        let word = rest.split([' ', '\t']).next().filter(|word| !word.is_empty())?;
        let after = &rest[word.len()..];
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        // Spring's process and MySQL's thread.
        let numbered = digits && starts_with_any(after.trim_start(), &["---", "["]);
        let nginx = word.ends_with("#0:") || (word.contains('#') && word.ends_with(':'));
        let syslog = self.stamped && !self.levelled && is_syslog_tag(word, after);
        let bare = word.trim_end_matches(':');
        let dotted = bare.contains('.') || bare.contains("::");
        let named = bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$-:<>/[]".contains(&byte));
        let error = title::ends_like_error(bare);
        let separated = [" - ", " : ", " | ", "  : "].iter().any(|mark| {
            after.trim_start_matches(' ').len() < after.len() && after.trim_start().starts_with(mark.trim_start())
        });
        let logger = !self.named && named && !error && (word.ends_with(':') && dotted || separated);
        let caller = !error && is_source(bare);
        self.named |= logger;
        (numbered || nginx || syslog || logger || caller).then_some(word.len())
    }
}

/// A thread or a logger in brackets; not `[Errno 111]` and `[SSL: WRONG_VERSION]`.
fn is_name(words: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .:_-#/$*@".contains(&byte);
    let message = words.contains(": ") || starts_with_any(words, &["Errno ", "WinError "]);
    words.bytes().all(plain) && !message
}

/// `main.go:12`, with or without a colon after it.
fn is_source(word: &str) -> bool {
    let (file, number) = split_position(word);
    let endings = [".go", ".py", ".rs", ".js", ".ts", ".rb", ".cc", ".c"];
    number.is_some() && endings.iter().any(|ending| file.ends_with(ending))
}

/// `host prog[12]:` or `prog[12]:`; the word is one of them.
fn is_syslog_tag(word: &str, after: &str) -> bool {
    let tag = |word: &str| word.ends_with("]:") && word.contains('[');
    tag(word) || after.split_whitespace().next().is_some_and(tag)
}

fn is_level(word: &str) -> bool {
    let levels = [
        "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "CRITICAL", "CRIT", "FATAL", "ALERT",
        "EMERG", "PANIC", "SEVERE", "LOG", "VERBOSE", "DBG", "INF", "WRN", "FTL", "TRC", "DPANIC", "FINE", "CONFIG",
    ];
    levels.contains(&word)
}

/// What the Postgres server writes instead of a level on the further rows of a message.
fn is_server_tag(word: &str) -> bool {
    matches!(word, "STATEMENT" | "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION")
}

/// A level all in capitals or all in small letters.
fn is_level_word(word: &str) -> bool {
    let lower = (3..=LONGEST_LEVEL).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_level(word) || lower && is_level(&word.to_ascii_uppercase())
}

/// .NET's console logger: `fail: Category[0]`.
fn is_dotnet_level(word: &str, after: Option<char>) -> bool {
    after == Some(':') && matches!(word, "trce" | "dbug" | "fail" | "crit")
}

/// logrus on a terminal: `FATA[0003]`.
fn is_logrus(word: &str, after: &str) -> bool {
    matches!(word, "FATA" | "ERRO" | "PANI" | "DEBU" | "WARN" | "INFO") && seconds_length(after) > 0
}

/// Length of `[0003]`.
fn seconds_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('[') else {
        return 0;
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits >= 4 && rest[digits..].starts_with(']') {
        return digits + 2;
    }
    0
}

/// Length of `:name` in Python's `ERROR:name:message`.
fn root_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(':') else {
        return 0;
    };
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.' || *byte == b'_';
    let length = rest.bytes().take_while(name).count();
    let message = rest[length..].strip_prefix(':');
    if length > 0 && message.is_some_and(|message| !message.starts_with(':')) {
        return length + 2;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_common_loggers_are_stripped() {
        let rows = [
            ("[2026-11-22 06:07:41 +0000] [7] [ERROR] Exception in worker process", "Exception in worker process"),
            ("2026-11-22 06:07:41,250 - app.db - ERROR - no route", "no route"),
            ("2026-11-22 06:07:41,250 ERROR app.db: no route", "no route"),
            ("ERROR:root:no route", "no route"),
            ("ERROR:    Application startup failed. Exiting.", "Application startup failed. Exiting."),
            ("INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.", "Context impl PostgresqlImpl."),
            ("I 2026-11-22 06:07:35,684 cache warmer starting", "cache warmer starting"),
            (
                "2026-11-22T06:07:41.250Z ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed",
                "Application run failed",
            ),
            (
                "2026-11-22T06:07:41.250Z ERROR 1 --- [orders] [           main] o.s.b.d.LoggingFailureAnalysisReporter   : ",
                "",
            ),
            ("2026-11-22 06:07:41,250 [main] ERROR com.x.Y - start failed", "start failed"),
            ("06:07:41,250 ERROR [org.jboss.msc] (ServerService Thread Pool -- 1) MSC01", "MSC01"),
            ("SEVERE: start failed", "start failed"),
            ("2026/11/22 06:07:41 dial tcp: lookup db: no such host", "dial tcp: lookup db: no such host"),
            ("2026/11/22 06:07:41 main.go:12: listen tcp :80: bind", "listen tcp :80: bind"),
            ("E1122 06:07:41.250000       1 main.go:12] no route", "no route"),
            (
                "2026-11-22T06:07:41.250Z\tERROR\tserver/main.go:12\tno route\t{\"error\": \"x\"}",
                "no route\t{\"error\": \"x\"}",
            ),
            ("time=\"2026-11-22T06:07:41Z\" level=fatal msg=\"no route\"", "no route"),
            ("FATA[0003] no route", "no route"),
            ("6:07AM ERR no route error=\"x\"", "no route error=\"x\""),
            ("2026-11-22T06:07:41.250Z ERROR app::db: no route", "no route"),
            ("[2026-11-22T06:07:41Z ERROR app::db] no route", "no route"),
            ("[12:00:00.123] ERROR (123): no route", "no route"),
            ("[Nest] 123  - 11/22/2026, 6:07:41 AM   ERROR [ExceptionHandler] no route", "no route"),
            ("error: no route", "no route"),
            (
                "2026/11/22 06:07:41 [emerg] 1#1: host not found in upstream \"api\"",
                "host not found in upstream \"api\"",
            ),
            ("1:M 22 Nov 2026 06:07:41.250 # Can't open the log file", "Can't open the log file"),
            ("2026-11-22 06:07:41.250 GMT [15] FATAL:  no route", "no route"),
            ("2026-11-22T06:07:41.250000Z 0 [ERROR] [MY-010457] [Server] no route", "no route"),
            ("[22-Nov-2026 06:07:41 UTC] PHP Fatal error:  Uncaught X", "PHP Fatal error:  Uncaught X"),
            ("E, [2026-11-22T06:07:41.250 #1] ERROR -- : no route", "no route"),
            ("[06:07:41 ERR] no route", "no route"),
            ("[2026-11-22 06:07:41,252: ERROR/MainProcess] no route", "no route"),
            ("2026-11-22 06:07:41.250 | ERROR    | app:main:12 - no route", "no route"),
            ("2026-11-22 06:07:41 [error    ] no route    key=val", "no route    key=val"),
            ("Nov 22 06:07:41 host prog[1]: no route", "no route"),
            ("2026-11-22 06:07:41,250 ERROR [Errno 111] Connection refused", "[Errno 111] Connection refused"),
            ("ERROR (psycopg2.errors.UndefinedTable) relation", "(psycopg2.errors.UndefinedTable) relation"),
            ("[Sun Nov 22 06:07:41.250 2026] [core:error] [pid 1:tid 1] no route", "no route"),
        ];
        for (line, message) in rows {
            assert_eq!(message_of(line), message, "{line}");
        }
    }

    #[test]
    fn messages_without_columns_stay_whole() {
        let rows = [
            "Error: boot failed",
            "KeyError: 'X'",
            "panic: open db: refused",
            "Traceback (most recent call last):",
            "Listening on 0.0.0.0:8080",
            "FATAL ERROR: Reached heap limit Allocation failed",
            "[boot] optional module not available",
            "connection to server at \"db\", port 5432 failed",
            "{\"level\":\"error\",\"message\":\"x\"}",
            "9 items",
            "",
        ];
        for line in rows {
            assert_eq!(message_of(line), line);
        }
    }

    #[test]
    fn the_message_keeps_its_own_indentation() {
        for (line, rest) in [
            ("2026-11-22 06:07:41,250 ERROR app.db:   File \"x\", line 1", "  File \"x\", line 1"),
            ("ERROR:    Traceback", "   Traceback"),
            ("2026-11-22T06:07:41Z     at f (x.js:1:2)", "    at f (x.js:1:2)"),
        ] {
            assert_eq!(&line[read(line).width..], rest);
        }
    }
}
