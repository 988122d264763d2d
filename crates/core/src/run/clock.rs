//! Time: what extends a deadline, when waiting is announced, when the machine wants to be woken.

use super::Command;
use super::machine::{Doing, Machine, Scope, State};
use crate::plan::{Plan, StepIx};
use crate::time::{Millis, Tick};

/// Waiting is announced once it has taken this long, and at 50 % and 80 % of its limit.
const ANNOUNCE: Millis = Millis::secs(10);
/// Without a limit it is announced again, ever more seldom: a wait that nobody ends must not look like
/// nothing. Marks and times.
const ENDLESS: [(u8, Millis); 5] = [
    (8, Millis::secs(60)),
    (16, Millis::secs(300)),
    (32, Millis::secs(900)),
    (64, Millis::secs(1800)),
    (128, Millis::secs(3600)),
];
/// Shorter waits are over before anybody has read that they go on.
const WORTH_A_WORD: u32 = 2_000;

impl Machine {
    /// A step got deeper than ever: half of its time is given again, within the budget.
    pub(super) fn extend(&mut self, ix: StepIx, plan: &Plan, now: Tick) {
        let step = plan.step(ix);
        let limit = step.deadline.or(plan.phase(step.phase).deadline);
        let Some(limit) = limit else { return };
        self.extend_to(ix, now.after(Millis(limit.0 / 2)));
    }

    pub(super) fn extend_to(&mut self, ix: StepIx, end: Tick) {
        let state = &mut self.steps[ix.0 as usize];
        let end = end.min(self.end);
        if state.end != Tick::NEVER {
            state.end = state.end.max(end);
        }
        if self.state == State::Starting && self.phase_end != Tick::NEVER {
            self.phase_end = self.phase_end.max(end);
        }
    }

    /// The child asked for more time to become ready.
    pub(super) fn extend_watching(&mut self, by: Millis, scope: &Scope) {
        for ix in 0..self.steps.len() as u16 {
            if self.steps[ix as usize].doing == Doing::Watching {
                self.extend_to(StepIx(ix), scope.now.after(by));
            }
        }
    }

    pub(super) fn announce(&mut self, steps: std::ops::Range<u16>, scope: &mut Scope) {
        while let Some((bit, at)) = self.next_announcement() {
            if at > scope.now {
                return;
            }
            self.announced |= bit;
            let limit = (self.phase_end != Tick::NEVER).then(|| self.phase_end.since(self.phase_began));
            let waiting = |ix: &u16| !matches!(self.steps[*ix as usize].doing, Doing::Over(_) | Doing::Waiting);
            if let Some(ix) = steps.clone().find(waiting) {
                scope.out.push(Command::Announce(StepIx(ix), scope.now.since(self.phase_began), limit));
            }
        }
    }

    /// The next time at which waiting is worth a word.
    pub(super) fn next_announcement(&self) -> Option<(u8, Tick)> {
        let limit = self.phase_end.since(self.phase_began).0;
        let share = |percent: u32| match self.phase_end {
            Tick::NEVER => Tick::NEVER,
            _ if limit / 100 * percent < WORTH_A_WORD => Tick::NEVER,
            _ => self.phase_began.after(Millis((u64::from(limit) * u64::from(percent) / 100) as u32)),
        };
        let times = [(1, self.phase_began.after(ANNOUNCE)), (2, share(50)), (4, share(80))];
        let endless = ENDLESS.map(|(bit, after)| (bit, self.phase_began.after(after)));
        let endless = endless.into_iter().filter(|_| self.phase_end == Tick::NEVER);
        times
            .into_iter()
            .chain(endless)
            .filter(|(bit, at)| self.announced & bit == 0 && *at != Tick::NEVER)
            .min_by_key(|(_, at)| *at)
    }

    pub(super) fn next_wake(&self, plan: &Plan) -> Tick {
        let of_step = |ix: u16| {
            let state = &self.steps[ix as usize];
            let own = match state.doing {
                Doing::Waiting if self.state == State::Ready => return state.wake,
                Doing::Over(_) | Doing::Waiting => return Tick::NEVER,
                Doing::Probing => {
                    let lanes = plan.steps[ix as usize].lanes.clone();
                    lanes.map(|lane| self.lanes[lane as usize].wake()).min().unwrap_or(Tick::NEVER)
                }
                Doing::Queueing => state.wake,
                Doing::Resting => state.wake.min(state.renew).min(state.lease_end),
                Doing::Working => state.renew.min(state.lease_end),
                Doing::Acquiring | Doing::Watching => Tick::NEVER,
            };
            own.min(self.end_of(StepIx(ix)))
        };
        let steps = (0..self.steps.len() as u16).map(of_step).min().unwrap_or(Tick::NEVER);
        match self.state {
            State::Starting => steps.min(self.next_announcement().map_or(Tick::NEVER, |(_, at)| at)),
            State::Ready => steps.min(self.phase_end),
            State::Resting => self.phase_end,
            State::Leaving => self.leaving.wake(),
            State::New | State::Finished => Tick::NEVER,
        }
    }
}
