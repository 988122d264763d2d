//! The sentences that every output shares, as plain text, not yet encoded for any medium.
//!
//! Each is derived from fields of the verdict; where a field says nothing, there is no sentence.

use crate::{
    figures::{self, count, counted, listed},
    view::{Counts, View},
    words::{self, hurdle},
};
use tminus_core::{
    verdict::{AttemptSummary, Cause, Change},
    vocabulary::{CauseStatus, ChangeKind, Outcome, Retry},
};

/// The service, with its environment where that is not already part of its name.
pub(crate) fn service(view: &View) -> String {
    let verdict = view.verdict;
    match (verdict.service.as_deref(), verdict.environment.as_deref()) {
        (Some(name), Some(environment)) if !name.contains(environment) => {
            format!("{name} ({environment})")
        }
        (Some(name), _) => name.to_owned(),
        (None, Some(environment)) => format!("this service ({environment})"),
        (None, None) => "this service".to_owned(),
    }
}

/// Platforms repeat the service in the name of its revision; once is enough.
pub(crate) fn short_revision<'r>(view: &View, revision: &'r str) -> &'r str {
    let service = view.verdict.service.as_deref().filter(|name| !name.is_empty());
    let short = service.and_then(|name| revision.strip_prefix(name)?.strip_prefix('-'));
    short.filter(|rest| !rest.is_empty()).unwrap_or(revision)
}

/// What happens: `orders does not start`.
pub(crate) fn symptom(view: &View) -> String {
    format!("{}{}", service(view), predicate(view))
}

/// What is said of the service, after its name.
pub(crate) fn predicate(view: &View) -> &'static str {
    let counts = view.counts();
    match view.verdict.outcome {
        Outcome::Ready => " is ready",
        Outcome::Failed if counts.ready_then_failed > 0 && counts.failed == 0 => " becomes ready, then fails",
        Outcome::Failed => " does not start",
        Outcome::Undetermined if counts.all_failed() == 0 => ": undetermined whether it starts",
        Outcome::Undetermined if counts.failed == 0 => " becomes ready, then fails, cause undetermined",
        Outcome::Undetermined => " does not start, cause undetermined",
    }
}

/// `24 of 24 complete starts failed, 4 cut off, 0 ready`.
pub(crate) fn tally(counts: Counts) -> String {
    tallies(counts).join(", ")
}

/// The clauses of [`tally`], the most important one first.
pub(crate) fn tallies(counts: Counts) -> Vec<String> {
    let complete = counts.complete();
    let mut clauses = vec![match complete {
        0 => "no complete start in the input".to_owned(),
        1 if counts.all_failed() == 1 => "the one complete start failed".to_owned(),
        n => format!("{} of {} failed", count(counts.all_failed() as u64), counted(n, "complete start")),
    }];
    for (n, what) in [
        (counts.ready_then_failed, "after being ready"),
        (counts.cut_off, "cut off"),
        (counts.unknown, "whose end was not seen"),
    ] {
        if n > 0 {
            clauses.push(format!("{} {what}", count(n as u64)));
        }
    }
    if complete > 0 {
        clauses.push(format!("{} ready", count(counts.ready as u64)));
    }
    clauses
}

/// `proved, 15 of 15`: the word, and in how many of its starts the cause itself was seen.
pub(crate) fn strength(cause: &Cause) -> String {
    let own = cause.attempts.len();
    match own + cause.consistent_with.len() {
        0 | 1 => cause.certainty.to_string(),
        all => format!("{}, {} of {}", cause.certainty, count(own as u64), count(all as u64)),
    }
}

/// `likely, shown in 5 of 9 starts`.
pub(crate) fn shown_in(cause: &Cause) -> String {
    let own = cause.attempts.len();
    let all = own + cause.consistent_with.len();
    match all {
        0 | 1 => cause.certainty.to_string(),
        _ => format!("{}, shown in {} of {}", cause.certainty, count(own as u64), counted(all, "start")),
    }
}

/// `shown in 5 of 9 starts; the other 4 only resemble them`.
pub(crate) fn resemblance(cause: &Cause) -> Option<String> {
    let alike = cause.consistent_with.len();
    let all = cause.attempts.len() + alike;
    (alike > 0).then(|| match alike {
        1 => format!("shown in {} of {all} starts; the other one only resembles them", cause.attempts.len()),
        n => format!("shown in {} of {all} starts; the other {n} only resemble them", cause.attempts.len()),
    })
}

/// What comes next, when there is a current cause: clauses, the most useful one first.
pub(crate) fn next(view: &View, lead: &Cause) -> Vec<String> {
    let untested = view.untested();
    if untested.is_empty() { after_the_fix(view, lead) } else { hidden_behind(view, &untested) }
}

