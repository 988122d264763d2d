//! Entries of Google Cloud Logging, as gcloud, the console and the client libraries export them:
//! camel case or snake case, payloads as objects or as printed Python dicts, or missing.

use crate::{
    audit,
    emit::{Draft, Emitter},
    intern::{Interner, Memo},
    json::{Doc, Object, Value},
    json_logger, kubernetes, python_repr, time,
};
use std::{borrow::Cow, sync::Arc};
use tminus_core::{
    Timestamp,
    record::{Name, Origin, Request, Stream},
    vocabulary::Severity,
};

const FORMAT: &str = "cloud-logging";
const TEXT: &[&str] = &["textPayload", "text_payload"];
const JSON: &[&str] = &["jsonPayload", "json_payload"];
const PROTO: &[&str] = &["protoPayload", "proto_payload"];
/// What exporters put under names of their own when they take an entry apart.
const OTHER: &[&str] = &["payload", "raw_payload", "message", "msg"];
const REQUEST: &[&str] = &["httpRequest", "http_request"];

/// Sentences of Cloud Run itself, for exports that dropped the name of the log.
const PLATFORM: &[&str] = &[
    "Container called exit(",
    "Container terminated on signal",
    "Default STARTUP TCP probe",
    "STARTUP TCP probe",
    "STARTUP HTTP probe",
    "STARTUP GRPC probe",
    "LIVENESS HTTP probe",
    "Starting new instance. Reason:",
    "Memory limit of ",
    "Ready condition status changed",
];

/// Whether an object is an entry: a time, and something that only entries have.
pub(crate) fn is_entry(object: &Object<'_>) -> bool {
    let mut time = false;
    let mut entry = false;
    for (key, value) in object.fields() {
        match key {
            "timestamp" | "receiveTimestamp" | "receive_timestamp" => time = true,
            "insertId" | "insert_id" | "logName" | "log_name" | "textPayload" | "text_payload" | "jsonPayload"
            | "json_payload" | "protoPayload" | "proto_payload" | "raw_payload" => entry = true,
            "resource" => entry |= literal(value).is_some(),
            _ => {}
        }
        if time && entry {
            return true;
        }
    }
    false
}

/// What rows of one writer share; read once per writer.
#[derive(Clone)]
pub(crate) struct Context {
    origin: Arc<Origin>,
    stream: Stream,
    log: Option<Name>,
    /// Kubernetes' agent gives every row of a stream the same severity.
    severity_of_stream: bool,
    /// The name of the log is missing and the writer is a Cloud Run service.
    unnamed_run_log: bool,
}

/// Reads one entry, which stands at `place` in `doc`.
pub(crate) fn entry(
    object: &Object<'_>,
    place: &str,
    doc: &Doc<'_>,
    contexts: &mut Memo<Context>,
    out: &mut Emitter<'_>,
) {
    let context = context(object, contexts, &mut out.interner);
    let mut draft = Draft::new(FORMAT, doc.line_of(place), context.origin);
    draft.record.stream = context.stream;
    draft.record.detail.log = context.log;
    let time =
        ["timestamp", "receiveTimestamp", "receive_timestamp"].iter().find_map(|key| entry_time(object.get(key)?, out));
    if let Some(time) = time {
        draft.envelope_time(time);
    }
    draft.record.severity = object.get("severity").and_then(severity);
    draft.severity_of_stream = context.severity_of_stream;
    draft.record.detail.row_id = object.text(&["insertId", "insert_id"]).map(|id| Arc::from(id.as_ref()));
    let request = object.any(REQUEST).and_then(literal);
    let request = request.as_deref().and_then(Object::parse);
    if let Some(request) = &request {
        draft.record.detail.request = answered(request);
        if draft.record.stream == Stream::Unknown {
            draft.record.stream = Stream::Request;
        }
    }
    let unnamed = context.unnamed_run_log && request.is_none();
    let Some(mut draft) = payload(object, draft, unnamed, doc, out) else {
        return;
    };
    // A request needs no text: its address is what there is to say.
    let url = request.as_ref().and_then(|r| r.any(&["requestUrl", "url", "request_url"]));
    match url.and_then(|url| Some((url, url.string()?))) {
        Some((url, text)) => {
            draft.record.line = object.any(REQUEST).map_or(draft.record.line, |value| doc.line_of(value.0));
            draft.record.line = doc.line_of(url.0);
            out.text(draft, text);
        }
        None => out.empty(draft),
    }
}

