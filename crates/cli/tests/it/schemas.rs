//! The JSON Schemas in `schemas/` are what the types say, and what tminus writes follows them.
//!
//! After a change of a type: `UPDATE_SCHEMAS=1 cargo nextest run -p tminus-cli schemas`.

use crate::corpus::cases;
use crate::room::{Room, repository};
use crate::start::{Start, probing};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tminus_core::{event::Event, exits::Exits, facts::Facts, history::History, ladder::Ladder, verdict::Verdict};

/// The schema of what is written as `T` (`written`), or of what is read as `T`.
fn schema<T: JsonSchema>(name: &str, written: bool) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = if written { settings.for_serialize() } else { settings.for_deserialize() };
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), json!(format!("urn:{}", name.replace(['.', '/'], ":"))));
    schema.insert("title".to_owned(), json!(name));
    schema.to_value()
}

fn all() -> [(&'static str, Value); 7] {
    [
        ("tminus.verdict/1", schema::<Verdict>("tminus.verdict/1", true)),
        ("tminus.event/1", schema::<Event>("tminus.event/1", true)),
        ("tminus.ladder/1", schema::<Ladder>("tminus.ladder/1", true)),
        ("tminus.history/1", schema::<History>("tminus.history/1", true)),
        ("tminus.check/1", schema::<tminus_check::Report>("tminus.check/1", true)),
        ("tminus.exits/1", schema::<Exits>("tminus.exits/1", false)),
        ("tminus.facts/1", schema::<Facts>("tminus.facts/1", false)),
    ]
}

fn of(name: &str) -> Value {
    all().into_iter().find(|(known, _)| *known == name).map(|(_, schema)| schema).expect("a known format")
}

#[test]
fn the_files_are_what_the_types_say() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    for (name, schema) in all() {
        let path = repository().join("schemas").join(format!("{}.json", name.replace('/', "-")));
        let want = serde_json::to_string_pretty(&schema).expect("JSON is text") + "\n";
        if update {
            std::fs::write(&path, &want).expect("a schema");
        }
        let got = std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}; run with UPDATE_SCHEMAS=1", path.display()));
        assert!(
            got == want,
            "{} is not what the types say; run with UPDATE_SCHEMAS=1 and read the difference",
            path.display()
        );
    }
}

#[track_caller]
fn follows(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{what}\n{}", errors.join("\n"));
}

#[test]
fn every_verdict_of_the_corpus_follows_its_schema() {
    let validator = jsonschema::draft202012::new(&of("tminus.verdict/1")).expect("a schema");
    for case in cases("dev").iter().chain(&cases("own")) {
        let verdict = serde_json::to_value(case.diagnose(&case.inputs)).expect("a verdict is JSON");
        follows(&validator, &verdict, &case.name);
    }
    assert!(!validator.is_valid(&json!({"schema": "tminus.verdict/2"})), "the schema is not empty");
}

