//! Values of a plan that have a form of their own: addresses, commands, names, witnesses, what
//! must come back.
//!
//! A value with two forms (a name or a table) is told apart by its type, so that a mistake in one
//! is reported as such, and never as "no variant matched".
//! Where to start reading: [`Address`] and [`Argv`].

use super::document::{Node, Place, Value};
use super::error::{PlanCode, list, suggest};
use super::raw::{RawAnswer, RawOnce, RawReady, RawVariable, Witnesses};
#[cfg(feature = "schema")]
use super::shape::or_reference;
use super::shape::{Located, Reader, Shape, Whole, name_of, shown};
use std::collections::BTreeMap;

/// The name of a phase, step, variable or lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub String);

/// Longest name. It stands in events and in texts of 100 columns.
const LONGEST_NAME: usize = 64;

impl Shape for Name {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Name> {
        if node.text().is_none() {
            reader.wrong_type(node, "a string", "`\"orders-db\"`");
            return None;
        }
        reader.setting(node, |text| {
            let fits = text.len() <= LONGEST_NAME
                && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            let hint = "use letters, digits, `-`, `_` and `.`, at most 64, a letter or digit first";
            if fits {
                Ok(Name(text.to_owned()))
            } else {
                Err((PlanCode::BadName, "is no name".to_owned(), Some(hint.to_owned())))
            }
        })
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        or_reference(schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$" }))
    }
}

/// Where something is: an address in the plan, or the variable that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// As the plan writes it; never with a password.
    Literal(String),
    /// `${NAME}`: looked up when the start begins.
    Variable(String),
}

impl Address {
    /// As the plan writes it.
    pub fn written(&self) -> String {
        match self {
            Address::Literal(text) => text.clone(),
            Address::Variable(name) => format!("${{{name}}}"),
        }
    }
}

