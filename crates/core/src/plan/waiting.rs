//! The plan of `run --wait` without a file: what was discovered becomes a gate.

use super::defaults::{gate_depth, phase_of};
use super::draft::{PhaseDraft, StepDraft, assemble};
use super::{Budget, DEFAULT_PHASES, Plan, Work};
use crate::target::Target;

impl Plan {
    /// A plan that waits for these dependencies and then starts the child. Nobody wrote it: exit
    /// codes pass untouched.
    pub fn waiting(service: impl Into<String>, discovered: &[(String, Target)], budget: Budget) -> Plan {
        let mut phases: Vec<PhaseDraft> = DEFAULT_PHASES[1..4]
            .iter()
            .map(|phase| {
                let own = discovered.iter().filter(|(_, target)| phase_of(target) == *phase);
                let step = |(name, target): &(String, Target)| {
                    StepDraft::probe(name.clone(), target.clone(), gate_depth(target))
                };
                PhaseDraft::new(phase, own.map(step).collect())
            })
            .filter(|phase| !phase.steps.is_empty())
            .collect();
        phases.push(PhaseDraft::new("services", vec![StepDraft::new("child", Work::Spawn)]));
        let (phases, steps, lanes) = assemble(phases);
        Plan { budget, phases, steps, lanes, ..Plan::observing(service) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Environment;
    use crate::vocabulary::Layer;

    #[test]
    fn discovered_dependencies_are_gates_before_the_child() {
        let target = |value: &str| Target::parse(value, &Environment::new()).unwrap();
        let found = [
            ("api".to_owned(), target("https://api.example/v1")),
            ("redis".to_owned(), target("redis://cache:6379/0")),
            ("database".to_owned(), target("postgres://u:p@db/orders")),
        ];
        let budget = Plan::observing("x").budget;
        let plan = Plan::waiting("orders", &found, budget);
        let names: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(names, ["dependencies", "database", "cache", "services"]);
        assert!(plan.implied && plan.steps.iter().all(|step| step.critical));
        assert_eq!(plan.lanes.len(), 3);
        assert_eq!(plan.lanes[0].layers, [Layer::Dns, Layer::Tcp, Layer::Tls, Layer::Protocol]);
        assert_eq!(plan.lanes[1].layers.last(), Some(&Layer::Query));
        assert_eq!(plan.steps.last().map(|step| &step.work), Some(&Work::Spawn));
        for (index, phase) in plan.phases.iter().enumerate() {
            for step in phase.steps.clone() {
                assert_eq!(plan.steps[step as usize].phase.0 as usize, index);
            }
        }
    }

    #[test]
    fn nothing_discovered_is_the_child_alone() {
        let plan = Plan::waiting("orders", &[], Plan::observing("x").budget);
        assert_eq!((plan.phases.len(), plan.steps.len(), plan.lanes.len()), (1, 1, 0));
    }
}
