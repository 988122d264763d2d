//! What a check comes to: findings, what could not be checked, what passed, every effective value.
//!
//! What it is for: the answer of [`crate::check`], as data. What it must never do: hold a secret, or
//! count a rule whose facts were absent as passed. Where to start reading: [`Report`].

use crate::model::Origin;
use crate::source::Excerpt;
use serde::Serialize;

/// The format of a [`Report`] in JSON.
pub const SCHEMA: &str = "tminus.check/1";

macro_rules! rule_ids {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// The closed set of rules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum RuleId { $($(#[$meta])* #[serde(rename = $word)] $variant),+ }

        impl RuleId {
            /// Every rule, in the order in which findings of one place are shown.
            pub const ALL: &'static [RuleId] = &[$(RuleId::$variant),+];

            /// Its name, as people and JSON see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(RuleId::$variant => $word),+ }
            }
        }
    };
}

rule_ids! {
    /// The plan can be read, and says nothing that it cannot mean.
    PlanInvalid = "plan-invalid",
    /// A file can be read, is not too large and is YAML, JSON or a unit.
    FileUnreadable = "file-unreadable",
    /// A file holds something that check knows.
    FileUnknown = "file-unknown",
    /// No key is written twice.
    KeyDuplicate = "key-duplicate",
    /// Every key is one that the platform knows.
    KeyUnknown = "key-unknown",
    /// Numbers are numbers, names are of their set.
    ValueInvalid = "value-invalid",
    /// Egress all-traffic and the built-in Cloud SQL socket.
    EgressCloudSqlSocket = "egress-cloud-sql-socket",
    /// A VPC connector says how far it grows, within what is possible.
    ConnectorLimits = "connector-limits",
    /// Direct VPC egress has time to warm up.
    DirectVpcWarmUp = "direct-vpc-warm-up",
    /// The budget of the plan fits the platform's window.
    BudgetExceedsWindow = "budget-exceeds-window",
    /// Probe timings are within what the platform takes.
    ProbeLimits = "probe-limits",
    /// The probe that decides asks the loaded program.
    ProbeBeforeLoad = "probe-before-load",
    /// A probe's named port exists.
    ProbePortUnknown = "probe-port-unknown",
    /// Liveness does not cover what readiness is for.
    LivenessOnDependencies = "liveness-on-dependencies",
    /// A migration before the server is not killed by liveness.
    LivenessKillsMigration = "liveness-kills-migration",
    /// The program listens where the platform looks.
    BindUnreachable = "bind-unreachable",
    /// Inner timers are shorter than outer ones.
    TimerOrder = "timer-order",
    /// All pools together fit the database.
    PoolExceedsSlots = "pool-exceeds-slots",
    /// The pools of one instance fit the Cloud SQL socket.
    PoolExceedsSocket = "pool-exceeds-socket",
    /// No white space or invisible characters at the edges of values.
    ValueWhitespace = "value-whitespace",
    /// URLs of dependencies can be parsed.
    UrlMalformed = "url-malformed",
    /// Socket paths fit `sun_path`.
    SocketPathTooLong = "socket-path-too-long",
    /// A dependency is not looked for in the container itself.
    LocalhostDependency = "localhost-dependency",
    /// A referenced key exists.
    ReferenceMissing = "reference-missing",
    /// Secrets are referenced, not written down.
    SecretInManifest = "secret-in-manifest",
    /// Secrets are not arguments.
    SecretInArgv = "secret-in-argv",
    /// The environment has a profile.
    EnvironmentUnknown = "environment-unknown",
    /// A start that ends with 0 is started again.
    RestartIgnoresExitZero = "restart-ignores-exit-zero",
    /// The program's own shutdown fits the grace.
    StopGraceShort = "stop-grace-short",
    /// What the workers may take fits the memory limit.
    MemoryExceedsLimit = "memory-exceeds-limit",
    /// A sidecar that the program needs is started before it.
    SidecarOrder = "sidecar-order",
    /// compose waits until a dependency is healthy.
    DependsOnStarted = "depends-on-started",
    /// What compose waits for has a health check.
    DependsOnNoHealthcheck = "depends-on-no-healthcheck",
    /// A Redis that loads is not healthy.
    RedisCliPing = "redis-cli-ping",
    /// `pg_isready` asks over TCP.
    PgIsreadySocket = "pg-isready-socket",
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It will fail, or what it promises is not so.
    Error,
    /// It fails under conditions that are named.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Where a finding is, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct At {
    /// The file as the caller named it, or `environment`. Untrusted.
    pub file: String,
    /// From 1; nothing for the environment.
    pub line: Option<usize>,
    /// From 1, in characters.
    pub column: Option<usize>,
    /// Behind the last character on that line.
    pub end_column: Option<usize>,
    /// What stands there, secrets masked. Untrusted.
    pub excerpt: Option<Excerpt>,
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Related {
    /// Where.
    pub at: At,
    /// What it has to do with it. Untrusted.
    pub text: String,
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Which rule says so.
    pub rule: RuleId,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, in one sentence. Untrusted: names and values of manifests stand in it.
    pub message: String,
    /// Where.
    pub at: Option<At>,
    /// What else belongs to it.
    pub related: Vec<Related>,
    /// The arithmetic, with the numbers in it.
    pub inequality: Option<String>,
    /// What to do next. Untrusted.
    pub help: Option<String>,
    /// Where the platform's part of it is known from.
    pub source: Option<&'static str>,
}

/// A rule that could not look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotChecked {
    /// Which.
    pub rule: RuleId,
    /// The fact that it needs. Untrusted: may hold names.
    pub needs: String,
    /// There is something here that the rule is about, and a fact of it is missing; else there is
    /// nothing here that it is about.
    pub applies: bool,
}

/// A value that holds, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EffectiveValue {
    /// Of which workload, database or container. Untrusted.
    pub of: String,
    /// What it is.
    pub name: String,
    /// The value; secrets masked. Untrusted.
    pub value: String,
    /// `set`, `default` or `assumed`.
    pub known: &'static str,
    /// Where it was set, by which fact it is the default, or why it is assumed.
    pub origin: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: &'static str,
    /// What is wrong, worst first, then by place.
    pub findings: Vec<Finding>,
    /// Rules whose facts are absent. Never a success.
    pub not_checked: Vec<NotChecked>,
    /// Rules that looked and found nothing.
    pub passed: Vec<RuleId>,
    /// Every value that holds, with its origin.
    pub values: Vec<EffectiveValue>,
}

impl Report {
    /// Is there an error? Then `tminus check` answers 1.
    pub fn failed(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// A finding before its places are turned into lines.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) rule: RuleId,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) at: Origin,
    pub(crate) related: Vec<(Origin, String)>,
    pub(crate) inequality: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) source: Option<&'static str>,
}

impl Draft {
    pub(crate) fn new(rule: RuleId, severity: Severity, at: Origin, message: impl Into<String>) -> Draft {
        Draft {
            rule,
            severity,
            message: message.into(),
            at,
            related: Vec::new(),
            inequality: None,
            help: None,
            source: None,
        }
    }

    pub(crate) fn also(mut self, at: Origin, text: impl Into<String>) -> Draft {
        self.related.push((at, text.into()));
        self
    }

    pub(crate) fn inequality(mut self, text: impl Into<String>) -> Draft {
        self.inequality = Some(text.into());
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Draft {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn source(mut self, fact: crate::platform::Fact) -> Draft {
        self.source = Some(fact.source);
        self
    }
}
