//! Weighs what could explain the end of one attempt.
//!
//! Additive log-odds, one term per observation, so that a verdict can print how it came about
//! (`--full`). The terms ask the questions of DESIGN section 10: does it explain the end, did the
//! program go on after it, is it linked to the failure that ended the attempt, is it only a wrapper,
//! a mechanism, a guess? The values were fitted on the development corpus; the bars of calibration
//! are checked by its score.

mod link;

use crate::catalogue::{Catalogue, Pattern, Proof};
use crate::reading::{End, Reading};
use crate::wording::{first_line, is_vague, language_error, says_connected, speaks_of_time, tolerates};
use tminus_core::event::{EventKind, Failure, FailureLink, LineRole, LogRef, Match, RuleHit};
use tminus_core::facts::Facts;
use tminus_core::verdict::Weight;
use tminus_core::vocabulary::{AttemptOutcome, CauseKey, Domain, Layer, Severity, Stage};

/// Lines of progress after the last failure of a living process that show that it got past it.
const WENT_ON: u64 = 8;
/// Where a candidate starts: most lines are not the cause.
const PRIOR: f64 = -2.0;

/// Most further lines kept of one explanation.
const ALSO_MAX: usize = 3;

/// One explanation of one attempt.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Key of the catalogue.
    pub key: CauseKey,
    /// What the words name as the culprit.
    pub culprit: Option<String>,
    /// The dependency that it is about.
    pub component: Option<String>,
    /// Index of its event.
    pub event: usize,
    /// The line that says it.
    pub at: LogRef,
    /// The pattern; none for a failure that the catalogue does not know.
    pub pattern: Option<String>,
    /// Which other keys the same words can mean.
    pub ambiguous_with: Vec<CauseKey>,
    /// Terms.
    pub weights: Vec<Weight>,
    /// The logger that wrote it.
    pub logger: Option<String>,
    /// Further lines that say the same.
    pub also: Vec<LogRef>,
    /// Is it in the failure that ended the attempt?
    pub terminal: bool,
    /// Are its words more than weak?
    pub sure: bool,
    /// Does it only say that time ran out?
    pub mechanism: bool,
    /// Is it tied to that failure by more than order?
    pub linked: bool,
    /// Its own words say that the program can do without.
    pub tolerated: bool,
}

impl Candidate {
    /// A candidate that starts where all start.
    fn new(key: CauseKey, event: usize, at: &LogRef) -> Candidate {
        let mut candidate = Candidate {
            key,
            culprit: None,
            component: None,
            event,
            at: at.clone(),
            pattern: None,
            ambiguous_with: Vec::new(),
            weights: Vec::new(),
            logger: None,
            also: Vec::new(),
            terminal: false,
            sure: false,
            mechanism: false,
            linked: false,
            tolerated: false,
        };
        candidate.add("most lines are not the cause", PRIOR);
        candidate
    }

    /// Sum of the terms.
    pub fn score(&self) -> f64 {
        self.weights.iter().map(|w| w.log_odds).sum()
    }

    /// Adds a term.
    pub fn add(&mut self, because: impl Into<String>, log_odds: f64) {
        self.weights.push(Weight { because: because.into(), log_odds });
    }
}

/// All explanations of one attempt, strongest first.
pub fn weigh(reading: &Reading, facts: &Facts, catalogue: &Catalogue) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let conditions = Conditions { facts, end: &reading.end, passed: passed(reading, catalogue) };
    for (index, matched) in reading.matches() {
        if matched.role == LineRole::Wrapper {
            continue;
        }
        candidates.extend(from_match(index, matched, &conditions, catalogue));
    }
    link::to_terminal(&mut candidates, reading, catalogue);
    link::inside_one_text(&mut candidates, reading, catalogue);
    for candidate in &mut candidates {
        used_before(candidate, reading);
        course(candidate, reading);
        explains_end(candidate, reading);
    }
    let mut best = strongest_of_each(candidates);
    best.sort_by(|a, b| {
        b.score().total_cmp(&a.score()).then_with(|| b.event.cmp(&a.event)).then_with(|| a.key.cmp(&b.key))
    });
    best
}

/// What a pattern's `when` asks about.
struct Conditions<'a> {
    facts: &'a Facts,
    end: &'a End<'a>,
    passed: Vec<Layer>,
}

impl Conditions<'_> {
    fn hold(&self, pattern: &Pattern) -> bool {
        pattern.when.iter().all(|p| p.holds(self.facts, self.end.code, self.end.signal.as_deref(), &self.passed))
    }
}

