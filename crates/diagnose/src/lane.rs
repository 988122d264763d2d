//! Sorts rows into lanes: one lane is what one instance of one service wrote, or what the platform
//! wrote about it. Rows that belong to no instance (audit, revision notices) are kept apart.

use crate::order::Row;
use std::collections::{BTreeMap, BTreeSet};
use tminus_core::record::{Name, Stream};

/// Identity of a lane. Empty parts are unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneKey {
    /// Service.
    pub service: Option<Name>,
    /// Revision.
    pub revision: Option<Name>,
    /// Instance.
    pub instance: Option<Name>,
    /// Container inside the instance.
    pub container: Option<Name>,
}

/// What one instance wrote, by index into the ordered rows.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Whose it is.
    pub key: LaneKey,
    /// Indices of its rows, in order.
    pub rows: Vec<usize>,
}

/// Rows by what they belong to.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Lanes in order of their first row.
    pub lanes: Vec<Lane>,
    /// Audit and deploy rows.
    pub audit: Vec<usize>,
    /// Platform and request rows that name no instance.
    pub loose: Vec<usize>,
}

fn key_of(row: &Row) -> LaneKey {
    let origin = &row.record.origin;
    LaneKey {
        service: origin.service.clone(),
        revision: origin.revision.clone(),
        instance: origin.instance.clone(),
        container: origin.container.clone(),
    }
}

/// Keys under which programs wrote.
fn program_keys(rows: &[Row]) -> BTreeSet<LaneKey> {
    let program = |row: &&Row| !matches!(row.record.stream, Stream::Platform | Stream::Request | Stream::Audit);
    rows.iter().filter(program).map(key_of).collect()
}

/// Sorts `rows` into lanes.
pub fn lanes(rows: &[Row]) -> Lanes {
    let mut out = Lanes::default();
    let mut index: BTreeMap<LaneKey, usize> = BTreeMap::new();
    let written = program_keys(rows);
    for (i, row) in rows.iter().enumerate() {
        let origin = &row.record.origin;
        let unplaced = origin.instance.is_none() && matches!(row.record.stream, Stream::Platform | Stream::Request);
        if row.record.stream == Stream::Audit {
            out.audit.push(i);
            continue;
        }
        if unplaced && origin.revision.is_some() {
            out.loose.push(i);
            continue;
        }
        let mut key = key_of(row);
        if matches!(row.record.stream, Stream::Platform | Stream::Request) && !written.contains(&key) {
            // The platform names the container where the program's own rows do not, or the reverse.
            let of_instance = |k: &&LaneKey| k.instance.is_some() && k.instance == key.instance;
            if let Some(known) = written.iter().find(of_instance) {
                key = known.clone();
            }
        }
        let lane = *index.entry(key.clone()).or_insert_with(|| {
            out.lanes.push(Lane { key, rows: Vec::new() });
            out.lanes.len() - 1
        });
        out.lanes[lane].rows.push(i);
    }
    out
}
