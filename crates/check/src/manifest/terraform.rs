//! `terraform show -json`: plans and states.
//!
//! What it must never do: complain about keys, which the provider's schema has checked; or take a
//! value that is only known after apply for an absent one. Where to start: [`read`].

use super::ecs;
use super::pod::mebibytes;
use crate::model::{
    Connector, Container, Database, Engine, EnvValue, EnvVar, Known, Located, Model, Origin, Overlap, Platform, Probe,
    ProbeKind, Restart, Workload, WorkloadKind,
};
use crate::platform::{self, Fact};
use crate::reading::Reading;
use crate::tree::{self, Node};
use std::time::Duration;

/// Modules in modules.
const MODULES_MAX: usize = 32;

/// Reads a plan or a state; false when it is neither.
pub(super) fn read(reading: &mut Reading<'_>, root: &Node, model: &mut Model) -> bool {
    if ["planned_values", "values", "resource_changes", "terraform_version"].iter().all(|key| root.entry(key).is_none())
    {
        return false;
    }
    let mut resources = Vec::new();
    let values = root.get("planned_values").or_else(|| root.get("values"));
    match values.and_then(|values| values.get("root_module")) {
        Some(module) => collect(module, &mut resources, 0),
        None => {
            for change in root.get("resource_changes").map(Node::items).unwrap_or_default() {
                if let (Some(kind), Some(after)) =
                    (change.get("type").and_then(Node::text), change.at(&["change", "after"]))
                {
                    resources.push((kind, change, after));
                }
            }
        }
    }
    for (kind, resource, values) in &resources {
        let name = values.get("name").or_else(|| resource.get("name"));
        let at = name.map_or(reading.at(resource), |name| reading.at(name));
        let name = name.and_then(Node::text).unwrap_or("(unnamed)").to_owned();
        one(reading, kind, name, at, values, model);
    }
    for (_, _, values) in resources.iter().filter(|(kind, ..)| *kind == "aws_ecs_service") {
        ecs_service(reading, values, model);
    }
    true
}

type Resource<'n> = (&'n str, &'n Node, &'n Node);

fn collect<'n>(module: &'n Node, resources: &mut Vec<Resource<'n>>, depth: usize) {
    for resource in module.get("resources").map(Node::items).unwrap_or_default() {
        let managed = resource.get("mode").is_none_or(|mode| mode.text() == Some("managed"));
        if let (true, Some(kind), Some(values)) =
            (managed, resource.get("type").and_then(Node::text), resource.get("values"))
        {
            resources.push((kind, resource, values));
        }
    }
    if depth < MODULES_MAX {
        let children = module.get("child_modules").map(Node::items).unwrap_or_default();
        children.iter().for_each(|child| collect(child, resources, depth + 1));
    }
}

fn one(reading: &mut Reading<'_>, kind: &str, name: String, at: Origin, values: &Node, model: &mut Model) {
    match kind {
        "google_cloud_run_v2_service" => model.workloads.push(run_v2(reading, name, at, values, false)),
        "google_cloud_run_v2_job" => model.workloads.push(run_v2(reading, name, at, values, true)),
        "google_cloud_run_service" => model.workloads.push(run_v1(reading, name, at, values)),
        "google_sql_database_instance" => model.databases.extend(cloud_sql(reading, name, at, values)),
        "google_vpc_access_connector" => model.connectors.push(Connector {
            name,
            at,
            min_instances: positive(reading, values, "min_instances"),
            max_instances: positive(reading, values, "max_instances"),
            max_throughput: positive(reading, values, "max_throughput"),
        }),
        "kubernetes_deployment" | "kubernetes_deployment_v1" => {
            let name = block(values, "metadata").and_then(|m| reading.text(m, "name")).map_or(name, |name| name.value);
            model.workloads.push(deployment(reading, name, at, values));
        }
        "aws_ecs_task_definition" => model.workloads.extend(task(reading, at, values)),
        "aws_db_instance" => model.databases.extend(rds(reading, at, values)),
        _ => {}
    }
}

/// A nested block: Terraform writes each as a list.
fn block<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let value = node.get(key)?;
    if value.is_map() { Some(value) } else { value.items().first().filter(|item| item.is_map()) }
}

