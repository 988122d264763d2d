//! `tminus.verdict/1`: the ranked causes of an incident, with evidence, what is ruled out, and what
//! is missing. The fields and their meaning are a contract with readers: additive changes only.

use crate::{
    Timestamp,
    vocabulary::{
        AttemptOutcome, CauseKey, CauseStatus, Certainty, ChangeKind, Domain, Layer, Outcome, Retry, Role, Stage,
    },
};
use serde::{Deserialize, Serialize};

/// The name and version of this format.
pub const SCHEMA: &str = "tminus.verdict/1";
/// Longest culprit, in characters.
pub const CULPRIT_MAX: usize = 120;
/// Most evidence items of one cause.
pub const EVIDENCE_MAX: usize = 8;
/// Longest evidence text, in characters.
pub const EVIDENCE_TEXT_MAX: usize = 600;

/// What is known about why a service does not start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Always [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// What produced it.
    pub tool: Tool,
    /// The service judged, when the input names one.
    pub service: Option<String>,
    /// Its environment, when the input names one.
    pub environment: Option<String>,
    /// The target revision.
    pub revision: Option<String>,
    /// How the whole came out.
    pub outcome: Outcome,
    /// One entry per epoch, in order of the first attempt.
    pub causes: Vec<Cause>,
    /// The strongest explanation that did not win, and what would make it win.
    pub runner_up: Option<RunnerUp>,
    /// What follows for people who have to act.
    pub advice: Advice,
    /// Explanations that the evidence excludes.
    pub ruled_out: Vec<RuledOut>,
    /// From the symptom down, as far as evidence goes.
    pub whys: Vec<Why>,
    /// Deploys and settings that the input shows.
    pub changes: Vec<Change>,
    /// What would decide what is still open.
    pub needed: Vec<String>,
    /// Every attempt, in order of start.
    pub attempts: Vec<AttemptSummary>,
    /// What the input covers.
    pub coverage: Coverage,
    /// Every cited place, by id: what `whys`, `changes` and `ruled_out` refer to, too.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// What produced a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// Version of tminus.
    pub version: String,
    /// Digest of the catalogue in force (`sha256:...`).
    pub catalogue: String,
}

/// One epoch of one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cause {
    /// Name inside this verdict (`c1`, `c2`, ...).
    pub id: String,
    /// Key of the catalogue.
    pub cause: CauseKey,
    /// Whose kind of fault; decided apart from the key.
    pub domain: Domain,
    /// Where it stops a start.
    pub layer: Layer,
    /// The identifier at fault (module, host:port, variable, path), at most 120 characters, never a secret.
    pub culprit: String,
    /// Who owns the next move.
    pub owner: Role,
    /// Calibrated on the corpus: 0.9 means right nine times in ten.
    pub confidence: f64,
    /// The word for it.
    pub certainty: Certainty,
    /// Whether it stops starts now.
    pub status: CauseStatus,
    /// True when it decides who acts.
    pub current: bool,
    /// Attempts with evidence of their own.
    pub attempts: Vec<u32>,
    /// Attempts that only resemble their siblings.
    pub consistent_with: Vec<u32>,
    /// Start of its first attempt, as far as known.
    pub first_seen: Option<Timestamp>,
    /// End of its last attempt, as far as known.
    pub last_seen: Option<Timestamp>,
    /// What proves it, strongest first; at most eight.
    pub evidence: Vec<Evidence>,
    /// What else the same words could mean, and why it is not that.
    pub alternatives: Vec<Alternative>,
    /// Ids of changes that contribute.
    pub contributing: Vec<String>,
    /// What mends it.
    pub remedy: String,
    /// The first command or step.
    pub next: String,
    /// How the confidence came about; printed by `--full`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Weight>,
}

/// One term of a score, in log-odds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Weight {
    /// What was observed.
    pub because: String,
    /// Natural log-odds added.
    pub log_odds: f64,
}

/// One cited line, fact or exit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Name inside this verdict (`e1`, ...).
    pub id: String,
    /// File name as given, or the name of the facts or exits file.
    pub source: String,
    /// Physical line from 1 of the decompressed file; none for facts and exits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// When, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Begins with what stands there; `key = value` for facts and exits.
    pub text: String,
    /// What it supports.
    pub supports: Supports,
}

