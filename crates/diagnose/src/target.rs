//! Which service the verdict is about, when the input holds several.

use crate::attempt::Attempt;
use crate::lane::LaneKey;
use crate::reading;
use std::collections::BTreeMap;
use tminus_core::event::EventKind;
use tminus_core::exits::Exits;
use tminus_core::record::Name;
use tminus_core::vocabulary::Stage;

/// One program: a service, or one container of its instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// Service.
    pub service: Option<Name>,
    /// Container.
    pub container: Option<Name>,
}

impl Unit {
    /// The unit of a lane.
    pub fn of(key: &LaneKey) -> Unit {
        Unit { service: key.service.clone(), container: key.container.clone() }
    }

    /// Its name for people.
    pub fn name(&self) -> Option<&str> {
        self.container.as_deref().or(self.service.as_deref())
    }
}

/// What decides between several units.
#[derive(Debug, Default)]
struct Standing {
    failed: usize,
    grave: usize,
    ready: usize,
    attempts: usize,
    texts: String,
    server: bool,
}

/// Chooses the target among the units of `attempts`: the failing one that the others do not depend on.
/// What the exits file calls its revisions begins with the name of the service, where both are named.
pub fn choose(attempts: &[Attempt], wanted: Option<&str>, exits: Option<&Exits>) -> Option<Unit> {
    let mut standings: BTreeMap<Unit, Standing> = BTreeMap::new();
    for attempt in attempts {
        let reading = reading::read(attempt);
        let standing = standings.entry(Unit::of(&attempt.key)).or_default();
        standing.attempts += 1;
        standing.failed += usize::from(reading.failed());
        standing.ready += usize::from(reading.stage.is_some_and(|s| s.0 >= Stage::Listening));
        standing.server |= is_server(attempt);
        standing.grave += reading.terminals.len();
        if standing.texts.len() < 64 << 10 {
            for (_, matched) in reading.matches() {
                standing.texts.push_str(&matched.says);
                standing.texts.push('\n');
            }
        }
    }
    if let Some(wanted) = wanted {
        return standings
            .into_keys()
            .find(|u| u.service.as_deref() == Some(wanted) || u.container.as_deref() == Some(wanted));
    }
    if standings.len() <= 1 {
        return standings.into_keys().next();
    }
    let depended_on = |unit: &Unit| {
        let Some(name) = unit.name() else { return false };
        standings.iter().any(|(other, standing)| other != unit && standing.failed > 0 && names(&standing.texts, name))
    };
    standings
        .iter()
        .max_by_key(|(unit, standing)| {
            let fails = standing.failed > 0;
            (
                named_by(exits, unit),
                fails,
                !standing.server,
                !(fails && depended_on(unit)),
                standing.failed,
                standing.grave,
                standing.attempts,
                std::cmp::Reverse((*unit).clone()),
            )
        })
        .map(|(unit, _)| unit.clone())
}

/// Is the unit the one whose revisions the exits file lists?
fn named_by(exits: Option<&Exits>, unit: &Unit) -> bool {
    let revisions = || exits.into_iter().flat_map(|exits| exits.attempts.iter().filter_map(|a| a.revision.as_deref()));
    let of = |name: &str| {
        name.len() >= 3 && revisions().any(|r| r.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')))
    };
    [unit.service.as_deref(), unit.container.as_deref()].into_iter().flatten().any(of)
}

/// Does a text name a host or service as a word?
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        !word(before) && !word(after)
    })
}

/// Does it speak like a database, cache or broker server? Those are what others depend on.
fn is_server(attempt: &Attempt) -> bool {
    let server = |text: &str| {
        [
            "starting PostgreSQL",
            "database system is",
            "PostgreSQL init process",
            "Redis version",
            "oO0OoO0OoO0Oo",
            "Starting RabbitMQ",
            "mysqld",
            "MongoDB starting",
        ]
        .iter()
        .any(|word| text.contains(word))
    };
    attempt.events.iter().any(|event| match &event.kind {
        EventKind::ChildNotified { status, .. } => server(status),
        EventKind::LogMatched(m) => server(&m.at.text),
        _ => false,
    })
}
