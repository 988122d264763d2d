//! What follows for people who have to act: derived from causes, never from habit.

use crate::catalogue::Catalogue;
use crate::incident::{Epoch, Incident};
use crate::judge::Judged;
use tminus_core::verdict::{Advice, Rollback};
use tminus_core::vocabulary::{AttemptOutcome, Domain, Outcome, Retry, Role};

/// Advice for the whole.
pub fn advice(incident: &Incident, judged: &[Judged], serving: &[String], catalogue: &Catalogue) -> Advice {
    let current = incident.epochs.iter().find(|e| e.current);
    let entry = current.and_then(|e| catalogue.cause(&e.finding.key));
    let measured = incident.last_failed.and_then(|index| judged[index].reading.attempt.live.as_deref());
    let measured = measured.filter(|_| current.is_some_and(|epoch| epoch.finding.event.is_none()));
    let retry = match (incident.outcome, entry) {
        (Outcome::Failed, Some(entry)) if measured.is_some() => {
            measured.and_then(crate::live::tell::retry).unwrap_or(entry.retry)
        }
        (Outcome::Failed, Some(entry)) => entry.retry,
        _ => Retry::Unknown,
    };
    let mut do_not: Vec<String> = Vec::new();
    if let (Some(epoch), Some(entry)) = (current, entry) {
        if matches!(epoch.finding.owner, Role::Application | Role::Build) {
            do_not.push("hold code deploys: the fix is one".to_owned());
        }
        if before_dependencies(epoch, judged) {
            do_not.push("raise dependency timeouts: no start gets that far".to_owned());
        }
        let said = |text: &str| text.split(':').next().unwrap_or(text).to_owned();
        for advice in &entry.do_not {
            if do_not.iter().all(|known| said(known) != said(advice)) {
                do_not.push(advice.clone());
            }
        }
    }
    do_not.truncate(4);
    Advice { retry, rollback: rollback(incident, judged, serving, current), hold: hold(current), do_not }
}

/// Does the current cause stop a start before it talks to anything? Only when nothing shows that a
/// start of this epoch came further.
pub fn before_dependencies(epoch: &Epoch, judged: &[Judged]) -> bool {
    use tminus_core::vocabulary::{Layer, Stage};
    let early = matches!(epoch.finding.layer, Layer::Process | Layer::Import | Layer::Config);
    let further = |index: &usize| judged[*index].reading.stage.is_some_and(|s| s.0 >= Stage::Dependencies);
    // What was dialled in a live start is measured.
    let dialled = |index: &usize| judged[*index].reading.attempt.live.as_ref().is_some_and(|start| start.dialled());
    early && !epoch.all().iter().any(dialled) && epoch.finding.component.is_none() && !epoch.all().iter().any(further)
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
        (Some(epoch), Some(to)) if changes_with_revision(epoch.finding.domain) => Rollback {
            because: format!("{to} provably serves, and the cause came with a newer revision"),
            to: Some(to),
        },
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

/// `none`, unless more of the same would hurt: the scope that should wait.
fn hold(current: Option<&Epoch>) -> String {
    match current.map(|e| e.finding.domain) {
        Some(Domain::Capacity) => "scale-out".to_owned(),
        _ => "none".to_owned(),
    }
}
