//! `tminus.history/1`: a bounded record of earlier good starts of one service, and what a start
//! looks like beside them.
//!
//! What it is for: "database took 3.1 s longer than usual", and the 95th percentiles that let a start
//! give up while somebody can still read why. What it must never do: touch a file (the command line
//! reads and writes it), fail because a file is damaged (a record of the past is never a reason not
//! to start), or grow: at most [`STARTS_MAX`] starts and [`BYTES_MAX`] bytes.
//! Where to start reading: [`GoodStart::of`], [`History::push`], then [`History::compare`].

use crate::Timestamp;
use crate::event::{Event, EventKind, Passage};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The name and version of this format.
pub const SCHEMA: &str = "tminus.history/1";
/// Most starts that are remembered; the oldest go first.
pub const STARTS_MAX: usize = 50;
/// Largest record that is written or read, in bytes.
pub const BYTES_MAX: usize = 64 * 1024 - 1;
/// From so many starts on a 95th percentile means something: with fewer it is the maximum.
pub const P95_FROM: usize = 20;
/// Fewer starts than these are no measure of what is usual.
pub const USUAL_FROM: usize = 5;
/// Most phases of one start and steps of one phase that are remembered.
const PARTS_MAX: usize = 64;
/// Longest name, in bytes.
const NAME_MAX: usize = 100;
/// A difference smaller than this is never worth a word.
const WORTH_MS: u32 = 500;

/// What is remembered of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct History {
    /// Always [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The service.
    pub service: String,
    /// Its environment.
    pub environment: Option<String>,
    /// Good starts, oldest first.
    pub starts: Vec<GoodStart>,
}

/// One good start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GoodStart {
    /// When it began.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Revision, if the platform told.
    #[serde(default)]
    pub revision: Option<String>,
    /// Digest of its plan.
    #[serde(default)]
    pub plan: Option<String>,
    /// From the beginning of the attempt to ready.
    #[cfg_attr(feature = "schema", schemars(with = "u32"))]
    pub total_ms: Millis,
    /// Its phases, in order.
    pub phases: Vec<PhaseTime>,
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhaseTime {
    /// Its name.
    pub phase: String,
    /// How long.
    #[cfg_attr(feature = "schema", schemars(with = "u32"))]
    pub ms: Millis,
    /// Its steps, in order of their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepTime {
    /// Its name.
    pub step: String,
    /// How long.
    #[cfg_attr(feature = "schema", schemars(with = "u32"))]
    pub ms: Millis,
}

/// A history as it was read, and what could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What could be read; empty when nothing could.
    pub history: History,
    /// What could not, for a note; lower case without full stop.
    pub problem: Option<String>,
}

/// A start beside the earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// How many earlier starts there are.
    pub starts: usize,
    /// The whole start; none when there is no earlier one.
    pub total: Option<Against>,
    /// Its phases that earlier starts had too, in order.
    pub phases: Vec<Against>,
    /// The phases that took clearly longer than usual, worst first.
    pub slower: Vec<Against>,
}

/// One time beside what it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// The phase; empty for the whole start.
    pub name: String,
    /// How long it took.
    pub took: Millis,
    /// The median of before (nearest rank).
    pub median: Millis,
    /// The 95th percentile of before, from [`P95_FROM`] starts on (nearest rank).
    pub p95: Option<Millis>,
    /// Of how many starts.
    pub of: usize,
}

impl Against {
    /// How much longer than the median; zero when it was not.
    pub fn longer(&self) -> Millis {
        self.took.less(self.median)
    }

    /// True when the difference is no mere scatter: half a second and a quarter more than the
    /// median, beyond the 95th percentile where there is one, and enough starts to compare with.
    pub fn is_slower(&self) -> bool {
        self.of >= USUAL_FROM
            && self.longer().0 >= WORTH_MS.max(self.median.0 / 4)
            && self.p95.is_none_or(|p95| self.took > p95)
    }
}

