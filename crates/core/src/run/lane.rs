//! One way to one dependency: resolve, dial (staggered, overlapping), then layer by layer.
//!
//! A try is one pass of it. While nothing answers, dials overlap: the kernel repeats a SYN after
//! ever longer pauses, so that a single connect() notices a way that opened only at its next rung;
//! fresh dials notice it within one stagger. What answers gets a long limit instead, because
//! abandoning an accepted handshake wastes the other side's work.

use super::machine::Scope;
use super::{Command, Dial, Fact, is_of_connection, pace};
use crate::code::{Class, Code, Pace};
use crate::event::Passage;
use crate::plan::{Lane, LaneIx};
use crate::target::Target;
use crate::time::{Millis, Tick};
use crate::vocabulary::Layer;
use rand_xoshiro::SplitMix64;

/// How long one try dials before it is told as a try of its own and the name is resolved again.
const ROUND: Millis = Millis::secs(5);

/// What a lane is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doing {
    /// Nothing: the next try begins at `wake`.
    #[default]
    Resting,
    Resolving,
    Dialling,
    /// Inside a layer of an accepted connection.
    Shaking,
    Passed,
    Failed,
}

/// State of one lane; small, because a fleet has many.
#[derive(Clone, Debug, Default)]
pub(super) struct LaneState {
    doing: Doing,
    /// Index into the lane's layers: the one being tried.
    layer: u8,
    /// How many layers were ever passed.
    deepest: u8,
    /// Dials in flight, a bit each.
    in_flight: u8,
    addresses: u8,
    address: u8,
    /// Tries in a row that came out alike.
    strikes: u8,
    /// What the last try came out with.
    pub(super) code: Option<Code>,
    tries: u16,
    /// Dials of this try; a round has time for fewer than a hundred.
    dials: u8,
    /// What the dials of this round came out with.
    round: Option<Code>,
    last_dial: Tick,
    /// When to go on: the next try, the next dial.
    wake: Tick,
    /// When this try's dialling ends.
    round_end: Tick,
    /// Since when the code has been the same.
    since: Tick,
}

/// What a lane has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    Passed,
    Failed(Code),
}

impl LaneState {
    pub(super) fn new() -> LaneState {
        LaneState::default()
    }

    /// Forgets everything: its step begins.
    pub(super) fn begin(&mut self, now: Tick) {
        *self = LaneState { wake: now, ..LaneState::default() };
    }

    pub(super) fn way(&self) -> Way {
        match self.doing {
            Doing::Passed => Way::Passed,
            Doing::Failed => Way::Failed(self.code.unwrap_or(Code::Internal)),
            _ => Way::Open,
        }
    }

    /// When it wants to go on by itself.
    pub(super) fn wake(&self) -> Tick {
        match self.doing {
            Doing::Resting => self.wake,
            Doing::Dialling => self.wake.min(self.round_end),
            _ => Tick::NEVER,
        }
    }

    /// Goes on if its time has come.
    pub(super) fn advance(&mut self, ix: LaneIx, scope: &mut Scope, random: &mut SplitMix64) {
        if self.doing == Doing::Resting && self.wake <= scope.now {
            self.begin_try(ix, scope);
        }
        if self.doing == Doing::Dialling && self.round_end <= scope.now {
            self.next_round(ix, scope, random);
        }
        if self.doing == Doing::Dialling && self.wake <= scope.now {
            self.dial(ix, scope);
        }
    }

    fn begin_try(&mut self, ix: LaneIx, scope: &mut Scope) {
        let lane = scope.plan.lane(ix);
        let first = layer_at(lane, 0);
        self.layer = 0;
        self.number_try(ix, first, scope);
        match first {
            Layer::Dns | Layer::Tcp | Layer::Socket if is_resolved(lane) => {
                self.doing = Doing::Resolving;
                scope.out.push(Command::Resolve(ix));
            }
            Layer::Socket => {
                self.addresses = 1;
                self.begin_dialling(scope.plan.lane(ix), scope.now);
            }
            other => self.shake(ix, other, scope),
        }
    }

