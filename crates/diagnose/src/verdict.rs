//! Writes the verdict: ids for evidence, one entry per epoch, everything in a fixed order.

use crate::catalogue::Catalogue;
use crate::changes::Seen;
use crate::finding::{Cited, Finding};
use crate::incident::{Epoch, Incident};
use crate::judge::Judged;
use crate::ruled_out::Excluded;
use crate::{advice, incident, whys};
use std::collections::BTreeMap;
use tminus_core::event::LogRef;
use tminus_core::redact::Redactor;
use tminus_core::verdict::{
    Alternative, AttemptSummary, Cause, Change, Coverage, EVIDENCE_MAX, EVIDENCE_TEXT_MAX, Evidence, RuledOut,
    RunnerUp, SCHEMA, Supports, Tool, Verdict, Why,
};
use tminus_core::vocabulary::{Certainty, Stage};

/// What the writer needs besides the incident.
pub struct Material<'a> {
    /// Version of tminus.
    pub version: &'a str,
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// Names of the inputs.
    pub sources: Vec<String>,
    /// Service.
    pub service: Option<String>,
    /// Environment.
    pub environment: Option<String>,
    /// Attempts, judged, in order.
    pub judged: &'a [Judged<'a>],
    /// The incident.
    pub incident: &'a Incident,
    /// Changes seen.
    pub changes: &'a [Seen],
    /// Revisions that provably serve.
    pub serving: &'a [String],
    /// Excluded readings.
    pub excluded: Vec<Excluded>,
    /// What would decide.
    pub needed: Vec<String>,
    /// Coverage.
    pub coverage: Coverage,
    /// Name of the facts file.
    pub facts_source: &'a str,
    /// Removes secrets.
    pub redactor: &'a Redactor,
}

/// Writes the verdict.
pub fn write(material: Material) -> Verdict {
    let mut ids =
        Ids { sources: &material.sources, redactor: material.redactor, known: BTreeMap::new(), all: Vec::new() };
    let changes: Vec<Change> =
        material.changes.iter().enumerate().map(|(i, seen)| change(i, seen, &material, &mut ids)).collect();
    let causes: Vec<Cause> =
        material.incident.epochs.iter().enumerate().map(|(i, epoch)| cause(i, epoch, &material, &mut ids)).collect();
    let whys = all_whys(&material, &causes, &mut ids);
    let runner_up = material.incident.epochs.iter().find(|e| e.current).and_then(|epoch| runner_up(epoch, &material));
    let excluded = material
        .excluded
        .iter()
        .map(|e| RuledOut {
            cause: e.cause.clone(),
            why: e.why.clone(),
            evidence: e.at.iter().map(|at| ids.of(at, Supports::Excludes).id).collect(),
        })
        .collect();
    Verdict {
        schema: SCHEMA.to_owned(),
        tool: Tool { version: material.version.to_owned(), catalogue: material.catalogue.digest().to_owned() },
        service: material.service.clone(),
        environment: material.environment.clone(),
        revision: material.incident.revision.clone(),
        outcome: material.incident.outcome,
        causes,
        runner_up,
        advice: advice::advice(material.incident, material.judged, material.serving, material.catalogue),
        ruled_out: excluded,
        whys,
        changes,
        needed: material.needed.clone(),
        attempts: material.judged.iter().map(summary).collect(),
        coverage: material.coverage,
        evidence: ids.all,
    }
}

/// Gives every cited place one id.
struct Ids<'a> {
    sources: &'a [String],
    redactor: &'a Redactor,
    known: BTreeMap<(String, u32, String), String>,
    all: Vec<Evidence>,
}

