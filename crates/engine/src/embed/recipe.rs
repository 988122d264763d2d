//! From declarations to a plan; every mistake is collected and told at once.

use std::time::Duration;
use tminus_core::plan::{Exec, Format, Lane, Phase, PhaseIx, Plan, Step, StepIx, Variable, Work};
use tminus_core::target::{Environment, Target};
use tminus_core::time::Millis;

/// How long a step's undoing may take when only a command needs undoing.
const UNDO: Millis = Millis::secs(5);

/// A plan in the making.
pub(super) struct Recipe {
    plan: Plan,
    /// Targets of probes as they were written, by step.
    targets: Vec<(usize, String)>,
    wrong: Vec<String>,
}

pub(super) fn millis(time: Duration) -> Millis {
    Millis(u32::try_from(time.as_millis()).unwrap_or(u32::MAX))
}

impl Recipe {
    pub(super) fn new(service: String) -> Recipe {
        let mut plan = Plan::observing(service);
        plan.phases.clear();
        plan.steps.clear();
        plan.implied = false;
        Recipe { plan, targets: Vec::new(), wrong: Vec::new() }
    }

    pub(super) fn budget(&mut self, window: Duration, grace: Duration) {
        self.plan.budget.window = Some(millis(window));
        self.plan.budget.grace = Some(millis(grace));
        self.plan.budget.assumed = false;
    }

    pub(super) fn phase(&mut self, name: String, deadline: Duration) {
        if self.plan.phases.iter().any(|phase| phase.name == name) {
            self.wrong.push(format!("phase `{name}` is declared twice"));
        }
        let at = self.plan.steps.len() as u16;
        self.plan.phases.push(Phase { name, steps: at..at, deadline: Some(millis(deadline)), p95: None });
    }

    fn step(&mut self, name: String, work: Work, tries: u16) {
        if self.plan.steps.iter().any(|step| step.name == name) {
            self.wrong.push(format!("step `{name}` is declared twice"));
        }
        let Some(phase) = self.plan.phases.last_mut() else {
            self.wrong.push(format!("step `{name}` stands before any phase"));
            return;
        };
        phase.steps.end += 1;
        let phase = PhaseIx(self.plan.phases.len() as u16 - 1);
        self.plan.steps.push(Step {
            name,
            phase,
            needs: Vec::new(),
            critical: true,
            deadline: None,
            work,
            tries,
            propagation: Millis::ZERO,
            retry_after_ready: false,
            finalizer: None,
            lanes: 0..0,
        });
    }

    pub(super) fn hosted(&mut self, name: String) {
        self.step(name, Work::Hosted, 0);
    }

    pub(super) fn exec(&mut self, name: String, argv: Vec<String>) {
        if argv.is_empty() {
            self.wrong.push(format!("step `{name}` has no command"));
        }
        self.step(name, Work::Exec(Exec { argv, once: None }), 1);
    }

    pub(super) fn require(&mut self, name: String, variables: Vec<String>) {
        let variable = |name: String| Variable { name, format: Format::Text, secret: false, may_be_empty: false };
        self.step(name, Work::Environment(variables.into_iter().map(variable).collect()), 1);
    }

    pub(super) fn probe(&mut self, name: String, target: String) {
        self.step(name, Work::Probe, 0);
        self.targets.push((self.plan.steps.len().saturating_sub(1), target));
    }

    /// Changes the last step.
    pub(super) fn last(&mut self, change: impl FnOnce(&mut Step)) {
        match self.plan.steps.last_mut() {
            Some(step) => change(step),
            None => self.wrong.push("there is no step yet that this could be about".to_owned()),
        }
    }

    pub(super) fn needs(&mut self, name: String) {
        match self.plan.steps.iter().position(|step| step.name == name) {
            Some(ix) if ix + 1 < self.plan.steps.len() => self.last(|step| step.needs.push(StepIx(ix as u16))),
            _ => self.wrong.push(format!("no earlier step is called `{name}`")),
        }
    }

    /// The last step has an undoing; its name.
    pub(super) fn undo(&mut self, limit: Duration) -> Option<String> {
        let limit = if limit.is_zero() { UNDO } else { millis(limit) };
        self.last(|step| step.finalizer = Some((Vec::new(), limit)));
        self.plan.steps.last().map(|step| step.name.clone())
    }

    pub(super) fn finish(mut self, environment: &Environment) -> Result<Plan, Vec<String>> {
        for (ix, written) in std::mem::take(&mut self.targets) {
            match target(&written, environment) {
                Ok(target) => self.lane(ix, target),
                Err(what) => self.wrong.push(format!("step `{}`: {what}", self.plan.steps[ix].name)),
            }
        }
        // Lanes were added step by step: ranges of steps without lanes stay empty where they are.
        if self.wrong.is_empty() { Ok(self.plan) } else { Err(self.wrong) }
    }

    fn lane(&mut self, ix: usize, target: Target) {
        let at = self.plan.lanes.len() as u16;
        let layers = target.layers(target.deepest());
        let step = &mut self.plan.steps[ix];
        step.lanes = at..at + 1;
        self.plan.lanes.push(Lane { step: StepIx(ix as u16), name: step.name.clone(), target, layers, witness: false });
    }
}

/// `${NAME}` as a whole, or a URL.
fn target(written: &str, environment: &Environment) -> Result<Target, String> {
    let name = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let value = match name {
        Some(name) => environment.get(name).ok_or_else(|| format!("{name} is not set"))?,
        None => written,
    };
    Target::parse(value, environment).map_err(|bad| match name {
        Some(name) => format!("{name}: {bad}"),
        None => bad.to_string(),
    })
}
