//! What a code means as a cause: one row per code, by the kind of target that gave it.
//!
//! Data only. A row without a cause is deliberate: what it shows is no cause by itself, or none that
//! the catalogue has; `needed` then says what would decide. The codes' own meaning (layer, class,
//! owner) stays in [`tminus_core::code::TABLE`].

use super::Way;
use super::kind::Sort;
use tminus_core::code::Code;

/// How much a measured code proves of its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proves {
    /// It says precisely this.
    Precisely,
    /// It is what this usually looks like.
    Usually,
    /// Neighbouring causes give the same.
    Perhaps,
}

impl Proves {
    /// The sentence and the term.
    pub(crate) const fn term(self) -> (&'static str, f64) {
        match self {
            Proves::Precisely => ("the code says precisely this", 1.5),
            Proves::Usually => ("the code is usual for this", 0.6),
            Proves::Perhaps => ("neighbouring causes give the same code", -1.3),
        }
    }
}

/// Of which targets a row speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// Any.
    Any,
    /// A server of this sort.
    Sort(Sort),
    /// Through a unix socket.
    Socket,
    /// A socket that a proxy provides (Cloud SQL).
    Proxy,
    /// On TCP.
    Tcp,
}

impl On {
    fn fits(self, way: Option<&Way>) -> bool {
        let kind = way.map(|way| &way.kind);
        match self {
            On::Any => true,
            On::Sort(sort) => kind.is_some_and(|kind| kind.sort == sort),
            On::Socket => kind.is_some_and(|kind| kind.socket),
            On::Proxy => kind.is_some_and(|kind| kind.socket && kind.place.contains("/cloudsql/")),
            On::Tcp => kind.is_some_and(|kind| !kind.socket && kind.place.contains(':')),
        }
    }
}

/// One reading of a code.
pub(crate) type Meaning = (On, &'static str, Proves);

/// The readings of `code` on this way, the first that fits.
pub(crate) fn meaning(code: Code, way: Option<&Way>) -> Option<&'static Meaning> {
    let (_, meanings) = TABLE.iter().find(|(known, _)| *known == code)?;
    meanings.iter().find(|(on, ..)| on.fits(way))
}

/// What a code about the program's own endpoint means: it is not up, or it answers otherwise.
pub(crate) const fn own_endpoint(code: Code) -> Option<(&'static str, Proves)> {
    match code {
        Code::HttpStatus
        | Code::BodyMismatch
        | Code::EchoMismatch
        | Code::HttpNotUpgraded
        | Code::HttpUnauthorized
        | Code::HttpError
        | Code::HttpTooMany
        | Code::HttpUnavailable
        | Code::OtherProtocol => Some(("unexpected_answer", Proves::Precisely)),
        Code::Refused
        | Code::NoAnswer
        | Code::SocketMissing
        | Code::SocketStale
        | Code::AcceptedSilent
        | Code::ClosedBeforeGreeting
        | Code::ConnectReset
        | Code::QuerySilent
        | Code::BacklogFull => Some(("startup_hang", Proves::Perhaps)),
        _ => None,
    }
}

use On::{Any, Proxy, Socket, Tcp};
use Proves::{Perhaps, Precisely, Usually};
const PG: On = On::Sort(Sort::Postgres);
const REDIS: On = On::Sort(Sort::Redis);
const HTTP: On = On::Sort(Sort::Http);
const BROKER: On = On::Sort(Sort::Broker);
const FILE: On = On::Sort(Sort::File);

