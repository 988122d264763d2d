//! The scenarios of the simulator with real faults: the same start, told alike by both drivers.
//!
//! Each fault is done for real: nothing listens, a queue that is full, a server that recovers, one
//! whose slots are held. What must agree is what [`project`] keeps: per step, the order of what was
//! seen, and how it came out.

use crate::start::{Ended, Running, Start};
use std::net::TcpListener;
use tminus_core::event::EventKind;
use tminus_core::run::EVERY_PHASE_PASSED;
use tminus_core::target::{Environment, Target};
use tminus_rehearse::lab::path::{FullBacklog, Relay};
use tminus_rehearse::lab::postgres::{Holder, PASSWORD, Recovery};
use tminus_rehearse::lab::{Port, Postgres, Result};
use tminus_sim::drive;
use tminus_sim::scenario::{Program, Scenario, all, outcomes, project};

/// Says READY and serves until it is told to stop.
const SERVES: &str = r#"
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
to = os.environ["NOTIFY_SOCKET"]
to = "\0" + to[1:] if to[0] == "@" else to
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", to)
while True:
    signal.pause()
"#;

/// The scenario of this name.
fn scenario(name: &str) -> Scenario {
    all().into_iter().find(|one| one.name == name).unwrap_or_else(|| panic!("there is no scenario {name}"))
}

