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
    "account_key",
    "accountkey",
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

/// Addresses whose path is the secret.
const SECRET_PATHS: &[&str] = &["hooks.slack.com/services/", "discord.com/api/webhooks/"];

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
            if let Some(masked) = masked(&out, encoded_spans(&out, value)) {
                out = Cow::Owned(masked);
            }
        }
        match masked(&out, secret_spans(&out)) {
            Some(masked) => Cow::Owned(masked),
            None => out,
        }
    }
}

/// `text` with [`MASK`] for the byte ranges `spans`; nothing when there are none.
fn masked(text: &str, mut spans: Vec<(usize, usize)>) -> Option<String> {
    if spans.is_empty() {
        return None;
    }
    spans.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in spans {
        if start < from {
            continue; // inside a span that is already gone
        }
        clean.push_str(&text[from..start]);
        clean.push_str(MASK);
        from = end;
    }
    clean.push_str(&text[from..]);
    Some(clean)
}

/// Byte ranges of `text` that hold `value` as URLs do: some bytes percent-encoded, a blank perhaps
/// as `+`.
fn encoded_spans(text: &str, value: &str) -> Vec<(usize, usize)> {
    let text = text.as_bytes();
    let mut spans = Vec::new();
    let encoded = text.contains(&b'%') || text.contains(&b'+') && value.contains(' ');
    if !encoded {
        return spans;
    }
    let mut start = 0;
    while start < text.len() {
        match encoded_end(text, start, value.as_bytes()) {
            Some(end) => {
                spans.push((start, end));
                start = end;
            }
            None => start += 1,
        }
    }
    spans
}

/// Where `value` ends in `text` when it stands at `start`, encoded or not.
fn encoded_end(text: &[u8], start: usize, value: &[u8]) -> Option<usize> {
    let mut at = start;
    for wanted in value {
        let hex = |at: usize| char::from(*text.get(at)?).to_digit(16);
        let coded = || Some(hex(at + 1)? * 16 + hex(at + 2)?);
        at += match text.get(at)? {
            b'%' if coded() == Some(u32::from(*wanted)) => 3,
            b'+' if *wanted == b' ' => 1,
            byte if byte == wanted => 1,
            _ => return None,
        };
    }
    Some(at)
}

/// True when `name` is the name of something secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.as_bytes();
    let ends = |suffix: &[u8]| name.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(suffix));
    let begins = |rest: &[u8], secret: &str| {
        // The first byte decides nearly always.
        rest[0].to_ascii_lowercase() == secret.as_bytes()[0]
            && rest.get(..secret.len()).is_some_and(|part| part.eq_ignore_ascii_case(secret.as_bytes()))
    };
    let holds = |at: usize| SECRET_NAMES.iter().any(|secret| begins(&name[at..], secret));
    ends(b"_key") || ends(b"_dsn") || (0..name.len()).any(holds)
}

/// Byte ranges of `text` that hold secrets, by shape.
fn secret_spans(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let signs = Signs::of(text.as_bytes());
    if signs.at {
        url_passwords(text, &mut spans);
    }
    if signs.separator {
        named_values(text, &mut spans);
    }
    known_tokens(text, &mut spans);
    if signs.scheme {
        bearer_values(text, &mut spans);
    }
    if signs.dashes {
        flag_values(text, &mut spans);
        private_keys(text, &mut spans);
    }
    if signs.domain {
        secret_paths(text, &mut spans);
    }
    spans
}

/// What one pass over a text shows, so that most lines need no closer look: each is a part of
/// everything that the closer look could find.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// `@`, as between a password and a host.
    at: bool,
    /// `=` or `:`, as behind a name.
    separator: bool,
    /// `--`, as before a flag and around a key.
    dashes: bool,
    /// `rer ` or `sic `, as at the end of `Bearer `.
    scheme: bool,
    /// `com/`, as in [`SECRET_PATHS`].
    domain: bool,
}

impl Signs {
    fn of(text: &[u8]) -> Signs {
        // Without branches, so that the compiler compares many bytes at once.
        let from = |at: usize| text.get(at..).unwrap_or_default();
        let mut signs = Signs::default();
        for a in text {
            signs.at |= *a == b'@';
            signs.separator |= (*a == b'=') | (*a == b':');
        }
        for (a, b) in text.iter().zip(from(1)) {
            signs.dashes |= (*a == b'-') & (*b == b'-');
        }
        for (((a, b), c), d) in text.iter().zip(from(1)).zip(from(2)).zip(from(3)) {
            signs.scheme |= (*a == b'r') & (*b == b'e') & (*c == b'r') & (*d == b' ');
            signs.scheme |= (*a == b's') & (*b == b'i') & (*c == b'c') & (*d == b' ');
            signs.domain |= (*a == b'c') & (*b == b'o') & (*c == b'm') & (*d == b'/');
        }
        signs
    }
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
        // `http://host:8080/a@b`: digits up to the path are a port; what is masked stays as it is.
        let path = authority[colon + 1..].find('/').map_or(at, |slash| colon + 1 + slash);
        let port = path < at && authority[colon + 1..path].bytes().all(|b| b.is_ascii_digit());
        let masked = authority[colon + 1..at].bytes().all(|b| b == b'*');
        if at > colon + 1 && !authority[..colon].contains('/') && !port && !masked {
            spans.push((start + colon + 1, start + at));
        }
    }
}

