//! What a child gets, and why it did not run.

use crate::plain;
use crate::process::{Running, processes, signal, until};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code and what was said about it.
fn refused(command: &[&str], path: &str) -> (Option<i32>, String) {
    let words = plain(&[]);
    let ended = Command::new(&words[0]).args(command).env("PATH", path).stdin(Stdio::null()).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

fn executable(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn each_reason_is_told_with_its_code() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    executable(&at("no-shebang"), b"echo hello\n");
    executable(&at("crlf"), b"#!/bin/sh\r\necho hello\r\n");
    executable(&at("no-interpreter"), b"#!/opt/none/python3 -u\n");
    executable(&at("bad-interpreter"), b"#!/etc/passwd\n");
    executable(&at("bom"), b"\xef\xbb\xbf#!/bin/sh\n");
    executable(&at("empty"), b"");
    fs::write(at("no-mode"), b"#!/bin/sh\n").unwrap();
    fs::create_dir(at("directory")).unwrap();
    // A program for the other of the two architectures, with a header that is otherwise right.
    let mut elf = fs::read("/bin/sh").unwrap();
    elf[18] = if elf[18] == 62 { 183 } else { 62 };
    executable(&at("foreign"), &elf);
    let loaderless = replaced(&fs::read("/bin/sh").unwrap(), b"/lib", b"/lob");
    executable(&at("no-loader"), &loaderless);
    let cases = [
        ("no-shebang", 126, "it is a script without a `#!` line"),
        ("crlf", 126, "carriage return, so that `/bin/sh\\r` is not found"),
        ("no-interpreter", 126, "its interpreter `/opt/none/python3` is not there"),
        ("bad-interpreter", 126, "its interpreter `/etc/passwd` may not be executed"),
        ("bom", 126, "a byte order mark"),
        ("empty", 126, "it is empty"),
        ("no-mode", 126, "its mode is 644; `chmod +x` is missing"),
        ("directory", 126, "it is a directory"),
        ("foreign", 126, "it is built for"),
        ("no-loader", 126, "its interpreter `/lob"),
        ("missing", 127, "no such file"),
    ];
    for (name, code, text) in cases {
        let path = at(name);
        let (found, said) = refused(&[path.to_str().unwrap()], "/bin");
        assert_eq!(found, Some(code), "{name}: {said}");
        assert!(said.contains(text) && said.contains(path.to_str().unwrap()), "{name}: {said}");
    }
    let (code, said) = refused(&["directory"], directory.path().to_str().unwrap());
    assert_eq!(code, Some(127), "a directory of that name in PATH is no program: {said}");
    let (code, said) = refused(&["no-shebang"], &format!("/none:{}", directory.path().display()));
    assert_eq!(code, Some(126), "{said}");
}

fn replaced(bytes: &[u8], from: &[u8; 4], to: &[u8; 4]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let head = bytes.len().min(4096) - 4;
    let at = (0..head).find(|at| bytes[*at..*at + 4] == from[..]).unwrap();
    bytes[at..at + 4].copy_from_slice(to);
    bytes
}

#[test]
fn a_later_directory_of_path_is_found_past_one_that_does_not_fit() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    fs::create_dir_all(&first).unwrap();
    fs::create_dir_all(&second).unwrap();
    fs::write(first.join("tool"), "#!/bin/sh\nexit 1\n").unwrap();
    executable(&second.join("tool"), b"#!/bin/sh\nexit 33\n");
    let path = format!("{}:{}:/bin", first.display(), second.display());
    assert_eq!(refused(&["tool"], &path).0, Some(33));
}

#[test]
fn nothing_named_is_not_found() {
    assert_eq!(refused(&[], "/bin").0, Some(127));
    assert_eq!(refused(&[""], "/bin").0, Some(127));
}

#[test]
fn the_child_leads_a_group_of_its_own_and_can_be_killed_with_it() {
    let mut command = Command::new(&plain(&[])[0]);
    // Both the child and its worker ignore what can be ignored.
    let script = "trap '' TERM HUP INT; sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & \
                  echo $! $(cut -d' ' -f5 /proc/$$/stat) $$; while :; do wait; done";
    command.args(["--kill-on", "USR1", "sh", "-c", script]);
    let mut running = Running::start(&mut command);
    let line = running.line().unwrap();
    let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    let [worker, group, child] = numbers[..] else { panic!("{line}") };
    assert_eq!(group, child);
    signal(running.pid(), Signal::TERM);
    signal(running.pid(), Signal::USR1);
    assert_eq!(running.code(), Ok(137));
    until("the worker to be killed", || !alive(worker)).unwrap();
}

fn alive(pid: u32) -> bool {
    processes().get(&pid).is_some_and(|(state, _)| *state != 'Z')
}
