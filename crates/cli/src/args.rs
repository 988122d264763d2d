//! What can be asked on the command line.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Printed by `tminus` alone.
pub const OVERVIEW: &str = "\
tminus says why a service does not start, whose move it is, and proves it.

Usage: tminus COMMAND

  tminus why logs.json                 the verdict for an export or a log file
  kubectl logs web-1 -p | tminus why   the same for what a pipe brings

Commands:
  why          explain failed starts from their logs
  completions  print a completion script for a shell
  man          write manual pages

Exit codes, formats and the whole reference: docs/ in the repository; `tminus help why`.
";

/// Why does the service not start, and whose move is it?
#[derive(Debug, Parser)]
#[command(name = "tminus", version, max_term_width = 100, disable_help_subcommand = false)]
pub struct Args {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Explain failed starts from their logs
    Why(Why),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a directory
    Man {
        /// An existing directory
        dir: PathBuf,
    },
}

/// Explain failed starts from their logs.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  tminus why logs.json
  tminus why --exits exits.json --facts facts.json web.log sidecar.log
  kubectl logs web-1 --previous --timestamps | tminus why --service web
  tminus why --format markdown logs.json > escalation.md

Exit codes: 0 answered, whatever the answer; 2 usage or bad input.
With --exit-code: 1 failed, 4 undetermined.")]
pub struct Why {
    /// Logs: any format, found by content, gzip too; `-` or nothing reads standard input
    #[arg(value_name = "LOGS")]
    pub logs: Vec<PathBuf>,
    /// How attempts ended: tminus.exits/1, or the JSON of `kubectl get pod -o json`
    #[arg(long, value_name = "FILE")]
    pub exits: Option<PathBuf>,
    /// What is known besides the logs: tminus.facts/1
    #[arg(long, value_name = "FILE")]
    pub facts: Option<PathBuf>,
    /// The service to judge, when the input holds several
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Zone of stamps that carry none: a name (`Europe/Berlin`) or an offset (`+02:00`)
    #[arg(long, value_name = "ZONE", default_value = "UTC", allow_hyphen_values = true)]
    pub tz: String,
    /// A directory of *.toml with causes of your own (can be repeated)
    #[arg(long, value_name = "DIR")]
    pub catalogue: Vec<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
    /// Show everything: all whys, evidence, attempts, coverage, and the weights of the score
    #[arg(long)]
    pub full: bool,
    /// Exit 1 when the start failed and 4 when the evidence cannot decide
    #[arg(long)]
    pub exit_code: bool,
    /// An earlier verdict (JSON); a Markdown answer that differs says what is withdrawn, and why
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// tminus.verdict/1
    Json,
    /// An escalation to paste into an issue
    Markdown,
    /// GitHub workflow annotations
    Github,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
    }
}