/// Layers that the words of the attempt prove to have been passed.
fn passed(reading: &Reading, catalogue: &Catalogue) -> Vec<Layer> {
    let of = |id: &str| catalogue.pattern_by_id(id).and_then(|p| p.layer_passed);
    let mut passed: Vec<Layer> =
        reading.matches().flat_map(|(_, m)| &m.rules).filter_map(|hit| of(&hit.pattern)).collect();
    passed.sort_unstable();
    passed.dedup();
    passed
}

/// What one match can mean.
fn from_match(index: usize, matched: &Match, conditions: &Conditions, catalogue: &Catalogue) -> Vec<Candidate> {
    let made: Vec<(Option<u32>, Candidate)> = matched
        .rules
        .iter()
        .filter_map(|hit| Some((hit.link, from_rule(index, hit, matched, conditions, catalogue)?)))
        .collect();
    let links: Vec<Option<u32>> = made.iter().map(|(link, _)| *link).collect();
    let mut out: Vec<Candidate> = made.into_iter().map(|(_, candidate)| candidate).collect();
    let informative = matched.failure.as_ref().and_then(informative_link);
    let covered = match informative {
        Some((link, _)) => links.contains(&Some(link as u32)),
        None => !out.is_empty(),
    };
    if !covered && matched.role == LineRole::Candidate {
        out.extend(unknown_failure(index, matched));
    }
    out
}

fn from_rule(
    index: usize,
    hit: &RuleHit,
    matched: &Match,
    conditions: &Conditions,
    catalogue: &Catalogue,
) -> Option<Candidate> {
    let pattern = catalogue.pattern_by_id(&hit.pattern).filter(|p| conditions.hold(p))?;
    let mut candidate = Candidate::new(hit.cause.clone(), index, &hit.at);
    candidate.culprit.clone_from(&hit.culprit);
    // The port that the words name tells more about the peer than the rule that matched.
    let port = hit.culprit.as_deref().and_then(|c| c.rsplit(':').next()).and_then(|p| p.parse::<u16>().ok());
    let by_port = port.and_then(|port| catalogue.component_of_port(port)).map(str::to_owned);
    candidate.component = by_port.or_else(|| pattern.component.clone());
    candidate.logger.clone_from(&matched.logger);
    candidate.pattern = Some(pattern.id.clone());
    candidate.ambiguous_with.clone_from(&pattern.ambiguous_with);
    candidate.sure = pattern.proof != Proof::Weak;
    words(&mut candidate, pattern, catalogue);
    place_in_chain(&mut candidate, hit, matched);
    manner(&mut candidate, matched, hit);
    // A library's fixed words may guess; the rule that knows them has weighed that.
    if guesses(first_line(&hit.at.text)) && !pattern.literals.iter().any(|literal| guesses(literal)) {
        candidate.add("the program's own guess", -1.5);
    }
    if candidate.culprit.is_some() {
        candidate.add("names what is at fault", 0.3);
    }
    Some(candidate)
}

/// How much the words alone prove.
fn words(candidate: &mut Candidate, pattern: &Pattern, catalogue: &Catalogue) {
    let domain = |key: &CauseKey| catalogue.cause(key).map(|c| c.domain);
    let own = domain(&pattern.cause);
    let others: Vec<Option<Domain>> = pattern.ambiguous_with.iter().map(domain).filter(|d| *d != own).collect();
    // A peer and the way to it are seen through the same words; any other pair is a real doubt.
    let far_side = |d: &Option<Domain>| matches!(d, Some(Domain::Network | Domain::Dependency));
    let near = far_side(&own) && others.iter().filter(|d| far_side(d)).count() * 2 >= others.len();
    match pattern.proof {
        Proof::Exact => candidate.add(format!("the words say precisely this ({})", pattern.id), 1.5),
        Proof::Strong => candidate.add(format!("usual words for this ({})", pattern.id), 1.0),
        Proof::Weak if !others.is_empty() && near => {
            candidate.add(format!("the words fit the peer and the way to it alike ({})", pattern.id), -1.4)
        }
        Proof::Weak if !others.is_empty() => {
            candidate.add(format!("the words fit causes of several domains ({})", pattern.id), -3.0)
        }
        Proof::Weak => candidate.add(format!("the words fit neighbouring causes too ({})", pattern.id), 0.0),
    }
}

