//! Plans made in code, for scenarios and tests: what `tminus.toml` says, without the file.
//!
//! It checks nothing: whoever writes a recipe names only steps that exist.

use tminus_core::plan::{Kind, Lane, LaneIx, Phase, PhaseIx, Plan, Step, StepIx, Work};
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;

/// A plan in the making. Phases, steps and lanes belong to what was added last.
#[derive(Clone, Debug)]
pub struct Recipe {
    plan: Plan,
    step: Step,
    phase: Phase,
}

impl Recipe {
    /// A plan of a service, without phases, without a window; its child is killed 5 s after TERM.
    pub fn new(service: &str) -> Recipe {
        let mut plan = Plan::observing(service);
        plan.implied = false;
        plan.stop.kill_after = Some(Millis::secs(5));
        let step = Step { critical: true, tries: 0, ..plan.steps[0].clone() };
        let phase = plan.phases[0].clone();
        plan.steps.clear();
        plan.phases.clear();
        Recipe { plan, step, phase }
    }

    /// Its child ends by itself.
    pub fn job(mut self) -> Recipe {
        self.plan.kind = Kind::Job;
        self
    }

    /// The platform gives up after this time; nothing of it is kept back for a grace.
    pub fn window(mut self, window: Millis) -> Recipe {
        self.plan.budget.window = Some(window);
        self.plan.budget.assumed = false;
        self
    }

    /// Changes anything else of the plan.
    pub fn with(mut self, change: impl FnOnce(&mut Plan)) -> Recipe {
        change(&mut self.plan);
        self
    }

    /// Adds a phase.
    pub fn phase(mut self, name: &str, deadline: Option<Millis>) -> Recipe {
        let at = self.plan.steps.len() as u16;
        self.plan.phases.push(Phase { name: name.to_owned(), steps: at..at, deadline, ..self.phase.clone() });
        self
    }

    /// Adds a step to the last phase: critical, tried as often as its time allows.
    pub fn step(mut self, name: &str, work: Work) -> Recipe {
        let lane = self.plan.lanes.len() as u16;
        let phase = PhaseIx(self.plan.phases.len() as u16 - 1);
        self.plan.steps.push(Step { name: name.to_owned(), phase, work, lanes: lane..lane, ..self.step.clone() });
        let end = self.plan.steps.len() as u16;
        self.plan.phases[phase.0 as usize].steps.end = end;
        self
    }

    /// Adds a lane to the last step, as deep as its target goes by itself.
    pub fn lane(self, target: Target) -> Recipe {
        let layers = target.layers(target.deepest());
        self.way(target, layers, false)
    }

    /// Adds a lane with these layers to the last step.
    pub fn way(mut self, target: Target, layers: Vec<Layer>, witness: bool) -> Recipe {
        let step = StepIx(self.plan.steps.len() as u16 - 1);
        let name = target.to_string();
        self.plan.lanes.push(Lane { step, name, target, layers, witness });
        self.plan.steps[step.0 as usize].lanes.end = self.plan.lanes.len() as u16;
        self
    }

    /// Changes the last step.
    pub fn so(mut self, change: impl FnOnce(&mut Step)) -> Recipe {
        if let Some(step) = self.plan.steps.last_mut() {
            change(step);
        }
        self
    }

    /// The last step has this much time.
    pub fn deadline(self, deadline: Millis) -> Recipe {
        self.so(|step| step.deadline = Some(deadline))
    }

    /// The last step may fail.
    pub fn optional(self) -> Recipe {
        self.so(|step| step.critical = false)
    }

    /// The last step begins after these.
    pub fn needs(mut self, names: &[&str]) -> Recipe {
        let needs = names.iter().filter_map(|name| self.index(name)).collect();
        if let Some(step) = self.plan.steps.last_mut() {
            step.needs = needs;
        }
        self
    }

    fn index(&self, name: &str) -> Option<StepIx> {
        self.plan.steps.iter().position(|step| step.name == name).map(|at| StepIx(at as u16))
    }

    /// The plan.
    pub fn plan(self) -> Plan {
        self.plan
    }
}

impl Recipe {
    /// The index of a lane by the name of its step, the first one of several.
    pub fn lane_of(plan: &Plan, step: &str) -> Option<LaneIx> {
        plan.lanes.iter().position(|lane| plan.step(lane.step).name == step).map(|at| LaneIx(at as u16))
    }
}
