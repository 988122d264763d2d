//! Kubernetes objects: what runs pods, what scales them, what gives them values.
//!
//! What it must never do: judge kinds that it does not read; custom resources belong to others.
//! Where to start: [`read`].

use super::{keys, pod};
use crate::manifest::compose::database_of;
use crate::model::{Bag, Known, Located, Model, Overlap, Platform, Restart, Workload, WorkloadKind};
use crate::platform;
use crate::reading::{Reading, nearest};
use crate::tree::Node;
use std::time::Duration;

/// Kinds of the groups that workloads belong to (Kubernetes API reference, 1.34); a misspelt kind is
/// refused by the API server, and here it would be a check that looked at nothing.
const KINDS: [(&str, &[&str]); 4] = [
    (
        "v1",
        &[
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("apps/v1", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("autoscaling/v2", &["HorizontalPodAutoscaler"]),
];

/// Says that a group that is known does not have this kind.
fn unknown_kind(reading: &mut Reading<'_>, root: &Node, (api, kind): (&str, &str)) {
    let Some((_, known)) = KINDS.iter().find(|(group, _)| *group == api) else { return };
    let Some(node) = root.get("kind").filter(|_| !known.contains(&kind)) else { return };
    let help = match KINDS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        Some((group, _)) => format!("write `apiVersion: {group}`"),
        None => match nearest(kind, KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("kinds of {api} are {}", known.join(", ")),
        },
    };
    reading.invalid(node, format!("`{kind}` is no kind of {api}"), help);
}

pub(super) fn read(reading: &mut Reading<'_>, root: &Node, (api, kind): (&str, &str), model: &mut Model) {
    unknown_kind(reading, root, (api, kind));
    let spec = root.get("spec");
    let (keys, path, kind_of): (&[&str], &[&str], _) = match kind {
        "Deployment" => (keys::DEPLOYMENT, &["template", "spec"], WorkloadKind::Service),
        "StatefulSet" => (keys::STATEFUL_SET, &["template", "spec"], WorkloadKind::Service),
        "DaemonSet" => (keys::DAEMON_SET, &["template", "spec"], WorkloadKind::Service),
        "ReplicaSet" => (keys::REPLICA_SET, &["template", "spec"], WorkloadKind::Service),
        "Job" => (keys::JOB, &["template", "spec"], WorkloadKind::Job),
        "CronJob" => (keys::CRON_JOB, &["jobTemplate", "spec", "template", "spec"], WorkloadKind::Job),
        "Pod" => (keys::POD, &[], WorkloadKind::Service),
        "ConfigMap" | "Secret" => return bag(reading, root, kind == "Secret", model),
        "HorizontalPodAutoscaler" => return autoscaler(reading, root, model),
        _ => return,
    };
    reading.known_keys(root, "the document", &[keys::TOP]);
    let Some(spec) = spec else {
        return;
    };
    reading.known_keys(spec, &format!("the spec of a {kind}"), &[keys]);
    let (name, at) = pod::name_of(reading, root);
    let mut workload = Workload::new(name, at, Platform::Kubernetes, kind_of);
    replicas(reading, spec, kind, &mut workload);
    if let Some(pod_spec) = spec.at(path) {
        pod_of(reading, pod_spec, &mut workload);
    }
    model.databases.extend(database_of(&workload));
    model.workloads.push(workload);
}

fn pod_of(reading: &mut Reading<'_>, spec: &Node, workload: &mut Workload) {
    reading.known_keys(spec, "a pod's spec", &[keys::POD]);
    for node in spec.get("initContainers").map(Node::items).unwrap_or_default() {
        let container = pod::container(reading, node, pod::KUBERNETES);
        workload.init.push(container);
    }
    for node in spec.get("containers").map(Node::items).unwrap_or_default() {
        let container = pod::container(reading, node, pod::KUBERNETES);
        workload.containers.push(container);
    }
    workload.shared_network = reading.flag(spec, "hostNetwork").is_some_and(|flag| flag.value);
    let at = reading.at(spec);
    let grace = platform::KUBERNETES_STOP_GRACE_DEFAULT;
    workload.stop_grace = Some(match reading.int(spec, "terminationGracePeriodSeconds") {
        Some(seconds) => seconds.map(Duration::from_secs),
        None => Located::default(Duration::from_secs(grace.value), at, grace),
    });
    workload.restart = spec.get("restartPolicy").and_then(|node| restart(reading, node));
}

fn restart(reading: &mut Reading<'_>, node: &Node) -> Option<Located<Restart>> {
    let value = match node.text().unwrap_or_default() {
        "Always" => Restart::Always,
        "OnFailure" => Restart::OnFailure,
        "Never" => Restart::Never,
        other => {
            let near = nearest(other, ["Always", "OnFailure", "Never"].into_iter()).unwrap_or("Always");
            reading.invalid(node, format!("`{other}` is no restart policy"), format!("did you mean `{near}`?"));
            return None;
        }
    };
    Some(Located::set(value, reading.at(node)))
}

fn replicas(reading: &mut Reading<'_>, spec: &Node, kind: &str, workload: &mut Workload) {
    let at = reading.at(spec);
    if matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet") {
        let one = Located { value: 1, at, known: Known::Assumed("one replica where none are given") };
        workload.max_instances = Some(reading.int(spec, "replicas").unwrap_or(one));
        workload.min_instances = workload.max_instances;
    }
    if kind == "Pod" {
        workload.max_instances = Some(Located { value: 1, at, known: Known::Assumed("a pod is one instance") });
    }
    if kind != "Deployment" {
        workload.overlap =
            Some(Located { value: Overlap::Instances(0), at, known: Known::Assumed("replaced one by one") });
        return;
    }
    let strategy = spec.get("strategy");
    if let Some(strategy) = strategy {
        reading.known_keys(strategy, "a strategy", &[&["rollingUpdate", "type"]]);
    }
    if let Some(recreate) = strategy.and_then(|s| s.get("type")).filter(|t| t.text() == Some("Recreate")) {
        workload.overlap = Some(Located::set(Overlap::Instances(0), reading.at(recreate)));
        return;
    }
    let rolling = strategy.and_then(|s| s.get("rollingUpdate"));
    if let Some(rolling) = rolling {
        reading.known_keys(rolling, "rollingUpdate", &[&["maxSurge", "maxUnavailable"]]);
    }
    let surge = rolling.and_then(|rolling| reading.text(rolling, "maxSurge")).and_then(|text| {
        let value = match text.value.strip_suffix('%') {
            Some(percent) => Overlap::Percent(percent.parse().ok()?),
            None => Overlap::Instances(text.value.parse().ok()?),
        };
        Some(Located::set(value, text.at))
    });
    let fact = platform::KUBERNETES_MAX_SURGE_DEFAULT;
    workload.overlap = Some(surge.unwrap_or(Located::default(Overlap::Percent(fact.value), at, fact)));
}

fn autoscaler(reading: &mut Reading<'_>, root: &Node, model: &mut Model) {
    let Some(spec) = root.get("spec") else {
        return;
    };
    let target = spec.get("scaleTargetRef").and_then(|target| reading.text(target, "name"));
    if let (Some(target), Some(most)) = (target, reading.int(spec, "maxReplicas")) {
        model.autoscalers.push((target.value, most));
    }
}

fn bag(reading: &mut Reading<'_>, root: &Node, secret: bool, model: &mut Model) {
    let (name, _) = pod::name_of(reading, root);
    let mut values = Vec::new();
    for (key, encoded) in [("data", secret), ("stringData", false)] {
        for entry in root.get(key).map(Node::entries).unwrap_or_default() {
            let Some(text) = entry.value.text() else { continue };
            let text = if encoded { base64(text) } else { Some(text.to_owned()) };
            let key = Located::set(entry.key.clone(), reading.origin(entry.key_span));
            match text {
                Some(text) => values.push((key, Located::set(text, reading.at(&entry.value)))),
                None if crate::reading::is_template(entry.value.text().unwrap_or_default()) => {}
                None => reading.invalid(
                    &entry.value,
                    format!("`{}` is not base64", entry.key),
                    "encode it, or write it under stringData",
                ),
            }
        }
    }
    model.bags.push(Bag { name, secret, values });
}

/// The text that a base64 holds; bytes that are no UTF-8 are replaced.
fn base64(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for c in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn the_line_end_that_echo_leaves_in_a_secret_is_seen() {
        assert_eq!(base64("aHVudGVyMgo=").as_deref(), Some("hunter2\n"));
        assert_eq!(base64("aHVudGVyMg==").as_deref(), Some("hunter2"));
        assert_eq!(base64("not base64!"), None);
    }
}
