//! What the events of one attempt say about its course: how far it came, how it ended, and after
//! which line the program went on.

use crate::attempt::Attempt;
use crate::wording::{BREATH_MS, first_line, speaks_of_warning};
use tminus_core::event::{EventKind, LineRole, LogRef, Match, Notice};
use tminus_core::vocabulary::{AttemptOutcome, Severity, Stage};

/// The course of one attempt.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The attempt.
    pub attempt: &'a Attempt,
    /// Outcome.
    pub outcome: AttemptOutcome,
    /// Deepest stage reached with evidence, and the line that shows it.
    pub stage: Option<(Stage, Option<&'a LogRef>)>,
    /// How the process ended, as far as known.
    pub end: End<'a>,
    /// Per event: lines of progress after it, in its own round.
    progress_after: Vec<u64>,
    /// The last failure of each round that ended: indices into the events. A round is the life of
    /// one worker of a pre-fork master; most programs have one.
    pub terminals: Vec<usize>,
    /// The phase that the program itself named.
    pub phase: Option<&'a str>,
    /// The platform's notices.
    pub notices: Vec<(Notice, Option<&'a LogRef>)>,
}

/// Most lines after a failure that still belong to its words.
const BREATH_LINES: u64 = 4;

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End<'a> {
    /// Exit code.
    pub code: Option<i32>,
    /// Signal.
    pub signal: Option<String>,
    /// The platform's word for it (`OOMKilled` ...).
    pub reason: Option<String>,
    /// Still alive when last seen.
    pub alive: bool,
    /// The line that shows it.
    pub at: Option<&'a LogRef>,
}

impl End<'_> {
    /// Was it killed from outside (KILL or TERM)?
    pub fn killed(&self) -> bool {
        matches!(self.signal.as_deref(), Some("SIGKILL" | "SIGTERM"))
    }

    /// Is anything known about the end?
    pub fn known(&self) -> bool {
        self.code.is_some() || self.signal.is_some() || self.reason.is_some()
    }
}

/// Reads the course of `attempt`.
pub fn read(attempt: &Attempt) -> Reading<'_> {
    let end = end(attempt);
    let rounds = rounds(attempt);
    let mut progress_after = progress_after(attempt, &rounds);
    if end.code.is_some_and(|code| code != 0 && code < 128) && !end.alive {
        forgive_tail(attempt, &rounds, &mut progress_after);
    }
    let terminals = terminals(attempt, &rounds, end.alive);
    let stage = stage(attempt);
    let mut notices = Vec::new();
    let mut phase = None;
    for event in &attempt.events {
        match &event.kind {
            EventKind::PlatformNotice { notice, at } => notices.push((*notice, at.as_ref())),
            EventKind::PhaseFinished { phase: name, .. } => phase = Some(name.as_str()),
            _ => {}
        }
    }
    let outcome = outcome(attempt, &end, stage.map(|s| s.0), terminals.last().copied(), &progress_after, &notices);
    // What was measured counts for more than what a log shows of it.
    let live = attempt.live.as_deref();
    let outcome = live.map_or(outcome, |start| start.outcome.unwrap_or(AttemptOutcome::CutOff));
    let phase = live.and_then(|start| start.failed_phase()).or(phase);
    let told = live.map(|start| (start.stage(), None));
    let stage = [stage, told].into_iter().flatten().max_by_key(|(stage, _)| *stage);
    Reading { attempt, outcome, stage, end, progress_after, terminals, phase, notices }
}

