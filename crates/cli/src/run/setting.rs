//! What a start is made of, before anything happens: plan, environment, who is starting.

use crate::args::Run;
use crate::error::{Failure, warn};
use crate::plan_file::PlanFile;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tminus::driver::Setting;
use tminus_core::Timestamp;
use tminus_core::event::{AttemptId, Origin};
use tminus_core::history::History;
use tminus_core::plan::Plan;
use tminus_core::plan::read::{Loaded, Setting as PlanSetting};
use tminus_core::redact::{Redactor, is_secret_name};
use tminus_core::run::Subject;
use tminus_core::target::discover::{Discovered, discover};
use tminus_core::target::{Environment, Target};
use tminus_report::Style;
use tminus_report::start::{ExplainFacts, FileUse, explain as explained};
use tokio::time::Instant;

/// Largest record of earlier starts that is read, bytes.
const HISTORY_MAX: u64 = 256 << 10;
/// Name of the record of earlier starts in the state directory.
const HISTORY: &str = "history.json";

/// Everything that a start is made of.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) environment: Environment,
    pub(super) discovered: Vec<Discovered>,
    pub(super) history: History,
    pub(super) history_file: Option<PathBuf>,
    /// Whether the file holds something that could not be read, and is to be kept.
    pub(super) history_unread: bool,
    pub(super) revision: Option<String>,
    pub(super) redactor: Redactor,
    plan_name: Option<String>,
}

/// Reads plan and environment. Nothing is started or written.
pub(super) fn prepare(args: &Run, file: Option<&PlanFile>, environment: &Environment) -> Result<Prepared, Failure> {
    let discovered = if file.is_some() { Vec::new() } else { discover(environment) };
    let (mut plan, loaded) = match file {
        Some(file) => {
            let loaded =
                file.load(&args.plan, environment).map_err(|errors| crate::check::invalid_plan(file, &errors))?;
            let mut plan = loaded.plan.clone();
            plan.digest = Some(digest(&loaded));
            (plan, Some(loaded))
        }
        None => (without_plan(args, environment, &discovered)?, None),
    };
    if let Some(file) = file.filter(|_| args.wait) {
        warn(format!("--wait is for starts without a plan: `{}` says what is waited for", file.name));
    }
    if file.is_some() && !plan.spawns() {
        return Err(Failure::new("the plan starts no program").hint("add a step with `spawn = true`"));
    }
    let history_file = plan.state_dir.as_ref().map(|dir| PathBuf::from(dir).join(HISTORY));
    let (history, history_unread) = read_history(&plan, history_file.as_deref());
    for phase in &mut plan.phases {
        phase.p95 = history.p95(&phase.name);
    }
    let revision = loaded.and_then(|loaded: Loaded| loaded.revision).or_else(|| revision(environment));
    Ok(Prepared {
        redactor: redactor(&plan, environment),
        plan,
        environment: environment.clone(),
        discovered,
        history,
        history_file,
        history_unread,
        revision,
        plan_name: file.map(|file| file.name.clone()),
    })
}

/// Over every file that the plan is made of.
fn digest(loaded: &Loaded) -> String {
    let mut digest = Sha256::new();
    for source in &loaded.sources {
        digest.update((source.text.len() as u64).to_le_bytes());
        digest.update(&source.text);
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Names that platforms give the revision.
fn revision(environment: &Environment) -> Option<String> {
    ["K_REVISION", "CLOUD_RUN_EXECUTION"].iter().find_map(|name| environment.get(*name)).cloned()
}

/// Without a plan only the phases are ours: what flags and environment say holds as with one.
fn without_plan(args: &Run, environment: &Environment, discovered: &[Discovered]) -> Result<Plan, Failure> {
    let program = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default().to_owned();
    let service = ["TMINUS_SERVICE", "K_SERVICE", "CLOUD_RUN_JOB"].iter().find_map(|name| environment.get(*name));
    let service = service.cloned().unwrap_or(name);
    let nothing = PlanFile::empty();
    let loaded = nothing.load(&args.plan, environment).map_err(|errors| crate::check::invalid_settings(&errors))?;
    let plan = if args.wait {
        let found: Vec<(String, Target)> =
            discovered.iter().filter_map(|one| Some((one.name.clone(), one.target.clone().ok()?))).collect();
        for one in discovered {
            if let Err(bad) = &one.target {
                warn(format!("{} is no address that can be waited for: {bad}", one.variable));
            }
        }
        Plan::waiting(&service, &found, loaded.plan.budget)
    } else {
        Plan::observing(&service)
    };
    // A program that nobody has given a time to stop has the platform's.
    let told_to_kill = environment.contains_key(PlanSetting::KillAfter.variable());
    let stop = if told_to_kill { loaded.plan.stop } else { plan.stop };
    let Plan { service, phases, steps, lanes, digest, implied, .. } = plan;
    Ok(Plan { service, phases, steps, lanes, digest, implied, stop, ..loaded.plan })
}

fn redactor(plan: &Plan, environment: &Environment) -> Redactor {
    let named = |name: &str| is_secret_name(name) || plan.redact.iter().any(|secret| secret == name);
    let values = environment.iter().filter(|(name, _)| named(name)).map(|(_, value)| value.clone());
    let targets = plan.lanes.iter().flat_map(|lane| lane.target.secrets());
    Redactor::new(values.chain(targets).collect::<Vec<_>>())
}

/// A record that cannot be read is as good as none: it must never stop a start. Says whether
/// something is there that was not understood.
fn read_history(plan: &Plan, path: Option<&Path>) -> (History, bool) {
    let nothing = || History::new(&plan.service, plan.environment.clone());
    let Some(path) = path else { return (nothing(), false) };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HISTORY_MAX).read_to_end(&mut bytes));
    if let Err(error) = read {
        let is_there = error.kind() != std::io::ErrorKind::NotFound;
        if is_there {
            warn(format!("the record of earlier starts, {}, cannot be read: {error}", path.display()));
        }
        return (nothing(), is_there);
    }
    let read = History::read(&bytes, &plan.service, plan.environment.as_deref());
    let unread = read.problem.is_some();
    if let Some(problem) = read.problem {
        warn(format!("{}: {problem}", path.display()));
    }
    (read.history, unread)
}

