//! `tminus.facts/1`: what is known about a service besides its logs. All keys are optional.

use crate::{Timestamp, json, redact};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Configuration facts, as given with `--facts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// Name of the file, as evidence cites it.
    #[serde(skip)]
    pub source: String,
    /// Environment as the service had it; secrets as `***`, empty as "".
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Architectures: `image`, `node`.
    #[serde(default)]
    pub platforms: BTreeMap<String, String>,
    /// Limits: `memory_mb` and others.
    #[serde(default)]
    pub limits: BTreeMap<String, Value>,
    /// Probe settings: `startup`, `liveness`, `readiness`.
    #[serde(default)]
    pub probes: BTreeMap<String, Value>,
    /// Volumes expected and mounted.
    #[serde(default)]
    pub volumes: Volumes,
    /// Sidecars of the instance.
    #[serde(default)]
    pub sidecars: Value,
    /// Services that exist, and where.
    #[serde(default)]
    pub services: Value,
    /// Known latencies: target to text.
    #[serde(default)]
    pub latency: BTreeMap<String, Value>,
    /// Security context.
    #[serde(default)]
    pub security: BTreeMap<String, Value>,
    /// What the platform said, as text.
    #[serde(default)]
    pub events: Vec<Value>,
    /// Changes known.
    #[serde(default)]
    pub changes: Vec<FactChange>,
    /// Sockets that exist where the service runs.
    #[serde(default)]
    pub sockets: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub notes: Value,
}

/// Volumes expected by the program and mounted by the platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Volumes {
    /// Paths that the program expects.
    #[serde(default)]
    pub expected: Vec<String>,
    /// Paths that are mounted.
    #[serde(default)]
    pub mounted: Vec<String>,
}

/// One known change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FactChange {
    /// When.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What was changed.
    #[serde(default)]
    pub what: String,
    /// Value before.
    #[serde(default)]
    pub from: Option<String>,
    /// Value after.
    #[serde(default)]
    pub to: Option<String>,
}

/// The keys that a facts file may hold; others are warned about, with the nearest of these.
pub const KEYS: &[&str] = &[
    "env",
    "platforms",
    "limits",
    "probes",
    "volumes",
    "sidecars",
    "services",
    "latency",
    "security",
    "events",
    "changes",
    "sockets",
    "notes",
];

/// Why a text holds no facts.
#[derive(Debug, thiserror::Error)]
pub enum BadFacts {
    /// It is not JSON, or a value in it is of the wrong type.
    #[error("not a facts file at line {line}{place}: {why}")]
    Form {
        /// Line of the text, from 1.
        line: usize,
        /// Which key, as ` (env.PORT)`, where it is one key's fault; else empty.
        place: String,
        /// What the parser met.
        why: String,
    },
    /// It is JSON and no object.
    #[error("not a facts file: {0}, where an object is wanted, such as {{\"env\":{{\"PORT\":\"8080\"}}}}")]
    NoObject(&'static str),
}

impl Facts {
    /// Reads `tminus.facts/1`; `source` is the name that evidence cites. Also the keys that it does
    /// not know, each with the nearest known one.
    ///
    /// # Errors
    /// When the text is not a JSON object of the right form, with its line and key.
    pub fn read(text: &str, source: &str) -> Result<(Facts, Vec<String>), BadFacts> {
        let value: Value = serde_json::from_str(text).map_err(|e| BadFacts::Form {
            line: e.line(),
            place: String::new(),
            why: json::without_place(&e),
        })?;
        let Value::Object(object) = &value else {
            return Err(BadFacts::NoObject(kind_of(&value)));
        };
        let unknown = object.keys().filter(|k| !KEYS.contains(&k.as_str()) && *k != "schema");
        let warnings = unknown.map(|k| format!("unknown key `{k}`; known: {}", KEYS.join(", "))).collect();
        let mut facts = Facts::deserialize(&value).map_err(|e| wrong_type(text, object, &e))?;
        facts.source = source.to_owned();
        Ok((facts, warnings))
    }

    /// True when no facts are known.
    pub fn is_empty(&self) -> bool {
        *self == Facts { source: self.source.clone(), ..Facts::default() }
    }

    /// The value at a dotted path (`env.DATABASE_URL`, `limits.memory_mb`,
    /// `probes.startup.failureThreshold`); numbers and booleans as their text.
    pub fn at(&self, path: &str) -> Option<String> {
        let (head, rest) = path.split_once('.').unwrap_or((path, ""));
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let inside = |value: &Value, path: &str| {
            let mut here = value;
            for part in path.split('.').filter(|part| !part.is_empty()) {
                here = match here {
                    Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                    other => other.get(part)?,
                };
            }
            text(here)
        };
        let keyed = |map: &BTreeMap<String, Value>| {
            // A key may itself hold dots (`db.internal:5432 connect`): the longest key wins.
            if let Some(value) = map.get(rest) {
                return text(value);
            }
            let (key, deeper) = rest.split_once('.').unwrap_or((rest, ""));
            inside(map.get(key)?, deeper)
        };
        match head {
            "env" => self.env.get(rest).cloned(),
            "platforms" => self.platforms.get(rest).cloned(),
            "limits" => keyed(&self.limits),
            "probes" => keyed(&self.probes),
            "latency" => keyed(&self.latency),
            "security" => keyed(&self.security),
            "sidecars" => inside(&self.sidecars, rest),
            "services" => inside(&self.services, rest),
            "notes" => inside(&self.notes, rest),
            _ => None,
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The error for a value of the wrong type. What stands under the name of a secret is not repeated.
fn wrong_type(text: &str, object: &Map<String, Value>, error: &serde_json::Error) -> BadFacts {
    let (line, why) = json::typed_error::<Facts>(text, error);
    let key = wrong_key(object);
    let secret = key.as_deref().is_some_and(redact::is_secret_name);
    BadFacts::Form {
        line,
        place: key.map_or_else(String::new, |key| format!(" ({key})")),
        why: if secret { "a value of the wrong type".to_owned() } else { why },
    }
}

/// The first key that is no fact, with the name or number inside of it where that alone is wrong.
fn wrong_key(object: &Map<String, Value>) -> Option<String> {
    let wrong =
        |key: &str, value: Value| Facts::deserialize(Value::Object(Map::from_iter([(key.to_owned(), value)]))).is_err();
    let (key, value) = object.iter().find(|(key, value)| wrong(key, (*value).clone()))?;
    let inner = match value {
        Value::Object(inner) => inner
            .iter()
            .find(|(name, value)| wrong(key, Value::Object(Map::from_iter([((*name).clone(), (*value).clone())]))))
            .map(|(name, _)| name.clone()),
        Value::Array(items) => {
            items.iter().position(|item| wrong(key, Value::Array(vec![item.clone()]))).map(|index| index.to_string())
        }
        _ => None,
    };
    Some(inner.map_or_else(|| key.clone(), |inner| format!("{key}.{inner}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_line_and_key() {
        for (text, want) in [
            (
                "{\n\"env\": {\n\"HOST\": \"a\",\n\"PORT\": 80}}",
                "not a facts file at line 4 (env.PORT): invalid type: integer `80`, expected a string",
            ),
            (
                "{\"env\": {\"DB_PASSWORD\": 778899}}",
                "not a facts file at line 1 (env.DB_PASSWORD): a value of the wrong type",
            ),
            (
                "{\"changes\": [{}, 7]}",
                "not a facts file at line 1 (changes.1): invalid type: integer `7`, expected struct FactChange",
            ),
            ("{\"env\": 7}", "not a facts file at line 1 (env): invalid type: integer `7`, expected a map"),
            ("{\n\"env\"", "not a facts file at line 2: EOF while parsing an object"),
            ("[]", "not a facts file: a list, where an object is wanted, such as {\"env\":{\"PORT\":\"8080\"}}"),
        ] {
            assert_eq!(Facts::read(text, "facts.json").unwrap_err().to_string(), want);
        }
        assert!(Facts::read("{\"notes\": [], \"schema\": \"tminus.facts/1\"}", "facts.json").is_ok());
    }

    #[test]
    fn paths_reach_into_facts() {
        let facts: Facts = serde_json::from_value(serde_json::json!({
            "env": {"PORT": "3000/tcp"},
            "limits": {"memory_mb": 400},
            "probes": {"startup": {"tcp": 8080, "failureThreshold": 7}},
            "latency": {"db.internal:5432 connect": "4.1 s"},
            "sidecars": [{"name": "sql-proxy"}],
        }))
        .unwrap();
        assert_eq!(facts.at("env.PORT").as_deref(), Some("3000/tcp"));
        assert_eq!(facts.at("limits.memory_mb").as_deref(), Some("400"));
        assert_eq!(facts.at("probes.startup.failureThreshold").as_deref(), Some("7"));
        assert_eq!(facts.at("latency.db.internal:5432 connect").as_deref(), Some("4.1 s"));
        assert_eq!(facts.at("sidecars.0.name").as_deref(), Some("sql-proxy"));
        assert_eq!(facts.at("env.NOPE"), None);
        assert!(Facts::default().is_empty() && !facts.is_empty());
    }
}
