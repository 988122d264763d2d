//! What the evidence excludes, and what would decide what is open.

use crate::advice::before_dependencies;
use crate::catalogue::Catalogue;
use crate::collect::Collector;
use crate::finding::Cited;
use crate::incident::{Epoch, Incident};
use crate::judge::{Judged, why_weaker};
use crate::live;
use tminus_core::event::{LineRole, Notice};
use tminus_core::vocabulary::{AttemptOutcome, Domain, Outcome, Stage};

/// Most excluded readings that are told.
const TOLD_MAX: usize = 6;

/// One excluded reading.
#[derive(Debug)]
pub struct Excluded {
    /// Key, or short name.
    pub cause: String,
    /// Why.
    pub why: String,
    /// What shows it.
    pub at: Vec<Cited>,
}

/// Readings that the evidence excludes.
pub fn ruled_out(
    incident: &Incident,
    judged: &[Judged],
    collector: &Collector,
    catalogue: &Catalogue,
) -> Vec<Excluded> {
    let mut out = Vec::new();
    let last = incident.last_failed.map(|index| &judged[index]);
    if let Some((one, start)) = last.and_then(|one| Some((one, one.reading.attempt.live.as_deref()?))) {
        let measured = live::tell::ruled_out(one, start).into_iter();
        out.extend(measured.map(|e| Excluded { cause: e.cause, why: e.why, at: vec![e.cited] }));
    }
    let Some(epoch) = incident.epochs.iter().find(|e| e.current) else { return out };
    let n = epoch.all().len();
    if before_dependencies(epoch, judged) && not_contacted(epoch, judged) {
        let at = epoch.finding.citations.iter().find_map(line_of).into_iter().collect();
        let where_ = match epoch.finding.layer {
            tminus_core::vocabulary::Layer::Import => "inside an import",
            tminus_core::vocabulary::Layer::Process => "before it ran its own code",
            _ => "while it read its settings",
        };
        out.push(Excluded {
            cause: "dependencies".to_owned(),
            why: match n {
                1 => format!("not contacted: the process ended {where_}"),
                _ => format!("not contacted in any of these {n} starts: each process ended {where_}"),
            },
            at,
        });
    }
    for candidate in judged[*epoch.attempts.last().unwrap_or(&0)].candidates.iter() {
        if candidate.key == epoch.finding.key
            || out.iter().any(|e: &Excluded| e.cause == candidate.key.as_str())
            || candidate.score() > 0.0
        {
            continue;
        }
        out.push(Excluded {
            cause: candidate.key.to_string(),
            why: why_weaker(candidate),
            at: vec![Cited::Log(candidate.at.clone(), None)],
        });
        if out.len() + 2 > TOLD_MAX {
            break;
        }
    }
    let capacity = judged
        .iter()
        .flat_map(|one| &one.candidates)
        .any(|c| catalogue.cause(&c.key).is_some_and(|e| e.domain == Domain::Capacity));
    // Beside measurements the few lines that one program printed exclude nothing.
    let live = last.is_some_and(|one| one.reading.attempt.live.is_some());
    if !capacity && !live && collector.read > 0 && incident.epochs.iter().all(|e| e.finding.domain != Domain::Capacity)
    {
        let why = format!("0 of {} rows report a limit that was reached", collector.read);
        out.push(Excluded { cause: "capacity".to_owned(), why, at: Vec::new() });
    }
    if let Some(probe) = judged.iter().find_map(|one| one.reading.noticed(Notice::StartupProbePassed)).flatten() {
        let why = "a passed start-up probe proves an open port, not a loaded program".to_owned();
        out.push(Excluded { cause: "startup probe passed".to_owned(), why, at: vec![Cited::Log(probe.clone(), None)] });
    }
    out.truncate(TOLD_MAX);
    out
}

/// A line, or a record of a live start; not a fact.
fn line_of(citation: &crate::finding::Citation) -> Option<Cited> {
    match &citation.cited {
        Cited::Log(at, _) => Some(Cited::Log(at.clone(), None)),
        Cited::Event { .. } => Some(citation.cited.clone()),
        Cited::Fact { .. } => None,
    }
}