    fn number_try(&mut self, ix: LaneIx, layer: Layer, scope: &mut Scope) {
        self.tries = self.tries.saturating_add(1);
        self.dials = 0;
        scope.emit(Fact::TryStarted(scope.plan.lane(ix).step, Some(ix), self.tries));
        scope.emit(Fact::LayerStarted(ix, layer));
    }

    /// A try has dialled long enough without a connection: it is told as failed and the next one
    /// goes on with the dials that are in flight, so that a way that opens now is not missed. The
    /// name is resolved again meanwhile; an answer replaces the addresses, a failure does not.
    fn next_round(&mut self, ix: LaneIx, scope: &mut Scope, random: &mut SplitMix64) {
        let lane = scope.plan.lane(ix);
        let code = self.round.filter(|_| !self.is_onward(lane)).unwrap_or(Code::NoAnswer);
        if self.gives_up(ix, code, scope) {
            return self.fail(ix, code, None, scope, random);
        }
        self.note(code, scope.now);
        let layer = layer_at(lane, self.layer);
        scope.emit(Fact::LayerFinished(ix, layer, Passage::Failed, Some(code), self.dials.into()));
        scope.emit(Fact::TryFinished(lane.step, Some(ix), self.tries, Passage::Failed, Some(code)));
        self.number_try(ix, layer, scope);
        self.round = None;
        self.round_end = scope.now.after(ROUND);
        if is_resolved(lane) {
            scope.out.push(Command::Resolve(ix));
        }
    }

    fn begin_dialling(&mut self, lane: &Lane, now: Tick) {
        self.doing = Doing::Dialling;
        if !self.is_onward(lane) || self.address >= self.addresses {
            (self.round, self.address) = (None, 0);
        }
        self.wake = now;
        self.round_end = now.after(ROUND);
    }

    /// True while it dials the places behind one that was reached and is of no use: the round came
    /// out with something before it began.
    fn is_onward(&self, lane: &Lane) -> bool {
        has_several_places(lane) && self.round.is_some_and(|code| !is_dialled(code.layer()))
    }

    fn shake(&mut self, ix: LaneIx, layer: Layer, scope: &mut Scope) {
        self.doing = Doing::Shaking;
        scope.out.push(Command::Handshake(ix, layer, scope.plan.dialling.handshake));
    }

    pub(super) fn resolved(
        &mut self,
        ix: LaneIx,
        outcome: Result<u8, Code>,
        scope: &mut Scope,
        random: &mut SplitMix64,
    ) {
        if self.doing == Doing::Dialling {
            if let Ok(count @ 1..) = outcome {
                self.addresses = count;
                self.address %= count;
            }
            return;
        }
        if self.doing != Doing::Resolving {
            return;
        }
        let outcome = outcome.and_then(|count| if count == 0 { Err(Code::NameWithoutAddress) } else { Ok(count) });
        match outcome {
            Ok(count) => {
                self.addresses = count;
                if layer_at(scope.plan.lane(ix), 0) == Layer::Dns {
                    self.pass_layer(ix, scope);
                }
                if self.doing == Doing::Resolving {
                    self.begin_dialling(scope.plan.lane(ix), scope.now);
                }
            }
            // It is the resolver that is the witness.
            Err(code @ (Code::NameNotFound | Code::NameWithoutAddress)) if is_resolver(scope.plan.lane(ix)) => {
                self.pass_witness(ix, code, scope);
            }
            Err(code) => self.fail(ix, code, None, scope, random),
        }
    }

    fn dial(&mut self, ix: LaneIx, scope: &mut Scope) {
        let dialling = scope.plan.dialling;
        let free = (0..dialling.in_flight.clamp(1, 8)).find(|slot| self.in_flight & (1 << slot) == 0);
        let Some(slot) = free else {
            // All are in flight: the next one begins when one of them has come out.
            self.wake = Tick::NEVER;
            return;
        };
        self.last_dial = scope.now;
        self.in_flight |= 1 << slot;
        self.dials = self.dials.saturating_add(1);
        scope.out.push(Command::Dial(ix, Dial(slot), self.address, dialling.life));
        if !has_several_places(scope.plan.lane(ix)) {
            self.address = (self.address + 1) % self.addresses.max(1);
        }
        self.wake = scope.now.after(dialling.stagger);
    }

