//! Exits, facts and earlier verdicts: what is wrong with one is said with its place, and what to do.

use crate::room::Room;

fn room() -> Room {
    let room = Room::new();
    room.put("web.log", "Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 3, in <module>\nModuleNotFoundError: No module named 'billing'\n");
    room
}

#[test]
fn malformed_exits_are_named_with_their_line() {
    let room = room();
    for (text, parts) in [
        ("{\n\"attempts\":[\n{\"attempt\":1,}\n]}", &["exits.json", "line 3", "attempts"][..]),
        ("", &["exits.json", "line 1"]),
        (
            "{\n\"attempts\":[\n{\"attempt\":1},\n{\"attempt\":2,\"exit_code\":\"three\"}]}",
            &["exits.json", "line 4 (row 2)", "string \"three\"", "hint: docs/formats.md"],
        ),
        ("{\"rows\":[]}", &["exits.json", "neither `attempts` nor a Kubernetes `kind`"]),
        (
            "{\"attempts\":[{\"attempt\":1},{\"attempt\":1}]}",
            &["exits.json", "attempt 1 is listed twice", "number the rows"],
        ),
    ] {
        room.put("exits.json", text);
        room.tminus(&["why", "--exits", "exits.json", "web.log"]).is_an_error_about(parts);
    }
    room.tminus(&["why", "--exits", "nope.json", "web.log"]).is_an_error_about(&[
        "exits file `nope.json`",
        "No such file",
        "hint: check the path and its permissions",
    ]);
}

#[test]
fn malformed_facts_are_named_with_their_line() {
    let room = room();
    room.put("facts.json", "{\n \"env\": {\"PORT\": \"80\"\n}");
    room.tminus(&["why", "--facts", "facts.json", "web.log"]).is_an_error_about(&[
        "facts.json",
        "line 3",
        "hint: docs/formats.md",
    ]);
    room.put("facts.json", "{\"volumes\": {\"expected\": 7}}");
    room.tminus(&["why", "--facts", "facts.json", "web.log"]).is_an_error_about(&[
        "facts.json",
        "invalid type",
        "hint: docs/formats.md",
    ]);
    room.put("facts.json", "{\n\"env\": {\n\"PORT\": 80}}");
    room.tminus(&["why", "--facts", "facts.json", "web.log"]).is_an_error_about(&[
        "facts.json",
        "line 3 (env.PORT)",
        "integer `80`",
        "hint: docs/formats.md",
    ]);
    room.put("facts.json", "[]");
    room.tminus(&["why", "--facts", "facts.json", "web.log"]).is_an_error_about(&[
        "facts.json",
        "a list, where an object is wanted",
        "hint: docs/formats.md",
    ]);
    room.tminus(&["why", "--facts", ".", "web.log"]).is_an_error_about(&[
        "facts file `.`",
        "Is a directory",
        "hint: name a file",
    ]);
}

#[test]
fn an_unknown_key_of_facts_warns_and_answers() {
    let room = room();
    room.put("facts.json", r#"{"enviroment": {"A": "b"}, "env": {"PORT": "80"}}"#);
    let answer = room.tminus(&["why", "--facts", "facts.json", "web.log"]);
    assert_eq!(answer.code, 0);
    assert!(answer.err.starts_with("warning: `facts.json`: unknown key `enviroment`; known: env, "), "{}", answer.err);
    assert!(answer.out.contains("billing"), "{}", answer.out);
    assert!(!answer.out.contains("warning:"), "warnings belong on standard error");
}

/// Syslog writes no year. The first start that the exits tell says which one it was.
#[test]
fn exits_tell_the_year_of_stamps_that_carry_none() {
    let room = room();
    room.put("web.log", "Nov 22 06:00:01 web-1 orders[7]: starting\nNov 22 06:00:02 web-1 orders[7]: no\n");
    let start = |args: &[&str]| {
        let verdict = room.verdict(&[args, &["web.log"]].concat());
        verdict["attempts"][0]["start"].as_str().map(str::to_owned)
    };
    for (year, start_of_row) in [("2024", "2024-11-22T06:00:00Z"), ("2026", "2026-11-22T06:00:00Z")] {
        room.put("exits.json", format!(r#"{{"attempts":[{{"attempt":1,"started":"{start_of_row}","exit_code":1}}]}}"#));
        let verdict = room.verdict(&["--exits", "exits.json", "web.log"]);
        assert_eq!(verdict["attempts"].as_array().map(Vec::len), Some(1), "the rows are of that start: {verdict:#}");
        assert_eq!(verdict["coverage"]["time_basis"], "assumed_utc", "{year}");
        assert_eq!(verdict["coverage"]["span_s"], 1.0, "{year}");
    }
    let now = start(&[]).expect("without exits a year near now is taken");
    assert!(now.ends_with("-11-22T06:00:01Z"), "{now}");
}

#[test]
fn an_earlier_verdict_must_be_one() {
    let room = room();
    room.put("old.json", "{\n\"schema\": \"tminus.verdict/1\",\n}");
    room.tminus(&["why", "--previous", "old.json", "--format", "markdown", "web.log"]).is_an_error_about(&[
        "`old.json` is no tminus.verdict/1",
        "line 3",
        "hint: write one with `tminus why --format json`",
    ]);
    room.put("other.json", "{\"schema\": \"tminus.exits/1\"}");
    room.tminus(&["why", "--previous", "other.json", "--format", "markdown", "web.log"])
        .is_an_error_about(&["`other.json` is no tminus.verdict/1"]);
}

#[test]
fn a_verdict_of_today_is_an_earlier_verdict_of_tomorrow() {
    let room = room();
    let verdict = room.tminus(&["why", "--format", "json", "web.log"]).out;
    room.put("old.json", &verdict);
    let answer = room.tminus(&["why", "--previous", "old.json", "--format", "markdown", "web.log"]);
    let plain = room.tminus(&["why", "--format", "markdown", "web.log"]);
    assert_eq!((answer.code, answer.out), (0, plain.out), "the same verdict withdraws nothing");
}

/// `kubectl get pod -o json` is accepted where exits are.
#[test]
fn the_json_of_a_pod_is_exits() {
    let room = room();
    room.put(
        "pod.json",
        r#"{"kind":"Pod","metadata":{"name":"web-1"},"status":{"containerStatuses":[{"name":"web","restartCount":4,
            "lastState":{"terminated":{"exitCode":1,"reason":"Error","startedAt":"2026-11-22T06:00:00Z","finishedAt":"2026-11-22T06:00:09Z"}},
            "state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}"#,
    );
    let verdict = room.verdict(&["--exits", "pod.json", "web.log"]);
    assert_eq!(
        (&verdict["attempts"][0]["n"], &verdict["attempts"][0]["exit_code"]),
        (&4.into(), &1.into()),
        "{verdict:#}"
    );
}
