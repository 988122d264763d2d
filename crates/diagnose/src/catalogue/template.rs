//! Culprit templates: `{host}:{port}` over the named captures of a pattern.

/// The longest culprit, in characters.
pub const CULPRIT_CHARS: usize = 120;

/// One part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'t> {
    /// Text as it stands.
    Text(&'t str),
    /// The name of a capture.
    Capture(&'t str),
}

/// Splits a template into its parts. Errors say which brace is wrong.
pub fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        let (text, after) = rest.split_at(open);
        if after.starts_with('}') {
            return Err(format!("`}}` without `{{` in `{template}`"));
        }
        let close = after.find('}').ok_or_else(|| format!("`{{` without `}}` in `{template}`"))?;
        let name = &after[1..close];
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("`{{{name}}}` does not name a capture in `{template}`"));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        parts.push(Part::Capture(name));
        rest = &after[close + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Fills a template. A capture that is absent or blank is left out together with the text that
/// joins it to its neighbour (`{host}:{port}` without a port is the host); `None` when the template
/// has captures and none of them is there. The result is tidied as [`tidy`] says.
pub fn fill<'v>(template: &str, value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    let mut filled = String::new();
    let mut joint = "";
    let (mut wanted, mut found) = (0, 0);
    for part in parts(template).ok()? {
        match part {
            Part::Text(text) => joint = text,
            Part::Capture(name) => {
                wanted += 1;
                if let Some(value) = value(name).filter(|value| !value.trim().is_empty()) {
                    // Text between a missing first capture and this one joins nothing.
                    if found > 0 || wanted == 1 {
                        filled.push_str(joint);
                    }
                    filled.push_str(value);
                    found += 1;
                }
                joint = "";
            }
        }
    }
    if wanted > 0 && found == 0 {
        return None;
    }
    filled.push_str(joint);
    Some(tidy(&filled)).filter(|text| !text.is_empty())
}

/// White space collapsed, control and direction characters dropped, at most [`CULPRIT_CHARS`].
fn tidy(text: &str) -> String {
    let kept: String = text.chars().filter(|&c| c.is_whitespace() || !(c.is_control() || steers(c))).collect();
    let line = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CULPRIT_CHARS) {
        Some((end, _)) => line[..end].trim_end().to_owned(),
        None => line,
    }
}

/// Characters without a shape that change how their neighbours are shown.
fn steers(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills with what follows `name=` in `values`.
    fn filled(template: &str, values: &[(&str, &str)]) -> Option<String> {
        fill(template, |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn captures_are_filled_in() {
        let values = [("host", "db.internal"), ("port", "5432")];
        assert_eq!(filled("{host}:{port}", &values).as_deref(), Some("db.internal:5432"));
        assert_eq!(filled("database at {host}", &values).as_deref(), Some("database at db.internal"));
        assert_eq!(filled("pg_hba.conf", &[]).as_deref(), Some("pg_hba.conf"));
    }

    #[test]
    fn what_joins_a_missing_capture_goes_with_it() {
        assert_eq!(filled("{host}:{port}", &[("host", "db")]).as_deref(), Some("db"));
        assert_eq!(filled("{schema}.{table}", &[("table", "orders")]).as_deref(), Some("orders"));
        assert_eq!(filled("{a}{b}", &[("b", "orders")]).as_deref(), Some("orders"));
        assert_eq!(filled("user {user}", &[]), None);
        assert_eq!(filled("user {user}", &[("user", "  ")]), None);
    }

    #[test]
    fn a_culprit_is_one_short_line() {
        assert_eq!(filled("{x}", &[("x", "a\n\t b\u{1b}[31m\u{202e}c\0")]).as_deref(), Some("a b[31mc"));
        assert_eq!(filled("{x}", &[("x", "\u{1b}\u{7}")]), None);
        let long = "é".repeat(CULPRIT_CHARS + 1);
        assert_eq!(filled("{x}", &[("x", &long)]).map(|text| text.chars().count()), Some(CULPRIT_CHARS));
    }

    #[test]
    fn a_wrong_brace_is_named() {
        assert_eq!(parts("{host"), Err("`{` without `}` in `{host`".to_owned()));
        assert_eq!(parts("host}"), Err("`}` without `{` in `host}`".to_owned()));
        assert_eq!(parts("{}"), Err("`{}` does not name a capture in `{}`".to_owned()));
        assert_eq!(parts("a {b}"), Ok(vec![Part::Text("a "), Part::Capture("b")]));
    }
}
