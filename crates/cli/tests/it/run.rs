//! `tminus run`: exit codes, signals, observing, plans that cannot be run.

use crate::start::{Start, probing};
use std::os::unix::fs::PermissionsExt;
use tminus_core::event::{EventKind, Passage};
use tminus_core::vocabulary::AttemptOutcome;

#[test]
fn the_programs_own_code_always_passes() {
    for code in [0, 1, 3, 42, 124, 125, 126, 127, 200, 255] {
        let ended = Start::new().run(&["sh", "-c", &format!("exit {code}")]);
        assert_eq!(ended.code, code);
    }
}

#[test]
fn a_signal_is_128_and_its_number() {
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("ABRT", 134)] {
        let ended = Start::new().run(&["sh", "-c", &format!("kill -s {signal} $$")]);
        assert_eq!(ended.code, code, "{signal}");
    }
}

#[test]
fn what_cannot_be_executed_is_126_and_what_is_not_there_127() {
    let start = Start::new();
    start.room.put("plain.txt", "just text");
    start.room.put("script", "#!/nonexistent/interpreter\n");
    let script = start.room.path().join("script");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(start.run(&["./plain.txt"]).code, 126);
    assert_eq!(start.run(&["./no-such-program"]).code, 127);
    assert_eq!(start.run(&["no-such-program"]).code, 127);
    let interpreter = start.run(&["./script"]);
    assert!(matches!(interpreter.code, 126 | 127), "{interpreter:?}");
    assert!(!interpreter.spawned());
}

#[test]
fn tminus_off_is_plain_exec() {
    let start = Start::new().env("TMINUS", "off");
    start.room.put("tminus.toml", "this is no plan");
    let ended = start.run(&["sh", "-c", "echo $$; exit 9"]);
    assert_eq!((ended.code, ended.err.as_str()), (9, ""));
    assert!(ended.events.is_empty(), "nothing of ours ran");
    assert_eq!(start.run(&["no-such-program"]).code, 127);
}

