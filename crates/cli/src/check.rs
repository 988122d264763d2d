//! `tminus check`: plan, environment and manifests, without touching the network.

mod plan_facts;

use crate::args::{Check, CheckFormat, Color};
use crate::error::Failure;
use crate::plan_file::{self, PlanFile};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use tminus_check::{BYTES_MAX, Environment, Mistake, PlanFacts, Report, Source, Span};
use tminus_core::plan::read::{Loaded, PlanError};
use tminus_report::{Style, findings};

/// Answers `tminus check`.
#[inline(never)] // its frame would be that of every start
pub(crate) fn run(check: &Check, color: Color) -> Result<ExitCode, Failure> {
    let environment = plan_file::environment();
    let (plan, files) = sources(check)?;
    let given = if check.no_env { Default::default() } else { environment.clone() };
    let (facts, values) = match plan.as_ref().map(|file| (file, file.load(&check.plan, &given))) {
        Some((file, Ok(loaded))) => {
            let mut facts = plan_facts::facts(file, &loaded);
            facts.mistakes = of_reader(file, &loaded.warnings, false);
            if !check.no_env {
                facts.mistakes.extend(unresolved(file, &loaded));
            }
            (Some(facts), plan_facts::values(&loaded))
        }
        Some((file, Err(errors))) => (Some(broken(file, &errors)), Vec::new()),
        None => (None, Vec::new()),
    };
    // Without a plan this shell's environment is not the program's.
    let known = (!check.no_env && plan.is_some())
        .then(|| Environment { origin: "environment".to_owned(), values: environment });
    let mut report = tminus_check::check(&files, known.as_ref(), facts.as_ref());
    report.values.splice(..0, values);
    crate::print(&render(&report, check, color)?)?;
    Ok(ExitCode::from(u8::from(report.failed())))
}

fn render(report: &Report, check: &Check, color: Color) -> Result<String, Failure> {
    let style = Style { full: check.full, color: crate::colored(color), ..Style::default() };
    match check.format {
        CheckFormat::Text => Ok(findings::terminal(report, &style)),
        CheckFormat::Github => Ok(findings::github(report)),
        CheckFormat::Json => findings::json(report).map_err(|error| Failure::new("cannot write JSON").because(error)),
    }
}

/// The plan and everything else that was named; without names the plan that `run` would take.
fn sources(check: &Check) -> Result<(Option<PlanFile>, Vec<Source>), Failure> {
    let mut plan = match check.plan.config.is_some() || check.files.is_empty() {
        true => plan_file::find(&check.plan)?,
        false => None,
    };
    let mut files = Vec::new();
    for path in &check.files {
        let (name, text) = read(path)?;
        if !looks_like_a_plan(path, &text) {
            files.push(Source::new(name, text));
        } else if let Some(other) = &plan {
            return Err(Failure::new(format!("two plans: `{}` and `{name}`", other.name)).hint("check one at a time"));
        } else {
            plan = Some(PlanFile::of(path, name, text));
        }
    }
    if plan.is_none() && files.is_empty() {
        return Err(Failure::new("nothing to check: no FILE was named and there is no plan here")
            .hint("name manifests (`tminus check service.yaml`), or write a `tminus.toml`"));
    }
    Ok((plan, files))
}

fn read(path: &Path) -> Result<(String, String), Failure> {
    let (name, bytes) = if path.as_os_str() == "-" {
        ("-".to_owned(), bounded(std::io::stdin().lock()))
    } else {
        (path.display().to_string(), std::fs::File::open(path).and_then(bounded_file).and_then(bounded))
    };
    let bytes = bytes.map_err(|error| {
        Failure::new(format!("cannot read `{name}`")).because(error).hint("check the path and its permissions")
    })?;
    Ok((name, String::from_utf8_lossy(&bytes).into_owned()))
}

fn bounded_file(file: std::fs::File) -> std::io::Result<std::fs::File> {
    match file.metadata()?.is_dir() {
        true => Err(std::io::Error::other("it is a directory")),
        false => Ok(file),
    }
}

/// One byte more than a file may have, so that `check` itself says that it is too large.
fn bounded(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A plan is TOML with a `version`; manifests are YAML or JSON, units have their sections.
fn looks_like_a_plan(path: &Path, text: &str) -> bool {
    let named = path.extension().is_some_and(|extension| extension == "toml");
    let version = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == "version") && line.contains('=');
    named || text.lines().take(200).any(version)
}

fn span(range: &std::ops::Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

/// What the reader of a plan found; of a file that the plan extends the place is told in words.
fn of_reader(file: &PlanFile, errors: &[PlanError], fatal: bool) -> Vec<Mistake> {
    let mistake = |error: &PlanError| {
        let own = error.file == file.name;
        let line = |range: &std::ops::Range<usize>| {
            let text = file.text_of(&error.file).unwrap_or_default();
            text.bytes().take(range.start).filter(|byte| *byte == b'\n').count() + 1
        };
        // A mistake without a place in another text is in a flag or a variable, whose name that is.
        let outside = (!own && error.span.is_none()).then(|| error.file.clone());
        let elsewhere = error.span.as_ref().filter(|_| !own).map(|range| format!("{}:{}: ", error.file, line(range)));
        Mistake {
            fatal,
            outside,
            span: error.span.as_ref().filter(|_| own).map(span),
            what: format!("{}{}", elsewhere.unwrap_or_default(), error.what),
            help: error.hint.clone(),
            related: error.related.as_ref().filter(|_| own).map(|(range, text)| (span(range), text.clone())),
        }
    };
    errors.iter().map(mistake).collect()
}

/// What the environment does not have, or has malformed: those steps would fail.
fn unresolved(file: &PlanFile, loaded: &Loaded) -> Vec<Mistake> {
    let mistake = |one: &tminus_core::plan::read::Unresolved| Mistake {
        fatal: true,
        outside: None,
        span: plan_facts::step_span(&file.text, &one.step),
        what: format!("step {}: {}", one.step, one.what),
        help: one.hint.clone(),
        related: None,
    };
    loaded.unresolved.iter().map(mistake).collect()
}

/// A plan that cannot be read says nothing but its mistakes.
fn broken(file: &PlanFile, errors: &[PlanError]) -> PlanFacts {
    let source = Source::new(file.name.clone(), file.text.clone());
    PlanFacts { source, mistakes: of_reader(file, errors, true), ..PlanFacts::default() }
}

/// What flags or environment say cannot be used, in a start without a plan.
pub(crate) fn invalid_settings(errors: &[PlanError]) -> Failure {
    let report = tminus_check::check(&[], None, Some(&broken(&PlanFile::empty(), errors)));
    Failure::new("a setting of this start cannot be used")
        .shown(findings::listed(&report.findings, &Style::default()))
        .hint("docs/plan.md lists the settings and how they are written")
}

/// The plan cannot be run: every mistake, with its place.
pub(crate) fn invalid_plan(file: &PlanFile, errors: &[PlanError]) -> Failure {
    let report = tminus_check::check(&[], None, Some(&broken(file, errors)));
    let text = findings::listed(&report.findings, &Style::default());
    let count = match errors.len() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    Failure::new(format!("the plan `{}` cannot be run: {count}", file.name)).shown(text)
}
