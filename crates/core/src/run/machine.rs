//! Phases, steps and the budget.

use super::lane::LaneState;
use super::leaving::Leaving;
use super::{Command, Ended, Exit, Fact, Failure, Input, Reason};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{PhaseIx, Plan, StepIx, Work};
use crate::time::Tick;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::SeedableRng;

/// Where a start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing has happened yet.
    New,
    /// Phases are running.
    Starting,
    /// Every phase has passed.
    Ready,
    /// The child ended after that, and is started again when its rest is over.
    Resting,
    /// The child is being stopped, finalizers run.
    Leaving,
    /// Over.
    Finished,
}

/// What a step is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Its phase, or a step that it needs, is not there yet.
    Waiting,
    /// Its lanes are at work.
    Probing,
    /// Its work is being done elsewhere.
    Working,
    /// Between two tries of its work.
    Resting,
    /// Asking for the lease.
    Acquiring,
    /// Between two askings.
    Queueing,
    /// Waiting for the child's word.
    Watching,
    /// It came out.
    Over(Passage),
}

/// State of one step.
#[derive(Clone, Debug)]
pub(super) struct StepState {
    pub(super) doing: Doing,
    pub(super) code: Option<Code>,
    pub(super) tries: u16,
    pub(super) strikes: u8,
    /// Its own deadline; the phase's counts too.
    pub(super) end: Tick,
    pub(super) wake: Tick,
    /// When the lease is to be renewed.
    pub(super) renew: Tick,
    /// When it ends unless it is renewed.
    pub(super) lease_end: Tick,
    pub(super) since: Tick,
    /// Whether its finalizer is owed: it passed, in whichever life of the child.
    pub(super) owed: bool,
}

/// Whether there is a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    None,
    Starting,
    Running,
    Exited(Ended),
}

/// Something that has happened, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The child has said that it is ready.
    ChildReady = 1,
    /// The child has said that it is stopping.
    ChildStops = 2,
    /// Every phase has passed once.
    BeenReady = 4,
}

/// What has happened, a bit each: a machine is small, because a fleet has many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks(u8);

impl Marks {
    pub(super) fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    pub(super) fn set(&mut self, mark: Mark, is: bool) {
        self.0 = if is { self.0 | mark as u8 } else { self.0 & !(mark as u8) };
    }
}

/// What one step of the machine works with.
pub(super) struct Scope<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Tick,
    pub(super) out: &'a mut Vec<Command>,
    /// The step one of whose lanes got deeper than ever.
    pub(super) progress: Option<StepIx>,
}

impl Scope<'_> {
    pub(super) fn emit(&mut self, fact: Fact) {
        self.out.push(Command::Emit(fact));
    }
}

/// One start.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) state: State,
    pub(super) phase: u16,
    pub(super) announced: u8,
    pub(super) marks: Marks,
    /// Restarts of the child in a row.
    pub(super) restarts: u8,
    pub(super) child: Child,
    pub(super) phase_began: Tick,
    /// End of what is under way: of the phase; resting, of the rest; ready, of the time after which
    /// restarts are forgotten.
    pub(super) phase_end: Tick,
    /// End of the usable window.
    pub(super) end: Tick,
    pub(super) armed: Tick,
    pub(super) random: SplitMix64,
    pub(super) steps: Box<[StepState]>,
    pub(super) lanes: Box<[LaneState]>,
    pub(super) leaving: Leaving,
}