    pub(super) fn dialled(
        &mut self,
        ix: LaneIx,
        dial: Dial,
        outcome: Result<(), Code>,
        scope: &mut Scope,
        random: &mut SplitMix64,
    ) {
        let bit = 1u8.checked_shl(u32::from(dial.0)).unwrap_or(0);
        if self.doing != Doing::Dialling || self.in_flight & bit == 0 {
            return;
        }
        self.in_flight &= !bit;
        match outcome {
            Ok(()) => {
                self.cancel_dials(ix, scope);
                self.pass_layer(ix, scope);
            }
            Err(code) if scope.plan.lane(ix).witness && answered(code) => {
                self.cancel_dials(ix, scope);
                self.pass_witness(ix, code, scope);
            }
            Err(code) => self.dial_failed(ix, code, scope, random),
        }
    }

    fn dial_failed(&mut self, ix: LaneIx, code: Code, scope: &mut Scope, random: &mut SplitMix64) {
        if has_several_places(scope.plan.lane(ix)) {
            return self.next_place(ix, code, scope, random);
        }
        // What was an answer counts for more than silence.
        if code != Code::NoAnswer || self.round.is_none() {
            self.round = Some(code);
        }
        let answer = self.round.unwrap_or(code);
        if answer.row().pace != Pace::Quick || self.hopeless(ix, answer, scope) {
            if self.in_flight == 0 {
                return self.fail(ix, answer, None, scope, random);
            }
            // What is in flight to other addresses may still come through; nothing is added to it.
            self.wake = Tick::NEVER;
            return;
        }
        self.note(answer, scope.now);
        let soonest = match code {
            Code::NoAnswer => self.last_dial.after(scope.plan.dialling.stagger),
            _ => self.last_dial.after(pace::delay(Pace::Quick, 0, random)),
        };
        self.wake = self.wake.min(soonest);
    }

    /// One of several places cannot be reached: the next one is dialled, as libpq does, so that it is
    /// known which one a connection belongs to. That none can be reached is told as one place is.
    fn next_place(&mut self, ix: LaneIx, code: Code, scope: &mut Scope, random: &mut SplitMix64) {
        self.cancel_dials(ix, scope);
        self.address += 1;
        let onward = self.is_onward(scope.plan.lane(ix));
        if !onward {
            self.round = Some(self.round.map_or(code, |held| telling(held, code)));
        }
        if self.address >= self.addresses {
            self.address = 0;
            let answer = self.round.unwrap_or(code);
            if onward || self.hopeless(ix, answer, scope) {
                return self.fail(ix, if onward { code } else { answer }, None, scope, random);
            }
            self.note(answer, scope.now);
        }
        self.wake = scope.now.max(self.last_dial.after(pace::delay(Pace::Quick, 0, random)));
    }

    /// Remembers what was seen, and since when.
    fn note(&mut self, code: Code, now: Tick) {
        if self.code == Some(code) {
            return;
        }
        (self.code, self.since, self.strikes) = (Some(code), now, 0);
    }

    /// True when this answer, by now, will not become another by waiting.
    fn hopeless(&self, ix: LaneIx, code: Code, scope: &Scope) -> bool {
        let since = if self.code == Some(code) { self.since } else { scope.now };
        let propagation = scope.plan.step(scope.plan.lane(ix).step).propagation;
        code.class() == Class::Definite && scope.now.since(since) >= grace(code, propagation)
    }

    /// True when a try that came out so was the last.
    fn gives_up(&self, ix: LaneIx, code: Code, scope: &Scope) -> bool {
        let most = scope.plan.step(scope.plan.lane(ix).step).tries;
        most != 0 && self.tries >= most || self.hopeless(ix, code, scope)
    }

