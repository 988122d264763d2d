//! systemd service units.
//!
//! What it must never do: judge keys; there are hundreds, and `systemd-analyze verify` knows them.
//! Where to start: [`read`].

use crate::finding::Draft;
use crate::model::{
    Container, EnvValue, EnvVar, Input, Known, Located, Model, Origin, Platform, Restart, Workload, WorkloadKind,
};
use crate::platform;
use crate::source::{Source, Span};
use crate::words;
use std::time::Duration;

/// The first line that says something opens a section of a unit.
pub(super) fn is_unit(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    first.is_some_and(|line| matches!(line, "[Unit]" | "[Service]" | "[Install]")) && text.contains("[Service]")
}

pub(super) fn read(file: usize, source: &Source, model: &mut Model, _out: &mut Vec<Draft>) {
    let origin = |span| Origin { input: Input::File(file), span };
    let name = source.name.rsplit('/').next().unwrap_or(&source.name).trim_end_matches(".service").to_owned();
    let top = origin(Span::new(0, 0));
    let mut workload = Workload::new(name.clone(), top, Platform::Systemd, WorkloadKind::Service);
    let mut container = Container::new(name, top);
    let mut section = String::new();
    for (span, line) in lines(&source.text) {
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| section == "[Service]") else {
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        setting(key, value, origin(span), &mut workload, &mut container);
    }
    let (start, stop) = (platform::SYSTEMD_TIMEOUT_START_DEFAULT, platform::SYSTEMD_TIMEOUT_STOP_DEFAULT);
    workload.start_limit.get_or_insert(Located::default(Duration::from_secs(start.value), top, start));
    workload.stop_grace.get_or_insert(Located::default(Duration::from_secs(stop.value), top, stop));
    workload.restart.get_or_insert(Located {
        value: Restart::Never,
        at: top,
        known: Known::Assumed("Restart=no where nothing is set"),
    });
    let one = Located { value: 1, at: top, known: Known::Assumed("a unit is one instance") };
    workload.max_instances = Some(one);
    workload.containers.push(container);
    model.workloads.push(workload);
}

fn setting(key: &str, value: &str, at: Origin, workload: &mut Workload, container: &mut Container) {
    match key {
        "ExecStart" => {
            let line = value.trim_start_matches(['@', '-', ':', '+', '!']);
            container.argv = words::split(line).into_iter().map(|word| Located::set(word, at)).collect();
        }
        "Environment" => {
            for word in words::split(value) {
                if let Some((name, value)) = word.split_once('=') {
                    container.env.push(EnvVar {
                        name: Located::set(name.to_owned(), at),
                        value: EnvValue::Text(Located::set(value.to_owned(), at)),
                    });
                }
            }
        }
        "Type" if value == "oneshot" => workload.kind = WorkloadKind::Job,
        // No limit at all is no limit of ours either.
        "TimeoutStartSec" | "TimeoutSec" if matches!(value, "infinity" | "0") => {
            workload.start_limit = Some(Located::set(Duration::MAX, at));
        }
        "TimeoutStartSec" => workload.start_limit = words::duration(value).map(|d| Located::set(d, at)),
        "TimeoutStopSec" => workload.stop_grace = words::duration(value).map(|d| Located::set(d, at)),
        "TimeoutSec" => {
            workload.start_limit = words::duration(value).map(|d| Located::set(d, at));
            workload.stop_grace = workload.start_limit;
        }
        "Restart" => {
            let restart = match value {
                "always" => Restart::Always,
                "no" => Restart::Never,
                _ => Restart::OnFailure,
            };
            workload.restart = Some(Located::set(restart, at));
        }
        _ => {}
    }
}

/// Lines without comments, continued ones joined, each with the span of what was written.
fn lines(text: &str) -> Vec<(Span, String)> {
    let mut all: Vec<(Span, String)> = Vec::new();
    let mut at = 0;
    let mut continued = false;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim_end_matches(['\n', '\r']);
        let span = Span::new(at, at + line.len());
        at += raw.len();
        let (line, more) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match all.last_mut().filter(|_| continued) {
            Some((last, joined)) => {
                last.end = span.end;
                joined.push(' ');
                joined.push_str(line.trim());
            }
            None if line.trim().is_empty() || line.trim_start().starts_with(['#', ';']) => continue,
            None => all.push((span, line.trim().to_owned())),
        }
        continued = more;
    }
    all
}
