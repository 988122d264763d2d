//! One live start as its events tell it: phases, their steps, the tries and layers of each way that
//! was probed, the child, and what it all came to.
//!
//! What it is for: the block, the timeline and every other text about a start are made of this one
//! fold, so that they cannot disagree. What it must never do: look at anything but the events, the
//! plan and the exit; lose the difference between "failed", "ran out of time" and "never reached".
//! Where to start reading: [`StartView`], [`StartView::new`], then `fold.rs`.

use super::fold;
use tminus_core::code::Code;
use tminus_core::event::{Event, Passage};
use tminus_core::plan::{LaneIx, Plan, StepIx, Work};
use tminus_core::run::{Ended, Exit, Reason};
use tminus_core::target::{Place, Target};
use tminus_core::time::Millis;
use tminus_core::vocabulary::{AttemptOutcome, Layer};

/// A live start, folded.
pub struct StartView<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) exit: Option<Exit>,
    pub(crate) service: String,
    pub(crate) environment: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) attempt: String,
    /// The program that is started, by its first word: plan and events do not know it.
    pub(crate) program: Option<String>,
    /// Phases in declared order; those that were not reached stand there too.
    pub(crate) phases: Vec<PhaseView>,
    /// What was probed for no step: what was found in the environment, for the record.
    pub(crate) aside: Vec<LaneView>,
    pub(crate) child: ChildView,
    /// Facts from outside: (source, text).
    pub(crate) notes: Vec<(String, String)>,
    /// What could not be written or posted: (sink, error).
    pub(crate) sinks: Vec<(String, String)>,
    /// Time of the last event, ns since the attempt began.
    pub(crate) end: i64,
    pub(crate) outcome: Option<AttemptOutcome>,
}

/// A phase.
#[derive(Default)]
pub(crate) struct PhaseView {
    pub name: String,
    pub began: Option<i64>,
    pub ended: Option<i64>,
    pub outcome: Option<Passage>,
    pub code: Option<Code>,
    pub deadline: Option<Millis>,
    pub p95: Option<Millis>,
    pub steps: Vec<StepView>,
}

/// A step.
#[derive(Default)]
pub(crate) struct StepView {
    pub name: String,
    /// Its index in the plan; none when only events know it.
    pub ix: Option<StepIx>,
    pub critical: bool,
    pub deadline: Option<Millis>,
    pub began: Option<i64>,
    pub ended: Option<i64>,
    pub outcome: Option<Passage>,
    pub code: Option<Code>,
    pub tries: Tries,
    pub lanes: Vec<LaneView>,
}

/// Tries that came out.
#[derive(Clone, Default)]
pub(crate) struct Tries {
    pub begun: u32,
    /// Those that came out by themselves.
    pub done: u32,
    /// How often each code was met, in order of its first time.
    pub codes: Vec<(Code, u32)>,
}

/// A way that was probed.
pub(crate) struct LaneView {
    pub name: String,
    pub target: String,
    pub ix: Option<LaneIx>,
    pub kind: Kind,
    pub witness: bool,
    /// Layers down to the goal, in order.
    pub layers: Vec<Layer>,
    pub tries: Tries,
    pub passed: bool,
    /// When each layer passed first and how long that took, in order of the first time.
    pub rungs: Vec<RungSeen>,
    /// Layers that were tried at all.
    pub reached: Vec<Layer>,
    /// What it stopped at last.
    pub stop: Option<Stop>,
    /// What a witness answered, when it was no success.
    pub answer: Option<Code>,
    pub dials: u64,
    /// When the layer that passed last did so.
    pub passed_at: Option<i64>,
}

/// A layer that passed.
#[derive(Clone, Copy)]
pub(crate) struct RungSeen {
    pub layer: Layer,
    pub at: i64,
    pub elapsed: Option<u64>,
}

