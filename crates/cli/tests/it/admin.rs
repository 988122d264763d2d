//! The admin endpoints through the binary, at each stage of a start.

use crate::process::until;
use crate::start::{Running, Start};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tminus_core::event::EventKind;
use tminus_rehearse::lab::Port;

/// A plan whose first phase waits for somebody to write into `gate`, and whose program leaves when
/// somebody writes into `leave` after TERM.
fn plan(listen: &str) -> String {
    let admin = if listen.is_empty() { String::new() } else { format!("[admin]\nlisten = \"{listen}\"\n") };
    format!(
        "{admin}[[phase]]\nname = \"init\"\n[[phase.step]]\nname = \"secret-step\"\nexec = [\"cat\", \"gate\"]\n\
         [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n"
    )
}

const PROGRAM: &str = "trap 'cat leave; exit 0' TERM; echo up >&2; while :; do sleep 0.05; done";

/// Where the endpoints are.
enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

struct Answer {
    status: u16,
    body: String,
}

impl Place {
    fn send(&self, request: &str) -> std::io::Result<Answer> {
        let mut answer = String::new();
        match self {
            Place::Unix(path) => {
                let mut stream = UnixStream::connect(path)?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_string(&mut answer)?;
            }
            Place::Tcp(address) => {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_string(&mut answer)?;
            }
        }
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Ok(Answer { status, body: body.to_owned() })
    }

    fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).expect("it answers")
    }

    /// Statuses of /startup, /ready and /live.
    fn three(&self) -> [u16; 3] {
        ["/startup", "/ready", "/live"].map(|path| self.get(path).status)
    }

    fn becomes(&self, wanted: [u16; 3]) {
        let mut seen = [0; 3];
        until("the endpoints to follow", || {
            seen = self.three();
            seen == wanted
        })
        .unwrap_or_else(|error| panic!("{error}: {seen:?} instead of {wanted:?}"));
    }
}

fn fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status();
    assert!(status.expect("mkfifo runs").success());
}

/// Not begun; `ROOM` stands for its directory.
fn start(listen: &str) -> Start {
    let start = Start::new();
    let listen = listen.replace("ROOM", start.room.path().to_str().expect("a plain path"));
    start.room.put("tminus.toml", format!("version = 1\n[service]\nname = \"orders\"\n{}", plan(&listen)));
    start
}

/// Begins a start that waits at its gate.
fn begin(listen: &str) -> (Start, Running) {
    let start = start(listen);
    for name in ["gate", "leave"] {
        fifo(&start.room.path().join(name));
    }
    let mut running = start.begin(&["sh", "-c", PROGRAM]);
    running.until_event(|kind| matches!(kind, EventKind::StepStarted { .. }));
    (start, running)
}

fn open(start: &Start, name: &str) {
    std::fs::write(start.room.path().join(name), "go on").expect("somebody reads");
}

fn follows_every_stage(start: &Start, mut running: Running, place: &Place) {
    assert_eq!(place.three(), [503, 503, 200], "before ready");
    let body: serde_json::Value = serde_json::from_str(&place.get("/startup").body).expect("JSON");
    assert_eq!((&body["status"], &body["phase"]), (&"starting".into(), &"init".into()));
    assert!(place.get("/metrics").body.contains("\ntminus_ready 0\n"));
    open(start, "gate");
    place.becomes([200, 200, 200]);
    let metrics = place.get("/metrics");
    assert_eq!(metrics.status, 200);
    for line in ["\ntminus_ready 1\n", "\ntminus_phase_seconds{phase=\"init\"} "] {
        assert!(metrics.body.contains(line), "`{line}` is missing from:\n{}", metrics.body);
    }
    running.until_said("up");
    running.signal("TERM");
    place.becomes([200, 503, 200]);
    assert!(place.get("/ready").body.contains("\"stopping\""));
    open(start, "leave");
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn the_endpoints_follow_a_start_on_a_unix_socket() {
    let (start, running) = begin("unix:ROOM/admin.sock");
    let place = Place::Unix(start.room.path().join("admin.sock"));
    follows_every_stage(&start, running, &place);
}

#[test]
fn the_endpoints_follow_a_start_on_loopback() {
    let port = Port::reserve().expect("a port");
    let address = port.address();
    let (start, running) = begin(&address.to_string());
    let place = Place::Tcp(address);
    assert!(place.get("/ready").body.contains("secret-step"), "on loopback steps are named");
    assert!(place.get("/metrics").body.contains("secret-step"));
    follows_every_stage(&start, running, &place);
}

#[test]
fn beyond_loopback_bodies_hold_phase_status_and_elapsed_alone() {
    let port = Port::reserve().expect("a port");
    let (start, running) = begin(&format!("0.0.0.0:{}", port.number()));
    let place = Place::Tcp(port.address());
    for path in ["/startup", "/ready", "/live"] {
        let body: serde_json::Value = serde_json::from_str(&place.get(path).body).expect("JSON");
        let keys: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["elapsed_s", "phase", "status"], "{path}");
    }
    assert!(!place.get("/metrics").body.contains("secret-step"), "metrics name no step either");
    follows_every_stage(&start, running, &place);
}

