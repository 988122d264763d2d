//! Folds the events of live starts, in bounded memory.

use super::kind::Kind;
use super::{Child, Ending, Failing, Moment, Note, Phase, Start, Step, Way};
use crate::catalogue::Catalogue;
use crate::wording::cut;
use std::collections::BTreeMap;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Event, EventKind, Notice, Origin, Passage};
use tminus_core::redact::Redactor;
use tminus_core::vocabulary::Layer;

/// Most events that are kept until the fold; a start writes some thousands. What is only needed to
/// draw a timeline is not kept at all.
const EVENTS_MAX: usize = 400_000;
/// Most starts that are told apart.
const STARTS_MAX: usize = 4_000;
/// Most phases, steps or ways of one start.
const PARTS_MAX: usize = 512;
/// Most notes of one start.
const NOTES_MAX: usize = 512;
/// Longest text kept of a note or detail, bytes.
const TEXT_MAX: usize = 2_000;

/// Takes events of any number of starts, in any order.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    kept: Vec<(usize, Event)>,
    sources: Vec<String>,
    left_out: u64,
}

impl Intake {
    /// Takes events of the record `source`. Events that were made from logs are no start of ours.
    pub(crate) fn take(&mut self, source: &str, events: Vec<Event>) {
        let known = self.sources.iter().position(|name| name == source);
        let index = known.unwrap_or_else(|| {
            self.sources.push(source.to_owned());
            self.sources.len() - 1
        });
        for event in events {
            if event.src == Origin::Import || only_drawn(&event.kind) {
                continue;
            }
            if self.kept.len() < EVENTS_MAX {
                self.kept.push((index, event));
            } else {
                self.left_out += 1;
            }
        }
    }

    /// Were there any?
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The starts, oldest first, and how many events were left out. The same event from two records
    /// counts once.
    pub(crate) fn starts(self, catalogue: &Catalogue, redactor: &Redactor) -> (Vec<Start>, u64) {
        let mut by_attempt: BTreeMap<AttemptId, Vec<(usize, Event)>> = BTreeMap::new();
        let mut left_out = self.left_out;
        for (source, event) in self.kept {
            if by_attempt.len() >= STARTS_MAX && !by_attempt.contains_key(&event.attempt) {
                left_out += 1;
                continue;
            }
            by_attempt.entry(event.attempt.clone()).or_default().push((source, event));
        }
        let mut starts: Vec<Start> = Vec::new();
        for (id, mut events) in by_attempt {
            events.sort_by(|(a, x), (b, y)| (x.seq, x.t, a).cmp(&(y.seq, y.t, b)));
            events.dedup_by(|(_, a), (_, b)| a.seq == b.seq && a.kind == b.kind);
            let source = events.first().map_or(0, |(source, _)| *source);
            let mut fold = Fold::new(id, &self.sources[source], catalogue, redactor);
            events.into_iter().for_each(|(_, event)| fold.event(event));
            starts.push(fold.start);
        }
        starts.sort_by(|a, b| (a.began, &a.id).cmp(&(b.began, &b.id)));
        (starts, left_out)
    }
}

/// What only a timeline needs.
fn only_drawn(kind: &EventKind) -> bool {
    match kind {
        EventKind::LayerStarted { .. } | EventKind::TryStarted { .. } | EventKind::ChildOutput { .. } => true,
        EventKind::TryFinished { outcome, .. } => *outcome != Passage::Passed,
        _ => false,
    }
}

struct Fold<'a> {
    start: Start,
    catalogue: &'a Catalogue,
    redactor: &'a Redactor,
}

