//! Whether the value of a variable is there and well-formed, without touching the world.
//!
//! It never shows a value. Whether a file exists is for the caller, who has files.
//! Where to start reading: [`Variable::check`].

use super::{Format, Variable};
use crate::code::Code;
use crate::redact::is_secret_name;
use crate::target::{BadTarget, Environment, Target};

impl Variable {
    /// A variable that must hold a value of this form; secret if its name looks it, and always if it
    /// holds an address, which may hold a password.
    pub fn new(name: impl Into<String>, format: Format) -> Variable {
        let name = name.into();
        let secret = format == Format::Url || is_secret_name(&name);
        Variable { name, format, secret, may_be_empty: false }
    }

    /// Looks at its value in `environment`. For [`Format::File`] the value is only a path: that the
    /// file is there and readable is for the caller to see.
    ///
    /// # Errors
    /// A code of layer `config`, and a text that names the variable and shows nothing of its value.
    pub fn check(&self, environment: &Environment) -> Result<(), BadTarget> {
        let bad = |code, what: String, hint: &str| BadTarget { code, what, span: None, hint: Some(hint.to_owned()) };
        let name = &self.name;
        let Some(value) = environment.get(name) else {
            return Err(bad(Code::ValueMissing, format!("`{name}` is not set"), "set it in the environment"));
        };
        if value.is_empty() {
            return match self.may_be_empty {
                true => Ok(()),
                false => Err(bad(Code::ValueEmpty, format!("`{name}` is empty"), "give it a value")),
            };
        }
        if value.trim() != value {
            let what = format!("the value of `{name}` begins or ends with whitespace");
            return Err(bad(Code::WhitespaceInValue, what, "remove it, often a newline at the end of a secret"));
        }
        let form = match self.format {
            Format::Url => return self.address(value, environment),
            Format::Text | Format::File => None,
            Format::Integer => value.parse::<i128>().is_err().then_some("a whole number"),
            Format::Port => (!matches!(value.parse::<u16>(), Ok(1..))).then_some("a port, 1 to 65535"),
            Format::Boolean => (!is_boolean(value)).then_some("true or false"),
            Format::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_err().then_some("JSON"),
            Format::Base64 => (!is_base64(value)).then_some("base64"),
        };
        match form {
            None => Ok(()),
            Some(form) => {
                Err(bad(Code::ValueMalformed, format!("the value of `{name}` is not {form}"), "correct the value"))
            }
        }
    }

    fn address(&self, value: &str, environment: &Environment) -> Result<(), BadTarget> {
        match Target::parse(value, environment) {
            Ok(_) => Ok(()),
            Err(bad) => Err(BadTarget { what: format!("the value of `{}`: {}", self.name, bad.what), ..bad }),
        }
    }
}

fn is_boolean(value: &str) -> bool {
    ["true", "false", "1", "0", "yes", "no", "on", "off"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Standard or URL-safe alphabet, padded or not.
fn is_base64(value: &str) -> bool {
    let body = value.trim_end_matches('=');
    let padding = value.len() - body.len();
    let digits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    let fits = match padding {
        0 => body.len() % 4 != 1,
        1 | 2 => value.len().is_multiple_of(4),
        _ => false,
    };
    fits && body.bytes().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, value: &str) -> Option<Code> {
        let environment = [("V".to_owned(), value.to_owned())].into();
        Variable::new("V", format).check(&environment).err().map(|bad| bad.code)
    }

    #[test]
    fn good_values_pass() {
        for (format, value) in [
            (Format::Text, "x y"),
            (Format::Url, "postgres://u:p@db:5432/x"),
            (Format::Integer, "-12"),
            (Format::Port, "8080"),
            (Format::Boolean, "Yes"),
            (Format::Json, "{\"a\": [1]}"),
            (Format::File, "/etc/hosts"),
            (Format::Base64, "aGVsbG8="),
            (Format::Base64, "aGVsbG8"),
        ] {
            assert_eq!(check(format, value), None, "{format} {value}");
        }
    }

    #[test]
    fn bad_values_are_named_without_being_shown() {
        for (format, value, code) in [
            (Format::Text, "", Code::ValueEmpty),
            (Format::Text, "hunter2\n", Code::WhitespaceInValue),
            (Format::Url, "hunter2", Code::ValueMalformed),
            (Format::Integer, "1.5", Code::ValueMalformed),
            (Format::Port, "0", Code::ValueMalformed),
            (Format::Port, "65536", Code::ValueMalformed),
            (Format::Boolean, "maybe", Code::ValueMalformed),
            (Format::Json, "{", Code::ValueMalformed),
            (Format::Base64, "a", Code::ValueMalformed),
            (Format::Base64, "a===", Code::ValueMalformed),
            (Format::Base64, "hun ter2", Code::ValueMalformed),
        ] {
            assert_eq!(check(format, value), Some(code), "{format} {value}");
            let environment = [("V".to_owned(), value.to_owned())].into();
            let bad = Variable::new("V", format).check(&environment).unwrap_err();
            assert!(!bad.what.contains("hunter2"), "{}", bad.what);
        }
        let missing = Variable::new("V", Format::Text).check(&Environment::new()).unwrap_err();
        assert_eq!((missing.code, missing.what.as_str()), (Code::ValueMissing, "`V` is not set"));
    }

    #[test]
    fn an_empty_value_may_be_allowed() {
        let variable = Variable { may_be_empty: true, ..Variable::new("V", Format::Text) };
        assert_eq!(variable.check(&[("V".to_owned(), String::new())].into()), Ok(()));
        assert!(Variable::new("DB_PASSWORD", Format::Text).secret);
    }
}
