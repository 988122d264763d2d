//! From a row's envelope and its text to a record: the one way out of every format.
//!
//! A [`Draft`] holds what the transport said. [`Emitter::text`] then reads what the program wrote
//! (JSON, or columns and message), fills in what the envelope left open, and hands the record on.

use crate::{
    Options, Sink, Summary,
    clean::{clean, undouble},
    columns,
    intern::{Interner, Memo},
    json::Object,
    json_logger::{self, Moment, Said},
    logfmt, recorded,
    time::{Clockwork, Stamp},
};
use std::{borrow::Cow, sync::Arc};
use tminus_core::{
    Timestamp,
    event::Event,
    record::{At, Clock, Detail, Origin, Record, Skipped, SourceId, Stream},
};

/// A record in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) format: &'static str,
    pub(crate) record: Record,
    /// The envelope's severity stands for the stream, not for the row: the row's own wins.
    pub(crate) severity_of_stream: bool,
}

impl Draft {
    /// A row of `format` whose text stands on `line`.
    pub(crate) fn new(format: &'static str, line: u32, origin: Arc<Origin>) -> Draft {
        let record = Record {
            at: None,
            severity: None,
            stream: Stream::Unknown,
            text: String::new(),
            line,
            source: SourceId(0),
            position: 0,
            origin,
            detail: Detail::default(),
        };
        Draft { format, record, severity_of_stream: false }
    }

    /// The transport's time.
    pub(crate) fn envelope_time(&mut self, time: Timestamp) {
        self.record.at = Some(At { time, clock: Clock::Envelope });
    }

    /// The program's own time: the row's when the envelope has none.
    fn program_time(&mut self, at: At) {
        match self.record.at {
            None => self.record.at = Some(at),
            Some(_) if self.record.detail.app_time.is_none() => {
                self.record.detail.app_time = Some(at.time);
                self.record.detail.app_clock = Some(at.clock);
            }
            Some(_) => {}
        }
    }
}

/// Finishes drafts and keeps count.
pub(crate) struct Emitter<'s> {
    sink: &'s mut dyn Sink,
    source: SourceId,
    clockwork: Clockwork,
    pub(crate) interner: Interner,
    /// Origins by the bytes that they were read from.
    pub(crate) origins: Memo<Arc<Origin>>,
    pub(crate) unknown: Arc<Origin>,
    pub(crate) summary: Summary,
}

