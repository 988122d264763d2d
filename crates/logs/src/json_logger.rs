//! Rows that a program wrote as JSON objects: pino, bunyan, winston, zap, zerolog, logrus, slog,
//! logback, log4j, structlog, python-json-logger, serilog, tracing, MongoDB, Postgres' jsonlog ...
//!
//! One reader for all: they differ in names, not in kind. Level, stamp and logger are read from
//! the row's own fields only; a nested `error.severity` is data.

use crate::{
    json::{Object, Value},
    json_fields,
    time::{self, Stamp},
};
use std::borrow::Cow;
use tminus_core::{Timestamp, record::Request, vocabulary::Severity};

/// What such a row says.
pub(crate) struct Said<'a> {
    /// The message.
    pub(crate) message: Cow<'a, str>,
    /// Where the message stands: a slice of the input.
    pub(crate) place: &'a str,
    /// Errors, identifying fields and stacks beside the message, each with its place.
    pub(crate) more: Vec<(String, &'a str)>,
    pub(crate) severity: Option<Severity>,
    pub(crate) logger: Option<Cow<'a, str>>,
    pub(crate) time: Option<Moment>,
}

/// A stamp, or a count since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Complete(Timestamp),
    Stamp(Stamp),
}

const MESSAGE: &[&str] = &[
    "message",
    "msg",
    "event",
    "MESSAGE",
    "Message",
    "@m",
    "RenderedMessage",
    "textPayload",
    "short_message",
    "log",
    "@mt",
    "MessageTemplate",
    "body",
    "text",
    "log_line",
    "line",
    "Log",
    "Log_s",
];
const LEVEL: &[&str] = &[
    "severity",
    "level",
    "levelname",
    "lvl",
    "log.level",
    "@l",
    "Level",
    "LogLevel",
    "loglevel",
    "log_level",
    "level_name",
    "severityText",
    "severity_text",
    "error_severity",
    "s",
];
const TIME: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "t",
    "@t",
    "asctime",
    "Timestamp",
    "datetime",
    "timeMillis",
    "instant",
    "date",
    "TimeStamp",
    "TimeGenerated",
];
const LOGGER: &[&str] = &[
    "logger",
    "logger_name",
    "loggerName",
    "log.logger",
    "SourceContext",
    "Category",
    "target",
    "channel",
    "component",
    "module",
    "name",
    "c",
];
/// Fields that hold an error, a stack, or what a server adds to its message.
const ERROR: &[&str] = &[
    "error",
    "err",
    "exception",
    "exc_info",
    "exc_text",
    "Exception",
    "@x",
    "thrown",
    "error.message",
    "error.stack_trace",
    "stack_trace",
    "stackTrace",
    "stacktrace",
    "stack",
    "traceback",
    "errorVerbose",
    "err.message",
    "err.stack",
    "detail",
    "hint",
    "reason",
    "cause",
    "full_message",
];
/// Objects that hold the row's own fields one level deeper, and those that only add to them: a
/// level there would be data.
const NESTED: &[&str] = &["fields", "record", "log"];
const ADDED: &[&str] = &["attr", "context"];

/// Reads a row; nothing when the object carries no message.
pub(crate) fn read<'a>(object: &Object<'a>) -> Option<Said<'a>> {
    let inside =
        |keys: &[&str]| -> Vec<Object<'a>> { keys.iter().filter_map(|key| object.get(key)?.object()).collect() };
    let (nested, added) = (inside(NESTED), inside(ADDED));
    let own = || std::iter::once(object).chain(&nested);
    let all = || own().chain(&added);
    let message = own().find_map(message);
    let level = own().find_map(level);
    let time = own().find_map(moment);
    let mut more = Vec::new();
    let mut fields = json_fields::of_row(all());
    for (key, value) in all().flat_map(|o| o.fields()) {
        if ERROR.contains(&key) {
            more.extend(error(value, 0).filter(|text| !text.trim().is_empty()).map(|text| (text, value.0)));
            fields.extend(value.object().iter().flat_map(json_fields::of_error));
        }
    }
    let (message, place) = match message {
        Some(found) => found,
        // An error alone is a message when the object is a log row at all.
        None if (level.is_some() || time.is_some()) && !more.is_empty() => {
            let (text, place) = more.remove(0);
            (Cow::Owned(text), place)
        }
        None => return None,
    };
    keep_new(&message, &mut more);
    add_fields(&message, fields, &mut more, object);
    let logger = all().find_map(|o| o.text(LOGGER));
    Some(Said { message, place, more, severity: level, logger, time })
}

