//! Pieces of a value with their place in it, and what is checked before anything is taken apart.
//!
//! It must never put a piece of the value into an error's text: the value may hold a password. The
//! span says where to look; whoever shows the value masks it.

use super::BadTarget;
use crate::code::Code;

/// A piece of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'v> {
    /// The text as it stands in the value.
    pub text: &'v str,
    /// Its first byte in the value.
    pub at: usize,
}

impl<'v> Part<'v> {
    pub(super) fn new(text: &'v str, at: usize) -> Part<'v> {
        Part { text, at }
    }

    /// Byte range in the value.
    pub(super) fn span(&self) -> (usize, usize) {
        (self.at, self.at + self.text.len())
    }

    /// `start..end` of this part.
    pub(super) fn slice(&self, start: usize, end: usize) -> Part<'v> {
        Part { text: &self.text[start..end], at: self.at + start }
    }

    /// What stands before and behind the first `mark`.
    pub(super) fn split(&self, mark: char) -> Option<(Part<'v>, Part<'v>)> {
        let found = self.text.find(mark)?;
        Some((self.slice(0, found), self.slice(found + mark.len_utf8(), self.text.len())))
    }

    /// The pieces between `mark`s.
    pub(super) fn pieces(&self, mark: char) -> Vec<Part<'v>> {
        let mut at = self.at;
        let mut pieces = Vec::new();
        for text in self.text.split(mark) {
            pieces.push(Part { text, at });
            at += text.len() + mark.len_utf8();
        }
        pieces
    }

    /// A mistake that concerns all of it.
    pub(super) fn bad(&self, what: impl Into<String>) -> BadTarget {
        BadTarget { code: Code::ValueMalformed, what: what.into(), span: Some(self.span()), hint: None }
    }

    /// The text with its percent signs resolved.
    pub(super) fn decode(&self) -> Result<String, BadTarget> {
        let bytes = self.text.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] != b'%' {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
            let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
            let end = (at + 3..).find(|end| *end >= bytes.len() || self.text.is_char_boundary(*end)).unwrap_or(at);
            let place = (self.at + at, self.at + end.min(bytes.len()));
            let bad = |what: &str| BadTarget {
                code: Code::ValueMalformed,
                what: what.to_owned(),
                span: Some(place),
                hint: Some("write a literal % as %25".to_owned()),
            };
            let (Some(high), Some(low)) = (hex(at + 1), hex(at + 2)) else {
                return Err(bad("a `%` is not followed by two hexadecimal digits"));
            };
            match (high * 16 + low) as u8 {
                0 => return Err(bad("`%00` is not allowed")),
                byte => out.push(byte),
            }
            at += 3;
        }
        String::from_utf8(out).map_err(|_| self.bad("the percent-encoded bytes are not UTF-8"))
    }
}

/// `text` with everything but unreserved characters and those in `keep` percent-encoded.
pub(super) fn encode(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte);
        if plain { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}

/// What is wrong with the value as a whole: empty, blanks, quotes around it, a placeholder that
/// nobody filled in. `blanks` are allowed inside (and around) keyword strings.
pub(super) fn check(value: &str, blanks: bool) -> Result<(), BadTarget> {
    if value.trim().is_empty() {
        let what = if value.is_empty() { "the value is empty" } else { "the value holds only blanks" };
        let span = (!value.is_empty()).then_some((0, value.len()));
        return Err(BadTarget { code: Code::ValueEmpty, what: what.to_owned(), span, hint: None });
    }
    if let Some(name) = placeholder(value) {
        return Err(BadTarget {
            code: Code::ValueMalformed,
            what: "the value holds a placeholder that nobody filled in".to_owned(),
            span: Some(name),
            hint: Some("the platform or the shell should have replaced it".to_owned()),
        });
    }
    let quote = |mark: char| value.len() > 1 && value.starts_with(mark) && value.ends_with(mark);
    if quote('"') || quote('\'') {
        return Err(BadTarget {
            code: Code::ValueMalformed,
            what: "the value stands in quotes that are a part of it".to_owned(),
            span: Some((0, 1)),
            hint: Some("remove the quotes: env files and manifests keep them".to_owned()),
        });
    }
    match blanks {
        true => Ok(()),
        false => whitespace(value),
    }
}

fn whitespace(value: &str) -> Result<(), BadTarget> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}');
    let Some(start) = value.find(odd) else { return Ok(()) };
    let run = value[start..].find(|c| !odd(c)).map_or(value.len(), |len| start + len);
    let first = value[start..].chars().next().unwrap_or(' ');
    let kind = match first {
        '\n' | '\r' => "a line break",
        '\t' => "a tab",
        ' ' => "a blank",
        c if c.is_control() => "a control character",
        _ => "an invisible character",
    };
    let place = match (start, run) {
        (0, _) => "begins with",
        (_, end) if end == value.len() => "ends with",
        _ => "holds",
    };
    let hint = match place {
        "ends with" => "remove it where the value is made (`echo -n`, a YAML block with `|-`, trim in the secret)",
        "begins with" => "remove it where the value is made",
        _ => "remove it, or write a blank inside a password as %20",
    };
    Err(BadTarget {
        code: Code::WhitespaceInValue,
        what: format!("the value {place} {kind}"),
        span: Some((start, run)),
        hint: Some(hint.to_owned()),
    })
}

/// `${NAME}`, `$(NAME)` or `{{ name }}` as a whole word of the value.
fn placeholder(value: &str) -> Option<(usize, usize)> {
    let name = |text: &str| {
        let text = text.trim();
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    };
    for (open, close) in [("${", "}"), ("$(", ")"), ("{{", "}}")] {
        let Some(start) = value.find(open) else { continue };
        let inside = start + open.len();
        let Some(len) = value[inside..].find(close) else { continue };
        if name(&value[inside..inside + len]) {
            return Some((start, inside + len + close.len()));
        }
    }
    None
}
