//! The fields of a JSON row, or of an error in it, that say what its message is about: an address, a
//! port, a path, a code.
//!
//! Loggers keep them out of the message ("cannot connect" with `addr` beside it), and without them
//! a failure has no culprit. Each becomes a line of its own, `key: value`, as it stands in the row.
//! Only values without white space are taken: what reads like a sentence is not an identifier, and
//! words of a client must not pass for words of the program.

use crate::json::{Object, Value};
use std::borrow::Cow;

/// Names of such fields.
const NAMES: &[&str] = &[
    "addr",
    "address",
    "port",
    "host",
    "hostname",
    "endpoint",
    "server.address",
    "server.port",
    "socket",
    "path",
    "file",
    "filename",
    "url",
    "uri",
    "db",
    "database",
    "dbname",
    "table",
    "user",
    "username",
    "code",
    "errno",
    "syscall",
    "exit_code",
    "sqlstate",
    "error.code",
    "err.code",
    "key",
    "name",
    "setting",
    "variable",
    "env_var",
];

/// Longest value that identifies something, bytes.
const LONGEST: usize = 160;

/// Lines for the fields of a row's `objects`, those of a logger's own doing left out; each with its
/// place.
pub(crate) fn of_row<'a, 'o>(objects: impl Iterator<Item = &'o Object<'a>>) -> Vec<(String, &'a str)>
where
    'a: 'o,
{
    objects.flat_map(|object| lines(object, |key| is_of_logger(object, key))).collect()
}

/// The same for an error, whose name and type are told elsewhere.
pub(crate) fn of_error<'a>(error: &Object<'a>) -> Vec<(String, &'a str)> {
    lines(error, |key| key == "name")
}

/// Leaves out what a text says already, word for word.
pub(crate) fn keep_new(said: &str, lines: &mut Vec<(String, &str)>) {
    let mut seen: Vec<String> = Vec::new();
    lines.retain(|(line, _)| {
        let value = line.split_once(": ").map_or("", |(_, value)| value);
        let new = !says(said, value) && !seen.contains(line);
        if new {
            seen.push(line.clone());
        }
        new
    });
}

fn lines<'a>(object: &Object<'a>, left_out: impl Fn(&str) -> bool) -> Vec<(String, &'a str)> {
    let named = object.fields().filter(|(key, _)| NAMES.contains(key) && !left_out(key));
    named.filter_map(|(key, value)| Some((format!("{key}: {}", identifier(value)?), value.0))).collect()
}

fn identifier<'a>(value: Value<'a>) -> Option<Cow<'a, str>> {
    let text = value.scalar()?;
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.contains(blank);
    (fits && !matches!(text.as_ref(), "true" | "false")).then_some(text)
}

/// Whether a field tells where the row was written, and not what it is about.
fn is_of_logger(object: &Object<'_>, key: &str) -> bool {
    let beside = |keys: &[&str]| object.any(keys).is_some();
    match key {
        "hostname" => beside(&["pid", "process"]),
        "host" | "path" => beside(&["@version", "short_message"]),
        "file" | "filename" => beside(&["func", "function", "funcName", "line", "lineno", "line_number", "caller"]),
        // Often the logger itself; data only where another field names that.
        "name" => !beside(&["logger", "logger_name", "loggerName", "log.logger", "caller", "target", "channel"]),
        _ => false,
    }
}

/// Whether `value` stands in `text` as a word, not as a part of one.
fn says(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + value.len()..].chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Vec<String> {
        let object = Object::parse(json).expect("an object");
        of_row([&object].into_iter()).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn identifiers_are_lines_of_their_own() {
        let json = r#"{"msg":"no","addr":"10.0.0.1:5432","port":5432,"user":"orders","path":"/run/a.sock","ok":1,"code":"ECONNREFUSED"}"#;
        let want = ["addr: 10.0.0.1:5432", "port: 5432", "user: orders", "path: /run/a.sock", "code: ECONNREFUSED"];
        assert_eq!(row(json), want);
    }

    #[test]
    fn sentences_flags_and_long_values_are_none() {
        let long = "x".repeat(LONGEST + 1);
        for value in
            [r#""FATAL: too many clients""#, r#""""#, "true", "null", "[1]", r#"{"a":1}"#, &format!("\"{long}\"")]
        {
            assert_eq!(row(&format!(r#"{{"user":{value}}}"#)), [] as [&str; 0], "{value}");
        }
    }

    #[test]
    fn what_names_the_writer_is_no_news() {
        for json in [
            r#"{"pid":7,"hostname":"web-1","name":"gw"}"#,
            r#"{"@version":"1","host":"web-1","path":"/srv/app/main.py"}"#,
            r#"{"short_message":"x","host":"web-1"}"#,
            r#"{"file":"/app/main.go:31","func":"main.main"}"#,
            r#"{"filename":"main.py","lineno":3}"#,
        ] {
            assert_eq!(row(json), [] as [&str; 0], "{json}");
        }
        assert_eq!(row(r#"{"logger":"db","name":"orders","hostname":"db"}"#), ["name: orders", "hostname: db"]);
    }

    #[test]
    fn what_the_text_says_is_not_repeated() {
        let json = r#"{"address":"10.0.0.1","port":5432,"code":"ECONNREFUSED","errno":-111,"port2":1,"user":"app"}"#;
        let object = Object::parse(json).expect("an object");
        let mut lines = of_error(&object);
        lines.push(lines[4].clone());
        keep_new("connect ECONNREFUSED 10.0.0.1:5432 by application", &mut lines);
        assert_eq!(lines.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(), ["errno: -111", "user: app"]);
    }
}
