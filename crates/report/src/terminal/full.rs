//! What `--full` adds: whys, weights, changes, every start, and the inputs.

use super::{
    page::{Line, Page, Section},
    proof, strip,
};
use crate::{
    figures::{self, count},
    sentences,
    view::{View, span_of},
};
use tminus_core::verdict::{AttemptSummary, Why};

/// Weights, changes, starts and inputs, for whoever wants to check the verdict.
pub(super) fn appendix(page: &Page, view: &View) -> Vec<Section> {
    let parts = [causes(page, view), changes(page, view), starts(page, view), inputs(page, view)];
    parts.into_iter().map(|lines| Section::new(lines, 0).apart()).collect()
}

/// From the symptom down.
pub(super) fn whys(page: &Page, view: &View) -> Vec<Line> {
    let letter = |why: &Why| {
        let of = why.of.as_ref().and_then(|id| view.causes().iter().position(|c| c.id == *id));
        of.filter(|_| view.lettered()).map_or(String::new(), |i| format!("{} ", view.letter(i)))
    };
    let items: Vec<String> = view
        .verdict
        .whys
        .iter()
        .enumerate()
        .map(|(i, why)| {
            let cited = proof::references(view, &why.evidence);
            format!("{}{}. {} {}{cited}", letter(why), i + 1, why.why, why.because)
        })
        .collect();
    page.items("WHYS", &items, usize::MAX, usize::MAX)
}

/// Per cause: its period, the terms of its score, and what else its words could mean.
fn causes(page: &Page, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    for i in view.by_weight() {
        let cause = &view.causes()[i];
        let mut items = vec![format!(
            "{} {} [{} {}, {}]: {}, {}, {}",
            view.letter(i),
            view.words.title(&cause.cause),
            cause.cause,
            cause.domain,
            cause.layer,
            strip::period(view.period(i)),
            sentences::strength(cause),
            sentences::status(view, i),
        )];
        items.extend(cause.weights.iter().map(|w| format!("- {:>+5.2} {}", w.log_odds, w.because)));
        items.extend(proof::alternatives(cause).into_iter().map(|text| format!("- {text}")));
        lines.extend(page.items(if lines.is_empty() { "SCORE" } else { "" }, &items, usize::MAX, usize::MAX));
    }
    lines
}

fn changes(page: &Page, view: &View) -> Vec<Line> {
    let cited = |x: &tminus_core::verdict::Change| proof::references(view, &x.evidence);
    let items: Vec<String> =
        view.verdict.changes.iter().map(|x| format!("{} {}{}", x.id, sentences::change(x), cited(x))).collect();
    page.items("CHANGE", &items, usize::MAX, usize::MAX)
}

fn starts(page: &Page, view: &View) -> Vec<Line> {
    let items: Vec<String> = view.verdict.attempts.iter().map(|a| start(view, a)).collect();
    page.items("STARTS", &items, usize::MAX, usize::MAX)
}

fn start(view: &View, attempt: &AttemptSummary) -> String {
    let at = attempt.start.map_or("no time".to_owned(), figures::moment);
    let span = span_of(attempt).and_then(figures::span).map_or(String::new(), |s| format!(", {s}"));
    let revision = attempt.revision.as_deref().map(|r| sentences::short_revision(view, r));
    let names: Vec<&str> = [revision, attempt.instance.as_deref()].into_iter().flatten().collect();
    let named = if names.is_empty() { String::new() } else { format!("; {}", names.join(" ")) };
    format!(
        "{} #{} {at}{span}: {}, {} records{named}",
        view.mark(attempt),
        attempt.n,
        sentences::start(attempt),
        count(attempt.records)
    )
}

fn inputs(page: &Page, view: &View) -> Vec<Line> {
    let coverage = &view.verdict.coverage;
    let mut items = Vec::new();
    for input in &coverage.inputs {
        let order = if input.newest_first { ", newest first" } else { "" };
        items.push(format!("{}: {}, {}{order}", input.source, input.format, sentences::counted_rows(input.rows)));
        items.extend(input.skipped.iter().map(|line| format!("not read: {line}")));
    }
    for (from, to) in &coverage.gaps {
        let span = figures::span(figures::seconds_between(*from, *to)).unwrap_or_default();
        items.push(format!("no rows for {span}, {}", strip::period((Some(*from), Some(*to)))));
    }
    items.extend(coverage.clocks.iter().map(|clock| format!("clock: {clock}")));
    items.push(format!("judged by tminus {}, catalogue {}", view.verdict.tool.version, view.verdict.tool.catalogue));
    page.items("INPUT", &items, usize::MAX, usize::MAX)
}
