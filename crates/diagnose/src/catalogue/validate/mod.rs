//! What a catalogue must satisfy beyond the shape of its rows. Every mistake is reported at once.

use super::read::{CatalogueError, Entry, Row, Rows, suggest};
use super::rule::{self, LITERAL_MAX, LITERAL_MIN};
use super::schema::{CauseEntry, Component, Knowledge, Mark, Marker, Pattern, Predicate, Proof};
use super::template::{self, Part};
use regex_automata::PatternID;
use regex_automata::meta::Regex;
use std::collections::{BTreeMap, BTreeSet};
use tminus_core::vocabulary::CauseKey;

/// The longest title, in characters.
const TITLE_CHARS: usize = 70;
/// The longest other text, in characters.
const TEXT_CHARS: usize = 300;
/// The most literals of one rule.
const LITERALS: usize = 40;
/// The most entries in `do_not`.
const DO_NOT: usize = 3;
/// The most rows of a user's catalogue.
pub const USER_ROWS: usize = 500;
/// The longest sample, in bytes: what is matched of one end of a text.
const SAMPLE_BYTES: usize = 8 << 10;

/// The facts that have a value without a name below them.
const LISTS: [&str; 5] = ["events", "notes", "services", "sidecars", "sockets"];

/// Whose rows are checked.
#[derive(Clone, Copy)]
pub enum Whose<'k> {
    /// What is built in.
    Ours,
    /// A user's, on top of what is built in.
    User(&'k Knowledge),
}

/// All mistakes of `rows`, in the order of the rows.
pub fn validate(rows: &Rows, whose: Whose<'_>) -> Vec<CatalogueError> {
    let mut check = Check::new(rows, whose);
    check.amount(rows);
    for row in &rows.causes {
        check.cause(row);
    }
    for row in &rows.patterns {
        check.pattern(row);
    }
    for row in &rows.markers {
        check.marker(row);
    }
    for row in &rows.components {
        check.component(row);
    }
    check.errors
}

struct Check<'r> {
    whose: Whose<'r>,
    /// Every cause that a row may refer to.
    causes: BTreeSet<&'r CauseKey>,
    /// `causes` may lack some that could not be read: reported there, not at every reference.
    incomplete: bool,
    /// Names already taken, by table, with the place that took them.
    taken: BTreeMap<(&'static str, &'r str), String>,
    /// Names of built-in rows.
    built_in: BTreeSet<(&'static str, &'r str)>,
    errors: Vec<CatalogueError>,
}

impl<'r> Check<'r> {
    fn new(rows: &'r Rows, whose: Whose<'r>) -> Self {
        let mut causes: BTreeSet<&CauseKey> = rows.causes.iter().map(|row| &row.entry.key).collect();
        let mut built_in = BTreeSet::new();
        if let Whose::User(knowledge) = whose {
            causes.extend(knowledge.causes.iter().map(|cause| &cause.key));
            built_in.extend(knowledge.causes.iter().map(|cause| (CauseEntry::TABLE, cause.key.as_str())));
            built_in.extend(knowledge.patterns.iter().map(|pattern| (Pattern::TABLE, pattern.id.as_str())));
            built_in.extend(knowledge.markers.iter().map(|marker| (Marker::TABLE, marker.id.as_str())));
        }
        Check { whose, causes, incomplete: rows.incomplete, taken: BTreeMap::new(), built_in, errors: Vec::new() }
    }

    fn report<T: Entry>(&mut self, row: &Row<T>, what: impl Into<String>, next: impl Into<String>) {
        self.errors.push(row.error(what, next));
    }

    fn amount(&mut self, rows: &Rows) {
        let count = rows.causes.len() + rows.patterns.len() + rows.markers.len();
        if matches!(self.whose, Whose::User(_)) && count > USER_ROWS {
            self.errors.push(CatalogueError {
                file: String::new(),
                line: 0,
                row: String::new(),
                what: format!("{count} rules, more than {USER_ROWS}"),
                next: "keep the rules that this service needs".to_owned(),
            });
        }
    }

