//! The way from records to a verdict, step by step.

use crate::attempt::{Attempt, Reader};
use crate::bystander;
use crate::catalogue::Catalogue;
use crate::changes::{self, Seen};
use crate::collect::{Collector, DEFAULT_BUDGET};
use crate::item::{self, Item};
use crate::judge::{self, Shared};
use crate::lane::{self, Lane};
use crate::live::{self, Numbered, Start};
use crate::order::{self, Ordered, Row};
use crate::reading;
use crate::refine::Companion;
use crate::split::{self, Cut};
use crate::target::{self, Unit};
use crate::{coverage, incident, ruled_out, verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tminus_core::Timestamp;
use tminus_core::event::{Event, LogRef};
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;
use tminus_core::record::{Origin, Record, Skipped, SourceId};
use tminus_core::redact::{Redactor, is_secret_name};
use tminus_core::verdict::Verdict;
use tminus_core::vocabulary::{AttemptOutcome, Stage};

/// Most attempts that are kept: the first quarter, and of the others the newest. What is left out is
/// counted, and the coverage says so.
const ATTEMPTS_MAX: usize = 4_000;
/// A start that follows an end within this time was made by whatever made the end, milliseconds.
const RECYCLE_MS: i64 = 30_000;
/// A program that served for this long was not stopped by a start-up probe, milliseconds.
const SHORT_LIFE_MS: i64 = 600_000;
/// Most remarks of other writers that are considered.
const COMPANIONS_MAX: usize = 64;

/// What is asked, besides the records.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The service to judge, when the input holds several.
    pub service: Option<String>,
    /// How attempts ended.
    pub exits: Option<Exits>,
    /// What is known besides.
    pub facts: Facts,
    /// Bytes of records to keep; none: [`DEFAULT_BUDGET`].
    pub budget: Option<usize>,
    /// Version of tminus, for the verdict.
    pub version: String,
}

/// Takes records, answers with a verdict.
pub struct Diagnosis<'c> {
    catalogue: &'c Catalogue,
    options: Options,
    collector: Collector<'c>,
    redactor: Redactor,
    intake: live::Intake,
    /// Inputs that are what the child of the last live start printed.
    outputs: BTreeSet<SourceId>,
    starts: Vec<Arc<Start>>,
    /// Per start, the index of its row in the exits.
    start_rows: Vec<usize>,
}

