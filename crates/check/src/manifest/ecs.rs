//! ECS task definitions: as files, and as the JSON text inside of Terraform's.
//!
//! Where to start: [`read`], [`containers`].

use crate::model::{Container, EnvValue, EnvVar, Located, Model, Platform, Probe, ProbeKind, Workload, WorkloadKind};
use crate::platform;
use crate::reading::Reading;
use crate::tree::Node;
use std::time::Duration;

pub(super) fn is_task_definition(root: &Node) -> bool {
    definition(root).get("containerDefinitions").is_some_and(|list| !list.items().is_empty())
}

/// `describe-task-definition` wraps it once.
fn definition(root: &Node) -> &Node {
    root.get("taskDefinition").unwrap_or(root)
}

pub(super) fn read(reading: &mut Reading<'_>, root: &Node, model: &mut Model) {
    let root = definition(root);
    let family = reading.text(root, "family");
    let at = family.as_ref().map_or(reading.at(root), |family| family.at);
    let name = family.map_or_else(|| "(task)".to_owned(), |family| family.value);
    let mut workload = Workload::new(name, at, Platform::Ecs, WorkloadKind::Service);
    containers(reading, root.get("containerDefinitions").map(Node::items).unwrap_or_default(), &mut workload);
    model.workloads.push(workload);
}

pub(super) fn containers(reading: &mut Reading<'_>, nodes: &[Node], workload: &mut Workload) {
    for node in nodes {
        let name = reading.text(node, "name");
        let at = name.as_ref().map_or(reading.at(node), |name| name.at);
        let mut container = Container::new(name.map(|n| n.value).unwrap_or_default(), at);
        container.image = reading.text(node, "image");
        container.argv = reading.texts(node, "entryPoint");
        container.argv.extend(reading.texts(node, "command"));
        for variable in node.get("environment").map(Node::items).unwrap_or_default() {
            if let (Some(name), Some(value)) = (reading.text(variable, "name"), reading.text(variable, "value")) {
                container.env.push(EnvVar { name, value: EnvValue::Text(value) });
            }
        }
        for secret in node.get("secrets").map(Node::items).unwrap_or_default() {
            container.env.extend(reading.text(secret, "name").map(|name| EnvVar { name, value: EnvValue::Unknown }));
        }
        for port in node.get("portMappings").map(Node::items).unwrap_or_default() {
            container.ports.extend(reading.int(port, "containerPort").map(|port| (None, port)));
        }
        container.memory_mib = reading.int(node, "memory");
        container.liveness = health(reading, node);
        container.after = node
            .get("dependsOn")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|d| d.get("containerName")?.text().map(str::to_owned))
            .collect();
        let fact = platform::ECS_STOP_GRACE_DEFAULT;
        let grace = reading.int(node, "stopTimeout").unwrap_or(Located::default(fact.value, at, fact));
        workload.stop_grace.get_or_insert(grace.map(Duration::from_secs));
        workload.containers.push(container);
    }
}

fn health(reading: &mut Reading<'_>, container: &Node) -> Option<Probe> {
    let node = container.get("healthCheck")?;
    let at = reading.key_at(container, "healthCheck");
    let or =
        |value: Option<Located<u64>>, fact: platform::Fact| value.unwrap_or(Located::default(fact.value, at, fact));
    Some(Probe {
        at,
        kind: ProbeKind::Exec(reading.texts(node, "command").into_iter().map(|word| word.value).collect()),
        port: None,
        initial_delay: reading.int(node, "startPeriod").unwrap_or(Located::set(0, at)),
        period: or(reading.int(node, "interval"), platform::ECS_HEALTH_INTERVAL_DEFAULT),
        timeout: or(reading.int(node, "timeout"), platform::ECS_HEALTH_TIMEOUT_DEFAULT),
        failures: or(reading.int(node, "retries"), platform::ECS_HEALTH_RETRIES_DEFAULT),
    })
}
