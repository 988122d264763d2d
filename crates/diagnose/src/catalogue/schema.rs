//! The rows of `tminus.catalogue/1` as plain data: what `knowledge/*.toml` and a user's catalogue hold.
//!
//! No reading and no checking here ([`super::read`], [`super::validate`]); the build script
//! compiles this file too, so that what it accepts is what the running program expects.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tminus_core::vocabulary::{CauseKey, Domain, Layer, Retry, Role};

/// One explanation: what is wrong, whose move it is, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseEntry {
    /// The name that labels, rules and verdicts share.
    pub key: CauseKey,
    /// What people read: lower case, no full stop, at most 70 characters.
    pub title: String,
    /// Whose kind of fault it is.
    pub domain: Domain,
    /// The layer that fails.
    pub layer: Layer,
    /// Who owns the next move.
    pub owner: Role,
    /// Would trying again help.
    pub retry: Retry,
    /// What is at fault, in general: used when no pattern names it.
    pub culprit: String,
    /// One imperative sentence without a full stop.
    pub remedy: String,
    /// The first command or step; may contain `{culprit}`.
    pub next: String,
    /// What people do by habit and should not; at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub do_not: Vec<String>,
    /// Causes that can be a mere consequence of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<CauseKey>,
    /// Causes that people mistake for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confused_with: Vec<CauseKey>,
    /// In a user's catalogue: this entry replaces the built-in one of the same key.
    #[serde(default, rename = "override", skip_serializing)]
    pub replaces: bool,
}

/// Words that speak for a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// The cause that the words speak for.
    pub cause: CauseKey,
    /// Unique among patterns: `software.short-name`.
    pub id: String,
    /// Who prints the words.
    pub software: String,
    /// The dependency or resource that the words are about: postgres, redis, dns, filesystem ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The gate: at least one must occur, case sensitive, each of 4 bytes or more.
    pub literals: Vec<String>,
    /// What the text must match besides. Multi-line; classes such as `\d` are ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Template over the named captures of `regex` that names what is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
    /// How much the words prove.
    pub proof: Proof,
    /// Which other causes the same words can mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambiguous_with: Vec<CauseKey>,
    /// A layer that these words prove to have been passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_passed: Option<Layer>,
    /// What must hold besides the words: all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Predicate>,
    /// What the software really prints; each must match.
    #[serde(skip_serializing, default)]
    pub samples: Vec<String>,
    /// What a careless rule would take; none may match.
    #[serde(skip_serializing, default)]
    pub near_misses: Vec<String>,
    /// In a user's catalogue: this pattern replaces the built-in one of the same id.
    #[serde(default, rename = "override", skip_serializing)]
    pub replaces: bool,
}

/// A line that says how far a start came, or how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// What the line says.
    pub marks: Mark,
    /// Unique among markers: `software.short-name`.
    pub id: String,
    /// Who prints the line.
    pub software: String,
    /// The gate: at least one must occur, case sensitive, each of 4 bytes or more.
    pub literals: Vec<String>,
    /// What the text must match besides; may capture `code`, `signal`, `pid`, `port`, `phase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// What the software really prints; each must match.
    #[serde(skip_serializing, default)]
    pub samples: Vec<String>,
    /// What a careless rule would take; none may match.
    #[serde(skip_serializing, default)]
    pub near_misses: Vec<String>,
    /// In a user's catalogue: this marker replaces the built-in one of the same id.
    #[serde(default, rename = "override", skip_serializing)]
    pub replaces: bool,
}

/// How a dependency shows itself in stack frames, ports and variables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// postgres, redis, http ...
    pub name: String,
    /// Substrings of stack frames, exception types or logger names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<String>,
    /// Ports on which it usually listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Variables that usually configure it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
}