impl<'c> Diagnosis<'c> {
    /// A diagnosis with nothing read yet.
    pub fn new(catalogue: &'c Catalogue, options: Options) -> Diagnosis<'c> {
        let secrets = options.facts.env.iter().filter(|(name, _)| is_secret_name(name)).map(|(_, value)| value.clone());
        let redactor = Redactor::new(secrets.collect::<Vec<_>>());
        let budget = options.budget.unwrap_or(DEFAULT_BUDGET);
        Diagnosis {
            catalogue,
            collector: Collector::new(catalogue, budget),
            options,
            redactor,
            intake: live::Intake::default(),
            outputs: BTreeSet::new(),
            starts: Vec::new(),
            start_rows: Vec::new(),
        }
    }

    /// Announces an input by its name; its records carry the id.
    pub fn open(&mut self, name: &str) -> SourceId {
        self.collector.open(name)
    }

    /// Announces what the child of the last live start printed; its records carry the id. All of
    /// them belong to that start, whatever their stamps say.
    pub fn open_output(&mut self, name: &str) -> SourceId {
        let source = self.collector.open(name);
        self.outputs.insert(source);
        source
    }

    /// Takes events of live or simulated starts, one record or a piece of one, in any order;
    /// `source` is what evidence calls it. Events of other origins are left alone.
    pub fn live(&mut self, source: &str, events: Vec<Event>) {
        self.intake.take(source, events);
    }

    /// Says what was found in an input.
    pub fn close(&mut self, source: SourceId, format: String, rows: u64) {
        self.collector.close(source, format, rows);
    }

    /// Takes one record.
    pub fn record(&mut self, record: Record) {
        self.collector.push(record);
    }

    /// Takes word of a line that could not be read.
    pub fn skipped(&mut self, skipped: Skipped) {
        self.collector.skipped(skipped);
    }

    /// The verdict over everything that was taken.
    pub fn verdict(mut self) -> Verdict {
        let forgotten = self.fold_starts();
        let mut records = self.collector.take();
        self.mark_output(&mut records);
        let exits = self.options.exits.clone();
        let ordered = order::order(records, self.collector.inputs.len(), exits.as_ref());
        let mut lanes = lane::lanes(&ordered.rows);
        self.forget_foreign_revisions(&lanes.lanes);
        let mut items: Vec<Vec<Item>> = lanes.lanes.iter().map(|lane| self.items(&ordered.rows, lane)).collect();
        bystander::leave_request_logs_out(&mut lanes.lanes, &mut items, &ordered.rows);
        let reader = Reader { rows: &ordered.rows, catalogue: self.catalogue, redactor: &self.redactor };
        let target = self.target(&lanes.lanes, &items, &reader);
        let (Kept { mut attempts, left_out, .. }, others) = self.attempts(&lanes.lanes, &items, &target, &reader);
        let witnesses = take_witnesses(&mut attempts);
        self.complete(&mut attempts);
        let changes = changes::changes(&ordered.rows, &lanes.audit, &self.options.facts);
        let mut verdict = self.write(&ordered, &attempts, &witnesses, &others, &changes, &target);
        if left_out > 0 {
            let note = format!(
                "{left_out} starts in the middle were read and left out: the first {} and the newest are judged",
                ATTEMPTS_MAX / 4
            );
            verdict.coverage.notes.push(note);
        }
        if forgotten > 0 {
            verdict.coverage.notes.push(format!("{forgotten} events of recorded starts were beyond what is kept"));
        }
        verdict
    }

    /// Folds what was recorded of live starts and gives each its row among the exits; how many
    /// events were left out. Of several services the one that is asked for counts, else the one
    /// whose start failed last.
    fn fold_starts(&mut self) -> u64 {
        if self.intake.is_empty() {
            return 0;
        }
        let (starts, left_out) = std::mem::take(&mut self.intake).starts(self.catalogue, &self.redactor);
        let ready = Some(AttemptOutcome::Ready);
        let failed = starts.iter().rev().find(|start| start.outcome != ready).or(starts.last());
        let wanted = self.options.service.clone().or_else(|| failed?.service.clone());
        let of_service = |start: &Start| wanted.is_none() || start.service.is_none() || start.service == wanted;
        let starts: Vec<Start> = starts.into_iter().filter(of_service).collect();
        if starts.is_empty() {
            return left_out;
        }
        let left_out = left_out + starts.iter().map(|start| start.left_out).sum::<u64>();
        let Numbered { exits, rows } = live::number(&starts, self.options.exits.take());
        self.options.exits = Some(exits);
        self.start_rows = rows;
        self.starts = starts.into_iter().map(Arc::new).collect();
        left_out
    }

    /// From the first to the last moment that live starts tell.
    fn span_of_starts(&self) -> Option<(Timestamp, Timestamp)> {
        let from = self.starts.iter().filter_map(|start| start.began).min()?;
        Some((from, self.starts.iter().filter_map(|start| start.until.at).max()?.max(from)))
    }

    /// What the child printed is written by the instance of its start.
    fn mark_output(&self, records: &mut [Record]) {
        let Some(start) = self.starts.last().filter(|_| !self.outputs.is_empty()) else { return };
        let name = |text: &Option<String>| text.as_deref().map(Arc::from);
        let origin = Arc::new(Origin {
            service: name(&start.service),
            revision: name(&start.revision),
            instance: Some(start.instance.as_deref().unwrap_or(&start.id.0).into()),
            container: None,
            environment: name(&start.environment),
            pid: None,
        });
        for record in records.iter_mut().filter(|record| self.outputs.contains(&record.source)) {
            record.origin = origin.clone();
        }
    }

    /// Cuts the items of one lane. What a child printed is of its start alone; rows that name their
    /// instance are of no live start of another one.
    fn cut(&self, lane: &Lane, items: &[Item], rows: &[Row], exits: Option<&Exits>) -> Vec<Cut> {
        let printed = |row: &usize| self.outputs.contains(&rows[*row].record.source);
        if let Some(row) = self.start_rows.last()
            && !items.is_empty()
            && lane.rows.iter().all(printed)
        {
            return vec![Cut { items: 0..items.len(), exit: Some(*row) }];
        }
        let foreign = |index: usize| {
            let start = self.start_rows.iter().position(|row| *row == index).map(|start| &self.starts[start]);
            let instance = start.and_then(|start| start.instance.as_deref());
            instance.is_some() && lane.key.instance.is_some() && instance != lane.key.instance.as_deref()
        };
        let Some(exits) = exits.filter(|exits| (0..exits.attempts.len()).any(foreign)) else {
            return split::split(items, exits, &lane.key);
        };
        let own: Vec<usize> = (0..exits.attempts.len()).filter(|index| !foreign(*index)).collect();
        let attempts = own.iter().map(|index| exits.attempts[*index].clone()).collect();
        let narrowed = Exits { source: exits.source.clone(), attempts };
        let exits = (!own.is_empty()).then_some(&narrowed);
        let mut cuts = split::split(items, exits, &lane.key);
        cuts.iter_mut().for_each(|cut| cut.exit = cut.exit.map(|index| own[index]));
        cuts
    }

    /// Gives an attempt the live start that its row of the exits is about.
    fn with_start(&self, mut attempt: Attempt, row: Option<usize>) -> Attempt {
        let start = self.start_rows.iter().position(|index| Some(*index) == row);
        if let Some(start) = start.map(|start| &self.starts[start]) {
            attempt.live = Some(start.clone());
            attempt.key.revision = attempt.key.revision.or_else(|| start.revision.as_deref().map(Arc::from));
            attempt.key.instance = attempt.key.instance.or_else(|| start.instance.as_deref().map(Arc::from));
        }
        attempt
    }

    /// Rows and exits that name revisions in different ways (a replica set here, a release there)
    /// cannot be told apart by them: then the exits' revisions are only kept for show.
    fn forget_foreign_revisions(&mut self, lanes: &[Lane]) {
        let Some(exits) = &mut self.options.exits else { return };
        let known = |exit: &tminus_core::exits::Exit| {
            lanes.iter().any(|lane| lane.key.revision.as_deref() == exit.revision.as_deref())
        };
        if lanes.iter().any(|lane| lane.key.revision.is_some()) && !exits.attempts.iter().any(known) {
            exits.attempts.iter_mut().for_each(|exit| exit.revision = None);
        }
    }

    fn items<'r>(&self, rows: &'r [Row], lane: &Lane) -> Vec<Item<'r>> {
        let cuts = split::known_starts(self.options.exits.as_ref(), lane.key.revision.as_deref());
        item::items(rows, &lane.rows, &cuts, self.catalogue)
    }

    /// The program that the verdict is about.
    fn target(&self, lanes: &[Lane], items: &[Vec<Item>], reader: &Reader) -> Option<Unit> {
        let wanted = self.options.service.as_deref();
        let mut units: Vec<Unit> = lanes.iter().map(|lane| Unit::of(&lane.key)).collect();
        units.sort();
        units.dedup();
        if units.len() <= 1 && wanted.is_none() {
            return units.pop();
        }
        let mut attempts = Vec::new();
        for (lane, items) in lanes.iter().zip(items) {
            for cut in split::split(items, None, &lane.key) {
                attempts.push(reader.attempt(&lane.key, None, &items[cut.items]));
            }
        }
        target::choose(&attempts, wanted, self.options.exits.as_ref())
    }

    /// Attempts of the target, and what others said.
    fn attempts(
        &self,
        lanes: &[Lane],
        items: &[Vec<Item>],
        target: &Option<Unit>,
        reader: &Reader,
    ) -> (Kept, Vec<Attempt>) {
        let exits = self.options.exits.as_ref();
        let mut own = Kept::default();
        let mut others = Vec::new();
        let is_target = |lane: &Lane| target.as_ref().is_none_or(|unit| *unit == Unit::of(&lane.key));
        let (own_lanes, own_items): (Vec<&Lane>, Vec<&[Item]>) =
            lanes.iter().zip(items).filter(|(lane, _)| is_target(lane)).map(|(l, i)| (l, i.as_slice())).unzip();
        let standing_by = bystander::instances(&own_lanes, &own_items, exits);
        for (lane, items) in lanes.iter().zip(items) {
            let is_target = is_target(lane);
            let exits = exits.filter(|_| is_target && !standing_by.contains(&lane.key));
            for cut in self.cut(lane, items, reader.rows, exits) {
                let row = cut.exit.and_then(|index| exits?.attempts.get(index));
                let attempt = reader.attempt(&lane.key, row, &items[cut.items]);
                let attempt = self.with_start(attempt, cut.exit);
                if is_target {
                    own.take(attempt, cut.exit);
                } else if others.len() < ATTEMPTS_MAX {
                    others.push(attempt);
                }
            }
        }
        (own, others)
    }

    /// Adds exits rows without records, sorts by start, numbers.
    fn complete(&self, attempts: &mut Vec<Attempt>) {
        if let Some(exits) = &self.options.exits {
            for (index, exit) in exits.attempts.iter().enumerate() {
                if !attempts.iter().any(|a| a.exit.as_ref().is_some_and(|e| e.attempt == exit.attempt)) {
                    attempts.push(self.with_start(without_records(exit), Some(index)));
                }
            }
        }
        mark_recycled(attempts);
        attempts.sort_by_key(|a| {
            (a.exit.as_ref().and_then(|e| e.started).or(a.first), a.exit.as_ref().map(|e| e.attempt), a.first_row)
        });
        let mut next =
            self.options.exits.as_ref().and_then(|e| e.attempts.iter().map(|a| a.attempt).max()).unwrap_or(0);
        for attempt in attempts {
            attempt.n = attempt.exit.as_ref().map_or_else(
                || {
                    next += 1;
                    next
                },
                |exit| exit.attempt,
            );
        }
    }

    fn write(
        &self,
        ordered: &Ordered,
        attempts: &[Attempt],
        witnesses: &[Attempt],
        others: &[Attempt],
        changes: &[Seen],
        target: &Option<Unit>,
    ) -> Verdict {
        let settings: Vec<(String, String)> =
            changes.iter().filter_map(|seen| Some((seen.what.clone(), seen.to.clone()?))).collect();
        let companions = companions(others);
        let shared = Shared {
            catalogue: self.catalogue,
            facts: &self.options.facts,
            exits: self.options.exits.as_ref(),
            skew: ordered.skew.map(|skew| (skew.seconds, place(&ordered.rows[skew.row]))),
            settings: &settings,
            companions: &companions,
        };
        let judged = judge::judge(attempts, witnesses, &shared);
        let incident = incident::incident(&judged, self.catalogue);
        let cut_off = judged.iter().filter(|one| one.reading.outcome == AttemptOutcome::CutOff).count() as u32;
        let mut serving: Vec<String> =
            witnesses.iter().filter_map(|w| w.key.revision.as_deref().map(str::to_owned)).collect();
        serving.dedup();
        let environment =
            ordered.rows.iter().find_map(|row| row.record.origin.environment.as_deref().map(str::to_owned));
        let last_start = self.starts.last();
        let environment = environment.or_else(|| last_start?.environment.clone());
        verdict::write(verdict::Material {
            version: &self.options.version,
            catalogue: self.catalogue,
            sources: self.collector.inputs.iter().map(|input| input.name.clone()).collect(),
            service: target
                .as_ref()
                .and_then(|unit| unit.service.as_deref())
                .map(str::to_owned)
                .or_else(|| self.options.service.clone())
                .or_else(|| last_start?.service.clone()),
            environment,
            excluded: ruled_out::ruled_out(&incident, &judged, &self.collector, self.catalogue),
            needed: ruled_out::needed(&incident, &judged, &self.collector, self.catalogue),
            coverage: coverage::coverage(
                &self.collector,
                ordered,
                attempts.iter().map(|a| a.records).sum(),
                cut_off,
                self.span_of_starts(),
            ),
            judged: &judged,
            incident: &incident,
            changes,
            serving: &serving,
            facts_source: &self.options.facts.source,
            redactor: &self.redactor,
        })
    }
}

