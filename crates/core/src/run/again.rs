//! The child's further lives: one that was ready and fails is started again in place, if the plan
//! says so (`restart = "on-failure"`).
//!
//! The phase that starts the child and every later one run again, with their own deadlines and with
//! the plan's usable time anew. It never brings back what was asked to stop, and never more often
//! than [`RESTARTS`] times without [`QUIET`] between: then the failure is the platform's to see.
//! Where to start reading: [`Machine::comes_back`].

use super::machine::{Child, Doing, Machine, Mark, Scope, State};
use super::{Command, Ended, Fact, pace};
use crate::event::Passage;
use crate::plan::{Kind, PhaseIx, Plan, Restart, StepIx, Work};
use crate::time::{Millis, Tick};

/// Most restarts in a row.
pub const RESTARTS: u8 = 5;
/// A child that has been ready for so long on end has its restarts forgotten.
pub const QUIET: Millis = Millis::secs(600);

impl Ended {
    /// Whether a program that ended so has failed. An end by HUP, INT or TERM is one that somebody
    /// asked for, also where the program tells of it in the way of shells (128 + the signal).
    pub const fn is_failure(self) -> bool {
        !matches!(self.exit_code(), 0 | 129 | 130 | 143)
    }
}

impl Machine {
    /// The child ended: begins the rest before its next life, if it gets one.
    pub(super) fn comes_back(&mut self, ended: Ended, scope: &mut Scope) -> bool {
        if !self.may_come_back(ended, scope.plan) {
            return false;
        }
        if self.restarts >= RESTARTS {
            scope.emit(Fact::ChildRestart(self.restarts, None));
            return false;
        }
        let first = scope.plan.phases[spawning_phase(scope.plan)].steps.start;
        self.forget_steps(first, scope);
        let rest = pace::rest(self.restarts, &mut self.random);
        self.restarts += 1;
        self.phase_end = scope.now.after(rest);
        self.child = Child::None;
        self.state = State::Resting;
        scope.emit(Fact::ChildRestart(self.restarts, Some(rest)));
        true
    }

    fn may_come_back(&self, ended: Ended, plan: &Plan) -> bool {
        plan.restart == Restart::OnFailure
            && plan.kind == Kind::Service
            && !plan.implied
            && self.marks.has(Mark::BeenReady)
            && !self.marks.has(Mark::ChildStops)
            && ended.is_failure()
    }

    /// Steps from `first` on have not happened; what an earlier one is still tried for waits until
    /// the child is ready again.
    fn forget_steps(&mut self, first: u16, scope: &mut Scope) {
        for ix in 0..self.steps.len() as u16 {
            match self.steps[ix as usize].doing {
                Doing::Over(_) => {}
                // It failed before, and nothing that needs it may wait for it.
                Doing::Waiting => self.steps[ix as usize].doing = Doing::Over(Passage::Skipped),
                _ => self.finish(StepIx(ix), Passage::Skipped, None, scope),
            }
            if ix >= first {
                self.steps[ix as usize].doing = Doing::Waiting;
            }
        }
    }

    /// The rest is over: what its last life left of its process group goes, and the next one begins.
    pub(super) fn settle_resting(&mut self, scope: &mut Scope) -> bool {
        if self.phase_end > scope.now {
            return false;
        }
        self.marks.set(Mark::ChildReady, false);
        self.state = State::Starting;
        self.phase = spawning_phase(scope.plan) as u16;
        self.end = scope.plan.budget.usable().map_or(Tick::NEVER, |usable| scope.now.after(usable));
        scope.out.push(Command::Kill);
        self.open_phase(scope);
        true
    }

    /// It is ready: when its restarts are forgotten. Without any nothing is due, so that a service
    /// that runs is never woken.
    pub(super) fn begin_quiet(&mut self, now: Tick) {
        self.phase_end = if self.restarts == 0 { Tick::NEVER } else { now.after(QUIET) };
    }

    pub(super) fn settle_quiet(&mut self, now: Tick) {
        if self.phase_end <= now {
            (self.phase_end, self.restarts) = (Tick::NEVER, 0);
        }
    }
}

/// The phase that starts the child. A child that ended was started by one.
fn spawning_phase(plan: &Plan) -> usize {
    let spawn = plan.steps.iter().find(|step| step.work == Work::Spawn);
    spawn.map_or(PhaseIx(0), |step| step.phase).0 as usize
}
