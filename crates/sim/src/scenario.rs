//! Starts that both drivers run: the simulated one here, the real one against lab servers.
//!
//! A scenario says what a dependency is like over time, what the child does and what must come out;
//! it knows neither ports nor processes. [`project`] reduces a run to what must not depend on the
//! driver: per step, the order of what was seen, without times and counts.
//! Where to start reading: [`Scenario`], then [`all`].

use crate::recipe::Recipe;
use crate::world::{ChildDeed, Over, Server, Stopping, Way, World};
use tminus_core::code::Code;
use tminus_core::event::{Event, EventKind, Passage};
use tminus_core::plan::{Plan, Readiness, Work};
use tminus_core::run::Ended;
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;

/// Name of the step that probes the dependency.
pub const DEPENDENCY: &str = "orders-db";
/// Name of the step that starts the child.
pub const CHILD: &str = "child";
/// Name of the step that waits for its readiness.
pub const READY: &str = "ready";
/// When the dependency of a scenario changes, if it does: after a try that met it as it was, however
/// long dialling is one try.
pub const CHANGE: Millis = Millis::secs(8);

/// A start, its faults, and what must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What the dependency is like.
    pub dependency: Over<Condition>,
    /// How long the dependency is waited for.
    pub deadline: Millis,
    /// What the child does.
    pub child: Program,
    /// When tminus is told to stop, and by which signal.
    pub stop: Option<(Millis, u8)>,
    /// Per step in the order of their ends: how it came out.
    pub expect: Vec<(&'static str, Passage, Option<Code>)>,
    /// The exit code.
    pub exit: u8,
}

/// What a Postgres server is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing listens.
    Refusing,
    /// Nothing answers.
    BlackHole,
    /// It listens and is starting up (57P03).
    StartingUp,
    /// It does not take this password.
    WrongPassword,
    /// It does not have this database.
    DatabaseMissing,
    /// Others hold all of its slots.
    SlotsFull,
    /// It serves.
    Serving,
}

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// It says that it is ready (sd_notify) and serves; ends with 0 when it is told to stop.
    Serves,
    /// It ends with this code before it is ready.
    Exits(u8),
}

impl Scenario {
    /// Its plan, for the server that the driver offers: probed down to a query.
    pub fn plan(&self, target: Target) -> Plan {
        Recipe::new("orders")
            .window(Millis::secs(60))
            .phase("database", None)
            .step(DEPENDENCY, Work::Probe)
            .lane(target)
            .deadline(self.deadline)
            .phase("services", None)
            .step(CHILD, Work::Spawn)
            .step(READY, Work::Ready(Readiness::Notify))
            .needs(&[CHILD])
            .deadline(Millis::secs(20))
            .plan()
    }

    /// The world of the simulated driver.
    pub fn world(&self, plan: &Plan) -> World {
        let mut world = World::good(plan);
        let dependency = &mut world.dependencies[0];
        dependency.ways = vec![self.dependency.map(|condition| condition.way())];
        dependency.server = self.dependency.map(|condition| condition.server());
        if let Program::Exits(code) = self.child {
            world.child.deeds = vec![(Millis(200), ChildDeed::Exits(Ended::Code(code)))];
        }
        world.child.stopping = Stopping::Ends(Millis(20), Ended::Code(0));
        world.stops = self.stop.into_iter().collect();
        world
    }
}

impl Condition {
    fn way(&self) -> Way {
        match self {
            Condition::Refusing => Way::Fails(Code::Refused),
            Condition::BlackHole => Way::BlackHole,
            _ => Way::Open,
        }
    }

    fn server(&self) -> Server {
        match self {
            Condition::StartingUp => Server::says(Code::StartingUp),
            Condition::WrongPassword => Server::says(Code::PasswordRejected),
            // Postgres says so before it looks at the password.
            Condition::SlotsFull => Server::Says { code: Code::SlotsFull, at: Some(Layer::Protocol), wait: None },
            Condition::DatabaseMissing => Server::says(Code::DatabaseMissing),
            _ => Server::Serves,
        }
    }
}

