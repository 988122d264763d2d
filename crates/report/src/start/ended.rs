//! The part of the block that speaks for the program: what the verdict on its output says, or what it
//! printed last.
//!
//! A verdict leads wherever the program was started and a cause is named, because what it printed is
//! nearer to the cause than what was seen from outside. Its evidence is cited by line. Without a
//! verdict nothing is concluded: the last lines stand there as they were printed.

use super::case::Case;
use super::view::{Kind, LaneView};
use crate::figures::took;
use tminus_core::verdict::{Cause, Verdict};
use tminus_core::vocabulary::{Layer, Outcome};

/// Most lines of evidence, and of the program's last output, without `full`.
pub(crate) const PROOF_MAX: usize = 5;
pub(crate) const TAIL_MAX: usize = 8;

/// The cause that the verdict names for this start, if it may lead the block.
pub(crate) fn cause<'v>(case: &Case, verdict: Option<&'v Verdict>) -> Option<&'v Cause> {
    let verdict = verdict.filter(|verdict| verdict.outcome == Outcome::Failed)?;
    case.view.child.spawned?;
    let current = verdict.causes.iter().filter(|cause| cause.current);
    current.max_by(|a, b| a.confidence.total_cmp(&b.confidence))
}

/// `package missing in the image: orders.refunds   proved`.
pub(crate) fn cause_line(case: &Case, cause: &Cause) -> String {
    let title = case.words.title(&cause.cause);
    // "a port" names nothing: it stands where no line said which.
    let unnamed = cause.culprit.is_empty() || cause.culprit.starts_with("a ");
    let culprit = match unnamed || title.contains(&cause.culprit) {
        true => String::new(),
        false => format!(": {}", cause.culprit),
    };
    format!("{title}{culprit}   {}", cause.certainty)
}

/// `stderr:12   ModuleNotFoundError: ...`, one per piece of evidence.
pub(crate) fn proof(cause: &Cause) -> Vec<String> {
    let place = |evidence: &tminus_core::verdict::Evidence| match evidence.line {
        Some(line) => format!("{}:{line}", evidence.source),
        None => evidence.source.clone(),
    };
    cause.evidence.iter().map(|evidence| format!("{}   {}", place(evidence), first_line(&evidence.text))).collect()
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()
}

/// What the probes measured beside what the program says: none when the cause is not about a
/// dependency, or nothing was measured.
pub(crate) fn join(case: &Case, cause: &Cause) -> Option<String> {
    if cause.layer > Layer::Schema || cause.layer == Layer::Config {
        return None;
    }
    let passed: Vec<&LaneView> = (case.view.lanes().map(|(_, lane)| lane))
        .chain(&case.view.aside)
        .filter(|lane| lane.passed && !lane.witness && lane.kind != Kind::Own)
        .collect();
    let same = |lane: &&&LaneView| names(&lane.target, &cause.culprit);
    if let Some(lane) = passed.iter().find(same) {
        let depth = lane.rungs.last()?.layer;
        let ended = case.view.child.exited.as_ref().map_or(case.view.end, |exit| exit.at);
        let ago = lane.passed_at.map_or(String::new(), |at| format!(" {} before", took(ended - at)));
        return (depth >= cause.layer).then(|| {
            format!("{}: our probe got as far as {depth} there{ago}; look at what the program asks with", lane.name)
        });
    }
    let asked = case.view.lanes().any(|(_, lane)| names(&lane.target, &cause.culprit));
    let known: Vec<&str> = passed.iter().map(|lane| lane.name.as_str()).collect();
    (!asked && is_address(&cause.culprit) && !known.is_empty()).then(|| {
        format!(
            "no step asks {}; our probes passed at {}: the program uses another address",
            cause.culprit,
            known.join(", ")
        )
    })
}

/// True when the target's text names this address.
fn names(target: &str, culprit: &str) -> bool {
    !culprit.is_empty()
        && target.match_indices(culprit).any(|(at, found)| {
            let before = target[..at].chars().next_back();
            let after = target[at + found.len()..].chars().next();
            let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '.' && c != '-');
            ends(before) && ends(after)
        })
}

fn is_address(culprit: &str) -> bool {
    culprit.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_only_as_a_whole() {
        assert!(names("postgres://app@10.1.2.3:5432/orders", "10.1.2.3:5432"));
        assert!(!names("postgres://app@110.1.2.3:5432/orders", "10.1.2.3:5432"));
        assert!(!names("postgres://app@10.1.2.3:54321/orders", "10.1.2.3:5432"));
        assert!(!names("postgres://app@10.1.2.3:5432/orders", ""));
        assert!(is_address("10.1.2.3:5432") && !is_address("orders.refunds") && !is_address("/cloudsql/x"));
    }
}
