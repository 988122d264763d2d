//! What must hold for every start, whatever its events say and in whatever order they come.

use crate::encoders::hostile;
use crate::properties::{is_command, without_sgr};
use crate::scene::{Plans, lumen};
use proptest::prelude::*;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Event, EventKind, Origin, Passage, VERSION};
use tminus_core::ladder::{Ladder, Rung};
use tminus_core::plan::{PhaseIx, Plan, StepIx};
use tminus_core::run::{Ended, Exit, Failure, Reason};
use tminus_core::time::Millis;
use tminus_core::vocabulary::{AttemptOutcome, Layer, Stage};
use tminus_report::start::{
    ExplainFacts, StartOptions, TERMINATION_MAX, announcement, block, cloud_logging, explain, good, provisional,
    termination_message,
};
use tminus_report::{LINES_MAX, StartView, Style, WIDTH_MAX, WIDTH_MIN, Words, timeline};
use unicode_width::UnicodeWidthStr;

fn name() -> impl Strategy<Value = String> {
    let known =
        ["init", "egress", "database", "orders-db", "redis", "cache", "child", "services", "events", "finalize"];
    prop_oneof![8 => prop::sample::select(known.map(str::to_owned).to_vec()), 1 => hostile()]
}

fn target() -> impl Strategy<Value = String> {
    let known: Vec<String> = lumen().lanes.iter().map(|lane| lane.target.to_string()).collect();
    prop_oneof![8 => prop::sample::select(known), 1 => hostile()]
}

