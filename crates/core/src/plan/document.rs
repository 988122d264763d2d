//! A plan's text as a tree in which every key and value knows its place, with `extends` followed.
//!
//! It knows TOML and files, and nothing of what the keys mean. It never reads a file: the caller
//! hands over a function.
//! Where to start reading: [`load`].

use super::error::{PlanCode, PlanError};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The longest text of one plan file, in bytes. Large fleets' plans have some ten kilobytes.
const LONGEST_TEXT: usize = 1 << 20;
/// How many files one plan may extend, one through the other.
const DEEPEST_EXTENDS: usize = 4;
/// Most syntax errors that are worth showing.
const MOST_SYNTAX_ERRORS: usize = 8;

/// A file that the plan was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as the caller gave it or as `extends` led to it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Bytes of one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index into the sources.
    pub file: usize,
    /// Bytes of its text.
    pub span: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: Place,
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// Kept as written: no key takes one but expected JSON.
    Float(String),
    Boolean(bool),
    /// No key takes one.
    Date,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub at: Place,
    pub node: Node,
}

impl Value {
    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Date => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value of a key, when this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }

    /// The text, when it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A plan with everything that it extends, merged.
pub(super) struct Document {
    pub sources: Vec<Source>,
    /// `version` of each file, in the order of the sources.
    pub versions: Vec<Option<Node>>,
    pub root: Node,
}

/// Reads `text` and the plans that it extends, which `files` hands over by their path relative to
/// the first one's directory.
pub(super) fn load(
    text: &str,
    name: &str,
    files: &dyn Fn(&str) -> Option<String>,
) -> Result<Document, (Vec<Source>, Vec<PlanError>)> {
    let mut sources = vec![Source { name: name.to_owned(), text: text.to_owned() }];
    let mut layers = Vec::new();
    // Paths of the files so far, to notice a circle. The first one's own name counts as well.
    let mut seen = vec![joined("", name.rsplit('/').next().unwrap_or(name))];
    loop {
        let file = sources.len() - 1;
        let root = match parse(&sources[file].text, file, &sources[file].name) {
            Ok(root) => root,
            Err(errors) => return Err((sources, errors)),
        };
        let next = root.get("extends").map(|node| (node.text().map(str::to_owned), node.at.clone()));
        layers.push(root);
        // Of another type than text: the reader of the keys says so.
        let Some((Some(path), at)) = next else { break };
        let path = joined(seen.last().map_or("", String::as_str), &path);
        let fail = |code, what: String, hint: &str| PlanError {
            code,
            file: sources[file].name.clone(),
            span: Some(at.span.clone()),
            what,
            hint: Some(hint.to_owned()),
            related: None,
        };
        let error = if seen.contains(&path) {
            fail(PlanCode::ExtendsCycle, format!("`{path}` extends itself in the end"), "remove one `extends`")
        } else if seen.len() > DEEPEST_EXTENDS {
            let what = format!("more than {DEEPEST_EXTENDS} plans extend each other");
            fail(PlanCode::ExtendsCycle, what, "put what they share into one base")
        } else if let Some(text) = files(&path) {
            sources.push(Source { name: path.clone(), text });
            seen.push(path);
            continue;
        } else {
            let what = format!("`{path}`, which this plan extends, cannot be read");
            fail(PlanCode::ExtendsUnreadable, what, "paths are relative to the file that has the `extends`")
        };
        return Err((sources, vec![error]));
    }
    let versions = layers.iter().map(|root| root.get("version").cloned()).collect();
    let root = layers.into_iter().rev().reduce(|base, over| merge(base, over, "")).expect("one at least was read");
    Ok(Document { sources, versions, root })
}