crate::vocabulary::words! {
    /// What a piece of evidence is for.
    Supports {
        /// It shows the cause itself.
        Cause = "cause",
        /// It shows what follows from the cause.
        Consequence = "consequence",
        /// It shows how the attempt ended.
        End = "end",
        /// It shows a setting or change that contributes.
        Contributing = "contributing",
        /// It excludes another explanation.
        Excludes = "excludes",
        /// It shows how far the attempt came.
        Stage = "stage",
    }
}

/// Another reading of the same words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alternative {
    /// Key of the other explanation.
    pub cause: CauseKey,
    /// Why it was not chosen.
    pub why_not: String,
}

/// The explanation that came second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunnerUp {
    /// Its key.
    pub cause: CauseKey,
    /// The one observation that would make it win.
    pub would_flip: String,
}

/// Advice, derived from causes, never from habit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// Would trying again help?
    pub retry: Retry,
    /// Is there a revision to go back to?
    pub rollback: Rollback,
    /// `none`, or the kind of change that should wait.
    pub hold: String,
    /// What people are likely to do and should not.
    pub do_not: Vec<String>,
}

/// A rollback target, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rollback {
    /// A revision that provably served.
    pub to: Option<String>,
    /// Why it, or why none.
    pub because: String,
}

/// An explanation that the evidence excludes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuledOut {
    /// Key of the excluded cause, or a short name of an excluded reading.
    pub cause: String,
    /// Why.
    pub why: String,
    /// Ids of the evidence.
    pub evidence: Vec<String>,
}

/// One step of the five whys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// The question.
    pub why: String,
    /// The answer, or that the evidence ends here.
    pub because: String,
    /// Ids of the evidence; empty only where evidence ends.
    pub evidence: Vec<String>,
    /// Id of the cause that this chain belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// A deploy or setting that the input shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// Name inside this verdict (`x1`, ...).
    pub id: String,
    /// When it was seen.
    pub at: Option<Timestamp>,
    /// Kind.
    pub kind: ChangeKind,
    /// Name of the setting or of what was deployed.
    pub what: String,
    /// Value before, when known. A setting seen is not a change seen.
    pub from: Option<String>,
    /// Value seen.
    pub to: Option<String>,
    /// Ids of the evidence.
    pub evidence: Vec<String>,
    /// In how many rows of how many that could show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_in: Option<(u32, u32)>,
}

/// One attempt, as far as the input shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptSummary {
    /// Number, from 1 in order of start; or that of the exits file.
    pub n: u32,
    /// Instance key.
    pub instance: Option<String>,
    /// Revision.
    pub revision: Option<String>,
    /// Start, or the first row seen.
    pub start: Option<Timestamp>,
    /// End, or the last row seen.
    pub end: Option<Timestamp>,
    /// How it came out.
    pub outcome: AttemptOutcome,
    /// Exit code, when known.
    pub exit_code: Option<i32>,
    /// Name of the signal that ended it, when known.
    pub signal: Option<String>,
    /// The phase that the program itself named as failed.
    pub phase: Option<String>,
    /// The deepest stage reached, with evidence.
    pub stage: Option<Stage>,
    /// Log records that belong to it.
    pub records: u64,
}

/// What the input covers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Rows read: physical entries or lines.
    pub rows: u64,
    /// Records after joining multi-line texts and removing duplicates.
    pub records: u64,
    /// From the first to the last row, seconds.
    pub span_s: f64,
    /// Time inside that span covered by rows (gaps without rows left out), seconds.
    #[serde(default)]
    pub covered_s: f64,
    /// Caps that the export shows: `limit N`, `N per severity`.
    pub caps: Vec<String>,
    /// Attempts cut off.
    pub cut_off: u32,
    /// Lines that could not be read as what their file is.
    pub skipped: u64,
    /// Rows without any text.
    #[serde(default)]
    pub without_payload: u64,
    /// Duplicated rows removed.
    #[serde(default)]
    pub duplicates: u64,
    /// Clock offsets found, per logger.
    pub clocks: Vec<String>,
    /// `envelope`, `text`, `assumed_utc` or `none`.
    #[serde(default)]
    pub time_basis: String,
    /// Each input with its format and rows.
    #[serde(default)]
    pub inputs: Vec<InputCoverage>,
    /// Stretches without rows, longest first: (from, to).
    #[serde(default)]
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// Anything else a reader must know before believing the verdict.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InputCoverage {
    /// Name as given.
    pub source: String,
    /// Formats found.
    pub format: String,
    /// Rows read.
    pub rows: u64,
    /// True when the file was newest first and has been turned round.
    pub newest_first: bool,
    /// Lines that could not be read, first ones with their reason.
    pub skipped: Vec<String>,
}