/// `once B is fixed A may be back: platform team can start on it now; A not re-tested since 21:37`.
fn hidden_behind(view: &View, untested: &[usize]) -> Vec<String> {
    let hidden = view.letters_of(untested);
    let current = view.current();
    let be = if current.len() == 1 { "is" } else { "are" };
    let fixed = view.letters_of(&current);
    let owners = view.owners(untested);
    let who = if owners.is_empty() {
        String::new()
    } else if owners == view.owners(&current) {
        ": the same team's, to be worked on in parallel".to_owned()
    } else {
        format!(": {} can start on it now", listed(owners.iter().map(|r| view.words.team(*r))))
    };
    let since = match (untested, view.period(untested[0]).1) {
        ([_], Some(at)) => format!(" since {}", figures::minute(at)),
        _ => String::new(),
    };
    vec![format!("once {fixed} {be} fixed {hidden} may be back{who}"), format!("{hidden} not re-tested{since}")]
}

fn after_the_fix(view: &View, lead: &Cause) -> Vec<String> {
    let counts = view.counts();
    let past = hurdle(lead.layer);
    let mut clauses = match view.verdict.advice.retry {
        Retry::Helps => vec![format!("waiting can mend it: a later start may get past {past} by itself")],
        Retry::Pointless => vec![format!("fixed when a start gets past {past}"), "retries are pointless".to_owned()],
        Retry::Unknown => vec![format!("fixed when a start gets past {past}")],
    };
    if counts.ready + counts.ready_then_failed == 0 {
        clauses.push("nothing later is tested yet".to_owned());
    }
    clauses
}

/// What people should not do: the advice, and a hold if there is one; never empty.
pub(crate) fn do_not(view: &View) -> Vec<String> {
    let advice = &view.verdict.advice;
    let mut items: Vec<String> = advice.do_not.iter().filter(|item| !item.trim().is_empty()).cloned().collect();
    if let Some(scope) = hold(view) {
        items.push(format!("deploy changes ({scope}) while this lasts"));
    }
    if items.is_empty() {
        items.push(match (view.verdict.outcome, advice.retry) {
            (Outcome::Undetermined, _) => "act on a guess: no cause is shown by this evidence".to_owned(),
            (_, Retry::Pointless) => "start it again unchanged: no number of tries changes this".to_owned(),
            (_, Retry::Helps) => {
                "hold deploys for it: nothing here asks for a hold, and it can pass by itself".to_owned()
            }
            (_, Retry::Unknown) => "hold deploys for it: nothing here asks for a hold".to_owned(),
        });
    }
    items
}

/// The scope of the advised hold, if one is advised.
pub(crate) fn hold<'a>(view: &View<'a>) -> Option<&'a str> {
    Some(view.verdict.advice.hold.as_str()).filter(|scope| !scope.is_empty() && *scope != "none")
}

/// Where to roll back to and why, or why nowhere.
pub(crate) fn rollback(view: &View) -> Option<String> {
    let rollback = &view.verdict.advice.rollback;
    match (&rollback.to, rollback.because.as_str()) {
        (Some(to), "") => Some(format!("to {to}")),
        (Some(to), because) => Some(format!("to {to}: {because}")),
        (None, "") => None,
        (None, because) => Some(format!("nowhere: {because}")),
    }
}

/// What has become of a cause, for the row that names it.
pub(crate) fn status(view: &View, cause: usize) -> String {
    let the = &view.causes()[cause];
    let back = view.current().iter().any(|&i| view.letter(i) == view.letter(cause));
    match (the.current, the.status) {
        (true, _) => "CURRENT".to_owned(),
        (false, _) if back => "came back".to_owned(),
        (false, CauseStatus::Resolved) => "resolved".to_owned(),
        (false, CauseStatus::Present) => "present".to_owned(),
        (false, CauseStatus::Masked) => match view.period(cause).1 {
            Some(at) => format!("NOT RE-TESTED since {}", figures::minute(at)),
            None => "NOT RE-TESTED".to_owned(),
        },
    }
}

/// A change as seen: `vpc-access-egress = all-traffic, in 14 of 14 rows; a setting seen, not a change`.
pub(crate) fn change(change: &Change) -> String {
    let what = &change.what;
    let seen = change
        .seen_in
        .map_or(String::new(), |(n, of)| format!(", in {} of {} rows", count(u64::from(n)), count(u64::from(of))));
    let at = change.at.map_or(String::new(), |at| format!(" at {} UTC", figures::moment(at)));
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("{what}: {from} -> {to}{at}{seen}"),
        (Some(from), None) => format!("{what}: {from} -> removed{at}{seen}"),
        (None, Some(to)) if change.kind == ChangeKind::Setting => {
            format!("{what} = {to}{seen}; a setting seen, not a change seen")
        }
        (None, Some(to)) => format!("{} of {what}: {to}{at}{seen}", change.kind),
        (None, None) => format!("{} of {what}{at}{seen}", change.kind),
    }
}

