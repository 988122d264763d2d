//! Random plans and fault schedules, as small data that shrinks to small data.

use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use tminus_core::code::{Class, Code, TABLE};
use tminus_core::plan::{Exec, ExitCodes, Once, Plan, Readiness, Restart, Work};
use tminus_core::run::Ended;
use tminus_core::target::{Host, Postgres, Target};
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;
use tminus_sim::recipe::Recipe;
use tminus_sim::world::{Child, ChildDeed, Deed, Dependency, Lease, Names, Over, Server, Slots, Stopping, Way, World};

/// A plan with its schedule of faults. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    pub job: bool,
    pub window: Option<u32>,
    pub stagger: u32,
    pub in_flight: u8,
    pub phases: Vec<APhase>,
    /// The child, the phase it is started in (counted round), and whether it is waited for.
    pub child: Option<(usize, AChild)>,
    pub stops: Vec<(u32, u8)>,
    /// Whether the child is started again when it fails, and what it does instead, life by life.
    pub lives: Option<Vec<Vec<(u32, ChildDeed)>>>,
}

#[derive(Clone, Debug)]
pub struct APhase {
    pub deadline: Option<u32>,
    pub p95: Option<u32>,
    pub steps: Vec<AStep>,
}

#[derive(Clone, Debug)]
pub struct AStep {
    pub critical: bool,
    pub deadline: Option<u32>,
    pub tries: u16,
    pub propagation: u32,
    pub again: bool,
    /// Limit of its finalizer, and what it takes.
    pub finalizer: Option<(u32, Option<u32>)>,
    /// How far back the step is that it needs.
    pub need: Option<usize>,
    pub work: AWork,
}

#[derive(Clone, Debug)]
pub enum AWork {
    Environment(Option<Code>),
    Probe(Vec<ALane>),
    Egress(Vec<ALane>),
    Exec(Vec<ADeed>),
    Hosted(Vec<ADeed>),
    Once {
        wait: Option<u32>,
        ttl: u32,
        held: Vec<(u32, Option<Code>)>,
        renewing: Vec<(u32, Option<Code>)>,
        deeds: Vec<ADeed>,
    },
}

/// From when on, how long it takes, how it fails.
pub type ADeed = (u32, Option<u32>, Option<Code>);

#[derive(Clone, Debug)]
pub struct ALane {
    pub shape: Shape,
    pub lookup: u32,
    pub latency: u32,
    pub names: Vec<(u32, Names)>,
    pub ways: Vec<Vec<(u32, Way)>>,
    pub server: Vec<(u32, Server)>,
    /// From when on how many of ten slots are taken.
    pub taken: Vec<(u32, u16)>,
}

#[derive(Clone, Copy, Debug)]
pub enum Shape {
    NamedPort,
    Port,
    Socket,
    SocketOrPort,
    Server,
    NamedTlsServer,
    SocketServer,
    Name,
    File,
    Command,
}

#[derive(Clone, Debug)]
pub struct AChild {
    pub spawning: Option<u32>,
    pub fails: Option<Code>,
    pub deeds: Vec<(u32, ChildDeed)>,
    pub stopping: Stopping,
    pub kill_after: Option<u32>,
    /// Whether it is waited for by its word, or by a way of its own, and for how long.
    pub ready: Option<(Option<ALane>, Option<u32>)>,
}

// ---- strategies

fn time() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0u32..3_000, 3 => 0u32..20_000, 1 => 0u32..90_000]
}

/// What it is from when on.
fn over<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
    changes: usize,
) -> impl Strategy<Value = Vec<(u32, T)>> {
    vec((time(), value), 0..=changes)
}

fn code(of: fn(&tminus_core::code::Row) -> bool) -> impl Strategy<Value = Code> {
    let codes: Vec<Code> = TABLE.iter().filter(|row| of(row)).map(|row| row.code).collect();
    proptest::sample::select(codes)
}

