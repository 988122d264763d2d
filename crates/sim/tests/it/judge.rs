//! What must hold for every start, checked from outside: on what passes between the machine and the
//! world, never on the machine's own state.
//!
//! `judge.rs` watches phases, steps, time and leaving; `lanes.rs` watches dialling and layers,
//! `lives.rs` the child's restarts.

use crate::lanes::LaneWatch;
use crate::lives::Lives;
use tminus_core::code::{Class, Code};
use tminus_core::event::Passage;
use tminus_core::plan::{Kind, PhaseIx, Plan, Readiness, StepIx, Work};
use tminus_core::run::{Command, Ended, Exit, Fact, Input, Reason};
use tminus_core::time::{Millis, Tick};
use tminus_sim::{End, Ending, Seen};

/// What is known of a step.
#[derive(Clone, Debug)]
struct StepWatch {
    /// Begun and not ended.
    open: bool,
    begun: bool,
    outcome: Option<Passage>,
    /// It failed of itself; it was not cancelled.
    failed: bool,
    /// Until when it may take, by its own deadline and what extended it.
    bound: Tick,
    try_open: Option<u16>,
    tries: u16,
    /// The code of its own work's tries, and since when it has been the same.
    seen: Option<(Code, Tick)>,
    lease_asked: bool,
    lease_held: bool,
    /// It passed, in whichever life of the child.
    owed: bool,
    undone: bool,
}

/// Why it must leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Failed(PhaseIx, Option<StepIx>, Code, bool),
    Child(Ended, u8),
    Stop(u8),
}

/// A watcher of one start.
pub struct Judge<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) wrong: Vec<String>,
    pub(crate) now: Tick,
    input: Option<Input>,
    armed: Tick,
    begun: bool,
    finished: Option<Exit>,
    attempt_over: bool,
    phase: Option<PhaseIx>,
    phases_passed: u16,
    phase_bound: Tick,
    phase_began: Tick,
    end: Tick,
    ready: bool,
    cause: Option<Cause>,
    steps: Vec<StepWatch>,
    lanes: Vec<LaneWatch>,
    child_runs: bool,
    child_ended: Option<Ended>,
    child_asked: bool,
    signals: Vec<u8>,
    expected_signal: Option<u8>,
    first_signal: Option<Tick>,
    killed: Option<Tick>,
    finalizing: Option<(StepIx, Tick)>,
    last_undone: Option<StepIx>,
    pub(crate) lives: Lives,
}

