//! The driver: executes the machine's commands against a world, in virtual time.
//!
//! A heap of (time, sequence, input); ties go to what was put in first; time jumps to the next
//! entry. What a command cancels feeds nothing more.

use crate::world::{ChildDeed, Names, Over, Server, Stopping, Way, Work, World};
use crate::world::{Deed, Dependency, LOOKUP_LIMIT};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use tminus_core::Timestamp;
use tminus_core::code::Code;
use tminus_core::event::{AttemptId, Event, Origin};
use tminus_core::plan::{LaneIx, Plan, StepIx};
use tminus_core::run::{Command, Dial, Ended, Exit, Input, Machine, Narrator, State, Subject, When};
use tminus_core::time::{Millis, Tick};
use tminus_core::vocabulary::Layer;

/// The wall time of tick 0, in seconds since 1970: 2026-01-01, 00:00 UTC.
pub const EPOCH: i64 = 1_767_225_600;
/// More inputs than any start has; a run that gets there goes round in circles.
const MOST_INPUTS: u64 = 1_000_000;
/// From KILL to the end of a child.
const DYING: Millis = Millis(1);

/// A simulated start.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub events: Vec<Event>,
    /// How it came to its end.
    pub end: End,
    /// When.
    pub ended: Tick,
    /// What was announced while it waited: when, of which step, since when, of how much.
    pub announcements: Vec<(Tick, StepIx, Millis, Option<Millis>)>,
    /// How many commands the machine gave.
    pub commands: u64,
}

/// How a simulated start came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The machine left.
    Left(Exit),
    /// Nothing more would ever happen: it serves, and nobody stops it.
    Serving,
    /// It goes round in circles: a defect.
    Stuck,
}

/// The end of a start that was only watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How it came to its end.
    pub end: End,
    /// When.
    pub ended: Tick,
    /// How many commands the machine gave.
    pub commands: u64,
}

/// What passes between the machine and the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An input, before the machine takes it.
    Input(Input),
    /// A command, before it is executed.
    Command(Command),
}

impl Run {
    /// The exit, if the machine left.
    pub fn exit(&self) -> Option<Exit> {
        match self.end {
            End::Left(exit) => Some(exit),
            End::Serving | End::Stuck => None,
        }
    }

    /// The events as they are written: a JSON object a line.
    pub fn ndjson(&self) -> String {
        let lines = self.events.iter().filter_map(|event| serde_json::to_string(event).ok());
        lines.flat_map(|line| [line, "\n".to_owned()]).collect()
    }
}

/// Drives a start of this plan in this world to its end. The same arguments give the same run.
pub fn drive(plan: &Plan, world: &World, seed: u64) -> Run {
    let subject = Subject {
        attempt: AttemptId(format!("sim-{seed:016x}")),
        src: Origin::Sim,
        revision: None,
        instance: None,
        seed,
    };
    let mut narrator = Narrator::new(plan, subject);
    let (mut events, mut announcements) = (Vec::new(), Vec::new());
    let ending = watch(plan, world, seed, &mut |now, seen| match seen {
        Seen::Command(Command::Emit(fact)) => events.push(narrator.tell(plan, when(now), fact)),
        Seen::Command(Command::Announce(step, since, of)) => announcements.push((now, step, since, of)),
        _ => {}
    });
    let Ending { end, ended, commands } = ending;
    Run { events, end, ended, announcements, commands }
}

/// The moment of a tick.
fn when(now: Tick) -> When {
    let wall = i64::from(now.0).saturating_add(EPOCH * 1000);
    When { at: Timestamp::from_millisecond(wall).unwrap_or(Timestamp::MAX), t: i64::from(now.0) * 1_000_000 }
}

/// As [`drive`], but shows everything that passes between machine and world instead of telling it
/// in events.
pub fn watch(plan: &Plan, world: &World, seed: u64, see: &mut dyn FnMut(Tick, Seen)) -> Ending {
    let mut machine = Machine::new(plan, seed);
    let mut driver = Driver::new(plan, world);
    let mut out = Vec::with_capacity(64);
    let (mut now, mut inputs, mut commands) = (Tick(0), 0, 0);
    while let Some((at, input)) = driver.next() {
        now = at;
        inputs += 1;
        if inputs > MOST_INPUTS {
            return Ending { end: End::Stuck, ended: now, commands };
        }
        see(now, Seen::Input(input));
        machine.step(plan, now, input, &mut out);
        commands += out.len() as u64;
        for command in out.drain(..) {
            see(now, Seen::Command(command));
            driver.execute(now, command);
            if let (State::Finished, Command::Finish(exit)) = (machine.state(), command) {
                return Ending { end: End::Left(exit), ended: now, commands };
            }
        }
    }
    Ending { end: End::Serving, ended: now, commands }
}

