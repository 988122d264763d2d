//! The first six lines, and the few that belong to them.

use super::page::{Line, Page, Paint, Section, width};
use crate::{
    figures::{self, counted},
    sentences,
    view::View,
    words,
};
use tminus_core::{
    verdict::{AttemptSummary, Cause},
    vocabulary::{CauseStatus, Outcome},
};

/// The lines that answer what, whose move, what to do, what comes next, and what not to do.
pub(super) const LINES: usize = 6;
/// Columns that a culprit gets at least, when it needs them.
const CULPRIT_MIN: usize = 28;
/// Columns that the service gets at least.
const NAME_MIN: usize = 12;

/// Exactly [`LINES`] lines.
pub(super) fn head(page: &Page, view: &View) -> Vec<Line> {
    let answers = match view.current().first() {
        Some(&i) if view.verdict.outcome == Outcome::Failed => failed(page, view, i),
        _ if view.verdict.outcome == Outcome::Ready => return vec![ready(page, view)],
        _ if view.verdict.attempts.is_empty() => nothing(page, view),
        _ => undetermined(page, view),
    };
    let mut lines = vec![headline(page, view).0];
    lines.extend(answers);
    lines
}

/// What does not fit into the first six lines but belongs to them.
pub(super) fn more(page: &Page, view: &View) -> Section {
    let mut lines = Vec::new();
    let do_not = sentences::do_not(view);
    if view.verdict.outcome != Outcome::Ready {
        lines.extend(page.items("", &do_not[1..], 2, 2));
    }
    if let Some(lead) = view.lead() {
        // What the head had to cut stands here in full.
        for (label, whole) in [("FIX", fix(view, lead)), ("RUN", lead.next.clone())] {
            if width(&page.show(&whole)) > page.room() {
                lines.extend(page.hanging(label, &whole, 2, 6));
            }
        }
        let others = view.current();
        let also: Vec<String> = others.iter().skip(1).map(|&i| also(view, i)).collect();
        lines.extend(page.items("ALSO", &also, 2, 2));
    } else if let Some(last) = view.verdict.attempts.last() {
        lines.extend(page.hanging("LAST", &last_start(view, last), 2, 2));
    }
    if let Some(back) = sentences::rollback(view) {
        lines.extend(page.hanging("BACK", &back, 2, 2));
    }
    Section::new(lines, 6)
}

/// Service, what happens to it, revision and tally, as far as they fit; the service is cut last,
/// and in its middle. Tells whether the revision found room.
fn headline(page: &Page, view: &View) -> (Line, bool) {
    let verdict = view.verdict;
    let none = verdict.attempts.is_empty() && verdict.causes.is_empty();
    let (name, predicate, tallies) = match verdict.coverage.rows {
        0 if none => ("nothing to judge".to_owned(), "", vec!["the input has no rows".to_owned()]),
        rows if none => {
            (sentences::service(view), "", vec![format!("no start found in {}", sentences::counted_rows(rows))])
        }
        _ => (sentences::service(view), sentences::predicate(view), sentences::tallies(view.counts())),
    };
    let revision = verdict.revision.as_deref().filter(|_| !none);
    let revision =
        revision.map_or(String::new(), |r| page.show(&format!(" (revision {})", sentences::short_revision(view, r))));
    let name = page.show(&name);
    let mut tally = tallies[0].clone();
    let fits = |tally: &str, more: &str| {
        width(&name) + width(predicate) + ": ".len() + width(tally) + width(more) <= page.width
    };
    for clause in &tallies[1..] {
        let longer = format!("{tally}, {clause}");
        if fits(&longer, "") {
            tally = longer;
        }
    }
    let revision = if fits(&tally, &revision) { revision } else { String::new() };
    let room = page.width.saturating_sub(width(predicate) + ": ".len() + width(&tally)).max(NAME_MIN);
    let what = format!("{}{predicate}", page.fit_middle(&name, room));
    let line = page.bare(vec![(Paint::Bad, what), (Paint::Plain, format!("{revision}: {tally}"))]);
    (line, !revision.is_empty())
}

fn failed(page: &Page, view: &View, i: usize) -> Vec<Line> {
    let lead = &view.causes()[i];
    let first = match (lead.next.as_str(), lead.remedy.as_str()) {
        ("", "") => "no first step is on file for this cause",
        ("", remedy) => remedy,
        (next, _) => next,
    };
    vec![
        now(page, view, i),
        page.one("MOVE", &fix(view, lead)),
        page.one("DO", first),
        page.one("NEXT", &page.clauses(&sentences::next(view, lead))),
        dont(page, view),
    ]
}

/// `MOVE`: the team, and what mends it.
fn fix(view: &View, cause: &Cause) -> String {
    let team = view.words.team(cause.owner);
    if cause.remedy.is_empty() { team } else { format!("{team}: {}", cause.remedy) }
}

