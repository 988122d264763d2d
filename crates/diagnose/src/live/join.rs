//! Puts what the child said together with what was measured in the same start.
//!
//! What was measured is proof of itself; what a program says about another is a claim. Where both
//! speak about one dependency they agree, or differ, or contradict each other: a dependency that
//! answered us as deep as the program says it failed is not blamed.

use super::decisive::Decisive;
use super::verdict::{self, Measured, failed_rung, is_outside, rung};
use super::{Failing, Start, Way};
use crate::address::host_ports;
use crate::finding::{Cited, Finding};
use crate::judge::NAMED;
use crate::refine::Context;
use tminus_core::Timestamp;
use tminus_core::code::Code;
use tminus_core::verdict::Supports;
use tminus_core::vocabulary::{Domain, Layer};

/// A measurement speaks about a claim that is at most this far away, milliseconds.
const NEAR_MS: i64 = 10_000;
/// A claim that a measurement contradicts is not named any more, whatever speaks for it.
const CONTRADICTED: f64 = -1.0;
/// Most that a cause may claim that only stands beside a silent end, log-odds.
const BESIDE: f64 = -0.5;
/// Most that a measured cause may claim which explains a failure that says less, log-odds.
const EXPLAINS: f64 = 2.4;

/// A claim of the program that a measurement of the same start speaks against.
#[derive(Clone, Debug)]
pub struct Contradiction {
    /// What the program's words would mean.
    pub claim: tminus_core::vocabulary::CauseKey,
    /// What it is about.
    pub place: String,
    /// How deep our own probe came there.
    pub reached: Layer,
    /// Milliseconds from the measurement to the claim (negative: afterwards).
    pub before_ms: i64,
    /// The measurement.
    pub cited: Cited,
}

/// Decides between what the child said (`said`) and what the ladder shows.
pub(crate) fn join(said: &mut Option<Finding>, start: &Start, context: &Context) -> Option<Contradiction> {
    let measured = verdict::measured(start, context);
    let contradiction = match said {
        Some(finding) if is_claim(finding) => claim(finding, start, context),
        _ => None,
    };
    let named = |finding: &Option<Finding>| finding.as_ref().is_some_and(|f| f.confidence() >= NAMED);
    match measured {
        Some(Measured { decisive, finding: Some(found) }) => {
            if named(said) && child_decides(start, &decisive) {
                follows(said, start, &decisive);
            } else {
                outranked(said, found);
            }
        }
        Some(Measured { decisive, finding: None }) => {
            if contradiction.is_none() && !named(said) {
                beside(said, start, context);
            }
            follows(said, start, &decisive);
        }
        None if contradiction.is_none() && !named(said) && start.child.exited.is_some() => beside(said, start, context),
        None => {}
    }
    contradiction
}

/// Does the program's own failure explain what the decisive step saw? It does when the child ended,
/// or was the one that was waited for or asked.
fn child_decides(start: &Start, decisive: &Decisive) -> bool {
    let of_child = matches!(decisive.code, Code::ExitedBeforeReady | Code::ZeroBeforeReady | Code::NotReady);
    let asked_child = decisive.way.is_some_and(|way| way.kind.loopback) && start.child.spawned.is_some();
    of_child || asked_child
}

/// The measured step end as what followed from the program's own failure.
fn follows(said: &mut Option<Finding>, start: &Start, decisive: &Decisive) {
    let Some(finding) = said else { return };
    finding.cite(rung(start, decisive), Supports::End);
    if let Some(cited) = child_end(start) {
        finding.cite(cited, Supports::End);
    }
}

/// How the child ended, as a line of evidence.
pub(crate) fn child_end(start: &Start) -> Option<Cited> {
    let end = start.child.exited?;
    let how = match (&start.child.signal, start.child.code) {
        (Some(signal), _) => format!("was ended by {signal}"),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    };
    let spawned = start.child.spawned.unwrap_or_default();
    let after = super::lasted((end.t - spawned.t).max(0) as u64);
    let text = format!("child {how} after {after}");
    Some(Cited::Event { source: start.source.clone(), text, at: end.at })
}

/// What was measured stands; what was said becomes another reading, or corroborates.
fn outranked(said: &mut Option<Finding>, mut found: Finding) {
    if let Some(claimed) = said.take() {
        if claimed.key == found.key {
            found.add("the output says the same", 0.5);
            for citation in claimed.citations {
                found.cite(citation.cited, citation.supports);
            }
        } else if claimed.confidence() >= NAMED {
            let why = "what the output says; the step that ended the start was measured".to_owned();
            found.alternatives.push((claimed.key, why));
        }
    }
    *said = Some(found);
}