fn names() -> impl Strategy<Value = Names> {
    prop_oneof![
        6 => (0u8..4).prop_map(Names::Addresses),
        2 => code(|row| row.layer == Layer::Dns).prop_map(Names::Fails),
        1 => Just(Names::Silent),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    let dialled = |row: &tminus_core::code::Row| matches!(row.layer, Layer::Socket | Layer::Tcp);
    prop_oneof![
        4 => Just(Way::Open),
        2 => Just(Way::BlackHole),
        2 => Just(Way::Fails(Code::Refused)),
        2 => code(dialled).prop_map(Way::Fails),
    ]
}

fn server() -> impl Strategy<Value = Server> {
    let deeper = |row: &tminus_core::code::Row| {
        row.layer >= Layer::Tcp && row.layer <= Layer::Schema || row.layer == Layer::Resource
    };
    let waiting = |row: &tminus_core::code::Row| {
        row.layer >= Layer::Protocol && row.layer <= Layer::Schema && row.class == Class::Transient
    };
    prop_oneof![
        5 => Just(Server::Serves),
        3 => code(deeper).prop_map(Server::says),
        4 => (code(waiting), weighted(0.1, 0u32..5_000))
            .prop_map(|(code, wait)| Server::Says { code, at: None, wait: wait.map(Millis) }),
        1 => code(waiting).prop_map(|code| Server::Says { code, at: Some(Layer::Protocol), wait: None }),
        1 => Just(Server::Closes),
        1 => Just(Server::Silent),
    ]
}

fn lane() -> impl Strategy<Value = ALane> {
    use Shape::*;
    let shape = proptest::sample::select(vec![
        NamedPort,
        Port,
        Socket,
        SocketOrPort,
        Server,
        NamedTlsServer,
        SocketServer,
        Name,
        File,
        Command,
    ]);
    let latency = prop_oneof![4 => 0u32..20, 2 => 0u32..700, 1 => Just(3_000u32)];
    let ways = vec(over(way(), 2), 0..3);
    (shape, 0u32..200, latency, over(names(), 1), ways, over(server(), 2), over(0u16..12, 2)).prop_map(
        |(shape, lookup, latency, names, ways, server, taken)| ALane {
            shape,
            lookup,
            latency,
            names,
            ways,
            server,
            taken,
        },
    )
}

fn work_code() -> impl Strategy<Value = Code> {
    proptest::sample::select(vec![
        Code::CommandFailed,
        Code::CommandKilled,
        Code::CommandNotFound,
        Code::FileMissing,
        Code::Internal,
        Code::DatabaseMissing,
        Code::SlotsFull,
    ])
}

fn deeds() -> impl Strategy<Value = Vec<ADeed>> {
    vec((time(), weighted(0.85, 0u32..8_000), weighted(0.5, work_code())), 0..3)
}

fn work() -> impl Strategy<Value = AWork> {
    let lease = |codes: Vec<Code>| over(of(proptest::sample::select(codes)), 2);
    let once = (
        of(time()),
        900u32..30_000,
        lease(vec![Code::LeaseHeld, Code::LeaseHeld, Code::Refused, Code::PasswordRejected]),
        lease(vec![Code::LeaseLost, Code::Refused]),
        deeds(),
    );
    prop_oneof![
        1 => weighted(0.2, proptest::sample::select(vec![Code::ValueMissing, Code::WhitespaceInValue])).prop_map(AWork::Environment),
        6 => vec(lane(), 1..3).prop_map(AWork::Probe),
        2 => vec(lane(), 1..4).prop_map(AWork::Egress),
        2 => deeds().prop_map(AWork::Exec),
        1 => deeds().prop_map(AWork::Hosted),
        2 => once.prop_map(|(wait, ttl, held, renewing, deeds)| AWork::Once { wait, ttl, held, renewing, deeds }),
    ]
}

fn step() -> impl Strategy<Value = AStep> {
    let finalizer = weighted(0.4, (0u32..2_000, of(0u32..3_000)));
    let tries = prop_oneof![6 => Just(0u16), 1 => 1u16..4];
    let propagation = prop_oneof![4 => Just(0u32), 1 => 0u32..8_000];
    (
        any::<bool>(),
        of(time()),
        tries,
        propagation,
        weighted(0.1, Just(())),
        finalizer,
        weighted(0.3, 1usize..4),
        work(),
    )
        .prop_map(|(critical, deadline, tries, propagation, again, finalizer, need, work)| AStep {
            critical,
            deadline,
            tries,
            propagation,
            again: again.is_some(),
            finalizer,
            need,
            work,
        })
}

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        2 => Just(Ended::Code(0)),
        2 => any::<u8>().prop_map(Ended::Code),
        1 => proptest::sample::select(vec![6u8, 9, 11, 15]).prop_map(Ended::Signal),
    ]
}

