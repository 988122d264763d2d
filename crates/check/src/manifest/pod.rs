//! Containers and probes, as Kubernetes and Cloud Run write them.

use super::keys;
use crate::model::{Container, EnvValue, EnvVar, Located, Origin, Probe, ProbeKind};
use crate::platform::{self, Fact};
use crate::reading::Reading;
use crate::tree::Node;
use std::time::Duration;

/// What a platform fills into a probe.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) period: Fact,
    pub(super) timeout: Fact,
    pub(super) failures: Fact,
}

pub(super) const KUBERNETES: Defaults = Defaults {
    period: platform::KUBERNETES_PROBE_PERIOD_DEFAULT,
    timeout: platform::KUBERNETES_PROBE_TIMEOUT_DEFAULT,
    failures: platform::KUBERNETES_PROBE_FAILURES_DEFAULT,
};

pub(super) const CLOUD_RUN: Defaults = Defaults {
    period: platform::CLOUD_RUN_PROBE_PERIOD_DEFAULT,
    timeout: platform::CLOUD_RUN_PROBE_TIMEOUT_DEFAULT,
    failures: platform::CLOUD_RUN_PROBE_FAILURES_DEFAULT,
};

pub(super) fn container(reading: &mut Reading<'_>, node: &Node, defaults: Defaults) -> Container {
    reading.known_keys(node, "a container", &[keys::CONTAINER]);
    let name = reading.text(node, "name");
    let image = reading.text(node, "image");
    // A container is shown by its name, or by its image where Cloud Run needs no name.
    let at = name.as_ref().or(image.as_ref()).map_or(reading.at(node), |shown| shown.at);
    let mut container = Container::new(name.map(|n| n.value).unwrap_or_default(), at);
    container.image = image;
    container.argv = reading.texts(node, "command");
    container.argv.extend(reading.texts(node, "args"));
    for variable in node.get("env").map(Node::items).unwrap_or_default() {
        container.env.extend(env(reading, variable));
    }
    for from in node.get("envFrom").map(Node::items).unwrap_or_default() {
        let source = from.get("configMapRef").or_else(|| from.get("secretRef"));
        if let Some(name) = source.and_then(|source| reading.text(source, "name")) {
            container.env_from.push(name);
        }
    }
    for port in node.get("ports").map(Node::items).unwrap_or_default() {
        reading.known_keys(port, "a port", &[keys::PORT]);
        if let Some(number) = reading.int(port, "containerPort") {
            if !(1..=65535).contains(&number.value) {
                reading.invalid(port, format!("{} is no port", number.value), "ports are 1 to 65535");
            }
            container.ports.push((reading.text(port, "name").map(|name| name.value), number));
        }
    }
    container.startup = probe(reading, node, "startupProbe", defaults);
    container.readiness = probe(reading, node, "readinessProbe", defaults);
    container.liveness = probe(reading, node, "livenessProbe", defaults);
    container.memory_mib = node
        .at(&["resources", "limits"])
        .and_then(|limits| reading.text(limits, "memory"))
        .and_then(|text| Some(Located::set(mebibytes(&text.value)?, text.at)));
    container.sidecar = node.get("restartPolicy").and_then(Node::text) == Some("Always");
    container.pre_stop = pre_stop(reading, node);
    container
}

fn env(reading: &mut Reading<'_>, node: &Node) -> Option<EnvVar> {
    reading.known_keys(node, "a variable", &[keys::ENV]);
    let name = reading.text(node, "name")?;
    let from = node.get("valueFrom");
    let source = from.and_then(|from| from.get("secretKeyRef").or_else(|| from.get("configMapKeyRef")));
    let value = match (node.get("value"), source) {
        (Some(_), _) => EnvValue::Text(reading.text(node, "value")?),
        (None, Some(source)) => {
            let optional = reading.flag(source, "optional").is_some_and(|flag| flag.value);
            match (reading.text(source, "name"), reading.text(source, "key")) {
                (Some(from), Some(key)) => EnvValue::Reference { from, key, optional },
                _ => EnvValue::Unknown,
            }
        }
        (None, None) if from.is_some() => EnvValue::Unknown,
        (None, None) => EnvValue::Text(Located::set(String::new(), name.at)),
    };
    Some(EnvVar { name, value })
}

pub(super) fn probe(reading: &mut Reading<'_>, container: &Node, key: &str, defaults: Defaults) -> Option<Probe> {
    let node = container.get(key)?;
    reading.known_keys(node, "a probe", &[keys::PROBE]);
    let at = reading.key_at(container, key);
    let (kind, port) = if let Some(http) = node.get("httpGet") {
        reading.known_keys(http, "httpGet", &[&["host", "httpHeaders", "path", "port", "scheme"]]);
        let path = reading.text(http, "path").map_or_else(|| "/".to_owned(), |path| path.value);
        (ProbeKind::Http { path }, reading.text(http, "port"))
    } else if let Some(exec) = node.get("exec") {
        (ProbeKind::Exec(reading.texts(exec, "command").into_iter().map(|t| t.value).collect()), None)
    } else if let Some(grpc) = node.get("grpc") {
        (ProbeKind::Grpc, reading.text(grpc, "port"))
    } else {
        (ProbeKind::Tcp, node.get("tcpSocket").and_then(|tcp| reading.text(tcp, "port")))
    };
    let or = |value: Option<Located<u64>>, fact: Fact| value.unwrap_or_else(|| Located::default(fact.value, at, fact));
    Some(Probe {
        at,
        kind,
        port,
        initial_delay: reading.int(node, "initialDelaySeconds").unwrap_or(Located::set(0, at)),
        period: or(reading.int(node, "periodSeconds"), defaults.period),
        timeout: or(reading.int(node, "timeoutSeconds"), defaults.timeout),
        failures: or(reading.int(node, "failureThreshold"), defaults.failures),
    })
}

/// A pre-stop hook that sleeps.
fn pre_stop(reading: &mut Reading<'_>, container: &Node) -> Option<Located<Duration>> {
    let hook = container.at(&["lifecycle", "preStop"])?;
    if let Some(sleep) = hook.get("sleep") {
        return reading.int(sleep, "seconds").map(|seconds| seconds.map(Duration::from_secs));
    }
    let words = hook.get("exec").map(|exec| reading.texts(exec, "command"))?;
    let joined = words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" ");
    let seconds = joined.split_once("sleep ")?.1.split([' ', ';', '&']).next()?.parse().ok()?;
    Some(Located::set(Duration::from_secs(seconds), words.first()?.at))
}

/// `512Mi`, `1Gi`, `500M`, bytes.
pub(crate) fn mebibytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let bytes: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "ki" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mi" | "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gi" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes).map(|bytes| bytes >> 20)
}

/// The origin that a key has in a map, or the map's.
pub(super) fn name_of(reading: &mut Reading<'_>, root: &Node) -> (String, Origin) {
    let name = root.get("metadata").and_then(|metadata| reading.text(metadata, "name"));
    name.map_or_else(|| ("(unnamed)".to_owned(), reading.at(root)), |name| (name.value, name.at))
}

#[cfg(test)]
mod tests {
    use super::mebibytes;

    #[test]
    fn quantities() {
        assert_eq!(mebibytes("512Mi"), Some(512));
        assert_eq!(mebibytes("2Gi"), Some(2048));
        assert_eq!(mebibytes("1G"), Some(953));
        assert_eq!(mebibytes("256m"), Some(244));
        assert_eq!(mebibytes("lots"), None);
    }
}
