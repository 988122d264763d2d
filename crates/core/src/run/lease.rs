//! Work that only one instance may do at a time: asking for the lease, keeping it, losing it.

use super::lane::grace;
use super::machine::{Doing, Machine, Scope};
use super::{Command, pace};
use crate::code::{Class, Code, Pace};
use crate::event::Passage;
use crate::plan::{Exec, Step, StepIx, Work};
use crate::time::{Millis, Tick};

impl Machine {
    pub(super) fn acquire(&mut self, ix: StepIx, scope: &mut Scope) {
        self.steps[ix.0 as usize].doing = Doing::Acquiring;
        scope.out.push(Command::Acquire(ix));
    }

    /// The lease was granted: the work begins, with a deadline of its own. Or it was not.
    pub(super) fn leased(&mut self, ix: StepIx, outcome: Result<(), Code>, scope: &mut Scope) {
        let step = scope.plan.step(ix);
        let state = &mut self.steps[ix.0 as usize];
        if state.doing != Doing::Acquiring {
            return;
        }
        let Err(code) = outcome else {
            state.end = step.deadline.map_or(Tick::NEVER, |limit| scope.now.after(limit));
            state.renew = scope.now.after(renewal(step));
            state.lease_end = scope.now.after(life(step));
            state.strikes = 0;
            self.extend(ix, scope.plan, scope.now);
            return self.run(ix, scope);
        };
        if state.code != Some(code) {
            (state.code, state.since, state.strikes) = (Some(code), scope.now, 0);
        }
        let grace = grace(code, step.propagation);
        if code.class() == Class::Definite && scope.now.since(state.since) >= grace {
            return self.finish(ix, Passage::Failed, Some(code), scope);
        }
        state.doing = Doing::Queueing;
        state.wake = scope.now.after(pace::delay(code.row().pace, state.strikes, &mut self.random));
        state.strikes = state.strikes.saturating_add(1);
    }

    /// The lease was renewed. Or it is lost, and its holder has to stop at once. Or nobody knows,
    /// and it is asked again while it lasts.
    pub(super) fn renewed(&mut self, ix: StepIx, outcome: Result<(), Code>, scope: &mut Scope) {
        let step = scope.plan.step(ix);
        let state = &mut self.steps[ix.0 as usize];
        if !matches!(state.doing, Doing::Working | Doing::Resting) || state.lease_end == Tick::NEVER {
            return;
        }
        match outcome {
            Ok(()) => {
                state.renew = scope.now.after(renewal(step));
                state.lease_end = scope.now.after(life(step));
            }
            Err(code) if code.class() == Class::Definite => self.finish(ix, Passage::Failed, Some(code), scope),
            Err(code) => {
                state.renew = scope.now.after(pace::delay(code.row().pace.max(Pace::Deep), 0, &mut self.random))
            }
        }
    }
}

/// How long a lease lasts without renewal.
fn life(step: &Step) -> Millis {
    match &step.work {
        Work::Exec(Exec { once: Some(once), .. }) => once.ttl,
        _ => Millis(u32::MAX),
    }
}

/// A lease is renewed after a third of its life, so that two renewals may be missed.
fn renewal(step: &Step) -> Millis {
    Millis(life(step).0 / 3)
}

/// True while a step has a lease or has asked for one: the grant may be on its way.
pub(super) fn concerns_lease(step: &Step, doing: Doing) -> bool {
    matches!(&step.work, Work::Exec(Exec { once: Some(_), .. }))
        && matches!(doing, Doing::Working | Doing::Resting | Doing::Acquiring)
}
