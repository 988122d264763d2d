//! What a probe asks: a dependency's address, parsed once from what the service was given.
//!
//! It parses and never dials, resolves or reads the environment (the caller hands over a map). Every
//! mistake in a value is a [`BadTarget`] with a code of layer `config` and the place in the value.
//! Where to start reading: [`Target::parse`], then the module of a scheme.

use crate::code::Code;
use crate::secret::Secret;
use crate::vocabulary::Layer;
use std::collections::BTreeMap;
use std::net::IpAddr;

pub mod discover;
mod display;
mod http;
mod parse;
mod postgres;
mod redis;
mod sets;
#[cfg(test)]
mod tests;
mod text;
mod url;

pub use discover::{DISCOVERED_DEEPEST, Discovered, discover};

/// Longest path of a unix socket, in bytes, without the closing zero (`sun_path` of unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Postgres server, a pooler or a Cloud SQL socket.
    Postgres(Postgres),
    /// A Redis server.
    Redis(Redis),
    /// An HTTP endpoint, with what it should answer.
    Http(Http),
    /// A TCP port.
    Tcp(Host),
    /// A unix socket that only has to accept.
    Unix(String),
    /// A name that has to resolve.
    Dns(String),
    /// A file that has to be there and readable.
    File(String),
    /// A command that has to end with 0.
    Command(Vec<String>),
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// Name or literal address, without brackets.
    pub name: String,
    /// Port.
    pub port: u16,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On TCP.
    Tcp(Host),
    /// On a unix socket: the full path of the socket itself.
    Unix(String),
}

/// A Postgres server as libpq would be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Where it listens; several hosts are tried in order.
    pub places: Vec<Place>,
    /// `hostaddr`: the address to dial instead of the name at the same position. Empty: none.
    pub addresses: Vec<Option<IpAddr>>,
    /// User; none: asked no deeper than the protocol layer.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Database.
    pub database: Option<String>,
    /// `sslmode`.
    pub ssl_mode: SslMode,
    /// `sslrootcert`: a file, or `system`.
    pub ssl_root_cert: Option<String>,
    /// `sslcert` and `sslkey`.
    pub ssl_client: Option<(String, String)>,
    /// `sslnegotiation=direct`.
    pub ssl_direct: bool,
    /// `target_session_attrs`.
    pub session: SessionAttrs,
    /// Tables that must exist (`schema.table` or `table`).
    pub tables: Vec<String>,
    /// Table of applied migrations and the revision that must stand in it.
    pub revision: Option<Revision>,
}

/// The revision that a schema must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Table that holds it (`alembic_version`, `schema_migrations`).
    pub table: String,
    /// Column.
    pub column: String,
    /// Value.
    pub is: String,
}

crate::vocabulary::words! {
    /// libpq's `sslmode`.
    SslMode {
        /// Never TLS.
        Disable = "disable",
        /// Plain first, TLS if the server insists.
        Allow = "allow",
        /// TLS first, plain if the server has none. libpq's default.
        Prefer = "prefer",
        /// TLS, whoever the server is.
        Require = "require",
        /// TLS, and the chain must be trusted.
        VerifyCa = "verify-ca",
        /// TLS, and the name must match too.
        VerifyFull = "verify-full",
    }
}

crate::vocabulary::words! {
    /// libpq's `target_session_attrs`.
    SessionAttrs {
        /// Any server.
        Any = "any",
        /// One that takes writes.
        ReadWrite = "read-write",
        /// One that does not.
        ReadOnly = "read-only",
        /// Not in recovery.
        Primary = "primary",
        /// In recovery.
        Standby = "standby",
        /// In recovery if there is one, else any.
        PreferStandby = "prefer-standby",
    }
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it listens.
    pub place: Place,
    /// `rediss://`.
    pub tls: bool,
    /// True when the certificate is not to be checked (`ssl_cert_reqs=none`).
    pub unverified: bool,
    /// File of trusted issuers; none: the machine's.
    pub root_cert: Option<String>,
    /// User of an ACL.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Database number.
    pub database: u32,
    /// True when it must take writes.
    pub writes: bool,
}

/// An HTTP request and what must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// `https`/`wss`.
    pub tls: bool,
    /// Where it listens.
    pub place: Place,
    /// Value of the `Host` header.
    pub host: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Headers to send; values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// File of trusted issuers; none: the machine's.
    pub root_cert: Option<String>,
    /// What must come back.
    pub expect: Expect,
}

/// What an endpoint must answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// Statuses that are good; empty: 200 to 299.
    pub status: Vec<u16>,
    /// JSON pointers and the values that must stand there.
    pub json: Vec<(String, serde_json::Value)>,
    /// WebSocket: none unless a handshake is asked for.
    pub websocket: Option<Echo>,
}

/// A WebSocket exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// Text to send after the handshake; none: the handshake is enough.
    pub send: Option<String>,
    /// Text that the answer must contain.
    pub expect: Option<String>,
}

/// A value that is not a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BadTarget {
    /// Which code of layer `config`.
    pub code: Code,
    /// What is wrong, without any part of the value that could be a secret.
    pub what: String,
    /// Byte range of the mistake in the value, when one place is at fault.
    pub span: Option<(usize, usize)>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Environment handed over by the caller; libpq's `PG*` variables fill what a URL leaves open.
