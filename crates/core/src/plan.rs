//! The plan: the validated recipe of a start. Phases, steps, the child, the stop ladder.
//!
//! What it is for: everything that the run machine, its drivers, `check` and the reports must agree
//! on before anything happens. It is made once (from `tminus.toml`, from code, or for a start
//! without a plan) and shared; machines hold indices into it. It never changes during a start and
//! never touches the world.
//! Where to start reading: [`Plan`], then [`Step`] and [`Work`].

pub mod budget;
mod defaults;
mod document;
mod draft;
pub mod duration;
mod error;
mod frame;
mod order;
mod phases;
mod profile;
mod raw;
pub mod read;
mod scope;
pub mod settings;
mod shape;
mod variable;
mod waiting;
mod whole;
mod words;
mod work;

use crate::target::Target;
use crate::time::Millis;
use crate::vocabulary::{Layer, Role, words};
pub(crate) use error::suggest;
use std::collections::BTreeMap;
use std::ops::Range;

/// Index of a phase in [`Plan::phases`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhaseIx(pub u16);
/// Index of a step in [`Plan::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepIx(pub u16);
/// Index of a lane in [`Plan::lanes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneIx(pub u16);

/// The names of the default phases, in order.
pub const DEFAULT_PHASES: [&str; 7] =
    ["init", "dependencies", "database", "cache", "services", "websocket", "finalize"];

/// A validated recipe of a start.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the service.
    pub service: String,
    /// Whether it serves or ends.
    pub kind: Kind,
    /// Environment, already mapped to the profile that was used; none when the plan has none.
    pub environment: Option<String>,
    /// The time there is.
    pub budget: Budget,
    /// Phases, in order.
    pub phases: Vec<Phase>,
    /// Steps, phase by phase, in declared order.
    pub steps: Vec<Step>,
    /// Ways that are probed, step by step.
    pub lanes: Vec<Lane>,
    /// How dialling is paced.
    pub dialling: Dialling,
    /// How the child is stopped.
    pub stop: Stop,
    /// What exit codes mean.
    pub exit: ExitCodes,
    /// How the child's output is handled.
    pub capture: Capture,
    /// Where the admin endpoints listen; none by default.
    pub admin: Option<String>,
    /// Whether a child that ends after ready is started again in place.
    pub restart: Restart,
    /// Directory for the bounded record of earlier starts; none by default.
    pub state_dir: Option<String>,
    /// Real teams for roles.
    pub owners: BTreeMap<Role, String>,
    /// Names of variables whose values are secrets besides those that look it.
    pub redact: Vec<String>,
    /// Digest of the plan's text (`sha256:...`); none for a start without a plan.
    pub digest: Option<String>,
    /// True when it was not written by anybody: a start without a plan. Its exit codes pass
    /// untouched.
    pub implied: bool,
}

words! {
    /// What the child is.
    Kind {
        /// It serves until it is stopped.
        Service = "service",
        /// It ends by itself; 0 is success.
        Job = "job",
    }
}

words! {
    /// What runs the process; sets the default window and grace.
    Platform {
        /// Google Cloud Run.
        CloudRun = "cloud-run",
        /// Kubernetes.
        Kubernetes = "kubernetes",
        /// Amazon ECS.
        Ecs = "ecs",
        /// systemd.
        Systemd = "systemd",
        /// Nothing that is known.
        Plain = "plain",
    }
}

/// The time that a start has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What runs the process.
    pub platform: Platform,
    /// From the creation of the process to when the platform gives up; none: nobody gives up.
    pub window: Option<Millis>,
    /// True when the window was not given but taken from the platform's defaults.
    pub assumed: bool,
    /// From TERM to KILL by the platform; none: unknown.
    pub grace: Option<Millis>,
}

/// Kept back for the verdict and for leaving, besides the grace (DESIGN section 7).
pub const RESERVE: Millis = Millis::secs(3);

impl Budget {
    /// What can be used: window - grace - 3 s, counted from the creation of the process.
    pub fn usable(&self) -> Option<Millis> {
        Some(self.window?.less(self.grace.unwrap_or(Millis::ZERO)).less(RESERVE))
    }
}

/// A named stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its steps, as a range of [`Plan::steps`].
    pub steps: Range<u16>,
    /// From its admission; none: the budget alone bounds it.
    pub deadline: Option<Millis>,
    /// 95th percentile of what it took in earlier good starts, when there are enough of them.
    pub p95: Option<Millis>,
}

/// The smallest thing that can pass or fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name, unique in the plan.
    pub name: String,
    /// Its phase.
    pub phase: PhaseIx,
    /// Steps that must have passed before it begins.
    pub needs: Vec<StepIx>,
    /// Whether its failure is the start's failure.
    pub critical: bool,
    /// From its beginning; none: the phase bounds it.
    pub deadline: Option<Millis>,
    /// What it does.
    pub work: Work,
    /// How often it is tried at most; 0: as often as its time allows.
    pub tries: u16,
    /// How long a refusal by credentials or by name is asked again, where they propagate slowly.
    pub propagation: Millis,
    /// Whether an optional step that failed goes on being tried after ready.
    pub retry_after_ready: bool,
    /// What is run on stop if this step passed, and how long it may take.
    pub finalizer: Option<(Vec<String>, Millis)>,
    /// Its lanes, as a range of [`Plan::lanes`].
    pub lanes: Range<u16>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Values of the environment are present and well-formed.
    Environment(Vec<Variable>),
    /// Something outside answers at all: one of the witnesses in its lanes.
    Egress,
    /// Every lane reaches its goal.
    Probe,
    /// A command ends with 0.
    Exec(Exec),
    /// The child is started.
    Spawn,
    /// The child says or shows that it is ready. `Http` and `Tcp` readiness are lanes.
    Ready(Readiness),
    /// Code of an embedding program; the host knows it by the step's name.
    Hosted,
}

