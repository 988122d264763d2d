//! Cloud Run services and jobs, and Knative services, which have the same shape.
//!
//! What it must never do: take a platform's default for something that was set. Where to start: [`read`].

use super::{keys, pod};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Located, Model, Overlap, Platform, Restart, Workload, WorkloadKind};
use crate::platform;
use crate::reading::{Reading, nearest};
use crate::tree::{self, Node};
use std::time::Duration;

pub(super) fn read(reading: &mut Reading<'_>, root: &Node, kind: &str, model: &mut Model) {
    if !matches!(kind, "Service" | "Job" | "Revision" | "Configuration") {
        return;
    }
    reading.known_keys(root, "the document", &[keys::TOP]);
    let (name, at) = pod::name_of(reading, root);
    let job = kind == "Job";
    let kind_of = if job { WorkloadKind::Job } else { WorkloadKind::Service };
    let mut workload = Workload::new(name, at, Platform::CloudRun, kind_of);
    let template = match kind {
        "Revision" => Some(root),
        _ if job => root.at(&["spec", "template"]),
        _ => root.at(&["spec", "template"]),
    };
    if let (Some(spec), "Service") = (root.get("spec"), kind) {
        reading.known_keys(spec, "the spec of a service", &[keys::KNATIVE_SERVICE]);
    }
    let Some(template) = template else {
        return;
    };
    let pod_spec = if job { template.at(&["spec", "template", "spec"]) } else { template.get("spec") };
    for metadata in [root.get("metadata"), template.get("metadata")].into_iter().flatten() {
        annotations(reading, metadata, &mut workload);
    }
    if let Some(spec) = pod_spec {
        spec_of(reading, spec, job, &mut workload);
    }
    settle(reading, template, job, &mut workload);
    model.workloads.push(workload);
}

fn spec_of(reading: &mut Reading<'_>, spec: &Node, job: bool, workload: &mut Workload) {
    let job_keys: &[&str] = if job { &["maxRetries"] } else { &[] };
    reading.known_keys(spec, "the template's spec", &[keys::POD, keys::REVISION, job_keys]);
    if !job {
        workload.concurrency = reading.int(spec, "containerConcurrency").filter(|c| c.value > 0);
    }
    for node in spec.get("containers").map(Node::items).unwrap_or_default() {
        let container = pod::container(reading, node, pod::CLOUD_RUN);
        workload.containers.push(container);
    }
}

fn annotations(reading: &mut Reading<'_>, metadata: &Node, workload: &mut Workload) {
    let Some(annotations) = metadata.get("annotations") else {
        return;
    };
    for entry in annotations.entries() {
        let ours = entry.key.contains("run.googleapis.com/") || entry.key.starts_with("autoscaling.knative.dev/");
        if ours && !keys::CLOUD_RUN_ANNOTATIONS.contains(&entry.key.as_str()) {
            slip(reading, entry);
        }
        let value = entry.value.text().map(|text| Located::set(text.to_owned(), reading.at(&entry.value)));
        let Some(value) = value else { continue };
        match entry.key.rsplit('/').next().unwrap_or_default() {
            "vpc-access-egress" => egress(reading, &entry.value, value, workload),
            "vpc-access-connector" => workload.network.connector = Some(value),
            "network-interfaces" => workload.network.direct_vpc = Some(value.map(|_| ())),
            "cloudsql-instances" => {
                let names = value.value.split(',').map(str::trim).filter(|name| !name.is_empty());
                workload.network.cloud_sql = names.map(|name| Located::set(name.to_owned(), value.at)).collect();
            }
            "minScale" | "min-scale" => workload.min_instances = number(reading, &entry.value, &entry.key),
            "maxScale" | "max-scale" => workload.max_instances = number(reading, &entry.value, &entry.key),
            "container-dependencies" => dependencies(reading, &entry.value, &value.value, workload),
            _ => {}
        }
    }
}

/// Annotations come before containers: kept as containers of which only the order is known.
fn dependencies(reading: &mut Reading<'_>, node: &Node, text: &str, workload: &mut Workload) {
    match tree::parse_within(text, node.span) {
        Ok(roots) => {
            for entry in roots.iter().flat_map(Node::entries) {
                let mut container = crate::model::Container::new(entry.key.clone(), reading.at(node));
                container.after = entry.value.items().iter().filter_map(Node::text).map(str::to_owned).collect();
                workload.init.push(container);
            }
        }
        Err(_) => reading.invalid(node, "container-dependencies is not a JSON object", r#"write '{"app":["proxy"]}'"#),
    }
}

fn slip(reading: &mut Reading<'_>, entry: &tree::Entry) {
    if let Some(near) = nearest(&entry.key, keys::CLOUD_RUN_ANNOTATIONS.iter().copied()) {
        let what = format!("`{}` is no annotation of Cloud Run", entry.key);
        let at = reading.origin(entry.key_span);
        reading
            .out
            .push(Draft::new(RuleId::KeyUnknown, Severity::Error, at, what).help(format!("did you mean `{near}`?")));
    }
}

fn egress(reading: &mut Reading<'_>, node: &Node, value: Located<String>, workload: &mut Workload) {
    const KNOWN: [&str; 3] = ["all-traffic", "private-ranges-only", "all"];
    if !KNOWN.contains(&value.value.as_str()) {
        let near = nearest(&value.value, KNOWN.into_iter()).unwrap_or("private-ranges-only");
        reading.invalid(node, format!("`{}` is no egress setting", value.value), format!("did you mean `{near}`?"));
    }
    workload.network.egress = Some(value);
}

fn number(reading: &mut Reading<'_>, node: &Node, key: &str) -> Option<Located<u64>> {
    match node.text().and_then(|text| text.trim().parse().ok()) {
        Some(value) => Some(Located::set(value, reading.at(node))),
        None => {
            reading.invalid(
                node,
                format!("`{key}` is not a whole number from 0"),
                "write digits in quotes, such as \"10\"",
            );
            None
        }
    }
}

/// What the platform fills in, and what annotations said about containers.
fn settle(reading: &mut Reading<'_>, template: &Node, job: bool, workload: &mut Workload) {
    let at = reading.at(template);
    for order in std::mem::take(&mut workload.init) {
        if let Some(container) = workload.containers.iter_mut().find(|c| c.name == order.name) {
            container.after = order.after;
        }
    }
    let grace = platform::CLOUD_RUN_STOP_GRACE;
    workload.stop_grace = Some(Located::default(Duration::from_secs(grace.value), at, grace));
    if job {
        return;
    }
    workload.restart = Some(Located {
        value: Restart::Always,
        at,
        known: crate::model::Known::Assumed("Cloud Run starts instances again"),
    });
    let revisions = platform::CLOUD_RUN_REVISIONS_AT_CUTOVER;
    let more = revisions.value.saturating_sub(1).saturating_mul(100);
    workload.overlap = Some(Located::default(Overlap::Percent(more), at, revisions));
    if workload.concurrency.is_none() {
        let fact = platform::CLOUD_RUN_CONCURRENCY_DEFAULT;
        workload.concurrency = Some(Located::default(fact.value, at, fact));
    }
    let alone = workload.containers.len() == 1;
    if let (true, Some(container)) = (alone, workload.containers.first_mut())
        && container.ports.is_empty()
    {
        let fact = platform::CLOUD_RUN_PORT_DEFAULT;
        container.ports.push((None, Located::default(fact.value, container.at, fact)));
    }
}
