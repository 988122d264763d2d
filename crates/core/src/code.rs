//! What a try can come out with: a closed set of codes, and the table that says what each proves,
//! whether waiting can mend it, and how soon to ask again.
//!
//! The table is the only place where "transient or definite" is decided; the run machine, the
//! ladder of `tminus probe` and the verdict all read it. It must never look at texts: whoever talks
//! to a dependency turns its answer into a code. Rows follow the field's evidence table (cold paths,
//! servers that start up, refused passwords); each has a test in `run`.
//! Where to start reading: [`Row`], then [`TABLE`].

use crate::vocabulary::{Domain, Layer, Role, words};

words! {
    /// May another try come out better without anybody acting?
    Class {
        /// No: somebody has to act.
        Definite = "definite",
        /// Yes: it is what a cold, starting or busy dependency answers.
        Transient = "transient",
        /// The answer does not tell.
        Unknown = "unknown",
    }
}

words! {
    /// How soon to ask again.
    Pace {
        /// At most ten times a second: nothing was reached, so nothing is burdened.
        Quick = "quick",
        /// At most once a second, jittered: the dependency did work for this try.
        Deep = "deep",
        /// Exponential with full jitter, up to ten seconds: the dependency has too many clients.
        Long = "long",
    }
}

/// What is known about a code.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// The layer at which it stops a connection or a start.
    pub layer: Layer,
    /// Whether waiting can mend it.
    pub class: Class,
    /// How long a definite code is still asked again, milliseconds: some answers are given for a
    /// moment by dependencies that come up. Zero: fails at once.
    pub grace_ms: u32,
    /// How soon to ask again.
    pub pace: Pace,
    /// Whose kind of fault it is, as far as this code alone can tell.
    pub domain: Domain,
    /// Who owns the next move, as far as this code alone can tell.
    pub owner: Role,
    /// What it means; follows the name of what was asked.
    pub meaning: &'static str,
}

/// Declares [`Code`] and [`TABLE`] together, so that no code is without a row.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $layer:ident, $class:ident, $grace:literal, $pace:ident, $domain:ident, $owner:ident, $meaning:literal;)+) => {
        words! {
            /// What a try came out with, when it did not pass.
            Code { $(#[doc = $meaning] $name = $word),+ }
        }
        /// One row per code, in the order of the codes.
        pub const TABLE: &[Row] = &[$(Row {
            code: Code::$name, layer: Layer::$layer, class: Class::$class, grace_ms: $grace, pace: Pace::$pace,
            domain: Domain::$domain, owner: Role::$owner, meaning: $meaning,
        }),+];
    };
}

