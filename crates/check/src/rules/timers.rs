//! Timers inside timers: an inner one that is longer than its outer one never fires, and the message
//! that names it names a number that was not the timer.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, PlanFacts, timer};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Container, Located, Origin, Workload, WorkloadKind};
use crate::platform;
use crate::server::ServerKind;
use crate::url;
use crate::words::{self, seconds};
use std::time::Duration;

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: RuleId::TimerOrder,
        title: "inner timers are shorter than outer ones",
        prevents: "the founding incident: `timeout after 25.0 s` of a timer that could not fire (10.0 s did); estuary/flow#3062",
        severity: Severity::Error,
        needs: "timeouts, in variables, in the command or in a plan",
    },
    run: order,
}];

/// What a timer bounds, from the inside to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Connect,
    Acquire,
    Startup,
    Worker,
}

#[derive(Clone, Debug)]
struct Timer {
    role: Role,
    /// Which dependency it is about; empty for the program as a whole.
    family: &'static str,
    name: String,
    limit: Duration,
    at: Origin,
}

fn order(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in &facts.model.workloads {
        for container in &workload.containers {
            let timers = of_container(facts, workload, container);
            if !timers.is_empty() {
                ruling.checked();
            }
            nested(&workload.name, &timers, ruling);
            against_window(facts, workload, &timers, ruling);
        }
    }
    if facts.model.workloads.is_empty()
        && let Some(environment) = facts.environment
    {
        let nowhere = facts.all_variables();
        let timers: Vec<Timer> = nowhere.iter().flat_map(|v| of_variable(v.name, v.text, v.at)).collect();
        if !timers.is_empty() {
            ruling.checked();
        }
        nested(&environment.origin, &timers, ruling);
    }
    if let Some(plan) = facts.plan {
        of_plan(plan, ruling);
    }
}

fn of_container<'f>(facts: &Facts<'f>, workload: &Workload, container: &'f Container) -> Vec<Timer> {
    let variables = facts.variables(container);
    let mut timers: Vec<Timer> = variables.iter().flat_map(|v| of_variable(v.name, v.text, v.at)).collect();
    if let Some(server) = facts.server(workload, container).filter(|server| server.kind == ServerKind::Gunicorn) {
        let fact = platform::GUNICORN_TIMEOUT_DEFAULT;
        let timeout = server.timeout.unwrap_or(Located::default(Duration::from_secs(fact.value), server.at, fact));
        let named = timers.iter().any(|timer| timer.role == Role::Startup);
        // The default is only worth a word where a start may take longer. 0 is no limit.
        if timeout.value > Duration::ZERO && (timeout.is_set() || named) {
            let name = if timeout.is_set() { "gunicorn --timeout" } else { "gunicorn's timeout (default)" };
            timers.push(Timer {
                role: Role::Worker,
                family: "",
                name: name.to_owned(),
                limit: timeout.value,
                at: timeout.at,
            });
        }
    }
    timers
}

fn of_variable(name: &str, text: &str, at: Origin) -> Vec<Timer> {
    if let Ok(url) = url::parse(text) {
        let family = if matches!(url.scheme, "redis" | "rediss" | "valkey") { "redis" } else { "database" };
        let params =
            [("connect_timeout", Role::Connect), ("pool_timeout", Role::Acquire), ("connectTimeout", Role::Connect)];
        let found = params.into_iter().filter_map(|(param, role)| {
            // Java's drivers take seconds, Node's milliseconds: a bare large number is ambiguous.
            let limit = timer("", url.param(param)?)?;
            Some(Timer { role, family, name: format!("{param} in {name}"), limit, at })
        });
        return found.collect();
    }
    let Some((role, family)) = role(name) else {
        return Vec::new();
    };
    let limit = timer(name, text).filter(|limit| *limit > Duration::ZERO);
    limit.map(|limit| Timer { role, family, name: name.to_owned(), limit, at }).into_iter().collect()
}

/// What a variable of that name bounds.
fn role(name: &str) -> Option<(Role, &'static str)> {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(['_', '-', '.']).collect();
    let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
    if !has(&["TIMEOUT", "DEADLINE"]) || has(&["IDLE", "READ", "WRITE", "KEEPALIVE", "REQUEST", "STATEMENT", "QUERY"]) {
        return None;
    }
    let family = if has(&["DB", "DATABASE", "PG", "POSTGRES", "POSTGRESQL", "MYSQL", "SQL", "SQLALCHEMY"]) {
        "database"
    } else if has(&["REDIS", "CACHE", "VALKEY"]) {
        "redis"
    } else {
        ""
    };
    let role = if has(&["POOL", "ACQUIRE"]) {
        Role::Acquire
    } else if has(&["INIT", "INITIALIZATION", "STARTUP", "BOOT"]) {
        Role::Startup
    } else if has(&["CONNECT", "CONNECTION", "CONN"]) {
        Role::Connect
    } else {
        return None;
    };
    // A connection of nobody in particular has no outer timer that we know.
    (role == Role::Startup || !family.is_empty()).then_some((role, family))
}

