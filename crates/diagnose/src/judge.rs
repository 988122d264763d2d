//! Judges every attempt by itself, then in the light of its siblings.

use crate::attempt::Attempt;
use crate::catalogue::Catalogue;
use crate::finding::Finding;
use crate::live::join::{self, Contradiction};
use crate::reading::{self, Reading};
use crate::refine::{self, Companion, Context};
use crate::weigh::{self, Candidate, same_culprit};
use tminus_core::event::LogRef;
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;
use tminus_core::vocabulary::AttemptOutcome;

/// Confidence from which a cause is named.
pub const NAMED: f64 = 0.5;

/// One attempt with what explains it.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Its course.
    pub reading: Reading<'a>,
    /// Everything that could explain it, strongest first.
    pub candidates: Vec<Candidate>,
    /// The explanation, when one is at least possible.
    pub finding: Option<Finding>,
    /// The best explanation that stayed below the bar.
    pub doubtful: Option<Finding>,
    /// A claim of the program that a measurement of the same start speaks against.
    pub contradiction: Option<Contradiction>,
}

impl Judged<'_> {
    /// Does it count for how the whole came out? A start that was cut off does not, unless it is a
    /// live one and nothing else is there: then what it waited for is told, provisionally.
    pub fn counts(&self) -> bool {
        let provisional = self.reading.outcome == AttemptOutcome::CutOff && self.finding.is_some();
        self.reading.failed() || self.reading.outcome == AttemptOutcome::Unknown || provisional
    }
}

/// What all attempts share.
pub struct Shared<'a> {
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// Facts.
    pub facts: &'a Facts,
    /// Exits.
    pub exits: Option<&'a Exits>,
    /// Clock skew.
    pub skew: Option<(i64, LogRef)>,
    /// Settings seen in audit rows.
    pub settings: &'a [(String, String)],
    /// What other writers said.
    pub companions: &'a [Companion],
}

/// Judges `attempts`; `witnesses` are other instances of the service that serve.
pub fn judge<'a>(attempts: &'a [Attempt], witnesses: &'a [Attempt], shared: &Shared) -> Vec<Judged<'a>> {
    let mut judged: Vec<Judged<'a>> = attempts
        .iter()
        .map(|attempt| {
            let reading = reading::read(attempt);
            let candidates = weigh::weigh(&reading, shared.facts, shared.catalogue);
            Judged { reading, candidates, finding: None, doubtful: None, contradiction: None }
        })
        .collect();
    let survived = survived(&judged, witnesses, shared);
    for one in judged.iter_mut().filter(|one| one.reading.failed()) {
        for candidate in &mut one.candidates {
            let seen = survived
                .iter()
                .any(|(key, culprit)| *key == candidate.key.as_str() && same_culprit(culprit, &candidate.culprit));
            if seen && !candidate.terminal {
                candidate.add("stands in starts that came up, too", -3.0);
            }
        }
    }
    recurrence(&mut judged);
    for one in &mut judged {
        decide(one, shared);
    }
    let cut_off = |one: &Judged| one.reading.outcome == AttemptOutcome::CutOff;
    if !judged.iter().all(cut_off) {
        for one in judged.iter_mut().filter(|one| cut_off(one)) {
            one.doubtful = one.finding.take().or(one.doubtful.take());
        }
    }
    judged
}

/// Keys and culprits that stand in attempts that came up, before they did.
fn survived(judged: &[Judged], witnesses: &[Attempt], shared: &Shared) -> Vec<(String, Option<String>)> {
    let ready = |outcome| matches!(outcome, AttemptOutcome::Ready | AttemptOutcome::ReadyThenFailed);
    let mut out = Vec::new();
    let mut take = |candidates: &[Candidate]| {
        out.extend(candidates.iter().map(|c| (c.key.as_str().to_owned(), c.culprit.clone())));
    };
    for one in judged.iter().filter(|one| ready(one.reading.outcome)) {
        take(&one.candidates);
    }
    for witness in witnesses {
        let reading = reading::read(witness);
        take(&weigh::weigh(&reading, shared.facts, shared.catalogue));
    }
    out
}

/// An explanation that stands in every failed attempt of a run weighs more, one that stands in a
/// single one of many less.
fn recurrence(judged: &mut [Judged]) {
    let failed: Vec<usize> = (0..judged.len()).filter(|&i| judged[i].reading.failed()).collect();
    if failed.len() < 2 {
        return;
    }
    let tops: Vec<Option<(String, Option<String>)>> = failed
        .iter()
        .map(|&i| judged[i].candidates.first().map(|c| (c.key.as_str().to_owned(), c.culprit.clone())))
        .collect();
    for (place, &index) in failed.iter().enumerate() {
        let neighbours = [place.checked_sub(1), place.checked_add(1).filter(|p| *p < failed.len())];
        for candidate in &mut judged[index].candidates {
            let again = neighbours.into_iter().flatten().any(|neighbour| {
                tops[neighbour].as_ref().is_some_and(|(key, culprit)| {
                    *key == candidate.key.as_str() && same_culprit(culprit, &candidate.culprit)
                })
            });
            if again {
                candidate.add("the neighbouring starts show it, too", 0.5);
            }
        }
    }
    for &index in &failed {
        judged[index].candidates.sort_by(|a, b| b.score().total_cmp(&a.score()).then_with(|| a.key.cmp(&b.key)));
    }
}

