//! What a regex cannot match without: literals that are looked for before it is compiled.
//!
//! The gate lets a rule pass when one of its literals occurs, and `Starting ` occurs often. Most of
//! the rules that pass do not match, and compiling a regex costs more than searching a thousand
//! lines. So the build notes for each rule which texts every match holds. Nothing else is lost:
//! where they are missing, the regex could not have matched.

use regex_syntax::hir::{Hir, HirKind};

/// Between the groups of a rule: all must be met.
const ALL: char = '\u{1e}';
/// Between the texts of a group: one must occur.
const ANY: char = '\u{1f}';
/// Shorter texts occur everywhere, bytes.
const SHORTEST: usize = 3;
/// Most texts of one group: more are no quicker than the regex.
const TEXTS: usize = 8;
/// Most groups of one rule.
const GROUPS: usize = 3;

/// Texts of which one must occur.
type Group = Vec<String>;

/// What must occur in a text that `regex` matches, for [`met`]; empty when nothing is known.
pub fn of(regex: &Hir) -> String {
    let mut groups = groups(regex);
    groups.sort_by_key(|group| std::cmp::Reverse(weight(group)));
    groups.dedup();
    groups.truncate(GROUPS);
    let any = |group: Group| group.join(&ANY.to_string());
    groups.into_iter().map(any).collect::<Vec<_>>().join(&ALL.to_string())
}

/// Does `text` hold what [`of`] said?
pub fn met(required: &str, text: &str) -> bool {
    required.is_empty() || required.split(ALL).all(|group| group.split(ANY).any(|one| text.contains(one)))
}

fn groups(regex: &Hir) -> Vec<Group> {
    match regex.kind() {
        HirKind::Literal(literal) => text(&literal.0).into_iter().map(|text| vec![text]).collect(),
        HirKind::Capture(capture) => groups(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => groups(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(groups).collect(),
        HirKind::Alternation(branches) => either(branches).into_iter().collect(),
        _ => Vec::new(),
    }
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
    group.iter().map(String::len).min().unwrap_or(0)
}

fn text(literal: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(literal).ok()?;
    (text.len() >= SHORTEST && !text.contains([ALL, ANY])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::rule;
    use super::*;

    fn required(regex: &str) -> String {
        of(&rule::parse(regex).unwrap()).replace(ALL, " & ").replace(ANY, " | ")
    }

    #[test]
    fn what_every_match_holds_is_known() {
        assert_eq!(required(r"Container \S+ exited with code (?P<code>\d+)"), " exited with code  & Container ");
        assert_eq!(required(r"(?:refused|denied) by (?P<who>peer)"), "denied | refused &  by  & peer");
        assert_eq!(required(r"(?:abc){1,3}"), "abc");
    }

    #[test]
    fn what_a_match_can_do_without_is_not_required() {
        assert_eq!(required(r"(?i)refused"), "");
        assert_eq!(required(r"(?:refused)? by"), " by");
        assert_eq!(required(r"(?:refused|\d+)"), "");
        assert_eq!(required(r"[abc]xy"), "");
    }

    #[test]
    fn groups_are_met_together_and_texts_alone() {
        let required = of(&rule::parse(r"(?:refused|denied) by peer").unwrap());
        assert!(met(&required, "denied by peer") && met("", "x"));
        assert!(!met(&required, "denied by us") && !met(&required, "told by peer"));
    }
}
