//! Which step ended a start, and with what: the last that was seen of it decides, never the timer.

use super::{Failing, Phase, Start, Step, Way};
use tminus_core::code::Code;
use tminus_core::event::Passage;

/// What ended a start, or what it was waiting for when it was cut short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decisive<'a> {
    /// The phase.
    pub(crate) phase: Option<&'a str>,
    /// The step that decided; none when the child or the window did.
    pub(crate) step: Option<&'a Step>,
    /// The way that failed, when the step walks ways.
    pub(crate) way: Option<&'a Way>,
    /// How it failed last.
    pub(crate) failing: Option<&'a Failing>,
    /// The code that decides.
    pub(crate) code: Code,
    /// Time ran out (else waiting could not help, or it was cut short).
    pub(crate) expired: bool,
    /// The start was cut short: this is what was waited for.
    pub(crate) provisional: bool,
}

/// What ended `start`; none when nothing in its record says so.
pub(crate) fn decisive(start: &Start) -> Option<Decisive<'_>> {
    let phase = start.phases.iter().rev().find(|phase| failed(phase) || phase.ended.is_none());
    let code = phase.and_then(|phase| phase.ended.as_ref()).and_then(|end| end.code);
    match (phase, code) {
        (_, Some(code @ (Code::ExitedBeforeReady | Code::ZeroBeforeReady))) => Some(of_child(phase, code)),
        (Some(phase), Some(Code::Stopped) | None) => waited_for(start, phase).or_else(|| child(start)),
        (Some(_), Some(Code::NeedFailed)) => first_failure(start),
        (Some(phase), Some(code)) => Some(of_phase(start, phase, code)),
        (None, _) => child(start),
    }
}

fn failed(phase: &Phase) -> bool {
    phase.ended.as_ref().is_some_and(|end| end.how != Passage::Passed)
}

fn of_child<'a>(phase: Option<&'a Phase>, code: Code) -> Decisive<'a> {
    Decisive {
        phase: phase.map(|phase| phase.name.as_str()),
        step: None,
        way: None,
        failing: None,
        code,
        expired: false,
        provisional: false,
    }
}

/// No phase failed, and the child ended: a start without a plan, or one whose plan had passed.
fn child(start: &Start) -> Option<Decisive<'_>> {
    let zero = start.child.code == Some(0);
    let code = if zero { Code::ZeroBeforeReady } else { Code::ExitedBeforeReady };
    (start.child_ended_itself() && !(zero && start.outcome != Some(tminus_core::vocabulary::AttemptOutcome::Failed)))
        .then(|| of_child(None, code))
}

/// The step whose failure the phase's code is. Several steps can end with the same code at once; the
/// one that the phase ended with is the last that did not merely run along.
fn of_phase<'a>(start: &'a Start, phase: &'a Phase, code: Code) -> Decisive<'a> {
    let end = phase.ended.as_ref();
    let of_code = |step: &&Step| {
        step.phase == phase.name
            && step
                .ended
                .as_ref()
                .is_some_and(|e| matches!(e.how, Passage::Failed | Passage::Expired) && e.code == Some(code))
    };
    let at_once = |step: &&Step| step.ended.as_ref().map(|e| e.moment.t) == end.map(|e| e.moment.t);
    let step = start.steps.iter().filter(of_code).find(at_once).or_else(|| start.steps.iter().rev().find(of_code));
    let expired = end.is_some_and(|end| end.how == Passage::Expired);
    let mut decisive = match step {
        Some(step) => of_step(start, step, code),
        None => of_child(Some(phase), code),
    };
    (decisive.phase, decisive.expired) = (Some(phase.name.as_str()), expired);
    decisive
}

/// A step and, of the ways that it walks, the one that failed with its code.
fn of_step<'a>(start: &'a Start, step: &'a Step, code: Code) -> Decisive<'a> {
    let failing = || start.ways_of(&step.name).filter_map(|way| Some((way, way.failing()?)));
    let found = failing().find(|(_, failing)| failing.code == code).or_else(|| failing().next());
    // A step that only ran out of time is explained by what its way came out with last.
    let code = match (code, found) {
        (Code::Expired | Code::Stopped, Some((_, failing))) => failing.code,
        (code, _) => code,
    };
    Decisive {
        phase: Some(&step.phase),
        step: Some(step),
        way: found.map(|(way, _)| way),
        failing: found.map(|(_, failing)| failing),
        code,
        expired: false,
        provisional: false,
    }
}

/// The start was cut short inside this phase: the step that was still at work, the one with a
/// failing way first.
fn waited_for<'a>(start: &'a Start, phase: &'a Phase) -> Option<Decisive<'a>> {
    let open = |step: &&Step| {
        let stopped = |e: &super::Ending| e.how == Passage::Skipped && e.code == Some(Code::Stopped);
        step.phase == phase.name && step.ended.as_ref().is_none_or(stopped)
    };
    let failing = |step: &&Step| start.ways_of(&step.name).any(|way| way.failing().is_some());
    let held = |step: &&Step| start.notes_of(step).any(|note| speaks_of_holder(&note.text));
    let steps = || start.steps.iter().filter(open);
    let step = steps().find(failing).or_else(|| steps().find(held)).or_else(|| steps().next())?;
    let watching = start.child.spawned.is_some() && start.ways_of(&step.name).next().is_none();
    let code = match () {
        () if held(&step) => Code::LeaseHeld,
        () if watching => Code::NotReady,
        () => Code::Stopped,
    };
    Some(Decisive { provisional: true, ..of_step(start, step, code) })
}

/// Says that somebody else has what is waited for.
pub(crate) fn speaks_of_holder(text: &str) -> bool {
    text.contains("is held by")
}

/// Something that was needed did not pass: the first step of the start that failed by itself.
fn first_failure(start: &Start) -> Option<Decisive<'_>> {
    let own = |step: &&Step| {
        step.ended.as_ref().is_some_and(|end| {
            matches!(end.how, Passage::Failed | Passage::Expired)
                && end.code.is_some_and(|code| code != Code::NeedFailed)
        })
    };
    let step = start.steps.iter().filter(own).min_by_key(|step| step.ended.as_ref().map(|end| end.moment.t))?;
    let end = step.ended.as_ref()?;
    Some(Decisive { expired: end.how == Passage::Expired, ..of_step(start, step, end.code?) })
}
