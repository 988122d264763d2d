//! The events of one attempt as they come.

use crate::wording::BREATH_MS;
use tminus_core::Timestamp;
use tminus_core::event::{AttemptId, Event, EventKind, LineRole, Origin, VERSION};
use tminus_core::vocabulary::Severity;

/// Numbers events as they come and folds runs of ordinary output into one.
pub(super) struct EventLog {
    id: AttemptId,
    start: Option<Timestamp>,
    pub(super) events: Vec<Event>,
    /// Does an exits row say that the process ended itself?
    pub(super) exits: bool,
}

impl EventLog {
    pub(super) fn new(id: AttemptId, start: Option<Timestamp>) -> EventLog {
        EventLog { id, start, events: Vec::new(), exits: false }
    }

    pub(super) fn push(&mut self, at: Option<Timestamp>, kind: EventKind) {
        let t = match (at, self.start) {
            (Some(at), Some(start)) => i64::try_from(at.as_nanosecond() - start.as_nanosecond()).unwrap_or(i64::MAX),
            _ => 0,
        };
        let seq = self.events.len() as u64;
        self.events.push(Event { v: VERSION, attempt: self.id.clone(), seq, at, t, src: Origin::Import, kind });
    }

    /// Was the event before this moment a failure, at once before it?
    pub(super) fn failed_within_a_breath(&self, at: Option<Timestamp>) -> bool {
        let leaving = |event: &&Event| matches!(event.kind, EventKind::ChildStopping { .. });
        let last = self.events.iter().rev().find(|event| !leaving(event));
        let Some(Event { kind: EventKind::LogMatched(before), at: said, .. }) = last else { return false };
        let soon = match (at, said) {
            (Some(at), Some(said)) => at.as_millisecond() - said.as_millisecond() <= BREATH_MS,
            _ => true,
        };
        soon && matches!(before.role, LineRole::Candidate | LineRole::Consequence | LineRole::Wrapper)
    }

    /// Did a row with a level of error precede this moment at once?
    pub(super) fn error_goes_on(&self, at: Option<Timestamp>) -> bool {
        let error = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::LogMatched(m) if m.role == LineRole::Consequence && m.severity.is_none() => None,
            EventKind::LogMatched(m) => Some(m.severity >= Some(Severity::Error)),
            EventKind::ChildStopping { .. } => None,
            _ => Some(false),
        });
        at.is_some() && error == Some(true) && self.failed_within_a_breath(at)
    }

    pub(super) fn output(&mut self, at: Option<Timestamp>, kind: EventKind) {
        if let (
            Some(Event { kind: EventKind::ChildOutput { lines, bytes, last, .. }, .. }),
            EventKind::ChildOutput { lines: more, bytes: size, last: end, .. },
        ) = (self.events.last_mut(), &kind)
        {
            (*lines, *bytes) = (*lines + more, *bytes + size);
            last.clone_from(end);
            return;
        }
        self.push(at, kind);
    }
}