/// The attempts of the target that are kept.
#[derive(Default)]
struct Kept {
    attempts: Vec<Attempt>,
    /// Place of each attempt that has a row in the exits file, by the row's index.
    by_exit: BTreeMap<usize, usize>,
    left_out: u64,
}

impl Kept {
    /// Takes the next attempt, or what another lane says of one that an exits row describes.
    fn take(&mut self, attempt: Attempt, exit: Option<usize>) {
        if let Some(&known) = exit.and_then(|index| self.by_exit.get(&index)) {
            return merge(&mut self.attempts[known], attempt);
        }
        if self.attempts.len() >= ATTEMPTS_MAX {
            let oldest = ATTEMPTS_MAX / 4;
            self.attempts.remove(oldest);
            self.left_out += 1;
            self.by_exit.retain(|_, place| *place != oldest);
            self.by_exit.values_mut().filter(|place| **place > oldest).for_each(|place| *place -= 1);
        }
        if let Some(index) = exit {
            self.by_exit.insert(index, self.attempts.len());
        }
        self.attempts.push(attempt);
    }
}

/// An instance that is only seen serving is a witness, without a number.
fn take_witnesses(attempts: &mut Vec<Attempt>) -> Vec<Attempt> {
    let mut witnesses = Vec::new();
    let mut own = Vec::new();
    for attempt in attempts.drain(..) {
        let reading = reading::read(&attempt);
        let serving = reading.stage.is_some_and(|s| s.0 == Stage::Serving) && !reading.failed();
        if serving && attempt.exit.is_none() && !attempt.begins {
            witnesses.push(attempt);
        } else {
            own.push(attempt);
        }
    }
    *attempts = own;
    witnesses
}