/// `NOW`: title and culprit, with how sure that is.
fn now(page: &Page, view: &View, i: usize) -> Line {
    let room = now_room(page, view, i);
    let mut text = titled(page, view, i, room);
    if let ([revision], false) = (view.revisions_of(i).as_slice(), headline(page, view).1) {
        let within = format!("{text}, in {}", page.show(sentences::short_revision(view, revision)));
        if width(&within) <= room {
            text = within;
        }
    }
    let text = format!("{}{text}   ", lettered(view, i));
    page.line("NOW", vec![(Paint::Plain, text), (Paint::Bad, sentences::strength(&view.causes()[i]))])
}

/// Title and culprit in `room` columns. Where both do not fit, the short name of the cause leaves
/// more room for the culprit, which is then cut in its middle.
pub(super) fn titled(page: &Page, view: &View, i: usize, room: usize) -> String {
    let cause = &view.causes()[i];
    let culprit = page.show(&cause.culprit);
    let title = page.show(&view.words.title(&cause.cause));
    let short = words::spaced(cause.cause.as_str());
    let fits = |name: &str| width(name) + ": ".len() + width(&culprit) <= room;
    let name = if fits(&title) || width(&title) <= width(&short) { title } else { short };
    if culprit.is_empty() {
        return page.fit(&name, room);
    }
    let least = width(&culprit).min(CULPRIT_MIN.min(room / 2));
    let name = page.fit(&name, room.saturating_sub(least + ": ".len()));
    let culprit = page.fit_middle(&culprit, room.saturating_sub(width(&name) + ": ".len()));
    format!("{name}: {culprit}")
}

/// `(B) ` where causes have letters.
fn lettered(view: &View, i: usize) -> String {
    if view.lettered() { format!("({}) ", view.letter(i)) } else { String::new() }
}

/// True when `NOW` cannot show the whole culprit, so that the proof has to.
pub(super) fn culprit_is_cut(page: &Page, view: &View, i: usize) -> bool {
    !titled(page, view, i, now_room(page, view, i)).ends_with(&page.show(&view.causes()[i].culprit))
}

/// Columns that `NOW` has for title and culprit.
fn now_room(page: &Page, view: &View, i: usize) -> usize {
    let around = lettered(view, i).len() + 3 + width(&sentences::strength(&view.causes()[i]));
    page.room().saturating_sub(around)
}

fn dont(page: &Page, view: &View) -> Line {
    page.one("DON'T", &sentences::do_not(view)[0])
}

fn also(view: &View, i: usize) -> String {
    let cause = &view.causes()[i];
    format!(
        "{}{}: {} ({}); {}; {}",
        lettered(view, i),
        view.words.title(&cause.cause),
        cause.culprit,
        sentences::strength(cause),
        fix(view, cause),
        cause.next
    )
}

/// No cause is named: what is known, who can move, and what would decide.
fn undetermined(page: &Page, view: &View) -> Vec<Line> {
    vec![
        page.one("NOW", &sentences::known(view)),
        page.one("MOVE", "whoever can collect the next piece; no owner follows from this evidence"),
        page.one("DO", &sentences::first_needed(view)),
        page.one("NEXT", "judge again with it; until then every cause is a guess"),
        dont(page, view),
    ]
}

fn last_start(view: &View, last: &AttemptSummary) -> String {
    let when = match (last.start, last.end) {
        (Some(from), Some(to)) => {
            format!(", {} to {} UTC", figures::moment(from), figures::second(to))
        }
        (Some(at), None) | (None, Some(at)) => format!(", {} UTC", figures::moment(at)),
        (None, None) => String::new(),
    };
    let revision =
        last.revision.as_ref().map_or(String::new(), |r| format!(", revision {}", sentences::short_revision(view, r)));
    format!("start {}{when}{revision}: {}", last.n, sentences::start(last))
}

/// There is no start in the input: what to give instead.
fn nothing(page: &Page, view: &View) -> Vec<Line> {
    let (known, _) = sentences::nothing_found(view);
    vec![
        page.one("NOW", &known),
        page.one("MOVE", "whoever can export the log; no owner follows from this input"),
        page.one("DO", &sentences::first_needed(view)),
        page.one("NEXT", "judge again with it"),
        dont(page, view),
    ]
}

/// A good start: one line.
pub(super) fn ready(page: &Page, view: &View) -> Line {
    let counts = view.counts();
    let mut text = String::new();
    if let Some(revision) = view.verdict.revision.as_deref() {
        text += &format!(": revision {}", sentences::short_revision(view, revision));
    }
    if counts.all_failed() > 0 {
        text += &format!(", after {}", counted(counts.all_failed(), "failed start"));
    }
    let slow = view.causes().iter().rposition(|c| c.status == CauseStatus::Resolved);
    let name = page.fit_middle(&sentences::symptom(view), page.width / 2);
    let text = page.fit(&text, page.width.saturating_sub(width(&name)));
    let mut spans = vec![(Paint::Good, name), (Paint::Plain, text)];
    if let Some(slow) = slow {
        let used: usize = spans.iter().map(|(_, t)| width(t)).sum();
        let room = page.width.saturating_sub(used + " (resolved: )".len());
        if room >= CULPRIT_MIN {
            spans.push((Paint::Plain, format!(" (resolved: {})", titled(page, view, slow, room))));
        }
    }
    page.bare(spans)
}