impl Machine {
    /// A start that has not begun. The same seed and inputs give the same commands.
    pub fn new(plan: &Plan, seed: u64) -> Machine {
        let idle = StepState {
            doing: Doing::Waiting,
            code: None,
            tries: 0,
            strikes: 0,
            end: Tick::NEVER,
            wake: Tick::NEVER,
            renew: Tick::NEVER,
            lease_end: Tick::NEVER,
            since: Tick::NEVER,
            owed: false,
        };
        Machine {
            state: State::New,
            phase: 0,
            announced: 0,
            marks: Marks::default(),
            restarts: 0,
            child: Child::None,
            phase_began: Tick(0),
            phase_end: Tick::NEVER,
            end: plan.budget.usable().map_or(Tick::NEVER, |usable| Tick(0).after(usable)),
            armed: Tick::NEVER,
            random: SplitMix64::seed_from_u64(seed),
            steps: vec![idle; plan.steps.len()].into(),
            lanes: plan.lanes.iter().map(|_| LaneState::new()).collect(),
            leaving: Leaving::default(),
        }
    }

    /// Where the start is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Bytes of state, the parts on the heap included: what one more instance costs a fleet.
    pub fn size(&self) -> usize {
        size_of::<Machine>() + size_of_val(&*self.steps) + size_of_val(&*self.lanes)
    }

    /// Takes one input and appends what is to be done to `out`. `plan` is the one that the machine
    /// was made for; time never goes back.
    pub fn step(&mut self, plan: &Plan, now: Tick, input: Input, out: &mut Vec<Command>) {
        if self.state == State::Finished {
            return;
        }
        let mut scope = Scope { plan, now, out, progress: None };
        self.apply(input, &mut scope);
        while self.settle(&mut scope) {}
        if self.state != State::Finished {
            let wake = self.next_wake(plan);
            if wake != self.armed {
                self.armed = wake;
                scope.out.push(Command::Arm(wake));
            }
        }
    }

    fn apply(&mut self, input: Input, scope: &mut Scope) {
        match input {
            Input::Begin if self.state == State::New => {
                self.state = State::Starting;
                scope.emit(Fact::AttemptStarted);
                self.open_phase(scope);
            }
            Input::Begin => {}
            Input::Wake => self.armed = Tick::NEVER,
            Input::Resolved(lane, outcome) => {
                self.lanes[lane.0 as usize].resolved(lane, outcome, scope, &mut self.random);
            }
            Input::Dialled(lane, dial, outcome) => {
                self.lanes[lane.0 as usize].dialled(lane, dial, outcome, scope, &mut self.random);
            }
            Input::Shaken(lane, outcome, wait) => {
                self.lanes[lane.0 as usize].shaken(lane, outcome, wait, scope, &mut self.random);
            }
            Input::Done(step, outcome) => self.done(step, outcome, scope),
            Input::Leased(step, outcome) => self.leased(step, outcome, scope),
            Input::Renewed(step, outcome) => self.renewed(step, outcome, scope),
            Input::Spawned(outcome) => self.spawned(outcome, scope),
            Input::ChildReady => self.marks.set(Mark::ChildReady, true),
            Input::ChildExtends(by) => self.extend_watching(by, scope),
            Input::ChildStopping => self.marks.set(Mark::ChildStops, true),
            Input::ChildExited(ended) => self.child_exited(ended, scope),
            Input::Finalized(step) => self.leaving.finalized(step),
            Input::Stop(signal) => self.told_to_stop(signal, scope),
        }
        if let Some(step) = scope.progress.take() {
            self.extend(step, scope.plan, scope.now);
        }
    }

    /// Goes on with whatever can go on; true when something changed.
    fn settle(&mut self, scope: &mut Scope) -> bool {
        match self.state {
            State::Starting => self.settle_phase(scope),
            State::Ready => {
                self.settle_quiet(scope.now);
                self.settle_after_ready(scope)
            }
            State::Resting => self.settle_resting(scope),
            State::Leaving => self.settle_leaving(scope),
            State::New | State::Finished => false,
        }
    }

    fn settle_phase(&mut self, scope: &mut Scope) -> bool {
        let phase = PhaseIx(self.phase);
        let range = scope.plan.phase(phase).steps.clone();
        let mut changed = false;
        for ix in range.clone() {
            changed |= self.advance(StepIx(ix), scope);
        }
        if let Some(failed) = range.clone().find(|&ix| self.decides(ix, scope.plan)) {
            self.phase_failed(phase, StepIx(failed), scope);
            return true;
        }
        if range.clone().all(|ix| matches!(self.steps[ix as usize].doing, Doing::Over(_))) {
            scope.emit(Fact::PhaseFinished(phase, Passage::Passed, None));
            self.phase += 1;
            self.open_phase(scope);
            return true;
        }
        self.announce(range, scope);
        changed
    }