/// Two lanes of one exits row are one attempt.
fn merge(attempt: &mut Attempt, other: Attempt) {
    attempt.records += other.records;
    attempt.first = [attempt.first, other.first].into_iter().flatten().min();
    attempt.last = [attempt.last, other.last].into_iter().flatten().max();
    attempt.events.extend(other.events);
    attempt.events.sort_by_key(|event| event.at);
    for (seq, event) in attempt.events.iter_mut().enumerate() {
        event.seq = seq as u64;
    }
}

fn without_records(exit: &tminus_core::exits::Exit) -> Attempt {
    Attempt {
        n: exit.attempt,
        key: crate::lane::LaneKey::default(),
        exit: Some(exit.clone()),
        events: Vec::new(),
        first: None,
        last: None,
        first_row: None,
        records: 0,
        begins: true,
        targets: Vec::new(),
        live: None,
        recycled: false,
    }
}

/// Starts that came up, were stopped in good order soon after, and were followed at once by the next
/// one: a platform does that when a probe keeps failing. The last of a run counts when it lived as
/// long as the one before.
fn mark_recycled(attempts: &mut [Attempt]) {
    let span = |a: &Attempt| {
        let exit = a.exit.as_ref().filter(|_| a.live.is_none())?;
        let in_order = exit.exit_code == Some(0) || matches!(exit.signal_name(), Some("SIGTERM" | "SIGINT"));
        in_order.then_some(())?;
        Some((exit.started?.as_millisecond(), exit.ended?.as_millisecond()))
    };
    let mut order: Vec<usize> = (0..attempts.len()).filter(|&i| span(&attempts[i]).is_some()).collect();
    order.sort_by_key(|&i| span(&attempts[i]));
    for pair in order.windows(2) {
        let (Some((began, ended)), Some((next, next_ended))) = (span(&attempts[pair[0]]), span(&attempts[pair[1]]))
        else {
            continue;
        };
        let lived = ended - began;
        let same = attempts[pair[0]].exit.as_ref().map(|e| &e.revision)
            == attempts[pair[1]].exit.as_ref().map(|e| &e.revision);
        if same && (0..RECYCLE_MS).contains(&(next - ended)) && lived < SHORT_LIFE_MS {
            attempts[pair[0]].recycled = true;
            let other = next_ended - next;
            attempts[pair[1]].recycled = other <= 2 * lived && lived <= 2 * other;
        }
    }
}

/// What other containers and services said.
fn companions(others: &[Attempt]) -> Vec<Companion> {
    let mut out = Vec::new();
    for attempt in others {
        let reading = reading::read(attempt);
        let unit = Unit::of(&attempt.key);
        let ready = reading.stage.is_some_and(|s| s.0 >= Stage::Listening);
        let name = unit.name().unwrap_or("companion").to_owned();
        let mut said: Vec<Companion> = reading
            .matches()
            .map(|(_, m)| Companion {
                name: name.clone(),
                at: m.at.clone(),
                keys: m.rules.iter().map(|r| r.cause.clone()).collect(),
                ready,
                says: m.says.clone(),
            })
            .collect();
        if said.is_empty()
            && let Some((at, _)) = reading.last_words()
        {
            said.push(Companion { name, at: at.clone(), keys: Vec::new(), ready, says: at.text.clone() });
        }
        out.extend(said);
        if out.len() >= COMPANIONS_MAX {
            out.truncate(COMPANIONS_MAX);
            break;
        }
    }
    out
}

fn place(row: &Row) -> LogRef {
    let line = row.record.text.lines().next().unwrap_or("").trim();
    LogRef { source: row.record.source, line: row.record.line, text: crate::wording::cut(line, 400).to_owned() }
}
