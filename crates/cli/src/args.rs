//! What can be asked on the command line.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Printed by `tminus` alone.
pub const OVERVIEW: &str = "\
tminus gets a service from \"process created\" to \"ready\", and proves why when it does not.

Usage: tminus COMMAND

  tminus run -- gunicorn app:app       start a service, and say why when it does not start
  tminus why logs.json                 the verdict for an export or a log file

Start     run, check (plan and manifests, offline), probe (a dependency, layer by layer)
Explain   why
Set up    completions, man

Exit codes, formats and the whole reference: docs/ in the repository; `tminus help run`.
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
    /// Start a service: the countdown, then the program, supervised
    Run(Run),
    /// Validate plan, environment and manifests, without touching the network
    Check(Check),
    /// Ask a dependency, layer by layer
    Probe(Probe),
    /// Explain failed starts from their logs
    Why(Why),
    /// Reads a failed start from standard input and answers with its verdict
    #[command(hide = true)]
    VerdictWorker,
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

/// Start a service from inside an image, check what it is given, ask what it depends on.
#[derive(Debug, Parser)]
#[command(
    name = "tminus-run",
    version,
    max_term_width = 100,
    after_help = "\
Example:
  ENTRYPOINT [\"tminus-run\", \"run\", \"--\"]      in a Dockerfile, before its CMD

The slim build of `tminus`, whose command `why` explains failed starts from their logs."
)]
pub struct SlimArgs {
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: SlimCommand,
}

/// `run` and nothing else, for the shortest way to it.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct RunAlone {
    /// What is asked of it
    #[command(flatten)]
    pub run: Run,
}

/// The commands of `tminus-run`.
#[derive(Debug, Subcommand)]
pub enum SlimCommand {
    /// Start a service: the countdown, then the program, supervised
    Run(Run),
    /// Validate plan, environment and manifests, without touching the network
    Check(Check),
    /// Ask a dependency, layer by layer
    Probe(Probe),
    /// Reads a failed start from standard input and answers with its verdict
    #[command(hide = true)]
    VerdictWorker,
}

/// Which plan, and with what.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct PlanArgs {
    /// The plan [else: $TMINUS_CONFIG, /etc/tminus/tminus.toml, ./tminus.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The environment, which chooses the plan's profile [else: $TMINUS_ENVIRONMENT, the plan]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// What runs the service: cloud-run, kubernetes, ecs, systemd or plain [else: as detected]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// How long the platform waits for the service to be ready, such as `240s` [else: the plan, the
    /// platform's default]
    #[arg(long, value_name = "TIME")]
    pub window: Option<String>,
}

/// Start a service: the countdown, then the program, supervised.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  tminus run -- gunicorn -b :8080 app:app      no plan: start at once, and observe
  tminus run --wait -- ./server                wait for the dependencies in the environment first
  tminus run -c tminus.toml -- ./server        phases, deadlines, readiness as the plan says
  tminus run --explain -- ./server             what would be done, without doing it

Exit codes: the program's own always passes; 128+n when signal n ended it; 126 and 127 when it
cannot be executed or is not found; 3 when tminus ends the start; 2 usage or a bad plan.
TMINUS=off in the environment executes the program and does nothing else.")]
pub struct Run {
    /// Which plan, and with what
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Without a plan: wait for the dependencies that the environment names (DATABASE_URL ...)
    #[arg(long, conflicts_with = "config")]
    pub wait: bool,
    /// Print what would be dialled, read, written and opened, and do none of it
    #[arg(long)]
    pub explain: bool,
    /// Write the events of the start (tminus.event/1, a line each) to this file as they happen
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Draw the phases and steps of the start into this file when it is over: SVG, or text for *.txt
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,
    /// Seed of the pauses between tries, to repeat a start [else: random]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// Validate plan, environment and manifests, without touching the network.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  tminus check                                 the plan that `run` would take, and the environment
  tminus check tminus.toml service.yaml        together with a Cloud Run service
  kubectl get deploy,cm,hpa -o yaml | tminus check -
  terraform show -json plan.out | tminus check - --format github

Exit codes: 0 nothing wrong; 1 a rule fails or a file is invalid; 2 usage or an unreadable file.")]
pub struct Check {
    /// Which plan, and with what
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Plans, Cloud Run or Kubernetes YAML, compose files, `terraform show -json`; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave out this shell's environment: the service will have another one
    #[arg(long)]
    pub no_env: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = CheckFormat::Text, value_name = "FORMAT")]
    pub format: CheckFormat,
    /// Show every effective value with its origin, and the rules that passed
    #[arg(long)]
    pub full: bool,
}

/// How `check` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// The report as JSON
    Json,
    /// GitHub workflow annotations
    Github,
}

/// Ask a dependency, layer by layer.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  tminus probe                                 every dependency that plan or environment names
  tminus probe orders-db                       one step of the plan
  tminus probe postgres://app@db:5432/orders   a URL (a password belongs into the environment)
  tminus probe DATABASE_URL --watch            the value of a variable, again and again
  tminus probe https://api.example.com/health --depth query

Exit codes: 0 answered, whatever the answer; 2 usage or bad input.
With --exit-code: 1 a layer failed, 4 cannot judge.")]
pub struct Probe {
    /// Which plan, and with what
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Names of steps of the plan, names of variables, or URLs; nothing: all that is known
    #[arg(value_name = "NAME or URL")]
    pub targets: Vec<String>,
    /// The deepest layer to ask: dns, socket, tcp, tls, protocol, auth, slot, query, schema
    #[arg(long, value_name = "LAYER")]
    pub depth: Option<String>,
    /// How long one layer may take
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub limit: String,
    /// Ask again and again until interrupted, and print what changes
    #[arg(long)]
    pub watch: bool,
    /// Time from one asking to the next
    #[arg(long, value_name = "TIME", default_value = "1s", requires = "watch")]
    pub interval: String,
    /// How to answer
    #[arg(long, value_enum, default_value_t = ProbeFormat::Text, value_name = "FORMAT")]
    pub format: ProbeFormat,
    /// Exit 1 when a layer failed and 4 when it cannot be judged
    #[arg(long)]
    pub exit_code: bool,
}

/// How `probe` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeFormat {
    /// A ladder for people
    Text,
    /// tminus.ladder/1, a line per target
    Json,
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

/// What to do about a mistake that the parser of arguments cannot know better: who forgets `--` sees
/// that the name of the program was not expected.
pub fn hint(error: &clap::Error, args: impl Iterator<Item = std::ffi::OsString>) -> Option<&'static str> {
    let args: Vec<_> = args.collect();
    let runs = args.iter().find(|arg| !arg.as_encoded_bytes().starts_with(b"-")).is_some_and(|arg| arg == "run");
    let forgotten = runs && !args.iter().any(|arg| arg == "--");
    let kinds = [clap::error::ErrorKind::UnknownArgument, clap::error::ErrorKind::MissingRequiredArgument];
    (forgotten && kinds.contains(&error.kind()))
        .then_some("the program stands behind `--`: tminus run [OPTIONS] -- PROGRAM [ARGUMENT]...")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
        super::SlimArgs::command().debug_assert();
    }
}
