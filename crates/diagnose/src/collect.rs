//! Keeps what a verdict can need of a stream of records, in bounded memory.
//!
//! Below the budget every record is kept. Above it, each lane (one instance's output) keeps its
//! first and last records and those that the catalogue's gate lets through; the rest is counted, and
//! the coverage says so. Duplicated rows are dropped by the provider's row id.

use crate::catalogue::Catalogue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tminus_core::Timestamp;
use tminus_core::record::{Origin, Record, Skipped, SourceId};
use tminus_core::vocabulary::Severity;

/// Bytes of kept text and record overhead above which lanes are thinned.
pub const DEFAULT_BUDGET: usize = 160 << 20;
/// What a record costs besides its text, roughly.
const RECORD_OVERHEAD: usize = size_of::<Record>() + 64;
/// First and last records that every lane keeps when it is thinned for the first time.
const EDGE: usize = 4_000;
/// Most row ids remembered to remove duplicates (8 bytes each).
const ROW_IDS_MAX: usize = 4_000_000;
/// Unreadable lines of which the reason is kept, per input.
const SKIPPED_TOLD: usize = 5;

/// What is known about one input.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Name as given.
    pub name: String,
    /// Formats found, for people.
    pub format: String,
    /// Physical rows read.
    pub rows: u64,
    /// Lines that could not be read.
    pub skipped: u64,
    /// The first of them, with line and reason.
    pub told: Vec<String>,
}

/// Everything that was read, before it is ordered.
pub struct Collector<'c> {
    catalogue: &'c Catalogue,
    budget: usize,
    edge: usize,
    kept: Vec<Record>,
    bytes: usize,
    row_ids: BTreeSet<u64>,
    /// Inputs in the order given.
    pub inputs: Vec<Input>,
    /// Records read, duplicates included.
    pub read: u64,
    /// Records removed as duplicates.
    pub duplicates: u64,
    /// Records without any text.
    pub without_payload: u64,
    /// Records dropped because the budget was used up.
    pub thinned: u64,
    /// Entries per severity, as exported (for caps).
    pub by_severity: BTreeMap<(SourceId, Option<Severity>), u64>,
    /// First and last moment of each input's rows.
    pub spans: BTreeMap<SourceId, (Timestamp, Timestamp)>,
}

impl<'c> Collector<'c> {
    /// An empty collector that keeps at most about `budget` bytes.
    pub fn new(catalogue: &'c Catalogue, budget: usize) -> Collector<'c> {
        Collector {
            catalogue,
            budget,
            edge: EDGE,
            kept: Vec::new(),
            bytes: 0,
            row_ids: BTreeSet::new(),
            inputs: Vec::new(),
            read: 0,
            duplicates: 0,
            without_payload: 0,
            thinned: 0,
            by_severity: BTreeMap::new(),
            spans: BTreeMap::new(),
        }
    }

    /// Announces an input; its records carry the id returned.
    pub fn open(&mut self, name: &str) -> SourceId {
        self.inputs.push(Input { name: name.to_owned(), ..Input::default() });
        SourceId((self.inputs.len() - 1) as u16)
    }

    /// Says what was found in an input once it is read.
    pub fn close(&mut self, source: SourceId, format: String, rows: u64) {
        let input = &mut self.inputs[source.0 as usize];
        input.format = format;
        input.rows = rows;
    }

    /// Takes one record.
    pub fn push(&mut self, record: Record) {
        self.read += 1;
        *self.by_severity.entry((record.source, record.severity)).or_default() += 1;
        if record.detail.empty_payload {
            self.without_payload += 1;
        }
        if let Some(at) = record.at {
            let span = self.spans.entry(record.source).or_insert((at.time, at.time));
            *span = (span.0.min(at.time), span.1.max(at.time));
        }
        if let Some(key) = duplicate_key(&record)
            && self.row_ids.len() < ROW_IDS_MAX
            && !self.row_ids.insert(key)
        {
            self.duplicates += 1;
            return;
        }
        self.bytes += record.text.len() + RECORD_OVERHEAD;
        self.kept.push(record);
        if self.bytes > self.budget {
            self.thin();
        }
    }

    /// Takes word of a line that could not be read.
    pub fn skipped(&mut self, skipped: Skipped) {
        let input = &mut self.inputs[skipped.source.0 as usize];
        input.skipped += 1;
        if input.told.len() < SKIPPED_TOLD {
            input.told.push(format!("{}:{}: {}", input.name, skipped.line, skipped.reason));
        }
    }

    /// Hands over what was kept.
    pub fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.kept)
    }

    /// Drops the middle of long lanes until the budget holds again with room to spare. Each call at
    /// least halves what is kept or the edge, so the total work stays linear.
    fn thin(&mut self) {
        let target = self.budget / 2;
        while self.bytes > target {
            self.thin_once();
            if self.edge <= 8 {
                break; // more lanes than the budget can hold at all: keep their edges
            }
            self.edge /= 2;
        }
    }

    fn thin_once(&mut self) {
        let mut sizes: BTreeMap<Arc<Origin>, usize> = BTreeMap::new();
        for record in &self.kept {
            *sizes.entry(record.origin.clone()).or_default() += 1;
        }
        let (edge, catalogue) = (self.edge, self.catalogue);
        let mut seen: BTreeMap<Arc<Origin>, (usize, usize)> = BTreeMap::new();
        let before = self.kept.len();
        self.kept.retain(|record| {
            let size = sizes[&record.origin];
            let (index, gated) = seen.entry(record.origin.clone()).or_default();
            *index += 1;
            if *index <= edge || *index + edge > size {
                return true;
            }
            // The gate's own share is bounded too: a flood of one error is no news.
            let interesting = *gated < edge && catalogue.gate(&record.text);
            *gated += usize::from(interesting);
            interesting
        });
        self.thinned += (before - self.kept.len()) as u64;
        self.bytes = self.kept.iter().map(|r| r.text.len() + RECORD_OVERHEAD).sum();
    }
}

/// Two rows with the same provider id, moment and text are one row.
fn duplicate_key(record: &Record) -> Option<u64> {
    let id = record.detail.row_id.as_ref()?;
    let mut hash = Fnv::default();
    hash.add(id.as_bytes());
    hash.add(record.text.as_bytes());
    if let Some(at) = record.at {
        hash.add(&at.time.as_nanosecond().to_le_bytes());
    }
    Some(hash.0)
}

/// FNV-1a, 64 bit: stable across runs and machines (Fowler, Noll, Vo).
#[derive(Clone, Copy, Debug)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Mixes `bytes` and a separator in.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