impl<'a> Reading<'a> {
    /// The match at event `index`, if it is one.
    pub fn matched(&self, index: usize) -> Option<&'a Match> {
        matched(&self.attempt.events[index].kind)
    }

    /// All matches with their event's index.
    pub fn matches(&self) -> impl Iterator<Item = (usize, &'a Match)> {
        self.attempt.events.iter().enumerate().filter_map(|(i, e)| Some((i, matched(&e.kind)?)))
    }

    /// Did it fail, before or after it was ready?
    pub fn failed(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Failed | AttemptOutcome::ReadyThenFailed)
    }

    /// Did the program itself say after event `index` that its start had failed?
    pub fn gave_up_after(&self, index: usize) -> bool {
        self.given_up_at(index).is_some()
    }

    fn given_up_at(&self, index: usize) -> Option<usize> {
        (index..self.attempt.events.len()).find(|&i| self.matched(i).is_some_and(|m| m.role == LineRole::Wrapper))
    }

    /// Lines of progress after event `index`. Of a process that was ended from outside after it had
    /// said that its program failed to start, what the server around the program did then is none.
    pub fn progress_after(&self, index: usize) -> u64 {
        match self.given_up_at(index).filter(|_| self.end.killed()) {
            Some(wrapper) => self.progress_after[index].saturating_sub(self.progress_after[wrapper]),
            None => self.progress_after[index],
        }
    }

    /// Did the platform say this?
    pub fn noticed(&self, notice: Notice) -> Option<Option<&'a LogRef>> {
        self.notices.iter().find(|(n, _)| *n == notice).map(|(_, at)| *at)
    }

    /// The last line that the program itself wrote, and its moment.
    pub fn last_words(&self) -> Option<(&'a LogRef, Option<tminus_core::Timestamp>)> {
        self.attempt.events.iter().rev().find_map(|event| {
            let at = match &event.kind {
                EventKind::ChildOutput { last, .. } => last.as_ref(),
                EventKind::ChildNotified { at, .. } | EventKind::ChildStopping { at, .. } => at.as_ref(),
                EventKind::LogMatched(m) if m.role != LineRole::PlatformVerdict => Some(&m.at),
                _ => None,
            };
            at.map(|at| (at, event.at))
        })
    }
}

fn matched(kind: &EventKind) -> Option<&Match> {
    match kind {
        EventKind::LogMatched(matched) => Some(matched),
        _ => None,
    }
}

fn end(attempt: &Attempt) -> End<'_> {
    let mut end = End::default();
    for event in &attempt.events {
        if let EventKind::ChildExited { code, signal, reason, at } = &event.kind {
            end = End { code: *code, signal: signal.clone(), reason: reason.clone(), alive: false, at: at.as_ref() };
        }
    }
    if let Some(exit) = &attempt.exit {
        end.alive = exit.alive() && exit.ended.is_some();
        end.code = exit.exit_code.or(end.code);
        end.signal = exit.signal_name().map(str::to_owned).or(end.signal);
        end.reason = exit.reason.clone().or(end.reason);
    }
    if let Some(start) = attempt.live.as_deref() {
        of_live(&mut end, start);
    }
    // A code above 128 that no exits row explains is a shell's report of a signal.
    if end.signal.is_none() && end.code == Some(137) {
        end.signal = Some("SIGKILL".to_owned());
    }
    end
}

/// A child that tminus ended was alive when its start was given up; one that ended itself says how.
fn of_live(end: &mut End, start: &crate::live::Start) {
    let own = start.child_ended_itself();
    end.alive = start.child.spawned.is_some() && !own;
    end.code = start.child.code.filter(|_| own);
    end.signal = start.child.signal.clone().filter(|_| own);
    end.reason = start.child.reason.clone();
}

/// The round of each event: a new one begins with a worker's start after a failure.
fn rounds(attempt: &Attempt) -> Vec<usize> {
    let (mut round, mut failed) = (0, false);
    attempt
        .events
        .iter()
        .map(|event| {
            if failed && matches!(event.kind, EventKind::ChildSpawned { .. }) {
                (round, failed) = (round + 1, false);
            }
            failed |= matched(&event.kind).is_some_and(is_failure);
            round
        })
        .collect()
}

/// For each event the number of lines after it in which the program went on with its work. A retry,
/// a wrapper, a consequence and a line of taking leave are none.
fn progress_after(attempt: &Attempt, rounds: &[usize]) -> Vec<u64> {
    let mut after = vec![0; attempt.events.len()];
    let mut count = 0;
    for (index, event) in attempt.events.iter().enumerate().rev() {
        if rounds.get(index + 1).is_some_and(|next| *next != rounds[index]) {
            count = 0;
        }
        after[index] = count;
        count += match &event.kind {
            EventKind::ChildOutput { lines, .. } => *lines,
            EventKind::ChildNotified { stage, .. } if *stage > Stage::Process => 1,
            _ => 0,
        };
    }
    after
}