/// Root, wrapper, or aside of a chain.
fn place_in_chain(candidate: &mut Candidate, hit: &RuleHit, matched: &Match) {
    let Some(failure) = &matched.failure else { return };
    let waits = informative_link(failure).is_some_and(|(_, link)| is_mechanism(link));
    if waits && consequence_of_waiting(candidate.key.as_str()) {
        candidate.mechanism = true;
        candidate.add("says that time ran out, not why nothing came", -1.0);
    }
    let Some(link) = hit.link.and_then(|link| failure.links.get(link as usize).map(|l| (link as usize, l))) else {
        return candidate.add("stands beside the chain, not in a link of it", -0.5);
    };
    let informative = informative_link(failure).map(|(index, _)| index);
    if link.1.aside {
        candidate.add("suppressed or handled inside the chain", -2.0);
    } else if Some(link.0) == informative {
        candidate.add("root of its chain", 1.5);
    } else if informative.is_some_and(|root| link.0 < root) {
        candidate.add("below the informative link of its chain", 0.5);
    } else {
        candidate.add("wraps the root of its chain", 0.2);
    }
    // The component of the frames corroborates or corrects the one of the words.
    let of_link = failure.links.iter().find_map(|l| l.component.clone());
    match (&candidate.component, of_link) {
        (Some(words), Some(frames)) if *words == frames => candidate.add(format!("the frames belong to {frames}"), 0.8),
        (None, Some(frames)) => candidate.component = Some(frames),
        _ => {}
    }
}

/// Severity, wording of doubt, and who says it.
fn manner(candidate: &mut Candidate, matched: &Match, hit: &RuleHit) {
    match matched.severity {
        Some(Severity::Critical) => candidate.add("critical by its own level", 0.8),
        Some(Severity::Error) => candidate.add("an error by its own level", 0.5),
        Some(Severity::Warning) => candidate.add("only a warning by its own level", -0.4),
        Some(Severity::Debug | Severity::Info | Severity::Notice) => {
            candidate.add("informational by its own level", -1.2)
        }
        None => {}
    }
    if matched.role == LineRole::Retry {
        candidate.add("the program says that it goes on", -0.6);
    }
    if tolerates(first_line(&hit.at.text)) {
        candidate.tolerated = true;
        candidate.add("its own words say that it is tolerated", -2.0);
    }
}

/// Words with which a program guesses at a cause that it did not observe.
fn guesses(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["may indicate", "might be", "possible cause", "possibly", "this may be", "could be caused", "probably"]
        .iter()
        .any(|w| text.contains(w))
}

/// The link that tells most: the deepest that is not aside. A link that is only a mechanism passes
/// the question outwards to one that its own code raised instead of it, not to mere context around it.
pub fn informative_link(failure: &Failure) -> Option<(usize, &FailureLink)> {
    let links = || failure.links.iter().enumerate().filter(|(_, l)| !l.aside);
    let root = links().next().or_else(|| failure.links.iter().enumerate().next())?;
    if !root.1.mechanism || failure.language == "rust" || failure.language == "go" {
        return Some(root);
    }
    links().find(|(_, l)| !is_mechanism(l)).or(Some(root))
}

/// Does a link only say that time ran out or that it was cancelled, in its type or its own words?
fn is_mechanism(link: &FailureLink) -> bool {
    let last = link.type_name.rsplit(['.', ':']).next().unwrap_or("");
    link.mechanism || last.contains("Timeout") || speaks_of_time(first_line(&link.message))
}

/// Causes that are named by the waiting itself: something else may have made it wait.
fn consequence_of_waiting(key: &str) -> bool {
    matches!(key, "pool_exhausted" | "startup_exception" | "startup_hang" | "query_wait_timeout" | "deadline_too_short")
}

