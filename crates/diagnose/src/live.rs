//! A live start: what tminus itself did and measured while a service started, folded into a ladder
//! per dependency, and what that says about why the start failed.
//!
//! What it is for: the driver writes events ([`tminus_core::event`]), the child writes text. Text
//! goes the way of every log; the events come here. A [`Start`] is their fold; [`verdict`] names
//! what the ladder proves by itself; [`join`] puts it together with what the child's words claim.
//! What it must never do: believe a code more than the table of codes says, blame a dependency that
//! answered in this very start, or take the last timer for the cause.
//!
//! Where to start reading: [`Start`], then `decisive` (which step ended the start), `table` (what a
//! code means as a cause), `witness` (who else answered), `verdict`, `join`, and `tell` (whys,
//! what is ruled out, what is missing).

pub(crate) mod decisive;
mod fold;
pub(crate) mod join;
pub(crate) mod kind;
mod number;
pub(crate) mod table;
pub(crate) mod tell;
pub(crate) mod verdict;
pub(crate) mod witness;

#[cfg(test)]
mod tests;

pub(crate) use fold::Intake;
pub(crate) use number::{Numbered, number};

use kind::Kind;
use tminus_core::Timestamp;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Passage};
use tminus_core::vocabulary::{AttemptOutcome, Layer, Stage};

/// A moment of a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Wall time, if the event has one.
    pub at: Option<Timestamp>,
    /// Nanoseconds since the start began.
    pub t: i64,
}

/// How a phase or step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How.
    pub how: Passage,
    /// Why, when it did not pass and this version knows the code.
    pub code: Option<Code>,
    /// When.
    pub moment: Moment,
    /// How long it took, nanoseconds.
    pub elapsed_ns: Option<u64>,
}

/// A phase of a start.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its end; none: it was not over when the record ends.
    pub ended: Option<Ending>,
}

/// A step of a start.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub phase: String,
    /// When it began.
    pub began: Moment,
    /// Its end; none: it was not over when the record ends.
    pub ended: Option<Ending>,
}

/// One way to one dependency, as far as a step walked it: a rung per layer.
#[derive(Clone, Debug)]
pub struct Way {
    /// The step that asks; empty when none does.
    pub step: String,
    /// What is asked, as it is shown to people.
    pub target: String,
    /// What that is.
    pub kind: Kind,
    /// Layers that passed, with the first and last time.
    pub passed: Vec<(Layer, Moment, Moment)>,
    /// What its tries came out with when they failed, in the order of first sight.
    pub failures: Vec<Failing>,
    /// Tries that came through to the goal.
    pub came_through: u32,
    /// When the goal was reached last.
    pub through_at: Option<Moment>,
}

/// One manner in which tries of a way failed.
#[derive(Clone, Debug)]
pub struct Failing {
    /// At which layer.
    pub layer: Layer,
    /// With which code.
    pub code: Code,
    /// How often.
    pub times: u32,
    /// First seen.
    pub first: Moment,
    /// Last seen.
    pub last: Moment,
    /// What the other side said, or what was found, the last time that anything was.
    pub detail: Option<String>,
    /// Dials that it took.
    pub dials: u32,
}

/// A fact that was noted on the way.
#[derive(Clone, Debug)]
pub struct Note {
    /// Who noted it, or about what.
    pub source: String,
    /// What.
    pub text: String,
    /// When.
    pub moment: Moment,
}

/// What became of the child.
#[derive(Clone, Debug, Default)]
pub struct Child {
    /// When it was started.
    pub spawned: Option<Moment>,
    /// The deepest stage that it, or the end of the plan, told.
    pub stage: Option<Stage>,
    /// The last words of its status.
    pub status: Option<String>,
    /// When tminus told it to stop, and with which signal.
    pub stopping: Option<(Moment, Option<String>)>,
    /// When it ended.
    pub exited: Option<Moment>,
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<String>,
    /// The platform's word for its end.
    pub reason: Option<String>,
}

/// One start, folded.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its identity.
    pub id: AttemptId,
    /// Name of the record that tells it: `events`, or a file.
    pub source: String,
    /// Service.
    pub service: Option<String>,
    /// Environment.
    pub environment: Option<String>,
    /// Revision.
    pub revision: Option<String>,
    /// Instance.
    pub instance: Option<String>,
    /// When it began.
    pub began: Option<Timestamp>,
    /// The last moment that the record tells.
    pub until: Moment,
    /// How it came out; none: the record ends before the start does.
    pub outcome: Option<AttemptOutcome>,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// Its steps, in order of their beginning.
    pub steps: Vec<Step>,
    /// Ways that were walked.
    pub ways: Vec<Way>,
    /// Facts.
    pub notes: Vec<Note>,
    /// The child.
    pub child: Child,
    /// Things that the bounds of a fold left out.
    pub left_out: u64,
}

