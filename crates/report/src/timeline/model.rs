//! What is drawn, before anybody decides how: rows in declared order, the scale, the critical path
//! and the blame.

use crate::StartView;
use crate::start::spaced;
use crate::start::view::{Ending, PhaseView, StepView};
use tminus_core::code::Code;
use tminus_core::event::Passage;

/// How a bar came out; each is drawn with a shape and named with a word of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Passed,
    Failed,
    Expired,
    Skipped,
    /// Begun, and not over where the events end.
    Open,
    /// Never begun.
    Unseen,
}

/// One bar.
pub(super) struct Row {
    pub name: String,
    pub is_phase: bool,
    pub optional: bool,
    pub mark: Mark,
    pub code: Option<Code>,
    /// From and to, ns since the attempt began; none when it was never begun.
    pub span: Option<(i64, i64)>,
    /// When its time would have run out, if it had a limit.
    pub deadline: Option<i64>,
    /// On the chain that decided how long the start took.
    pub critical: bool,
}

/// A share of the time.
pub(super) struct Share {
    pub name: String,
    pub ns: i64,
}

/// The whole picture.
pub(super) struct Model {
    pub title: String,
    pub rows: Vec<Row>,
    /// Right end of the scale, ns; never zero.
    pub total: i64,
    /// The chain of steps, first to last.
    pub path: Vec<String>,
    /// What the time was spent on, most first.
    pub blame: Vec<Share>,
    /// When it was ready.
    pub ready: Option<i64>,
}

impl Model {
    /// What the time was spent on, most first, at most so many, each with its percentage of all;
    /// what is below `least` percent is left out.
    pub(super) fn spent(&self, most: usize, least: i64) -> Vec<(&Share, i64)> {
        let all = self.blame.iter().map(|share| share.ns).sum::<i64>().max(1);
        let shares = self.blame.iter().map(|share| (share, share.ns.saturating_mul(100) / all));
        shares.filter(|(share, percent)| share.ns > 0 && *percent >= least).take(most).collect()
    }
}

pub(super) fn model(view: &StartView) -> Model {
    let mut rows = Vec::new();
    let (mut path, mut blame) = (Vec::new(), Vec::new());
    for phase in &view.phases {
        let chain = chain(view, phase);
        rows.push(phase_row(view, phase));
        for (ix, step) in phase.steps.iter().enumerate() {
            // A phase with one step of its own name is that step; of one that was not reached there is
            // nothing more to say.
            if phase.steps.len() == 1 && step.name == phase.name || phase.began.is_none() {
                continue;
            }
            rows.push(step_row(view, phase, step, chain.contains(&ix)));
        }
        blame_phase(view, phase, &chain, &mut path, &mut blame);
    }
    blame.sort_by(|a: &Share, b: &Share| b.ns.cmp(&a.ns).then_with(|| a.name.cmp(&b.name)));
    let last = rows.iter().filter_map(|row| row.span).map(|(_, to)| to).max().unwrap_or(0);
    let ready = view.ready_at();
    let end = if ready.is_some() { last } else { view.end.max(last) };
    Model { title: title(view), rows, total: end.max(1), path, blame, ready }
}

fn title(view: &StartView) -> String {
    let at = view.ready_at().unwrap_or(view.end);
    let environment = view.environment.as_deref().map_or(String::new(), |name| format!(" ({name})"));
    let how = match view.ending() {
        Ending::Ready | Ending::EndedAfterReady if view.is_degraded() => "ready, degraded, after",
        Ending::Ready | Ending::EndedAfterReady => "ready after",
        Ending::Running => "not ready after",
        Ending::Stopped(_) => "told to stop, not ready, after",
        Ending::NotStarted | Ending::ChildEnded => "NOT STARTED after",
    };
    format!("{}{environment} {how} {}", view.service, crate::figures::took(at))
}

fn mark(began: Option<i64>, outcome: Option<Passage>) -> Mark {
    match (began, outcome) {
        (None, None) => Mark::Unseen,
        (_, None) => Mark::Open,
        (_, Some(Passage::Passed)) => Mark::Passed,
        (_, Some(Passage::Failed)) => Mark::Failed,
        (_, Some(Passage::Expired)) => Mark::Expired,
        (_, Some(Passage::Skipped)) => Mark::Skipped,
    }
}

fn phase_row(view: &StartView, phase: &PhaseView) -> Row {
    Row {
        name: phase.name.clone(),
        is_phase: true,
        optional: false,
        mark: mark(phase.began, phase.outcome),
        code: phase.code,
        span: phase.began.map(|began| (began, phase.ended.unwrap_or(view.end).max(began))),
        deadline: phase.began.zip(phase.deadline).map(|(began, limit)| began + i64::from(limit.0) * 1_000_000),
        critical: true,
    }
}