fn deed(exits: u32) -> impl Strategy<Value = ChildDeed> {
    prop_oneof![
        4 => Just(ChildDeed::Ready),
        1 => (0u32..40_000).prop_map(|by| ChildDeed::Extends(Millis(by))),
        1 => Just(ChildDeed::Stopping),
        exits => ended().prop_map(ChildDeed::Exits),
    ]
}

/// A life of a child that comes to its end sooner or later, most of the time after it was ready.
fn life() -> impl Strategy<Value = Vec<(u32, ChildDeed)>> {
    let failing = proptest::sample::select(vec![Ended::Code(1), Ended::Code(3), Ended::Signal(9), Ended::Signal(11)]);
    (0u32..2_000, vec((time(), deed(1)), 0..2), weighted(0.8, (2_000u32..9_000, failing))).prop_map(
        |(ready, mut deeds, fails)| {
            deeds.push((ready, ChildDeed::Ready));
            deeds.extend(fails.map(|(at, ended)| (at, ChildDeed::Exits(ended))));
            deeds
        },
    )
}

fn child() -> impl Strategy<Value = AChild> {
    let deed = deed(1);
    let stopping = prop_oneof![
        5 => (0u32..8_000, ended()).prop_map(|(after, ended)| Stopping::Ends(Millis(after), ended)),
        1 => Just(Stopping::Ignores),
        1 => Just(Stopping::Unkillable),
    ];
    let fails = weighted(
        0.1,
        proptest::sample::select(vec![Code::CommandNotFound, Code::CommandNotExecutable, Code::NoDescriptor]),
    );
    let ready = of((weighted(0.3, lane()), of(time())));
    (weighted(0.97, 0u32..100), fails, vec((time(), deed), 0..4), stopping, of(0u32..6_000), ready).prop_map(
        |(spawning, fails, deeds, stopping, kill_after, ready)| AChild {
            spawning,
            fails,
            deeds,
            stopping,
            kill_after,
            ready,
        },
    )
}

/// A start, anything.
pub fn case() -> impl Strategy<Value = Case> {
    let phase = (of(time()), weighted(0.1, time()), vec(step(), 0..4)).prop_map(|(deadline, p95, steps)| APhase {
        deadline,
        p95,
        steps,
    });
    let stop = (time(), proptest::sample::select(vec![15u8, 15, 2, 1]));
    (
        any::<u64>(),
        weighted(0.2, Just(())),
        weighted(0.9, 4_000u32..120_000),
        100u32..500,
        1u8..9,
        vec(phase, 0..4),
        weighted(0.8, (0usize..4, child())),
        vec(stop, 0..3),
        weighted(0.5, vec(life(), 0..4)),
    )
        .prop_map(|(seed, job, window, stagger, in_flight, phases, child, stops, lives)| Case {
            seed,
            job: job.is_some(),
            window,
            stagger,
            in_flight,
            phases,
            child,
            stops,
            lives,
        })
}

// ---- to a plan and a world

fn timeline<T: Clone>(first: T, changes: &[(u32, T)]) -> Over<T> {
    changes.iter().fold(Over::always(first), |over, (at, value)| over.then(Millis(*at), value.clone()))
}

fn host(name: &str) -> Host {
    Host { name: name.to_owned(), port: 5432 }
}

impl Shape {
    /// A target and its layers; what it is does not matter to the machine, its layers do.
    fn lane(self) -> (Target, Vec<Layer>) {
        use Layer::{Auth, Dns, Process, Protocol, Query, Resource, Slot, Socket, Tcp, Tls};
        let named = || Target::Tcp(host("db.internal"));
        match self {
            Shape::NamedPort => (named(), vec![Dns, Tcp]),
            Shape::Port => (Target::Tcp(host("10.0.0.7")), vec![Tcp]),
            Shape::Socket => (Target::Unix("/run/db.sock".into()), vec![Socket]),
            Shape::SocketOrPort => (named(), vec![Dns, Socket, Tcp, Protocol]),
            Shape::Server => (Target::Tcp(host("10.0.0.7")), vec![Tcp, Protocol, Auth, Slot, Query]),
            Shape::NamedTlsServer => (named(), vec![Dns, Tcp, Tls, Protocol, Auth, Slot, Query]),
            Shape::SocketServer => (Target::Unix("/run/db.sock".into()), vec![Socket, Protocol, Auth, Query]),
            Shape::Name => (Target::Dns("db.internal".into()), vec![Dns]),
            Shape::File => (Target::File("/etc/secret".into()), vec![Resource]),
            Shape::Command => (Target::Command(vec!["true".into()]), vec![Process]),
        }
    }
}

