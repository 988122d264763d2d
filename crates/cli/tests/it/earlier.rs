//! A start beside the earlier ones of its `state_dir`, all of them made by the binary.

use crate::start::Start;
use std::path::PathBuf;

/// A phase that takes longer when a file is there, and the program.
const PLAN: &str = "[[phase]]\nname = \"warm-up\"\n[[phase.step]]\nname = \"cache\"\n\
                    exec = [\"sh\", \"-c\", \"if test -e slow; then sleep 1.2; fi\"]\n\
                    [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";

fn start(state_dir: &str) -> Start {
    let start = Start::new();
    let head = format!("version = 1\nstate_dir = \"{state_dir}\"\n[service]\nname = \"orders\"\n");
    start.room.put("tminus.toml", head + PLAN);
    start
}

fn record(start: &Start) -> PathBuf {
    start.room.path().join("state/history.json")
}

fn starts(start: &Start) -> usize {
    let text = std::fs::read(record(start)).expect("a record was written");
    let record: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    assert_eq!(record["schema"], "tminus.history/1");
    record["starts"].as_array().expect("a list").len()
}

#[test]
fn a_slower_start_says_which_phase_is_slower() {
    let start = start("state");
    for _ in 0..6 {
        let ended = start.run(&["true"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(!ended.err.contains("slower"), "{}", ended.err);
    }
    start.room.put("slow", "");
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 0);
    ended.says(&["median of 6 starts", "warm-up", "s slower"]);
    assert_eq!(ended.err.lines().count(), 1, "a good start prints one line:\n{}", ended.err);
    assert_eq!(starts(&start), 7);
}

#[test]
fn a_failed_start_is_not_remembered() {
    let start = start("state");
    start.run(&["true"]);
    assert_eq!(start.run(&["no-such-program"]).code, 127);
    assert_eq!(starts(&start), 1);
}

#[test]
fn the_record_is_bounded_however_many_starts_there_were() {
    let start = start("state");
    for _ in 0..54 {
        assert_eq!(start.run(&["true"]).code, 0);
    }
    assert_eq!(starts(&start), 50);
    let size = std::fs::metadata(record(&start)).expect("it is there").len();
    assert!(size < 64 << 10, "{size} bytes");
    let beside = std::fs::read_dir(start.room.path().join("state")).expect("a directory").count();
    assert_eq!(beside, 1, "nothing is left beside it");
}

/// A record that could not be read was overwritten by the next good start.
#[test]
fn a_broken_record_is_a_warning_and_is_not_lost() {
    let start = start("state");
    let broken = "{\"schema\": \"tminus.history/1\", \"starts\": [{\"total_ms\": 12";
    start.room.put("state/history.json", broken);
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    ended.says(&["warning: state/history.json: the record of earlier starts is damaged at line 1"]);
    assert_eq!(starts(&start), 1);
    let kept = std::fs::read_to_string(start.room.path().join("state/history.json.unread"));
    assert_eq!(kept.expect("it was put aside"), broken);
    let again = start.run(&["true"]);
    assert!(!again.err.contains("warning"), "{}", again.err);
    assert_eq!(starts(&start), 2);
}

#[test]
fn the_record_of_another_service_is_not_lost_either() {
    let start = start("state");
    start.run(&["true"]);
    let other = std::fs::read_to_string(record(&start)).expect("a record").replace("orders", "billing");
    start.room.put("state/history.json", &other);
    let ended = start.run(&["true"]);
    ended.says(&["the record of earlier starts is of another service or environment"]);
    assert_eq!(std::fs::read_to_string(start.room.path().join("state/history.json.unread")).expect("kept"), other);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_a_warning() {
    // Not even root can make a directory below a file, or in a file system that has none.
    for state_dir in ["blocked/state", "/proc/tminus-state"] {
        let start = start(state_dir);
        start.room.put("blocked", "a file");
        let ended = start.run(&["sh", "-c", "exit 0"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.says(&["warning: ", state_dir, "tminus: orders ready in"]);
    }
}