impl Shape for Address {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Address> {
        let Some(text) = node.text() else {
            reader.wrong_type(node, "a string", "`\"${DATABASE_URL}\"`");
            return None;
        };
        reader.reference(text, &node.at)?;
        if let Some(name) = name_of(text) {
            return Some(Address::Variable(name.to_owned()));
        }
        let hint = "put the value into a variable and write `${NAME}`";
        no_secret(text, hint, &node.at, reader).then(|| Address::Literal(text.to_owned()))
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// Whether nothing in a text of the plan looks like a secret; otherwise that is a mistake, which
/// does not show it.
fn no_secret(text: &str, hint: &str, at: &Place, reader: &mut Reader<'_>) -> bool {
    if crate::redact::Redactor::new([]).clean(text) == text {
        return true;
    }
    let what = "a secret stands in the plan itself";
    reader.error(PlanCode::SecretInPlan, at, what, hint);
    false
}

/// A command and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argv(pub Vec<String>);

impl Shape for Argv {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Argv> {
        let example = "`[\"alembic\", \"upgrade\", \"head\"]`";
        let items = reader.items(node, example)?;
        if items.first().and_then(Node::text).is_none_or(str::is_empty) {
            let what = "a command begins with the program to run";
            reader.error(PlanCode::BadValue, &node.at, what, format!("write it like {example}"));
            return None;
        }
        let mut argv = Vec::with_capacity(items.len());
        for item in items {
            argv.push(argument(item, reader));
        }
        argv.into_iter().collect::<Option<_>>().map(Argv)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
    }
}

/// What to do with a value that must not be an argument.
const READ_IT_THERE: &str = "the command has the environment: let it read the value there";

fn argument(item: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let Some(text) = item.text() else {
        reader.wrong_type(item, "a string", "`\"head\"`");
        return None;
    };
    if text.contains("${") {
        let what = "`${...}` is not replaced in a command: everybody on the machine can read its arguments";
        reader.error(PlanCode::ReferenceInExec, &item.at, what, READ_IT_THERE);
        return None;
    }
    if text.contains('\0') {
        reader.error(PlanCode::BadValue, &item.at, "an argument holds a zero byte", "remove it");
        return None;
    }
    no_secret(text, READ_IT_THERE, &item.at, reader).then(|| text.to_owned())
}

/// One address or several.
#[derive(Clone, Debug)]
pub(super) struct OneOrMany(pub Vec<Located<Address>>);

impl Shape for OneOrMany {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<OneOrMany> {
        let all = match &node.value {
            Value::Array(_) => Vec::read(node, reader)?,
            _ => vec![Located { value: Address::read(node, reader)?, at: node.at.clone() }],
        };
        if all.is_empty() {
            reader.error(PlanCode::BadValue, &node.at, "no address", "name one at least");
            return None;
        }
        Some(OneOrMany(all))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = Address::schema(generator);
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A variable: its name, or a table with more about it.
#[derive(Clone, Debug)]
pub(super) struct EnvItem(pub RawVariable);

impl Shape for EnvItem {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<EnvItem> {
        let variable = match &node.value {
            Value::Text(text) => {
                if text.contains("${") {
                    let what = format!("{} is the value of a variable, not its name", shown(text));
                    reader.error(PlanCode::BadReference, &node.at, what, "write the name alone");
                    return None;
                }
                let name = Name::read(node, reader).map(|value| Located { value, at: node.at.clone() })?;
                RawVariable { name: Some(name), ..RawVariable::default() }
            }
            Value::Table(_) => RawVariable::read(node, reader)?,
            _ => {
                reader.wrong_type(node, "the name of a variable or a table", "`\"SECRET_KEY\"`");
                return None;
            }
        };
        Some(EnvItem(variable))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (name, table) = (Name::schema(generator), RawVariable::schema(generator));
        schemars::json_schema!({ "anyOf": [name, table] })
    }
}

/// Whom an egress gate asks.
#[derive(Clone, Debug)]
pub(super) enum Egress {
    /// Everything that the plan gives.
    All,
    /// These alone.
    Named(Witnesses),
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WitnessName {
    /// The platform's metadata server.
    Metadata,
    /// The resolver.
    Resolver,
    /// An address.
    At(Address),
}

impl Shape for Egress {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Egress> {
        match &node.value {
            Value::Boolean(true) => Some(Egress::All),
            Value::Boolean(false) => {
                let what = "an egress gate that is off does nothing";
                reader.error(PlanCode::BadValue, &node.at, what, "remove the step, or write `egress = true`");
                None
            }
            Value::Array(items) if !items.is_empty() => Vec::read(node, reader).map(Egress::Named),
            _ => {
                reader.wrong_type(node, "true or a list of witnesses", "`true` or `[\"metadata\", \"resolver\"]`");
                None
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let witness = Address::schema(generator);
        schemars::json_schema!({ "anyOf": [{ "const": true }, { "type": "array", "items": witness, "minItems": 1 }] })
    }
}

impl Shape for WitnessName {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<WitnessName> {
        match node.text() {
            Some("metadata") => Some(WitnessName::Metadata),
            Some("resolver") => Some(WitnessName::Resolver),
            Some(word) if !word.contains([':', '$', '/']) => {
                let what = format!("{} is no witness", shown(word));
                let hint = suggest(word, ["metadata", "resolver"]).unwrap_or_else(|| {
                    "write `metadata`, `resolver` or an address such as `tcp://host:443`".to_owned()
                });
                reader.error(PlanCode::BadValue, &node.at, what, hint);
                None
            }
            _ => Address::read(node, reader).map(WitnessName::At),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Address::schema(generator)
    }
}

/// A lease: its name, or a table with more about it.
#[derive(Clone, Debug)]
pub(super) struct OnceKey(pub RawOnce);

impl Shape for OnceKey {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<OnceKey> {
        if matches!(node.value, Value::Table(_)) {
            return RawOnce::read(node, reader).map(OnceKey);
        }
        let name = Name::read(node, reader)?;
        Some(OnceKey(RawOnce { name: Some(Located { value: name, at: node.at.clone() }), ..RawOnce::default() }))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (name, table) = (Name::schema(generator), RawOnce::schema(generator));
        schemars::json_schema!({ "anyOf": [name, table] })
    }
}

/// How readiness is known.
#[derive(Clone, Debug)]
pub(super) enum ReadyKey {
    /// The child says so through sd_notify.
    Notify,
    /// It is seen.
    Seen(Box<RawReady>),
}

impl Shape for ReadyKey {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<ReadyKey> {
        let example = "`\"notify\"` or `{ http = \"http://127.0.0.1:8080/ready\" }`";
        match &node.value {
            Value::Text(text) if text == "notify" => Some(ReadyKey::Notify),
            Value::Text(text) => {
                let what = format!("{} says nothing about readiness", shown(text));
                reader.error(PlanCode::BadValue, &node.at, what, format!("write {example}"));
                None
            }
            Value::Table(_) => {
                let ready = RawReady::read(node, reader)?;
                let kinds =
                    [("log", ready.log.is_some()), ("http", ready.http.is_some()), ("tcp", ready.tcp.is_some())];
                let given: Vec<&str> = kinds.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
                let http_only = [("status", ready.status.is_some()), ("json", ready.json.is_some())];
                if let [one] = given[..] {
                    if let Some((key, _)) = http_only.iter().find(|(_, given)| *given && one != "http") {
                        let what = format!("`{key}` belongs to `http` and says nothing about `{one}`");
                        reader.error(PlanCode::Conflict, &node.at, what, format!("remove `{key}`"));
                        return None;
                    }
                    return Some(ReadyKey::Seen(Box::new(ready)));
                }
                // A kind with a mistake in it was given, and is already reported.
                if ["log", "http", "tcp"].iter().filter(|key| node.get(key).is_some()).count() != 1 {
                    let what = format!("readiness is known by {}, and takes exactly one", list(given));
                    reader.error(PlanCode::Conflict, &node.at, what, "keep one of `log`, `http` and `tcp`");
                }
                None
            }
            _ => {
                reader.wrong_type(node, "a string or a table", example);
                None
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let table = RawReady::schema(generator);
        schemars::json_schema!({ "anyOf": [{ "const": "notify" }, table] })
    }
}

/// Statuses of HTTP that are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statuses(pub Vec<u16>);

impl Shape for Statuses {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Statuses> {
        let all: Vec<Located<Whole<100, 599>>> = match &node.value {
            Value::Array(_) => Vec::read(node, reader)?,
            _ => vec![Located { value: Whole::read(node, reader)?, at: node.at.clone() }],
        };
        Some(Statuses(all.into_iter().map(|status| status.value.0 as u16).collect()))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = Whole::<100, 599>::schema(generator);
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// JSON pointers and the values that must stand there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JsonMatch(pub Vec<(String, serde_json::Value)>);

impl Shape for JsonMatch {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<JsonMatch> {
        let entries = reader.entries(node, "{ \"/status\" = \"ok\" }")?;
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            if !entry.key.is_empty() && !entry.key.starts_with('/') {
                let what = format!("{} is no JSON pointer", shown(&entry.key));
                reader.error(PlanCode::BadValue, &entry.at, what, format!("write \"/{}\"", entry.key));
            }
            all.push((entry.key.clone(), json(&entry.node, reader)?));
        }
        Some(JsonMatch(all))
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "propertyNames": { "pattern": "^(/.*)?$" } })
    }
}

/// A value of the plan as JSON.
fn json(node: &Node, reader: &mut Reader<'_>) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match &node.value {
        Value::Text(text) => {
            reader.reference(text, &node.at)?;
            if name_of(text).is_some() { String::read(node, reader)?.into() } else { text.clone().into() }
        }
        Value::Integer(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Float(text) => match text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => Json::Number(number),
            None => {
                reader.error(PlanCode::BadValue, &node.at, "JSON does not have this number", "write a finite one");
                return None;
            }
        },
        Value::Date => {
            reader.wrong_type(node, "a value that JSON has", "`\"ok\"`");
            return None;
        }
        Value::Array(items) => Json::Array(items.iter().map(|item| json(item, reader)).collect::<Option<_>>()?),
        Value::Table(entries) => {
            let mut map = serde_json::Map::new();
            for entry in entries {
                map.insert(entry.key.clone(), json(&entry.node, reader)?);
            }
            Json::Object(map)
        }
    })
}

/// What must come back: a text for a WebSocket, status and JSON for HTTP.
#[derive(Clone, Debug)]
pub(super) enum Answers {
    /// A text that the answer must contain.
    Text(String),
    /// Of HTTP.
    Http(RawAnswer),
}

impl Shape for Answers {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Answers> {
        match &node.value {
            Value::Text(_) => String::read(node, reader).map(Answers::Text),
            Value::Table(_) => RawAnswer::read(node, reader).map(Answers::Http),
            _ => {
                reader.wrong_type(node, "a table or a string", "`{ status = 200 }`");
                None
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (text, table) = (String::schema(generator), RawAnswer::schema(generator));
        schemars::json_schema!({ "anyOf": [text, table] })
    }
}

/// Headers that are sent.
#[derive(Clone, Debug)]
pub(super) struct Headers(pub BTreeMap<String, (Place, Address)>);

impl Shape for Headers {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Headers> {
        let all = BTreeMap::<String, (Place, Address)>::read(node, reader)?;
        let mut good = true;
        for (name, (at, value)) in &all {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                let what = format!("{} is no name of a header", shown(name));
                reader.error(PlanCode::BadName, at, what, "use letters, digits and `-`");
                good = false;
            }
            let Address::Literal(text) = value else { continue };
            if text.contains(['\r', '\n', '\0']) {
                reader.error(PlanCode::BadValue, at, "a header is one line", "remove the line break");
                good = false;
            }
            let secret = ["authorization", "cookie", "proxy-authorization", "x-api-key"];
            if secret.contains(&name.to_ascii_lowercase().as_str()) {
                let hint = "put the value into a variable and write `${NAME}`";
                reader.error(PlanCode::SecretInPlan, at, "a secret stands in the plan itself", hint);
                good = false;
            }
        }
        good.then_some(Headers(all))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        BTreeMap::<String, (Place, Address)>::schema(generator)
    }
}

/// A signal by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignalKey(pub u8);

/// Signals that ask a program to end, by the numbers that Linux gives them on every machine that
/// tminus is built for.
const SIGNALS: [(&str, u8); 8] =
    [("TERM", 15), ("INT", 2), ("QUIT", 3), ("HUP", 1), ("USR1", 10), ("USR2", 12), ("WINCH", 28), ("KILL", 9)];

impl SignalKey {
    /// Its name.
    pub fn name(self) -> &'static str {
        SIGNALS.iter().find(|(_, number)| *number == self.0).map_or("?", |(name, _)| name)
    }
}

impl Shape for SignalKey {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<SignalKey> {
        if node.text().is_none() {
            reader.wrong_type(node, "the name of a signal", "`\"TERM\"`");
            return None;
        }
        let names = || SIGNALS.iter().map(|(name, _)| *name);
        reader.setting(node, |text| {
            let bare = text.strip_prefix("SIG").unwrap_or(text);
            SIGNALS
                .iter()
                .find(|(name, _)| *name == bare)
                .map(|(_, number)| SignalKey(*number))
                .ok_or_else(|| (PlanCode::BadValue, format!("is none of {}", list(names())), suggest(bare, names())))
        })
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<String> =
            SIGNALS.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("SIG{name}")]).collect();
        or_reference(schemars::json_schema!({ "enum": names }))
    }
}
