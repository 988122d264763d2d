//! The `tminus` command: reads arguments, calls the library crates, prints, exits.
//!
//! The only crate that prints, reads the environment, or exits. Where to start reading: [`args`]
//! for what can be asked, `why.rs` for the one command that there is so far.

mod args;
mod error;
mod why;

use clap::{CommandFactory, Parser};
use error::Failure;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Help that cannot be printed has no reader left to tell.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let outcome = match args.command {
        Some(args::Command::Why(why)) => why::run(&why, args.color),
        Some(args::Command::Completions { shell }) => completions(shell),
        Some(args::Command::Man { dir }) => man(&dir),
        None => overview(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// `tminus` alone: what it is, two examples, and where to read on.
fn overview() -> Result<ExitCode, Failure> {
    print(args::OVERVIEW)?;
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut args::Args::command(), "tminus", &mut out);
    print(&String::from_utf8_lossy(&out))?;
    Ok(ExitCode::SUCCESS)
}

fn man(dir: &std::path::Path) -> Result<ExitCode, Failure> {
    clap_mangen::generate_to(args::Args::command(), dir).map_err(|e| {
        Failure::new(format!("cannot write man pages to `{}`", dir.display()))
            .because(e)
            .hint("name a directory that exists and is writable")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output. A reader that went away is no error: it has what it wanted.
pub fn print(text: &str) -> Result<(), Failure> {
    // Whoever made the text has decided on colours already.
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| Failure::new("cannot write to standard output").because(e)),
    }
}
