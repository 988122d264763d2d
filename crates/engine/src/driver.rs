//! The real driver: one task, one select, no shared state.
//!
//! It executes the commands of the run machine (`tminus_core::run`) and feeds back what came of
//! them. It decides nothing: when to dial, how long to wait and what a refusal means is the
//! machine's. It must never block, never touch process-wide state (processes and signals belong to
//! the [`Host`]), and after a cancelling command it forgets the future that was cancelled, so that
//! nothing of it reaches the machine.
//!
//! Where to start reading: [`Driver::run`], then [`Host`] and `driver/pending.rs`.

mod environment;
mod lanes;
mod leases;
mod pending;

use self::lanes::Lanes;
use self::leases::Leases;
use self::pending::{Came, Key, Pending};
use crate::finding::Failure;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::event::{Event, EventKind};
use tminus_core::plan::{LaneIx, Plan, StepIx, Work};
use tminus_core::run::{Command, Ended, Exit, Input, Machine, Narrator, State, Subject, When};
use tminus_core::target::Environment;
use tminus_core::time::{Millis, Tick};
use tokio::time::Instant;

/// How long connections and leases are given to be let go of politely before the exit.
const FAREWELL: Duration = Duration::from_secs(2);

/// A piece of work that only the host can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// The work of a step: a command, or code of the embedding program.
    Step(StepIx),
    /// A command that is asked like a dependency.
    Lane(LaneIx),
    /// What undoes a step.
    Finalizer(StepIx),
}

/// What a host reports.
#[derive(Debug)]
pub enum HostEvent {
    /// A job is over.
    Done(Job, Result<(), Failure>),
    /// The child says or shows that it is ready.
    ChildReady,
    /// The child asks for more time.
    ChildExtends(Millis),
    /// The child says that it is stopping.
    ChildStopping,
    /// The child ended.
    ChildExited(Ended),
    /// Somebody wants the start to end: number of the signal.
    Stop(u8),
    /// Something that only has to be written down.
    Note(EventKind),
}

/// Where commands run and the child lives: the supervisor of the command line, or the embedding
/// program.
pub trait Host {
    /// Begins a job; its end is reported by [`Host::next`]. After `limit` the machine cancels it.
    fn run(&mut self, plan: &Plan, job: Job, limit: Option<Duration>);
    /// Ends a job and whatever it started; nothing more is reported of it.
    fn cancel(&mut self, job: Job);
    /// Starts the child, for the first time or again; its pid, or why not.
    fn spawn(&mut self, plan: &Plan) -> Result<u32, Failure>;
    /// Sends the child a signal.
    fn signal(&mut self, signal: u8);
    /// Kills the child's whole process group, also what is left of it when the child has ended.
    fn kill(&mut self);
    /// The next thing that happened. Must be safe to drop and call again.
    fn next(&mut self) -> impl Future<Output = HostEvent>;
    /// A step is still waited for: say so to people.
    fn announce(&mut self, waiting: Waiting);
}

/// What is waited for.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The step.
    pub ix: StepIx,
    /// Its name.
    pub step: String,
    /// Its phase.
    pub phase: String,
    /// Since the phase was admitted.
    pub elapsed: Millis,
    /// What the phase has, if anything bounds it.
    pub limit: Option<Millis>,
    /// The last that was seen of it.
    pub last: Option<(Code, String)>,
}

/// Takes events as they happen.
pub trait Sink {
    /// Takes one event. A failure is noted in the stream once and never changes the start.
    fn event(&mut self, event: &Event) -> Result<(), String>;
}

/// Anything that takes events is a sink.
impl<F: FnMut(&Event) -> Result<(), String>> Sink for F {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        self(event)
    }
}

/// How far a driver came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Every phase has passed, or only optional steps have not.
    Ready,
    /// Everything is over.
    Over(Exit),
}

/// What a driver works with, besides the plan.
pub struct Setting {
    /// Who is starting.
    pub subject: Subject,
    /// When the process was created; the budget counts from here.
    pub began: Instant,
    /// The values that steps check and targets were read from; also names files of trust.
    pub environment: Environment,
}

/// One start in the real world.
pub struct Driver<'p, H, S> {
    plan: &'p Plan,
    machine: Machine,
    narrator: Narrator,
    began: Instant,
    /// Time that the machine is not told of: it holds still while the start is ready and nothing is
    /// due, so that its 49 days are never used up by a service that runs.
    still: Duration,
    last_fed: Duration,
    environment: Environment,
    host: H,
    sink: S,
    sink_failed: bool,
    pending: Pending,
    lanes: Lanes,
    leases: Leases,
    wake: Option<Instant>,
    commands: Vec<Command>,
    exit: Option<Exit>,
}

