//! Errors at the edge: what failed, why, and what to do next.

use std::fmt::Display;
use std::process::ExitCode;

/// An error for people. Exit code 2, usage or bad input, unless it says otherwise.
#[derive(Debug)]
pub struct Failure {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
    code: u8,
    shown: String,
}

impl Failure {
    /// What failed, with the object, lower case, no full stop.
    pub fn new(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), causes: Vec::new(), hint: None, code: 2, shown: String::new() }
    }

    /// Adds what caused it.
    pub fn because(mut self, cause: impl Display) -> Failure {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// With what there is to see, made for people already; printed below the error.
    pub fn shown(mut self, text: String) -> Failure {
        self.shown = text;
        self
    }

    /// With another exit code.
    pub fn exit(mut self, code: u8) -> Failure {
        self.code = code;
        self
    }

    /// Prints it on standard error.
    pub fn report(&self) -> ExitCode {
        anstream::eprintln!("error: {}", self.what);
        for cause in &self.causes {
            anstream::eprintln!("  caused by: {cause}");
        }
        anstream::eprint!("{}", self.shown);
        if let Some(hint) = &self.hint {
            anstream::eprintln!("hint: {hint}");
        }
        ExitCode::from(self.code)
    }
}

/// A remark that does not stop the command.
pub fn warn(text: impl Display) {
    anstream::eprintln!("warning: {text}");
}