fn nested(of: &str, timers: &[Timer], ruling: &mut Ruling<'_>) {
    for inner in timers {
        for outer in timers.iter().filter(|outer| outer.role > inner.role && outer.limit < inner.limit) {
            let related = outer.family == inner.family || outer.family.is_empty();
            // A worker's timeout bounds its whole start, not one connection of it.
            if !related || (outer.role == Role::Worker && inner.role != Role::Startup) {
                continue;
            }
            let message = format!("{of}: {} cannot fire: {} ends first", inner.name, outer.name);
            let draft =
                Draft::new(RuleId::TimerOrder, Severity::Warning, inner.at, message).also(outer.at, outer.name.clone());
            let sum = format!("{} {} > {} {}", inner.name, seconds(inner.limit), outer.name, seconds(outer.limit));
            ruling.find(
                draft
                    .inequality(sum)
                    .help("make the inner timer the shorter one, so that the message that names it is true"),
            );
        }
    }
}

fn against_window(facts: &Facts<'_>, workload: &Workload, timers: &[Timer], ruling: &mut Ruling<'_>) {
    if workload.kind == WorkloadKind::Job {
        return;
    }
    let Some(window) = facts.window(workload) else {
        return;
    };
    for timer in timers.iter().filter(|timer| timer.role < Role::Worker && timer.limit > window.limit) {
        let message = format!("{}: {} cannot fire: the platform ends the start first", workload.name, timer.name);
        let sum = format!(
            "{} {} > {} ({} = {})",
            timer.name,
            seconds(timer.limit),
            seconds(window.limit),
            window.what,
            window.sum
        );
        let mut draft = Draft::new(RuleId::TimerOrder, Severity::Error, timer.at, message).also(window.at, window.what);
        draft.source = window.fact.map(|fact| fact.source);
        ruling.find(draft.inequality(sum).help("shorten it, or widen the window"));
    }
}

/// Tries in steps, steps in phases, all in the window.
fn of_plan(plan: &PlanFacts, ruling: &mut Ruling<'_>) {
    let mut pair = |inner: &str, a: Option<&Located<Duration>>, outer: &str, b: Option<&Located<Duration>>| {
        let (Some(a), Some(b)) = (a, b) else { return };
        ruling.checked();
        if a.value > b.value {
            let message = format!("{inner} cannot fire: {outer} ends first");
            let sum = format!("{inner} {} > {outer} {}", seconds(a.value), seconds(b.value));
            let draft = Draft::new(RuleId::TimerOrder, Severity::Warning, a.at, message).also(b.at, outer);
            ruling.find(draft.inequality(sum).help("make the inner timer the shorter one"));
        }
    };
    for phase in &plan.phases {
        let of_phase = format!("the deadline of phase {}", phase.name.value);
        for step in &phase.steps {
            let name = &step.name.value;
            let of_step = format!("the deadline of step {name}");
            let outer = if step.deadline.is_some() {
                (&of_step, step.deadline.as_ref())
            } else {
                (&of_phase, phase.deadline.as_ref())
            };
            pair(&of_step, step.deadline.as_ref(), &of_phase, phase.deadline.as_ref());
            pair(&format!("the connect timeout of {name}"), step.connect_timeout.as_ref(), outer.0, outer.1);
            let acquire = step.pool.as_ref().and_then(|pool| pool.acquire_timeout.as_ref());
            pair(&format!("the acquire timeout of {name}"), acquire, outer.0, outer.1);
            pair(
                &format!("the connect timeout of {name}"),
                step.connect_timeout.as_ref(),
                &format!("the acquire timeout of {name}"),
                acquire,
            );
            for (target_name, limit) in in_target(step.target.as_ref()) {
                pair(&format!("{target_name} of {name}"), Some(&limit), outer.0, outer.1);
            }
        }
        pair(&of_phase, phase.deadline.as_ref(), "the window", plan.window.as_ref());
    }
}

/// Timers in the address that a step probes.
fn in_target(target: Option<&Located<String>>) -> Vec<(&'static str, Located<Duration>)> {
    let Some((target, url)) = target.and_then(|target| Some((target, url::parse(&target.value).ok()?))) else {
        return Vec::new();
    };
    let limit = url.param("connect_timeout").and_then(words::duration).filter(|limit| *limit > Duration::ZERO);
    limit.map(|limit| ("connect_timeout", Located::set(limit, target.at))).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_bound() {
        assert_eq!(role("DB_CONNECTION_TIMEOUT"), Some((Role::Connect, "database")));
        assert_eq!(role("DATABASE_POOL_TIMEOUT"), Some((Role::Acquire, "database")));
        assert_eq!(role("DATABASE_INITIALIZATION_TIMEOUT"), Some((Role::Startup, "database")));
        assert_eq!(role("STARTUP_TIMEOUT_SECONDS"), Some((Role::Startup, "")));
        assert_eq!(role("REDIS_CONNECT_TIMEOUT"), Some((Role::Connect, "redis")));
        assert_eq!(role("HTTP_CONNECT_TIMEOUT"), None);
        assert_eq!(role("DB_STATEMENT_TIMEOUT"), None);
        assert_eq!(role("SESSION_TIMEOUT"), None);
    }
}
