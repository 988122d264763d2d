//! The cause catalogue: what words mean, what causes mean, and which words stand in a text.
//!
//! What it is for: [`Catalogue::scan`] says which rules' words stand in one block of log text;
//! [`Catalogue::cause`] says what a cause is, whose move it is and what to do. The rows come from
//! `knowledge/*.toml`, checked when tminus is built, and from a user's files.
//! What it must never do: read files, decide which of several matches is the cause, or compile a
//! regex that no text has asked for.
//! Where to start reading: [`schema`], then [`Catalogue`].

mod gate;
mod matcher;
mod needles;
mod predicate;
pub mod read;
mod required;
mod rule;
pub mod schema;
mod strings;
mod table;
mod template;
#[cfg(test)]
mod tests;
pub mod validate;

pub use matcher::Capture;
pub use read::CatalogueError;
pub use schema::{CauseEntry, Component, Mark, Marker, Pattern, Predicate, Proof};

use gate::Gate;
use matcher::Matcher;
use schema::Knowledge;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::LazyLock;
use strings::Strings;
use table::{Sealed, Table};
use tminus_core::vocabulary::CauseKey;

/// The largest file of a user's catalogue, in bytes.
const USER_BYTES: usize = 1 << 20;

/// What the build made of `knowledge/`: everything that would take time at a start.
struct Embedded {
    digest: &'static str,
    causes: Sealed,
    patterns: Sealed,
    markers: Sealed,
    components: Sealed,
    gate: Gate,
    frames: Gate,
}

/// Written by the build script.
mod embedded {
    use super::needles::{Entry, Grams, Needles};
    use super::{Cow, Embedded, Gate, Sealed, Strings};
    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

/// Causes, the words that speak for them, and what else is known about software that starts.
#[derive(Debug)]
pub struct Catalogue {
    digest: Cow<'static, str>,
    causes: Table<CauseEntry>,
    patterns: Table<Pattern>,
    markers: Table<Marker>,
    components: Table<Component>,
    matcher: Matcher,
    /// What a component shows in frames, by the number of the component.
    frames: Gate,
}

/// Which pattern; valid for the catalogue that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternRef(u32);

/// Which marker; valid for the catalogue that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkerRef(u32);

/// Which rule; valid for the catalogue that gave it. In declared order, patterns before markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleRef {
    /// Words that speak for a cause.
    Pattern(PatternRef),
    /// A line that says how far a start came.
    Marker(MarkerRef),
}

/// The words of one rule stand here. Offsets are bytes of the whole text, on character boundaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whose words.
    pub rule: RuleRef,
    /// Where what matched begins: the regex, or the literal of a rule without one.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The named captures that took part, in the order of the regex.
    pub captures: Vec<Capture>,
}

impl Hit {
    /// The pattern, if it is one.
    pub fn pattern(&self) -> Option<PatternRef> {
        match self.rule {
            RuleRef::Pattern(pattern) => Some(pattern),
            RuleRef::Marker(_) => None,
        }
    }

    /// The marker, if it is one.
    pub fn marker(&self) -> Option<MarkerRef> {
        match self.rule {
            RuleRef::Marker(marker) => Some(marker),
            RuleRef::Pattern(_) => None,
        }
    }

    /// Where the capture `name` stands.
    pub fn capture(&self, name: &str) -> Option<Range<usize>> {
        self.captures.iter().find(|capture| &*capture.name == name).map(|capture| capture.range.clone())
    }

    /// The text of the capture `name`; `text` is the one that was scanned.
    pub fn captured<'t>(&self, name: &str, text: &'t str) -> Option<&'t str> {
        text.get(self.capture(name)?)
    }
}