/// A failure that the catalogue has no words for: the program's own start-up code raised.
fn unknown_failure(index: usize, matched: &Match) -> Option<Candidate> {
    let mut candidate = Candidate::new("startup_exception".parse().ok()?, index, &matched.at);
    match &matched.failure {
        Some(failure) => {
            let (_, link) = informative_link(failure)?;
            candidate.at = link.at.clone();
            candidate.component.clone_from(&link.component);
            candidate.culprit = Some(culprit_of(link));
            if is_mechanism(link) {
                candidate.mechanism = true;
                waited(&mut candidate, failure);
            } else if link.type_name.is_empty() && link.message.trim().is_empty() {
                candidate.add("the error of these calls is not in the input", -2.5);
            } else if link.component.is_some() && !language_error(&link.type_name) {
                candidate.add("raised inside a client library, words unknown", -1.2);
            } else if language_error(&link.type_name) {
                candidate.add("an error of the language in the program's own code", 1.6);
                candidate.add("root of its chain", 1.5);
            } else {
                candidate.add("an exception that no rule knows", 0.6);
                candidate.add("root of its chain", 1.5);
            }
        }
        None => {
            candidate.culprit = Some(crate::wording::cut(first_line(&matched.says), 100).to_owned());
            let vague = is_vague(&matched.says) || speaks_of_time(first_line(&matched.says));
            let error = crate::chain::error_name(first_line(&matched.says)).filter(|_| !vague);
            if error.is_some_and(language_error) {
                candidate.add("an error of the language, without its calls", 2.6);
            } else if error.is_some() {
                candidate.add("an exception that no rule knows, without its calls", 1.6);
            }
            candidate.add(
                if vague { "says that it failed, not why" } else { "the program's own error, words unknown" },
                if vague { -2.5 } else { -1.5 },
            );
        }
    }
    match matched.severity {
        Some(Severity::Critical) => candidate.add("critical by its own level", 0.8),
        Some(Severity::Error) => candidate.add("an error by its own level", 0.3),
        _ => {}
    }
    Some(candidate)
}

/// A timeout or cancellation: what was it waiting in? Inside a client's own connecting code it is a
/// connection that nobody answered.
fn waited(candidate: &mut Candidate, failure: &Failure) {
    candidate.add("only a mechanism is shown (timed out, cancelled)", -2.0);
    let connecting = failure.links.iter().find(|link| {
        let place = link.waited_in.as_deref().unwrap_or("").to_ascii_lowercase();
        link.component.is_some()
            && !["acquire", "ensureconnection", "pool"].iter().any(|word| place.contains(word))
            && ["connect", "dial", "handshake", "open_conn", "_initialize"].iter().any(|word| place.contains(word))
    });
    if let (Some(link), Ok(key)) = (connecting, "connect_timeout".parse()) {
        let component = link.component.clone().unwrap_or_default();
        candidate.key = key;
        candidate.culprit = None;
        candidate.component.clone_from(&link.component);
        candidate.add(format!("it was waiting in {component}'s connecting code"), 2.8);
        candidate.add("root of its chain", 1.0);
    }
}

fn culprit_of(link: &FailureLink) -> String {
    let message = first_line(&link.message);
    let what = match (link.type_name.as_str(), message) {
        ("", message) => message.to_owned(),
        (name, "") => name.to_owned(),
        (name, message) => format!("{name}: {message}"),
    };
    match &link.in_app {
        Some(frame) => format!("{} in {frame}", crate::wording::cut(&what, 70)),
        None => crate::wording::cut(&what, 110).to_owned(),
    }
}

/// An exception, or an error by its own level: not a remark in passing.
fn grave(candidate: &Candidate, reading: &Reading) -> bool {
    reading.matched(candidate.event).is_some_and(|m| m.failure.is_some() || m.severity >= Some(Severity::Error))
}

/// Later failures of other kinds: a program that fails at something else afterwards went on.
fn later_failures(candidate: &Candidate, reading: &Reading) -> u64 {
    let other = |m: &Match| {
        m.role == LineRole::Candidate && m.rules.iter().all(|hit| hit.cause != candidate.key) && !embeds(m, candidate)
    };
    let until = reading.terminals.iter().copied().find(|t| *t >= candidate.event).unwrap_or(candidate.event);
    (candidate.event + 1..=until).filter(|&index| reading.matched(index).is_some_and(other)).count() as u64
}

/// Does a later failure repeat the words of a candidate?
fn embeds(matched: &Match, candidate: &Candidate) -> bool {
    let words = first_line(&candidate.at.text);
    words.len() >= 12 && matched.says.contains(words)
}

/// Did a process that is still alive go on after its last failure? Then it did not end with that.
fn went_on_past_the_end(reading: &Reading) -> bool {
    reading.end.alive && reading.terminals.last().is_some_and(|last| reading.progress_after(*last) >= WENT_ON)
}

/// A pool that gives no connection is used up only where connecting had worked before; without that
/// its peer may be the one that does not answer.
fn used_before(candidate: &mut Candidate, reading: &Reading) {
    if candidate.key.as_str() != "pool_exhausted" {
        return;
    }
    let connected = reading.attempt.events[..candidate.event].iter().any(|event| {
        matches!(&event.kind, EventKind::ChildNotified { stage: Stage::Dependencies, status, .. } if says_connected(status))
    });
    if connected {
        // Words that leave open whether the pool or its peer is short are settled by this.
        candidate.add("the program had connected before", if candidate.sure { 1.8 } else { 3.2 });
    }
}

