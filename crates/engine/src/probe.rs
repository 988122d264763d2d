//! One dependency, asked step by step: resolve, dial, then one layer after another.
//!
//! The caller (a driver, [`crate::walk()`], a test) decides what comes next, limits every step and
//! cancels it by dropping its future. A probe keeps no connection: the caller does.

use crate::connection::Connection;
use crate::finding::{Failure, Note, Passed, Subject};
use crate::resolve::Resolver;
use crate::trust::Places;
use crate::{dial, file, http, postgres, redis};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tminus_core::code::Code;
use tminus_core::redact::Redactor;
use tminus_core::target::{Environment, Host, Place, Target};
use tminus_core::vocabulary::Layer;

/// Where one dial goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// An address and a port, and the host that it stands for: what a certificate must be for.
    Tcp {
        /// Where to connect.
        socket: SocketAddr,
        /// The host as the target names it.
        host: Arc<str>,
    },
    /// The path of a unix socket.
    Unix(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { socket, .. } => write!(f, "{socket}"),
            Address::Unix(path) => f.write_str(path),
        }
    }
}

/// Addresses in the order in which they are to be dialled, and what was seen on the way to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// At most [`ADDRESSES_MAX`].
    pub list: Vec<Address>,
    /// Which place of the target each address belongs to, counted from 0; several only when a
    /// Postgres target lists several hosts.
    pub places: Vec<usize>,
    /// What else was seen.
    pub notes: Vec<Note>,
}

impl Addresses {
    /// The addresses of each place, in the order of the places.
    pub fn by_place(&self) -> Vec<Vec<Address>> {
        let mut by_place: Vec<Vec<Address>> = Vec::new();
        let mut last = None;
        for (address, place) in self.list.iter().zip(&self.places) {
            if last != Some(place) {
                by_place.push(Vec::new());
                last = Some(place);
            }
            by_place.last_mut().expect("pushed above").push(address.clone());
        }
        by_place
    }
}

/// Most addresses of a target that are dialled.
pub const ADDRESSES_MAX: usize = 32;

/// What protocols need beside the target.
#[derive(Debug)]
pub(crate) struct Context {
    pub deepest: Layer,
    pub places: Places,
}

impl Context {
    /// The name that the certificate of this connection must be for.
    pub(crate) fn name_of(&self, conn: &Connection) -> String {
        match &conn.peer {
            Some(Address::Tcp { host, .. }) => host.to_string(),
            _ => String::new(),
        }
    }
}

/// One dependency and everything that is needed to ask it.
#[derive(Debug)]
pub struct Probe {
    target: Target,
    layers: Vec<Layer>,
    context: Context,
    resolver: Resolver,
    redactor: Redactor,
}

impl Probe {
    /// A probe of `target` down to `deepest` and no deeper. The environment stands in for the
    /// process': names of trust files, libpq's own files.
    pub fn new(target: &Target, deepest: Layer, environment: &Environment) -> Probe {
        let context = Context { deepest, places: Places::of(environment) };
        Probe {
            target: target.clone(),
            layers: target.layers(deepest),
            context,
            resolver: Resolver::new(environment),
            redactor: Redactor::new(target.secrets()),
        }
    }

    /// Asks these resolvers for names, without a search list, instead of those that the machine is
    /// configured to ask. The hosts file still comes first.
    pub fn with_resolvers(mut self, servers: Vec<SocketAddr>) -> Probe {
        self.resolver.ask_only(servers);
        self
    }

    /// What is asked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The layers that it passes through, in order, down to the deepest. `config` was passed by
    /// parsing.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layer behind `layer`; none: that was the deepest.
    pub fn next(&self, layer: Layer) -> Option<Layer> {
        self.layers.iter().copied().find(|next| *next > layer)
    }

