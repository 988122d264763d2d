//! What is to be run, and why it could not be.
//!
//! What it is for: [`Spec`], the whole description of a child, and [`SpawnError`], which tells
//! "not found" from "not executable" and says what to look at. What it must never do: read this
//! process's environment (the caller gives the complete list). Where to start reading: [`Spec`];
//! `explain` for the reasons.

mod explain;

use crate::Signal;
use crate::sys::{Image, Refused, Stage};
use nix::sys::signal::SigSet;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::fcntl_dupfd_cloexec;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Where programs are looked for when the environment has no `PATH`, as the C library does.
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// The longest `PATH` that is walked; what comes after is not looked at.
const MAX_CANDIDATES: usize = 1000;

/// The standard input of a child.
#[derive(Debug, Default)]
pub enum Stdin {
    /// Ours, untouched.
    #[default]
    Inherit,
    /// Nothing to read.
    Null,
}

/// An output of a child.
#[derive(Debug, Default)]
pub enum Stream {
    /// Ours, untouched.
    #[default]
    Inherit,
    /// Thrown away.
    Null,
    /// The writing end of a pipe, as [`Output`](crate::output::Output) gives it.
    Pipe(OwnedFd),
}

/// A program and the world that it starts in. What is not said here is inherited untouched: umask,
/// limits, and the descriptors that were given to this process.
#[derive(Default)]
pub struct Spec {
    /// The program and its arguments. A name without a slash is looked for in the `PATH` of `env`.
    pub argv: Vec<OsString>,
    /// The complete environment. `NOTIFY_SOCKET` and `LISTEN_*` are here when the child shall have
    /// them, and only then. With `listens`, `LISTEN_PID` becomes the child's own id.
    pub env: Vec<(OsString, OsString)>,
    /// The directory to start in; ours when none.
    pub cwd: Option<PathBuf>,
    /// Whether the child leads a process group of its own, so that all of it can be killed.
    pub own_group: bool,
    /// Whether sockets that were passed to this process (`LISTEN_FDS`, sd_listen_fds(3)) are the
    /// child's now.
    pub listens: bool,
    /// Whether the child becomes the foreground of the terminal, when our standard input is our
    /// controlling terminal and we are its foreground. Needs `own_group` and an inherited stdin.
    pub terminal: bool,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// Sent to the child when the thread that spawned it ends, however that happens.
    pub death_signal: Option<Signal>,
}

impl fmt::Debug for Spec {
    // Values of the environment are secrets more often than not, and so are arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("program", &self.argv.first())
            .field("cwd", &self.cwd)
            .field("own_group", &self.own_group)
            .field("terminal", &self.terminal)
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .field("death_signal", &self.death_signal)
            .finish_non_exhaustive()
    }
}

/// Why a child does not run. The text names the program, the reason, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No such program: exit code 127.
    #[error("{0}")]
    NotFound(String),
    /// It is there, but this machine or this user cannot execute it: exit code 126.
    #[error("{0}")]
    NotExecutable(String),
    /// Something else refused, with the error of the system: exit code 126.
    #[error("{what}: {error}")]
    Other {
        /// What was attempted, and what to do next.
        what: String,
        /// The error of the system.
        error: io::Error,
    },
}

impl SpawnError {
    /// The exit code that says the same, as shells use it.
    pub fn exit_code(&self) -> u8 {
        match self {
            SpawnError::NotFound(_) => 127,
            SpawnError::NotExecutable(_) | SpawnError::Other { .. } => 126,
        }
    }
}

/// What this process was given when it started, and its children get in turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    pub(crate) mask: SigSet,
    pub(crate) sigchld_ignored: bool,
}

impl Spec {
    /// A child with these arguments and this environment in a process group of its own, with
    /// everything else inherited.
    pub fn new(argv: Vec<OsString>, env: Vec<(OsString, OsString)>) -> Spec {
        Spec { argv, env, own_group: true, ..Spec::default() }
    }

    /// Runs it. `foreground` says whether the terminal is ours to hand over.
    pub(crate) fn spawn(self, given: Given, foreground: bool) -> Result<rustix::process::Pid, SpawnError> {
        let Some(program) = self.argv.first().filter(|name| !name.is_empty()).cloned() else {
            return Err(SpawnError::NotFound("no program is named: write the command after `--`".to_owned()));
        };
        let candidates = candidates(&program, path_of(&self.env))?;
        let (cwd, wants_terminal) = (self.cwd.clone(), self.wants_terminal());
        let stdin = match self.stdin {
            Stdin::Inherit => Stream::Inherit,
            Stdin::Null => Stream::Null,
        };
        let stdio = |wanted| stream(wanted).map_err(|error| explain::fork(&program, error));
        let image = Image {
            candidates: candidates.clone(),
            argv: c_strings(self.argv.iter().map(OsString::as_os_str))?,
            env: environment(&self.env)?,
            listen_pid: self.env.iter().position(|(name, _)| self.listens && name == "LISTEN_PID"),
            directory: self.cwd.as_ref().map(|path| c_string(path.as_os_str())).transpose()?,
            own_group: self.own_group,
            foreground: foreground && wants_terminal,
            death_signal: self.death_signal,
            mask: given.mask,
            sigchld_ignored: given.sigchld_ignored,
            stdio: [stdio(stdin)?, stdio(self.stdout)?, stdio(self.stderr)?],
        };
        image.spawn().map_err(|refused| match refused {
            Refused { stage: Stage::Exec, error, candidate } => {
                explain::exec(&program, &candidates, candidate, cwd.as_deref(), error)
            }
            Refused { stage: Stage::Directory, error, .. } => {
                let cwd = cwd.unwrap_or_default();
                SpawnError::Other { what: format!("cannot start in directory `{}`", cwd.display()), error }
            }
            Refused { error, .. } => explain::fork(&program, error),
        })
    }

