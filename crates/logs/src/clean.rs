//! Makes text readable: colours removed, doubled escapes undone.

use memchr::{memchr, memmem};
use std::borrow::Cow;

/// Bytes as text; what is no UTF-8 becomes the replacement character. Faster than the standard
/// library's way for what is UTF-8, which is nearly everything.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// How an escape character is spelled out by encoders that escaped it once too often.
const SPELLED_ESCAPES: [&str; 5] = ["\\u001b[", "\\u001B[", "\\x1b[", "\\033[", "#033["];

/// `text` without terminal control sequences (also those that an encoder spelled out), without
/// NUL, without line breaks around it.
pub(crate) fn clean(text: Cow<'_, str>) -> Cow<'_, str> {
    if !has_control(&text) {
        return trim(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(c) = rest.chars().next() {
        let control = match c {
            '\0' => 1,
            '\u{1b}' => sequence(rest),
            '\\' | '#' => spelled_sequence(rest),
            _ => 0,
        };
        if control == 0 {
            out.push(c);
        }
        rest = &rest[control.max(if control == 0 { c.len_utf8() } else { 0 })..];
    }
    trim(Cow::Owned(out))
}

/// Whether there may be anything to remove; the common answer is no.
fn has_control(text: &str) -> bool {
    let bytes = text.as_bytes();
    let spelled = || ["1b[", "1B[", "\\033["].iter().any(|mark| text.contains(mark));
    let hash = || memchr(b'#', bytes).is_some() && text.contains("#033[");
    match memchr::memchr3(0x1b, 0, b'\\', bytes).map(|at| bytes[at]) {
        Some(b'\\') => memchr::memchr2(0x1b, 0, bytes).is_some() || spelled() || hash(),
        Some(_) => true,
        None => hash(),
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    const ENDS: [char; 2] = ['\n', '\r'];
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(ENDS)),
        Cow::Owned(mut text) => {
            text.truncate(text.trim_end_matches(ENDS).len());
            let blank = text.len() - text.trim_start_matches(ENDS).len();
            text.drain(..blank);
            Cow::Owned(text)
        }
    }
}

/// Length of the control sequence that begins with the escape character at the start of `text`.
fn sequence(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'[') => 2 + csi(&bytes[2..]),
        // A title or a link: to the bell or the string terminator, if either stands on this line.
        Some(b']') => {
            let line = &bytes[..memchr(b'\n', bytes).unwrap_or(bytes.len())];
            let bell = memchr(7, line).map(|end| end + 1);
            let terminator = memmem::find(line, b"\x1b\\").map(|end| end + 2);
            bell.into_iter().chain(terminator).min().unwrap_or(2)
        }
        Some(b'(' | b')') if bytes.get(2).is_some_and(u8::is_ascii) => 3,
        _ => 1,
    }
}

/// Length of parameters and final byte of a control sequence.
fn csi(bytes: &[u8]) -> usize {
    let parameters = bytes.iter().take_while(|b| (0x20..0x40).contains(*b)).count();
    match bytes.get(parameters) {
        Some(0x40..=0x7e) => parameters + 1,
        _ => parameters,
    }
}

/// Length of a spelled-out colour at the start of `text`; other sequences are not worth the risk
/// of eating words.
fn spelled_sequence(text: &str) -> usize {
    let Some(start) = SPELLED_ESCAPES.iter().find(|start| text.starts_with(**start)) else {
        return 0;
    };
    let bytes = &text.as_bytes()[start.len()..];
    let parameters = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    match bytes.get(parameters) {
        Some(b'm' | b'K') => start.len() + parameters + 1,
        _ => 0,
    }
}

/// Undoes line breaks, tabs and quotes that were escaped once too often: a text on one line in
/// which `\n` begins indented lines or a traceback. A `\n` before a closing quote stays, because
/// there it shows what a value contains.
pub(crate) fn undouble(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() || memchr(b'\n', text.as_bytes()).is_some() {
        return text;
    }
    let lines = ["\\n ", "\\n\\t", "\\n\\n", "\\n("].iter().any(|mark| text.contains(mark));
    if !lines && !text.starts_with("Traceback ") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let after = rest.as_bytes().get(at + 2);
        let (plain, used) = match rest.as_bytes().get(at + 1) {
            Some(b'n') if !matches!(after, Some(b'\'' | b'"')) => ("\n", 2),
            Some(b't') => ("\t", 2),
            Some(b'"') => ("\"", 2),
            Some(b'\'') => ("'", 2),
            Some(b'\\') => ("\\", 2),
            _ => ("\\", 1),
        };
        out.push_str(plain);
        rest = &rest[at + used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_words_stay() {
        for (coloured, plain) in [
            (
                "\u{1b}[32mINFO\u{1b}[0m:     Started server process [\u{1b}[36m35\u{1b}[0m]",
                "INFO:     Started server process [35]",
            ),
            ("\\u001b[31mERROR\\u001b[0m x", "ERROR x"),
            ("\\x1b[1;31mERROR\\x1b[0m x", "ERROR x"),
            ("#033[31mERROR#033[0m x", "ERROR x"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}[2K\u{1b}[1Gnpm error", "npm error"),
            ("\na\0b\r\n", "ab"),
            ("path C:\\x1b[not a colour] #033[", "path C:\\x1b[not a colour] #033["),
            ("cut \u{1b}[", "cut "),
            ("é\u{1b}ü", "éü"),
        ] {
            assert_eq!(clean(Cow::Borrowed(coloured)), plain);
        }
    }

    #[test]
    fn doubled_escapes_are_undone_only_where_they_break_lines() {
        let traceback = "Traceback (most recent call last):\\n  File \\\"a.py\\\", line 1, in <module>\\nKeyError: 'X'";
        assert_eq!(
            undouble(traceback.into()),
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'X'"
        );
        let closed = "server closed the connection unexpectedly\\n\\tThis probably means";
        assert_eq!(undouble(closed.into()), "server closed the connection unexpectedly\n\tThis probably means");
        for kept in ["SERVICE_ID sanitized from 'backend\\n' to 'backend'", "open C:\\new\\table", "two\nlines \\n x"] {
            assert_eq!(undouble(kept.into()), kept);
        }
    }
}
