//! Five whys: from the symptom down, only along links that evidence supports, and no further.

use crate::catalogue::Catalogue;
use crate::changes::Seen;
use crate::finding::{Cited, Finding};
use crate::incident::Epoch;
use crate::judge::Judged;
use crate::live;
use tminus_core::event::{LineRole, LogRef};
use tminus_core::verdict::Supports;

/// One link, before its evidence has ids.
#[derive(Debug)]
pub struct Step {
    /// Question.
    pub why: String,
    /// Answer.
    pub because: String,
    /// What shows it.
    pub cited: Vec<Cited>,
}

/// The chain of one epoch.
pub fn whys(
    epoch: &Epoch,
    judged: &[Judged],
    contributing: &[&Seen],
    service: Option<&str>,
    catalogue: &Catalogue,
) -> Vec<Step> {
    let Some(&index) = epoch.attempts.last() else { return Vec::new() };
    let one = &judged[index];
    let finding = &epoch.finding;
    let own = one.finding.as_ref().unwrap_or(finding);
    let mut steps = Vec::new();
    symptom(&mut steps, epoch, one, service);
    steps.extend(one.reading.attempt.live.as_deref().map(live::tell::whys).unwrap_or_default());
    wrapper(&mut steps, one);
    chain(&mut steps, own, one);
    cause(&mut steps, own, catalogue);
    for change in contributing {
        if let Some(place) = &change.place {
            steps.push(Step {
                why: format!("what favours {}?", title(finding, catalogue)),
                because: format!(
                    "{} is {} in {} of {} rows that show settings: a setting seen, not a change seen",
                    change.what,
                    change.to.as_deref().unwrap_or("set"),
                    change.seen_in.0,
                    change.seen_in.1
                ),
                cited: vec![Cited::Log(place.clone(), change.at)],
            });
        }
    }
    let next = catalogue.cause(&finding.key).map_or("", |c| c.next.as_str()).replace("{culprit}", &finding.culprit);
    steps.push(Step {
        why: format!("why {}?", title(finding, catalogue)),
        because: format!("not in the evidence; next: {next}"),
        cited: Vec::new(),
    });
    steps
}

fn title(finding: &Finding, catalogue: &Catalogue) -> String {
    catalogue.cause(&finding.key).map_or_else(|| finding.key.to_string(), |c| c.title.clone())
}

fn symptom(steps: &mut Vec<Step>, epoch: &Epoch, one: &Judged, service: Option<&str>) {
    let n = epoch.all().len();
    let end = &one.reading.end;
    let how = match (&end.signal, end.code) {
        (Some(signal), _) => format!("its process is ended by {signal}"),
        (None, Some(code)) => format!("its process ends with exit code {code}"),
        (None, None) if one.reading.attempt.live.as_ref().is_some_and(|start| start.child.spawned.is_none()) => {
            "the start ends before the program is started".to_owned()
        }
        (None, None) if end.alive => "its process stays alive and never becomes ready".to_owned(),
        (None, None) => "its process ends".to_owned(),
    };
    let mut cited: Vec<Cited> = end.at.iter().map(|at| Cited::Log((*at).clone(), None)).collect();
    if cited.is_empty() {
        let ends = epoch.finding.citations.iter().filter(|c| c.supports == Supports::End);
        cited.extend(ends.map(|c| c.cited.clone()));
    }
    let starts = if n == 1 { "1 start".to_owned() } else { format!("{n} starts") };
    steps.push(Step {
        why: format!("why does {} not start?", service.unwrap_or("the service")),
        because: format!("{how} ({starts}); that alone says no more"),
        cited,
    });
}

fn wrapper(steps: &mut Vec<Step>, one: &Judged) {
    let said = one.reading.matches().filter(|(_, m)| m.role == LineRole::Wrapper).last();
    if let Some((index, matched)) = said {
        let at = one.reading.attempt.events[index].at;
        steps.push(Step {
            why: "why does it end?".to_owned(),
            because: format!("it says: {}", crate::wording::cut(&matched.at.text, 160)),
            cited: vec![Cited::Log(matched.at.clone(), at)],
        });
    }
}

/// From the outermost exception to the root, one step a link.
fn chain(steps: &mut Vec<Step>, finding: &Finding, one: &Judged) {
    let Some(event) = finding.event else { return };
    let Some(failure) = one.reading.matched(event).and_then(|m| m.failure.as_ref()) else { return };
    let at = one.reading.attempt.events[event].at;
    let mut before: Option<LogRef> = None;
    for link in failure.links.iter().rev().filter(|l| !l.aside).take(5) {
        if before.as_ref() == Some(&link.at) {
            continue;
        }
        let place = link.in_app.as_deref().map(|f| format!(", at {f}")).unwrap_or_default();
        let why = match &before {
            None => "why did start-up fail?".to_owned(),
            Some(outer) => format!("why {}?", crate::wording::cut(&outer.text, 90)),
        };
        steps.push(Step {
            why,
            because: format!("{}{place}", crate::wording::cut(&link.at.text, 200)),
            cited: vec![Cited::Log(link.at.clone(), at)],
        });
        before = Some(link.at.clone());
    }
}

fn cause(steps: &mut Vec<Step>, finding: &Finding, catalogue: &Catalogue) {
    let cited: Vec<Cited> =
        finding.citations.iter().filter(|c| c.supports == Supports::Cause).map(|c| c.cited.clone()).take(3).collect();
    if cited.is_empty() {
        return;
    }
    steps.push(Step {
        why: "what is that?".to_owned(),
        because: format!("{}: {}", title(finding, catalogue), finding.culprit),
        cited,
    });
}
