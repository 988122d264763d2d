//! Annotations of a GitHub workflow run.

use crate::{Words, encode, sentences, view::View};
use tminus_core::{
    verdict::{Evidence, Verdict},
    vocabulary::Outcome,
};

/// The runner shows ten annotations of a kind per step; the rest would be silently dropped.
const ANNOTATIONS_MAX: usize = 9;

/// Workflow commands: one `::error` for each current cause, one `::warning` for each cause that was
/// not re-tested or for an undetermined outcome, one `::notice` for a good start. Each is one line.
pub fn github(verdict: &Verdict, words: &Words) -> String {
    let view = View::new(verdict, words);
    let mut out = String::new();
    match verdict.outcome {
        Outcome::Ready => {
            let text = format!("{}; {}", sentences::symptom(&view), sentences::tally(view.counts()));
            command(&mut out, "notice", &sentences::symptom(&view), None, &text);
        }
        Outcome::Failed if view.lead().is_some() => {
            for i in view.current().into_iter().take(ANNOTATIONS_MAX) {
                current(&mut out, &view, i);
            }
        }
        Outcome::Failed | Outcome::Undetermined => undetermined(&mut out, &view),
    }
    if verdict.outcome == Outcome::Failed {
        for i in view.untested().into_iter().take(ANNOTATIONS_MAX) {
            untested(&mut out, &view, i);
        }
    }
    out
}

fn current(out: &mut String, view: &View, i: usize) {
    let cause = &view.causes()[i];
    let title = format!("{}: {}", sentences::symptom(view), view.words.title(&cause.cause));
    let mut lines = vec![
        format!("{} ({})", cause.culprit, sentences::strength(cause)),
        sentences::tally(view.counts()),
        format!("move: {}: {}", view.words.team(cause.owner), cause.remedy),
        format!("do: {}", cause.next),
        format!("next: {}", sentences::next(view, cause).join("; ")),
        format!("don't: {}", sentences::do_not(view).join("; ")),
    ];
    lines.extend(cause.evidence.first().map(cited));
    command(out, "error", &title, cause.evidence.first(), &lines.join("\n"));
}

fn untested(out: &mut String, view: &View, i: usize) {
    let cause = &view.causes()[i];
    let title = format!("{}: not re-tested: {}", sentences::service(view), view.words.title(&cause.cause));
    let text = format!(
        "{} ({}); no later start got far enough to tell. {}: {}",
        cause.culprit,
        sentences::strength(cause),
        view.words.team(cause.owner),
        cause.remedy
    );
    command(out, "warning", &title, cause.evidence.first(), &text);
}

fn undetermined(out: &mut String, view: &View) {
    let mut lines = vec![sentences::tally(view.counts())];
    lines.extend(view.verdict.needed.iter().map(|needed| format!("get: {needed}")));
    lines.push(format!("don't: {}", sentences::do_not(view).join("; ")));
    command(out, "warning", &sentences::symptom(view), None, &lines.join("\n"));
}

fn cited(evidence: &Evidence) -> String {
    match evidence.line {
        Some(line) => format!("{}:{line}: {}", evidence.source, evidence.text),
        None => format!("{}: {}", evidence.source, evidence.text),
    }
}

fn command(out: &mut String, name: &str, title: &str, at: Option<&Evidence>, text: &str) {
    out.push_str("::");
    out.push_str(name);
    out.push(' ');
    if let Some(evidence) = at {
        out.push_str(&format!("file={},", encode::github_property(&evidence.source)));
        if let Some(line) = evidence.line {
            out.push_str(&format!("line={line},"));
        }
    }
    out.push_str(&format!("title={}::{}\n", encode::github_property(title), encode::github(text)));
}
