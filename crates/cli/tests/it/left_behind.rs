//! What a failed start leaves for platforms: the termination message, the row for Cloud Logging, the
//! recorded events. Where something cannot be left the start is the same without it.

use crate::start::{Start, probing};
use tminus_core::event::{Event, EventKind};

const CHILD: &str = "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";
/// Of the kubelet's 4,096.
const TERMINATION_MAX: usize = 4_000;

fn refused() -> Start {
    Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms"))
}

#[test]
fn the_termination_message_is_the_block_and_replaces_what_was_there() {
    let start = refused().env("TMINUS_TERMINATION_LOG", "last-words");
    start.room.put("last-words", "of another start\n".repeat(1_000));
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    let message = std::fs::read_to_string(start.room.path().join("last-words")).expect("it was written");
    assert!(message.starts_with("tminus: ") && message.contains("orders-db"), "{message}");
    assert!(!message.contains("another start") && !message.contains('\u{1b}'), "{message}");
    assert!(ended.err.contains(&message), "what the platform keeps is what was said:\n{message}\n{}", ended.err);
}

#[test]
fn a_termination_message_is_bounded_in_bytes_and_cut_between_characters() {
    let start = Start::new().env("TMINUS_TERMINATION_LOG", "last-words");
    let line = "起動に失敗しました".repeat(40);
    let program = format!("i=0; while [ $i -lt 60 ]; do echo '{line}' >&2; i=$((i+1)); done; exit 9");
    let ended = start.run(&["sh", "-c", &program]);
    assert_eq!(ended.code, 9);
    let message = std::fs::read(start.room.path().join("last-words")).expect("it was written");
    assert!(message.len() <= TERMINATION_MAX, "{} bytes", message.len());
    let message = String::from_utf8(message).expect("whole characters");
    assert!(message.contains("起動"), "the program's last words are in it:\n{message}");
}

#[test]
fn a_termination_message_that_cannot_be_written_is_a_warning() {
    let start = refused().env("TMINUS_TERMINATION_LOG", "directory");
    std::fs::create_dir(start.room.path().join("directory")).expect("a directory");
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    ended.says(&["tminus: warning: the termination message cannot be written to directory: ", "orders-db"]);
}

#[test]
fn a_good_start_leaves_no_termination_message() {
    let start = Start::with_plan(CHILD).env("TMINUS_TERMINATION_LOG", "last-words");
    assert_eq!(start.run(&["true"]).code, 0);
    assert!(!start.room.path().join("last-words").exists());
}

#[test]
fn on_cloud_run_a_failed_start_is_one_row_that_error_reporting_understands() {
    // The platform is the one that the environment shows.
    let start =
        Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms").replace("[budget]\nplatform = \"plain\"\n", ""));
    let start = start.env("K_SERVICE", "orders").env("PORT", "8080").env("K_REVISION", "orders-00734");
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    let rows: Vec<serde_json::Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let [row] = rows.as_slice() else { panic!("one row, and nothing beside it:\n{}", ended.err) };
    assert_eq!(row["severity"], "ERROR");
    assert!(row["@type"].as_str().is_some_and(|kind| kind.ends_with("ReportedErrorEvent")), "{row}");
    assert_eq!(row["serviceContext"]["service"], "orders");
    assert_eq!(row["serviceContext"]["version"], "orders-00734");
    assert!(row["message"].as_str().is_some_and(|text| text.contains("orders-db")), "{row}");
}

#[test]
fn elsewhere_a_failed_start_is_a_block_for_people() {
    for (name, value) in [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("K_SERVICE", "orders")] {
        let ended = Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms")).env(name, value).run(&["true"]);
        assert_eq!(ended.code, 3);
        assert!(!ended.err.lines().any(|line| line.starts_with('{')), "{}", ended.err);
        ended.says(&["tminus: NOT STARTED"]);
    }
}

/// Events that cannot be written were a reason not to start when the directory was missing.
#[test]
fn events_that_cannot_be_written_are_a_warning_and_never_a_failed_start() {
    for (path, reason) in [("/dev/full", "No space left"), ("no/such/directory/events.ndjson", "No such file")] {
        let ended = Start::new().events_at(path).run(&["sh", "-c", "echo out; exit 5"]);
        assert_eq!((ended.code, ended.out.as_str()), (5, "out\n"), "{}", ended.err);
        let warnings: Vec<&str> = ended.err.lines().filter(|line| line.starts_with("tminus: warning: ")).collect();
        let [warning] = warnings.as_slice() else { panic!("one warning:\n{}", ended.err) };
        assert!(warning.contains(&format!("events cannot be written to `{path}`")), "{warning}");
        assert!(warning.contains(reason), "{warning}");
        let good = Start::with_plan(CHILD).events_at(path).run(&["true"]);
        assert_eq!(good.code, 0, "{}", good.err);
        good.says(&["events cannot be written", "tminus: orders ready in"]);
    }
}

/// The verdict of a start whose events could not be written is that of one whose events could.
#[test]
fn a_full_disk_takes_nothing_from_the_verdict() {
    let program = "echo \"ModuleNotFoundError: No module named 'orders.refunds'\" >&2; exit 3";
    let ended = Start::new().events_at("/dev/full").run(&["sh", "-c", program]);
    assert_eq!(ended.code, 3);
    ended.says(&["orders.refunds", "NOW"]);
}

#[test]
fn recorded_events_are_numbered_without_gaps_and_end_with_the_end() {
    let ended = refused().run(&["true"]);
    let numbers: Vec<u64> = ended.events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    let is = |event: Option<&Event>, wanted: fn(&EventKind) -> bool| event.is_some_and(|event| wanted(&event.kind));
    assert!(is(ended.events.first(), |kind| matches!(kind, EventKind::AttemptStarted { .. })));
    assert!(is(ended.events.last(), |kind| matches!(kind, EventKind::AttemptFinished { .. })));
}
