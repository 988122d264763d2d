//! What a verdict says, before anybody decides how to show it: which causes are current, which were
//! not re-tested, how many starts there are of each kind, and the letters by which people call causes.
//!
//! What it must never do: encode (each output does), or conclude anything that the fields do not hold.

use crate::{Words, figures};
use std::collections::{BTreeMap, BTreeSet};
use tminus_core::{
    Timestamp,
    verdict::{AttemptSummary, Cause, Change, Evidence, Verdict},
    vocabulary::{AttemptOutcome, CauseStatus, Outcome, Role},
};

/// Gaps shorter than this share of the whole span are not drawn.
const GAP_SHARE: f64 = 0.05;
/// Most letters that are listed one by one.
const LETTERS_MAX: usize = 3;

/// A verdict with what its readers ask of it.
pub(crate) struct View<'a> {
    pub(crate) verdict: &'a Verdict,
    pub(crate) words: &'a Words<'a>,
    letters: Vec<char>,
    cause_of: BTreeMap<u32, usize>,
    evidence: BTreeMap<&'a str, &'a Evidence>,
}

/// How many starts there are of each kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) failed: usize,
    pub(crate) ready_then_failed: usize,
    pub(crate) ready: usize,
    pub(crate) cut_off: usize,
    pub(crate) unknown: usize,
}

impl Counts {
    /// Starts that failed, at whatever point.
    pub(crate) fn all_failed(self) -> usize {
        self.failed + self.ready_then_failed
    }

    /// Starts whose outcome the input shows.
    pub(crate) fn complete(self) -> usize {
        self.all_failed() + self.ready
    }
}

/// A stretch of time, as the strip and the table of causes show it.
pub(crate) enum Piece {
    /// Starts that follow one another, each with its mark.
    Starts { from: Option<Timestamp>, to: Option<Timestamp>, marks: Vec<char> },
    /// No rows for so many seconds.
    Gap(f64),
}

/// Marks of starts that no cause has a letter for.
pub(crate) const CUT_OFF: char = '?';
pub(crate) const READY: char = '+';
pub(crate) const UNEXPLAINED: char = 'x';

impl<'a> View<'a> {
    pub(crate) fn new(verdict: &'a Verdict, words: &'a Words<'a>) -> View<'a> {
        let mut cause_of = BTreeMap::new();
        let named = if verdict.outcome == Outcome::Undetermined { &[][..] } else { &verdict.causes };
        for (i, cause) in named.iter().enumerate() {
            for n in cause.attempts.iter().chain(&cause.consistent_with) {
                cause_of.entry(*n).or_insert(i);
            }
        }
        let of_causes = verdict.causes.iter().flat_map(|c| &c.evidence);
        let evidence = verdict.evidence.iter().chain(of_causes).map(|e| (e.id.as_str(), e)).collect();
        View { verdict, words, letters: letters(&verdict.causes), cause_of, evidence }
    }

    /// The causes that may be named: none where the verdict is undetermined.
    pub(crate) fn causes(&self) -> &'a [Cause] {
        match self.verdict.outcome {
            Outcome::Undetermined => &[],
            Outcome::Failed | Outcome::Ready => &self.verdict.causes,
        }
    }

    /// The letter of a cause: the same for every epoch of one identity.
    pub(crate) fn letter(&self, cause: usize) -> char {
        self.letters[cause]
    }

    /// Letters are only worth reading where there is more than one epoch.
    pub(crate) fn lettered(&self) -> bool {
        self.causes().len() > 1
    }

    /// The causes that decide who acts, strongest first.
    pub(crate) fn current(&self) -> Vec<usize> {
        let causes = self.causes();
        let mut found: Vec<usize> = (0..causes.len()).filter(|&i| causes[i].current).collect();
        found.sort_by(|&a, &b| causes[b].confidence.total_cmp(&causes[a].confidence));
        found
    }

