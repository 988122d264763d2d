//! Reads `knowledge/platforms.toml` and writes one constant per row, so that a rule that uses a
//! number without a source does not compile.

#![allow(clippy::disallowed_methods, reason = "purity is the library's; its build reads and writes files")]

use serde::Deserialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, error::Error, fs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Platforms {
    fact: Vec<Fact>,
    table: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    id: String,
    value: u64,
    unit: String,
    kind: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    id: String,
    at_unit: String,
    unit: String,
    kind: String,
    source: String,
    rows: Vec<(u64, u64)>,
}

const FILE: &str = "../../knowledge/platforms.toml";
const KINDS: [&str; 3] = ["documented", "reported", "own"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FILE}");
    println!("cargo::rerun-if-changed=build.rs");
    let platforms: Platforms = toml::from_str(&fs::read_to_string(FILE)?)?;
    let mut out = String::new();
    let mut all = String::new();
    for row in &platforms.fact {
        sound(&row.id, &row.kind, &row.source)?;
        let name = constant(&row.id);
        writeln!(
            out,
            "/// {} ({}): {}.\npub const {name}: Fact = Fact {{ id: {:?}, value: {}, unit: {:?}, kind: {:?}, source: {:?} }};",
            row.id, row.unit, row.source, row.id, row.value, row.unit, row.kind, row.source
        )?;
        write!(all, "{name}, ")?;
    }
    writeln!(out, "/// Every fact, in the order of the file.\npub const FACTS: &[Fact] = &[{all}];")?;
    for row in &platforms.table {
        sound(&row.id, &row.kind, &row.source)?;
        writeln!(
            out,
            "/// {} ({} by {}): {}.\npub const {}: Table = Table {{ id: {:?}, at_unit: {:?}, unit: {:?}, kind: {:?}, source: {:?}, rows: &{:?} }};",
            row.id,
            row.unit,
            row.at_unit,
            row.source,
            constant(&row.id),
            row.id,
            row.at_unit,
            row.unit,
            row.kind,
            row.source,
            row.rows
        )?;
    }
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("platforms.rs"), out)?;
    Ok(())
}

fn constant(id: &str) -> String {
    id.replace(['.', '-'], "_").to_uppercase()
}

fn sound(id: &str, kind: &str, source: &str) -> Result<(), String> {
    if !KINDS.contains(&kind) {
        return Err(format!("{FILE}: {id}: kind `{kind}` is none of {KINDS:?}"));
    }
    if source.trim().is_empty() {
        return Err(format!("{FILE}: {id}: a fact needs a source"));
    }
    Ok(())
}
