//! `tminus.verdict/1` and `tminus.event/1` are frozen: what was written when they were must be read
//! for as long as they are called that, and whoever reads them must understand what is written now.
//!
//! `frozen/` holds real verdicts and real event streams, and the schemas of that day. No file there is
//! ever written again: a test here that fails means that a change breaks readers or records. What may
//! be changed is in docs/stability.md; frozen/README.md tells how the files came about.
//! Where to start reading: [`Change`], then the tests.

use crate::corpus::cases;
use crate::room::{Room, repository};
use crate::start::{Start, probing};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tminus_core::event::{Event, EventKind};
use tminus_core::verdict::Verdict;
use tminus_report::start::{StartView, block};
use tminus_report::{MarkdownOptions, Style, Words};

fn folder() -> PathBuf {
    repository().join("crates/cli/tests/it/frozen")
}

/// Names and texts of the files that end in `ending`.
fn files(ending: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).expect("frozen files");
    let names = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("a plain name"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    assert!(names.len() >= 5, "files were removed: {names:?}");
    names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(folder().join(&name)).expect("text"))).collect()
}

fn frozen_schema(format: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{format}.schema"))).expect("a frozen schema");
    serde_json::from_str(&text).expect("JSON")
}

fn schema_of<T: schemars::JsonSchema>(written: bool) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = if written { settings.for_serialize() } else { settings.for_deserialize() };
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The non-empty lines of a stream as JSON.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn events(text: &str) -> Vec<Event> {
    lines(text).into_iter().map(|line| serde_json::from_value(line).expect("an event")).collect()
}

// ---- what was written is read

#[test]
fn every_recorded_event_is_read_without_losing_a_field() {
    for (name, text) in files(".ndjson") {
        for (index, line) in lines(&text).into_iter().enumerate() {
            let event: Event = serde_json::from_value(line.clone()).unwrap_or_else(|e| panic!("{name}:{index}: {e}"));
            assert_ne!(event.kind, EventKind::Unknown, "{name}:{index}: {line}");
            assert_eq!(serde_json::to_value(&event).expect("JSON"), line, "{name}:{index}");
        }
    }
}

#[test]
fn every_recorded_verdict_is_read_without_losing_a_field() {
    for (name, text) in files(".verdict.json") {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let verdict: Verdict = serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(serde_json::to_value(&verdict).expect("JSON"), value, "{name}");
    }
}

/// The words that a recorded verdict is rendered with, wherever they were frozen in.
#[test]
fn recorded_verdicts_are_rendered_in_every_form() {
    for (name, text) in files(".verdict.json") {
        let verdict: Verdict = serde_json::from_str(&text).expect("a verdict");
        let words = Words::default();
        let service = verdict.service.clone().unwrap_or_default();
        let terminal = tminus_report::terminal(&verdict, &words, &Style { full: true, ..Style::default() });
        let markdown = tminus_report::markdown(&verdict, &words, &MarkdownOptions::default());
        let current = verdict.causes.iter().filter(|cause| cause.current);
        for wanted in current.map(|cause| cause.culprit.as_str()).chain([service.as_str()]) {
            assert!(terminal.contains(wanted), "{name}: no `{wanted}` in\n{terminal}");
        }
        assert!(markdown.starts_with("# "), "{name}: {markdown}");
        let annotations = tminus_report::github(&verdict, &words);
        assert!(annotations.starts_with("::"), "{name}: {annotations}");
    }
}

#[test]
fn an_earlier_verdict_can_still_be_corrected() {
    let room = Room::new();
    for (name, text) in files(".verdict.json") {
        room.put(&name, text);
        room.put("log", "2026-11-22 06:00:00,000 INFO orders starting\n");
        let answer = room.tminus(&["why", "--format", "markdown", "--previous", &name, "log"]);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{name}");
    }
}

/// What `tminus why` says of each recorded start: outcome and the key of the current cause.
const JUDGED: &[(&str, &str, Option<&str>)] = &[
    ("closed.ndjson", "failed", Some("proxy_closed_handshake")),
    ("degraded.ndjson", "ready", None),
    ("exited.ndjson", "undetermined", None),
    ("good.ndjson", "ready", None),
    ("not-found.ndjson", "failed", Some("command_not_found")),
    ("refused.ndjson", "failed", Some("db_connection_refused")),
    ("restarted.ndjson", "ready", None),
    ("stopped.ndjson", "failed", Some("db_connection_refused")),
];

