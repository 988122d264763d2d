//! Compose files.
//!
//! What it must never do: resolve what the host's environment would fill in. Where to start: [`read`].

use super::pod::mebibytes;
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{
    Container, Database, DependsOn, Engine, EnvValue, EnvVar, Known, Located, Model, Origin, Overlap, Platform, Probe,
    ProbeKind, Restart, Workload, WorkloadKind,
};
use crate::platform;
use crate::reading::{Reading, is_template};
use crate::tree::{Node, Value};
use crate::words;
use std::time::Duration;

const TOP: &[&str] = &["version", "name", "services", "networks", "volumes", "configs", "secrets", "include", "models"];

const SERVICE: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "driver_opts",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "provider",
    "pull_policy",
    "pull_refresh_after",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

const HEALTHCHECK: &[&str] = &["disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"];

pub(super) fn read(reading: &mut Reading<'_>, root: &Node, model: &mut Model) {
    reading.known_keys(root, "a compose file", &[TOP]);
    for entry in root.get("services").map(Node::entries).unwrap_or_default() {
        if entry.key.starts_with("x-") || !entry.value.is_map() {
            continue;
        }
        let at = reading.origin(entry.key_span);
        let workload = service(reading, &entry.key, at, &entry.value);
        model.databases.extend(database_of(&workload));
        model.workloads.push(workload);
    }
}

fn service(reading: &mut Reading<'_>, name: &str, at: Origin, node: &Node) -> Workload {
    reading.known_keys(node, "a service", &[SERVICE]);
    let mut workload = Workload::new(name.to_owned(), at, Platform::Compose, WorkloadKind::Service);
    let mut container = Container::new(name.to_owned(), at);
    container.image = reading.text(node, "image");
    for key in ["entrypoint", "command"] {
        container.argv.extend(command(reading, node, key));
    }
    container.env = node.get("environment").map(|env| environment(reading, env)).unwrap_or_default();
    for port in node.get("ports").map(Node::items).unwrap_or_default() {
        container.ports.extend(port_of(reading, port).map(|port| (None, port)));
    }
    container.liveness = healthcheck(reading, node);
    let memory = node.at(&["deploy", "resources", "limits"]).and_then(|l| reading.text(l, "memory"));
    container.memory_mib = memory
        .or_else(|| reading.text(node, "mem_limit"))
        .and_then(|text| Some(Located::set(mebibytes(&text.value)?, text.at)));
    workload.containers.push(container);
    workload.depends_on = depends_on(reading, node);
    workload.shared_network = node.get("network_mode").is_some();
    workload.restart = restart(reading, node);
    scale(reading, node, &mut workload);
    let grace = platform::COMPOSE_STOP_GRACE_DEFAULT;
    let set = timed(reading, node, "stop_grace_period");
    workload.stop_grace = Some(set.unwrap_or(Located::default(Duration::from_secs(grace.value), at, grace)));
    workload
}

fn scale(reading: &mut Reading<'_>, node: &Node, workload: &mut Workload) {
    let replicas = node.get("deploy").and_then(|deploy| reading.int(deploy, "replicas"));
    let one = Located { value: 1, at: workload.at, known: Known::Assumed("one container where no number is given") };
    workload.max_instances = Some(replicas.or_else(|| reading.int(node, "scale")).unwrap_or(one));
    let order = node.at(&["deploy", "update_config", "order"]);
    let first = order.filter(|order| order.text() == Some("start-first"));
    workload.overlap = Some(match first {
        Some(node) => Located::set(Overlap::Percent(100), reading.at(node)),
        None => Located {
            value: Overlap::Instances(0),
            at: workload.at,
            known: Known::Assumed("stopped before the new one starts"),
        },
    });
}

/// Words of a command that is a list or a shell line.
fn command(reading: &mut Reading<'_>, node: &Node, key: &str) -> Vec<Located<String>> {
    match node.get(key) {
        Some(value @ Node { value: Value::Text { text, .. }, .. }) => {
            let at = reading.at(value);
            words::split(text).into_iter().map(|word| Located::set(word, at)).collect()
        }
        Some(_) => reading.texts(node, key),
        None => Vec::new(),
    }
}

fn environment(reading: &mut Reading<'_>, node: &Node) -> Vec<EnvVar> {
    let variable = |name: &str, name_at, value: Option<(&str, Origin)>| EnvVar {
        name: Located::set(name.to_owned(), name_at),
        value: value.map_or(EnvValue::Unknown, |(text, at)| EnvValue::Text(Located::set(text.to_owned(), at))),
    };
    if let Value::List(items) = &node.value {
        let lines = items.iter().filter_map(|item| Some((item.text()?, reading.at(item))));
        return lines
            .map(|(line, at)| match line.split_once('=') {
                Some((name, value)) => variable(name, at, Some((value, at))),
                None => variable(line, at, None),
            })
            .collect();
    }
    let pairs = node.entries().iter();
    pairs
        .map(|entry| {
            let value = entry.value.text().map(|text| (text, reading.at(&entry.value)));
            variable(&entry.key, reading.origin(entry.key_span), value)
        })
        .collect()
}

/// The port inside the container.
fn port_of(reading: &mut Reading<'_>, node: &Node) -> Option<Located<u64>> {
    if node.is_map() {
        return reading.int(node, "target");
    }
    let text = node.text().filter(|text| !is_template(text))?;
    let number = text.split('/').next()?.rsplit(':').next()?.split('-').next()?;
    Some(Located::set(number.parse().ok()?, reading.at(node)))
}