/// Providers write 0 for what nobody set.
fn positive(reading: &mut Reading<'_>, node: &Node, key: &str) -> Option<Located<u64>> {
    reading.int(node, key).filter(|number| number.value > 0)
}

fn run_v2(reading: &mut Reading<'_>, name: String, at: Origin, values: &Node, job: bool) -> Workload {
    let kind = if job { WorkloadKind::Job } else { WorkloadKind::Service };
    let mut workload = Workload::new(name, at, Platform::CloudRun, kind);
    let outer = block(values, "template");
    let template = if job { outer.and_then(|outer| block(outer, "template")) } else { outer };
    let Some(template) = template else {
        return workload;
    };
    for node in template.get("containers").map(Node::items).unwrap_or_default() {
        let container = container(reading, node, RUN);
        workload.containers.push(container);
    }
    for scaling in [block(values, "scaling"), block(template, "scaling")].into_iter().flatten() {
        workload.min_instances = positive(reading, scaling, "min_instance_count").or(workload.min_instances);
        workload.max_instances = positive(reading, scaling, "max_instance_count").or(workload.max_instances);
    }
    workload.concurrency = positive(reading, template, "max_instance_request_concurrency");
    if let Some(access) = block(template, "vpc_access") {
        workload.network.connector = reading.text(access, "connector").filter(|c| !c.value.is_empty());
        workload.network.egress = reading
            .text(access, "egress")
            .filter(|e| !e.value.is_empty())
            .map(|egress| egress.map(|value| value.to_ascii_lowercase().replace('_', "-")));
        let interface = block(access, "network_interfaces");
        workload.network.direct_vpc = interface.map(|node| Located::set((), reading.at(node)));
    }
    for volume in template.get("volumes").map(Node::items).unwrap_or_default() {
        if let Some(sql) = block(volume, "cloud_sql_instance") {
            workload.network.cloud_sql.extend(reading.texts(sql, "instances"));
        }
    }
    run_defaults(&mut workload);
    workload
}

fn run_v1(reading: &mut Reading<'_>, name: String, at: Origin, values: &Node) -> Workload {
    let mut workload = Workload::new(name, at, Platform::CloudRun, WorkloadKind::Service);
    let Some(template) = block(values, "template") else {
        return workload;
    };
    if let Some(spec) = block(template, "spec") {
        workload.concurrency = positive(reading, spec, "container_concurrency");
        for node in spec.get("containers").map(Node::items).unwrap_or_default() {
            let container = container(reading, node, RUN);
            workload.containers.push(container);
        }
    }
    let annotations = block(template, "metadata").and_then(|metadata| metadata.get("annotations"));
    for entry in annotations.map(Node::entries).unwrap_or_default() {
        let Some(text) = entry.value.text() else { continue };
        let value = Located::set(text.to_owned(), reading.at(&entry.value));
        match entry.key.rsplit('/').next().unwrap_or_default() {
            "vpc-access-egress" => workload.network.egress = Some(value),
            "vpc-access-connector" => workload.network.connector = Some(value),
            "network-interfaces" => workload.network.direct_vpc = Some(value.map(|_| ())),
            "cloudsql-instances" => {
                let at = value.at;
                workload.network.cloud_sql = text.split(',').map(|n| Located::set(n.trim().to_owned(), at)).collect();
            }
            "minScale" => workload.min_instances = text.parse().ok().map(|n| Located::set(n, value.at)),
            "maxScale" => workload.max_instances = text.parse().ok().map(|n| Located::set(n, value.at)),
            _ => {}
        }
    }
    run_defaults(&mut workload);
    workload
}

fn run_defaults(workload: &mut Workload) {
    let at = workload.at;
    let grace = platform::CLOUD_RUN_STOP_GRACE;
    workload.stop_grace = Some(Located::default(Duration::from_secs(grace.value), at, grace));
    if workload.kind == WorkloadKind::Job {
        return;
    }
    let revisions = platform::CLOUD_RUN_REVISIONS_AT_CUTOVER;
    let more = revisions.value.saturating_sub(1).saturating_mul(100);
    workload.overlap = Some(Located::default(Overlap::Percent(more), at, revisions));
    if let [container] = workload.containers.as_mut_slice()
        && container.ports.is_empty()
    {
        let fact = platform::CLOUD_RUN_PORT_DEFAULT;
        container.ports.push((None, Located::default(fact.value, at, fact)));
    }
}

