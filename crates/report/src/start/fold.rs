//! Events to a [`StartView`], one by one.
//!
//! It keeps what was seen first and last, and counts the rest: its size follows the plan, not the
//! number of events. Events of phases and steps that the plan does not have are kept like the others
//! (an embedding program may add some), up to a limit.

use super::view::{
    ChildExit, ChildView, Kind, LaneView, PhaseView, RungSeen, StartView, StepView, Stop, Tries, kind, place,
};
use std::collections::BTreeMap;
use tminus_core::code::Code;
use tminus_core::event::{Event, EventKind, Passage};
use tminus_core::plan::{LaneIx, Plan, Readiness, StepIx, Work};
use tminus_core::run::Exit;
use tminus_core::target::{Host, Place, Target};
use tminus_core::vocabulary::Layer;

/// Most phases, steps and ways that the plan does not have, and most notes.
const STRANGERS_MAX: usize = 100;

/// Times beyond ten years are taken for ten years, so that they can be added and subtracted.
pub(super) const TIME_MAX: i64 = 10 * 366 * 86_400 * 1_000_000_000;

/// Where a step stands: phase, step.
type At = (usize, usize);

struct Fold<'a> {
    view: StartView<'a>,
    steps: BTreeMap<String, At>,
    strangers: usize,
    /// The child was ready, ended, and is started again.
    again: bool,
}

pub(super) fn fold<'a>(plan: &'a Plan, events: &[Event], exit: Option<Exit>) -> StartView<'a> {
    let mut fold = Fold { view: empty(plan, exit), steps: BTreeMap::new(), strangers: 0, again: false };
    for (phase, view) in fold.view.phases.iter().enumerate() {
        for (step, view) in view.steps.iter().enumerate() {
            fold.steps.entry(view.name.clone()).or_insert((phase, step));
        }
    }
    for event in events {
        let t = event.t.clamp(0, TIME_MAX);
        fold.view.end = fold.view.end.max(t);
        fold.take(event, t);
    }
    fold.view
}

fn empty(plan: &Plan, exit: Option<Exit>) -> StartView<'_> {
    let phases = plan.phases.iter().enumerate().map(|(ix, phase)| PhaseView {
        name: phase.name.clone(),
        deadline: phase.deadline,
        p95: phase.p95,
        steps: steps_of(plan, ix, phase.steps.clone()),
        ..PhaseView::default()
    });
    StartView {
        plan,
        exit,
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        revision: None,
        instance: None,
        attempt: String::new(),
        program: None,
        phases: phases.collect(),
        aside: Vec::new(),
        child: ChildView::default(),
        notes: Vec::new(),
        sinks: Vec::new(),
        end: 0,
        outcome: None,
    }
}

fn steps_of(plan: &Plan, phase: usize, range: std::ops::Range<u16>) -> Vec<StepView> {
    let spawn = plan.steps.iter().find(|step| step.work == Work::Spawn).map(|step| step.phase);
    let steps = range.filter_map(|ix| Some((ix, plan.steps.get(usize::from(ix))?)));
    steps
        .map(|(ix, step)| {
            let after_spawn = spawn.is_some_and(|spawn| usize::from(spawn.0) <= phase);
            let listens = step.work == Work::Ready(Readiness::Lanes);
            let lanes = step.lanes.clone().filter_map(|ix| Some((ix, plan.lanes.get(usize::from(ix))?)));
            StepView {
                name: step.name.clone(),
                ix: Some(StepIx(ix)),
                critical: step.critical,
                deadline: step.deadline,
                lanes: lanes
                    .map(|(ix, lane)| {
                        let own = listens || after_spawn && is_loopback(&lane.target);
                        LaneView {
                            ix: Some(LaneIx(ix)),
                            kind: if own { Kind::Own } else { kind(&lane.target) },
                            witness: lane.witness,
                            layers: lane.layers.clone(),
                            ..LaneView::of(&lane.name, &lane.target.to_string())
                        }
                    })
                    .collect(),
                ..StepView::default()
            }
        })
        .collect()
}

