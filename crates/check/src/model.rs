//! What manifests say, whatever platform they are for: workloads, containers, probes, databases.
//!
//! What it is for: the readers of `manifest` fill it, rules ask it through `facts`. Every value knows
//! where it stands and how it is known. What it must never do: hold a value without its origin.
//! Where to start reading: [`Workload`].

use crate::platform;
use crate::source::Span;
use std::time::Duration;

/// Which text a span belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Input {
    /// The file of that index, as given to [`crate::check`].
    File(usize),
    /// The plan's file.
    Plan,
    /// The environment that the caller gave; it has no places.
    Environment,
    /// A flag or variable that the message names.
    Outside,
}

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// In which text.
    pub input: Input,
    /// Where in it.
    pub span: Span,
}

/// How a value is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Somebody wrote it.
    Set,
    /// Nobody wrote it; the platform uses this, according to the fact.
    Default(platform::Fact),
    /// Nobody wrote it, and this is what we take it for; the text says why.
    Assumed(&'static str),
}

/// A value, where it stands, and how it is known. For a default the place is that of whatever the
/// value was left out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Origin,
    /// How it is known.
    pub known: Known,
}

impl<T> Located<T> {
    /// A value that somebody wrote.
    pub fn set(value: T, at: Origin) -> Located<T> {
        Located { value, at, known: Known::Set }
    }

    pub(crate) fn default(value: T, at: Origin, fact: platform::Fact) -> Located<T> {
        Located { value, at, known: Known::Default(fact) }
    }

    pub(crate) fn is_set(&self) -> bool {
        matches!(self.known, Known::Set)
    }

    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: to(self.value), at: self.at, known: self.known }
    }
}

/// What runs a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Platform {
    /// Cloud Run.
    CloudRun,
    /// Kubernetes.
    Kubernetes,
    /// Docker compose.
    Compose,
    /// Amazon ECS.
    Ecs,
    /// systemd.
    Systemd,
}

/// What a workload is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Run until it is stopped.
    Service,
    /// Run to its end.
    Job,
}

/// What happens when the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// It is started again, whatever it returned.
    Always,
    /// It is started again unless it returned 0.
    OnFailure,
    /// It stays ended.
    Never,
}

/// How many instances more than its number run while a new version takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// So many per hundred, rounded up.
    Percent(u64),
    /// So many.
    Instances(u64),
}

impl Overlap {
    /// Instances at the same time, of `instances` wanted.
    pub(crate) fn peak(self, instances: u64) -> u64 {
        match self {
            Overlap::Percent(percent) => instances.saturating_add(instances.saturating_mul(percent).div_ceil(100)),
            Overlap::Instances(more) => instances.saturating_add(more),
        }
    }
}

/// Something that runs as one or several equal instances.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub at: Origin,
    /// What runs it.
    pub platform: Platform,
    /// Whether it is meant to end.
    pub kind: WorkloadKind,
    /// Its containers; the first with a port is the one that serves.
    pub containers: Vec<Container>,
    /// Containers that run before the others, and sidecars that are started in order.
    pub init: Vec<Container>,
    /// Fewest instances.
    pub min_instances: Option<Located<u64>>,
    /// Most instances, without overlap.
    pub max_instances: Option<Located<u64>>,
    /// How many more while a new version takes over.
    pub overlap: Option<Located<Overlap>>,
    /// Requests per instance at a time.
    pub concurrency: Option<Located<u64>>,
    /// Between the request to stop and the kill.
    pub stop_grace: Option<Located<Duration>>,
    /// How it reaches networks.
    pub network: Network,
    /// What happens when the program ends.
    pub restart: Option<Located<Restart>>,
    /// How long a start may take when no probe says so (systemd, ECS's grace period).
    pub start_limit: Option<Located<Duration>>,
    /// What it waits for (compose).
    pub depends_on: Vec<DependsOn>,
    /// It shares the network of its host or of another container: `localhost` may be right.
    pub shared_network: bool,
}

impl Workload {
    /// A workload of which nothing but its name is known.
    pub(crate) fn new(name: String, at: Origin, platform: Platform, kind: WorkloadKind) -> Workload {
        Workload {
            name,
            at,
            platform,
            kind,
            containers: Vec::new(),
            init: Vec::new(),
            min_instances: None,
            max_instances: None,
            overlap: None,
            concurrency: None,
            stop_grace: None,
            network: Network::default(),
            restart: None,
            start_limit: None,
            depends_on: Vec::new(),
            shared_network: false,
        }
    }

    /// The container that serves: the first with a port, else the first.
    pub(crate) fn main(&self) -> Option<&Container> {
        self.containers.iter().find(|c| !c.ports.is_empty()).or_else(|| self.containers.first())
    }

    /// All containers, those that run first included.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Container> {
        self.init.iter().chain(&self.containers)
    }
}

/// Cloud Run's ways out.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// `all-traffic` or `private-ranges-only`.
    pub egress: Option<Located<String>>,
    /// The Serverless VPC Access connector.
    pub connector: Option<Located<String>>,
    /// Network interfaces of direct VPC egress.
    pub direct_vpc: Option<Located<()>>,
    /// Cloud SQL instances that are attached as sockets.
    pub cloud_sql: Vec<Located<String>>,
}