/// Where in the course of the attempt it stands.
fn course(candidate: &mut Candidate, reading: &Reading) {
    let after =
        reading.progress_after(candidate.event) + if candidate.linked { 0 } else { later_failures(candidate, reading) };
    let terminal = reading.terminals.contains(&candidate.event);
    candidate.terminal = terminal;
    if reading.attempt.recycled && reading.outcome == AttemptOutcome::ReadyThenFailed {
        // It served, and was stopped because it did not answer a probe as it should.
        let repeated = terminal && grave(candidate, reading);
        return candidate.add("said while it was asked in vain", if repeated { 2.5 } else { -1.0 });
    }
    match after {
        0 if terminal => candidate.add("the last failure before the end", 2.5),
        0 => candidate.add("nothing went on after it", 0.8),
        1..=2 if terminal && grave(candidate, reading) => candidate.add("the last failure, little followed", 0.8),
        _ if candidate.linked && !went_on_past_the_end(reading) => {
            candidate.add("the program went on, and ended waiting for the same", 0.4)
        }
        n => candidate.add(format!("the program went on after it ({n} lines)"), -1.2 - 0.25 * (n.min(8) as f64)),
    }
    let Some(ready) = reading
        .attempt
        .events
        .iter()
        .rposition(|e| matches!(e.kind, EventKind::ChildNotified { stage, .. } if stage >= Stage::Listening))
    else {
        return;
    };
    if candidate.event < ready {
        candidate.add("the program became ready after it", -4.0);
    }
}

/// Does it explain how the attempt ended?
fn explains_end(candidate: &mut Candidate, reading: &Reading) {
    let end = &reading.end;
    let fits_code = matches!(
        (candidate.key.as_str(), end.code),
        ("command_not_found", Some(127)) | ("exec_format_error" | "permission_denied", Some(126))
    );
    if fits_code {
        candidate.add(format!("exit code {} says the same", end.code.unwrap_or_default()), 1.0);
    }
    let by_kill =
        matches!(candidate.key.as_str(), "out_of_memory" | "startup_probe_timeout" | "liveness_kill" | "startup_hang");
    if end.killed() && reading.gave_up_after(candidate.event) && !by_kill {
        candidate.add("the program said that it failed before it was ended from outside", 0.8);
    } else if end.killed() && !by_kill && !reading.notices.iter().any(|(n, _)| is_probe_failure(*n)) {
        candidate.add("a program does not kill itself: the signal came from outside", -4.0);
    }
    if end.alive {
        candidate.add("the process was still alive", -0.5);
    }
}

fn is_probe_failure(notice: tminus_core::event::Notice) -> bool {
    matches!(notice, tminus_core::event::Notice::StartupProbeFailed | tminus_core::event::Notice::LivenessProbeFailed)
}

/// One candidate per key and culprit: the strongest, credited for coming back until the end.
fn strongest_of_each(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut best: Vec<(Candidate, u32)> = Vec::new();
    for candidate in candidates {
        match best.iter_mut().find(|(b, _)| b.key == candidate.key && same_culprit(&b.culprit, &candidate.culprit)) {
            Some((kept, times)) => {
                *times += 1;
                let later = candidate.event > kept.event;
                let (mut winner, loser) = match candidate.score().total_cmp(&kept.score()) {
                    std::cmp::Ordering::Greater => (candidate, kept.clone()),
                    std::cmp::Ordering::Equal if later => (candidate, kept.clone()),
                    _ => (kept.clone(), candidate),
                };
                winner.culprit = winner.culprit.or(loser.culprit);
                winner.also.push(loser.at);
                winner.also.extend(loser.also);
                winner.also.truncate(ALSO_MAX);
                *kept = winner;
            }
            None => best.push((candidate, 1)),
        }
    }
    best.into_iter()
        .map(|(mut candidate, times)| {
            if times > 1 {
                candidate.add(format!("said {times} times in this attempt"), 0.4);
            }
            candidate
        })
        .collect()
}

/// Culprits are the same when either is unknown or they are equal but for case and quotes.
pub fn same_culprit(a: &Option<String>, b: &Option<String>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => normal(a) == normal(b),
        _ => true,
    }
}

/// A culprit for comparison.
pub fn normal(culprit: &str) -> String {
    culprit.chars().filter(|c| !matches!(c, '"' | '\'' | '`' | ' ')).flat_map(char::to_lowercase).collect()
}