/// Emits the entry by its payload; gives the draft back when it has none.
fn payload(object: &Object<'_>, draft: Draft, unnamed: bool, doc: &Doc<'_>, out: &mut Emitter<'_>) -> Option<Draft> {
    let mut draft = draft;
    for key in TEXT.iter().chain(JSON).chain(PROTO).chain(OTHER) {
        let Some(value) = object.get(key) else {
            continue;
        };
        let json = if TEXT.contains(key) { None } else { literal(value) };
        let Some(json) = json else {
            draft = text_payload(value, draft, unnamed, doc, out)?;
            continue;
        };
        // Parts of a payload that had to be rewritten stand on the line of the original.
        let rewritten = Doc::new(&json, doc.line_of(value.0));
        let doc = if matches!(json, Cow::Borrowed(_)) { doc } else { &rewritten };
        if let Some(payload) = Object::parse(&json).filter(|payload| payload.fields().next().is_some()) {
            structured(&payload, &json, draft, doc, out);
            return None;
        }
    }
    Some(draft)
}

fn text_payload(
    value: Value<'_>,
    mut draft: Draft,
    unnamed: bool,
    doc: &Doc<'_>,
    out: &mut Emitter<'_>,
) -> Option<Draft> {
    const PLACEHOLDERS: [&str; 3] = ["None", "No message content", "null"];
    let Some(text) = value.string().filter(|text| !PLACEHOLDERS.contains(&text.as_ref())) else {
        return Some(draft);
    };
    draft.record.line = doc.line_of(value.0);
    if unnamed && PLATFORM.iter().any(|start| text.starts_with(start)) {
        draft.record.stream = Stream::Platform;
    }
    out.text(draft, text);
    None
}

/// A payload with fields: a row of a program's logger, or an audit row.
fn structured(payload: &Object<'_>, json: &str, mut draft: Draft, doc: &Doc<'_>, out: &mut Emitter<'_>) {
    let kind = payload.text(&["@type", "type_url"]).unwrap_or_default();
    if kind.ends_with("AuditLog") || payload.has("methodName") && payload.has("serviceName") {
        return audit_row(payload, draft, doc, out);
    }
    if draft.record.detail.request.is_none() {
        let request = payload.any(REQUEST).and_then(Value::object);
        draft.record.detail.request = request.as_ref().and_then(answered);
    }
    match json_logger::read(payload) {
        Some(said) if said.message == "No message content" => out.empty(draft),
        Some(said) => out.said(draft, said, |part| doc.line_of(part)),
        None => {
            draft.record.line = doc.line_of(json);
            out.text(draft, Cow::Borrowed(json));
        }
    }
}

/// The row says what the platform says of it, or else names the method.
fn audit_row(payload: &Object<'_>, mut draft: Draft, doc: &Doc<'_>, out: &mut Emitter<'_>) {
    draft.record.stream = Stream::Audit;
    draft.record.detail.log = payload.text(&["methodName"]).map(|method| out.interner.name(&method));
    let settings = audit::settings(payload, doc);
    draft.record.detail.settings = settings.pairs;
    draft.record.detail.setting_lines = settings.lines;
    let status = payload.get("status").and_then(Value::object).and_then(|status| status.get("message"));
    let said = status.or_else(|| payload.any(&["methodName", "resourceName", "serviceName"]));
    match said.and_then(|value| Some((value, value.string()?))) {
        Some((place, text)) => {
            draft.record.line = doc.line_of(place.0);
            out.text(draft, text);
        }
        None => out.empty(draft),
    }
}

