//! Output byte for byte, into everything that a standard stream can be.

use crate::children::play;
use crate::plain;
use crate::process::{Running, example, run, signal, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Bytes that repeat at no size that matters to pipes, in lines of many lengths.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()
    };
    std::iter::repeat_with(next).flatten().take(count).collect()
}

/// A file with 100 MB, and its content.
fn big(directory: &Path) -> (String, Vec<u8>) {
    let (path, content) = (directory.join("big"), bytes(100_000_000));
    fs::write(&path, &content).unwrap();
    (path.to_str().unwrap().to_owned(), content)
}

fn tee(command: &[&str]) -> Command {
    let words = plain(&["--tee"]);
    let mut built = Command::new(&words[0]);
    built.args(&words[1..]).args(command).stdin(Stdio::null());
    built
}

fn assert_same(found: &[u8], expected: &[u8]) {
    let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
    assert_eq!((found.len(), differs), (expected.len(), None));
}

#[test]
fn a_hundred_megabytes_pass_byte_for_byte_whatever_the_target_is() {
    let directory = tempfile::tempdir().unwrap();
    let (path, content) = big(directory.path());
    // A pipe, written at once and in small pieces.
    assert_same(&run(&mut tee(&["cat", &path]), b"").1, &content);
    let (_, pieces) = run(&mut tee(&["dd", &format!("if={path}"), "bs=100", "count=50000", "status=none"]), b"");
    assert_same(&pieces, &content[..5_000_000]);
    // A file, one opened for appending, and none.
    let target = directory.path().join("target");
    for append in [false, true] {
        let file = OpenOptions::new().create(true).write(true).append(append).open(&target).unwrap();
        assert!(tee(&["cat", &path]).stdout(file).status().unwrap().success());
        assert_same(&fs::read(&target).unwrap(), &content);
        fs::remove_file(&target).unwrap();
    }
    assert!(tee(&["cat", &path]).stdout(Stdio::null()).status().unwrap().success());
    // A socket.
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = tee(&["cat", &path]).stdout(OwnedFd::from(theirs)).spawn().unwrap();
    assert_same(&all_of(ours), &content);
    assert!(child.wait().unwrap().success());
}

fn all_of(mut from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn both_streams_into_one_file_keep_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("both");
    let script = "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let expected: String = (0..2000).map(|number| format!("out {number}\nerr {number}\n")).collect();
    for append in [false, true] {
        let file = OpenOptions::new().create(true).append(append).write(true).open(&path).unwrap();
        let status = tee(&["sh", "-c", script]).stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        assert!(status.success());
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn streams_that_differ_stay_apart() {
    let ended = tee(&["sh", "-c", "echo out; echo err >&2; seq 1 100000; seq 1 100000 >&2"]).output().unwrap();
    let numbers: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), format!("out\n{numbers}"));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), format!("err\n{numbers}"));
}

#[test]
fn a_reader_that_does_not_read_delays_the_child_and_no_signal() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    // Blocked in a write, it does nothing about a TERM: only the kill ends it.
    let mut child = tee(&["--kill-on", "HUP", "sh", "-c", "trap '' TERM; yes"]).stdout(write).spawn().unwrap();
    let full = || rustix::io::ioctl_fionread(&read).unwrap() >= 60_000;
    until("the pipe to be full", full).unwrap();
    signal(child.id(), Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(137));
    drop(read);
}

#[test]
fn the_child_is_told_when_nobody_reads_any_more() {
    // As without a supervisor: SIGPIPE ends `yes`, and also one that writes seldom.
    for script in ["exec yes", "echo first; read line; while echo again; do :; done; exit 9"] {
        let mut child = tee(&["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 2]).unwrap();
        drop(stdout);
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(141), "{script}");
    }
}

#[test]
fn a_full_disk_loses_bytes_and_not_the_child() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = tee(&["sh", "-c", "seq 1 100000; exit 7"]).stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(7));
}

#[test]
fn head_tail_and_marked_lines_are_kept() {
    play("kept");
}

#[test]
fn an_ending_that_a_grandchild_holds_up_is_told() {
    let mut running = Running::start(Command::new(example("scenes")).arg("held"));
    running.expect("one").unwrap();
    assert_eq!(running.code(), Ok(0));
}

#[test]
fn plain_does_not_wait_for_a_daemon_that_holds_its_output() {
    let mut running = Running::start(&mut tee(&["sh", "-c", "echo out; sleep 1000 & echo $!; exit 3"]));
    running.expect("out").unwrap();
    let daemon: u32 = running.line().unwrap().parse().unwrap();
    let code = running.code();
    signal(daemon, Signal::KILL);
    assert_eq!(code, Ok(3));
}

#[test]
fn the_awaited_line_is_told() {
    play("watch");
}

#[test]
fn a_gate_that_cannot_keep_up_costs_lines_and_not_bytes() {
    play("slow-gate");
}

#[test]
fn a_gate_that_fails_ends_the_looking_and_nothing_else() {
    play("bad-gate");
}

#[test]
fn own_lines_stand_only_between_lines() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut both = tempfile::tempfile().unwrap();
    // Opened for both, so that neither side waits for the other.
    let input = File::options().read(true).write(true).open(&fifo).unwrap();
    let mut scene = Command::new(example("scenes"));
    scene.arg("voice").env("GO_ON", &fifo).stdin(input);
    let status = scene.stdout(both.try_clone().unwrap()).stderr(both.try_clone().unwrap()).status().unwrap();
    both.rewind().unwrap();
    let text = String::from_utf8(all_of(both)).unwrap();
    assert!(status.success(), "{text}");
    assert_eq!(text, "own before\na line in two parts\nown between\nan unfinished\nown\nafter\n");
}

#[test]
fn own_lines_stand_only_between_lines_while_much_is_written() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let command = [
        "--say",
        "own line",
        "sh",
        "-c",
        "trap '' USR1; kill -USR1 $PPID; seq 1 200000; kill -USR1 $PPID; seq 1 200000; kill -USR1 $PPID; seq 1 20",
    ];
    let mut child = tee(&command).stdout(write.try_clone().unwrap()).stderr(write).spawn().unwrap();
    let reader = thread::spawn(move || all_of(File::from(read)));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = String::from_utf8(reader.join().unwrap()).unwrap();
    let (own, childs): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| *line == "own line");
    assert!(!own.is_empty());
    let numbers = |last: usize| (1..=last).map(|number| number.to_string());
    assert!(childs.into_iter().map(str::to_owned).eq(numbers(200_000).chain(numbers(200_000)).chain(numbers(20))));
}

#[test]
fn an_unprivileged_user_on_a_read_only_file_system_needs_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("plain");
    fs::copy(example("plain"), &program).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let child = r#"case "$NOTIFY_SOCKET" in @*) ;; *) exit 1;; esac; touch /written 2>/dev/null && exit 2; seq 1 50000; exit 12"#;
    let script =
        format!("mount -o remount,bind,ro / && exec {nobody} {} --tee --notify sh -c '{child}'", program.display(),);
    let possible = Command::new("unshare")
        .args(["--mount", "sh", "-c", &format!("mount -o remount,bind,ro / && {nobody} true")])
        .output();
    if !possible.is_ok_and(|tried| tried.status.success()) {
        println!("not tested: needs root, unshare and setpriv");
        return;
    }
    let (code, output) = run(Command::new("unshare").args(["--mount", "sh", "-c", &script]), b"");
    assert_eq!((code, output.len()), (Some(12), 288_894));
}