#[test]
fn a_good_program_without_a_plan_is_not_talked_over() {
    let ended = Start::new().run(&["sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "out\n", "err\n"));
}

#[test]
fn a_discovered_dependency_never_fails_a_start() {
    let ended = Start::new().env("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x").run(&["true"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn a_failing_program_without_a_plan_is_joined_with_what_its_dependencies_answer() {
    let ended = Start::new().env("DATABASE_URL", "postgres://app:hunter2x@127.0.0.1:1/x").run(&[
        "sh",
        "-c",
        "echo 'could not connect to server: Connection refused (127.0.0.1:1)' >&2; exit 1",
    ]);
    assert_eq!(ended.code, 1);
    let asked =
        |kind: &EventKind| matches!(kind, EventKind::LayerFinished { code: Some(code), .. } if code == "refused");
    assert!(ended.events.iter().any(|event| asked(&event.kind)), "{:#?}", ended.events);
    ended.says(&["127.0.0.1:1"]);
    assert!(!ended.err.contains("hunter2x") && !format!("{:?}", ended.events).contains("hunter2x"));
}

#[test]
fn exit_0_before_ready_of_a_service_is_not_a_success() {
    let plan = "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
                [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n";
    let ended = Start::with_plan(plan).run(&["true"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert_eq!(ended.step("ready"), (Passage::Failed, Some("zero_before_ready".into())));
    let ended = Start::with_plan(&format!("kind = \"job\"\n{plan}")).run(&["true"]);
    assert_eq!(ended.code, 0, "a job may end: {}", ended.err);
}

#[test]
fn exit_codes_can_be_told_apart_by_the_plan() {
    let exits = "[exit]\nexpired = 75\nhopeless = 78\n";
    let expired = Start::with_plan(&format!("{exits}{}", probing("tcp://127.0.0.1:1", "300ms"))).run(&["true"]);
    assert_eq!((expired.code, expired.spawned()), (75, false), "{}", expired.err);
    let start = Start::with_plan(&format!("{exits}{}", probing("unix:/dev/null", "9s")));
    let hopeless = start.run(&["true"]);
    assert_eq!((hopeless.code, hopeless.spawned()), (78, false), "{}", hopeless.err);
}

#[test]
fn a_plan_that_others_can_write_is_not_run() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "1s"));
    let path = start.room.path().join("tminus.toml");
    for mode in [0o664, 0o646, 0o666] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let ended = start.run(&["true"]);
        assert_eq!(ended.code, 2);
        ended.says(&["error: the plan `./tminus.toml` can be written by others", "hint: `chmod go-w tminus.toml`"]);
        assert!(ended.events.is_empty());
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(start.run(&["true"]).code, 3);
}

#[test]
fn a_bad_plan_starts_nothing() {
    for (plan, said) in [
        ("[[phase]]\nname = \"a\"\ndedline = \"3s\"\n", "dedline"),
        ("[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"s\"\n", "`s`"),
        (
            "[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"s\"\nexec = [\"sh\", \"-c\", \"${PASSWORD}\"]\n",
            "is not replaced in a command",
        ),
        ("not toml at all", "tminus.toml"),
    ] {
        let ended = Start::with_plan(plan).run(&["sh", "-c", "echo started"]);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{plan}\n{}", ended.err);
        ended.says(&[said]);
    }
    let missing = Start::new().flag("-c").flag("nowhere.toml").run(&["true"]);
    assert_eq!(missing.code, 2);
    missing.says(&["cannot read the plan `nowhere.toml`", "hint: "]);
}

#[test]
fn term_while_waiting_ends_the_start_at_once() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "60s"));
    let mut running = start.begin(&["true"]);
    running.until_event(|kind| matches!(kind, EventKind::LayerStarted { .. }));
    running.signal("TERM");
    let ended = running.end();
    assert_eq!((ended.code, ended.spawned()), (143, false), "{}", ended.err);
    assert_eq!(ended.step("orders-db"), (Passage::Skipped, Some("stopped".into())));
    let last = &ended.events.last().unwrap().kind;
    assert!(matches!(last, EventKind::AttemptFinished { outcome: AttemptOutcome::CutOff, .. }), "{last:?}");
}

#[test]
fn signals_reach_the_program_and_its_answer_is_ours() {
    let program = "trap 'echo got TERM; exit 21' TERM; trap 'echo got USR1' USR1; trap 'echo got HUP' HUP; \
                   echo up >&2; while :; do sleep 0.05; done";
    let start = Start::new();
    let mut running = start.begin(&["sh", "-c", program]);
    running.until_said("up");
    running.signal("USR1");
    running.signal("HUP");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 21);
    for word in ["got USR1", "got HUP", "got TERM"] {
        assert!(ended.out.contains(word), "{}", ended.out);
    }
}

#[test]
fn a_child_that_ignores_term_is_killed_with_its_group_after_the_grace() {
    let plan = "[stop]\nkill_after = \"300ms\"\n[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";
    let start = Start::with_plan(plan);
    let mut running = start.begin(&["sh", "-c", "trap '' TERM; sleep 600 & echo up >&2; wait; wait"]);
    running.until_said("up");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 137, "{}", ended.err);
}

#[test]
fn finalizers_run_in_reverse_order_on_stop() {
    let step = |name: &str| {
        format!(
            "[[phase.step]]\nname = \"{name}\"\nexec = [\"true\"]\n\
             finalizer = {{ exec = [\"sh\", \"-c\", \"echo {name} >> undone\"] }}\n"
        )
    };
    let plan = format!(
        "[[phase]]\nname = \"init\"\n{}[[phase]]\nname = \"database\"\n{}\
         [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n",
        step("first"),
        step("second")
    );
    let start = Start::with_plan(&plan);
    let ended = start.run(&["sh", "-c", "exit 4"]);
    assert_eq!(ended.code, 4);
    let undone = std::fs::read_to_string(start.room.path().join("undone")).unwrap();
    assert_eq!(undone, "second\nfirst\n");
}

#[test]
fn explain_does_nothing_of_what_it_prints() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "9s")).flag("--explain");
    let ended = start.run(&["sh", "-c", "touch started"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    for word in ["127.0.0.1:1", "orders-db", "tcp", "sh"] {
        assert!(ended.out.contains(word), "`{word}` is missing from:\n{}", ended.out);
    }
    assert!(!start.room.path().join("started").exists() && !start.room.path().join("events.ndjson").exists());
}

#[test]
fn a_timeline_is_left_behind_by_good_and_by_failed_starts() {
    let good = Start::with_plan("[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n")
        .flag("--timeline")
        .flag("timeline.svg");
    assert_eq!(good.run(&["sh", "-c", "sleep 0.1"]).code, 0);
    let svg = std::fs::read_to_string(good.room.path().join("timeline.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("services"), "{svg}");
    let failed = Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms")).flag("--timeline").flag("timeline.txt");
    assert_eq!(failed.run(&["true"]).code, 3);
    let text = std::fs::read_to_string(failed.room.path().join("timeline.txt")).unwrap();
    assert!(text.contains("orders-db"), "{text}");
}