/// Chooses, refines, or abstains.
fn decide(one: &mut Judged, shared: &Shared) {
    let live = one.reading.attempt.live.as_deref();
    let open = matches!(
        one.reading.outcome,
        AttemptOutcome::Failed | AttemptOutcome::ReadyThenFailed | AttemptOutcome::Unknown
    );
    if !open && !live.is_some_and(|start| start.cut_short()) {
        return;
    }
    let at = |event: usize| one.reading.attempt.events[event].at;
    let mut finding = one.candidates.first().and_then(|best| Finding::of(best, at(best.event), shared.catalogue));
    if let (Some(finding), Some(best)) = (&mut finding, one.candidates.first()) {
        rivals(finding, best, &one.candidates, shared.catalogue);
        corroborate(finding, best, &one.candidates, &one.reading);
    }
    let context = Context {
        catalogue: shared.catalogue,
        facts: shared.facts,
        exits: shared.exits,
        reading: &one.reading,
        candidates: &one.candidates,
        skew: shared.skew.clone(),
        settings: shared.settings,
        companions: shared.companions,
    };
    refine::refine(&mut finding, &context);
    one.contradiction = live.and_then(|start| join::join(&mut finding, start, &context));
    match finding {
        Some(finding) if finding.confidence() >= NAMED => one.finding = Some(finding),
        other => one.doubtful = other,
    }
}

/// A rival of another domain that is nearly as strong lowers what the winner may claim.
fn rivals(finding: &mut Finding, best: &Candidate, all: &[Candidate], catalogue: &Catalogue) {
    let domain = |c: &Candidate| catalogue.cause(&c.key).map(|entry| entry.domain);
    let rival = all.iter().skip(1).find(|c| domain(c) != domain(best) && c.event != best.event && c.score() > 0.0);
    if let Some(rival) = rival {
        let margin = best.score() - rival.score();
        if margin < 1.5 {
            finding.add(format!("{} is nearly as strong", rival.key), -(1.5 - margin).min(1.5) * 0.6);
        }
        finding.alternatives.push((rival.key.clone(), why_weaker(rival)));
    }
    for key in best.ambiguous_with.iter().take(3) {
        finding
            .alternatives
            .push((key.clone(), "the same words can mean it; nothing else in the input speaks for it".to_owned()));
    }
}

/// The heaviest term against a candidate.
pub fn why_weaker(candidate: &Candidate) -> String {
    candidate
        .weights
        .iter()
        .skip(1)
        .filter(|w| w.log_odds < 0.0)
        .min_by(|a, b| a.log_odds.total_cmp(&b.log_odds))
        .map_or_else(|| "weaker evidence".to_owned(), |w| w.because.clone())
}

/// Further lines of the same attempt that say the same, and the last word before the end.
fn corroborate(finding: &mut Finding, best: &Candidate, all: &[Candidate], reading: &Reading) {
    use crate::finding::Cited;
    use tminus_core::event::LineRole;
    use tminus_core::verdict::Supports;
    for at in &best.also {
        finding.cite(Cited::Log(at.clone(), None), Supports::Cause);
    }
    for other in all.iter().skip(1).filter(|c| c.key == best.key).take(2) {
        let at = reading.attempt.events[other.event].at;
        finding.cite(Cited::Log(other.at.clone(), at), Supports::Cause);
    }
    if best.mechanism {
        let failure = reading.matched(best.event).and_then(|m| m.failure.as_ref());
        for link in failure.iter().flat_map(|f| f.links.iter().rev()).filter(|l| l.mechanism).take(1) {
            finding.cite(Cited::Log(link.at.clone(), reading.attempt.events[best.event].at), Supports::Cause);
        }
        // Earlier lines that name the operation and its limit tell more than the timeout itself.
        let tells = |m: &tminus_core::event::Match| {
            m.failure.is_none() && m.rules.is_empty() && m.says.to_ascii_lowercase().contains("timeout")
        };
        for (index, matched) in reading.matches().filter(|(index, m)| *index != best.event && tells(m)).take(2) {
            finding.cite(Cited::Log(matched.at.clone(), reading.attempt.events[index].at), Supports::Cause);
        }
    }
    for (index, matched) in reading.matches() {
        if matched.role == LineRole::Wrapper && index >= best.event {
            finding.cite(Cited::Log(matched.at.clone(), reading.attempt.events[index].at), Supports::Consequence);
            break;
        }
    }
    if let Some(at) = reading.end.at {
        finding.cite(Cited::Log(at.clone(), None), Supports::End);
    }
}
