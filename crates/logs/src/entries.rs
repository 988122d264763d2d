//! What a JSON object is, and the rows inside one that is only their wrapping.

use crate::{
    cloud_logging, cloudwatch,
    container::{Docker, Joiner, line},
    emit::{Draft, Emitter},
    intern::Memo,
    journald,
    json::{Doc, Object, Value},
    json_logger, kubernetes, recorded, time,
};
use std::borrow::Cow;
use tminus_core::record::{Origin, Stream};

/// Wrappers nested deeper than this hold no rows.
const MAX_DEPTH: usize = 32;

/// Reads JSON documents.
pub(crate) struct Entries {
    contexts: Memo<cloud_logging::Context>,
    docker: Docker,
    /// Lines that a shipper took from the kubelet, in pieces.
    pieces: Joiner,
}

impl Entries {
    pub(crate) fn new() -> Entries {
        Entries { contexts: Memo::new(), docker: Docker::default(), pieces: Joiner::default() }
    }

    /// Emits the rows of `value`, one of the values of `doc`; false when there are none in it.
    pub(crate) fn rows(&mut self, value: Value<'_>, doc: &Doc<'_>, base: &Draft, out: &mut Emitter<'_>) -> bool {
        self.nested(value, doc, base, out, 0)
    }

    fn nested(&mut self, value: Value<'_>, doc: &Doc<'_>, base: &Draft, out: &mut Emitter<'_>, depth: usize) -> bool {
        if depth > MAX_DEPTH {
            return false;
        }
        let mut any = false;
        let items = value.items();
        if cloudwatch::is_insights_row(&items) && cloudwatch::insights_row(&items, base.clone(), doc, out) {
            return true;
        }
        for item in items {
            any |= (item.is_object() || item.is_array()) && self.nested(item, doc, base, out, depth + 1);
        }
        let Some(object) = value.object() else {
            return any;
        };
        if self.row(&object, value.0, doc, base, out) {
            return true;
        }
        let said = json_logger::read(&object);
        // A wrapper may have a message of its own; a row inside one says when it was written.
        let timed = said.as_ref().is_some_and(|said| said.time.is_some()) || object.has("log_line");
        if !timed || said.is_none() {
            for (_, field) in object.fields() {
                any |= (field.is_object() || field.is_array()) && self.nested(field, doc, base, out, depth + 1);
            }
        }
        if any {
            return true;
        }
        // A row without a message (an access log) is its own text.
        let said = said.filter(|_| timed || depth == 0);
        let Some(said) = said.or_else(|| json_logger::wordless(&object, value.0).filter(|_| depth == 0)) else {
            return false;
        };
        let mut draft = logger_row(&object, base, out);
        draft.record.detail.request = json_logger::request(&object);
        out.said(draft, said, |part| doc.line_of(part));
        true
    }

    /// Emits the object as a row, if it is certainly one by its keys.
    fn row(&mut self, object: &Object<'_>, place: &str, doc: &Doc<'_>, base: &Draft, out: &mut Emitter<'_>) -> bool {
        if recorded::is_event(object)
            && let Some(event) = recorded::event(place)
        {
            out.event(event);
        } else if cloud_logging::is_entry(object) {
            cloud_logging::entry(object, place, doc, &mut self.contexts, out);
        } else if journald::is_entry(object) {
            journald::entry(object, place, doc, out);
        } else if let Some(text) = docker_log(object) {
            self.docker_row(object, text, doc, base, out);
        } else if let Some(text) = cloudwatch::message(object) {
            cloudwatch::event(object, text, logger_row(object, base, out), doc, out);
        } else {
            return false;
        }
        true
    }

    /// A row of Docker's json-file driver, or of a shipper that kept its shape.
    fn docker_row(&mut self, object: &Object<'_>, log: Value<'_>, doc: &Doc<'_>, base: &Draft, out: &mut Emitter<'_>) {
        let mut draft = base.clone();
        draft.format = "docker-json";
        draft.record.line = doc.line_of(log.0);
        if let Some(time) = object
            .any(&["time", "timestamp", "@timestamp"])
            .and_then(Value::string)
            .and_then(|text| time::rfc3339(&text))
        {
            draft.envelope_time(time);
        }
        draft.record.stream = match object.text(&["stream", "source"]).as_deref() {
            Some("stdout") => Stream::Stdout,
            Some("stderr") => Stream::Stderr,
            _ => Stream::Unknown,
        };
        shipped(object, &mut draft, out);
        let text = log.string().unwrap_or_default();
        let own_shape =
            object.has("stream") && object.fields().all(|(key, _)| ["log", "stream", "time", "attrs"].contains(&key));
        match object.text(&["logtag"]) {
            Some(tag) => self.pieces.piece(draft, text, tag != "P", out),
            None if own_shape => self.docker.row(draft, text, out),
            // A shipper hands on whole lines, with or without their line break.
            None => line(draft, text, out),
        }
    }

    /// Hands on what waits for its end.
    pub(crate) fn flush(&mut self, out: &mut Emitter<'_>) {
        self.docker.flush(out);
        self.pieces.flush(out);
    }
}

/// The line in a row of Docker's json-file driver.
fn docker_log<'a>(object: &Object<'a>) -> Option<Value<'a>> {
    let log = object.get("log").filter(|log| log.0.starts_with('"'))?;
    let shipped = object.has("stream") || object.has("source") && object.has("container_id");
    (shipped || object.fields().all(|(key, _)| ["log", "time", "attrs"].contains(&key))).then_some(log)
}

/// A row of a program's own logger, with what a shipper added.
fn logger_row(object: &Object<'_>, base: &Draft, out: &mut Emitter<'_>) -> Draft {
    let mut draft = base.clone();
    if draft.format == "text" {
        draft.format = "json-lines";
    }
    shipped(object, &mut draft, out);
    draft
}

/// What shippers (fluent-bit, stern, CloudWatch) add about the writer of a row.
fn shipped(object: &Object<'_>, draft: &mut Draft, out: &mut Emitter<'_>) {
    let kubernetes = object.get("kubernetes").and_then(Value::object);
    let from = kubernetes.as_ref().unwrap_or(object);
    let mut name = |keys: &[&str]| from.text(keys).map(|text: Cow<'_, str>| out.interner.name(&text));
    let mut origin = Origin {
        instance: name(&["pod_name", "podName", "container_id", "logStreamName"]),
        container: name(&["container_name", "containerName"]),
        environment: name(&["namespace_name", "namespace"]),
        ..Origin::default()
    };
    if origin.instance.is_none() {
        return;
    }
    origin.service = name(&["logGroupName"]);
    kubernetes::complete(&mut origin, &mut out.interner);
    draft.record.origin = out.interner.origin(origin);
}
