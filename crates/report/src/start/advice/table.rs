//! The table of [`advice`](super::advice): for every code, with rows of their own for kinds of targets where
//! the words or the command differ. A test goes through every code and kind, and finds rows that
//! another one hides.

use super::super::view::Kind;
use tminus_core::code::Code;

/// One row: the codes and kinds that it is for (no kind: every kind), and its texts.
pub(super) struct Row(
    pub(super) &'static [Code],
    pub(super) &'static [Kind],
    pub(super) &'static str,
    pub(super) &'static str,
);

use Code as C;
use Kind as K;

const SERVER: &[Kind] = &[K::Postgres, K::CloudSql];
const SLOTS: &[Code] =
    &[C::SlotsFull, C::SlotsReserved, C::RoleLimit, C::DatabaseLimit, C::PoolerClientsFull, C::PoolerWaited];

/// First match wins. In braces: what is filled in from the plan.
pub(super) const TABLE: &[Row] = &[
    // ---- the way to it
    Row(
        &[C::ClosedBeforeGreeting],
        &[K::CloudSql],
        "tminus check service.yaml: all-traffic egress with a Cloud SQL socket?",
        "if so: gcloud run services update {service} --vpc-egress private-ranges-only",
    ),
    Row(
        &[C::AcceptedSilent, C::SocketStale],
        &[K::CloudSql],
        "tminus check service.yaml: egress, Cloud SQL instances, connector",
        "gcloud sql instances describe {sql}: is it RUNNABLE?",
    ),
    Row(
        &[C::SocketMissing],
        &[K::CloudSql],
        "gcloud run services describe {service}: is {instance} attached?",
        "if not: gcloud run services update {service} --add-cloudsql-instances {instance}",
    ),
    Row(
        &[C::ClosedBeforeGreeting, C::AcceptedSilent, C::BackendDown, C::ClosedAfterGreeting],
        &[],
        "what listens at {place}: a proxy, a pooler, a sidecar? its log says what it could not reach",
        "mend the way from there to the server behind it",
    ),
    Row(
        &[C::SocketMissing, C::SocketStale],
        &[],
        "ls -la {directory}: who provides the socket, is that up?",
        "start its provider before this program, or correct the path",
    ),
    Row(
        &[C::SocketDenied],
        &[],
        "ls -la {directory}; id: may this user open it?",
        "give the program's user access to the socket (group, mount options)",
    ),
    Row(&[C::SocketNotASocket], &[], "ls -la {path}", "correct the path in the value that names it"),
    Row(
        &[C::SocketPathTooLong],
        &[],
        "tminus check: names the value, and how long its path is",
        "mount the directory of the socket at a shorter path, and name that",
    ),
    Row(
        &[C::BacklogFull],
        &[],
        "ss -xl src {path}: Recv-Q against Send-Q of the listener",
        "let the listener accept faster, or raise its backlog",
    ),
    Row(
        &[C::NoAnswer, C::NoRoute],
        &[K::Own],
        "the program's own output: does it listen where it is asked?",
        "let it listen on {place}, or correct the step",
    ),
    Row(
        &[C::NoAnswer, C::NoRoute, C::ConnectReset],
        &[],
        "from the same network: nc -vz {host} {port}; then route, connector, firewall",
        "open the way for {host}:{port} from this service's network",
    ),
    Row(
        &[C::Refused],
        &[K::Own],
        "the program's own output: did it get as far as listening?",
        "let it listen on {place} before it says ready, or correct the step",
    ),
    Row(
        &[C::Refused],
        SERVER,
        "on {host}: does Postgres run, and listen on {port} (listen_addresses)?",
        "start it, or correct host and port in the value that names it",
    ),
    Row(
        &[C::Refused],
        &[K::Redis],
        "on {host}: does Redis run, and listen on {port} (bind)?",
        "start it, or correct host and port in the value that names it",
    ),
    Row(
        &[C::Refused],
        &[],
        "on {host}: what should listen on {port}, and does it run?",
        "start it, or correct host and port",
    ),
    Row(
        &[C::ConnectForbidden],
        &[],
        "policies of this machine: seccomp, iptables OUTPUT, network policy",
        "allow connections to {host}:{port}",
    ),
    Row(
        &[C::NoLocalPort],
        &[],
        "ss -s: sockets in TIME-WAIT; sysctl net.ipv4.ip_local_port_range",
        "reuse connections, or widen the range of ports",
    ),
    Row(
        &[C::NoDescriptor],
        &[],
        "ulimit -n; ls /proc/PID/fd | wc -l",
        "raise the limit of open files, or close what is not needed",
    ),
    // ---- names
    Row(
        &[C::NameNotFound, C::NameWithoutAddress],
        &[],
        "getent hosts {host}: is the name right, is it published where this runs?",
        "correct the name, or publish it in the zone that this network asks",
    ),
    Row(
        &[C::ResolverFailed, C::ResolverSilent],
        &[],
        "cat /etc/resolv.conf; getent hosts {host}: does the resolver answer at all?",
        "mend the resolver or the way to it (UDP and TCP port 53)",
    ),
    // ---- TLS
    Row(
        &[C::TlsNotOffered],
        SERVER,
        "sslmode of the value against `ssl` on the server",
        "switch TLS on at the server, or ask for it with another sslmode",
    ),
    Row(
        &[C::TlsRequired],
        SERVER,
        "sslmode of the value: the server takes only TLS",
        "set sslmode=require or stricter in the value that names {name}",
    ),
    Row(
        &[C::TlsRequired, C::TlsNotOffered, C::TlsNotTls],
        &[],
        "the scheme and port of the value: which port speaks TLS?",
        "use the scheme that the port speaks",
    ),
    Row(
        &[C::ClockSkew],
        &[],
        "date -u: this machine's clock against a right one",
        "set the clock (NTP), then start again",
    ),
    Row(
        &[C::TlsClientCertificate],
        &[],
        "which client certificate does the server ask for?",
        "give the program its certificate and key",
    ),
    Row(
        &[C::TlsUnknownIssuer],
        &[],
        "openssl s_client -connect {host}:{port} -showcerts: which issuer?",
        "trust that issuer here (sslrootcert, CA bundle of the image)",
    ),
    Row(
        &[
            C::TlsNameMismatch,
            C::TlsExpired,
            C::TlsNotYetValid,
            C::TlsCertificateInvalid,
            C::TlsVersionMismatch,
            C::TlsClosed,
            C::TlsUnjudged,
        ],
        &[],
        "openssl s_client -connect {host}:{port}: certificate, dates, names, version",
        "correct the certificate of {host}, or the name by which it is asked",
    ),
    // ---- the server is there and not willing
    Row(
        &[C::StartingUp, C::Recovering, C::Loading],
        &[],
        "the server's own log: how long does it take to come up?",
        "wait; if it always takes longer: start it earlier, or give this phase longer",
    ),
    Row(
        &[C::ShuttingDown, C::NotAccepting, C::ServerRefused],
        &[],
        "the server's own log: who stopped it, when does it come back?",
        "bring it back, then start again",
    ),
    Row(
        &[C::MasterDown, C::ClusterDown],
        &[],
        "redis-cli -h {host} -p {port} info replication; cluster info",
        "bring back what is missing, or promote a replica",
    ),
    Row(
        &[C::HostBlocked],
        &[],
        "the server's list of blocked hosts",
        "lift the block for this host, and mend what caused it",
    ),
    Row(
        &[C::OtherProtocol],
        &[],
        "nc {host} {port}: what answers there?",
        "correct host, port or scheme in the value that names {name}",
    ),
    Row(
        &[C::HttpUnavailable, C::HttpError, C::HttpTooMany],
        &[K::Own],
        "the program's own output around that request",
        "mend what the program answers with an error for",
    ),
    Row(
        &[C::HttpUnavailable, C::HttpError],
        &[],
        "curl -sv {url}: what does it say itself?",
        "ask whoever runs {name}; nothing here mends it",
    ),
    Row(&[C::HttpTooMany], &[], "curl -sv {url}: Retry-After, quota", "ask less often, or raise the quota"),
    Row(
        &[C::HttpNotUpgraded, C::EchoMismatch],
        &[],
        "curl -sv {url} with an Upgrade header: which path speaks WebSocket?",
        "correct the path, or let the program (or the proxy before it) upgrade",
    ),
    // ---- who is asking
    Row(
        &[C::PasswordRejected],
        SERVER,
        "psql -h {host} -p {port} -U {user} {database}, with the password that the service has",
        "put the right password into the secret, and restart: the service reads it at start",
    ),
    Row(
        &[C::PasswordMissing],
        SERVER,
        "which variable should carry the password of {user}?",
        "set it where the service is deployed",
    ),
    Row(
        &[C::PasswordRejected, C::PasswordMissing],
        &[K::Redis],
        "redis-cli -h {host} -p {port} --user {user} --askpass ping",
        "put the right password into the value that names {name}",
    ),
    Row(
        &[C::PasswordRejected, C::PasswordMissing],
        &[],
        "the credentials that the service was given, against those of {name}",
        "put the right ones where the service reads them",
    ),
    Row(
        &[C::RoleMissing],
        &[],
        "psql -h {host} -p {port} -U postgres -c '\\du': is {user} there?",
        "create the role, or correct the user in the value that names {name}",
    ),
    Row(
        &[C::HostNotPermitted],
        &[],
        "pg_hba.conf (select * from pg_hba_file_rules): a line for {user}, {database}, this address?",
        "add the line and reload, or ask with TLS if the line wants it",
    ),
    Row(
        &[C::DatabaseMissing],
        &[],
        "psql -h {host} -p {port} -U {user} -l: is {database} there?",
        "create it, or correct the database in the value that names {name}",
    ),
    Row(
        &[C::PermissionDenied],
        SERVER,
        "psql -h {host} -p {port} -U {user} {database} -c '\\dp'",
        "grant {user} what the program needs",
    ),
    Row(
        &[C::PermissionDenied],
        &[],
        "the rights of the user that the service was given",
        "grant what the program needs",
    ),
    Row(
        &[C::AuthUnjudged],
        &[],
        "psql -h {host} -p {port} -U {user} {database}: with the program's own client",
        "nothing yet: tminus cannot judge this kind of authentication",
    ),
    Row(
        &[C::HttpUnauthorized],
        &[],
        "curl -sv {url} with the credentials that the service has",
        "correct the credentials, or ask an endpoint that needs none",
    ),
    // ---- room
    Row(
        SLOTS,
        &[],
        "select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3",
        "end idle sessions; then smaller pools or fewer instances: tminus check",
    ),
    Row(
        &[C::ClientsFull],
        &[],
        "redis-cli -h {host} -p {port} info clients: connected_clients, maxclients",
        "end idle clients; then smaller pools or fewer instances",
    ),
    // ---- what it answers
    Row(
        &[C::ReadOnly, C::NotAStandby],
        SERVER,
        "psql -h {host} -p {port} -U {user} {database} -c 'select pg_is_in_recovery()'",
        "point the service at the server that it needs (failover in progress?)",
    ),
    Row(
        &[C::ReadOnly, C::NotAStandby],
        &[],
        "is {host} the primary at the moment?",
        "point the service at the server that it needs",
    ),
    Row(
        &[C::QueryFailed, C::QuerySilent],
        &[],
        "the server's own log at that time; its load, its locks",
        "mend what keeps it from answering a trivial statement",
    ),
    Row(
        &[C::HttpStatus, C::BodyMismatch],
        &[],
        "curl -sv {url}: what does it answer instead?",
        "mend the endpoint, or what the plan expects of it",
    ),
    Row(
        &[C::TableMissing, C::SchemaBehind],
        &[],
        "which migrations are applied, which does this revision need?",
        "run the migrations before this start, or deploy the revision that fits",
    ),
    Row(
        &[C::LeaseHeld],
        &[],
        "who holds it stands below: is that still alive, does it get on?",
        "wait for it; if it is dead its lease ends by itself",
    ),
    Row(
        &[C::LeaseLost],
        &[],
        "the database's log: why could the lease not be renewed?",
        "start again: the migration may be half done, so check its state first",
    ),
    // ---- values, files, commands
    Row(
        &[C::ValueMissing, C::ValueEmpty, C::ValueMalformed, C::WhitespaceInValue],
        &[],
        "tminus check: names every value, what is wrong with it and where it comes from",
        "correct it where the service is deployed",
    ),
    Row(
        &[C::FileMissing, C::FileEmpty, C::FileDenied],
        &[],
        "ls -la {path}: mounted, readable by this user, not empty?",
        "mount it, or correct its path",
    ),
    Row(
        &[C::CommandNotFound],
        &[],
        "command -v {command}, in that image",
        "put it into the image, or correct its name or PATH",
    ),
    Row(
        &[C::CommandNotExecutable],
        &[],
        "ls -l {command}; head -c 64 {command}: mode, interpreter, architecture",
        "make it executable for this platform in the image",
    ),
    Row(
        &[C::StepFailed, C::StepHopeless],
        &[],
        "what the step said: it is a part of the program itself",
        "mend what it says",
    ),
    Row(
        &[C::CommandFailed, C::CommandKilled],
        &[],
        "what {command} printed, above",
        "mend what it says; run it alone in the same image to try",
    ),
    // ---- the program
    Row(
        &[C::ExitedBeforeReady],
        &[],
        "what the program printed last, below",
        "run it alone in the same image and environment, and read its first error",
    ),
    Row(
        &[C::ZeroBeforeReady],
        &[],
        "the command line: does it end by itself, or go to the background?",
        "run it in the foreground; for work that ends: kind = \"job\"",
    ),
    Row(
        &[C::NotReady],
        &[],
        "what the program printed last; does it say ready the way that the plan waits for?",
        "mend what it hangs in, or how readiness is told",
    ),
    // ---- time, order, ourselves
    Row(
        &[C::NoTimeLeft],
        &[],
        "which earlier phase used the time: the timeline of this start",
        "make that phase shorter, or the platform's window longer",
    ),
    Row(
        &[C::Expired, C::NeedFailed, C::Stopped, C::StepNotYet],
        &[],
        "which step was under way, and what it waited for",
        "mend that first; a longer limit only if it was making progress",
    ),
    Row(
        &[C::Internal],
        &[],
        "the events of this start (NDJSON): what came before",
        "report it to whoever maintains tminus, with the events",
    ),
];
