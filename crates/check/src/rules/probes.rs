//! Whether a probe's answer means anything.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, Readiness};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Container, Located, Origin, Platform, Probe, ProbeKind, Workload, WorkloadKind};
use crate::platform;
use crate::reading::is_template;
use crate::server::{self, Server, ServerKind};

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::ProbeBeforeLoad,
            title: "the probe that decides asks the loaded program",
            prevents: "the founding incident (32 of 32 probes passed, every start died); PolicyEngine#3764; estuary/flow#3109",
            severity: Severity::Error,
            needs: "a Cloud Run or Kubernetes service",
        },
        run: before_load,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::ProbePortUnknown,
            title: "a probe's named port exists",
            prevents: "a start that waits for its whole window for a port that has no number",
            severity: Severity::Error,
            needs: "a probe with a named port",
        },
        run: port_unknown,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::LivenessOnDependencies,
            title: "liveness asks the process, not its dependencies",
            prevents: "pawtograder#946, hindsight#3329: a stalled database restarts every instance, twice a day",
            severity: Severity::Note,
            needs: "a liveness probe over HTTP",
        },
        run: liveness,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::LivenessKillsMigration,
            title: "liveness does not kill a migration",
            prevents: "hiero-mirror-node#3541, neutree#252, litellm#40932: crash loops that never converge, and locks of dead sessions",
            severity: Severity::Warning,
            needs: "a command that migrates before it serves",
        },
        run: migration,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::BindUnreachable,
            title: "the program listens where the platform looks",
            prevents: "`failed to start and listen on the port`: a whole window waited for an address inside the container",
            severity: Severity::Error,
            needs: "a server's command line in a container with a port",
        },
        run: bind,
    },
];

fn before_load(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    of_plan(facts, ruling);
    for workload in facts.model.workloads.iter().filter(|w| w.kind == WorkloadKind::Service) {
        let Some(container) =
            workload.main().filter(|_| matches!(workload.platform, Platform::CloudRun | Platform::Kubernetes))
        else {
            continue;
        };
        let deciding = match workload.platform {
            Platform::CloudRun => container.startup.as_ref(),
            _ => container.readiness.as_ref(),
        };
        if deciding.is_some_and(|probe| probe.kind != ProbeKind::Tcp) {
            ruling.checked();
            continue;
        }
        let Some(server) = facts.server(workload, container) else {
            if container.argv.is_empty() && serves(workload, container) {
                ruling.needs(format!(
                    "the command of {} (it is in the image; a plan's child says it too)",
                    workload.name
                ));
            } else {
                ruling.checked();
            }
            continue;
        };
        ruling.checked();
        if server.binds_before_load() {
            ruling.find(premature(workload, container, deciding, &server));
        }
    }
}

/// The plan's own readiness, where it is a bound port.
fn of_plan(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let Some((plan, readiness)) = facts.plan.and_then(|plan| Some((plan, plan.readiness.as_ref()?))) else {
        return;
    };
    let Some(server) = server::detect(&plan.child, &[]) else {
        return;
    };
    ruling.checked();
    if readiness.value == Readiness::Tcp && server.binds_before_load() {
        let kind = server.kind.as_str();
        let message =
            format!("the plan takes a bound port for ready, and {kind} opens it before the application is loaded");
        let draft = Draft::new(RuleId::ProbeBeforeLoad, Severity::Error, readiness.at, message).also(server.at, kind);
        ruling.find(draft.help("wait for READY=1 (sd_notify), an HTTP answer or a log line"));
    }
}

fn serves(workload: &Workload, container: &Container) -> bool {
    !container.ports.is_empty() || workload.platform == Platform::CloudRun
}

