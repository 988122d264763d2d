//! Ends: restarts, grace, memory, and the environment that decides which profile runs.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::Facts;
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Container, Located, Restart, Workload, WorkloadKind};
use crate::reading::nearest;
use crate::server::ServerKind;
use crate::words::seconds;
use std::time::Duration;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::EnvironmentUnknown,
            title: "the environment has a profile",
            prevents: "the founding incident: an unknown environment silently became development, with its timeouts",
            severity: Severity::Error,
            needs: "a plan with profiles and an environment",
        },
        run: environment,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::RestartIgnoresExitZero,
            title: "a start that ends with 0 is started again",
            prevents: "uvicorn with workers ends with 0 when its lifespan failed (starting.md 7.2): nothing starts it again, nothing is red",
            severity: Severity::Warning,
            needs: "a service with a restart policy",
        },
        run: restart,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::StopGraceShort,
            title: "the program's own shutdown fits the grace",
            prevents: "finalizers that are killed half way: orphaned locks and sessions (hiero-mirror-node#3541)",
            severity: Severity::Warning,
            needs: "a shutdown timeout of the program, a pre-stop hook, or finalizers",
        },
        run: grace,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::MemoryExceedsLimit,
            title: "what the workers may take fits the memory limit",
            prevents: "starts that end with 137 and no message (starting.md, B1: capacity)",
            severity: Severity::Error,
            needs: "a memory limit, and a heap size or the plan's memory per worker",
        },
        run: memory,
    },
];

fn environment(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let Some((plan, environment)) = facts.plan.and_then(|plan| Some((plan, plan.environment.as_ref()?))) else {
        return;
    };
    if plan.profiles.is_empty() {
        return;
    }
    let name = match environment.value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        None => Located::set(environment.value.clone(), environment.at),
        Some(variable) => {
            let found = facts.all_variables().into_iter().find(|known| known.name == variable);
            match found {
                Some(found) => Located::set(found.text.trim().to_owned(), found.at),
                None => return ruling.needs(format!("the variable {variable}")),
            }
        }
    };
    ruling.checked();
    if plan.profiles.contains(&name.value) {
        return;
    }
    let known = plan.profiles.join(", ");
    let message = format!("the environment `{}` has no profile; known are {known}", name.value);
    let near = nearest(&name.value, plan.profiles.iter().map(String::as_str));
    let help = near.map_or_else(
        || "add the profile, or map the name in [service] environments".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    ruling.find(
        Draft::new(RuleId::EnvironmentUnknown, Severity::Error, name.at, message)
            .also(environment.at, "the plan's environment")
            .help(help),
    );
}

fn restart(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in facts.model.workloads.iter().filter(|w| w.kind == WorkloadKind::Service) {
        let (Some(policy), Some(container)) = (&workload.restart, workload.main()) else {
            continue;
        };
        ruling.checked();
        let Some(server) = facts.server(workload, container).filter(|_| policy.value != Restart::Always) else {
            continue;
        };
        let lifespan =
            server.kind == ServerKind::Uvicorn && server.workers.as_ref().is_some_and(|workers| workers.value > 1);
        let (severity, message) = match policy.value {
            Restart::OnFailure if !lifespan => continue,
            Restart::OnFailure => {
                let message =
                    "uvicorn with workers returns 0 when the lifespan failed, and a restart on failure lets that be"
                        .to_owned();
                (Severity::Warning, message)
            }
            _ => {
                (Severity::Note, format!("{} is a service and is not started again when it ends", server.kind.as_str()))
            }
        };
        let draft =
            Draft::new(RuleId::RestartIgnoresExitZero, severity, policy.at, format!("{}: {message}", workload.name));
        ruling.find(draft.also(server.at, server.kind.as_str()).help("restart always"));
    }
}

/// What the program or its container does before it ends, and how long that may take.
fn own<'f>(facts: &Facts<'f>, workload: &'f Workload, container: &'f Container) -> Vec<(String, Located<Duration>)> {
    let mut all = Vec::new();
    if let Some((kind, graceful)) =
        facts.server(workload, container).and_then(|server| Some((server.kind, server.graceful?)))
    {
        all.push((format!("{}'s graceful shutdown", kind.as_str()), graceful));
    }
    if let Some(sleep) = container.pre_stop {
        all.push(("the pre-stop hook".to_owned(), sleep));
    }
    if let Some(plan) = facts.plan_for(workload) {
        let sum =
            plan.finalizers.iter().filter_map(|(_, deadline)| *deadline).fold(Duration::ZERO, Duration::saturating_add);
        if let Some((name, _)) = plan.finalizers.first().filter(|_| sum > Duration::ZERO) {
            all.push(("the plan's finalizers".to_owned(), Located::set(sum, name.at)));
        }
    }
    all
}

