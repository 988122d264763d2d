//! From the machine's facts to events: indices become names, pairs get their elapsed time.

use super::{Ended, Fact, RESTARTS};
use crate::Timestamp;
use crate::code::Code;
use crate::event::{AttemptId, Event, EventKind, Origin, Passage, VERSION};
use crate::plan::{Lane, LaneIx, Plan, StepIx};
use crate::target::{Place, Postgres, Target};
use crate::vocabulary::{Layer, Stage};

/// The words of `child.notified` when the whole plan has passed.
pub const EVERY_PHASE_PASSED: &str = "every phase passed";

/// A moment as events carry it: wall time, and nanoseconds since the attempt began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Wall time.
    pub at: Timestamp,
    /// Nanoseconds since the attempt began.
    pub t: i64,
}

/// Who is starting; part of `attempt.started`.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Identity of the attempt.
    pub attempt: AttemptId,
    /// Which driver tells.
    pub src: Origin,
    /// Revision, if the platform tells.
    pub revision: Option<String>,
    /// Instance, if the platform tells.
    pub instance: Option<String>,
    /// Seed of the machine.
    pub seed: u64,
}

/// Writes the events of one attempt.
#[derive(Clone, Debug)]
pub struct Narrator {
    subject: Subject,
    seq: u64,
    phase: i64,
    steps: Vec<Began>,
    lanes: Vec<Began>,
    /// When the child was started last.
    spawned: Option<i64>,
    pid: Option<u32>,
    details: Vec<Option<String>>,
    ways: Vec<Option<Layer>>,
}

/// When the parts of a step or lane began, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Began {
    itself: i64,
    its_try: i64,
    layer: i64,
}

impl Narrator {
    /// A narrator for an attempt of this plan.
    pub fn new(plan: &Plan, subject: Subject) -> Narrator {
        Narrator {
            subject,
            seq: 0,
            phase: 0,
            steps: vec![Began::default(); plan.steps.len()],
            lanes: vec![Began::default(); plan.lanes.len()],
            spawned: None,
            pid: None,
            details: vec![None; plan.lanes.len()],
            ways: vec![None; plan.lanes.len()],
        }
    }

    /// The attempt that is told of.
    pub fn attempt(&self) -> &AttemptId {
        &self.subject.attempt
    }

    /// What the lane's next end of a layer was accompanied by: the other side's words, bounded and
    /// without secrets.
    pub fn with_detail(&mut self, lane: LaneIx, detail: impl Into<String>) {
        self.details[lane.0 as usize] = Some(detail.into());
    }

    /// Whether the lane's connection is of a socket or of TCP; where its places are of both kinds the
    /// machine does not know.
    pub fn with_way(&mut self, lane: LaneIx, way: Layer) {
        self.ways[lane.0 as usize] = Some(way);
    }

    /// The child's pid, for the next `child.spawned`.
    pub fn with_pid(&mut self, pid: u32) {
        self.pid = Some(pid);
    }

    /// The event of something that the driver itself saw.
    pub fn note(&mut self, when: When, kind: EventKind) -> Event {
        let seq = self.seq;
        self.seq += 1;
        Event {
            v: VERSION,
            attempt: self.subject.attempt.clone(),
            seq,
            at: Some(when.at),
            t: when.t,
            src: self.subject.src,
            kind,
        }
    }

    /// The event of a fact.
    pub fn tell(&mut self, plan: &Plan, when: When, fact: Fact) -> Event {
        let kind = self.kind(plan, when.t, fact);
        self.note(when, kind)
    }

    fn kind(&mut self, plan: &Plan, t: i64, fact: Fact) -> EventKind {
        let since = |began: i64| Some((t - began).max(0) as u64);
        match fact {
            Fact::AttemptStarted => self.attempt_started(plan),
            Fact::PhaseStarted(ix) => {
                self.phase = t;
                EventKind::PhaseStarted { phase: plan.phase(ix).name.clone() }
            }
            Fact::PhaseFinished(ix, outcome, code) => EventKind::PhaseFinished {
                phase: plan.phase(ix).name.clone(),
                outcome,
                code: word(code),
                elapsed_ns: since(self.phase),
            },
            Fact::StepStarted(ix) => {
                self.steps[ix.0 as usize].itself = t;
                let step = plan.step(ix);
                EventKind::StepStarted { phase: plan.phase(step.phase).name.clone(), step: step.name.clone() }
            }
            Fact::StepFinished(ix, outcome, code) => {
                let step = plan.step(ix);
                EventKind::StepFinished {
                    phase: plan.phase(step.phase).name.clone(),
                    step: step.name.clone(),
                    outcome,
                    code: word(code),
                    elapsed_ns: since(self.steps[ix.0 as usize].itself),
                    critical: Some(step.critical),
                }
            }
            Fact::TryStarted(step, lane, number) => {
                self.began(step, lane).its_try = t;
                EventKind::TryStarted {
                    step: plan.step(step).name.clone(),
                    lane: lane_name(plan, step, lane),
                    number: number.into(),
                }
            }
            Fact::TryFinished(step, lane, number, outcome, code) => EventKind::TryFinished {
                step: plan.step(step).name.clone(),
                lane: lane_name(plan, step, lane),
                number: number.into(),
                outcome,
                code: word(code),
                elapsed_ns: since(self.began(step, lane).its_try),
            },
            Fact::LayerStarted(..) | Fact::LayerFinished(..) => self.layer(plan, t, fact),
            Fact::ChildSpawned => {
                self.spawned = Some(t);
                EventKind::ChildSpawned { pid: self.pid, at: None }
            }
            Fact::Ready => {
                EventKind::ChildNotified { stage: Stage::Ready, status: EVERY_PHASE_PASSED.into(), at: None }
            }
            Fact::ChildStopping(signal) => EventKind::ChildStopping { signal: Some(signal_name(signal)), at: None },
            Fact::ChildExited(ended) => child_exited(ended),
            Fact::ChildRestart(number, rest) => EventKind::ChildRestart {
                number: number.into(),
                limit: RESTARTS.into(),
                lived_ns: self.spawned.and_then(since),
                rest_ns: rest.map(|rest| u64::from(rest.0) * 1_000_000),
            },
            Fact::AttemptFinished(outcome) => EventKind::AttemptFinished {
                outcome,
                stage: self.spawned.map(|_| Stage::Process),
                elapsed_ns: since(0),
            },
        }
    }

