//! The commands: reads arguments, calls the library crates, prints, exits.
//!
//! The only crate that prints, reads the environment, opens files, or exits; it decides nothing.
//! Two programs share it: `tminus` has every command, `tminus-run` is the slim entrypoint of images.
//! Where to start reading: [`args`] for what can be asked, then the module of a command; `run.rs` for
//! the countdown.

pub mod args;
mod check;
mod error;
mod plan_file;
mod probe;
mod run;
mod why;
mod worker;

use clap::{CommandFactory, Parser};
use error::Failure;
use std::io::Write;
use std::process::ExitCode;

/// The program `tminus`.
pub fn tminus() -> ExitCode {
    let args = match parse::<args::Args>() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let color = args.color;
    answer(match args.command {
        Some(args::Command::Run(run)) => run::run(&run),
        Some(args::Command::Check(check)) => check::run(&check, color),
        Some(args::Command::Probe(probe)) => probe::run(&probe, color),
        Some(args::Command::Why(why)) => why::run(&why, color),
        Some(args::Command::VerdictWorker) => worker::work(),
        Some(args::Command::Completions { shell }) => completions(shell),
        Some(args::Command::Man { dir }) => man(&dir),
        None => overview(),
    })
}

/// The program `tminus-run`.
pub fn slim() -> ExitCode {
    if let Some(run) = run_alone() {
        return answer(run::run(&run));
    }
    let args = match parse::<args::SlimArgs>() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let color = args.color;
    answer(match args.command {
        args::SlimCommand::Run(run) => run::run(&run),
        args::SlimCommand::Check(check) => check::run(&check, color),
        args::SlimCommand::Probe(probe) => probe::run(&probe, color),
        args::SlimCommand::VerdictWorker => worker::work(),
    })
}

/// What every container start asks, parsed without building what else could be asked. Whatever is
/// not quite that (a mistake, `--help`, an option that stands before the command) is the whole
/// parser's, and so are its words.
fn run_alone() -> Option<args::Run> {
    let mut words = std::env::args_os().skip(1);
    let is_run = words.next().is_some_and(|word| word == "run");
    // The first word is taken for the name of the program.
    is_run
        .then(|| args::RunAlone::try_parse_from(std::iter::once("run".into()).chain(words)).ok())?
        .map(|alone| alone.run)
}

fn parse<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        // Help that cannot be printed has no reader left to tell.
        let _ = error.print();
        if let Some(hint) = args::hint(&error, std::env::args_os().skip(1)) {
            anstream::eprintln!("hint: {hint}");
        }
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

fn answer(outcome: Result<ExitCode, Failure>) -> ExitCode {
    outcome.unwrap_or_else(|failure| failure.report())
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
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    // Whoever made the text has decided on colours already.
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| Failure::new("cannot write to standard output").because(e)),
    }
}

/// Whether to use colours on standard output.
pub(crate) fn colored(color: args::Color) -> bool {
    use std::io::IsTerminal;
    let quiet = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    match color {
        args::Color::Always => true,
        args::Color::Never => false,
        args::Color::Auto => std::io::stdout().is_terminal() && !quiet,
    }
}