/// What a platform fills into probes: period, timeout, failures.
type ProbeFacts = (Fact, Fact, Fact);

const RUN: ProbeFacts = (
    platform::CLOUD_RUN_PROBE_PERIOD_DEFAULT,
    platform::CLOUD_RUN_PROBE_TIMEOUT_DEFAULT,
    platform::CLOUD_RUN_PROBE_FAILURES_DEFAULT,
);
const POD: ProbeFacts = (
    platform::KUBERNETES_PROBE_PERIOD_DEFAULT,
    platform::KUBERNETES_PROBE_TIMEOUT_DEFAULT,
    platform::KUBERNETES_PROBE_FAILURES_DEFAULT,
);

fn container(reading: &mut Reading<'_>, node: &Node, facts: ProbeFacts) -> Container {
    let name = reading.text(node, "name").filter(|name| !name.value.is_empty());
    let at = reading.at(node);
    let mut container = Container::new(name.map(|n| n.value).unwrap_or_default(), at);
    container.image = reading.text(node, "image");
    container.argv = reading.texts(node, "command");
    container.argv.extend(reading.texts(node, "args"));
    for variable in node.get("env").map(Node::items).unwrap_or_default() {
        let Some(name) = reading.text(variable, "name") else { continue };
        let source = block(variable, "value_source").or_else(|| block(variable, "value_from"));
        let value = match reading.text(variable, "value") {
            Some(value) if source.is_none() => EnvValue::Text(value),
            _ => EnvValue::Unknown,
        };
        container.env.push(EnvVar { name, value });
    }
    for key in ["ports", "port"] {
        for port in node.get(key).map(Node::items).unwrap_or_default() {
            let name = reading.text(port, "name").map(|name| name.value).filter(|name| !name.is_empty());
            container.ports.extend(positive(reading, port, "container_port").map(|port| (name, port)));
        }
    }
    container.startup = probe(reading, node, "startup_probe", facts);
    container.readiness = probe(reading, node, "readiness_probe", facts);
    container.liveness = probe(reading, node, "liveness_probe", facts);
    let limits = block(node, "resources").and_then(|resources| block(resources, "limits"));
    let memory = limits.and_then(|limits| reading.text(limits, "memory"));
    container.memory_mib = memory.and_then(|text| Some(Located::set(mebibytes(&text.value)?, text.at)));
    if node.get("depends_on").is_some() {
        container.after = reading.texts(node, "depends_on").into_iter().map(|name| name.value).collect();
    }
    container
}

fn probe(reading: &mut Reading<'_>, container: &Node, key: &str, facts: ProbeFacts) -> Option<Probe> {
    let node = block(container, key)?;
    let at = reading.key_at(container, key);
    let (kind, port) = if let Some(http) = block(node, "http_get") {
        let path = reading.text(http, "path").map(|path| path.value).filter(|path| !path.is_empty());
        (ProbeKind::Http { path: path.unwrap_or_else(|| "/".to_owned()) }, reading.text(http, "port"))
    } else if let Some(exec) = block(node, "exec") {
        (ProbeKind::Exec(reading.texts(exec, "command").into_iter().map(|t| t.value).collect()), None)
    } else if let Some(grpc) = block(node, "grpc") {
        (ProbeKind::Grpc, reading.text(grpc, "port"))
    } else {
        (ProbeKind::Tcp, block(node, "tcp_socket").and_then(|tcp| reading.text(tcp, "port")))
    };
    let mut or = |key, fact: Fact| positive(reading, node, key).unwrap_or(Located::default(fact.value, at, fact));
    let (period, timeout) = (or("period_seconds", facts.0), or("timeout_seconds", facts.1));
    let failures = or("failure_threshold", facts.2);
    let initial_delay = reading.int(node, "initial_delay_seconds").unwrap_or(Located::set(0, at));
    Some(Probe { at, kind, port, initial_delay, period, timeout, failures })
}

