//! Ways out: egress, connectors, sockets, localhost.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, Variable};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Container, Database, Located, Origin, Platform, ProbeKind, Workload, WorkloadKind};
use crate::platform;
use crate::reading::is_template;
use crate::url;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::EgressCloudSqlSocket,
            title: "egress all-traffic does not meet the built-in Cloud SQL socket",
            prevents: "the founding incident: after the switch to all-traffic the socket accepts and closes, for three days",
            severity: Severity::Error,
            needs: "a Cloud Run service or job",
        },
        run: egress,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::ConnectorLimits,
            title: "a VPC connector says how far it grows",
            prevents: "terraform-lab-foundation#494 (refused without a maximum); caura#434 (handshakes through a saturated connector)",
            severity: Severity::Error,
            needs: "a VPC connector's resource",
        },
        run: connector,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::DirectVpcWarmUp,
            title: "direct VPC egress has time to warm up, and a probe that sees it",
            prevents: "estuary/flow#3062 and #3109: no traffic for 20 to 80 s after start, instances that took traffic and died",
            severity: Severity::Warning,
            needs: "a Cloud Run service",
        },
        run: direct_vpc,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::SocketPathTooLong,
            title: "socket paths fit sun_path",
            prevents: "a connect that fails with `path too long` whatever the database does (starting.md, unix sockets)",
            severity: Severity::Error,
            needs: "a socket path in a variable or a Cloud SQL instance",
        },
        run: socket_path,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::LocalhostDependency,
            title: "a dependency is not looked for inside the container",
            prevents: "connection refused at 127.0.0.1 in a container that runs alone (incident 21's family: another path than the app's)",
            severity: Severity::Error,
            needs: "variables of a container",
        },
        run: localhost,
    },
];

/// Where a workload uses the built-in socket: an attached instance, or a path in a variable.
pub(super) fn cloud_sql_socket<'f>(facts: &Facts<'f>, workload: &'f Workload) -> Option<(Origin, String)> {
    let attached =
        workload.network.cloud_sql.first().map(|name| (name.at, format!("Cloud SQL instance {}", name.value)));
    attached.or_else(|| {
        workload.containers.iter().flat_map(|container| facts.variables(container)).find_map(|variable| {
            variable.text.contains("/cloudsql/").then(|| (variable.at, format!("socket path in {}", variable.name)))
        })
    })
}

fn egress(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in facts.model.workloads.iter().filter(|w| w.platform == Platform::CloudRun) {
        ruling.checked();
        let Some(egress) = workload.network.egress.as_ref().filter(|e| e.value.starts_with("all")) else {
            continue;
        };
        let Some((socket, what)) = cloud_sql_socket(facts, workload) else {
            continue;
        };
        if database_of(facts, workload).is_some_and(|d| d.public_ip.as_ref().is_some_and(|public| !public.value)) {
            continue;
        }
        let message = format!(
            "{}: egress {} and the built-in Cloud SQL socket are not usable together",
            workload.name, egress.value
        );
        let mut draft = Draft::new(RuleId::EgressCloudSqlSocket, Severity::Error, egress.at, message)
            .also(socket, what)
            .help("set egress private-ranges-only, or connect to the database's private address without the socket");
        if let Some(connector) = &workload.network.connector {
            draft = draft.also(connector.at, "all traffic goes through this connector");
        }
        draft.source =
            Some("cloud.google.com/run/docs/known-issues: not usable together for an instance with a public address");
        ruling.find(draft);
    }
}

/// The database that a workload uses: by its connection name, else the only one there is.
pub(super) fn database_of<'f>(facts: &Facts<'f>, workload: &'f Workload) -> Option<&'f Database> {
    let all = &facts.model.databases;
    let named = |name: &str| {
        let last = name.rsplit([':', '/']).next().unwrap_or(name);
        all.iter().find(|d| d.name == last || d.connection_name.as_ref().is_some_and(|own| own.value == name))
    };
    let attached = workload.network.cloud_sql.iter().find_map(|name| named(&name.value));
    attached.or_else(|| by_host(facts, workload)).or(match all.as_slice() {
        [only] if only.at != workload.at => Some(only),
        _ => None,
    })
}

