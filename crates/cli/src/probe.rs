//! `tminus probe`: asks a dependency, layer by layer, and draws the ladder.

use crate::args::{Color, Probe as Args, ProbeFormat};
use crate::error::{Failure, warn};
use crate::plan_file;
use std::process::ExitCode;
use std::time::Duration;
use tminus::{Limits, Probe, walk};
use tminus_core::code::Class;
use tminus_core::ladder::Ladder;
use tminus_core::plan::duration;
use tminus_core::redact::Redactor;
use tminus_core::target::discover::discover;
use tminus_core::target::{Environment, Target};
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;
use tminus_report::{Style, Words};
use tokio::time::Instant;

/// What is asked, and what it is called.
struct Asked {
    name: Option<String>,
    target: Target,
}

/// Answers `tminus probe`.
#[inline(never)] // its frame would be that of every start
pub(crate) fn run(args: &Args, color: Color) -> Result<ExitCode, Failure> {
    let environment = plan_file::environment();
    let depth = args.depth.as_deref().map(depth).transpose()?;
    let limit = time(&args.limit, "--limit")?;
    let interval = time(&args.interval, "--interval")?;
    let asked = asked(args, &environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::new("cannot make a runtime").because(error))?;
    let probes: Vec<(Asked, Probe)> = asked
        .into_iter()
        .map(|asked| {
            let deepest = depth.unwrap_or_else(|| asked.target.deepest());
            let probe = Probe::new(&asked.target, deepest, &environment);
            (asked, probe)
        })
        .collect();
    let limits = Limits { resolve: limit, connect: limit, handshake: limit, ..Limits::default() };
    let style = Style { color: crate::colored(color), ..Style::default() };
    runtime.block_on(async {
        if args.watch {
            watch(&probes, &limits, interval, args.format, &style).await
        } else {
            once(&probes, &limits, args, &style).await
        }
    })
}

fn depth(word: &str) -> Result<Layer, Failure> {
    let known = Layer::ALL.iter().filter(|layer| **layer <= Layer::Schema).map(|layer| layer.as_str());
    word.parse::<Layer>().ok().filter(|layer| *layer <= Layer::Schema).ok_or_else(|| {
        Failure::new(format!("`{word}` is no layer of a connection"))
            .hint(format!("one of {}", known.collect::<Vec<_>>().join(", ")))
    })
}

fn time(text: &str, flag: &str) -> Result<Duration, Failure> {
    let read = duration::parse(text).map_err(|problem| {
        Failure::new(format!("`{text}` is no time for {flag}")).because(problem).hint("write it like `15s` or `250ms`")
    })?;
    if read == Millis::ZERO {
        return Err(Failure::new(format!("{flag} cannot be zero")).hint("write it like `15s` or `250ms`"));
    }
    Ok(read.duration())
}

/// What was named; without names, everything that the plan or the environment knows.
fn asked(args: &Args, environment: &Environment) -> Result<Vec<Asked>, Failure> {
    let known = known(args, environment)?;
    if args.targets.is_empty() {
        if known.is_empty() {
            return Err(Failure::new(
                "nothing to ask: no target was named, and neither plan nor environment knows one",
            )
            .hint("name a URL (`tminus probe postgres://app@db:5432/orders`) or set DATABASE_URL"));
        }
        return Ok(known.into_iter().map(|(name, target)| Asked { name: Some(name), target }).collect());
    }
    args.targets.iter().map(|word| one(word, &known, environment)).collect()
}

/// Steps of the plan and what the environment names.
fn known(args: &Args, environment: &Environment) -> Result<Vec<(String, Target)>, Failure> {
    let mut known = Vec::new();
    if let Some(file) = plan_file::find(&args.plan)? {
        let loaded = file.load(&args.plan, environment).map_err(|errors| crate::check::invalid_plan(&file, &errors))?;
        let lanes = loaded.plan.lanes.iter().filter(|lane| !lane.witness);
        known.extend(lanes.map(|lane| (lane.name.clone(), lane.target.clone())));
        for one in &loaded.unresolved {
            warn(format!("{}: {}", one.step, one.what));
        }
        return Ok(known);
    }
    for one in discover(environment) {
        match one.target {
            Ok(target) => known.push((one.variable, target)),
            Err(bad) => warn(format!("{}: {bad}", one.variable)),
        }
    }
    Ok(known)
}