    /// True when this step's failure is the start's.
    fn decides(&self, ix: u16, plan: &Plan) -> bool {
        let over = matches!(self.steps[ix as usize].doing, Doing::Over(how) if how != Passage::Passed);
        over && plan.steps[ix as usize].critical
    }

    /// Admits the next phase, or finds that there is none left.
    pub(super) fn open_phase(&mut self, scope: &mut Scope) {
        let ix = PhaseIx(self.phase);
        let Some(phase) = scope.plan.phases.get(self.phase as usize) else {
            self.state = State::Ready;
            self.marks.set(Mark::BeenReady, true);
            self.begin_quiet(scope.now);
            self.after_ready(scope);
            return;
        };
        self.announced = 0;
        self.phase_began = scope.now;
        self.phase_end = phase.deadline.map_or(Tick::NEVER, |limit| scope.now.after(limit)).min(self.end);
        scope.emit(Fact::PhaseStarted(ix));
        // What it took in nineteen of twenty good starts is more than what is left: waiting would
        // only use up the time that whoever reads the verdict has.
        if phase.p95.is_some_and(|p95| scope.now.after(p95) > self.end) {
            let failure = Failure { phase: ix, step: None, code: Code::NoTimeLeft, expired: true };
            scope.emit(Fact::PhaseFinished(ix, Passage::Failed, Some(Code::NoTimeLeft)));
            self.fail(failure, scope);
        }
    }

    fn phase_failed(&mut self, phase: PhaseIx, step: StepIx, scope: &mut Scope) {
        let state = &self.steps[step.0 as usize];
        let how = match state.doing {
            Doing::Over(how) => how,
            _ => Passage::Failed,
        };
        let code = state.code.unwrap_or(Code::Internal);
        self.cancel_steps(scope);
        let how = if how == Passage::Expired { Passage::Expired } else { Passage::Failed };
        scope.emit(Fact::PhaseFinished(phase, how, Some(code)));
        let expired = how == Passage::Expired;
        self.fail(Failure { phase, step: Some(step), code, expired }, scope);
    }

    /// Ends the start: it failed.
    fn fail(&mut self, failure: Failure, scope: &mut Scope) {
        let codes = scope.plan.exit;
        let code = match failure.code {
            Code::CommandNotFound if self.spawning(failure.step, scope.plan) => 127,
            Code::CommandNotExecutable if self.spawning(failure.step, scope.plan) => 126,
            _ if failure.expired => codes.expired,
            _ => codes.hopeless,
        };
        self.leave(Exit { code, reason: Reason::NotStarted(failure) }, scope);
    }

    fn spawning(&self, step: Option<StepIx>, plan: &Plan) -> bool {
        step.is_some_and(|ix| plan.step(ix).work == Work::Spawn)
    }

    /// Ends every step that is not over yet.
    pub(super) fn cancel_steps(&mut self, scope: &mut Scope) {
        for ix in 0..self.steps.len() as u16 {
            match self.steps[ix as usize].doing {
                Doing::Over(_) | Doing::Waiting => {}
                _ => self.finish(StepIx(ix), Passage::Skipped, Some(Code::Stopped), scope),
            }
        }
    }

    /// Ends the phase that is running, if one is.
    pub(super) fn cancel_phase(&mut self, how: Passage, code: Option<Code>, scope: &mut Scope) {
        self.cancel_steps(scope);
        if self.state == State::Starting && (self.phase as usize) < scope.plan.phases.len() {
            scope.emit(Fact::PhaseFinished(PhaseIx(self.phase), how, code));
        }
    }
}
