//! The terminal and job control, on a real pseudo-terminal with a real session.

use crate::plain;
use crate::process::{PATIENCE, descendants, signal};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A session of its own on a terminal of its own; everything in it is killed at the end.
struct Session {
    child: Child,
    terminal: File,
    pieces: Receiver<Vec<u8>>,
    seen: String,
}

impl Session {
    /// Starts a command as the leader of the session.
    fn start(command: &[&str]) -> Session {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave: OwnedFd = open(name.as_c_str(), flags, Mode::empty()).unwrap();
        let mut modes = tcgetattr(&slave).unwrap();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
        let mut setsid = Command::new("setsid");
        setsid.arg("--ctty").args(command).env("PS1", "$ ");
        setsid.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = setsid.spawn().unwrap();
        drop(setsid);
        let terminal = File::from(master);
        let mut reader = terminal.try_clone().unwrap();
        let (sender, pieces) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal without anybody on it is an error, not an end.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Session { child, terminal, pieces, seen: String::new() }
    }

    fn write(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this text comes, and forgets everything up to it.
    fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("`{text}` did not come after: {}", self.seen),
            }
        }
    }

    fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut all = descendants(self.child.id());
        all.push(self.child.id());
        if matches!(self.child.try_wait(), Ok(None)) {
            all.into_iter().for_each(|pid| signal(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// The supervisor leads the session, as PID 1 of a container with a terminal does.
fn leading(script: &str) -> Session {
    let words = plain(&[]);
    Session::start(&[&words[0], "sh", "-c", script])
}

#[test]
fn the_child_is_the_foreground_and_reads_the_terminal() {
    let mut session =
        leading("test $(cut -d' ' -f8 /proc/$$/stat) = $$ && echo foreground; read line; echo \"got $line\"; exit 6");
    session.expect("foreground");
    session.write("a line\n");
    session.expect("got a line");
    assert_eq!(session.code(), Some(6));
}

#[test]
fn control_c_interrupts_the_child_once() {
    let mut session = leading("n=0; trap 'n=$((n+1)); echo int $n' INT; echo ready; read a; read b; exit $n");
    session.expect("ready");
    session.write("\x03");
    session.expect("int 1");
    session.write("x\ny\n");
    assert_eq!(session.code(), Some(1));
}

#[test]
fn the_child_learns_of_another_window_size() {
    let mut session = leading("trap 'echo winch' WINCH; echo ready; while :; do read line; done");
    session.expect("ready");
    tcsetwinsize(&session.terminal, Winsize { ws_row: 33, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    session.expect("winch");
}

#[test]
fn control_z_does_not_stop_for_ever_where_no_shell_could_continue() {
    let mut session = leading("echo ready; read line; echo \"got $line\"; exit 7");
    session.expect("ready");
    session.write("\x1a");
    session.write("again\n");
    session.expect("got again");
    assert_eq!(session.code(), Some(7));
}

#[test]
fn a_shell_stops_and_continues_the_job() {
    let mut session = Session::start(&["bash", "--norc", "--noprofile", "-i"]);
    session.write("set -m; bind 'set enable-bracketed-paste off' 2>/dev/null; stty -echo\n");
    session.write(&format!(
        "{} sh -c 'echo rea''dy; read line; echo \"got $line\"; read line; echo \"and $line\"; exit 8'\n",
        plain(&[])[0]
    ));
    session.expect("ready");
    session.write("\x1a");
    session.expect("Stopped");
    session.write("echo the shell; jobs\n");
    session.expect("the shell");
    session.expect("Stopped");
    session.write("fg; echo code $?\n");
    session.expect("read line");
    session.write("one\n");
    session.expect("got one");
    session.write("\x1a");
    session.expect("Stopped");
    session.write("fg; echo code $?\n");
    session.expect("read line");
    session.write("two\n");
    session.expect("and two");
    session.expect("code 8");
}

#[test]
fn in_the_background_the_terminal_is_left_alone_until_fg() {
    let mut session = Session::start(&["bash", "--norc", "--noprofile", "-i"]);
    session.write("set -m; bind 'set enable-bracketed-paste off' 2>/dev/null; stty -echo\n");
    session.write(&format!("{} sh -c 'echo rea''dy; read line; echo \"got $line\"; exit 9' &\n", plain(&[])[0]));
    session.expect("ready");
    session.write("echo still the shell\n");
    session.expect("still the shell");
    session.write("fg; echo code $?\n");
    session.expect("read line");
    session.write("mine\n");
    session.expect("got mine");
    session.expect("code 9");
}
