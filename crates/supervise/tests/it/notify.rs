//! Messages of children, as real programs send them.

use crate::process::{Running, example};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Starts a command with a notification socket; what comes is printed by the scene.
fn listen(command: &[&str]) -> Running {
    Running::start(Command::new(example("scenes")).arg("notify").args(command))
}

fn shell(script: &str) -> Running {
    listen(&["sh", "-c", script])
}

/// Sends one datagram from a process that has nothing but the socket's name, with `count` descriptors.
const SEND: &str = r#"
import os, socket, sys
address = os.environ["NOTIFY_SOCKET"]
address = "\0" + address[1:] if address[0] == "@" else address
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
text, count = sys.argv[1].encode().decode("unicode_escape").encode(), int(sys.argv[2])
read, write = os.pipe()
sender.connect(address)
socket.send_fds(sender, [text], [write] * count) if count else sender.send(text)
if count:
    os.close(write)
    print("closed" if os.read(read, 1) == b"" else "?", flush=True)
"#;

#[test]
fn what_systemd_notify_sends_is_heard() {
    if !installed("systemd-notify") || !installed("python3") {
        println!("not tested: systemd-notify and python3 are not both installed");
        return;
    }
    // It waits for the answer to its barrier: without one it would fail.
    let script = "systemd-notify --status='loading 3 of 5' && systemd-notify --ready && systemd-notify STOPPING=1 EXTEND_TIMEOUT_USEC=2500000 && exit 3";
    let mut running = shell(script);
    let nothing = "ready: false, reloading: false, stopping: false";
    running
        .expect(&format!("Message {{ {nothing}, status: Some(\"loading 3 of 5\"), extend: None, errno: None }}"))
        .unwrap();
    assert!(running.line().unwrap().starts_with("Message { ready: true, "));
    assert!(running.line().unwrap().contains("stopping: true, status: None, extend: Some(2.5s)"));
    assert!(running.line().unwrap().starts_with("exit 3, "));
}

/// A child that said READY and ended at once was taken for one that never was: its end was looked at
/// first.
#[test]
fn what_a_child_says_before_it_ends_comes_before_its_end() {
    if !installed("python3") {
        println!("not tested: python3 is not installed");
        return;
    }
    let command = ["last-words", "python3", "-c", SEND, "READY=1", "0"];
    let status = Command::new(example("scenes")).args(command).status().unwrap();
    assert!(status.success());
}

#[test]
fn descriptors_that_come_along_are_closed() {
    if !installed("python3") {
        println!("not tested: python3 is not installed");
        return;
    }
    let descriptors = |mut running: Running, lines: &[&str]| {
        for line in lines {
            running.expect(line).unwrap();
        }
        running.line().unwrap()
    };
    let none = descriptors(listen(&["python3", "-c", SEND, "X=1", "0"]), &[]);
    // The barrier is answered by closing; 253 is as many as one datagram can carry.
    assert_eq!(descriptors(listen(&["python3", "-c", SEND, "BARRIER=1", "1"]), &["closed"]), none);
    assert_eq!(descriptors(listen(&["python3", "-c", SEND, "FDSTORE=1", "253"]), &["closed"]), none);
}

#[test]
fn strangers_are_not_believed_and_descendants_of_another_user_are() {
    if !installed("python3") || !installed("setpriv") || !rustix::process::getuid().is_root() {
        println!("not tested: needs root, python3 and setpriv");
        return;
    }
    // The program must be readable by another user.
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("send.py");
    std::fs::write(&program, SEND).unwrap();
    let python = "PATH=/usr/local/bin:/usr/bin:/bin";
    let as_other = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups env {python} python3 {} READY=1 0",
        program.display()
    );
    // In our own tree: believed, whoever it is.
    let mut running = shell(&format!("{as_other}; exit 4"));
    assert!(running.line().unwrap().starts_with("Message { ready: true"));
    assert!(running.line().unwrap().starts_with("exit 4"));
    // From outside it: not.
    let mut running = shell("echo $NOTIFY_SOCKET; read line; exit 5");
    let address = running.line().unwrap();
    let status = Command::new("sh").args(["-c", &as_other]).env("NOTIFY_SOCKET", &address).status().unwrap();
    assert!(status.success());
    running.write("\n");
    assert!(running.line().unwrap().starts_with("exit 5"));
}

#[test]
fn our_own_user_is_believed_from_anywhere() {
    if !installed("python3") {
        println!("not tested: python3 is not installed");
        return;
    }
    let mut running = shell("echo $NOTIFY_SOCKET; read line; exit 5");
    let address = running.line().unwrap();
    let status = Command::new("python3")
        .args(["-c", SEND, "ERRNO=5\\nSTATUS=x", "0"])
        .env("NOTIFY_SOCKET", &address)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(running.line().unwrap().ends_with("status: Some(\"x\"), extend: None, errno: Some(5) }"));
}
