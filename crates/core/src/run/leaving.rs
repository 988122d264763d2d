//! Stopping: the child first, then what passed is undone in reverse order, then the exit.
//!
//! Every signal that asks to stop is passed on to the child; none of them shortens its grace.

use super::machine::{Child, Machine, Scope, State};
use super::{Command, Exit, Fact, Reason};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::StepIx;
use crate::time::{Millis, Tick};
use crate::vocabulary::AttemptOutcome;

/// How long a child that was killed is still waited for; the kernel may hold it in a system call.
const AFTER_KILL: Millis = Millis::secs(2);

/// What is left to do before the exit.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    exit: Option<Exit>,
    was_ready: bool,
    /// When the child's group is killed, then when it is given up.
    kill_at: Tick,
    killed: bool,
    /// Finalizers of steps from here on are done.
    undone: u16,
    finalizing: bool,
    finalize_end: Tick,
}

impl Default for Leaving {
    fn default() -> Leaving {
        Leaving {
            exit: None,
            was_ready: false,
            kill_at: Tick::NEVER,
            killed: false,
            undone: u16::MAX,
            finalizing: false,
            finalize_end: Tick::NEVER,
        }
    }
}

impl Leaving {
    pub(super) fn finalized(&mut self, step: StepIx) {
        if self.finalizing && step.0 == self.undone {
            self.finalizing = false;
        }
    }

    pub(super) fn wake(&self) -> Tick {
        self.kill_at.min(if self.finalizing { self.finalize_end } else { Tick::NEVER })
    }
}

impl Machine {
    /// Somebody wants tminus to end.
    pub(super) fn told_to_stop(&mut self, signal: u8, scope: &mut Scope) {
        match self.state {
            State::Leaving => {
                if self.child == Child::Running {
                    scope.out.push(Command::Signal(signal));
                }
            }
            State::New | State::Finished => {}
            State::Starting | State::Ready | State::Resting => {
                self.cancel_phase(Passage::Failed, Some(Code::Stopped), scope);
                let exit = Exit { code: 128u8.wrapping_add(signal), reason: Reason::Stopped(signal) };
                self.leave_with(exit, signal, scope);
            }
        }
    }

    /// Begins to leave with this exit.
    pub(super) fn leave(&mut self, exit: Exit, scope: &mut Scope) {
        let signal = scope.plan.stop.signal;
        self.leave_with(exit, signal, scope);
    }

    fn leave_with(&mut self, exit: Exit, signal: u8, scope: &mut Scope) {
        self.cancel_steps(scope);
        self.leaving = Leaving {
            exit: Some(exit),
            was_ready: self.was_ready(scope.plan),
            undone: scope.plan.steps.len() as u16,
            ..Leaving::default()
        };
        self.state = State::Leaving;
        match self.child {
            Child::Running => self.stop_child(signal, scope),
            // Whoever starts it has not answered yet; if the answer never comes, we go without.
            Child::Starting => self.leaving.kill_at = scope.now.after(AFTER_KILL),
            Child::None | Child::Exited(_) => {}
        }
    }

    /// A child that came to life while tminus was already leaving.
    pub(super) fn signal_child(&mut self, scope: &mut Scope) {
        if self.child == Child::Running {
            self.stop_child(scope.plan.stop.signal, scope);
        }
    }

    fn stop_child(&mut self, signal: u8, scope: &mut Scope) {
        scope.emit(Fact::ChildStopping(signal));
        scope.out.push(Command::Signal(signal));
        self.leaving.kill_at = scope.plan.stop.kill_after.map_or(Tick::NEVER, |grace| scope.now.after(grace));
    }

    pub(super) fn settle_leaving(&mut self, scope: &mut Scope) -> bool {
        if matches!(self.child, Child::Running | Child::Starting) {
            if self.leaving.kill_at > scope.now {
                return false;
            }
            if self.leaving.killed || self.child == Child::Starting {
                self.child = Child::None; // given up
                return true;
            }
            self.leaving.killed = true;
            self.leaving.kill_at = scope.now.after(AFTER_KILL);
            scope.out.push(Command::Kill);
            return true;
        }
        self.leaving.kill_at = Tick::NEVER;
        if self.leaving.finalizing && self.leaving.finalize_end > scope.now {
            return false;
        }
        self.leaving.finalizing = false;
        if !self.next_finalizer(scope) {
            self.finish_attempt(scope);
            return false;
        }
        true
    }

    /// Begins the next finalizer, last step first; false when none is left.
    fn next_finalizer(&mut self, scope: &mut Scope) -> bool {
        while self.leaving.undone > 0 {
            self.leaving.undone -= 1;
            let ix = self.leaving.undone;
            if let Some((_, limit)) = &scope.plan.steps[ix as usize].finalizer
                && self.steps[ix as usize].owed
            {
                self.leaving.finalizing = true;
                self.leaving.finalize_end = scope.now.after(*limit);
                scope.out.push(Command::Finalize(StepIx(ix), *limit));
                return true;
            }
        }
        false
    }

    fn finish_attempt(&mut self, scope: &mut Scope) {
        let Some(mut exit) = self.leaving.exit else { return };
        // Told to stop, and the child's own code is known: that is the answer.
        if let (Reason::Stopped(_), Child::Exited(ended)) = (exit.reason, self.child) {
            exit = Exit { code: ended.exit_code(), reason: Reason::Child(ended) };
        }
        scope.emit(Fact::AttemptFinished(self.outcome(exit, scope)));
        scope.out.push(Command::Arm(Tick::NEVER));
        scope.out.push(Command::Finish(exit));
        self.state = State::Finished;
    }

    fn outcome(&self, exit: Exit, scope: &Scope) -> AttemptOutcome {
        let stopped = matches!(self.leaving.exit, Some(Exit { reason: Reason::Stopped(_), .. }));
        match (self.leaving.was_ready, exit.reason) {
            (true, _) if stopped => AttemptOutcome::Ready,
            (true, Reason::Child(_)) if exit.code == 0 => AttemptOutcome::Ready,
            (_, Reason::Complete) => AttemptOutcome::Ready,
            (true, _) => AttemptOutcome::ReadyThenFailed,
            (false, _) if stopped => AttemptOutcome::CutOff,
            (false, Reason::Child(ended)) if ended.exit_code() == 0 && exit.code == 0 => {
                // A job that is done, or a program of which nobody said what ready means.
                if scope.plan.implied { AttemptOutcome::Unknown } else { AttemptOutcome::Ready }
            }
            (false, _) => AttemptOutcome::Failed,
        }
    }
}
