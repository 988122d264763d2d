//! What a start meets: dependencies, commands, leases and the child as models over time.
//!
//! A [`World`] is plain data and never changes while it is driven: what something answers is a
//! function of the time at which it is asked. So a schedule of faults can be printed, shrunk, kept
//! and shared by many starts.
//! Where to start reading: [`World`], [`Over`], then [`Dependency`].

use tminus_core::code::Code;
use tminus_core::plan::Plan;
use tminus_core::run::Ended;
use tminus_core::time::{Millis, Tick};
use tminus_core::vocabulary::Layer;

/// How long a resolver that does not answer is waited for.
pub const LOOKUP_LIMIT: Millis = Millis::secs(5);

/// A value that changes at set times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over<T> {
    first: T,
    then: Vec<(Millis, T)>,
}

impl<T> Over<T> {
    /// The same at all times.
    pub const fn always(value: T) -> Over<T> {
        Over { first: value, then: Vec::new() }
    }

    /// Changes to this at that time; of two changes at one time the later call counts.
    pub fn then(mut self, at: Millis, value: T) -> Over<T> {
        let place = self.then.partition_point(|(when, _)| *when <= at);
        self.then.insert(place, (at, value));
        self
    }

    /// The same times, with other values.
    pub fn map<U>(&self, to: impl Fn(&T) -> U) -> Over<U> {
        let then = self.then.iter().map(|(at, value)| (*at, to(value))).collect();
        Over { first: to(&self.first), then }
    }

    /// What it is at this time.
    pub fn at(&self, now: Tick) -> &T {
        let changes = self.then.partition_point(|(when, _)| when.0 <= now.0);
        changes.checked_sub(1).map_or(&self.first, |last| &self.then[last].1)
    }
}

/// Everything outside of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// What stands at the end of each lane, by the lane's index.
    pub dependencies: Vec<Dependency>,
    /// What the work of each step does, by the step's index.
    pub works: Vec<Work>,
    /// The leases, by the index of the step that asks.
    pub leases: Vec<Lease>,
    /// The child.
    pub child: Child,
    /// When somebody wants tminus to end, and with which signal.
    pub stops: Vec<(Millis, u8)>,
}

/// What stands at the end of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// How its name resolves.
    pub names: Over<Names>,
    /// How long that takes.
    pub lookup: Millis,
    /// The way to each of its addresses; more addresses than ways: they share them in turn.
    pub ways: Vec<Over<Way>>,
    /// How long an answer takes, of a dial as of a layer.
    pub latency: Millis,
    /// What answers there.
    pub server: Over<Server>,
    /// Its connection slots, where they are counted.
    pub slots: Option<Slots>,
}

/// How a name resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// To this many addresses.
    Addresses(u8),
    /// Not: what the resolver says.
    Fails(Code),
    /// The resolver does not answer.
    Silent,
}

/// A way to an address, as a dial sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Connections are accepted.
    Open,
    /// Nothing comes back. A dial that began here never gets through: the kernel's own repeats are
    /// rarer than fresh dials.
    BlackHole,
    /// It comes back at once that it does not work: refused, reset, no route, no such socket.
    Fails(Code),
}

/// What answers on an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// It does what it is asked.
    Serves,
    /// It says that it does not: at that layer, or at the first one that the code belongs to.
    Says {
        /// What it says.
        code: Code,
        /// Where, if that is not the code's own layer.
        at: Option<Layer>,
        /// When it wants to be asked again.
        wait: Option<Millis>,
    },
    /// It closes what it accepted, before a word.
    Closes,
    /// It accepts and says nothing.
    Silent,
}

impl Server {
    /// One that answers with this code.
    pub const fn says(code: Code) -> Server {
        Server::Says { code, at: None, wait: None }
    }
}

/// Connection slots that others use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many there are.
    pub limit: u16,
    /// How many others hold.
    pub taken: Over<u16>,
}

/// What a step's own work does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// How a run that begins at that time goes.
    pub deeds: Over<Deed>,
    /// How long its finalizer takes; none: until its limit.
    pub undoing: Option<Millis>,
}

/// One run of a step's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// How long it takes; none: it hangs until it is cancelled.
    pub takes: Option<Millis>,
    /// How it ends; none: well.
    pub fails: Option<Code>,
}

/// A lease in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How long an answer takes.
    pub latency: Millis,
    /// What keeps it from being granted.
    pub asking: Over<Option<Code>>,
    /// What keeps it from being renewed.
    pub renewing: Over<Option<Code>>,
}

/// The child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// How long starting it takes; none: nobody ever hears.
    pub spawning: Option<Millis>,
    /// Why it cannot be started.
    pub fails: Option<Code>,
    /// What it does by itself, counted from its start.
    pub deeds: Vec<(Millis, ChildDeed)>,
    /// The same for its second life and every later one; after the last of them as in that one. None:
    /// every life is as the first.
    pub again: Vec<Vec<(Millis, ChildDeed)>>,
    /// What a signal does to it.
    pub stopping: Stopping,
}

/// Something that a child does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildDeed {
    /// It says that it is ready.
    Ready,
    /// It asks for more time.
    Extends(Millis),
    /// It says that it is stopping.
    Stopping,
    /// It ends.
    Exits(Ended),
}

/// What a signal does to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// It ends so after this time; further signals do not hurry it.
    Ends(Millis, Ended),
    /// It goes on until it is killed.
    Ignores,
    /// Not even that ends it.
    Unkillable,
}

impl Dependency {
    /// One that serves, an answer taking this long.
    pub fn serving(latency: Millis) -> Dependency {
        Dependency {
            names: Over::always(Names::Addresses(1)),
            lookup: latency,
            ways: vec![Over::always(Way::Open)],
            latency,
            server: Over::always(Server::Serves),
            slots: None,
        }
    }

    /// The way to one of its addresses, now.
    pub fn way(&self, address: u8, now: Tick) -> Way {
        let Some(last) = self.ways.len().checked_sub(1) else { return Way::Open };
        *self.ways[usize::from(address) % (last + 1)].at(now)
    }
}

impl Child {
    /// What it does in this life, counted from 0.
    pub fn deeds_of(&self, life: usize) -> &[(Millis, ChildDeed)] {
        match (life, self.again.len()) {
            (0, _) | (_, 0) => &self.deeds,
            (life, lives) => &self.again[life.min(lives) - 1],
        }
    }
}

impl World {
    /// A world in which everything works at once, and in which the child becomes ready and serves
    /// until it is told to stop.
    pub fn good(plan: &Plan) -> World {
        let work =
            Work { deeds: Over::always(Deed { takes: Some(Millis(20)), fails: None }), undoing: Some(Millis(20)) };
        let lease = Lease { latency: Millis(5), asking: Over::always(None), renewing: Over::always(None) };
        World {
            dependencies: vec![Dependency::serving(Millis(2)); plan.lanes.len()],
            works: vec![work; plan.steps.len()],
            leases: vec![lease; plan.steps.len()],
            child: Child {
                spawning: Some(Millis(3)),
                fails: None,
                deeds: vec![(Millis(400), ChildDeed::Ready)],
                again: Vec::new(),
                stopping: Stopping::Ends(Millis(50), Ended::Code(0)),
            },
            stops: Vec::new(),
        }
    }
}
