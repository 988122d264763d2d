//! What the ladder of a start proves by itself: a finding, or why none.

use super::decisive::{Decisive, decisive};
use super::kind::Sort;
use super::table::{self, Proves};
use super::witness::{Others, Witnesses, named, witnesses};
use super::{Failing, Moment, Start, Step, Way, lasted};
use crate::catalogue::{Catalogue, Proof};
use crate::finding::{Cited, Finding};
use crate::refine::Context;
use crate::wording::cut;
use tminus_core::code::Code;
use tminus_core::event::Passage;
use tminus_core::verdict::Supports;
use tminus_core::vocabulary::{CauseKey, Domain, Role};

/// Where a finding of the ladder starts: it was measured, in this start, by the step that ended it.
const MEASURED: f64 = 2.0;
/// Most that a start that was cut short may claim, log-odds: its last word was not spoken.
const CUT_SHORT: f64 = 2.4;
/// Most that a guess between neighbours may claim, log-odds.
const GUESS: f64 = 0.4;

/// What the ladder says.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    /// What ended the start.
    pub(crate) decisive: Decisive<'a>,
    /// The finding, when its code is a cause.
    pub(crate) finding: Option<Finding>,
}

/// What the ladder of the attempt that `context` is about says about its end.
pub(crate) fn measured<'a>(start: &'a Start, context: &Context) -> Option<Measured<'a>> {
    let decisive = decisive(start)?;
    let finding = finding(start, &decisive, context);
    Some(Measured { decisive, finding })
}

fn finding(start: &Start, decisive: &Decisive, context: &Context) -> Option<Finding> {
    let catalogue = context.catalogue;
    let own = decisive.way.is_some_and(|way| is_own_endpoint(start, way));
    let words = server_words(start, decisive, catalogue);
    let by_table = match own {
        true => table::own_endpoint(decisive.code),
        false => table::meaning(decisive.code, decisive.way).map(|(_, key, proves)| (*key, *proves)),
    };
    let mut finding = match (by_table, &words) {
        (Some((key, proves)), _) => from_code(key, proves, decisive, catalogue)?,
        (None, Some(words)) => from_words(words, catalogue)?,
        (None, None) if matches!(decisive.code, Code::StepFailed | Code::StepHopeless) => {
            from_code("startup_exception", Proves::Perhaps, decisive, catalogue)?
        }
        (None, None) => return None,
    };
    correct(&mut finding, start, decisive, catalogue);
    culprit(&mut finding, start, decisive, words.as_ref(), own);
    cite(&mut finding, start, decisive);
    if let Some(way) = decisive.way {
        finding.component.clone_from(&way.kind.component);
        triage(&mut finding, start, way, decisive.code, catalogue);
        socket_missing(&mut finding, start, way, decisive, context);
    }
    progress(&mut finding, start, decisive, catalogue);
    crate::refine::of_ladder(&mut finding, context);
    if decisive.provisional {
        let score = finding.score();
        finding.add(
            "the start was told to stop, or is still going on: this is what it waited for",
            (CUT_SHORT - score).min(0.0),
        );
    }
    Some(finding)
}

/// What a way that failed means, whether or not its step decided.
pub(crate) fn of_way(start: &Start, way: &Way, failing: &Failing, context: &Context) -> Option<Finding> {
    let step = start.step(&way.step);
    let decisive = Decisive {
        phase: step.map(|step| step.phase.as_str()),
        step,
        way: Some(way),
        failing: Some(failing),
        code: failing.code,
        expired: false,
        provisional: false,
    };
    finding(start, &decisive, context)
}

/// A finding from the table of codes.
fn from_code(key: &str, proves: Proves, decisive: &Decisive, catalogue: &Catalogue) -> Option<Finding> {
    let mut finding = Finding::new(key, None, catalogue)?;
    let (because, log_odds) = proves.term();
    finding.add("measured in this start by the step that ended it", MEASURED);
    finding.add(format!("{because} ({})", decisive.code), log_odds);
    if let (Some(way), Some(failing)) = (decisive.way, decisive.failing)
        && failing.times >= 3
        && failing.times == way.tries()
    {
        finding.add(format!("{0} of {0} tries came out so", failing.times), 0.3);
    }
    Some(finding)
}

/// Words of the other side that a rule of the catalogue knows.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    key: CauseKey,
    culprit: Option<String>,
    proof: Proof,
    pattern: String,
}

