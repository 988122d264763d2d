//! Waiting for real dependencies that are down, cold, full, or ask for something else.

use crate::start::{Start, probing};
use tminus_core::event::{EventKind, Passage};
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::path::{AcceptThen, End, FullBacklog, Relay, Script};
use tminus_rehearse::lab::postgres::{Holder, Recovery, Stop};
use tminus_rehearse::lab::{Port, Postgres, Redis, Result};

/// The code that tries of the only step come out with first.
fn waiting_for(code: &str) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::TryFinished { code: Some(seen), .. } if seen == code)
}

fn start(url: &str) -> Start {
    Start::with_plan(&probing("${ORDERS_DB}", "60s")).env("ORDERS_DB", url)
}

#[test]
fn a_database_that_is_down_and_comes_up() -> Result<()> {
    let mut postgres = Postgres::options().prepare()?;
    let start = start(&postgres.url());
    let mut running = start.begin(&["echo", "started"]);
    running.until_event(waiting_for("refused"));
    postgres.start()?;
    let ended = running.end();
    assert_eq!((ended.code, ended.out.as_str()), (0, "started\n"), "{}", ended.err);
    assert_eq!(ended.step("orders-db"), (Passage::Passed, None));
    Ok(())
}

#[test]
fn a_database_that_is_starting_up_is_worth_waiting_for() -> Result<()> {
    let mut postgres = Postgres::options().recovery(Recovery::Held).start()?;
    let start = start(&postgres.url());
    let mut running = start.begin(&["true"]);
    running.until_event(|kind| {
        matches!(kind, EventKind::TryFinished { code: Some(code), .. } if code == "starting_up" || code == "recovering" || code == "not_accepting")
    });
    postgres.finish_recovery()?;
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    Ok(())
}

#[test]
fn slots_that_are_full_are_waited_for_and_taken_when_they_are_free() -> Result<()> {
    let postgres = Postgres::options().max_connections(5).superuser_reserved(1).start()?;
    let mut held = postgres.fill(Holder::Ordinary)?;
    let start = start(&postgres.url());
    let mut running = start.begin(&["true"]);
    running.until_event(|kind| {
        matches!(kind, EventKind::TryFinished { code: Some(code), .. } if code == "slots_reserved" || code == "slots_full")
    });
    held.release(3);
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    Ok(())
}

/// The driver's clock held still whenever it was woken after ready: nothing was ever due again.
#[test]
fn what_is_to_be_tried_on_after_ready_is() -> Result<()> {
    let start = Start::with_plan(
        "[budget]\nplatform = \"plain\"\n[[phase]]\nname = \"cache\"\ncritical = false\n\
         [[phase.step]]\nname = \"late\"\ncommand = [\"test\", \"-e\", \"late\"]\ntries = 1\nretry_after_ready = true\n\
         [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n",
    );
    let mut running = start.begin(&["sleep", "600"]);
    running.until_said("DEGRADED");
    start.room.put("late", "");
    running.until_event(
        |kind| matches!(kind, EventKind::StepFinished { step, outcome: Passage::Passed, .. } if step == "late"),
    );
    running.signal("TERM");
    assert_eq!(running.end().code, 143);
    Ok(())
}

/// Sockets and ports in one list, as libpq takes them: the first place is a standby on a socket, the
/// second is not there, the third is the primary on a port.
#[test]
fn of_several_places_the_one_of_the_right_kind_is_found() -> Result<()> {
    let standby = Postgres::options().recovery(Recovery::Standby).start()?;
    let primary = Postgres::options().start()?;
    let (first, third) = (standby.address()?.port(), primary.address()?);
    let directory = standby.socket_directory();
    let url = |attributes: &str| {
        format!(
            "host={},/nowhere/at/all,{} port={first},5432,{} user=app password={} dbname=app \
             target_session_attrs={attributes}",
            directory.display(),
            third.ip(),
            third.port(),
            tminus_rehearse::lab::postgres::PASSWORD
        )
    };
    let (socket, tcp) = (Layer::Socket, Layer::Tcp);
    for (attributes, ways) in [("read-write", vec![socket, tcp]), ("any", vec![socket]), ("standby", vec![socket])] {
        let ended = start(&url(attributes)).run(&["true"]);
        assert_eq!(ended.code, 0, "{attributes}: {}", ended.err);
        assert_eq!(ended.step("orders-db"), (Passage::Passed, None));
        let connected = ended.events.iter().filter_map(|event| match event.kind {
            EventKind::LayerFinished { layer: layer @ (Layer::Socket | Layer::Tcp), outcome, .. } => {
                (outcome == Passage::Passed).then_some(layer)
            }
            _ => None,
        });
        assert_eq!(connected.collect::<Vec<_>>(), ways, "{attributes}: {:#?}", ended.events);
    }
    Ok(())
}