impl Ids<'_> {
    fn of(&mut self, cited: &Cited, supports: Supports) -> Evidence {
        let (source, line, at, text) = match cited {
            Cited::Log(place, at) => (self.source(place), Some(place.line), *at, place.text.clone()),
            Cited::Fact { source, text } => (source.clone(), None, None, self.redactor.clean(text).into_owned()),
            Cited::Event { source, text, at } => (source.clone(), None, *at, self.redactor.clean(text).into_owned()),
        };
        let text: String = text.chars().take(EVIDENCE_TEXT_MAX).collect();
        let key = (source.clone(), line.unwrap_or(0), text.clone());
        if let Some(id) = self.known.get(&key) {
            return Evidence { id: id.clone(), source, line, at, text, supports };
        }
        let id = format!("e{}", self.known.len() + 1);
        self.known.insert(key, id.clone());
        let evidence = Evidence { id, source, line, at, text, supports };
        self.all.push(evidence.clone());
        evidence
    }

    fn source(&self, place: &LogRef) -> String {
        self.sources.get(place.source.0 as usize).cloned().unwrap_or_default()
    }
}

fn cause(index: usize, epoch: &Epoch, material: &Material, ids: &mut Ids) -> Cause {
    let finding = &epoch.finding;
    let entry = material.catalogue.cause(&finding.key);
    let numbers = |of: &[usize]| of.iter().map(|&i| material.judged[i].reading.attempt.n).collect::<Vec<_>>();
    let all = epoch.all();
    let bound = |i: usize| &material.judged[i].reading.attempt;
    let confidence = finding.confidence();
    Cause {
        id: format!("c{}", index + 1),
        cause: finding.key.clone(),
        domain: finding.domain,
        layer: finding.layer,
        culprit: finding.culprit.clone(),
        owner: finding.owner,
        confidence,
        certainty: Certainty::of(confidence).unwrap_or(Certainty::Possible),
        status: epoch.status,
        current: epoch.current,
        attempts: numbers(&epoch.attempts),
        consistent_with: numbers(&epoch.consistent_with),
        first_seen: all.iter().filter_map(|&i| start_of(bound(i))).min(),
        last_seen: all.iter().filter_map(|&i| end_of(bound(i))).max(),
        evidence: evidence(finding, ids),
        alternatives: finding
            .alternatives
            .iter()
            .filter(|(key, _)| *key != finding.key)
            .map(|(key, why_not)| Alternative { cause: key.clone(), why_not: why_not.clone() })
            .collect(),
        contributing: contributing(finding, material.changes).into_iter().map(|i| format!("x{}", i + 1)).collect(),
        remedy: entry.map_or_else(String::new, |e| e.remedy.replace("{culprit}", &finding.culprit)),
        next: entry.map_or_else(String::new, |e| e.next.replace("{culprit}", &finding.culprit)),
        weights: finding.weights.clone(),
    }
}

fn evidence(finding: &Finding, ids: &mut Ids) -> Vec<Evidence> {
    finding
        .citations
        .iter()
        .take(EVIDENCE_MAX)
        .map(|c| ids.of(&c.cited, c.supports))
        .filter(|e| !e.text.is_empty())
        .collect()
}

/// Changes that contribute to a finding: only where the catalogue's own link says so.
fn contributing(finding: &Finding, changes: &[Seen]) -> Vec<usize> {
    let socket = matches!(finding.key.as_str(), "proxy_closed_handshake" | "egress_breaks_socket");
    (0..changes.len())
        .filter(|&i| {
            let seen = &changes[i];
            let all_traffic = seen.what.contains("egress") && seen.to.as_deref().is_some_and(|v| v.contains("all"));
            let cloud_sql = seen.what.contains("cloudsql");
            socket && (all_traffic || cloud_sql)
        })
        .collect()
}

fn change(index: usize, seen: &Seen, material: &Material, ids: &mut Ids) -> Change {
    let cited = match &seen.place {
        Some(place) => Cited::Log(place.clone(), seen.at),
        None => Cited::Fact {
            source: material.facts_source.to_owned(),
            text: format!(
                "changes: {} from {} to {}",
                seen.what,
                seen.from.as_deref().unwrap_or("?"),
                seen.to.as_deref().unwrap_or("?")
            ),
        },
    };
    Change {
        id: format!("x{}", index + 1),
        at: seen.at,
        kind: seen.kind,
        what: seen.what.clone(),
        from: seen.from.clone(),
        to: seen.to.clone().map(|v| material.redactor.clean(&v).into_owned()),
        evidence: vec![ids.of(&cited, Supports::Contributing).id],
        seen_in: Some(seen.seen_in),
    }
}