/// A variable that must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What its value must look like.
    pub format: Format,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// Whether an empty value is good.
    pub may_be_empty: bool,
}

words! {
    /// What a value must look like.
    Format {
        /// Anything that is not empty, without stray whitespace.
        Text = "text",
        /// An address that tminus can parse.
        Url = "url",
        /// A whole number.
        Integer = "integer",
        /// A port, 1 to 65535.
        Port = "port",
        /// `true`, `false`, `1`, `0`, `yes`, `no`, `on`, `off`.
        Boolean = "boolean",
        /// A JSON document.
        Json = "json",
        /// The path of a file that exists and is readable.
        File = "file",
        /// Base64.
        Base64 = "base64",
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The command and its arguments; never a secret.
    pub argv: Vec<String>,
    /// Set when only one instance at a time may run it.
    pub once: Option<Box<Once>>,
}

/// One instance at a time, through a lease in a Postgres database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Name of the lease.
    pub lease: String,
    /// The database that keeps it.
    pub database: crate::target::Postgres,
    /// How long the lease lasts without renewal, by the database's clock.
    pub ttl: Millis,
    /// How long to wait for another holder; none: as long as the budget allows.
    pub wait: Option<Millis>,
}

/// How the child's readiness is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// sd_notify: `READY=1`.
    Notify,
    /// A line of its output contains this text.
    Log(String),
    /// An endpoint of its own (HTTP, WebSocket, TCP) answers: the step's lanes.
    Lanes,
}

/// A way that is probed: one target, to one depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its step.
    pub step: StepIx,
    /// Name for people; the step's, unless the step has several.
    pub name: String,
    /// What is asked.
    pub target: Target,
    /// The layers that this target has, in order, down to the goal.
    pub layers: Vec<Layer>,
    /// True for witnesses: any answer will do, also a refusal.
    pub witness: bool,
}

/// How dialling is paced. The defaults are measured figures (DESIGN section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// Time between dials while nothing answers.
    pub stagger: Millis,
    /// How long one dial waits for an answer.
    pub life: Millis,
    /// Most dials at once, 1 to 8.
    pub in_flight: u8,
    /// How long an accepted connection may take for one layer.
    pub handshake: Millis,
}

impl Default for Dialling {
    fn default() -> Dialling {
        Dialling { stagger: Millis(250), life: Millis::secs(2), in_flight: 8, handshake: Millis::secs(15) }
    }
}

/// How the child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What it is sent when tminus itself ends the start (number of the signal).
    pub signal: u8,
    /// From that to KILL of its group; none: never.
    pub kill_after: Option<Millis>,
}

/// What exit codes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCodes {
    /// Waiting ran out.
    pub expired: u8,
    /// Waiting cannot help.
    pub hopeless: u8,
}

impl Default for ExitCodes {
    fn default() -> ExitCodes {
        ExitCodes { expired: 3, hopeless: 3 }
    }
}

words! {
    /// How the child's output is handled.
    Capture {
        /// `inherit` on a terminal, `tee` otherwise.
        Auto = "auto",
        /// Through a pipe of ours: passed on byte for byte, and kept in part.
        Tee = "tee",
        /// Not at all: the child writes where we would.
        Inherit = "inherit",
    }
}

words! {
    /// Whether a child that ends is started again in place.
    Restart {
        /// Never: the platform counts restarts.
        Never = "never",
        /// When it ended with an error after ready.
        OnFailure = "on-failure",
    }
}

impl Plan {
    /// A phase.
    pub fn phase(&self, ix: PhaseIx) -> &Phase {
        &self.phases[ix.0 as usize]
    }

    /// A step.
    pub fn step(&self, ix: StepIx) -> &Step {
        &self.steps[ix.0 as usize]
    }

    /// A lane.
    pub fn lane(&self, ix: LaneIx) -> &Lane {
        &self.lanes[ix.0 as usize]
    }

    /// True when it starts a child.
    pub fn spawns(&self) -> bool {
        self.steps.iter().any(|step| step.work == Work::Spawn)
    }

    /// True when the child's readiness is known by what it notifies.
    pub fn listens_to_notify(&self) -> bool {
        self.steps.iter().any(|step| step.work == Work::Ready(Readiness::Notify))
    }

    /// The plan of a start without a plan: the child is started at once and only observed.
    pub fn observing(service: impl Into<String>) -> Plan {
        let spawn = Step {
            name: "child".into(),
            phase: PhaseIx(0),
            needs: Vec::new(),
            critical: true,
            deadline: None,
            work: Work::Spawn,
            tries: 1,
            propagation: Millis::ZERO,
            retry_after_ready: false,
            finalizer: None,
            lanes: 0..0,
        };
        Plan {
            service: service.into(),
            kind: Kind::Service,
            environment: None,
            budget: Budget { platform: Platform::Plain, window: None, assumed: true, grace: None },
            phases: vec![Phase { name: "services".into(), steps: 0..1, deadline: None, p95: None }],
            steps: vec![spawn],
            lanes: Vec::new(),
            dialling: Dialling::default(),
            stop: Stop { signal: 15, kill_after: None },
            exit: ExitCodes::default(),
            capture: Capture::Auto,
            admin: None,
            restart: Restart::Never,
            state_dir: None,
            owners: BTreeMap::new(),
            redact: Vec::new(),
            digest: None,
            implied: true,
        }
    }
}
