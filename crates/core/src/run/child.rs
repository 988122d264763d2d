//! The child, and what goes on after ready.

use super::machine::{Child, Doing, Machine, Mark, Scope, State};
use super::{Ended, Exit, Fact, Reason};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{Kind, Plan, Step, StepIx, Work};
use crate::time::Millis;

/// Least time between the tries of an optional step after ready.
const AFTER_READY: Millis = Millis::secs(10);

impl Machine {
    pub(super) fn spawned(&mut self, outcome: Result<(), Code>, scope: &mut Scope) {
        if self.child != Child::Starting {
            return;
        }
        let spawn = (0..self.steps.len() as u16)
            .find(|&ix| scope.plan.steps[ix as usize].work == Work::Spawn && self.is_working(ix));
        self.child = if outcome.is_ok() { Child::Running } else { Child::None };
        if outcome.is_ok() {
            self.marks.set(Mark::ChildStops, false);
            scope.emit(Fact::ChildSpawned);
        }
        match (self.state, spawn, outcome) {
            (State::Leaving, ..) => self.signal_child(scope),
            (_, Some(ix), Ok(())) => self.finish(StepIx(ix), Passage::Passed, None, scope),
            (_, Some(ix), Err(code)) => self.finish(StepIx(ix), Passage::Failed, Some(code), scope),
            (_, None, _) => {}
        }
    }

    pub(super) fn is_working(&self, ix: u16) -> bool {
        self.steps[ix as usize].doing == Doing::Working
    }

    pub(super) fn child_exited(&mut self, ended: Ended, scope: &mut Scope) {
        if self.child != Child::Running {
            return;
        }
        self.child = Child::Exited(ended);
        scope.emit(Fact::ChildExited(ended));
        if self.state == State::Leaving {
            return;
        }
        if self.state == State::Ready && self.comes_back(ended, scope) {
            return;
        }
        let zero = ended == Ended::Code(0);
        let starting = self.state == State::Starting;
        let promised = scope.plan.kind == Kind::Service && !scope.plan.implied;
        if starting && zero && !promised {
            self.cancel_phase(Passage::Skipped, None, scope);
        } else if starting {
            let code = if zero { Code::ZeroBeforeReady } else { Code::ExitedBeforeReady };
            self.blame_watchers(code, scope);
            self.cancel_phase(Passage::Failed, Some(code), scope);
            if self.comes_back(ended, scope) {
                return;
            }
        }
        let code = if zero && starting && promised { scope.plan.exit.hopeless } else { ended.exit_code() };
        self.leave(Exit { code, reason: Reason::Child(ended) }, scope);
    }

    /// The steps that waited for the child's readiness have failed.
    pub(super) fn blame_watchers(&mut self, code: Code, scope: &mut Scope) {
        for ix in 0..self.steps.len() as u16 {
            let ready = matches!(scope.plan.steps[ix as usize].work, Work::Ready(_));
            if ready && !matches!(self.steps[ix as usize].doing, Doing::Over(_) | Doing::Waiting) {
                self.finish(StepIx(ix), Passage::Failed, Some(code), scope);
            }
        }
    }

    pub(super) fn after_ready(&mut self, scope: &mut Scope) {
        if !scope.plan.implied && scope.plan.kind == Kind::Service {
            scope.emit(Fact::Ready);
        }
        for ix in 0..self.steps.len() as u16 {
            let state = &mut self.steps[ix as usize];
            if scope.plan.steps[ix as usize].retry_after_ready && state.doing != Doing::Over(Passage::Passed) {
                state.doing = Doing::Waiting;
                state.wake = scope.now.after(AFTER_READY);
            }
        }
        if self.child == Child::None && !serves_itself(scope.plan) {
            self.leave(Exit { code: 0, reason: Reason::Complete }, scope);
        }
    }

    /// Optional steps that failed and are to be tried on.
    pub(super) fn settle_after_ready(&mut self, scope: &mut Scope) -> bool {
        let mut changed = false;
        for ix in 0..self.steps.len() as u16 {
            let step = scope.plan.step(StepIx(ix));
            if !step.retry_after_ready {
                continue;
            }
            match self.steps[ix as usize].doing {
                Doing::Waiting if self.steps[ix as usize].wake <= scope.now => {
                    changed |= self.begin_again(StepIx(ix), step, scope);
                }
                Doing::Waiting | Doing::Over(Passage::Passed) => {}
                Doing::Over(_) => {
                    let state = &mut self.steps[ix as usize];
                    state.doing = Doing::Waiting;
                    state.wake = scope.now.after(AFTER_READY);
                }
                _ => changed |= self.advance(StepIx(ix), scope),
            }
        }
        changed
    }

    /// Begins a step that failed before ready, if what it needs has passed. It gets a time of its
    /// own: there is no phase that bounds it.
    pub(super) fn begin_again(&mut self, ix: StepIx, step: &Step, scope: &mut Scope) -> bool {
        if !step.needs.iter().all(|need| self.passed(need.0)) {
            self.steps[ix.0 as usize].wake = scope.now.after(AFTER_READY);
            return false;
        }
        self.begin(ix, step, scope);
        let state = &mut self.steps[ix.0 as usize];
        state.end = state.end.min(scope.now.after(step.deadline.unwrap_or(AFTER_READY)));
        true
    }

    /// Whether this step passed.
    pub(super) fn passed(&self, ix: u16) -> bool {
        self.steps[ix as usize].doing == Doing::Over(Passage::Passed)
    }

    /// Whether the program is known to have been ready.
    pub(super) fn was_ready(&self, plan: &Plan) -> bool {
        // With a plan, ready is what the plan says; without one, what the program says.
        let mark = if plan.implied { Mark::ChildReady } else { Mark::BeenReady };
        self.marks.has(mark) && (plan.implied || plan.kind == Kind::Service)
    }
}

/// True when what serves is the program that tminus is part of: there is no child by design.
fn serves_itself(plan: &Plan) -> bool {
    plan.kind == Kind::Service && plan.steps.iter().all(|step| step.work != Work::Spawn)
}