/// What a workload of compose waits for.
#[derive(Clone, Debug)]
pub struct DependsOn {
    /// The other workload.
    pub service: Located<String>,
    /// `service_started` unless set.
    pub condition: Option<Located<String>>,
}

/// One container of a workload.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: Origin,
    /// Its image.
    pub image: Option<Located<String>>,
    /// Entry point and arguments, as far as the manifest sets them.
    pub argv: Vec<Located<String>>,
    /// Variables.
    pub env: Vec<EnvVar>,
    /// Names of config maps and secrets that become variables as a whole.
    pub env_from: Vec<Located<String>>,
    /// Ports, with their names where they have one.
    pub ports: Vec<(Option<String>, Located<u64>)>,
    /// The start-up probe.
    pub startup: Option<Probe>,
    /// The readiness probe.
    pub readiness: Option<Probe>,
    /// The liveness probe, and the health check of ECS and compose.
    pub liveness: Option<Probe>,
    /// Memory limit in MiB.
    pub memory_mib: Option<Located<u64>>,
    /// Containers that have to be up before (Cloud Run).
    pub after: Vec<String>,
    /// An init container that goes on running (`restartPolicy: Always`).
    pub sidecar: bool,
    /// What a pre-stop hook waits, where it is a plain sleep.
    pub pre_stop: Option<Located<Duration>>,
}

impl Container {
    pub(crate) fn new(name: String, at: Origin) -> Container {
        Container {
            name,
            at,
            image: None,
            argv: Vec::new(),
            env: Vec::new(),
            env_from: Vec::new(),
            ports: Vec::new(),
            startup: None,
            readiness: None,
            liveness: None,
            memory_mib: None,
            after: Vec::new(),
            sidecar: false,
            pre_stop: None,
        }
    }
}

/// One variable of a container.
#[derive(Clone, Debug)]
pub struct EnvVar {
    /// Its name, and where that stands.
    pub name: Located<String>,
    /// Its value.
    pub value: EnvValue,
}

/// What a variable holds.
#[derive(Clone, Debug)]
pub enum EnvValue {
    /// This text.
    Text(Located<String>),
    /// A key of a config map or secret.
    Reference {
        /// The map's or secret's name.
        from: Located<String>,
        /// The key in it.
        key: Located<String>,
        /// It may be absent.
        optional: bool,
    },
    /// Something that is only known when it runs.
    Unknown,
}

/// How a platform asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// GET of a path.
    Http {
        /// The path.
        path: String,
    },
    /// A connection.
    Tcp,
    /// gRPC health.
    Grpc,
    /// A command in the container.
    Exec(Vec<String>),
}

/// A probe with what the platform fills in.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Where it stands.
    pub at: Origin,
    /// How it asks.
    pub kind: ProbeKind,
    /// Port by number or name, where one is given.
    pub port: Option<Located<String>>,
    /// Before the first try; for health checks of containers, the time in which failures do not count.
    pub initial_delay: Located<u64>,
    /// Between tries.
    pub period: Located<u64>,
    /// For each try.
    pub timeout: Located<u64>,
    /// Tries that have to fail.
    pub failures: Located<u64>,
}

impl Probe {
    /// Seconds until the last try that is allowed to fail has failed.
    pub(crate) fn window(&self) -> u64 {
        let tries = self.failures.value.saturating_mul(self.period.value);
        self.initial_delay.value.saturating_add(tries)
    }

    /// [`Probe::window`] with its numbers.
    pub(crate) fn sum(&self) -> String {
        let (delay, tries, period) = (self.initial_delay.value, self.failures.value, self.period.value);
        if delay == 0 { format!("{tries} x {period} s") } else { format!("{delay} s + {tries} x {period} s") }
    }
}

/// Which server a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Postgres.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

/// A database server, from a resource or from a container of its image.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: Origin,
    /// Which server.
    pub engine: Engine,
    /// Machine class.
    pub tier: Option<Located<String>>,
    /// Connections that it admits, set or by its class.
    pub max_connections: Option<Located<u64>>,
    /// Has it a public address?
    pub public_ip: Option<Located<bool>>,
    /// `project:region:name`, where the manifest holds it.
    pub connection_name: Option<Located<String>>,
}

/// A Serverless VPC Access connector.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: Origin,
    /// Fewest instances.
    pub min_instances: Option<Located<u64>>,
    /// Most instances.
    pub max_instances: Option<Located<u64>>,
    /// Mbit/s at most.
    pub max_throughput: Option<Located<u64>>,
}

/// A config map or secret.
#[derive(Clone, Debug)]
pub struct Bag {
    /// Its name.
    pub name: String,
    /// Values are secrets.
    pub secret: bool,
    /// Keys and values.
    pub values: Vec<(Located<String>, Located<String>)>,
}

/// Everything that the files say.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What runs.
    pub workloads: Vec<Workload>,
    /// Databases.
    pub databases: Vec<Database>,
    /// Connectors.
    pub connectors: Vec<Connector>,
    /// Config maps and secrets.
    pub bags: Vec<Bag>,
    /// Most instances by the workload's name, from autoscalers.
    pub autoscalers: Vec<(String, Located<u64>)>,
}