#[test]
fn nothing_is_written_and_nothing_else_is_known() {
    let (start, running) = begin("unix:ROOM/admin.sock");
    let place = Place::Unix(start.room.path().join("admin.sock"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        for path in ["/startup", "/ready", "/live", "/metrics", "/stop"] {
            let answer = place.send(&format!("{method} {path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
            assert_eq!(answer.expect("it answers").status, 405, "{method} {path}");
        }
    }
    for path in ["/", "/ready/", "/READY", "/../ready", "/events", "/%2e%2e/metrics"] {
        assert_eq!(place.get(path).status, 404, "{path}");
    }
    assert_eq!(place.send("HEAD /live HTTP/1.1\r\n\r\n").expect("it answers").body, "");
    assert_eq!(place.three(), [503, 503, 200], "nothing of that has changed anything");
    open(&start, "gate");
    running.signal("TERM");
}

/// Whoever connects and says nothing, or says it slowly, keeps nobody waiting.
#[test]
fn a_slow_client_holds_nothing_up() {
    let (start, mut running) = begin("unix:ROOM/admin.sock");
    let path = start.room.path().join("admin.sock");
    let mut slow: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&path).expect("it listens")).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /re").expect("it listens");
    }
    let place = Place::Unix(path);
    assert_eq!(place.three(), [503, 503, 200]);
    open(&start, "gate");
    place.becomes([200, 200, 200]);
    running.until_said("up");
    running.signal("TERM");
    open(&start, "leave");
    assert_eq!(running.end().code, 0);
    for mut stream in slow {
        let mut answer = String::new();
        // It may have been closed on the way.
        let _ = stream.read_to_string(&mut answer);
        assert_eq!(answer, "", "half a request is not answered");
    }
}

#[test]
fn a_request_without_end_is_not_read_to_its_end() {
    let (start, running) = begin("unix:ROOM/admin.sock");
    let mut stream = UnixStream::connect(start.room.path().join("admin.sock")).expect("it listens");
    // Nobody takes all of it: the writing fails, or the answer comes before.
    let piece = [b'a'; 4096];
    let taken = (0..1024).take_while(|_| stream.write_all(&piece).is_ok()).count();
    assert!(taken < 1024, "4 MiB were taken");
    open(&start, "gate");
    running.signal("TERM");
}

#[test]
fn a_place_that_is_taken_is_a_warning() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    for listen in [address.as_str(), "unix:/no/such/directory/admin.sock"] {
        let plan = format!(
            "[admin]\nlisten = \"{listen}\"\n\
             [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n"
        );
        let ended = Start::with_plan(&plan).run(&["sh", "-c", "exit 4"]);
        assert_eq!(ended.code, 4, "{}", ended.err);
        ended.says(&[&format!("tminus: warning: the admin endpoints cannot listen at {listen}: ")]);
    }
}

/// The socket of a tminus that was killed is in nobody's way; a file that is none is left alone.
#[test]
fn a_stale_socket_is_replaced_and_a_file_is_not() {
    let start = start("unix:ROOM/admin.sock");
    drop(std::os::unix::net::UnixListener::bind(start.room.path().join("admin.sock")).expect("a socket"));
    start.room.put("gate", "");
    let ended = start.run(&["true"]);
    assert!(ended.code == 0 && !ended.err.contains("warning"), "{}", ended.err);
    std::fs::remove_file(start.room.path().join("admin.sock")).expect("ours was there");
    start.room.put("admin.sock", "precious");
    let ended = start.run(&["true"]);
    assert_eq!(ended.code, 0);
    ended.says(&["warning: the admin endpoints cannot listen at unix:/"]);
    assert_eq!(std::fs::read(start.room.path().join("admin.sock")).expect("it is there"), b"precious");
}

/// Sockets that a process listens on, as the kernel lists them.
fn listening(pid: u32) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let inodes: Vec<String> = descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tcp = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
    // State 0A is LISTEN; the inode is column ten.
    let tcp = tcp.iter().flat_map(|text| text.lines()).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns.get(3) == Some(&"0A")).then(|| columns.get(9).map(|inode| (*inode).to_owned())).flatten()
    });
    let unix = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    // Flag 10000 is "accepts connections"; the inode is column seven.
    let unix = unix.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns.get(3) == Some(&"00010000")).then(|| columns.get(6).map(|inode| (*inode).to_owned())).flatten()
    });
    tcp.chain(unix).filter(|inode| inodes.contains(inode)).count()
}

#[test]
fn nothing_listens_unless_the_plan_says_so() {
    let (start, running) = begin("");
    assert_eq!(listening(running.pid()), 0);
    open(&start, "gate");
    running.signal("TERM");
    drop(running);
    let (start, running) = begin("unix:ROOM/admin.sock");
    assert_eq!(listening(running.pid()), 1, "the look itself works");
    open(&start, "gate");
    running.signal("TERM");
}