    /// The cause that comes first: strongest of the current ones.
    pub(crate) fn lead(&self) -> Option<&'a Cause> {
        self.current().first().map(|&i| &self.causes()[i])
    }

    /// Earlier causes about which nothing is known now, oldest first, each identity once.
    pub(crate) fn untested(&self) -> Vec<usize> {
        let mut seen: BTreeSet<char> = self.current().iter().map(|&i| self.letter(i)).collect();
        let mut found: Vec<usize> = (0..self.causes().len())
            .rev()
            .filter(|&i| !self.causes()[i].current && seen.insert(self.letter(i)))
            .filter(|&i| self.causes()[i].status == CauseStatus::Masked)
            .collect();
        found.reverse();
        found
    }

    /// Every cause, current ones strongest first, then the others, latest first.
    pub(crate) fn by_weight(&self) -> Vec<usize> {
        let mut order = self.current();
        order.extend((0..self.causes().len()).rev().filter(|&i| !self.causes()[i].current));
        order
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for attempt in &self.verdict.attempts {
            *match attempt.outcome {
                AttemptOutcome::Failed => &mut counts.failed,
                AttemptOutcome::ReadyThenFailed => &mut counts.ready_then_failed,
                AttemptOutcome::Ready => &mut counts.ready,
                AttemptOutcome::CutOff => &mut counts.cut_off,
                AttemptOutcome::Unknown => &mut counts.unknown,
            } += 1;
        }
        counts
    }

    /// Starts that failed, at whatever point, in order.
    pub(crate) fn failed(&self) -> Vec<&'a AttemptSummary> {
        let failed =
            |a: &&AttemptSummary| matches!(a.outcome, AttemptOutcome::Failed | AttemptOutcome::ReadyThenFailed);
        self.verdict.attempts.iter().filter(failed).collect()
    }

    /// The starts that belong to a cause, in order.
    pub(crate) fn starts_of(&self, cause: usize) -> Vec<&'a AttemptSummary> {
        self.verdict.attempts.iter().filter(|a| self.cause_of.get(&a.n) == Some(&cause)).collect()
    }

    /// First and last moment of an epoch: as the verdict has it, else as its starts do.
    pub(crate) fn period(&self, cause: usize) -> (Option<Timestamp>, Option<Timestamp>) {
        let starts = self.starts_of(cause);
        let moments = || starts.iter().flat_map(|a| [a.start, a.end]).flatten();
        let the = &self.causes()[cause];
        (the.first_seen.or_else(|| moments().min()), the.last_seen.or_else(|| moments().max()))
    }

    /// `A, B and C`, or `A, B, C and 4 more`; each letter once.
    pub(crate) fn letters_of(&self, causes: &[usize]) -> String {
        let mut letters: Vec<String> = Vec::new();
        for letter in causes.iter().map(|&i| self.letter(i).to_string()) {
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        let more = letters.len().saturating_sub(LETTERS_MAX);
        if more > 0 {
            letters.truncate(LETTERS_MAX);
            letters.push(format!("{more} more"));
        }
        figures::listed(letters.into_iter())
    }

    /// Median span of the starts of a cause, seconds, where both ends are known.
    pub(crate) fn typical_span(&self, cause: usize) -> Option<f64> {
        let mut spans: Vec<f64> = self.starts_of(cause).into_iter().filter_map(span_of).collect();
        spans.sort_by(f64::total_cmp);
        spans.get(spans.len() / 2).copied()
    }

    /// Revisions among the starts of a cause, in order of appearance.
    pub(crate) fn revisions_of(&self, cause: usize) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        for revision in self.starts_of(cause).iter().filter_map(|a| a.revision.as_deref()) {
            if !found.contains(&revision) {
                found.push(revision);
            }
        }
        found
    }

    pub(crate) fn evidence(&self, id: &str) -> Option<&'a Evidence> {
        self.evidence.get(id).copied()
    }

    pub(crate) fn changes_of(&self, cause: &Cause) -> Vec<&'a Change> {
        self.verdict.changes.iter().filter(|x| cause.contributing.contains(&x.id)).collect()
    }

    /// First start and last end that the input shows.
    pub(crate) fn extent(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let attempts = &self.verdict.attempts;
        let ends = || attempts.iter().flat_map(|a| [a.start, a.end]).flatten();
        (ends().min(), ends().max())
    }

    /// Who is called for: owners of the current causes, strongest first, each once; not `nobody`.
    pub(crate) fn owners(&self, causes: &[usize]) -> Vec<Role> {
        let mut found = Vec::new();
        for &i in causes {
            let owner = self.causes()[i].owner;
            if owner != Role::Nobody && !found.contains(&owner) {
                found.push(owner);
            }
        }
        found
    }

    /// The longest stretch without rows that lies between two starts.
    pub(crate) fn gap_between(&self, earlier: &AttemptSummary, later: &AttemptSummary) -> Option<f64> {
        let (from, to) = (earlier.start?, later.start?);
        let floor = (self.verdict.coverage.span_s * GAP_SHARE).max(1.0);
        let inside = self.verdict.coverage.gaps.iter().filter(|(a, b)| *a >= from && *b <= to);
        inside.map(|(a, b)| figures::seconds_between(*a, *b)).filter(|s| *s >= floor).max_by(f64::total_cmp)
    }

    /// The starts in order of time, with the gaps that the input has between them.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut run: Vec<&AttemptSummary> = Vec::new();
        for attempt in &self.verdict.attempts {
            if let Some(gap) = run.last().and_then(|last| self.gap_between(last, attempt)) {
                pieces.push(self.piece(&run));
                pieces.push(Piece::Gap(gap));
                run.clear();
            }
            run.push(attempt);
        }
        if !run.is_empty() {
            pieces.push(self.piece(&run));
        }
        pieces
    }

    fn piece(&self, run: &[&AttemptSummary]) -> Piece {
        Piece::Starts {
            from: run.iter().filter_map(|a| a.start).min(),
            to: run.iter().flat_map(|a| [a.start, a.end]).flatten().max(),
            marks: run.iter().map(|a| self.mark(a)).collect(),
        }
    }

    /// The mark of one start: the letter of its cause, or how it came out.
    pub(crate) fn mark(&self, attempt: &AttemptSummary) -> char {
        match (self.cause_of.get(&attempt.n), attempt.outcome) {
            (Some(&cause), _) => self.letter(cause),
            (None, AttemptOutcome::CutOff | AttemptOutcome::Unknown) => CUT_OFF,
            (None, AttemptOutcome::Ready) => READY,
            (None, AttemptOutcome::Failed | AttemptOutcome::ReadyThenFailed) => UNEXPLAINED,
        }
    }
}

/// From first to last row of a start, seconds.
pub(crate) fn span_of(attempt: &AttemptSummary) -> Option<f64> {
    Some(figures::seconds_between(attempt.start?, attempt.end?)).filter(|s| *s >= 0.0)
}

/// `A`, `B`, ... in order of first appearance; one letter for each identity.
fn letters(causes: &[Cause]) -> Vec<char> {
    let mut known: Vec<(&str, &str)> = Vec::new();
    let mut alphabet = ('A'..='Z').chain('a'..='z').filter(|c| *c != UNEXPLAINED);
    let mut found = Vec::with_capacity(causes.len());
    for cause in causes {
        let identity = (cause.cause.as_str(), cause.culprit.as_str());
        match known.iter().position(|k| *k == identity) {
            Some(earlier) => found.push(found[earlier]),
            None => found.push(alphabet.next().unwrap_or('*')),
        }
        known.push(identity);
    }
    found
}
