//! Live starts, told event by event as the driver writes them, and the verdicts that follow.

mod codes;
mod courses;
mod joins;
mod properties;
mod ways_out;

use crate::catalogue::Catalogue;
use crate::{Diagnosis, Options};
use std::sync::Arc;
use tminus_core::Timestamp;
use tminus_core::event::{AttemptId, Event, EventKind, Origin, Passage, VERSION};
use tminus_core::facts::Facts;
use tminus_core::record::{At, Clock, Detail, Record, Stream};
use tminus_core::verdict::{Cause, Verdict};
use tminus_core::vocabulary::{AttemptOutcome, Layer, Outcome};

/// 2026-11-22T06:00:00Z, milliseconds.
const EPOCH_MS: i64 = 1_795_327_200_000;

/// The events of one start, as they are told.
struct Told {
    events: Vec<Event>,
    ms: i64,
    phase: String,
}

impl Told {
    /// A start of `orders`.
    fn start() -> Told {
        let mut told = Told { events: Vec::new(), ms: 0, phase: String::new() };
        told.say(EventKind::AttemptStarted {
            service: Some("orders".into()),
            environment: Some("staging".into()),
            revision: None,
            instance: Some("i-1".into()),
            platform: Some("plain".into()),
            plan: None,
            seed: Some(1),
        });
        told
    }

    fn say(&mut self, kind: EventKind) {
        self.events.push(Event {
            v: VERSION,
            attempt: AttemptId("0190-live".into()),
            seq: self.events.len() as u64,
            at: Timestamp::from_millisecond(EPOCH_MS + self.ms).ok(),
            t: self.ms * 1_000_000,
            src: Origin::Live,
            kind,
        });
    }

    /// Time goes on.
    fn after(&mut self, ms: i64) -> &mut Told {
        self.ms += ms;
        self
    }

    fn phase(&mut self, phase: &str) -> &mut Told {
        self.phase = phase.into();
        self.say(EventKind::PhaseStarted { phase: phase.into() });
        self
    }

    fn phase_ends(&mut self, outcome: Passage, code: &str) -> &mut Told {
        let phase = self.phase.clone();
        self.say(EventKind::PhaseFinished { phase, outcome, code: word(code), elapsed_ns: None });
        self
    }

    fn step(&mut self, step: &str) -> &mut Told {
        let phase = self.phase.clone();
        self.say(EventKind::StepStarted { phase, step: step.into() });
        self
    }

    fn step_ends(&mut self, step: &str, outcome: Passage, code: &str) -> &mut Told {
        let phase = self.phase.clone();
        let (step, code) = (step.into(), word(code));
        self.say(EventKind::StepFinished { phase, step, outcome, code, elapsed_ns: None, critical: None });
        self
    }

    fn layer(
        &mut self,
        step: &str,
        target: &str,
        layer: Layer,
        outcome: Passage,
        code: &str,
        detail: &str,
    ) -> &mut Told {
        self.say(EventKind::LayerFinished {
            target: target.into(),
            layer,
            outcome,
            code: word(code),
            elapsed_ns: Some(400_000),
            at: None,
            step: Some(step.into()),
            detail: word(detail),
            dials: Some(1),
        });
        self
    }

    /// Layers that pass, in order.
    fn passes(&mut self, step: &str, target: &str, layers: &[Layer]) -> &mut Told {
        for layer in layers {
            self.layer(step, target, *layer, Passage::Passed, "", "");
        }
        self
    }

    /// A try that fails at a layer.
    fn fails(&mut self, step: &str, target: &str, layer: Layer, code: &str, detail: &str) -> &mut Told {
        self.layer(step, target, layer, Passage::Failed, code, detail);
        self.say(EventKind::TryFinished {
            step: step.into(),
            lane: None,
            number: 1,
            outcome: Passage::Failed,
            code: word(code),
            elapsed_ns: None,
        });
        self
    }

    /// A step whose way passes to its goal.
    fn open(&mut self, step: &str, target: &str, layers: &[Layer]) -> &mut Told {
        self.step(step).passes(step, target, layers);
        self.say(EventKind::TryFinished {
            step: step.into(),
            lane: None,
            number: 1,
            outcome: Passage::Passed,
            code: None,
            elapsed_ns: None,
        });
        self.step_ends(step, Passage::Passed, "")
    }