#[test]
fn what_waiting_cannot_mend_fails_at_once() -> Result<()> {
    let postgres = Postgres::options().start()?;
    let good = postgres.url();
    let cases = [
        (good.replace(tminus_rehearse::lab::postgres::PASSWORD, "wrong-password"), "password_rejected"),
        (format!("{}_missing", good.split('?').next().unwrap_or_default()), "database_missing"),
        (
            good.replace(&format!("//{}:", tminus_rehearse::lab::postgres::USER), "//nobody_of_that_name:"),
            "password_rejected",
        ),
    ];
    for (url, code) in cases {
        let ended = start(&url).run(&["true"]);
        assert_eq!((ended.code, ended.spawned()), (3, false), "{code}: {}", ended.err);
        assert_eq!(ended.step("orders-db"), (Passage::Failed, Some(code.into())), "{}", ended.err);
        assert!(!ended.err.contains("wrong-password") && !format!("{:?}", ended.events).contains("wrong-password"));
    }
    Ok(())
}

#[test]
fn a_server_that_is_being_stopped_is_waited_for_until_it_is_back() -> Result<()> {
    let mut postgres = Postgres::options().start()?;
    postgres.stop(Stop::Immediate)?;
    let start = start(&postgres.url());
    let mut running = start.begin(&["true"]);
    running.until_event(waiting_for("refused"));
    postgres.start()?;
    assert_eq!(running.end().code, 0);
    Ok(())
}

/// The way to a real database drops every packet for `seconds`, then opens.
fn black_hole(seconds: u64) -> Result<()> {
    let postgres = Postgres::options().start()?;
    let hole = FullBacklog::new()?;
    let url = {
        let mut url = postgres.url();
        let own = postgres.address()?.to_string();
        url = url.replace(&own, &hole.address().to_string());
        url
    };
    let start = start(&url);
    let running = start.begin(&["true"]);
    // The hole is the condition that is tested, and lasts this long.
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    let _relay = Relay::start(hole.open()?, postgres.address()?)?;
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.step("orders-db"), (Passage::Passed, None));
    Ok(())
}

#[test]
fn a_black_hole_of_2_s() -> Result<()> {
    black_hole(2)
}

#[test]
fn a_black_hole_of_5_s() -> Result<()> {
    black_hole(5)
}

#[test]
#[ignore = "long: `cargo nextest run --run-ignored all -E 'test(black_hole)'`"]
fn a_black_hole_of_20_s() -> Result<()> {
    black_hole(20)
}

#[test]
#[ignore = "long: `cargo nextest run --run-ignored all -E 'test(black_hole)'`"]
fn a_black_hole_of_43_s() -> Result<()> {
    black_hole(43)
}

#[test]
fn redis_that_loads_its_data_is_waited_for() -> Result<()> {
    let mut redis = Redis::options().loading(std::time::Duration::from_secs(30)).start()?;
    let start = start(&redis.url());
    let mut running = start.begin(&["true"]);
    running.until_event(waiting_for("loading"));
    redis.finish_loading()?;
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    Ok(())
}

#[test]
fn redis_that_wants_a_password_is_not_waited_for() -> Result<()> {
    let redis = Redis::options().password().start()?;
    let url = format!("redis://{}/0", redis.address());
    let ended = start(&url).run(&["true"]);
    assert_eq!((ended.code, ended.spawned()), (3, false), "{}", ended.err);
    Ok(())
}