fn cloud_sql(reading: &mut Reading<'_>, name: String, at: Origin, values: &Node) -> Option<Database> {
    let version = reading.text(values, "database_version")?;
    let engine = match version.value.split('_').next()? {
        "POSTGRES" => Engine::Postgres,
        "MYSQL" => Engine::MySql,
        _ => return None,
    };
    let settings = block(values, "settings");
    let tier = settings.and_then(|settings| reading.text(settings, "tier"));
    let flags = settings.and_then(|settings| settings.get("database_flags")).map(Node::items).unwrap_or_default();
    let flag = flags.iter().find(|flag| flag.get("name").and_then(Node::text) == Some("max_connections"));
    let set = flag.and_then(|flag| reading.int(flag, "value"));
    let by_tier = tier.as_ref().filter(|_| engine == Engine::Postgres).and_then(|tier| {
        let table = platform::CLOUD_SQL_POSTGRES_MAX_CONNECTIONS;
        let value = table.value(tier_mib(&tier.value)?)?;
        let fact = Fact { id: table.id, value, unit: table.unit, kind: table.kind, source: table.source };
        Some(Located::default(value, tier.at, fact))
    });
    let address = settings.and_then(|settings| block(settings, "ip_configuration"));
    let public_ip = address.and_then(|address| reading.flag(address, "ipv4_enabled"));
    let connection_name = reading.text(values, "connection_name");
    Some(Database { name, at, engine, tier, max_connections: set.or(by_tier), public_ip, connection_name })
}

/// Memory of a machine class of Cloud SQL, as far as its name says it.
fn tier_mib(tier: &str) -> Option<u64> {
    if let Some(custom) = tier.split("custom-").nth(1) {
        return custom.split('-').nth(1)?.parse().ok();
    }
    match tier {
        "db-f1-micro" => Some(614),
        "db-g1-small" => Some(1740),
        _ => {
            let count: u64 = tier.rsplit('-').next()?.parse().ok()?;
            let per_cpu = match tier.trim_start_matches("db-").rsplit_once('-')?.0 {
                "n1-standard" => 3840,
                "n1-highmem" => 6656,
                "perf-optimized-N" => 8192,
                _ => return None,
            };
            count.checked_mul(per_cpu)
        }
    }
}

fn rds(reading: &mut Reading<'_>, at: Origin, values: &Node) -> Option<Database> {
    let engine = match reading.text(values, "engine")?.value.as_str() {
        "postgres" => Engine::Postgres,
        "mysql" | "mariadb" => Engine::MySql,
        _ => return None,
    };
    let name = reading.text(values, "identifier").map_or_else(|| "(database)".to_owned(), |name| name.value);
    let tier = reading.text(values, "instance_class");
    let max_connections = tier.as_ref().filter(|_| engine == Engine::Postgres).and_then(|tier| {
        let mib = class_mib(&tier.value)?;
        let (per, most) = (platform::RDS_BYTES_PER_CONNECTION, platform::RDS_CONNECTIONS_MAX);
        let value = (mib << 20).checked_div(per.value)?.min(most.value);
        Some(Located::default(value, tier.at, per))
    });
    let public_ip = reading.flag(values, "publicly_accessible");
    Some(Database { name, at, engine, tier, max_connections, public_ip, connection_name: None })
}

/// Memory of an RDS class: AWS doubles it with each size, from a base by family.
fn class_mib(class: &str) -> Option<u64> {
    let mut parts = class.trim_start_matches("db.").split('.');
    let (family, size) = (parts.next()?, parts.next()?);
    let large = match family.chars().next()? {
        't' | 'm' => 8 << 10,
        'r' => 16 << 10,
        _ => return None,
    };
    Some(match size {
        "micro" => large >> 3,
        "small" => large >> 2,
        "medium" => large >> 1,
        "large" => large,
        "xlarge" => large << 1,
        _ => size.strip_suffix("xlarge")?.parse::<u64>().ok().filter(|n| *n <= 64)?.checked_mul(large << 1)?,
    })
}