impl<'s> Emitter<'s> {
    pub(crate) fn new(source: SourceId, options: &Options, sink: &'s mut dyn Sink) -> Emitter<'s> {
        let mut interner = Interner::default();
        let unknown = interner.origin(Origin::default());
        let clockwork = Clockwork::new(options.zone.clone(), options.anchor);
        Emitter { sink, source, clockwork, interner, origins: Memo::new(), unknown, summary: Summary::default() }
    }

    /// Finishes a row with what the program wrote: a JSON object, or columns and a message.
    pub(crate) fn text(&mut self, draft: Draft, text: Cow<'_, str>) {
        self.anchor(&draft);
        let text = clean(text);
        if text.starts_with('{') && text.ends_with('}') {
            let line = draft.record.line;
            let object = Object::parse(&text);
            if let Some(event) = object.as_ref().filter(|o| recorded::is_event(o)).and_then(|_| recorded::event(&text))
            {
                return self.event(event);
            }
            if let Some(said) = object.as_ref().and_then(json_logger::read) {
                return self.said(draft, said, |_| line);
            }
        }
        self.plain(draft, undouble(text).into_owned());
    }

    /// Finishes a row that the program wrote as an object; `line_of` tells where parts stand.
    pub(crate) fn said(&mut self, mut draft: Draft, said: Said<'_>, line_of: impl Fn(&str) -> u32) {
        self.anchor(&draft);
        draft.record.line = line_of(said.place);
        let mut text = undouble(clean(said.message)).into_owned();
        let mut here = draft.record.line;
        for (part, place) in said.more {
            let line = line_of(place);
            if line != here {
                here = line;
                let index = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u32 + 1;
                draft.record.detail.text_lines.push((index, line));
            }
            text.push('\n');
            text.push_str(&undouble(clean(Cow::Owned(part))));
        }
        if said.severity.is_some() && (draft.record.severity.is_none() || draft.severity_of_stream) {
            draft.record.severity = said.severity;
            draft.severity_of_stream = false;
        }
        if let Some(logger) = said.logger {
            draft.record.detail.logger = Some(self.interner.name(&logger));
        }
        let at = said.time.and_then(|moment| self.resolve(moment));
        if let Some(at) = at {
            draft.program_time(at);
        }
        self.plain(draft, text);
    }

    /// Finishes a row with text in which columns or pairs may stand.
    fn plain(&mut self, mut draft: Draft, text: String) {
        let first = text.split('\n').next().unwrap_or_default();
        let found = columns::columns(first);
        let pairs = if found.message == 0 { logfmt::read(first) } else { None };
        if pairs.is_some() && draft.format == "text" {
            draft.format = "logfmt";
        }
        let (severity, logger, time) = match &pairs {
            Some(pairs) => (pairs.severity, pairs.logger, pairs.time),
            None => (found.severity, found.logger, found.stamp.map(Moment::Stamp)),
        };
        if draft.record.severity.is_none() || draft.severity_of_stream {
            draft.record.severity = severity;
        }
        if let (None, Some(logger)) = (&draft.record.detail.logger, logger) {
            draft.record.detail.logger = Some(self.interner.name(logger));
        }
        if let Some(at) = time.and_then(|moment| self.resolve(moment)) {
            draft.program_time(at);
        }
        draft.record.text = text;
        self.emit(draft);
    }

    /// Counts a row whose payload is missing and hands it on without text.
    pub(crate) fn empty(&mut self, mut draft: Draft) {
        draft.record.detail.empty_payload = true;
        self.summary.without_payload += 1;
        self.emit(draft);
    }

    fn emit(&mut self, mut draft: Draft) {
        draft.record.source = self.source;
        draft.record.position = self.summary.rows;
        if let Some(at) = draft.record.at {
            self.summary.saw(at.time);
        }
        self.summary.rows += 1;
        *self.summary.formats.entry(draft.format).or_default() += 1;
        self.sink.record(draft.record);
    }

    /// Hands a recorded event on.
    pub(crate) fn event(&mut self, event: Event) {
        *self.summary.formats.entry("tminus-events").or_default() += 1;
        if let Some(at) = event.at {
            self.summary.saw(at);
        }
        self.sink.event(event);
    }

    /// Reports something that could not be used.
    pub(crate) fn skipped(&mut self, line: u32, reason: impl Into<String>) {
        self.summary.skipped += 1;
        self.sink.skipped(Skipped { source: self.source, line, reason: reason.into() });
    }

    /// The moment of a stamp that a transport wrote.
    pub(crate) fn envelope(&mut self, stamp: Stamp) -> Option<At> {
        let at = self.clockwork.resolve(stamp)?;
        // Without a zone or a year it is a stamp like any other, only more reliable.
        let clock = if at.clock == Clock::Text { Clock::Envelope } else { at.clock };
        Some(At { clock, ..at })
    }

    /// The moment of a stamp that a transport writes in UTC without saying so.
    pub(crate) fn utc(&mut self, stamp: Stamp) -> Option<At> {
        let at = self.clockwork.resolve(stamp.in_utc())?;
        Some(At { clock: Clock::Envelope, ..at })
    }

    /// A stamp in the text that lacks its date is about as old as its envelope.
    fn anchor(&mut self, draft: &Draft) {
        if let Some(at) = draft.record.at {
            self.clockwork.seen(at.time);
        }
    }

    fn resolve(&mut self, moment: Moment) -> Option<At> {
        match moment {
            Moment::Complete(time) => {
                self.clockwork.seen(time);
                Some(At { time, clock: Clock::Text })
            }
            Moment::Stamp(stamp) => self.clockwork.resolve(stamp),
        }
    }

    /// Reads a priority of syslog or the journal into the draft.
    pub(crate) fn priority(draft: &mut Draft, priority: &str) {
        draft.record.severity = priority.parse().ok().and_then(json_logger::syslog);
    }
}
