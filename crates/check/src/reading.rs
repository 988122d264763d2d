//! Taking typed values out of a tree, with a finding for each that is not what it should be.
//!
//! What it is for: the readers of `manifest` say what they want; unknown keys (with the nearest known
//! one), numbers that are none, and their places are dealt with here. What it must never do: complain
//! about a part of a manifest that belongs to others.
//! Where to start reading: [`Reading`].

use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Input, Located, Origin};
use crate::source::Span;
use crate::tree::{Node, Value};

/// One document that is being read.
pub(crate) struct Reading<'o> {
    pub(crate) file: usize,
    pub(crate) out: &'o mut Vec<Draft>,
}

impl Reading<'_> {
    pub(crate) fn origin(&self, span: Span) -> Origin {
        Origin { input: Input::File(self.file), span }
    }

    pub(crate) fn at(&self, node: &Node) -> Origin {
        self.origin(node.span)
    }

    /// Where the key stands; where the map stands if it does not.
    pub(crate) fn key_at(&self, node: &Node, key: &str) -> Origin {
        self.origin(node.entry(key).map_or(node.span, |entry| entry.key_span))
    }

    pub(crate) fn invalid(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        let at = self.at(node);
        self.out.push(Draft::new(RuleId::ValueInvalid, Severity::Error, at, message).help(help));
    }

    /// Reports every key of `node` that is not among `known`. Keys that begin with `x-` are the user's.
    pub(crate) fn known_keys(&mut self, node: &Node, what: &str, known: &[&[&str]]) {
        for entry in node.entries() {
            if known.iter().any(|keys| keys.contains(&entry.key.as_str())) || entry.key.starts_with("x-") {
                continue;
            }
            let all = known.iter().flat_map(|keys| keys.iter().copied());
            let near = nearest(&entry.key, all);
            let draft = Draft::new(
                RuleId::KeyUnknown,
                if near.is_some() { Severity::Error } else { Severity::Warning },
                self.origin(entry.key_span),
                format!("`{}` is no key of {what}", entry.key),
            );
            self.out.push(match near {
                Some(near) => draft.help(format!("did you mean `{near}`?")),
                None => draft.help("the platform ignores or refuses it: remove it, or correct its indentation"),
            });
        }
    }

    pub(crate) fn text(&mut self, node: &Node, key: &str) -> Option<Located<String>> {
        let value = node.get(key)?;
        match value.text() {
            Some(text) => Some(Located::set(text.to_owned(), self.at(value))),
            None => {
                self.invalid(value, format!("`{key}` is not a text"), "give one value");
                None
            }
        }
    }

    pub(crate) fn int(&mut self, node: &Node, key: &str) -> Option<Located<u64>> {
        let value = node.get(key)?;
        let number = value.text().and_then(|text| text.trim().replace('_', "").parse().ok());
        if number.is_none() && value.text().is_some_and(is_template) {
            return None;
        }
        match number {
            Some(number) => Some(Located::set(number, self.at(value))),
            None => {
                self.invalid(value, format!("`{key}` is not a whole number from 0"), "write digits alone, such as 10");
                None
            }
        }
    }

    pub(crate) fn flag(&mut self, node: &Node, key: &str) -> Option<Located<bool>> {
        let value = node.get(key)?;
        match value.text() {
            Some("true" | "True" | "TRUE") => Some(Located::set(true, self.at(value))),
            Some("false" | "False" | "FALSE") => Some(Located::set(false, self.at(value))),
            Some(text) if is_template(text) => None,
            _ => {
                self.invalid(value, format!("`{key}` is neither true nor false"), "write true or false");
                None
            }
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(&mut self, node: &Node, key: &str) -> Vec<Located<String>> {
        let Some(value) = node.get(key) else {
            return Vec::new();
        };
        match &value.value {
            Value::List(items) => {
                items.iter().filter_map(|i| Some(Located::set(i.text()?.to_owned(), self.at(i)))).collect()
            }
            Value::Text { text, .. } if is_template(text) => Vec::new(),
            _ => {
                self.invalid(value, format!("`{key}` is not a list"), "write one entry per line, each after `- `");
                Vec::new()
            }
        }
    }
}

/// `${NAME}` and the like: somebody replaces it before the platform sees it.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains("${") || text.contains("$(") || text.contains("{{") || text.starts_with('$')
}

/// The known name that `name` is a slip of: the same but for its case and separators, or one edit
/// away for every three characters.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if name.len() > 64 {
        return None;
    }
    let folded = fold(name);
    let most = (folded.len() / 3).clamp(1, 3);
    known
        .map(|k| (distance(&folded, &fold(k)), k))
        .filter(|(d, k)| *d <= most && *d < k.len().max(2) - 1)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_other_words_find_none() {
        let known = ["failureThreshold", "periodSeconds", "tcpSocket", "env", "args"];
        let near = |name| nearest(name, known.into_iter());
        assert_eq!(near("failureTreshold"), Some("failureThreshold"));
        assert_eq!(near("period_seconds"), Some("periodSeconds"));
        assert_eq!(near("tcpScoket"), Some("tcpSocket"));
        assert_eq!(near("arg"), Some("args"));
        assert_eq!(near("volumeMounts"), None);
        assert_eq!(near("sidecar"), None);
    }
}