fn premature(workload: &Workload, container: &Container, probe: Option<&Probe>, server: &Server) -> Draft {
    let name = &workload.name;
    let kind = server.kind.as_str();
    let (severity, at, message) = match (workload.platform, probe) {
        (_, Some(probe)) => {
            let which = if workload.platform == Platform::CloudRun { "start-up" } else { "readiness" };
            (
                Severity::Error,
                probe.at,
                format!("{name}: the {which} probe is TCP, and {kind} opens the port before the application is loaded"),
            )
        }
        (Platform::CloudRun, None) => (
            Severity::Error,
            container.at,
            format!(
                "{name}: without a start-up probe Cloud Run probes TCP, and {kind} opens the port before the application is loaded"
            ),
        ),
        _ => (
            Severity::Warning,
            container.at,
            format!(
                "{name}: without a readiness probe the pod is ready at once, before {kind} has loaded the application"
            ),
        ),
    };
    let detail = match server.kind {
        ServerKind::Gunicorn if server.asgi => "the master binds, a worker runs the lifespan later",
        ServerKind::Uvicorn => "with several workers the parent binds",
        _ => "the master binds before the application is loaded",
    };
    let mut draft = Draft::new(RuleId::ProbeBeforeLoad, severity, at, message).also(server.at, detail);
    if workload.platform == Platform::CloudRun {
        draft = draft.source(platform::CLOUD_RUN_STARTUP_DEFAULT_WINDOW);
    }
    draft.help("probe over HTTP a path that the application itself answers")
}

fn port_unknown(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers() {
        for probe in [&container.startup, &container.readiness, &container.liveness].into_iter().flatten() {
            let named = |port: &&Located<String>| port.value.parse::<u64>().is_err() && !is_template(&port.value);
            let Some(port) = probe.port.as_ref().filter(named) else { continue };
            ruling.checked();
            if container.ports.iter().all(|(name, _)| name.as_deref() != Some(port.value.as_str())) {
                let message =
                    format!("{}: no port of container {} is named `{}`", workload.name, container.name, port.value);
                ruling.find(
                    Draft::new(RuleId::ProbePortUnknown, Severity::Error, port.at, message)
                        .also(container.at, "its container")
                        .help("name the port, or give its number"),
                );
            }
        }
    }
}

/// Words of a path that say that more than the process is asked.
const DEEP: &[&str] = &["ready", "readyz", "readiness", "dependencies", "deep", "db", "database", "full"];

fn liveness(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, container) in facts.containers() {
        let Some((probe, path)) = container.liveness.as_ref().and_then(|probe| Some((probe, http(probe)?))) else {
            continue;
        };
        ruling.checked();
        let deep = path.split(['/', '-', '_', '?']).any(|part| DEEP.contains(&part.to_ascii_lowercase().as_str()));
        let same = container.readiness.as_ref().filter(|readiness| http(readiness) == Some(path));
        let message = match (deep, same) {
            (true, _) => format!("{}: liveness asks {path}, by its name a question about dependencies", workload.name),
            (false, Some(_)) => format!("{}: liveness and readiness ask the same path {path}", workload.name),
            (false, None) => continue,
        };
        let mut draft = Draft::new(RuleId::LivenessOnDependencies, Severity::Note, probe.at, message);
        if let Some(readiness) = same {
            draft = draft.also(readiness.at, "the readiness probe");
        }
        ruling.find(draft.help("let liveness ask a path that touches no dependency: a restart heals none of them"));
    }
}

fn http(probe: &Probe) -> Option<&str> {
    if let ProbeKind::Http { path } = &probe.kind { Some(path) } else { None }
}

/// Commands that change a schema.
const MIGRATES: &[&str] = &[
    "alembic upgrade",
    "manage.py migrate",
    "db:migrate",
    "prisma migrate deploy",
    "flyway",
    "liquibase",
    "knex migrate",
    "sqlx migrate",
    "goose ",
    "migrate up",
    "aerich upgrade",
    "typeorm migration:run",
];

