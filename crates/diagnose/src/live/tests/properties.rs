//! Any events at all: no panic, bounded output, the same answer twice.

use super::{DATABASE, EPOCH_MS, REDIS, judge};
use proptest::prelude::*;
use tminus_core::Timestamp;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Event, EventKind, Origin, Passage, VERSION};
use tminus_core::vocabulary::{AttemptOutcome, Layer, Stage};

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(move |index| all[index])
}

fn code() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => of(Code::ALL).prop_map(|code| Some(code.as_str().to_owned())),
        1 => Just(None),
        1 => ".{0,12}".prop_map(Some),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("db".to_owned()), Just("cache".to_owned()), ".{0,8}"]
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(DATABASE.to_owned()),
        Just(REDIS.to_owned()),
        Just("/run/x.sock".to_owned()),
        Just("127.0.0.1:8080".to_owned()),
        ".{0,40}",
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        name().prop_map(|phase| EventKind::PhaseStarted { phase }),
        (name(), of(Passage::ALL), code()).prop_map(|(phase, outcome, code)| EventKind::PhaseFinished {
            phase,
            outcome,
            code,
            elapsed_ns: Some(7)
        }),
        (name(), name()).prop_map(|(phase, step)| EventKind::StepStarted { phase, step }),
        (name(), name(), of(Passage::ALL), code()).prop_map(|(phase, step, outcome, code)| EventKind::StepFinished {
            phase,
            step,
            outcome,
            code,
            elapsed_ns: Some(u64::MAX),
            critical: None
        }),
        (target(), of(Layer::ALL), of(Passage::ALL), code(), name(), ".{0,60}").prop_map(
            |(target, layer, outcome, code, step, detail)| EventKind::LayerFinished {
                target,
                layer,
                outcome,
                code,
                elapsed_ns: None,
                at: None,
                step: Some(step),
                detail: Some(detail),
                dials: Some(u32::MAX),
            }
        ),
        (name(), of(Passage::ALL), code()).prop_map(|(step, outcome, code)| EventKind::TryFinished {
            step,
            lane: None,
            number: 1,
            outcome,
            code,
            elapsed_ns: None
        }),
        (name(), ".{0,80}").prop_map(|(source, text)| EventKind::EvidenceNoted { source, text }),
        Just(EventKind::ChildSpawned { pid: None, at: None }),
        of(Stage::ALL).prop_map(|stage| EventKind::ChildNotified { stage, status: "s".into(), at: None }),
        (any::<Option<i32>>(), proptest::option::of(".{0,9}")).prop_map(|(code, signal)| EventKind::ChildExited {
            code,
            signal,
            reason: None,
            at: None
        }),
        Just(EventKind::ChildStopping { signal: None, at: None }),
        of(AttemptOutcome::ALL).prop_map(|outcome| EventKind::AttemptFinished {
            outcome,
            stage: None,
            elapsed_ns: None
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (kind(), any::<u8>(), -1_000i64..1_000_000, proptest::option::weighted(0.8, 0i64..1_000), 0u8..3).prop_map(
        |(kind, seq, ms, at, attempt)| Event {
            v: VERSION,
            attempt: AttemptId(format!("a{attempt}")),
            seq: seq.into(),
            at: at.and_then(|at| Timestamp::from_millisecond(EPOCH_MS + at).ok()),
            t: ms.saturating_mul(1_000_000),
            src: Origin::Live,
            kind,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_events_give_a_bounded_verdict_and_the_same_one_twice(
        events in proptest::collection::vec(event(), 0..60),
        printed in proptest::collection::vec((0i64..1_000, ".{0,60}"), 0..6),
    ) {
        let lines: Vec<(i64, &str)> = printed.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
        let verdict = judge(events.clone(), &lines);
        for cause in &verdict.causes {
            prop_assert!(cause.culprit.chars().count() <= 120 && cause.evidence.len() <= 8);
            prop_assert!(cause.evidence.iter().all(|e| e.text.chars().count() <= 600));
            prop_assert!(cause.confidence < 1.0);
        }
        prop_assert!(verdict.attempts.len() <= 3 + lines.len());
        prop_assert_eq!(serde_json::to_string(&verdict).unwrap(), serde_json::to_string(&judge(events, &lines)).unwrap());
    }
}