    fn pass_layer(&mut self, ix: LaneIx, scope: &mut Scope) {
        let lane = scope.plan.lane(ix);
        let passed = layer_at(lane, self.layer);
        scope.emit(Fact::LayerFinished(ix, passed, Passage::Passed, None, self.dials.into()));
        self.dials = 0;
        self.layer += 1;
        // Of several places some may be sockets and some ports: one connection is enough.
        while is_dialled(passed) && lane.layers.get(self.layer as usize).copied().is_some_and(is_dialled) {
            self.layer += 1;
        }
        if self.layer > self.deepest {
            self.deepest = self.layer;
            scope.progress = Some(lane.step);
        }
        let Some(&layer) = lane.layers.get(self.layer as usize) else {
            return self.pass_try(ix, scope);
        };
        scope.emit(Fact::LayerStarted(ix, layer));
        if !is_dialled(layer) {
            self.shake(ix, layer, scope);
        }
    }

    /// A witness has answered at the layer that is being tried, though not with a yes.
    fn pass_witness(&mut self, ix: LaneIx, code: Code, scope: &mut Scope) {
        let layer = layer_at(scope.plan.lane(ix), self.layer);
        scope.emit(Fact::LayerFinished(ix, layer, Passage::Passed, Some(code), self.dials.into()));
        self.pass_try(ix, scope);
    }

    fn pass_try(&mut self, ix: LaneIx, scope: &mut Scope) {
        let step = scope.plan.lane(ix).step;
        scope.out.push(Command::Close(ix));
        scope.emit(Fact::TryFinished(step, Some(ix), self.tries, Passage::Passed, None));
        self.doing = Doing::Passed;
    }

    pub(super) fn shaken(
        &mut self,
        ix: LaneIx,
        outcome: Result<(), Code>,
        wait: Option<Millis>,
        scope: &mut Scope,
        random: &mut SplitMix64,
    ) {
        if self.doing != Doing::Shaking {
            return;
        }
        match outcome {
            Ok(()) => self.pass_layer(ix, scope),
            Err(code) if scope.plan.lane(ix).witness && answered(code) => self.pass_witness(ix, code, scope),
            Err(code) => self.fail(ix, code, wait, scope, random),
        }
    }

    /// Ends a try that did not pass, and decides whether there is another.
    fn fail(&mut self, ix: LaneIx, code: Code, wait: Option<Millis>, scope: &mut Scope, random: &mut SplitMix64) {
        let reached = layer_at(scope.plan.lane(ix), self.layer);
        let deep = self.is_onward(scope.plan.lane(ix)) || self.doing == Doing::Shaking && is_of_connection(reached);
        self.strikes = if self.code == Some(code) { self.strikes.saturating_add(1) } else { 0 };
        self.note(code, scope.now);
        let connected = self.doing == Doing::Shaking;
        self.end_try(ix, Passage::Failed, code, scope);
        self.round = None;
        // As libpq: the next place is asked at once when this one does not serve or is of another kind.
        if connected && has_several_places(scope.plan.lane(ix)) && another_may_do(code) {
            self.address += 1;
            if self.address < self.addresses {
                (self.doing, self.round, self.wake) = (Doing::Resting, Some(code), scope.now);
                return;
            }
        }
        if self.gives_up(ix, code, scope) {
            self.doing = Doing::Failed;
            return;
        }
        self.doing = Doing::Resting;
        let pace = match code.row().pace {
            // Whatever it was called: a connection was accepted for it, which is work.
            Pace::Quick if deep => Pace::Deep,
            pace => pace,
        };
        let rest = pace::delay(pace, self.strikes, random);
        self.wake = scope.now.after(rest.max(wait.unwrap_or(Millis::ZERO)));
    }

    /// Emits the ends of the layer and of the try, and lets go of the connection.
    fn end_try(&mut self, ix: LaneIx, how: Passage, code: Code, scope: &mut Scope) {
        let lane = scope.plan.lane(ix);
        let layer = layer_at(lane, self.layer);
        self.cancel_dials(ix, scope);
        // Some refusals belong to another layer than the one that was being tried: slots that are
        // full before the password is looked at, TLS that is required by the greeting.
        if how == Passage::Failed && code.layer() != layer && is_of_connection(code.layer()) {
            scope.emit(Fact::LayerFinished(ix, layer, Passage::Skipped, None, self.dials.into()));
            scope.emit(Fact::LayerStarted(ix, code.layer()));
            scope.emit(Fact::LayerFinished(ix, code.layer(), how, Some(code), 0));
        } else {
            scope.emit(Fact::LayerFinished(ix, layer, how, Some(code), self.dials.into()));
        }
        scope.out.push(Command::Close(ix));
        scope.emit(Fact::TryFinished(lane.step, Some(ix), self.tries, how, Some(code)));
    }