/// One row per code, in the order of the codes.
pub(crate) const TABLE: &[(Code, &[Meaning])] = &[
    // ---- config
    (Code::ValueMissing, &[(Any, "missing_env", Precisely)]),
    (Code::ValueEmpty, &[(Any, "missing_env", Precisely)]),
    (Code::ValueMalformed, &[(Any, "invalid_env_value", Precisely)]),
    (Code::WhitespaceInValue, &[(Any, "whitespace_in_value", Precisely)]),
    (Code::SocketPathTooLong, &[(Any, "wrong_socket_path", Precisely)]),
    // ---- dns
    (Code::NameNotFound, &[(Any, "dns_nxdomain", Precisely)]),
    (Code::NameWithoutAddress, &[(Any, "dns_nxdomain", Usually)]),
    (Code::ResolverFailed, &[(Any, "dns_temporary_failure", Precisely)]),
    (Code::ResolverSilent, &[(Any, "dns_timeout", Precisely)]),
    // ---- socket: a path that nothing provides and a provider that is late look alike
    (Code::SocketMissing, &[(Any, "wrong_socket_path", Perhaps)]),
    (Code::SocketNotASocket, &[(Any, "wrong_socket_path", Precisely)]),
    (Code::SocketDenied, &[(Any, "permission_denied", Precisely)]),
    (
        Code::SocketStale,
        &[
            (Proxy, "sidecar_not_ready", Usually),
            (PG, "db_connection_refused", Usually),
            (REDIS, "redis_connection_refused", Usually),
            (Any, "sidecar_not_ready", Perhaps),
        ],
    ),
    // A full backlog: the listener is slow, hung or flooded. Which of these it does not say.
    (Code::BacklogFull, &[]),
    // ---- tcp
    (
        Code::Refused,
        &[
            (PG, "db_connection_refused", Precisely),
            (REDIS, "redis_connection_refused", Precisely),
            (BROKER, "broker_down", Precisely),
            // Whose it is, only its port tells: something that this service needs is not up.
            (Any, "upstream_503", Usually),
        ],
    ),
    (Code::NoAnswer, &[(Any, "connect_timeout", Precisely)]),
    (Code::NoRoute, &[(Any, "no_route_to_host", Precisely)]),
    (Code::ConnectReset, &[(Any, "connection_reset", Precisely)]),
    // Forbidden by this machine (a firewall's rule, a sandbox): the catalogue has no such cause.
    (Code::ConnectForbidden, &[]),
    // Local ports run out by what other connections do: the start did not cause it.
    (Code::NoLocalPort, &[]),
    (Code::NoDescriptor, &[(Any, "fd_limit", Precisely)]),
    // ---- tls
    (Code::TlsNotOffered, &[(Any, "tls_mode_mismatch", Precisely)]),
    (Code::TlsRequired, &[(Any, "tls_mode_mismatch", Precisely)]),
    (Code::TlsNameMismatch, &[(Any, "tls_hostname_mismatch", Precisely)]),
    (Code::TlsExpired, &[(Any, "tls_expired", Precisely)]),
    (Code::TlsNotYetValid, &[(Any, "tls_not_yet_valid", Precisely)]),
    (Code::ClockSkew, &[(Any, "clock_skew", Precisely)]),
    (Code::TlsUnknownIssuer, &[(Any, "tls_unknown_ca", Precisely)]),
    (Code::TlsCertificateInvalid, &[(Any, "tls_verify_failed", Precisely)]),
    (Code::TlsVersionMismatch, &[(Any, "tls_version_mismatch", Precisely)]),
    (Code::TlsClientCertificate, &[(Any, "auth_required", Usually)]),
    (Code::TlsClosed, &[(Any, "connection_reset", Perhaps)]),
    (Code::TlsNotTls, &[(Any, "tls_mode_mismatch", Usually)]),
    // Our own TLS is the limit: nothing is known of the other side.
    (Code::TlsUnjudged, &[]),
    // ---- protocol
    (
        Code::ClosedBeforeGreeting,
        &[
            (Socket, "proxy_closed_handshake", Precisely),
            (HTTP, "server_closed_connection", Perhaps),
            (Tcp, "proxy_closed_handshake", Usually),
            (Any, "proxy_closed_handshake", Usually),
        ],
    ),
    (Code::AcceptedSilent, &[(HTTP, "upstream_timeout", Usually), (Any, "connect_timeout", Usually)]),
    (Code::StartingUp, &[(Any, "db_starting_up", Precisely)]),
    (Code::ShuttingDown, &[(Any, "db_shutting_down", Precisely)]),
    (Code::Recovering, &[(Any, "db_in_recovery", Precisely)]),
    (Code::NotAccepting, &[(Any, "db_not_accepting_connections", Precisely)]),
    // The server's words decide, if a rule knows them.
    (Code::ServerRefused, &[]),
    (Code::Loading, &[(Any, "redis_loading", Precisely)]),
    (Code::MasterDown, &[(Any, "no_primary", Usually)]),
    (Code::BackendDown, &[(Any, "db_down_behind_pooler", Precisely)]),
    (Code::OtherProtocol, &[(Any, "wrong_host", Usually)]),
    (Code::HostBlocked, &[(Any, "host_blocked", Precisely)]),
    (Code::HttpUnavailable, &[(Any, "upstream_503", Precisely)]),
    (Code::HttpError, &[(Any, "upstream_error", Precisely)]),
    (Code::HttpTooMany, &[(Any, "rate_limited", Precisely)]),
    (Code::HttpNotUpgraded, &[(Any, "upstream_error", Usually)]),
    // ---- auth
    (Code::PasswordRejected, &[(Any, "auth_failed", Precisely)]),
    (Code::PasswordMissing, &[(PG, "missing_password", Precisely), (Any, "auth_required", Precisely)]),
    (Code::RoleMissing, &[(Any, "auth_failed", Precisely)]),
    (Code::HostNotPermitted, &[(Any, "auth_failed", Usually)]),
    (Code::DatabaseMissing, &[(Any, "database_does_not_exist", Precisely)]),
    (Code::PermissionDenied, &[(PG, "db_permission_denied", Precisely), (Any, "auth_failed", Usually)]),
    // Our own client is the limit.
    (Code::AuthUnjudged, &[]),
    (Code::HttpUnauthorized, &[(Any, "auth_failed", Usually)]),
    (Code::ClosedAfterGreeting, &[(Any, "server_closed_connection", Usually)]),
    // ---- slot
    (Code::SlotsFull, &[(Any, "too_many_connections", Precisely)]),
    (Code::SlotsReserved, &[(Any, "too_many_connections", Precisely)]),
    (Code::RoleLimit, &[(Any, "role_connection_limit", Precisely)]),
    (Code::DatabaseLimit, &[(Any, "database_connection_limit", Precisely)]),
    (Code::PoolerClientsFull, &[(Any, "pgbouncer_max_client_conn", Precisely)]),
    // A pooler says the same when its database is gone.
    (Code::PoolerWaited, &[(Any, "query_wait_timeout", Perhaps)]),
    (Code::ClientsFull, &[(REDIS, "redis_max_clients", Precisely), (Any, "too_many_connections", Usually)]),
    // ---- query
    (Code::ReadOnly, &[(REDIS, "read_only_replica", Precisely), (Any, "read_only_database", Precisely)]),
    (Code::NotAStandby, &[(Any, "wrong_host", Perhaps)]),
    (Code::ClusterDown, &[(Any, "no_primary", Usually)]),
    // The server's words decide, if a rule knows them.
    (Code::QueryFailed, &[]),
    // Silent after it had let us in: a lock, a load, a pooler. Which of these it does not say.
    (Code::QuerySilent, &[]),
    (Code::HttpStatus, &[(Any, "upstream_error", Usually)]),
    (Code::BodyMismatch, &[(Any, "upstream_error", Usually)]),
    (Code::EchoMismatch, &[(Any, "upstream_error", Usually)]),
    // ---- schema
    (Code::TableMissing, &[(Any, "missing_table", Precisely)]),
    (Code::SchemaBehind, &[(Any, "missing_table", Usually)]),
    // ---- migration
    (Code::LeaseHeld, &[(Any, "lock_timeout", Usually)]),
    // Lost to somebody else, or not renewed in time: its holder or the database. It does not say.
    (Code::LeaseLost, &[]),
    // ---- files and commands
    (Code::FileMissing, &[(FILE, "missing_mount", Usually), (Any, "missing_mount", Usually)]),
    (Code::FileDenied, &[(Any, "permission_denied", Precisely)]),
    (Code::FileEmpty, &[(Any, "missing_mount", Perhaps)]),
    (Code::CommandNotFound, &[(Any, "command_not_found", Precisely)]),
    (Code::CommandNotExecutable, &[(Any, "permission_denied", Usually)]),
    // What it printed decides, if a rule knows it.
    (Code::CommandFailed, &[]),
    // A signal proves nothing by itself.
    (Code::CommandKilled, &[]),
    // A step of the program itself: its words decide, if a rule knows them.
    (Code::StepFailed, &[]),
    (Code::StepHopeless, &[]),
    (Code::StepNotYet, &[]),
    // ---- the child: its own words decide
    (Code::ExitedBeforeReady, &[]),
    (Code::ZeroBeforeReady, &[(Any, "exit_zero_before_ready", Precisely)]),
    (Code::NotReady, &[(Any, "startup_hang", Perhaps)]),
    // ---- time and order: a timer is never a cause
    (Code::Expired, &[]),
    (Code::NoTimeLeft, &[(Any, "deadline_too_short", Usually)]),
    (Code::NeedFailed, &[]),
    (Code::Stopped, &[]),
    (Code::Internal, &[]),
];

/// Codes that show a dependency on its way up, or a queue that moves: only then is the deadline
/// itself worth a look.
pub(crate) const fn shows_progress(code: Code) -> bool {
    matches!(code, Code::StartingUp | Code::Recovering | Code::Loading | Code::LeaseHeld)
}
