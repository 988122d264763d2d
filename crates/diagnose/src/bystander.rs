//! What stands beside the failing starts and must not be taken for them: request logs of whoever is
//! in front of the service, and instances of the same service that serve meanwhile.

use crate::catalogue::Mark;
use crate::item::Item;
use crate::lane::{Lane, LaneKey};
use crate::order::Row;
use crate::split;
use std::collections::{BTreeMap, BTreeSet};
use tminus_core::exits::Exits;
use tminus_core::record::{SourceId, Stream};
use tminus_core::vocabulary::Severity;

/// Is it a line about one request?
fn tells_request(item: &Item) -> bool {
    item.is(Mark::AccessLog) || item.is(Mark::Served)
}

/// Is it something that a failing start would say?
fn tells_failure(item: &Item) -> bool {
    let ends = |mark: &Mark| matches!(mark, Mark::Wrapper | Mark::Exited | Mark::Consequence | Mark::Stopping);
    item.chain.is_some()
        || item.severity >= Some(Severity::Error)
        || item.marks.iter().any(ends)
        || item.hits.iter().any(|hit| hit.pattern().is_some())
}

/// Removes the items of inputs that hold nothing but requests, when another input holds a program's
/// words: such a file was written by an ingress or a load balancer, and which instance answered a
/// request it does not say. Lanes that are empty then go with them.
pub fn leave_request_logs_out(lanes: &mut Vec<Lane>, items: &mut Vec<Vec<Item>>, rows: &[Row]) {
    let mut speaks: BTreeMap<SourceId, bool> = BTreeMap::new();
    for item in items.iter().flatten() {
        *speaks.entry(rows[item.first_row()].record.source).or_default() |= !tells_request(item);
    }
    if speaks.values().all(|speaks| *speaks) || !speaks.values().any(|speaks| *speaks) {
        return;
    }
    for items in items.iter_mut() {
        items.retain(|item| speaks[&rows[item.first_row()].record.source]);
    }
    let mut filled = items.iter().map(|items| !items.is_empty());
    lanes.retain(|_| filled.next().unwrap_or(false));
    items.retain(|items| !items.is_empty());
}

/// Of several instances of the target, those that only serve: the rows of an exits file are not
/// about them. Each of them says nothing of a start or a failure, and goes on after one of the
/// recorded ends (or, where rows have no time, answers requests).
pub fn instances(lanes: &[&Lane], items: &[&[Item]], exits: Option<&Exits>) -> BTreeSet<LaneKey> {
    let mut out = BTreeSet::new();
    let Some(exits) = exits else { return out };
    for (lane, items) in lanes.iter().zip(items) {
        let program = || items.iter().filter(|item| !matches!(item.stream, Stream::Platform | Stream::Request));
        let quiet = program().all(|item| !tells_failure(item) && !item.is(Mark::Start));
        let timed = items.iter().any(|item| item.at.is_some() && !item.inherited);
        let serves = if timed {
            outlives(items, exits, lane.key.revision.as_deref())
        } else {
            program().any(|item| item.is(Mark::Served))
        };
        if lane.key.instance.is_some() && quiet && serves {
            out.insert(lane.key.clone());
        }
    }
    let all = lanes.iter().all(|lane| out.contains(&lane.key));
    if all { BTreeSet::new() } else { out }
}

/// Was something written well after a recorded end, and before the start that followed it?
fn outlives(items: &[Item], exits: &Exits, revision: Option<&str>) -> bool {
    let windows = split::windows(exits, revision);
    items.iter().filter_map(|item| item.at).any(|at| !windows.iter().any(|window| window.holds(at)))
}
