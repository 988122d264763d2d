//! Keeping secrets out of everything that leaves: known values first, then shapes of secrets.
//!
//! Applied when an event or a piece of evidence is made, before anything is shown or stored. Never
//! undone: what was replaced is gone. A shape that is too eager costs a word of a message; one that
//! is too shy leaks a password: when in doubt, this module is eager.

use std::borrow::Cow;

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Names (in any case, as a part of a key) whose values are secrets.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "accesskey",
    "private_key",
    "credential",
    "authorization",
    "passphrase",
    "signing_key",
    "client_secret",
    "session_key",
    "encryption_key",
    "connection_string",
];

/// Prefixes that only tokens of well-known issuers begin with, and how long such a token is at least.
const TOKEN_PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xapp-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("sk-", 24),
    ("AIza", 30),
    ("ya29.", 20),
    ("eyJ", 40),
    ("SG.", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("dop_v1_", 30),
    ("hvs.", 20),
];

/// Removes secrets: the exact values that it was told, then everything that looks like one.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Vec<String>,
}

impl Redactor {
    /// A redactor that also knows `values` by heart. Values shorter than four bytes are ignored:
    /// replacing them would shred every message.
    pub fn new(values: impl IntoIterator<Item = String>) -> Redactor {
        let mut known: Vec<String> = values.into_iter().filter(|v| v.len() >= 4 && v != MASK).collect();
        // Longest first, so that a value that contains another is replaced whole.
        known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        Redactor { known }
    }

    /// `text` without secrets; borrowed when there was none.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = Cow::Borrowed(text);
        for value in &self.known {
            if out.contains(value.as_str()) {
                out = Cow::Owned(out.replace(value.as_str(), MASK));
            }
        }
        let mut spans = secret_spans(&out);
        if spans.is_empty() {
            return out;
        }
        spans.sort_unstable();
        let mut clean = String::with_capacity(out.len());
        let mut from = 0;
        for (start, end) in spans {
            if start < from {
                continue; // inside a span that is already gone
            }
            clean.push_str(&out[from..start]);
            clean.push_str(MASK);
            from = end;
        }
        clean.push_str(&out[from..]);
        Cow::Owned(clean)
    }
}

/// True when `name` is the name of something secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret)) || name.ends_with("_key") || name.ends_with("_dsn")
}

/// Byte ranges of `text` that hold secrets, by shape.
fn secret_spans(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    url_passwords(text, &mut spans);
    named_values(text, &mut spans);
    known_tokens(text, &mut spans);
    bearer_values(text, &mut spans);
    private_keys(text, &mut spans);
    spans
}

/// `scheme://user:password@host`: the password.
fn url_passwords(text: &str, spans: &mut Vec<(usize, usize)>) {
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let start = from + found + 3;
        from = start;
        let rest = &text[start..];
        let stop =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')).unwrap_or(rest.len());
        // The last `@` before the path ends the user info: a password may itself hold one.
        let authority = &rest[..stop];
        let Some(at) = authority.rfind('@') else { continue };
        let Some(colon) = authority[..at].find(':') else { continue };
        if at > colon + 1 && !authority[..colon].contains('/') {
            spans.push((start + colon + 1, start + at));
        }
    }
}

/// `name=value`, `name: value`, `"name": "value"` where the name is a secret's.
fn named_values(text: &str, spans: &mut Vec<(usize, usize)>) {
    let bytes = text.as_bytes();
    for (at, separator) in text.char_indices().filter(|(_, c)| matches!(c, '=' | ':')) {
        let before = text[..at].trim_end_matches(['"', '\'', ' ', '\\']);
        let name_start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .last()
            .map_or(before.len(), |(i, _)| i);
        if !is_secret_name(&before[name_start..]) {
            continue;
        }
        let mut start = at + 1;
        while start < bytes.len() && matches!(bytes[start], b' ' | b'"' | b'\'' | b'\\') {
            start += 1;
        }
        let quoted = start > 0 && matches!(bytes[start - 1], b'"' | b'\'');
        // After a colon an unquoted value is as often prose ("token: expected ident") as a secret.
        if separator == ':' && !quoted && !looks_random(&text[start..]) {
            continue;
        }
        let rest = &text[start..];
        let len = rest
            .find(|c: char| {
                if quoted {
                    matches!(c, '"' | '\'')
                } else {
                    c.is_whitespace() || matches!(c, ',' | ';' | '&' | ')' | '}' | ']')
                }
            })
            .unwrap_or(rest.len());
        if len > 0 && &rest[..len] != MASK {
            spans.push((start, start + len));
        }
    }
}

