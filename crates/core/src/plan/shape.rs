//! How keys of a plan are read: each type says what it takes, every mistake is kept, and reading
//! goes on behind it.
//!
//! One declaration of a table ([`shape!`]) gives its fields, its reader and its JSON Schema, so
//! that these cannot differ. `${NAME}` is resolved here for settings; addresses of dependencies
//! keep it ([`Address`](super::raw::Address)), because an unset one fails the start, not the plan.
//! Where to start reading: [`Shape`], then [`shape!`].

use super::document::{Entry, Node, Place, Source, Value};
use super::duration::{self, BadDuration};
use super::error::{PlanCode, PlanError, list, suggest};
use crate::target::Environment;
use crate::time::Millis;
use std::collections::BTreeMap;

/// Most items of one array and keys of one table. Plans of whole fleets stay far below.
const MOST_ITEMS: usize = 1000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub value: T,
    pub at: Place,
}

/// What reading needs, and the mistakes so far.
pub(super) struct Reader<'a> {
    pub sources: &'a [Source],
    pub env: &'a Environment,
    pub errors: Vec<PlanError>,
    pub warnings: Vec<PlanError>,
}

impl Reader<'_> {
    /// A mistake at a place, not yet kept.
    pub fn mistake(&self, code: PlanCode, at: &Place, what: impl Into<String>) -> PlanError {
        PlanError {
            code,
            file: self.sources[at.file].name.clone(),
            span: Some(at.span.clone()),
            what: what.into(),
            hint: None,
            related: None,
        }
    }

    /// Keeps a mistake, with what to do about it.
    pub fn error(&mut self, code: PlanCode, at: &Place, what: impl Into<String>, hint: impl Into<String>) {
        let error = self.mistake(code, at, what).hint(hint);
        self.errors.push(error);
    }

    /// Keeps a warning, with what to do about it.
    pub fn warn(&mut self, code: PlanCode, at: &Place, what: impl Into<String>, hint: impl Into<String>) {
        let warning = self.mistake(code, at, what).hint(hint);
        self.warnings.push(warning);
    }

    /// A value of another type than `want`.
    pub fn wrong_type(&mut self, node: &Node, want: &str, example: &str) {
        let what = format!("expected {want}, found {}", node.value.kind());
        self.error(PlanCode::WrongType, &node.at, what, format!("write it like {example}"));
    }

    /// Whether `text` is free of `${...}` or one whole reference; anything else is a mistake.
    pub fn reference(&mut self, text: &str, at: &Place) -> Option<()> {
        if name_of(text).is_some() || !text.contains("${") {
            return Some(());
        }
        let whole = text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1;
        let (what, hint) = if whole {
            ("`${...}` does not hold the name of a variable", "names have letters, digits and `_`, and no digit first")
        } else {
            ("`${...}` is only a part of the value", "put the whole value into one variable and write `${NAME}`")
        };
        self.error(PlanCode::BadReference, at, what, hint);
        None
    }

    /// The text of a setting, from the plan or from the environment.
    pub fn setting<T>(
        &mut self,
        node: &Node,
        read: impl FnOnce(&str) -> Result<T, (PlanCode, String, Option<String>)>,
    ) -> Option<T> {
        let text = node.text()?;
        self.reference(text, &node.at)?;
        let name = name_of(text);
        let value = match name {
            None => text,
            Some(name) => match self.env.get(name).filter(|value| !value.is_empty()) {
                Some(value) => value.as_str(),
                None => {
                    let what = format!("`{name}` is not set");
                    let hint = "set it in the environment, or write the value here";
                    self.error(PlanCode::UnsetVariable, &node.at, what, hint);
                    return None;
                }
            },
        };
        match read(value) {
            Ok(value) => Some(value),
            Err((code, what, hint)) => {
                let subject = name.map_or_else(|| shown(text), |name| format!("the value of `{name}`"));
                let error = self.mistake(code, &node.at, format!("{subject} {what}")).maybe_hint(hint);
                self.errors.push(error);
                None
            }
        }
    }

    /// The entries of a table that takes `keys` alone.
    pub fn table<'n>(&mut self, node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
        let Value::Table(entries) = &node.value else {
            let example = keys.first().map_or_else(|| "{ ... }".to_owned(), |key| format!("{{ {key} = ... }}"));
            self.wrong_type(node, "a table", &format!("`{example}`"));
            return None;
        };
        for entry in entries.iter().filter(|entry| !keys.contains(&entry.key.as_str())) {
            let what = format!("{} is not a key here", shown(&entry.key));
            let hint = suggest(&entry.key, keys.iter().copied())
                .unwrap_or_else(|| format!("known here: {}", list(keys.iter().copied())));
            self.error(PlanCode::UnknownKey, &entry.at, what, hint);
        }
        Some(node)
    }

    /// A key of a table, read.
    pub fn field<T: Shape>(&mut self, table: &Node, key: &str) -> Option<Located<T>> {
        let node = table.get(key)?;
        Some(Located { value: T::read(node, self)?, at: node.at.clone() })
    }

    /// Says that a key that has to be there is not.
    pub fn require(&mut self, table: &Node, keys: &[&str]) -> bool {
        let missing: Vec<&str> = keys.iter().copied().filter(|key| table.get(key).is_none()).collect();
        for key in &missing {
            let what = format!("`{key}` is missing");
            self.error(PlanCode::MissingKey, &table.at, what, format!("add `{key} = ...`"));
        }
        missing.is_empty()
    }

    /// The entries of a table whose keys are names, within bounds.
    pub fn entries<'n>(&mut self, node: &'n Node, example: &str) -> Option<&'n [Entry]> {
        let Value::Table(entries) = &node.value else {
            self.wrong_type(node, "a table", &format!("`{example}`"));
            return None;
        };
        self.bounded(entries.len(), node).then_some(entries.as_slice())
    }

    /// The items of an array within bounds.
    pub fn items<'n>(&mut self, node: &'n Node, example: &str) -> Option<&'n [Node]> {
        let Value::Array(items) = &node.value else {
            self.wrong_type(node, "an array", example);
            return None;
        };
        self.bounded(items.len(), node).then_some(items.as_slice())
    }

    fn bounded(&mut self, count: usize, node: &Node) -> bool {
        if count > MOST_ITEMS {
            let what = format!("{count} entries; {MOST_ITEMS} are the most");
            self.error(PlanCode::TooLarge, &node.at, what, "divide it");
        }
        count <= MOST_ITEMS
    }
}