/// What the catalogue says about the words that came with the decisive code: the strongest rule, the
/// last of several.
fn server_words(start: &Start, decisive: &Decisive, catalogue: &Catalogue) -> Option<Words> {
    let notes = decisive.step.into_iter().flat_map(|step| start.notes_of(step)).map(|note| note.text.as_str());
    let texts = decisive.failing.and_then(|failing| failing.detail.as_deref()).into_iter().chain(notes);
    let mut best: Option<Words> = None;
    for text in texts {
        for hit in catalogue.scan(text) {
            let Some(pattern) = hit.pattern().map(|pattern| catalogue.pattern(pattern)) else { continue };
            if !pattern.when.is_empty() {
                continue;
            }
            let words = Words {
                key: pattern.cause.clone(),
                culprit: catalogue.culprit(&hit, text),
                proof: pattern.proof,
                pattern: pattern.id.clone(),
            };
            if best.as_ref().is_none_or(|best| strength(words.proof) >= strength(best.proof)) {
                best = Some(words);
            }
        }
    }
    best
}

fn strength(proof: Proof) -> u8 {
    match proof {
        Proof::Exact => 2,
        Proof::Strong => 1,
        Proof::Weak => 0,
    }
}

/// A finding from words: the code alone is no cause (a command that failed, a statement that was
/// answered with an error).
fn from_words(words: &Words, catalogue: &Catalogue) -> Option<Finding> {
    let mut finding = Finding::new(words.key.as_str(), words.culprit.clone(), catalogue)?;
    finding.add("said by the step that ended this start", 1.0);
    match words.proof {
        Proof::Exact => finding.add(format!("the words say precisely this ({})", words.pattern), 1.5),
        Proof::Strong => finding.add(format!("usual words for this ({})", words.pattern), 1.0),
        Proof::Weak => finding.add(format!("the words fit neighbouring causes too ({})", words.pattern), -0.6),
    }
    Some(finding)
}

/// Is it an endpoint of the child: on this machine, and asked after the child was started?
fn is_own_endpoint(start: &Start, way: &Way) -> bool {
    let asked = start.step(&way.step).map(|step| step.began);
    let after = |spawned: Moment| asked.is_none_or(|asked| asked.t >= spawned.t);
    (way.kind.loopback || way.kind.socket && way.kind.sort == Sort::Http)
        && start.child.spawned.is_some_and(after)
        && !matches!(way.kind.sort, Sort::Postgres | Sort::Redis | Sort::Broker)
}

/// Codes whose cause depends on more than the code.
fn correct(finding: &mut Finding, start: &Start, decisive: &Decisive, catalogue: &Catalogue) {
    let note = decisive.step.and_then(|step| start.notes_of(step).last()).map_or("", |note| note.text.as_str());
    match decisive.code {
        Code::ValueMalformed if note.contains("is no address") => {
            finding.becomes("malformed_url", None, "the value is no address", 0.0, catalogue);
        }
        Code::CommandNotExecutable => {
            if note.to_ascii_lowercase().contains("exec format") {
                finding.becomes("exec_format_error", None, "the system says exec format error", 0.9, catalogue);
            }
            finding.owner = Role::Build;
        }
        Code::HttpUnauthorized
            if decisive.way.is_some_and(|way| way.kind.link_local || way.kind.place.contains("googleapis.com")) =>
        {
            finding.becomes("iam_permission_denied", None, "asked of the platform itself", 0.0, catalogue);
        }
        // Nothing listens there: the server is down, or it is another port.
        Code::Refused => other_port(finding, decisive, catalogue),
        // Somebody works, and this start waited for its turn: nobody has to act but wait.
        Code::LeaseHeld => {
            finding.owner = decisive.code.row().owner;
            finding.layer = decisive.code.layer();
        }
        // It comes up by itself; whose rules keep us out.
        Code::Loading | Code::HostNotPermitted => finding.owner = decisive.code.row().owner,
        _ => {}
    }
}

/// A port at which this kind of server does not usually listen leaves room for a wrong address.
fn other_port(finding: &mut Finding, decisive: &Decisive, catalogue: &Catalogue) {
    let Some(kind) = decisive.way.map(|way| &way.kind).filter(|kind| !kind.socket && kind.component.is_some()) else {
        return;
    };
    let port = kind.place.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let usual =
        catalogue.components().filter(|c| Some(&c.name) == kind.component.as_ref()).flat_map(|c| c.ports.clone());
    if port.is_some_and(|port| !usual.into_iter().any(|known| known == port)) {
        finding.add("the port is not the usual one of such a server: it may be a wrong address", -1.2);
        if let Ok(key) = "wrong_host".parse() {
            finding.alternatives.push((key, "nothing tells which port the server has".to_owned()));
        }
    }
}

