//! `restart = "on-failure"`: the program's further lives, with real programs.

use crate::start::{Ended, Start};
use std::os::unix::net::UnixDatagram;
use tminus_core::event::{Event, EventKind, Passage};
use tminus_core::run::EVERY_PHASE_PASSED;
use tminus_core::vocabulary::AttemptOutcome;

/// One that is ready at once, counts its lives in a file, and then does what its arguments say, life
/// by life; the last one repeats. `serve` ends with 0 when it is told to; `crash` waits for a file of
/// that name; `mute` is never ready; a number is an exit code.
const PROGRAM: &str = r#"
import os, signal, socket, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
with open("lives", "a") as file:
    file.write("%d\n" % os.getpid())
life = len(open("lives").readlines())
deed = sys.argv[min(life, len(sys.argv) - 1)]
print("life", life, flush=True)
if deed != "mute":
    to = os.environ["NOTIFY_SOCKET"]
    to = "\0" + to[1:] if to[0] == "@" else to
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", to)
if deed == "crash":
    while not os.path.exists("crash"):
        time.sleep(0.01)
    os.remove("crash")
    sys.exit(3)
if deed == "leave":
    # A worker outlives it.
    left = subprocess.Popen(["sleep", "600"])
    open("left", "w").write(str(left.pid))
    os._exit(3)
if deed == "look":
    # Until what the last life left is gone, or is a zombie.
    state = "/proc/%s/stat" % open("left").read()
    while os.path.exists(state) and open(state).read().rsplit(")", 1)[1].split()[0] != "Z":
        time.sleep(0.01)
    print("nothing is left", flush=True)
    os._exit(0)
if deed.isdigit():
    sys.exit(int(deed))
while True:
    signal.pause()
"#;

fn start(ready_within: &str) -> Start {
    let start = Start::with_plan(&format!(
        "restart = \"on-failure\"\n[budget]\nplatform = \"plain\"\n[[phase]]\nname = \"services\"\n\
         [[phase.step]]\nname = \"child\"\nspawn = true\n\
         [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\ndeadline = \"{ready_within}\"\n"
    ));
    start.room.put("program.py", PROGRAM);
    start
}

fn program<'a>(lives: &[&'a str]) -> Vec<&'a str> {
    [&["python3", "program.py"], lives].concat()
}

fn is_ready(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ChildNotified { status, .. } if status == EVERY_PHASE_PASSED)
}

fn pids(ended: &Ended) -> Vec<u32> {
    let pid = |event: &Event| if let EventKind::ChildSpawned { pid, .. } = event.kind { pid } else { None };
    ended.events.iter().filter_map(pid).collect()
}

/// Number, and whether it came back.
fn restarts(ended: &Ended) -> Vec<(u32, bool)> {
    let restart = |event: &Event| match event.kind {
        EventKind::ChildRestart { number, limit: 5, lived_ns: Some(1..), rest_ns } => Some((number, rest_ns.is_some())),
        _ => None,
    };
    ended.events.iter().filter_map(restart).collect()
}

#[track_caller]
fn came_out(ended: &Ended, wanted: AttemptOutcome) {
    let last = ended.events.last().map(|event| &event.kind);
    assert!(matches!(last, Some(EventKind::AttemptFinished { outcome, .. }) if *outcome == wanted), "{last:?}");
}

#[test]
fn a_program_that_crashes_once_after_ready_is_started_again_and_serves() {
    let start = start("60s");
    let upward = UnixDatagram::bind(start.room.path().join("upward")).expect("a socket");
    let address = start.room.path().join("upward").display().to_string();
    let start = start.env("NOTIFY_SOCKET", address);
    let mut running = start.begin(&program(&["crash", "serve"]));
    running.until_event(is_ready);
    start.room.put("crash", "");
    running.until_said("orders ended with exit code 3 after ");
    running.until_said("(restart 1 of 5)");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out, "life 1\nlife 2\n");
    ended.says(&["; started again in ", ", restart 1 of 5\n", "orders ready again, "]);
    assert_eq!(restarts(&ended), [(1, true)]);
    let pids = pids(&ended);
    assert!(pids.len() == 2 && pids[0] != pids[1], "{pids:?}");
    came_out(&ended, AttemptOutcome::Ready);
    let mut said = Vec::new();
    upward.set_nonblocking(true).expect("a socket");
    let mut datagram = [0; 1024];
    while let Ok(count) = upward.recv(&mut datagram) {
        said.push(String::from_utf8_lossy(&datagram[..count]).into_owned());
    }
    let readies = said.iter().filter(|message| message.contains("READY=1")).count();
    // To systemd the service has been active all the time: it is told once.
    assert_eq!(readies, 1, "{said:?}");
    assert!(said.iter().any(|message| message.contains("STATUS=orders ended with exit code 3")), "{said:?}");
}

#[test]
fn a_program_that_crashes_always_is_given_up_with_its_own_code() {
    let ended = start("60s").run(&program(&["7"]));
    assert_eq!(ended.code, 7, "{}", ended.err);
    let wanted = [(1, true), (2, true), (3, true), (4, true), (5, true), (5, false)];
    assert_eq!(restarts(&ended), wanted);
    assert_eq!(pids(&ended).len(), 6);
    ended.says(&["restart 5 of 5\n", "; given up after 5 restarts in a row\n"]);
    came_out(&ended, AttemptOutcome::ReadyThenFailed);
}

#[test]
fn term_between_two_lives_ends_at_once_and_hup_does_not() {
    let start = start("60s");
    let mut running = start.begin(&program(&["7"]));
    running.until_said(", restart 2 of 5");
    running.signal("HUP");
    running.until_said(", restart 3 of 5");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 143, "{}", ended.err);
    assert_eq!(ended.out, "life 1\nlife 2\nlife 3\n");
    assert_eq!(restarts(&ended), [(1, true), (2, true), (3, true)]);
    came_out(&ended, AttemptOutcome::Ready);
}

#[test]
fn a_program_that_ends_with_0_after_ready_is_not_started_again() {
    let ended = start("60s").run(&program(&["0"]));
    assert_eq!((ended.code, ended.out.as_str()), (0, "life 1\n"), "{}", ended.err);
    assert_eq!(restarts(&ended), []);
}

#[test]
fn a_program_that_fails_before_it_was_ever_ready_is_not_started_again() {
    let plan = "restart = \"on-failure\"\n[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
                [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n";
    let ended = Start::with_plan(plan).run(&["sh", "-c", "echo once; exit 5"]);
    assert_eq!((ended.code, ended.out.as_str()), (5, "once\n"), "{}", ended.err);
    assert_eq!(restarts(&ended), []);
}

#[test]
fn what_a_life_left_behind_is_gone_before_the_next_one() {
    let ended = start("60s").run(&program(&["leave", "look"]));
    assert_eq!((ended.code, ended.out.as_str()), (0, "life 1\nlife 2\nnothing is left\n"), "{}", ended.err);
}

#[test]
fn a_life_that_does_not_become_ready_ends_the_start_and_says_what_was_waited_for() {
    let ended = start("5s").run(&program(&["7", "mute"]));
    assert_eq!(ended.code, 3, "{}", ended.err);
    ended.says(&["restart 1 of 5", "NOT STARTED", "ready"]);
    let outcomes: Vec<Passage> = ended
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome, .. } if step == "ready" => Some(*outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [Passage::Passed, Passage::Expired]);
    came_out(&ended, AttemptOutcome::ReadyThenFailed);
}
