//! JSON objects as they stand in the input: one level at a time, borrowed, tolerant.
//!
//! [`Object`] holds the fields of one object in order, each value still as text, so that a reader
//! decodes only what it wants and knows where in the input it stands ([`Doc::line_of`]).

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, cell::Cell, fmt};

/// The text of one JSON value, without white space around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a>(pub(crate) &'a str);

impl<'a> Value<'a> {
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// The decoded string, when it is one.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        Some(unescape(inner))
    }

    /// The decoded string, or a number or boolean as it is written.
    pub(crate) fn scalar(self) -> Option<Cow<'a, str>> {
        match self.0.as_bytes().first()? {
            b'"' => self.string(),
            b'{' | b'[' => None,
            _ if self.is_null() => None,
            _ => Some(Cow::Borrowed(self.0)),
        }
    }

    pub(crate) fn number(self) -> Option<f64> {
        self.0.parse().ok()
    }

    pub(crate) fn object(self) -> Option<Object<'a>> {
        if self.is_object() { Object::parse(self.0) } else { None }
    }

    /// The values of an array; empty when it is none.
    pub(crate) fn items(self) -> Vec<Value<'a>> {
        if !self.is_array() {
            return Vec::new();
        }
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0).unwrap_or_default();
        items.into_iter().map(|item| Value(item.get())).collect()
    }
}

/// The fields of one object, in the order of the input.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The fields of the object that `text` is; nothing when it is not exactly one object.
    pub(crate) fn parse(text: &'a str) -> Option<Object<'a>> {
        serde_json::from_str(text).ok()
    }

    /// The value of a field, the last one when it is given twice; `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        let found = self.fields.iter().rev().find(|(name, _)| name == key)?;
        (!found.1.is_null()).then_some(found.1)
    }

    /// The first of `keys` that is present.
    pub(crate) fn any(&self, keys: &[&str]) -> Option<Value<'a>> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The first of `keys` that is a string which is not empty.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| self.get(key)?.string().filter(|s| !s.is_empty()))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::with_capacity(12);
                while let Some(Key(key)) = map.next_key()? {
                    let value: &'de RawValue = map.next_value()?;
                    fields.push((key, Value(value.get())));
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key, borrowed when it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Text of a document and the line on which it begins, to tell where parts of it stand.
pub(crate) struct Doc<'a> {
    pub(crate) text: &'a str,
    /// Offset and line of the last question: parts are asked for in about their order, so that
    /// counting from there keeps large documents linear.
    last: Cell<(usize, u32)>,
    one_line: bool,
}

impl<'a> Doc<'a> {
    pub(crate) fn new(text: &'a str, first_line: u32) -> Doc<'a> {
        let one_line = memchr::memchr(b'\n', text.as_bytes()).is_none();
        Doc { text, last: Cell::new((0, first_line)), one_line }
    }

    /// The physical line on which `part`, a slice of the document, begins. A slice of something
    /// else (a payload that had to be rewritten first) is given the line of the last question.
    pub(crate) fn line_of(&self, part: &str) -> u32 {
        let (offset, line) = self.last.get();
        if self.one_line {
            return line;
        }
        let wanted = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let Some(between) = self.text.as_bytes().get(offset.min(wanted)..offset.max(wanted)) else {
            return line;
        };
        let count = memchr::memchr_iter(b'\n', between).count() as u32;
        let now = if wanted >= offset { line + count } else { line - count };
        self.last.set((wanted, now));
        now
    }
}

/// Undoes the escapes of a JSON string. Broken escapes are kept as they are, and half of a
/// surrogate pair becomes the replacement character: no text is lost over its spelling.
fn unescape(inner: &str) -> Cow<'_, str> {
    let Some(mut found) = memchr::memchr(b'\\', inner.as_bytes()) else {
        return Cow::Borrowed(inner);
    };
    let mut out = String::with_capacity(inner.len());
    let mut from = 0;
    loop {
        out.push_str(&inner[from..found]);
        let (decoded, used) = escape(&inner[found..]);
        match decoded {
            Some(c) => out.push(c),
            None => out.push_str(&inner[found..found + used]),
        }
        from = found + used;
        match memchr::memchr(b'\\', &inner.as_bytes()[from..]) {
            Some(next) => found = from + next,
            None => break,
        }
    }
    out.push_str(&inner[from..]);
    Cow::Owned(out)
}

