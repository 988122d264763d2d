//! `tminus why`: logs in, verdict out.

use crate::args::{Color, Format, Why};
use crate::error::{Failure, warn};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;
use tminus_core::record::{Record, Skipped};
use tminus_core::verdict::Verdict;
use tminus_core::vocabulary::Outcome;
use tminus_diagnose::catalogue::Catalogue;
use tminus_diagnose::{Diagnosis, Options};
use tminus_report::{MarkdownOptions, Style, Words};

/// Largest side file (exits, facts, previous verdict, one catalogue file), bytes.
const SIDE_FILE_MAX: u64 = 16 << 20;

/// Answers `tminus why`.
pub fn run(why: &Why, color: Color) -> Result<ExitCode, Failure> {
    let catalogue = catalogue(why)?;
    let options = Options {
        service: why.service.clone(),
        exits: why.exits.as_deref().map(exits).transpose()?,
        facts: why.facts.as_deref().map(facts).transpose()?.unwrap_or_default(),
        budget: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut diagnosis = Diagnosis::new(&catalogue, options);
    read_all(why, &mut diagnosis)?;
    let verdict = diagnosis.verdict();
    if let Some(wanted) = &why.service
        && verdict.service.as_deref() != Some(wanted)
    {
        warn(format!("no row of service `{wanted}` in the input"));
    }
    let previous = why.previous.as_deref().map(previous).transpose()?;
    crate::print(&render(&verdict, previous.as_ref(), why, color, &catalogue))?;
    Ok(exit_code(&verdict, why.exit_code))
}

fn exit_code(verdict: &Verdict, asked: bool) -> ExitCode {
    match (asked, verdict.outcome) {
        (true, Outcome::Failed) => ExitCode::from(1),
        (true, Outcome::Undetermined) => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    }
}

fn render(verdict: &Verdict, previous: Option<&Verdict>, why: &Why, color: Color, catalogue: &Catalogue) -> String {
    let title = |key: &_| catalogue.cause(key).map(|entry| entry.title.clone());
    let words = Words::default().with_titles(&title);
    match why.format {
        Format::Json => tminus_report::json(verdict),
        Format::Github => tminus_report::github(verdict, &words),
        Format::Markdown => {
            tminus_report::markdown(verdict, &words, &MarkdownOptions { previous, ..MarkdownOptions::default() })
        }
        Format::Text => {
            let terminal = std::io::stdout().is_terminal();
            let quiet = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
                || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
            let color = match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => terminal && !quiet,
            };
            tminus_report::terminal(verdict, &words, &Style { full: why.full, color, ..Style::default() })
        }
    }
}

/// Hands what the reader finds to the diagnosis.
struct Feed<'a, 'c>(&'a mut Diagnosis<'c>);

impl tminus_logs::Sink for Feed<'_, '_> {
    fn record(&mut self, record: Record) {
        self.0.record(record);
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.0.skipped(skipped);
    }
}

fn read_all(why: &Why, diagnosis: &mut Diagnosis) -> Result<(), Failure> {
    let zone = zone(&why.tz)?;
    let options = tminus_logs::Options { zone, ..tminus_logs::Options::default() };
    if why.logs.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Failure::new("nothing to read: no LOGS were named and standard input is a terminal").hint(
                "name files (`tminus why logs.json`) or pipe something in (`kubectl logs web-1 -p | tminus why`)",
            ));
        }
        return read_one("-", std::io::stdin().lock(), &options, diagnosis);
    }
    for path in &why.logs {
        if path.as_os_str() == "-" {
            read_one("-", std::io::stdin().lock(), &options, diagnosis)?;
            continue;
        }
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(Failure::new(format!("`{name}` is a directory")).hint("name the files in it"));
        }
        let file = File::open(path).map_err(|e| {
            Failure::new(format!("cannot open `{name}`")).because(e).hint("check the path and its permissions")
        })?;
        read_one(&name, file, &options, diagnosis)?;
    }
    Ok(())
}

