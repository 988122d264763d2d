//! The usual plan: seven phases, eight steps, seven lanes.

use std::collections::BTreeMap;
use tminus_core::plan::{Exec, Plan, Readiness, Work};
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;
use tminus_sim::recipe::Recipe;
use tminus_sim::world::{Over, Way, World};

fn target(value: &str) -> Target {
    Target::parse(value, &BTreeMap::new()).expect("an address")
}

/// The plan of a service with a database, a cache and an endpoint.
pub fn plan() -> Plan {
    let near = vec![Layer::Dns, Layer::Tcp];
    Recipe::new("orders")
        .window(Millis::secs(240))
        .phase("init", Some(Millis::secs(120)))
        .step("environment", Work::Environment(Vec::new()))
        .step("egress", Work::Egress)
        .way(target("tcp://db.internal:5432"), near.clone(), true)
        .way(target("tcp://cache.internal:6379"), near.clone(), true)
        .way(target("tcp://metadata.internal:80"), near, true)
        .phase("dependencies", None)
        .phase("database", Some(Millis::secs(75)))
        .step("orders-db", Work::Probe)
        .lane(target("postgres://orders:secret@db.internal/orders?sslmode=disable"))
        .step("migrations", Work::Exec(Exec { argv: vec!["migrate".into()], once: None }))
        .needs(&["orders-db"])
        .so(|step| step.finalizer = Some((vec!["clean-up".into()], Millis::secs(2))))
        .phase("cache", Some(Millis::secs(20)))
        .step("cache", Work::Probe)
        .lane(target("redis://cache.internal"))
        .optional()
        .phase("services", Some(Millis::secs(60)))
        .step("child", Work::Spawn)
        .phase("websocket", Some(Millis::secs(10)))
        .step("ready", Work::Ready(Readiness::Lanes))
        .lane(target("http://127.0.0.1:8080/ready"))
        .phase("finalize", Some(Millis::secs(10)))
        .step("request", Work::Probe)
        .lane(target("http://127.0.0.1:8080/orders/1"))
        .plan()
}

/// It, where everything works.
pub fn good() -> (Plan, World) {
    let plan = plan();
    let world = World::good(&plan);
    (plan, world)
}

/// It, where nothing ever answers.
pub fn dark() -> (Plan, World) {
    let (plan, mut world) = good();
    for dependency in &mut world.dependencies {
        dependency.ways = vec![Over::always(Way::BlackHole)];
    }
    (plan, world)
}
