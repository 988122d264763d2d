//! The library inside a program: order, undoing, stopping; and the axum example as a user starts it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tminus::{CancellationToken, Countdown, NotStarted, StepError};
use tminus_core::code::Code;
use tminus_core::event::{Event, EventKind};
use tminus_rehearse::lab::{Port, Postgres, Redis, Result};

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn ignore(_: &Event) -> std::result::Result<(), String> {
    Ok(())
}

/// A phase with one step that notes itself, and its undoing.
fn phase(countdown: Countdown, name: &'static str, diary: &Diary) -> Countdown {
    let (doing, undoing) = (diary.clone(), diary.clone());
    countdown
        .phase(name, Duration::from_secs(5))
        .step(name, move || {
            doing.note(name);
            async { Ok::<(), StepError>(()) }
        })
        .undo(Duration::from_secs(1), move || {
            undoing.note(&format!("undo {name}"));
            async { Ok(()) }
        })
}

#[tokio::test]
async fn phases_run_in_order_and_are_undone_in_reverse() {
    let diary = Diary::default();
    let countdown = phase(phase(Countdown::new("orders"), "first", &diary), "second", &diary);
    let started = countdown.start(ignore).await.unwrap();
    assert_eq!(diary.read(), ["first", "second"]);
    started.stop().await;
    assert_eq!(diary.read(), ["first", "second", "undo second", "undo first"]);
}

#[tokio::test]
async fn what_passed_is_undone_when_a_later_phase_fails() {
    let diary = Diary::default();
    let countdown = phase(Countdown::new("orders"), "first", &diary)
        .phase("second", Duration::from_secs(5))
        .step("second", || async { Err(StepError::hopeless("the licence has ended")) });
    let failed = countdown.start(ignore).await.err().unwrap();
    let expected = NotStarted::Failed {
        phase: "second".into(),
        step: Some("second".into()),
        code: Code::StepHopeless,
        expired: false,
    };
    assert_eq!(failed, expected);
    assert_eq!(diary.read(), ["first", "undo first"]);
}

#[tokio::test]
async fn a_step_that_is_not_possible_yet_is_tried_again() {
    let tries = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&tries);
    let started = Countdown::new("orders")
        .phase("database", Duration::from_secs(20))
        .step("schema", move || {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            let ready = *tries > 1;
            async move { if ready { Ok(()) } else { Err(StepError::not_yet("another instance migrates")) } }
        })
        .start(ignore)
        .await;
    assert!(started.is_ok());
    assert_eq!(*seen.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_cancelled_token_ends_a_start_that_waits() {
    let token = CancellationToken::new();
    let stopping = token.clone();
    let failed = Countdown::new("orders")
        .stop_token(token)
        .phase("database", Duration::from_secs(600))
        .step("never", move || {
            stopping.cancel();
            std::future::pending()
        })
        .start(ignore)
        .await
        .err();
    assert_eq!(failed, Some(NotStarted::Stopped));
}

#[tokio::test]
async fn every_mistake_of_a_declaration_is_told_before_anything_happens() {
    let diary = Diary::default();
    let failed = phase(phase(Countdown::new("orders"), "first", &diary), "first", &diary)
        .probe("db", "${NOT_SET}")
        .needs("nobody")
        .start(ignore)
        .await
        .err();
    let Some(NotStarted::Invalid(wrong)) = failed else { panic!("{failed:?}") };
    assert!(wrong.len() >= 4 && wrong.iter().any(|what| what.contains("NOT_SET is not set")), "{wrong:?}");
    assert_eq!(diary.read(), [""; 0]);
}

#[tokio::test]
async fn a_command_is_waited_for_without_touching_other_children() {
    let mut other = Command::new("sh").args(["-c", "exit 5"]).spawn().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let failed = Countdown::new("orders")
        .environment(std::env::vars().collect())
        .phase("init", Duration::from_secs(20))
        .exec("good", ["true"])
        .exec("bad", ["sh", "-c", "exit 7"])
        .start(move |event: &Event| {
            sink.lock().unwrap().push(event.kind.clone());
            Ok(())
        })
        .await
        .err();
    assert!(matches!(failed, Some(NotStarted::Failed { code: Code::CommandFailed, .. })), "{failed:?}");
    let said = |kind: &EventKind| matches!(kind, EventKind::EvidenceNoted { text, .. } if text.contains("exit code 7"));
    assert!(events.lock().unwrap().iter().any(said));
    assert_eq!(other.wait().unwrap().code(), Some(5), "its exit code was not taken from the program");
}

/// The example, built beside this test; ended when dropped.
struct Example(Child);

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn example() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let debug = test.ancestors().nth(2).expect("deps stands below the profile's directory");
    debug.join("examples").join("axum")
}

fn get(port: u16, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_axum_example_binds_its_port_when_its_database_has_answered() -> Result<()> {
    let (postgres, redis) = (Postgres::options().start()?, Redis::options().start()?);
    let port = Port::reserve()?.number();
    let child = Command::new(example())
        .env_clear()
        .env("DATABASE_URL", postgres.url())
        .env("REDIS_URL", redis.url())
        .env("PORT", port.to_string())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example is built with the tests");
    let mut child = Example(child);
    let mut ready = false;
    // Kept open to the end: the example goes on writing events.
    let mut said = BufReader::new(child.0.stderr.take().expect("it is piped"));
    for line in said.by_ref().lines() {
        let line = line.expect("a line");
        let Ok(event) = serde_json::from_str::<Event>(&line) else { panic!("{line}") };
        if let EventKind::ChildNotified { .. } = event.kind {
            ready = true;
            break;
        }
    }
    assert!(ready, "it did not come up");
    let answer = get(port, "/health");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"status\":\"ok\""), "{answer}");
    let kill = Command::new("sh").args(["-c", &format!("kill -s TERM {}", child.0.id())]).status();
    assert!(kill.expect("a shell runs").success());
    assert_eq!(child.0.wait().expect("it ends").code(), Some(0));
    Ok(())
}

#[test]
fn the_axum_example_says_that_waiting_cannot_help() -> Result<()> {
    let (postgres, redis) = (Postgres::options().start()?, Redis::options().start()?);
    let url = postgres.url().replace(tminus_rehearse::lab::postgres::PASSWORD, "wrong");
    let output = Command::new(example())
        .env_clear()
        .env("DATABASE_URL", url)
        .env("REDIS_URL", redis.url())
        .env("PORT", "1")
        .output()
        .expect("the example is built with the tests");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("not started: phase `database` failed at step `orders-db`"), "{said}");
    Ok(())
}
