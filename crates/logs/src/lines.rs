//! Lines of text: the transport's prefix comes off, what the program wrote goes on.

use crate::{
    container::Joiner,
    emit::{Draft, Emitter},
    kubernetes,
    prefix::{self, Writer},
    sniff::Manner,
};
use std::borrow::Cow;
use tminus_core::record::{Origin, Request, Stream};

/// Reads lines of text.
pub(crate) struct Lines {
    manner: Manner,
    pub(crate) cri: Joiner,
}

impl Lines {
    pub(crate) fn new(manner: Manner) -> Lines {
        Lines { manner, cri: Joiner::default() }
    }

    /// Reads the line `text`, which stands on line `number`.
    pub(crate) fn line(&mut self, text: &str, number: u32, out: &mut Emitter<'_>) {
        let mut draft = Draft::new("text", number, out.unknown.clone());
        // Colours may stand around a prefix as well.
        let cleaned = match memchr::memchr2(0x1b, 0, text.as_bytes()) {
            Some(_) => crate::clean::clean(Cow::Borrowed(text)),
            None => Cow::Borrowed(text),
        };
        let text = cleaned.strip_prefix('\u{feff}').unwrap_or(&cleaned);
        let rest = self.writer(text, &mut draft, out);
        if let Some(cri) = prefix::cri(rest) {
            name(&mut draft, "cri");
            draft.envelope_time(cri.time);
            draft.record.stream = cri.stream;
            return self.cri.piece(draft, Cow::Borrowed(cri.text), cri.last, out);
        }
        let rest = self.stamped(rest, &mut draft, out);
        if !rest.trim().is_empty() {
            out.text(draft, Cow::Borrowed(rest));
        }
    }

    /// Takes off a prefix that names the writer.
    fn writer<'a>(&self, text: &'a str, draft: &mut Draft, out: &mut Emitter<'_>) -> &'a str {
        // A date is no name; most lines of containers begin with one.
        if let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-' | b'/', ..] = text.as_bytes() {
            return text;
        }
        if let Some((writer, rest)) = prefix::kubectl(text) {
            draft.format = "kubectl-prefix";
            set_writer(draft, writer, out);
            return rest;
        }
        if let Some((writer, rest)) = prefix::stern(text) {
            draft.format = "stern";
            set_writer(draft, writer, out);
            return rest;
        }
        if let Some((container, rest)) = prefix::compose(text, self.manner.loose_compose) {
            draft.format = "docker-compose";
            set_container(draft, container, out);
            return rest;
        }
        if let Some(container) = prefix::compose_exit(text) {
            draft.format = "docker-compose";
            draft.record.stream = Stream::Platform;
            set_container(draft, container, out);
        }
        text
    }

    /// Takes off a prefix that has the time.
    fn stamped<'a>(&self, text: &'a str, draft: &mut Draft, out: &mut Emitter<'_>) -> &'a str {
        if let Some((time, rest)) = prefix::transport_stamp(text) {
            name(draft, "kubectl-timestamps");
            draft.envelope_time(time);
            return rest;
        }
        if draft.format != "text" {
            return text;
        }
        if let Some((time, writer, rest)) = prefix::aws(text) {
            draft.format = "aws-logs-tail";
            draft.envelope_time(time);
            set_writer(draft, writer, out);
            return rest;
        }
        if let Some((time, platform, dyno, rest)) = prefix::heroku(text) {
            draft.format = "heroku";
            draft.envelope_time(time);
            if platform {
                draft.record.stream = Stream::Platform;
            }
            set_writer(draft, Writer { instance: dyno, container: None, namespace: None }, out);
            return rest;
        }
        if let Some((stamp, rest)) = prefix::gcloud(text).filter(|_| self.manner.gcloud) {
            draft.format = "gcloud-run";
            draft.record.at = out.utc(stamp);
            if let Some((status, url)) = prefix::gcloud_request(rest) {
                draft.record.stream = Stream::Request;
                draft.record.detail.request = Some(Request { status, url: url.to_owned() });
            }
            return rest;
        }
        let entry = prefix::rfc5424(text).map(|(entry, _)| entry).or_else(|| prefix::journal(text));
        let Some(entry) = entry else {
            return text;
        };
        draft.format = "journal-text";
        draft.record.at = out.envelope(entry.stamp);
        draft.record.severity = entry.severity;
        journal_origin(draft, &entry, out);
        entry.text
    }
}

/// Names the format of a row that no outer prefix has named.
fn name(draft: &mut Draft, format: &'static str) {
    if draft.format == "text" {
        draft.format = format;
    }
}

fn set_writer(draft: &mut Draft, writer: Writer<'_>, out: &mut Emitter<'_>) {
    let key = [writer.namespace.unwrap_or(""), writer.instance, writer.container.unwrap_or("")].join("/");
    let interner = &mut out.interner;
    draft.record.origin = out.origins.get(key.as_bytes(), || {
        let mut origin = Origin {
            instance: Some(interner.name(writer.instance)),
            container: writer.container.map(|name| interner.name(name)),
            environment: writer.namespace.map(|name| interner.name(name)),
            ..Origin::default()
        };
        kubernetes::complete(&mut origin, interner);
        interner.origin(origin)
    });
}

fn set_container(draft: &mut Draft, container: &str, out: &mut Emitter<'_>) {
    let interner = &mut out.interner;
    draft.record.origin = out.origins.get(container.as_bytes(), || {
        let service = Some(interner.name(prefix::compose_service(container)));
        let instance = Some(interner.name(container));
        interner.origin(Origin { service, instance, ..Origin::default() })
    });
}

fn journal_origin(draft: &mut Draft, entry: &prefix::Journal<'_>, out: &mut Emitter<'_>) {
    let of_systemd = entry.program == "systemd";
    if of_systemd || entry.program == "kernel" {
        draft.record.stream = Stream::Platform;
    }
    // systemd speaks about units.
    let unit = entry
        .text
        .split([' ', ':', ','])
        .find_map(|word| word.strip_suffix(".service").or(word.strip_suffix(".service.")));
    let service = if of_systemd { unit } else { Some(entry.program) };
    let service = service.map(|name| out.interner.name(name));
    draft.record.origin = out.interner.origin(Origin { service, pid: entry.pid, ..Origin::default() });
}
