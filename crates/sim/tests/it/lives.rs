//! What must hold of the child's further lives: when it gets one, after what rest, and what of the
//! start happens again. A part of the judge.

use crate::judge::Judge;
use tminus_core::plan::{Kind, Plan, Restart, Work};
use tminus_core::run::{Ended, QUIET, RESTARTS};
use tminus_core::time::{Millis, Tick};

/// What is known of the child's lives.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    pub been_ready: bool,
    /// The child has said that it is stopping.
    pub stopping: bool,
    pub restarts: u8,
    /// When the restarts are forgotten.
    quiet: Option<Tick>,
    /// What has to be said of the end that was just seen: whether it comes back.
    expected: Option<bool>,
    /// When it is started again.
    pub due: Option<Tick>,
}

impl Judge<'_> {
    /// Every phase has passed.
    pub(crate) fn lives_ready(&mut self) {
        self.lives.been_ready = true;
        self.lives.quiet = (self.lives.restarts > 0).then(|| self.now.after(QUIET));
    }

    /// The child ended: whether it has to be started again.
    pub(crate) fn has_to_come_back(&mut self, ended: Ended) -> bool {
        if self.lives.quiet.take().is_some_and(|quiet| quiet <= self.now) {
            self.lives.restarts = 0;
        }
        let failed = !matches!(ended, Ended::Code(0 | 129 | 130 | 143) | Ended::Signal(1 | 2 | 15));
        let plan = self.plan;
        let wanted = plan.restart == Restart::OnFailure && plan.kind == Kind::Service && !plan.implied;
        if !wanted || !failed || !self.lives.been_ready || self.lives.stopping || self.leaves() {
            return false;
        }
        let comes = self.lives.restarts < RESTARTS;
        self.lives.expected = Some(comes);
        comes
    }

    /// True while a phase that fails is not the start's failure: the child comes back.
    pub(crate) fn comes_back(&self) -> bool {
        self.lives.expected == Some(true)
    }

    /// It was said that it is started again, or not any more.
    pub(crate) fn restart(&mut self, number: u8, rest: Option<Millis>) {
        let expected = self.lives.expected.take();
        self.holds(expected == Some(rest.is_some()), || format!("restart {number} after {rest:?}"));
        let Some(rest) = rest else {
            self.holds(number == RESTARTS, || format!("given up after {number}"));
            return;
        };
        let most = 500 << self.lives.restarts;
        let good = number == self.lives.restarts + 1 && number <= RESTARTS && (most / 2..=most).contains(&rest.0);
        self.holds(good, || format!("restart {number} after {rest}"));
        self.lives.restarts = number;
        self.lives.due = Some(self.now.after(rest));
        self.forget_from(spawning_phase(self.plan));
    }

    /// What must be so whenever the machine has taken an input.
    pub(crate) fn lives_hold(&mut self) {
        self.holds(self.lives.expected.is_none(), || "the child failed, and nobody says what follows".into());
        let late = self.lives.due.is_some_and(|due| due <= self.now) && !self.leaves();
        self.holds(!late, || "its rest is over, and it is not started".into());
    }

    /// A kill that clears the way for the next life: true when it is one.
    pub(crate) fn clears_the_way(&mut self) -> bool {
        let due = self.lives.due == Some(self.now) && !self.leaves();
        if due {
            self.lives.due = None;
            self.end_counts_from_now();
        }
        due
    }

    /// The steps from this phase on have not happened.
    fn forget_from(&mut self, phase: u16) {
        let first = self.plan.phases[phase as usize].steps.start;
        for ix in 0..self.plan.steps.len() {
            self.holds(!self.is_open(ix), || format!("the child rests and step {ix} does not"));
            if ix >= usize::from(first) {
                self.forget_step(ix);
            }
        }
        self.back_to(phase);
    }
}

fn spawning_phase(plan: &Plan) -> u16 {
    plan.steps.iter().find(|step| step.work == Work::Spawn).map_or(0, |step| step.phase.0)
}