/// The program that a note is about: in backticks, or before the reason.
fn program(note: &str) -> &str {
    let quoted = note.split_once('`').and_then(|(_, rest)| rest.split_once('`'));
    quoted.map_or_else(|| note.split(": ").next().unwrap_or(note), |(name, _)| name)
}

/// Names what is at fault: a variable, a lease, what the server's words name, or the place.
fn culprit(finding: &mut Finding, start: &Start, decisive: &Decisive, words: Option<&Words>, own: bool) {
    let note = || decisive.step.and_then(|step| start.notes_of(step).last());
    let from_words = words.filter(|words| words.key == finding.key).and_then(|words| words.culprit.clone());
    let kind = decisive.way.map(|way| &way.kind);
    let name = match decisive.code {
        Code::ValueMissing | Code::ValueEmpty | Code::ValueMalformed | Code::WhitespaceInValue => {
            note().and_then(|note| variable(&note.text))
        }
        // Since when it is held changes with every asking; who holds it does not.
        Code::LeaseHeld => note().map(|note| note.text.split(" since ").next().unwrap_or(&note.text).to_owned()),
        Code::NoDescriptor | Code::ClockSkew => return,
        Code::RoleLimit => from_words.or_else(|| kind?.user.as_ref().map(|user| format!("role {user}"))),
        Code::DatabaseLimit => from_words.or_else(|| kind?.database.as_ref().map(|name| format!("database {name}"))),
        _ if decisive.code.layer() == tminus_core::vocabulary::Layer::Dns => kind.map(|kind| kind.host().to_owned()),
        Code::DatabaseMissing => from_words.or_else(|| kind?.database.clone()),
        Code::PasswordRejected | Code::PasswordMissing | Code::RoleMissing | Code::HostNotPermitted => {
            from_words.or_else(|| kind?.user.as_ref().map(|user| format!("user {user}")))
        }
        Code::CommandNotFound | Code::CommandNotExecutable => {
            from_words.or_else(|| note().map(|note| program(&note.text).to_owned()))
        }
        Code::StepFailed | Code::StepHopeless => from_words
            .or_else(|| Some(note().map_or(decisive.step?.name.clone(), |note| cut(&note.text, 110).to_owned()))),
        Code::NoTimeLeft => decisive.phase.map(|phase| format!("phase {phase}")),
        Code::TableMissing | Code::SchemaBehind => {
            let detail = || decisive.failing?.detail.as_deref();
            from_words.or_else(|| detail().map(|detail| detail.strip_prefix("table ").unwrap_or(detail).to_owned()))
        }
        Code::SlotsFull | Code::SlotsReserved => from_words.or_else(|| Some(kind?.name().to_owned())),
        Code::NotReady if own => None,
        _ if words.is_some_and(|words| words.key == finding.key)
            && table::meaning(decisive.code, decisive.way).is_none() =>
        {
            from_words.or_else(|| Some(kind?.name().to_owned()))
        }
        _ => kind.filter(|kind| kind.sort != Sort::Command).map(|kind| kind.name().to_owned()),
    };
    let name = name.or_else(|| decisive.way.map(|way| way.kind.name().to_owned()));
    if let Some(name) = name.or_else(|| step_of_command(decisive)) {
        finding.name(&name);
    }
}

/// A command without a word of its own is known by its step.
fn step_of_command(decisive: &Decisive) -> Option<String> {
    matches!(decisive.code, Code::CommandNotFound | Code::CommandNotExecutable | Code::CommandFailed)
        .then(|| decisive.step.map(|step| step.name.clone()))?
}

/// `DATABASE_URL` of `DATABASE_URL is not set; ...`.
fn variable(text: &str) -> Option<String> {
    let name = text.split([' ', ';', ':']).next()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(fits)).then(|| name.to_owned())
}