    /// Names are unique in their table, and a built-in one is replaced only on purpose.
    fn name<T: Entry>(&mut self, row: &'r Row<T>, replaces: bool) {
        let name = row.entry.name();
        let place = format!("{}:{}", row.file, row.line);
        if let Some(first) = self.taken.insert((T::TABLE, name), place) {
            self.report(row, format!("`{name}` stands at {first} already"), "give each row a name of its own");
        }
        let shadows = self.built_in.contains(&(T::TABLE, name));
        match (self.whose, shadows, replaces) {
            (Whose::Ours, _, true) => {
                self.report(row, "`override` has nothing to replace here", "remove it: it is for a user's catalogue");
            }
            (Whose::User(_), true, false) => self.report(
                row,
                format!("`{name}` is built in"),
                "choose another name, or add `override = true` to replace it",
            ),
            (Whose::User(_), false, true) => {
                self.report(row, format!("no built-in `{name}` to override"), "correct the name or remove `override`");
            }
            _ => {}
        }
    }

    fn cause(&mut self, row: &'r Row<CauseEntry>) {
        let cause = &row.entry;
        self.name(row, cause.replaces);
        self.sentence(row, "title", &cause.title, TITLE_CHARS);
        self.sentence(row, "remedy", &cause.remedy, TEXT_CHARS);
        self.text(row, "culprit", &cause.culprit, template::CULPRIT_CHARS);
        self.text(row, "next", &cause.next, TEXT_CHARS);
        for text in &cause.do_not {
            self.sentence(row, "do_not", text, TEXT_CHARS);
        }
        if cause.do_not.len() > DO_NOT {
            let what = format!("`do_not` has {} entries, more than {DO_NOT}", cause.do_not.len());
            self.report(row, what, "keep what people really do by habit");
        }
        self.references(row, "explains", &cause.explains, Some(&cause.key));
        self.references(row, "confused_with", &cause.confused_with, Some(&cause.key));
    }

    fn pattern(&mut self, row: &'r Row<Pattern>) {
        let pattern = &row.entry;
        self.name(row, pattern.replaces);
        self.id(row, &pattern.software);
        self.references(row, "cause", std::slice::from_ref(&pattern.cause), None);
        self.references(row, "ambiguous_with", &pattern.ambiguous_with, Some(&pattern.cause));
        if pattern.proof == Proof::Weak && pattern.ambiguous_with.is_empty() {
            self.report(
                row,
                "`proof = \"weak\"` without `ambiguous_with`",
                "list the other causes that the same words can mean",
            );
        }
        if let Some(component) = &pattern.component {
            self.word(row, "component", component);
        }
        let regex =
            self.words(row, &pattern.literals, pattern.regex.as_deref(), &pattern.samples, &pattern.near_misses);
        // Of a regex that is refused nothing is known, and that is reported.
        if let Some(culprit) = pattern.culprit.as_ref().filter(|_| regex.is_some() || pattern.regex.is_none()) {
            self.culprit(row, culprit, regex.as_ref());
        }
        for predicate in &pattern.when {
            self.predicate(row, predicate);
        }
    }

    fn marker(&mut self, row: &'r Row<Marker>) {
        let marker = &row.entry;
        self.name(row, marker.replaces);
        self.id(row, &marker.software);
        let regex = self.words(row, &marker.literals, marker.regex.as_deref(), &marker.samples, &marker.near_misses);
        let captures = |wanted: &str| regex.iter().flat_map(names).any(|name| name == wanted);
        if marker.marks == Mark::PhaseFailed && !captures("phase") {
            self.report(row, "`phase_failed` without the phase", "add `(?P<phase>...)` to the regex");
        }
    }

