//! Refinements about how the process ended, where its own words say little.

use super::Context;
use crate::finding::{Cited, Finding};
use tminus_core::Timestamp;
use tminus_core::event::{EventKind, LogRef, Notice};
use tminus_core::verdict::Supports;

/// Few descriptors that a process may have at all: below this a shortage needs no leak.
const FEW_DESCRIPTORS: u64 = 256;

/// A shortage of file descriptors makes names, connections and files fail: where the known limit is
/// tiny and the program spoke of the shortage, the limit is the cause of what failed later.
pub fn descriptors_used_up(finding: &mut Option<Finding>, context: &Context) {
    let Some(finding) = finding else { return };
    let few =
        context.facts.at("limits.nofile").and_then(|v| v.parse::<u64>().ok()).is_some_and(|n| n <= FEW_DESCRIPTORS);
    let Some(told) = context.candidates.iter().find(|c| c.key.as_str() == "fd_limit").filter(|_| few) else { return };
    if finding.key.as_str() == "fd_limit" {
        return;
    }
    finding.becomes(
        "fd_limit",
        context.facts.at("limits.nofile").map(|n| format!("limit of open files ({n})")),
        "the limit of open files is tiny and was reached",
        0.5,
        context.catalogue,
    );
    finding.lead_with(Cited::Log(told.at.clone(), None));
    if let Some(cited) = context.fact("limits.nofile") {
        finding.cite(cited, Supports::Cause);
    }
}

/// Killed for lack of memory: the platform's word, or a kill under a known limit.
pub fn killed_for_memory(finding: &mut Option<Finding>, context: &Context) {
    if finding.as_ref().is_some_and(|f| f.key.as_str() == "out_of_memory" || f.confidence() >= 0.8) {
        return;
    }
    let end = &context.reading.end;
    let killed = end.signal.as_deref() == Some("SIGKILL");
    let event = context.facts.events.iter().map(ToString::to_string).find(|text| {
        let text = text.to_ascii_lowercase();
        text.contains("oomkill") || text.contains("out of memory") || text.contains("memory limit")
    });
    let told = end.reason.as_deref() == Some("OOMKilled");
    let noticed = context.reading.noticed(Notice::OutOfMemory);
    let limit = context.facts.at("limits.memory_mb");
    let near_memory = context.reading.last_words().is_some_and(|(at, _)| speaks_of_memory(&at.text));
    let (because, odds) = match () {
        () if told || event.is_some() || noticed.is_some() => ("the platform says that it was killed for memory", 3.2),
        () if killed && limit.is_some() && !probe_known(context) && near_memory => {
            ("killed under a memory limit while it was loading data", 1.6)
        }
        () if killed && limit.is_some() && !probe_known(context) => {
            ("killed under a memory limit, nothing else explains it", 0.6)
        }
        () => return,
    };
    let culprit = limit.as_ref().map(|mb| format!("memory limit {mb} MB"));
    let Some(mut new) = Finding::new("out_of_memory", culprit, context.catalogue) else { return };
    new.add(because, odds);
    if let Some(Some(at)) = noticed {
        new.cite(Cited::Log(at.clone(), None), Supports::Cause);
    }
    if near_memory && let Some((at, time)) = context.reading.last_words() {
        new.cite(Cited::Log(at.clone(), time), Supports::Stage);
    }
    if let Some(text) = event {
        new.cite(context.fact_text(format!("events = {}", text.trim_matches('"'))), Supports::Cause);
    }
    if let Some(cited) = context.fact("limits.memory_mb") {
        new.cite(cited, Supports::Cause);
    }
    cite_exit(&mut new, context);
    *finding = Some(new);
}

fn speaks_of_memory(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "memory", "cache", "heap", "rows", "preload", "loading", "load ", " mb", " gb", "mib", "gib", "index", "model",
        "dataset", "table",
    ]
    .iter()
    .any(|word| text.contains(word))
}

fn probe_known(context: &Context) -> bool {
    context.reading.noticed(Notice::StartupProbeFailed).is_some()
        || context.reading.noticed(Notice::LivenessProbeFailed).is_some()
        || !context.facts.probes.is_empty()
}