impl Catalogue {
    /// What is built in.
    pub fn builtin() -> &'static Catalogue {
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(Catalogue::sealed);
        &BUILTIN
    }

    /// What is built in and a user's files, given as (name, TOML text); their order does not
    /// matter. Errors are all mistakes of all files.
    pub fn with_user(files: &[(String, String)]) -> Result<Catalogue, Vec<CatalogueError>> {
        if files.is_empty() {
            return Ok(Catalogue::sealed());
        }
        let mut files = files.to_vec();
        files.sort();
        let mut knowledge = Catalogue::builtin().knowledge();
        let mut errors: Vec<_> = files.iter().filter_map(|(name, text)| too_large(name, text)).collect();
        files.retain(|(_, text)| text.len() <= USER_BYTES);
        let (rows, unreadable) = read::read(&files);
        errors.extend(unreadable);
        errors.extend(validate::validate(&rows, validate::Whose::User(&knowledge)));
        if !errors.is_empty() {
            errors.sort();
            return Err(errors);
        }
        let texts = files.iter().map(|(_, text)| text);
        knowledge.digest = read::digest(std::iter::once(&knowledge.digest).chain(texts));
        knowledge.extend(rows);
        Ok(Catalogue::new(knowledge))
    }

    /// What is built in, nothing of it read yet.
    fn sealed() -> Self {
        let embedded = &embedded::BUILTIN;
        let rules = embedded.patterns.by_name.len() + embedded.markers.by_name.len();
        Catalogue {
            digest: embedded.digest.into(),
            causes: Table::sealed(&embedded.causes),
            patterns: Table::sealed(&embedded.patterns),
            markers: Table::sealed(&embedded.markers),
            components: Table::sealed(&embedded.components),
            matcher: Matcher::new(embedded.gate.clone(), rules),
            frames: embedded.frames.clone(),
        }
    }

    fn new(knowledge: Knowledge) -> Self {
        let patterns = knowledge.patterns.iter().map(|pattern| pattern.literals.as_slice());
        let markers = knowledge.markers.iter().map(|marker| marker.literals.as_slice());
        let gate = Gate::new(patterns.chain(markers), requirements(&knowledge));
        let frames = knowledge.components.iter().map(|component| component.frames.as_slice());
        Catalogue {
            digest: knowledge.digest.into(),
            frames: Gate::new(frames, Strings::default()),
            matcher: Matcher::new(gate, knowledge.patterns.len() + knowledge.markers.len()),
            causes: Table::open(knowledge.causes),
            patterns: Table::open(knowledge.patterns),
            markers: Table::open(knowledge.markers),
            components: Table::open(knowledge.components),
        }
    }

    /// All rows, to be changed.
    fn knowledge(&self) -> Knowledge {
        Knowledge {
            digest: self.digest.to_string(),
            causes: self.causes().cloned().collect(),
            patterns: self.patterns().cloned().collect(),
            markers: self.markers().cloned().collect(),
            components: self.components().cloned().collect(),
        }
    }

    /// SHA-256 of the sources, as `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The cause of that key.
    pub fn cause(&self, key: &CauseKey) -> Option<&CauseEntry> {
        Some(self.causes.get(self.causes.find(key.as_str())?))
    }

    /// The pattern of that id.
    pub fn pattern_by_id(&self, id: &str) -> Option<&Pattern> {
        Some(self.patterns.get(self.patterns.find(id)?))
    }

    /// All causes, in declared order.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &CauseEntry> {
        self.causes.iter()
    }

    /// All patterns, in declared order.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// All markers, in declared order.
    pub fn markers(&self) -> impl ExactSizeIterator<Item = &Marker> {
        self.markers.iter()
    }

    /// All components, in declared order.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &Component> {
        self.components.iter()
    }

    /// The pattern of a hit.
    pub fn pattern(&self, pattern: PatternRef) -> &Pattern {
        self.patterns.get(pattern.0 as usize)
    }

    /// The marker of a hit.
    pub fn marker(&self, marker: MarkerRef) -> &Marker {
        self.markers.get(marker.0 as usize)
    }

    /// The id of a rule, unique among patterns or among markers.
    pub fn rule_id(&self, rule: RuleRef) -> &str {
        match rule {
            RuleRef::Pattern(pattern) => &self.pattern(pattern).id,
            RuleRef::Marker(marker) => &self.marker(marker).id,
        }
    }

    /// The component that a stack frame, exception type or logger name belongs to: the one with
    /// the longest known substring of it, the first declared of several.
    pub fn component_of_frame(&self, frame: &str) -> Option<&str> {
        let mut best: Option<(usize, Reverse<usize>)> = None;
        self.frames.each(frame.as_bytes(), |component, start, end| {
            best = best.max(Some((end - start, Reverse(component))));
        });
        best.map(|(_, Reverse(component))| self.components.get(component).name.as_str())
    }

    /// The component that usually listens on `port`; the first declared.
    pub fn component_of_port(&self, port: u16) -> Option<&str> {
        self.components().find(|c| c.ports.contains(&port)).map(|c| c.name.as_str())
    }

    /// The component that the variable `name` usually configures; the first declared.
    pub fn component_of_env(&self, name: &str) -> Option<&str> {
        self.components().find(|c| c.env.iter().any(|env| env == name)).map(|c| c.name.as_str())
    }

    /// Could `text` hold the words of any rule? Fast; `false` means that [`Catalogue::scan`] is empty.
    pub fn gate(&self, text: &str) -> bool {
        self.matcher.gate(text)
    }

    /// The rules whose words stand in `text` (one block: a record, or a joined failure), each with
    /// its first and last match, by start, then in declared order, patterns before markers.
    /// Of a text of more than 16 KiB the first and the last 8 KiB are looked at. `when` is not
    /// considered here.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        let patterns = self.patterns.len();
        let source = |rule: usize| match rule.checked_sub(patterns) {
            None => self.patterns.get(rule).regex.as_deref(),
            Some(marker) => self.markers.get(marker).regex.as_deref(),
        };
        let found = self.matcher.scan(text, source).into_iter();
        found
            .map(|found| Hit {
                rule: match found.rule.checked_sub(patterns) {
                    None => RuleRef::Pattern(PatternRef(found.rule as u32)),
                    Some(marker) => RuleRef::Marker(MarkerRef(marker as u32)),
                },
                start: found.range.start,
                end: found.range.end,
                captures: found.captures,
            })
            .collect()
    }

    /// What a hit of a pattern names as at fault: its template filled from `text`, the one that was
    /// scanned; one line, at most 120 characters. `None` when the pattern has no template or none of
    /// its captures took part: the cause's own `culprit` then serves.
    pub fn culprit(&self, hit: &Hit, text: &str) -> Option<String> {
        let template = self.pattern(hit.pattern()?).culprit.as_deref()?;
        template::fill(template, |name| hit.captured(name, text))
    }
}

