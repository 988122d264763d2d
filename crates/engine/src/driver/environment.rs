//! Values of the environment: present, well-formed, without stray whitespace.
//!
//! A value is never part of what is said about it, unless it is known to be no secret.

use tminus_core::code::Code;
use tminus_core::plan::{Format, Variable};
use tminus_core::redact::is_secret_name;
use tminus_core::target::{BadTarget, Environment, Target};

/// The first of `variables` that is not as it must be, and all of them in words.
pub(super) fn check(variables: &[Variable], environment: &Environment) -> Result<(), (Code, String)> {
    let wrong: Vec<(Code, String)> = variables.iter().filter_map(|variable| one(variable, environment).err()).collect();
    let Some((code, _)) = wrong.first() else { return Ok(()) };
    let said: Vec<&str> = wrong.iter().map(|(_, what)| what.as_str()).collect();
    Err((*code, said.join("; ")))
}

fn one(variable: &Variable, environment: &Environment) -> Result<(), (Code, String)> {
    let name = &variable.name;
    let Some(value) = environment.get(name) else {
        return Err((Code::ValueMissing, format!("{name} is not set")));
    };
    if value.is_empty() {
        let empty = Err((Code::ValueEmpty, format!("{name} is set and empty")));
        return if variable.may_be_empty { Ok(()) } else { empty };
    }
    if let Some(what) = stray_whitespace(value) {
        return Err((Code::WhitespaceInValue, format!("{name} {what}")));
    }
    well_formed(variable, value).map_err(|(code, what)| {
        let shown = !variable.secret && !is_secret_name(name) && value.len() <= 40 && variable.format != Format::Url;
        let value = if shown { format!(" (`{value}`)") } else { String::new() };
        (code, format!("{name} {what}{value}"))
    })
}

fn stray_whitespace(value: &str) -> Option<&'static str> {
    let blank = |c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}');
    if value.ends_with('\n') || value.ends_with('\r') {
        Some("ends with a line break")
    } else if value.starts_with(blank) {
        Some("begins with whitespace")
    } else if value.ends_with(blank) {
        Some("ends with whitespace")
    } else {
        None
    }
}

fn well_formed(variable: &Variable, value: &str) -> Result<(), (Code, String)> {
    let check = |good: bool, what: &str| if good { Ok(()) } else { Err((Code::ValueMalformed, what.to_owned())) };
    match variable.format {
        Format::Text => Ok(()),
        Format::Url => {
            let bad = |bad: BadTarget| (bad.code, format!("is no address: {bad}"));
            Target::parse(value, &Environment::new()).map(drop).map_err(bad)
        }
        Format::Integer => check(value.parse::<i64>().is_ok(), "is not a whole number"),
        Format::Port => check(value.parse::<u16>().is_ok_and(|port| port > 0), "is not a port from 1 to 65535"),
        Format::Boolean => {
            let known = ["true", "false", "1", "0", "yes", "no", "on", "off"];
            check(known.contains(&value.to_ascii_lowercase().as_str()), "is neither true nor false")
        }
        Format::Json => check(serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(), "is not JSON"),
        Format::File => match std::fs::File::open(value).and_then(|file| file.metadata()) {
            Ok(data) => check(data.is_file(), "does not name a file"),
            Err(error) => Err((Code::ValueMalformed, format!("names a file that cannot be read: {error}"))),
        },
        Format::Base64 => check(is_base64(value), "is not base64"),
    }
}

/// RFC 4648, standard or URL-safe alphabet, padding optional.
fn is_base64(value: &str) -> bool {
    let body = value.trim_end_matches('=');
    let letters = body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_'));
    letters && body.len() % 4 != 1 && value.len() - body.len() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, format: Format) -> Variable {
        Variable { name: name.into(), format, secret: false, may_be_empty: false }
    }

    fn check_one(format: Format, value: &str) -> Result<(), Code> {
        let environment = Environment::from([("X".to_owned(), value.to_owned())]);
        check(&[variable("X", format)], &environment).map_err(|(code, _)| code)
    }

    #[test]
    fn values_are_told_apart_from_what_only_looks_like_them() {
        let cases = [
            (Format::Text, "a b", Ok(())),
            (Format::Text, " a", Err(Code::WhitespaceInValue)),
            (Format::Text, "a\n", Err(Code::WhitespaceInValue)),
            (Format::Text, "", Err(Code::ValueEmpty)),
            (Format::Integer, "-12", Ok(())),
            (Format::Integer, "1.5", Err(Code::ValueMalformed)),
            (Format::Port, "65535", Ok(())),
            (Format::Port, "0", Err(Code::ValueMalformed)),
            (Format::Boolean, "On", Ok(())),
            (Format::Boolean, "maybe", Err(Code::ValueMalformed)),
            (Format::Json, "{\"a\":1}", Ok(())),
            (Format::Json, "{a:1}", Err(Code::ValueMalformed)),
            (Format::Base64, "aGVsbG8=", Ok(())),
            (Format::Base64, "aGVs!", Err(Code::ValueMalformed)),
            (Format::File, "/nonexistent/key.pem", Err(Code::ValueMalformed)),
            (Format::Url, "postgres://u@db:x/y", Err(Code::ValueMalformed)),
            (Format::Url, &format!("postgres:///x?host=/{}", "s".repeat(120)), Err(Code::SocketPathTooLong)),
        ];
        for (format, value, wanted) in cases {
            assert_eq!(check_one(format, value), wanted, "{format} {value:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_and_no_secret_with_it() {
        let environment = Environment::from([
            ("API_TOKEN".to_owned(), "hunter2-hunter2\n".to_owned()),
            ("DB_PASSWORD".to_owned(), "12a".to_owned()),
        ]);
        let variables = [
            variable("A", Format::Text),
            variable("API_TOKEN", Format::Text),
            variable("DB_PASSWORD", Format::Integer),
        ];
        let (code, said) = check(&variables, &environment).unwrap_err();
        assert_eq!(code, Code::ValueMissing);
        assert_eq!(said, "A is not set; API_TOKEN ends with a line break; DB_PASSWORD is not a whole number");
    }
}