    fn note(&mut self, source: &str, text: &str) -> &mut Told {
        self.say(EventKind::EvidenceNoted { source: source.into(), text: text.into() });
        self
    }

    fn spawned(&mut self) -> &mut Told {
        self.say(EventKind::ChildSpawned { pid: Some(7), at: None });
        self
    }

    fn exited(&mut self, code: Option<i32>, signal: Option<&str>) -> &mut Told {
        let signal = signal.map(str::to_owned);
        self.say(EventKind::ChildExited { code, signal, reason: None, at: None });
        self
    }

    fn stopping(&mut self, signal: &str) -> &mut Told {
        self.say(EventKind::ChildStopping { signal: Some(signal.into()), at: None });
        self
    }

    fn ends(&mut self, outcome: AttemptOutcome) -> Vec<Event> {
        self.say(EventKind::AttemptFinished { outcome, stage: None, elapsed_ns: None });
        std::mem::take(&mut self.events)
    }

    /// A critical step that never passes: `tries` tries, `gap` milliseconds apart, and the start's
    /// end with it.
    fn stuck(
        &mut self,
        step: &str,
        target: &str,
        layer: Layer,
        code: &str,
        detail: &str,
        (tries, gap): (i64, i64),
    ) -> Vec<Event> {
        self.step(step);
        for _ in 0..tries {
            self.after(gap).fails(step, target, layer, code, detail);
        }
        self.step_ends(step, Passage::Expired, code).phase_ends(Passage::Expired, code).ends(AttemptOutcome::Failed)
    }
}

fn word(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Walks of a way that passes down to the query layer, and down to the greeting's own layers.
const TO_QUERY: &[Layer] = &[Layer::Tcp, Layer::Protocol, Layer::Auth, Layer::Slot, Layer::Query];
const DATABASE: &str = "postgres://app@db.internal:5432/orders";
const REDIS: &str = "redis://10.0.0.9:6379/0";

/// The verdict over a start and what its child printed, `(milliseconds since its start, line)`.
fn judge(events: Vec<Event>, printed: &[(i64, &str)]) -> Verdict {
    judge_with(events, printed, Facts::default())
}

fn judge_with(events: Vec<Event>, printed: &[(i64, &str)], facts: Facts) -> Verdict {
    let options = Options { facts, version: "0".into(), ..Options::default() };
    let mut diagnosis = Diagnosis::new(Catalogue::builtin(), options);
    diagnosis.live("events", events);
    if !printed.is_empty() {
        let source = diagnosis.open_output("output");
        for (index, (ms, text)) in printed.iter().enumerate() {
            let time = Timestamp::from_millisecond(EPOCH_MS + ms).unwrap();
            diagnosis.record(Record {
                at: Some(At { time, clock: Clock::Text }),
                severity: None,
                stream: Stream::Unknown,
                text: (*text).into(),
                line: index as u32 + 1,
                source,
                position: index as u64,
                origin: Arc::default(),
                detail: Detail::default(),
            });
        }
        diagnosis.close(source, "text".into(), printed.len() as u64);
    }
    diagnosis.verdict()
}

/// The only cause, which decides who acts now.
#[track_caller]
fn cause(verdict: &Verdict) -> &Cause {
    assert_eq!(verdict.outcome, Outcome::Failed, "needed: {:?}", verdict.needed);
    let current: Vec<&Cause> = verdict.causes.iter().filter(|cause| cause.current).collect();
    assert_eq!(current.len(), 1, "{current:?}");
    current[0]
}

/// Key, culprit and word of the current cause, in one line.
fn line(verdict: &Verdict) -> String {
    match verdict.causes.iter().find(|cause| cause.current) {
        Some(cause) => {
            format!("{} | {} | {} | {} | {}", cause.cause, cause.domain, cause.owner, cause.certainty, cause.culprit)
        }
        None => format!("{}: {}", verdict.outcome, verdict.needed.first().map_or("", String::as_str)),
    }
}