/// What was measured, as lines of evidence.
fn cite(finding: &mut Finding, start: &Start, decisive: &Decisive) {
    finding.cite(rung(start, decisive), Supports::Cause);
    if let Some(way) = decisive.way {
        if let Some(cited) = passed_rungs(start, way) {
            finding.cite(cited, Supports::Stage);
        }
        for other in start.ways_of(&way.step).filter(|other| other.target != way.target) {
            if let Some(failing) = other.failing() {
                finding.cite(failed_rung(start, other, failing), Supports::Consequence);
            }
        }
    }
    for note in decisive.step.into_iter().flat_map(|step| start.notes_of(step)).take(3) {
        let text = format!("{}: {}", note.source, note.text);
        finding.cite(Cited::Event { source: start.source.clone(), text, at: note.moment.at }, Supports::Cause);
    }
    if let Some(step) = decisive.step.filter(|_| !decisive.provisional) {
        finding.cite(end_of_step(start, step, decisive.code), Supports::End);
    }
}

/// The decisive line: `orders-db protocol closed_before_greeting, 61 of 61 tries in 75.0 s`.
pub(crate) fn rung(start: &Start, decisive: &Decisive) -> Cited {
    match (decisive.way, decisive.failing, decisive.step) {
        (Some(way), Some(failing), _) => failed_rung(start, way, failing),
        (_, _, Some(step)) => end_of_step(start, step, decisive.code),
        _ => {
            let phase = decisive.phase.unwrap_or("start");
            let text = format!("{phase} {}: {}", decisive.code, decisive.code.row().meaning);
            Cited::Event { source: start.source.clone(), text, at: start.until.at }
        }
    }
}

/// One manner of failing of one way, with counts, time and the other side's words.
pub(crate) fn failed_rung(start: &Start, way: &Way, failing: &Failing) -> Cited {
    let began = start.step(&way.step).map_or(failing.first, |step| step.began);
    let spent = lasted((failing.last.t - began.t).max(0) as u64);
    let who = if way.step.is_empty() { way.kind.name() } else { &way.step };
    let tries = match way.tries() {
        1 => "1 try".to_owned(),
        tries => format!("{} of {tries} tries", failing.times),
    };
    let mut text = format!("{who} {} {}, {tries} in {spent}", failing.layer, failing.code);
    if way.step != way.kind.name() && !way.step.is_empty() {
        text.push_str(&format!(" ({})", way.kind.name()));
    }
    if let Some(detail) = &failing.detail {
        text.push_str(&format!(": {detail}"));
    }
    Cited::Event { source: start.source.clone(), text, at: failing.last.at }
}

/// `orders-db passed config, socket; socket in 0.4 ms`.
fn passed_rungs(start: &Start, way: &Way) -> Option<Cited> {
    let deepest = way.deepest()?;
    let layers: Vec<&str> = way.passed.iter().map(|(layer, ..)| layer.as_str()).collect();
    let (.., last) = way.passed.iter().find(|(layer, ..)| *layer == deepest)?;
    let who = if way.step.is_empty() { way.kind.name() } else { &way.step };
    let text = format!("{who} {} passed, at {:.1} s", layers.join(", "), Start::seconds(*last));
    Some(Cited::Event { source: start.source.clone(), text, at: last.at })
}

/// `step orders-db expired after 75.0 s: closed_before_greeting`.
pub(crate) fn end_of_step(start: &Start, step: &Step, code: Code) -> Cited {
    let (how, moment) = match &step.ended {
        Some(end) if end.how == Passage::Expired => ("expired", end.moment),
        Some(end) if end.how == Passage::Skipped => ("was cut short", end.moment),
        Some(end) if end.how == Passage::Passed => ("passed", end.moment),
        Some(end) => ("failed", end.moment),
        None => ("was not over", start.until),
    };
    let spent = lasted(start.spent(step));
    let text = format!("step {} {how} after {spent}: {code} ({})", step.name, code.row().meaning);
    Cited::Event { source: start.source.clone(), text, at: moment.at }
}

