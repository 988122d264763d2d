//! The proof: cited lines of each cause, with their files, and what is ruled out.

use super::{
    head,
    page::{INDENT, Line, Page, Paint, width},
};
use crate::{sentences, view::View, words};
use std::collections::BTreeSet;
use tminus_core::verdict::{Cause, Change, Evidence, RuledOut, Supports};

/// Most causes without `--full`.
const CAUSES_MAX: usize = 3;
/// Most lines cited for a current cause without `--full`, and for another one.
const CITED_NOW: usize = 4;
const CITED_BEFORE: usize = 2;

/// Evidence of each cause, the leading one first.
pub(super) fn proof(page: &Page, view: &View, full: bool) -> Vec<Line> {
    let mut order = view.by_weight();
    if !full {
        // Another epoch of the same cause has the same proof.
        let mut letters = BTreeSet::new();
        order.retain(|&i| letters.insert(view.letter(i)));
    }
    let most = if full { order.len() } else { CAUSES_MAX };
    let shown: Vec<(usize, Vec<&Evidence>)> = order.iter().take(most).map(|&i| (i, cited(view, i, full))).collect();
    let told = shown.iter().flat_map(|(i, _)| view.changes_of(&view.causes()[*i])).flat_map(|change| &change.evidence);
    let told = told.filter_map(|id| view.evidence(id));
    let all = shown.iter().flat_map(|(_, cited)| cited.iter().copied()).chain(told);
    let references = all.map(|e| width(&reference(e)) + 1);
    let columns = references.max().unwrap_or(0).max(INDENT);
    let mut lines = Vec::new();
    for (nth, (i, cited)) in shown.iter().enumerate() {
        lines.extend(of_cause(page, view, *i, cited, &Layout { first: nth == 0, full, columns }));
    }
    lines
}

struct Layout {
    /// The leading cause stands in `NOW` already.
    first: bool,
    full: bool,
    /// Columns of the references, the same for all, so that texts line up.
    columns: usize,
}

/// What is cited for a cause: everything, or what says most. A setting that is told as a change is
/// not cited a second time.
fn cited<'a>(view: &View<'a>, i: usize, full: bool) -> Vec<&'a Evidence> {
    let cause = &view.causes()[i];
    let mut found: Vec<&Evidence> = cause.evidence.iter().collect();
    if full {
        return found;
    }
    let told = |e: &Evidence| view.changes_of(cause).iter().any(|change| change.evidence.contains(&e.id));
    found.retain(|e| e.supports != Supports::Contributing || !told(e));
    found.sort_by_key(|e| match e.supports {
        Supports::Cause => 0,
        Supports::Contributing => 1,
        Supports::Consequence | Supports::End => 2,
        Supports::Excludes | Supports::Stage => 3,
    });
    found.truncate(if cause.current { CITED_NOW } else { CITED_BEFORE });
    found
}

fn of_cause(page: &Page, view: &View, i: usize, cited: &[&Evidence], layout: &Layout) -> Vec<Line> {
    let cause = &view.causes()[i];
    let mut source = cited.first().map(|e| e.source.as_str());
    let mut lines = vec![heading(page, view, i, source, layout.first)];
    // What is cut elsewhere has to be whole in one place.
    if layout.full
        || (layout.first && cause.current && head::culprit_is_cut(page, view, i) && !names_culprit(cited, cause))
    {
        lines.extend(page.hanging("", &format!("culprit: {}", cause.culprit), 2, 3));
    }
    let mut changes = view.changes_of(cause).into_iter().flat_map(|x| contributing(page, view, x, layout)).peekable();
    for evidence in cited {
        // What contributes stands between the cause and its consequences.
        if evidence.supports != Supports::Cause && changes.peek().is_some() {
            lines.extend(changes.by_ref());
        }
        if Some(evidence.source.as_str()) != source {
            source = Some(&evidence.source);
            lines.push(page.line("", vec![(Paint::Dim, page.fit_middle(&evidence.source, page.room()))]).heading());
        }
        lines.extend(citation(page, evidence, &cause.culprit, layout));
    }
    lines.extend(changes);
    if layout.full {
        lines.extend(sentences::resemblance(cause).map(|text| page.one("", &text)));
    }
    lines
}

/// True when a cited line shows the culprit anyway.
fn names_culprit(cited: &[&Evidence], cause: &Cause) -> bool {
    cited.iter().any(|e| telling_line(&e.text, &cause.culprit).contains(&cause.culprit))
}

