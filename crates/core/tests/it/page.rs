//! docs/plan.md: its example is a plan, and no key is without a word.

use crate::reading::{good, step, value};
use crate::schema::{generated, repository, strings_of};
use tminus_core::code::Code;
use tminus_core::plan::{Readiness, Work};
use tminus_core::time::Millis;

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/plan.md")).expect("the page of the plan")
}

/// The complete example of the page.
pub fn example() -> String {
    let page = page();
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    rest.split_once("```").expect("its end").0.to_owned()
}

pub const VARIABLES: &[(&str, &str)] = &[
    ("ENVIRONMENT", "staging"),
    ("DATABASE_URL", "postgres://orders:s3cret@db.internal/orders"),
    ("REDIS_URL", "redis://cache.internal:6379/0"),
    ("SECRET_KEY", "k"),
    ("PORT", "8080"),
    ("FEATURES", ""),
    ("PROBE_TOKEN", "t0ken"),
    ("K_REVISION", "orders-00042"),
];

#[test]
fn the_example_is_a_plan_without_warnings() {
    let loaded = good(&example(), VARIABLES);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.unresolved, []);
    let plan = &loaded.plan;
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(phases, ["init", "database", "cache", "services", "websocket", "finalize"]);
    assert_eq!(plan.phases[1].deadline, Some(Millis::secs(75)));
    assert_eq!(value(&loaded, "phase.database.deadline").1, "profile staging at tminus.toml:16");
    assert_eq!(step(plan, "orders-db").tries, 500);
    assert!(!step(plan, "redis").critical);
    assert_eq!(step(plan, "ready").work, Work::Ready(Readiness::Lanes));
    assert_eq!(plan.budget.usable(), Some(Millis::secs(227)));
    assert_eq!((loaded.pools.len(), loaded.pools[0].overflow), (1, 10));
    let told = format!("{:?} {:?}", loaded.values, plan);
    assert!(!told.contains("s3cret") && !told.contains("t0ken"), "a secret is shown");
}

#[test]
fn the_example_without_an_environment_fails_its_steps_and_not_the_plan() {
    let loaded = good(&example(), &[("ENVIRONMENT", "staging"), ("K_REVISION", "1")]);
    let database = step(&loaded.plan, "orders-db");
    assert!(matches!(&database.work, Work::Environment(names) if names[0].name == "DATABASE_URL"));
    assert!(database.lanes.is_empty());
    let missing = |name: &str| loaded.unresolved.iter().any(|one| one.step == name && one.code == Code::ValueMissing);
    for name in ["environment", "orders-db", "migrations", "schema", "redis", "golden-path"] {
        assert!(missing(name), "{name}: {:?}", loaded.unresolved);
    }
}

#[test]
fn every_key_of_the_schema_is_explained() {
    let page = page();
    let told = |key: &str| {
        [format!("`{key}`"), format!(".{key}`"), format!("`{key}."), format!("[{key}."), format!("## {key}\n")]
    };
    for key in strings_of(&generated()) {
        assert!(told(&key).iter().any(|form| page.contains(form.as_str())), "docs/plan.md says nothing of `{key}`");
    }
}
