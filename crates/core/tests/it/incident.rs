//! The founding incident's plan, and one test for each of its weaknesses that a plan can have.

use crate::reading::{bad, good, listed, read_with, step, value};
use crate::schema::{generated, strings_of};
use tminus_core::plan::read::{Overrides, PlanCode, Setting};
use tminus_core::plan::{Platform, Work};
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;

/// Seven phases, and the seconds that each environment had at the end.
const PLAN: &str = r#"
version = 1
environments = ["preview-*: staging"]
[service]
name = "orders"
environment = "${ENVIRONMENT}"
[budget]
platform = "cloud-run"

[profile.development]
init.deadline = "30s"
database = { deadline = "20s", tables.deadline = "15s" }
cache.deadline = "10s"
[profile.test]
init.deadline = "20s"
database = { deadline = "15s", tables.deadline = "10s" }
cache.deadline = "5s"
[profile.staging]
init.deadline = "95s"
database = { deadline = "75s", tables.deadline = "35s" }
cache.deadline = "30s"
[profile.production]
init.deadline = "90s"
database = { deadline = "60s", tables.deadline = "45s" }
cache.deadline = "30s"

[[phase]]
name = "init"
[[phase.step]]
name = "environment"
env = ["SECRET_KEY"]
[[phase.step]]
name = "migrations"
exec = ["alembic", "upgrade", "head"]
once = "migrations"
critical = false

[[phase]]
name = "dependencies"
[[phase.step]]
name = "egress"
egress = true

[[phase]]
name = "database"
[[phase.step]]
name = "orders-db"
probe = "${DATABASE_URL}"
pool = { size = 10, overflow = 25, workers = 5 }
[[phase.step]]
name = "tables"
probe = "${DATABASE_URL}"
tables = ["orders"]

[[phase]]
name = "cache"
[[phase.step]]
name = "redis"
probe = "${REDIS_URL}"
critical = false

[[phase]]
name = "services"
[[phase.step]]
name = "child"
spawn = true

[[phase]]
name = "websocket"
[[phase.step]]
name = "events"
websocket = "ws://127.0.0.1:8080/ws"

[[phase]]
name = "finalize"
[[phase.step]]
name = "ready"
ready = "notify"
"#;

const VARIABLES: [(&str, &str); 4] = [
    ("ENVIRONMENT", "staging"),
    ("DATABASE_URL", "postgres://u:p@/orders?host=/cloudsql/lumen:us-central1:shared-postgres"),
    ("REDIS_URL", "redis://10.0.0.3"),
    ("SECRET_KEY", "k"),
];

fn with(environment: &str) -> Vec<(&'static str, String)> {
    let own = VARIABLES.iter().map(|(name, value)| (*name, (*value).to_owned())).skip(1);
    [("ENVIRONMENT", environment.to_owned())].into_iter().chain(own).collect()
}

fn pairs<'v>(variables: &'v [(&'static str, String)]) -> Vec<(&'static str, &'v str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn every_environment_has_its_own_seconds_and_says_where_they_stand() {
    for (environment, init, database, tables) in
        [("development", 30, 20, 15), ("test", 20, 15, 10), ("staging", 95, 75, 35), ("production", 90, 60, 45)]
    {
        let loaded = good(PLAN, &pairs(&with(environment)));
        let plan = &loaded.plan;
        assert_eq!(plan.environment.as_deref(), Some(environment));
        assert_eq!(plan.phases[0].deadline, Some(Millis::secs(init)));
        assert_eq!(plan.phases[2].deadline, Some(Millis::secs(database)));
        assert_eq!(step(plan, "tables").deadline, Some(Millis::secs(tables)));
        let (text, origin) = value(&loaded, "phase.database.deadline");
        assert_eq!(text, Millis::secs(database).to_string());
        assert!(origin.starts_with(&format!("profile {environment} at tminus.toml:")), "{origin}");
    }
}

#[test]
fn an_unknown_environment_is_an_error_and_never_development() {
    for environment in ["", "prod", "Development", "local"] {
        let errors = bad(PLAN, &pairs(&with(environment)));
        let code = if environment.is_empty() { PlanCode::EnvironmentMissing } else { PlanCode::UnknownEnvironment };
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [code], "{}", listed(&errors));
    }
    let without: Vec<(&str, &str)> = VARIABLES[1..].to_vec();
    assert_eq!(bad(PLAN, &without)[0].code, PlanCode::EnvironmentMissing);
}