/// `name=value`, `name: value`, `"name": "value"` where the name is a secret's.
fn named_values(text: &str, spans: &mut Vec<(usize, usize)>) {
    let bytes = text.as_bytes();
    for (at, separator) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b':')) {
        let around = |byte: &u8| matches!(byte, b'"' | b'\'' | b' ' | b'\\');
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let name_end = bytes[..at].iter().rposition(|byte| !around(byte)).map_or(0, |last| last + 1);
        let name_start = bytes[..name_end].iter().rposition(|byte| !inside(byte)).map_or(0, |before| before + 1);
        // `http://secrets:8080`: what follows a scheme is a host, not a name.
        if !is_secret_name(&text[name_start..name_end]) || text[..name_start].ends_with("//") {
            continue;
        }
        let mut start = at + 1;
        while start < bytes.len() && matches!(bytes[start], b' ' | b'"' | b'\'' | b'\\') {
            start += 1;
        }
        let quoted = start > 0 && matches!(bytes[start - 1], b'"' | b'\'');
        // After a colon an unquoted value is as often prose ("token: expected ident") as a secret.
        if separator == b':' && !quoted && !looks_random(&text[start..]) {
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
    let mut word = false;
    for (start, byte) in text.bytes().enumerate() {
        let begins = !word;
        word = byte.is_ascii_alphanumeric();
        if begins && word && TOKEN_PREFIXES.iter().any(|(prefix, _)| prefix.as_bytes()[0] == byte) {
            spans.extend(token(&text[start..]).map(|len| (start, start + len)));
        }
    }
}

/// How long the token is that `text` begins with.
fn token(text: &str) -> Option<usize> {
    let within = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=');
    let (_, least) = TOKEN_PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let len = text.bytes().position(|byte| !within(byte)).unwrap_or(text.len());
    (len >= *least && text[..len].bytes().any(|byte| byte.is_ascii_digit())).then_some(len)
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

/// `--password xyz`: the word behind the flag, unless it goes on in prose ("--token must be set").
fn flag_values(text: &str, spans: &mut Vec<(usize, usize)>) {
    for (found, _) in text.match_indices("--") {
        let rest = &text[found + 2..];
        let Some((name, value)) = rest.split_once(' ').filter(|(name, _)| is_secret_name(name)) else { continue };
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            continue;
        }
        let start = found + 2 + name.len() + 1;
        let len = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',')).unwrap_or(value.len());
        let prose = value[..len].chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | ':' | ';'));
        if !prose && !value.starts_with('-') {
            spans.push((start, start + len));
        }
    }
}

/// `https://hooks.slack.com/services/T0/B0/xyz`: what stands behind the address.
fn secret_paths(text: &str, spans: &mut Vec<(usize, usize)>) {
    for address in SECRET_PATHS {
        for (found, _) in text.match_indices(address) {
            let start = found + address.len();
            let rest = &text[start..];
            let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/_-".contains(c))).unwrap_or(rest.len());
            if len > 0 {
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
    fn a_port_before_a_path_with_an_at_sign_is_no_password() {
        let text = "GET http://secrets:8080/v1/keys/app@latest:access -> 429";
        assert_eq!(clean(text), text);
        assert_eq!(clean("amqp://app:**@bus:5672/letters"), "amqp://app:**@bus:5672/letters");
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
    fn values_of_flags_and_secret_paths_go_prose_stays() {
        assert_eq!(clean("ran loader --password hunter2Blue --port 80"), "ran loader --password *** --port 80");
        assert_eq!(clean("ran loader --api-token x7-Y"), "ran loader --api-token ***");
        for prose in ["flag --token must be set", "--password --port 80", "needs --password", "a -- secret Thing"] {
            assert_eq!(clean(prose), prose);
        }
        assert_eq!(
            clean("POST https://hooks.slack.com/services/T0/B0/x7G: 404"),
            "POST https://hooks.slack.com/services/***: 404"
        );
        assert_eq!(clean("AccountName=a;AccountKey=Zm9v==;"), "AccountName=a;AccountKey=***;");
    }

    #[test]
    fn known_values_go_wherever_they_stand() {
        let redactor = Redactor::new(["correct horse".to_owned(), "abc".to_owned()]);
        assert_eq!(redactor.clean("it was correct horse, abc"), "it was ***, abc");
        assert!(matches!(redactor.clean("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn known_values_go_also_where_a_url_encodes_them() {
        let redactor = Redactor::new(["p@ss/w0rd é".to_owned(), "plain-one".to_owned()]);
        for text in [
            "p%40ss%2Fw0rd%20%C3%A9",
            "p%40ss%2fw0rd+%c3%a9",
            "p%40ss/w0rd%20é",
            "%70%40%73%73%2F%77%30%72%64%20%C3%A9",
        ] {
            assert_eq!(redactor.clean(&format!("at //app:{text}@db, 5 % off")), "at //app:***@db, 5 % off", "{text}");
        }
        assert_eq!(redactor.clean("%41plain%2Done%41 p%40ss%2Fw0r"), "%41***%41 p%40ss%2Fw0r");
        assert!(matches!(redactor.clean("100 % of p%40ss"), Cow::Borrowed(_)));
    }

    #[test]
    fn hostile_text_is_taken() {
        let known = Redactor::new(["€uro".to_owned(), "%%%%".to_owned()]);
        for text in ["%", "%e", "€%75ro%", "%E2%82%ACuro%%%%%", "é%é+%2"] {
            let _ = known.clean(text);
        }
        for text in ["://@", "password=", "a://:@", "é://ü:ß@ö", "secret=\u{202e}x", "-----BEGIN PRIVATE KEY-----"]
        {
            let _ = clean(text);
        }
    }
}
