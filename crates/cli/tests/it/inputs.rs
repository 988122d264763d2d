//! What `why` reads: files, pipes, compressed, broken, empty, none.

use crate::room::{Room, binary, repository};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// A start that fails on a missing module, as a program's JSON lines.
const ROWS: &[&str] = &[
    r#"{"severity":"INFO","message":"Started server process [37]","logger":"uvicorn.error","time":"2026-11-22T06:04:29.413Z"}"#,
    r#"{"severity":"INFO","message":"Waiting for application startup.","logger":"uvicorn.error","time":"2026-11-22T06:04:29.425Z"}"#,
    r#"{"severity":"ERROR","message":"Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 4, in <module>\n    import orders.refunds\nModuleNotFoundError: No module named 'orders.refunds'","logger":"uvicorn.error","time":"2026-11-22T06:04:29.447Z"}"#,
    r#"{"severity":"ERROR","message":"Application startup failed. Exiting.","logger":"uvicorn.error","time":"2026-11-22T06:04:29.530Z"}"#,
];

fn rows() -> String {
    ROWS.join("\n") + "\n"
}

fn case(path: &str) -> Vec<u8> {
    std::fs::read(repository().join("corpus").join(path)).expect("a recorded log")
}

/// The verdict without the name of its input.
fn without_source(mut verdict: serde_json::Value) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.remove("source");
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut verdict);
    verdict.to_string()
}

#[test]
fn nothing_at_all_is_answered_as_such() {
    let room = Room::new();
    room.put("empty.log", "").put("blank.log", "\n\n\n");
    for args in [&["why"][..], &["why", "-"], &["why", "empty.log"], &["why", "blank.log"]] {
        let answer = room.tminus(args);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{args:?}");
        assert!(answer.out.contains("no rows") || answer.out.contains("undetermined"), "{args:?}: {}", answer.out);
    }
    assert_eq!(room.verdict(&["empty.log"])["outcome"], "undetermined");
    assert_eq!(room.tminus(&["why", "--exit-code", "empty.log"]).code, 4);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let room = Room::new();
    room.put("logs/a.log", rows()).put("program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0".repeat(40));
    room.tminus(&["why", "nope.log"]).is_an_error_about(&[
        "cannot open `nope.log`",
        "No such file",
        "hint: check the path",
    ]);
    room.tminus(&["why", "logs"]).is_an_error_about(&["`logs` is a directory", "hint: name the files in it"]);
    room.tminus(&["why", "program"]).is_an_error_about(&[
        "cannot read `program`",
        "is a program, not a log",
        "unpack it or export",
    ]);
    // One bad file among good ones is no half answer.
    room.tminus(&["why", "logs/a.log", "nope.log"]).is_an_error_about(&["cannot open `nope.log`"]);
}

#[test]
fn a_terminal_without_input_is_told_what_to_do() {
    // Standard input is a terminal only in a pseudo terminal: `script` gives one where it is installed.
    let line = format!("'{}' why", binary());
    let Ok(output) = Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output() else {
        println!("skipped: no `script` to make a terminal with");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("nothing to read") && text.contains("hint: name files"), "{text}");
}

#[test]
fn broken_lines_are_counted_and_named_and_do_not_change_the_answer() {
    let room = Room::new();
    let broken = [
        ROWS[0],
        r#"{"severity":"INFO","message":"cut of"#,
        ROWS[1],
        r#"{"severity":"INFO" "message":"x"}"#,
        ROWS[2],
        ROWS[3],
    ]
    .join("\n")
        + "\n";
    room.put("whole.ndjson", rows()).put("broken.ndjson", broken);
    let (whole, verdict) = (room.verdict(&["whole.ndjson"]), room.verdict(&["broken.ndjson"]));
    assert_eq!(verdict["causes"][0]["cause"], "missing_module");
    assert_eq!(verdict["causes"][0]["culprit"], whole["causes"][0]["culprit"]);
    assert_eq!((&whole["coverage"]["skipped"], &verdict["coverage"]["skipped"]), (&0.into(), &2.into()));
    let named = verdict["coverage"]["inputs"][0]["skipped"].to_string();
    assert!(named.contains('2') && named.contains('4'), "the lines are named: {named}");
    let full = room.tminus(&["why", "--full", "broken.ndjson"]).out;
    for place in ["broken.ndjson:2", "broken.ndjson:4"] {
        assert!(full.contains(place), "`{place}` is missing from:\n{full}");
    }
}

