//! Python literals as JSON: what an exporter wrote when it printed a dict instead of encoding it.

/// Deeper literals are not log payloads.
const MAX_DEPTH: usize = 64;

/// Whether `text` looks like the repr of a dict.
pub(crate) fn is_dict(text: &str) -> bool {
    let inner = text.strip_prefix("OrderedDict(").unwrap_or(text);
    inner.starts_with("{'") || inner.starts_with("{\"") || inner.starts_with("[('") || inner.starts_with("{}")
}

/// The repr of a dict, written as JSON. Moments become stamps, other calls
/// strings of their own text. Nothing when `text` is not one complete literal.
pub(crate) fn to_json(text: &str) -> Option<String> {
    let mut parser = Parser { text, at: 0, out: String::with_capacity(text.len() + 16) };
    parser.value(0)?;
    parser.space();
    (parser.at == text.len()).then_some(parser.out)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.rest().chars().next()? {
            '{' => self.braces(depth),
            '[' => self.list("[", "]", depth),
            '(' => self.list("(", ")", depth),
            '\'' | '"' => self.string(),
            '<' => self.opaque(),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            _ => self.word(depth),
        }
    }

    /// A dict or a set.
    fn braces(&mut self, depth: usize) -> Option<()> {
        self.take("{");
        let start = self.out.len();
        self.out.push('{');
        let mut is_set = false;
        while !self.take("}") {
            if self.out.len() > start + 1 {
                self.take(",").then_some(())?;
                if self.take("}") {
                    break;
                }
                self.out.push(',');
            }
            let key = self.out.len();
            self.value(depth + 1)?;
            if self.take(":") {
                self.quote_from(key);
                self.out.push(':');
                self.value(depth + 1)?;
            } else {
                is_set = true;
            }
        }
        let (open, close) = if is_set { ("[", ']') } else { ("{", '}') };
        self.out.replace_range(start..=start, open);
        self.out.push(close);
        Some(())
    }

    /// A key that is no string is made one.
    fn quote_from(&mut self, start: usize) {
        if !self.out[start..].starts_with('"') {
            let plain = self.out.split_off(start);
            self.out.push_str(&quoted(&plain));
        }
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Option<()> {
        self.take(open);
        self.out.push('[');
        let start = self.out.len();
        while !self.take(close) {
            if self.out.len() > start {
                self.take(",").then_some(())?;
                if self.take(close) {
                    break;
                }
                self.out.push(',');
            }
            self.value(depth + 1)?;
        }
        self.out.push(']');
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let quote = self.rest().chars().next()?;
        let mut text = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    let (_, escaped) = chars.next()?;
                    let digits = match escaped {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        _ => 0,
                    };
                    let hex: String = chars.clone().take(digits).map(|(_, c)| c).collect();
                    match u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits) {
                        Some(code) => {
                            text.push(char::from_u32(code).unwrap_or('\u{FFFD}'));
                            chars.nth(digits - 1);
                        }
                        None => push_escaped(&mut text, escaped),
                    }
                }
                c if c == quote => {
                    self.at += 1 + at + 1;
                    self.out.push_str(&quoted(&text));
                    return Some(());
                }
                c => text.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Option<()> {
        let length = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+-._".contains(b)).count();
        let text = self.rest()[..length].to_owned();
        self.at += length;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                self.out.push_str(&text)
            }
            _ => self.out.push_str(&quoted(&text)),
        }
        Some(())
    }

    /// `None`, `True`, `b'..'`, `OrderedDict(..)`, `datetime.datetime(..)`, `nan`.
    fn word(&mut self, depth: usize) -> Option<()> {
        let start = self.at;
        let length = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
        let word = self.rest()[..length].to_owned();
        self.at += length;
        match (word.as_str(), self.rest().chars().next()) {
            ("", _) => return None,
            ("b" | "u" | "r" | "rb" | "br", Some('\'' | '"')) => return self.string(),
            ("None" | "nan" | "inf", _) => self.out.push_str("null"),
            ("True", _) => self.out.push_str("true"),
            ("False", _) => self.out.push_str("false"),
            ("OrderedDict" | "dict" | "defaultdict", Some('(')) => return self.dict_call(depth),
            (_, Some('(')) => {
                // The arguments are read only to find their end.
                let kept = self.out.len();
                self.arguments(depth)?;
                self.out.truncate(kept);
                let call = &self.text[start..self.at];
                self.out.push_str(&quoted(&moment(call).unwrap_or_else(|| call.to_owned())));
            }
            _ => self.out.push_str(&quoted(&word)),
        }
        Some(())
    }

    /// `OrderedDict({..})`, `OrderedDict([('a', 1)])`, `OrderedDict()`.
    fn dict_call(&mut self, depth: usize) -> Option<()> {
        self.take("(");
        if self.take(")") {
            self.out.push_str("{}");
            return Some(());
        }
        if !self.take("[") {
            self.value(depth + 1)?;
            return self.take(")").then_some(());
        }
        self.out.push('{');
        let start = self.out.len();
        while !self.take("]") {
            if self.out.len() > start {
                self.take(",").then_some(())?;
                self.out.push(',');
            }
            self.take("(").then_some(())?;
            let key = self.out.len();
            self.value(depth + 1)?;
            self.quote_from(key);
            self.take(",").then_some(())?;
            self.out.push(':');
            self.value(depth + 1)?;
            self.take(")").then_some(())?;
        }
        self.out.push('}');
        self.take(")").then_some(())
    }

    fn arguments(&mut self, depth: usize) -> Option<()> {
        self.take("(");
        while !self.take(")") {
            self.value(depth + 1)?;
            // `tzinfo=datetime.timezone.utc`
            if self.take("=") {
                self.value(depth + 1)?;
            }
            if !self.take(",") && !self.rest().trim_start().starts_with(')') {
                return None;
            }
        }
        Some(())
    }

    /// `<Severity.ERROR: 500>`
    fn opaque(&mut self) -> Option<()> {
        let end = self.rest().find('>')?;
        let text = quoted(&self.rest()[..=end]);
        self.at += end + 1;
        self.out.push_str(&text);
        Some(())
    }
}

