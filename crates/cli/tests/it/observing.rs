//! Starts without a plan: what the environment names is asked when the program fails or is not ready,
//! without credentials; `--wait` makes gates of it; `--explain` does nothing.

use crate::process::until;
use crate::start::{Ended, Start};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;
use tminus_core::event::{EventKind, Passage};
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::{Redis, Result};

const USER: &str = "app-user-Xq1";
const PASSWORD: &str = "hunter2-Blue-Xq1";

/// A dependency that accepts, answers nothing but `greeting`, and keeps what it is told.
struct Listener {
    port: u16,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Listener {
    fn start(greeting: &'static [u8]) -> Listener {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its address").port();
        let told = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&told);
        // Ends with the process of the test.
        thread::spawn(move || {
            for stream in socket.incoming().map_while(|stream| stream.ok()) {
                let all = Arc::clone(&all);
                thread::spawn(move || converse(stream, greeting, &all));
            }
        });
        Listener { port, told }
    }

    fn connections(&self) -> usize {
        self.told.lock().expect("nobody panics").len()
    }

    fn everything(&self) -> Vec<u8> {
        self.told.lock().expect("nobody panics").concat()
    }
}

fn converse(mut stream: std::net::TcpStream, greeting: &[u8], all: &Mutex<Vec<Vec<u8>>>) {
    let place = {
        let mut all = all.lock().expect("nobody panics");
        all.push(Vec::new());
        all.len() - 1
    };
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        all.lock().expect("nobody panics")[place].extend_from_slice(&piece[..length]);
        if stream.write_all(greeting).is_err() {
            return;
        }
    }
}