/// What an entry of the heap belongs to, so that it can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Resolve(LaneIx),
    Dial(LaneIx, Dial),
    Shake(LaneIx),
    Run(StepIx),
    Lease(StepIx),
    Finalizer,
    Spawn,
    Wake,
    /// Everything that the child does in this life, counted from 1; ends with it.
    Child(u32),
    /// What nothing cancels.
    Always,
}

/// An entry of the heap; ordered by time, then by sequence.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Tick,
    sequence: u64,
    key: Key,
    input: Input,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.sequence == other.sequence
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

struct Driver<'a> {
    plan: &'a Plan,
    world: &'a World,
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    /// The entry that is valid for a key; what is not here was cancelled.
    live: BTreeMap<Key, u64>,
    /// The life that the child is in or was in last, counted from 1.
    life: u32,
    child_lives: bool,
    child_stops: bool,
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan, world: &'a World) -> Driver<'a> {
        let mut driver = Driver {
            plan,
            world,
            heap: BinaryHeap::new(),
            sequence: 0,
            live: BTreeMap::new(),
            life: 0,
            child_lives: false,
            child_stops: false,
        };
        driver.put(Tick(0), Key::Always, Input::Begin);
        for (at, signal) in &world.stops {
            driver.put(Tick(at.0), Key::Always, Input::Stop(*signal));
        }
        driver
    }

    fn put(&mut self, at: Tick, key: Key, input: Input) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence: self.sequence, key, input }));
        if !matches!(key, Key::Child(_) | Key::Always) {
            self.live.insert(key, self.sequence);
        }
    }

    fn cancel(&mut self, key: Key) {
        self.live.remove(&key);
    }

    /// The next thing that happens.
    fn next(&mut self) -> Option<(Tick, Input)> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            let valid = match entry.key {
                Key::Always => true,
                Key::Child(life) => self.child_lives && life == self.life,
                key => self.live.get(&key) == Some(&entry.sequence) && self.live.remove(&key).is_some(),
            };
            if !valid {
                continue;
            }
            match entry.input {
                Input::Spawned(Ok(())) => self.child_begins(entry.at),
                Input::ChildExited(_) => self.child_lives = false,
                _ => {}
            }
            return Some((entry.at, entry.input));
        }
        None
    }

    fn execute(&mut self, now: Tick, command: Command) {
        match command {
            Command::Resolve(lane) => self.resolve(now, lane),
            Command::Dial(lane, dial, address, life) => self.dial(now, lane, dial, address, life),
            Command::CancelDial(lane, dial) => self.cancel(Key::Dial(lane, dial)),
            Command::Handshake(lane, layer, limit) => self.shake(now, lane, layer, limit),
            Command::Close(lane) => {
                self.cancel(Key::Resolve(lane));
                self.cancel(Key::Shake(lane));
                (0..8).for_each(|slot| self.cancel(Key::Dial(lane, Dial(slot))));
            }
            Command::Run(step, _) => self.run(now, step),
            Command::CancelRun(step) => self.cancel(Key::Run(step)),
            Command::Acquire(step) => self.ask(now, step, false),
            Command::Renew(step) => self.ask(now, step, true),
            Command::Release(step) => self.cancel(Key::Lease(step)),
            Command::Spawn => self.spawn(now),
            Command::Signal(_) => self.signal(now),
            Command::Kill => self.kill(now),
            Command::Finalize(step, limit) => {
                let takes = self.world.works.get(step.0 as usize).and_then(|work| work.undoing);
                let takes = takes.unwrap_or(limit).min(limit);
                self.put(now.after(takes), Key::Finalizer, Input::Finalized(step));
            }
            Command::Arm(Tick::NEVER) => self.cancel(Key::Wake),
            Command::Arm(at) => self.put(at.max(now), Key::Wake, Input::Wake),
            Command::Announce(..) | Command::Emit(_) | Command::Finish(_) => {}
        }
    }

    fn dependency(&self, lane: LaneIx) -> &'a Dependency {
        &self.world.dependencies[lane.0 as usize]
    }

    fn resolve(&mut self, now: Tick, lane: LaneIx) {
        let model = self.dependency(lane);
        let (takes, outcome) = match model.names.at(now) {
            Names::Addresses(count) => (model.lookup, Ok(*count)),
            Names::Fails(code) => (model.lookup, Err(*code)),
            Names::Silent => (LOOKUP_LIMIT, Err(Code::ResolverSilent)),
        };
        self.put(now.after(takes), Key::Resolve(lane), Input::Resolved(lane, outcome));
    }

    fn dial(&mut self, now: Tick, lane: LaneIx, dial: Dial, address: u8, life: Millis) {
        let model = self.dependency(lane);
        let (takes, outcome) = match model.way(address, now) {
            Way::BlackHole => (life, Err(Code::NoAnswer)),
            _ if model.latency >= life => (life, Err(Code::NoAnswer)),
            Way::Open => (model.latency, Ok(())),
            Way::Fails(code) => (model.latency, Err(code)),
        };
        self.put(now.after(takes), Key::Dial(lane, dial), Input::Dialled(lane, dial, outcome));
    }

    fn shake(&mut self, now: Tick, lane: LaneIx, layer: Layer, limit: Millis) {
        let model = self.dependency(lane);
        let layers = &self.plan.lane(lane).layers;
        let (mut takes, mut outcome, wait) = answer(model, now, layer, layers.last() == Some(&layer));
        if takes.is_none_or(|takes| takes >= limit) {
            (takes, outcome) = (Some(limit), Err(Code::silent_at(layer)));
        }
        let at = now.after(takes.unwrap_or(limit));
        self.put(at, Key::Shake(lane), Input::Shaken(lane, outcome, wait));
    }

    fn run(&mut self, now: Tick, step: StepIx) {
        let Some(Work { deeds, .. }) = self.world.works.get(step.0 as usize) else { return };
        let Deed { takes: Some(takes), fails } = *deeds.at(now) else { return };
        self.put(now.after(takes), Key::Run(step), Input::Done(step, fails.map_or(Ok(()), Err)));
    }

    fn ask(&mut self, now: Tick, step: StepIx, again: bool) {
        let Some(lease) = self.world.leases.get(step.0 as usize) else { return };
        let over: &Over<Option<Code>> = if again { &lease.renewing } else { &lease.asking };
        let outcome = over.at(now).map_or(Ok(()), Err);
        let input = if again { Input::Renewed(step, outcome) } else { Input::Leased(step, outcome) };
        self.put(now.after(lease.latency), Key::Lease(step), input);
    }

    fn spawn(&mut self, now: Tick) {
        let child = &self.world.child;
        let Some(takes) = child.spawning else { return };
        self.put(now.after(takes), Key::Spawn, Input::Spawned(child.fails.map_or(Ok(()), Err)));
    }

    fn child_begins(&mut self, now: Tick) {
        (self.child_lives, self.child_stops) = (true, false);
        self.life += 1;
        for (after, deed) in self.world.child.deeds_of(self.life as usize - 1) {
            let input = match deed {
                ChildDeed::Ready => Input::ChildReady,
                ChildDeed::Extends(by) => Input::ChildExtends(*by),
                ChildDeed::Stopping => Input::ChildStopping,
                ChildDeed::Exits(ended) => Input::ChildExited(*ended),
            };
            self.put(now.after(*after), Key::Child(self.life), input);
        }
    }

    fn signal(&mut self, now: Tick) {
        if let Stopping::Ends(after, ended) = self.world.child.stopping
            && !self.child_stops
        {
            self.child_stops = true;
            self.put(now.after(after), Key::Child(self.life), Input::ChildExited(ended));
        }
    }

    fn kill(&mut self, now: Tick) {
        if self.world.child.stopping != Stopping::Unkillable {
            self.put(now.after(DYING), Key::Child(self.life), Input::ChildExited(Ended::Signal(9)));
        }
    }
}

/// What a layer of an accepted connection answers, and after what time; none: never.
fn answer(
    model: &Dependency,
    now: Tick,
    layer: Layer,
    last: bool,
) -> (Option<Millis>, Result<(), Code>, Option<Millis>) {
    let takes = Some(model.latency);
    match *model.server.at(now) {
        Server::Says { code, at, wait } if last || at.unwrap_or(code.layer()) <= layer => (takes, Err(code), wait),
        Server::Closes if layer == Layer::Tls => (takes, Err(Code::TlsClosed), None),
        Server::Closes => (takes, Err(Code::ClosedBeforeGreeting), None),
        Server::Silent => (None, Err(Code::silent_at(layer)), None),
        Server::Serves | Server::Says { .. } => match &model.slots {
            Some(slots) if layer == Layer::Slot && *slots.taken.at(now) >= slots.limit => {
                (takes, Err(Code::SlotsFull), None)
            }
            _ => (takes, Ok(()), None),
        },
    }
}