fn grace(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in &facts.model.workloads {
        let Some(grace) = &workload.stop_grace else { continue };
        for container in &workload.containers {
            let own = own(facts, workload, container);
            let Some(at) = own.first().map(|(_, first)| first.at) else { continue };
            ruling.checked();
            let sum = own.iter().map(|(_, time)| time.value).fold(Duration::ZERO, Duration::saturating_add);
            if sum <= grace.value {
                continue;
            }
            let terms = own
                .iter()
                .map(|(what, time)| format!("{what} {}", seconds(time.value)))
                .collect::<Vec<_>>()
                .join(" + ");
            let message = format!(
                "{}: the shutdown may take {}, the platform kills after {}",
                workload.name,
                seconds(sum),
                seconds(grace.value)
            );
            let mut draft =
                Draft::new(RuleId::StopGraceShort, Severity::Warning, at, message).also(grace.at, "the grace");
            draft.source = crate::facts::fact_of(grace.known).map(|fact| fact.source);
            ruling.find(
                draft
                    .inequality(format!("{terms} > {}", seconds(grace.value)))
                    .help("shorten the shutdown, or raise the grace where the platform allows it"),
            );
        }
    }
    if let Some((plan, grace)) = facts.plan.and_then(|plan| Some((plan, plan.stop_grace.as_ref()?))) {
        let given =
            facts.model.workloads.iter().filter(|w| facts.plan_for(w).is_some()).filter_map(|w| w.stop_grace.as_ref());
        for given in given {
            ruling.checked();
            if grace.value > given.value {
                let name = plan.service.as_ref().map_or("the plan", |service| service.value.as_str());
                let message = format!("{name}: the plan's stop grace is longer than the platform's");
                let draft = Draft::new(RuleId::StopGraceShort, Severity::Warning, grace.at, message)
                    .also(given.at, "the platform's grace");
                ruling.find(draft.inequality(format!("{} > {}", seconds(grace.value), seconds(given.value))));
            }
        }
    }
}

fn memory(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers() {
        let Some(limit) = &container.memory_mib else { continue };
        let workers = facts
            .server(workload, container)
            .and_then(|server| server.workers)
            .map_or(1, |workers| workers.value.max(1));
        let planned = facts.plan_for(workload).and_then(|plan| plan.worker_memory_mib);
        let wanted = match (planned, heap(facts, container)) {
            (Some(each), _) => {
                Some((each.map(|each| each.saturating_mul(workers)), format!("{} MiB x {workers} workers", each.value)))
            }
            (None, Some(heap)) => Some((heap, format!("heap {} MiB", heap.value))),
            (None, None) => None,
        };
        let Some((wanted, terms)) = wanted else { continue };
        ruling.checked();
        if wanted.value >= limit.value {
            let message = format!(
                "{}: {} may take {} MiB, the limit is {} MiB",
                workload.name,
                if planned.is_some() { "the workers" } else { "the heap alone" },
                wanted.value,
                limit.value
            );
            let draft = Draft::new(RuleId::MemoryExceedsLimit, Severity::Error, wanted.at, message)
                .also(limit.at, "the memory limit");
            ruling.find(
                draft
                    .inequality(format!("{terms} >= {} MiB", limit.value))
                    .help("lower it, or raise the limit; the rest of the process needs memory too"),
            );
        }
    }
}

/// The heap that the words or variables give to a runtime, in MiB.
fn heap<'f>(facts: &Facts<'f>, container: &'f Container) -> Option<Located<u64>> {
    let variables = facts.variables(container);
    let options =
        variables.iter().filter(|v| v.name.ends_with("OPTS") || v.name.ends_with("OPTIONS")).map(|v| (v.text, v.at));
    let words = container.argv.iter().map(|word| (word.value.as_str(), word.at));
    words.chain(options).find_map(|(text, at)| Some(Located::set(heap_in(text)?, at)))
}

fn heap_in(text: &str) -> Option<u64> {
    text.split_whitespace().find_map(|word| {
        if let Some(size) = word.strip_prefix("-Xmx") {
            return crate::manifest::mebibytes(&format!("{}i", size.trim_end_matches(['b', 'B'])));
        }
        word.strip_prefix("--max-old-space-size=").or_else(|| word.strip_prefix("--max_old_space_size="))?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::heap_in;

    #[test]
    fn heaps() {
        assert_eq!(heap_in("-server -Xmx2g"), Some(2048));
        assert_eq!(heap_in("-Xmx512m"), Some(512));
        assert_eq!(heap_in("--max-old-space-size=1024"), Some(1024));
        assert_eq!(heap_in("-Xms1g"), None);
    }
}