    fn component(&mut self, row: &'r Row<Component>) {
        let component = &row.entry;
        self.name(row, false);
        self.word(row, "name", &component.name);
        if matches!(self.whose, Whose::User(_)) {
            self.report(row, "components are built in", "remove the row; use `component` in a pattern");
        }
        if component.frames.is_empty() && component.ports.is_empty() && component.env.is_empty() {
            self.report(row, "nothing shows this component", "add `frames`, `ports` or `env`");
        }
        for frame in component.frames.iter().filter(|frame| frame.len() < LITERAL_MIN) {
            self.report(
                row,
                format!("frame `{frame}` is too short to tell"),
                format!("write at least {LITERAL_MIN} bytes of it"),
            );
        }
    }

    fn id<T: Entry>(&mut self, row: &Row<T>, software: &str) {
        self.word(row, "software", software);
        if !row.entry.name().split_once('.').is_some_and(|(whose, short)| is_word(whose) && is_word(short)) {
            let next = format!("write `{software}.short-name`: lower case letters, digits, `-` and `_`");
            self.report(row, "the id is not a software and a short name", next);
        }
    }

    fn word<T: Entry>(&mut self, row: &Row<T>, field: &str, word: &str) {
        if !is_word(word) {
            let what = format!("`{field} = \"{word}\"` is not a plain word");
            self.report(row, what, "use lower case letters, digits, `-` and `_`");
        }
    }

    fn text<T: Entry>(&mut self, row: &Row<T>, field: &str, text: &str, most: usize) {
        let length = text.chars().count();
        if text.trim().is_empty() {
            self.report(row, format!("`{field}` is empty"), "say it in a few words");
        } else if length > most {
            self.report(row, format!("`{field}` has {length} characters, more than {most}"), "shorten it");
        }
        if text.chars().any(char::is_control) {
            self.report(row, format!("`{field}` holds a control character"), "write it on one line");
        }
    }

    fn sentence<T: Entry>(&mut self, row: &Row<T>, field: &str, text: &str, most: usize) {
        self.text(row, field, text, most);
        if text.ends_with('.') {
            self.report(row, format!("`{field}` ends with a full stop"), "remove it");
        }
    }

    fn references<T: Entry>(&mut self, row: &Row<T>, field: &str, keys: &[CauseKey], own: Option<&CauseKey>) {
        for key in keys {
            if own == Some(key) {
                self.report(row, format!("`{field}` names `{key}` itself"), "remove it");
            } else if !self.incomplete && !self.causes.contains(key) {
                let next = suggest(key.as_str(), self.causes.iter().map(|key| key.as_str()));
                let next = next.unwrap_or_else(|| "add a [[cause]] of that key, or correct it".to_owned());
                self.report(row, format!("`{field}` names the unknown cause `{key}`"), next);
            }
        }
    }

    /// Checks the gate, the regex and that samples and near misses come out as they should.
    fn words<T: Entry>(
        &mut self,
        row: &Row<T>,
        literals: &[String],
        regex: Option<&str>,
        samples: &[String],
        near_misses: &[String],
    ) -> Option<Regex> {
        self.literals(row, literals);
        let compiled = match regex.map(rule::compile).transpose() {
            Ok(compiled) => compiled,
            Err(refused) => {
                self.report(row, refused.what, refused.next);
                return None;
            }
        };
        if compiled.as_ref().is_some_and(|regex| regex.is_match(b"")) {
            self.report(row, "the regex matches an empty text", "let it contain one of the literals");
        }
        for (field, texts) in [("samples", samples), ("near_misses", near_misses)] {
            if texts.is_empty() {
                self.report(row, format!("`{field}` is empty"), "add at least one line as the software prints it");
            }
            for text in texts.iter().filter(|text| text.len() > SAMPLE_BYTES) {
                self.report(row, format!("`{field}` holds {} bytes", text.len()), format!("keep {SAMPLE_BYTES} of it"));
            }
        }
        for sample in samples {
            if !literals.iter().any(|literal| sample.contains(literal.as_str())) {
                let what = format!("no literal occurs in the sample {}", quoted(sample));
                self.report(row, what, "correct the sample or add a literal; literals are case sensitive");
            } else if compiled.as_ref().is_some_and(|regex| !regex.is_match(sample.as_bytes())) {
                self.report(row, format!("the regex does not match the sample {}", quoted(sample)), "correct either");
            }
        }
        for miss in near_misses {
            let gate = literals.iter().any(|literal| miss.contains(literal.as_str()));
            if gate && compiled.as_ref().is_none_or(|regex| regex.is_match(miss.as_bytes())) {
                let what = format!("the near miss {} matches", quoted(miss));
                self.report(row, what, "narrow the literals or the regex, or correct the near miss");
            }
        }
        compiled
    }