impl<'p, H: Host, S: Sink> Driver<'p, H, S> {
    /// A start that has not begun.
    pub fn new(plan: &'p Plan, setting: Setting, host: H, sink: S) -> Driver<'p, H, S> {
        let Setting { subject, began, environment } = setting;
        Driver {
            machine: Machine::new(plan, subject.seed),
            lanes: Lanes::new(plan, &environment),
            leases: Leases::new(plan, &subject, &environment),
            narrator: Narrator::new(plan, subject),
            plan,
            began,
            still: Duration::ZERO,
            last_fed: Duration::ZERO,
            environment,
            host,
            sink,
            sink_failed: false,
            pending: Pending::default(),
            wake: None,
            commands: Vec::with_capacity(64),
            exit: None,
        }
    }

    /// Runs the start, supervises what it started, and comes back when everything is over.
    pub async fn run(mut self) -> (Exit, H, S) {
        let exit = loop {
            if let Progress::Over(exit) = self.go_on().await {
                break exit;
            }
        };
        (exit, self.host, self.sink)
    }

    /// Goes on until the start is ready, or until everything is over. Called again after ready it
    /// goes on with what is left to do: optional steps that are tried on, the stop.
    pub async fn go_on(&mut self) -> Progress {
        if self.machine.state() == State::New {
            self.feed(Input::Begin);
        }
        let was_ready = self.machine.state() == State::Ready;
        loop {
            if let Some(exit) = self.exit {
                self.pending.farewell(FAREWELL).await;
                return Progress::Over(exit);
            }
            if !was_ready && self.machine.state() == State::Ready {
                return Progress::Ready;
            }
            let input = tokio::select! {
                biased;
                happened = self.host.next() => self.of_host(happened),
                (key, came) = self.pending.next() => self.of_pending(key, came),
                () = sleep(self.wake), if self.wake.is_some() => Some(Input::Wake),
            };
            if let Some(input) = input {
                self.feed(input);
            }
        }
    }

    /// Ends the start, or what it started: finalizers run, and `go_on` comes back when it is over.
    pub fn stop(&mut self, signal: u8) {
        self.feed(Input::Stop(signal));
    }

    /// The host.
    pub fn host(&mut self) -> &mut H {
        &mut self.host
    }

    /// Nanoseconds since the process was created, and the wall clock.
    fn when(&self) -> When {
        let t = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        When { at: tminus_core::Timestamp::now(), t }
    }

    fn feed(&mut self, input: Input) {
        let elapsed = self.began.elapsed();
        if self.machine.state() == State::Ready && self.wake.is_none() {
            self.still += elapsed.saturating_sub(self.last_fed);
        }
        self.last_fed = elapsed;
        if input == Input::Wake {
            self.wake = None;
        }
        let now = Tick(u32::try_from(elapsed.saturating_sub(self.still).as_millis()).unwrap_or(u32::MAX - 1));
        let mut commands = std::mem::take(&mut self.commands);
        self.machine.step(self.plan, now, input, &mut commands);
        let mut follow = Vec::new();
        for command in commands.drain(..) {
            follow.extend(self.execute(command));
        }
        self.commands = commands;
        for input in follow {
            self.feed(input);
        }
    }

    /// Executes one command; what is answered at once is returned.
    fn execute(&mut self, command: Command) -> Option<Input> {
        match command {
            Command::Emit(fact) => {
                let event = self.narrator.tell(self.plan, self.when(), fact);
                self.write(&event);
            }
            Command::Arm(at) => {
                self.wake = (at != Tick::NEVER).then(|| self.began + self.still + Duration::from_millis(at.0.into()));
            }
            Command::Resolve(lane) => self.lanes.resolve(lane, &mut self.pending),
            Command::Dial(lane, dial, address, limit) => {
                self.lanes.dial(lane, dial, address, limit.duration(), &mut self.pending);
            }
            Command::CancelDial(lane, dial) => self.pending.forget(Key::Dial(lane, dial)),
            Command::Handshake(lane, layer, limit) => {
                if self.lanes.is_command(lane) {
                    self.host.run(self.plan, Job::Lane(lane), Some(limit.duration()));
                } else {
                    self.lanes.handshake(lane, layer, limit.duration(), &mut self.pending);
                }
            }
            Command::Close(lane) => self.close(lane),
            Command::Run(step, limit) => return self.begin_work(step, limit),
            Command::CancelRun(step) => {
                self.host.cancel(Job::Step(step));
                self.leases.forget_renewal(step, &mut self.pending);
            }
            Command::Acquire(step) => self.leases.acquire(step, &mut self.pending),
            Command::Renew(step) => self.leases.renew(step, &mut self.pending),
            Command::Release(step) => self.leases.release(step, &mut self.pending),
            Command::Spawn => return Some(self.spawn()),
            Command::Signal(signal) => self.host.signal(signal),
            Command::Kill => self.host.kill(),
            Command::Finalize(step, limit) => {
                self.host.run(self.plan, Job::Finalizer(step), Some(limit.duration()));
            }
            Command::Announce(step, elapsed, limit) => self.announce(step, elapsed, limit),
            Command::Finish(exit) => self.exit = Some(exit),
        }
        None
    }

    fn write(&mut self, event: &Event) {
        if let Err(error) = self.sink.event(event)
            && !self.sink_failed
        {
            self.sink_failed = true;
            let when = self.when();
            let noted = self.narrator.note(when, EventKind::SinkFailed { sink: "events".into(), error });
            // If that fails too there is nobody left to tell.
            let _ = self.sink.event(&noted);
        }
    }

    fn note(&mut self, kind: EventKind) {
        let when = self.when();
        let event = self.narrator.note(when, kind);
        self.write(&event);
    }

    fn spawn(&mut self) -> Input {
        match self.host.spawn(self.plan) {
            Ok(pid) => {
                self.narrator.with_pid(pid);
                Input::Spawned(Ok(()))
            }
            Err(failure) => {
                let code = failure.code;
                self.note(EventKind::EvidenceNoted { source: "spawn".into(), text: failure.detail });
                Input::Spawned(Err(code))
            }
        }
    }

    fn close(&mut self, lane: LaneIx) {
        if self.lanes.is_command(lane) {
            self.host.cancel(Job::Lane(lane));
        }
        self.lanes.close(lane, &mut self.pending);
    }

    fn begin_work(&mut self, step: StepIx, limit: Option<Millis>) -> Option<Input> {
        match &self.plan.step(step).work {
            Work::Environment(variables) => {
                let outcome = environment::check(variables, &self.environment);
                let outcome = outcome.map_err(|(code, what)| {
                    self.note(EventKind::EvidenceNoted { source: "environment".into(), text: what });
                    code
                });
                Some(Input::Done(step, outcome))
            }
            _ => {
                self.host.run(self.plan, Job::Step(step), limit.map(Millis::duration));
                None
            }
        }
    }

    fn announce(&mut self, step: StepIx, elapsed: Millis, limit: Option<Millis>) {
        let spec = self.plan.step(step);
        let last = self.lanes.last(spec.lanes.clone()).or_else(|| self.leases.last(step));
        self.leases.look_for_locks(step, &mut self.pending);
        self.host.announce(Waiting {
            ix: step,
            step: spec.name.clone(),
            phase: self.plan.phase(spec.phase).name.clone(),
            elapsed,
            limit,
            last,
        });
    }

    fn of_host(&mut self, happened: HostEvent) -> Option<Input> {
        match happened {
            HostEvent::Done(Job::Step(step), outcome) => Some(Input::Done(step, self.code_of(outcome, step))),
            HostEvent::Done(Job::Lane(lane), outcome) => {
                let outcome = self.lanes.finished(lane, outcome, &mut self.narrator);
                Some(Input::Shaken(lane, outcome, None))
            }
            HostEvent::Done(Job::Finalizer(step), outcome) => {
                if let Err(failure) = outcome {
                    let text = format!("finalizer of {}: {}", self.plan.step(step).name, failure.detail);
                    self.note(EventKind::EvidenceNoted { source: "finalizer".into(), text });
                }
                Some(Input::Finalized(step))
            }
            HostEvent::ChildReady => Some(Input::ChildReady),
            HostEvent::ChildExtends(by) => Some(Input::ChildExtends(by)),
            HostEvent::ChildStopping => Some(Input::ChildStopping),
            HostEvent::ChildExited(ended) => Some(Input::ChildExited(ended)),
            HostEvent::Stop(signal) => Some(Input::Stop(signal)),
            HostEvent::Note(kind) => {
                self.note(kind);
                None
            }
        }
    }

    fn code_of(&mut self, outcome: Result<(), Failure>, step: StepIx) -> Result<(), Code> {
        outcome.map_err(|failure| {
            if !failure.detail.is_empty() {
                let source = self.plan.step(step).name.clone();
                self.note(EventKind::EvidenceNoted { source, text: failure.detail });
            }
            failure.code
        })
    }

    fn of_pending(&mut self, key: Key, came: Came) -> Option<Input> {
        match (key, came) {
            (Key::Resolve(lane), Came::Resolved(outcome)) => {
                let outcome = self.lanes.resolved(lane, outcome, &mut self.narrator);
                Some(Input::Resolved(lane, outcome))
            }
            (Key::Dial(lane, dial), Came::Dialled(outcome)) => {
                let outcome = self.lanes.dialled(lane, *outcome, &mut self.narrator);
                Some(Input::Dialled(lane, dial, outcome))
            }
            (Key::Shake(lane), Came::Shaken(connection, outcome)) => {
                let shaken = self.lanes.shaken(lane, connection, outcome, &mut self.narrator);
                let source = self.plan.lane(lane).target.to_string();
                for note in shaken.notes {
                    let text = format!("{} = {}", note.subject, note.value);
                    self.note(EventKind::EvidenceNoted { source: source.clone(), text });
                }
                Some(Input::Shaken(lane, shaken.outcome, shaken.wait))
            }
            (Key::Lease(step), Came::Leased(outcome)) => {
                let outcome = self.leases.leased(step, outcome);
                Some(Input::Leased(step, self.code_of(outcome, step)))
            }
            (Key::Renew(step), Came::Leased(outcome)) => {
                let outcome = self.leases.renewed(step, outcome);
                Some(Input::Renewed(step, self.code_of(outcome, step)))
            }
            (Key::Locks(step), Came::Locks(found)) => {
                let source = self.plan.step(step).name.clone();
                for text in found {
                    self.note(EventKind::EvidenceNoted { source: source.clone(), text });
                }
                None
            }
            _ => None,
        }
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
