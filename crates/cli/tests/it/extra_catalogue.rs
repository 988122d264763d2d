//! `--catalogue DIR`: causes of one's own.

use crate::room::Room;

const CAUSE: &str = r#"
[[cause]]
key = "licence_server_down"
title = "the licence server does not answer"
domain = "dependency"
layer = "tcp"
owner = "vendor"
retry = "helps"
culprit = "the licence server"
remedy = "ask the vendor to bring the licence server back"
next = "nc -vz {culprit}"

[[pattern]]
cause = "licence_server_down"
id = "acme.licence"
software = "acme"
component = "licence"
literals = ["no licence from"]
regex = 'no licence from (?P<host>[\w.:-]{1,60})'
culprit = "{host}"
proof = "exact"
samples = ["FATAL no licence from lic-1.acme.internal:27000"]
near_misses = ["FATAL licence from lic-1 is fine"]
"#;

fn room() -> Room {
    let room = Room::new();
    room.put("web.log", "INFO loading\nFATAL no licence from lic-1.acme.internal:27000\n");
    room.put("exits.json", r#"{"attempts":[{"attempt":1,"exit_code":1}]}"#);
    room
}

#[test]
fn a_catalogue_of_ones_own_adds_a_cause() {
    let room = room();
    let without = room.verdict(&["--exits", "exits.json", "web.log"]);
    assert_ne!(without["causes"][0]["cause"], "licence_server_down");
    room.put("own/acme.toml", CAUSE);
    let with = room.verdict(&["--catalogue", "own", "--exits", "exits.json", "web.log"]);
    let cause = &with["causes"][0];
    assert_eq!(
        (&cause["cause"], &cause["culprit"], &cause["owner"]),
        (&"licence_server_down".into(), &"lic-1.acme.internal:27000".into(), &"vendor".into())
    );
    assert_ne!(
        with["tool"]["catalogue"], without["tool"]["catalogue"],
        "the digest says that another catalogue was in force"
    );
    let text = room.tminus(&["why", "--catalogue", "own", "--exits", "exits.json", "web.log"]).out;
    assert!(text.contains("the licence server does not answer"), "its title is what people read:\n{text}");
}

#[test]
fn a_built_in_key_is_shadowed_only_on_purpose() {
    let room = room();
    let shadow = CAUSE.replace("licence_server_down", "missing_module");
    room.put("own/acme.toml", &shadow);
    room.tminus(&["why", "--catalogue", "own", "web.log"]).is_an_error_about(&[
        "own/acme.toml:",
        "missing_module",
        "override",
    ]);
    room.put("own/acme.toml", shadow.replace("next = \"nc", "override = true\nnext = \"nc"));
    let verdict = room.verdict(&["--catalogue", "own", "--exits", "exits.json", "web.log"]);
    assert_eq!(
        (&verdict["causes"][0]["cause"], &verdict["causes"][0]["owner"]),
        (&"missing_module".into(), &"vendor".into()),
        "{verdict:#}"
    );
}

#[test]
fn a_bad_catalogue_is_an_error_with_file_and_line() {
    let room = room();
    room.put("none/readme.md", "");
    room.tminus(&["why", "--catalogue", "none", "web.log"])
        .is_an_error_about(&["`none` holds no *.toml file", "hint: docs/catalogue.md"]);
    room.tminus(&["why", "--catalogue", "nowhere", "web.log"]).is_an_error_about(&[
        "catalogue directory `nowhere`",
        "No such file",
        "hint: name a directory",
    ]);
    room.put("own/syntax.toml", "\n[[cause]\n");
    room.tminus(&["why", "--catalogue", "own", "web.log"])
        .is_an_error_about(&["own/syntax.toml:2", "hint: docs/catalogue.md"]);
    room.put("own/syntax.toml", CAUSE.replace("\"tcp\"", "\"tpc\""));
    let one = room.tminus(&["why", "--catalogue", "own", "web.log"]);
    one.is_an_error_about(&["the catalogue has an error\n", "own/syntax.toml:", "tpc"]);
    // All mistakes at once, each with its place.
    room.put("own/syntax.toml", CAUSE.replace("\"tcp\"", "\"tpc\"").replace("\"exact\"", "\"exakt\""));
    room.tminus(&["why", "--catalogue", "own", "web.log"]).is_an_error_about(&[
        "own/syntax.toml:",
        "tpc",
        "exakt",
        "2 errors",
    ]);
}
