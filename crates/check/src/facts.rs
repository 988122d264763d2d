//! What rules ask: manifests, plan and environment, joined.
//!
//! What it is for: a rule names the facts that it needs; here is where they come from, so that a rule
//! does not care whether a value stood in a config map, a compose file or the environment.
//! What it must never do: invent a fact. What is absent is `None`, and the rule says so.
//! Where to start reading: [`Facts`], [`PlanFacts`].

use crate::model::{Bag, Container, EnvValue, Input, Located, Model, Origin, Platform, Probe, Workload, WorkloadKind};
use crate::platform::{self, Fact};
use crate::server::{self, Server};
use crate::source::{Source, Span};
use crate::words::{self, seconds};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The environment of the program, as the caller knows it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Where it comes from, for people: `environment`, `.env`.
    pub origin: String,
    /// Names and values.
    pub values: BTreeMap<String, String>,
}

impl std::fmt::Debug for Environment {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("origin", &self.origin).field("names", &self.values.keys()).finish()
    }
}

/// What the plan says, as far as rules need it. Places are spans of [`PlanFacts::source`].
#[derive(Clone, Debug, Default)]
pub struct PlanFacts {
    /// The plan's file.
    pub source: Source,
    /// What its reader found wrong with it.
    pub mistakes: Vec<crate::mistake::Mistake>,
    /// Name of the service.
    pub service: Option<Located<String>>,
    /// It is meant to end.
    pub job: bool,
    /// The environment's name.
    pub environment: Option<Located<String>>,
    /// Profiles that the plan has. Empty where it uses none.
    pub profiles: Vec<String>,
    /// The platform's window; [`crate::Known::Assumed`] where it was taken from a preset.
    pub window: Option<Located<Duration>>,
    /// Between the request to stop and the kill, as the plan has it.
    pub stop_grace: Option<Located<Duration>>,
    /// Phases, in order.
    pub phases: Vec<PhaseFacts>,
    /// The program and its arguments.
    pub child: Vec<Located<String>>,
    /// How the program says that it is ready.
    pub readiness: Option<Located<Readiness>>,
    /// Finalizers with their deadlines.
    pub finalizers: Vec<(Located<String>, Option<Duration>)>,
    /// Memory that one worker takes, in MiB.
    pub worker_memory_mib: Option<Located<u64>>,
}

/// A phase of the plan.
#[derive(Clone, Debug)]
pub struct PhaseFacts {
    /// Its name.
    pub name: Located<String>,
    /// Its deadline.
    pub deadline: Option<Located<Duration>>,
    /// Its steps.
    pub steps: Vec<StepFacts>,
}

/// A step of the plan.
#[derive(Clone, Debug)]
pub struct StepFacts {
    /// Its name.
    pub name: Located<String>,
    /// Names of steps of the same phase that come before.
    pub needs: Vec<String>,
    /// Its deadline.
    pub deadline: Option<Located<Duration>>,
    /// How long one try to connect may take.
    pub connect_timeout: Option<Located<Duration>>,
    /// What it probes.
    pub target: Option<Located<String>>,
    /// What it executes.
    pub exec: Vec<Located<String>>,
    /// The pool that the program opens to it.
    pub pool: Option<PoolFacts>,
}

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct PoolFacts {
    /// Connections that it keeps.
    pub size: Located<u64>,
    /// Connections beyond.
    pub overflow: Option<Located<u64>>,
    /// Processes of one instance that each have such a pool.
    pub workers: Option<Located<u64>>,
    /// How long a caller waits for a connection of it.
    pub acquire_timeout: Option<Located<Duration>>,
}

/// How a program says that it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// sd_notify.
    Notify,
    /// GET of a path.
    Http(String),
    /// A bound port.
    Tcp,
    /// A line of its log.
    Log,
}

impl PhaseFacts {
    /// How long the phase may take: its deadline, or the longest way through its steps where that is
    /// shorter or no deadline is set. Nothing when neither is known.
    pub(crate) fn budget(&self) -> Option<Duration> {
        let path = self.critical_path();
        match (self.deadline.as_ref().map(|deadline| deadline.value), path) {
            (Some(deadline), Some(path)) => Some(deadline.min(path)),
            (deadline, path) => deadline.or(path),
        }
    }

    /// The longest way through the steps by their needs; nothing when a step has no deadline.
    fn critical_path(&self) -> Option<Duration> {
        let mut ends: BTreeMap<&str, Duration> = BTreeMap::new();
        // Each round settles at least the steps whose needs are settled; a cycle is the plan's own error.
        for _ in 0..self.steps.len().min(1000) {
            for step in &self.steps {
                let starts = step.needs.iter().filter_map(|need| ends.get(need.as_str())).max().copied();
                let own = step.deadline.as_ref()?.value;
                ends.insert(&step.name.value, starts.unwrap_or_default().saturating_add(own));
            }
            if self.steps.iter().all(|step| step.needs.is_empty()) {
                break;
            }
        }
        ends.values().max().copied()
    }
}