#[test]
fn why_reads_recorded_starts() {
    let room = Room::new();
    let judged = files(".ndjson").into_iter().map(|(name, text)| {
        room.put(&name, text);
        let verdict = room.verdict(&[&name]);
        let current = verdict["causes"].as_array().expect("causes").iter().find(|cause| cause["current"] == true);
        let key = current.map(|cause| cause["cause"].as_str().expect("a key").to_owned());
        (name, verdict["outcome"].as_str().expect("an outcome").to_owned(), key)
    });
    let wanted = JUDGED.iter().map(|(name, outcome, key)| ((*name).into(), (*outcome).into(), key.map(str::to_owned)));
    assert_eq!(judged.collect::<Vec<_>>(), wanted.collect::<Vec<(String, String, Option<String>)>>());
}

#[test]
fn recorded_starts_are_told_and_drawn() {
    for (name, text) in files(".ndjson") {
        let events = events(&text);
        let plan = tminus_core::plan::Plan::observing("orders");
        let view = StartView::new(&plan, &events, None);
        let said = block(&view, None, &Default::default());
        assert!(said.starts_with("tminus: "), "{name}: {said}");
        let drawn = tminus_report::timeline::text(&view, &Style::default());
        for event in &events {
            if let EventKind::PhaseStarted { phase } = &event.kind {
                assert!(drawn.contains(phase.as_str()), "{name}: no {phase} in\n{drawn}");
            }
        }
        assert!(tminus_report::timeline::svg(&view).starts_with("<svg"), "{name}");
    }
}

// ---- what is written now can be read by who knew the formats of that day

/// A difference that would break a reader or a record.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Removed(String),
    Type(String),
    MayBeNull(String),
    MayBeAbsent(String),
    WordRemoved(String),
    NewRequired(String),
}

/// A schema with what its references are resolved in.
#[derive(Clone, Copy)]
struct At<'s> {
    root: &'s Value,
    here: &'s Value,
}

impl<'s> At<'s> {
    fn root(root: &'s Value) -> At<'s> {
        At { root, here: root }
    }

    fn to(self, here: &'s Value) -> At<'s> {
        let path = here.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        At { root: self.root, here: path.map_or(here, |path| self.root.pointer(path).expect("a definition")) }
    }

    /// Without the alternative that it is null, and whether there was one.
    fn without_null(self) -> (At<'s>, bool) {
        if let Some(types) = self.here.get("type").and_then(Value::as_array) {
            return (self, types.contains(&json!("null")));
        }
        match self.list("anyOf").as_slice() {
            [one, null] if null["type"] == "null" => (self.to(one), true),
            _ => (self, false),
        }
    }

    /// Its type, without null.
    fn kind(self) -> String {
        let kind = match self.here.get("type") {
            Some(Value::Array(types)) => types.iter().find(|kind| **kind != "null").cloned(),
            kind => kind.cloned(),
        };
        let format = self.here.get("format").and_then(Value::as_str).unwrap_or_default();
        let size = [self.here.get("minItems"), self.here.get("maxItems")];
        format!("{} {format} {size:?}", kind.unwrap_or_default())
    }

    fn list(self, key: &str) -> Vec<&'s Value> {
        self.here.get(key).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
    }

    fn properties(self) -> Vec<(&'s String, At<'s>)> {
        let map = self.here.get("properties").and_then(Value::as_object);
        map.into_iter().flatten().map(|(name, schema)| (name, self.to(schema))).collect()
    }

    fn property(self, name: &str) -> Option<At<'s>> {
        self.here.get("properties")?.get(name).map(|schema| self.to(schema))
    }

    fn required(self) -> BTreeSet<&'s str> {
        self.list("required").into_iter().filter_map(Value::as_str).collect()
    }

    /// The words of a closed set, as constants or as types of events.
    fn words(self) -> Vec<(&'s str, At<'s>)> {
        let word = |schema: &'s Value| {
            let constant = schema.get("const").or_else(|| schema.pointer("/properties/type/const"));
            Some((constant?.as_str()?, self.to(schema)))
        };
        self.list("oneOf").into_iter().filter_map(word).collect()
    }
}

