//! The escalation: a verdict as an issue in GitHub's Markdown.
//!
//! What it is for: the people who decide (hold, roll back, raise, wake somebody) and the people who
//! mend, in one page that is edited in place as the verdict changes.
//! What it must never do: let log text become markup or notify somebody; state an impact that was
//! neither measured nor claimed by somebody by name.
//! Where to start reading: [`markdown`], then `decisions`.

mod correction;
mod decisions;
mod document;
mod sources;

use crate::{
    Words,
    encode::{markdown_code as code, markdown_inline as inline},
    figures::{self, counted},
    sentences,
    view::View,
    words,
};
use document::Document;
use sources::Sources;
use tminus_core::{
    Timestamp,
    verdict::{Cause, Verdict, Why},
    vocabulary::{CauseStatus, Outcome},
};

/// What an escalation needs beyond the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct MarkdownOptions<'a> {
    /// What was said before; a section says what changed and why, when the two differ.
    pub previous: Option<&'a Verdict>,
    /// The issue that this belongs to (`#1278`).
    pub issue: Option<&'a str>,
    /// Whether log lines leave the machine.
    pub evidence: EvidenceAs,
    /// Impact that somebody stated; shown as claimed, never as measured.
    pub claims: &'a [Claim<'a>],
    /// Clean starts of one revision that close the incident, where that is configured.
    pub clean_starts: Option<u32>,
}

/// How evidence is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvidenceAs {
    /// File and line numbers only.
    #[default]
    Refs,
    /// The cited lines too.
    Lines,
}

/// An impact that tminus cannot measure, with its provenance.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// What is claimed (`$500K ARR`).
    pub what: &'a str,
    /// Who said it, where.
    pub by: &'a str,
    /// When, as they wrote it.
    pub at: &'a str,
}

/// The escalation as one Markdown document.
pub fn markdown(verdict: &Verdict, words: &Words, options: &MarkdownOptions) -> String {
    let view = View::new(verdict, words);
    let sources = Sources::of(&view);
    let mut doc = Document::default();
    heading(&mut doc, &view, options);
    if verdict.outcome != Outcome::Ready {
        decisions::write(&mut doc, &view);
    }
    if let Some(previous) = options.previous {
        correction::write(&mut doc, &View::new(previous, words), &view);
    }
    if verdict.outcome == Outcome::Undetermined || view.lead().is_none() {
        known(&mut doc, &view);
    }
    causes(&mut doc, &view);
    whys(&mut doc, &view, &sources);
    if verdict.outcome != Outcome::Ready {
        to_do(&mut doc, &view);
    }
    ruled_out(&mut doc, &view, &sources);
    impact(&mut doc, &view, options);
    closes(&mut doc, &view, options);
    sources.write(&mut doc, &view, options.evidence);
    footer(&mut doc, &view, options);
    doc.finish()
}

fn heading(doc: &mut Document, view: &View, options: &MarkdownOptions) {
    let lead = view.lead().filter(|_| view.verdict.outcome == Outcome::Failed);
    let what = lead.map_or(String::new(), |cause| format!(": {}", titled(view, cause)));
    doc.line(&format!("# {}{what}", inline(&sentences::symptom(view))));
    let mut parts = Vec::new();
    match lead {
        Some(cause) => {
            parts.push(format!("**Move:** {}", inline(&view.words.team(cause.owner))));
            parts.push(strength(cause));
        }
        None if view.verdict.outcome == Outcome::Ready => {}
        None => parts.push("**Move:** whoever can collect the next piece of evidence".to_owned()),
    }
    parts.extend(view.verdict.revision.as_ref().map(|r| format!("revision {}", code(r))));
    parts.extend(view.extent().1.map(|at| format!("seen up to {} UTC", figures::moment(at))));
    parts.extend(options.issue.map(issue));
    doc.line(&parts.join(" · "));
    doc.blank();
}

/// Title and culprit of a cause.
fn titled(view: &View, cause: &Cause) -> String {
    let title = inline(&view.words.title(&cause.cause));
    if cause.culprit.is_empty() { title } else { format!("{title} {}", code(&cause.culprit)) }
}

/// `**proved**, 15 of 15 starts`.
fn strength(cause: &Cause) -> String {
    match sentences::strength(cause).split_once(", ") {
        Some((word, share)) => format!("**{word}**, {share} starts"),
        None => format!("**{}**", cause.certainty),
    }
}

