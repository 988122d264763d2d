//! One row of a log, as its reader saw it: bytes made text, nothing interpreted.
//!
//! The crate `logs` makes records, `diagnose` consumes them. A record is one physical line of a
//! line format or one entry of a structured one; multi-line failures are joined later, once the
//! order is known, because an export can be newest first.

use crate::{Timestamp, vocabulary::Severity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A short text that many records share (service, revision, instance ...), interned by the reader.
pub type Name = Arc<str>;

/// One row of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When, by the row's envelope or, without one, by the stamp in its text.
    pub at: Option<At>,
    /// From the envelope or from a parsed level column; never from words in the text.
    pub severity: Option<Severity>,
    /// Which stream of the program, or which writer of the platform.
    pub stream: Stream,
    /// What the program said: colours removed, escapes undone, prefixes of the transport stripped,
    /// and the row's own stamp, level and logger columns left in place. May hold several lines.
    pub text: String,
    /// Physical line (from 1, of the decompressed input) on which `text` begins.
    pub line: u32,
    /// Which input file.
    pub source: SourceId,
    /// Position in that file, from 0: the tie-breaker after time.
    pub position: u64,
    /// Who wrote it.
    pub origin: Arc<Origin>,
    /// What a structured row carries besides its text.
    pub detail: Detail,
}

impl Record {
    /// Physical line of the `nth` line (from 0) of [`Record::text`]. Several lines of a text stand
    /// on one physical line when a structured row carried them in one string.
    pub fn physical_line(&self, nth: usize) -> u32 {
        let mut latest_first = self.detail.text_lines.iter().rev();
        latest_first.find(|(index, _)| *index as usize <= nth).map_or(self.line, |(_, line)| *line)
    }
}

/// Index of an input in the order given; its name is kept by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u16);

/// A moment and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The moment.
    pub time: Timestamp,
    /// How it is known.
    pub clock: Clock,
}

/// How a record's moment is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// Written by the transport (platform, container runtime, journal).
    Envelope,
    /// A stamp in the text, with its zone.
    Text,
    /// A stamp in the text without a zone, read as UTC or as `--tz` says.
    TextNoZone,
}

/// Which stream a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Not known.
    Unknown,
    /// The program's standard output.
    Stdout,
    /// The program's standard error.
    Stderr,
    /// The platform speaking about the program (Cloud Run's system log, systemd, kubelet).
    Platform,
    /// A request that the platform routed to the program.
    Request,
    /// An audit or deploy row.
    Audit,
}

/// Who wrote a row. Empty fields are unknown. Shared by all records of one writer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Service, deployment, compose service or unit.
    pub service: Option<Name>,
    /// Revision, replica set or image.
    pub revision: Option<Name>,
    /// Instance id, pod, container id or invocation id: the strongest key that the row has.
    pub instance: Option<Name>,
    /// Container name inside the pod.
    pub container: Option<Name>,
    /// Environment or namespace.
    pub environment: Option<Name>,
    /// Process id, where the transport gives one.
    pub pid: Option<u32>,
}

/// What a structured row carries besides its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// The provider's id of the row: removes duplicates, never orders.
    pub row_id: Option<Name>,
    /// The logger's name.
    pub logger: Option<Name>,
    /// Log name or audit method.
    pub log: Option<Name>,
    /// The stamp that the program itself wrote, when the envelope has another.
    pub app_time: Option<Timestamp>,
    /// How `app_time` is known: [`Clock::Text`] or [`Clock::TextNoZone`]; set with it.
    pub app_clock: Option<Clock>,
    /// A request that was answered (status from the envelope).
    pub request: Option<Request>,
    /// Settings that an audit or deploy row shows, as (name, value), in the row's order.
    pub settings: Vec<(String, String)>,
    /// Physical line of each setting, in the same order.
    pub setting_lines: Vec<u32>,
    /// Where later lines of the text stand when that is not [`Record::line`]: (index of the line
    /// in the text, physical line), ascending. [`Record::physical_line`] reads it.
    pub text_lines: Vec<(u32, u32)>,
    /// The entry carried no text at all (payload missing or stripped by the export).
    pub empty_payload: bool,
}

/// A request in a row of the platform's request log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// HTTP status.
    pub status: u16,
    /// Path or URL.
    pub url: String,
}

/// What a reader could not use, and where. Nothing is skipped silently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which input file.
    pub source: SourceId,
    /// Physical line, from 1.
    pub line: u32,
    /// Why, for people.
    pub reason: String,
}
