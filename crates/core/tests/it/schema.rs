//! schemas/plan.schema.json is what the reader reads.
//!
//! After a change of a key: `UPDATE_SCHEMAS=1 cargo nextest run -p tminus-core schema`.

use crate::page::example;
use crate::reading::read_with;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tminus_core::plan::read::Overrides;

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The schema as the types say it.
pub fn generated() -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = tminus_core::plan::read::schema(generator);
    schema.insert("$id".to_owned(), json!("urn:tminus:plan:1"));
    schema.insert("title".to_owned(), json!("tminus.plan/1"));
    schema.to_value()
}

/// The names of all properties, of every table of the plan.
pub fn strings_of(schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Value::Object(map) = schema {
        if let Some(Value::Object(properties)) = map.get("properties") {
            names.extend(properties.keys().cloned());
        }
        names.extend(map.values().flat_map(strings_of));
    }
    if let Value::Array(items) = schema {
        names.extend(items.iter().flat_map(strings_of));
    }
    names
}

#[test]
fn the_file_is_what_the_types_say() {
    let path = repository().join("schemas/plan.schema.json");
    let want = serde_json::to_string_pretty(&generated()).expect("JSON is text") + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &want).expect("a schema");
    }
    let got =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; run with UPDATE_SCHEMAS=1", path.display()));
    assert!(got == want, "{} is not what the types say; run with UPDATE_SCHEMAS=1", path.display());
}

/// Whether `value` follows `schema`, for the words that this schema uses. Patterns are the reader's.
fn follows(schema: &Value, value: &Value, root: &Value) -> bool {
    let Some(schema) = schema.as_object() else { return schema == &json!(true) };
    schema.iter().all(|(word, rule)| match word.as_str() {
        "$ref" => {
            let path = rule.as_str().and_then(|path| path.strip_prefix('#')).expect("a local reference");
            follows(root.pointer(path).expect("what is referred to"), value, root)
        }
        "anyOf" => rule.as_array().expect("a list").iter().any(|schema| follows(schema, value, root)),
        "enum" => rule.as_array().expect("a list").contains(value),
        "const" => rule == value,
        "type" => match rule.as_str().expect("one type") {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64(),
            "boolean" => value.is_boolean(),
            other => panic!("{other} is used nowhere"),
        },
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().expect("a number")),
        "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().expect("a number")),
        "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
        "minItems" => value.as_array().is_none_or(|items| !items.is_empty()),
        "required" => {
            rule.as_array().expect("a list").iter().all(|key| value.get(key.as_str().expect("a key")).is_some())
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| follows(rule, item, root))),
        "properties" => value.as_object().is_none_or(|map| {
            map.iter().all(|(key, value)| rule.get(key).is_none_or(|schema| follows(schema, value, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|map| {
            let known = schema.get("properties").and_then(Value::as_object);
            let others = map.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
            others.into_iter().all(|(_, value)| follows(rule, value, root))
        }),
        "$schema" | "$id" | "$defs" | "title" | "description" | "pattern" | "maxItems" | "propertyNames" => true,
        other => panic!("{other} is not looked at"),
    })
}

/// What editors are told to be right is read, and what they are told to be wrong is refused.
#[test]
fn schema_and_reader_agree() {
    let schema = generated();
    let json = |text: &str| serde_json::to_value(text.parse::<toml::Table>().expect("TOML")).expect("JSON");
    let page = example();
    for text in crate::plans::GOOD.iter().copied().chain([page.as_str()]) {
        assert!(follows(&schema, &json(text), &schema), "{text}");
    }
    for text in [
        "servce = { name = \"orders\" }",
        "[[phase]]\ndeadline = \"8s\"",
        "[budget]\nwindow = 240",
        "[budget]\nplatform = \"cloudrun\"\n[output]\ncapture = 1",
        "[dialling]\nin_flight = 9",
        "[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\negress = false",
        "[[phase]]\nname = \"a\"\n[[phase.step]]\nname = \"x\"\nready = { port = 1 }",
        "[profile.staging.database]\ndeadline = 75",
    ] {
        assert!(!follows(&schema, &json(text), &schema), "{text}");
        assert!(read_with(&format!("version = 1\n{text}"), &[], &[], Overrides::default()).is_err(), "{text}");
    }
}
