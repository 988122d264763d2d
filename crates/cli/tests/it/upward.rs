//! Under a supervisor such as systemd: what is said upward, and sockets that are passed down.

use crate::start::{Start, probing};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;
use tminus_core::event::{EventKind, Passage};
use tminus_rehearse::lab::Port;

/// What a supervisor hears, on a socket of the test's own.
struct Supervisor {
    socket: UnixDatagram,
    heard: Vec<String>,
}

/// Sends datagrams to the program's NOTIFY_SOCKET; `TELL` of the environment is a Python expression
/// of a list, in which a number is how long a line of standard input is waited for.
const TELL: &str = r#"
import os, socket, sys, time
to = os.environ["NOTIFY_SOCKET"]
to = "\0" + to[1:] if to[0] == "@" else to
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(to)
for text in sys.argv[1:]:
    s.send(text.encode().decode("unicode_escape").encode())
print("told", file=sys.stderr, flush=True)
"#;

impl Supervisor {
    fn listen(start: Start) -> (Supervisor, Start) {
        let path = start.room.path().join("above");
        let socket = UnixDatagram::bind(&path).expect("a socket in the room");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        start.room.put("tell.py", TELL);
        let start = start.env("NOTIFY_SOCKET", path.to_str().expect("a plain path"));
        (Supervisor { socket, heard: Vec::new() }, start)
    }

    fn hear(&mut self) -> String {
        let mut room = [0; 4096];
        let length = self.socket.recv(&mut room).unwrap_or_else(|error| panic!("{error}; heard {:#?}", self.heard));
        let text = String::from_utf8(room[..length].to_vec()).expect("UTF-8");
        assert!(!text.is_empty(), "an empty message after {:#?}", self.heard);
        self.heard.push(text.clone());
        text
    }

    fn until(&mut self, line: &str) {
        while !self.hear().lines().any(|heard| heard == line) {}
    }

    /// Everything that was said, when nobody is there any more to say something.
    fn all(mut self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("it can be");
        let mut room = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut room) {
            self.heard.push(String::from_utf8(room[..length].to_vec()).expect("UTF-8"));
        }
        self.heard.iter().flat_map(|message| message.lines().map(str::to_owned)).collect()
    }
}

fn count(lines: &[String], line: &str) -> usize {
    lines.iter().filter(|heard| *heard == line).count()
}