/// `PROOF  B module-missing-0041Z/logs.json`, and for causes further down how sure they are.
fn heading(page: &Page, view: &View, i: usize, source: Option<&str>, first: bool) -> Line {
    let cause = &view.causes()[i];
    let letter = if view.lettered() { format!("{} ", view.letter(i)) } else { String::new() };
    let strength = if first { String::new() } else { sentences::shown_in(cause) };
    let source = page.fit_middle(
        source.unwrap_or("nothing is cited for it"),
        page.room().saturating_sub(width(&strength) + width(&letter) + 3),
    );
    let spans =
        vec![(Paint::Label, letter), (Paint::Dim, source), (Paint::Plain, "   ".to_owned()), (Paint::Warn, strength)];
    page.line(if first { "PROOF" } else { "" }, spans).heading()
}

/// `  :699   ModuleNotFoundError: No module named '...'`.
fn citation(page: &Page, evidence: &Evidence, culprit: &str, layout: &Layout) -> Vec<Line> {
    let reference = reference(evidence);
    let columns = layout.columns;
    let role = role(evidence.supports);
    let room = page.width.saturating_sub(columns + role.len());
    let line = |reference: &str, text: String| {
        let reference = format!("{reference:<columns$}");
        page.bare(vec![(Paint::Dim, reference), (Paint::Plain, text)])
    };
    if !layout.full {
        let text = telling_line(&evidence.text, culprit);
        return vec![line(&reference, format!("{role}{}", page.fit_around(text, culprit, room)))];
    }
    let mut lines = Vec::new();
    for (i, text) in evidence.text.lines().filter(|l| !l.trim().is_empty()).enumerate() {
        let text = if i == 0 { format!("{role}{text}") } else { text.to_owned() };
        for (j, part) in page.wrapped(&text, page.width - columns).into_iter().enumerate() {
            lines.push(line(if i + j == 0 { &reference } else { "" }, part));
        }
    }
    lines
}

/// Of a text of several lines, the one that names the culprit; else the first.
fn telling_line<'a>(text: &'a str, culprit: &str) -> &'a str {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let named = if culprit.is_empty() { None } else { lines.clone().find(|l| l.contains(culprit)) };
    named.or_else(|| lines.next()).unwrap_or_default()
}

fn reference(evidence: &Evidence) -> String {
    evidence.line.map_or("  -".to_owned(), |line| format!("  :{line}"))
}

/// What a line is cited for, where that is not the cause itself.
fn role(supports: Supports) -> &'static str {
    match supports {
        Supports::Cause => "",
        Supports::Consequence => "so: ",
        Supports::End => "end: ",
        Supports::Contributing => "with: ",
        Supports::Excludes => "excludes: ",
        Supports::Stage => "reached: ",
    }
}

/// `  :3726 vpc-access-egress = all-traffic, in 14 of 14 rows`.
fn contributing(page: &Page, view: &View, change: &Change, layout: &Layout) -> Vec<Line> {
    let cited: Vec<&Evidence> = change.evidence.iter().filter_map(|id| view.evidence(id)).collect();
    let more = references(view, change.evidence.get(1..).unwrap_or_default());
    let text = format!("with {}{more}", sentences::change(change));
    let reference = cited.first().map_or_else(String::new, |e| reference(e));
    let mut lines = Vec::new();
    for (i, part) in page.wrapped(&text, page.width.saturating_sub(layout.columns)).into_iter().enumerate() {
        let reference = format!("{:<columns$}", if i == 0 { &reference } else { "" }, columns = layout.columns);
        lines.push(page.bare(vec![(Paint::Dim, reference), (Paint::Plain, part)]));
    }
    lines
}

/// ` [:3726, :3733]` for the pieces of evidence that the verdict holds.
pub(super) fn references(view: &View, ids: &[String]) -> String {
    let found: Vec<String> = ids
        .iter()
        .filter_map(|id| view.evidence(id))
        .map(|e| e.line.map_or_else(|| e.source.clone(), |line| format!(":{line}")))
        .collect();
    if found.is_empty() { String::new() } else { format!(" [{}]", found.join(", ")) }
}

/// `too many connections: no row reports it`.
pub(super) fn ruled_out(view: &View, ruled_out: &RuledOut) -> String {
    format!("{}: {}{}", words::spaced(&ruled_out.cause), ruled_out.why, references(view, &ruled_out.evidence))
}

/// Used by `--full`: the other readings of a cause's own words.
pub(super) fn alternatives(cause: &Cause) -> Vec<String> {
    cause.alternatives.iter().map(|a| format!("not {}: {}", words::spaced(a.cause.as_str()), a.why_not)).collect()
}