/// Where and why a way ended.
#[derive(Clone)]
pub(crate) struct Stop {
    pub layer: Layer,
    pub code: Code,
    /// Since when it has been the same code.
    pub since: i64,
    pub detail: Option<String>,
}

/// What kind of thing is asked; decides the words and the first command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Postgres behind a Cloud SQL socket.
    CloudSql,
    Postgres,
    Redis,
    Http,
    Tcp,
    Unix,
    Dns,
    File,
    Command,
    /// An endpoint of the program itself.
    Own,
    Other,
}

/// The child.
#[derive(Default)]
pub(crate) struct ChildView {
    pub spawned: Option<i64>,
    /// Its own words, last ones: (when, status).
    pub said: Option<(i64, String)>,
    pub stopping: Option<(i64, Option<String>)>,
    pub exited: Option<ChildExit>,
}

/// How the child ended.
pub(crate) struct ChildExit {
    pub at: i64,
    pub code: Option<i32>,
    pub signal: Option<String>,
}

/// What a start came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A phase did not pass.
    NotStarted,
    /// The program ended before it was ready.
    ChildEnded,
    /// It was ready and ended later.
    EndedAfterReady,
    /// Somebody wanted it to end: the signal, if known.
    Stopped(Option<String>),
    /// Every phase passed.
    Ready,
    /// It is still under way.
    Running,
}

/// Which step decided, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub phase: usize,
    pub step: Option<usize>,
    pub code: Code,
    /// True when time ran out.
    pub expired: bool,
}

impl<'a> StartView<'a> {
    /// Folds the events of one attempt of this plan, as far as they go. `exit` is how tminus ends,
    /// when that is decided.
    pub fn new(plan: &'a Plan, events: &[Event], exit: Option<Exit>) -> StartView<'a> {
        fold::fold(plan, events, exit)
    }

    /// The same start, of which it is known what program it is for.
    pub fn of_program(mut self, program: impl Into<String>) -> StartView<'a> {
        self.program = Some(program.into());
        self
    }