/// A row that has a level or a stamp and no message: its text is the object as it stands.
pub(crate) fn wordless<'a>(object: &Object<'a>, place: &'a str) -> Option<Said<'a>> {
    let (severity, time) = (level(object), moment(object));
    if severity.is_none() && time.is_none() {
        return None;
    }
    Some(Said { message: Cow::Borrowed(place), place, more: Vec::new(), severity, logger: object.text(LOGGER), time })
}

/// The request that a row of an access log tells of.
pub(crate) fn request(object: &Object<'_>) -> Option<Request> {
    let inner = |key: &str| object.get(key).and_then(Value::object);
    let (asked, answered) = (inner("req"), inner("res"));
    let status = answered.as_ref().unwrap_or(object).any(&["status", "statusCode", "status_code"])?.scalar()?;
    let status = status.parse().ok().filter(|status| (100..600).contains(status))?;
    let url = asked.as_ref().unwrap_or(object).text(&["path", "url", "uri", "request_uri", "requestUrl", "request"])?;
    Some(Request { status, url: url.into_owned() })
}

fn message<'a>(object: &Object<'a>) -> Option<(Cow<'a, str>, &'a str)> {
    MESSAGE.iter().find_map(|key| {
        let value = object.get(key)?;
        let text = value.string().filter(|text| !text.trim().is_empty())?;
        Some((text, value.0))
    })
}

