//! A start under test: plan, environment, program, and what came of it.

use crate::room::Room;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use tminus_core::event::{Event, EventKind, Passage};

/// What `tminus run` is given.
pub struct Start {
    pub room: Room,
    environment: BTreeMap<String, String>,
    flags: Vec<String>,
    events: String,
    before: Vec<String>,
}

/// What a start left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub events: Vec<Event>,
}

/// A start that is still running; killed when dropped.
pub struct Running {
    child: Child,
    err: BufReader<std::process::ChildStderr>,
    said: String,
    events: std::path::PathBuf,
}

impl Start {
    /// A start without a plan.
    pub fn new() -> Start {
        let path = std::env::var("PATH").expect("a PATH");
        Start {
            room: Room::new(),
            environment: BTreeMap::from([("PATH".into(), path)]),
            flags: Vec::new(),
            events: "events.ndjson".into(),
            before: Vec::new(),
        }
    }

    /// A start with a plan; `body` follows the service's table.
    pub fn with_plan(body: &str) -> Start {
        let start = Start::new();
        start.room.put("tminus.toml", format!("version = 1\n[service]\nname = \"orders\"\n{body}"));
        start
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Start {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub fn flag(mut self, flag: &str) -> Start {
        self.flags.push(flag.into());
        self
    }

    /// Where events are written to.
    pub fn events_at(mut self, path: &str) -> Start {
        self.events = path.into();
        self
    }

    /// Puts a command in front, which executes what follows it.
    pub fn behind(mut self, words: &[&str]) -> Start {
        self.before = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    fn command(&self, program: &[&str]) -> Command {
        let slim = env!("CARGO_BIN_EXE_tminus-run");
        let mut command = Command::new(self.before.first().map_or(slim, String::as_str));
        if let [_, rest @ ..] = self.before.as_slice() {
            command.args(rest).arg(slim);
        }
        command.env_clear().envs(&self.environment).current_dir(self.room.path());
        command.args(["run", "--seed", "7", "--events", &self.events]).args(&self.flags).arg("--").args(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, program: &[&str]) -> Ended {
        let output = self.command(program).output().expect("the binary runs");
        Ended {
            code: output.status.code().expect("tminus itself was not killed"),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            events: self.events(),
        }
    }

    /// Begins it.
    pub fn begin(&self, program: &[&str]) -> Running {
        let mut child = self.command(program).spawn().expect("the binary runs");
        let err = BufReader::new(child.stderr.take().expect("it is piped"));
        Running { child, err, said: String::new(), events: self.room.path().join(&self.events) }
    }

    fn events(&self) -> Vec<Event> {
        read_events(&self.room.path().join(&self.events))
    }
}

fn read_events(path: &std::path::Path) -> Vec<Event> {
    // A device that was named for them has no end.
    let is_file = std::fs::metadata(path).is_ok_and(|data| data.is_file());
    let text = if is_file { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    // The last line may be half written while the start runs.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads what it says until a line contains `text`.
    #[track_caller]
    pub fn until_said(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let read = self.err.read_line(&mut line).expect("standard error can be read");
            assert!(read > 0, "it ended without saying `{text}`:\n{}", self.said);
            self.said += &line;
            if line.contains(text) {
                return;
            }
        }
    }

    /// Waits until an event is there that `wanted` accepts.
    #[track_caller]
    pub fn until_event(&mut self, wanted: impl Fn(&EventKind) -> bool) -> Event {
        loop {
            if let Some(event) = read_events(&self.events).into_iter().find(|event| wanted(&event.kind)) {
                return event;
            }
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "it ended ({ended:?}) before that was seen: {:#?}", read_events(&self.events));
            std::thread::yield_now();
        }
    }

    /// Sends a signal to tminus.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -s {signal} {}", self.pid())]).status();
        assert!(status.expect("a shell runs").success());
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        self.err.read_to_string(&mut self.said).expect("standard error can be read");
        let mut out = String::new();
        if let Some(stdout) = &mut self.child.stdout {
            stdout.read_to_string(&mut out).expect("standard output can be read");
        }
        let status = self.child.wait().expect("it can be waited for");
        Ended {
            code: status.code().expect("tminus itself was not killed"),
            out,
            err: std::mem::take(&mut self.said),
            events: read_events(&self.events),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Outcome and code of a step.
    #[track_caller]
    pub fn step(&self, name: &str) -> (Passage, Option<String>) {
        let found = self.events.iter().find_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome, code, .. } if step == name => Some((*outcome, code.clone())),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("step {name} did not finish:\n{}\n{:#?}", self.err, self.events))
    }

    /// Whether the child was ever started.
    pub fn spawned(&self) -> bool {
        self.events.iter().any(|event| matches!(event.kind, EventKind::ChildSpawned { .. }))
    }

    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing from:\n{}", self.err);
        }
    }
}

/// One phase that probes `url`, then the child.
pub fn probing(url: &str, deadline: &str) -> String {
    format!(
        "[budget]\nplatform = \"plain\"\n[[phase]]\nname = \"database\"\ndeadline = \"{deadline}\"\n\
         [[phase.step]]\nname = \"orders-db\"\nprobe = \"{url}\"\n\
         [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n"
    )
}
