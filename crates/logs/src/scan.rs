//! Finds where a JSON value ends, without building it and without needing all of it at once.
//!
//! It checks only what it must to stop early on text that merely begins like JSON (the inspected
//! objects that Node prints, a line cut in the middle): brackets match, strings do not span lines,
//! values are separated, nesting is bounded. Whether the value is good JSON is the parser's job.

use memchr::memchr3;

/// Nesting beyond this is not a log entry; it also bounds the work on hostile input.
const MAX_DEPTH: u32 = 120;

/// What a scan has found so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The value ends before this offset.
    End(usize),
    /// The value goes on beyond the bytes given.
    More,
    /// This is no JSON value.
    Broken(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Open,
    Comma,
    Colon,
    Value,
    Scalar,
}

/// A scan that can be continued when more bytes have arrived.
pub(crate) struct Scan {
    at: usize,
    depth: u32,
    /// One bit per open bracket, the innermost lowest: 1 for an object.
    objects: u128,
    last: Last,
    in_string: bool,
}

impl Scan {
    /// A scan of a value that begins at offset 0 of the bytes that [`Scan::advance`] is given.
    pub(crate) fn new() -> Scan {
        Scan { at: 0, depth: 0, objects: 0, last: Last::Colon, in_string: false }
    }

    /// Continues; `bytes` begin with what earlier calls were given.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Found {
        while let Some(&byte) = bytes.get(self.at) {
            let found = if self.in_string { self.string(bytes) } else { self.token(byte) };
            if let Some(found) = found {
                return found;
            }
        }
        Found::More
    }

    /// Goes to the end of the string, or to the end of the bytes.
    fn string(&mut self, bytes: &[u8]) -> Option<Found> {
        while let Some(found) = memchr3(b'"', b'\\', b'\n', &bytes[self.at..]) {
            self.at += found;
            match bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    self.in_string = false;
                    return (self.depth == 0).then_some(Found::End(self.at));
                }
                b'\\' if self.at + 1 < bytes.len() => self.at += 2,
                // The escaped byte has not arrived: stay on the backslash.
                b'\\' => return Some(Found::More),
                _ => return Some(Found::Broken("a line ends inside a string")),
            }
        }
        self.at = bytes.len();
        None
    }

    fn token(&mut self, byte: u8) -> Option<Found> {
        let after_value = matches!(self.last, Last::Value | Last::Scalar);
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                if self.last == Last::Scalar {
                    self.last = Last::Value;
                }
            }
            b'"' if after_value => return Some(Found::Broken("two values without a comma")),
            b'"' => {
                self.in_string = true;
                self.last = Last::Value;
            }
            b'{' | b'[' => return self.open(byte, after_value),
            b'}' | b']' => return self.close(byte),
            b',' | b':' if !after_value => return Some(Found::Broken("a value is missing")),
            b',' => self.last = Last::Comma,
            b':' => self.last = Last::Colon,
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if self.scalar_fits() => {
                self.last = Last::Scalar;
            }
            _ => return Some(Found::Broken("not JSON")),
        }
        self.at += 1;
        None
    }

    /// A bare word or number may continue itself or stand where a value may, never as a key.
    fn scalar_fits(&self) -> bool {
        match self.last {
            Last::Scalar | Last::Colon => true,
            Last::Open | Last::Comma => self.objects & 1 == 0,
            Last::Value => false,
        }
    }

    fn open(&mut self, byte: u8, after_value: bool) -> Option<Found> {
        let as_key = self.depth > 0 && self.objects & 1 == 1 && self.last != Last::Colon;
        if after_value || as_key {
            return Some(Found::Broken("two values without a comma"));
        }
        if self.depth == MAX_DEPTH {
            return Some(Found::Broken("nested too deep"));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(byte == b'{');
        self.last = Last::Open;
        self.at += 1;
        None
    }

    fn close(&mut self, byte: u8) -> Option<Found> {
        if self.depth == 0 || (self.objects & 1 == 1) != (byte == b'}') || self.last == Last::Colon {
            return Some(Found::Broken("brackets do not match"));
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.last = Last::Value;
        self.at += 1;
        (self.depth == 0).then_some(Found::End(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Found {
        Scan::new().advance(text.as_bytes())
    }

    #[test]
    fn ends_after_the_matching_bracket() {
        assert_eq!(scan(r#"{"a": [1, {"b": "}\"]"}], "c": -1.5e3, "d": null} {"x""#), Found::End(49));
        assert_eq!(scan("[]"), Found::End(2));
        assert_eq!(scan(r#"["\u001b[31m"]"#), Found::End(14));
        assert_eq!(scan(r#""text" rest"#), Found::End(6));
    }

    #[test]
    fn goes_on_in_pieces_of_any_size() {
        let text = br#"{"a\\": "x\"y", "b": [true, false, 12]}"#;
        let mut scan = Scan::new();
        for end in 1..text.len() {
            assert_eq!(scan.advance(&text[..end]), Found::More, "after {end} bytes");
        }
        assert_eq!(scan.advance(text), Found::End(text.len()));
    }

    #[test]
    fn stops_at_the_first_thing_that_is_not_json() {
        for text in [
            "{ code: 'ECONNREFUSED',",
            "{\"a\": 1\n{\"b\": 2}",
            "{\"a\": \"cut\n",
            "[2026-11-22 05:59",
            "{]",
            "{\"a\" \"b\"}",
        ] {
            assert!(matches!(scan(text), Found::Broken(_)), "{text}");
        }
        assert!(matches!(scan(&"[".repeat(200)), Found::Broken(_)));
    }
}