fn deployment(reading: &mut Reading<'_>, name: String, at: Origin, values: &Node) -> Workload {
    let mut workload = Workload::new(name, at, Platform::Kubernetes, WorkloadKind::Service);
    let Some(spec) = block(values, "spec") else {
        return workload;
    };
    workload.max_instances = positive(reading, spec, "replicas");
    let rolling = block(spec, "strategy").and_then(|strategy| block(strategy, "rolling_update"));
    let surge = rolling.and_then(|rolling| reading.text(rolling, "max_surge"));
    let fact = platform::KUBERNETES_MAX_SURGE_DEFAULT;
    let set = surge.and_then(|text| {
        let value = match text.value.strip_suffix('%') {
            Some(percent) => Overlap::Percent(percent.parse().ok()?),
            None => Overlap::Instances(text.value.parse().ok()?),
        };
        Some(Located::set(value, text.at))
    });
    workload.overlap = Some(set.unwrap_or(Located::default(Overlap::Percent(fact.value), at, fact)));
    let Some(pod) = block(spec, "template").and_then(|template| block(template, "spec")) else {
        return workload;
    };
    for (key, into) in [("init_container", true), ("container", false)] {
        for node in pod.get(key).map(Node::items).unwrap_or_default() {
            let container = container(reading, node, POD);
            if into { workload.init.push(container) } else { workload.containers.push(container) }
        }
    }
    let fact = platform::KUBERNETES_STOP_GRACE_DEFAULT;
    let grace = positive(reading, pod, "termination_grace_period_seconds");
    workload.stop_grace = Some(grace.unwrap_or(Located::default(fact.value, at, fact)).map(Duration::from_secs));
    workload.shared_network = reading.flag(pod, "host_network").is_some_and(|flag| flag.value);
    workload
}

fn task(reading: &mut Reading<'_>, at: Origin, values: &Node) -> Option<Workload> {
    let family = reading.text(values, "family")?;
    let mut workload = Workload::new(family.value, at, Platform::Ecs, WorkloadKind::Service);
    let text = values.get("container_definitions")?;
    match tree::parse_within(text.text()?, text.span) {
        Ok(roots) => ecs::containers(reading, roots.first().map(Node::items).unwrap_or_default(), &mut workload),
        Err(why) => reading.invalid(text, format!("container_definitions is not JSON: {why}"), "use jsonencode"),
    }
    Some(workload)
}

fn ecs_service(reading: &mut Reading<'_>, values: &Node, model: &mut Model) {
    let wanted = reading.text(values, "task_definition").map(|text| text.value);
    let tasks: Vec<usize> =
        (0..model.workloads.len()).filter(|i| model.workloads[*i].platform == Platform::Ecs).collect();
    let named = tasks.iter().copied().find(|i| {
        let family = &model.workloads[*i].name;
        wanted
            .as_ref()
            .is_some_and(|w| w == family || w.contains(&format!("/{family}:")) || w.starts_with(&format!("{family}:")))
    });
    let Some(index) = named.or(if tasks.len() == 1 { tasks.first().copied() } else { None }) else {
        return;
    };
    let workload = &mut model.workloads[index];
    workload.max_instances = positive(reading, values, "desired_count").or(workload.max_instances);
    let fact = platform::ECS_MAXIMUM_PERCENT_DEFAULT;
    let percent = positive(reading, values, "deployment_maximum_percent");
    let percent = percent.unwrap_or(Located::default(fact.value, workload.at, fact));
    workload.overlap = Some(percent.map(|percent| Overlap::Percent(percent.saturating_sub(100))));
    let grace = positive(reading, values, "health_check_grace_period_seconds");
    workload.start_limit = grace.map(|seconds| seconds.map(Duration::from_secs)).or(workload.start_limit);
    workload.restart = Some(Located {
        value: Restart::Always,
        at: workload.at,
        known: Known::Assumed("ECS starts tasks of a service again"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_classes() {
        assert_eq!(tier_mib("db-custom-1-3840"), Some(3840));
        assert_eq!(tier_mib("db-n1-standard-2"), Some(7680));
        assert_eq!(tier_mib("db-perf-optimized-N-4"), Some(32768));
        assert_eq!(tier_mib("db-unheard-of"), None);
        assert_eq!(class_mib("db.t3.micro"), Some(1024));
        assert_eq!(class_mib("db.r6g.2xlarge"), Some(65536));
        assert_eq!(class_mib("db.x9.large"), None);
    }
}
