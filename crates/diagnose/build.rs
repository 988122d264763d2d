//! Reads `knowledge/**/*.toml`, checks it with the code that checks a user's catalogue, and embeds
//! it as one JSON without samples. Mistakes fail the build, all of them at once.

#![allow(clippy::disallowed_methods, reason = "purity is the library's; its build reads and writes files")]

// Each of these is also a module of the library, which uses what the build does not.
#[allow(dead_code)]
#[path = "src/catalogue/read.rs"]
mod read;
#[allow(dead_code)]
#[path = "src/catalogue/rule.rs"]
mod rule;
#[allow(dead_code)]
#[path = "src/catalogue/schema.rs"]
mod schema;
#[allow(dead_code)]
#[path = "src/catalogue/template.rs"]
mod template;
#[allow(dead_code)]
#[path = "src/catalogue/validate/mod.rs"]
mod validate;

use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    // Cargo looks at every file below a directory.
    println!("cargo::rerun-if-changed=../../knowledge");
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    collect(&root, Path::new("knowledge"), &mut files)?;
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

    let knowledge = schema::Knowledge {
        digest: read::digest(files.iter().flat_map(|(name, text)| [name, text])),
        causes: rows.causes.into_iter().map(|row| row.entry).collect(),
        patterns: rows.patterns.into_iter().map(|row| row.entry).collect(),
        markers: rows.markers.into_iter().map(|row| row.entry).collect(),
        components: rows.components.into_iter().map(|row| row.entry).collect(),
    };
    let json = serde_json::to_string(&knowledge)?;
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("catalogue.json"), json)
}

/// The TOML files below `directory` as (name from the root, text). A directory that is not there
/// holds none.
fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, String)>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = directory.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &name, files)?;
        } else if name.extension().is_some_and(|extension| extension == "toml") {
            files.push((name.to_string_lossy().replace('\\', "/"), fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}