/// What a reader of `old` would not find, or not as it was, in what `new` describes.
fn compare(old: At<'_>, new: At<'_>, path: &str, found: &mut Vec<Change>) {
    let ((old, null_before), (new, null_now)) = (old.without_null(), new.without_null());
    let at = || path.to_owned();
    if null_now && !null_before {
        found.push(Change::MayBeNull(at()));
    }
    if old.kind() != new.kind() || old.here.get("const") != new.here.get("const") {
        found.push(Change::Type(at()));
    }
    for (name, before) in old.properties() {
        let path = format!("{path}/{name}");
        match new.property(name) {
            Some(now) => compare(before, now, &path, found),
            None => found.push(Change::Removed(path)),
        }
    }
    for name in old.required().difference(&new.required()) {
        found.push(Change::MayBeAbsent(format!("{path}/{name}")));
    }
    for (word, before) in old.words() {
        let path = format!("{path}={word}");
        match new.words().into_iter().find(|(known, _)| *known == word) {
            Some((_, now)) => compare(before, now, &path, found),
            None => found.push(Change::WordRemoved(path)),
        }
    }
    for key in ["items", "additionalProperties"] {
        if let (Some(before), Some(now)) = (old.here.get(key), new.here.get(key)) {
            compare(old.to(before), new.to(now), &format!("{path}/{key}"), found);
        }
    }
    for (before, now) in old.list("prefixItems").into_iter().zip(new.list("prefixItems")) {
        compare(old.to(before), new.to(now), &format!("{path}/prefixItems"), found);
    }
}

/// Fields that `new` wants to read and that `old` did not promise to write.
fn wanted(old: At<'_>, new: At<'_>, path: &str, found: &mut Vec<Change>) {
    let (old, new) = (old.without_null().0, new.without_null().0);
    for name in new.required().difference(&old.required()) {
        found.push(Change::NewRequired(format!("{path}/{name}")));
    }
    for (name, now) in new.properties() {
        if let Some(before) = old.property(name) {
            wanted(before, now, &format!("{path}/{name}"), found);
        }
    }
    if let (Some(before), Some(now)) = (old.here.get("items"), new.here.get("items")) {
        wanted(old.to(before), new.to(now), &format!("{path}/items"), found);
    }
}

#[test]
fn nothing_that_readers_rely_on_is_gone_from_the_formats() {
    let mut found = Vec::new();
    let (event, verdict) = (frozen_schema("tminus.event-1"), frozen_schema("tminus.verdict-1"));
    compare(At::root(&event), At::root(&schema_of::<Event>(true)), "event", &mut found);
    compare(At::root(&verdict), At::root(&schema_of::<Verdict>(true)), "verdict", &mut found);
    wanted(At::root(&verdict), At::root(&schema_of::<Verdict>(false)), "verdict", &mut found);
    assert_eq!(found, [], "the formats are frozen: docs/stability.md says what may be changed");
}

/// The comparison itself: what it must see, and what it must let pass.
#[test]
fn a_breaking_change_is_told_from_an_addition() {
    let old = frozen_schema("tminus.event-1");
    let finished = old["oneOf"]
        .as_array()
        .expect("types")
        .iter()
        .position(|kind| kind.pointer("/properties/type/const").is_some_and(|word| word == "phase.finished"));
    let data = format!("/oneOf/{}/properties/data", finished.expect("phase.finished"));
    let changed = |edit: &dyn Fn(&mut Value)| {
        let mut new = old.clone();
        edit(&mut new);
        let mut found = Vec::new();
        compare(At::root(&old), At::root(&new), "", &mut found);
        found
    };
    let at = |new: &mut Value, path: &str| new.pointer_mut(&format!("{data}{path}")).expect("it is there").take();
    let path = "=phase.finished/data/elapsed_ns".to_owned();
    let renamed = changed(&|new| {
        let field = at(new, "/properties/elapsed_ns");
        let properties = new.pointer_mut(&format!("{data}/properties")).and_then(Value::as_object_mut).expect("a map");
        properties.remove("elapsed_ns");
        properties.insert("elapsed_ms".to_owned(), field);
    });
    assert_eq!(renamed, [Change::Removed(path.clone())]);
    let float =
        changed(&|new| new.pointer_mut(&data).expect("data")["properties"]["elapsed_ns"]["type"] = json!("number"));
    assert_eq!(float, [Change::Type(path.clone())]);
    let null = changed(&|new| new["properties"]["seq"]["type"] = json!(["integer", "null"]));
    assert_eq!(null, [Change::MayBeNull("/seq".to_owned())]);
    let absent = changed(&|new| {
        let required = new.pointer_mut(&format!("{data}/required")).and_then(Value::as_array_mut).expect("a list");
        required.retain(|name| name != "elapsed_ns");
    });
    assert_eq!(absent, [Change::MayBeAbsent(path)]);
    let gone = changed(&|new| {
        let words = new.pointer_mut("/$defs/Passage/oneOf").and_then(Value::as_array_mut).expect("words");
        words.retain(|word| word["const"] != "expired");
    });
    assert!(gone.contains(&Change::WordRemoved("=step.finished/data/outcome=expired".to_owned())), "{gone:?}");
    let added = changed(&|new| {
        new.pointer_mut(&data).expect("data")["properties"]["more"] = json!({"type": "string"});
        new["oneOf"].as_array_mut().expect("types").push(json!({"properties": {"type": {"const": "later.type"}}}));
    });
    assert_eq!(added, []);
    let (before, now) = (json!({"properties": {"a": {}}, "required": ["a"]}), json!({"required": ["a", "b"]}));
    let mut found = Vec::new();
    wanted(At::root(&before), At::root(&now), "", &mut found);
    assert_eq!(found, [Change::NewRequired("/b".to_owned())]);
}