fn is_loopback(target: &Target) -> bool {
    let here = |host: &Host| {
        host.name == "localhost" || host.name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    match (target, place(target)) {
        (Target::Tcp(host), _) => here(host),
        (Target::Http(_), Some(Place::Tcp(host))) => here(host),
        _ => false,
    }
}

impl LaneView {
    fn of(name: &str, target: &str) -> LaneView {
        LaneView {
            name: name.to_owned(),
            target: target.to_owned(),
            ix: None,
            kind: Kind::Other,
            witness: false,
            layers: Vec::new(),
            tries: Tries::default(),
            passed: false,
            rungs: Vec::new(),
            reached: Vec::new(),
            stop: None,
            answer: None,
            dials: 0,
            passed_at: None,
        }
    }
}

fn parsed(code: Option<&String>) -> Option<Code> {
    code.and_then(|code| code.parse().ok())
}

impl Fold<'_> {
    fn take(&mut self, event: &Event, t: i64) {
        match &event.kind {
            EventKind::AttemptStarted { service, environment, revision, instance, .. } => {
                let view = &mut self.view;
                view.attempt.clone_from(&event.attempt.0);
                if let Some(service) = service {
                    view.service.clone_from(service);
                }
                if environment.is_some() {
                    view.environment.clone_from(environment);
                }
                view.revision.clone_from(revision);
                view.instance.clone_from(instance);
            }
            EventKind::PhaseStarted { phase } => {
                if let Some(ix) = self.phase(phase) {
                    self.begin_again(ix);
                    self.view.phases[ix].began.get_or_insert(t);
                }
            }
            EventKind::PhaseFinished { phase, outcome, code, .. } => {
                if let Some(ix) = self.phase(phase) {
                    let view = &mut self.view.phases[ix];
                    view.began.get_or_insert(t);
                    (view.ended, view.outcome, view.code) = (Some(t), Some(*outcome), parsed(code.as_ref()));
                }
            }
            EventKind::AttemptFinished { outcome, .. } => self.view.outcome = Some(*outcome),
            EventKind::EvidenceNoted { source, text } => keep(&mut self.view.notes, source, text),
            EventKind::SinkFailed { sink, error } => keep(&mut self.view.sinks, sink, error),
            EventKind::ChildSpawned { .. }
            | EventKind::ChildNotified { .. }
            | EventKind::ChildStopping { .. }
            | EventKind::ChildExited { .. } => self.child(t, &event.kind),
            EventKind::ChildRestart { rest_ns: Some(_), .. } => {
                let child = &mut self.view.child;
                (child.spawned, child.exited) = (None, None);
                self.again = true;
            }
            _ => self.step(t, &event.kind),
        }
    }

    /// The child's next life begins with this phase: what was seen of it and of later ones has been.
    fn begin_again(&mut self, first: usize) {
        if !std::mem::take(&mut self.again) {
            return;
        }
        for phase in &mut self.view.phases[first..] {
            (phase.began, phase.ended, phase.outcome, phase.code) = (None, None, None, None);
            for step in &mut phase.steps {
                (step.began, step.ended, step.outcome, step.code) = (None, None, None, None);
            }
        }
    }

    fn child(&mut self, t: i64, kind: &EventKind) {
        let child = &mut self.view.child;
        match kind {
            EventKind::ChildSpawned { .. } => child.spawned = child.spawned.or(Some(t)),
            EventKind::ChildNotified { status, .. } => child.said = Some((t, status.clone())),
            EventKind::ChildStopping { signal, .. } => {
                child.stopping.get_or_insert((t, signal.clone()));
            }
            EventKind::ChildExited { code, signal, .. } => {
                child.exited = Some(ChildExit { at: t, code: *code, signal: signal.clone() });
            }
            _ => {}
        }
    }

    fn step(&mut self, t: i64, kind: &EventKind) {
        match kind {
            EventKind::StepStarted { phase, step } => {
                if let Some(view) = self.step_of(Some(phase), step) {
                    view.began.get_or_insert(t);
                }
            }
            EventKind::StepFinished { phase, step, outcome, code, .. } => {
                // What is tried again after ready does not change how the start came out.
                if let Some(view) = self.step_of(Some(phase), step).filter(|view| view.outcome.is_none()) {
                    view.began.get_or_insert(t);
                    (view.ended, view.outcome, view.code) = (Some(t), Some(*outcome), parsed(code.as_ref()));
                }
            }
            EventKind::TryStarted { step, lane, .. } => {
                if let Some(tries) = self.tries(step, lane.as_ref()) {
                    tries.begun = tries.begun.saturating_add(1);
                }
            }
            EventKind::TryFinished { step, lane, outcome, code, .. } => {
                if let Some(tries) = self.tries(step, lane.as_ref())
                    && matches!(outcome, Passage::Passed | Passage::Failed)
                {
                    tries.done = tries.done.saturating_add(1);
                    if let Some(code) = parsed(code.as_ref()) {
                        tries.met(code);
                    }
                }
            }
            EventKind::LayerStarted { target, layer, step } => {
                if let Some(lane) = self.lane(target, step.as_ref())
                    && !lane.reached.contains(layer)
                {
                    lane.reached.push(*layer);
                }
            }
            EventKind::LayerFinished { target, layer, outcome, code, elapsed_ns, step, detail, dials, .. } => {
                let code = parsed(code.as_ref());
                if let Some(lane) = self.lane(target, step.as_ref()) {
                    lane.dials += u64::from(dials.unwrap_or(0));
                    lane.came_out(t, *layer, *outcome, code, *elapsed_ns, detail.as_ref());
                }
            }
            _ => {}
        }
    }

    /// A phase by its name; one that the plan does not have is added.
    fn phase(&mut self, name: &str) -> Option<usize> {
        if let Some(ix) = self.view.phases.iter().position(|phase| phase.name == name) {
            return Some(ix);
        }
        self.stranger()?;
        self.view.phases.push(PhaseView { name: name.to_owned(), ..PhaseView::default() });
        Some(self.view.phases.len() - 1)
    }

    fn stranger(&mut self) -> Option<()> {
        self.strangers += 1;
        (self.strangers <= STRANGERS_MAX).then_some(())
    }

    fn step_of(&mut self, phase: Option<&str>, name: &str) -> Option<&mut StepView> {
        let at = match self.steps.get(name) {
            Some(at) => *at,
            None => {
                let phase = self.phase(phase?)?;
                self.stranger()?;
                let steps = &mut self.view.phases[phase].steps;
                steps.push(StepView { name: name.to_owned(), critical: true, ..StepView::default() });
                let at = (phase, steps.len() - 1);
                self.steps.insert(name.to_owned(), at);
                at
            }
        };
        self.view.phases.get_mut(at.0)?.steps.get_mut(at.1)
    }

    /// The tries of a step's way, or of the step itself when it has none.
    fn tries(&mut self, step: &str, lane: Option<&String>) -> Option<&mut Tries> {
        let view = self.step_of(None, step).filter(|view| view.outcome.is_none())?;
        let lane = match lane {
            Some(name) => view.lanes.iter().position(|lane| lane.name == *name),
            None => view.lanes.iter().position(|lane| lane.name == view.name),
        };
        Some(match lane {
            Some(ix) => &mut view.lanes[ix].tries,
            None => &mut view.tries,
        })
    }

    fn lane(&mut self, target: &str, step: Option<&String>) -> Option<&mut LaneView> {
        let Some(step) = step else {
            let known = self.view.aside.iter().position(|lane| lane.target == target);
            if known.is_none() {
                self.stranger()?;
                self.view.aside.push(LaneView::of(target, target));
            }
            let last = self.view.aside.len().checked_sub(1)?;
            return self.view.aside.get_mut(known.unwrap_or(last));
        };
        let known = self.step_of(None, step)?;
        if known.outcome.is_some() {
            return None;
        }
        let ix = known.lanes.iter().position(|lane| lane.target == target);
        if ix.is_none() {
            self.stranger()?;
        }
        let view = self.step_of(None, step)?;
        let ix = ix.unwrap_or_else(|| {
            view.lanes.push(LaneView::of(&view.name, target));
            view.lanes.len() - 1
        });
        view.lanes.get_mut(ix)
    }
}