    /// The addresses to dial. Literal addresses and sockets need no resolver. The caller limits it.
    ///
    /// # Errors
    /// A code of layer `dns`.
    pub async fn resolve(&self) -> Result<Addresses, Failure> {
        let mut addresses = Addresses::default();
        let mut failed = None;
        let hostaddrs: &[Option<IpAddr>] = match &self.target {
            Target::Postgres(postgres) => &postgres.addresses,
            _ => &[],
        };
        for (index, place) in places(&self.target).into_iter().enumerate() {
            let found = match place {
                Place::Unix(path) => Ok(vec![Address::Unix(path)]),
                Place::Tcp(Host { name, port }) => match hostaddrs.get(index).copied().flatten() {
                    Some(ip) => Ok(vec![Address::Tcp { socket: SocketAddr::new(ip, port), host: name.into() }]),
                    None => self.resolver.addresses(&name, &mut addresses.notes).await.map(|ips| {
                        let host: Arc<str> = name.into();
                        let address = |ip| Address::Tcp { socket: SocketAddr::new(ip, port), host: host.clone() };
                        ips.into_iter().map(address).collect()
                    }),
                },
            };
            match found {
                Ok(found) => {
                    let room = ADDRESSES_MAX - addresses.list.len();
                    for address in found.into_iter().take(room) {
                        addresses.places.push(index);
                        addresses.list.push(address);
                    }
                }
                Err(failure) => failed = Some(failure),
            }
        }
        match (addresses.list.is_empty(), failed) {
            (true, Some(failure)) => Err(failure.cleaned(&self.redactor)),
            _ => {
                let shown: Vec<String> = addresses
                    .list
                    .iter()
                    .map(|address| match address {
                        Address::Tcp { socket, .. } => socket.ip().to_string(),
                        Address::Unix(path) => path.clone(),
                    })
                    .collect();
                addresses.notes.insert(0, Note::new(Subject::Addresses, shown.join(", ")));
                Ok(addresses)
            }
        }
    }

    /// What the system library (getaddrinfo) says about the target's names, where it differs from
    /// `addresses`. It waits in a thread of its own, which cannot be cancelled: for one look by a
    /// person, not for a start.
    pub async fn compare(&self, addresses: &Addresses) -> Vec<Note> {
        let mut notes = Vec::new();
        for (index, place) in places(&self.target).into_iter().enumerate() {
            let Place::Tcp(host) = place else { continue };
            if host.name.parse::<IpAddr>().is_ok() {
                continue;
            }
            let of_place = addresses.list.iter().zip(&addresses.places).filter(|(_, place)| **place == index);
            let ours: Vec<IpAddr> = of_place
                .filter_map(|(address, _)| match address {
                    Address::Tcp { socket, .. } => Some(socket.ip()),
                    Address::Unix(_) => None,
                })
                .collect();
            notes.extend(self.resolver.compare(&host.name, &ours).await);
        }
        notes
    }

    /// A failure of a dial, as this target sees it. Only a connection that was established can be
    /// reset (before that a reset is a refusal): whoever expects a greeting was hung up on.
    pub(crate) fn of_dial(&self, failure: Failure) -> Failure {
        let greets = !matches!(self.target, Target::Tcp(_) | Target::Unix(_) | Target::Dns(_));
        let code = match failure.code {
            Code::ConnectReset if greets => Code::ClosedBeforeGreeting,
            code => code,
        };
        Failure { code, ..failure }.cleaned(&self.redactor)
    }

    /// Dials once. The caller limits it and cancels it by dropping the future.
    ///
    /// # Errors
    /// A code of layer `tcp` or `socket`.
    pub async fn dial(&self, address: &Address) -> Result<Connection, Failure> {
        dial::dial(address).await.map_err(|failure| self.of_dial(failure))
    }

    /// Takes the connection through one layer. The caller limits it; after a failure, or when the
    /// future was dropped, the connection is of no further use.
    ///
    /// # Errors
    /// What was seen. The code's layer may be another one than `layer`: some refusals come early.
    pub async fn handshake(&self, conn: &mut Connection, layer: Layer) -> Result<Passed, Failure> {
        let outcome = match &self.target {
            Target::Postgres(target) => postgres::handshake(target, &self.context, conn, layer).await,
            Target::Redis(target) => redis::handshake(target, &self.context, conn, layer).await,
            Target::Http(target) => http::handshake(target, &self.context, conn, layer).await,
            Target::File(path) => file::look(path).await,
            Target::Command(_) => {
                Err(Failure::new(Code::Internal, "a command is run by whoever supervises children, not probed"))
            }
            // What has no protocol has passed with its dial.
            Target::Tcp(_) | Target::Unix(_) | Target::Dns(_) => Ok(Passed::default()),
        };
        match outcome {
            Ok(passed) => Ok(passed.cleaned(&self.redactor)),
            Err(failure) => Err(failure.cleaned(&self.redactor)),
        }
    }
}

/// Every place where the target may listen.
pub(crate) fn places(target: &Target) -> Vec<Place> {
    match target {
        Target::Postgres(postgres) => postgres.places.clone(),
        Target::Redis(redis) => vec![redis.place.clone()],
        Target::Http(http) => vec![http.place.clone()],
        Target::Tcp(host) => vec![Place::Tcp(host.clone())],
        Target::Unix(path) => vec![Place::Unix(path.clone())],
        // The port is never dialled.
        Target::Dns(name) => vec![Place::Tcp(Host { name: name.clone(), port: 0 })],
        Target::File(_) | Target::Command(_) => Vec::new(),
    }
}