    /// The same start at a later moment, ns since the attempt began: nothing has happened since its
    /// last event, and that took time.
    pub fn until(mut self, now: i64) -> StartView<'a> {
        self.end = self.end.max(now.min(fold::TIME_MAX));
        self
    }

    /// True when every phase of the plan has passed.
    pub fn is_ready(&self) -> bool {
        !self.phases.is_empty() && self.phases.iter().all(|phase| phase.outcome == Some(Passage::Passed))
    }

    /// True when it is ready but an optional step has not passed.
    pub fn is_degraded(&self) -> bool {
        self.is_ready() && self.missing().next().is_some()
    }

    /// Optional steps that were begun and did not pass.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (&PhaseView, &StepView)> {
        let steps = self.phases.iter().flat_map(|phase| phase.steps.iter().map(move |step| (phase, step)));
        steps.filter(|(_, step)| matches!(step.outcome, Some(how) if how != Passage::Passed))
    }

    /// When the last phase passed, ns since the attempt began.
    pub(crate) fn ready_at(&self) -> Option<i64> {
        if self.is_ready() { self.phases.iter().filter_map(|phase| phase.ended).max() } else { None }
    }

    pub(crate) fn ending(&self) -> Ending {
        match self.exit.map(|exit| exit.reason) {
            Some(Reason::NotStarted(_)) => return Ending::NotStarted,
            Some(Reason::Stopped(signal)) => return Ending::Stopped(Some(tminus_core::run::signal_name(signal))),
            Some(Reason::Complete) => return Ending::Ready,
            Some(Reason::Child(_)) if self.is_ready() && !self.plan.implied => return Ending::EndedAfterReady,
            Some(Reason::Child(_)) => return Ending::ChildEnded,
            None => {}
        }
        let exited = self.child.exited.is_some();
        let failed = self.phases.iter().find(|phase| matches!(phase.outcome, Some(how) if how != Passage::Passed));
        match failed.map(|phase| phase.code) {
            Some(Some(Code::Stopped)) => Ending::Stopped(self.child.stopping.as_ref().and_then(|(_, s)| s.clone())),
            Some(Some(Code::ExitedBeforeReady | Code::ZeroBeforeReady)) => Ending::ChildEnded,
            Some(_) => Ending::NotStarted,
            None if self.is_ready() && exited && self.plan.implied => Ending::ChildEnded,
            None if self.is_ready() && exited => Ending::EndedAfterReady,
            None if self.is_ready() => Ending::Ready,
            None => Ending::Running,
        }
    }

    /// The step that decided; while nothing is decided, the one that is waited for.
    pub(crate) fn decided(&self) -> Option<Decided> {
        if let Some(Reason::NotStarted(failure)) = self.exit.map(|exit| exit.reason) {
            let phase = usize::from(failure.phase.0);
            let in_plan = self.plan.phases.get(phase)?;
            let step = failure.step.and_then(|ix| ix.0.checked_sub(in_plan.steps.start)).map(usize::from);
            let step = step.filter(|step| self.phases.get(phase).is_some_and(|p| *step < p.steps.len()));
            return Some(Decided { phase, step, code: failure.code, expired: failure.expired });
        }
        let phase =
            self.phases.iter().position(|phase| phase.began.is_some() && phase.outcome != Some(Passage::Passed))?;
        let view = &self.phases[phase];
        let expired = view.outcome == Some(Passage::Expired);
        let over = |step: &StepView| matches!(step.outcome, Some(Passage::Failed | Passage::Expired));
        let open = |step: &StepView| {
            step.began.is_some() && (step.outcome.is_none() || step.code == Some(Code::Stopped)) && !over(step)
        };
        let step = (view.steps.iter().position(|step| step.critical && over(step)))
            .or_else(|| view.steps.iter().position(|step| step.critical && open(step)))
            .or_else(|| view.steps.iter().position(open));
        let code = match view.code {
            Some(Code::Stopped) | None => step.and_then(|step| view.steps[step].last_code()),
            code => code,
        };
        Some(Decided { phase, step, code: code.unwrap_or(Code::Stopped), expired })
    }

    /// How the child ended, from the exit or from the events.
    pub(crate) fn child_ended(&self) -> Option<(Option<i32>, Option<String>)> {
        match (self.exit.map(|exit| exit.reason), &self.child.exited) {
            (Some(Reason::Child(Ended::Code(code))), _) => Some((Some(code.into()), None)),
            (Some(Reason::Child(Ended::Signal(number))), _) => {
                Some((None, Some(tminus_core::run::signal_name(number))))
            }
            (_, Some(exit)) => Some((exit.code, exit.signal.clone())),
            _ => None,
        }
    }

    /// Every way that was probed for a step, in declared order, with its step.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (&StepView, &LaneView)> {
        let steps = self.phases.iter().flat_map(|phase| &phase.steps);
        steps.flat_map(|step| step.lanes.iter().map(move |lane| (step, lane)))
    }

    /// Phases that were never admitted.
    pub(crate) fn unseen_phases(&self) -> impl Iterator<Item = &PhaseView> {
        self.phases.iter().filter(|phase| phase.began.is_none())
    }

    /// Whether the plan starts a child at all.
    pub(crate) fn spawns(&self) -> bool {
        self.plan.steps.iter().any(|step| step.work == Work::Spawn)
    }
}

impl PhaseView {
    /// How long it took, or has taken until `now`, ns.
    pub(crate) fn elapsed(&self, now: i64) -> Option<i64> {
        self.began.map(|began| (self.ended.unwrap_or(now) - began).max(0))
    }
}

impl StepView {
    /// How long it took, or has taken until `now`, ns.
    pub(crate) fn elapsed(&self, now: i64) -> Option<i64> {
        self.began.map(|began| (self.ended.unwrap_or(now) - began).max(0))
    }

