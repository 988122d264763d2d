//! A plan as its reader will hand it over.

use std::time::Duration;
use tminus_check::{Input, Located, Origin, PhaseFacts, PlanFacts, PoolFacts, Source, Span, StepFacts};

/// The value, said to stand where `word` stands in the plan's text.
pub fn at<T>(plan: &PlanFacts, word: &str, value: T) -> Located<T> {
    let start = plan.source.text.find(word).expect("the word stands in the plan");
    Located::set(value, Origin { input: Input::Plan, span: Span::new(start, start + word.len()) })
}

/// A plan of one text, about the service `api`.
pub fn plan(text: &str) -> PlanFacts {
    let mut plan = PlanFacts { source: Source::new("tminus.toml", text), ..PlanFacts::default() };
    if text.contains("api") {
        plan.service = Some(at(&plan, "api", "api".to_owned()));
    }
    plan
}

/// Adds a phase with a deadline of so many seconds.
pub fn phase(plan: &mut PlanFacts, name: &str, deadline: u64, steps: Vec<StepFacts>) {
    let name = at(plan, name, name.to_owned());
    let deadline = Some(Located::set(Duration::from_secs(deadline), name.at));
    plan.phases.push(PhaseFacts { name, deadline, steps });
}

/// A step of which nothing but its name is known.
pub fn step(plan: &PlanFacts, name: &str) -> StepFacts {
    StepFacts {
        name: at(plan, name, name.to_owned()),
        needs: Vec::new(),
        deadline: None,
        connect_timeout: None,
        target: None,
        exec: Vec::new(),
        pool: None,
    }
}

/// A pool of a step.
pub fn pool(plan: &PlanFacts, word: &str, size: u64, overflow: u64) -> PoolFacts {
    PoolFacts {
        size: at(plan, word, size),
        overflow: Some(at(plan, word, overflow)),
        workers: None,
        acquire_timeout: None,
    }
}
