//! The parts that sample verdicts are put together from.

use tminus_core::{
    Timestamp,
    verdict::{
        Advice, AttemptSummary, Cause, Coverage, Evidence, Rollback, RuledOut, SCHEMA, Supports, Tool, Verdict, Why,
    },
    vocabulary::{AttemptOutcome, CauseKey, CauseStatus, Certainty, Domain, Layer, Outcome, Retry, Role},
};

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

pub fn key(text: &str) -> CauseKey {
    text.parse().expect("a cause key")
}

/// Titles as a catalogue would have them, for a few keys.
pub fn title(key: &CauseKey) -> Option<String> {
    let title = match key.as_str() {
        "missing_module" => "a module or package is not in the image",
        "proxy_closed_handshake" => "a proxy accepts and closes: its backend is unreachable",
        "too_many_connections" => "the server's connection slots are used up",
        "auth_failed" => "the server rejected user or password",
        "db_starting_up" => "the database is still starting up",
        "missing_env" => "a required variable or secret is absent",
        "connect_timeout" => "a dial got no answer at all",
        _ => return None,
    };
    Some(title.to_owned())
}

pub fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

pub fn evidence(id: &str, source: &str, line: u32, text: &str, supports: Supports) -> Evidence {
    Evidence { id: id.into(), source: source.into(), line: Some(line), at: None, text: text.into(), supports }
}

pub fn ruled_out(cause: &str, why: &str, evidence: &[&str]) -> RuledOut {
    RuledOut { cause: cause.into(), why: why.into(), evidence: strings(evidence) }
}

pub fn why(of: &str, why: &str, because: &str, evidence: &[&str]) -> Why {
    Why { why: why.into(), because: because.into(), evidence: strings(evidence), of: Some(of.into()) }
}

pub fn attempt(n: u32, outcome: AttemptOutcome) -> AttemptSummary {
    AttemptSummary {
        n,
        instance: None,
        revision: None,
        start: None,
        end: None,
        outcome,
        exit_code: None,
        signal: None,
        phase: None,
        stage: None,
        records: 40,
    }
}

/// `count` starts from `first` on, one every `every` seconds, each `lasting` seconds long.
pub fn starts(from: u32, count: u32, first: &str, every: i64, lasting_ms: i64, revision: &str) -> Vec<AttemptSummary> {
    let first = at(first).as_millisecond();
    let moment = |ms: i64| Some(Timestamp::from_millisecond(ms).expect("in range"));
    (0..count)
        .map(|i| AttemptSummary {
            start: moment(first + i64::from(i) * every * 1000),
            end: moment(first + i64::from(i) * every * 1000 + lasting_ms),
            revision: Some(revision.into()),
            ..attempt(from + i, AttemptOutcome::Failed)
        })
        .collect()
}

pub fn cause(id: &str, name: &str, culprit: &str) -> Cause {
    Cause {
        id: id.into(),
        cause: key(name),
        domain: Domain::Application,
        layer: Layer::Import,
        culprit: culprit.into(),
        owner: Role::Build,
        confidence: 0.97,
        certainty: Certainty::Proved,
        status: CauseStatus::Present,
        current: true,
        attempts: vec![1],
        consistent_with: vec![],
        first_seen: None,
        last_seen: None,
        evidence: vec![],
        alternatives: vec![],
        contributing: vec![],
        remedy: "ship the package in the image".into(),
        next: format!("python -c 'import {culprit}'"),
        weights: vec![],
    }
}

/// A verdict without causes and without starts.
pub fn empty(outcome: Outcome) -> Verdict {
    Verdict {
        schema: SCHEMA.into(),
        tool: Tool { version: "0.1.0".into(), catalogue: "sha256:0123456789abcdef".into() },
        service: None,
        environment: None,
        revision: None,
        outcome,
        causes: vec![],
        runner_up: None,
        advice: Advice {
            retry: Retry::Unknown,
            rollback: Rollback { to: None, because: String::new() },
            hold: "none".into(),
            do_not: vec![],
        },
        ruled_out: vec![],
        whys: vec![],
        changes: vec![],
        needed: vec![],
        attempts: vec![],
        coverage: Coverage::default(),
        evidence: vec![],
    }
}
