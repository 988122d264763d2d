//! A machine on a bench: inputs at set times, commands as short texts.

use crate::code::Code;
use crate::event::Passage;
use crate::plan::{Exec, Lane, Once, Phase, PhaseIx, Plan, Step, StepIx, Work};
use crate::run::{Command, Fact, Input, Machine};
use crate::target::{Host, Postgres, SessionAttrs, SslMode, Target};
use crate::time::{Millis, Tick};
use crate::vocabulary::Layer;

/// A plan of one phase of 60 s per list of steps, no window.
pub fn plan(phases: &[&[Work]]) -> Plan {
    let mut plan = Plan::observing("orders");
    plan.implied = false;
    plan.stop.kill_after = Some(Millis::secs(5));
    plan.exit = crate::plan::ExitCodes { expired: 75, hopeless: 70 };
    let (phase, step) = (plan.phases[0].clone(), plan.steps[0].clone());
    (plan.phases, plan.steps) = (Vec::new(), Vec::new());
    for (at, works) in phases.iter().enumerate() {
        let first = plan.steps.len() as u16;
        for work in *works {
            let name = format!("step-{}", plan.steps.len());
            let phase = PhaseIx(at as u16);
            plan.steps.push(Step { name, phase, work: work.clone(), tries: 0, lanes: 0..0, ..step.clone() });
        }
        let steps = first..plan.steps.len() as u16;
        plan.phases.push(Phase {
            name: format!("phase-{at}"),
            steps,
            deadline: Some(Millis::secs(60)),
            ..phase.clone()
        });
    }
    plan
}

/// Gives a step ways with these layers.
pub fn ways(plan: &mut Plan, step: u16, ways: &[&[Layer]]) {
    let first = plan.lanes.len() as u16;
    for layers in ways {
        let target = Target::Tcp(Host { name: "db.internal".into(), port: 5432 });
        let witness = plan.steps[step as usize].work == Work::Egress;
        let lane = Lane { step: StepIx(step), name: "db".into(), target, layers: layers.to_vec(), witness };
        plan.lanes.push(lane);
    }
    plan.steps[step as usize].lanes = first..plan.lanes.len() as u16;
}

/// A plan of one step with one way.
pub fn probe(layers: &[Layer]) -> Plan {
    let mut plan = plan(&[&[Work::Probe]]);
    ways(&mut plan, 0, &[layers]);
    plan
}

/// A command, once or as often as wanted.
pub fn exec(once: Option<Once>) -> Work {
    Work::Exec(Exec { argv: vec!["migrate".into()], once: once.map(Box::new) })
}

/// A lease of 30 s that is waited for so long.
pub fn once(wait: Option<Millis>) -> Option<Once> {
    let database = Postgres {
        places: Vec::new(),
        addresses: Vec::new(),
        user: None,
        password: None,
        database: None,
        ssl_mode: SslMode::Disable,
        ssl_root_cert: None,
        ssl_client: None,
        ssl_direct: false,
        session: SessionAttrs::Any,
        tables: Vec::new(),
        revision: None,
    };
    Some(Once { lease: "migrations".into(), database, ttl: Millis::secs(30), wait })
}

/// A machine, what it said last, and when it wants to be woken.
pub struct Rig {
    pub plan: Plan,
    pub machine: Machine,
    pub now: u32,
    pub armed: Tick,
    out: Vec<Command>,
}

impl Rig {
    /// A machine that has begun.
    pub fn begun(plan: Plan) -> (Rig, Vec<String>) {
        let machine = Machine::new(&plan, 1);
        let mut rig = Rig { plan, machine, now: 0, armed: Tick::NEVER, out: Vec::new() };
        let said = rig.at(0, Input::Begin);
        (rig, said)
    }

    /// Feeds an input; what is to be done (without what is written down and without arming).
    pub fn at(&mut self, now: u32, input: Input) -> Vec<String> {
        self.feed(now, input);
        self.out.iter().filter(|command| !matches!(command, Command::Emit(_) | Command::Arm(_))).map(text).collect()
    }

    /// Feeds an input; what is written down.
    pub fn told(&mut self, now: u32, input: Input) -> Vec<Fact> {
        self.feed(now, input);
        let facts =
            self.out.iter().filter_map(|command| if let Command::Emit(fact) = command { Some(*fact) } else { None });
        facts.collect()
    }

    /// Wakes it whenever it wants to be woken, up to this time; what it does, with the times.
    pub fn wakes_until(&mut self, until: u32) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        while self.armed.0 <= until {
            let now = self.armed.0;
            all.extend(self.at(now, Input::Wake).into_iter().map(|said| (now, said)));
        }
        all
    }

    /// How the last input ended the step.
    pub fn ended(&self, step: u16) -> Option<(Passage, Option<Code>)> {
        self.out.iter().find_map(|command| match command {
            Command::Emit(Fact::StepFinished(ix, how, code)) if ix.0 == step => Some((*how, *code)),
            _ => None,
        })
    }

    pub fn commands(&self) -> &[Command] {
        &self.out
    }

    fn feed(&mut self, now: u32, input: Input) {
        assert!(now >= self.now, "time goes forward");
        self.now = now;
        if input == Input::Wake {
            self.armed = Tick::NEVER;
        }
        self.out.clear();
        self.machine.step(&self.plan, Tick(now), input, &mut self.out);
        for command in &self.out {
            if let Command::Arm(at) = command {
                assert!(*at > Tick(now), "armed for {at:?} at {now}");
                self.armed = *at;
            }
        }
    }
}

/// A command in a few words.
fn text(command: &Command) -> String {
    match command {
        Command::Resolve(lane) => format!("resolve {}", lane.0),
        Command::Dial(lane, dial, address, _) => format!("dial {}.{} address {address}", lane.0, dial.0),
        Command::CancelDial(lane, dial) => format!("cancel {}.{}", lane.0, dial.0),
        Command::Handshake(lane, layer, _) => format!("shake {} {layer}", lane.0),
        Command::Close(lane) => format!("close {}", lane.0),
        Command::Run(step, _) => format!("run {}", step.0),
        Command::CancelRun(step) => format!("cancel run {}", step.0),
        Command::Acquire(step) => format!("acquire {}", step.0),
        Command::Renew(step) => format!("renew {}", step.0),
        Command::Release(step) => format!("release {}", step.0),
        Command::Spawn => "spawn".into(),
        Command::Signal(signal) => format!("signal {signal}"),
        Command::Kill => "kill".into(),
        Command::Finalize(step, limit) => format!("finalize {} {limit}", step.0),
        Command::Announce(step, since, of) => format!("announce {} {since} of {:?}", step.0, of.map(|of| of.0)),
        Command::Finish(exit) => format!("finish {}", exit.code),
        Command::Emit(fact) => format!("{fact:?}"),
        Command::Arm(at) => format!("arm {}", at.0),
    }
}