impl GoodStart {
    /// What is remembered of these events; none unless every phase that was begun has passed.
    pub fn of(events: &[Event]) -> Option<GoodStart> {
        let mut start = GoodStart { at: None, revision: None, plan: None, total_ms: Millis::ZERO, phases: Vec::new() };
        let mut steps: Vec<StepTime> = Vec::new();
        let mut open = false;
        for event in events {
            match &event.kind {
                EventKind::AttemptStarted { revision, plan, .. } => {
                    start.at = event.at;
                    start.revision = revision.as_deref().map(|text| cut(text, NAME_MAX));
                    start.plan = plan.as_deref().map(|text| cut(text, NAME_MAX));
                }
                EventKind::PhaseStarted { .. } => open = true,
                EventKind::StepFinished { step, outcome: Passage::Passed, elapsed_ns, .. }
                    if open && steps.len() < PARTS_MAX =>
                {
                    steps.push(StepTime { step: cut(step, NAME_MAX), ms: millis(elapsed_ns.unwrap_or(0)) });
                }
                EventKind::PhaseFinished { phase, outcome, elapsed_ns, .. } => {
                    if *outcome != Passage::Passed || start.phases.len() == PARTS_MAX {
                        return None;
                    }
                    open = false;
                    start.total_ms = millis(event.t.max(0) as u64);
                    let steps = std::mem::take(&mut steps);
                    let ms = millis(elapsed_ns.unwrap_or(0));
                    start.phases.push(PhaseTime { phase: cut(phase, NAME_MAX), ms, steps });
                }
                _ => {}
            }
        }
        (!open && !start.phases.is_empty()).then_some(start)
    }
}

impl History {
    /// Nothing is remembered yet.
    pub fn new(service: impl Into<String>, environment: Option<String>) -> History {
        History {
            schema: SCHEMA.to_owned(),
            service: cut(&service.into(), NAME_MAX),
            environment: environment.map(|text| cut(&text, NAME_MAX)),
            starts: Vec::new(),
        }
    }

    /// Reads what [`History::write`] wrote. Whatever is damaged is left out and said; a record of
    /// another service, environment or version is as good as none.
    pub fn read(bytes: &[u8], service: &str, environment: Option<&str>) -> Read {
        let empty = History::new(service, environment.map(str::to_owned));
        let none = |problem: String| Read { history: empty.clone(), problem: Some(problem) };
        if bytes.len() > BYTES_MAX {
            return none(format!("the record of earlier starts is larger than {BYTES_MAX} bytes"));
        }
        let document: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(document) => document,
            Err(error) => {
                return none(format!("the record of earlier starts is damaged at line {}", error.line()));
            }
        };
        if document["schema"] != SCHEMA {
            return none(format!("the record of earlier starts is not {SCHEMA}"));
        }
        if document["service"] != empty.service.as_str()
            || document["environment"].as_str() != empty.environment.as_deref()
        {
            return none("the record of earlier starts is of another service or environment".to_owned());
        }
        let rows = document["starts"].as_array().map_or(&[][..], Vec::as_slice);
        let mut history = empty;
        for row in rows {
            if let Ok(start) = serde_json::from_value::<GoodStart>(row.clone()) {
                history.push(start);
            }
        }
        let damaged = rows.len().min(STARTS_MAX) - history.starts.len().min(rows.len());
        let problem = (damaged > 0).then(|| format!("{damaged} of {} starts in the record cannot be read", rows.len()));
        Read { history, problem }
    }

    /// The record as JSON, at most [`BYTES_MAX`] bytes: the oldest starts are left out until it is.
    pub fn write(&self) -> String {
        let starts: Vec<String> = self.starts.iter().filter_map(|start| serde_json::to_string(start).ok()).collect();
        let head = format!(
            "{{\"schema\":{},\"service\":{},\"environment\":{},\"starts\":[",
            serde_json::json!(SCHEMA),
            serde_json::json!(cut(&self.service, NAME_MAX)),
            serde_json::json!(self.environment.as_deref().map(|name| cut(name, NAME_MAX))),
        );
        let tail = "\n]}\n";
        let mut room = BYTES_MAX - head.len() - tail.len();
        let mut first = starts.len();
        while first > 0 && starts[first - 1].len() + 2 <= room {
            first -= 1;
            room -= starts[first].len() + 2;
        }
        let mut out = head;
        for (i, start) in starts[first..].iter().enumerate() {
            out.push_str(if i == 0 { "\n" } else { ",\n" });
            out.push_str(start);
        }
        out + tail
    }

    /// Remembers one more; the oldest goes when there are too many. Names and parts are cut to
    /// what a record may hold.
    pub fn push(&mut self, mut start: GoodStart) {
        start.phases.truncate(PARTS_MAX);
        for phase in &mut start.phases {
            phase.phase = cut(&phase.phase, NAME_MAX);
            phase.steps.truncate(PARTS_MAX);
            for step in &mut phase.steps {
                step.step = cut(&step.step, NAME_MAX);
            }
        }
        start.revision = start.revision.map(|text| cut(&text, NAME_MAX));
        start.plan = start.plan.map(|text| cut(&text, NAME_MAX));
        self.starts.push(start);
        let over = self.starts.len().saturating_sub(STARTS_MAX);
        self.starts.drain(..over);
    }

    /// The 95th percentile of what a phase took; none below [`P95_FROM`] starts that had it.
    pub fn p95(&self, phase: &str) -> Option<Millis> {
        let times = self.times(phase);
        (times.len() >= P95_FROM).then(|| rank(&times, 95)).flatten()
    }

    /// The median of what a phase took; none when no start had it.
    pub fn median(&self, phase: &str) -> Option<Millis> {
        rank(&self.times(phase), 50)
    }

    /// A start beside the remembered ones (which should not hold it).
    pub fn compare(&self, start: &GoodStart) -> Comparison {
        let totals = sorted(self.starts.iter().map(|start| start.total_ms));
        let phases: Vec<Against> = start
            .phases
            .iter()
            .filter_map(|phase| against(&phase.phase, phase.ms, &self.times(&phase.phase)))
            .collect();
        let mut slower: Vec<Against> = phases.iter().filter(|phase| phase.is_slower()).cloned().collect();
        slower.sort_by_key(|phase| std::cmp::Reverse(phase.longer()));
        Comparison { starts: self.starts.len(), total: against("", start.total_ms, &totals), phases, slower }
    }

    /// What the phase took, shortest first.
    fn times(&self, phase: &str) -> Vec<Millis> {
        sorted(self.starts.iter().filter_map(|start| start.phases.iter().find(|p| p.phase == phase).map(|p| p.ms)))
    }
}