pub type Environment = BTreeMap<String, String>;

/// An empty host; the mistake of an address whose host came from an empty variable.
fn no_host(at: usize) -> BadTarget {
    BadTarget {
        code: Code::ValueMalformed,
        what: "the host is empty".to_owned(),
        span: Some((at, at)),
        hint: Some("the variable that it was made of is probably not set".to_owned()),
    }
}

impl Target {
    /// The target as text that is safe to show: without passwords and headers.
    pub fn display(&self) -> String {
        match self {
            Target::Postgres(postgres) => postgres::display(postgres),
            Target::Redis(redis) => redis::display(redis),
            Target::Http(http) => http::display(http),
            Target::Tcp(host) => format!("tcp://{}", display::host(host)),
            Target::Unix(path) => display::path("unix", path),
            Target::Dns(name) => format!("dns:{}", text::encode(name, "")),
            Target::File(path) => display::path("file", path),
            Target::Command(words) => words.first().cloned().unwrap_or_default(),
        }
    }

    /// What kind of dependency it is, as `knowledge/components.toml` calls it.
    pub fn component(&self) -> &'static str {
        match self {
            Target::Postgres(_) => "postgres",
            Target::Redis(_) => "redis",
            Target::Http(_) => "http",
            Target::Tcp(_) => "tcp",
            Target::Unix(_) => "socket",
            Target::Dns(_) => "dns",
            Target::File(_) => "file",
            Target::Command(_) => "command",
        }
    }

    /// How deep it is asked when nobody says otherwise: as deep as the program would go with what
    /// it was given, and no deeper.
    pub fn deepest(&self) -> Layer {
        match self {
            Target::Postgres(postgres) if postgres.user.is_none() => Layer::Protocol,
            Target::Postgres(postgres) if postgres.tables.is_empty() && postgres.revision.is_none() => Layer::Query,
            Target::Postgres(_) => Layer::Schema,
            Target::Redis(_) | Target::Http(_) => Layer::Query,
            Target::Tcp(_) => Layer::Tcp,
            Target::Unix(_) => Layer::Socket,
            Target::Dns(_) => Layer::Dns,
            Target::File(_) => Layer::Resource,
            Target::Command(_) => Layer::Process,
        }
    }

    /// The layers that it passes through on the way to `deepest`, in order; `config` is passed by
    /// parsing. A literal address has no `dns`.
    pub fn layers(&self, deepest: Layer) -> Vec<Layer> {
        let mut layers = match self {
            Target::Postgres(postgres) => {
                let places: Vec<&Place> = postgres.places.iter().collect();
                let tls = postgres.ssl_mode > SslMode::Allow;
                let mut layers = ways(&places, tls);
                layers.extend([Layer::Protocol, Layer::Auth, Layer::Slot, Layer::Query]);
                if !postgres.tables.is_empty() || postgres.revision.is_some() {
                    layers.push(Layer::Schema);
                }
                layers
            }
            Target::Redis(redis) => {
                let mut layers = ways(&[&redis.place], redis.tls);
                layers.extend([Layer::Protocol, Layer::Auth, Layer::Query]);
                layers
            }
            Target::Http(http) => {
                let mut layers = ways(&[&http.place], http.tls);
                layers.extend([Layer::Protocol, Layer::Auth, Layer::Query]);
                layers
            }
            Target::Tcp(host) => ways(&[&Place::Tcp(host.clone())], false),
            Target::Unix(_) => vec![Layer::Socket],
            Target::Dns(_) => vec![Layer::Dns],
            Target::File(_) => vec![Layer::Resource],
            Target::Command(_) => vec![Layer::Process],
        };
        layers.retain(|layer| *layer <= deepest);
        layers
    }

    /// Every secret that it holds, for a [`Redactor`](crate::redact::Redactor) to know by heart.
    pub fn secrets(&self) -> Vec<String> {
        let secret = |secret: &Option<Secret>| secret.iter().map(|s| s.reveal().to_owned()).collect::<Vec<_>>();
        match self {
            Target::Postgres(postgres) => secret(&postgres.password),
            Target::Redis(redis) => secret(&redis.password),
            Target::Http(http) => http.headers.iter().map(|(_, value)| value.reveal().to_owned()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The layers below a protocol.
fn ways(places: &[&Place], tls: bool) -> Vec<Layer> {
    let named = |place: &&&Place| matches!(place, Place::Tcp(host) if host.name.parse::<IpAddr>().is_err());
    let tcp = places.iter().any(|place| matches!(place, Place::Tcp(_)));
    // A list of both kinds counts as one of hosts; a connection has one way only.
    let unix = !tcp && places.iter().any(|place| matches!(place, Place::Unix(_)));
    let name = places.iter().any(|place| named(&place));
    let each = [(name, Layer::Dns), (unix, Layer::Socket), (tcp, Layer::Tcp), (tcp && tls, Layer::Tls)];
    each.into_iter().filter(|(there, _)| *there).map(|(_, layer)| layer).collect()
}

impl Place {
    /// `host:port`, or the path of the socket.
    pub fn display(&self) -> String {
        display::place(self)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.display())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.display())
    }
}
