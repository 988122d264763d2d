//! The reader against real logs, real shapes of every format, and arbitrary bytes.

#![allow(missing_docs, reason = "a test binary has no readers of its interface")]

mod broken;
mod corpus;
mod formats;
mod incident;
mod properties;

use tminus_core::record::{Record, Skipped, SourceId};
use tminus_logs::{Options, ReadError, Sink, Summary};

/// Keeps everything.
#[derive(Default)]
pub struct Kept {
    pub records: Vec<Record>,
    pub skipped: Vec<Skipped>,
}

impl Sink for Kept {
    fn record(&mut self, record: Record) {
        self.records.push(record);
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }
}

impl Kept {
    pub fn texts(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.text.as_str()).collect()
    }
}

/// Reads bytes with given options.
pub fn read_with(bytes: &[u8], options: &Options) -> Result<(Kept, Summary), ReadError> {
    let mut kept = Kept::default();
    let summary = tminus_logs::read(SourceId(7), bytes, options, &mut kept)?;
    Ok((kept, summary))
}

/// Reads text that must be readable.
pub fn read(text: impl AsRef<[u8]>) -> (Kept, Summary) {
    read_with(text.as_ref(), &Options::default()).expect("readable")
}