/// A document that follows a schema: with every field, or with none that may be absent.
fn example(schema: At<'_>, full: bool) -> Value {
    let (schema, null) = schema.without_null();
    if null && !full {
        return Value::Null;
    }
    if let Some(constant) = schema.here.get("const") {
        return constant.clone();
    }
    if let Some((_, first)) = schema.words().first() {
        return example(*first, full);
    }
    let kind = schema.kind();
    match kind.split(' ').next().unwrap_or_default().trim_matches('"') {
        "object" => {
            let fields =
                schema.properties().into_iter().filter(|(name, _)| full || schema.required().contains(name.as_str()));
            Value::Object(fields.map(|(name, field)| (name.clone(), example(field, full))).collect::<Map<_, _>>())
        }
        "array" => {
            let pair = schema.list("prefixItems");
            let items = if pair.is_empty() { schema.list("items") } else { pair };
            let one = schema.here.get("items").filter(|_| full).into_iter();
            items.into_iter().chain(one).map(|item| example(schema.to(item), full)).collect()
        }
        "integer" => json!(1),
        "number" => json!(0.5),
        "boolean" => json!(true),
        _ if kind.contains("date-time") => json!("2026-11-22T06:00:00Z"),
        _ => json!("text"),
    }
}

/// Whether everything of `part` stands in `whole` as it is.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|other| holds(other, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (whole, part) => whole == part,
    }
}

/// Also the types that no live start writes, and fields that the recorded files happen not to have.
#[test]
fn every_type_of_that_day_is_read_with_all_its_fields_and_with_the_fewest() {
    let schema = frozen_schema("tminus.event-1");
    let root = At::root(&schema);
    assert!(root.words().len() >= 24, "types of events");
    for (word, kind) in root.words().into_iter().filter(|(word, _)| *word != "unknown") {
        for full in [true, false] {
            let mut event = example(
                At {
                    root: &schema,
                    here: &json!({"type": "object", "properties": schema["properties"], "required": schema["required"]}),
                },
                full,
            );
            let data = example(kind, full);
            event.as_object_mut().expect("an event").extend(data.as_object().expect("type and data").clone());
            let read: Event = serde_json::from_value(event.clone()).unwrap_or_else(|e| panic!("{word}: {e}: {event}"));
            assert_ne!(read.kind, EventKind::Unknown, "{word}: {event}");
            let written = serde_json::to_value(&read).expect("JSON");
            assert!(holds(&written, &event), "{word}\n{event}\n{written}");
        }
    }
    let schema = frozen_schema("tminus.verdict-1");
    for full in [true, false] {
        let verdict = example(At::root(&schema), full);
        let read: Verdict = serde_json::from_value(verdict.clone()).unwrap_or_else(|e| panic!("{e}: {verdict}"));
        let written = serde_json::to_value(&read).expect("JSON");
        assert!(holds(&written, &verdict), "{verdict}\n{written}");
    }
}

