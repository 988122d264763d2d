//! The correction: what was believed, what holds now, and why.

use super::{document::Document, titled};
use crate::{encode::markdown_inline as inline, figures::counted, sentences, view::View, words};
use tminus_core::{
    verdict::Cause,
    vocabulary::{CauseStatus, Outcome},
};

/// Writes the section when the verdict says something else than the previous one did.
pub(super) fn write(doc: &mut Document, before: &View, now: &View) {
    if same(before, now) {
        return;
    }
    doc.line(&format!("> **Correction.** Said before: {}.", belief(before)));
    doc.line(&format!("> Holds now: {}.", belief(now)));
    doc.line(&format!("> Why: {}.", reasons(before, now).join("; ")));
    doc.blank();
}

fn same(before: &View, now: &View) -> bool {
    before.verdict.outcome == now.verdict.outcome && identities(before) == identities(now)
}

fn identities<'a>(view: &View<'a>) -> Vec<(&'a str, &'a str)> {
    let mut found: Vec<_> =
        view.current().into_iter().map(|i| &view.causes()[i]).map(|c| (c.cause.as_str(), c.culprit.as_str())).collect();
    found.sort_unstable();
    found
}

/// What a verdict says in one clause.
fn belief(view: &View) -> String {
    if view.verdict.outcome == Outcome::Ready {
        return inline(&sentences::symptom(view));
    }
    let causes: Vec<String> = view.current().into_iter().map(|i| named(view, &view.causes()[i])).collect();
    if causes.is_empty() || view.verdict.outcome == Outcome::Undetermined {
        return "cause undetermined".to_owned();
    }
    causes.join("; ")
}

fn named(view: &View, cause: &Cause) -> String {
    let team = inline(&view.words.team(cause.owner));
    format!("{} ({}, {team})", titled(view, cause), cause.certainty)
}

/// What has become of each earlier belief, then whether the evidence or the rules changed.
fn reasons(before: &View, now: &View) -> Vec<String> {
    let mut reasons = Vec::new();
    let identities = identities(now);
    for i in before.current() {
        let old = &before.causes()[i];
        if !identities.contains(&(old.cause.as_str(), old.culprit.as_str())) {
            reasons.extend(fate(now, old));
        }
    }
    let (then, today) = (before.verdict, now.verdict);
    if then.tool != today.tool {
        reasons.push("the rules changed since".to_owned());
    }
    let (old, new) = (before.counts().all_failed(), now.counts().all_failed());
    if (then.coverage.rows, old) != (today.coverage.rows, new) {
        reasons.push(format!(
            "the evidence changed: {} in {}, before {} in {}",
            counted(new, "failed start"),
            sentences::counted_rows(today.coverage.rows),
            counted(old, "failed start"),
            sentences::counted_rows(then.coverage.rows)
        ));
    }
    if reasons.is_empty() {
        reasons.push("the same number of rows reads otherwise; compare the evidence of both".to_owned());
    }
    reasons
}

/// What the verdict now says of a cause that it no longer holds current.
fn fate(now: &View, old: &Cause) -> Option<String> {
    let title = inline(&now.words.title(&old.cause));
    if let Some(out) = now.verdict.ruled_out.iter().find(|r| r.cause == old.cause.as_str()) {
        return Some(format!("{title} is ruled out: {}", inline(&out.why)));
    }
    let alternatives = now.causes().iter().flat_map(|c| &c.alternatives);
    if let Some(other) = alternatives.clone().find(|a| a.cause == old.cause) {
        return Some(format!("not {}: {}", words::spaced(old.cause.as_str()), inline(&other.why_not)));
    }
    let (i, same) =
        now.causes().iter().enumerate().rev().find(|(_, c)| c.cause == old.cause && c.culprit == old.culprit)?;
    Some(match same.status {
        CauseStatus::Resolved => format!("{title} ({}) is resolved: a later start got past it", now.letter(i)),
        CauseStatus::Masked => {
            format!("{title} ({}) is no longer what ends starts, and was not re-tested", now.letter(i))
        }
        CauseStatus::Present => format!("{title} ({}) is no longer the current one", now.letter(i)),
    })
}
