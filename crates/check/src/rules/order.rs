//! Who is up before whom: sidecars, compose's dependencies, and health checks that say so too early.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::Facts;
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Container, Platform, Probe, ProbeKind, Workload};
use crate::words;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::SidecarOrder,
            title: "a proxy that the program needs is started before it",
            prevents: "alloydb-auth-proxy#909, agenticos#1831 (`sleep 2`), istio#11130: refused in the first seconds",
            severity: Severity::Warning,
            needs: "a proxy's container beside a program's",
        },
        run: sidecar,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::DependsOnStarted,
            title: "compose waits until a dependency is healthy",
            prevents: "docker-library/postgres#880, directus#20542: started is not ready",
            severity: Severity::Warning,
            needs: "a compose service that depends on a database, cache or broker",
        },
        run: started,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::DependsOnNoHealthcheck,
            title: "what compose waits for has a health check",
            prevents: "`dependency failed to start: has no healthcheck configured`: nothing is started at all",
            severity: Severity::Error,
            needs: "a compose service that waits for a healthy one",
        },
        run: no_healthcheck,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::RedisCliPing,
            title: "a Redis that loads its data is not healthy",
            prevents: "getsentry/self-hosted#3366, wp1#836, gcv#415: `redis-cli ping` returns 0 on LOADING",
            severity: Severity::Warning,
            needs: "a probe that runs redis-cli",
        },
        run: redis,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::PgIsreadySocket,
            title: "pg_isready asks over TCP, as programs do",
            prevents: "docker-library/postgres#880, crossplay#76, samples-go#241: the server of the image's init phase answers on the socket alone, then restarts",
            severity: Severity::Warning,
            needs: "a probe that runs pg_isready",
        },
        run: pg_isready,
    },
];

/// Images of proxies without which the program beside them reaches nothing.
const PROXIES: &[&str] =
    &["cloud-sql-proxy", "cloudsql-docker/gce-proxy", "alloydb-auth-proxy", "pgbouncer", "cloud_sql_proxy"];

fn is_proxy(container: &Container) -> bool {
    container.image.as_ref().is_some_and(|image| PROXIES.iter().any(|proxy| image.value.contains(proxy)))
}

fn sidecar(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in &facts.model.workloads {
        let proxies = workload.all().filter(|container| is_proxy(container));
        for proxy in proxies {
            let others: Vec<&Container> =
                workload.containers.iter().filter(|other| other.at != proxy.at && !is_proxy(other)).collect();
            let first = workload.init.iter().any(|container| container.at == proxy.at);
            let Some(app) = others.first().filter(|_| workload.platform != Platform::Compose) else {
                continue;
            };
            ruling.checked();
            if first || others.iter().any(|other| other.after.contains(&proxy.name)) {
                continue;
            }
            let message = format!("{}: {} and {} start at the same time", workload.name, proxy.name, app.name);
            let help = match workload.platform {
                Platform::Kubernetes => "make it an init container with restartPolicy: Always and a start-up probe",
                Platform::Ecs => "add dependsOn with condition HEALTHY",
                _ => "add run.googleapis.com/container-dependencies, and a start-up probe for the proxy",
            };
            ruling.find(
                Draft::new(RuleId::SidecarOrder, Severity::Warning, proxy.at, message)
                    .also(app.at, "it needs the proxy")
                    .help(help),
            );
        }
    }
}

/// Images whose start takes time that a program notices.
const SLOW: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "pgvector",
    "timescaledb",
    "mysql",
    "mariadb",
    "redis",
    "valkey",
    "rabbitmq",
    "mongo",
    "kafka",
    "elasticsearch",
    "opensearch",
    "clickhouse-server",
    "cassandra",
    "nats",
];

fn is_slow(workload: &Workload) -> bool {
    let image = workload.main().and_then(|container| container.image.as_ref());
    image
        .and_then(|image| image.value.split('@').next()?.rsplit('/').next()?.split(':').next())
        .is_some_and(|name| SLOW.contains(&name))
}