impl Prepared {
    /// What the driver works with.
    pub(super) fn setting(&self, args: &Run) -> Setting {
        let random = random();
        let seed = args.seed.unwrap_or(random as u64);
        Setting {
            subject: Subject {
                attempt: AttemptId::live(Timestamp::now(), random),
                src: Origin::Live,
                revision: self.revision.clone(),
                instance: instance(&self.environment),
                seed,
            },
            began: began(),
            environment: self.environment.clone(),
        }
    }
}

impl Prepared {
    /// The environment with secrets masked: what may be told to the worker, and cited.
    pub(super) fn shown_environment(&self) -> Environment {
        let shown = |(name, value): (&String, &String)| {
            let value = if is_secret_name(name) { "***".to_owned() } else { self.redactor.clean(value).into_owned() };
            (name.clone(), value)
        };
        self.environment.iter().map(shown).collect()
    }
}

/// How an instance calls itself.
fn instance(environment: &Environment) -> Option<String> {
    let named = ["HOSTNAME", "POD_NAME"].iter().find_map(|name| environment.get(*name)).cloned();
    named.or_else(|| Some(rustix::system::uname().nodename().to_string_lossy().into_owned()))
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    // Without randomness of the kernel the clock has to do: jitter and identity, no secrets.
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(16) => u128::from_le_bytes(bytes),
        _ => (Timestamp::now().as_nanosecond() as u128) ^ u128::from(std::process::id()),
    }
}

/// When this process was created, as the kernel says: the platform's window counts from there.
fn began() -> Instant {
    let now = Instant::now();
    age().and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

/// The age of this process: field 22 of /proc/self/stat (proc(5)) is when it started, in clock
/// ticks since boot.
fn age() -> Option<std::time::Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let started: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up = std::time::Duration::new(boot.tv_sec.try_into().ok()?, boot.tv_nsec.try_into().ok()?);
    let per_second = rustix::param::clock_ticks_per_second();
    let started = std::time::Duration::from_millis(started * 1000 / per_second.max(1));
    up.checked_sub(started)
}

/// What would be done, in words.
pub(super) fn explain(args: &Run, prepared: &Prepared) -> String {
    let command: Vec<String> = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let file = |path: String, why: &str| FileUse { path, why: why.to_owned() };
    let mut writes = Vec::new();
    writes.extend(args.events.iter().map(|path| file(path.display().to_string(), "events, as they happen")));
    writes.extend(args.timeline.iter().map(|path| file(path.display().to_string(), "timeline, when it is over")));
    writes.extend(prepared.history_file.iter().map(|path| file(path.display().to_string(), "record of good starts")));
    let (last_words, named) = super::ending::termination_log(&prepared.environment);
    let when = if named { "when the start fails" } else { "if it is there, when the start fails" };
    writes.push(file(last_words.to_owned(), when));
    let reads = prepared.plan_name.iter().map(|name| file(name.clone(), "the plan")).collect();
    let facts = ExplainFacts {
        command,
        reads,
        writes,
        variables: variables(prepared),
        asks: super::observe::asks(prepared, args.wait),
        listens: listens(&prepared.plan),
        ..ExplainFacts::default()
    };
    explained(&prepared.plan, &facts, &Style::default())
}

/// What is listened on.
fn listens(plan: &Plan) -> Vec<(String, String)> {
    let admin = plan.admin.iter().map(|place| (place.clone(), "the admin endpoints, read only".to_owned()));
    admin.collect()
}

/// Names of the variables that are looked at, and why.
fn variables(prepared: &Prepared) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, why: String| names.push((name.to_owned(), why));
    for one in &prepared.discovered {
        add(&one.variable, format!("names the dependency {}", one.name));
    }
    for name in prepared.environment.keys().filter(|name| name.starts_with("TMINUS")) {
        add(name, "a setting".to_owned());
    }
    for step in &prepared.plan.steps {
        if let tminus_core::plan::Work::Environment(variables) = &step.work {
            for variable in variables {
                add(&variable.name, format!("step {} wants it", step.name));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
