//! Entries of the systemd journal as `journalctl -o json` prints them.

use crate::{
    emit::{Draft, Emitter},
    json::{Doc, Object, Value},
};
use std::borrow::Cow;
use tminus_core::{
    Timestamp,
    record::{Origin, Stream},
};

/// Whether an object is an entry of the journal.
pub(crate) fn is_entry(object: &Object<'_>) -> bool {
    object.has("__REALTIME_TIMESTAMP")
        || object.has("MESSAGE") && (object.has("_BOOT_ID") || object.has("SYSLOG_IDENTIFIER"))
}

/// Reads one entry, which stands at `place` in `doc`.
pub(crate) fn entry(object: &Object<'_>, place: &str, doc: &Doc<'_>, out: &mut Emitter<'_>) {
    let origin = origin(object, out);
    let mut draft = Draft::new("journald", doc.line_of(place), origin);
    let micros = object.any(&["__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"]).and_then(Value::scalar);
    let time = micros.and_then(|text| text.parse().ok()).and_then(|micros| Timestamp::from_microsecond(micros).ok());
    if let Some(time) = time {
        draft.envelope_time(time);
    }
    if let Some(priority) = object.get("PRIORITY").and_then(Value::scalar) {
        Emitter::priority(&mut draft, &priority);
        // What a service prints is filed as informational unless the service says otherwise.
        let printed = object.text(&["_TRANSPORT"]).is_some_and(|transport| transport == "stdout");
        draft.severity_of_stream = printed && priority == "6";
    }
    draft.record.stream = stream(object);
    draft.record.detail.row_id = object.text(&["__CURSOR"]).map(|id| id.as_ref().into());
    match object.get("MESSAGE") {
        Some(value) => {
            draft.record.line = doc.line_of(value.0);
            match message(value) {
                // A blank line of the program is none of its messages.
                Some(text) if text.trim().is_empty() => {}
                Some(text) => out.text(draft, text),
                None => out.empty(draft),
            }
        }
        None => out.empty(draft),
    }
}

/// A string, or the bytes of one that is not UTF-8 or has control characters.
fn message(value: Value<'_>) -> Option<Cow<'_, str>> {
    if let Some(text) = value.string() {
        return Some(text);
    }
    let bytes: Vec<u8> =
        value.items().iter().map(|item| item.0.parse::<i16>().ok().map(|b| b as u8)).collect::<Option<_>>()?;
    (!bytes.is_empty()).then(|| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

fn stream(object: &Object<'_>) -> Stream {
    let is = |key: &str, word: &str| object.text(&[key]).is_some_and(|text| text == word);
    let of_systemd = is("SYSLOG_IDENTIFIER", "systemd") || is("_COMM", "systemd");
    if is("_TRANSPORT", "kernel") || of_systemd && (object.has("UNIT") || is("_PID", "1")) {
        Stream::Platform
    } else {
        Stream::Unknown
    }
}

fn origin(object: &Object<'_>, out: &mut Emitter<'_>) -> std::sync::Arc<Origin> {
    let mut name =
        |keys: &[&str]| object.text(keys).map(|text| out.interner.name(text.strip_suffix(".service").unwrap_or(&text)));
    // What systemd says about a unit names it in UNIT; its own unit is init.scope.
    let service = name(&["CONTAINER_NAME", "UNIT", "OBJECT_SYSTEMD_UNIT"])
        .or_else(|| name(&["_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER"]));
    let pid = object.get("_PID").and_then(Value::scalar).and_then(|pid| pid.parse().ok());
    let origin = Origin {
        service,
        revision: name(&["IMAGE_NAME"]),
        // Without an id of the run, the host tells replicas of a unit apart.
        instance: name(&["CONTAINER_ID_FULL", "CONTAINER_ID", "INVOCATION_ID", "_SYSTEMD_INVOCATION_ID", "_HOSTNAME"]),
        container: name(&["CONTAINER_NAME"]),
        environment: None,
        pid,
    };
    out.interner.origin(origin)
}