/// No secret in anything that leaves.
#[track_caller]
fn is_silent_about_secrets(ended: &Ended) {
    let events = serde_json::to_string(&ended.events).expect("JSON");
    for text in [&ended.out, &ended.err, &events] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

fn asked(ended: &Ended) -> Vec<(Layer, Passage, Option<String>)> {
    let layer = |kind: &EventKind| match kind {
        EventKind::LayerFinished { layer, outcome, code, .. } => Some((*layer, *outcome, code.clone())),
        _ => None,
    };
    ended.events.iter().filter_map(|event| layer(&event.kind)).collect()
}

#[test]
fn a_program_that_succeeds_causes_no_connection_at_all() {
    let listener = Listener::start(b"N");
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/orders", listener.port);
    let ended = Start::new().env("DATABASE_URL", url).run(&["sh", "-c", "exit 0"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!((listener.connections(), asked(&ended)), (0, vec![]));
}

#[test]
fn a_program_that_fails_has_its_dependencies_asked_without_credentials() {
    let database = Listener::start(b"N");
    let cache = Listener::start(b"-NOAUTH Authentication required.\r\n");
    let ended = Start::new()
        .env("DATABASE_URL", format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/orders", database.port))
        .env("REDIS_URL", format!("redis://{USER}:{PASSWORD}@127.0.0.1:{}/0", cache.port))
        .run(&["sh", "-c", "echo 'cannot start' >&2; exit 11"]);
    assert_eq!(ended.code, 11, "{}", ended.err);
    for listener in [&database, &cache] {
        assert_eq!(listener.connections(), 1);
        let told = String::from_utf8_lossy(&listener.everything()).into_owned();
        assert!(!told.contains(PASSWORD) && !told.contains(USER), "{told:?}");
        assert!(!told.to_uppercase().contains("AUTH"), "{told:?}");
    }
    let deepest = asked(&ended).into_iter().map(|(layer, ..)| layer).max();
    assert!(deepest.is_some_and(|layer| layer <= Layer::Protocol), "{:#?}", asked(&ended));
    is_silent_about_secrets(&ended);
}

#[test]
fn a_set_of_variables_and_a_cloud_sql_socket_are_asked_too() {
    let database = Listener::start(b"N");
    let ended = Start::new()
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", database.port.to_string())
        .env("PGUSER", USER)
        .env("PGPASSWORD", PASSWORD)
        .env("ORDERS_SOCKET", "/cloudsql/project:region:tminus-test-no-such-instance")
        .run(&["sh", "-c", "exit 12"]);
    assert_eq!(ended.code, 12, "{}", ended.err);
    assert_eq!(database.connections(), 1);
    assert!(!String::from_utf8_lossy(&database.everything()).contains(USER));
    let socket =
        asked(&ended).into_iter().find(|(layer, outcome, _)| (*layer, *outcome) == (Layer::Socket, Passage::Failed));
    assert!(socket.is_some(), "{:#?}", asked(&ended));
    is_silent_about_secrets(&ended);
}

#[test]
fn a_program_that_is_not_ready_after_ten_seconds_has_its_dependencies_asked_once() {
    let database = Listener::start(b"N");
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/orders", database.port);
    let start = Start::new().env("DATABASE_URL", url);
    let mut running = start.begin(&["sh", "-c", "trap 'exit 13' TERM; echo up >&2; while :; do sleep 0.05; done"]);
    running.until_said("up");
    assert_eq!(database.connections(), 0, "not before");
    running.until_event(|kind| matches!(kind, EventKind::LayerFinished { .. }));
    until("the question", || database.connections() == 1).expect("it comes");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 13, "a merely discovered dependency fails nothing: {}", ended.err);
    assert_eq!(database.connections(), 1, "and not again at the end");
    is_silent_about_secrets(&ended);
}

#[test]
fn wait_makes_gates_of_what_is_discovered() -> Result<()> {
    let redis = Redis::options().start()?;
    let start = Start::new().env("REDIS_URL", redis.url()).flag("--wait");
    let ended = start.run(&["sh", "-c", "echo started"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "started\n"), "{}", ended.err);
    assert!(asked(&ended).iter().any(|(layer, outcome, _)| (*layer, *outcome) == (Layer::Protocol, Passage::Passed)));
    drop(redis);
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:1/orders");
    let start = Start::new().env("DATABASE_URL", url).flag("--wait").flag("--platform").flag("plain");
    let ended = start.flag("--window").flag("4s").run(&["sh", "-c", "echo started"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.spawned()), (3, "", false), "{}", ended.err);
    ended.says(&["refused", "127.0.0.1:1"]);
    is_silent_about_secrets(&ended);
    Ok(())
}

#[test]
fn explain_prints_what_would_be_done_and_connects_to_nothing() {
    let database = Listener::start(b"N");
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/orders", database.port);
    for flags in [&["--explain"][..], &["--explain", "--wait"]] {
        let mut start = Start::new().env("DATABASE_URL", &url).env("TMINUS_ADMIN", "unix:/run/tminus-test.sock");
        for flag in flags.iter().copied().chain(["--timeline", "timeline.svg"]) {
            start = start.flag(flag);
        }
        let ended = start.run(&["sh", "-c", "touch started"]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        for word in [
            &format!("127.0.0.1:{}", database.port),
            "DATABASE_URL",
            "events.ndjson",
            "timeline.svg",
            "tminus-test.sock",
        ] {
            assert!(ended.out.contains(word), "`{word}` is missing from:\n{}", ended.out);
        }
        let left = std::fs::read_dir(start.room.path()).expect("a directory").count();
        assert_eq!((left, database.connections()), (0, 0), "nothing is done:\n{}", ended.out);
        is_silent_about_secrets(&ended);
    }
}

/// Whoever names a plan means it; the one that merely lies there must not be writable by others.
#[test]
fn a_plan_that_is_named_may_be_writable_and_one_that_lies_there_may_not() {
    let start = Start::new();
    let plan = "version = 1\n[service]\nname = \"orders\"\n\
                [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";
    for name in ["named.toml", "tminus.toml"] {
        start.room.put(name, plan);
        let mode = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(start.room.path().join(name), mode).expect("it is ours");
    }
    let refused = start.run(&["true"]);
    assert_eq!(refused.code, 2);
    refused.says(&["error: the plan `./tminus.toml` can be written by others (mode 666)", "hint: `chmod go-w"]);
    assert!(refused.events.is_empty() && !start.room.path().join("events.ndjson").exists());
    let named = start.env("TMINUS_CONFIG", "named.toml").run(&["true"]);
    assert_eq!(named.code, 0, "{}", named.err);
    named.says(&["tminus: orders ready in"]);
}
