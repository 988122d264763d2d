//! The lanes' probes and connections, kept between commands.

use super::pending::{Came, Key, Pending};
use crate::connection::Connection;
use crate::finding::{Failure, Note, Passed};
use crate::probe::{Address, Addresses, Probe};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::plan::{LaneIx, Plan};
use tminus_core::run::{Dial, Narrator};
use tminus_core::target::{Environment, Target};
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;

/// How long a name may take to resolve: what glibc gives one server (`resolv.conf`, `timeout:5`).
const RESOLVING: Duration = Duration::from_secs(5);
/// How long a connection is given to be closed politely.
const CLOSING: Duration = Duration::from_millis(500);

struct Lane {
    probe: Arc<Probe>,
    command: bool,
    transport: Layer,
    addresses: Vec<Address>,
    connection: Option<Box<Connection>>,
    last: Option<(Code, String)>,
}

/// What a layer came out with.
pub(super) struct Shaken {
    pub(super) outcome: Result<(), Code>,
    pub(super) wait: Option<Millis>,
    pub(super) notes: Vec<Note>,
}

/// All lanes of a start.
pub(super) struct Lanes(Vec<Lane>);

impl Lanes {
    pub(super) fn new(plan: &Plan, environment: &Environment) -> Lanes {
        let lane = |lane: &tminus_core::plan::Lane| Lane {
            probe: Arc::new(Probe::new(
                &lane.target,
                lane.layers.last().copied().unwrap_or(Layer::Config),
                environment,
            )),
            command: matches!(lane.target, Target::Command(_)),
            transport: if lane.layers.contains(&Layer::Socket) { Layer::Socket } else { Layer::Tcp },
            addresses: Vec::new(),
            connection: None,
            last: None,
        };
        Lanes(plan.lanes.iter().map(lane).collect())
    }

    fn lane(&mut self, ix: LaneIx) -> &mut Lane {
        &mut self.0[ix.0 as usize]
    }

    /// True for a command that is asked like a dependency.
    pub(super) fn is_command(&self, ix: LaneIx) -> bool {
        self.0[ix.0 as usize].command
    }

    /// The last failure of any of these lanes.
    pub(super) fn last(&self, lanes: Range<u16>) -> Option<(Code, String)> {
        lanes.filter_map(|ix| self.0[ix as usize].last.clone()).next()
    }

    pub(super) fn resolve(&mut self, ix: LaneIx, pending: &mut Pending) {
        let probe = Arc::clone(&self.lane(ix).probe);
        pending.begin(Key::Resolve(ix), async move {
            let silent =
                || Err(Failure::new(Code::ResolverSilent, format!("no answer within {} s", RESOLVING.as_secs())));
            Came::Resolved(tokio::time::timeout(RESOLVING, probe.resolve()).await.unwrap_or_else(|_| silent()))
        });
    }

    pub(super) fn resolved(
        &mut self,
        ix: LaneIx,
        outcome: Result<Addresses, Failure>,
        narrator: &mut Narrator,
    ) -> Result<u8, Code> {
        match outcome {
            Ok(addresses) => {
                let count = u8::try_from(addresses.list.len()).unwrap_or(u8::MAX);
                self.lane(ix).addresses = addresses.list;
                Ok(count)
            }
            Err(failure) => Err(self.failed(ix, failure, narrator)),
        }
    }

    pub(super) fn dial(&mut self, ix: LaneIx, dial: Dial, address: u8, limit: Duration, pending: &mut Pending) {
        let lane = self.lane(ix);
        let probe = Arc::clone(&lane.probe);
        let address = lane.addresses.get(address as usize).cloned();
        let transport = lane.transport;
        pending.begin(Key::Dial(ix, dial), async move {
            let dialling = async {
                match address {
                    Some(address) => probe.dial(&address).await,
                    // A socket has no name to resolve: its path is its address.
                    None => match probe.resolve().await?.list.first() {
                        Some(address) => probe.dial(address).await,
                        None => Err(Failure::new(Code::NameWithoutAddress, "")),
                    },
                }
            };
            let outcome = tokio::time::timeout(limit, dialling).await;
            let silent = || Err(Failure::new(Code::silent_at(transport), "no answer"));
            Came::Dialled(Box::new(outcome.unwrap_or_else(|_| silent())))
        });
    }

    pub(super) fn dialled(
        &mut self,
        ix: LaneIx,
        outcome: Result<Connection, Failure>,
        narrator: &mut Narrator,
    ) -> Result<(), Code> {
        match outcome {
            Ok(connection) => {
                let socket = matches!(connection.peer(), Some(Address::Unix(_)));
                narrator.with_way(ix, if socket { Layer::Socket } else { Layer::Tcp });
                self.lane(ix).connection = Some(Box::new(connection));
                Ok(())
            }
            Err(failure) => Err(self.failed(ix, failure, narrator)),
        }
    }

    pub(super) fn handshake(&mut self, ix: LaneIx, layer: Layer, limit: Duration, pending: &mut Pending) {
        let lane = self.lane(ix);
        let probe = Arc::clone(&lane.probe);
        let mut connection = lane.connection.take().unwrap_or_else(|| Box::new(Connection::unconnected()));
        pending.begin(Key::Shake(ix), async move {
            let shaking = probe.handshake(&mut connection, layer);
            let outcome = match tokio::time::timeout(limit, shaking).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    Err(Failure::new(Code::silent_at(layer), format!("no answer within {} ms", limit.as_millis())))
                }
            };
            Came::Shaken(connection, outcome)
        });
    }

    pub(super) fn shaken(
        &mut self,
        ix: LaneIx,
        connection: Box<Connection>,
        outcome: Result<Passed, Failure>,
        narrator: &mut Narrator,
    ) -> Shaken {
        self.lane(ix).connection = Some(connection);
        match outcome {
            Ok(passed) => Shaken { outcome: Ok(()), wait: None, notes: passed.notes },
            Err(mut failure) => {
                let wait = failure.retry_after.map(|wait| Millis(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)));
                let notes = std::mem::take(&mut failure.notes);
                Shaken { outcome: Err(self.failed(ix, failure, narrator)), wait, notes }
            }
        }
    }

    /// A command of a lane is over.
    pub(super) fn finished(
        &mut self,
        ix: LaneIx,
        outcome: Result<(), Failure>,
        narrator: &mut Narrator,
    ) -> Result<(), Code> {
        outcome.map_err(|failure| self.failed(ix, failure, narrator))
    }

    fn failed(&mut self, ix: LaneIx, failure: Failure, narrator: &mut Narrator) -> Code {
        narrator.with_detail(ix, failure.detail.clone());
        self.lane(ix).last = Some((failure.code, failure.detail));
        failure.code
    }

    /// Forgets what the lane is doing; an open connection is closed politely.
    pub(super) fn close(&mut self, ix: LaneIx, pending: &mut Pending) {
        pending.forget(Key::Resolve(ix));
        pending.forget(Key::Shake(ix));
        pending.forget_dials(ix);
        let lane = self.lane(ix);
        if let Some(connection) = lane.connection.take() {
            pending.let_go(async move {
                // A server that does not answer a farewell is left without one.
                let _ = tokio::time::timeout(CLOSING, connection.close()).await;
            });
        }
    }
}