#[test]
fn redis_without_room_for_clients_is_waited_for() -> Result<()> {
    let redis = Redis::options().maxclients(4).start()?;
    let mut held = redis.fill()?;
    let start = start(&redis.url());
    let mut running = start.begin(&["true"]);
    running.until_event(waiting_for("clients_full"));
    held.release(3);
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    Ok(())
}

#[test]
fn a_proxy_that_accepts_and_closes_is_the_ways_fault_and_waited_for() -> Result<()> {
    let proxy = AcceptThen::tcp(Script::at_once(End::Close))?;
    let address = proxy.address().expect("it listens on TCP");
    let url = format!("postgres://app:secret@{address}/orders?sslmode=disable");
    let plan = probing("${ORDERS_DB}", "2500ms");
    let ended = Start::with_plan(&plan).env("ORDERS_DB", url).run(&["true"]);
    assert_eq!(ended.step("orders-db"), (Passage::Expired, Some("closed_before_greeting".into())), "{}", ended.err);
    ended.says(&["2.5 s", "CLOSED before greeting", "never asked"]);
    Ok(())
}

#[test]
fn a_port_that_nobody_listens_on_is_waited_for_until_the_deadline_and_not_longer() -> Result<()> {
    let port = Port::reserve()?;
    let plan = probing(&format!("tcp://{}", port.address()), "1s");
    let ended = Start::with_plan(&plan).run(&["true"]);
    assert_eq!(ended.step("orders-db"), (Passage::Expired, Some("refused".into())), "{}", ended.err);
    assert_eq!(ended.code, 3);
    Ok(())
}

/// The window was not looked at: the wait never ended.
#[test]
fn what_flags_and_environment_say_holds_without_a_plan() -> Result<()> {
    let port = Port::reserve()?;
    let url = format!("redis://{}", port.address());
    let start = Start::new().env("REDIS_URL", &url).env("TMINUS_PLATFORM", "plain").env("TMINUS_WINDOW", "4s");
    let ended = start.flag("--wait").run(&["true"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    ended.says(&["4 s"]);
    assert!(!ended.spawned());
    let ended = Start::new().env("REDIS_URL", url).env("TMINUS_WINDOW", "soon").flag("--wait").run(&["true"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    ended.says(&["TMINUS_WINDOW", "soon"]);
    assert!(ended.events.is_empty());
    Ok(())
}

#[test]
fn one_instance_at_a_time_migrates_and_the_holder_is_named() -> Result<()> {
    let postgres = Postgres::options().start()?;
    let plan = "[budget]\nplatform = \"plain\"\n[[phase]]\nname = \"database\"\ndeadline = \"60s\"\n\
                [[phase.step]]\nname = \"orders-db\"\nprobe = \"${ORDERS_DB}\"\n\
                [[phase.step]]\nname = \"migrations\"\nneeds = [\"orders-db\"]\n\
                exec = [\"sh\", \"-c\", \"echo migrating >&2; test -e go || cat fifo; echo done >&2\"]\nonce = \"orders\"\n\
                [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";
    let first = Start::with_plan(plan).env("ORDERS_DB", postgres.url()).env("HOSTNAME", "instance-a");
    let status = std::process::Command::new("mkfifo").arg(first.room.path().join("fifo")).status();
    assert!(status.expect("mkfifo runs").success());
    let mut one = first.begin(&["true"]);
    one.until_said("migrating");
    let second = Start::with_plan(plan).env("ORDERS_DB", postgres.url()).env("HOSTNAME", "instance-b");
    second.room.put("go", "");
    let mut two = second.begin(&["true"]);
    let held =
        two.until_event(|kind| matches!(kind, EventKind::EvidenceNoted { text, .. } if text.contains("is held by")));
    assert!(matches!(&held.kind, EventKind::EvidenceNoted { text, .. } if text.contains("instance-a")), "{held:?}");
    std::fs::write(first.room.path().join("fifo"), "go on").expect("the first instance reads");
    assert_eq!(one.end().code, 0);
    let two = two.end();
    assert_eq!(two.code, 0, "{}", two.err);
    let tokens = postgres.sql("select token from tminus_lease where name = 'orders'")?;
    assert_eq!(tokens.len(), 1);
    Ok(())
}
