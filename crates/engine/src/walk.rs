//! One pass through all layers of a target, for people: every rung with its time.
//!
//! The run machine does this with retries, budgets and pacing; a walk asks once.

use crate::connection::Connection;
use crate::finding::{Failure, Note, Passed, Slots, Subject};
use crate::probe::{Address, Probe};
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::event::Passage;
use tminus_core::ladder::{Ladder, Rung};
use tminus_core::vocabulary::Layer;
use tokio::time::{Instant, timeout};

/// Most dials at once.
const IN_FLIGHT_MAX: usize = 8;

/// How long each part of a walk may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For resolving.
    pub resolve: Duration,
    /// For one dial.
    pub dial: Duration,
    /// Between dials while nothing answers.
    pub stagger: Duration,
    /// For all dials together.
    pub connect: Duration,
    /// For one layer of an accepted connection.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            resolve: Duration::from_secs(5),
            dial: Duration::from_secs(2),
            stagger: Duration::from_millis(250),
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
        }
    }
}

/// What a walk came out with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Every layer of the target, in order.
    pub ladder: Ladder,
    /// The slots of a database, when it showed them.
    pub slots: Option<Slots>,
    /// The other side's wish (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Walk {
    fn of(probe: &Probe) -> Walk {
        let target = probe.target();
        let ladder = Ladder::of(target.display(), target.component(), probe.layers());
        Walk { ladder, slots: None, retry_after: None }
    }

    /// What it failed with; none: all passed.
    pub fn code(&self) -> Option<Code> {
        self.ladder.stop().and_then(|rung| rung.code)
    }

    /// The value of the first note about `subject`, on whichever rung.
    pub fn note(&self, subject: Subject) -> Option<&str> {
        let mut notes = self.ladder.rungs.iter().flat_map(|rung| &rung.notes);
        notes.find(|(name, _)| name == subject.as_str()).map(|(_, value)| value.as_str())
    }

    /// The rung of a layer. One that the target does not have is put in its place: a refusal may
    /// belong to a layer that was not asked for.
    fn rung(&mut self, layer: Layer) -> &mut Rung {
        let rungs = &mut self.ladder.rungs;
        let at = rungs.iter().position(|rung| rung.layer >= layer).unwrap_or(rungs.len());
        if rungs.get(at).is_none_or(|rung| rung.layer != layer) {
            rungs.insert(at, Rung::skipped(layer));
        }
        &mut rungs[at]
    }

    fn passed(&mut self, layer: Layer, elapsed: Duration, passed: Passed) {
        if passed.slots.is_some() {
            self.slots = passed.slots;
        }
        let rung = self.rung(layer);
        rung.outcome = Passage::Passed;
        rung.elapsed_ns = Some(nanoseconds(elapsed));
        rung.notes.extend(pairs(passed.notes));
    }

    /// What was asked failed. A refusal that belongs deeper than it came proves that the server
    /// greeted, and nothing of the layers in between.
    fn failed(&mut self, asked: Layer, elapsed: Duration, failure: Failure) {
        let shown = failure.layer(asked);
        self.retry_after = failure.retry_after;
        if shown > asked && asked == Layer::Protocol {
            self.passed(asked, elapsed, Passed::default());
        }
        if shown < asked {
            *self.rung(asked) = Rung::skipped(asked);
        }
        let rung = self.rung(shown);
        rung.outcome = Passage::Failed;
        rung.elapsed_ns = Some(nanoseconds(elapsed));
        rung.code = Some(failure.code);
        rung.detail = Some(failure.detail).filter(|detail| !detail.is_empty());
        rung.notes.extend(pairs(failure.notes));
    }

    /// Forgets what came from one address, because the next is tried.
    fn again(&mut self, from: Layer) {
        for rung in self.ladder.rungs.iter_mut().filter(|rung| rung.layer >= from) {
            *rung = Rung::skipped(rung.layer);
        }
        self.retry_after = None;
    }
}

fn nanoseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn pairs(notes: Vec<Note>) -> impl Iterator<Item = (String, String)> {
    notes.into_iter().map(|note| (note.subject.as_str().to_owned(), note.value))
}

