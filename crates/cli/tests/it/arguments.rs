//! Flags, exit codes, colours and formats.

use crate::room::{Room, repository};

const ESC: char = '\u{1b}';

/// A room with three starts: one that fails, one that comes up, one that cannot be judged.
fn room() -> Room {
    let room = Room::new();
    for (case, file, name) in [
        ("dev/gateway-refused", "logs.log", "failed.log"),
        ("dev/success-gateway-plain-noise", "logs.ndjson", "ready.ndjson"),
        ("dev/undetermined-swallowed", "logs.ndjson", "undetermined.ndjson"),
    ] {
        room.put(name, std::fs::read(repository().join("corpus").join(case).join(file)).expect("a recorded log"));
    }
    room
}

#[test]
fn exit_codes_tell_outcomes_only_when_asked() {
    let room = room();
    for (log, outcome, code) in
        [("failed.log", "failed", 1), ("ready.ndjson", "ready", 0), ("undetermined.ndjson", "undetermined", 4)]
    {
        assert_eq!(room.verdict(&[log])["outcome"], outcome);
        assert_eq!(room.tminus(&["why", log]).code, 0, "{log}");
        assert_eq!(room.tminus(&["why", "--exit-code", log]).code, code, "{log}");
        assert_eq!(room.tminus(&["why", "--exit-code", "--format", "json", log]).code, code, "{log}");
    }
}

#[test]
fn usage_errors_are_code_two_and_suggest() {
    let room = room();
    room.tminus(&["why", "--tz", "Mars/Base", "failed.log"])
        .is_an_error_about(&["`Mars/Base` is no time zone", "hint: use a name such as `Europe/Berlin`"]);
    room.tminus(&["why", "--tz", "+99:00", "failed.log"]).is_an_error_about(&["`+99:00` is no time zone"]);
    room.tminus(&["why", "--tz", "--full", "failed.log"])
        .is_an_error_about(&["`--full` is no time zone", "hint: use a name"]);
    room.tminus(&["why", "--exitcode", "failed.log"]).is_an_error_about(&["--exitcode", "--exit-code"]);
    room.tminus(&["why", "--format", "yaml", "failed.log"]).is_an_error_about(&["yaml", "json", "markdown", "github"]);
    room.tminus(&["wyh"]).is_an_error_about(&["wyh"]);
    room.tminus(&["man", "nowhere"]).is_an_error_about(&["cannot write man pages to `nowhere`", "hint: "]);
    let alone = room.tminus(&[]);
    assert_eq!((alone.code, alone.err.as_str()), (0, ""));
    assert!(alone.out.lines().count() <= 14 && alone.out.contains("tminus why logs.json"), "{}", alone.out);
}

#[test]
fn a_zone_moves_stamps_that_carry_none() {
    let room = Room::new();
    room.put(
        "web.log",
        "2026-11-22 06:45:26,265 INFO orders starting\n2026-11-22 06:45:27,000 CRITICAL orders cannot start\n",
    );
    let start = |zone: &str| {
        let verdict = room.verdict(&["--tz", zone, "web.log"]);
        let joined = room.verdict(&[&format!("--tz={zone}"), "web.log"]);
        assert_eq!(verdict, joined, "with and without `=`");
        verdict["attempts"][0]["start"].as_str().expect("a start").to_owned()
    };
    assert_eq!(start("UTC"), "2026-11-22T06:45:26.265Z");
    assert_eq!(start("Europe/Berlin"), "2026-11-22T05:45:26.265Z");
    assert_eq!(start("+05:30"), "2026-11-22T01:15:26.265Z");
    assert_eq!(start("-03:00"), "2026-11-22T09:45:26.265Z");
}

#[test]
fn a_service_that_no_row_names_is_warned_about() {
    let room = Room::new();
    room.put("web.log", "2026-11-22 06:45:26,265 INFO orders starting\n");
    room.put("two.log", "web-1    | starting\ndb-1     | starting\n");
    let warning = |service: &str, log: &str| {
        let answer = room.tminus(&["why", "--service", service, log]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert!(!answer.out.contains("warning:"), "warnings belong on standard error");
        answer.err
    };
    assert_eq!(
        warning("ledger", "web.log"),
        "warning: no row names the service `ledger`: the verdict is about all rows; the input names no service at all\n"
    );
    assert_eq!(
        warning("ledger", "two.log"),
        "warning: no row names the service `ledger`: the verdict is about all rows; the input names `db`, `web`\n"
    );
    assert_eq!(warning("web", "two.log"), "");
}

#[test]
fn colours_come_only_when_asked_for_or_on_a_terminal() {
    let room = room();
    let run = |args: &[&str], env: &[(&str, &str)]| room.run(&[&["why", "failed.log"], args].concat(), env, b"").out;
    assert!(!run(&[], &[]).contains(ESC), "a pipe is no terminal");
    assert!(!run(&["--color", "never"], &[]).contains(ESC));
    let coloured = run(&["--color", "always"], &[]);
    assert!(coloured.contains(ESC), "{coloured}");
    // What was asked for on the command line is stronger than the environment.
    assert!(run(&["--color", "always"], &[("NO_COLOR", "1")]).contains(ESC));
    assert!(!run(&["--color", "auto"], &[("NO_COLOR", "1")]).contains(ESC));
    for format in ["json", "markdown", "github"] {
        assert!(!run(&["--color", "always", "--format", format], &[]).contains(ESC), "{format} is for machines");
    }
    assert_eq!(strip_colours(&coloured), run(&[], &[]), "colours carry nothing");
}

fn strip_colours(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split(ESC);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    out
}

#[test]
fn every_format_answers() {
    let room = room();
    let run = |format: &str| room.tminus(&["why", "--format", format, "failed.log"]).out;
    let json: serde_json::Value = serde_json::from_str(&run("json")).expect("JSON");
    assert_eq!(json["schema"], "tminus.verdict/1");
    assert!(run("markdown").starts_with('#'), "{}", run("markdown"));
    let github = run("github");
    assert!(github.lines().all(|line| line.starts_with("::")), "{github}");
    let text = run("text");
    assert!(text.lines().count() <= 35 && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(room.tminus(&["why", "--full", "failed.log"]).out.len() > text.len());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let room = room();
    for format in ["text", "json", "markdown", "github"] {
        let run = || room.tminus(&["why", "--full", "--format", format, "failed.log"]).out;
        assert_eq!(run(), run(), "{format}");
    }
}