const READY_PLAN: &str = "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
                          [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n\
                          [[phase]]\nname = \"finalize\"\n[[phase.step]]\nname = \"golden-path\"\n\
                          exec = [\"sh\", \"-c\", \"cat gate\"]\n";

#[test]
fn with_a_plan_ready_goes_up_when_every_phase_has_passed_and_not_before() {
    let (mut above, start) = Supervisor::listen(Start::with_plan(READY_PLAN));
    let gate = start.room.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo runs").success());
    let mut running = start.begin(&[
        "sh",
        "-c",
        "python3 tell.py 'STATUS=loading 1 of 2' 'EXTEND_TIMEOUT_USEC=5000000' 'READY=1' 'STATUS=serving'; \
         trap 'python3 tell.py STOPPING=1; exit 0' TERM; echo up >&2; while :; do sleep 0.05; done",
    ]);
    running.until_said("up");
    for line in ["STATUS=loading 1 of 2", "EXTEND_TIMEOUT_USEC=5000000", "STATUS=serving"] {
        above.until(line);
    }
    // The last phase waits for the gate: the program's own READY has been passed over.
    running.until_event(|kind| matches!(kind, EventKind::PhaseStarted { phase } if phase == "finalize"));
    assert!(!above.heard.iter().any(|heard| heard.contains("READY=1")), "{:#?}", above.heard);
    std::fs::write(&gate, "open").expect("the last phase reads");
    above.until("READY=1");
    assert!(!above.heard.iter().any(|heard| heard.contains("STOPPING=1")), "{:#?}", above.heard);
    running.signal("TERM");
    above.until("STOPPING=1");
    // Twice is once.
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let all = above.all();
    for line in ["READY=1", "STOPPING=1", "STATUS=serving", "EXTEND_TIMEOUT_USEC=5000000"] {
        assert_eq!(count(&all, line), 1, "{line}: {all:#?}");
    }
}

#[test]
fn without_a_plan_the_programs_word_is_passed_on_once() {
    let (mut above, start) = Supervisor::listen(Start::new());
    let program = "echo \"$NOTIFY_SOCKET\"; python3 tell.py 'READY=1' 'READY=1\\nSTATUS=serving' 'STATUS=serving' \
                   'RELOADING=1' 'WATCHDOG=1' 'X_OWN=1'; python3 tell.py 'STOPPING=1\\nERRNO=5' 'STOPPING=1'; exit 4";
    let ended = start.run(&["sh", "-c", program]);
    assert_eq!(ended.code, 4, "{}", ended.err);
    above.until("READY=1");
    let all = above.all();
    assert_eq!(all, ["READY=1", "STATUS=serving", "STOPPING=1", "ERRNO=5"]);
    assert!(!ended.out.trim().is_empty(), "the program has a socket to speak to");
    assert!(!ended.out.contains("above"), "and it is not ours: {}", ended.out);
}

/// A child that sends READY alone made an empty datagram go up, which says nothing.
#[test]
fn nothing_is_sent_upward_that_says_nothing() {
    let (above, start) = Supervisor::listen(Start::with_plan(
        "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
         [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n",
    ));
    let mut above = above;
    let running = start.begin(&["sh", "-c", "python3 tell.py READY=1; exec sleep 600"]);
    above.until("READY=1");
    running.signal("TERM");
    above.until("STOPPING=1");
    let ended = running.end();
    assert_eq!(above.heard, ["READY=1", "STOPPING=1"], "{}", ended.err);
}

#[test]
fn a_start_that_is_told_to_stop_while_it_waits_says_so_upward() {
    let (mut above, start) = Supervisor::listen(Start::with_plan(&probing("tcp://127.0.0.1:1", "60s")));
    let mut running = start.begin(&["true"]);
    running.until_event(|kind| matches!(kind, EventKind::LayerStarted { .. }));
    running.signal("TERM");
    above.until("STOPPING=1");
    assert_eq!(running.end().code, 143);
    assert_eq!(above.all(), ["STOPPING=1"]);
}

#[test]
fn what_is_waited_for_goes_up_as_status_and_is_taken_back_at_ready() {
    let port = Port::reserve().expect("a port");
    let address = port.address();
    let (mut above, start) = Supervisor::listen(Start::with_plan(&probing(&format!("tcp://{address}"), "60s")));
    let running = start.begin(&["sh", "-c", "exec sleep 600"]);
    // The announcement comes after ten seconds.
    above.until("STATUS=waiting for orders-db");
    let _listener = std::net::TcpListener::bind(address).expect("nobody else took it");
    above.until("READY=1");
    assert!(above.heard.iter().any(|heard| heard.lines().any(|line| line == "STATUS=ready")), "{:#?}", above.heard);
    running.signal("TERM");
    running.end();
}

#[test]
fn a_supervisor_that_does_not_listen_changes_nothing() {
    for address in ["/nowhere/at/all", "vsock:2:1", "@nobody-listens-here"] {
        let ended = Start::new().env("NOTIFY_SOCKET", address).run(&["sh", "-c", "exit 6"]);
        assert_eq!(ended.code, 6, "{address}: {}", ended.err);
    }
}

/// As systemd starts a service with one socket: descriptor 3, LISTEN_FDS, and LISTEN_PID for the
/// process that it executes, which is tminus.
fn with_a_socket(wrapper: &str) -> Command {
    let program = "import os, socket, sys\n\
                   assert os.environ['LISTEN_PID'] == str(os.getpid()), (os.environ['LISTEN_PID'], os.getpid())\n\
                   assert os.environ['LISTEN_FDS'] == '1' and os.environ['LISTEN_FDNAMES'] == 'web'\n\
                   s = socket.socket(fileno=3)\n\
                   print(s.getsockname()[1], flush=True)\n\
                   c, _ = s.accept(); c.sendall(b'hello'); c.close()\n";
    let pass = "import os, socket, sys\n\
                s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n\
                fd = s.detach()\n\
                os.dup2(fd, 3); os.set_inheritable(3, True)\n\
                os.environ.update(LISTEN_FDS='1', LISTEN_FDNAMES='web', LISTEN_PID=eval(sys.argv[1]))\n\
                os.execv(sys.argv[2], sys.argv[2:])\n";
    let mut command = Command::new("python3");
    command.args(["-c", pass, wrapper, env!("CARGO_BIN_EXE_tminus-run"), "run", "--", "python3", "-c", program]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn sockets_that_were_passed_to_us_are_the_programs() {
    use std::io::{BufRead, BufReader, Read};
    let mut child = with_a_socket("str(os.getpid())").spawn().expect("python3 runs");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut port = String::new();
    out.read_line(&mut port).expect("it can be read");
    let Ok(port) = port.trim().parse::<u16>() else {
        let output = child.wait_with_output().expect("it ends");
        panic!("no port: {}", String::from_utf8_lossy(&output.stderr));
    };
    let mut answer = String::new();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.read_to_string(&mut answer).expect("it answers");
    assert_eq!(answer, "hello");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn sockets_that_were_passed_to_somebody_else_are_not_claimed() {
    let output = with_a_socket("'1'").output().expect("python3 runs");
    assert_eq!(output.status.code(), Some(1), "the program was told of sockets that are not its own");
    assert!(String::from_utf8_lossy(&output.stderr).contains("('1', "), "{output:?}");
}

#[test]
fn the_program_is_ready_in_the_events_too() {
    let (_above, start) = Supervisor::listen(Start::with_plan(
        "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n\
         [[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n",
    ));
    let ended = start.run(&["sh", "-c", "python3 tell.py READY=1; exec sleep 0.3"]);
    assert_eq!(ended.step("ready"), (Passage::Passed, None), "{}", ended.err);
}
