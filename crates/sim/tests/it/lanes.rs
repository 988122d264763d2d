//! What must hold for dialling and layers.

use tminus_core::code::{Class, Code};
use tminus_core::event::Passage;
use tminus_core::plan::{Lane, Plan, Step};
use tminus_core::run::{Command, Dial};
use tminus_core::time::{Millis, Tick};
use tminus_core::vocabulary::Layer;

/// What is known of a lane.
#[derive(Clone, Debug, Default)]
pub struct LaneWatch {
    pub tries: u16,
    pub passed: bool,
    try_open: bool,
    layer: Option<Layer>,
    layers: usize,
    deepest: usize,
    /// Dials in flight.
    dials: [bool; 8],
    connected: bool,
    last_dial: Option<Tick>,
    /// When the last ten dials began.
    recent: Vec<Tick>,
    /// An answer other than silence came since the last dial.
    answered: bool,
    last_accepted: Option<Tick>,
    codes: Vec<(Code, Tick)>,
    /// What the last try failed with.
    last_failed: Option<Code>,
}

impl LaneWatch {
    pub fn new(lane: &Lane) -> LaneWatch {
        LaneWatch { layers: lane.layers.len(), ..LaneWatch::default() }
    }

    pub fn begin(&mut self) {
        // What limits the load on others goes on counting.
        let (last_dial, recent, last_accepted) = (self.last_dial, std::mem::take(&mut self.recent), self.last_accepted);
        *self =
            LaneWatch { layers: self.layers, last_dial, recent, last_accepted, answered: true, ..LaneWatch::default() };
    }

    /// The child's next life: what it is asked then has nothing to do with the last one.
    pub fn forget_load(&mut self) {
        (self.last_dial, self.last_accepted) = (None, None);
        self.recent.clear();
    }

    pub fn busy(&self) -> bool {
        self.try_open || self.connected || self.dials.contains(&true)
    }

    /// True when its last try showed what no waiting mends, and nothing asks to ask again.
    pub fn hopeless(&self, step: &Step) -> bool {
        let propagates =
            |code: Code| matches!(code.layer(), Layer::Auth | Layer::Dns) && step.propagation > Millis::ZERO;
        let last = self.last_failed.filter(|code| code.class() == Class::Definite && code.row().grace_ms == 0);
        last.is_some_and(|code| !propagates(code))
    }

    /// When this code was first seen.
    pub fn first_seen(&self, code: Code) -> Option<Tick> {
        self.codes.iter().find(|(seen, _)| *seen == code).map(|(_, at)| *at)
    }

    fn saw(&mut self, code: Code, now: Tick) {
        if self.first_seen(code).is_none() {
            self.codes.push((code, now));
        }
    }

    pub fn dialled(&mut self, dial: Dial, outcome: Result<(), Code>, now: Tick) -> bool {
        let was = std::mem::replace(&mut self.dials[dial.0 as usize], false);
        match outcome {
            Ok(()) => self.connected = true,
            Err(code) => {
                self.answered |= code != Code::NoAnswer;
                self.saw(code, now);
            }
        }
        was && self.try_open
    }

    pub fn try_started(&mut self, number: u16) -> bool {
        let good = !self.try_open && number == self.tries + 1 && !self.passed;
        (self.try_open, self.tries, self.last_failed) = (true, number, None);
        good
    }

    pub fn try_finished(&mut self, number: u16, how: Passage, code: Option<Code>, now: Tick) -> bool {
        let good = self.try_open && number == self.tries && self.layer.is_none();
        self.try_open = false;
        self.passed = how == Passage::Passed;
        if let (Passage::Failed, Some(code)) = (how, code) {
            self.saw(code, now);
            self.last_failed = Some(code);
        }
        self.answered |= code != Some(Code::NoAnswer);
        good && self.passed == code.is_none()
    }

    pub fn layer_started(&mut self, layer: Layer) -> bool {
        self.try_open && self.layer.replace(layer).is_none()
    }

    /// Whether that was right, and whether it is deeper than ever.
    pub fn layer_finished(&mut self, lane: &Lane, layer: Layer, how: Passage, code: Option<Code>) -> (bool, bool) {
        let good = self.layer.take() == Some(layer) && self.try_open;
        let witnessed = lane.witness && code.is_some();
        if how != Passage::Passed || witnessed {
            return (good, false);
        }
        let depth = lane.layers.iter().position(|one| *one == layer).map_or(0, |at| at + 1);
        let deeper = depth > self.deepest;
        self.deepest = self.deepest.max(depth);
        (good && depth > 0, deeper)
    }
}

/// Checks a command of a lane; what is wrong with it.
pub fn check(plan: &Plan, lanes: &mut [LaneWatch], now: Tick, command: Command) -> Option<String> {
    match command {
        Command::Dial(lane, dial, _, life) => {
            let watch = &mut lanes[lane.0 as usize];
            let wrong = watch.dial(plan, dial, now);
            let life_is = life == plan.dialling.life;
            wrong.or((!life_is).then(|| "a dial of another life".into())).map(|wrong| format!("{wrong}, {lane:?}"))
        }
        Command::CancelDial(lane, dial) => {
            let was = std::mem::replace(&mut lanes[lane.0 as usize].dials[dial.0 as usize], false);
            (!was).then(|| "cancelled a dial that is not there".into())
        }
        Command::Handshake(lane, layer, _) => {
            let watch = &mut lanes[lane.0 as usize];
            let connects = layer <= Layer::Schema;
            let good = watch.layer == Some(layer) && (!connects || watch.connected);
            if connects {
                watch.last_accepted = Some(now);
            }
            (!good).then(|| format!("a handshake of {layer} without a connection"))
        }
        Command::Close(lane) => {
            let watch = &mut lanes[lane.0 as usize];
            let dialling = watch.dials.contains(&true);
            watch.connected = false;
            dialling.then(|| "closed with dials in flight".into())
        }
        Command::Resolve(lane) => {
            let watch = &lanes[lane.0 as usize];
            (watch.connected || !watch.try_open).then(|| "resolves while connected".into())
        }
        _ => None,
    }
}

impl LaneWatch {
    fn dial(&mut self, plan: &Plan, dial: Dial, now: Tick) -> Option<String> {
        let taken = std::mem::replace(&mut self.dials[dial.0 as usize], true);
        let in_flight = self.dials.iter().filter(|in_flight| **in_flight).count();
        let least = if self.answered { Millis(100) } else { plan.dialling.stagger };
        let gap = self.last_dial.map_or(Millis(u32::MAX), |last| now.since(last));
        let deep = self.last_accepted.is_some_and(|last| now.since(last) < Millis::secs(1));
        self.recent.retain(|at| now.since(*at) <= Millis::secs(1));
        self.recent.push(now);
        self.last_dial = Some(now);
        self.answered = false;
        let connected = self.connected;
        let wrong = [
            (taken || connected, "a dial in a place that is taken"),
            (in_flight > usize::from(plan.dialling.in_flight), "too many dials at once"),
            (gap < least, "dialled too soon"),
            (self.recent.len() > 11, "more than ten dials a second"),
            (deep, "went deep twice within a second"),
        ];
        wrong.iter().find(|(is, _)| *is).map(|(_, what)| format!("{what} ({gap} after the last)"))
    }
}
