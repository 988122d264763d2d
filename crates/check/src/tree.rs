//! YAML and JSON to one tree whose every node knows where it stands.
//!
//! What it is for: manifests are YAML or JSON, and a finding has to point at a character of the file.
//! Aliases and merge keys (`<<`) are resolved. What it must never do: grow beyond [`NODES_MAX`] nodes
//! or [`DEPTH_MAX`] levels, whatever the input ("billion laughs"), or recurse on its input.
//! Where to start reading: [`parse`].

use crate::source::Span;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of one file, with those that aliases repeat.
const NODES_MAX: usize = 1_000_000;
/// Levels of nesting; more is no manifest.
const DEPTH_MAX: usize = 100;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `null`, `~` or nothing.
    Null,
    Text {
        text: String,
        /// Without quotes: what a reader may take for a number or a boolean.
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The value of a key; nothing for an absent key, a null, or where this is no map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value).filter(|node| node.value != Value::Null)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value behind several keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text { text, .. } = &self.value { Some(text) } else { None }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }
}

/// What a file held.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) roots: Vec<Node>,
    pub(crate) duplicates: Vec<(String, Span)>,
    /// Why and where reading stopped.
    pub(crate) error: Option<(String, Span)>,
}

/// All documents of a text, up to the first that cannot be read.
pub(crate) fn parse(text: &str) -> Documents {
    let json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let text = if json { without_surrogates(text) } else { Cow::Borrowed(text) };
    let offsets = Offsets::new(&text);
    let mut building = Building::default();
    for event in Parser::new_from_str(&text) {
        let step = event.map_err(|error| syntax(&offsets, &error)).and_then(|(event, at)| {
            building.take(event, Span::new(offsets.byte(at.start.index()), offsets.byte(at.end.index())))
        });
        if let Err(error) = step {
            building.documents.error = Some(error);
            break;
        }
    }
    building.documents
}

/// A document that stands in a string of another one: all of it is said to stand where the string does.
pub(crate) fn parse_within(text: &str, span: Span) -> Result<Vec<Node>, String> {
    let documents = parse(text);
    if let Some((why, _)) = documents.error {
        return Err(why);
    }
    let mut roots = documents.roots;
    roots.iter_mut().for_each(|root| place(root, span));
    Ok(roots)
}

/// Depth is bounded by [`DEPTH_MAX`].
fn place(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| place(item, span)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| {
            entry.key_span = span;
            place(&mut entry.value, span);
        }),
        Value::Null | Value::Text { .. } => {}
    }
}

fn syntax(offsets: &Offsets, error: &ScanError) -> (String, Span) {
    let at = offsets.byte(error.marker().index());
    (error.info().to_owned(), Span::new(at, at + 1))
}

