//! Steps: beginning, trying again, ending. What a step waits for is in its state; nothing here knows
//! of phases beyond their deadline.

use super::lane::{Way, grace};
use super::lease::concerns_lease;
use super::machine::{Child, Doing, Machine, Mark, Scope, State};
use super::{Command, Fact, pace};
use crate::code::{Class, Code};
use crate::event::Passage;
use crate::plan::{Exec, LaneIx, Readiness, Step, StepIx, Work};
use crate::time::Tick;

impl Machine {
    /// When a step has to be over: its own deadline or its phase's.
    pub(super) fn end_of(&self, ix: StepIx) -> Tick {
        let own = self.steps[ix.0 as usize].end;
        if self.state == State::Ready { own } else { own.min(self.phase_end) }
    }

    pub(super) fn advance(&mut self, ix: StepIx, scope: &mut Scope) -> bool {
        let step = scope.plan.step(ix);
        let state = &self.steps[ix.0 as usize];
        match state.doing {
            Doing::Over(_) => return false,
            Doing::Waiting => return self.admit(ix, step, scope),
            _ if self.end_of(ix) <= scope.now => {
                self.expire(ix, scope);
                return true;
            }
            Doing::Probing => return self.advance_lanes(ix, step, scope),
            // Nobody may go on working under a lease that somebody else can have by now.
            Doing::Working | Doing::Resting if state.lease_end <= scope.now => {
                self.finish(ix, Passage::Failed, Some(Code::LeaseLost), scope);
            }
            Doing::Working | Doing::Resting if state.renew <= scope.now => {
                self.steps[ix.0 as usize].renew = Tick::NEVER;
                scope.out.push(Command::Renew(ix));
            }
            Doing::Resting if state.wake <= scope.now => self.run(ix, scope),
            Doing::Queueing if state.wake <= scope.now => self.acquire(ix, scope),
            Doing::Watching if self.marks.has(Mark::ChildReady) => self.finish(ix, Passage::Passed, None, scope),
            _ => return false,
        }
        true
    }

    /// Begins a step whose needs have passed.
    pub(super) fn admit(&mut self, ix: StepIx, step: &Step, scope: &mut Scope) -> bool {
        let mut needs = step.needs.iter().map(|need| self.steps[need.0 as usize].doing);
        if needs.clone().any(|doing| matches!(doing, Doing::Over(how) if how != Passage::Passed)) {
            scope.emit(Fact::StepStarted(ix));
            self.finish(ix, Passage::Skipped, Some(Code::NeedFailed), scope);
            return true;
        }
        if !needs.all(|doing| doing == Doing::Over(Passage::Passed)) {
            return false;
        }
        self.begin(ix, step, scope);
        true
    }

    pub(super) fn begin(&mut self, ix: StepIx, step: &Step, scope: &mut Scope) {
        let state = &mut self.steps[ix.0 as usize];
        state.end = step.deadline.map_or(Tick::NEVER, |limit| scope.now.after(limit));
        (state.code, state.tries, state.strikes) = (None, 0, 0);
        (state.renew, state.lease_end, state.since) = (Tick::NEVER, Tick::NEVER, Tick::NEVER);
        scope.emit(Fact::StepStarted(ix));
        match &step.work {
            Work::Probe | Work::Egress | Work::Ready(Readiness::Lanes) => {
                state.doing = Doing::Probing;
                for lane in step.lanes.clone() {
                    self.lanes[lane as usize].begin(scope.now);
                }
            }
            Work::Ready(_) => state.doing = Doing::Watching,
            Work::Spawn => {
                state.doing = Doing::Working;
                self.child = Child::Starting;
                scope.out.push(Command::Spawn);
            }
            Work::Exec(Exec { once: Some(once), .. }) => {
                // Its deadline is that of the work and counts from the grant.
                state.end = once.wait.map_or(Tick::NEVER, |wait| scope.now.after(wait));
                self.acquire(ix, scope);
            }
            Work::Environment(_) | Work::Exec(_) | Work::Hosted => self.run(ix, scope),
        }
    }