fn code() -> impl Strategy<Value = Option<String>> {
    let words: Vec<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    prop_oneof![1 => Just(None), 8 => prop::sample::select(words).prop_map(Some), 1 => hostile().prop_map(Some)]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let outcome = || prop::sample::select(Passage::ALL.to_vec());
    let layer = || prop::sample::select(Layer::ALL.to_vec());
    let step = || proptest::option::weighted(0.9, name());
    let lane = || proptest::option::of(name());
    let ns = || proptest::option::of(any::<u64>());
    prop_oneof![
        name().prop_map(|phase| EventKind::PhaseStarted { phase }),
        (name(), outcome(), code(), ns()).prop_map(|(phase, outcome, code, elapsed_ns)| EventKind::PhaseFinished {
            phase,
            outcome,
            code,
            elapsed_ns
        }),
        (name(), name()).prop_map(|(phase, step)| EventKind::StepStarted { phase, step }),
        (name(), name(), outcome(), code(), ns(), any::<Option<bool>>()).prop_map(
            |(phase, step, outcome, code, elapsed_ns, critical)| EventKind::StepFinished {
                phase,
                step,
                outcome,
                code,
                elapsed_ns,
                critical
            }
        ),
        (name(), lane(), any::<u32>()).prop_map(|(step, lane, number)| EventKind::TryStarted { step, lane, number }),
        (name(), lane(), outcome(), code()).prop_map(|(step, lane, outcome, code)| EventKind::TryFinished {
            step,
            lane,
            number: 1,
            outcome,
            code,
            elapsed_ns: None
        }),
        (target(), layer(), step()).prop_map(|(target, layer, step)| EventKind::LayerStarted { target, layer, step }),
        (target(), layer(), outcome(), code(), step(), proptest::option::of(hostile()), any::<u32>()).prop_map(
            |(target, layer, outcome, code, step, detail, dials)| EventKind::LayerFinished {
                target,
                layer,
                outcome,
                code,
                elapsed_ns: Some(u64::from(dials) * 1_000_003),
                at: None,
                step,
                detail,
                dials: Some(dials),
            }
        ),
        Just(EventKind::ChildSpawned { pid: Some(7), at: None }),
        hostile().prop_map(|status| EventKind::ChildNotified { stage: Stage::Ready, status, at: None }),
        (any::<i32>(), proptest::option::of(hostile())).prop_map(|(code, signal)| EventKind::ChildExited {
            code: signal.is_none().then_some(code),
            signal,
            reason: None,
            at: None
        }),
        (hostile(), hostile()).prop_map(|(source, text)| EventKind::EvidenceNoted { source, text }),
        (hostile(), hostile()).prop_map(|(sink, error)| EventKind::SinkFailed { sink, error }),
        (hostile(), hostile()).prop_map(|(service, revision)| EventKind::AttemptStarted {
            service: Some(service),
            environment: None,
            revision: Some(revision),
            instance: None,
            platform: None,
            plan: None,
            seed: None
        }),
        prop::sample::select(AttemptOutcome::ALL.to_vec()).prop_map(|outcome| EventKind::AttemptFinished {
            outcome,
            stage: None,
            elapsed_ns: None
        }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let t = prop_oneof![20 => 0..100_000_000_000_i64, 1 => any::<i64>()];
    let event = (t, kind()).prop_map(|(t, kind)| Event {
        v: VERSION,
        attempt: AttemptId("a".into()),
        seq: 0,
        at: None,
        t,
        src: Origin::Live,
        kind,
    });
    prop::collection::vec(event, 0..60)
}

fn exits() -> impl Strategy<Value = Option<Exit>> {
    let failure = (0..9_u16, proptest::option::of(0..12_u16), prop::sample::select(Code::ALL.to_vec()), any::<bool>());
    let reason = prop_oneof![
        failure.prop_map(|(phase, step, code, expired)| {
            Reason::NotStarted(Failure { phase: PhaseIx(phase), step: step.map(StepIx), code, expired })
        }),
        any::<u8>().prop_map(|code| Reason::Child(Ended::Code(code))),
        any::<u8>().prop_map(|signal| Reason::Child(Ended::Signal(signal))),
        any::<u8>().prop_map(Reason::Stopped),
        Just(Reason::Complete),
    ];
    proptest::option::of((any::<u8>(), reason).prop_map(|(code, reason)| Exit { code, reason }))
}

fn styles() -> impl Strategy<Value = Style> {
    (0usize..140, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(width, full, color, ascii)| Style {
        width,
        full,
        color,
        ascii,
    })
}

fn plans() -> impl Strategy<Value = Plan> {
    prop::sample::select(vec![0, 1, 2]).prop_map(|n| match n {
        0 => lumen(),
        1 => Plan::observing("orders"),
        _ => Plans::new("empty").0,
    })
}

/// A page is within its lines and columns, and nothing in it acts.
fn is_inert(text: &str, style: &Style) {
    let plain = without_sgr(text);
    for line in plain.lines() {
        assert!(line.width() <= style.width.clamp(WIDTH_MIN, WIDTH_MAX), "{} columns: {line}", line.width());
        assert!(!line.contains(|c: char| c.is_control()) && !is_command(line), "{line:?}");
        assert!(!style.ascii || line.is_ascii(), "{line:?}");
    }
    assert!(style.full || plain.lines().count() <= LINES_MAX, "{plain}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_start_is_told_within_its_page(
        plan in plans(), events in events(), exit in exits(), style in styles(),
        tail in prop::collection::vec(hostile(), 0..12),
    ) {
        let view = StartView::new(&plan, &events, exit);
        let verdict = crate::sample::proved();
        for verdict in [None, Some(&verdict)] {
            let options = StartOptions { style, words: Words::default(), tail: &tail };
            is_inert(&block(&view, verdict, &options), &style);
            is_inert(&provisional(&view, 15, verdict, &options), &style);
            let message = termination_message(&view, verdict, &options);
            prop_assert!(message.len() <= TERMINATION_MAX && (message.is_empty() || message.ends_with('\n')));
            let line = cloud_logging(&view, verdict, &Words::default());
            prop_assert_eq!(line.lines().count(), 1);
            prop_assert!(line.len() < 64 * 1024);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
        is_inert(&good(&view, None), &Style::default());
        prop_assert_eq!(good(&view, None).lines().count(), 1);
    }

    #[test]
    fn any_start_has_a_timeline(plan in plans(), events in events(), exit in exits(), style in styles()) {
        let view = StartView::new(&plan, &events, exit);
        is_inert(&timeline::text(&view, &style), &style);
        let svg = timeline::svg(&view);
        prop_assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
        let (open, close) = (svg.matches('<').count(), svg.matches('>').count());
        prop_assert_eq!(open, close);
        let forbidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}');
        prop_assert!(!svg.contains(forbidden));
    }

    #[test]
    fn explaining_holds_its_width(text in hostile(), style in styles()) {
        let plan = Plans::new(&text).phase(&text, None).step(&text, crate::scene::variables(&[&text])).0;
        let facts = ExplainFacts { origin: text.clone(), command: vec![text.clone(); 3], ..ExplainFacts::default() };
        is_inert(&explain(&plan, &facts, &style), &Style { full: true, ..style });
        let line = announcement(&plan, StepIx(0), Millis(10_000), None, None, Some(&text));
        is_inert(&line, &Style::default());
    }

    #[test]
    fn any_ladder_is_shown_within_its_page(
        text in hostile(), code in prop::sample::select(Code::ALL.to_vec()), style in styles(),
        outcomes in prop::collection::vec((prop::sample::select(Passage::ALL.to_vec()), any::<u64>()), 0..10),
    ) {
        let rung = |(ix, (outcome, ns)): (usize, &(Passage, u64))| Rung {
            layer: Layer::ALL[ix],
            outcome: *outcome,
            elapsed_ns: Some(*ns),
            code: Some(code),
            detail: Some(text.clone()),
            notes: vec![(text.clone(), text.clone()); 9],
        };
        let rungs = outcomes.iter().enumerate().map(rung).collect();
        let one = Ladder { name: Some(text.clone()), rungs, ..Ladder::of(&text, "postgres", &[]) };
        let shown = tminus_report::ladder::ladder(&one, None, &Words::default(), &style);
        is_inert(&shown, &style);
        if let Some(line) = tminus_report::ladder::change(None, &one, Millis(7)) {
            is_inert(&line, &Style::default());
        }
    }
}
