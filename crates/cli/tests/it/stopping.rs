//! A start that is told to stop before it was ready: long waits leave what is known, short ones a
//! word.

use crate::start::{Ended, Start, probing};
use tminus_core::event::EventKind;
use tminus_core::vocabulary::AttemptOutcome;

/// A plan whose program never becomes ready.
const NEVER_READY: &str = "[budget]\nplatform = \"plain\"\n\
                           [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
                           [[phase]]\nname = \"finalize\"\ndeadline = \"60s\"\n[[phase.step]]\nname = \"ready\"\n\
                           ready = { http = \"http://127.0.0.1:1/ready\" }\n";

/// Stops as soon as it is told.
const PROGRAM: &str = "trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.05; done";

#[track_caller]
fn was_cut_off(ended: &Ended) {
    let last = &ended.events.last().expect("there are events").kind;
    assert!(matches!(last, EventKind::AttemptFinished { outcome: AttemptOutcome::CutOff, .. }), "{last:?}");
}

fn blocks(ended: &Ended) -> usize {
    ended.err.lines().filter(|line| line.starts_with("tminus: told to stop by SIGTERM after ")).count()
}

#[test]
fn term_after_ten_seconds_of_waiting_for_a_dependency_says_what_is_known() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "60s"));
    let mut running = start.begin(&["true"]);
    running.until_said("waiting for orders-db");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!((ended.code, ended.spawned()), (143, false), "{}", ended.err);
    was_cut_off(&ended);
    ended.says(&["SIGTERM", "so far: database: refused", "LADDER", "orders-db", "127.0.0.1:1"]);
    assert_eq!(blocks(&ended), 1, "it is said once:\n{}", ended.err);
}

#[test]
fn term_after_ten_seconds_without_readiness_says_what_is_known_and_the_program_leaves() {
    let start = Start::with_plan(NEVER_READY);
    let mut running = start.begin(&["sh", "-c", PROGRAM]);
    running.until_said("waiting for ready");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 0, "the program's own answer: {}", ended.err);
    was_cut_off(&ended);
    ended.says(&["SIGTERM", "so far: finalize: refused", "LADDER", "MOVE"]);
    assert_eq!(blocks(&ended), 1, "it is said once:\n{}", ended.err);
}

#[test]
fn term_before_ten_seconds_of_waiting_for_a_dependency_says_what_was_waited_for() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "60s"));
    let mut running = start.begin(&["true"]);
    running.until_event(|kind| matches!(kind, EventKind::LayerStarted { .. }));
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 143, "{}", ended.err);
    was_cut_off(&ended);
    ended.says(&["not ready; so far: database", "EXIT   143"]);
    assert!(!ended.err.contains("waiting for"), "nothing was announced yet:\n{}", ended.err);
    assert_eq!(blocks(&ended), 1, "it is said once:\n{}", ended.err);
}

#[test]
fn term_before_ten_seconds_without_readiness_is_the_programs_affair() {
    let start = Start::with_plan(NEVER_READY);
    let mut running = start.begin(&["sh", "-c", PROGRAM]);
    running.until_said("up");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!((ended.code, ended.err.as_str()), (0, "up\n"));
    was_cut_off(&ended);
}

#[test]
fn term_without_a_plan_says_nothing_of_ours() {
    let start = Start::new();
    let mut running = start.begin(&["sh", "-c", PROGRAM]);
    running.until_said("up");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!((ended.code, ended.err.as_str()), (0, "up\n"));
}