impl LaneView {
    fn came_out(
        &mut self,
        t: i64,
        layer: Layer,
        outcome: Passage,
        code: Option<Code>,
        elapsed: Option<u64>,
        detail: Option<&String>,
    ) {
        match outcome {
            Passage::Passed => {
                self.answer = code.or(self.answer);
                self.passed_at = Some(t);
                if !self.has_passed(layer) {
                    self.rungs.push(RungSeen { layer, at: t, elapsed });
                }
                self.passed = self.answer.is_some() || self.layers.last().is_none_or(|last| *last == layer);
            }
            Passage::Skipped => {}
            // What was under way when time ran out says less than what came out before.
            Passage::Expired if self.stop.is_some() => {}
            Passage::Failed | Passage::Expired => {
                let Some(code) = code else { return };
                self.passed = false;
                let since = match &self.stop {
                    Some(stop) if stop.code == code => stop.since,
                    _ => t,
                };
                let kept = self.stop.take().filter(|stop| stop.code == code).and_then(|stop| stop.detail);
                self.stop = Some(Stop { layer, code, since, detail: detail.cloned().or(kept) });
            }
        }
    }
}

fn keep(list: &mut Vec<(String, String)>, name: &str, text: &str) {
    let row = (name.to_owned(), text.to_owned());
    if list.len() < STRANGERS_MAX && !list.contains(&row) {
        list.push(row);
    }
}
