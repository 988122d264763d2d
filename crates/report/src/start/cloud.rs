//! One structured line for Cloud Logging, which Error Reporting groups by service and message.
//!
//! Fields as Google documents them for structured logs (`severity`, `message`,
//! `logging.googleapis.com/labels`) and for Error Reporting (`@type` of `ReportedErrorEvent`, whose
//! `message` then needs no stack trace; `serviceContext`). The message begins with what does not
//! differ from start to start, so that grouping works. It never holds a secret: it is made of names,
//! codes and times.

use super::case::{Case, spaced};
use super::ended;
use super::view::Ending;
use super::{StartOptions, StartView};
use crate::Words;
use crate::encode;
use crate::json::inert;
use serde_json::{Map, Value, json};
use tminus_core::verdict::Verdict;

/// The type that has Error Reporting take an entry for an error.
pub const REPORTED_ERROR: &str = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";

/// Longest text of a field, in characters; an entry stays far below the 256 KiB that are taken.
const TEXT_MAX: usize = 600;
/// Most entries of a list.
const LIST_MAX: usize = 20;

/// One line of JSON with its line end.
pub fn cloud_logging(view: &StartView, verdict: Option<&Verdict>, words: &Words) -> String {
    let case = Case::new(view, words);
    let failed = !matches!(case.ending, Ending::Ready | Ending::Running | Ending::Stopped(_));
    let mut entry = Map::new();
    entry.insert("severity".into(), json!(if failed { "ERROR" } else { "WARNING" }));
    if failed {
        entry.insert("@type".into(), json!(REPORTED_ERROR));
    }
    entry.insert("message".into(), json!(message(&case, verdict, words)));
    entry.insert("serviceContext".into(), context(view));
    entry.insert("logging.googleapis.com/labels".into(), labels(view));
    entry.insert("tminus".into(), machine(&case, verdict));
    inert(&Value::Object(entry).to_string()) + "\n"
}

/// A first line that is the same for starts that fail alike, then the block: where rows are shown one
/// by one, this is the only one of ours.
fn message(case: &Case, verdict: Option<&Verdict>, words: &Words) -> String {
    let cause = ended::cause(case, verdict).map(|cause| words.title(&cause.cause));
    let what = cause.or(case.code().map(spaced)).unwrap_or_else(|| "nothing had failed yet".to_owned());
    let place = case.phase().map_or(String::new(), |phase| format!("{}: ", phase.name));
    let first = encode::terminal(&cut(&format!("{} does not start: {place}{what}", case.view.service)));
    let block = super::block(case.view, verdict, &StartOptions { words: *words, ..StartOptions::default() });
    format!("{first}\n{block}").trim_end().to_owned()
}

fn context(view: &StartView) -> Value {
    let mut context = Map::new();
    context.insert("service".into(), json!(cut(&view.service)));
    if let Some(revision) = &view.revision {
        context.insert("version".into(), json!(cut(revision)));
    }
    Value::Object(context)
}

/// Labels are texts.
fn labels(view: &StartView) -> Value {
    let mut labels = Map::new();
    let all = [
        ("tminus_attempt", Some(&view.attempt)),
        ("tminus_environment", view.environment.as_ref()),
        ("tminus_instance", view.instance.as_ref()),
    ];
    for (name, value) in all {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(name.into(), json!(cut(value)));
        }
    }
    Value::Object(labels)
}

/// What a program would ask of it.
fn machine(case: &Case, verdict: Option<&Verdict>) -> Value {
    let view = case.view;
    let lane = case.lane();
    let stop = lane.and_then(|lane| lane.stop.as_ref());
    let code = case.code();
    let cause = ended::cause(case, verdict);
    let unseen: Vec<String> = view.unseen_phases().take(LIST_MAX).map(|phase| cut(&phase.name)).collect();
    let phases: Vec<Value> = view
        .phases
        .iter()
        .filter(|phase| phase.began.is_some())
        .take(LIST_MAX)
        .map(|phase| {
            let ms = phase.elapsed(view.end).map(|ns| ns / 1_000_000);
            json!({"phase": cut(&phase.name), "outcome": phase.outcome, "elapsed_ms": ms})
        })
        .collect();
    json!({
        "outcome": view.outcome,
        "phase": case.phase().map(|phase| cut(&phase.name)),
        "step": case.step().map(|step| cut(&step.name)),
        "target": lane.map(|lane| cut(&lane.target)),
        "layer": stop.map(|stop| stop.layer),
        "code": code,
        "expired": case.decided.map(|decided| decided.expired),
        "domain": cause.map(|cause| cause.domain).or(code.map(|code| code.row().domain)),
        "owner": cause.map(|cause| cause.owner).or(code.map(|code| code.row().owner)),
        "cause": cause.map(|cause| cause.cause.as_str()),
        "culprit": cause.map(|cause| cut(&cause.culprit)),
        "confidence": cause.map(|cause| cause.confidence),
        "elapsed_ms": view.end / 1_000_000,
        "window_ms": view.plan.budget.window,
        "window_assumed": view.plan.budget.assumed,
        "exit_code": view.exit.map(|exit| exit.code),
        "child": view.child_ended().map(|(code, signal)| json!({"exit_code": code, "signal": signal})),
        "not_reached": unseen,
        "phases": phases,
    })
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
