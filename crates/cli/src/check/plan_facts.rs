//! What the plan says, in the terms of `check`'s rules.

use crate::plan_file::PlanFile;
use std::time::Duration;
use tminus_check::{
    EffectiveValue, Input, Located, Origin, PhaseFacts, PlanFacts, PoolFacts, Readiness, Source, Span, StepFacts,
};
use tminus_core::plan::read::Loaded;
use tminus_core::plan::{self, Kind, Plan, Work};
use tminus_core::target::Target;
use tminus_core::time::Millis;

/// Where the table of a step begins: the line that names it.
pub(super) fn step_span(text: &str, name: &str) -> Option<Span> {
    line_of(text, |line| {
        line.split_once('=')
            .is_some_and(|(key, value)| key.trim() == "name" && value.trim().trim_matches(['"', '\'']) == name)
    })
}

fn line_of(text: &str, wanted: impl Fn(&str) -> bool) -> Option<Span> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if wanted(line.trim_end()) {
            return Some(Span::new(at, at + line.trim_end().len()));
        }
        at += line.len();
    }
    None
}

fn at(text: &str, name: &str) -> Origin {
    Origin { input: Input::Plan, span: step_span(text, name).unwrap_or_default() }
}

/// Where a key stands for the first time.
fn key(text: &str, key: &str) -> Origin {
    let span = line_of(text, |line| line.split_once('=').is_some_and(|(found, _)| found.trim() == key));
    Origin { input: Input::Plan, span: span.unwrap_or_default() }
}

fn time(value: Millis, at: Origin) -> Located<Duration> {
    Located::set(value.duration(), at)
}

/// The facts of a plan that was read.
pub(super) fn facts(file: &PlanFile, loaded: &Loaded) -> PlanFacts {
    let (plan, text) = (&loaded.plan, file.text.as_str());
    let window = plan.budget.window.map(|window| Located {
        known: match plan.budget.assumed {
            true => tminus_check::Known::Assumed("the platform's default"),
            false => tminus_check::Known::Set,
        },
        ..time(window, key(text, "window"))
    });
    PlanFacts {
        source: Source::new(file.name.clone(), file.text.clone()),
        mistakes: Vec::new(),
        service: Some(Located::set(plan.service.clone(), key(text, "name"))),
        job: plan.kind == Kind::Job,
        environment: plan.environment.clone().map(|name| Located::set(name, key(text, "environment"))),
        profiles: Vec::new(),
        window,
        stop_grace: plan.stop.kill_after.map(|grace| time(grace, key(text, "kill_after"))),
        phases: plan.phases.iter().map(|phase| phase_facts(plan, phase, loaded, text)).collect(),
        child: Vec::new(),
        readiness: readiness(plan, text),
        finalizers: plan
            .steps
            .iter()
            .filter_map(|step| {
                let (argv, limit) = step.finalizer.as_ref()?;
                Some((Located::set(argv.join(" "), at(text, &step.name)), Some(limit.duration())))
            })
            .collect(),
        worker_memory_mib: None,
    }
}

fn phase_facts(plan: &Plan, phase: &plan::Phase, loaded: &Loaded, text: &str) -> PhaseFacts {
    let place = at(text, &phase.name);
    PhaseFacts {
        name: Located::set(phase.name.clone(), place),
        deadline: phase.deadline.map(|deadline| time(deadline, place)),
        steps: phase.steps.clone().map(|ix| step_facts(plan, &plan.steps[ix as usize], loaded, text)).collect(),
    }
}

fn step_facts(plan: &Plan, step: &plan::Step, loaded: &Loaded, text: &str) -> StepFacts {
    let place = at(text, &step.name);
    let needs = step.needs.iter().map(|need| plan.step(*need)).filter(|need| need.phase == step.phase);
    let pool = loaded.pools.iter().find(|pool| pool.step == step.name);
    let number = |value: u32| Located::set(u64::from(value), place);
    StepFacts {
        name: Located::set(step.name.clone(), place),
        needs: needs.map(|need| need.name.clone()).collect(),
        deadline: step.deadline.map(|deadline| time(deadline, place)),
        connect_timeout: None,
        target: step.lanes.clone().next().map(|ix| Located::set(plan.lanes[ix as usize].target.display(), place)),
        exec: match &step.work {
            Work::Exec(exec) => exec.argv.iter().map(|word| Located::set(word.clone(), place)).collect(),
            _ => Vec::new(),
        },
        pool: pool.map(|pool| PoolFacts {
            size: number(pool.size),
            overflow: Some(number(pool.overflow)),
            workers: Some(number(pool.workers)),
            acquire_timeout: None,
        }),
    }
}

fn readiness(plan: &Plan, text: &str) -> Option<Located<Readiness>> {
    plan.steps.iter().find_map(|step| {
        let Work::Ready(how) = &step.work else { return None };
        let how = match how {
            plan::Readiness::Notify => Readiness::Notify,
            plan::Readiness::Log(_) => Readiness::Log,
            plan::Readiness::Lanes => match &plan.lanes[step.lanes.clone().next()? as usize].target {
                Target::Http(http) => Readiness::Http(http.path.clone()),
                _ => Readiness::Tcp,
            },
        };
        Some(Located::set(how, at(text, &step.name)))
    })
}

/// Every effective value of the plan with its origin.
pub(super) fn values(loaded: &Loaded) -> Vec<EffectiveValue> {
    let value = |value: &tminus_core::plan::read::Value| EffectiveValue {
        of: "plan".to_owned(),
        name: value.key.clone(),
        value: value.text.clone(),
        known: "set",
        origin: value.origin.to_string(),
    };
    loaded.values.iter().map(value).collect()
}