/// The plan of [`Scenario::plan`], as a file.
fn start(scenario: &Scenario, url: &str) -> Start {
    let start = Start::with_plan(&format!(
        "[budget]\nplatform = \"plain\"\nwindow = \"60s\"\n[[phase]]\nname = \"database\"\n\
         [[phase.step]]\nname = \"orders-db\"\nprobe = \"${{ORDERS_DB}}\"\ndeadline = \"{}ms\"\n\
         [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
         [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\ndeadline = \"20s\"\n",
        scenario.deadline.0
    ));
    start.room.put("serves.py", SERVES);
    start.env("ORDERS_DB", url)
}

fn plain(url: &str) -> String {
    format!("{url}?sslmode=disable")
}

/// Begins the real start of a scenario.
fn begin(scenario: &Scenario, start: &Start) -> Running {
    match scenario.child {
        Program::Serves => start.begin(&["python3", "serves.py"]),
        Program::Exits(code) => start.begin(&["sh", "-c", &format!("exit {code}")]),
    }
}

/// Waits until a try came out with this code.
fn until_tried(running: &mut Running, code: &str) {
    running.until_event(|kind| matches!(kind, EventKind::TryFinished { code: Some(seen), .. } if seen == code));
}

/// Stops a start that is ready.
fn stopped_when_ready(mut running: Running) -> Ended {
    running.until_event(|kind| matches!(kind, EventKind::ChildNotified { status, .. } if status == EVERY_PHASE_PASSED));
    running.signal("TERM");
    running.end()
}

/// The real start came out as the scenario says, and is told as the simulated one is.
#[track_caller]
fn agrees(scenario: &Scenario, url: &str, ended: &Ended) {
    let name = scenario.name;
    let target = Target::parse(url, &Environment::new()).expect("an address");
    let plan = scenario.plan(target);
    let simulated = drive(&plan, &scenario.world(&plan), 7);
    assert_eq!(project(&ended.events), project(&simulated.events), "{name}: {}", ended.err);
    let expected: Vec<_> = scenario
        .expect
        .iter()
        .map(|(step, how, code)| ((*step).to_owned(), *how, code.map(|code| code.as_str().to_owned())))
        .collect();
    assert_eq!(outcomes(&ended.events), expected, "{name}: {}", ended.err);
    assert_eq!(ended.code, i32::from(scenario.exit), "{name}: {}", ended.err);
}

#[test]
fn refused_then_listening() -> Result<()> {
    let scenario = scenario("refused-then-listening");
    // A server that comes up may be met while it is starting up, which is another scenario: here it
    // is up, and its port opens.
    let postgres = Postgres::options().start()?;
    let port = Port::reserve()?;
    let own = postgres.address()?.to_string();
    let url = plain(&postgres.url().replace(&own, &port.address().to_string()));
    let start = start(&scenario, &url);
    let mut running = begin(&scenario, &start);
    until_tried(&mut running, "refused");
    let listener = TcpListener::bind(port.address()).expect("the port is reserved for whoever binds beside");
    let _relay = Relay::start(listener, postgres.address()?)?;
    agrees(&scenario, &url, &stopped_when_ready(running));
    Ok(())
}

#[test]
fn black_hole_then_open() -> Result<()> {
    let scenario = scenario("black-hole-then-open");
    let postgres = Postgres::options().start()?;
    let hole = FullBacklog::new()?;
    let own = postgres.address()?.to_string();
    let url = plain(&postgres.url().replace(&own, &hole.address().to_string()));
    let start = start(&scenario, &url);
    let mut running = begin(&scenario, &start);
    until_tried(&mut running, "no_answer");
    let _relay = Relay::start(hole.open()?, postgres.address()?)?;
    agrees(&scenario, &url, &stopped_when_ready(running));
    Ok(())
}

#[test]
fn starting_up_then_ready() -> Result<()> {
    let scenario = scenario("starting-up-then-ready");
    let mut postgres = Postgres::options().recovery(Recovery::Held).start()?;
    let url = plain(&postgres.url());
    let start = start(&scenario, &url);
    let mut running = begin(&scenario, &start);
    until_tried(&mut running, "starting_up");
    postgres.finish_recovery()?;
    agrees(&scenario, &url, &stopped_when_ready(running));
    Ok(())
}

#[test]
fn slots_full_then_freed() -> Result<()> {
    let scenario = scenario("slots-full-then-freed");
    let postgres = Postgres::options().max_connections(5).superuser_reserved(1).start()?;
    let mut held = postgres.fill(Holder::Superuser)?;
    let url = plain(&postgres.url());
    let start = start(&scenario, &url);
    let mut running = begin(&scenario, &start);
    until_tried(&mut running, "slots_full");
    // All at once: with one that is free an ordinary user meets the reserved ones.
    let all = held.len();
    held.release(all);
    agrees(&scenario, &url, &stopped_when_ready(running));
    Ok(())
}

#[test]
fn wrong_password() -> Result<()> {
    let scenario = scenario("wrong-password");
    let postgres = Postgres::options().start()?;
    let url = plain(&postgres.url().replace(PASSWORD, "another-password"));
    let start = start(&scenario, &url);
    agrees(&scenario, &url, &begin(&scenario, &start).end());
    Ok(())
}

#[test]
fn missing_database() -> Result<()> {
    let scenario = scenario("missing-database");
    let postgres = Postgres::options().start()?;
    let url = plain(&format!("{}_missing", postgres.url()));
    let start = start(&scenario, &url);
    agrees(&scenario, &url, &begin(&scenario, &start).end());
    Ok(())
}

#[test]
fn never_listening() -> Result<()> {
    let scenario = scenario("never-listening");
    let postgres = Postgres::options().prepare()?;
    let url = plain(&postgres.url());
    let start = start(&scenario, &url);
    agrees(&scenario, &url, &begin(&scenario, &start).end());
    Ok(())
}

#[test]
fn child_exits_before_ready() -> Result<()> {
    let scenario = scenario("child-exits-before-ready");
    let postgres = Postgres::options().start()?;
    let url = plain(&postgres.url());
    let start = start(&scenario, &url);
    agrees(&scenario, &url, &begin(&scenario, &start).end());
    Ok(())
}

#[test]
fn stopped_while_waiting() -> Result<()> {
    let scenario = scenario("stopped-while-waiting");
    let postgres = Postgres::options().prepare()?;
    let url = plain(&postgres.url());
    let start = start(&scenario, &url);
    let mut running = begin(&scenario, &start);
    until_tried(&mut running, "refused");
    running.signal("TERM");
    agrees(&scenario, &url, &running.end());
    Ok(())
}

/// A scenario that is added is run in both drivers.
#[test]
fn every_scenario_is_here() {
    let here = include_str!("scenarios.rs");
    for scenario in all() {
        assert!(here.contains(&format!("scenario(\"{}\")", scenario.name)), "{} has no test", scenario.name);
    }
}
