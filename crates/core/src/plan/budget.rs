//! The time that a start has: which platform, what it gives by default, and what its start-up probe
//! allows.
//!
//! Numbers of platforms stand in [`preset`] alone, each with its source. What is not documented is
//! unknown, and stays so.
//! Where to start reading: [`settle`].

use super::error::PlanCode;
use super::raw::{RawBudget, RawProbeSettings};
use super::scope::Scope;
use super::settings::{Origin, Setting};
use super::shape::{Located, read_duration, read_positive, read_word};
use super::{Budget, Platform, RESERVE};
use crate::target::Environment;
use crate::time::Millis;

/// What a platform gives when nobody says otherwise: start-up window, and grace from TERM to KILL.
fn preset(platform: Platform) -> (Option<Millis>, Option<Millis>) {
    let secs = |secs| Some(Millis::secs(secs));
    match platform {
        // cloud.google.com/run/docs/configuring/healthchecks: a TCP probe of 240 s, once; KILL 10 s
        // after TERM.
        Platform::CloudRun => (secs(240), secs(10)),
        // Without a start-up probe nothing gives up; terminationGracePeriodSeconds is 30.
        Platform::Kubernetes => (None, secs(30)),
        // Health checks and their start period are the task definition's; stopTimeout is 30 s.
        Platform::Ecs => (None, secs(30)),
        // systemd-system.conf(5): DefaultTimeoutStartSec. What it gives for stopping begins when the
        // window has ended and is no part of it: `stop_time`.
        Platform::Systemd => (secs(90), None),
        Platform::Plain => (None, None),
    }
}

/// From TERM to KILL by the platform, where that is known.
pub(super) fn stop_time(budget: &Budget) -> Option<Millis> {
    match budget.platform {
        // systemd-system.conf(5): DefaultTimeoutStopSec.
        Platform::Systemd => Some(budget.grace.unwrap_or(Millis::secs(90))),
        _ => budget.grace,
    }
}

/// Variables that a platform sets in every process, and no other does.
const MARKS: [(&str, Platform); 6] = [
    ("K_SERVICE", Platform::CloudRun),
    ("CLOUD_RUN_JOB", Platform::CloudRun),
    ("KUBERNETES_SERVICE_HOST", Platform::Kubernetes),
    ("ECS_CONTAINER_METADATA_URI_V4", Platform::Ecs),
    ("INVOCATION_ID", Platform::Systemd),
    ("NOTIFY_SOCKET", Platform::Systemd),
];

/// The platform that the environment shows, and the variable that shows it.
pub fn detect(environment: &Environment) -> Option<(Platform, &'static str)> {
    let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    // Knative sets K_SERVICE as well; there Kubernetes shows itself.
    let knative = |name: &str| name == "K_SERVICE" && (!set("PORT") || set("KUBERNETES_SERVICE_HOST"));
    MARKS.iter().find(|(name, _)| set(name) && !knative(name)).map(|&(name, platform)| (platform, name))
}

impl Budget {
    /// What the environment shows when nobody has said anything; assumed.
    pub fn detected(environment: &Environment) -> Budget {
        let platform = detect(environment).map_or(Platform::Plain, |(platform, _)| platform);
        let (window, grace) = preset(platform);
        Budget { platform, window, assumed: true, grace }
    }
}

/// The budget, from flags, profile, plan, environment and the platform's preset.
pub(super) fn settle(raw: &RawBudget, profile: &RawBudget, scope: &mut Scope<'_, '_>) -> Budget {
    let platform = platform(raw, profile, scope);
    let (default_window, default_grace) = preset(platform);
    let (window, assumed) = window(raw, profile, (platform, default_window), scope);
    let given = scope
        .over(Setting::Grace, read_duration)
        .or_else(|| scope.profiled(profile.grace.as_ref(), raw.grace.as_ref()));
    let (grace, origin) = match given {
        Some((grace, origin)) => (Some(grace), origin),
        None => (default_grace, default_grace.map_or(Origin::Default, |_| Origin::Preset(platform))),
    };
    scope.note("budget.grace", grace.map_or_else(|| "unknown".to_owned(), |grace| grace.to_string()), origin);
    let budget = Budget { platform, window, assumed, grace };
    if budget.usable() == Some(Millis::ZERO) {
        nothing_left(raw, &budget, scope);
    }
    budget
}