/// A process that ended itself with an error said its failure and then at most a few words in the
/// same breath (a hint, a summary): those are no progress. Without times a single line is forgiven.
fn forgive_tail(attempt: &Attempt, rounds: &[usize], progress_after: &mut [u64]) {
    let Some(last) = attempt.events.iter().rposition(|e| matched(&e.kind).is_some_and(is_failure)) else { return };
    let grave = matched(&attempt.events[last].kind).is_some_and(|m| {
        m.failure.is_some() || m.severity.map_or(!speaks_of_warning(&m.says), |s| s >= Severity::Error)
    });
    let failed_at = attempt.events[last].at;
    let tail = &attempt.events[last + 1..];
    let output = |event: &&tminus_core::event::Event| matches!(event.kind, EventKind::ChildOutput { .. });
    let went_on = |event: &tminus_core::event::Event| matches!(event.kind, EventKind::ChildNotified { stage, .. } if stage > Stage::Process);
    let lines = progress_after[last];
    let at_once = tail.iter().filter(output).all(|event| match (failed_at, event.at) {
        (Some(failed), Some(said)) => said.as_millisecond() - failed.as_millisecond() <= BREATH_MS,
        _ => lines <= 1,
    });
    if !grave || lines == 0 || lines > BREATH_LINES || !at_once || tail.iter().any(went_on) {
        return;
    }
    for (index, after) in progress_after.iter_mut().enumerate().take(last + 1) {
        if rounds[index] == rounds[last] {
            *after = after.saturating_sub(lines);
        }
    }
}

/// A failure of the program itself.
fn is_failure(m: &Match) -> bool {
    let named = || m.severity.is_none() && crate::chain::error_name(first_line(&m.says)).is_some();
    m.role == LineRole::Candidate
        && (m.failure.is_some() || !m.rules.is_empty() || m.severity >= Some(Severity::Error) || named())
}

/// The last failure of each round. The last round of a process that is still alive has not ended.
fn terminals(attempt: &Attempt, rounds: &[usize], alive: bool) -> Vec<usize> {
    let last = rounds.last().copied().unwrap_or(0);
    let mut terminals: Vec<usize> = Vec::new();
    for (index, event) in attempt.events.iter().enumerate() {
        if !matched(&event.kind).is_some_and(is_failure) || (alive && last > 0 && rounds[index] == last) {
            continue;
        }
        match terminals.last_mut() {
            Some(before) if rounds[*before] == rounds[index] => *before = index,
            _ => terminals.push(index),
        }
    }
    terminals
}

/// The deepest stage with evidence. A server that says that it is up after it said that its program
/// failed to start is up without its program.
fn stage(attempt: &Attempt) -> Option<(Stage, Option<&LogRef>)> {
    let mut broken = false;
    attempt
        .events
        .iter()
        .filter(|event| {
            broken |= matched(&event.kind).is_some_and(|m| m.role == LineRole::Wrapper);
            !(broken && matches!(event.kind, EventKind::ChildNotified { stage, .. } if stage == Stage::Listening || stage == Stage::Ready))
        })
        .filter_map(|event| match &event.kind {
            EventKind::ChildNotified { stage, at, .. } => Some((*stage, at.as_ref())),
            EventKind::PlatformNotice { notice: Notice::Starting, at } => Some((Stage::Scheduled, at.as_ref())),
            _ => None,
        })
        .max_by_key(|(stage, _)| *stage)
}

fn outcome(
    attempt: &Attempt,
    end: &End,
    stage: Option<Stage>,
    terminal: Option<usize>,
    progress_after: &[u64],
    notices: &[(Notice, Option<&LogRef>)],
) -> AttemptOutcome {
    let ready = stage >= Some(Stage::Listening);
    let stopped = end.code == Some(0) || matches!(end.signal.as_deref(), Some("SIGTERM" | "SIGINT"));
    if end.alive {
        return if ready { AttemptOutcome::Ready } else { AttemptOutcome::Unknown };
    }
    if end.known() {
        return match (ready, stopped) {
            (true, true) if attempt.recycled => AttemptOutcome::ReadyThenFailed,
            (true, true) => AttemptOutcome::Ready,
            (true, false) => AttemptOutcome::ReadyThenFailed,
            (false, _) => AttemptOutcome::Failed,
        };
    }
    let said_so = attempt.events.iter().any(|e| matched(&e.kind).is_some_and(|m| m.role == LineRole::Wrapper));
    let killed = notices.iter().any(|(notice, _)| {
        matches!(
            notice,
            Notice::StartupProbeFailed | Notice::LivenessProbeFailed | Notice::OutOfMemory | Notice::ImagePullFailed
        )
    });
    let died = terminal.is_some_and(|index| {
        let m = matched(&attempt.events[index].kind);
        progress_after[index] == 0
            && m.is_some_and(|m| m.failure.is_some() || m.severity >= Some(Severity::Critical) || said_so)
    });
    match (ready, said_so || killed || died) {
        (true, true) if died || killed => AttemptOutcome::ReadyThenFailed,
        (true, _) => AttemptOutcome::Ready,
        (false, true) => AttemptOutcome::Failed,
        (false, false) => AttemptOutcome::CutOff,
    }
}