/// Goes through every layer once. Several hosts of a Postgres target are asked in order, as libpq
/// does: the next when one cannot be reached or is not of the kind that is asked for.
pub async fn walk(probe: &Probe, limits: &Limits) -> Walk {
    let mut walk = Walk::of(probe);
    let Some(&first) = probe.layers().first() else { return walk };
    if !matches!(first, Layer::Dns | Layer::Socket | Layer::Tcp) {
        climb(probe, limits, Connection::unconnected(), &mut walk).await;
        return walk;
    }
    let began = Instant::now();
    let resolved = timeout(limits.resolve, probe.resolve()).await;
    let silent = |_| Err(Failure::new(Code::ResolverSilent, format!("no answer within {:?}", limits.resolve)));
    let addresses = match resolved.unwrap_or_else(silent) {
        Ok(addresses) => addresses,
        Err(failure) => {
            walk.failed(Layer::Dns, began.elapsed(), failure);
            return walk;
        }
    };
    if probe.layers().contains(&Layer::Dns) {
        let elapsed = began.elapsed();
        let mut notes = addresses.notes.clone();
        // A person wants to know, but not to wait twice as long.
        notes.extend(timeout(limits.resolve, probe.compare(&addresses)).await.unwrap_or_default());
        walk.passed(Layer::Dns, elapsed, Passed { notes, slots: None });
    }
    if !probe.layers().iter().any(|layer| matches!(layer, Layer::Socket | Layer::Tcp)) {
        return walk;
    }
    for place in addresses.by_place() {
        walk.again(Layer::Socket);
        if reach(probe, limits, &place, &mut walk).await {
            break;
        }
    }
    walk
}

/// Dials the addresses of one place and goes on from there. False: the next place is to be tried.
async fn reach(probe: &Probe, limits: &Limits, addresses: &[Address], walk: &mut Walk) -> bool {
    let way = match addresses.first() {
        Some(Address::Unix(_)) => Layer::Socket,
        _ => Layer::Tcp,
    };
    let began = Instant::now();
    match dial_all(probe, limits, addresses).await {
        Ok(conn) => {
            let mut passed = Passed::default();
            if let Some(peer) = conn.peer() {
                passed.note(Subject::Peer, peer);
            }
            walk.passed(way, began.elapsed(), passed);
            climb(probe, limits, conn, walk).await;
            !walk.code().is_some_and(another_may_do)
        }
        Err(failure) => {
            walk.failed(way, began.elapsed(), failure);
            false
        }
    }
}

/// What libpq goes to the next host for: no connection, or a server of the wrong kind. Whoever
/// refuses a password is believed.
fn another_may_do(code: Code) -> bool {
    matches!(code.layer(), Layer::Socket | Layer::Tcp | Layer::Protocol)
        || matches!(code, Code::ReadOnly | Code::NotAStandby)
}

/// The layers of an accepted connection.
async fn climb(probe: &Probe, limits: &Limits, mut conn: Connection, walk: &mut Walk) {
    for layer in probe.layers().iter().copied().filter(|layer| *layer > Layer::Tcp) {
        let began = Instant::now();
        let outcome = timeout(limits.handshake, probe.handshake(&mut conn, layer)).await;
        let silent = |_| Err(Failure::new(Code::silent_at(layer), format!("no answer within {:?}", limits.handshake)));
        match outcome.unwrap_or_else(silent) {
            Ok(passed) => walk.passed(layer, began.elapsed(), passed),
            Err(failure) => return walk.failed(layer, began.elapsed(), failure),
        }
    }
    // Saying goodbye must not wait for somebody who does not listen.
    let _ = timeout(limits.stagger, conn.close()).await;
}

/// Dials until one address accepts: the next one as soon as one failed, or after the stagger while
/// nothing answers, so that dials overlap (RFC 8305); then all of them again.
async fn dial_all(probe: &Probe, limits: &Limits, addresses: &[Address]) -> Result<Connection, Failure> {
    let until = Instant::now() + limits.connect;
    let mut dials = tokio::task::JoinSet::new();
    let mut queue = addresses.iter().cycle();
    let mut begun = 0;
    let mut next = Instant::now();
    let mut last: Option<Failure> = None;
    loop {
        let room = dials.len() < IN_FLIGHT_MAX && (begun < addresses.len() || last.is_none());
        tokio::select! {
            () = tokio::time::sleep_until(next), if room => {
                let Some(address) = queue.next().cloned() else { break };
                let limit = limits.dial.min(until.saturating_duration_since(Instant::now()));
                begun += 1;
                next = Instant::now() + limits.stagger;
                dials.spawn(async move { (timeout(limit, crate::dial::dial(&address)).await, address) });
            }
            Some(Ok((outcome, address))) = dials.join_next() => match outcome {
                Ok(Ok(conn)) => return Ok(conn),
                Ok(Err(failure)) => {
                    last = Some(failure);
                    next = Instant::now();
                }
                Err(_) if last.is_none() && Instant::now() >= until => {
                    let detail = format!("{address}: no answer within {:?}", limits.connect);
                    last = Some(Failure::new(Code::NoAnswer, detail));
                }
                Err(_) => {}
            },
            () = tokio::time::sleep_until(until) => break,
        }
        if last.is_some() && begun >= addresses.len() && dials.is_empty() {
            break;
        }
    }
    let silent = || {
        let shown = addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
        Failure::new(Code::NoAnswer, format!("{shown}: no answer within {:?}", limits.connect))
    };
    Err(probe.of_dial(last.unwrap_or_else(silent)))
}