fn read_one(
    name: &str,
    input: impl Read,
    options: &tminus_logs::Options,
    diagnosis: &mut Diagnosis,
) -> Result<(), Failure> {
    let source = diagnosis.open(name);
    let summary = tminus_logs::read(source, input, options, &mut Feed(diagnosis))
        .map_err(|e| Failure::new(format!("cannot read `{name}`")).because(&e))?;
    let formats: Vec<&str> = summary.formats.keys().copied().collect();
    diagnosis.close(source, formats.join(", "), summary.rows);
    Ok(())
}

fn zone(name: &str) -> Result<jiff::tz::TimeZone, Failure> {
    let hint = "use a name such as `Europe/Berlin` or an offset such as `+02:00`";
    let offset = || {
        let (sign, rest) = (name.strip_prefix('+').map(|r| (1, r)).or(name.strip_prefix('-').map(|r| (-1, r))))?;
        let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
        let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
        jiff::tz::Offset::from_seconds(sign * seconds).ok().map(jiff::tz::TimeZone::fixed)
    };
    match offset() {
        Some(zone) => Ok(zone),
        None => jiff::tz::TimeZone::get(name)
            .map_err(|e| Failure::new(format!("`{name}` is no time zone")).because(e).hint(hint)),
    }
}

fn catalogue(why: &Why) -> Result<Catalogue, Failure> {
    let mut files = Vec::new();
    for dir in &why.catalogue {
        let listing = std::fs::read_dir(dir)
            .map_err(|e| Failure::new(format!("cannot read the catalogue directory `{}`", dir.display())).because(e))?;
        let mut paths: Vec<_> = listing.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        if paths.is_empty() {
            return Err(Failure::new(format!("`{}` holds no *.toml file", dir.display()))
                .hint("docs/catalogue.md shows what a file looks like"));
        }
        for path in paths {
            files.push((path.display().to_string(), side_file(&path, "catalogue file")?));
        }
    }
    Catalogue::with_user(&files).map_err(|errors| {
        let failure = Failure::new(format!("the catalogue has {} errors", errors.len()));
        errors
            .iter()
            .take(20)
            .fold(failure, |failure, error| failure.because(error))
            .hint("docs/catalogue.md describes every field")
    })
}

fn exits(path: &Path) -> Result<Exits, Failure> {
    let text = side_file(path, "exits file")?;
    Exits::read(&text, &file_name(path))
        .map_err(|e| Failure::new(format!("cannot use `{}`", path.display())).because(e))
}

fn facts(path: &Path) -> Result<Facts, Failure> {
    let text = side_file(path, "facts file")?;
    let (facts, warnings) = Facts::read(&text, &file_name(path)).map_err(|e| {
        Failure::new(format!("cannot use `{}`", path.display()))
            .because(e)
            .hint("docs/formats.md describes tminus.facts/1")
    })?;
    for warning in warnings {
        warn(format!("`{}`: {warning}", path.display()));
    }
    Ok(facts)
}

fn previous(path: &Path) -> Result<Verdict, Failure> {
    let text = side_file(path, "verdict")?;
    serde_json::from_str(&text).map_err(|e| {
        Failure::new(format!("`{}` is no tminus.verdict/1", path.display()))
            .because(e)
            .hint("write one with `tminus why --format json`")
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn side_file(path: &Path, what: &str) -> Result<String, Failure> {
    let unreadable =
        |e: &dyn std::fmt::Display| Failure::new(format!("cannot read the {what} `{}`", path.display())).because(e);
    let file = File::open(path).map_err(|e| unreadable(&e))?;
    let mut text = String::new();
    file.take(SIDE_FILE_MAX + 1).read_to_string(&mut text).map_err(|e| unreadable(&e))?;
    if text.len() as u64 > SIDE_FILE_MAX {
        return Err(unreadable(&format!("it has more than {} MiB", SIDE_FILE_MAX >> 20)));
    }
    Ok(text)
}
