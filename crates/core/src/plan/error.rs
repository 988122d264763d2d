//! What can be wrong with a plan: a closed set of codes, and one mistake with its place.
//!
//! A text here names keys, steps and variables, never the value of a variable: that may be a
//! secret. Carets and colours are drawn at the edge.
//! Where to start reading: [`PlanError`].

use crate::vocabulary::words;
use std::fmt;
use std::ops::Range;

words! {
    /// The kinds of mistakes in a plan.
    PlanCode {
        /// The text is not TOML.
        NotToml = "not_toml",
        /// The text is longer, or holds more, than a plan may.
        TooLarge = "too_large",
        /// `version` is missing.
        VersionMissing = "version_missing",
        /// `version` is one that this tminus does not read.
        VersionUnknown = "version_unknown",
        /// A key that no plan has at that place.
        UnknownKey = "unknown_key",
        /// A key that must be there is not.
        MissingKey = "missing_key",
        /// A value of another type than the key takes.
        WrongType = "wrong_type",
        /// A word that is none of those that the key takes, or a text of another form.
        BadValue = "bad_value",
        /// Not a duration, or one that is zero, negative or too long.
        BadDuration = "bad_duration",
        /// A number outside of what the key takes.
        OutOfRange = "out_of_range",
        /// A name that cannot name a phase or a step.
        BadName = "bad_name",
        /// Two phases or two steps with one name.
        DuplicateName = "duplicate_name",
        /// A step without a kind of work.
        NoWork = "no_work",
        /// A step with more than one kind of work.
        SeveralWorks = "several_works",
        /// A key that says nothing about the work of its step, or contradicts another.
        Conflict = "conflict",
        /// `needs` names a step that does not exist.
        UnknownStep = "unknown_step",
        /// `needs` names a step of a later phase.
        LaterStep = "later_step",
        /// Steps need each other in a circle.
        NeedsCycle = "needs_cycle",
        /// More than one step starts the child.
        SeveralSpawns = "several_spawns",
        /// A step asks the child before it can have been started.
        BeforeSpawn = "before_spawn",
        /// `${NAME}` that is not the whole value, or not a name.
        BadReference = "bad_reference",
        /// `${NAME}` in a command.
        ReferenceInExec = "reference_in_exec",
        /// A secret that stands in the plan itself.
        SecretInPlan = "secret_in_plan",
        /// A setting refers to a variable that is not set.
        UnsetVariable = "unset_variable",
        /// An address in the plan that tminus cannot parse.
        BadAddress = "bad_address",
        /// Profiles are used and no environment is given.
        EnvironmentMissing = "environment_missing",
        /// The environment has no profile.
        UnknownEnvironment = "unknown_environment",
        /// A row of `environments` that is not `PATTERN: NAME`.
        BadPattern = "bad_pattern",
        /// A profile is for a phase or step that the plan does not have.
        UnknownPhase = "unknown_phase",
        /// The plan that is extended cannot be read.
        ExtendsUnreadable = "extends_unreadable",
        /// Plans extend each other in a circle, or too deep.
        ExtendsCycle = "extends_cycle",
        /// `once` without a database that could keep the lease.
        NoDatabase = "no_database",
        /// An egress gate that has nobody to ask.
        NoWitness = "no_witness",
        /// Warning: phases may take longer than the platform waits.
        DeadlinesExceedWindow = "deadlines_exceed_window",
        /// Warning: a timer that an outer timer ends first, or that leaves nothing to use.
        TimerNeverFires = "timer_never_fires",
        /// Warning: how long the platform waits is not known.
        WindowUnknown = "window_unknown",
        /// Warning: a phase that does nothing.
        EmptyPhase = "empty_phase",
    }
}

/// One mistake: what, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Which kind.
    pub code: PlanCode,
    /// The file's name as the caller gave it, or as `extends` names it.
    pub file: String,
    /// Bytes of that file; none when no place is at fault, as for a key that is not there at all.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another place of the same file that belongs to it, and why.
    pub related: Option<(Range<usize>, String)>,
}

impl PlanError {
    /// The same with what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> PlanError {
        self.hint = Some(hint.into());
        self
    }

    /// The same with what to do about it, if that is known.
    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> PlanError {
        self.hint = hint;
        self
    }
}

/// `tminus.toml: what; hint`. Lines and columns need the text: they are the reporter's.
impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.what)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for PlanError {}

/// "did you mean ...?" with the nearest of `known`, if one is near enough to be meant.
pub(crate) fn suggest<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    // Nobody misspells a word of a hundred letters, and the distance is quadratic.
    if wrong.len() > 64 {
        return None;
    }
    let near = known.into_iter().map(|word| (distance(wrong, word), word)).min()?;
    (near.0 <= near.1.len().max(wrong.len()).div_ceil(3)).then(|| format!("did you mean `{}`?", near.1))
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn list<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

/// Levenshtein distance in bytes, with a swap of neighbours as one slip.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            next[j + 1] = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant_and_nothing_else() {
        let known = ["deadline", "needs", "name", "tries"];
        assert_eq!(suggest("dedline", known).as_deref(), Some("did you mean `deadline`?"));
        assert_eq!(suggest("daedline", known).as_deref(), Some("did you mean `deadline`?"));
        assert_eq!(suggest("need", known).as_deref(), Some("did you mean `needs`?"));
        assert_eq!(suggest("colour", known), None);
        assert_eq!(suggest("x", []), None);
        assert_eq!(suggest(&"deadline".repeat(20), known), None);
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(list([]), "nothing");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
