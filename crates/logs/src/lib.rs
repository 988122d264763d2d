//! Reads logs of any common format into [`Record`]s.
//!
//! What it is for: bytes in, rows out. [`read`] takes one input and pushes what it finds into a
//! [`Sink`]; the format is found by content, per line where needed. What it must never do: hold a
//! whole file (but for one nested document), fail on what is merely odd, or interpret a text. A
//! row that cannot be read is kept as text and reported.
//!
//! Where to start reading: `reader` cuts the input into units. `lines` takes transports' prefixes
//! off text (`prefix`), `entries` finds rows in JSON (`cloud_logging`, `cloudwatch`, `journald`,
//! `json_logger`, `container`), and events that tminus itself `recorded`. All of them end in `emit`, which reads what the program wrote (`columns`,
//! `logfmt`, `time`, `clean`) and makes the record.

mod audit;
mod clean;
mod cloud_logging;
mod cloudwatch;
mod columns;
mod container;
mod emit;
mod entries;
mod intern;
mod journald;
mod json;
mod json_fields;
mod json_logger;
mod kubernetes;
mod lines;
mod logfmt;
mod prefix;
mod python_repr;
mod reader;
mod recorded;
mod scan;
mod sniff;
mod time;
mod window;

pub use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use tminus_core::{
    Timestamp,
    event::Event,
    record::{Record, Skipped, SourceId},
};

/// How an input is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Zone of stamps that are written without one; UTC unless the caller knows better.
    pub zone: TimeZone,
    /// About when the log was written. Stamps without year or date are read as the moment nearest
    /// to the last complete one, or to this until one was seen; without either they have no time.
    pub anchor: Option<Timestamp>,
    /// Bytes of one JSON document that spans lines (not of an array of rows) beyond which the
    /// input is refused.
    pub max_document: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { zone: TimeZone::UTC, anchor: None, max_document: 256 << 20 }
    }
}

/// Takes what is read, in the order of the input.
pub trait Sink {
    /// One row.
    fn record(&mut self, record: Record);
    /// An event that tminus itself recorded (`tminus.event/1`); it is no row. A sink that does not
    /// take events leaves them out.
    fn event(&mut self, _event: Event) {}
    /// Something that could not be used as it stands. Text in it has also been given as a record.
    fn skipped(&mut self, skipped: Skipped);
}

/// What an input held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows by the format that carried them; recorded events are counted here alone.
    pub formats: BTreeMap<&'static str, u64>,
    /// Rows in all: calls of [`Sink::record`].
    pub rows: u64,
    /// Calls of [`Sink::skipped`].
    pub skipped: u64,
    /// Bytes read, after decompression.
    pub bytes: u64,
    /// Rows whose payload is missing.
    pub without_payload: u64,
    /// The earliest moment of any row.
    pub first: Option<Timestamp>,
    /// The latest moment of any row.
    pub last: Option<Timestamp>,
}

impl Summary {
    fn saw(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error("cannot read the input: {0}")]
    Io(#[from] std::io::Error),
    /// The input is no text.
    #[error("the input is {what}, not a log; unpack it or export the log as text or JSON")]
    NotText {
        /// What it looks like.
        what: &'static str,
    },
    /// One JSON document is larger than [`Options::max_document`].
    #[error(
        "the JSON document that begins on line {line} is larger than {} MiB; export the rows as one array or one per line",
        limit >> 20
    )]
    DocumentTooLarge {
        /// Line on which the document begins.
        line: u32,
        /// The limit in bytes.
        limit: u64,
    },
}

/// Reads `input` to its end and pushes its rows into `sink`, in the order of the input. Empty
/// input is no error and has no rows. Rows before an error have been pushed.
///
/// # Errors
/// [`ReadError`] when the input cannot be read, is no text, or holds one document beyond the limit.
pub fn read(
    source: SourceId,
    input: impl std::io::Read,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<Summary, ReadError> {
    let opened = sniff::open(input)?;
    let out = emit::Emitter::new(source, options, sink);
    reader::Reader::new(opened.input, opened.manner, options.max_document, out).run()
}