    /// The last code that says something about the world.
    pub(crate) fn last_code(&self) -> Option<Code> {
        let own = self.code.filter(|code| *code != Code::Stopped);
        own.or_else(|| self.stopped_lane().and_then(|lane| lane.stop.as_ref()).map(|stop| stop.code))
            .or_else(|| self.tries.codes.last().map(|(code, _)| *code))
    }

    /// The way that kept it from passing: the one that came out with the step's code, else the
    /// first that did not pass.
    pub(crate) fn stopped_lane(&self) -> Option<&LaneView> {
        let mut open = self.lanes.iter().filter(|lane| !lane.passed && lane.stop.is_some());
        let same = self.code.and_then(|code| {
            self.lanes.iter().find(|lane| !lane.passed && lane.stop.as_ref().is_some_and(|stop| stop.code == code))
        });
        same.or_else(|| open.next())
    }

    /// What the plan has it do.
    pub(crate) fn work<'p>(&self, plan: &'p Plan) -> Option<&'p Work> {
        self.ix.and_then(|ix| plan.steps.get(usize::from(ix.0))).map(|step| &step.work)
    }
}

impl Tries {
    /// How often this code was met.
    pub(crate) fn count(&self, code: Code) -> u32 {
        self.codes.iter().find(|(met, _)| *met == code).map_or(0, |(_, n)| *n)
    }

    pub(super) fn met(&mut self, code: Code) {
        match self.codes.iter_mut().find(|(met, _)| *met == code) {
            Some((_, n)) => *n += 1,
            None => self.codes.push((code, 1)),
        }
    }
}

impl LaneView {
    /// True when this layer passed in any try.
    pub(crate) fn has_passed(&self, layer: Layer) -> bool {
        self.rungs.iter().any(|rung| rung.layer == layer)
    }

    /// True when anything of the server itself was heard: it greeted, or refused in its own words.
    pub(crate) fn server_spoke(&self) -> bool {
        let by_layer = self.rungs.iter().any(|rung| rung.layer >= Layer::Protocol && rung.layer <= Layer::Schema);
        by_layer || self.tries.codes.iter().any(|(code, _)| spoken(*code)) || self.answer.is_some_and(spoken)
    }

    /// What the plan asks, when the plan knows it.
    pub(crate) fn target<'p>(&self, plan: &'p Plan) -> Option<&'p Target> {
        self.ix.and_then(|ix| plan.lanes.get(usize::from(ix.0))).map(|lane| &lane.target)
    }
}

/// True for codes that are the server's own words.
pub(crate) fn spoken(code: Code) -> bool {
    let silent = matches!(code, Code::ClosedBeforeGreeting | Code::AcceptedSilent);
    (Layer::Protocol..=Layer::Schema).contains(&code.layer()) && !silent && code != Code::QuerySilent
        || matches!(code, Code::TlsRequired | Code::TlsNotOffered)
}

/// The first place where a target listens.
pub(crate) fn place(target: &Target) -> Option<&Place> {
    match target {
        Target::Postgres(postgres) => postgres.places.first(),
        Target::Redis(redis) => Some(&redis.place),
        Target::Http(http) => Some(&http.place),
        _ => None,
    }
}

/// What kind of thing a target is.
pub(crate) fn kind(target: &Target) -> Kind {
    let cloud_sql = |place: Option<&Place>| matches!(place, Some(Place::Unix(path)) if path.starts_with("/cloudsql/"));
    match target {
        Target::Postgres(_) if cloud_sql(place(target)) => Kind::CloudSql,
        Target::Postgres(_) => Kind::Postgres,
        Target::Redis(_) => Kind::Redis,
        Target::Http(_) => Kind::Http,
        Target::Tcp(_) => Kind::Tcp,
        Target::Unix(_) => Kind::Unix,
        Target::Dns(_) => Kind::Dns,
        Target::File(_) => Kind::File,
        Target::Command(_) => Kind::Command,
    }
}