/// `path` as seen from the directory of `from`, without `.` and, where possible, `..`.
fn joined(from: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(dir, _)| dir) };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') || base.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// One file's text to a tree.
fn parse(text: &str, file: usize, name: &str) -> Result<Node, Vec<PlanError>> {
    let error = |code, span, what: String, hint: &str| PlanError {
        code,
        file: name.to_owned(),
        span,
        what,
        hint: Some(hint.to_owned()),
        related: None,
    };
    if text.len() > LONGEST_TEXT {
        let what = format!("the plan is larger than {LONGEST_TEXT} bytes");
        return Err(vec![error(PlanCode::TooLarge, None, what, "check that this is the plan")]);
    }
    let (document, mistakes) = DeTable::parse_recoverable(text);
    if mistakes.is_empty() {
        let at = Place { file, span: 0..text.len() };
        return Ok(Node { at, value: table(document.into_inner(), file) });
    }
    let mut errors: Vec<(usize, PlanError)> = Vec::new();
    // One slip makes the parser stumble several times: its first complaint of a line is the one.
    for mistake in mistakes.iter().take(10 * MOST_SYNTAX_ERRORS) {
        let span = mistake.span().map(|span| inside(text, span));
        let line = span.as_ref().map_or(0, |span| line_of(text, span.start));
        if errors.iter().all(|(known, _)| *known != line) {
            let what = format!("not TOML: {}", mistake.message());
            errors.push((line, error(PlanCode::NotToml, span, what, "correct the syntax here")));
        }
    }
    Err(errors.into_iter().take(MOST_SYNTAX_ERRORS).map(|(_, error)| error).collect())
}

/// `span` clipped to `text` and widened to whole characters.
fn inside(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

fn table(table: DeTable<'_>, file: usize) -> Value {
    let entry = |(key, node): (toml::Spanned<_>, _)| {
        let at = Place { file, span: key.span() };
        Entry { key: std::borrow::Cow::into_owned(key.into_inner()), at, node: convert(node, file) }
    };
    Value::Table(table.into_iter().map(entry).collect())
}

fn convert(node: toml::Spanned<DeValue<'_>>, file: usize) -> Node {
    let at = Place { file, span: node.span() };
    let value = match node.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        // Wider than any key takes: out of range there.
        DeValue::Integer(integer) => {
            let radix = integer.radix();
            let wide = if integer.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
            Value::Integer(i64::from_str_radix(integer.as_str(), radix).unwrap_or(wide))
        }
        DeValue::Float(float) => Value::Float(float.as_str().to_owned()),
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(array) => Value::Array(array.into_iter().map(|node| convert(node, file)).collect()),
        DeValue::Table(inner) => table(inner, file),
    };
    Node { at, value }
}

/// `base` with everything of `over` in it: tables key by key, phases and steps by their names, all
/// else replaced.
fn merge(base: Node, over: Node, key: &str) -> Node {
    match (base.value, over.value) {
        (Value::Table(base), Value::Table(over_entries)) => {
            let value = Value::Table(merge_tables(base, over_entries));
            Node { at: over.at, value }
        }
        (Value::Array(base), Value::Array(over_items)) if matches!(key, "phase" | "step") => {
            Node { at: over.at, value: Value::Array(merge_named(base, over_items)) }
        }
        (_, value) => Node { at: over.at, value },
    }
}

fn merge_tables(mut base: Vec<Entry>, over: Vec<Entry>) -> Vec<Entry> {
    for entry in over {
        match base.iter().position(|known| known.key == entry.key) {
            Some(index) => {
                let known = base.remove(index);
                let node = merge(known.node, entry.node, &entry.key);
                base.insert(index, Entry { key: entry.key, at: entry.at, node });
            }
            None => base.push(entry),
        }
    }
    base
}

fn merge_named(base: Vec<Node>, over: Vec<Node>) -> Vec<Node> {
    let name = |node: &Node| node.get("name").and_then(Node::text).map(str::to_owned);
    let mut over: Vec<Option<Node>> = over.into_iter().map(Some).collect();
    let mut merged: Vec<Node> = Vec::with_capacity(base.len() + over.len());
    for node in base {
        // Taken once: a second one of that name in the same file stays, and is a mistake there.
        let named = name(&node);
        let same = over.iter_mut().find(|other| named.is_some() && other.as_ref().and_then(name) == named);
        merged.push(match same.and_then(Option::take) {
            Some(other) => merge(node, other, ""),
            None => node,
        });
    }
    merged.extend(over.into_iter().flatten());
    merged
}

/// The line of an offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}