    pub(super) fn advance_lanes(&mut self, ix: StepIx, step: &Step, scope: &mut Scope) -> bool {
        for lane in step.lanes.clone() {
            self.lanes[lane as usize].advance(LaneIx(lane), scope, &mut self.random);
        }
        let ways = || step.lanes.clone().map(|lane| self.lanes[lane as usize].way());
        let failed = ways().find_map(|way| if let Way::Failed(code) = way { Some(code) } else { None });
        let any_passed = ways().any(|way| way == Way::Passed);
        let enough = match step.work {
            Work::Egress => any_passed,
            _ => ways().all(|way| way == Way::Passed),
        };
        let hopeless = match step.work {
            Work::Egress => ways().all(|way| matches!(way, Way::Failed(_))),
            _ => failed.is_some(),
        };
        if enough {
            self.finish(ix, Passage::Passed, None, scope);
        } else if hopeless {
            self.finish(ix, Passage::Failed, failed, scope);
        }
        enough || hopeless
    }

    pub(super) fn run(&mut self, ix: StepIx, scope: &mut Scope) {
        let end = self.end_of(ix);
        let limit = (end != Tick::NEVER).then(|| end.since(scope.now));
        let state = &mut self.steps[ix.0 as usize];
        state.doing = Doing::Working;
        state.tries = state.tries.saturating_add(1);
        scope.emit(Fact::TryStarted(ix, None, state.tries));
        scope.out.push(Command::Run(ix, limit));
    }

    /// The work of a step came out.
    pub(super) fn done(&mut self, ix: StepIx, outcome: Result<(), Code>, scope: &mut Scope) {
        let step = scope.plan.step(ix);
        let state = &mut self.steps[ix.0 as usize];
        if state.doing != Doing::Working || step.work == Work::Spawn {
            return;
        }
        let (how, code) = match outcome {
            Ok(()) => (Passage::Passed, None),
            Err(code) => (Passage::Failed, Some(code)),
        };
        scope.emit(Fact::TryFinished(ix, None, state.tries, how, code));
        state.doing = Doing::Resting;
        let Some(code) = code else { return self.finish(ix, how, None, scope) };
        if state.code != Some(code) {
            (state.code, state.since, state.strikes) = (Some(code), scope.now, 0);
        }
        let grace = grace(code, step.propagation);
        let tries_out = step.tries != 0 && state.tries >= step.tries;
        if tries_out || code.class() == Class::Definite && scope.now.since(state.since) >= grace {
            return self.finish(ix, Passage::Failed, Some(code), scope);
        }
        state.wake = scope.now.after(pace::delay(code.row().pace, state.strikes, &mut self.random));
        state.strikes = state.strikes.saturating_add(1);
    }

    /// A step's time ran out.
    pub(super) fn expire(&mut self, ix: StepIx, scope: &mut Scope) {
        let step = scope.plan.step(ix);
        let state = &self.steps[ix.0 as usize];
        let seen = match state.doing {
            Doing::Watching => Some(Code::NotReady),
            Doing::Acquiring | Doing::Queueing => state.code.or(Some(Code::LeaseHeld)),
            Doing::Probing => {
                let lanes = step.lanes.clone();
                lanes.filter_map(|lane| self.lanes[lane as usize].seen(&scope.plan.lanes[lane as usize])).next()
            }
            _ => state.code,
        };
        self.finish(ix, Passage::Expired, seen.or(Some(Code::Expired)), scope);
    }

    /// Ends a step: whatever it still does is ended first.
    pub(super) fn finish(&mut self, ix: StepIx, how: Passage, code: Option<Code>, scope: &mut Scope) {
        let step = scope.plan.step(ix);
        let state = &mut self.steps[ix.0 as usize];
        match state.doing {
            Doing::Probing => {
                let how = if how == Passage::Expired { Passage::Expired } else { Passage::Skipped };
                for lane in step.lanes.clone() {
                    self.lanes[lane as usize].cancel(LaneIx(lane), how, scope);
                }
            }
            Doing::Working if step.work != Work::Spawn => {
                scope.out.push(Command::CancelRun(ix));
                scope.emit(Fact::TryFinished(ix, None, state.tries, how, code));
            }
            _ => {}
        }
        if concerns_lease(step, state.doing) && code != Some(Code::LeaseLost) {
            scope.out.push(Command::Release(ix));
        }
        state.doing = Doing::Over(how);
        state.owed |= how == Passage::Passed;
        state.code = code;
        scope.emit(Fact::StepFinished(ix, how, code));
    }
}