/// Adds the lines of fields behind the message and the errors of one line, and before stacks: what
/// stands behind a stack would be read as a part of it. A request that was answered is its client's
/// affair.
fn add_fields<'a>(
    message: &str,
    mut fields: Vec<(String, &'a str)>,
    more: &mut Vec<(String, &'a str)>,
    row: &Object<'a>,
) {
    if fields.is_empty() || request(row).is_some() {
        return;
    }
    let said = more.iter().fold(message.to_owned(), |said, (text, _)| said + "\n" + text);
    json_fields::keep_new(&said, &mut fields);
    let at = more.iter().position(|(text, _)| text.trim().contains('\n')).unwrap_or(more.len());
    more.splice(at..at, fields);
}

/// Drops what the text says already: a stack that repeats the message is kept, a message that the
/// text contains is not.
fn keep_new(message: &str, more: &mut Vec<(String, &str)>) {
    let mut said = message.to_owned();
    more.retain(|(text, _)| {
        let first = text.trim().lines().next().unwrap_or_default();
        let is_stack = text.trim().lines().nth(1).is_some_and(|line| line.starts_with([' ', '\t']));
        let new = !said.contains(if is_stack { text.trim() } else { first });
        if new {
            said.push('\n');
            said.push_str(text);
        }
        new
    });
}

fn level(object: &Object<'_>) -> Option<Severity> {
    LEVEL.iter().find_map(|key| {
        let value = object.get(key)?;
        if *key == "s" {
            return mongo_level(&value.string()?).filter(|_| object.has("c"));
        }
        if let Some(inner) = value.object() {
            return Severity::read(&inner.text(&["name"])?);
        }
        // GELF counts like syslog, everyone else like bunyan.
        if object.has("short_message") {
            return value.number().and_then(syslog);
        }
        Severity::read(&value.scalar()?)
    })
}

fn mongo_level(word: &str) -> Option<Severity> {
    Some(match word.as_bytes().first()? {
        b'F' => Severity::Critical,
        b'E' => Severity::Error,
        b'W' => Severity::Warning,
        b'I' => Severity::Info,
        b'D' => Severity::Debug,
        _ => return None,
    })
}

/// The severity of a syslog or journal priority.
pub(crate) fn syslog(priority: f64) -> Option<Severity> {
    Some(match priority as i64 {
        0..=2 => Severity::Critical,
        3 => Severity::Error,
        4 => Severity::Warning,
        5 => Severity::Notice,
        6 => Severity::Info,
        7 => Severity::Debug,
        _ => return None,
    })
}

/// The severity of Cloud Logging's number.
pub(crate) fn cloud_level(number: f64) -> Option<Severity> {
    Some(match number as i64 {
        100..200 => Severity::Debug,
        200..300 => Severity::Info,
        300..400 => Severity::Notice,
        400..500 => Severity::Warning,
        500..600 => Severity::Error,
        600.. => Severity::Critical,
        _ => return None,
    })
}

/// The row's own stamp.
pub(crate) fn moment(object: &Object<'_>) -> Option<Moment> {
    TIME.iter().find_map(|key| moment_of(object.get(key)?))
}

fn moment_of(value: Value<'_>) -> Option<Moment> {
    if let Some(inner) = value.object() {
        if let Some(date) = inner.any(&["$date", "timestamp", "repr"]) {
            return moment_of(date);
        }
        let seconds = inner.get("epochSecond")?.number()? as i64;
        let nanos = inner.get("nanoOfSecond").and_then(Value::number).unwrap_or(0.0) as i32;
        return Timestamp::new(seconds, nanos).ok().map(Moment::Complete);
    }
    let text = value.scalar()?;
    let text = text.trim();
    if let Some(time) = time::rfc3339(text).or_else(|| time::epoch(text)) {
        return Some(Moment::Complete(time));
    }
    time::stamp(text).map(|(stamp, _)| Moment::Stamp(stamp))
}

/// An error as text: a string as it is, an object by its stack or by message and type, a list by
/// its members.
fn error(value: Value<'_>, depth: usize) -> Option<String> {
    const ABSENT: [&str; 6] = ["None", "null", "NoneType: None", "false", "undefined", "{}"];
    if depth > 5 {
        return None;
    }
    if let Some(text) = value.string() {
        return (!ABSENT.contains(&text.trim())).then(|| text.into_owned());
    }
    if let Some(object) = value.object() {
        return error_object(&object, depth);
    }
    let items = value.items();
    if let Some(chain) = python_chain(&items, depth) {
        return Some(chain);
    }
    let parts: Vec<String> = items.iter().filter_map(|item| error(*item, depth + 1)).collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

/// The chain of exceptions that structlog writes, newest first, in the order and with the words
/// of Python.
fn python_chain(items: &[Value<'_>], depth: usize) -> Option<String> {
    let mut text = String::new();
    for item in items.iter().rev() {
        let object = item.object().filter(|object| object.has("exc_type"))?;
        text.push_str(&error_object(&object, depth + 1)?);
        if std::ptr::eq(item, &items[0]) {
            break;
        }
        text.push_str(match object.get("is_cause").map(|value| value.0) {
            Some("true") => "\n\nThe above exception was the direct cause of the following exception:\n\n",
            _ => "\n\nDuring handling of the above exception, another exception occurred:\n\n",
        });
    }
    (!text.is_empty()).then_some(text)
}

fn error_object(object: &Object<'_>, depth: usize) -> Option<String> {
    let kind = object.text(&["type", "name", "class", "exc_type", "exceptionType", "kind", "codeName"]);
    let message = object.text(&["message", "msg", "value", "exc_value", "errmsg", "localizedMessage", "error"]);
    let mut text = object
        .any(&["stack", "stack_trace", "stackTrace", "stacktrace", "traceback", "trace", "extendedStackTrace"])
        .and_then(|stack| error(stack, depth + 1))
        .filter(|stack| !stack.trim().is_empty());
    // An error without a stack that is of a plain type is a record of something else ("Missing
    // field" of type str).
    if text.is_none() && kind.as_deref().is_some_and(is_plain_type) {
        return None;
    }
    let kind = kind.filter(|kind| !["Object", "object", "Error"].contains(&kind.as_ref()));
    if text.is_none() {
        text = match (frames(object), kind, message) {
            (Some(frames), Some(kind), Some(message)) => Some(format!("{frames}\n{kind}: {message}")),
            (Some(frames), kind, message) => Some(format!("{frames}\n{}", kind.or(message).unwrap_or_default())),
            // Two lines, so that each stands in the input as it is.
            (None, Some(kind), Some(message)) => Some(format!("{message}\n{kind}")),
            (None, _, message) => message.map(Cow::into_owned),
        };
    }
    let causes = object.any(&["cause", "causedBy", "aggregateErrors", "errors"]);
    let causes = causes.and_then(|cause| error(cause, depth + 1));
    match (text, causes) {
        (Some(text), Some(cause)) if !text.contains(cause.trim()) => Some(format!("{text}\nCaused by: {cause}")),
        (text, cause) => text.or(cause),
    }
}

fn is_plain_type(kind: &str) -> bool {
    ["str", "string", "int", "float", "dict", "list", "bool", "NoneType", "null", "undefined", "number"].contains(&kind)
}

/// The frames of structlog and of Java encoders, as the language prints them.
fn frames(object: &Object<'_>) -> Option<String> {
    let frames = object.get("frames")?.items();
    let mut lines = Vec::new();
    for frame in frames.iter().filter_map(|frame| frame.object()) {
        let place = |keys: &[&str]| frame.any(keys).and_then(Value::scalar).unwrap_or_default();
        let (file, line) = (place(&["filename", "file"]), place(&["lineno", "line"]));
        match frame.text(&["class"]) {
            Some(class) => lines.push(format!("\tat {class}.{}(:{line})", place(&["method"]))),
            None => lines.push(format!("  File \"{file}\", line {line}, in {}", place(&["name", "function"]))),
        }
    }
    if lines.first()?.starts_with("  File") {
        lines.insert(0, "Traceback (most recent call last):".to_owned());
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, Debug, Error, Info, Warning};

    fn said(json: &str) -> (String, Option<Severity>, Option<String>, bool) {
        let object = Object::parse(json).expect("an object");
        let said = read(&object).expect("a row");
        let more = said.more.iter().map(|(text, _)| text.as_str());
        let text = std::iter::once(said.message.as_ref()).chain(more).collect::<Vec<_>>().join("\n");
        (text, said.severity, said.logger.map(Cow::into_owned), said.time.is_some())
    }

    #[test]
    fn rows_of_the_usual_loggers() {
        for (json, text, severity, logger) in [
            (
                r#"{"level":50,"time":1795327200000,"pid":1,"hostname":"x","err":{"type":"Error","message":"refused","stack":"Error: refused\n    at f (a.js:1:2)"},"msg":"cannot start"}"#,
                "cannot start\nError: refused\n    at f (a.js:1:2)",
                Some(Error),
                None,
            ),
            (
                r#"{"name":"gw","hostname":"x","pid":1,"level":30,"msg":"up","time":"2026-11-22T06:00:00.123Z","v":0}"#,
                "up",
                Some(Info),
                Some("gw"),
            ),
            (
                r#"{"level":"error","message":"boom","timestamp":"2026-11-22T06:00:00Z","stack":"Error: boom\n    at g"}"#,
                "boom\nError: boom\n    at g",
                Some(Error),
                None,
            ),
            (
                r#"{"level":"fatal","ts":1795327200.123,"logger":"db","caller":"a.go:1","msg":"dial","error":"dial tcp 10.0.0.1:5432: connect: connection refused","stacktrace":"main.main\n\t/a.go:1"}"#,
                "dial\ndial tcp 10.0.0.1:5432: connect: connection refused\nmain.main\n\t/a.go:1",
                Some(Critical),
                Some("db"),
            ),
            (r#"{"level":"warn","time":"2026-11-22T06:00:00Z","message":"slow"}"#, "slow", Some(Warning), None),
            (r#"{"time":"2026-11-22T06:00:00.1Z","level":"DEBUG","msg":"x","err":"EOF"}"#, "x\nEOF", Some(Debug), None),
            (
                r#"{"@timestamp":"2026-11-22T06:00:00.1Z","@version":"1","message":"x","logger_name":"a.B","level":"ERROR","level_value":40000,"stack_trace":"java.lang.X: y\n\tat a.B(B.java:1)\n"}"#,
                "x\njava.lang.X: y\n\tat a.B(B.java:1)\n",
                Some(Error),
                Some("a.B"),
            ),
            (
                r#"{"event":"start failed","level":"critical","timestamp":"2026-11-22T06:00:00Z","exception":[{"exc_type":"KeyError","exc_value":"'X'","frames":[{"filename":"a.py","lineno":3,"name":"main"}]}]}"#,
                "start failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in main\nKeyError: 'X'",
                Some(Critical),
                None,
            ),
            (
                r#"{"asctime":"2026-11-22 06:00:00,123","levelname":"ERROR","name":"app","message":"x","exc_info":"Traceback (most recent call last):\n  File \"a\"\nE: y"}"#,
                "x\nTraceback (most recent call last):\n  File \"a\"\nE: y",
                Some(Error),
                Some("app"),
            ),
            (
                r#"{"@t":"2026-11-22T06:00:00.1Z","@mt":"Start {Name}","@m":"Start app","@l":"Error","@x":"System.Exception: y","SourceContext":"A.B"}"#,
                "Start app\nSystem.Exception: y",
                Some(Error),
                Some("A.B"),
            ),
            (
                r#"{"level":40,"time":1795327200000,"err":{"type":"Object","message":"connect ECONNREFUSED 127.0.0.1:6379"},"msg":"retry"}"#,
                "retry\nconnect ECONNREFUSED 127.0.0.1:6379",
                Some(Warning),
                None,
            ),
            (
                r#"{"level":"error","ts":1795327200,"msg":"no","error":{"type":"KeyError","message":"'X'"}}"#,
                "no\n'X'\nKeyError",
                Some(Error),
                None,
            ),
            (
                r#"{"timestamp":"2026-11-22T06:00:00.1Z","level":"INFO","fields":{"message":"listening","port":80},"target":"app::main"}"#,
                "listening\nport: 80",
                Some(Info),
                Some("app::main"),
            ),
            (
                r#"{"t":{"$date":"2026-11-22T06:00:00.123+00:00"},"s":"E","c":"NETWORK","id":1,"ctx":"main","msg":"no","attr":{"error":"Address already in use"}}"#,
                "no\nAddress already in use",
                Some(Error),
                Some("NETWORK"),
            ),
            (
                r#"{"timestamp":"2026-11-22 06:00:00.123 UTC","pid":7,"error_severity":"FATAL","message":"no pg_hba.conf entry","detail":"d"}"#,
                "no pg_hba.conf entry\nd",
                Some(Critical),
                None,
            ),
            (
                r#"{"instant":{"epochSecond":1795327200,"nanoOfSecond":5},"level":"WARN","loggerName":"a.B","message":"x","thrown":{"name":"a.E","message":"y","extendedStackTrace":"a.E: y\n\tat z"}}"#,
                "x\na.E: y\n\tat z",
                Some(Warning),
                Some("a.B"),
            ),
            (
                r#"{"severity": "INFO", "message": "Started server process [43]", "logger": "uvicorn.error", "time": "2026-11-22T06:04:29.413Z"}"#,
                "Started server process [43]",
                Some(Info),
                Some("uvicorn.error"),
            ),
        ] {
            assert_eq!(said(json), (text.to_owned(), severity, logger.map(str::to_owned), true), "{json}");
        }
    }

    #[test]
    fn fields_that_identify_something_stand_behind_the_message_and_before_stacks() {
        for (json, text) in [
            (
                r#"{"level":"fatal","ts":1795327200.1,"caller":"a.go:1","msg":"cannot connect","host":"db","port":5432,"error":"connection refused","stacktrace":"main.main\n\t/a.go:1"}"#,
                "cannot connect\nconnection refused\nhost: db\nport: 5432\nmain.main\n\t/a.go:1",
            ),
            (
                r#"{"level":50,"time":1795327200000,"pid":1,"hostname":"x","name":"gw","err":{"type":"Error","message":"connect failed","stack":"Error: connect failed\n    at f (a.js:1:2)","code":"ECONNREFUSED","errno":-111,"syscall":"connect","address":"10.0.0.1","port":5432},"msg":"cannot start"}"#,
                "cannot start\ncode: ECONNREFUSED\nerrno: -111\naddress: 10.0.0.1\nport: 5432\nError: connect failed\n    at f (a.js:1:2)",
            ),
            (
                r#"{"level":50,"time":1795327200000,"err":{"message":"connect ECONNREFUSED 10.0.0.1:5432","code":"ECONNREFUSED","address":"10.0.0.1","port":5432},"msg":"retry"}"#,
                "retry\nconnect ECONNREFUSED 10.0.0.1:5432",
            ),
            (
                r#"{"level":"error","time":"2026-11-22T06:00:00Z","msg":"no","cause":"the file is empty","path":"/etc/a.toml"}"#,
                "no\nthe file is empty\npath: /etc/a.toml",
            ),
            (
                r#"{"level":"info","time":"2026-11-22T06:00:00Z","msg":"answered","path":"/jobs","status":200}"#,
                "answered",
            ),
        ] {
            assert_eq!(said(json).0, text, "{json}");
        }
    }

    #[test]
    fn a_chain_of_python_is_put_in_its_order() {
        let exception = |kind: &str, value: &str, is_cause: bool| {
            format!(
                r#"{{"exc_type":"{kind}","exc_value":"{value}","is_cause":{is_cause},"frames":[{{"filename":"a.py","lineno":1,"name":"f"}}]}}"#
            )
        };
        let chain = [exception("RuntimeError", "startup", false), exception("KeyError", "'X'", true)].join(",");
        let frames = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n";
        let cause = "\n\nThe above exception was the direct cause of the following exception:\n\n";
        let want = format!("failed\n{frames}KeyError: 'X'{cause}{frames}RuntimeError: startup");
        assert_eq!(said(&format!(r#"{{"event":"failed","exception":[{chain}]}}"#)).0, want);
    }

    #[test]
    fn a_nested_severity_is_data() {
        let decoy = r#"{"message":"loaded","error":{"message":"Missing field","severity":"ERROR","traceback":"","type":"str"}}"#;
        assert_eq!(said(decoy), ("loaded".to_owned(), None, None, false));
    }

    #[test]
    fn objects_without_a_message_are_no_rows() {
        for json in [r#"{"a":1}"#, r#"{"error":"x"}"#, r#"{"message":{"a":1}}"#, r#"{"level":"info"}"#] {
            assert!(read(&Object::parse(json).expect("an object")).is_none(), "{json}");
        }
    }
}