fn all_whys(material: &Material, causes: &[Cause], ids: &mut Ids) -> Vec<Why> {
    let mut order: Vec<usize> = (0..material.incident.epochs.len()).collect();
    order.sort_by_key(|&i| !material.incident.epochs[i].current);
    let mut out = Vec::new();
    for index in order {
        let epoch = &material.incident.epochs[index];
        let favours: Vec<&Seen> =
            contributing(&epoch.finding, material.changes).into_iter().map(|i| &material.changes[i]).collect();
        for step in whys::whys(epoch, material.judged, &favours, material.service.as_deref(), material.catalogue) {
            out.push(Why {
                why: step.why,
                because: step.because,
                evidence: step.cited.iter().map(|c| ids.of(c, Supports::Cause).id).collect(),
                of: Some(causes[index].id.clone()),
            });
        }
    }
    out
}

fn runner_up(epoch: &Epoch, material: &Material) -> Option<RunnerUp> {
    if let Some((key, would_flip)) = &epoch.finding.rival {
        return Some(RunnerUp { cause: key.clone(), would_flip: would_flip.clone() });
    }
    let (key, weakness) = incident::runner_up(material.judged, epoch)?;
    let title = material.catalogue.cause(key).map_or_else(|| key.to_string(), |c| c.title.clone());
    Some(RunnerUp {
        cause: key.clone(),
        would_flip: format!("a start that ends with \"{title}\" as its last failure; against it now: {weakness}"),
    })
}

fn start_of(attempt: &crate::attempt::Attempt) -> Option<tminus_core::Timestamp> {
    attempt.exit.as_ref().and_then(|e| e.started).or(attempt.first)
}

fn end_of(attempt: &crate::attempt::Attempt) -> Option<tminus_core::Timestamp> {
    attempt.exit.as_ref().and_then(|e| e.ended).or(attempt.last)
}

fn summary(one: &Judged) -> AttemptSummary {
    let attempt = one.reading.attempt;
    let exit = attempt.exit.as_ref();
    AttemptSummary {
        n: attempt.n,
        instance: attempt.key.instance.as_deref().map(str::to_owned).or_else(|| exit?.instance.clone()),
        revision: attempt.key.revision.as_deref().map(str::to_owned).or_else(|| exit?.revision.clone()),
        start: start_of(attempt),
        end: end_of(attempt),
        outcome: one.reading.outcome,
        exit_code: attempt.live.as_ref().map_or(one.reading.end.code, |start| start.child.code),
        signal: attempt
            .live
            .as_ref()
            .map_or_else(|| one.reading.end.signal.clone(), |start| start.child.signal.clone()),
        phase: one.reading.phase.map(str::to_owned),
        stage: stage(one),
        records: attempt.records,
    }
}

/// The deepest stage with evidence: what the program said, or what its failure proves.
fn stage(one: &Judged) -> Option<Stage> {
    use tminus_core::vocabulary::Layer;
    let proved = one.finding.as_ref().map(|f| match f.layer {
        Layer::Process => Stage::Process,
        Layer::Import => Stage::Import,
        Layer::Config => Stage::Config,
        Layer::Probe | Layer::Resource | Layer::Startup => Stage::Process,
        _ => Stage::Dependencies,
    });
    if one.reading.attempt.live.is_some() && one.finding.as_ref().is_none_or(|finding| finding.event.is_none()) {
        // What our own probes reached is no stage of the program.
        return one.reading.stage.map(|s| s.0);
    }
    let floor = (one.reading.attempt.records > 0).then_some(Stage::Process);
    one.reading.stage.map(|s| s.0).max(proved).max(floor)
}
