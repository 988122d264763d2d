//! Reads the causes of `knowledge/` and all that leads to them, checks it with the code that checks a user's catalogue, and embeds
//! it without samples: the gate ready for use, the rows as JSON, each to be read when it is needed.
//! Mistakes fail the build, all of them at once.

#![allow(clippy::disallowed_methods, reason = "purity is the library's; its build reads and writes files")]

// Each of these is also a module of the library, which uses what the build does not.
#[allow(dead_code)]
#[path = "src/catalogue/gate.rs"]
mod gate;
#[allow(dead_code)]
#[path = "src/catalogue/needles.rs"]
mod needles;
#[allow(dead_code)]
#[path = "src/catalogue/read.rs"]
mod read;
#[allow(dead_code)]
#[path = "src/catalogue/required.rs"]
mod required;
#[allow(dead_code)]
#[path = "src/catalogue/rule.rs"]
mod rule;
#[allow(dead_code)]
#[path = "src/catalogue/schema.rs"]
mod schema;
#[allow(dead_code)]
#[path = "src/catalogue/strings.rs"]
mod strings;
#[allow(dead_code)]
#[path = "src/catalogue/template.rs"]
mod template;
#[allow(dead_code)]
#[path = "src/catalogue/validate/mod.rs"]
mod validate;

use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// What the catalogue is made of: directories, with all below them, and files. The facts of platforms
/// beside them are `check`'s.
const SOURCES: [&str; 4] =
    ["knowledge/causes.toml", "knowledge/components.toml", "knowledge/markers", "knowledge/patterns"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for source in SOURCES {
        // Cargo looks at every file below a directory.
        println!("cargo::rerun-if-changed=../../{source}");
        collect(&root, Path::new(source), &mut files)?;
    }
    files.sort();
    let (rows, mut errors) = read::read(&files);
    errors.extend(validate::validate(&rows, validate::Whose::Ours));
    if !errors.is_empty() {
        errors.sort();
        for error in &errors {
            eprintln!("{error}");
        }
        process::exit(1);
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("catalogue.rs");
    fs::write(out, embedded(&files, &rows)?)
}

/// The source of what the library includes as `catalogue::embedded`.
fn embedded(files: &[(String, String)], rows: &read::Rows) -> io::Result<String> {
    Ok(format!(
        "pub(super) static BUILTIN: Embedded = Embedded {{\ndigest: {:?},\ncauses: {},\npatterns: {},\n\
         markers: {},\ncomponents: {},\ngate: {},\nframes: {},\n}};\n",
        read::digest(files.iter().flat_map(|(name, text)| [name, text])),
        sealed(&rows.causes)?,
        sealed(&rows.patterns)?,
        sealed(&rows.markers)?,
        sealed(&rows.components)?,
        gate(rows),
        frames(rows),
    ))
}

/// Rows of one kind.
fn sealed<T: read::Entry + Serialize>(rows: &[read::Row<T>]) -> io::Result<String> {
    let json: Vec<String> = rows.iter().map(|row| serde_json::to_string(&row.entry)).collect::<Result<_, _>>()?;
    let mut by_name: Vec<usize> = (0..rows.len()).collect();
    by_name.sort_by_key(|&index| rows[index].entry.name());
    let names = strings(&rows.iter().map(|row| row.entry.name()).collect());
    Ok(format!("Sealed {{ names: {names}, rows: {}, by_name: &{by_name:?} }}", strings(&json.iter().collect())))
}

/// The gate of all rules, patterns before markers, with what their regexes require.
fn gate(rows: &read::Rows) -> String {
    let patterns = rows.patterns.iter().map(|row| (row.entry.literals.as_slice(), row.entry.regex.as_deref()));
    let markers = rows.markers.iter().map(|row| (row.entry.literals.as_slice(), row.entry.regex.as_deref()));
    let rules = patterns.chain(markers);
    let requires =
        |regex: Option<&str>| regex.and_then(|regex| rule::parse(regex).ok()).map(|regex| required::of(&regex));
    let required = rules.clone().map(|(_, regex)| requires(regex).unwrap_or_default()).collect();
    let gate = gate::Gate::new(rules.map(|(literals, _)| literals), required);
    gate_source(&gate)
}

/// The gate of what shows the components.
fn frames(rows: &read::Rows) -> String {
    let frames = rows.components.iter().map(|row| row.entry.frames.as_slice());
    gate_source(&gate::Gate::new(frames, strings::Strings::default()))
}

fn gate_source(gate: &gate::Gate) -> String {
    let needles = &gate.needles;
    format!(
        "Gate {{ needles: Needles {{ literals: {}, long: {}, short: {} }}, ends: Cow::Borrowed(&{:?}), \
         owners: Cow::Borrowed(&{:?}), required: {} }}",
        strings(&needles.literals),
        grams(&needles.long),
        grams(&needles.short),
        gate.ends,
        gate.owners,
        strings(&gate.required),
    )
}

fn strings(strings: &strings::Strings) -> String {
    format!("Strings {{ text: Cow::Borrowed({:?}), ends: Cow::Borrowed(&{:?}) }}", strings.text, strings.ends)
}

fn grams<const GRAM: usize, const STRIDE: usize, const BITS: u32>(
    grams: &needles::Grams<GRAM, STRIDE, BITS>,
) -> String {
    format!(
        "Grams {{ bits: Cow::Borrowed(&{:?}), buckets: Cow::Borrowed(&{:?}), entries: Cow::Borrowed(&{:?}) }}",
        grams.bits, grams.buckets, grams.entries,
    )
}

/// A TOML file, or those below a directory, as (name from the root, text).
fn collect(root: &Path, source: &Path, files: &mut Vec<(String, String)>) -> io::Result<()> {
    if root.join(source).is_dir() {
        for entry in fs::read_dir(root.join(source))? {
            collect(root, &source.join(entry?.file_name()), files)?;
        }
    } else if source.extension().is_some_and(|extension| extension == "toml") {
        files.push((source.to_string_lossy().replace('\\', "/"), fs::read_to_string(root.join(source))?));
    }
    Ok(())
}