/// How much the words of a pattern prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The words fit several causes by nature.
    Weak,
    /// Usual wording, rarely anything else.
    Strong,
    /// The words say precisely this: a SQLSTATE, a server's own sentence, a runtime's own text.
    Exact,
}

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The main process of a service begins.
    Start,
    /// A worker of a pre-fork master begins.
    WorkerStart,
    /// The program's code is being loaded.
    Importing,
    /// The program has read its settings.
    Configured,
    /// The program says that it is connected to, or is talking to, a dependency.
    Dependencies,
    /// The program listens, after loading.
    Listening,
    /// A pre-fork master listens before its workers load the program.
    PreforkListening,
    /// The program says that start-up is complete.
    Ready,
    /// An access-log line of a request that the program answered, status below 500.
    Served,
    /// Any access-log line.
    AccessLog,
    /// The program goes on in spite of something.
    Continued,
    /// Asked to stop.
    Stopping,
    /// A platform or supervisor reports the end; captures `code` or `signal`.
    Exited,
    /// Says that start-up failed, not why.
    Wrapper,
    /// What follows from a failure.
    Consequence,
    /// The platform starts an instance.
    PlatformStarting,
    /// The image could not be pulled.
    ImagePullFailed,
    /// The platform's start-up probe passed.
    StartupProbePassed,
    /// The platform's start-up probe failed.
    StartupProbeFailed,
    /// The platform's liveness probe failed.
    LivenessFailed,
    /// The kernel or the platform killed it for lack of memory.
    OomKilled,
    /// The platform or a supervisor will start it again.
    RestartScheduled,
    /// The platform calls the revision ready.
    RevisionReady,
    /// The platform calls the revision failed.
    RevisionFailed,
    /// The platform answered a request itself because no instance could.
    RequestFailed,
    /// The program names the phase that failed; captures `phase`.
    PhaseFailed,
}

/// A condition on what is known besides the words of a rule: the closed list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PredicateRow", into = "PredicateRow")]
pub enum Predicate {
    /// The fact at a dotted path, as text, contains this.
    FactContains(String, String),
    /// The fact at a dotted path equals this; numbers compare as numbers.
    FactEquals(String, Value),
    /// The fact at a dotted path is a number below this.
    FactLessThan(String, f64),
    /// The process ended with this code.
    Exit(i32),
    /// The process died of this signal, by name.
    Signal(String),
    /// This layer is known to have been passed.
    LayerPassed(Layer),
}

/// A predicate as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredicateRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    equals: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    less_than: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer_passed: Option<Layer>,
}

impl TryFrom<PredicateRow> for Predicate {
    type Error = &'static str;

    fn try_from(row: PredicateRow) -> Result<Self, Self::Error> {
        let PredicateRow { fact, contains, equals, less_than, exit, signal, layer_passed } = row;
        match (fact, contains, equals, less_than, exit, signal, layer_passed) {
            (Some(fact), Some(text), None, None, None, None, None) => Ok(Self::FactContains(fact, text)),
            (Some(fact), None, Some(value), None, None, None, None) => Ok(Self::FactEquals(fact, value)),
            (Some(fact), None, None, Some(bound), None, None, None) => Ok(Self::FactLessThan(fact, bound)),
            (None, None, None, None, Some(code), None, None) => Ok(Self::Exit(code)),
            (None, None, None, None, None, Some(name), None) => Ok(Self::Signal(name)),
            (None, None, None, None, None, None, Some(layer)) => Ok(Self::LayerPassed(layer)),
            _ => Err("a predicate is `fact` with one of `contains`, `equals`, `less_than`, \
                      or one of `exit`, `signal`, `layer_passed` alone"),
        }
    }
}

impl From<Predicate> for PredicateRow {
    fn from(predicate: Predicate) -> Self {
        let mut row = PredicateRow::default();
        match predicate {
            Predicate::FactContains(fact, text) => (row.fact, row.contains) = (Some(fact), Some(text)),
            Predicate::FactEquals(fact, value) => (row.fact, row.equals) = (Some(fact), Some(value)),
            Predicate::FactLessThan(fact, bound) => (row.fact, row.less_than) = (Some(fact), Some(bound)),
            Predicate::Exit(code) => row.exit = Some(code),
            Predicate::Signal(name) => row.signal = Some(name),
            Predicate::LayerPassed(layer) => row.layer_passed = Some(layer),
        }
        row
    }
}

/// Everything that a catalogue holds, in declared order: what the build embeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    /// SHA-256 of the sources, as `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// All causes.
    pub causes: Vec<CauseEntry>,
    /// All patterns.
    pub patterns: Vec<Pattern>,
    /// All markers.
    pub markers: Vec<Marker>,
    /// All components.
    pub components: Vec<Component>,
}
