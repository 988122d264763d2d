//! What follows for people who have to act: derived from causes, never from habit.

use crate::catalogue::Catalogue;
use crate::incident::{Epoch, Incident};
use crate::judge::Judged;
use tminus_core::verdict::{Advice, Rollback};
use tminus_core::vocabulary::{AttemptOutcome, CauseStatus, Domain, Outcome, Retry, Role};

/// Advice for the whole.
pub fn advice(incident: &Incident, judged: &[Judged], serving: &[String], catalogue: &Catalogue) -> Advice {
    let current = incident.epochs.iter().find(|e| e.current);
    let entry = current.and_then(|e| catalogue.cause(&e.finding.key));
    let retry = match (incident.outcome, entry) {
        (Outcome::Failed, Some(entry)) => entry.retry,
        _ => Retry::Unknown,
    };
    let mut do_not: Vec<String> = Vec::new();
    if let (Some(epoch), Some(entry)) = (current, entry) {
        if matches!(epoch.finding.owner, Role::Application | Role::Build) {
            do_not.push("hold code deploys: the fix is one".to_owned());
        }
        if before_dependencies(epoch) {
            do_not.push("raise dependency timeouts: no start gets that far".to_owned());
        }
        do_not.extend(entry.do_not.iter().cloned());
    }
    do_not.truncate(4);
    Advice { retry, rollback: rollback(incident, judged, serving, current), hold: hold(incident, current), do_not }
}

/// Does the current cause stop a start before it talks to anything?
pub fn before_dependencies(epoch: &Epoch) -> bool {
    use tminus_core::vocabulary::Layer;
    matches!(epoch.finding.layer, Layer::Process | Layer::Import | Layer::Config)
}

/// A revision that provably served. A platform's Ready is none.
fn rollback(incident: &Incident, judged: &[Judged], serving: &[String], current: Option<&Epoch>) -> Rollback {
    let target = incident.revision.as_deref();
    let came_up = judged.iter().rev().find_map(|one| {
        let revision = one.reading.attempt.key.revision.as_deref()?;
        (one.reading.outcome == AttemptOutcome::Ready && Some(revision) != target).then(|| revision.to_owned())
    });
    let to = serving.iter().find(|r| Some(r.as_str()) != target).cloned().or(came_up);
    match (current, to) {
        (None, _) => Rollback { to: None, because: "no cause is known that a rollback could mend".to_owned() },
        (Some(epoch), Some(to)) if changes_with_revision(epoch.finding.domain) => {
            Rollback { because: format!("{to} provably serves, and the cause came with a newer revision"), to: Some(to) }
        }
        (Some(epoch), Some(to)) => Rollback {
            to: None,
            because: format!("{to} serves, but the cause ({}) lies outside the revision", epoch.finding.domain),
        },
        (Some(_), None) => Rollback { to: None, because: "no revision in this input was ever ready".to_owned() },
    }
}

fn changes_with_revision(domain: Domain) -> bool {
    matches!(domain, Domain::Application | Domain::Configuration | Domain::Platform)
}

/// `none`, unless deploying more of the same would hurt.
fn hold(incident: &Incident, current: Option<&Epoch>) -> String {
    let masked_capacity = incident.epochs.iter().any(|e| e.status == CauseStatus::Masked && e.finding.domain == Domain::Capacity);
    match current.map(|e| e.finding.domain) {
        Some(Domain::Capacity) => "scale-out: every further instance asks for more of what is used up".to_owned(),
        _ if masked_capacity => "none".to_owned(),
        _ => "none".to_owned(),
    }
}