/// Killed by a probe: the probe is named as the cause only while the log or the facts show what the
/// program was still doing; a dependency that it was retrying until the end stays the cause.
pub fn killed_by_probe(finding: &mut Option<Finding>, context: &Context) {
    let reading = context.reading;
    let startup = reading.noticed(Notice::StartupProbeFailed);
    let liveness = reading.noticed(Notice::LivenessProbeFailed);
    let ended = |probe: &str| {
        window(context, probe).filter(|window| {
            reading.end.killed() && lasted(context).is_some_and(|s| s >= window - 1.5 && s <= window * 1.4 + 3.0)
        })
    };
    let by_liveness = ended("liveness").filter(|_| ended("startup").is_none());
    let window = by_liveness.or(window(context, "startup"));
    let by_window = by_liveness.is_some() || ended("startup").is_some();
    if startup.is_none() && liveness.is_none() && !by_window {
        return;
    }
    if finding.as_ref().is_some_and(|f| {
        f.confidence() >= 0.5 && f.event.is_some_and(|e| reading.progress_after(e) == 0 || reading.gave_up_after(e))
    }) {
        return;
    }
    let key = if (liveness.is_some() || by_liveness.is_some()) && startup.is_none() {
        "liveness_kill"
    } else {
        "startup_probe_timeout"
    };
    let busy = last_work(context).filter(|(at, _)| shows_work(&at.text) || works_steadily(context));
    let Some((words, time)) = busy else {
        // The probe killed it, and nothing shows what it was doing: no cause is named.
        *finding = None;
        return;
    };
    let port = startup.flatten().and_then(|at| after(&at.text, "port "));
    let culprit = match (port, window) {
        (Some(port), Some(window)) => format!("startup probe on port {port} ({window:.0} s)"),
        (Some(port), None) => format!("startup probe on port {port}"),
        (None, Some(window)) => format!("startup probe ({window:.0} s)"),
        (None, None) => "startup probe".to_owned(),
    };
    let culprit = if key == "liveness_kill" { culprit.replace("startup", "liveness") } else { culprit };
    let Some(mut new) = Finding::new(key, Some(culprit), context.catalogue) else { return };
    new.add("the platform's probe ended it", 1.5);
    new.add("the log shows what it was still doing", 1.0);
    if let Some(Some(at)) = startup.or(liveness) {
        new.cite(Cited::Log(at.clone(), None), Supports::Cause);
    }
    new.cite(Cited::Log(words.clone(), time), Supports::Cause);
    if window.is_some() {
        new.add("the facts' probe settings fit the time that it was given", 0.5);
        let probe = if by_liveness.is_some() { "liveness" } else { "startup" };
        let settings = context.facts.probes.get(probe).map(ToString::to_string).unwrap_or_default();
        new.cite(context.fact_text(format!("probes.{probe} = {settings}")), Supports::Cause);
    }
    cite_exit(&mut new, context);
    *finding = Some(new);
}

/// The last line in which the program speaks of its work, not of being stopped.
fn last_work<'a>(context: &Context<'a>) -> Option<(&'a LogRef, Option<Timestamp>)> {
    let events = &context.reading.attempt.events;
    let Some(stopping) = events.iter().position(|event| matches!(event.kind, EventKind::ChildStopping { .. })) else {
        return context.reading.last_words();
    };
    events[..stopping].iter().rev().find_map(|event| {
        let at = match &event.kind {
            EventKind::ChildOutput { last, at, .. } => last.as_ref().or(at.as_ref()),
            EventKind::ChildNotified { at, .. } => at.as_ref(),
            EventKind::LogMatched(m) => Some(&m.at),
            _ => None,
        };
        at.map(|at| (at, event.at))
    })
}

/// Seconds that a probe of the facts allows: initial delay and failures times period.
fn window(context: &Context, probe: &str) -> Option<f64> {
    let number = |name: &str| context.facts.at(&format!("probes.{probe}.{name}")).and_then(|v| v.parse::<f64>().ok());
    let failures = number("failureThreshold").or_else(|| number("failure_threshold"))?;
    let period = number("periodSeconds").or_else(|| number("period_seconds")).unwrap_or(10.0);
    let initial = number("initialDelaySeconds").or_else(|| number("initial_delay_seconds")).unwrap_or(0.0);
    Some(initial + failures * period)
}

