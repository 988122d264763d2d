//! Deploys and settings that the input shows. A setting seen is not a change seen: `from` is only
//! filled when two different values were seen, or when the facts say so.

use crate::order::Row;
use std::collections::BTreeMap;
use tminus_core::Timestamp;
use tminus_core::event::LogRef;
use tminus_core::facts::Facts;
use tminus_core::vocabulary::ChangeKind;

/// Most settings that are reported.
const SETTINGS_MAX: usize = 40;

/// One setting or deploy, and where it stands.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Kind.
    pub kind: ChangeKind,
    /// Name.
    pub what: String,
    /// Earlier value, when two were seen.
    pub from: Option<String>,
    /// Value.
    pub to: Option<String>,
    /// First moment.
    pub at: Option<Timestamp>,
    /// Where; none for facts.
    pub place: Option<LogRef>,
    /// In how many rows of how many that show settings.
    pub seen_in: (u32, u32),
}

/// Reads the audit rows at `audit` (indices into `rows`) and the facts.
pub fn changes(rows: &[Row], audit: &[usize], facts: &Facts) -> Vec<Seen> {
    let telling: Vec<&Row> =
        audit.iter().map(|&i| &rows[i]).filter(|row| !row.record.detail.settings.is_empty()).collect();
    let total = telling.len() as u32;
    let mut seen: Vec<Seen> = Vec::new();
    let mut index: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut latest: BTreeMap<String, String> = BTreeMap::new();
    for row in &telling {
        for (name, value) in &row.record.detail.settings {
            let key = (name.clone(), value.clone());
            if let Some(&known) = index.get(&key) {
                seen[known].seen_in.0 += 1;
                continue;
            }
            if seen.len() >= SETTINGS_MAX {
                continue;
            }
            let from = latest.insert(name.clone(), value.clone());
            index.insert(key, seen.len());
            seen.push(Seen {
                kind: kind_of(name),
                what: name.clone(),
                from,
                to: Some(value.clone()),
                at: row.at,
                place: Some(place(row, name, value)),
                seen_in: (1, total),
            });
        }
    }
    for change in &facts.changes {
        seen.push(Seen {
            kind: kind_of(&change.what),
            what: change.what.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
            at: change.at,
            place: None,
            seen_in: (1, 1),
        });
    }
    seen
}

fn kind_of(name: &str) -> ChangeKind {
    match name {
        "image" => ChangeKind::Image,
        name if name.contains("deploy") || name.contains("revision") => ChangeKind::Deploy,
        _ => ChangeKind::Setting,
    }
}

fn place(row: &Row, name: &str, value: &str) -> LogRef {
    let record = &row.record;
    let mut line = record.line;
    let mut text = format!("{name}: {value}");
    // The reader says on which line of a pretty-printed document a setting stands, as `name` of the
    // text's lines; otherwise the row's own line is cited with what stands there.
    if let Some(found) = record.text.lines().find(|l| l.contains(value) && l.contains(name)) {
        text = found.trim().to_owned();
    } else if let Some(first) = record.text.lines().next() {
        text = first.to_owned();
    }
    if line == 0 {
        line = 1;
    }
    LogRef { source: record.source, line, text }
}
