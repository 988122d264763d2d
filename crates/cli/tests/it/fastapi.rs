//! The example service, started by its own plan: uvicorn and gunicorn, a real Postgres and Redis.

use crate::room::repository;
use crate::start::Start;
use tminus_core::event::{EventKind, Passage};
use tminus_rehearse::lab::{Port, Postgres, Redis, Result};

/// The example's files, and what its plan needs.
fn example(postgres: &Postgres, redis: &Redis, port: u16) -> Start {
    let mut start = Start::new()
        .env("ENVIRONMENT", "staging")
        .env("DATABASE_URL", postgres.url())
        .env("REDIS_URL", redis.url())
        .env("PORT", port.to_string())
        .env("ORDERS_WS", format!("ws://127.0.0.1:{port}/ws"))
        .env("ORDERS_HEALTH", format!("http://127.0.0.1:{port}/health"));
    for name in ["app.py", "migrate.py", "tminus.toml"] {
        let file = repository().join("examples/fastapi").join(name);
        start.room.put(name, std::fs::read(file).expect("the example is there"));
    }
    start = start.env("PYTHONDONTWRITEBYTECODE", "1");
    start
}

/// A port that is free now; the server binds it itself.
fn free_port() -> Result<u16> {
    Ok(Port::reserve()?.number())
}

fn comes_up(server: impl Fn(u16) -> Vec<String>) -> Result<()> {
    let (postgres, redis) = (Postgres::options().start()?, Redis::options().start()?);
    let port = free_port()?;
    let start = example(&postgres, &redis, port);
    let argv = server(port);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let mut running = start.begin(&argv);
    running.until_said("tminus: orders ready in");
    running.signal("TERM");
    let ended = running.end();
    let phases: Vec<&str> = ended
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::PhaseFinished { phase, outcome: Passage::Passed, .. } => Some(phase.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(phases, ["init", "dependencies", "database", "cache", "services", "websocket", "finalize"]);
    let said = |words: &str| {
        ended
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::ChildNotified { status, .. } if status == words))
    };
    assert!(said("database: opening the pool") && said("serving"), "the lifespan reports its phases");
    assert_eq!(ended.step("health"), (Passage::Passed, None));
    assert_eq!(ended.code, 0, "{}", ended.err);
    Ok(())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn uvicorn_comes_up_phase_by_phase() -> Result<()> {
    comes_up(|port| words(&["/usr/bin/uvicorn", "app:app", "--host", "127.0.0.1", "--port", &port.to_string()]))
}

#[test]
fn gunicorn_with_two_workers_comes_up_phase_by_phase() -> Result<()> {
    comes_up(|port| {
        let bind = format!("127.0.0.1:{port}");
        words(&["/usr/bin/gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-w", "2", "-b", &bind, "app:app"])
    })
}

#[test]
fn a_module_that_is_not_in_the_image_is_not_blamed_on_the_database() -> Result<()> {
    let (postgres, redis) = (Postgres::options().start()?, Redis::options().start()?);
    let port = free_port()?;
    let start = example(&postgres, &redis, port);
    let app = std::fs::read_to_string(start.room.path().join("app.py")).expect("it was put there");
    start.room.put("app.py", format!("import orders.refunds\n{app}"));
    let bind = format!("127.0.0.1:{port}");
    let ended = start.run(&["/usr/bin/gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-b", &bind, "app:app"]);
    assert_eq!(ended.code, 3, "{}", ended.err);
    let own: String = ended.err.lines().skip_while(|line| !line.starts_with("tminus: ")).collect::<Vec<_>>().join("\n");
    for words in ["not in the image", "orders", "MOVE   build team", "proved", "hold code deploys"] {
        assert!(own.contains(words), "`{words}` is missing from:\n{own}");
    }
    Ok(())
}