fn one(word: &str, known: &[(String, Target)], environment: &Environment) -> Result<Asked, Failure> {
    if let Some((name, target)) = known.iter().find(|(name, _)| name == word) {
        return Ok(Asked { name: Some(name.clone()), target: target.clone() });
    }
    let named = environment.get(word);
    let target = Target::parse(named.map_or(word, String::as_str), environment).map_err(|bad| {
        // The value of a variable may be a secret: only its name is shown. So may a part of a URL.
        let shown = Redactor::new([]).clean(word);
        let failure = Failure::new(format!("`{shown}` is nothing that can be asked")).because(&bad);
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        match (bad.hint, names.is_empty()) {
            (Some(hint), _) => failure.hint(hint),
            (None, false) => failure.hint(format!("known names: {}", names.join(", "))),
            (None, true) => failure,
        }
    })?;
    Ok(Asked { name: named.map(|_| word.to_owned()), target })
}

async fn ladder(asked: &Asked, probe: &Probe, limits: &Limits) -> Ladder {
    Ladder { name: asked.name.clone(), ..walk(probe, limits).await.ladder }
}

async fn once(probes: &[(Asked, Probe)], limits: &Limits, args: &Args, style: &Style) -> Result<ExitCode, Failure> {
    let words = Words::default();
    let (mut failed, mut unjudged) = (false, false);
    for (index, (asked, probe)) in probes.iter().enumerate() {
        let ladder = ladder(asked, probe, limits).await;
        match ladder.stop().and_then(|rung| rung.code).map(|code| code.class()) {
            Some(Class::Unknown) => unjudged = true,
            Some(_) => failed = true,
            None => {}
        }
        match args.format {
            ProbeFormat::Json => crate::print(&json(&ladder)?)?,
            ProbeFormat::Text => {
                let gap = if index == 0 { "" } else { "\n" };
                crate::print(&format!(
                    "{gap}{}",
                    tminus_report::ladder::ladder(&ladder, Some(&asked.target), &words, style)
                ))?;
            }
        }
    }
    Ok(match (args.exit_code, failed, unjudged) {
        (true, true, _) => ExitCode::from(1),
        (true, false, true) => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    })
}

fn json(ladder: &Ladder) -> Result<String, Failure> {
    let mut line = serde_json::to_string(ladder).map_err(|error| Failure::new("cannot write JSON").because(error))?;
    line.push('\n');
    Ok(line)
}

/// Asks again and again until it is interrupted; prints a ladder first, then what changes.
async fn watch(
    probes: &[(Asked, Probe)],
    limits: &Limits,
    interval: Duration,
    format: ProbeFormat,
    style: &Style,
) -> Result<ExitCode, Failure> {
    let words = Words::default();
    let began = Instant::now();
    let mut before: Vec<Option<Ladder>> = probes.iter().map(|_| None).collect();
    loop {
        let next = Instant::now() + interval;
        for ((asked, probe), before) in probes.iter().zip(&mut before) {
            let ladder = ladder(asked, probe, limits).await;
            let since = Millis(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
            match (format, &*before) {
                (ProbeFormat::Json, _) => crate::print(&json(&ladder)?)?,
                (ProbeFormat::Text, None) => {
                    crate::print(&tminus_report::ladder::ladder(&ladder, Some(&asked.target), &words, style))?;
                }
                (ProbeFormat::Text, Some(_)) => {
                    if let Some(line) = tminus_report::ladder::change(before.as_ref(), &ladder, since) {
                        crate::print(&line)?;
                    }
                }
            }
            *before = Some(ladder);
        }
        tokio::time::sleep_until(next).await;
    }
}