/// Structured loggers keep the address out of the message.
#[test]
fn fields_beside_a_message_name_the_culprit_and_stand_in_the_evidence() {
    let room = Room::new();
    let rows = [
        r#"{"level":"info","ts":1795327200.1,"caller":"dispatch/main.go:20","msg":"starting"}"#,
        r#"{"level":"error","ts":1795327201.1,"caller":"dispatch/main.go:82","msg":"cannot reach the database","addr":"10.20.0.5:5432","error":"connection refused"}"#,
        r#"{"level":"fatal","ts":1795327201.2,"caller":"dispatch/main.go:83","msg":"giving up"}"#,
    ];
    room.put("web.log", rows.join("\n"));
    room.put("exits.json", r#"{"attempts":[{"attempt":1,"exit_code":1}]}"#);
    let verdict = room.verdict(&["--exits", "exits.json", "web.log"]);
    let cause = &verdict["causes"][0];
    assert_eq!(
        (&cause["cause"], &cause["culprit"]),
        (&"db_connection_refused".into(), &"10.20.0.5:5432".into()),
        "{verdict:#}"
    );
    let evidence = &cause["evidence"][0];
    assert_eq!((&evidence["line"], &evidence["text"]), (&2.into(), &"connection refused\naddr: 10.20.0.5:5432".into()));
}

#[test]
fn a_row_with_something_behind_it_is_counted_and_named() {
    let room = Room::new();
    let torn = format!("{}}}garbage", ROWS[1]);
    room.put("web.ndjson", [ROWS[0], &torn, ROWS[2], ROWS[3]].join("\n"));
    let verdict = room.verdict(&["web.ndjson"]);
    assert_eq!(verdict["coverage"]["skipped"], 1);
    let named = verdict["coverage"]["inputs"][0]["skipped"].to_string();
    assert!(named.contains("web.ndjson:2: something stands behind the JSON row"), "{named}");
    assert_eq!(verdict["causes"][0]["cause"], "missing_module");
}

/// Both logs begin with the same rows, and no row of either has a time.
#[test]
fn the_order_of_files_without_times_changes_nothing() {
    let room = Room::new();
    room.put("a.log", case("dev/gateway-bad-port/logs.log")).put("b.log", case("dev/gateway-server-no-ssl/logs.log"));
    let answer = |args: &[&str]| {
        let verdict = room.verdict(args);
        let causes = verdict["causes"].as_array().cloned().unwrap_or_default();
        let told =
            |cause: &serde_json::Value| (cause["cause"].clone(), cause["current"].clone(), cause["attempts"].clone());
        (verdict["outcome"].clone(), causes.iter().map(told).collect::<Vec<_>>())
    };
    let one = answer(&["a.log", "b.log"]);
    assert!(!one.1.is_empty());
    assert_eq!(one, answer(&["b.log", "a.log"]));
}

#[test]
fn a_truncated_array_is_read_as_far_as_it_goes() {
    let room = Room::new();
    let whole = String::from_utf8(case("own/parcels-heap/logs.json")).expect("text");
    let cut = whole.rfind("\"insertId\"").expect("entries");
    room.put("whole.json", &whole).put("cut.json", &whole[..cut + 20]);
    let (whole, cut) = (room.verdict(&["whole.json"]), room.verdict(&["cut.json"]));
    assert_eq!(whole["causes"][0]["cause"], "out_of_memory");
    assert_eq!(cut["causes"][0]["cause"], whole["causes"][0]["cause"]);
    assert_ne!(cut["coverage"]["skipped"], 0, "the lost entry is counted");
}

#[test]
fn compressed_and_piped_input_give_the_same_verdict() {
    let room = Room::new();
    let log = case("dev/gateway-refused/logs.log");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&log).expect("compressed");
    let gzip = gzip.finish().expect("compressed");
    room.put("plain.log", &log).put("packed.log.gz", &gzip);
    let want = without_source(room.verdict(&["plain.log"]));
    assert_eq!(without_source(room.verdict(&["packed.log.gz"])), want);
    for (args, stdin) in [(&["why", "--format", "json"][..], &log), (&["why", "--format", "json", "-"], &gzip)] {
        let answer = room.run(args, &[], stdin);
        assert_eq!(without_source(serde_json::from_str(&answer.out).expect("a verdict")), want, "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let room = Room::new();
    room.put("logs.ndjson", case("dev/gateway-too-many-clients/logs.ndjson"));
    let mut child = Command::new(binary())
        .args(["why", "--full", "logs.ndjson"])
        .current_dir(room.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    assert!(!first.is_empty());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));

    // The end is closed before anything is written at all.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(binary())
        .args(["why", "logs.ndjson"])
        .current_dir(room.path())
        .env_clear()
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