/// Nothing answered: who else does?
fn triage(finding: &mut Finding, start: &Start, way: &Way, code: Code, catalogue: &Catalogue) {
    if !matches!(code, Code::NoAnswer | Code::NoRoute | Code::ResolverSilent) || way.kind.socket || way.kind.loopback {
        return;
    }
    let Witnesses { others, answering, silent } = witnesses(start, way);
    let asked: Vec<&Way> = answering.iter().chain(&silent).copied().collect();
    let egress: Option<CauseKey> = "egress_not_up".parse().ok();
    let instead = |finding: &mut Finding, why: String| {
        if let Some(key) = &egress {
            finding.alternatives.push((key.clone(), why));
        }
    };
    match others {
        Others::Silent => {
            let because = format!("nobody else answered either: {}", named(&silent));
            finding.becomes("egress_not_up", Some(format!("way out of {}", who(start))), &because, 0.3, catalogue);
        }
        Others::LinkOnly => {
            finding.add(
                format!("{} answers, {} does not: the way to this network", named(&answering), named(&silent)),
                0.2,
            );
            instead(finding, format!("{} answers", named(&answering)));
        }
        Others::Answering => {
            finding.add(format!("{} answers: this host alone does not", named(&answering)), 0.3);
            instead(finding, format!("{} answers: something gets out", named(&answering)));
        }
        Others::LinkAlone | Others::None => {
            let asked_too = if others == Others::None { "nobody else" } else { "no other dependency" };
            finding.add(format!("{asked_too} was asked: it may be the whole way out"), -0.9);
            instead(finding, format!("{asked_too} was asked: an egress step with witnesses would tell"));
        }
    }
    for other in asked.into_iter().take(3) {
        let cited = match other.failing() {
            Some(failing) => failed_rung(start, other, failing),
            None => match passed_rungs(start, other) {
                Some(cited) => cited,
                None => continue,
            },
        };
        finding.cite(cited, if others == Others::Silent { Supports::Cause } else { Supports::Excludes });
    }
}

/// The instance, or the service, by name.
fn who(start: &Start) -> &str {
    start.instance.as_deref().or(start.service.as_deref()).unwrap_or("this instance")
}

/// A socket that is not there after its grace: a path that nothing provides, or a provider that is
/// late. Only facts tell.
fn socket_missing(finding: &mut Finding, start: &Start, way: &Way, decisive: &Decisive, context: &Context) {
    if decisive.code != Code::SocketMissing || finding.key.as_str() != "wrong_socket_path" {
        return;
    }
    let directory = way.kind.name().rsplit_once('/').map_or("", |(directory, _)| directory);
    let sibling = start.ways.iter().find(|other| {
        other.kind.socket
            && !directory.is_empty()
            && other.kind.name().starts_with(directory)
            && other.answered_on_socket()
    });
    let instance = way.kind.name().strip_prefix("/cloudsql/");
    let attached = instance.and_then(|instance| {
        let of = |(name, value): &&(String, String)| name.contains("cloudsql") && value.contains(instance);
        context.settings.iter().find(of)
    });
    let sidecar: Option<CauseKey> = "sidecar_not_ready".parse().ok();
    if let Some(sibling) = sibling {
        finding.add(format!("{} is there in the same directory: its provider runs", sibling.kind.name()), 1.4);
        return;
    }
    if let Some((name, _)) = attached {
        let because = format!("the setting {name} attaches it: its provider has not made it");
        finding.becomes("sidecar_not_ready", None, &because, 0.8, context.catalogue);
        return;
    }
    let score = finding.score();
    finding.add("a provider that has not started looks the same", (GUESS - score).min(0.0));
    if let Some(key) = sidecar {
        finding.alternatives.push((key.clone(), "nothing tells whether anything is to provide this socket".to_owned()));
        finding.rival = Some((key, format!("the log of what provides {}, or a sidecar in the facts", way.kind.name())));
    }
}

/// The deadline is worth a look only where something was moving when it fired.
fn progress(finding: &mut Finding, start: &Start, decisive: &Decisive, catalogue: &Catalogue) {
    if !decisive.expired || !table::shows_progress(decisive.code) {
        return;
    }
    let Some(step) = decisive.step else { return };
    let spent = lasted(start.spent(step));
    let since = decisive.failing.map(|failing| format!(", seen since {:.1} s", Start::seconds(failing.first)));
    if let Ok(key) = "deadline_too_short".parse::<CauseKey>()
        && catalogue.cause(&key).is_some()
    {
        let why = format!(
            "step {} had {spent}, and {} was still going on{}",
            step.name,
            decisive.code,
            since.unwrap_or_default()
        );
        finding.alternatives.push((key.clone(), why.clone()));
        finding.rival = Some((key, format!("a start that is given more time and passes: {why}")));
    }
}

/// Domains in which the other side or the way to it is at fault.
pub(crate) fn is_outside(domain: Domain) -> bool {
    matches!(domain, Domain::Dependency | Domain::Network | Domain::Capacity)
}