codes! {
    // ---- config: before anything is dialled
    ValueMissing = "value_missing", Config, Definite, 0, Quick, Configuration, Application, "a required value is not set";
    ValueEmpty = "value_empty", Config, Definite, 0, Quick, Configuration, Application, "a required value is empty";
    ValueMalformed = "value_malformed", Config, Definite, 0, Quick, Configuration, Application, "a value cannot be parsed";
    WhitespaceInValue = "whitespace_in_value", Config, Definite, 0, Quick, Configuration, Application, "a value has stray whitespace";
    SocketPathTooLong = "socket_path_too_long", Config, Definite, 0, Quick, Configuration, Application, "the socket's path does not fit the 107 bytes that the kernel takes";
    // ---- dns
    NameNotFound = "name_not_found", Dns, Definite, 10_000, Deep, Network, Network, "the resolver says that the name does not exist";
    NameWithoutAddress = "name_without_address", Dns, Definite, 10_000, Deep, Network, Network, "the name exists but has no address";
    ResolverFailed = "resolver_failed", Dns, Transient, 0, Deep, Network, Network, "the resolver could not answer (SERVFAIL or EAI_AGAIN)";
    ResolverSilent = "resolver_silent", Dns, Transient, 0, Deep, Network, Network, "no resolver answers";
    // ---- socket: unix sockets
    SocketMissing = "socket_missing", Socket, Definite, 30_000, Quick, Configuration, Platform, "the socket does not exist: nothing provides it, or its provider has not started";
    SocketNotASocket = "not_a_socket", Socket, Definite, 0, Quick, Configuration, Application, "the path is not a socket";
    SocketDenied = "socket_denied", Socket, Definite, 0, Quick, Configuration, Platform, "the socket may not be used by this user";
    SocketStale = "socket_stale", Socket, Transient, 0, Quick, Dependency, Platform, "the socket's file is there but nobody listens on it";
    BacklogFull = "backlog_full", Socket, Transient, 0, Quick, Capacity, Platform, "the listener takes no more connections at the moment";
    // ---- tcp
    Refused = "refused", Tcp, Transient, 0, Quick, Dependency, Database, "the host answers and nothing listens on that port";
    NoAnswer = "no_answer", Tcp, Transient, 0, Quick, Network, Network, "nothing answers: packets are dropped on the way, or the way is not up yet";
    NoRoute = "no_route", Tcp, Transient, 0, Quick, Network, Network, "there is no route to the host";
    ConnectReset = "connect_reset", Tcp, Transient, 0, Quick, Network, Network, "the connection was reset while it was made";
    ConnectForbidden = "connect_forbidden", Tcp, Unknown, 0, Deep, Network, Platform, "this machine does not allow the connection";
    NoLocalPort = "no_local_port", Tcp, Transient, 0, Long, Capacity, Platform, "no local port is left";
    NoDescriptor = "no_descriptor", Tcp, Transient, 0, Long, Capacity, Application, "no file descriptor is left";
    // ---- tls
    TlsNotOffered = "tls_not_offered", Tls, Definite, 0, Deep, Configuration, Application, "TLS is asked for and the server does not offer it";
    TlsRequired = "tls_required", Tls, Definite, 0, Deep, Configuration, Application, "the server takes only TLS";
    TlsNameMismatch = "tls_name_mismatch", Tls, Definite, 0, Deep, Network, Platform, "the certificate is for another name";
    TlsExpired = "tls_expired", Tls, Definite, 0, Deep, Network, Platform, "the certificate has expired";
    TlsNotYetValid = "tls_not_yet_valid", Tls, Definite, 0, Deep, Network, Platform, "the certificate is not valid yet";
    ClockSkew = "clock_skew", Tls, Definite, 0, Deep, Platform, Platform, "this machine's clock is wrong: the certificate's dates do not hold by it";
    TlsUnknownIssuer = "tls_unknown_issuer", Tls, Definite, 0, Deep, Network, Platform, "the certificate's issuer is not trusted here";
    TlsCertificateInvalid = "tls_certificate_invalid", Tls, Definite, 0, Deep, Network, Platform, "the certificate is not valid";
    TlsVersionMismatch = "tls_version_mismatch", Tls, Definite, 0, Deep, Configuration, Platform, "no common TLS version or cipher";
    TlsClientCertificate = "tls_client_certificate", Tls, Definite, 0, Deep, Configuration, Application, "the server wants a client certificate";
    TlsClosed = "tls_closed", Tls, Transient, 0, Deep, Network, Platform, "the connection was closed in the middle of the TLS handshake";
    TlsNotTls = "tls_not_tls", Tls, Definite, 0, Deep, Configuration, Application, "what answers does not speak TLS";
    TlsUnjudged = "tls_unjudged", Tls, Unknown, 0, Deep, Network, Platform, "cannot judge: our TLS does not speak what the server needs";
    // ---- protocol: the server greets and is willing
    ClosedBeforeGreeting = "closed_before_greeting", Protocol, Transient, 0, Deep, Network, Platform, "accepted the connection and closed it before a word: a proxy whose backend cannot be reached";
    AcceptedSilent = "accepted_silent", Protocol, Transient, 0, Deep, Network, Network, "accepted the connection and says nothing";
    StartingUp = "starting_up", Protocol, Transient, 0, Deep, Dependency, Nobody, "the server is starting up";
    ShuttingDown = "shutting_down", Protocol, Transient, 0, Deep, Dependency, Database, "the server is shutting down";
    Recovering = "recovering", Protocol, Transient, 0, Deep, Dependency, Nobody, "the server is recovering and does not take connections yet";
    NotAccepting = "not_accepting", Protocol, Transient, 0, Deep, Dependency, Database, "the server does not accept connections";
    ServerRefused = "server_refused", Protocol, Unknown, 0, Deep, Dependency, Database, "the server refuses with an error of its own";
    Loading = "loading", Protocol, Transient, 0, Deep, Dependency, Nobody, "the server is loading its data";
    MasterDown = "master_down", Protocol, Transient, 0, Deep, Dependency, Platform, "the replica has lost its master and serves nothing";
    BackendDown = "backend_down", Protocol, Transient, 0, Deep, Dependency, Database, "the pooler answers, the server behind it does not";
    OtherProtocol = "other_protocol", Protocol, Definite, 0, Deep, Configuration, Application, "what answers speaks another protocol";
    HostBlocked = "host_blocked", Protocol, Definite, 0, Deep, Dependency, Database, "the server has blocked this host";
    HttpUnavailable = "http_unavailable", Protocol, Transient, 0, Deep, Dependency, Vendor, "the server answers that it is not available (502, 503, 504)";
    HttpError = "http_error", Protocol, Transient, 0, Deep, Dependency, Vendor, "the server answers with an error of its own (5xx)";
    HttpTooMany = "http_too_many", Protocol, Transient, 0, Long, Capacity, Application, "the server answers that there are too many requests (429)";
    HttpNotUpgraded = "http_not_upgraded", Protocol, Definite, 5_000, Deep, Application, Application, "the server does not switch to WebSocket";
    // ---- auth
    PasswordRejected = "password_rejected", Auth, Definite, 0, Deep, Configuration, Application, "the server rejects user or password";
    PasswordMissing = "password_missing", Auth, Definite, 0, Deep, Configuration, Application, "the server asks for a password and none is given";
    RoleMissing = "role_missing", Auth, Definite, 0, Deep, Configuration, Application, "the user does not exist on the server";
    HostNotPermitted = "host_not_permitted", Auth, Definite, 0, Deep, Configuration, Database, "the server's access rules have no entry for this host, user and database";
    DatabaseMissing = "database_missing", Auth, Definite, 3_000, Deep, Configuration, Application, "the database does not exist on the server";
    PermissionDenied = "permission_denied", Query, Definite, 0, Deep, Configuration, Database, "the user may not do that";
    AuthUnjudged = "auth_unjudged", Auth, Unknown, 0, Deep, Configuration, Application, "cannot judge: the server asks for a kind of authentication that tminus does not speak";
    HttpUnauthorized = "http_unauthorized", Auth, Definite, 10_000, Deep, Configuration, Application, "the server is up and refuses these credentials (401, 403)";
    ClosedAfterGreeting = "closed_after_greeting", Auth, Transient, 0, Deep, Network, Platform, "greeted and then closed the connection without a word";
    // ---- slot
    SlotsFull = "slots_full", Slot, Transient, 0, Long, Capacity, Database, "all connection slots are taken";
    SlotsReserved = "slots_reserved", Slot, Transient, 0, Long, Capacity, Database, "the slots that are left are reserved for superusers";
    RoleLimit = "role_limit", Slot, Transient, 0, Long, Capacity, Database, "the user's connection limit is reached";
    DatabaseLimit = "database_limit", Slot, Transient, 0, Long, Capacity, Database, "the database's connection limit is reached";
    PoolerClientsFull = "pooler_clients_full", Slot, Transient, 0, Long, Capacity, Platform, "the pooler takes no more clients";
    PoolerWaited = "pooler_waited", Slot, Transient, 0, Long, Capacity, Platform, "the pooler had no server connection to give in time";
    ClientsFull = "clients_full", Slot, Transient, 0, Long, Capacity, Platform, "the server takes no more clients";
    // ---- query
    ReadOnly = "read_only", Query, Transient, 0, Deep, Dependency, Database, "the server takes no writes: a standby, or a primary in read-only mode";
    NotAStandby = "not_a_standby", Query, Transient, 0, Deep, Dependency, Database, "a standby is asked for and the server is a primary";
    ClusterDown = "cluster_down", Query, Transient, 0, Deep, Dependency, Platform, "the cluster does not serve all of its slots";
    QueryFailed = "query_failed", Query, Unknown, 0, Deep, Dependency, Database, "the server answers a trivial statement with an error";
    QuerySilent = "query_silent", Query, Transient, 0, Deep, Dependency, Database, "the server does not answer a trivial statement";
    HttpStatus = "http_status", Query, Definite, 5_000, Deep, Application, Application, "the status is not the one that is expected";
    BodyMismatch = "body_mismatch", Query, Definite, 5_000, Deep, Application, Application, "the body is not what is expected";
    EchoMismatch = "echo_mismatch", Query, Definite, 5_000, Deep, Application, Application, "the WebSocket does not answer as expected";
    // ---- schema
    TableMissing = "table_missing", Schema, Definite, 0, Deep, Dependency, Application, "a table that is asked for does not exist";
    SchemaBehind = "schema_behind", Schema, Definite, 0, Deep, Dependency, Application, "the schema is not at the revision that is asked for";
    // ---- migration
    LeaseHeld = "lease_held", Migration, Transient, 0, Deep, Dependency, Nobody, "another instance holds the lease";
    LeaseLost = "lease_lost", Migration, Definite, 0, Deep, Dependency, Database, "the lease was lost while its holder worked";
    // ---- files and commands
    FileMissing = "file_missing", Resource, Transient, 0, Quick, Platform, Platform, "the file does not exist";
    FileDenied = "file_denied", Resource, Definite, 0, Quick, Platform, Platform, "the file may not be read";
    FileEmpty = "file_empty", Resource, Transient, 0, Quick, Platform, Platform, "the file is empty";
    CommandNotFound = "command_not_found", Process, Definite, 0, Quick, Platform, Build, "the command does not exist";
    CommandNotExecutable = "command_not_executable", Process, Definite, 0, Quick, Platform, Build, "the command cannot be executed";
    CommandFailed = "command_failed", Process, Unknown, 0, Deep, Application, Application, "the command ended with an error";
    CommandKilled = "command_killed", Process, Unknown, 0, Deep, Platform, Platform, "the command was ended by a signal";
    // ---- code of an embedding program
    StepFailed = "step_failed", Startup, Unknown, 0, Deep, Application, Application, "the program's own step failed";
    StepHopeless = "step_hopeless", Startup, Definite, 0, Deep, Application, Application, "the program's own step says that waiting cannot help";
    StepNotYet = "step_not_yet", Startup, Transient, 0, Deep, Dependency, Application, "the program's own step says that it is not possible yet";
    // ---- the child
    ExitedBeforeReady = "exited_before_ready", Startup, Definite, 0, Quick, Application, Application, "the program ended before it was ready";
    ZeroBeforeReady = "zero_before_ready", Startup, Definite, 0, Quick, Application, Application, "the program ended before it was ready, with exit code 0";
    NotReady = "not_ready", Startup, Transient, 0, Deep, Application, Application, "the program runs and has not said that it is ready";
    // ---- time and order
    Expired = "expired", Startup, Definite, 0, Quick, Configuration, Application, "its time ran out";
    NoTimeLeft = "no_time_left", Startup, Definite, 0, Quick, Configuration, Application, "what is left of the budget is shorter than what it needs";
    NeedFailed = "need_failed", Startup, Definite, 0, Quick, Configuration, Application, "a step that it needs did not pass";
    Stopped = "stopped", Startup, Definite, 0, Quick, Platform, Nobody, "the start was told to stop";
    Internal = "internal", Process, Unknown, 0, Deep, Application, Nobody, "tminus itself failed here: a defect of ours";
}

impl Code {
    /// What is known about it.
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The layer at which it stops.
    pub const fn layer(self) -> Layer {
        self.row().layer
    }

    /// Whether waiting can mend it.
    pub const fn class(self) -> Class {
        self.row().class
    }

    /// What it is called when `layer` gives no answer within its limit.
    pub const fn silent_at(layer: Layer) -> Code {
        match layer {
            Layer::Dns => Code::ResolverSilent,
            Layer::Socket | Layer::Tcp => Code::NoAnswer,
            Layer::Query | Layer::Schema => Code::QuerySilent,
            _ => Code::AcceptedSilent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_where_their_code_looks_for_them() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.code as usize, index);
            assert_eq!(row.code.row().code, row.code);
        }
        assert_eq!(TABLE.len(), Code::ALL.len());
    }

    #[test]
    fn only_definite_codes_have_a_grace() {
        for row in TABLE {
            assert!(row.grace_ms == 0 || row.class == Class::Definite, "{}", row.code);
        }
    }
}
