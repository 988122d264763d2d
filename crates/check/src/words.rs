//! Small languages inside values: durations, words of a shell line.
//!
//! What it must never do: guess. What is not plainly a duration or a word list is none.
//! Where to start: [`duration`], [`split`].

use std::time::Duration;

/// `90`, `10s`, `500ms`, `1m30s`, `2 min`: seconds where no unit is given. Units of systemd and Go.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let unit = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" | "msec" => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000,
            _ => return None,
        };
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = rest[unit..].trim_start();
    }
    (!text.is_empty()).then_some(sum)
}

/// Seconds for people: `75 s`, `2.5 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let millis = duration.subsec_millis();
    if millis == 0 {
        return format!("{} s", duration.as_secs());
    }
    format!("{} s", format!("{}.{millis:03}", duration.as_secs()).trim_end_matches('0'))
}

/// The words of a shell line: quotes are removed, `;`, `&` and `|` stand alone. Expansions stay as
/// they are written.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut open = false;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('\''), c) => word.push(c),
            (_, '\\') => word.extend(chars.next()),
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                open = true;
            }
            (None, c) if c.is_whitespace() || matches!(c, ';' | '&' | '|') => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
            }
            (None, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(ms("90"), Some(90_000));
        assert_eq!(ms("1m30s"), Some(90_000));
        assert_eq!(ms("1min 30s"), Some(90_000));
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("soon"), None);
        assert_eq!(ms(""), None);
        assert_eq!(ms("99999999999999999h"), None);
        assert_eq!(seconds(Duration::from_millis(2500)), "2.5 s");
    }

    #[test]
    fn shell_words() {
        let words = split(r#"alembic upgrade head && exec gunicorn 'a:app' -b "0.0.0.0:$PORT""#);
        assert_eq!(words, ["alembic", "upgrade", "head", "&", "&", "exec", "gunicorn", "a:app", "-b", "0.0.0.0:$PORT"]);
    }
}