/// The scenarios. Where a run would serve for ever it is told to stop.
pub fn all() -> Vec<Scenario> {
    use Condition::{BlackHole, DatabaseMissing, Refusing, Serving, SlotsFull, StartingUp, WrongPassword};
    let good = |name, dependency: Over<Condition>| Scenario {
        name,
        dependency,
        deadline: Millis::secs(20),
        child: Program::Serves,
        stop: Some((Millis::secs(25), 15)),
        expect: vec![
            (DEPENDENCY, Passage::Passed, None),
            (CHILD, Passage::Passed, None),
            (READY, Passage::Passed, None),
        ],
        exit: 0,
    };
    let bad = |name, condition, code| Scenario {
        stop: None,
        expect: vec![(DEPENDENCY, Passage::Failed, Some(code))],
        exit: 3,
        ..good(name, Over::always(condition))
    };
    let heals = |condition| Over::always(condition).then(CHANGE, Serving);
    vec![
        good("refused-then-listening", heals(Refusing)),
        good("black-hole-then-open", heals(BlackHole)),
        good("starting-up-then-ready", heals(StartingUp)),
        good("slots-full-then-freed", heals(SlotsFull)),
        bad("wrong-password", WrongPassword, Code::PasswordRejected),
        bad("missing-database", DatabaseMissing, Code::DatabaseMissing),
        Scenario {
            stop: None,
            expect: vec![(DEPENDENCY, Passage::Expired, Some(Code::Refused))],
            exit: 3,
            deadline: Millis::secs(2),
            ..good("never-listening", Over::always(Refusing))
        },
        Scenario {
            child: Program::Exits(3),
            stop: None,
            expect: vec![
                (DEPENDENCY, Passage::Passed, None),
                (CHILD, Passage::Passed, None),
                (READY, Passage::Failed, Some(Code::ExitedBeforeReady)),
            ],
            exit: 3,
            ..good("child-exits-before-ready", Over::always(Serving))
        },
        Scenario {
            stop: Some((CHANGE, 15)),
            expect: vec![(DEPENDENCY, Passage::Skipped, Some(Code::Stopped))],
            exit: 143,
            ..good("stopped-while-waiting", Over::always(Refusing))
        },
    ]
}

/// How the steps came out, in the order of their ends.
pub fn outcomes(events: &[Event]) -> Vec<(String, Passage, Option<String>)> {
    let ends = events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFinished { step, outcome, code, .. } => Some((step.clone(), *outcome, code.clone())),
        _ => None,
    });
    ends.collect()
}

/// What must agree between drivers: per step, in the order in which steps first appear, what its
/// tries came to (layers with their outcome and code) and how it ended. Tries that came out as the
/// one before are told once, those that were cut short by the end of their step not at all: both
/// depend on how fast things are.
pub fn project(events: &[Event]) -> Vec<String> {
    let mut steps: Vec<Story> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::StepStarted { step, .. } => steps.push(Story::new(step)),
            EventKind::LayerFinished { step: Some(step), layer, outcome, code, .. } => {
                story(&mut steps, step).layers.push(said(layer.as_str(), *outcome, code.as_deref()));
            }
            EventKind::TryFinished { step, outcome, code, .. } => story(&mut steps, step).try_ends(*outcome, code),
            EventKind::StepFinished { step, outcome, code, .. } => {
                let line = format!("{step}: {}", said("ended", *outcome, code.as_deref()));
                story(&mut steps, step).lines.push(line);
            }
            _ => {}
        }
    }
    steps.into_iter().flat_map(|story| story.lines).collect()
}

/// What was seen of a step.
struct Story {
    step: String,
    layers: Vec<String>,
    lines: Vec<String>,
}

impl Story {
    fn new(step: &str) -> Story {
        Story { step: step.to_owned(), layers: Vec::new(), lines: vec![format!("{step}: began")] }
    }

    fn try_ends(&mut self, outcome: Passage, code: &Option<String>) {
        let layers = std::mem::take(&mut self.layers);
        if !matches!(outcome, Passage::Passed | Passage::Failed) {
            return;
        }
        let seen = if layers.is_empty() { said("work", outcome, code.as_deref()) } else { layers.join(" > ") };
        let line = format!("{}: {seen}", self.step);
        if self.lines.last() != Some(&line) {
            self.lines.push(line);
        }
    }
}

fn story<'a>(steps: &'a mut Vec<Story>, name: &str) -> &'a mut Story {
    let at = match steps.iter().rposition(|story| story.step == name) {
        Some(at) => at,
        None => {
            steps.push(Story::new(name));
            steps.len() - 1
        }
    };
    &mut steps[at]
}

fn said(what: &str, outcome: Passage, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{what} {outcome} {code}"),
        None => format!("{what} {outcome}"),
    }
}
