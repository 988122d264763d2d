//! Without a plan: what the environment names is asked once, when the program fails or is not ready
//! after ten seconds. Without credentials, no deeper than the greeting, and never a reason to fail.

use super::setting::Prepared;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tminus::{Limits, Probe, walk};
use tminus_core::event::{EventKind, Passage};
use tminus_core::target::{Environment, Target};
use tminus_core::vocabulary::Layer;
use tokio::time::Instant;

/// A program that is not ready by then is asked about.
const NOT_READY: Duration = Duration::from_secs(10);
/// Most dependencies that are asked.
const ASKED_MAX: usize = 16;
/// How long all of it may take together.
const TOGETHER: Duration = Duration::from_secs(4);

/// Limits of one asking: the platform may be about to end the process.
const LIMITS: Limits = Limits {
    resolve: Duration::from_secs(2),
    dial: Duration::from_secs(2),
    stagger: Duration::from_millis(250),
    connect: Duration::from_secs(2),
    handshake: Duration::from_secs(2),
};

/// Dependencies to ask, once.
pub(super) struct Observer {
    targets: Vec<(String, Target)>,
    environment: Environment,
    due: Option<Instant>,
    asked: bool,
}

impl Observer {
    /// None where a plan asks for itself.
    pub(super) fn new(prepared: &Prepared, waited: bool) -> Option<Observer> {
        if !prepared.plan.implied || waited {
            return None;
        }
        let target = |one: &tminus_core::target::discover::Discovered| {
            Some((one.name.clone(), without_credentials(one.target.clone().ok()?)))
        };
        let targets = prepared.discovered.iter().filter_map(target).take(ASKED_MAX).collect();
        Some(Observer { targets, environment: prepared.environment.clone(), due: None, asked: false })
    }

    /// The child runs: its ten seconds begin.
    pub(super) fn child_runs(&mut self) {
        self.due = Some(Instant::now() + NOT_READY);
    }

    /// Comes back when the ten seconds are over, with what was seen of a program that is not ready;
    /// never a second time.
    pub(super) async fn due(&mut self, ready: bool) -> Vec<EventKind> {
        match self.due.filter(|_| !self.asked) {
            Some(due) => {
                tokio::time::sleep_until(due).await;
                if ready {
                    self.asked = true;
                    return Vec::new();
                }
                self.asking().await
            }
            None => std::future::pending().await,
        }
    }

    /// What is seen now, unless it was asked already.
    pub(super) async fn ask_now(&mut self) -> Vec<EventKind> {
        if self.asked { Vec::new() } else { self.asking().await }
    }

    // Large, and seldom needed: neither the future of the start nor its stack is to hold it.
    #[inline(never)]
    fn asking(&mut self) -> Pin<Box<dyn Future<Output = Vec<EventKind>> + '_>> {
        Box::pin(self.ask())
    }

    async fn ask(&mut self) -> Vec<EventKind> {
        let until = Instant::now() + TOGETHER;
        let mut seen = Vec::new();
        for (name, target) in &self.targets {
            let probe = Probe::new(target, Layer::Protocol, &self.environment);
            let Ok(walked) = tokio::time::timeout_at(until, walk(&probe, &LIMITS)).await else { break };
            for rung in walked.ladder.rungs.into_iter().filter(|rung| rung.outcome != Passage::Skipped) {
                seen.push(EventKind::LayerFinished {
                    target: target.display(),
                    layer: rung.layer,
                    outcome: rung.outcome,
                    code: rung.code.map(|code| code.as_str().to_owned()),
                    elapsed_ns: rung.elapsed_ns,
                    at: None,
                    step: Some(name.clone()),
                    detail: rung.detail,
                    dials: None,
                });
            }
        }
        // Dropped half-way it is asked again: an answer that nobody saw is none.
        self.asked = true;
        seen
    }
}

/// What would be asked, and when: for people.
pub(super) fn asks(prepared: &Prepared, waited: bool) -> Vec<(String, String)> {
    let how = "as far as its greeting, without credentials, if the program fails or is not ready after 10 s";
    let targets = Observer::new(prepared, waited).map(|observer| observer.targets).unwrap_or_default();
    targets.into_iter().map(|(_, target)| (target.display(), how.to_owned())).collect()
}

/// The same place, asked by nobody in particular.
fn without_credentials(target: Target) -> Target {
    match target {
        Target::Postgres(mut postgres) => {
            (postgres.user, postgres.password, postgres.ssl_client) = (None, None, None);
            Target::Postgres(postgres)
        }
        Target::Redis(mut redis) => {
            (redis.user, redis.password) = (None, None);
            Target::Redis(redis)
        }
        Target::Http(mut http) => {
            http.headers.clear();
            Target::Http(http)
        }
        other => other,
    }
}
