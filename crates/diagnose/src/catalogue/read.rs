//! Catalogue files to rows: TOML text in, rows with their place out, and every mistake at once.
//!
//! A row that cannot be read does not hide the mistakes of its neighbours: rows are read one by one.

use super::schema::{CauseEntry, Component, Marker, Pattern};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::sync::Arc;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// One mistake in a catalogue file: where, what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogueError {
    /// The file's name as the caller gave it; empty when the catalogue as a whole is meant.
    pub file: String,
    /// Line on which the row begins (or the syntax error stands), from 1; 0 when unknown.
    pub line: usize,
    /// The row, as `[[pattern]] redis.loading`; empty when the file as a whole is meant.
    pub row: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            f.write_str(" ")?;
        }
        if !self.row.is_empty() {
            write!(f, "{}: ", self.row)?;
        }
        write!(f, "{}; {}", self.what, self.next)
    }
}

impl std::error::Error for CatalogueError {}

/// A row and where it stands.
#[derive(Clone, Debug)]
pub struct Row<T> {
    /// The file's name as the caller gave it.
    pub file: Arc<str>,
    /// Line on which the row begins, from 1.
    pub line: usize,
    /// The row itself.
    pub entry: T,
}

impl<T: Entry> Row<T> {
    /// A mistake in this row.
    pub fn error(&self, what: impl Into<String>, next: impl Into<String>) -> CatalogueError {
        let row = format!("[[{}]] {}", T::TABLE, self.entry.name());
        CatalogueError { file: self.file.to_string(), line: self.line, row, what: what.into(), next: next.into() }
    }
}

/// The rows of some files, in the order of files and rows.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Rows of `[[cause]]`.
    pub causes: Vec<Row<CauseEntry>>,
    /// Rows of `[[pattern]]`.
    pub patterns: Vec<Row<Pattern>>,
    /// Rows of `[[marker]]`.
    pub markers: Vec<Row<Marker>>,
    /// Rows of `[[component]]`.
    pub components: Vec<Row<Component>>,
    /// Some row or file could not be read: a cause that seems absent may stand there.
    pub incomplete: bool,
}

/// A kind of row.
pub trait Entry: for<'de> Deserialize<'de> {
    /// The table's name in the file.
    const TABLE: &'static str;
    /// The field that names a row.
    const NAME: &'static str;
    /// The row's name.
    fn name(&self) -> &str;
}

impl Entry for CauseEntry {
    const TABLE: &'static str = "cause";
    const NAME: &'static str = "key";
    fn name(&self) -> &str {
        self.key.as_str()
    }
}

impl Entry for Pattern {
    const TABLE: &'static str = "pattern";
    const NAME: &'static str = "id";
    fn name(&self) -> &str {
        &self.id
    }
}

impl Entry for Marker {
    const TABLE: &'static str = "marker";
    const NAME: &'static str = "id";
    fn name(&self) -> &str {
        &self.id
    }
}

impl Entry for Component {
    const TABLE: &'static str = "component";
    const NAME: &'static str = "name";
    fn name(&self) -> &str {
        &self.name
    }
}

/// The tables that a file may hold.
const TABLES: [&str; 4] = [CauseEntry::TABLE, Pattern::TABLE, Marker::TABLE, Component::TABLE];

/// Reads `files` (name, text) in the order given. Rows that cannot be read are left out and
/// reported; the rest is returned whatever the mistakes.
pub fn read(files: &[(String, String)]) -> (Rows, Vec<CatalogueError>) {
    let mut rows = Rows::default();
    let mut errors = Vec::new();
    for (name, text) in files {
        File::new(name, text).read(&mut rows, &mut errors);
    }
    rows.incomplete = !errors.is_empty();
    (rows, errors)
}

struct File<'t> {
    name: Arc<str>,
    text: &'t str,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
}

impl<'t> File<'t> {
    fn new(name: &str, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        File { name: name.into(), text, lines }
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset)
    }

    fn error(&self, offset: usize, row: String, what: String, next: String) -> CatalogueError {
        CatalogueError { file: self.name.to_string(), line: self.line(offset), row, what, next }
    }

    fn read(&self, rows: &mut Rows, errors: &mut Vec<CatalogueError>) {
        let (document, mistakes) = DeTable::parse_recoverable(self.text);
        for mistake in &mistakes {
            let at = mistake.span().map_or(0, |span| span.start);
            let what = format!("not TOML: {}", mistake.message());
            errors.push(self.error(at, String::new(), what, "correct the syntax on this line".to_owned()));
        }
        // One slip makes the parser stumble several times: its first complaint of a line is the one.
        errors.dedup_by(|next, first| next.row.is_empty() && (&next.file, next.line) == (&first.file, first.line));
        if !mistakes.is_empty() {
            return;
        }
        for (key, value) in document.into_inner() {
            match key.get_ref().as_ref() {
                CauseEntry::TABLE => self.table(value, &mut rows.causes, errors),
                Pattern::TABLE => self.table(value, &mut rows.patterns, errors),
                Marker::TABLE => self.table(value, &mut rows.markers, errors),
                Component::TABLE => self.table(value, &mut rows.components, errors),
                other => errors.push(self.error(
                    key.span().start,
                    String::new(),
                    format!("unknown table `{other}`"),
                    suggest(other, TABLES).unwrap_or_else(|| {
                        "a catalogue file holds [[cause]], [[pattern]], [[marker]] and [[component]]".to_owned()
                    }),
                )),
            }
        }
    }

    fn table<T: Entry>(
        &self,
        value: toml::Spanned<DeValue<'_>>,
        rows: &mut Vec<Row<T>>,
        errors: &mut Vec<CatalogueError>,
    ) {
        let start = value.span().start;
        let DeValue::Array(array) = value.into_inner() else {
            let what = format!("`{}` is not a list of rows", T::TABLE);
            errors.push(self.error(start, String::new(), what, format!("write [[{}]] above each row", T::TABLE)));
            return;
        };
        for (index, value) in array.into_iter().enumerate() {
            let start = value.span().start;
            let name = match value.get_ref().as_table().and_then(|table| table.get(T::NAME)) {
                Some(name) => name.get_ref().as_str().unwrap_or_default().to_owned(),
                None => format!("number {} (without `{}`)", index + 1, T::NAME),
            };
            match T::deserialize(ValueDeserializer::from(value)) {
                Ok(entry) => rows.push(Row { file: Arc::clone(&self.name), line: self.line(start), entry }),
                Err(error) => {
                    let row = format!("[[{}]] {name}", T::TABLE);
                    let next = advice(error.message(), T::TABLE);
                    errors.push(self.error(start, row, error.message().to_owned(), next));
                }
            }
        }
    }
}