    fn cancel_dials(&mut self, ix: LaneIx, scope: &mut Scope) {
        for slot in (0..8).filter(|slot| self.in_flight & (1 << slot) != 0) {
            scope.out.push(Command::CancelDial(ix, Dial(slot)));
        }
        self.in_flight = 0;
    }

    /// The last that was seen of it, for whoever has to say why its step ran out of time.
    pub(super) fn seen(&self, lane: &Lane) -> Option<Code> {
        let silence = Code::silent_at(layer_at(lane, self.layer));
        match self.doing {
            Doing::Passed => None,
            // A try that just began has not seen anything; the one before has.
            Doing::Dialling => self.round.or(self.code).or(Some(Code::NoAnswer)),
            Doing::Resolving | Doing::Shaking => self.code.or(Some(silence)),
            Doing::Resting | Doing::Failed => self.code,
        }
    }

    /// Its step is over: ends what is under way.
    pub(super) fn cancel(&mut self, ix: LaneIx, how: Passage, scope: &mut Scope) {
        match self.doing {
            Doing::Resolving | Doing::Dialling | Doing::Shaking => {
                let seen = self.seen(scope.plan.lane(ix)).unwrap_or(Code::Expired);
                let code = if how == Passage::Expired { seen } else { Code::Stopped };
                self.end_try(ix, how, code, scope);
                self.doing = Doing::Failed;
            }
            Doing::Resting => self.doing = Doing::Failed,
            Doing::Passed | Doing::Failed => {}
        }
    }
}

/// True for answers that prove the way there and back, though not the service. A proxy on the way
/// can accept, close and be silent too: that proves nothing.
fn answered(code: Code) -> bool {
    let silent = [Code::TlsClosed, Code::ClosedBeforeGreeting, Code::AcceptedSilent, Code::QuerySilent];
    let spoke = code.layer() >= Layer::Tls && is_of_connection(code.layer()) && !silent.contains(&code);
    spoke || matches!(code, Code::Refused | Code::ConnectReset)
}

/// True for layers that are passed by dialling.
fn is_dialled(layer: Layer) -> bool {
    matches!(layer, Layer::Socket | Layer::Tcp)
}

/// True where addresses come from resolving. A literal address is resolved too, and so are several
/// sockets: the driver then only hands over what they are.
fn is_resolved(lane: &Lane) -> bool {
    lane.layers.iter().any(|layer| matches!(layer, Layer::Dns | Layer::Tcp)) || has_several_places(lane)
}

/// True where the target lists several hosts or sockets, which are asked in order.
fn has_several_places(lane: &Lane) -> bool {
    matches!(&lane.target, Target::Postgres(postgres) if postgres.places.len() > 1)
}

/// What the next of several places is asked for once this one has accepted: it does not serve, or is
/// of another kind. Whoever refuses a password is believed.
fn another_may_do(code: Code) -> bool {
    code.layer() == Layer::Protocol || matches!(code, Code::ReadOnly | Code::NotAStandby)
}

/// Which of two places' answers tells more: anything more than silence, what may still come more than
/// what is closed for good.
fn telling(held: Code, code: Code) -> Code {
    match (held, code) {
        (held, Code::NoAnswer) => held,
        (Code::NoAnswer, code) => code,
        (held, code) if code.class() == Class::Definite && held.class() != Class::Definite => held,
        (_, code) => code,
    }
}

/// True for a witness that is a resolver.
fn is_resolver(lane: &Lane) -> bool {
    lane.witness && lane.layers.last() == Some(&Layer::Dns)
}

/// How long a definite answer is still asked again.
pub(super) fn grace(code: Code, propagation: Millis) -> Millis {
    let own = Millis(code.row().grace_ms);
    match code.layer() {
        Layer::Auth | Layer::Dns => own.max(propagation),
        _ => own,
    }
}

fn layer_at(lane: &Lane, index: u8) -> Layer {
    lane.layers.get(index as usize).copied().unwrap_or(Layer::Config)
}
