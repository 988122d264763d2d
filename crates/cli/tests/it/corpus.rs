//! Recorded cases, and the whole way from their bytes to a verdict in this process.

use crate::room::repository;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;
use tminus_core::record::{Record, Skipped};
use tminus_core::verdict::Verdict;
use tminus_diagnose::catalogue::Catalogue;
use tminus_diagnose::{Diagnosis, Options};

/// One labelled case.
pub struct Case {
    pub name: String,
    pub label: Value,
    pub inputs: Vec<Input>,
    pub exits: Option<Exits>,
    pub facts: Facts,
}

/// One file of logs.
#[derive(Clone)]
pub struct Input {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Case {
    /// How its logs are wrapped (`format` of label.json).
    pub fn format(&self) -> &str {
        self.label["format"].as_str().unwrap_or_default()
    }

    /// What `tminus why` answers for these inputs with this case's exits and facts.
    pub fn diagnose(&self, inputs: &[Input]) -> Verdict {
        diagnose(inputs, self.exits.clone(), self.facts.clone())
    }
}

/// The cases of `corpus/SET`, by name.
pub fn cases(set: &str) -> Vec<Case> {
    let root = repository().join("corpus").join(set);
    let mut folders: Vec<PathBuf> =
        entries(&root).into_iter().filter(|path| path.join("label.json").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no cases in {}", root.display());
    folders.iter().map(|folder| load(folder)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    listing.map(|entry| entry.expect("a readable entry").path()).collect()
}

fn load(folder: &Path) -> Case {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let mut logs: Vec<PathBuf> = entries(folder);
    logs.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("logs")));
    logs.sort();
    let inputs = logs.iter().map(|path| Input {
        name: path.file_name().expect("a file").to_string_lossy().into_owned(),
        bytes: std::fs::read(path).expect("a readable log"),
    });
    Case {
        name: folder.file_name().expect("a folder").to_string_lossy().into_owned(),
        label: serde_json::from_str(&text("label.json").expect("a label")).expect("a label is JSON"),
        inputs: inputs.collect(),
        exits: text("exit.json").map(|text| Exits::read(&text, "exits.json").expect("readable exits")),
        facts: text("facts.json")
            .map(|text| Facts::read(&text, "facts.json").expect("readable facts").0)
            .unwrap_or_default(),
    }
}

struct Feed<'a, 'c>(&'a mut Diagnosis<'c>);

impl tminus_logs::Sink for Feed<'_, '_> {
    fn record(&mut self, record: Record) {
        self.0.record(record);
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.0.skipped(skipped);
    }
}

/// What `tminus why` answers for these inputs.
pub fn diagnose(inputs: &[Input], exits: Option<Exits>, facts: Facts) -> Verdict {
    let options = Options { exits, facts, version: "0".to_owned(), ..Options::default() };
    let mut diagnosis = Diagnosis::new(Catalogue::builtin(), options);
    for input in inputs {
        let source = diagnosis.open(&input.name);
        let summary = tminus_logs::read(
            source,
            input.bytes.as_slice(),
            &tminus_logs::Options::default(),
            &mut Feed(&mut diagnosis),
        )
        .expect("a readable log");
        let formats: Vec<&str> = summary.formats.keys().copied().collect();
        diagnosis.close(source, formats.join(", "), summary.rows);
    }
    diagnosis.verdict()
}