impl ALane {
    fn dependency(&self) -> Dependency {
        Dependency {
            names: timeline(Names::Addresses(1), &self.names),
            lookup: Millis(self.lookup),
            ways: self.ways.iter().map(|way| timeline(Way::Open, way)).collect(),
            latency: Millis(self.latency),
            server: timeline(Server::Serves, &self.server),
            slots: Some(Slots { limit: 10, taken: timeline(0, &self.taken) }),
        }
    }
}

impl Case {
    /// The plan, and the world that it is driven in.
    pub fn build(&self) -> (Plan, World) {
        let mut maker =
            Maker { recipe: Some(Recipe::new("orders")), lanes: Vec::new(), works: Vec::new(), leases: Vec::new() };
        let services = self.child.as_ref().map(|(at, child)| (at % (self.phases.len() + 1), child));
        for (at, phase) in self.phases.iter().enumerate() {
            // Without a window every phase bounds itself: a start without any bound never ends.
            let deadline = phase.deadline.or(if self.window.is_none() { Some(20_000) } else { None });
            maker.change(|recipe| {
                recipe.phase(&format!("phase-{at}"), deadline.map(Millis)).with(|plan| {
                    plan.phases[at].p95 = phase.p95.map(Millis);
                })
            });
            phase.steps.iter().for_each(|step| maker.step(step));
            if let Some((_, child)) = services.filter(|(place, _)| *place == at) {
                maker.child(child);
            }
        }
        if let Some((_, child)) = services.filter(|(place, _)| *place == self.phases.len()) {
            maker.change(|recipe| recipe.phase("services", Some(Millis(30_000))));
            maker.child(child);
        }
        self.finish(maker)
    }

    fn finish(&self, maker: Maker) -> (Plan, World) {
        let Some(recipe) = maker.recipe else { unreachable!("a maker keeps its recipe") };
        let mut plan = recipe.plan();
        if self.job && self.lives.is_none() {
            plan.kind = tminus_core::plan::Kind::Job;
        }
        plan.budget.window = self.window.map(Millis);
        plan.dialling.stagger = Millis(self.stagger);
        plan.dialling.in_flight = self.in_flight;
        plan.dialling.handshake = Millis(4_000);
        plan.exit = ExitCodes { expired: 75, hopeless: 70 };
        let mut world = World::good(&plan);
        world.dependencies = maker.lanes;
        (world.works, world.leases) = (maker.works, maker.leases);
        let early = if self.lives.is_some() { 20_000 } else { 0 };
        world.stops =
            self.stops.iter().filter(|(at, _)| *at >= early).map(|(at, signal)| (Millis(*at), *signal)).collect();
        if let Some((_, child)) = &self.child {
            let stubborn = !matches!(child.stopping, Stopping::Ends(..));
            plan.stop.kill_after = child.kill_after.or(if stubborn { Some(5_000) } else { None }).map(Millis);
            let lives = self.lives.as_deref().unwrap_or_default();
            world.child = Child {
                spawning: child.spawning.map(Millis),
                fails: child.fails.filter(|_| self.lives.is_none()),
                deeds: life_of(lives.first().unwrap_or(&child.deeds)),
                again: lives.iter().skip(1).map(|deeds| life_of(deeds)).collect(),
                stopping: child.stopping,
            };
        }
        if self.lives.is_some() {
            plan.restart = Restart::OnFailure;
            // Most of the time something else fails before: a child that comes back is to be seen often.
            for step in &mut plan.steps {
                let of_child = matches!(step.work, Work::Spawn | Work::Ready(_));
                (step.critical, step.deadline) = (step.critical && of_child, step.deadline.or(Some(Millis(9_000))));
            }
        }
        // What is tried for ever has to be told to stop some time.
        if plan.steps.iter().any(|step| step.retry_after_ready) {
            world.stops.push((Millis(180_000), 15));
        }
        (plan, world)
    }
}

fn life_of(deeds: &[(u32, ChildDeed)]) -> Vec<(Millis, ChildDeed)> {
    deeds.iter().map(|(at, deed)| (Millis(*at), *deed)).collect()
}