/// JSON writes characters beyond the first plane as two escapes, which YAML does not know. Both are
/// replaced by an escape of the same length, so that places stay true; only such a character is lost.
fn without_surrogates(text: &str) -> Cow<'_, str> {
    let surrogate = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok().filter(|unit| (0xd800..0xe000).contains(unit))
    };
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices("\\u") {
        if surrogate(at).is_some() && !escaped(text, at) {
            out.push_str(&text[done..at]);
            out.push_str("\\ufffd");
            done = at + 6;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// An odd number of backslashes stands before.
fn escaped(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// From the parser's characters to bytes.
struct Offsets {
    /// Byte of every 64th character.
    every: Vec<usize>,
    text: String,
}

const EVERY: usize = 64;

impl Offsets {
    fn new(text: &str) -> Offsets {
        if text.is_ascii() {
            return Offsets { every: Vec::new(), text: String::new() };
        }
        let every = text.char_indices().step_by(EVERY).map(|(at, _)| at).collect();
        Offsets { every, text: text.to_owned() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.every.is_empty() {
            return character;
        }
        let Some(from) = self.every.get(character / EVERY) else {
            return self.text.len();
        };
        let rest = &self.text[*from..];
        from + rest.char_indices().nth(character % EVERY).map_or(rest.len(), |(at, _)| at)
    }
}

/// A collection that is not closed yet.
struct Open {
    anchor: usize,
    span: Span,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, merged: Vec<Node>, key: Option<(String, Span)> },
}

#[derive(Default)]
struct Building {
    documents: Documents,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

type Stop = (String, Span);

impl Building {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Text { text: text.into_owned(), plain } };
                self.add(Node { span, value }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, span, Kind::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.open(anchor, span, Kind::Map { entries: Vec::new(), merged: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((node, size)) => {
                    let (mut node, size) = (node.clone(), *size);
                    // What an alias brings in stands where it is written; the alias is where it is used.
                    if matches!(node.value, Value::Text { .. } | Value::Null) {
                        node.span = span;
                    }
                    self.add(node, 0, size)
                }
                None => Err(("an alias refers to what contains it".to_owned(), span)),
            },
            Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::Nothing => {
                Ok(())
            }
        }
    }

    fn open(&mut self, anchor: usize, span: Span, kind: Kind) -> Result<(), Stop> {
        if self.stack.len() >= DEPTH_MAX {
            return Err((format!("nested deeper than {DEPTH_MAX} levels"), span));
        }
        self.stack.push(Open { anchor, span, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            Kind::List(items) => Value::List(items),
            Kind::Map { mut entries, merged, .. } => {
                merge(&mut entries, merged);
                Value::Map(entries)
            }
        };
        self.add(Node { span: open.span, value }, open.anchor, 1)
    }

    /// Adds a finished node of so many nodes (its children have been counted) to what is open.
    fn add(&mut self, node: Node, anchor: usize, count: usize) -> Result<(), Stop> {
        self.nodes += count;
        if self.nodes > NODES_MAX {
            return Err((format!("more than {NODES_MAX} values, with those that aliases repeat"), node.span));
        }
        if anchor > 0 {
            let size = size(&node);
            self.nodes += size;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.stack.last_mut() else {
            if node.value != Value::Null {
                self.documents.roots.push(node);
            }
            return Ok(());
        };
        match &mut open.kind {
            Kind::List(items) => items.push(node),
            Kind::Map { entries, merged, key } => match key.take() {
                None => {
                    let text = node.text().map_or_else(
                        || if node.value == Value::Null { String::new() } else { "?".to_owned() },
                        str::to_owned,
                    );
                    *key = Some((text, node.span));
                }
                Some((key, _)) if key == "<<" => merged.push(node),
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
            },
        }
        if let Some(Open { kind: Kind::Map { entries, key: None, .. }, .. }) = self.stack.last() {
            self.documents.note_duplicate(entries);
        }
        Ok(())
    }
}

impl Documents {
    /// The entry that was added last repeats an earlier one. Wide maps are compared by their ends
    /// alone, so that a map of a million keys costs no more than its size.
    fn note_duplicate(&mut self, entries: &[Entry]) {
        const COMPARED: usize = 256;
        if let Some((last, before)) = entries.split_last()
            && before.iter().rev().take(COMPARED).any(|entry| entry.key == last.key)
            && self.duplicates.last().is_none_or(|(_, span)| *span != last.key_span)
        {
            self.duplicates.push((last.key.clone(), last.key_span));
        }
    }
}

fn size(node: &Node) -> usize {
    1 + node.items().iter().map(size).sum::<usize>() + node.entries().iter().map(|e| 1 + size(&e.value)).sum::<usize>()
}

/// Keys of merged maps come after the map's own, which win.
fn merge(entries: &mut Vec<Entry>, merged: Vec<Node>) {
    if merged.is_empty() {
        return;
    }
    let mut known: BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    for node in merged {
        let maps = match node.value {
            Value::Map(map) => vec![map],
            Value::List(items) => items.into_iter().map(|item| item.entries().to_vec()).collect(),
            _ => Vec::new(),
        };
        for entry in maps.into_iter().flatten() {
            if known.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let documents = parse(text);
        assert_eq!(documents.error, None);
        documents.roots.into_iter().next().expect("one document")
    }

    #[test]
    fn spans_are_bytes_of_the_file() {
        let text = "ä: [ü, {k: 'wörd'}]\nlast: x\n";
        let root = one(text);
        let word = root.get("ä").and_then(|list| list.items()[1].get("k")).expect("there");
        assert_eq!(&text[word.span.start..word.span.end], "'wörd'");
        let last = root.entry("last").expect("there");
        assert_eq!(&text[last.key_span.start..last.key_span.end], "last");
    }

    #[test]
    fn merge_keys_fill_what_is_not_there() {
        let root = one("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n");
        let text = |key| root.at(&["b", key]).and_then(Node::text);
        assert_eq!((text("x"), text("y")), (Some("1"), Some("3")));
    }

    #[test]
    fn laughing_a_billion_times_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{}", i - 1);
            text += &format!("a{i}: &a{i} [{}]\n", vec![before; 10].join(", "));
        }
        let (why, _) = parse(&text).error.expect("refused");
        assert!(why.contains("values"), "{why}");
        assert!(parse(&"- ".repeat(200_000)).error.expect("refused").0.contains("nested"));
        assert!(parse("a: &a [*a]\n").error.is_some());
    }

    #[test]
    fn json_with_characters_beyond_the_first_plane_is_read() {
        let root = one("{\"a\": \"\\ud83d\\ude00 x\", \"b\": \"\\\\ud83d\"}");
        assert_eq!(root.get("a").and_then(Node::text), Some("\u{fffd}\u{fffd} x"));
        assert_eq!(root.get("b").and_then(Node::text), Some("\\ud83d"));
    }

    #[test]
    fn a_repeated_key_is_noted_once() {
        let documents = parse("a: 1\nb: 2\na: 3\n");
        assert_eq!(documents.duplicates.len(), 1);
        assert_eq!(documents.duplicates[0].0, "a");
    }
}