    fn attempt_started(&self, plan: &Plan) -> EventKind {
        EventKind::AttemptStarted {
            service: Some(plan.service.clone()),
            environment: plan.environment.clone(),
            revision: self.subject.revision.clone(),
            instance: self.subject.instance.clone(),
            platform: Some(plan.budget.platform.as_str().to_owned()),
            plan: plan.digest.clone(),
            seed: Some(self.subject.seed),
        }
    }

    fn layer(&mut self, plan: &Plan, t: i64, fact: Fact) -> EventKind {
        match fact {
            Fact::LayerStarted(ix, layer) => {
                self.lanes[ix.0 as usize].layer = t;
                let lane = plan.lane(ix);
                let step = Some(plan.step(lane.step).name.clone());
                EventKind::LayerStarted { target: lane.target.to_string(), layer, step }
            }
            Fact::LayerFinished(ix, layer, outcome, code, dials) => {
                let lane = plan.lane(ix);
                let way = self.ways[ix.0 as usize].filter(|_| outcome == Passage::Passed);
                EventKind::LayerFinished {
                    target: lane.target.to_string(),
                    layer: dialled_layer(lane, layer, way.or(code.map(Code::layer))),
                    outcome,
                    code: word(code),
                    elapsed_ns: Some((t - self.lanes[ix.0 as usize].layer).max(0) as u64),
                    at: None,
                    step: Some(plan.step(lane.step).name.clone()),
                    detail: if outcome == Passage::Skipped { None } else { self.details[ix.0 as usize].take() },
                    dials: (dials > 0).then_some(dials.into()),
                }
            }
            _ => EventKind::Unknown,
        }
    }

    fn began(&mut self, step: StepIx, lane: Option<LaneIx>) -> &mut Began {
        match lane {
            Some(lane) => &mut self.lanes[lane.0 as usize],
            None => &mut self.steps[step.0 as usize],
        }
    }
}

/// Of a lane whose places are sockets and ports: which of the two layers it was.
fn dialled_layer(lane: &Lane, layer: Layer, seen: Option<Layer>) -> Layer {
    let dialled = [Layer::Socket, Layer::Tcp];
    let Target::Postgres(Postgres { places, .. }) = &lane.target else { return layer };
    let socket = |place: &Place| matches!(place, Place::Unix(_));
    let mixed = places.iter().any(socket) && !places.iter().all(socket);
    match seen {
        Some(seen) if mixed && dialled.contains(&layer) && dialled.contains(&seen) => seen,
        _ => layer,
    }
}

fn word(code: Option<Code>) -> Option<String> {
    code.map(|code| code.as_str().to_owned())
}

/// The lane's name, where it is not the step's own.
fn lane_name(plan: &Plan, step: StepIx, lane: Option<LaneIx>) -> Option<String> {
    let name = &plan.lane(lane?).name;
    (*name != plan.step(step).name).then(|| name.clone())
}

fn child_exited(ended: Ended) -> EventKind {
    let (code, signal) = match ended {
        Ended::Code(code) => (Some(i32::from(code)), None),
        Ended::Signal(signal) => (None, Some(signal_name(signal))),
    };
    EventKind::ChildExited { code, signal, reason: None, at: None }
}

/// `SIGTERM` for 15; the numbers are those of Linux on every architecture that tminus is built for.
pub fn signal_name(number: u8) -> String {
    #[rustfmt::skip]
    const NAMES: [&str; 32] = [
        "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
        "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
        "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
        "SIGSYS",
    ];
    match NAMES.get(number as usize) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ => format!("SIG{number}"),
    }
}