fn platform(raw: &RawBudget, profile: &RawBudget, scope: &mut Scope<'_, '_>) -> Platform {
    let known: Vec<&str> = Platform::ALL.iter().map(|platform| platform.as_str()).collect();
    let (platform, origin) = scope
        .over(Setting::Platform, |text| read_word(text, &known))
        .or_else(|| scope.profiled(profile.platform.as_ref(), raw.platform.as_ref()))
        .or_else(|| detect(scope.reader.env).map(|(platform, name)| (platform, Origin::Environment(name))))
        .unwrap_or((Platform::Plain, Origin::Default));
    scope.note("budget.platform", platform.as_str(), origin);
    platform
}

/// The window, and whether it is assumed.
fn window(
    raw: &RawBudget,
    profile: &RawBudget,
    (platform, default): (Platform, Option<Millis>),
    scope: &mut Scope<'_, '_>,
) -> (Option<Millis>, bool) {
    for budget in [profile, raw] {
        if let (Some(window), Some(probe)) = (&budget.window, &budget.probe) {
            let what = "`window` and `probe` say the same thing twice";
            let mut error = scope.reader.mistake(PlanCode::Conflict, &probe.at, what).hint("keep one of them");
            if window.at.file == probe.at.file {
                error.related = Some((window.at.span.clone(), "`window` is here".to_owned()));
            }
            scope.reader.errors.push(error);
        }
    }
    let delay = scope
        .over(Setting::InitialDelay, read_duration)
        .or_else(|| scope.profiled_zero(profile.initial_delay.as_ref(), raw.initial_delay.as_ref()));
    let given = scope.over(Setting::Window, read_positive);
    // A window of the profile goes before a probe of the plan, and the other way round.
    let given = given.or_else(|| match (&profile.window, &profile.probe, &raw.window, &raw.probe) {
        (Some(window), ..) => scope.profiled(Some(window), None),
        (_, Some(probe), ..) => Some((of_probe(&probe.value, &delay), scope.profile_origin(&probe.at))),
        (_, _, Some(window), _) => scope.profiled(None, Some(window)),
        (_, _, _, Some(probe)) => Some((of_probe(&probe.value, &delay), scope.plan_origin(&probe.at))),
        _ => None,
    });
    if let Some((window, origin)) = given {
        scope.note("budget.window", window.to_string(), origin);
        return (Some(window), false);
    }
    let window = default.map(|window| window.plus(delay.map_or(Millis::ZERO, |(delay, _)| delay)));
    match window {
        Some(window) => {
            scope.note("budget.window", format!("{window} (assumed)"), Origin::Preset(platform));
        }
        None => {
            scope.note("budget.window", "unknown: nobody is known to give up", Origin::Default);
            unknown(raw.platform.as_ref(), platform, scope);
        }
    }
    (window, true)
}

/// The window of a start-up probe: its delay, and then as many periods as may fail.
fn of_probe(probe: &RawProbeSettings, delay: &Option<(Millis, Origin)>) -> Millis {
    let period = probe.period.as_ref().map_or(Millis::ZERO, |period| period.value);
    let failures = probe.failure_threshold.as_ref().map_or(1, |count| count.value.0 as u32);
    let own = probe.initial_delay.as_ref().map(|delay| delay.value.0);
    let delay = own.or(delay.as_ref().map(|(delay, _)| *delay)).unwrap_or(Millis::ZERO);
    Millis(period.0.saturating_mul(failures)).plus(delay)
}

/// Says that nobody knows how long the platform waits. On `plain` nobody is expected to.
fn unknown(declared: Option<&Located<Platform>>, platform: Platform, scope: &mut Scope<'_, '_>) {
    if platform == Platform::Plain {
        return;
    }
    let what = format!("how long {platform} waits for this start is not known: assumed that it never gives up");
    let hint = "copy the start-up probe: `[budget] probe = { period = \"10s\", failure_threshold = 30 }`";
    let warning = scope.mistake(PlanCode::WindowUnknown, declared.map(|platform| &platform.at), what).hint(hint);
    scope.reader.warnings.push(warning);
}

/// A window that stop grace and reserve use up: no start can succeed.
fn nothing_left(raw: &RawBudget, budget: &Budget, scope: &mut Scope<'_, '_>) {
    let (window, grace) = (budget.window.unwrap_or_default(), budget.grace.unwrap_or_default());
    let what = format!("window {window} - grace {grace} - reserve {RESERVE} leaves nothing for the start");
    let at = raw.window.as_ref().map(|window| window.at.clone());
    scope.error(PlanCode::Conflict, at.as_ref(), what, "write a longer `window`, or a shorter `grace`");
}