impl Way {
    /// The deepest layer that was ever passed.
    pub fn deepest(&self) -> Option<Layer> {
        self.passed.iter().map(|(layer, ..)| *layer).max()
    }

    /// How its last try failed; none when it never did, or came through after it.
    pub fn failing(&self) -> Option<&Failing> {
        let last = self.failures.iter().max_by_key(|failing| (failing.last.t, failing.times))?;
        self.through_at.is_none_or(|through| through.t < last.last.t).then_some(last)
    }

    /// Tries in all.
    pub fn tries(&self) -> u32 {
        self.failures.iter().map(|failing| failing.times).sum::<u32>() + self.came_through
    }

    /// Was the socket there and listening?
    pub fn answered_on_socket(&self) -> bool {
        self.kind.socket && self.passed.iter().any(|(layer, ..)| *layer >= Layer::Socket)
    }

    /// Did anything at all come back on it, be it a refusal?
    pub fn answered(&self) -> bool {
        self.came_through > 0
            || self.passed.iter().any(|(layer, ..)| *layer >= Layer::Tcp)
            || self.failures.iter().any(|failing| !is_silence(failing.code) && failing.layer >= Layer::Tcp)
    }
}

/// Codes that only say that nothing came back, or that nobody was asked.
pub(crate) fn is_silence(code: Code) -> bool {
    matches!(code, Code::NoAnswer | Code::NoRoute | Code::ResolverSilent | Code::Stopped | Code::Expired)
}

impl Start {
    /// Did tminus, or whoever told it to, end the child?
    pub fn stopped_child(&self) -> bool {
        let before = |end: Moment| self.child.stopping.as_ref().is_some_and(|(at, _)| at.t <= end.t);
        match self.child.exited {
            Some(end) => before(end),
            None => self.child.stopping.is_some(),
        }
    }

    /// Did the child end by itself?
    pub fn child_ended_itself(&self) -> bool {
        self.child.exited.is_some() && !self.stopped_child()
    }

    /// Was the start cut short: told to stop, or still going on when the record ends?
    pub fn cut_short(&self) -> bool {
        matches!(self.outcome, None | Some(AttemptOutcome::CutOff))
    }

    /// How long a step took, or has taken so far, nanoseconds.
    pub fn spent(&self, step: &Step) -> u64 {
        let end = step.ended.as_ref().map_or(self.until, |end| end.moment);
        let told = step.ended.as_ref().and_then(|end| end.elapsed_ns);
        told.unwrap_or((end.t.saturating_sub(step.began.t)).max(0) as u64)
    }

    /// Did this start pass `layer` on the way to a dependency: of this kind, or at this place?
    pub fn passed(&self, layer: Layer, component: Option<&str>, place: &str) -> bool {
        self.ways.iter().any(|way| {
            let same =
                way.kind.name() == place || way.kind.component.as_deref().is_some_and(|own| Some(own) == component);
            same && way.failing().is_none() && way.deepest() >= Some(layer)
        })
    }

    /// The phase that did not pass, or was not over.
    pub fn failed_phase(&self) -> Option<&str> {
        let failed = |phase: &&Phase| phase.ended.as_ref().is_none_or(|end| end.how != Passage::Passed);
        self.phases.iter().rev().find(failed).map(|phase| phase.name.as_str())
    }

    /// How far the program provably came. Before there is a child, only that its image is there:
    /// tminus runs in it.
    pub fn stage(&self) -> Stage {
        let child = self.child.spawned.map_or(Stage::Image, |_| Stage::Process);
        child.max(self.child.stage.unwrap_or(Stage::Scheduled))
    }

    /// Seconds from the beginning to `moment`.
    pub fn seconds(moment: Moment) -> f64 {
        moment.t.max(0) as f64 / 1e9
    }

    /// Was anything dialled that is no witness of the link itself?
    pub fn dialled(&self) -> bool {
        self.ways.iter().any(|way| way.kind.place.contains([':', '/']) && !way.kind.link_local && way.tries() > 0)
    }

    /// The step of that name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The ways of a step.
    pub fn ways_of<'a>(&'a self, step: &'a str) -> impl Iterator<Item = &'a Way> {
        self.ways.iter().filter(move |way| way.step == step)
    }

    /// What was noted about a step (by its name, by what it asks, or by the check of the environment
    /// while it ran).
    pub fn notes_of<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a Note> {
        let until = step.ended.as_ref().map_or(i64::MAX, |end| end.moment.t);
        self.notes.iter().filter(move |note| {
            let while_it_ran = (step.began.t..=until).contains(&note.moment.t);
            let generic = matches!(note.source.as_str(), "environment" | "spawn");
            note.source == step.name
                || generic && while_it_ran
                || self.ways_of(&step.name).any(|way| way.target == note.source)
        })
    }
}

/// `1.2 s`, `0.4 ms`: a duration for people.
pub(crate) fn lasted(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