/// What the escape at the start of `text` stands for, and its length in bytes.
fn escape(text: &str) -> (Option<char>, usize) {
    let simple = match text.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
        Some(b'u') => return unicode_escape(text),
        _ => return (None, 1),
    };
    (Some(simple), 2)
}

fn unicode_escape(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| text.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(high) = unit(2) else {
        return (None, 2);
    };
    if !(0xD800..0xE000).contains(&high) {
        return (char::from_u32(high), 6);
    }
    let low = (text.get(6..8) == Some("\\u")).then(|| unit(8)).flatten();
    match low {
        Some(low) if high < 0xDC00 && (0xDC00..0xE000).contains(&low) => {
            (char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
        }
        _ => (Some('\u{FFFD}'), 6),
    }
}

/// Whether `text` is exactly one JSON value.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// `text` with what commonly keeps hand-edited or careless JSON from being read put right: raw
/// control characters in strings, unknown escapes, `NaN` and `Infinity`, commas before a closing
/// bracket. Line breaks stay where they are.
pub(crate) fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        let bare = |words: &[&str]| words.iter().find(|w| rest.starts_with(**w)).map(|w| w.len());
        if in_string && c == '\\' {
            let escaped = rest[used..].chars().next();
            if !matches!(escaped, Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) {
                out.push('\\');
            }
            used += escaped.map_or(0, char::len_utf8);
            out.push_str(&rest[..used]);
        } else if in_string && c < ' ' {
            out.push(' ');
        } else if let Some(length) = bare(&["NaN", "Infinity", "-Infinity"]).filter(|_| !in_string) {
            out.push_str("null");
            used = length;
        } else if in_string || c != ',' || !closes(&rest[used..]) {
            in_string ^= c == '"';
            out.push(c);
        }
        rest = &rest[used..];
    }
    out
}

/// Whether nothing but white space stands before the next closing bracket.
fn closes(rest: &str) -> bool {
    rest.trim_start().starts_with(['}', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_borrowed_and_the_last_of_two_wins() {
        let object =
            Object::parse(r#"{"a": "x", "b": null, "a": "y\n", "n": 12, "o": {"k": [1, "2"]}}"#).expect("one object");
        assert_eq!(object.text(&["a"]).as_deref(), Some("y\n"));
        assert!(!object.has("b"));
        assert_eq!(object.get("n").and_then(Value::number), Some(12.0));
        let inner = object.get("o").and_then(Value::object).expect("an object inside");
        let items = inner.get("k").expect("k").items();
        assert_eq!(items.iter().map(|v| v.0).collect::<Vec<_>>(), ["1", "\"2\""]);
        assert!(Object::parse("{\"a\": 1} x").is_none());
    }

    #[test]
    fn escapes_are_undone_and_broken_ones_lose_nothing() {
        let text = |raw: &str| Value(raw).string().map(Cow::into_owned).unwrap_or_default();
        assert_eq!(text(r#""tab\there \u00e9 \ud83d\ude00 \"q\" \/""#), "tab\there é 😀 \"q\" /");
        assert_eq!(text(r#""lone \ud800 end""#), "lone \u{FFFD} end");
        assert_eq!(text(r#""odd \x \u12""#), "odd \\x \\u12");
        assert_eq!(text(r#""\u001b[31m""#), "\u{1b}[31m");
    }

    #[test]
    fn parts_of_a_document_know_their_line() {
        let doc = Doc::new("{\n \"a\": 1,\n \"b\": \"x\"\n}", 10);
        let object = Object::parse(doc.text).expect("one object");
        assert_eq!(doc.line_of(object.get("b").expect("b").0), 12);
        assert_eq!(doc.line_of(object.get("a").expect("a").0), 11);
        assert_eq!(doc.line_of(doc.text), 10);
    }

    #[test]
    fn careless_json_is_put_right() {
        for (careless, right) in [
            ("{\"a\": NaN, \"b\": [1, 2, ], }", "{\"a\": null, \"b\": [1, 2 ] }"),
            ("{\"a\": \"x\ty \\x1b NaN, }\"}", "{\"a\": \"x y \\\\x1b NaN, }\"}"),
            ("{\"a\": -Infinity}", "{\"a\": null}"),
        ] {
            assert_eq!(repair(careless), right);
            assert!(Object::parse(right).is_some());
        }
    }
}