/// How long the attempt lasted, seconds.
fn lasted(context: &Context) -> Option<f64> {
    let attempt = context.reading.attempt;
    let from = attempt.exit.as_ref().and_then(|e| e.started).or(attempt.first)?;
    let to = attempt.exit.as_ref().and_then(|e| e.ended).or(attempt.last)?;
    Some((to.as_millisecond() - from.as_millisecond()) as f64 / 1000.0)
}

/// Does a line say what the program is doing? A present participle with an object, other than
/// "starting" and its like, which every program says.
fn shows_work(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let work = [
        "running",
        "loading",
        "connecting",
        "warming",
        "building",
        "downloading",
        "migrating",
        "importing",
        "indexing",
        "applying",
        "seeding",
        "compiling",
        "fetching",
        "syncing",
        "synchronizing",
        "rebuilding",
        "restoring",
        "replaying",
        "preloading",
        "training",
        "backfill",
        "processing",
        "generating",
        "scanning",
        "populating",
        "hydrating",
        "reading",
        "refreshing",
        "waiting for",
        "creating",
        "upgrading",
        "validating",
        "verifying",
        "unpacking",
        "extracting",
        "resolving",
        "converting",
        "precomputing",
    ];
    if lower.contains("waiting for application startup") {
        return false;
    }
    work.iter().any(|word| {
        lower.find(word).is_some_and(|at| {
            let rest = lower[at + word.len()..].trim();
            rest.split_whitespace().count() >= 1
        })
    })
}

/// Do the last lines repeat one shape with other numbers? Work in progress, item by item.
fn works_steadily(context: &Context) -> bool {
    context.reading.attempt.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::ChildOutput { lines, at: Some(at), last: Some(last), .. } if *lines >= 2 => {
            let same = crate::split::shape(&at.text) == crate::split::shape(&last.text);
            Some(at.text != last.text && (same || *lines >= 3 && counts(&last.text)))
        }
        _ => None,
    }) == Some(true)
}

/// Does a line count something: `6 of 14`, `18/80`, or a number in its last words?
fn counts(text: &str) -> bool {
    let number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let words: Vec<&str> = text.split([' ', '/', '%']).collect();
    words.windows(3).any(|w| number(w[0]) && w[1] == "of" && number(w[2]))
        || words.iter().rev().take(4).any(|word| number(word))
}

fn after(text: &str, word: &str) -> Option<String> {
    let rest = &text[text.find(word)? + word.len()..];
    let value: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!value.is_empty()).then_some(value)
}

/// Alive and never ready: a hang is named only when the program says what it waits for inside itself.
pub fn never_ready(finding: &mut Option<Finding>, context: &Context) {
    if finding.as_ref().is_some_and(|f| f.confidence() >= 0.5) || !context.reading.end.alive || context.reading.failed()
    {
        return;
    }
    let hung = context.reading.outcome == tminus_core::vocabulary::AttemptOutcome::Unknown;
    let Some((words, time)) = context.reading.last_words().filter(|(at, _)| hung && says_it_waits(&at.text)) else {
        return;
    };
    let Some(mut new) =
        Finding::new("startup_hang", Some(crate::wording::cut(&words.text, 110).to_owned()), context.catalogue)
    else {
        return;
    };
    new.add("alive, never ready, and its last words say what it waits for", 1.6);
    new.cite(Cited::Log(words.clone(), time), Supports::Cause);
    cite_exit(&mut new, context);
    *finding = Some(new);
}

fn says_it_waits(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    if text.contains("waiting for application startup") {
        return false;
    }
    ["waiting for", "waiting on", "acquiring", "blocked on", "deadlock", "awaiting"]
        .iter()
        .any(|word| text.contains(word))
}

/// The exits row as a citation.
fn cite_exit(finding: &mut Finding, context: &Context) {
    let Some(exit) = &context.reading.attempt.exit else { return };
    let Some(exits) = context.exits else { return };
    let text = match (&exit.signal, exit.exit_code) {
        (Some(signal), _) => format!("attempts.{}.signal = {signal}", exit.attempt),
        (None, Some(code)) => format!("attempts.{}.exit_code = {code}", exit.attempt),
        (None, None) => format!("attempts.{}.exit_code = null (alive)", exit.attempt),
    };
    finding.cite(Cited::Fact { source: exits.source.clone(), text }, Supports::End);
}