/// `datetime.datetime(2025, 9, 15, 21, 37, tzinfo=..)` as a stamp.
fn moment(call: &str) -> Option<String> {
    let (name, arguments) = call.split_once('(')?;
    if !["datetime", "DatetimeWithNanoseconds"].contains(&name.rsplit('.').next()?) {
        return None;
    }
    let numbers: Vec<u32> = arguments.split([',', ')']).map_while(|number| number.trim().parse().ok()).collect();
    let [year, month, day, rest @ ..] = numbers.as_slice() else {
        return None;
    };
    let part = |at: usize| rest.get(at).copied().unwrap_or(0);
    let zone = if arguments.contains("utc") || arguments.contains("UTC") { "Z" } else { "" };
    Some(format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}{zone}", part(0), part(1), part(2), part(3)))
}

fn push_escaped(text: &mut String, escaped: char) {
    match escaped {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        '0' => text.push('\0'),
        '\\' | '\'' | '"' => text.push(escaped),
        _ => {
            text.push('\\');
            text.push(escaped);
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_dict_becomes_json() {
        for (python, json) in [
            (
                "{'message': 'it\\'s \"down\"\\n', 'n': 1, 'f': -1.5e3, 'ok': True, 'x': None}",
                r#"{"message":"it's \"down\"\n","n":1,"f":-1.5e3,"ok":true,"x":null}"#,
            ),
            ("OrderedDict({'a': ['x', ('y', 2,)], 'b': {}})", r#"{"a":["x",["y",2]],"b":{}}"#),
            ("OrderedDict([('a', 1), ('b', OrderedDict())])", r#"{"a":1,"b":{}}"#),
            (
                "{'t': datetime.datetime(2025, 9, 15, tzinfo=datetime.timezone.utc), 's': <Severity.ERROR: 500>}",
                r#"{"t":"2025-09-15T00:00:00.000000Z","s":"<Severity.ERROR: 500>"}"#,
            ),
            ("{'e': Money(1, unit='x')}", r#"{"e":"Money(1, unit='x')"}"#),
            ("{1: b'x\\xe9', 's': {'a', 'b'}, 'n': nan}", r#"{"1":"xé","s":["a","b"],"n":null}"#),
        ] {
            assert_eq!(to_json(python).as_deref(), Some(json), "{python}");
            assert!(is_dict(python) || python.starts_with("{1"), "{python}");
        }
    }

    #[test]
    fn what_is_no_complete_literal_is_refused() {
        for text in ["{'a': 'cut", "{'a' 'b'}", "{'a': 1} x", "", "{'a': (", "{'a': f(1 2)}", "é"] {
            assert_eq!(to_json(text), None, "{text}");
        }
        assert_eq!(to_json(&"[".repeat(1000)), None);
    }
}
