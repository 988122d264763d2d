//! Time: what the plan wants against what the platform gives, and probes within their limits.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, PlanFacts, Window};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Origin, Platform, Probe, Workload};
use crate::platform;
use crate::words::seconds;
use std::time::Duration;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::BudgetExceedsWindow,
            title: "the budget of the plan fits the platform's window",
            prevents: "incidents 4, 5 and 14 of starting.md: deadlines that the platform's kill comes before; PolicyEngine#3764 (boots of 417 s in a window of 240 s)",
            severity: Severity::Error,
            needs: "a plan with deadlines",
        },
        run: budget,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::ProbeLimits,
            title: "probe timings are within what the platform takes",
            prevents: "a deploy that is refused, or a window that is not what was meant (policyengine#3765: delay and window are two limits)",
            severity: Severity::Error,
            needs: "a probe",
        },
        run: limits,
    },
];

fn budget(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let Some(plan) = facts.plan else {
        return;
    };
    let Some(wanted) = wanted(plan, ruling) else {
        return;
    };
    let mut windows: Vec<(Option<&Workload>, Window)> = Vec::new();
    for workload in &facts.model.workloads {
        if facts.plan_for(workload).is_some() {
            windows.extend(facts.window(workload).map(|window| (Some(workload), window)));
        }
    }
    if let Some(window) = &plan.window {
        let own = Window {
            limit: window.value,
            sum: seconds(window.value),
            at: window.at,
            what: "the plan's window",
            fact: None,
        };
        for (workload, given) in windows.iter().filter(|(_, given)| given.limit < window.value) {
            let name = workload.map_or("", |workload| workload.name.as_str());
            let message = format!("{name}: the plan counts on a window that the manifest does not give");
            let draft = Draft::new(RuleId::BudgetExceedsWindow, Severity::Error, window.at, message);
            let sum = format!("{} = {} < {}", given.sum, seconds(given.limit), seconds(window.value));
            ruling.find(
                draft
                    .also(given.at, given.what)
                    .inequality(sum)
                    .help("set [budget] window to what the manifest gives, or widen the probe"),
            );
        }
        windows.push((None, own));
    }
    if windows.is_empty() {
        ruling.needs("the platform's window ([budget] window, or the manifest of the service)");
    }
    for (workload, window) in windows {
        ruling.checked();
        fits(plan, workload, &wanted, &window, ruling);
    }
}

/// What the plan wants, with its sum.
struct Wanted {
    sum: Duration,
    terms: String,
    at: Origin,
}

/// Phases run one after the other. One without a deadline makes the sum unknown.
fn wanted(plan: &PlanFacts, ruling: &mut Ruling<'_>) -> Option<Wanted> {
    let mut sum = Duration::ZERO;
    let mut terms = Vec::new();
    for phase in &plan.phases {
        let Some(own) = phase.budget() else {
            ruling.needs(format!("a deadline of phase {}", phase.name.value));
            continue;
        };
        sum = sum.saturating_add(own);
        terms.push(format!("{} {}", phase.name.value, seconds(own)));
    }
    let at = plan.phases.first()?.name.at;
    (!terms.is_empty()).then(|| Wanted { sum, terms: terms.join(" + "), at })
}

fn fits(plan: &PlanFacts, workload: Option<&Workload>, wanted: &Wanted, window: &Window, ruling: &mut Ruling<'_>) {
    let grace =
        plan.stop_grace.as_ref().or_else(|| workload?.stop_grace.as_ref()).map_or(Duration::ZERO, |grace| grace.value);
    let reserve = Duration::from_secs(platform::TMINUS_RESERVE.value);
    let usable = window.limit.saturating_sub(grace).saturating_sub(reserve);
    if wanted.sum <= usable {
        return;
    }
    let name =
        workload.map(|w| w.name.clone()).or_else(|| plan.service.as_ref().map(|s| s.value.clone())).unwrap_or_default();
    let message =
        format!("{name}: the phases may take {}, of {} that the window leaves", seconds(wanted.sum), seconds(usable));
    let sum = format!(
        "{} = {} > {} ({} - {} stop grace - {})",
        wanted.terms,
        seconds(wanted.sum),
        seconds(usable),
        seconds(window.limit),
        seconds(grace),
        seconds(reserve)
    );
    let mut draft = Draft::new(RuleId::BudgetExceedsWindow, Severity::Error, wanted.at, message)
        .also(window.at, format!("{}: {}", window.what, window.sum))
        .inequality(sum)
        .help("shorten deadlines, or widen the window (failureThreshold, periodSeconds, initialDelaySeconds)");
    draft.source = window.fact.map(|fact| fact.source);
    ruling.find(draft);
}

fn limits(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers() {
        let probes =
            [("start-up", &container.startup), ("readiness", &container.readiness), ("liveness", &container.liveness)];
        for (what, probe) in probes {
            let Some(probe) = probe else { continue };
            ruling.checked();
            for (value, name) in
                [(&probe.period, "period"), (&probe.failures, "failure threshold"), (&probe.timeout, "timeout")]
            {
                if value.value == 0 {
                    let message = format!("{}: the {name} of the {what} probe is 0", workload.name);
                    ruling.find(
                        Draft::new(RuleId::ProbeLimits, Severity::Error, value.at, message).help("the least is 1"),
                    );
                }
            }
            if workload.platform == Platform::CloudRun {
                cloud_run_limits(workload, what, probe, ruling);
            }
        }
    }
}

fn cloud_run_limits(workload: &Workload, what: &str, probe: &Probe, ruling: &mut Ruling<'_>) {
    let new = |at, message| Draft::new(RuleId::ProbeLimits, Severity::Error, at, message);
    let (window, delay) = (platform::CLOUD_RUN_STARTUP_WINDOW_MAX, platform::CLOUD_RUN_STARTUP_INITIAL_DELAY_MAX);
    let tries = probe.failures.value.saturating_mul(probe.period.value);
    if what == "start-up" && tries > window.value {
        let message = format!("{}: the start-up probe may take longer than Cloud Run takes", workload.name);
        let sum = format!("{} x {} s = {tries} s > {} s", probe.failures.value, probe.period.value, window.value);
        let draft = new(probe.at, message).inequality(sum).source(window);
        ruling.find(draft.help("up to 240 s more are possible with initialDelaySeconds"));
    }
    if probe.initial_delay.value > delay.value {
        let message =
            format!("{}: the initial delay of the {what} probe is longer than Cloud Run takes", workload.name);
        let sum = format!("{} s > {} s", probe.initial_delay.value, delay.value);
        ruling.find(new(probe.initial_delay.at, message).inequality(sum).source(delay));
    }
    if probe.timeout.value > probe.period.value {
        let message =
            format!("{}: a try of the {what} probe may take longer than the time between tries", workload.name);
        let sum = format!("timeout {} s > period {} s", probe.timeout.value, probe.period.value);
        ruling.find(
            new(probe.timeout.at, message)
                .inequality(sum)
                .source(platform::CLOUD_RUN_PROBE_PERIOD_DEFAULT)
                .help("set timeoutSeconds to at most periodSeconds"),
        );
    }
}