fn migration(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in facts.model.workloads.iter().filter(|w| w.kind == WorkloadKind::Service) {
        for container in &workload.containers {
            let line = container.argv.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" ");
            let Some(command) = MIGRATES.iter().find(|command| line.contains(**command)) else {
                continue;
            };
            let then = line
                .split_once(*command)
                .is_some_and(|(_, rest)| rest.contains("&&") || rest.contains("& &") || rest.contains(';'));
            if !then || !matches!(workload.platform, Platform::Kubernetes | Platform::Ecs) {
                continue;
            }
            ruling.checked();
            let (Some(liveness), None) = (&container.liveness, &container.startup) else {
                continue;
            };
            let at = container
                .argv
                .iter()
                .find(|word| word.value.contains(command.split(' ').next().unwrap_or(command)))
                .map_or(container.at, |word| word.at);
            let message = format!(
                "{}: liveness kills the container {} s after its start, migrations included",
                workload.name,
                liveness.window()
            );
            let draft = Draft::new(RuleId::LivenessKillsMigration, Severity::Warning, liveness.at, message)
                .also(at, "it migrates before it serves");
            ruling.find(
                draft
                    .inequality(format!("{} = {} s", liveness.sum(), liveness.window()))
                    .help("add a start-up probe with room for the migration, or migrate in a job"),
            );
        }
    }
}

fn bind(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in
        facts.model.workloads.iter().filter(|w| w.platform != Platform::Systemd && w.kind == WorkloadKind::Service)
    {
        for container in workload.containers.iter().filter(|container| !container.ports.is_empty()) {
            let Some(server) = facts
                .server(workload, container)
                .filter(|server| matches!(server.kind, ServerKind::Gunicorn | ServerKind::Uvicorn))
            else {
                continue;
            };
            ruling.checked();
            let variables = facts.variables(container);
            let set = |name: &str| variables.iter().find(|variable| variable.name == name);
            if let Some((at, why)) = loopback(&server, set("UVICORN_HOST").is_some()) {
                if !workload.shared_network {
                    let message = format!(
                        "{}: {} listens at 127.0.0.1 and is reached by nobody outside the container{why}",
                        workload.name,
                        server.kind.as_str()
                    );
                    ruling.find(
                        Draft::new(RuleId::BindUnreachable, Severity::Error, at, message).help("listen at 0.0.0.0"),
                    );
                }
                continue;
            }
            if workload.platform == Platform::CloudRun && set("UVICORN_PORT").is_none() {
                port_of(workload, container, &server, ruling);
            }
        }
    }
}

fn loopback(server: &Server, host_by_variable: bool) -> Option<(Origin, &'static str)> {
    match &server.bind {
        Some(bind) => {
            let host = bind.value.rsplit_once(':').map_or(bind.value.as_str(), |(host, _)| host);
            matches!(host, "127.0.0.1" | "localhost" | "[::1]").then_some((bind.at, ""))
        }
        None => (server.kind == ServerKind::Uvicorn && !host_by_variable).then_some((server.at, ", its default")),
    }
}

/// The port that the words name, against the port that the platform was told.
fn port_of(workload: &Workload, container: &Container, server: &Server, ruling: &mut Ruling<'_>) {
    let told = match server.kind {
        ServerKind::Uvicorn => Some(server.port.clone().unwrap_or_else(|| Located::set("8000".to_owned(), server.at))),
        _ => {
            server.bind.as_ref().and_then(|bind| Some(Located::set(bind.value.rsplit_once(':')?.1.to_owned(), bind.at)))
        }
    };
    let (Some(told), Some((_, wanted))) = (told, container.ports.first()) else {
        return;
    };
    let Ok(number) = told.value.parse::<u64>() else {
        return;
    };
    if number != wanted.value {
        let message = format!(
            "{}: {} listens at port {number}, Cloud Run asks port {}",
            workload.name,
            server.kind.as_str(),
            wanted.value
        );
        let draft = Draft::new(RuleId::BindUnreachable, Severity::Error, told.at, message)
            .also(wanted.at, "the port that is asked");
        let draft = draft.source(platform::CLOUD_RUN_PORT_DEFAULT).inequality(format!("{number} != {}", wanted.value));
        ruling.find(draft.help("listen at $PORT, or set containerPort"));
    }
}