#[test]
fn a_preview_is_staging_because_the_plan_says_so() {
    let loaded = good(PLAN, &pairs(&with("preview-42")));
    assert_eq!(loaded.plan.environment.as_deref(), Some("staging"));
    assert_eq!(loaded.plan.phases[2].deadline, Some(Millis::secs(75)));
    assert_eq!(value(&loaded, "service.environment").0, "preview-42");
    let mut flags = Overrides::default();
    flags.flag(Setting::Environment, "--environment", "test");
    let loaded = read_with(PLAN, &VARIABLES, &[], flags).expect("a plan");
    assert_eq!(loaded.plan.environment.as_deref(), Some("test"));
    assert_eq!(value(&loaded, "service.environment"), ("test".to_owned(), "--environment".to_owned()));
}

#[test]
fn a_timer_that_cannot_fire_is_named_with_the_one_that_does() {
    let text = PLAN.replace("tables.deadline = \"35s\"", "tables.deadline = \"80s\"");
    let warnings = good(&text, &VARIABLES).warnings;
    let told = listed(&warnings);
    assert_eq!(warnings.len(), 1, "{told}");
    assert_eq!(warnings[0].code, PlanCode::TimerNeverFires);
    assert!(told.contains("step `tables` may take 80 s, and phase `database` ends it after 75 s"), "{told}");
}

#[test]
fn deadlines_are_weighed_against_what_can_be_used_of_the_window() {
    assert_eq!(good(PLAN, &VARIABLES).warnings, []);
    let text = PLAN.replace("init.deadline = \"95s\"", "init.deadline = \"150s\"");
    let warnings = good(&text, &VARIABLES).warnings;
    let told = listed(&warnings);
    assert_eq!(warnings[0].code, PlanCode::DeadlinesExceedWindow, "{told}");
    let sum =
        "the phases may take 255 s together, and 227 s can be used: window 240 s, assumed - grace 10 s - reserve 3.0 s";
    assert!(told.contains(sum), "{told}");
    assert_eq!(good(PLAN, &VARIABLES).plan.budget.platform, Platform::CloudRun);
}

#[test]
fn optional_migrations_are_bounded_and_tried_once() {
    let text = PLAN.replace("init.deadline = \"95s\"\n", "");
    let loaded = good(&text, &VARIABLES);
    let migrations = step(&loaded.plan, "migrations");
    assert!(!migrations.critical);
    assert_eq!((migrations.tries, migrations.deadline), (1, Some(Millis::secs(30))));
    assert_eq!(value(&loaded, "step.migrations.deadline").1, "default");
    assert!(
        matches!(&migrations.work, Work::Exec(exec) if exec.once.as_ref().is_some_and(|once| once.lease == "migrations"))
    );
}

#[test]
fn a_table_check_opens_the_connection_that_its_deadline_bounds() {
    let loaded = good(PLAN, &VARIABLES);
    let tables = step(&loaded.plan, "tables");
    let lane = &loaded.plan.lanes[tables.lanes.start as usize];
    assert_eq!((lane.layers.first(), lane.layers.last()), (Some(&Layer::Socket), Some(&Layer::Schema)));
}

#[test]
fn pools_are_facts_of_the_plan() {
    let pools = good(PLAN, &VARIABLES).pools;
    let pool = &pools[0];
    assert_eq!((pool.step.as_str(), (pool.size + pool.overflow) * pool.workers), ("orders-db", 175));
}

#[test]
fn a_bound_port_is_readiness_only_where_the_plan_says_so() {
    let ready = |text: &str| {
        let plan = good(text, &[]).plan;
        plan.steps.iter().filter(|step| matches!(step.work, Work::Ready(_))).count()
    };
    assert_eq!(ready("version = 1\n"), 0);
    assert_eq!(ready("version = 1\n[service]\nready = { tcp = \"127.0.0.1:8080\" }\n"), 1);
}

#[test]
fn there_is_no_bypass() {
    for key in strings_of(&generated()) {
        for word in ["skip", "bypass", "force", "emergency", "ignore", "disable"] {
            assert!(!key.contains(word), "`{key}` reads like a bypass");
        }
    }
}
