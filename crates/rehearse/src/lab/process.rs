//! One running server: spawned in its own process group, logged to a file, ended on drop.
//!
//! It must never wait without a bound, and never signal by name.
//!
//! Start reading at [`Process::spawn`] and [`Process::until`].

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::account::Account;
use super::error::{Error, Result};
use super::guard::Watched;
use super::scratch::kept_place;

/// How long a server may take to come up or to end: far more than any takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks at a server that is not there yet.
const LOOK: Duration = Duration::from_millis(10);
/// How much of a log is shown: the reason of a failed start is among the last lines.
const SHOWN_LINES: usize = 30;

/// A program that runs until it is told to end.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    pid: Pid,
    log: PathBuf,
    ended: Option<ExitStatus>,
    gentle: Signal,
    _watched: Watched,
}

impl Process {
    /// Starts `command` with no input and with its output appended to `log`. `gentle` is the signal that makes it
    /// end at once and tidily.
    pub(crate) fn spawn(
        name: &'static str,
        mut command: Command,
        account: Option<Account>,
        log: &Path,
        gentle: Signal,
    ) -> Result<Process> {
        let open = || OpenOptions::new().create(true).append(true).open(log).map_err(Error::at("open", log));
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?).process_group(0);
        if let Some(account) = account {
            account.apply(&mut command);
        }
        let child = command.spawn().map_err(Error::at("run", command.get_program()))?;
        let pid = Pid::from_child(&child);
        let watched = Watched::process(child.id());
        Ok(Process { name, child, pid, log: log.to_owned(), ended: None, gentle, _watched: watched })
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `look` gives a value, for [`PATIENCE`] at most; `look` says what it saw instead.
    pub(crate) fn until<T>(
        &mut self,
        awaited: &'static str,
        mut look: impl FnMut() -> std::result::Result<T, String>,
    ) -> Result<T> {
        let began = Instant::now();
        loop {
            let seen = match look() {
                Ok(value) => return Ok(value),
                Err(seen) => seen,
            };
            // The pause is a wait for its end, so that a server that fails is noticed at once.
            if let Some(status) = self.end_within(LOOK)? {
                return Err(Error::Ended { program: self.name, status: status.to_string(), log: self.log_tail() });
            }
            if began.elapsed() > PATIENCE {
                let (program, log, seconds) = (self.name, self.log_tail(), PATIENCE.as_secs());
                return Err(Error::NotUp { program, awaited, seconds, seen, log });
            }
        }
    }

    /// How it ended, if it does so within `limit`.
    pub(crate) fn end_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            // Not reaped yet, so the number is still its own.
            let handle = rustix::process::pidfd_open(self.pid, PidfdFlags::empty())
                .map_err(Error::io(format!("watch process {}", self.pid)))?;
            let until = Instant::now() + limit;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
                match rustix::event::poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout)) {
                    Err(rustix::io::Errno::INTR) => continue,
                    _ => break,
                }
            }
            self.ended = self.child.try_wait().map_err(Error::io(format!("wait for process {}", self.pid)))?;
        }
        Ok(self.ended)
    }

    /// Sends a signal to it alone; nothing happens when it has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.end_within(Duration::ZERO)?.is_some() {
            return Ok(());
        }
        rustix::process::kill_process(self.pid, signal).map_err(Error::io(format!("signal process {}", self.pid)))
    }

    /// Sends a signal and waits for the end, killing the group when it does not come in time.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        self.signal(signal)?;
        // A stopped process does not see any signal but KILL.
        self.signal(Signal::CONT)?;
        if let Some(status) = self.end_within(PATIENCE)? {
            return Ok(status);
        }
        self.kill()
    }

    /// Kills its whole process group and waits for the end.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        if self.end_within(Duration::ZERO)?.is_none() {
            rustix::process::kill_process_group(self.pid, Signal::KILL)
                .map_err(Error::io(format!("kill process group {}", self.pid)))?;
        }
        let status = self.child.wait().map_err(Error::io(format!("wait for process {}", self.pid)))?;
        self.ended = Some(status);
        Ok(status)
    }

    /// For a test that failed: the end of the log, and where the whole of it is kept.
    fn show_log(&self) {
        let kept = kept_place().map(|place| place.join("failed")).and_then(|place| {
            let copy = place.join(format!("{}-{}.log", self.name, self.pid));
            std::fs::create_dir_all(&place).ok()?;
            std::fs::copy(&self.log, &copy).ok().map(|_| format!(" (kept as {})", copy.display()))
        });
        let (name, pid, tail) = (self.name, self.pid, self.log_tail());
        eprintln!("--- {name} {pid}, the end of its log{}:\n{tail}\n---", kept.unwrap_or_default());
    }

    /// The last lines of what it printed.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

/// The last lines of a log file.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.end(self.gentle).is_err() {
            let _ = self.kill();
        }
        if std::thread::panicking() {
            self.show_log();
        }
    }
}
