//! The cause catalogue: what words mean, what causes mean, and which words stand in a text.
//!
//! What it is for: [`Catalogue::scan`] says which rules' words stand in one block of log text;
//! [`Catalogue::cause`] says what a cause is, whose move it is and what to do. The rows come from
//! `knowledge/*.toml`, checked when tminus is built, and from a user's files.
//! What it must never do: read files, decide which of several matches is the cause, or compile a
//! regex that no text has asked for.
//! Where to start reading: [`schema`], then [`Catalogue`].

mod matcher;
mod needles;
mod predicate;
pub mod read;
mod rule;
pub mod schema;
mod template;
#[cfg(test)]
mod tests;
pub mod validate;

pub use matcher::Capture;
pub use read::CatalogueError;
pub use schema::{CauseEntry, Component, Mark, Marker, Pattern, Predicate, Proof};

use matcher::Matcher;
use schema::Knowledge;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};
use tminus_core::vocabulary::CauseKey;

/// The largest file of a user's catalogue, in bytes.
const USER_BYTES: usize = 1 << 20;

/// Causes, the words that speak for them, and what else is known about software that starts.
#[derive(Debug)]
pub struct Catalogue {
    knowledge: Knowledge,
    /// Where each cause stands.
    causes: BTreeMap<CauseKey, usize>,
    /// Made when the first text is looked at: asking for a cause needs none of it.
    matcher: OnceLock<Matcher>,
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
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
            let embedded = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));
            Catalogue::new(serde_json::from_str(embedded).expect("the build wrote it with the same types"))
        });
        &BUILTIN
    }

    /// What is built in and a user's files, given as (name, TOML text); their order does not
    /// matter. Errors are all mistakes of all files.
    pub fn with_user(files: &[(String, String)]) -> Result<Catalogue, Vec<CatalogueError>> {
        let mut files = files.to_vec();
        files.sort();
        let mut knowledge = Catalogue::builtin().knowledge.clone();
        let mut errors: Vec<_> = files.iter().filter_map(|(name, text)| too_large(name, text)).collect();
        files.retain(|(_, text)| text.len() <= USER_BYTES);
        let (rows, unreadable) = read::read(&files);
        errors.extend(unreadable);
        errors.extend(validate::validate(&rows, validate::Whose::User(&knowledge)));
        if !errors.is_empty() {
            errors.sort();
            return Err(errors);
        }
        if !files.is_empty() {
            let texts = files.iter().map(|(_, text)| text);
            knowledge.digest = read::digest(std::iter::once(&knowledge.digest).chain(texts));
        }
        knowledge.extend(rows);
        Ok(Catalogue::new(knowledge))
    }

    fn new(knowledge: Knowledge) -> Self {
        let causes = knowledge.causes.iter().enumerate().map(|(index, cause)| (cause.key.clone(), index)).collect();
        Catalogue { knowledge, causes, matcher: OnceLock::new() }
    }

    /// SHA-256 of the sources, as `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.knowledge.digest
    }

    /// The cause of that key.
    pub fn cause(&self, key: &CauseKey) -> Option<&CauseEntry> {
        self.knowledge.causes.get(*self.causes.get(key)?)
    }

    /// All causes, in declared order.
    pub fn causes(&self) -> &[CauseEntry] {
        &self.knowledge.causes
    }

    /// All patterns, in declared order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.knowledge.patterns
    }

    /// All markers, in declared order.
    pub fn markers(&self) -> &[Marker] {
        &self.knowledge.markers
    }

    /// All components, in declared order.
    pub fn components(&self) -> &[Component] {
        &self.knowledge.components
    }

    /// The pattern of a hit.
    pub fn pattern(&self, pattern: PatternRef) -> &Pattern {
        &self.knowledge.patterns[pattern.0 as usize]
    }

    /// The marker of a hit.
    pub fn marker(&self, marker: MarkerRef) -> &Marker {
        &self.knowledge.markers[marker.0 as usize]
    }

    /// The id of a rule, unique among patterns or among markers.
    pub fn rule_id(&self, rule: RuleRef) -> &str {
        match rule {
            RuleRef::Pattern(pattern) => &self.pattern(pattern).id,
            RuleRef::Marker(marker) => &self.marker(marker).id,
        }
    }

    /// The component that a stack frame, exception type or logger name belongs to: the one with
    /// the longest known substring of it.
    pub fn component_of_frame(&self, frame: &str) -> Option<&str> {
        let known = |component: &Component| {
            component.frames.iter().filter(|part| frame.contains(part.as_str())).map(String::len).max()
        };
        let mut best: Option<(usize, &str)> = None;
        for component in &self.knowledge.components {
            if let Some(length) = known(component).filter(|length| best.is_none_or(|(most, _)| *length > most)) {
                best = Some((length, &component.name));
            }
        }
        best.map(|(_, name)| name)
    }

    /// The component that usually listens on `port`; the first declared.
    pub fn component_of_port(&self, port: u16) -> Option<&str> {
        self.knowledge.components.iter().find(|c| c.ports.contains(&port)).map(|c| c.name.as_str())
    }

    /// The component that the variable `name` usually configures; the first declared.
    pub fn component_of_env(&self, name: &str) -> Option<&str> {
        self.knowledge.components.iter().find(|c| c.env.iter().any(|env| env == name)).map(|c| c.name.as_str())
    }

    /// Could `text` hold the words of any rule? Fast; `false` means that [`Catalogue::scan`] is empty.
    pub fn gate(&self, text: &str) -> bool {
        self.matcher().gate(text)
    }

    /// The rules whose words stand in `text` (one block: a record, or a joined failure), each with
    /// its first and last match, by start, then in declared order, patterns before markers.
    /// Of a text of more than 16 KiB the first and the last 8 KiB are looked at. `when` is not
    /// considered here.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        let patterns = self.knowledge.patterns.len();
        let found = self.matcher().scan(text).into_iter();
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

    fn matcher(&self) -> &Matcher {
        self.matcher.get_or_init(|| {
            let patterns = self.knowledge.patterns.iter().map(|p| (p.literals.as_slice(), p.regex.as_deref()));
            let markers = self.knowledge.markers.iter().map(|m| (m.literals.as_slice(), m.regex.as_deref()));
            Matcher::new(patterns.chain(markers))
        })
    }
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