/// The name in `${NAME}`, when that is the whole text.
pub(super) fn name_of(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= 255
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fits.then_some(name)
}

/// A text of the plan in backticks, on one line and short, without what looks like a secret.
pub(super) fn shown(text: &str) -> String {
    let clean = crate::redact::Redactor::new([]).clean(text).into_owned();
    let mut line: String = clean.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().nth(60).is_some() {
        line.push_str("...");
    }
    format!("`{line}`")
}

/// A type that a key can have.
pub(super) trait Shape: Sized {
    /// Reads a node; mistakes go to the reader.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;
    /// What JSON Schema says about it.
    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
}

/// Declares a table of a plan: its keys with what they mean, their types, and which must be there.
macro_rules! shape {
    ($($(#[doc = $doc:literal])* $name:ident requires [$($required:ident),*] {
        $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty,)+
    })+) => { $(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name { $($(#[doc = $field_doc])* pub $field: Option<Located<$ty>>,)+ }

        impl $name {
            /// The keys, as a plan writes them.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($field)),+];
        }

        impl Shape for $name {
            fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
                let table = reader.table(node, Self::KEYS)?;
                let whole = reader.require(table, &[$(stringify!($required)),*]);
                let read = $name { $($field: reader.field(table, stringify!($field)),)+ };
                whole.then_some(read)
            }

            #[cfg(feature = "schema")]
            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<$name>()
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let required: &[&str] = &[$(stringify!($required)),*];
                let properties = [$((
                    stringify!($field),
                    concat!("", $($field_doc, "\n"),*).trim(),
                    <$ty as Shape>::schema(generator),
                )),+];
                $crate::plan::shape::object(concat!("", $($doc, "\n"),*).trim(), &properties, required)
            }
        }
    )+ };
}
pub(super) use shape;

/// The schema of a table.
#[cfg(feature = "schema")]
pub(super) fn object(
    description: &str,
    properties: &[(&str, &str, schemars::Schema)],
    required: &[&str],
) -> schemars::Schema {
    let one_line = |doc: &str| doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all = serde_json::Map::new();
    for (name, doc, schema) in properties {
        let mut schema = schema.clone();
        schema.insert("description".to_owned(), one_line(doc).into());
        all.insert((*name).to_owned(), schema.to_value());
    }
    schemars::json_schema!({
        "type": "object",
        "description": one_line(description),
        "properties": all,
        "required": required,
        "additionalProperties": false,
    })
}

impl Shape for String {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
        if node.text().is_none() {
            reader.wrong_type(node, "a string", "`\"...\"`");
            return None;
        }
        reader.setting(node, |text| {
            let bad = |what: &str| Err((PlanCode::BadValue, what.to_owned(), Some("write a text".to_owned())));
            match () {
                () if text.trim().is_empty() => bad("is empty"),
                () if text.contains('\0') => bad("holds a zero byte"),
                () => Ok(text.to_owned()),
            }
        })
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Shape for bool {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<bool> {
        match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::Text(text) if text.contains("${") => reader.setting(node, |text| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err((PlanCode::BadValue, "is neither `true` nor `false`".to_owned(), None)),
            }),
            _ => {
                reader.wrong_type(node, "true or false", "`true`");
                None
            }
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        or_reference(schemars::json_schema!({ "type": "boolean" }))
    }
}

/// A whole number from `LOW` to `HIGH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<const LOW: i64, const HIGH: i64>(pub i64);

