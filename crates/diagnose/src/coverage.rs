//! What the input covers, so that lines, attempts and failures are never confused.

use crate::collect::Collector;
use crate::order::Ordered;
use std::collections::BTreeMap;
use tminus_core::Timestamp;
use tminus_core::record::SourceId;
use tminus_core::verdict::{Coverage, InputCoverage};
use tminus_core::vocabulary::Severity;

/// Row counts at which exports are commonly capped.
const CAPS: &[u64] = &[50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000];
/// A silence longer than this is a gap, seconds.
const GAP_S: i64 = 600;

/// Describes what was read.
///
/// `live` is from when to when recorded starts tell, if there are any.
pub fn coverage(
    collector: &Collector,
    ordered: &Ordered,
    records: u64,
    cut_off: u32,
    live: Option<(Timestamp, Timestamp)>,
) -> Coverage {
    let times: Vec<Timestamp> = ordered.rows.iter().filter_map(|row| row.record.at.map(|_| row.at)).flatten().collect();
    let seconds = |from: Timestamp, to: Timestamp| (to.as_millisecond() - from.as_millisecond()) as f64 / 1000.0;
    let span_s = match (times.first(), times.last()) {
        (Some(first), Some(last)) => seconds(*first, *last),
        _ => 0.0,
    };
    // Nothing was read, and live starts tell their own times.
    let span_s = match (times.is_empty(), live) {
        (true, Some((from, to))) => seconds(from, to),
        _ => span_s,
    };
    let mut gaps: Vec<(Timestamp, Timestamp)> = times
        .windows(2)
        .filter(|pair| pair[1].as_second() - pair[0].as_second() > GAP_S)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    gaps.sort_by_key(|(from, to)| from.as_second() - to.as_second());
    let silent: f64 = gaps.iter().map(|(from, to)| seconds(*from, *to)).sum();
    let mut notes = Vec::new();
    if collector.thinned > 0 {
        notes.push(format!("{} records in the middle of long outputs were counted, not kept", collector.thinned));
    }
    Coverage {
        rows: collector.inputs.iter().map(|input| input.rows).sum(),
        records,
        span_s,
        covered_s: span_s - silent,
        caps: caps(collector),
        cut_off,
        skipped: collector.inputs.iter().map(|input| input.skipped).sum(),
        without_payload: collector.without_payload,
        duplicates: collector.duplicates,
        clocks: ordered.clocks.clone(),
        time_basis: if live.is_some() && times.is_empty() { "envelope" } else { ordered.time_basis }.to_owned(),
        inputs: inputs(collector, ordered),
        gaps,
        notes,
    }
}

fn inputs(collector: &Collector, ordered: &Ordered) -> Vec<InputCoverage> {
    collector
        .inputs
        .iter()
        .enumerate()
        .map(|(index, input)| InputCoverage {
            source: input.name.clone(),
            format: input.format.clone(),
            rows: input.rows,
            newest_first: ordered.newest_first.get(index).copied().unwrap_or(false),
            skipped: input.told.clone(),
        })
        .collect()
}

/// Caps that an export shows: exactly N rows in all, or exactly N of two severities and more of none.
fn caps(collector: &Collector) -> Vec<String> {
    let mut caps = Vec::new();
    for (index, input) in collector.inputs.iter().enumerate() {
        let source = SourceId(index as u16);
        let counts: BTreeMap<Option<Severity>, u64> = collector
            .by_severity
            .iter()
            .filter(|((of, _), _)| *of == source)
            .map(|((_, severity), count)| (*severity, *count))
            .collect();
        // Plain text has no severities in its envelope and no provider that caps.
        let structured = counts.keys().any(Option::is_some);
        let most = counts.values().copied().max().unwrap_or(0);
        let capped = counts.values().filter(|count| **count == most).count();
        let cap = if structured && CAPS.contains(&most) && capped >= 2 {
            format!("{most} per severity")
        } else if structured && input.rows >= 500 && CAPS.contains(&input.rows) {
            format!("limit {}", input.rows)
        } else {
            continue;
        };
        if !caps.contains(&cap) {
            caps.push(cap);
        }
    }
    caps
}
