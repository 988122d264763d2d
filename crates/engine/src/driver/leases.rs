//! The leases of a start: who may do what only one instance at a time may do.
//!
//! Each asking uses a connection of its own and closes it: nobody holds a slot while waiting, and a
//! transaction pooler between us and the database does no harm. The arithmetic of time (when to
//! renew, when to give up) is the machine's, except that a renewal is repeated while the lease
//! provably still lasts.

use super::pending::{Came, Key, Pending};
use crate::finding::Failure;
use crate::lease::{Asked, Lease};
use std::collections::BTreeMap;
use std::sync::Arc;
use tminus_core::code::Code;
use tminus_core::plan::{Plan, StepIx, Work};
use tminus_core::run::Subject;
use tminus_core::target::Environment;

pub(super) use crate::lease::Granted;

struct Held {
    lease: Arc<Lease>,
    granted: Option<Granted>,
    last: Option<(Code, String)>,
}

/// All leases of a start, by step.
pub(super) struct Leases(BTreeMap<StepIx, Held>);

impl Leases {
    pub(super) fn new(plan: &Plan, subject: &Subject, environment: &Environment) -> Leases {
        let lease = |(ix, step): (usize, &tminus_core::plan::Step)| {
            let Work::Exec(exec) = &step.work else { return None };
            let once = exec.once.as_ref()?;
            let who = Asked {
                instance: subject.instance.clone().unwrap_or_else(|| subject.attempt.0.clone()),
                service: plan.service.clone(),
            };
            let lease = Arc::new(Lease::new(once, who, environment));
            Some((StepIx(ix as u16), Held { lease, granted: None, last: None }))
        };
        Leases(plan.steps.iter().enumerate().filter_map(lease).collect())
    }

    pub(super) fn acquire(&mut self, step: StepIx, pending: &mut Pending) {
        let Some(held) = self.0.get(&step) else { return };
        let lease = Arc::clone(&held.lease);
        pending.begin(Key::Lease(step), async move { Came::Leased(lease.acquire().await) });
    }

    pub(super) fn renew(&mut self, step: StepIx, pending: &mut Pending) {
        let Some(held) = self.0.get(&step) else { return };
        let Some(granted) = held.granted.clone() else { return };
        let lease = Arc::clone(&held.lease);
        pending.begin(Key::Renew(step), async move { Came::Leased(lease.renew(&granted).await) });
    }

    pub(super) fn leased(&mut self, step: StepIx, outcome: Result<Granted, Failure>) -> Result<(), Failure> {
        let Some(held) = self.0.get_mut(&step) else { return Ok(()) };
        match outcome {
            Ok(granted) => {
                held.granted = Some(granted);
                held.last = None;
                Ok(())
            }
            Err(failure) => {
                let same = held.last.as_ref().is_some_and(|(code, _)| *code == failure.code);
                held.last = Some((failure.code, failure.detail.clone()));
                // The same answer again is not written down again; people read it in announcements.
                Err(if same { Failure::new(failure.code, "") } else { failure })
            }
        }
    }

    pub(super) fn renewed(&mut self, step: StepIx, outcome: Result<Granted, Failure>) -> Result<(), Failure> {
        if outcome.is_err()
            && let Some(held) = self.0.get_mut(&step)
        {
            held.granted = None;
        }
        self.leased(step, outcome)
    }

    /// The step's work is cancelled: no renewal of its lease is of use any more.
    pub(super) fn forget_renewal(&mut self, step: StepIx, pending: &mut Pending) {
        pending.forget(Key::Renew(step));
    }

    pub(super) fn release(&mut self, step: StepIx, pending: &mut Pending) {
        pending.forget(Key::Renew(step));
        pending.forget(Key::Locks(step));
        pending.forget(Key::Lease(step));
        let Some(held) = self.0.get_mut(&step) else { return };
        // Also when no grant was seen: one may have been given to a question that was cancelled.
        held.granted = None;
        let lease = Arc::clone(&held.lease);
        pending.let_go(async move { lease.release().await });
    }

    /// Asks the database who holds up whom; the answer is written down.
    pub(super) fn look_for_locks(&mut self, step: StepIx, pending: &mut Pending) {
        let Some(held) = self.0.get(&step) else { return };
        let lease = Arc::clone(&held.lease);
        pending.begin(Key::Locks(step), async move { Came::Locks(lease.locks().await) });
    }

    pub(super) fn last(&self, step: StepIx) -> Option<(Code, String)> {
        self.0.get(&step)?.last.clone()
    }
}