/// A variable of a container, wherever its value came from.
#[derive(Clone, Debug)]
pub(crate) struct Variable<'f> {
    pub(crate) name: &'f str,
    pub(crate) text: &'f str,
    pub(crate) at: Origin,
    /// It stands in the manifest of the container itself.
    pub(crate) inline: bool,
}

/// How long the platform waits for a start.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) limit: Duration,
    /// How it comes about, as `30 s + 24 x 10 s`.
    pub(crate) sum: String,
    pub(crate) at: Origin,
    pub(crate) what: &'static str,
    pub(crate) fact: Option<Fact>,
}

/// Everything that is known.
pub(crate) struct Facts<'f> {
    pub(crate) model: &'f Model,
    pub(crate) plan: Option<&'f PlanFacts>,
    pub(crate) environment: Option<&'f Environment>,
}

impl<'f> Facts<'f> {
    pub(crate) fn new(
        model: &'f Model,
        plan: Option<&'f PlanFacts>,
        environment: Option<&'f Environment>,
    ) -> Facts<'f> {
        Facts { model, plan, environment }
    }

    /// Each container with its workload.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (&'f Workload, &'f Container)> + use<'f> {
        self.model.workloads.iter().flat_map(|workload| workload.all().map(move |container| (workload, container)))
    }

    /// The variables of a container, those of config maps and secrets included.
    pub(crate) fn variables(&self, container: &'f Container) -> Vec<Variable<'f>> {
        let mut all = Vec::new();
        for variable in &container.env {
            match &variable.value {
                EnvValue::Text(text) => {
                    all.push(Variable { name: &variable.name.value, text: &text.value, at: text.at, inline: true });
                }
                EnvValue::Reference { from, key, .. } => {
                    if let Some(value) = self.bag(&from.value).and_then(|bag| bag_value(bag, &key.value)) {
                        all.push(Variable {
                            name: &variable.name.value,
                            text: &value.value,
                            at: value.at,
                            inline: false,
                        });
                    }
                }
                EnvValue::Unknown => {}
            }
        }
        for bag in container.env_from.iter().filter_map(|name| self.bag(&name.value)) {
            for (key, value) in &bag.values {
                all.push(Variable { name: &key.value, text: &value.value, at: value.at, inline: false });
            }
        }
        all
    }

    pub(crate) fn bag(&self, name: &str) -> Option<&'f Bag> {
        self.model.bags.iter().find(|bag| bag.name == name)
    }

    /// Every variable once: of containers, of the environment.
    pub(crate) fn all_variables(&self) -> Vec<Variable<'f>> {
        let mut seen = BTreeSet::new();
        let mut all: Vec<Variable<'f>> =
            self.containers().flat_map(|(_, container)| self.variables(container)).collect();
        let nowhere = Origin { input: Input::Environment, span: Span::default() };
        if let Some(environment) = self.environment {
            for (name, text) in &environment.values {
                all.push(Variable { name, text, at: nowhere, inline: true });
            }
        }
        all.retain(|variable| seen.insert((variable.at, variable.name)));
        all
    }

    /// The server that a container runs.
    pub(crate) fn server(&self, workload: &Workload, container: &'f Container) -> Option<Server> {
        let own = server::detect(&container.argv, &self.variables(container));
        own.or_else(|| server::detect(&self.plan_for(workload)?.child, &self.variables(container)))
    }

    /// The plan, where it speaks of this workload: by name, or because there is no other program.
    pub(crate) fn plan_for(&self, workload: &Workload) -> Option<&'f PlanFacts> {
        let plan = self.plan?;
        let named = plan.service.as_ref().is_some_and(|service| service.value == workload.name);
        let programs = |w: &&Workload| self.model.databases.iter().all(|database| database.at != w.at);
        let mut all = self.model.workloads.iter().filter(programs);
        let alone = all.next().is_some_and(|first| first.at == workload.at) && all.next().is_none();
        (named || alone).then_some(plan)
    }

    /// How long the platform waits for a start of this workload; nothing where it waits for ever or
    /// where that is not known.
    pub(crate) fn window(&self, workload: &Workload) -> Option<Window> {
        let container = workload.main();
        match workload.platform {
            Platform::CloudRun if workload.kind == WorkloadKind::Service => {
                let fact = platform::CLOUD_RUN_STARTUP_DEFAULT_WINDOW;
                Some(match container.and_then(|c| c.startup.as_ref()) {
                    Some(probe) => of_probe(probe, "start-up probe"),
                    None => Window {
                        limit: Duration::from_secs(fact.value),
                        sum: format!("{} s", fact.value),
                        at: workload.at,
                        what: "the platform's own start-up probe",
                        fact: Some(fact),
                    },
                })
            }
            Platform::Kubernetes => {
                let container = container?;
                let startup = container.startup.as_ref().map(|probe| of_probe(probe, "start-up probe"));
                startup.or_else(|| {
                    container.liveness.as_ref().map(|probe| of_probe(probe, "liveness probe, no start-up probe"))
                })
            }
            Platform::Ecs => {
                let health = container.and_then(|c| c.liveness.as_ref()).map(|probe| of_probe(probe, "health check"));
                let grace = workload.start_limit.as_ref().map(|limit| limited(limit, "health check grace period"));
                [health, grace].into_iter().flatten().max_by_key(|window| window.limit)
            }
            Platform::Systemd => {
                let limit = workload.start_limit.as_ref().filter(|limit| limit.value < Duration::MAX)?;
                Some(limited(limit, "TimeoutStartSec"))
            }
            Platform::CloudRun | Platform::Compose => None,
        }
    }
}

