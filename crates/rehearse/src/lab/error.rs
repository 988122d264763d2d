//! What can go wrong in the lab: a closed set, each with what to do about it.
//!
//! `Debug` prints the message as `Display` does, so that a test's `unwrap` shows it readably.
//!
//! Start reading at [`Error`].

use std::fmt;
use std::path::PathBuf;

/// The result of everything in the lab.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the lab could not do what was asked.
#[derive(thiserror::Error)]
pub enum Error {
    /// A program that the lab needs is not installed.
    #[error("{program} is not installed here; run ci/lab-packages, or: apt-get install {package}")]
    Missing {
        /// The name of the program's file.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// An operating system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the object it was done to.
        what: String,
        /// The failure itself.
        source: std::io::Error,
    },
    /// A program ended when it should have been running.
    #[error("{program} ended ({status}); the end of its log:\n{log}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended, as the operating system tells it.
        status: String,
        /// The last lines of what it printed.
        log: String,
    },
    /// A program did not come to the awaited condition in time.
    #[error("{program} was not {awaited} within {seconds} s (last seen: {seen}); the end of its log:\n{log}")]
    NotUp {
        /// The program.
        program: &'static str,
        /// The condition that was waited for.
        awaited: &'static str,
        /// The bound of the wait, in seconds.
        seconds: u64,
        /// What the last look at it gave.
        seen: String,
        /// The last lines of what it printed.
        log: String,
    },
    /// A server answered with an error where success was expected.
    #[error("{server} answered {answer:?} to {request}")]
    Answer {
        /// The server.
        server: &'static str,
        /// What it was asked; never a secret.
        request: String,
        /// What it said.
        answer: String,
    },
    /// This machine, or this user, cannot provide what was asked.
    #[error("cannot {what}: {why}; {next}")]
    Cannot {
        /// What was asked.
        what: &'static str,
        /// What stands in the way.
        why: String,
        /// What can be done about it.
        next: &'static str,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// Names the object of a failed call: `.map_err(Error::io(format!("write {path}")))`.
    pub(crate) fn io<E: Into<std::io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source: source.into() }
    }

    /// As [`Error::io`], for a path.
    pub(crate) fn at<E: Into<std::io::Error>>(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { what: format!("{verb} {}", path.display()), source: source.into() }
    }
}