fn step_row(view: &StartView, phase: &PhaseView, step: &StepView, critical: bool) -> Row {
    let until = step.ended.or(phase.ended).unwrap_or(view.end);
    Row {
        name: step.name.clone(),
        is_phase: false,
        optional: !step.critical,
        mark: mark(step.began, step.outcome),
        code: step.code,
        span: step.began.map(|began| (began, until.max(began))),
        deadline: step.began.zip(step.deadline).map(|(began, limit)| began + i64::from(limit.0) * 1_000_000),
        critical,
    }
}

/// The steps of a phase that decided how long it took: from the one that ended last back over what
/// each had to wait for.
fn chain(view: &StartView, phase: &PhaseView) -> Vec<usize> {
    let end = |step: &StepView| step.ended.unwrap_or(view.end);
    let decided = |step: &StepView| matches!(step.outcome, Some(Passage::Failed | Passage::Expired));
    let begun = |ix: &usize| phase.steps[*ix].began.is_some();
    let last = |set: &mut dyn Iterator<Item = usize>| {
        set.filter(begun).max_by_key(|ix| (end(&phase.steps[*ix]), decided(&phase.steps[*ix]), std::cmp::Reverse(*ix)))
    };
    let mut chain = Vec::new();
    let mut next = last(&mut (0..phase.steps.len()));
    while let Some(ix) = next {
        if chain.contains(&ix) {
            break;
        }
        chain.push(ix);
        let step = phase.steps[ix].ix.and_then(|ix| view.plan.steps.get(usize::from(ix.0)));
        let needs = step.map_or(&[][..], |step| &step.needs);
        let mut before =
            (0..phase.steps.len()).filter(|other| phase.steps[*other].ix.is_some_and(|ix| needs.contains(&ix)));
        next = last(&mut before);
    }
    chain.reverse();
    chain
}

/// The time of a phase, shared out among the steps of its chain; what none of them covers is the
/// phase's own.
fn blame_phase(view: &StartView, phase: &PhaseView, chain: &[usize], path: &mut Vec<String>, blame: &mut Vec<Share>) {
    let (Some(began), Some(elapsed)) = (phase.began, phase.elapsed(view.end)) else { return };
    let name = |step: &StepView| {
        if step.name == phase.name { phase.name.clone() } else { format!("{}/{}", phase.name, step.name) }
    };
    let mut covered = began;
    for ix in chain {
        let step = &phase.steps[*ix];
        let to = step.ended.unwrap_or(view.end).min(began + elapsed);
        let from = step.began.unwrap_or(to).max(covered);
        covered = covered.max(to);
        path.push(name(step));
        blame.push(Share { name: name(step), ns: (to - from).max(0) });
    }
    let inside: i64 = chain.iter().rev().zip(blame.iter().rev()).map(|(_, share)| share.ns).sum();
    let own = elapsed - inside;
    if chain.is_empty() {
        path.push(phase.name.clone());
    }
    if own > 0 {
        blame.push(Share {
            name: if chain.is_empty() { phase.name.clone() } else { format!("{} (between steps)", phase.name) },
            ns: own,
        });
    }
}

impl Row {
    /// The word for how it came out, with its code.
    pub(super) fn word(&self) -> String {
        let code = self.code.map(spaced);
        match (self.mark, code) {
            (Mark::Passed, _) => String::new(),
            (Mark::Failed, Some(code)) => format!("FAILED {code}"),
            (Mark::Failed, None) => "FAILED".to_owned(),
            (Mark::Expired, Some(code)) if self.code != Some(Code::Expired) => format!("EXPIRED {code}"),
            (Mark::Expired, _) => "EXPIRED".to_owned(),
            (Mark::Skipped, Some(code)) => format!("skipped, {code}"),
            (Mark::Skipped, None) => "skipped".to_owned(),
            (Mark::Open, _) => "under way".to_owned(),
            (Mark::Unseen, _) => "not reached".to_owned(),
        }
    }

    pub(super) fn elapsed(&self) -> Option<i64> {
        self.span.map(|(from, to)| to - from)
    }
}

/// Where the scale is marked: a few round times between its ends.
pub(super) fn ticks(total: i64) -> Vec<i64> {
    const STEPS: [i64; 21] = [
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        20_000_000,
        50_000_000,
        100_000_000,
        200_000_000,
        500_000_000,
        1_000_000_000,
        2_000_000_000,
        5_000_000_000,
        10_000_000_000,
        20_000_000_000,
        30_000_000_000,
        60_000_000_000,
        120_000_000_000,
        300_000_000_000,
        600_000_000_000,
        1_800_000_000_000,
        3_600_000_000_000,
    ];
    let mut step = STEPS.into_iter().find(|step| total / step <= 5).unwrap_or(STEPS[20]);
    while total / step > 5 {
        step *= 2;
    }
    (0..=total / step).map(|n| n * step).collect()
}
