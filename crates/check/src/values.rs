//! Every value that holds, with its origin: for `--full` and JSON.
//!
//! What it must never do: leave out that a value was assumed. Where to start: [`effective`].

use crate::facts::Facts;
use crate::finding::EffectiveValue;
use crate::model::{Container, Known, Located, Overlap, Probe, ProbeKind, Restart, Workload};
use crate::rules::values::holds_secret;
use crate::settle::Settling;
use crate::source::MASK;
use crate::words::seconds;
use tminus_core::redact::is_secret_name;

struct List<'a, 'f> {
    settling: &'a Settling<'f>,
    of: String,
    out: Vec<EffectiveValue>,
}

impl List<'_, '_> {
    fn add<T>(&mut self, name: &str, value: &Located<T>, text: impl Into<String>) {
        let (known, origin) = match value.known {
            Known::Set => ("set", self.settling.cite(value.at)),
            Known::Default(fact) => ("default", format!("{}: {}", fact.id, fact.source)),
            Known::Assumed(why) => ("assumed", why.to_owned()),
        };
        let value = self.settling.clean(&text.into());
        self.out.push(EffectiveValue { of: self.of.clone(), name: name.to_owned(), value, known, origin });
    }

    fn number(&mut self, name: &str, value: Option<&Located<u64>>) {
        if let Some(value) = value {
            self.add(name, value, value.value.to_string());
        }
    }
}

/// The values of all workloads, then of databases.
pub(crate) fn effective(facts: &Facts<'_>, settling: &Settling<'_>) -> Vec<EffectiveValue> {
    let mut list = List { settling, of: String::new(), out: Vec::new() };
    for workload in &facts.model.workloads {
        list.of = workload.name.clone();
        of_workload(facts, workload, &mut list);
        for container in workload.all() {
            list.of = if container.name.is_empty() || container.name == workload.name {
                workload.name.clone()
            } else {
                format!("{}/{}", workload.name, container.name)
            };
            of_container(facts, container, &mut list);
        }
    }
    for database in &facts.model.databases {
        list.of = database.name.clone();
        if let Some(tier) = &database.tier {
            list.add("class", tier, tier.value.clone());
        }
        list.number("max_connections", database.max_connections.as_ref());
        if let Some(public) = &database.public_ip {
            list.add("public address", public, public.value.to_string());
        }
    }
    list.out
}

fn of_workload<'f>(facts: &Facts<'f>, workload: &'f Workload, list: &mut List<'_, '_>) {
    list.number("instances, least", workload.min_instances.as_ref());
    list.number("instances, most", workload.max_instances.as_ref());
    if let Some(overlap) = &workload.overlap {
        let text = match overlap.value {
            Overlap::Percent(percent) => format!("+{percent} %"),
            Overlap::Instances(count) => format!("+{count}"),
        };
        list.add("overlap of versions", overlap, text);
    }
    list.number("concurrency", workload.concurrency.as_ref());
    if let Some(grace) = &workload.stop_grace {
        list.add("stop grace", grace, seconds(grace.value));
    }
    if let Some(egress) = &workload.network.egress {
        list.add("egress", egress, egress.value.clone());
    }
    if let Some(connector) = &workload.network.connector {
        list.add("connector", connector, connector.value.clone());
    }
    for name in &workload.network.cloud_sql {
        list.add("cloud sql instance", name, name.value.clone());
    }
    if let Some(restart) = &workload.restart {
        let text = match restart.value {
            Restart::Always => "always",
            Restart::OnFailure => "on failure",
            Restart::Never => "never",
        };
        list.add("restart", restart, text);
    }
    if let Some(window) = facts.window(workload) {
        let known = window.fact.map_or(Known::Set, Known::Default);
        let value = Located { value: (), at: window.at, known };
        list.add("start-up window", &value, format!("{} ({})", seconds(window.limit), window.what));
    }
}

fn of_container<'f>(facts: &Facts<'f>, container: &'f Container, list: &mut List<'_, '_>) {
    if let Some(image) = &container.image {
        list.add("image", image, image.value.clone());
    }
    for (_, port) in &container.ports {
        list.number("port", Some(port));
    }
    list.number("memory limit, MiB", container.memory_mib.as_ref());
    for (name, probe) in [
        ("start-up probe", &container.startup),
        ("readiness probe", &container.readiness),
        ("liveness probe", &container.liveness),
    ] {
        if let Some(probe) = probe {
            of_probe(name, probe, list);
        }
    }
    for variable in facts.variables(container) {
        let hidden = !variable.text.is_empty() && is_secret_name(variable.name)
            || holds_secret(variable.name, variable.text) && !variable.text.contains("://");
        let text = if hidden { MASK.to_owned() } else { variable.text.to_owned() };
        let value = Located::set((), variable.at);
        list.add(variable.name, &value, text);
    }
}

fn of_probe(name: &str, probe: &Probe, list: &mut List<'_, '_>) {
    let kind = match &probe.kind {
        ProbeKind::Http { path } => format!("http {path}"),
        ProbeKind::Tcp => "tcp".to_owned(),
        ProbeKind::Grpc => "grpc".to_owned(),
        ProbeKind::Exec(words) => format!("exec {}", words.join(" ")),
    };
    list.add(name, &Located::set((), probe.at), kind);
    for (what, value) in [
        ("delay", &probe.initial_delay),
        ("period", &probe.period),
        ("timeout", &probe.timeout),
        ("failures", &probe.failures),
    ] {
        list.number(&format!("{name}, {what}"), Some(value));
    }
}
