//! The verdict worker, disturbed from outside: killed, held up, without memory. The plain block is
//! printed each time, the exit code is the same, and nothing is left running.

use crate::process::{descendants, processes, signal, until};
use crate::start::{Ended, Running, Start};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

/// Fails in a way that only the catalogue can explain, after printing as much as a pipe holds that
/// nobody reads meanwhile.
const PROGRAM: &str = "i=0; while [ $i -lt 300 ]; do \
                       echo 'INFO orders: warming up the cache of customers, please wait for a moment, row 1'; \
                       i=$((i+1)); done; \
                       echo 'Traceback (most recent call last):' >&2; \
                       echo '  File \"/app/main.py\", line 3, in <module>' >&2; \
                       echo '    import orders.refunds' >&2; \
                       echo \"ModuleNotFoundError: No module named 'orders.refunds'\" >&2; exit 7";
/// What only a verdict says.
const VERDICT: &str = "not in the image";

/// How often a worker that was quicker than we is tried again.
const CATCHES: usize = 50;

/// A start whose worker cannot give itself more memory than it is left, and which runs only while we
/// do not want to: otherwise a busy machine lets the worker be over before it is seen.
fn start() -> Start {
    let mut behind = vec!["chrt", "--idle", "0"];
    // The right to raise a limit again is what root has more than others.
    if rustix::process::getuid().is_root() {
        behind.extend(["setpriv", "--bounding-set=-sys_resource"]);
    }
    Start::new().behind(&behind)
}

/// Holds the worker of a start before it has read anything, does something to it, and comes back with
/// how the start ended. Nothing that was started is there any more.
fn disturbed(disturb: impl Fn(u32)) -> Ended {
    for _ in 0..CATCHES {
        let start = start();
        let running = start.begin(&["sh", "-c", PROGRAM]);
        let Some(worker) = caught(&running) else {
            running.end();
            continue;
        };
        disturb(worker);
        let below = descendants(running.pid());
        let ended = running.end();
        for pid in below.into_iter().chain([worker]) {
            until("everything to end", || !Path::new(&format!("/proc/{pid}")).exists()).expect("it ends");
        }
        return ended;
    }
    panic!("no worker could be held before it had read its input, {CATCHES} times");
}

/// The worker, stopped before it reads; none when it was quicker.
fn caught(running: &Running) -> Option<u32> {
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    loop {
        // Once the start is over nobody is in /proc.
        let text = std::fs::read_to_string(&children).ok()?;
        let state = processes().get(&running.pid()).map(|(state, _)| *state);
        if state == Some('Z') {
            return None;
        }
        for pid in text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()) {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if words.windows(14).any(|part| part == b"verdict-worker") {
                return stopped(pid).then_some(pid);
            }
        }
    }
}

/// Stops it; true when that came before its first read.
fn stopped(pid: u32) -> bool {
    signal(pid, Signal::STOP);
    let state = || processes().get(&pid).map(|(state, _)| *state);
    until("it to stop or end", || matches!(state(), Some('T' | 'Z') | None)).expect("it does");
    let input = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/0")).unwrap_or_default();
    let unread = input.lines().any(|line| line.split_whitespace().eq(["pos:", "0"]));
    let held = state() == Some('T') && unread;
    if !held {
        signal(pid, Signal::CONT);
    }
    held
}

#[track_caller]
fn is_plain(ended: &Ended) {
    assert_eq!(ended.code, 7, "{}", ended.err);
    ended.says(&["tminus: ", "ModuleNotFoundError: No module named 'orders.refunds'"]);
    assert!(!ended.err.contains(VERDICT), "{}", ended.err);
    let own: Vec<&str> = ended.err.lines().filter(|line| line.starts_with("tminus: ")).collect();
    assert_eq!(own.len(), 1, "the block is printed once:\n{}", ended.err);
}

#[test]
fn undisturbed_it_names_the_cause() {
    let ended = start().run(&["sh", "-c", PROGRAM]);
    assert_eq!(ended.code, 7, "{}", ended.err);
    ended.says(&[VERDICT]);
}

#[test]
fn a_worker_that_is_killed_leaves_the_plain_block() {
    is_plain(&disturbed(|worker| signal(worker, Signal::KILL)));
}

#[test]
fn a_worker_that_takes_too_long_is_not_waited_for() {
    // It is stopped, and stays so.
    is_plain(&disturbed(|_| {}));
}

#[test]
fn a_worker_without_memory_leaves_the_plain_block() {
    is_plain(&disturbed(|worker| {
        let status = Command::new("prlimit").args(["--pid", &worker.to_string(), "--as=4096"]).status();
        assert!(status.expect("prlimit runs").success());
        signal(worker, Signal::CONT);
    }));
}