impl<'a> Judge<'a> {
    pub fn new(plan: &'a Plan) -> Judge<'a> {
        let step = StepWatch {
            open: false,
            begun: false,
            outcome: None,
            failed: false,
            bound: Tick::NEVER,
            try_open: None,
            tries: 0,
            seen: None,
            lease_asked: false,
            lease_held: false,
            owed: false,
            undone: false,
        };
        Judge {
            plan,
            wrong: Vec::new(),
            now: Tick(0),
            input: None,
            armed: Tick::NEVER,
            begun: false,
            finished: None,
            attempt_over: false,
            phase: None,
            phases_passed: 0,
            phase_bound: Tick::NEVER,
            phase_began: Tick(0),
            end: plan.budget.usable().map_or(Tick::NEVER, |usable| Tick(0).after(usable)),
            ready: plan.phases.is_empty(),
            cause: None,
            steps: vec![step; plan.steps.len()],
            lanes: plan.lanes.iter().map(LaneWatch::new).collect(),
            child_runs: false,
            child_ended: None,
            child_asked: false,
            signals: Vec::new(),
            expected_signal: None,
            first_signal: None,
            killed: None,
            finalizing: None,
            last_undone: None,
            lives: Lives::default(),
        }
    }

    pub(crate) fn holds(&mut self, good: bool, what: impl FnOnce() -> String) {
        if !good && self.wrong.len() < 20 {
            self.wrong.push(format!("{} ms, at {:?}: {}", self.now.0, self.input, what()));
        }
    }

    pub fn see(&mut self, now: Tick, seen: Seen) {
        self.holds(now >= self.now, || "time went back".into());
        match seen {
            Seen::Input(input) => {
                self.end_of_step();
                self.now = now;
                self.input = Some(input);
                self.take(input);
            }
            Seen::Command(command) => {
                self.holds(self.finished.is_none(), || format!("after finish: {command:?}"));
                self.command(command);
            }
        }
    }

    /// What must be so whenever the machine has taken an input.
    fn end_of_step(&mut self) {
        let Some(input) = self.input else { return };
        let (signals, expected) = (std::mem::take(&mut self.signals), self.expected_signal.take());
        let wanted: Vec<u8> = expected.into_iter().collect();
        self.holds(signals == wanted, || format!("signals {signals:?}, expected {wanted:?}"));
        if self.finished.is_some() {
            return;
        }
        self.lives_hold();
        self.holds(self.armed > self.now, || "armed for a time that is not to come".into());
        if let Some(phase) = self.phase {
            self.holds(self.now <= self.end, || "the budget is over and a phase is not".into());
            self.holds(self.now <= self.phase_bound, || "the phase's time is over and it is not".into());
            for ix in self.plan.phase(phase).steps.clone() {
                let needs = &self.plan.steps[ix as usize].needs;
                let passed = needs.iter().all(|need| self.steps[need.0 as usize].outcome == Some(Passage::Passed));
                let over = needs.iter().all(|need| self.steps[need.0 as usize].outcome.is_some());
                let begun = self.steps[ix as usize].begun;
                self.holds(begun || !(passed || over), || format!("step {ix} could have begun"));
            }
        }
        if let Input::Dialled(lane, ..) | Input::Shaken(lane, ..) | Input::Resolved(lane, ..) = input {
            let step = self.plan.lane(lane).step;
            let good = self.steps[step.0 as usize].open || !self.lanes[lane.0 as usize].busy();
            self.holds(good, || format!("lane {lane:?} is at work and its step is not"));
            let hopeless = self.lanes[lane.0 as usize].hopeless(self.plan.step(step));
            let goes_on = hopeless && self.steps[step.0 as usize].open && self.plan.step(step).work != Work::Egress;
            self.holds(!goes_on, || format!("step {step:?} waits for what waiting cannot mend"));
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Begin => self.begun = true,
            Input::Wake => {
                let armed = std::mem::replace(&mut self.armed, Tick::NEVER);
                self.holds(armed == self.now, || format!("woken, armed for {armed:?}"));
            }
            Input::Dialled(lane, dial, outcome) => {
                let good = self.lanes[lane.0 as usize].dialled(dial, outcome, self.now);
                self.holds(good, || "a dial that was not there".into());
            }
            Input::Leased(ix, outcome) => {
                let step = &mut self.steps[ix.0 as usize];
                step.lease_asked = false;
                step.lease_held = outcome.is_ok();
                if outcome.is_ok() {
                    step.bound = self.plan.step(ix).deadline.map_or(Tick::NEVER, |limit| self.now.after(limit));
                    self.progress(ix);
                }
            }
            Input::Renewed(ix, Err(Code::LeaseLost)) => self.steps[ix.0 as usize].lease_held = false,
            Input::Spawned(outcome) => {
                self.child_asked = false;
                self.child_runs = outcome.is_ok();
                self.lives.stopping = false;
                if self.child_runs && self.cause.is_some() {
                    self.expected_signal = Some(self.plan.stop.signal);
                }
            }
            Input::ChildExtends(by) => self.child_extends(by),
            Input::ChildStopping => self.lives.stopping = true,
            // One that was given up has no say any more.
            Input::ChildExited(_) if self.child_is_over() => self.child_runs = false,
            Input::ChildExited(ended) => {
                self.child_runs = false;
                self.child_ended = Some(ended);
                if self.has_to_come_back(ended) {
                    return;
                }
                self.because(Cause::Child(ended, self.code_of_child(ended)));
            }
            Input::Finalized(_) => self.finalizing = None,
            Input::Stop(signal) if self.begun => {
                self.because(Cause::Stop(signal));
                if !self.child_is_over() {
                    self.expected_signal = Some(signal);
                }
            }
            _ => {}
        }
    }

    fn because(&mut self, cause: Cause) {
        if self.cause.is_none() {
            self.cause = Some(cause);
        }
    }

    fn code_of_child(&self, ended: Ended) -> u8 {
        let promised = self.plan.kind == Kind::Service && !self.plan.implied && !self.ready;
        if promised && ended == Ended::Code(0) { self.plan.exit.hopeless } else { ended.exit_code() }
    }

    fn child_extends(&mut self, by: Millis) {
        for ix in 0..self.steps.len() {
            let watching = matches!(&self.plan.steps[ix].work, Work::Ready(r) if *r != Readiness::Lanes);
            if watching && self.steps[ix].open {
                self.extend(StepIx(ix as u16), self.now.after(by));
            }
        }
    }

    fn command(&mut self, command: Command) {
        let starts = matches!(
            command,
            Command::Resolve(_)
                | Command::Dial(..)
                | Command::Handshake(..)
                | Command::Run(..)
                | Command::Acquire(_)
                | Command::Spawn
        );
        let cause = self.cause;
        self.holds(!starts || cause.is_none(), || format!("leaving ({cause:?}), and yet {command:?}"));
        self.holds(!starts || self.lives.due.is_none(), || format!("the child rests, and yet {command:?}"));
        if let Some(wrong) = crate::lanes::check(self.plan, &mut self.lanes, self.now, command) {
            self.holds(false, || wrong);
        }
        match command {
            Command::Arm(at) => self.armed = at,
            Command::Acquire(ix) => {
                let step = &mut self.steps[ix.0 as usize];
                let twice = step.lease_held || std::mem::replace(&mut step.lease_asked, true);
                self.holds(!twice, || "a lease is asked for twice".into());
            }
            Command::Release(ix) => {
                let step = &mut self.steps[ix.0 as usize];
                (step.lease_held, step.lease_asked) = (false, false);
            }
            Command::Run(ix, _) => {
                let step = &self.plan.steps[ix.0 as usize];
                let once = matches!(&step.work, Work::Exec(exec) if exec.once.is_some());
                let good = !once || self.steps[ix.0 as usize].lease_held;
                self.holds(good, || "it works without the lease".into());
            }
            Command::Spawn => self.child_asked = true,
            Command::Signal(signal) => {
                self.signals.push(signal);
                self.first_signal = self.first_signal.or(Some(self.now));
            }
            Command::Kill => self.kill(),
            Command::Finalize(ix, limit) => self.finalize(ix, limit),
            Command::Announce(ix, since, _) => {
                let open = self.steps[ix.0 as usize].open;
                self.holds(open && since == self.now.since(self.phase_began), || {
                    format!("announced {ix:?}, {since:?}")
                });
            }
            Command::Emit(fact) => self.fact(fact),
            Command::Finish(exit) => self.finish(exit),
            _ => {}
        }
    }

    fn kill(&mut self) {
        if self.clears_the_way() {
            return;
        }
        let due = self.first_signal.zip(self.plan.stop.kill_after).map(|(first, grace)| first.after(grace));
        let good = self.child_runs && self.killed.is_none() && due.is_some_and(|due| due <= self.now);
        self.holds(good, || format!("killed, due {due:?}"));
        self.killed = Some(self.now);
    }

    fn finalize(&mut self, ix: StepIx, limit: Millis) {
        let step = &self.steps[ix.0 as usize];
        let in_order = self.last_undone.is_none_or(|last| ix < last);
        let good = step.owed && !step.undone && in_order;
        let last = self.last_undone;
        self.holds(good, || format!("finalizer of {ix:?} after {last:?}"));
        self.holds(self.child_is_over(), || "a finalizer while the child runs".into());
        let alone = self.finalizing.is_none_or(|(_, until)| until <= self.now);
        self.holds(alone, || "two finalizers at once".into());
        self.steps[ix.0 as usize].undone = true;
        self.last_undone = Some(ix);
        self.finalizing = Some((ix, self.now.after(limit)));
    }

    fn child_is_over(&self) -> bool {
        !self.child_runs || self.killed.is_some_and(|at| self.now >= at.after(Millis::secs(2)))
    }

    // ---- facts

    fn fact(&mut self, fact: Fact) {
        self.holds(!self.attempt_over, || format!("after the attempt: {fact:?}"));
        match fact {
            Fact::AttemptStarted => {}
            Fact::PhaseStarted(ix) => self.phase_started(ix),
            Fact::PhaseFinished(ix, how, code) => self.phase_finished(ix, how, code),
            Fact::StepStarted(ix) => self.step_started(ix),
            Fact::StepFinished(ix, how, code) => self.step_finished(ix, how, code),
            Fact::TryStarted(ix, None, number) => {
                let step = &mut self.steps[ix.0 as usize];
                let good = step.open && step.try_open.is_none() && number == step.tries + 1;
                (step.try_open, step.tries) = (Some(number), number);
                self.holds(good, || format!("try {number} of {ix:?}"));
            }
            Fact::TryFinished(ix, None, number, how, code) => {
                let step = &mut self.steps[ix.0 as usize];
                let good = step.open && step.try_open.take() == Some(number);
                if let (Passage::Failed, Some(code)) = (how, code)
                    && step.seen.is_none_or(|(seen, _)| seen != code)
                {
                    step.seen = Some((code, self.now));
                }
                self.holds(good, || format!("end of try {number} of {ix:?}"));
            }
            Fact::TryStarted(ix, Some(lane), number) => {
                let good = self.lanes[lane.0 as usize].try_started(number) && self.steps[ix.0 as usize].open;
                self.holds(good, || format!("try {number} of {lane:?}"));
            }
            Fact::TryFinished(ix, Some(lane), number, how, code) => {
                let good = self.lanes[lane.0 as usize].try_finished(number, how, code, self.now);
                self.holds(good && self.steps[ix.0 as usize].open, || format!("end of try {number} of {lane:?}"));
            }
            Fact::LayerStarted(lane, layer) => {
                let good = self.lanes[lane.0 as usize].layer_started(layer);
                self.holds(good, || format!("{layer} of {lane:?}"));
            }
            Fact::LayerFinished(lane, layer, how, code, _) => {
                let (good, deeper) = self.lanes[lane.0 as usize].layer_finished(self.plan.lane(lane), layer, how, code);
                self.holds(good, || format!("end of {layer} of {lane:?}"));
                if deeper {
                    self.progress(self.plan.lane(lane).step);
                }
            }
            Fact::Ready => {
                let critical = |ix: &usize| self.plan.steps[*ix].critical;
                let good =
                    (0..self.steps.len()).filter(critical).all(|ix| self.steps[ix].outcome == Some(Passage::Passed));
                self.holds(good && self.ready, || "ready with a critical step that did not pass".into());
            }
            Fact::ChildSpawned => self.holds(self.child_runs, || "spawned".into()),
            Fact::ChildStopping(_) => self.holds(self.child_runs, || "stopping no child".into()),
            Fact::ChildExited(ended) => self.holds(self.child_ended == Some(ended), || "an exit that was not".into()),
            Fact::ChildRestart(number, rest) => self.restart(number, rest),
            Fact::AttemptFinished(_) => {
                self.attempt_over = true;
                let open = self.steps.iter().any(|step| step.open) || self.phase.is_some();
                self.holds(!open, || "the attempt ended with a phase or step open".into());
            }
        }
    }

    fn phase_started(&mut self, ix: PhaseIx) {
        let awake = self.cause.is_none() && self.lives.due.is_none();
        let good = self.phase.is_none() && ix.0 == self.phases_passed && awake;
        let passed = self.phases_passed;
        self.holds(good, || format!("phase {ix:?} after {passed} passed"));
        self.phase = Some(ix);
        self.phase_began = self.now;
        let own = self.plan.phase(ix).deadline.map_or(Tick::NEVER, |limit| self.now.after(limit));
        self.phase_bound = own.min(self.end);
    }

    fn phase_finished(&mut self, ix: PhaseIx, how: Passage, code: Option<Code>) {
        let open = self.phase;
        self.holds(open == Some(ix), || format!("end of phase {ix:?}, open is {open:?}"));
        self.holds(self.now.0 <= self.phase_bound.0.saturating_add(1), || "a phase overran".into());
        let range = self.plan.phase(ix).steps.clone();
        let over = range.clone().all(|at| self.steps[at as usize].outcome.is_some());
        let bad = |at: &u16| self.plan.steps[*at as usize].critical && self.steps[*at as usize].failed;
        let decisive = range.clone().find(bad);
        self.phase = None;
        if how == Passage::Passed {
            self.holds(over && decisive.is_none(), || format!("phase {ix:?} passed too early, or should not have"));
            self.phases_passed += 1;
            self.ready = usize::from(self.phases_passed) == self.plan.phases.len();
            if self.ready {
                self.lives_ready();
            }
            return;
        }
        if self.comes_back() {
            return;
        }
        let code = code.unwrap_or(Code::Stopped);
        let expired = how == Passage::Expired || code == Code::NoTimeLeft;
        let first = self.cause.is_none();
        self.because(Cause::Failed(ix, decisive.map(StepIx), code, expired));
        self.holds(!first || decisive.is_some() || code == Code::NoTimeLeft, || {
            format!("phase {ix:?} failed with {code} and no critical step did")
        });
        if first && self.child_runs {
            self.expected_signal = Some(self.plan.stop.signal);
        }
    }

    fn step_started(&mut self, ix: StepIx) {
        let step = self.plan.step(ix);
        let again = step.retry_after_ready && self.ready;
        let watch = &self.steps[ix.0 as usize];
        let in_phase = self.phase == Some(step.phase) && !watch.begun;
        let good = !watch.open && (in_phase || again) && self.cause.is_none();
        self.holds(good, || format!("step {ix:?} began"));
        let once = match &step.work {
            Work::Exec(exec) => exec.once.as_ref(),
            _ => None,
        };
        let own = once.map_or(step.deadline, |once| once.wait);
        let mut bound = own.map_or(Tick::NEVER, |limit| self.now.after(limit));
        if self.ready {
            bound = bound.min(self.now.after(step.deadline.unwrap_or(Millis::secs(10))));
        }
        let watch = &mut self.steps[ix.0 as usize];
        (watch.open, watch.begun, watch.outcome, watch.bound) = (true, true, None, bound);
        (watch.tries, watch.try_open, watch.seen) = (0, None, None);
        step.lanes.clone().for_each(|lane| self.lanes[lane as usize].begin());
    }

    fn step_finished(&mut self, ix: StepIx, how: Passage, code: Option<Code>) {
        let step = self.plan.step(ix);
        let watch = &self.steps[ix.0 as usize];
        let (open, try_open, bound) = (watch.open, watch.try_open, watch.bound);
        let bound = if self.phase.is_some() { bound.min(self.phase_bound) } else { bound };
        self.holds(open && try_open.is_none(), || format!("end of step {ix:?}"));
        self.holds(self.now.0 <= bound.0.saturating_add(1), || format!("step {ix:?} overran {bound:?}"));
        for lane in step.lanes.clone() {
            let busy = self.lanes[lane as usize].busy();
            self.holds(!busy, || format!("step {ix:?} ended and lane {lane} did not"));
        }
        let needs = step.needs.iter().all(|need| self.steps[need.0 as usize].outcome == Some(Passage::Passed));
        self.holds(needs || code == Some(Code::NeedFailed), || format!("step {ix:?} ran without what it needs"));
        match (how, code) {
            (Passage::Passed, code) => {
                self.holds(code.is_none() && self.proved(ix), || format!("step {ix:?} passed {code:?}"))
            }
            (Passage::Expired, _) => self.holds(self.now >= bound, || format!("step {ix:?} expired before {bound:?}")),
            (Passage::Failed, Some(code)) => self.failed_rightly(ix, code),
            (Passage::Skipped, Some(Code::NeedFailed)) => self.holds(!needs, || format!("step {ix:?} was not needed")),
            (Passage::Skipped, _) => {}
            (Passage::Failed, None) => self.holds(false, || format!("step {ix:?} failed without a code")),
        }
        let watch = &mut self.steps[ix.0 as usize];
        watch.open = false;
        watch.outcome = Some(how);
        watch.owed |= how == Passage::Passed;
        watch.failed = how != Passage::Passed && code != Some(Code::Stopped);
        if code == Some(Code::LeaseLost) {
            // Also when it ran out: nobody says so.
            watch.lease_held = false;
        }
        let leased = watch.lease_held || watch.lease_asked;
        self.holds(!leased || code == Some(Code::LeaseLost), || format!("step {ix:?} ended and keeps its lease"));
    }

    /// A step that passed has what it is for.
    fn proved(&self, ix: StepIx) -> bool {
        let step = self.plan.step(ix);
        let mut lanes = step.lanes.clone().map(|lane| self.lanes[lane as usize].passed);
        match step.work {
            Work::Egress => lanes.any(|passed| passed),
            Work::Probe | Work::Ready(Readiness::Lanes) => lanes.all(|passed| passed),
            Work::Spawn => self.child_runs,
            _ => true,
        }
    }

    /// Only what waiting cannot mend fails before its time, and not before its grace.
    fn failed_rightly(&mut self, ix: StepIx, code: Code) {
        let step = self.plan.step(ix);
        if matches!(step.work, Work::Spawn | Work::Ready(_)) && step.lanes.is_empty() {
            return;
        }
        let lanes = step.lanes.clone().map(|lane| &self.lanes[lane as usize]);
        let tries_out = step.tries != 0
            && (lanes.clone().any(|lane| lane.tries >= step.tries) || self.steps[ix.0 as usize].tries >= step.tries);
        let exited = matches!(code, Code::ExitedBeforeReady | Code::ZeroBeforeReady);
        let definite = code.class() == Class::Definite;
        let first = lanes.filter_map(|lane| lane.first_seen(code)).min();
        let early = first.is_some_and(|first| self.now.since(first).0 < code.row().grace_ms);
        self.holds(definite || tries_out || exited, || format!("step {ix:?} failed with {code}, which may pass"));
        self.holds(!early || tries_out, || format!("step {ix:?} failed with {code} before its grace"));
    }

    // ---- the child's further lives

    pub(crate) fn leaves(&self) -> bool {
        self.cause.is_some()
    }

    pub(crate) fn is_open(&self, ix: usize) -> bool {
        self.steps[ix].open || self.phase.is_some()
    }

    pub(crate) fn forget_step(&mut self, ix: usize) {
        let watch = &mut self.steps[ix];
        (watch.begun, watch.outcome, watch.failed) = (false, None, false);
        self.plan.steps[ix].lanes.clone().for_each(|lane| self.lanes[lane as usize].forget_load());
    }

    pub(crate) fn back_to(&mut self, phase: u16) {
        (self.phases_passed, self.ready, self.child_ended) = (phase, false, None);
    }

    pub(crate) fn end_counts_from_now(&mut self) {
        self.end = self.plan.budget.usable().map_or(Tick::NEVER, |usable| self.now.after(usable));
    }

    fn progress(&mut self, ix: StepIx) {
        let step = self.plan.step(ix);
        let limit = step.deadline.or(self.plan.phase(step.phase).deadline);
        if let Some(limit) = limit {
            self.extend(ix, self.now.after(Millis(limit.0 / 2)));
        }
    }

    fn extend(&mut self, ix: StepIx, to: Tick) {
        let to = to.min(self.end);
        let watch = &mut self.steps[ix.0 as usize];
        watch.bound = watch.bound.max(to);
        self.phase_bound = self.phase_bound.max(to);
    }

    // ---- the end

    fn finish(&mut self, exit: Exit) {
        let dialling = self.lanes.iter().position(|lane| lane.busy());
        self.holds(dialling.is_none(), || format!("finished with lane {dialling:?} at work"));
        self.holds(self.attempt_over && self.child_is_over(), || "finished too early".into());
        let owed = (0..self.steps.len())
            .find(|ix| self.steps[*ix].owed && self.plan.steps[*ix].finalizer.is_some() && !self.steps[*ix].undone);
        self.holds(owed.is_none(), || format!("finished without undoing step {owed:?}"));
        let good = match (self.cause, exit.reason) {
            (Some(Cause::Child(ended, code)), Reason::Child(told)) => ended == told && exit.code == code,
            (Some(Cause::Stop(_)), Reason::Child(told)) => {
                self.child_ended == Some(told) && exit.code == told.exit_code()
            }
            (Some(Cause::Stop(signal)), Reason::Stopped(told)) => {
                told == signal && self.child_ended.is_none() && exit.code == 128 + signal
            }
            (Some(Cause::Failed(phase, step, code, expired)), Reason::NotStarted(told)) => {
                let spawning = step.is_some_and(|ix| self.plan.step(ix).work == Work::Spawn);
                let wanted = match code {
                    Code::CommandNotFound if spawning => 127,
                    Code::CommandNotExecutable if spawning => 126,
                    _ if expired => self.plan.exit.expired,
                    _ => self.plan.exit.hopeless,
                };
                (told.phase, told.step, told.code, told.expired) == (phase, step, code, expired) && exit.code == wanted
            }
            // Told to stop while it already undid what it had done.
            (None | Some(Cause::Stop(_)), Reason::Complete) => self.ready && exit.code == 0,
            _ => false,
        };
        let cause = self.cause;
        self.holds(good, || format!("{exit:?} after {cause:?}"));
        self.finished = Some(exit);
    }

    /// Closes the watch; what did not hold.
    pub fn verdict(mut self, ending: &Ending) -> Vec<String> {
        self.end_of_step();
        match ending.end {
            End::Left(exit) => self.holds(self.finished == Some(exit), || "left without finishing".into()),
            End::Serving => {
                let waits = self.cause.is_some() || !self.ready;
                // A child that ignores everything and may not be killed is waited for.
                let stubborn = self.child_runs && self.plan.stop.kill_after.is_none();
                self.holds(!waits || stubborn, || "nothing more happens, and it is not over".into());
            }
            End::Stuck => self.holds(false, || "it goes round in circles".into()),
        }
        self.wrong
    }
}
