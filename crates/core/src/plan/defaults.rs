//! The seven default phases, and the child of a plan that does not mention it.
//!
//! A dependency that was merely discovered becomes a gate only where somebody asked for that:
//! `discover = true` or `--wait`.
//! Where to start reading: [`phases`].

use super::draft::{LaneDraft, PhaseDraft, StepDraft, Unresolved};
use super::error::PlanCode;
use super::scope::Scope;
use super::whole::{Dependencies, witnesses};
use super::{DEFAULT_PHASES, Format, Platform, Variable, Work};
use crate::target::{BadTarget, Target};
use crate::vocabulary::Layer;

/// A dependency that the environment names.
pub(super) struct Found {
    pub name: String,
    /// The variable that holds its address, when one does.
    pub variable: Option<String>,
    pub target: Target,
}

/// The default phases for these dependencies, and the step that sees readiness.
pub(super) fn phases(found: Vec<Found>, platform: Platform, ready: Option<StepDraft>) -> Vec<PhaseDraft> {
    let mut phases: Vec<PhaseDraft> = DEFAULT_PHASES.iter().map(|name| PhaseDraft::new(name, Vec::new())).collect();
    let variables: Vec<Variable> =
        found.iter().filter_map(|one| Some(Variable::new(one.variable.clone()?, Format::Url))).collect();
    for one in found {
        let (phase, path) = (phase_of(&one.target), path(&one.target));
        if phase != "dependencies" && path.is_some() {
            let layer = path.unwrap_or(Layer::Tcp);
            put(&mut phases, "dependencies", StepDraft::probe(format!("{}-path", one.name), one.target.clone(), layer));
        }
        let deepest = gate_depth(&one.target);
        put(&mut phases, phase, StepDraft::probe(one.name, one.target, deepest));
    }
    let lanes: Vec<LaneDraft> = witnesses(&Dependencies::of(&phases), platform);
    if !variables.is_empty() {
        put(&mut phases, "init", StepDraft::new("environment", Work::Environment(variables)));
        if !lanes.is_empty() {
            put(&mut phases, "init", StepDraft { lanes, ..StepDraft::new("egress", Work::Egress) });
        }
    }
    put(&mut phases, "services", StepDraft::new("child", Work::Spawn));
    if let Some(ready) = ready {
        put(&mut phases, "finalize", ready);
    }
    phases
}

/// A dependency whose address is malformed: its variable is checked, and fails the start in `init`.
pub(super) fn add_broken(phases: &mut [PhaseDraft], name: String, variable: String, bad: BadTarget) {
    let variable = Variable::new(variable, Format::Url);
    let mut step = StepDraft::new(name, Work::Environment(vec![variable.clone()]));
    let (code, what, hint) = (bad.code, bad.what, bad.hint);
    step.unresolved.push(Unresolved { step: step.name.clone(), variable, code, what, hint });
    put(phases, "init", step);
}

/// Adds a step to a phase; a name that is taken gets a number.
fn put(phases: &mut [PhaseDraft], phase: &str, mut step: StepDraft) {
    let taken = |name: &str| phases.iter().flat_map(|phase| &phase.steps).any(|step| step.name == name);
    let name = step.name.clone();
    for number in 2.. {
        if !taken(&step.name) {
            break;
        }
        step.name = format!("{name}-{number}");
    }
    if let Some(phase) = phases.iter_mut().find(|known| known.name == phase) {
        phase.steps.push(step);
    }
}

/// The default phase that a dependency belongs to.
pub(super) fn phase_of(target: &Target) -> &'static str {
    match target {
        Target::Postgres(_) => "database",
        Target::Redis(_) => "cache",
        _ => "dependencies",
    }
}

/// The layer at which the way to a dependency is known to work; none for what has no way.
fn path(target: &Target) -> Option<Layer> {
    target.layers(Layer::Tcp).into_iter().max()
}

/// How deep a dependency is asked that nobody described: as deep as the program would go. Of an
/// HTTP server nobody knows a path that answers well: any answer is enough.
pub(super) fn gate_depth(target: &Target) -> Layer {
    match target {
        Target::Http(_) => Layer::Protocol,
        target => target.deepest(),
    }
}

/// Adds the child to phases that do not start it: in `services` if there is such a phase, else in
/// one of its own before anybody asks the child.
pub(super) fn with_child(phases: &mut Vec<PhaseDraft>, scope: &mut Scope<'_, '_>) {
    if phases.iter().flat_map(|phase| &phase.steps).any(|step| step.work == Work::Spawn) {
        return;
    }
    let name = ["child", "child-process"]
        .into_iter()
        .find(|name| phases.iter().flat_map(|phase| &phase.steps).all(|step| step.name != *name));
    let Some(name) = name else {
        let what = "no step starts the child, and its usual names are taken";
        return scope.error(PlanCode::DuplicateName, None, what, "add a step with `spawn = true`");
    };
    let child = StepDraft::new(name, Work::Spawn);
    let asking = phases.iter().position(|phase| phase.steps.iter().any(|step| step.asks_child));
    let services = phases.iter().position(|phase| phase.name == "services");
    match (services, asking) {
        (Some(services), asking) if asking.is_none_or(|asking| asking >= services) => {
            let phase = &mut phases[services];
            // Who asks the child in that phase waits for it.
            for step in phase.steps.iter_mut().filter(|step| step.asks_child) {
                step.needs.push(super::draft::Need { name: name.to_owned(), at: None });
            }
            phase.steps.push(child);
        }
        (Some(_), _) => {
            let what = "a step asks the child before phase `services`, where it is started";
            scope.error(PlanCode::BeforeSpawn, None, what, "add a step with `spawn = true` where it should be started");
        }
        (None, asking) => {
            let at = asking.unwrap_or(phases.len());
            phases.insert(at, PhaseDraft::new("services", vec![child]));
        }
    }
}
