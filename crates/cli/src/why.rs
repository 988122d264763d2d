//! `tminus why`: logs in, verdict out.

use crate::args::{Color, Format, Why};
use crate::error::{Failure, warn};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use tminus_core::Timestamp;
use tminus_core::event::Event;
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;
use tminus_core::record::{Name, Record, Skipped};
use tminus_core::verdict::Verdict;
use tminus_core::vocabulary::Outcome;
use tminus_diagnose::catalogue::Catalogue;
use tminus_diagnose::{Diagnosis, Options};
use tminus_report::{MarkdownOptions, Style, Words};

/// Largest side file (exits, facts, previous verdict, one catalogue file), bytes.
const SIDE_FILE_MAX: u64 = 16 << 20;
/// Most names of services that a warning lists.
const SERVICES_TOLD: usize = 8;

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
    let anchor = anchor(options.exits.as_ref());
    let mut feed = Feed {
        diagnosis: Diagnosis::new(&catalogue, options),
        services: why.service.as_deref().map(Services::new),
        reading: String::new(),
    };
    read_all(why, anchor, &mut feed)?;
    let verdict = feed.diagnosis.verdict();
    if let Some(warning) = feed.services.and_then(|services| services.missing()) {
        warn(warning);
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
            let color = crate::colored(color);
            tminus_report::terminal(verdict, &words, &Style { full: why.full, color, ..Style::default() })
        }
    }
}

/// Hands what the reader finds to the diagnosis.
struct Feed<'a> {
    diagnosis: Diagnosis<'a>,
    services: Option<Services<'a>>,
    /// Name of the input that is being read.
    reading: String,
}

impl tminus_logs::Sink for Feed<'_> {
    fn record(&mut self, record: Record) {
        if let Some(services) = &mut self.services {
            services.saw(&record);
        }
        self.diagnosis.record(record);
    }
    fn event(&mut self, event: Event) {
        self.diagnosis.live(&self.reading, vec![event]);
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.diagnosis.skipped(skipped);
    }
}

/// Which services and containers the rows name, to tell a `--service` that is not among them.
struct Services<'a> {
    wanted: &'a str,
    found: bool,
    others: BTreeSet<Name>,
}

impl<'a> Services<'a> {
    fn new(wanted: &'a str) -> Services<'a> {
        Services { wanted, found: false, others: BTreeSet::new() }
    }

    fn saw(&mut self, record: &Record) {
        for name in [&record.origin.service, &record.origin.container].into_iter().flatten() {
            self.found |= **name == *self.wanted;
            if !self.found && self.others.len() < SERVICES_TOLD && !self.others.contains(name) {
                self.others.insert(name.clone());
            }
        }
    }

    /// The warning that no row names the service.
    fn missing(&self) -> Option<String> {
        if self.found {
            return None;
        }
        let names: Vec<String> = self.others.iter().map(|name| format!("`{name}`")).collect();
        let what = format!("no row names the service `{}`: the verdict is about all rows", self.wanted);
        Some(match names.is_empty() {
            true => format!("{what}; the input names no service at all"),
            false => format!("{what}; the input names {}", names.join(", ")),
        })
    }
}

/// About when the logs were written, for stamps without a year or date: at the first start that the
/// exits tell, else now.
fn anchor(exits: Option<&Exits>) -> Timestamp {
    let started = exits.and_then(|exits| exits.attempts.iter().filter_map(|exit| exit.started).min());
    started.unwrap_or_else(Timestamp::now)
}

fn read_all(why: &Why, anchor: Timestamp, feed: &mut Feed) -> Result<(), Failure> {
    let zone = zone(&why.tz)?;
    let options = tminus_logs::Options { zone, anchor: Some(anchor), ..tminus_logs::Options::default() };
    if why.logs.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Failure::new("nothing to read: no LOGS were named and standard input is a terminal").hint(
                "name files (`tminus why logs.json`) or pipe something in (`kubectl logs web-1 -p | tminus why`)",
            ));
        }
        return read_one("-", std::io::stdin().lock(), &options, feed);
    }
    for path in &why.logs {
        if path.as_os_str() == "-" {
            read_one("-", std::io::stdin().lock(), &options, feed)?;
            continue;
        }
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(Failure::new(format!("`{name}` is a directory")).hint("name the files in it"));
        }
        let file = File::open(path).map_err(|e| {
            Failure::new(format!("cannot open `{name}`")).because(e).hint("check the path and its permissions")
        })?;
        read_one(&name, file, &options, feed)?;
    }
    Ok(())
}

fn read_one(name: &str, input: impl Read, options: &tminus_logs::Options, feed: &mut Feed) -> Result<(), Failure> {
    let source = feed.diagnosis.open(name);
    name.clone_into(&mut feed.reading);
    let summary = tminus_logs::read(source, input, options, feed)
        .map_err(|e| Failure::new(format!("cannot read `{name}`")).because(&e))?;
    let formats: Vec<&str> = summary.formats.keys().copied().collect();
    feed.diagnosis.close(source, formats.join(", "), summary.rows);
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
        let listing = std::fs::read_dir(dir).map_err(|e| {
            Failure::new(format!("cannot read the catalogue directory `{}`", dir.display()))
                .because(e)
                .hint("name a directory of *.toml files; check the path and its permissions")
        })?;
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
        let count = match errors.len() {
            1 => "an error".to_owned(),
            n => format!("{n} errors"),
        };
        let failure = Failure::new(format!("the catalogue has {count}"));
        errors
            .iter()
            .take(20)
            .fold(failure, |failure, error| failure.because(error))
            .hint("docs/catalogue.md describes every field")
    })
}

fn exits(path: &Path) -> Result<Exits, Failure> {
    let text = side_file(path, "exits file")?;
    Exits::read(&text, &file_name(path)).map_err(|e| {
        Failure::new(format!("cannot use `{}`", path.display()))
            .because(e)
            .hint("docs/formats.md describes tminus.exits/1")
    })
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
    let unreadable = |e: &dyn std::fmt::Display, hint: &str| {
        Failure::new(format!("cannot read the {what} `{}`", path.display())).because(e).hint(hint)
    };
    let file = File::open(path).map_err(|e| unreadable(&e, "check the path and its permissions"))?;
    let mut text = String::new();
    let want = format!("name a file of text that is the {what}");
    file.take(SIDE_FILE_MAX + 1).read_to_string(&mut text).map_err(|e| unreadable(&e, &want))?;
    if text.len() as u64 > SIDE_FILE_MAX {
        return Err(unreadable(&format!("it has more than {} MiB", SIDE_FILE_MAX >> 20), &want));
    }
    Ok(text)
}