/// Each dependency of each compose service, with the service that it names.
fn dependencies<'f>(
    facts: &Facts<'f>,
) -> impl Iterator<Item = (&'f Workload, &'f crate::model::DependsOn, &'f Workload)> + use<'f> {
    let all = &facts.model.workloads;
    let compose = all.iter().filter(|workload| workload.platform == Platform::Compose);
    compose.flat_map(move |workload| {
        workload.depends_on.iter().filter_map(move |depends| {
            let on =
                all.iter().find(|other| other.platform == Platform::Compose && other.name == depends.service.value)?;
            Some((workload, depends, on))
        })
    })
}

fn started(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, depends, on) in dependencies(facts).filter(|(_, _, on)| is_slow(on)) {
        ruling.checked();
        let condition = depends.condition.as_ref().map_or("service_started", |condition| condition.value.as_str());
        if condition == "service_started" {
            let message = format!("{}: waits until {} is started, not until it is ready", workload.name, on.name);
            let at = depends.condition.as_ref().map_or(depends.service.at, |condition| condition.at);
            ruling.find(
                Draft::new(RuleId::DependsOnStarted, Severity::Warning, at, message)
                    .help("use condition: service_healthy, with a healthcheck"),
            );
        }
    }
}

fn no_healthcheck(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, depends, on) in dependencies(facts) {
        let Some(condition) = depends.condition.as_ref().filter(|condition| condition.value == "service_healthy")
        else {
            continue;
        };
        ruling.checked();
        let own = on.main().is_some_and(|container| container.liveness.is_some());
        // Another image may bring a health check of its own; these bring none.
        if !own && is_slow(on) {
            let message = format!("{}: waits until {} is healthy, which has no health check", workload.name, on.name);
            ruling.find(
                Draft::new(RuleId::DependsOnNoHealthcheck, Severity::Error, condition.at, message)
                    .also(on.at, "no healthcheck here")
                    .help("add a healthcheck to it"),
            );
        }
    }
}

/// Commands that probes run, as one line each.
fn commands<'f>(facts: &Facts<'f>) -> Vec<(&'f Workload, &'f Probe, String)> {
    let mut all = Vec::new();
    for (workload, container) in facts.containers() {
        for probe in [&container.startup, &container.readiness, &container.liveness].into_iter().flatten() {
            if let ProbeKind::Exec(words) = &probe.kind {
                all.push((workload, probe, words.join(" ")));
            }
        }
    }
    all
}

fn redis(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, probe, line) in commands(facts) {
        if !(line.contains("redis-cli") || line.contains("valkey-cli")) {
            continue;
        }
        ruling.checked();
        let looks = ["grep", "PONG", "loading:0", "findstr"].iter().any(|word| line.contains(word));
        if !looks && line.to_ascii_lowercase().contains("ping") {
            let message = format!("{}: `redis-cli ping` returns 0 while Redis still loads its data", workload.name);
            ruling.find(
                Draft::new(RuleId::RedisCliPing, Severity::Warning, probe.at, message)
                    .help("look at the answer: redis-cli ping | grep -q PONG"),
            );
        }
    }
}

fn pg_isready(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for (workload, probe, line) in commands(facts).into_iter().filter(|(_, _, line)| line.contains("pg_isready")) {
        ruling.checked();
        let words = words::split(&line);
        let host = words.iter().any(|word| {
            word.starts_with("-h") || word.starts_with("--host") || word.starts_with("host=") || word.contains("://")
        });
        let container = workload.main();
        let set = container.is_some_and(|own| facts.variables(own).iter().any(|variable| variable.name == "PGHOST"));
        if !host && !set && is_slow(workload) {
            let message = format!(
                "{}: pg_isready asks over the socket, where the image's init server answers too",
                workload.name
            );
            ruling.find(
                Draft::new(RuleId::PgIsreadySocket, Severity::Warning, probe.at, message).help("add -h 127.0.0.1"),
            );
        }
    }
}