/// Does a finding say that something outside could not be reached or used?
fn is_claim(finding: &Finding) -> bool {
    finding.event.is_some()
        && (Layer::Dns..=Layer::Schema).contains(&finding.layer)
        && (is_outside(finding.domain) || matches!(finding.domain, Domain::Configuration))
        || finding.key.as_str() == "sidecar_not_ready"
}

/// What our own probes say about a claim of the program.
fn claim(finding: &mut Finding, start: &Start, context: &Context) -> Option<Contradiction> {
    let said_at = finding.event.and_then(|event| context.reading.attempt.events[event].at);
    let said_at = said_at.or(start.child.exited.and_then(|end| end.at));
    let matched = ways_about(finding, start, context)?;
    match matched {
        About::Same(way) => {
            if let Some(contradiction) = contradicts(finding, start, way, said_at) {
                return contradicted(finding, contradiction);
            }
            if let Some(failing) = way.failing().filter(|_| way.came_through == 0) {
                agree_or_differ(finding, start, way, failing, context);
            }
            None
        }
        About::Elsewhere(asked) => elsewhere(finding, start, &asked, said_at, context),
        About::NotAsked => {
            let place = address(&finding.culprit).unwrap_or_else(|| finding.culprit.clone());
            finding.add(format!("no step of this start asks {place}: only the program's words speak about it"), 0.0);
            None
        }
    }
}

/// Which ways of the start a claim is about.
enum About<'a> {
    /// The very same place, or the only one of its kind when the claim names none.
    Same(&'a Way),
    /// The same kind of dependency at other places.
    Elsewhere(Vec<&'a Way>),
    /// A place that no way leads to.
    NotAsked,
}

fn ways_about<'a>(finding: &Finding, start: &'a Start, context: &Context) -> Option<About<'a>> {
    let place = address(&finding.culprit).or_else(|| path(&finding.culprit));
    let dials = |way: &&Way| way.kind.place.contains([':', '/']);
    let kin = |way: &&Way| finding.component.is_some() && way.kind.component == finding.component;
    let named = |way: &&Way| place.as_deref().is_some_and(|place| leads_to(way, place, start));
    if let Some(way) = start.ways.iter().filter(dials).find(named) {
        return Some(About::Same(way));
    }
    let kind: Vec<&Way> = start.ways.iter().filter(dials).filter(kin).collect();
    match (place, kind.as_slice()) {
        (None, [only]) => Some(About::Same(only)),
        (None, _) => None,
        (Some(_), []) => Some(About::NotAsked),
        (Some(_), _) if finding.unnamed(context.catalogue) => None,
        (Some(_), _) => Some(About::Elsewhere(kind)),
    }
}

/// Does a way lead to `place`: by its name, or by an address that was noted while it was dialled?
fn leads_to(way: &Way, place: &str, start: &Start) -> bool {
    let kind = &way.kind;
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    kind.place == place
        || kind.socket && (place.contains(kind.name()) || kind.place.contains(place))
        || start.notes.iter().filter(|note| note.source == way.target).any(|note| {
            host.parse::<std::net::IpAddr>().is_ok()
                && note
                    .text
                    .split(['=', ',', ' '])
                    .any(|word| word == host || word.trim_matches(['[', ']']) == host || word == place)
        })
}

/// `host:port` in a culprit.
fn address(culprit: &str) -> Option<String> {
    host_ports(culprit).into_iter().next().map(|(host, port)| format!("{host}:{port}"))
}

/// A path in a culprit.
fn path(culprit: &str) -> Option<String> {
    let word = culprit.split_whitespace().find(|word| word.starts_with('/'))?;
    Some(word.trim_matches(['"', '\'', ',']).to_owned())
}

/// Our probe passed the layer of the claim there, close to it in time.
fn contradicts(finding: &Finding, start: &Start, way: &Way, said_at: Option<Timestamp>) -> Option<Contradiction> {
    let blamed = matches!(finding.domain, Domain::Dependency | Domain::Network | Domain::Platform);
    // Beyond the greeting a claim is about one statement, table or request, and ours was another.
    let reaching = finding.layer <= Layer::Protocol && finding.key.as_str() != "upstream_error";
    let deepest = way.deepest().filter(|deepest| blamed && reaching && *deepest >= Layer::Protocol)?;
    let (_, first, last) = way.passed.iter().find(|(layer, ..)| *layer == deepest)?;
    let said = said_at?.as_millisecond();
    let gap = |at: Option<Timestamp>| at.map(|at| said - at.as_millisecond());
    let before_ms = [gap(last.at), gap(first.at)].into_iter().flatten().min_by_key(|gap| gap.abs())?;
    let text = format!("{} {deepest} passed, at {:.1} s", super::witness::name(way), Start::seconds(*last));
    (before_ms.abs() <= NEAR_MS).then(|| Contradiction {
        claim: finding.key.clone(),
        place: way.kind.name().to_owned(),
        reached: deepest,
        before_ms,
        cited: Cited::Event { source: start.source.clone(), text, at: last.at },
    })
}