/// What the regexes of all rules require: known of what is built in, found out of a user's.
fn requirements(knowledge: &Knowledge) -> Strings {
    let built_in = Catalogue::builtin();
    let known = |rule: usize| embedded::BUILTIN.gate.required.get(rule).to_owned();
    let own = |regex: Option<&str>| regex.and_then(|regex| rule::parse(regex).ok()).map(|regex| required::of(&regex));
    let patterns = knowledge.patterns.iter().map(|pattern| {
        let known_as = built_in.patterns.find(&pattern.id).filter(|_| !pattern.replaces);
        known_as.map(known).or_else(|| own(pattern.regex.as_deref())).unwrap_or_default()
    });
    let markers = knowledge.markers.iter().map(|marker| {
        let known_as = built_in.markers.find(&marker.id).filter(|_| !marker.replaces);
        let known_as = known_as.map(|marker| built_in.patterns.len() + marker);
        known_as.map(known).or_else(|| own(marker.regex.as_deref())).unwrap_or_default()
    });
    patterns.chain(markers).collect()
}

fn too_large(file: &str, text: &str) -> Option<CatalogueError> {
    (text.len() > USER_BYTES).then(|| CatalogueError {
        file: file.to_owned(),
        line: 0,
        row: String::new(),
        what: format!("{} bytes, more than {USER_BYTES}", text.len()),
        next: "keep the rules that this service needs".to_owned(),
    })
}

impl Knowledge {
    /// Adds rows at the end; one that replaces another stands in its place.
    fn extend(&mut self, rows: read::Rows) {
        put(&mut self.causes, rows.causes, |old, new| old.key == new.key);
        put(&mut self.patterns, rows.patterns, |old, new| old.id == new.id);
        put(&mut self.markers, rows.markers, |old, new| old.id == new.id);
        put(&mut self.components, rows.components, |old, new| old.name == new.name);
    }
}

fn put<T>(rows: &mut Vec<T>, new: Vec<read::Row<T>>, same: impl Fn(&T, &T) -> bool) {
    for read::Row { entry, .. } in new {
        match rows.iter_mut().find(|old| same(old, &entry)) {
            Some(old) => *old = entry,
            None => rows.push(entry),
        }
    }
}
