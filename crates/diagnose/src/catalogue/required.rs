//! What a regex cannot match without: literals that are looked for before it is compiled.
//!
//! The gate lets a rule pass when one of its literals occurs, and `Starting ` occurs often. Most of
//! the rules that pass do not match, and compiling a regex costs more than searching a thousand
//! lines. So the build notes for each rule which texts every match holds. Nothing else is lost:
//! where they are missing, the regex could not have matched.

use regex_syntax::hir::{Class, Hir, HirKind};
use std::cell::OnceCell;

/// Between the groups of a rule: all must be met.
const ALL: char = '\u{1e}';
/// Between the texts of a group: one must occur.
const ANY: char = '\u{1f}';
/// Before a text that occurs in any case.
const FOLDED: char = '\u{1d}';
/// Shorter texts occur everywhere, bytes.
const SHORTEST: usize = 3;
/// Most texts of one group: more are no quicker than the regex.
const TEXTS: usize = 12;
/// Most groups of one rule.
const GROUPS: usize = 3;

/// Texts of which one must occur.
type Group = Vec<String>;

/// A text in which requirements are looked for.
#[derive(Debug)]
pub struct Haystack<'t> {
    text: &'t str,
    lower: OnceCell<String>,
}

impl<'t> Haystack<'t> {
    /// The text that a regex is to match in.
    pub fn new(text: &'t str) -> Self {
        Haystack { text, lower: OnceCell::new() }
    }

    /// Could a regex match here that requires what [`of`] said? `false` means that it does not.
    pub fn meets(&self, required: &str) -> bool {
        required.is_empty() || required.split(ALL).all(|group| group.split(ANY).any(|text| self.holds(text)))
    }

    fn holds(&self, text: &str) -> bool {
        match text.strip_prefix(FOLDED) {
            Some(folded) => self.lower.get_or_init(|| self.text.to_ascii_lowercase()).contains(folded),
            None => self.text.contains(text),
        }
    }
}

/// What must occur in a text that `regex` matches, for [`Haystack::meets`]; empty when nothing is
/// known.
pub fn of(regex: &Hir) -> String {
    let mut groups = groups(regex);
    groups.sort_by_key(|group| std::cmp::Reverse(weight(group)));
    groups.dedup();
    groups.truncate(GROUPS);
    let any = |group: Group| group.join(&ANY.to_string());
    groups.into_iter().map(any).collect::<Vec<_>>().join(&ALL.to_string())
}

fn groups(regex: &Hir) -> Vec<Group> {
    match regex.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => in_a_row(std::slice::from_ref(regex)),
        HirKind::Capture(capture) => groups(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => groups(&repetition.sub),
        HirKind::Concat(parts) => in_a_row(parts),
        HirKind::Alternation(branches) => either(branches).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The texts that stand in a row of parts, and what its other parts require.
fn in_a_row(parts: &[Hir]) -> Vec<Group> {
    let mut all = Vec::new();
    let mut run = Run::default();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => run.text.extend(&literal.0),
            HirKind::Class(class) if letter(class).is_some() => {
                run.text.extend(letter(class));
                run.folded = true;
            }
            HirKind::Look(_) => {}
            _ => {
                all.extend(std::mem::take(&mut run).group());
                if !matches!(part.kind(), HirKind::Class(_)) {
                    all.extend(groups(part));
                }
            }
        }
    }
    all.extend(run.group());
    all
}

/// Neighbouring parts that are a text each.
#[derive(Default)]
struct Run {
    text: Vec<u8>,
    /// Letters of any case are among them.
    folded: bool,
}

impl Run {
    fn group(self) -> Option<Group> {
        let text = String::from_utf8(self.text).ok()?;
        let plain = text.len() >= SHORTEST && !text.contains([ALL, ANY, FOLDED]);
        plain.then(|| vec![if self.folded { format!("{FOLDED}{}", text.to_ascii_lowercase()) } else { text }])
    }
}

/// The letter of a class that is one letter in both cases.
fn letter(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let [upper, lower] = class.ranges() else { return None };
    let one = |upper: u8, lower: u8| upper.is_ascii_uppercase() && upper.to_ascii_lowercase() == lower;
    let single = upper.start() == upper.end() && lower.start() == lower.end();
    (single && one(upper.start(), lower.start())).then(|| lower.start())
}

/// The best group of every branch, as one; none when a branch has none.
fn either(branches: &[Hir]) -> Option<Group> {
    let mut all = Group::new();
    for branch in branches {
        all.extend(groups(branch).into_iter().max_by_key(weight)?);
    }
    all.sort();
    all.dedup();
    (all.len() <= TEXTS).then_some(all)
}

/// How much a group tells: its shortest text.
fn weight(group: &Group) -> usize {
    group.iter().map(|text| text.trim_start_matches(FOLDED).len()).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::rule;
    use super::*;

    fn required(regex: &str) -> String {
        of(&rule::parse(regex).unwrap()).replace(ALL, " & ").replace(ANY, " | ").replace(FOLDED, "~")
    }

    #[test]
    fn what_every_match_holds_is_known() {
        assert_eq!(required(r"Container \S+ exited with code (?P<code>\d+)"), " exited with code  & Container ");
        assert_eq!(required(r"(?:refused|denied) by (?P<who>peer)"), "denied | refused &  by  & peer");
        assert_eq!(required(r"(?:abc){1,3}"), "abc");
        assert_eq!(required(r"(?i)\bexited with (?:status|code)"), "~exited with  & ~code | ~status");
        assert_eq!(required(r"state (?:[Uu]p|down) now"), "state  &  now");
    }

    #[test]
    fn what_a_match_can_do_without_is_not_required() {
        assert_eq!(required(r"(?i)re(?-i:fuse)?d"), "");
        assert_eq!(required(r"(?:refused)? by"), " by");
        assert_eq!(required(r"(?:refused|\d+)"), "");
        assert_eq!(required(r"[abc]xy"), "");
    }

    #[test]
    fn groups_are_met_together_and_texts_alone() {
        let required = of(&rule::parse(r"(?:refused|denied) by peer").unwrap());
        assert!(Haystack::new("denied by peer").meets(&required) && Haystack::new("x").meets(""));
        assert!(!Haystack::new("denied by us").meets(&required) && !Haystack::new("told by peer").meets(&required));
        let required = of(&rule::parse("(?i)Refused").unwrap());
        assert!(Haystack::new("it was REfused").meets(&required) && !Haystack::new("refuse").meets(&required));
    }
}