/// An issue reference is meant to link; anything that is not plainly one is only text.
fn issue(reference: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | '/' | '-' | '.');
    if reference.len() <= 80 && reference.chars().all(plain) { reference.to_owned() } else { inline(reference) }
}

/// For an undetermined outcome: what is known, without any cause.
fn known(doc: &mut Document, view: &View) {
    if view.verdict.outcome == Outcome::Ready {
        return;
    }
    doc.section("What is known");
    doc.item(&inline(&match view.verdict.attempts.is_empty() {
        true => sentences::nothing_found(view).0,
        false => sentences::known(view),
    }));
    if let Some(last) = view.verdict.attempts.last() {
        doc.item(&format!("Last start: {}", inline(&sentences::start(last))));
    }
    if let Some(second) = &view.verdict.runner_up {
        let title = inline(&view.words.title(&second.cause));
        doc.item(&format!("Nearest reading, not shown: {title}. It would be named if: {}", inline(&second.would_flip)));
    }
    doc.blank();
}

fn causes(doc: &mut Document, view: &View) {
    if view.causes().is_empty() {
        return;
    }
    doc.section(if view.lettered() { "Causes in order of time" } else { "Cause" });
    doc.row(&["", "UTC", "revision", "starts", "cause", "owner", "state"]);
    doc.row(&["---"; 7]);
    for (i, cause) in view.causes().iter().enumerate() {
        if let Some(gap) = i.checked_sub(1).and_then(|before| gap(view, before, i)) {
            doc.row(&["", &gap, "", "", "no rows; the cause changed in here", "", ""]);
        }
        let revisions: Vec<String> = view.revisions_of(i).into_iter().map(code).collect();
        let status = sentences::status(view, i).to_lowercase();
        doc.row(&[
            &view.letter(i).to_string(),
            &day_and_minutes(view.period(i)),
            &if revisions.is_empty() { "?".to_owned() } else { revisions.join(", ") },
            &figures::count((cause.attempts.len() + cause.consistent_with.len()) as u64),
            &format!("{} ({})", titled(view, cause), sentences::strength(cause)),
            &inline(&view.words.team(cause.owner)),
            &if cause.current { format!("**{status}**") } else { status },
        ]);
    }
    doc.blank();
    let cut_off = view.counts().cut_off;
    if cut_off > 0 {
        doc.line(&format!("Besides these, {} cut off by the edges of the input.", counted(cut_off, "start")));
        doc.blank();
    }
}

/// The stretch without rows between two neighbouring epochs, if the input has one.
fn gap(view: &View, before: usize, after: usize) -> Option<String> {
    let last = *view.starts_of(before).last()?;
    let first = *view.starts_of(after).first()?;
    view.gap_between(last, first)?;
    Some(day_and_minutes((last.end.or(last.start), first.start)))
}

fn day_and_minutes((from, to): (Option<Timestamp>, Option<Timestamp>)) -> String {
    match from.or(to) {
        Some(at) => format!("{} {}", figures::day(at), figures::minutes(from, to)),
        None => "?".to_owned(),
    }
}

fn whys(doc: &mut Document, view: &View, sources: &Sources) {
    let mut open: Option<Option<&str>> = None;
    let mut n = 0;
    for why in &view.verdict.whys {
        if open != Some(why.of.as_deref()) {
            if open.is_some() {
                doc.blank();
            }
            doc.section(&why_heading(view, why));
            open = Some(why.of.as_deref());
            n = 0;
        }
        n += 1;
        let cited = sources.references(view, &why.evidence);
        doc.line(&format!("{n}. {} {}{cited}", inline(&why.why), inline(&why.because)));
    }
    if open.is_some() {
        doc.blank();
    }
}

fn why_heading(view: &View, why: &Why) -> String {
    let of = why.of.as_ref().and_then(|id| view.causes().iter().position(|c| c.id == *id));
    match of.filter(|_| view.lettered()) {
        Some(i) => format!("Why {}", view.letter(i)),
        None => "Why".to_owned(),
    }
}