/// What to do about a row that does not have the shape of its table, from the reader's message.
fn advice(message: &str, table: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let wrong = words.next().unwrap_or_default();
    match () {
        () if message.starts_with("missing field") => format!("add `{wrong} = ...` to the row"),
        () if message.starts_with("unknown") => suggest(wrong, words).unwrap_or_else(|| match wrong {
            "" => format!("see the fields of [[{table}]]"),
            wrong => format!("remove `{wrong}` or use one of those"),
        }),
        () => format!("correct the value; see the fields of [[{table}]]"),
    }
}

/// "did you mean ...?" with the nearest of `known`, if one is near enough to be meant.
pub fn suggest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let near = known.into_iter().map(|word| (distance(wrong, word), word)).min()?;
    (near.0 <= near.1.len().max(wrong.len()) / 3).then(|| format!("did you mean `{}`?", near.1))
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// SHA-256 of texts in their order, as `sha256:` and 64 hexadecimal digits.
pub fn digest<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        // The length keeps texts apart: what moves from one to the next changes the digest.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut digest = "sha256:".to_owned();
    for byte in hash.finalize() {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        read(&[("rules.toml".to_owned(), text.to_owned())]).1.iter().map(ToString::to_string).collect()
    }

    const MARKER: &str = "marks = 'ready'\nsoftware = 'acme'\nliterals = ['is ready']\n";

    #[test]
    fn a_broken_row_names_its_place_and_does_not_hide_its_neighbours() {
        let text = format!(
            "# rules\n\n[[marker]]\nid = 'acme.a'\n{MARKER}literal = []\n\n[[marker]]\nid = 'acme.b'\n{MARKER}\n\
             [[marker]]\nid = 'acme.c'\nmarks = 'redy'\nsoftware = 'acme'\nliterals = []\n\n\
             [[marker]]\nmarks = 'ready'\nsoftware = 'acme'\nliterals = []\n",
        );
        let (rows, errors) = read(&[("rules.toml".to_owned(), text)]);
        assert_eq!(rows.markers.len(), 1);
        assert_eq!((rows.markers[0].entry.id.as_str(), rows.markers[0].line), ("acme.b", 10));
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 3, "{errors:#?}");
        let begin = "rules.toml:3: [[marker]] acme.a: unknown field `literal`, expected one of ";
        assert!(errors[0].starts_with(begin) && errors[0].ends_with("; did you mean `literals`?"), "{}", errors[0]);
        let begin = "rules.toml:16: [[marker]] acme.c: unknown variant `redy`, expected one of ";
        assert!(errors[1].starts_with(begin) && errors[1].ends_with("; did you mean `ready`?"), "{}", errors[1]);
        assert_eq!(
            errors[2],
            "rules.toml:22: [[marker]] number 4 (without `id`): missing field `id`; add `id = ...` to the row"
        );
    }

    #[test]
    fn mistakes_of_a_whole_file() {
        let wrong = errors("[[patern]]\nid = 'x'\n");
        assert_eq!(wrong, ["rules.toml:1: unknown table `patern`; did you mean `pattern`?"]);
        let wrong = errors("[marker]\nid = 'x'\n");
        assert_eq!(wrong, ["rules.toml:1: `marker` is not a list of rows; write [[marker]] above each row"]);
        let wrong = errors("\n[[marker]]\nid = \n");
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].starts_with("rules.toml:3: not TOML: ") && wrong[0].ends_with("; correct the syntax on this line")
        );
        let wrong = errors("[[marker]]\nid = 7\n");
        assert!(wrong[0].contains("invalid type: integer `7`, expected a string; correct the value"), "{wrong:?}");
        assert!(errors("").is_empty());
    }

    #[test]
    fn a_bad_key_says_what_a_key_is() {
        let wrong = errors("[[cause]]\nkey = 'Auth failed'\n");
        assert!(wrong[0].contains("`Auth failed` cannot name a cause: want lower case letters"), "{wrong:?}");
    }

    #[test]
    fn the_digest_depends_on_every_text_and_on_where_it_ends() {
        let digest = |texts: &[&str]| digest(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["ab", ""]));
        assert_eq!(digest(&[]), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
