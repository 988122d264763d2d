//! Every recorded case of the corpus: nothing is lost, every record stands where it says.

use crate::{Kept, read};
use std::path::{Path, PathBuf};
use tminus_core::{
    record::{Clock, Record},
    vocabulary::Severity,
};

/// The log files of the corpus beside the crates; none when it is not there.
fn logs() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let mut found = Vec::new();
    for part in ["dev", "own"] {
        let cases = std::fs::read_dir(corpus.join(part)).into_iter().flatten().flatten();
        for case in cases {
            let files = std::fs::read_dir(case.path()).into_iter().flatten().flatten().map(|file| file.path());
            found.extend(
                files.filter(|file| file.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("logs"))),
            );
        }
    }
    found.sort();
    found
}

/// Letters and digits only, without escapes however often they were escaped: what a text and its
/// line have in common.
pub fn essence(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.trim_start_matches('\\');
        let code = escaped.strip_prefix('u').and_then(|hex| u32::from_str_radix(hex.get(..4)?, 16).ok());
        rest = match (escaped.len() < rest.len(), code) {
            (true, Some(code)) => {
                plain.extend(char::from_u32(code));
                &escaped[5..]
            }
            (true, None) => escaped.strip_prefix(['n', 't', 'r']).unwrap_or(escaped),
            (false, _) => {
                plain.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    // Colours are gone from texts and still stand in lines.
    while let Some(start) = plain.find("\u{1b}[") {
        let end = plain[start..].find('m').map_or(plain.len(), |end| start + end + 1);
        plain.replace_range(start..end, "");
    }
    plain.retain(|c| c.is_alphanumeric());
    plain
}

/// Whether the `nth` line of a record's text stands on the physical line that it claims.
pub fn stands(record: &Record, nth: usize, lines: &[&str]) -> bool {
    let said = record.text.lines().nth(nth).unwrap_or_default();
    let line = lines.get(record.physical_line(nth) as usize - 1).copied().unwrap_or_default();
    let said = essence(said);
    essence(line).contains(&said[..said.char_indices().nth(60).map_or(said.len(), |(end, _)| end)])
}

/// All records must stand where they say; returns how many do not, with the first as an example.
pub fn misplaced(kept: &Kept, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let wrong =
        kept.records.iter().filter(|record| !(0..record.text.lines().count()).all(|nth| stands(record, nth, &lines)));
    wrong.map(|record| format!("line {}: {}", record.line, record.text)).collect()
}

#[test]
fn every_case_is_read_whole_and_in_place() {
    let logs = logs();
    if logs.is_empty() {
        println!("no corpus beside the crates: nothing to read");
    }
    for path in logs {
        let bytes = std::fs::read(&path).expect("the file is there");
        let text = String::from_utf8_lossy(&bytes);
        let (kept, summary) = read(&bytes);
        let name = path.display();
        assert_eq!(kept.skipped, [], "{name}");
        assert_eq!(misplaced(&kept, &text), [] as [String; 0], "{name}");
        assert_eq!(summary.rows as usize, kept.records.len(), "{name}");
        assert_eq!(summary.formats.values().sum::<u64>(), summary.rows, "{name}");
        assert_eq!(summary.bytes as usize, bytes.len(), "{name}");
        assert_eq!(summary.without_payload, 0, "{name}");
        let format = *summary.formats.iter().max_by_key(|(_, rows)| **rows).expect("rows").0;
        check_envelopes(&kept, format, &name.to_string());
    }
}

/// Formats with an envelope give every record its time and writer.
fn check_envelopes(kept: &Kept, format: &str, name: &str) {
    let enveloped = ["cloud-logging", "cri", "docker-json", "journald", "kubectl-timestamps"].contains(&format);
    for record in &kept.records {
        if enveloped {
            assert_eq!(record.at.map(|at| at.clock), Some(Clock::Envelope), "{name}: {record:?}");
        }
        if format == "cloud-logging" {
            assert!(record.origin.service.is_some() && record.origin.instance.is_some(), "{name}: {record:?}");
        }
        if let Some(at) = record.at {
            let year = at.time.to_string();
            assert!(year.starts_with("202"), "{name}: {record:?}");
        }
    }
}

/// In rows of Cloud Run that carry text the only severities are those of the envelope and of
/// level columns: a word in the text never makes one.
#[test]
fn severities_of_entries_are_those_of_their_envelopes() {
    for path in logs() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if !text.contains("\"insertId\"") || !text.contains("cloud_run_revision") {
            continue;
        }
        let (kept, _) = read(&text);
        for record in &kept.records {
            let line = text.lines().nth(record.line as usize - 1).unwrap_or_default();
            if let Some(word) = line.split("\"severity\": \"").nth(1).and_then(|rest| rest.split('"').next()) {
                assert_eq!(record.severity, Severity::read(word), "{}: {record:?}", path.display());
            }
        }
    }
}
