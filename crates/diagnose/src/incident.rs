//! Puts attempts together: epochs, what is current, what is masked or resolved, how the whole came out.

use crate::catalogue::Catalogue;
use crate::finding::Finding;
use crate::judge::Judged;
use tminus_core::vocabulary::{AttemptOutcome, CauseKey, CauseStatus, Layer, Outcome, Stage};

/// A run of attempts with the same cause. Indices are into the judged attempts.
#[derive(Debug)]
pub struct Epoch {
    /// The finding of its strongest attempt.
    pub finding: Finding,
    /// Attempts with evidence of their own.
    pub attempts: Vec<usize>,
    /// Attempts that only resemble their siblings.
    pub consistent_with: Vec<usize>,
    /// Status.
    pub status: CauseStatus,
    /// Does it decide who acts now?
    pub current: bool,
}

impl Epoch {
    /// All its attempts in order.
    pub fn all(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.attempts.iter().chain(&self.consistent_with).copied().collect();
        all.sort_unstable();
        all
    }

    fn first(&self) -> usize {
        self.all()[0]
    }

    fn last(&self) -> usize {
        *self.all().last().unwrap_or(&0)
    }
}

/// The whole.
#[derive(Debug)]
pub struct Incident {
    /// Epochs in order of their first attempt.
    pub epochs: Vec<Epoch>,
    /// Outcome of the whole.
    pub outcome: Outcome,
    /// The target revision.
    pub revision: Option<String>,
    /// The target's last failed attempt.
    pub last_failed: Option<usize>,
}

/// Puts `judged` attempts (in order of start) together.
pub fn incident(judged: &[Judged], catalogue: &Catalogue) -> Incident {
    let revision = target_revision(judged);
    let mut epochs = epochs(judged, catalogue);
    let of_target = |index: usize| revision.is_none() || revision_of(judged, index) == revision;
    let failed = |index: usize| judged[index].counts();
    let last_failed = (0..judged.len()).rev().find(|&i| of_target(i) && failed(i));
    let came_up = (0..judged.len()).rev().find(|&i| of_target(i) && judged[i].reading.outcome == AttemptOutcome::Ready);
    let ready = match (came_up, last_failed) {
        (Some(up), Some(down)) => up > down,
        (up, None) => up.is_some(),
        (None, Some(_)) => false,
    };
    for index in 0..epochs.len() {
        let current = !ready && last_failed.is_some_and(|last| epochs[index].all().contains(&last));
        let status = if current {
            CauseStatus::Present
        } else if passed_later(&epochs, index, judged) {
            CauseStatus::Resolved
        } else {
            CauseStatus::Masked
        };
        (epochs[index].current, epochs[index].status) = (current, status);
    }
    let outcome = match (ready, epochs.iter().any(|e| e.current)) {
        (true, _) => Outcome::Ready,
        (false, true) => Outcome::Failed,
        (false, false) => Outcome::Undetermined,
    };
    Incident { epochs, outcome, revision, last_failed }
}

fn revision_of(judged: &[Judged], index: usize) -> Option<String> {
    let attempt = judged[index].reading.attempt;
    attempt.key.revision.as_deref().map(str::to_owned).or_else(|| attempt.exit.as_ref()?.revision.clone())
}

/// The newest revision with an attempt that failed or became ready.
fn target_revision(judged: &[Judged]) -> Option<String> {
    (0..judged.len())
        .rev()
        .filter(|&i| judged[i].reading.outcome != AttemptOutcome::CutOff || judged[i].counts())
        .find_map(|i| revision_of(judged, i))
}

/// Cuts the attempts into runs of one identity.
fn epochs(judged: &[Judged], catalogue: &Catalogue) -> Vec<Epoch> {
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut open: Vec<usize> = Vec::new(); // failed attempts without evidence of their own since the last epoch
    for (index, one) in judged.iter().enumerate() {
        let counted = one.counts();
        let Some(finding) = &one.finding else {
            if one.reading.outcome == AttemptOutcome::Ready {
                open.clear(); // nothing is inherited across a start that came up
            } else if counted {
                open.push(index);
            }
            continue;
        };
        let last = epochs.last_mut();
        match last {
            Some(epoch) if !came_up_between(judged, epoch.last(), index) && same_epoch(&epoch.finding, finding) => {
                epoch.consistent_with.append(&mut open);
                epoch.attempts.push(index);
                if finding.confidence() > epoch.finding.confidence() {
                    epoch.finding = finding.clone();
                }
            }
            // A mere consequence of what the attempts before it showed, about the same dependency.
            Some(epoch)
                if follows_from(&epoch.finding, finding, catalogue)
                    && !came_up_between(judged, epoch.last(), index) =>
            {
                epoch.consistent_with.append(&mut open);
                epoch.consistent_with.push(index);
            }
            _ => {
                let inherited: Vec<usize> = open.drain(..).filter(|&before| resembles(judged, before, index)).collect();
                epochs.push(Epoch {
                    finding: finding.clone(),
                    attempts: vec![index],
                    consistent_with: inherited,
                    status: CauseStatus::Masked,
                    current: false,
                });
            }
        }
    }
    if let Some(epoch) = epochs.last_mut() {
        let model = *epoch.attempts.last().unwrap_or(&0);
        epoch.consistent_with.extend(open.into_iter().filter(|&after| resembles(judged, after, model)));
        epoch.consistent_with.sort_unstable();
    }
    epochs
}

