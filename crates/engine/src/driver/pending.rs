//! Futures under way, by what they are for. Forgetting one drops it at once.

use super::leases::Granted;
use crate::connection::Connection;
use crate::finding::{Failure, Passed};
use crate::probe::Addresses;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tminus_core::plan::{LaneIx, StepIx};
use tminus_core::run::Dial;

/// What a future is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Resolve(LaneIx),
    Dial(LaneIx, Dial),
    Shake(LaneIx),
    Lease(StepIx),
    Renew(StepIx),
    Locks(StepIx),
    /// Lets go of a connection or lease; nobody waits for it but the exit.
    Farewell(u64),
}

/// What came of it.
pub(super) enum Came {
    Resolved(Result<Addresses, Failure>),
    Dialled(Box<Result<Connection, Failure>>),
    Shaken(Box<Connection>, Result<Passed, Failure>),
    Leased(Result<Granted, Failure>),
    Locks(Vec<String>),
    Gone,
}

type Task = Pin<Box<dyn Future<Output = Came> + Send>>;

/// The futures under way. At most a few dozen, so that polling all of them at every wake costs less
/// than bookkeeping about which one woke.
#[derive(Default)]
pub(super) struct Pending {
    tasks: BTreeMap<Key, Task>,
    farewells: u64,
}

impl Pending {
    /// Begins something; what was under way for the same purpose is forgotten.
    pub(super) fn begin(&mut self, key: Key, task: impl Future<Output = Came> + Send + 'static) {
        self.tasks.insert(key, Box::pin(task));
    }

    /// Lets something end by itself.
    pub(super) fn let_go(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.farewells += 1;
        let key = Key::Farewell(self.farewells);
        self.begin(key, async move {
            task.await;
            Came::Gone
        });
    }

    pub(super) fn forget(&mut self, key: Key) {
        self.tasks.remove(&key);
    }

    /// Forgets every dial of a lane.
    pub(super) fn forget_dials(&mut self, lane: LaneIx) {
        self.tasks.retain(|key, _| !matches!(key, Key::Dial(of, _) if *of == lane));
    }

    /// The next one that is done, in the order of keys.
    pub(super) async fn next(&mut self) -> (Key, Came) {
        poll_fn(|context| {
            for (key, task) in &mut self.tasks {
                if let Poll::Ready(came) = task.as_mut().poll(context) {
                    let key = *key;
                    self.tasks.remove(&key);
                    return Poll::Ready((key, came));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Waits until everything that lets go has done so, for at most `limit`.
    pub(super) async fn farewell(&mut self, limit: Duration) {
        self.tasks.retain(|key, _| matches!(key, Key::Farewell(_)));
        let all = async {
            while !self.tasks.is_empty() {
                self.next().await;
            }
        };
        // What has not let go by then is dropped with the process.
        let _ = tokio::time::timeout(limit, all).await;
    }
}