impl<'a> Fold<'a> {
    fn new(id: AttemptId, source: &str, catalogue: &'a Catalogue, redactor: &'a Redactor) -> Fold<'a> {
        let start = Start {
            id,
            source: source.to_owned(),
            service: None,
            environment: None,
            revision: None,
            instance: None,
            began: None,
            until: Moment::default(),
            outcome: None,
            phases: Vec::new(),
            steps: Vec::new(),
            ways: Vec::new(),
            notes: Vec::new(),
            child: Child::default(),
            left_out: 0,
        };
        Fold { start, catalogue, redactor }
    }

    fn event(&mut self, event: Event) {
        let moment = Moment { at: event.at, t: event.t };
        if self.start.began.is_none() {
            let since = jiff::SignedDuration::from_nanos(event.t.max(0));
            self.start.began = event.at.and_then(|at| at.checked_sub(since).ok());
        }
        if moment.t >= self.start.until.t {
            self.start.until = moment;
        }
        match event.kind {
            EventKind::AttemptStarted { service, environment, revision, instance, .. } => {
                (self.start.service, self.start.environment) = (service, environment);
                (self.start.revision, self.start.instance) = (revision, instance);
            }
            EventKind::PhaseStarted { phase } => self.phase(phase).ended = None,
            EventKind::PhaseFinished { phase, outcome, code, elapsed_ns } => {
                let ended = Ending { how: outcome, code: read(code), moment, elapsed_ns };
                self.phase(phase).ended = Some(ended);
            }
            EventKind::StepStarted { phase, step } => {
                let folded = self.step(step, phase, moment);
                (folded.began, folded.ended) = (moment, None);
            }
            EventKind::StepFinished { phase, step, outcome, code, elapsed_ns, .. } => {
                let ended = Ending { how: outcome, code: read(code), moment, elapsed_ns };
                self.step(step, phase, moment).ended = Some(ended);
            }
            kind @ EventKind::LayerFinished { .. } => self.layer(kind, moment),
            EventKind::TryFinished { step, outcome: Passage::Passed, .. } => self.came_through(&step, moment),
            EventKind::EvidenceNoted { source, text } => self.note(source, text, moment),
            EventKind::AttemptFinished { outcome, stage, .. } => {
                self.start.outcome = Some(outcome);
                self.start.child.stage = self.start.child.stage.max(stage);
            }
            other => self.child(other, moment),
        }
    }

    fn child(&mut self, kind: EventKind, moment: Moment) {
        let child = &mut self.start.child;
        match kind {
            EventKind::ChildSpawned { .. } => child.spawned = Some(moment),
            EventKind::ChildNotified { stage, status, .. } => {
                child.stage = child.stage.max(Some(stage));
                child.status = Some(self.redactor.clean(cut(&status, TEXT_MAX)).into_owned());
            }
            EventKind::ChildStopping { signal, .. } if child.stopping.is_none() && child.exited.is_none() => {
                child.stopping = Some((moment, signal));
            }
            EventKind::ChildExited { code, signal, reason, .. } => {
                child.exited = Some(moment);
                (child.code, child.signal) = (code, signal);
                child.reason = reason.or(child.reason.take());
            }
            // Its next life is the one that is told of.
            EventKind::ChildRestart { rest_ns: Some(_), .. } => {
                (child.exited, child.stopping, child.code, child.signal) = (None, None, None, None);
            }
            EventKind::PlatformNotice { notice: Notice::OutOfMemory, .. } => {
                child.reason = Some("OOMKilled".to_owned());
            }
            _ => {}
        }
    }

    fn phase(&mut self, name: String) -> &mut Phase {
        let phases = &mut self.start.phases;
        let known = phases.iter().position(|phase| phase.name == name);
        let index = known.unwrap_or_else(|| {
            if phases.len() < PARTS_MAX {
                phases.push(Phase { name, ended: None });
            } else {
                self.start.left_out += 1;
            }
            phases.len() - 1
        });
        &mut phases[index]
    }

    fn step(&mut self, name: String, phase: String, began: Moment) -> &mut Step {
        let steps = &mut self.start.steps;
        let known = steps.iter().position(|step| step.name == name);
        let index = known.unwrap_or_else(|| {
            if steps.len() < PARTS_MAX {
                steps.push(Step { name, phase, began, ended: None });
            } else {
                self.start.left_out += 1;
            }
            steps.len() - 1
        });
        &mut steps[index]
    }

    fn way(&mut self, step: String, target: String) -> Option<&mut Way> {
        let ways = &mut self.start.ways;
        let known = ways.iter().position(|way| way.step == step && way.target == target);
        if known.is_none() && ways.len() >= PARTS_MAX {
            self.start.left_out += 1;
            return None;
        }
        let index = known.unwrap_or_else(|| {
            let target = self.redactor.clean(cut(&target, TEXT_MAX)).into_owned();
            let kind = Kind::of(&target, |port| self.catalogue.component_of_port(port).map(str::to_owned));
            ways.push(Way {
                step,
                target,
                kind,
                passed: Vec::new(),
                failures: Vec::new(),
                came_through: 0,
                through_at: None,
            });
            ways.len() - 1
        });
        Some(&mut ways[index])
    }

    fn layer(&mut self, kind: EventKind, moment: Moment) {
        let EventKind::LayerFinished { target, layer, outcome, code, step, detail, dials, .. } = kind else { return };
        let detail = detail.map(|text| self.redactor.clean(cut(&text, TEXT_MAX)).into_owned());
        let (code, dials) = (read(code), dials.unwrap_or(0));
        let Some(way) = self.way(step.unwrap_or_default(), target) else { return };
        match (outcome, code) {
            (Passage::Passed, _) => match way.passed.iter_mut().find(|(known, ..)| *known == layer) {
                Some((_, _, last)) => *last = moment,
                None => way.passed.push((layer, moment, moment)),
            },
            (Passage::Failed | Passage::Expired, Some(code)) if code != Code::Stopped => {
                let layer = if code.layer() <= Layer::Schema { code.layer() } else { layer };
                failed(way, layer, code, moment, detail, dials);
            }
            _ => {}
        }
    }

    /// A try passed: the way that was walked last for its step has reached its goal.
    fn came_through(&mut self, step: &str, moment: Moment) {
        let last = |way: &Way| way.passed.iter().map(|(.., last)| last.t).max();
        let way = self.start.ways.iter_mut().filter(|way| way.step == step).max_by_key(|way| last(way));
        if let Some(way) = way {
            way.came_through += 1;
            way.through_at = Some(moment);
        }
    }

    fn note(&mut self, source: String, text: String, moment: Moment) {
        let text = self.redactor.clean(cut(&text, TEXT_MAX)).into_owned();
        if killed_for_memory(&text) {
            self.start.child.reason = Some("OOMKilled".to_owned());
        }
        if self.start.notes.len() >= NOTES_MAX {
            self.start.left_out += 1;
            return;
        }
        self.start.notes.push(Note { source, text, moment });
    }
}

fn failed(way: &mut Way, layer: Layer, code: Code, moment: Moment, detail: Option<String>, dials: u32) {
    match way.failures.iter_mut().find(|failing| failing.code == code && failing.layer == layer) {
        Some(failing) => {
            failing.times = failing.times.saturating_add(1);
            failing.last = moment;
            failing.detail = detail.or(failing.detail.take());
            failing.dials = failing.dials.saturating_add(dials);
        }
        None => way.failures.push(Failing { layer, code, times: 1, first: moment, last: moment, detail, dials }),
    }
}

/// `oom_kill = 2`: the kernel killed in this control group.
fn killed_for_memory(text: &str) -> bool {
    let count = text.strip_prefix("oom_kill").map(|rest| rest.trim_start_matches([' ', '=', ':']));
    count.is_some_and(|count| count.trim().parse::<u64>().is_ok_and(|count| count > 0))
}

fn read(code: Option<String>) -> Option<Code> {
    code?.parse().ok()
}
