//! The countdown inside a program: phases declared in code, on the caller's own runtime.
//!
//! It installs no signal handler, sub-reaper, panic hook or global logger; reads no environment (it
//! takes a map) and writes to no stream; starts no process but the commands of steps, each waited for
//! through its own pidfd. It stops by a [`CancellationToken`]; events go to the caller's sink.
//! Where to start reading: [`Countdown`], then [`Started`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tminus::{Countdown, StepError};
//!
//! let started = Countdown::new("orders")
//!     .environment(std::env::vars().collect())
//!     .budget(Duration::from_secs(240), Duration::from_secs(10))
//!     .phase("database", Duration::from_secs(75))
//!     .probe("orders-db", "${DATABASE_URL}")
//!     .phase("services", Duration::from_secs(30))
//!     .step("warm up", || async { Ok::<(), StepError>(()) })
//!     .start(|event: &tminus_core::event::Event| {
//!         let _ = event; // write it wherever events go
//!         Ok(())
//!     })
//!     .await?;
//! // ... serve ...
//! started.stop().await;
//! # Ok(())
//! # }
//! ```

mod host;
mod recipe;

use crate::driver::{Driver, Progress, Setting, Sink};
use host::Embedded;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tminus_core::code::{Class, Code};
use tminus_core::event::{AttemptId, Origin};
use tminus_core::plan::Plan;
use tminus_core::run::{Exit, Failure, Reason, Subject};
use tminus_core::target::Environment;
use tokio::time::Instant;
pub use tokio_util::sync::CancellationToken;

/// A future of a step.
type Work = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send>>;
/// Code of the embedding program; called once per try.
pub(crate) type Task = Arc<dyn Fn() -> Work + Send + Sync>;

/// Why the program's own step did not pass, and whether another try may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct StepError {
    what: String,
    class: Class,
}

impl StepError {
    /// Waiting cannot help: somebody has to act.
    pub fn hopeless(what: impl fmt::Display) -> StepError {
        StepError { what: what.to_string(), class: Class::Definite }
    }

    /// It may be better in a moment.
    pub fn not_yet(what: impl fmt::Display) -> StepError {
        StepError { what: what.to_string(), class: Class::Transient }
    }

    /// Who knows.
    pub fn failed(what: impl fmt::Display) -> StepError {
        StepError { what: what.to_string(), class: Class::Unknown }
    }

    fn code(&self) -> Code {
        match self.class {
            Class::Definite => Code::StepHopeless,
            Class::Transient => Code::StepNotYet,
            Class::Unknown => Code::StepFailed,
        }
    }
}

/// A start that is being declared.
pub struct Countdown {
    recipe: recipe::Recipe,
    tasks: BTreeMap<String, Task>,
    undo: BTreeMap<String, Task>,
    environment: Environment,
    seed: u64,
    stop: CancellationToken,
}

impl Countdown {
    /// A start of this service, with nothing in it yet.
    pub fn new(service: impl Into<String>) -> Countdown {
        Countdown {
            recipe: recipe::Recipe::new(service.into()),
            tasks: BTreeMap::new(),
            undo: BTreeMap::new(),
            environment: Environment::new(),
            seed: 0,
            stop: CancellationToken::new(),
        }
    }

    /// The environment that `${NAME}` refers to, and that steps check. Nothing else is read.
    pub fn environment(mut self, environment: Environment) -> Countdown {
        self.environment = environment;
        self
    }

    /// From now to when the platform gives up, and from its TERM to its KILL. Without it nothing but
    /// the phases' own deadlines bounds the start.
    pub fn budget(mut self, window: Duration, grace: Duration) -> Countdown {
        self.recipe.budget(window, grace);
        self
    }

    /// Seed of all jitter: the same seed and the same answers give the same start.
    pub fn seed(mut self, seed: u64) -> Countdown {
        self.seed = seed;
        self
    }

    /// Cancelling this token ends the start, or what it started.
    pub fn stop_token(mut self, token: CancellationToken) -> Countdown {
        self.stop = token;
        self
    }

    /// Begins the next phase; steps that follow belong to it and run at the same time.
    pub fn phase(mut self, name: impl Into<String>, deadline: Duration) -> Countdown {
        self.recipe.phase(name.into(), deadline);
        self
    }