impl Contradiction {
    /// `our probe reached query there 0.4 s before`.
    pub(crate) fn sentence(&self) -> String {
        let when = if self.before_ms >= 0 { "before" } else { "afterwards" };
        let seconds = self.before_ms.unsigned_abs() as f64 / 1000.0;
        format!("our probe reached {} there {seconds:.1} s {when}", self.reached)
    }
}

fn contradicted(finding: &mut Finding, contradiction: Contradiction) -> Option<Contradiction> {
    finding.cite(contradiction.cited.clone(), Supports::Excludes);
    let score = finding.score();
    finding.add(contradiction.sentence(), (CONTRADICTED - score).min(0.0));
    Some(contradiction)
}

/// Our probe failed there, too: in the same manner, or in another, which then counts.
fn agree_or_differ(finding: &mut Finding, start: &Start, way: &Way, failing: &Failing, context: &Context) {
    let Some(measured) = verdict::of_way(start, way, failing, context) else { return };
    if measured.key == finding.key {
        finding.add(format!("our own probe came out the same: {}", failing.code), 1.0);
        if finding.unnamed(context.catalogue) {
            finding.name(&measured.culprit);
        }
        finding.cite(failed_rung(start, way, failing), Supports::Cause);
        return;
    }
    let why = format!("what the program says; our own probe came out with {} there", failing.code);
    replace(finding, measured, &why, "what was measured there counts, not what was said about it", EXPLAINS);
}

/// The measured finding takes the place of a claim; the program's lines follow from it.
fn replace(finding: &mut Finding, mut measured: Finding, why_not: &str, because: &str, most: f64) {
    let score = measured.score();
    measured.add(because, (most - score).min(0.0));
    measured.alternatives.push((finding.key.clone(), why_not.to_owned()));
    for citation in std::mem::take(&mut finding.citations) {
        let supports = if citation.supports == Supports::Cause { Supports::Consequence } else { citation.supports };
        measured.cite(citation.cited, supports);
    }
    measured.event = finding.event;
    *finding = measured;
}

/// The program speaks about another place than the one that the plan knows for this dependency.
fn elsewhere(
    finding: &mut Finding,
    start: &Start,
    asked: &[&Way],
    said_at: Option<Timestamp>,
    context: &Context,
) -> Option<Contradiction> {
    let place = address(&finding.culprit).or_else(|| path(&finding.culprit))?;
    let answering = asked.iter().find_map(|way| contradicts(finding, start, way, said_at));
    let Some(there) = answering else {
        finding.add(format!("no step of this start asks {place}"), 0.0);
        return None;
    };
    let because = format!("it dials {place}; {} is {}, where {}", dependency(finding), there.place, there.sentence());
    finding.becomes("wrong_host", Some(place), &because, 0.0, context.catalogue);
    let score = finding.score();
    finding.add("it may be a second one on purpose", (1.0 - score).min(0.0));
    finding.cite(there.cited.clone(), Supports::Excludes);
    None
}

fn dependency(finding: &Finding) -> String {
    finding.component.as_deref().map_or_else(|| "the dependency".to_owned(), |name| format!("the plan's {name}"))
}

/// The program says little or nothing: a dependency that did not answer in this start may explain
/// it, and does where the program was waiting for the same.
fn beside(said: &mut Option<Finding>, start: &Start, context: &Context) {
    let down = start.ways.iter().filter(|way| way.came_through == 0).filter_map(|way| Some((way, way.failing()?)));
    let near = |failing: &&Failing| match (failing.last.at, start.child.exited.and_then(|end| end.at)) {
        (Some(seen), Some(end)) => (end.as_millisecond() - seen.as_millisecond()).abs() <= 6 * NEAR_MS,
        _ => true,
    };
    let down: Vec<(&Way, &Failing)> = down.filter(|(_, failing)| near(failing)).collect();
    let component = said.as_ref().and_then(|finding| finding.component.clone());
    let tied = |way: &Way| component.is_some() && component == way.kind.component;
    let Some((way, failing)) = down.iter().find(|(way, _)| tied(way)).or(down.first()) else { return };
    let Some(mut measured) = verdict::of_way(start, way, failing, context) else { return };
    match said {
        Some(finding) if tied(way) => {
            let why = "what the program says; what it was waiting for was measured".to_owned();
            replace(finding, measured, &why, "the program was waiting for it", EXPLAINS);
        }
        Some(_) => {}
        None => {
            let score = measured.score();
            measured.add("the program does not say that this ended it", (BESIDE - score).min(0.0));
            *said = Some(measured);
        }
    }
}