    /// Whether the child is to get the terminal when it is ours to give.
    pub(crate) fn wants_terminal(&self) -> bool {
        self.terminal && self.own_group && matches!(self.stdin, Stdin::Inherit)
    }
}

/// The descriptor of a standard stream, out of the way of the three; none to inherit ours.
fn stream(stream: Stream) -> io::Result<Option<OwnedFd>> {
    let fd = match stream {
        Stream::Inherit => return Ok(None),
        Stream::Null => open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?,
        Stream::Pipe(end) => end,
    };
    Ok(Some(if fd.as_raw_fd() < 3 { fcntl_dupfd_cloexec(&fd, 3)? } else { fd }))
}

fn path_of(env: &[(OsString, OsString)]) -> &OsStr {
    let found = env.iter().find(|(name, _)| name == "PATH");
    found.map_or(OsStr::new(DEFAULT_PATH), |(_, value)| value.as_os_str())
}

/// The paths that stand for a program: itself when it has a slash, otherwise one per directory.
fn candidates(program: &OsStr, path: &OsStr) -> Result<Vec<CString>, SpawnError> {
    let name = program.as_bytes();
    if name.contains(&b'/') {
        return Ok(vec![c_string(program)?]);
    }
    let directories = path.as_bytes().split(|byte| *byte == b':').take(MAX_CANDIDATES);
    let joined = directories.map(|directory| match directory {
        // An empty entry is the current directory.
        b"" => name.to_vec(),
        directory => [directory, b"/", name].concat(),
    });
    joined.map(|path| c_string(OsStr::from_bytes(&path))).collect()
}

fn environment(env: &[(OsString, OsString)]) -> Result<Vec<CString>, SpawnError> {
    let pairs = env.iter().map(|(name, value)| {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        // The value may be a secret: only the name is ever told.
        CString::new(pair.as_bytes()).map_err(|_| SpawnError::Other {
            what: format!("environment variable `{}` holds a zero byte", name.to_string_lossy().replace('\0', "\\0")),
            error: io::ErrorKind::InvalidInput.into(),
        })
    });
    pairs.collect()
}

fn c_strings<'a>(texts: impl Iterator<Item = &'a OsStr>) -> Result<Vec<CString>, SpawnError> {
    texts.map(c_string).collect()
}

fn c_string(text: &OsStr) -> Result<CString, SpawnError> {
    CString::new(text.as_bytes()).map_err(|_| SpawnError::Other {
        what: "an argument or path of the command holds a zero byte".to_owned(),
        error: io::ErrorKind::InvalidInput.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(program: &str, path: &str) -> Vec<String> {
        let found = candidates(OsStr::new(program), OsStr::new(path)).unwrap();
        found.into_iter().map(|path| path.into_string().unwrap()).collect()
    }

    #[test]
    fn a_name_is_looked_for_in_every_directory_a_path_is_not() {
        assert_eq!(paths("x", "/bin::/usr/bin"), ["/bin/x", "x", "/usr/bin/x"]);
        assert_eq!(paths("./x", "/bin"), ["./x"]);
        assert_eq!(paths("/a/x", "/bin"), ["/a/x"]);
    }

    #[test]
    fn the_path_is_that_of_the_child() {
        let env = [("PATH".into(), "/a".into())];
        assert_eq!(path_of(&env), "/a");
        assert_eq!(path_of(&[]), DEFAULT_PATH);
    }

    #[test]
    fn arguments_and_values_are_not_printed_by_accident() {
        let spec = Spec::new(vec!["run".into(), "s3cret".into()], vec![("TOKEN".into(), "s3cret".into())]);
        let shown = format!("{spec:?}");
        assert!(shown.contains("run") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_zero_byte_in_a_value_is_told_without_the_value() {
        let error = environment(&[("TOKEN".into(), "s3cret\0".into())]).unwrap_err().to_string();
        assert!(error.contains("`TOKEN`") && !error.contains("s3cret"), "{error}");
    }
}
