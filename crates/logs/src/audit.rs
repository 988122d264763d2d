//! What a deploy changed: the settings that an audit row shows.
//!
//! Values of environment variables are never taken, because any of them may be a secret; a
//! reference to a secret is named instead.

use crate::json::{Doc, Object, Value};

/// Nesting of an audit row that is searched.
const MAX_DEPTH: usize = 24;
/// Settings of one row beyond which the rest is left out.
const MAX_SETTINGS: usize = 400;

/// Annotations that change with every deploy and say nothing about the service.
const NOISE: [&str; 10] = [
    "client-name",
    "client-version",
    "operation-id",
    "creator",
    "lastModifier",
    "urls",
    "build-",
    "ingress-status",
    "nonce",
    "description",
];

/// Names and values of settings, with the line on which each stands.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) lines: Vec<u32>,
}

impl Settings {
    fn add(&mut self, name: &str, value: &str, line: u32) {
        let known = self.pairs.iter().any(|(n, v)| n == name && v == value);
        if !known && self.pairs.len() < MAX_SETTINGS {
            self.pairs.push((name.to_owned(), value.to_owned()));
            self.lines.push(line);
        }
    }
}

/// The settings in the request and the response of an audit row.
pub(crate) fn settings(payload: &Object<'_>, doc: &Doc<'_>) -> Settings {
    let mut found = Settings::default();
    for part in ["request", "response"] {
        if let Some(value) = payload.get(part) {
            collect(value, doc, &mut found, 0);
        }
    }
    found
}

fn collect(value: Value<'_>, doc: &Doc<'_>, found: &mut Settings, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in value.items() {
        collect(item, doc, found, depth + 1);
    }
    let Some(object) = value.object() else {
        return;
    };
    for (key, value) in object.fields() {
        match key {
            "annotations" => annotations(value, doc, found),
            "env" => environment(value, doc, found),
            "startupProbe" | "livenessProbe" | "readinessProbe" => probe(key, value, doc, found),
            "limits" => nested("limits", value, doc, found),
            "vpcAccess" => vpc_access(value, doc, found),
            "cloudSqlInstance" => cloud_sql(value, doc, found),
            "scaling" => nested("scaling", value, doc, found),
            "image"
            | "imageDigest"
            | "containerConcurrency"
            | "maxInstanceRequestConcurrency"
            | "timeoutSeconds"
            | "timeout"
            | "executionEnvironment"
            | "containerPort" => plain(key, value, doc, found),
            _ => collect(value, doc, found, depth + 1),
        }
    }
}

/// A number without the `.0` that some exporters add, a string as it is, a list joined.
fn written(value: Value<'_>) -> Option<String> {
    if value.is_array() {
        let items: Vec<String> = value.items().into_iter().filter_map(written).collect();
        return (!items.is_empty()).then(|| items.join(" "));
    }
    let text = value.scalar()?;
    Some(text.strip_suffix(".0").filter(|_| value.number().is_some()).unwrap_or(&text).to_owned())
}

fn plain(name: &str, value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    if let Some(text) = written(value) {
        found.add(name, &text, doc.line_of(value.0));
    }
}

fn nested(prefix: &str, value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    for (key, value) in value.object().iter().flat_map(Object::fields) {
        plain(&format!("{prefix}.{key}"), value, doc, found);
    }
}

fn annotations(value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    for (key, value) in value.object().iter().flat_map(Object::fields) {
        let short = key.rsplit('/').next().unwrap_or(key);
        if !NOISE.iter().any(|noise| short.starts_with(noise)) {
            plain(key, value, doc, found);
        }
    }
}

fn environment(value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    for variable in value.items().into_iter().filter_map(Value::object) {
        let Some(name) = variable.text(&["name"]) else {
            continue;
        };
        let source = variable.any(&["valueFrom", "valueSource"]).and_then(Value::object);
        let secret = source.and_then(|s| s.get("secretKeyRef")?.object()?.text(&["name", "secret"]));
        let shown = secret.map(|secret| format!("secret {secret}")).unwrap_or_default();
        let line = variable.get("name").map_or(0, |value| doc.line_of(value.0));
        found.add(&format!("env.{name}"), &shown, line);
    }
}