/// The database whose name is the host of an address in the variables.
fn by_host<'f>(facts: &Facts<'f>, workload: &'f Workload) -> Option<&'f Database> {
    workload.containers.iter().flat_map(|c| facts.variables(c)).find_map(|variable| {
        let host = url::parse(variable.text).map_or(variable.text, |url| url.host);
        let first = host.split('.').next().unwrap_or(host);
        facts.model.databases.iter().find(|d| !first.is_empty() && d.name == first)
    })
}

fn connector(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let (least, most) = (platform::VPC_CONNECTOR_INSTANCES_MIN, platform::VPC_CONNECTOR_INSTANCES_MAX);
    for connector in &facts.model.connectors {
        ruling.checked();
        let new = |severity, at, text: String| {
            Draft::new(RuleId::ConnectorLimits, severity, at, format!("{}: {text}", connector.name)).source(most)
        };
        if connector.max_instances.is_none() && connector.max_throughput.is_none() {
            let text = "neither max_instances nor max_throughput is set".to_owned();
            ruling.find(
                new(Severity::Warning, connector.at, text)
                    .help("set max_instances: a connector grows and never shrinks"),
            );
        }
        if let Some(value) = connector.max_instances.as_ref().filter(|value| value.value > most.value) {
            let text = format!("max_instances {} is more than {}", value.value, most.value);
            ruling.find(new(Severity::Error, value.at, text).inequality(format!("{} > {}", value.value, most.value)));
        }
        if let Some(value) = connector.min_instances.as_ref().filter(|value| value.value < least.value) {
            let text = format!("min_instances {} is less than {}", value.value, least.value);
            ruling.find(new(Severity::Error, value.at, text).inequality(format!("{} < {}", value.value, least.value)));
        }
        if let (Some(min), Some(max)) = (&connector.min_instances, &connector.max_instances)
            && min.value >= max.value
        {
            let text = "min_instances is not below max_instances".to_owned();
            ruling.find(
                new(Severity::Error, min.at, text)
                    .also(max.at, "the most")
                    .inequality(format!("{} >= {}", min.value, max.value)),
            );
        }
    }
}

fn direct_vpc(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let warm_up = platform::CLOUD_RUN_DIRECT_VPC_WARM_UP;
    for workload in
        facts.model.workloads.iter().filter(|w| w.platform == Platform::CloudRun && w.kind == WorkloadKind::Service)
    {
        ruling.checked();
        let (Some(interface), Some(window)) = (&workload.network.direct_vpc, facts.window(workload)) else {
            continue;
        };
        let probe = workload.main().and_then(|container| container.startup.as_ref());
        let new = |at, message: String| {
            Draft::new(RuleId::DirectVpcWarmUp, Severity::Warning, at, message)
                .also(interface.at, "direct VPC egress")
                .source(warm_up)
        };
        if window.limit.as_secs() < warm_up.value {
            let message = format!(
                "{}: the start-up window is shorter than direct VPC egress may need to pass traffic",
                workload.name
            );
            let sum = format!("{} = {} s < {} s", window.sum, window.limit.as_secs(), warm_up.value);
            ruling.find(
                new(window.at, message)
                    .inequality(sum)
                    .help("raise failureThreshold or periodSeconds of the start-up probe"),
            );
        } else if probe.is_none_or(|probe| probe.kind == ProbeKind::Tcp) {
            let message = format!(
                "{}: the start-up probe is TCP and sees nothing of an egress that is still cold",
                workload.name
            );
            let help = "probe over HTTP a path that answers only after a connection through the VPC worked";
            ruling.find(new(probe.map_or(window.at, |probe| probe.at), message).help(help));
        }
    }
}