    /// A step that is code of this program. It is tried again as its error says, within the phase.
    pub fn step<F, W>(mut self, name: impl Into<String>, task: F) -> Countdown
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        let name = name.into();
        self.tasks.insert(name.clone(), Arc::new(move || Box::pin(task())));
        self.recipe.hosted(name);
        self
    }

    /// A step that asks a dependency, layer by layer: a URL, or `${NAME}`.
    pub fn probe(mut self, name: impl Into<String>, target: impl Into<String>) -> Countdown {
        self.recipe.probe(name.into(), target.into());
        self
    }

    /// A step that runs a command once; nothing of it may be a secret.
    pub fn exec<A: Into<String>>(mut self, name: impl Into<String>, argv: impl IntoIterator<Item = A>) -> Countdown {
        self.recipe.exec(name.into(), argv.into_iter().map(Into::into).collect());
        self
    }

    /// Variables that must be set, and have no stray whitespace.
    pub fn require<A: Into<String>>(
        mut self,
        name: impl Into<String>,
        variables: impl IntoIterator<Item = A>,
    ) -> Countdown {
        self.recipe.require(name.into(), variables.into_iter().map(Into::into).collect());
        self
    }

    /// The last step is optional: its failure degrades the start and does not end it.
    pub fn optional(mut self) -> Countdown {
        self.recipe.last(|step| step.critical = false);
        self
    }

    /// The last step has a deadline of its own.
    pub fn deadline(mut self, deadline: Duration) -> Countdown {
        self.recipe.last(|step| step.deadline = Some(recipe::millis(deadline)));
        self
    }

    /// The last step begins only when this earlier one has passed.
    pub fn needs(mut self, step: impl Into<String>) -> Countdown {
        self.recipe.needs(step.into());
        self
    }

    /// What undoes the last step, run on stop in reverse order if it passed, for at most `limit`.
    pub fn undo<F, W>(mut self, limit: Duration, task: F) -> Countdown
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        if let Some(name) = self.recipe.undo(limit) {
            self.undo.insert(name, Arc::new(move || Box::pin(task())));
        }
        self
    }

    /// Runs the phases. Comes back when every one has passed, or when the start has failed and what
    /// had passed was undone.
    ///
    /// # Errors
    /// [`NotStarted::Invalid`] before anything happened, when the declaration is wrong; otherwise
    /// which phase and step failed, and how.
    pub async fn start<S: Sink>(self, sink: S) -> Result<Started<S>, NotStarted> {
        let Countdown { recipe, tasks, undo, environment, seed, stop } = self;
        let plan: &'static Plan = match recipe.finish(&environment) {
            // A start lives as long as the program: the plan is shared with futures of the runtime.
            Ok(plan) => Box::leak(Box::new(plan)),
            Err(wrong) => return Err(NotStarted::Invalid(wrong)),
        };
        let host = Embedded::new(tasks, undo, environment.clone(), stop);
        let now = tminus_core::Timestamp::now();
        let random = (now.as_nanosecond() as u128) << 64 | u128::from(std::process::id()) << 32 | u128::from(seed);
        let attempt = AttemptId::live(now, random);
        let subject = Subject { attempt, src: Origin::Live, revision: None, instance: None, seed };
        let setting = Setting { subject, began: Instant::now(), environment };
        let mut driver = Driver::new(plan, setting, host, sink);
        match driver.go_on().await {
            Progress::Ready => Ok(Started { driver }),
            Progress::Over(exit) => Err(NotStarted::of(plan, exit)),
        }
    }
}

/// A start that is ready.
pub struct Started<S> {
    driver: Driver<'static, Embedded, S>,
}

impl<S: Sink> Started<S> {
    /// Goes on with optional steps that are to be tried after ready, until the stop token is
    /// cancelled and everything is undone.
    pub async fn until_stopped(mut self) {
        self.driver.go_on().await;
    }

    /// Undoes what passed, in reverse order, each within its limit.
    pub async fn stop(mut self) {
        self.driver.stop(TERM);
        self.driver.go_on().await;
    }
}

/// What a stop is called in events.
const TERM: u8 = 15;

/// Why a start did not come to be ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// The declaration is wrong: every mistake.
    #[error("the countdown cannot be started: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// It was told to stop.
    #[error("the start was told to stop")]
    Stopped,
    /// A phase failed.
    #[error("phase `{phase}` failed{}: {}", .step.as_ref().map(|s| format!(" at step `{s}`")).unwrap_or_default(), .code.row().meaning)]
    Failed {
        /// Which phase.
        phase: String,
        /// Which step decided.
        step: Option<String>,
        /// The last that was seen of it.
        code: Code,
        /// True when its time ran out, false when waiting cannot help.
        expired: bool,
    },
}

impl NotStarted {
    fn of(plan: &Plan, exit: Exit) -> NotStarted {
        match exit.reason {
            Reason::NotStarted(Failure { phase, step, code, expired }) => NotStarted::Failed {
                phase: plan.phase(phase).name.clone(),
                step: step.map(|step| plan.step(step).name.clone()),
                code,
                expired,
            },
            Reason::Stopped(_) | Reason::Child(_) | Reason::Complete => NotStarted::Stopped,
        }
    }
}
