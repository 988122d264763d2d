//! Reading a plan in a test.

use std::collections::BTreeMap;
use tminus_core::plan::read::{Inputs, Loaded, Overrides, PlanError, read};
use tminus_core::plan::{Plan, Step};
use tminus_core::target::Environment;

/// An environment of these variables.
pub fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Reads with these variables, other files and overrides.
pub fn read_with(
    text: &str,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
    flags: Overrides,
) -> Result<Loaded, Vec<PlanError>> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let env = environment(variables);
    let hand_over = |path: &str| files.get(path).map(|text| (*text).to_owned());
    read(text, &Inputs { files: &hand_over, name: "tminus.toml", env: &env, flags })
}

/// A plan that has to be good.
#[track_caller]
pub fn good(text: &str, variables: &[(&str, &str)]) -> Loaded {
    read_with(text, variables, &[], Overrides::default()).unwrap_or_else(|errors| panic!("{}", listed(&errors)))
}

/// The mistakes of a plan that has to have some.
#[track_caller]
pub fn bad(text: &str, variables: &[(&str, &str)]) -> Vec<PlanError> {
    match read_with(text, variables, &[], Overrides::default()) {
        Ok(loaded) => panic!("no mistake was found: {:#?}", loaded.plan),
        Err(errors) => errors,
    }
}

/// Mistakes as text, one per line.
pub fn listed(errors: &[PlanError]) -> String {
    errors.iter().map(|error| format!("{}: {error}\n", error.code)).collect()
}

/// The step of that name.
#[track_caller]
pub fn step<'p>(plan: &'p Plan, name: &str) -> &'p Step {
    plan.steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no step {name}"))
}

/// Text and origin of an effective value.
#[track_caller]
pub fn value(loaded: &Loaded, key: &str) -> (String, String) {
    let value = loaded.values.iter().find(|value| value.key == key).unwrap_or_else(|| panic!("no value {key}"));
    (value.text.clone(), value.origin.to_string())
}