impl<const LOW: i64, const HIGH: i64> Shape for Whole<LOW, HIGH> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let outside = || format!("is not from {LOW} to {HIGH}");
        let value = match &node.value {
            Value::Integer(value) => *value,
            Value::Text(text) if text.contains("${") => reader.setting(node, |text| {
                text.parse().map_err(|_| (PlanCode::BadValue, "is not a whole number".to_owned(), None))
            })?,
            _ => {
                reader.wrong_type(node, "a whole number", &format!("`{LOW}`"));
                return None;
            }
        };
        if (LOW..=HIGH).contains(&value) {
            return Some(Whole(value));
        }
        let what = format!("the number {}", outside());
        reader.error(PlanCode::OutOfRange, &node.at, what, "choose one from that range");
        None
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        or_reference(schemars::json_schema!({ "type": "integer", "minimum": LOW, "maximum": HIGH }))
    }
}

/// A length of time that is not zero.
impl Shape for Millis {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Millis> {
        let MaybeZero(time) = MaybeZero::read(node, reader)?;
        if time > Millis::ZERO {
            return Some(time);
        }
        let what = format!("the duration {}", BadDuration::Zero);
        reader.error(PlanCode::BadDuration, &node.at, what, "write a length of time such as \"8s\"");
        None
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        MaybeZero::schema(generator)
    }
}

/// A length of time that may be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MaybeZero(pub Millis);

impl Shape for MaybeZero {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<MaybeZero> {
        if let Value::Integer(number) = &node.value {
            let what = format!("the duration `{number}` {}", BadDuration::Unit);
            reader.error(PlanCode::BadDuration, &node.at, what, format!("write \"{number}s\" or \"{number}ms\""));
            return None;
        }
        if node.text().is_none() {
            reader.wrong_type(node, "a duration", "`\"8s\"`, `\"1m30s\"` or `\"250ms\"`");
            return None;
        }
        reader.setting(node, read_duration).map(MaybeZero)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^(\$\{[A-Za-z_][A-Za-z0-9_]*\}|\s*([0-9]+(\.[0-9]+)?(ms|s|m|h)\s*)+)$"
        })
    }
}

/// A duration, or what is wrong with it and what to write.
pub(super) fn read_duration(text: &str) -> Result<Millis, (PlanCode, String, Option<String>)> {
    duration::parse(text).map_err(|error| {
        let hint = match error {
            BadDuration::Long => "write at most \"24h\"",
            _ => "write a length of time such as \"8s\", \"1m30s\" or \"250ms\"",
        };
        (PlanCode::BadDuration, error.to_string(), Some(hint.to_owned()))
    })
}

/// A duration that is not zero, or what is wrong with it and what to write.
pub(super) fn read_positive(text: &str) -> Result<Millis, (PlanCode, String, Option<String>)> {
    match read_duration(text)? {
        Millis::ZERO => read_duration("").map_err(|(code, _, hint)| (code, BadDuration::Zero.to_string(), hint)),
        time => Ok(time),
    }
}

/// A member of a closed set.
pub(super) fn read_word<T: std::str::FromStr + Copy>(
    text: &str,
    known: &[&str],
) -> Result<T, (PlanCode, String, Option<String>)> {
    text.parse().map_err(|_| {
        let hint = suggest(text, known.iter().copied()).unwrap_or_else(|| "choose one of those".to_owned());
        (PlanCode::BadValue, format!("is none of {}", list(known.iter().copied())), Some(hint))
    })
}

/// Makes closed sets readable.
macro_rules! word_shapes {
    ($($set:ty),+ $(,)?) => { $(
        impl Shape for $set {
            fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
                if node.text().is_none() {
                    reader.wrong_type(node, "a string", &format!("`\"{}\"`", <$set>::ALL[0]));
                    return None;
                }
                let known: Vec<&str> = <$set>::ALL.iter().map(|word| word.as_str()).collect();
                reader.setting(node, |text| read_word(text, &known))
            }

            #[cfg(feature = "schema")]
            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let known: Vec<&str> = <$set>::ALL.iter().map(|word| word.as_str()).collect();
                or_reference(schemars::json_schema!({ "enum": known }))
            }
        }
    )+ };
}
word_shapes!(super::Kind, super::Platform, super::Capture, super::Restart, super::Format, crate::vocabulary::Layer);

/// The same, or `${NAME}`.
#[cfg(feature = "schema")]
pub(super) fn or_reference(schema: schemars::Schema) -> schemars::Schema {
    schemars::json_schema!({
        "anyOf": [schema, { "type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$" }]
    })
}

impl<T: Shape> Shape for Vec<Located<T>> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let items = reader.items(node, "`[...]`")?;
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            read.push(T::read(item, reader).map(|value| Located { value, at: item.at.clone() }));
        }
        // All or nothing, so that nobody builds on a list with holes; every mistake has been kept.
        read.into_iter().collect()
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": T::schema(generator), "maxItems": MOST_ITEMS })
    }
}

/// A table whose keys are names of the plan's own.
impl<T: Shape> Shape for BTreeMap<String, (Place, T)> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut read = BTreeMap::new();
        for entry in reader.entries(node, "{ name = ... }")? {
            if let Some(value) = T::read(&entry.node, reader) {
                read.insert(entry.key.clone(), (entry.at.clone(), value));
            }
        }
        Some(read)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": T::schema(generator) })
    }
}