fn came_up_between(judged: &[Judged], from: usize, to: usize) -> bool {
    judged[from + 1..to].iter().any(|one| one.reading.outcome == AttemptOutcome::Ready)
}

/// Same key, and culprits that do not contradict each other.
fn same_epoch(a: &Finding, b: &Finding) -> bool {
    if a.key != b.key {
        return false;
    }
    let (a, b) = (a.identity().1, b.identity().1);
    a == b || a.contains(&b) || b.contains(&a) || (a.len() > 60 && b.len() > 60)
}

/// Is `finding` a consequence of `root`, about the same dependency?
fn follows_from(root: &Finding, finding: &Finding, catalogue: &Catalogue) -> bool {
    let linked = catalogue.cause(&root.key).is_some_and(|entry| entry.explains.contains(&finding.key));
    let same = root.component == finding.component || root.component.is_none() || finding.component.is_none();
    linked && (same || root.layer == Layer::Resource)
}

/// Same revision and a similar course: may inherit a sibling's cause as `consistent_with`.
fn resembles(judged: &[Judged], a: usize, b: usize) -> bool {
    let (first, second) = (&judged[a].reading, &judged[b].reading);
    let stage = |r: &crate::reading::Reading| r.stage.map(|s| s.0);
    revision_of(judged, a) == revision_of(judged, b)
        && (first.end == second.end || !first.end.known() || !second.end.known() || first.end.code == second.end.code)
        && (stage(first) == stage(second) || stage(first).is_none() || stage(second).is_none())
        // An attempt that shows another failure of its own resembles nobody.
        && judged[a].doubtful.as_ref().is_none_or(|d| judged[b].finding.as_ref().is_some_and(|f| f.domain == d.domain || d.confidence() < 0.4))
}

/// How far along a start a cause of this layer stands.
fn depth(layer: Layer) -> u8 {
    match layer {
        Layer::Process => 0,
        Layer::Import => 1,
        Layer::Config => 2,
        Layer::Dns
        | Layer::Socket
        | Layer::Tcp
        | Layer::Tls
        | Layer::Protocol
        | Layer::Auth
        | Layer::Slot
        | Layer::Query
        | Layer::Schema => 3,
        Layer::Migration => 3,
        Layer::Startup => 4,
        Layer::Probe | Layer::Resource => 5,
    }
}

/// Did a later attempt provably pass what this epoch stopped at?
fn passed_later(epochs: &[Epoch], index: usize, judged: &[Judged]) -> bool {
    let epoch = &epochs[index];
    let last = epoch.last();
    let mine = depth(epoch.finding.layer);
    let came_up = judged[last + 1..].iter().any(|one| {
        let stage = one.reading.stage.map(|s| s.0);
        stage >= Some(Stage::Listening) || (mine < 3 && stage >= Some(Stage::Dependencies))
    });
    let deeper = epochs.iter().filter(|other| other.first() > last).any(|other| {
        let theirs = depth(other.finding.layer);
        let same_way = other.finding.component.is_some() && other.finding.component == epoch.finding.component;
        match mine {
            3 => theirs == 3 && same_way && other.finding.layer > epoch.finding.layer,
            0..=2 => theirs > mine && theirs != 5,
            _ => false,
        }
    });
    let measured = judged[last + 1..].iter().filter_map(|one| one.reading.attempt.live.as_deref());
    let finding = &epoch.finding;
    let passed =
        |start: &crate::live::Start| start.passed(finding.layer, finding.component.as_deref(), &finding.culprit);
    came_up || deeper || mine == 3 && measured.into_iter().any(passed)
}

/// The strongest explanation that did not win in the current epoch.
pub fn runner_up<'j>(judged: &'j [Judged], epoch: &Epoch) -> Option<(&'j CauseKey, String)> {
    let one = &judged[*epoch.attempts.last()?];
    let named: Vec<&CauseKey> =
        epoch.finding.alternatives.iter().map(|(key, _)| key).chain([&epoch.finding.key]).collect();
    let best = one.candidates.iter().find(|c| !named.contains(&&c.key))?;
    Some((&best.key, crate::judge::why_weaker(best)))
}