fn sorted(times: impl Iterator<Item = Millis>) -> Vec<Millis> {
    let mut times: Vec<Millis> = times.collect();
    times.sort_unstable();
    times
}

/// Nearest rank: the smallest that at least so many percent are not above.
fn rank(sorted: &[Millis], percent: usize) -> Option<Millis> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

fn against(name: &str, took: Millis, times: &[Millis]) -> Option<Against> {
    let p95 = if times.len() >= P95_FROM { rank(times, 95) } else { None };
    Some(Against { name: name.to_owned(), took, median: rank(times, 50)?, p95, of: times.len() })
}

fn millis(ns: u64) -> Millis {
    Millis(u32::try_from(ns.saturating_add(500_000) / 1_000_000).unwrap_or(u32::MAX))
}

/// The text in at most so many bytes, cut between characters.
fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AttemptId, Origin, VERSION};

    fn start(phases: &[(&str, u32)]) -> GoodStart {
        GoodStart {
            at: None,
            revision: None,
            plan: None,
            total_ms: Millis(phases.iter().map(|(_, ms)| ms).sum()),
            phases: phases
                .iter()
                .map(|(name, ms)| PhaseTime { phase: (*name).to_owned(), ms: Millis(*ms), steps: Vec::new() })
                .collect(),
        }
    }

    fn history(times: impl IntoIterator<Item = u32>) -> History {
        let mut history = History::new("orders", Some("staging".into()));
        times.into_iter().for_each(|ms| history.push(start(&[("database", ms)])));
        history
    }

    fn events(kinds: Vec<(i64, EventKind)>) -> Vec<Event> {
        let event = |(seq, (t, kind)): (usize, (i64, EventKind))| Event {
            v: VERSION,
            attempt: AttemptId("a".into()),
            seq: seq as u64,
            at: None,
            t,
            src: Origin::Live,
            kind,
        };
        kinds.into_iter().enumerate().map(event).collect()
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let history = history((1..=20).map(|n| n * 100));
        assert_eq!(history.median("database"), Some(Millis(1000)));
        assert_eq!(history.p95("database"), Some(Millis(1900)));
        assert_eq!(history.median("cache"), None);
    }

    #[test]
    fn there_is_no_p95_below_twenty_starts() {
        assert_eq!(history((1..=19).map(|n| n * 100)).p95("database"), None);
    }

    #[test]
    fn slower_is_more_than_scatter() {
        let usual = history([1000, 1100, 900, 1000, 1050]);
        assert_eq!(usual.compare(&start(&[("database", 4100)])).slower[0].longer(), Millis(3100));
        assert!(usual.compare(&start(&[("database", 1400)])).slower.is_empty(), "under half a second");
        assert!(history([1000; 4]).compare(&start(&[("database", 9000)])).slower.is_empty(), "too few starts");
        let wide = history((0..20).map(|n| if n < 11 { 1000 } else { 5000 }));
        assert!(wide.compare(&start(&[("database", 4000)])).slower.is_empty(), "within what it took before");
    }

    #[test]
    fn a_comparison_without_history_compares_nothing() {
        let comparison = history([]).compare(&start(&[("database", 4100)]));
        assert_eq!((comparison.starts, comparison.total, comparison.phases.len()), (0, None, 0));
    }

    #[test]
    fn what_is_written_is_read_back_and_bounded() {
        let mut history = History::new("orders \"x\"", None);
        for n in 0..80 {
            let mut start = start(&[("database", n)]);
            start.phases = (0..60)
                .map(|i| PhaseTime {
                    phase: format!("phase-{i}-{}", "n".repeat(200)),
                    ms: Millis(n),
                    steps: Vec::new(),
                })
                .collect();
            history.push(start);
        }
        assert_eq!(history.starts.len(), STARTS_MAX);
        let text = history.write();
        assert!(text.len() <= BYTES_MAX, "{}", text.len());
        let read = History::read(text.as_bytes(), "orders \"x\"", None);
        assert_eq!(read.problem, None);
        assert!(!read.history.starts.is_empty());
        assert_eq!(read.history.starts.last(), history.starts.last(), "the newest are kept");
    }

    #[test]
    fn damaged_and_foreign_records_are_no_record_and_say_so() {
        let good = history([1000, 2000]).write();
        let read = |text: &str| History::read(text.as_bytes(), "orders", Some("staging"));
        assert_eq!(read(&good).history.starts.len(), 2);
        for cut in 0..good.len() - 2 {
            assert!(read(&good[..cut]).problem.is_some(), "cut at {cut}");
        }
        assert!(History::read(good.as_bytes(), "other", Some("staging")).problem.unwrap().contains("another service"));
        assert!(read(&good.replace("history/1", "history/9")).problem.unwrap().contains("is not tminus.history/1"));
        let one_bad = good.replacen("\"total_ms\":1000", "\"total_ms\":\"soon\"", 1);
        assert_eq!(read(&one_bad).history.starts.len(), 1);
        assert!(read(&one_bad).problem.unwrap().starts_with("1 of 2 starts"));
        assert!(read(&" ".repeat(BYTES_MAX + 1)).problem.unwrap().contains("larger"));
    }

    #[test]
    fn only_a_start_whose_phases_all_passed_is_a_good_one() {
        let begin = |name: &str| EventKind::PhaseStarted { phase: name.into() };
        let end = |name: &str, outcome| EventKind::PhaseFinished {
            phase: name.into(),
            outcome,
            code: None,
            elapsed_ns: Some(1_300_000_000),
        };
        let step = EventKind::StepFinished {
            phase: "database".into(),
            step: "orders-db".into(),
            outcome: Passage::Passed,
            code: None,
            elapsed_ns: Some(1_200_400_000),
            critical: None,
        };
        let good = events(vec![
            (0, begin("database")),
            (1_250_000_000, step),
            (1_300_000_000, end("database", Passage::Passed)),
        ]);
        let start = GoodStart::of(&good).unwrap();
        assert_eq!(start.total_ms, Millis(1300));
        assert_eq!(start.phases[0].steps, [StepTime { step: "orders-db".into(), ms: Millis(1200) }]);
        assert_eq!(GoodStart::of(&good[..2]), None, "a phase is still open");
        assert_eq!(GoodStart::of(&events(vec![(0, begin("init")), (1, end("init", Passage::Failed))])), None);
        assert_eq!(GoodStart::of(&[]), None);
    }
}