fn socket_path(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let limit = platform::UNIX_SOCKET_PATH_MAX;
    let mut paths: Vec<(Located<String>, String)> = Vec::new();
    for workload in &facts.model.workloads {
        for name in &workload.network.cloud_sql {
            paths.push((
                Located::set(format!("/cloudsql/{}/.s.PGSQL.5432", name.value), name.at),
                "Cloud SQL instance".to_owned(),
            ));
        }
    }
    for variable in facts.all_variables() {
        if let Some(path) = path_of(&variable) {
            paths.push((Located::set(path, variable.at), variable.name.to_owned()));
        }
    }
    for (path, what) in paths {
        ruling.checked();
        let length = path.value.len();
        if length as u64 > limit.value {
            let message = format!("{what}: the socket's path has {length} bytes and cannot be connected to");
            let draft = Draft::new(RuleId::SocketPathTooLong, Severity::Error, path.at, message).source(limit);
            ruling.find(
                draft
                    .inequality(format!("{length} > {}", limit.value))
                    .help("mount the socket at a shorter path, or shorten the instance's name"),
            );
        }
    }
}

/// The socket that a variable leads to. libpq adds the socket's name to a directory.
fn path_of(variable: &Variable<'_>) -> Option<String> {
    let text = variable.text.trim();
    if is_template(text) {
        return None;
    }
    let upper = variable.name.to_ascii_uppercase();
    if text.starts_with('/') {
        if upper.contains("SOCKET") {
            return Some(text.to_owned());
        }
        return (upper.ends_with("HOST") || text.starts_with("/cloudsql/"))
            .then(|| format!("{}/.s.PGSQL.5432", text.trim_end_matches('/')));
    }
    let url = url::parse(text).ok()?;
    let host = url.param("host").filter(|host| host.starts_with('/'))?;
    Some(format!("{}/.s.PGSQL.5432", host.replace("%2F", "/").replace("%3A", ":").trim_end_matches('/')))
}

/// Names whose value is the host of a dependency, by how they begin.
const HOSTS: &[&str] = &[
    "DB",
    "DATABASE",
    "PG",
    "POSTGRES",
    "POSTGRESQL",
    "MYSQL",
    "MARIADB",
    "REDIS",
    "VALKEY",
    "RABBITMQ",
    "AMQP",
    "MONGO",
    "MONGODB",
    "KAFKA",
    "NATS",
    "MEMCACHED",
    "ELASTICSEARCH",
    "CLICKHOUSE",
];

fn localhost(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    for workload in facts.model.workloads.iter().filter(|w| w.platform != Platform::Systemd) {
        let company = workload.containers.len() > 1 || workload.init.iter().any(|container| container.sidecar);
        for container in &workload.containers {
            let variables = facts.variables(container);
            if !variables.is_empty() {
                ruling.checked();
            }
            if company || workload.shared_network {
                continue;
            }
            for variable in variables.iter().filter(|variable| at_home(variable)) {
                ruling.find(at_home_finding(workload, container, variable));
            }
        }
    }
}

fn at_home_finding(workload: &Workload, container: &Container, variable: &Variable<'_>) -> Draft {
    let message =
        format!("{}: {} leads to the container itself, where nothing else runs", workload.name, variable.name);
    let help = match workload.platform {
        Platform::Compose => "use the name of the service, such as db",
        Platform::Kubernetes => "use the name of the Kubernetes service",
        _ => "use the address of the dependency",
    };
    let draft = Draft::new(RuleId::LocalhostDependency, Severity::Error, variable.at, message).help(help);
    draft.also(container.at, "the only container here")
}

fn at_home(variable: &Variable<'_>) -> bool {
    let home = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "::1");
    let text = variable.text.trim();
    if let Ok(url) = url::parse(text) {
        return url.is_dependency() && home(url.host) && url.param("host").is_none();
    }
    let upper = variable.name.to_ascii_uppercase();
    let dependency = upper.split('_').next().is_some_and(|first| HOSTS.contains(&first)) || upper == "PGHOST";
    dependency && upper.ends_with("HOST") && home(text.split(':').next().unwrap_or(text))
}
