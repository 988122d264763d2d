//! Links between failures of one attempt: which earlier failure the one that ended it came from.

use super::{Candidate, informative_link};
use crate::catalogue::Catalogue;
use crate::reading::Reading;
use crate::wording::{BREATH_MS, first_line, gives_up, is_vague, names, speaks_of_time};
use tminus_core::event::{LineRole, Match};
use tminus_core::vocabulary::{CauseKey, Domain, Layer, Severity};

/// How many events before the end the retried failure can stand.
const GAVE_UP_REACH: usize = 6;

/// The failure that ended the attempt, as far as it leaves room for an earlier one.
struct End<'a> {
    event: usize,
    matched: &'a Match,
    component: Option<String>,
    /// What its own words say.
    keys: Vec<CauseKey>,
    /// It does not say what caused it: nothing in it is more than a mechanism.
    open: bool,
    /// It says that something failed, or that time ran out, and nothing else.
    vague: bool,
    /// It only says that a library stopped retrying.
    gave_up: bool,
}

impl<'a> End<'a> {
    fn of(candidates: &[Candidate], reading: &Reading<'a>) -> Option<End<'a>> {
        let &event = reading.terminals.last()?;
        let matched = reading.matched(event)?;
        let own = || candidates.iter().filter(|c| c.event == event);
        let open = own().all(|c| c.mechanism || c.score() < 0.5);
        let informative = matched.failure.as_ref().and_then(informative_link);
        Some(End {
            event,
            matched,
            component: component_of_end(reading, event),
            keys: own().filter(|c| c.pattern.is_some()).map(|c| c.key.clone()).collect(),
            open,
            vague: open
                && matched.failure.is_none()
                && (is_vague(&matched.says) || speaks_of_time(first_line(&matched.says))),
            gave_up: open && informative.is_some_and(|(_, link)| gives_up(&link.type_name)),
        })
    }

    /// How an earlier failure led to this end, and how much that says; none when nothing shows it.
    fn led_by(&self, candidate: &Candidate, reading: &Reading, catalogue: &Catalogue) -> Option<(String, f64)> {
        if !self.open {
            return None;
        }
        if same_way(candidate, self.component.as_deref(), catalogue) {
            let component = candidate.component.as_deref().unwrap_or_default();
            return Some((format!("an earlier error of {component}, on which the end was waiting"), 2.4));
        }
        if candidate.tolerated {
            return None;
        }
        if self.gave_up && self.event.saturating_sub(candidate.event) <= GAVE_UP_REACH {
            return Some(("what was retried until the program gave up".to_owned(), 1.8));
        }
        if self.vague && stands_right_before(candidate, self.event, reading) {
            return Some(("stands right before an end that does not say why".to_owned(), 1.6));
        }
        if let Some(word) = shared_thread(candidate.event, self.event, reading) {
            return Some((format!("the lines from it to the end all speak of {word}"), 1.8));
        }
        let cascade = self.matched.failure.is_none() && cascades(candidate, self.event, reading);
        cascade.then(|| ("the first of the errors that came at once before the end".to_owned(), 1.6))
    }

    /// Does a candidate's cause explain what the end says in its own words?
    fn explained_by(&self, candidate: &Candidate, used_up: bool, catalogue: &Catalogue) -> bool {
        let reaches = used_up || same_way(candidate, self.component.as_deref(), catalogue);
        let explains = |key: &CauseKey| {
            key.as_str() != "startup_exception"
                && *key != candidate.key
                && catalogue.cause(&candidate.key).is_some_and(|entry| entry.explains.contains(key))
        };
        reaches && self.keys.iter().any(explains)
    }
}

/// Links of earlier lines to the failure that ended the attempt.
pub fn to_terminal(candidates: &mut [Candidate], reading: &Reading, catalogue: &Catalogue) {
    let Some(end) = End::of(candidates, reading) else { return };
    let mut explained = false;
    let mut consequences: Vec<CauseKey> = Vec::new();
    for candidate in candidates.iter_mut().filter(|c| c.event != end.event && c.pattern.is_some() && !c.mechanism) {
        if let Some((because, log_odds)) = end.led_by(candidate, reading, catalogue) {
            (candidate.linked, explained) = (true, true);
            candidate.add(because, log_odds);
        }
        let entry = catalogue.cause(&candidate.key);
        let used_up = entry.is_some_and(|e| e.layer == Layer::Resource && e.domain == Domain::Capacity);
        if end.explained_by(candidate, used_up, catalogue) {
            candidate.linked = true;
            candidate.add("explains the failure that ended the attempt", 1.2);
            if used_up {
                consequences.extend(entry.into_iter().flat_map(|e| e.explains.iter().cloned()));
            }
        }
        if end.keys.contains(&candidate.key) {
            candidate.linked = true;
            candidate.add("the failure that ended the attempt says the same", 1.5);
        } else if candidate.culprit.as_deref().is_some_and(|c| c.len() >= 5 && end.matched.says.contains(c)) {
            candidate.add("the failure that ended the attempt names the same culprit", 1.2);
        }
    }
    for candidate in candidates.iter_mut().filter(|c| c.event == end.event) {
        if consequences.contains(&candidate.key) {
            candidate.add("something was used up before it, which makes this fail too", -1.5);
        }
        if explained && (candidate.pattern.is_none() || !candidate.sure) {
            candidate.add("the line before it says more", -1.5);
        }
    }
}

/// The dependency that the end was waiting for: that of the last failure, or of a failure shortly
/// before it when the last one only repeats that something failed.
fn component_of_end(reading: &Reading, terminal: usize) -> Option<String> {
    let of = |m: &Match| m.failure.as_ref().and_then(|f| f.links.iter().find_map(|l| l.component.clone()));
    let first = terminal.saturating_sub(4);
    (first..=terminal).rev().find_map(|index| reading.matched(index).and_then(of))
}

/// Is a candidate about the dependency that the end was waiting for? A pooler and a proxy stand in
/// front of the database; an error of a name, a route or a handshake counts when it names the target.
fn same_way(candidate: &Candidate, terminal: Option<&str>, catalogue: &Catalogue) -> bool {
    let (Some(own), Some(terminal)) = (candidate.component.as_deref(), terminal) else { return false };
    let behind = |component| match component {
        "pgbouncer" | "cloud-sql-proxy" => "postgres",
        other => other,
    };
    let transport = crate::address::is_transport(own);
    let named = || {
        let text = candidate.at.text.as_str();
        let of_port =
            |(_, port): &(&str, u16)| catalogue.component_of_port(*port).map(behind) == Some(behind(terminal));
        let said_by = |text: &str| catalogue.component_of_frame(text).map(behind) == Some(behind(terminal));
        crate::address::host_ports(text).iter().any(of_port)
            || said_by(text)
            || candidate.logger.as_deref().is_some_and(said_by)
    };
    behind(own) == behind(terminal) || (transport && named())
}

/// Inside one failure text: a cause that explains another one there is the cause, wherever it stands
/// (a client that gives up on a timeout closes the connection itself, and lists that as its cause).
pub fn inside_one_text(candidates: &mut [Candidate], reading: &Reading, catalogue: &Catalogue) {
    let chained =
        |event| reading.matched(event).is_some_and(|m| m.failure.is_some() && m.rows > 1 || m.says.lines().count() > 1);
    let explained: Vec<(usize, CauseKey, CauseKey)> = candidates
        .iter()
        .filter(|c| c.pattern.is_some() && c.sure && chained(c.event))
        .flat_map(|c| {
            let explains = catalogue.cause(&c.key).map(|entry| entry.explains.as_slice()).unwrap_or_default();
            explains.iter().map(move |key| (c.event, c.key.clone(), key.clone()))
        })
        .collect();
    let present: Vec<(usize, CauseKey)> = candidates.iter().map(|c| (c.event, c.key.clone())).collect();
    for (event, by, key) in explained.into_iter().filter(|(event, _, key)| present.contains(&(*event, key.clone()))) {
        for candidate in candidates.iter_mut().filter(|c| c.event == event) {
            if candidate.key == by {
                candidate.add(format!("explains {key}, which stands in the same failure"), 1.0);
            } else if candidate.key == key {
                candidate.add(format!("explained by {by} in the same failure"), -1.5);
            }
        }
    }
}

/// Failures that follow one another and speak of the same file, host or object tell one story: the
/// name that leads from the failure at `from` to the one at `terminal`, when nothing else happened
/// between them.
fn shared_thread(from: usize, terminal: usize, reading: &Reading) -> Option<String> {
    let said = |index: usize| reading.matched(index).map(|m| names(&m.at.text));
    let mut known = said(terminal)?;
    let mut shared = None;
    for index in (from..terminal).rev() {
        let said = said(index)?;
        shared = said.iter().find(|name| known.contains(*name)).cloned();
        if shared.is_some() {
            known.extend(said);
        } else if index == from {
            return None;
        }
    }
    shared
}

/// Is it an error by its own level, and did only errors and their words follow, at once, to the end?
fn cascades(candidate: &Candidate, terminal: usize, reading: &Reading) -> bool {
    let at = |index: usize| reading.attempt.events[index].at.map(|at| at.as_millisecond());
    let (Some(said), Some(ended)) = (at(candidate.event), at(terminal)) else { return false };
    let error = |index: usize| reading.matched(index).is_some_and(|m| m.severity >= Some(Severity::Error));
    candidate.event < terminal
        && ended - said <= BREATH_MS
        && !candidate.tolerated
        && error(candidate.event)
        && (candidate.event + 1..terminal)
            .all(|index| error(index) || reading.matched(index).is_some_and(|m| m.role == LineRole::Consequence))
}

/// Is there nothing but failures without words of their own between a candidate and the end?
fn stands_right_before(candidate: &Candidate, terminal: usize, reading: &Reading) -> bool {
    candidate.event < terminal
        && terminal - candidate.event <= 3
        && (candidate.event + 1..terminal).all(|index| reading.matched(index).is_some_and(|m| m.rules.is_empty()))
}