#[test]
fn exits_and_facts_of_the_corpus_follow_their_schemas() {
    for (name, file) in [("tminus.exits/1", "exit.json"), ("tminus.facts/1", "facts.json")] {
        let validator = jsonschema::draft202012::new(&of(name)).expect("a schema");
        let mut seen = 0;
        for folder in ["dev", "own"] {
            for entry in std::fs::read_dir(repository().join("corpus").join(folder)).expect("a corpus") {
                let path = entry.expect("readable").path().join(file);
                if let Ok(text) = std::fs::read_to_string(&path) {
                    follows(&validator, &serde_json::from_str(&text).expect("JSON"), &path.display().to_string());
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "{name}: {seen} files");
    }
    let exits = jsonschema::draft202012::new(&of("tminus.exits/1")).expect("a schema");
    assert!(!exits.is_valid(&json!({"attempts": [{"attempt": "one"}]})));
}

#[test]
fn answers_of_probe_follow_their_schema() {
    let validator = jsonschema::draft202012::new(&of("tminus.ladder/1")).expect("a schema");
    let room = Room::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let targets = [open.as_str(), "tcp://127.0.0.1:1", "unix:/dev/null", "postgres://app@127.0.0.1:1/orders"];
    let answer = room.tminus(&[&["probe", "--format", "json", "--limit", "2s"], &targets[..]].concat());
    assert_eq!((answer.code, answer.err.as_str(), answer.out.lines().count()), (0, "", targets.len()));
    for line in answer.out.lines() {
        let ladder: Value = serde_json::from_str(line).expect("a line of JSON");
        follows(&validator, &ladder, line);
        assert!(ladder["rungs"].as_array().is_some_and(|rungs| !rungs.is_empty()), "{line}");
    }
    assert!(!validator.is_valid(&json!({"schema": "tminus.ladder/2"})), "the schema is not empty");
}

#[test]
fn the_record_of_good_starts_follows_its_schema() {
    let validator = jsonschema::draft202012::new(&of("tminus.history/1")).expect("a schema");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let start = Start::with_plan(&probing(&open, "9s"));
    let state = start.room.path().display().to_string();
    let start = start.env("TMINUS_STATE_DIR", state);
    for starts in 1..=2 {
        assert_eq!(start.run(&["true"]).code, 0);
        let text = std::fs::read_to_string(start.room.path().join("history.json")).expect("a record");
        let history: Value = serde_json::from_str(&text).expect("JSON");
        follows(&validator, &history, &text);
        assert_eq!(history["starts"].as_array().map(Vec::len), Some(starts), "{text}");
    }
    assert!(!validator.is_valid(&json!({"schema": "tminus.history/2"})), "the schema is not empty");
}

#[test]
fn answers_of_check_follow_their_schema() {
    let validator = jsonschema::draft202012::new(&of("tminus.check/1")).expect("a schema");
    let room = Room::new();
    let fixtures = repository().join("crates/check/tests/it/fixtures");
    for name in ["incident.yaml", "incident.tf.json"] {
        room.put(name, std::fs::read(fixtures.join(name)).expect("a fixture"));
    }
    room.put("tminus.toml", "version = 1\n[budget]\nwindow = 240\n");
    for (files, code) in [(&["incident.yaml", "incident.tf.json"][..], 1), (&["tminus.toml"], 1)] {
        let answer = room.run(&[&["check", "--format", "json"], files].concat(), &[("TMINUS_GRACE", "5")], b"");
        let report: Value = serde_json::from_str(&answer.out).expect("JSON");
        assert_eq!((answer.code, answer.err.as_str()), (code, ""), "{}", answer.out);
        follows(&validator, &report, "an answer of check");
        assert!(report["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{report}");
    }
    assert!(!validator.is_valid(&json!({"schema": "tminus.check/2"})), "the schema is not empty");
}

/// The types of `tminus.event/1` are a closed list that readers may rely on.
#[test]
fn events_have_the_types_of_the_format() {
    let schema = of("tminus.event/1");
    let mut types = BTreeSet::new();
    collect_types(&schema, &mut types);
    let want = "attempt.finished attempt.started change.seen child.exited child.notified child.output child.restart child.spawned child.stopping \
                evidence.noted fault.applied fault.cleared layer.finished layer.started log.matched orphan.reaped phase.finished \
                phase.started platform.notice sink.failed step.finished step.started try.finished try.started unknown verdict.reached";
    assert_eq!(types.into_iter().collect::<Vec<_>>().join(" "), want);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let event = json!({"v": 1, "attempt": "a", "seq": 0, "at": null, "t": 5, "src": "import", "type": "child.exited",
                       "data": {"code": 3, "signal": null, "reason": null, "at": null}});
    follows(&validator, &event, "an event");
    let read: Event = serde_json::from_value(event).expect("an event");
    follows(&validator, &serde_json::to_value(&read).expect("JSON"), "what is written");
}

/// Every constant of a property `type`.
fn collect_types(schema: &Value, types: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(word) =
                map.get("properties").and_then(|p| p.get("type")).and_then(|t| t.get("const")).and_then(Value::as_str)
            {
                types.insert(word.to_owned());
            }
            map.values().for_each(|value| collect_types(value, types));
        }
        Value::Array(list) => list.iter().for_each(|value| collect_types(value, types)),
        _ => {}
    }
}