fn timed(reading: &mut Reading<'_>, node: &Node, key: &str) -> Option<Located<Duration>> {
    let value = node.get(key)?;
    let text = value.text().unwrap_or_default();
    if is_template(text) {
        return None;
    }
    match words::duration(text) {
        Some(duration) => Some(Located::set(duration, reading.at(value))),
        None => {
            reading.invalid(
                value,
                format!("`{key}` is no duration"),
                "write a number with its unit, such as 10s or 1m30s",
            );
            None
        }
    }
}

fn healthcheck(reading: &mut Reading<'_>, service: &Node) -> Option<Probe> {
    let node = service.get("healthcheck")?;
    reading.known_keys(node, "a healthcheck", &[HEALTHCHECK]);
    if reading.flag(node, "disable").is_some_and(|flag| flag.value) {
        return None;
    }
    let words: Vec<String> = match node.get("test") {
        Some(Node { value: Value::Text { text, .. }, .. }) => vec!["CMD-SHELL".to_owned(), text.clone()],
        Some(_) => reading.texts(node, "test").into_iter().map(|word| word.value).collect(),
        None => Vec::new(),
    };
    if words.first().is_some_and(|word| word == "NONE") {
        return None;
    }
    check_form(reading, node, &words);
    let at = node.get("test").map_or(reading.key_at(service, "healthcheck"), |test| reading.at(test));
    let seconds = |value: Option<Located<Duration>>, or| value.map_or(or, |value| value.map(|d| d.as_secs()));
    // Docker's defaults are those of ECS, whose agent hands them to Docker.
    let default = |fact: platform::Fact| Located::default(fact.value, at, fact);
    Some(Probe {
        at,
        kind: ProbeKind::Exec(words),
        port: None,
        initial_delay: seconds(timed(reading, node, "start_period"), Located::set(0, at)),
        period: seconds(timed(reading, node, "interval"), default(platform::ECS_HEALTH_INTERVAL_DEFAULT)),
        timeout: seconds(timed(reading, node, "timeout"), default(platform::ECS_HEALTH_INTERVAL_DEFAULT)),
        failures: reading.int(node, "retries").unwrap_or(default(platform::ECS_HEALTH_RETRIES_DEFAULT)),
    })
}

fn check_form(reading: &mut Reading<'_>, node: &Node, words: &[String]) {
    if let (Some(test), Some(first)) = (node.get("test"), words.first())
        && !matches!(first.as_str(), "CMD" | "CMD-SHELL")
    {
        let at = reading.at(test);
        let what = "a health check that is a list begins with CMD, CMD-SHELL or NONE";
        reading.out.push(Draft::new(RuleId::ValueInvalid, Severity::Error, at, what).help(r#"write ["CMD", ...]"#));
    }
}

fn depends_on(reading: &mut Reading<'_>, node: &Node) -> Vec<DependsOn> {
    let Some(value) = node.get("depends_on") else {
        return Vec::new();
    };
    if let Value::List(_) = value.value {
        return reading
            .texts(node, "depends_on")
            .into_iter()
            .map(|service| DependsOn { service, condition: None })
            .collect();
    }
    let mut all = Vec::new();
    for entry in value.entries() {
        reading.known_keys(&entry.value, "a dependency", &[&["condition", "required", "restart"]]);
        let service = Located::set(entry.key.clone(), reading.origin(entry.key_span));
        all.push(DependsOn { service, condition: reading.text(&entry.value, "condition") });
    }
    all
}

fn restart(reading: &mut Reading<'_>, node: &Node) -> Option<Located<Restart>> {
    let policy = node.at(&["deploy", "restart_policy", "condition"]).or_else(|| node.get("restart"))?;
    let text = policy.text().filter(|text| !is_template(text))?;
    let value = match text.split(':').next().unwrap_or_default() {
        "always" | "unless-stopped" | "any" => Restart::Always,
        "on-failure" => Restart::OnFailure,
        // A bare no is read as false by YAML 1.1.
        "no" | "none" | "false" => Restart::Never,
        _ => {
            reading.invalid(
                policy,
                format!("`{text}` is no restart policy"),
                "known are no, always, on-failure, unless-stopped",
            );
            return None;
        }
    };
    Some(Located::set(value, reading.at(policy)))
}

/// The database that a workload is, by its image.
pub(super) fn database_of(workload: &Workload) -> Option<Database> {
    const POSTGRES: [&str; 6] = ["postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha"];
    let container = workload.containers.first()?;
    let image = container.image.as_ref()?;
    let repository = image.value.split('@').next()?.rsplit('/').next()?.split(':').next()?;
    let engine = match repository {
        _ if POSTGRES.contains(&repository) => Engine::Postgres,
        "mysql" | "mariadb" | "percona" => Engine::MySql,
        _ => return None,
    };
    let set = container.argv.iter().find_map(|word| {
        let value = word.value.split_once("max_connections=").or_else(|| word.value.split_once("max-connections="))?.1;
        Some(Located::set(value.parse().ok()?, word.at))
    });
    let fact = platform::POSTGRES_MAX_CONNECTIONS_DEFAULT;
    let default = (engine == Engine::Postgres).then(|| Located::default(fact.value, workload.at, fact));
    Some(Database {
        name: workload.name.clone(),
        at: workload.at,
        engine,
        tier: None,
        max_connections: set.or(default),
        public_ip: None,
        connection_name: None,
    })
}
