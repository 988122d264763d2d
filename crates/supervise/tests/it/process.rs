//! Processes of a test: started, talked to, and ended whatever happens.

use rustix::process::{Pid, Signal, kill_process};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static LIMIT: Cell<Duration> = const { Cell::new(PATIENCE) };
}

/// How long this thread waits from now on: less where a failure is to be expected.
pub fn wait_at_most(limit: Duration) {
    LIMIT.set(limit);
}

/// Where an example of this package was built.
pub fn example(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    path.to_str().unwrap().to_owned()
}

/// Does something for which even a failure has to be waited for.
pub fn patiently<T>(work: impl FnOnce() -> T) -> T {
    let limit = LIMIT.replace(PATIENCE);
    let result = work();
    LIMIT.set(limit);
    result
}

/// A process with its descendants, all of which are killed when it goes out of scope.
pub struct Running {
    child: Child,
    pub stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Running { stdin: child.stdin.take(), child, lines }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output; an error when there is none.
    pub fn line(&mut self) -> Result<String, String> {
        self.lines.recv_timeout(LIMIT.get()).map_err(|error| match error {
            RecvTimeoutError::Timeout => "no line came".to_owned(),
            RecvTimeoutError::Disconnected => "the output ended".to_owned(),
        })
    }

    pub fn expect(&mut self, expected: &str) -> Result<(), String> {
        match self.line()? {
            line if line == expected => Ok(()),
            line => Err(format!("`{line}` instead of `{expected}`")),
        }
    }

    pub fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub fn wait(&mut self) -> Result<ExitStatus, String> {
        let mut ended = None;
        until("it to end", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        })?;
        Ok(ended.unwrap())
    }

    /// The exit code, or an error that says how it ended instead.
    pub fn code(&mut self) -> Result<i32, String> {
        let status = self.wait()?;
        status.code().ok_or_else(|| format!("ended by itself with {status}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut all = descendants(self.pid());
        all.push(self.pid());
        if matches!(self.child.try_wait(), Ok(None)) {
            all.into_iter().for_each(|pid| signal(pid, Signal::KILL));
        }
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that may have ended.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, signal);
    }
}

/// Sends any signal, by number.
pub fn signal_number(pid: u32, number: i32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{number} {pid}")]).status().unwrap();
    assert!(status.success(), "cannot send signal {number}");
}

/// Waits for a condition.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > LIMIT.get() {
            return Err(format!("waited in vain for {what}"));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// State and parent of every process.
pub fn processes() -> BTreeMap<u32, (char, u32)> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        Some((pid, (fields.next()?.chars().next()?, fields.next()?.parse().ok()?)))
    })
    .collect()
}

/// Children of a process, with their states.
pub fn children(pid: u32) -> Vec<(u32, char)> {
    processes().into_iter().filter(|(_, (_, parent))| *parent == pid).map(|(pid, (state, _))| (pid, state)).collect()
}

/// Everything below a process.
pub fn descendants(pid: u32) -> Vec<u32> {
    let all = processes();
    let (mut found, mut at) = (vec![pid], 0);
    while at < found.len() {
        let above = found[at];
        found.extend(all.iter().filter(|(_, (_, parent))| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

/// Runs to the end and returns code and output. No code when it did not end.
pub fn run(command: &mut Command, input: &[u8]) -> (Option<i32>, Vec<u8>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let input = input.to_vec();
    let writer = thread::spawn(move || {
        // Whoever does not read gets nothing.
        let _ = stdin.write_all(&input);
    });
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        stdout.read_to_end(&mut output).map(|_| output)
    });
    let ended = until("the end", || matches!(child.try_wait(), Ok(Some(_))));
    if ended.is_err() {
        descendants(child.id()).into_iter().chain([child.id()]).for_each(|pid| signal(pid, Signal::KILL));
    }
    let code = child.wait().unwrap().code();
    writer.join().unwrap();
    (code, reader.join().unwrap().unwrap())
}