fn probe(name: &str, value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    for (key, value) in value.object().iter().flat_map(Object::fields) {
        match key {
            "tcpSocket" | "httpGet" | "grpc" => nested(&format!("{name}.{key}"), value, doc, found),
            _ => plain(&format!("{name}.{key}"), value, doc, found),
        }
    }
}

/// The second version of the API has fields for what the first keeps in annotations: one name.
fn vpc_access(value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    for (key, value) in value.object().iter().flat_map(Object::fields) {
        match (key, value.string()) {
            ("egress", Some(text)) => {
                let text = text.to_ascii_lowercase().replace('_', "-");
                found.add("run.googleapis.com/vpc-access-egress", &text, doc.line_of(value.0));
            }
            ("connector", _) => plain("run.googleapis.com/vpc-access-connector", value, doc, found),
            _ => {}
        }
    }
}

fn cloud_sql(value: Value<'_>, doc: &Doc<'_>, found: &mut Settings) {
    let instances = value.object().and_then(|object| object.get("instances"));
    if let Some(instances) = instances {
        let names: Vec<String> = instances.items().into_iter().filter_map(written).collect();
        found.add("run.googleapis.com/cloudsql-instances", &names.join(","), doc.line_of(instances.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(json: &str) -> Vec<(String, String)> {
        let object = Object::parse(json).expect("an object");
        settings(&object, &Doc::new(json, 1)).pairs
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_deploy_shows_annotations_image_limits_and_names_of_variables() {
        let json = r#"{"request":{"service":{"spec":{"template":{"metadata":{"annotations":{
            "run.googleapis.com/vpc-access-egress":"all-traffic","run.googleapis.com/client-name":"gcloud"}},
            "spec":{"containerConcurrency":80.0,"containers":[{"image":"gcr.io/p/a:latest","resources":{"limits":{"cpu":"4"}},
            "env":[{"name":"DB_PASSWORD","value":"hunter2"},{"name":"DB_HOST","valueFrom":{"secretKeyRef":{"key":"latest","name":"db-host"}}}],
            "startupProbe":{"tcpSocket":{"port":8000},"failureThreshold":1}}]}}}}}}"#;
        assert_eq!(
            pairs(json),
            [
                pair("run.googleapis.com/vpc-access-egress", "all-traffic"),
                pair("containerConcurrency", "80"),
                pair("image", "gcr.io/p/a:latest"),
                pair("limits.cpu", "4"),
                pair("env.DB_PASSWORD", ""),
                pair("env.DB_HOST", "secret db-host"),
                pair("startupProbe.tcpSocket.port", "8000"),
                pair("startupProbe.failureThreshold", "1"),
            ]
        );
    }

    #[test]
    fn both_versions_of_the_api_give_one_name() {
        let json = r#"{"request":{"template":{"vpcAccess":{"connector":"c","egress":"ALL_TRAFFIC"},"volumes":[{"name":"sql","cloudSqlInstance":{"instances":["p:r:a","p:r:b"]}}]}}}"#;
        assert_eq!(
            pairs(json),
            [
                pair("run.googleapis.com/vpc-access-connector", "c"),
                pair("run.googleapis.com/vpc-access-egress", "all-traffic"),
                pair("run.googleapis.com/cloudsql-instances", "p:r:a,p:r:b"),
            ]
        );
    }

    #[test]
    fn each_setting_knows_its_line() {
        let json = "{\"request\": {\n\"timeoutSeconds\": 600,\n\"image\": \"x\"}}";
        let object = Object::parse(json).expect("an object");
        assert_eq!(settings(&object, &Doc::new(json, 5)).lines, [6, 7]);
    }
}
