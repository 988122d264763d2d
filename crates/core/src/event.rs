//! `tminus.event/1`: one immutable fact about an attempt, or a change or notice of the platform.
//!
//! The only event type of tminus. Live starts, simulated starts and imported logs write it; verdicts,
//! timelines, stores and reports are folds over it. Types come in pairs (`*.started`, `*.finished`);
//! output bodies stay outside the event lines and are referred to by [`LogRef`].
//!
//! Wire form: one JSON object per line,
//! `{"v":1,"attempt":"...","seq":7,"at":"...","t":1200,"src":"import","type":"child.exited","data":{...}}`.
//! Readers ignore unknown fields and unknown types ([`EventKind::Unknown`]).

use crate::{
    Timestamp,
    record::SourceId,
    verdict::Change,
    vocabulary::{AttemptOutcome, CauseKey, Layer, Role, Severity, Stage},
};
use serde::{Deserialize, Serialize};

/// Version of the envelope.
pub const VERSION: u32 = 1;

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "Wire")]
pub struct Event {
    /// Version of the envelope: [`VERSION`].
    pub v: u32,
    /// Live: UUIDv7; imported: hash of service, instance key and first boundary.
    pub attempt: AttemptId,
    /// Number inside the attempt, from 0, without gaps.
    pub seq: u64,
    /// Wall time, UTC; none where an imported row has none.
    pub at: Option<Timestamp>,
    /// Nanoseconds since the attempt started.
    pub t: i64,
    /// Who wrote it.
    pub src: Origin,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// An event as it is read: a type that this version does not know becomes [`EventKind::Unknown`]
/// (serde's own `other` does not take the data that comes with it).
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Wire {
    v: u32,
    attempt: AttemptId,
    seq: u64,
    at: Option<Timestamp>,
    t: i64,
    src: Origin,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: serde_json::Value,
}

impl From<Wire> for Event {
    fn from(wire: Wire) -> Event {
        let Wire { v, attempt, seq, at, t, src, kind, data } = wire;
        let kind =
            serde_json::from_value(serde_json::json!({"type": kind, "data": data})).unwrap_or(EventKind::Unknown);
        Event { v, attempt, seq, at, t, src, kind }
    }
}

/// Identity of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AttemptId(pub String);

impl AttemptId {
    /// The identity of a live attempt: a UUID of version 7 (RFC 9562, 5.7) from the wall clock and
    /// random bits of the caller's.
    pub fn live(at: Timestamp, random: u128) -> AttemptId {
        let ms = (at.as_millisecond().max(0) as u128) & 0xffff_ffff_ffff;
        let (rand_a, rand_b) = ((random >> 64) & 0xfff, random & 0x3fff_ffff_ffff_ffff);
        let id = (ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b;
        let hex = format!("{id:032x}");
        AttemptId(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }
}

crate::vocabulary::words! {
    /// Which driver wrote an event.
    Origin {
        /// The real driver.
        Live = "live",
        /// The simulated driver.
        Sim = "sim",
        /// Read from logs.
        Import = "import",
    }
}

crate::vocabulary::words! {
    /// How a phase, step, try or layer came out.
    Passage {
        /// It passed.
        Passed = "passed",
        /// It failed.
        Failed = "failed",
        /// It ran out of time.
        Expired = "expired",
        /// It was not reached or was cancelled.
        Skipped = "skipped",
    }
}

crate::vocabulary::words! {
    /// What a line of a program or platform is, seen from the failure that ended the attempt.
    LineRole {
        /// It may be the cause.
        Candidate = "candidate",
        /// It wraps or repeats another failure.
        Wrapper = "wrapper",
        /// A retry of something that may still succeed.
        Retry = "retry",
        /// It follows from a failure.
        Consequence = "consequence",
        /// The platform's own verdict.
        PlatformVerdict = "platform_verdict",
        /// A client that saw the failure.
        ClientSymptom = "client_symptom",
        /// It stands in attempts that came up, or the program went on after it.
        Noise = "noise",
        /// It happened while the program was being stopped.
        ShutdownNoise = "shutdown_noise",
        /// It marks how far the attempt came.
        Progress = "progress",
    }
}

/// A place in an input: the physical line, its text, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogRef {
    /// Which input.
    #[cfg_attr(feature = "schema", schemars(with = "u16"))]
    pub source: SourceId,
    /// Physical line, from 1, of the decompressed input.
    pub line: u32,
    /// What stands there, cut to a bounded length.
    pub text: String,
}

/// What happened. The wire carries the type's name in `type` and its fields in `data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", content = "data")]
pub enum EventKind {
    /// An instance began to start.
    #[serde(rename = "attempt.started")]
    AttemptStarted {
        /// Service.
        service: Option<String>,
        /// Environment.
        environment: Option<String>,
        /// Revision.
        revision: Option<String>,
        /// Instance key.
        instance: Option<String>,
        /// Platform (`cloud-run`, `kubernetes`, ...).
        platform: Option<String>,
        /// Digest of the plan; live and simulated only.
        plan: Option<String>,
        /// Seed of the random generator; live and simulated only.
        seed: Option<u64>,
    },
    /// A phase began.
    #[serde(rename = "phase.started")]
    PhaseStarted {
        /// Its name.
        phase: String,
    },
    /// A phase ended.
    #[serde(rename = "phase.finished")]
    PhaseFinished {
        /// Its name.
        phase: String,
        /// How.
        outcome: Passage,
        /// Why, from a closed set, when it did not pass.
        code: Option<String>,
        /// How long it took, ns.
        elapsed_ns: Option<u64>,
    },
    /// A step began.
    #[serde(rename = "step.started")]
    StepStarted {
        /// Its phase.
        phase: String,
        /// Its name.
        step: String,
    },
    /// A step ended.
    #[serde(rename = "step.finished")]
    StepFinished {
        /// Its phase.
        phase: String,
        /// Its name.
        step: String,
        /// How.
        outcome: Passage,
        /// Why, from a closed set.
        code: Option<String>,
        /// How long it took, ns.
        elapsed_ns: Option<u64>,
        /// Whether its failure is the start's failure; none where nobody knows the plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        critical: Option<bool>,
    },
    /// One try of a step began.
    #[serde(rename = "try.started")]
    TryStarted {
        /// Its step.
        step: String,
        /// Which of the step's ways, when it has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lane: Option<String>,
        /// Number, from 1.
        number: u32,
    },
    /// One try of a step ended.
    #[serde(rename = "try.finished")]
    TryFinished {
        /// Its step.
        step: String,
        /// Which of the step's ways, when it has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lane: Option<String>,
        /// Number, from 1.
        number: u32,
        /// How.
        outcome: Passage,
        /// Why, from a closed set.
        code: Option<String>,
        /// How long it took, ns.
        elapsed_ns: Option<u64>,
    },
    /// A layer of a connection was tried.
    #[serde(rename = "layer.started")]
    LayerStarted {
        /// What is connected to (`host:port` or socket path).
        target: String,
        /// Which layer.
        layer: Layer,
        /// The step that asks; none when no step does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// A layer of a connection passed or failed.
    #[serde(rename = "layer.finished")]
    LayerFinished {
        /// What is connected to.
        target: String,
        /// Which layer.
        layer: Layer,
        /// How.
        outcome: Passage,
        /// Why, from a closed set.
        code: Option<String>,
        /// How long it took, ns.
        elapsed_ns: Option<u64>,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
        /// The step that asks; none when no step does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// What the other side said or what was found, bounded, without secrets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// How many connections were dialled for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dials: Option<u32>,
    },
    /// The child process was started.
    #[serde(rename = "child.spawned")]
    ChildSpawned {
        /// Its pid.
        pid: Option<u32>,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
    },
    /// The child said something about itself (ready, listening, stage reached).
    #[serde(rename = "child.notified")]
    ChildNotified {
        /// The stage that it reached.
        stage: Stage,
        /// Its own words.
        status: String,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
    },
    /// Ordinary output, counted; the bodies stay where they are.
    #[serde(rename = "child.output")]
    ChildOutput {
        /// Lines in this run.
        lines: u64,
        /// Bytes in this run.
        bytes: u64,
        /// Where the run begins; imported only.
        at: Option<LogRef>,
        /// Where it ends; imported only.
        last: Option<LogRef>,
    },
    /// The child is being stopped.
    #[serde(rename = "child.stopping")]
    ChildStopping {
        /// The signal.
        signal: Option<String>,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
    },
    /// The child ended.
    #[serde(rename = "child.exited")]
    ChildExited {
        /// Exit code.
        code: Option<i32>,
        /// Signal.
        signal: Option<String>,
        /// The platform's word for it.
        reason: Option<String>,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
    },
    /// The child that ended after ready is started again in place, or not any more.
    #[serde(rename = "child.restart")]
    ChildRestart {
        /// How many restarts in a row that makes.
        number: u32,
        /// How many there may be.
        limit: u32,
        /// How long the child had lived, ns.
        lived_ns: Option<u64>,
        /// After what rest, ns; none: the limit is reached, and that was the end.
        rest_ns: Option<u64>,
    },
    /// A process that nobody waited for was reaped.
    #[serde(rename = "orphan.reaped")]
    OrphanReaped {
        /// Its pid.
        pid: u32,
        /// Its exit code.
        code: Option<i32>,
    },
    /// A line, or a failure of several lines, matched the catalogue or was recognised as a failure.
    #[serde(rename = "log.matched")]
    LogMatched(Box<Match>),
    /// A deploy or setting was seen.
    #[serde(rename = "change.seen")]
    ChangeSeen(Change),
    /// The platform said something about the attempt (probe passed, probe failed, scheduled, killed).
    #[serde(rename = "platform.notice")]
    PlatformNotice {
        /// What, from a closed set ([`Notice`]).
        notice: Notice,
        /// The line that shows it; imported only.
        at: Option<LogRef>,
    },
    /// A declared disturbance began.
    #[serde(rename = "fault.applied")]
    FaultApplied {
        /// Its name in the scenario.
        fault: String,
    },
    /// A declared disturbance ended.
    #[serde(rename = "fault.cleared")]
    FaultCleared {
        /// Its name in the scenario.
        fault: String,
    },
    /// A fact from outside the attempt was taken as evidence.
    #[serde(rename = "evidence.noted")]
    EvidenceNoted {
        /// Name of the file or command.
        source: String,
        /// `key = value`.
        text: String,
    },
    /// A verdict was reached.
    #[serde(rename = "verdict.reached")]
    VerdictReached {
        /// Key of the strongest cause, if any.
        cause: Option<CauseKey>,
        /// Its confidence.
        confidence: Option<f64>,
        /// Who owns the next move.
        owner: Option<Role>,
        /// What changed since the last one: `evidence` or `rules`.
        changed: Option<String>,
    },
    /// Something could not be written or posted; never fatal.
    #[serde(rename = "sink.failed")]
    SinkFailed {
        /// Which sink.
        sink: String,
        /// Why.
        error: String,
    },
    /// The attempt ended.
    #[serde(rename = "attempt.finished")]
    AttemptFinished {
        /// How.
        outcome: AttemptOutcome,
        /// The deepest stage reached with evidence.
        stage: Option<Stage>,
        /// How long it took, ns.
        elapsed_ns: Option<u64>,
    },
    /// A type that this version does not know.
    #[serde(rename = "unknown")]
    Unknown,
}

crate::vocabulary::words! {
    /// What a platform says about an attempt.
    Notice {
        /// An instance is being started.
        Starting = "starting",
        /// The image could not be pulled.
        ImagePullFailed = "image_pull_failed",
        /// A start-up probe passed. Proves nothing about the program.
        StartupProbePassed = "startup_probe_passed",
        /// A start-up probe failed for good.
        StartupProbeFailed = "startup_probe_failed",
        /// A liveness probe failed for good.
        LivenessProbeFailed = "liveness_probe_failed",
        /// The platform killed the instance for memory.
        OutOfMemory = "out_of_memory",
        /// The platform reports the revision ready. Proves nothing about the program.
        RevisionReady = "revision_ready",
        /// The platform reports the revision failed.
        RevisionFailed = "revision_failed",
        /// A restart was scheduled.
        RestartScheduled = "restart_scheduled",
        /// A request got no instance or an error from one.
        RequestFailed = "request_failed",
        /// Anything else.
        Other = "other",
    }
}

/// A failure in the output, or a line that speaks about one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Match {
    /// What it is.
    pub role: LineRole,
    /// Rules of the catalogue that say something about it, in the order of the text. Empty: a
    /// failure that the catalogue does not know.
    pub rules: Vec<RuleHit>,
    /// The chain of exceptions, root first, when it is one.
    pub failure: Option<Failure>,
    /// Severity of the row, if it has one.
    pub severity: Option<Severity>,
    /// Name of the logger, if the row has one.
    pub logger: Option<String>,
    /// The message, bounded.
    pub says: String,
    /// Its first line.
    pub at: LogRef,
    /// How many physical rows it covers.
    pub rows: u32,
}

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleHit {
    /// The cause that the words point to.
    pub cause: CauseKey,
    /// Name of the pattern in the catalogue.
    pub pattern: String,
    /// What the words name as the culprit.
    pub culprit: Option<String>,
    /// Index of the link of the chain in which the words stand.
    pub link: Option<u32>,
    /// The line in which they stand.
    pub at: LogRef,
}

/// An exception chain, a panic, a server's fatal message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// Language or family (`python`, `jvm`, `node`, `go`, `rust`, `server` ...).
    pub language: String,
    /// Its links, root first.
    pub links: Vec<FailureLink>,
    /// True when its head or end is not in the input.
    pub truncated: bool,
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureLink {
    /// Full type name; empty where the language has none.
    pub type_name: String,
    /// Message, bounded.
    pub message: String,
    /// A mechanism (cancelled, timed out, interrupted): never a cause by itself.
    pub mechanism: bool,
    /// Never a cause (suppressed, a mere context of a later failure of its own).
    pub aside: bool,
    /// The dependency that the deepest frames belong to, when the catalogue knows it.
    pub component: Option<String>,
    /// The deepest frame of the program's own code.
    pub in_app: Option<String>,
    /// The innermost call of a library: what a timeout was waiting in.
    pub waited_in: Option<String>,
    /// The line that names the failure.
    pub at: LogRef,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event { v: VERSION, attempt: AttemptId("a".into()), seq: 0, at: None, t: 0, src: Origin::Import, kind }
    }

    #[test]
    fn the_wire_carries_type_and_data() {
        let json =
            serde_json::to_value(event(EventKind::ChildExited { code: Some(3), signal: None, reason: None, at: None }))
                .unwrap();
        assert_eq!(json["type"], "child.exited");
        assert_eq!(json["data"]["code"], 3);
        let back: Event = serde_json::from_value(json).unwrap();
        assert!(matches!(back.kind, EventKind::ChildExited { code: Some(3), .. }));
    }

    #[test]
    fn a_live_attempt_has_a_uuid_of_version_7() {
        // The example of RFC 9562, A.6.
        let at = Timestamp::from_millisecond(0x017F_22E2_79B0).unwrap();
        let id = AttemptId::live(at, (0xCC3 << 64) | 0x18C4_DC0C_0C07_398F);
        assert_eq!(id.0, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn unknown_types_and_fields_are_read() {
        let line = r#"{"v":1,"attempt":"a","seq":1,"at":null,"t":5,"src":"live","type":"moon.landed","data":{"x":1},"more":2}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.kind, EventKind::Unknown);
    }
}