/// The object that a value is or prints: JSON as it stands, a Python dict rewritten.
fn literal(value: Value<'_>) -> Option<Cow<'_, str>> {
    if value.is_object() {
        return Some(Cow::Borrowed(value.0));
    }
    let text = value.string().filter(|text| python_repr::is_dict(text))?;
    let json = python_repr::to_json(&text)?;
    json.starts_with('{').then_some(Cow::Owned(json))
}

fn severity(value: Value<'_>) -> Option<Severity> {
    // Client libraries print the number of the level, or its name in their own enumeration.
    if let Some(number) = value.number() {
        return json_logger::cloud_level(number);
    }
    let text = value.string()?;
    let word = text.rsplit('.').next()?;
    Severity::read(word.split(':').next()?)
}

/// The time of an entry, which is one of UTC also where an exporter dropped the zone.
fn entry_time(value: Value<'_>, out: &mut Emitter<'_>) -> Option<Timestamp> {
    if let Some(object) = value.object() {
        let seconds = object.get("seconds")?.scalar()?.parse().ok()?;
        let nanos = object.get("nanos").and_then(Value::number).unwrap_or(0.0) as i32;
        return Timestamp::new(seconds, nanos).ok();
    }
    let text = value.scalar()?;
    let complete = time::rfc3339(&text).or_else(|| time::epoch(&text));
    complete.or_else(|| Some(out.utc(time::stamp(&text)?.0)?.time))
}

fn answered(request: &Object<'_>) -> Option<Request> {
    let status = request.get("status")?.scalar()?;
    let status = status.trim_end_matches(".0").parse().ok()?;
    let url = request.text(&["requestUrl", "url", "request_url"]).unwrap_or_default().into_owned();
    Some(Request { status, url })
}

fn context(object: &Object<'_>, contexts: &mut Memo<Context>, interner: &mut Interner) -> Context {
    let parts = ["resource", "labels"].map(|key| object.get(key));
    let log = object.any(&["logName", "log_name"]);
    let mut key = Vec::with_capacity(768);
    for part in parts.iter().chain([&log]) {
        key.extend_from_slice(part.map_or("-", |value| value.0).as_bytes());
        key.push(b'\n');
    }
    contexts.get(&key, || {
        let [resource, labels] = parts.map(|value| value.and_then(literal));
        let resource = resource.as_deref().and_then(Object::parse);
        let labels = labels.as_deref().and_then(Object::parse);
        let name = log.and_then(Value::string).map(|name| log_id(&name));
        make_context(resource.as_ref(), labels.as_ref(), name, interner)
    })
}

/// The part of a log's name that is not its project, decoded.
fn log_id(name: &str) -> String {
    name.rsplit("/logs/").next().unwrap_or(name).replace("%2F", "/").replace("%2f", "/")
}

fn make_context(
    resource: Option<&Object<'_>>,
    labels: Option<&Object<'_>>,
    log: Option<String>,
    interner: &mut Interner,
) -> Context {
    let kind = resource.and_then(|r| r.text(&["type"])).unwrap_or_default();
    let of_resource = resource.and_then(|r| r.get("labels")).and_then(Value::object);
    let mut name = |object: Option<&Object<'_>>, keys: &[&str]| object?.text(keys).map(|text| interner.name(&text));
    let own = of_resource.as_ref();
    let mut origin = Origin {
        service: name(own, &["service_name", "job_name", "module_id", "function_name"]),
        revision: name(own, &["revision_name", "version_id"])
            .or_else(|| name(labels, &["run.googleapis.com/execution_name"])),
        instance: name(labels, &["instanceId", "instance_id", "run.googleapis.com/instance_id"])
            .or_else(|| name(own, &["instance_id"])),
        container: name(own, &["container_name"]).or_else(|| name(labels, &["container_name"])),
        environment: name(own, &["namespace_name"]),
        pid: None,
    };
    if kind.starts_with("k8s_") {
        origin.service = name(labels, &["k8s-pod/app", "k8s-pod/app_kubernetes_io/name", "k8s-pod/k8s-app"]);
        origin.instance = name(own, &["pod_name"]);
        kubernetes::complete(&mut origin, interner);
    }
    let stream = log.as_deref().map_or(Stream::Unknown, stream_of);
    Context {
        severity_of_stream: kind == "k8s_container" && matches!(stream, Stream::Stdout | Stream::Stderr),
        unnamed_run_log: log.is_none() && kind.starts_with("cloud_run"),
        stream,
        log: log.map(|log| interner.name(&log)),
        origin: interner.origin(origin),
    }
}

fn stream_of(log: &str) -> Stream {
    match log.rsplit('/').next().unwrap_or(log) {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        "requests" => Stream::Request,
        "events" | "kubelet" | "node-problem-detector" => Stream::Platform,
        _ if log.contains("varlog/") => Stream::Platform,
        _ if log.starts_with("cloudaudit.googleapis.com") => Stream::Audit,
        _ => Stream::Unknown,
    }
}