fn to_do(doc: &mut Document, view: &View) {
    doc.section("To do");
    let step = |doc: &mut Document, i: usize, when: &str| {
        let cause = &view.causes()[i];
        let remedy = if cause.remedy.is_empty() { String::new() } else { format!(": {}", inline(&cause.remedy)) };
        let first = if cause.next.is_empty() { String::new() } else { format!("; first {}", code(&cause.next)) };
        doc.item(&format!("[ ] {}{when}{remedy}{first}", inline(&view.words.team(cause.owner))));
    };
    for i in view.current() {
        step(doc, i, "");
    }
    if let Some(to) = &view.verdict.advice.rollback.to {
        doc.item(&format!(
            "[ ] until then, roll back to {}: {}",
            code(to),
            inline(&view.verdict.advice.rollback.because)
        ));
    }
    for i in view.untested() {
        step(doc, i, ", in parallel");
    }
    for needed in &view.verdict.needed {
        doc.item(&format!("[ ] anyone: {}", inline(needed)));
    }
    if view.lead().is_none() && view.verdict.needed.is_empty() {
        doc.item(&format!("[ ] anyone: {}", inline(&sentences::first_needed(view))));
    }
    doc.blank();
    doc.line("Do not:");
    for item in sentences::do_not(view) {
        doc.item(&inline(&item));
    }
    doc.blank();
}

fn ruled_out(doc: &mut Document, view: &View, sources: &Sources) {
    let second = view.verdict.runner_up.as_ref().filter(|_| view.lead().is_some());
    if view.verdict.ruled_out.is_empty() && second.is_none() {
        return;
    }
    doc.section("Ruled out");
    for item in &view.verdict.ruled_out {
        let cited = sources.references(view, &item.evidence);
        doc.item(&format!("{}: {}{cited}", inline(&words::spaced(&item.cause)), inline(&item.why)));
    }
    if let Some(second) = second {
        let title = inline(&view.words.title(&second.cause));
        doc.item(&format!(
            "Not ruled out, second to the above: {title}. It would win if: {}",
            inline(&second.would_flip)
        ));
    }
    doc.blank();
}

fn impact(doc: &mut Document, view: &View, options: &MarkdownOptions) {
    doc.section("Impact");
    doc.line(&format!("Measured: {}; {}.", sentences::tally(view.counts()), inline(&sentences::coverage(view))));
    for note in &view.verdict.coverage.notes {
        doc.item(&inline(note));
    }
    for claim in options.claims {
        doc.blank();
        doc.line(&format!(
            "Claimed, not measured: {} ({}, {}).",
            inline(claim.what),
            inline(claim.by),
            inline(claim.at)
        ));
    }
    doc.blank();
}

fn closes(doc: &mut Document, view: &View, options: &MarkdownOptions) {
    let open: Vec<usize> = view.current().into_iter().chain(view.untested()).collect();
    if view.verdict.outcome == Outcome::Ready || (open.is_empty() && options.clean_starts.is_none()) {
        return;
    }
    doc.section("Closes when");
    for i in open {
        let cause = &view.causes()[i];
        debug_assert!(cause.current || cause.status == CauseStatus::Masked, "only open causes have to close");
        let name = if view.lettered() { format!("{}: ", view.letter(i)) } else { String::new() };
        doc.item(&format!("{name}one start gets past {}", words::hurdle(cause.layer)));
    }
    if let Some(n) = options.clean_starts {
        doc.item(&format!("Incident: {} of one revision", counted(n as usize, "clean start")));
    }
    doc.item("A platform's Ready or a passed port probe does not count.");
    doc.blank();
}

fn footer(doc: &mut Document, view: &View, options: &MarkdownOptions) {
    let mut parts = Vec::new();
    if !view.verdict.coverage.caps.is_empty() {
        parts.push(format!("export capped: {}", inline(&view.verdict.coverage.caps.join(", "))));
    }
    parts.push(match options.evidence {
        EvidenceAs::Refs => "evidence as references".to_owned(),
        EvidenceAs::Lines => "evidence as lines".to_owned(),
    });
    parts.push(format!("tminus {}", inline(&view.verdict.tool.version)));
    if let Some(cause) = view.lead() {
        parts.push(format!("fingerprint {}", code(&format!("{}:{}", cause.cause, cause.culprit))));
    }
    doc.line(&format!("<sub>{}</sub>", parts.join(" · ")));
}
