//! What is left when a process that uses the lab is killed: nothing.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tminus_rehearse::lab::path::Network;
use tminus_rehearse::lab::postgres::Holder;
use tminus_rehearse::lab::{Postgres, Redis};

/// Marks the lines of the helper among those of the test harness.
const MARK: &str = "lab:";

/// Not a test of its own: the process that the test below kills. It waits for the end of its input.
#[test]
#[ignore = "is run, and killed, by nothing_is_left_of_a_killed_process"]
fn a_process_with_servers() {
    let mut postgres = Postgres::options().start().unwrap();
    let redis = Redis::options().start().unwrap();
    let held = postgres.hold(2, Holder::Ordinary).unwrap();
    // Those that stay: not the session that asks, nor a worker of autovacuum.
    let lasting =
        "application_name = 'lab holder' OR backend_type IN ('checkpointer', 'walwriter', 'background writer')";
    let rows = postgres.sql(&format!("SELECT pid FROM pg_stat_activity WHERE {lasting}")).unwrap();
    assert_eq!(rows.len(), 5);
    let stopped = Postgres::options().prepare().unwrap();
    let network = Network::new().unwrap();
    let mut sleep = network.command("sleep").unwrap().arg("3600").spawn().unwrap();
    for row in rows {
        println!("\n{MARK} pid {}", row[0].as_ref().unwrap());
    }
    for pid in [postgres.pid().unwrap(), redis.pid().unwrap()] {
        println!("\n{MARK} pid {pid}");
    }
    for directory in [postgres.directory(), redis.directory(), stopped.directory()] {
        println!("\n{MARK} directory {}", directory.display());
    }
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    // A paused server must not survive either.
    postgres.pause().unwrap();
    println!("\n{MARK} ready");
    assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0, "{held:?}");
}

#[test]
fn nothing_is_left_of_a_killed_process() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "guard::a_process_with_servers", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut left: Vec<PathBuf> = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.strip_prefix(MARK).map(|rest| rest.trim().split_once(' ').unwrap_or((rest.trim(), ""))) {
            Some(("pid", pid)) => left.push(Path::new("/proc").join(pid)),
            Some(("directory", directory)) => left.push(PathBuf::from(directory)),
            Some(("ready", _)) => break,
            _ => {}
        }
    }
    assert!(left.len() > 6, "{left:?}");
    assert!(left.iter().all(|path| path.exists()), "{left:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    let began = std::time::Instant::now();
    while left.iter().any(|path| path.exists()) {
        let there: Vec<&PathBuf> = left.iter().filter(|path| path.exists()).collect();
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "left: {there:?}");
        std::thread::yield_now();
    }
}