    fn literals<T: Entry>(&mut self, row: &Row<T>, literals: &[String]) {
        if literals.is_empty() {
            self.report(row, "`literals` is empty", "add one that every matching text contains");
        }
        if literals.len() > LITERALS {
            let what = format!("{} literals, more than {LITERALS}", literals.len());
            self.report(row, what, "keep the part that the texts share");
        }
        for literal in literals {
            if literal.len() < LITERAL_MIN || literal.trim().is_empty() {
                let what = format!("literal {} has less than {LITERAL_MIN} bytes", quoted(literal));
                self.report(row, what, "use a longer, rarer part of the text");
            } else if literal.len() > LITERAL_MAX {
                let what = format!("literal {} has more than {LITERAL_MAX} bytes", quoted(literal));
                self.report(row, what, "use a shorter part of the text");
            }
        }
    }

    fn culprit<T: Entry>(&mut self, row: &Row<T>, template: &str, regex: Option<&Regex>) {
        let parts = match template::parts(template) {
            Ok(parts) => parts,
            Err(what) => return self.report(row, what, "write captures as `{name}`"),
        };
        for part in parts {
            let Part::Capture(name) = part else { continue };
            let known: Vec<&str> = regex.into_iter().flat_map(names).collect();
            if !known.contains(&name) {
                let next = suggest(name, known).unwrap_or_else(|| format!("add `(?P<{name}>...)` to the regex"));
                self.report(row, format!("`culprit` names `{{{name}}}`, which the regex does not capture"), next);
            }
        }
    }

    fn predicate<T: Entry>(&mut self, row: &Row<T>, predicate: &Predicate) {
        let path = match predicate {
            Predicate::FactContains(path, _) | Predicate::FactLessThan(path, _) => path,
            Predicate::FactEquals(path, value) => {
                if value.is_object() || value.is_array() || value.is_null() {
                    self.report(
                        row,
                        format!("`{path}` cannot equal {value}"),
                        "compare with a text, number or boolean",
                    );
                }
                path
            }
            Predicate::Signal(name) => {
                if !name.strip_prefix("SIG").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_uppercase())) {
                    self.report(row, format!("`{name}` is not a signal"), "write its name, as `SIGKILL`");
                }
                return;
            }
            Predicate::Exit(_) | Predicate::LayerPassed(_) => return,
        };
        let section = path.split('.').next().unwrap_or_default();
        if !tminus_core::facts::KEYS.contains(&section) {
            let known = tminus_core::facts::KEYS;
            let next = suggest(section, known.iter().copied())
                .unwrap_or_else(|| format!("a fact begins with one of {}", known.join(", ")));
            self.report(row, format!("no fact `{path}`"), next);
        } else if path == section && !LISTS.contains(&section) {
            self.report(row, format!("`{path}` is a group of facts"), format!("name one, as `{section}.NAME`"));
        }
    }
}

/// The names of a regex's captures.
fn names(regex: &Regex) -> impl Iterator<Item = &str> {
    regex.group_info().pattern_names(PatternID::ZERO).flatten()
}

/// Lower case letters, digits, `-` and `_`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// A text in quotes on one line, its beginning if it is long.
fn quoted(text: &str) -> String {
    let begin: String = text.chars().take(100).collect();
    format!("{begin:?}{}", if begin.len() < text.len() { "..." } else { "" })
}

#[cfg(test)]
mod tests;