struct Maker {
    recipe: Option<Recipe>,
    lanes: Vec<Dependency>,
    works: Vec<tminus_sim::world::Work>,
    leases: Vec<Lease>,
}

impl Maker {
    fn change(&mut self, change: impl FnOnce(Recipe) -> Recipe) {
        self.recipe = self.recipe.take().map(change);
    }

    fn add(&mut self, name: &str, work: Work, deeds: &[ADeed], undoing: Option<u32>) {
        self.change(|recipe| recipe.step(name, work));
        let good = Deed { takes: Some(Millis(30)), fails: None };
        let deeds: Vec<(u32, Deed)> =
            deeds.iter().map(|(at, takes, fails)| (*at, Deed { takes: takes.map(Millis), fails: *fails })).collect();
        self.works.push(tminus_sim::world::Work { deeds: timeline(good, &deeds), undoing: undoing.map(Millis) });
        self.leases.push(Lease { latency: Millis(7), asking: Over::always(None), renewing: Over::always(None) });
    }

    fn way(&mut self, lane: &ALane, witness: bool) {
        let (target, layers) = lane.shape.lane();
        self.change(|recipe| recipe.way(target, layers, witness));
        self.lanes.push(lane.dependency());
    }

    fn step(&mut self, step: &AStep) {
        let at = self.works.len();
        let name = format!("step-{at}");
        let undoing = step.finalizer.and_then(|(_, takes)| takes);
        match &step.work {
            AWork::Environment(fails) => {
                self.add(&name, Work::Environment(Vec::new()), &[(0, Some(1), *fails)], undoing);
            }
            AWork::Probe(lanes) => {
                self.add(&name, Work::Probe, &[], undoing);
                lanes.iter().for_each(|lane| self.way(lane, false));
            }
            AWork::Egress(lanes) => {
                self.add(&name, Work::Egress, &[], undoing);
                lanes.iter().for_each(|lane| self.way(lane, true));
            }
            AWork::Exec(deeds) => {
                self.add(&name, Work::Exec(Exec { argv: vec!["true".into()], once: None }), deeds, undoing);
            }
            AWork::Hosted(deeds) => self.add(&name, Work::Hosted, deeds, undoing),
            AWork::Once { wait, ttl, held, renewing, deeds } => {
                self.add(&name, once(*wait, *ttl), deeds, undoing);
                let lease =
                    Lease { latency: Millis(7), asking: timeline(None, held), renewing: timeline(None, renewing) };
                self.leases[at] = lease;
            }
        }
        self.change(|recipe| {
            recipe.so(|made| {
                made.critical = step.critical;
                made.deadline = step.deadline.map(Millis);
                made.tries = step.tries;
                made.propagation = Millis(step.propagation);
                made.retry_after_ready = step.again && !step.critical;
                made.finalizer = step.finalizer.map(|(limit, _)| (vec!["undo".into()], Millis(limit)));
                let need = step.need.and_then(|back| at.checked_sub(back));
                made.needs = need.map(|need| tminus_core::plan::StepIx(need as u16)).into_iter().collect();
            })
        });
    }

    fn child(&mut self, child: &AChild) {
        self.add("child", Work::Spawn, &[], None);
        self.change(|recipe| recipe.deadline(Millis(10_000)));
        let Some((lane, deadline)) = &child.ready else { return };
        let readiness = if lane.is_some() { Readiness::Lanes } else { Readiness::Notify };
        self.add("ready", Work::Ready(readiness), &[], None);
        self.change(|recipe| recipe.needs(&["child"]).so(|step| step.deadline = deadline.map(Millis)));
        if let Some(lane) = lane {
            self.way(lane, false);
        }
    }
}

fn once(wait: Option<u32>, ttl: u32) -> Work {
    let database = Postgres {
        places: Vec::new(),
        addresses: Vec::new(),
        user: None,
        password: None,
        database: None,
        ssl_mode: tminus_core::target::SslMode::Disable,
        ssl_root_cert: None,
        ssl_client: None,
        ssl_direct: false,
        session: tminus_core::target::SessionAttrs::Any,
        tables: Vec::new(),
        revision: None,
    };
    let once = Once { lease: "migrations".into(), database, ttl: Millis(ttl), wait: wait.map(Millis) };
    Work::Exec(Exec { argv: vec!["migrate".into()], once: Some(Box::new(once)) })
}