/// Readers ignore what they do not know: our own do.
#[test]
fn unknown_fields_types_and_versions_do_not_stop_a_reader() {
    for (name, text) in files(".ndjson") {
        for line in lines(&text) {
            let event: Event = serde_json::from_value(line.clone()).expect("an event");
            let mut more = line.clone();
            more["later"] = json!({"a": 1});
            more["data"]["later"] = json!([1, 2]);
            assert_eq!(serde_json::from_value::<Event>(more).expect("an event"), event, "{name}");
            let mut other = line;
            other["type"] = json!("later.type");
            assert_eq!(serde_json::from_value::<Event>(other).expect("an event").kind, EventKind::Unknown, "{name}");
        }
    }
    for (name, text) in files(".verdict.json") {
        let mut more: Value = serde_json::from_str(&text).expect("JSON");
        more["later"] = json!(true);
        more["coverage"]["later"] = json!({});
        assert!(serde_json::from_value::<Verdict>(more).is_ok(), "{name}");
    }
}

/// A frozen schema whose closed sets take any word: words may be added.
fn open(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let words = map.get("oneOf").and_then(Value::as_array);
            if words.is_some_and(|words| words.iter().all(|word| word.get("const").is_some_and(Value::is_string))) {
                return json!({"type": "string"});
            }
            Value::Object(map.iter().map(|(key, value)| (key.clone(), open(value))).collect())
        }
        Value::Array(list) => list.iter().map(open).collect(),
        other => other.clone(),
    }
}

#[track_caller]
fn follows(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{what}\n{}\n{value}", errors.join("\n"));
}

#[test]
fn what_is_written_today_follows_the_schemas_of_that_day() {
    let schema = frozen_schema("tminus.verdict-1");
    let validator = jsonschema::draft202012::new(&open(&schema)).expect("a schema");
    for case in cases("dev") {
        let verdict = serde_json::to_value(case.diagnose(&case.inputs)).expect("a verdict is JSON");
        follows(&validator, &verdict, &case.name);
    }
    let schema = frozen_schema("tminus.event-1");
    let known: BTreeSet<&str> = At::root(&schema).words().into_iter().map(|(word, _)| word).collect();
    let validator = jsonschema::draft202012::new(&open(&schema)).expect("a schema");
    let good = Start::new();
    assert_eq!(good.run(&["true"]).code, 0);
    let failed = Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms"));
    assert_eq!(failed.run(&["true"]).code, 3);
    for start in [good, failed] {
        let text = std::fs::read_to_string(start.room.path().join("events.ndjson")).expect("events");
        let known =
            lines(&text).into_iter().filter(|line| line["type"].as_str().is_some_and(|word| known.contains(word)));
        let mut count = 0;
        for line in known {
            follows(&validator, &line, "an event");
            count += 1;
        }
        assert!(count >= 4, "{text}");
    }
}

/// Numbers keep their units: `t` and everything in `elapsed_ns` are nanoseconds of one clock.
#[test]
fn times_of_events_are_nanoseconds_of_one_clock() {
    let start = Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms"));
    let today = start.run(&["true"]).events;
    let recorded = files(".ndjson").into_iter().map(|(name, text)| (name, events(&text)));
    for (name, events) in recorded.chain([("today".to_owned(), today)]) {
        let mut measured = 0;
        for (begun, ended) in phases(&events) {
            let EventKind::PhaseFinished { elapsed_ns: Some(elapsed), .. } = ended.kind else { continue };
            let between = u64::try_from(ended.t - begun.t).expect("in order");
            assert_eq!(between, elapsed, "{name}");
            let (Some(from), Some(to)) = (begun.at, ended.at) else { panic!("{name}: a live event has a moment") };
            let wall = (to.as_nanosecond() - from.as_nanosecond()).unsigned_abs();
            // A wall clock may be set while a start runs; those of the records were not.
            assert!(name == "today" || wall.abs_diff(between.into()) < 5_000_000, "{name}: {wall} and {between}");
            measured += 1;
        }
        assert!(measured > 0, "{name}");
    }
}

/// Phases that have ended, in every life of the program: their first and last event.
fn phases(events: &[Event]) -> Vec<(&Event, &Event)> {
    let ended = |from: usize, name: &str| {
        let is_end = |event: &&Event| matches!(&event.kind, EventKind::PhaseFinished { phase, .. } if phase == name);
        events[from..].iter().find(is_end)
    };
    let begun = events.iter().enumerate().filter_map(|(at, event)| match &event.kind {
        EventKind::PhaseStarted { phase } => Some((event, ended(at, phase)?)),
        _ => None,
    });
    begun.collect()
}
