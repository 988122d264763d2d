//! A plan under construction: phases and steps by name, before they get their indices.
//!
//! Written plans, the default phases and a start without a plan end here, so that there is one
//! place that turns names into indices. Nothing is reported here: names have been checked.
//! Where to start reading: [`PhaseDraft`], then [`assemble`].

use super::document::Place;
use super::shape::Located;
use super::words::{Egress, OnceKey};
use super::{Lane, LaneIx, Phase, PhaseIx, Readiness, Step, StepIx, Variable, Work};
use crate::code::Code;
use crate::target::Target;
use crate::time::Millis;
use crate::vocabulary::Layer;

/// A phase under construction.
#[derive(Clone, Debug)]
pub(super) struct PhaseDraft {
    pub name: String,
    /// Where it is declared; none for a default phase.
    pub at: Option<Place>,
    pub deadline: Option<Millis>,
    pub steps: Vec<StepDraft>,
}

/// A step under construction.
#[derive(Clone, Debug)]
pub(super) struct StepDraft {
    pub name: String,
    /// Where it is declared; none for one that nobody wrote.
    pub at: Option<Place>,
    pub needs: Vec<Need>,
    pub critical: bool,
    pub deadline: Option<Millis>,
    pub tries: Option<u16>,
    pub propagation: Millis,
    pub retry_after_ready: bool,
    pub finalizer: Option<(Vec<String>, Millis)>,
    pub work: Work,
    pub lanes: Vec<LaneDraft>,
    pub unresolved: Vec<Unresolved>,
    /// Whether it asks the child.
    pub asks_child: bool,
    /// What needs the whole plan and is done last.
    pub pending: Option<Pending>,
}

/// What a step still waits for while the plan is put together.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// Its witnesses.
    Egress(Located<Egress>),
    /// The database that keeps its lease.
    Once(Located<OnceKey>),
}

/// A step that another needs, by its name.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub name: String,
    /// Where it is written; none where nobody wrote it.
    pub at: Option<Place>,
}

/// A lane under construction.
#[derive(Clone, Debug)]
pub(super) struct LaneDraft {
    pub name: String,
    pub target: Target,
    pub layers: Vec<Layer>,
    pub witness: bool,
}

/// A value that the plan needs and the environment does not have, or has malformed. The step fails
/// with it when its turn comes; `check` says it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The step.
    pub step: String,
    /// The variable, with what its value must look like.
    pub variable: Variable,
    /// What is wrong.
    pub code: Code,
    /// The same for people, without any part of the value.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl StepDraft {
    /// A critical step with work and nothing else.
    pub fn new(name: impl Into<String>, work: Work) -> StepDraft {
        StepDraft {
            name: name.into(),
            at: None,
            needs: Vec::new(),
            critical: true,
            deadline: None,
            tries: None,
            propagation: Millis::ZERO,
            retry_after_ready: false,
            finalizer: None,
            work,
            lanes: Vec::new(),
            unresolved: Vec::new(),
            asks_child: false,
            pending: None,
        }
    }

    /// A critical step that asks one target.
    pub fn probe(name: impl Into<String>, target: Target, deepest: Layer) -> StepDraft {
        let name = name.into();
        let layers = target.layers(deepest);
        let lanes = vec![LaneDraft { name: name.clone(), target, layers, witness: false }];
        StepDraft { lanes, ..StepDraft::new(name, Work::Probe) }
    }
}

impl PhaseDraft {
    /// A phase that nobody wrote.
    pub fn new(name: &str, steps: Vec<StepDraft>) -> PhaseDraft {
        PhaseDraft { name: name.to_owned(), at: None, deadline: None, steps }
    }
}

/// Phases, steps and lanes with their indices. `needs` that name nothing are left out: they have
/// been reported.
pub(super) fn assemble(drafts: Vec<PhaseDraft>) -> (Vec<Phase>, Vec<Step>, Vec<Lane>) {
    let names: Vec<String> = drafts.iter().flat_map(|phase| &phase.steps).map(|step| step.name.clone()).collect();
    let (mut phases, mut steps, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for (index, draft) in drafts.into_iter().enumerate() {
        let first = steps.len() as u16;
        for step in draft.steps {
            let ix = StepIx(steps.len() as u16);
            let from = LaneIx(lanes.len() as u16);
            let (work, own) = settled(step.work, step.lanes, step.unresolved);
            lanes.extend(own.into_iter().map(|lane| Lane {
                step: ix,
                name: lane.name,
                target: lane.target,
                layers: lane.layers,
                witness: lane.witness,
            }));
            let needs = step.needs.iter().filter_map(|need| names.iter().position(|name| *name == need.name));
            steps.push(Step {
                name: step.name,
                phase: PhaseIx(index as u16),
                needs: needs.map(|ix| StepIx(ix as u16)).collect(),
                critical: step.critical,
                deadline: step.deadline,
                tries: step.tries.unwrap_or(if matches!(work, Work::Exec(_)) { 1 } else { 0 }),
                work,
                propagation: step.propagation,
                retry_after_ready: step.retry_after_ready,
                finalizer: step.finalizer,
                lanes: from.0..lanes.len() as u16,
            });
        }
        let range = first..steps.len() as u16;
        phases.push(Phase { name: draft.name, steps: range, deadline: draft.deadline, p95: None });
    }
    (phases, steps, lanes)
}

/// A step whose addresses are not there checks those variables instead, and fails with them.
fn settled(work: Work, lanes: Vec<LaneDraft>, unresolved: Vec<Unresolved>) -> (Work, Vec<LaneDraft>) {
    if unresolved.is_empty() || matches!(work, Work::Environment(_)) {
        return (work, lanes);
    }
    let mut variables: Vec<Variable> = Vec::new();
    for one in unresolved {
        if variables.iter().all(|known| known.name != one.variable.name) {
            variables.push(one.variable);
        }
    }
    (Work::Environment(variables), Vec::new())
}

/// Readiness that is seen through lanes.
pub(super) const SEEN: Work = Work::Ready(Readiness::Lanes);