/// The first word of `text` is long and mixes letters with digits: no prose.
fn looks_random(text: &str) -> bool {
    let word: &str =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'')).next().unwrap_or("");
    word.len() >= 12 && word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(|c| c.is_ascii_alphabetic())
}

/// Tokens that well-known issuers mark with a prefix.
fn known_tokens(text: &str, spans: &mut Vec<(usize, usize)>) {
    for (prefix, least) in TOKEN_PREFIXES {
        for (start, _) in text.match_indices(prefix) {
            if text[..start].ends_with(|c: char| c.is_ascii_alphanumeric()) {
                continue;
            }
            let rest = &text[start..];
            let len = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '=')))
                .unwrap_or(rest.len());
            if len >= *least && rest[..len].chars().any(|c| c.is_ascii_digit()) {
                spans.push((start, start + len));
            }
        }
    }
}

/// `Bearer xyz`, `Basic xyz`.
fn bearer_values(text: &str, spans: &mut Vec<(usize, usize)>) {
    for scheme in ["Bearer ", "bearer ", "Basic "] {
        for (found, _) in text.match_indices(scheme) {
            let start = found + scheme.len();
            let rest = &text[start..];
            let len = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',')).unwrap_or(rest.len());
            if len >= 8 && looks_random(&rest[..len]) {
                spans.push((start, start + len));
            }
        }
    }
}

/// The body of a PEM private key, as far as the text holds it.
fn private_keys(text: &str, spans: &mut Vec<(usize, usize)>) {
    for (found, _) in text.match_indices("PRIVATE KEY-----") {
        let start = found + "PRIVATE KEY-----".len();
        if text[..found].rfind("-----BEGIN").is_none_or(|begin| found - begin > 40) {
            continue;
        }
        let end = text[start..].find("-----END").map_or(text.len(), |end| start + end);
        if end > start {
            spans.push((start, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        Redactor::default().clean(text).into_owned()
    }

    #[test]
    fn passwords_in_urls_go_users_and_hosts_stay() {
        assert_eq!(clean("postgresql://app:p@ss/w0rd@db:5432/app"), "postgresql://app:***@db:5432/app");
        assert_eq!(clean("see http://127.0.0.1:4318/v1 for more"), "see http://127.0.0.1:4318/v1 for more");
        assert_eq!(clean("redis://:hunter22@cache:6379"), "redis://:***@cache:6379");
    }

    #[test]
    fn named_values_go_prose_stays() {
        assert_eq!(clean("connect host=db password=s3cr3t dbname=x"), "connect host=db password=*** dbname=x");
        assert_eq!(clean(r#"{"api_key": "abc-def", "port": 5}"#), r#"{"api_key": "***", "port": 5}"#);
        assert_eq!(clean("Unexpected token: expected an expression"), "Unexpected token: expected an expression");
        assert_eq!(
            clean("password authentication failed for user \"app\""),
            "password authentication failed for user \"app\""
        );
        assert_eq!(clean("JWT_SECRET='abcd' set"), "JWT_SECRET='***' set");
    }

    #[test]
    fn tokens_of_known_issuers_go() {
        assert_eq!(clean("using AKIAIOSFODNN7EXAMPLE now"), "using *** now");
        assert_eq!(clean("Authorization: Bearer abcdef0123456789"), "Authorization: Bearer ***");
        assert_eq!(
            clean("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
            "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"
        );
    }

    #[test]
    fn known_values_go_wherever_they_stand() {
        let redactor = Redactor::new(["correct horse".to_owned(), "abc".to_owned()]);
        assert_eq!(redactor.clean("it was correct horse, abc"), "it was ***, abc");
        assert!(matches!(redactor.clean("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn hostile_text_is_taken() {
        for text in ["://@", "password=", "a://:@", "é://ü:ß@ö", "secret=\u{202e}x", "-----BEGIN PRIVATE KEY-----"]
        {
            let _ = clean(text);
        }
    }
}