fn bag_value<'f>(bag: &'f Bag, key: &str) -> Option<&'f Located<String>> {
    bag.values.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
}

fn of_probe(probe: &Probe, what: &'static str) -> Window {
    let fact = [probe.failures.known, probe.period.known].into_iter().find_map(fact_of);
    Window { limit: Duration::from_secs(probe.window()), sum: probe.sum(), at: probe.at, what, fact }
}

fn limited(limit: &Located<Duration>, what: &'static str) -> Window {
    Window { limit: limit.value, sum: seconds(limit.value), at: limit.at, what, fact: fact_of(limit.known) }
}

pub(crate) fn fact_of(known: crate::model::Known) -> Option<Fact> {
    if let crate::model::Known::Default(fact) = known { Some(fact) } else { None }
}

/// A variable whose value is a duration: `DB_CONNECT_TIMEOUT_MS=500`, `INIT_TIMEOUT=30s`. A bare number
/// of 1000 and more may be milliseconds: it is not taken for anything.
pub(crate) fn timer(name: &str, text: &str) -> Option<Duration> {
    const AMBIGUOUS: u64 = 1000;
    let name = name.to_ascii_uppercase();
    let bare = text.trim().parse::<u64>().ok();
    match bare {
        Some(number) if name.ends_with("_MS") || name.ends_with("_MILLIS") || name.ends_with("_MILLISECONDS") => {
            Some(Duration::from_millis(number))
        }
        Some(number) if number < AMBIGUOUS || name.ends_with("_SECONDS") || name.ends_with("_SECS") => {
            Some(Duration::from_secs(number))
        }
        Some(_) => None,
        None => {
            let whole = text.trim().strip_suffix(".0").map(str::to_owned);
            words::duration(whole.as_deref().unwrap_or(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, needs: &[&str], deadline: u64) -> StepFacts {
        let at = Origin { input: Input::Plan, span: Span::default() };
        StepFacts {
            name: Located::set(name.to_owned(), at),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            deadline: Some(Located::set(Duration::from_secs(deadline), at)),
            connect_timeout: None,
            target: None,
            exec: Vec::new(),
            pool: None,
        }
    }

    #[test]
    fn a_phase_takes_as_long_as_its_longest_way() {
        let at = Origin { input: Input::Plan, span: Span::default() };
        let mut phase = PhaseFacts {
            name: Located::set("database".to_owned(), at),
            deadline: None,
            steps: vec![step("migrate", &["connect"], 30), step("connect", &[], 10), step("other", &[], 35)],
        };
        assert_eq!(phase.budget(), Some(Duration::from_secs(40)));
        phase.deadline = Some(Located::set(Duration::from_secs(20), at));
        assert_eq!(phase.budget(), Some(Duration::from_secs(20)));
        phase.steps[0].needs = vec!["migrate".to_owned()];
        assert!(phase.budget().is_some(), "a cycle ends");
    }

    #[test]
    fn timers_have_units_or_are_none() {
        assert_eq!(timer("DB_CONNECT_TIMEOUT_MS", "500"), Some(Duration::from_millis(500)));
        assert_eq!(timer("INIT_TIMEOUT", "30s"), Some(Duration::from_secs(30)));
        assert_eq!(timer("INIT_TIMEOUT", "30.0"), Some(Duration::from_secs(30)));
        assert_eq!(timer("INIT_TIMEOUT", "30000"), None);
        assert_eq!(timer("INIT_TIMEOUT_SECONDS", "3000"), Some(Duration::from_secs(3000)));
        assert_eq!(timer("INIT_TIMEOUT", "soon"), None);
    }
}