/// `exit code 3`, `SIGKILL`.
pub(crate) fn exit(attempt: &AttemptSummary) -> Option<String> {
    match (&attempt.signal, attempt.exit_code) {
        (Some(signal), _) => Some(format!("ended by {signal}")),
        (None, Some(code)) => Some(format!("exit code {code}")),
        (None, None) => None,
    }
}

/// What is known of one start: how it came out, how it ended, how far it came.
pub(crate) fn start(attempt: &AttemptSummary) -> String {
    let mut parts = vec![words::outcome(attempt.outcome).to_owned()];
    parts.extend(exit(attempt));
    parts.extend(attempt.phase.as_ref().map(|phase| format!("phase {phase}")));
    parts.extend(attempt.stage.map(|stage| format!("reached {stage}")));
    parts.join(", ")
}

/// What all failed starts have in common, and how far they came.
pub(crate) fn known(view: &View) -> String {
    let failed = view.failed();
    let Some(first) = failed.first() else {
        return format!("no failed start is complete in the input: {}", tally(view.counts()));
    };
    let starts = counted(failed.len(), "failed start");
    let end = exit(first).filter(|end| failed.iter().all(|a| exit(a).as_ref() == Some(end)));
    let ended = end.map_or(starts.clone(), |end| format!("{starts}: {end}"));
    match failed.iter().filter_map(|a| a.stage).max() {
        Some(stage) => format!("{ended}; furthest stage seen: {stage}"),
        None => format!("{ended}; how far they came is not in the input"),
    }
}

/// For an input without a start: what is known, and what to give instead.
pub(crate) fn nothing_found(view: &View) -> (String, &'static str) {
    let coverage = &view.verdict.coverage;
    let without = coverage.without_payload;
    if coverage.rows == 0 {
        return ("no rows, so no start and no cause".to_owned(), "give a log: a file, or - for standard input");
    }
    if without > 0 && without * 2 >= coverage.rows {
        return (
            format!("{} of {} have no text: the export lost its messages", count(without), counted_rows(coverage.rows)),
            "export again with the messages (Cloud Logging: textPayload, jsonPayload, protoPayload)",
        );
    }
    if coverage.skipped > 0 && coverage.records == 0 {
        let text = format!("{} could not be read as any log format", counted_rows(coverage.skipped));
        return (text, "give the log as the platform exports it");
    }
    (
        "rows, but none that begins or ends a start".to_owned(),
        "give the rows from before the process started until after it ended",
    )
}

/// The first thing to collect where no cause is known.
pub(crate) fn first_needed(view: &View) -> String {
    match view.verdict.needed.first() {
        Some(needed) => format!("collect: {needed}"),
        None if view.verdict.attempts.is_empty() => nothing_found(view).1.to_owned(),
        None => "collect the rows up to the end of one failed start".to_owned(),
    }
}

/// How much of what happened the input covers.
pub(crate) fn coverage(view: &View) -> String {
    let coverage = &view.verdict.coverage;
    let mut parts = vec![counted_rows(coverage.rows)];
    match (figures::span(coverage.covered_s), figures::span(coverage.span_s)) {
        (Some(covered), Some(span)) if coverage.covered_s > 0.0 && coverage.covered_s < coverage.span_s * 0.99 => {
            parts.push(format!("covering {covered} of {span}"));
        }
        (_, Some(span)) if coverage.span_s > 0.0 => parts.push(format!("over {span}")),
        _ => {}
    }
    if let (Some(from), Some(to)) = view.extent() {
        let (day, last) = (figures::day(from), figures::day(to));
        let to = if day == last { figures::minute(to) } else { format!("{last} {}", figures::minute(to)) };
        parts.push(format!("{day} {} to {to} UTC", figures::minute(from)));
    }
    let mut text = parts.join(", ");
    if !coverage.caps.is_empty() {
        text += &format!("; caps: {}", coverage.caps.join(", "));
    }
    for (n, what) in [
        (coverage.without_payload, "without text"),
        (coverage.skipped, "unreadable"),
        (coverage.duplicates, "duplicates removed"),
    ] {
        if n > 0 {
            text += &format!("; {} {what}", count(n));
        }
    }
    match coverage.time_basis.as_str() {
        "assumed_utc" => text += "; stamps without zone read as UTC",
        "none" => text += "; no times",
        _ => {}
    }
    text
}

pub(crate) fn counted_rows(rows: u64) -> String {
    format!("{} row{}", count(rows), if rows == 1 { "" } else { "s" })
}