/// "Not contacted" is only said when every process of the epoch provably ended before that code.
fn not_contacted(epoch: &Epoch, judged: &[Judged]) -> bool {
    epoch.attempts.iter().all(|&index| {
        let reading = &judged[index].reading;
        let event = judged[index].finding.as_ref().and_then(|f| f.event);
        reading.stage.is_none_or(|s| s.0 < Stage::Dependencies) && event.is_some_and(|e| reading.progress_after(e) == 0)
    })
}

/// What would decide what is open.
pub fn needed(incident: &Incident, judged: &[Judged], collector: &Collector, catalogue: &Catalogue) -> Vec<String> {
    let mut needed: Vec<String> = Vec::new();
    if collector.read > 0 && collector.without_payload == collector.read {
        needed.push("an export with its payload: the rows here carry no text (textPayload, jsonPayload)".to_owned());
        return needed;
    }
    if judged.is_empty() {
        needed.push("rows of a start: the input shows none that began or ended".to_owned());
        return needed;
    }
    let last = incident.last_failed.or_else(|| {
        let started = |one: &Judged| one.reading.outcome != AttemptOutcome::Ready && one.reading.attempt.live.is_some();
        judged.iter().rposition(started)
    });
    let live = last.and_then(|index| Some((&judged[index], judged[index].reading.attempt.live.as_deref()?)));
    if let Some((one, start)) = live {
        needed.extend(live::tell::needed(one, start));
        needed.extend(live::tell::not_tested(start));
    }
    if incident.outcome == Outcome::Undetermined {
        undetermined(incident, judged, catalogue, &mut needed);
    }
    needed.dedup();
    needed
}

fn undetermined(incident: &Incident, judged: &[Judged], catalogue: &Catalogue, needed: &mut Vec<String>) {
    let index = incident.last_failed.unwrap_or(judged.len() - 1);
    let one = &judged[index];
    let n = one.reading.attempt.n;
    if let Some(doubtful) = &one.doubtful {
        needed.push(format!(
            "whether it is \"{}\" ({}): the log of {} itself, at the time of start {n}",
            catalogue.cause(&doubtful.key).map_or(doubtful.key.as_str(), |entry| entry.title.as_str()),
            doubtful.culprit,
            doubtful.component.as_deref().unwrap_or("the other side")
        ));
    }
    let end = &one.reading.end;
    if one.reading.noticed(Notice::StartupProbeFailed).is_some()
        || one.reading.noticed(Notice::LivenessProbeFailed).is_some()
    {
        needed.push("a stack dump taken while it hangs (py-spy dump, jstack, SIGQUIT), to see which dependency was being contacted".to_owned());
    } else if end.signal.as_deref() == Some("SIGKILL") {
        needed.push("the container's termination reason (OOMKilled?) and its memory use before the end".to_owned());
        needed.push("probe settings and platform events around the end".to_owned());
    } else if end.alive {
        needed.push("a stack dump of the hanging process (py-spy dump, jstack, SIGQUIT), and which dependency it was contacting".to_owned());
    }
    let said_only = one.reading.matches().any(|(_, m)| m.role == LineRole::Wrapper);
    if one.doubtful.is_none() && (said_only || end.code.is_some_and(|c| c != 0)) {
        needed.push(
            "the exception that the program swallowed: its start-up error handler has to log it (with its traceback)"
                .to_owned(),
        );
    }
    if one.reading.outcome == AttemptOutcome::CutOff
        || judged.iter().all(|j| j.reading.outcome == AttemptOutcome::CutOff)
    {
        needed.push("the rows before and after this cut: every start here is cut off".to_owned());
    }
    let not_started = one.reading.attempt.live.as_ref().is_some_and(|start| start.child.spawned.is_none());
    if not_started {
        if needed.is_empty() {
            needed.push(format!("what start {n} waited for: its record does not say"));
        }
        return;
    }
    if one.reading.attempt.records == 0 {
        needed.push(format!("the output of start {n}: no row of it is in the input (for kubectl: logs --previous)"));
    }
    if needed.is_empty() {
        needed.push("the program's own output at the time of the end, with stderr".to_owned());
    }
}
