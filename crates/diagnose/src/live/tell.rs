//! What else a verdict says about a live start: whys, what is ruled out, what was not tested, what
//! would decide.

use super::decisive::{Decisive, decisive};
use super::join::child_end;
use super::verdict::{end_of_step, failed_rung};
use super::{Start, Way, witness};
use crate::finding::Cited;
use crate::judge::Judged;
use crate::whys::Step;
use tminus_core::code::{Class, Code};
use tminus_core::vocabulary::{Layer, Retry};

/// Most ways of which it is told that they passed.
const PASSED_TOLD: usize = 3;

/// The whys between the symptom and the cause: the phase, the step, the rung, and what it proves.
pub(crate) fn whys(start: &Start) -> Vec<Step> {
    let Some(decisive) = decisive(start) else { return Vec::new() };
    let mut steps = Vec::new();
    if let Some(step) = decisive.step {
        let phase = decisive.phase.unwrap_or(&step.phase);
        let how = if decisive.provisional { "was not over" } else { "did not pass" };
        steps.push(Step {
            why: "why did the start end?".to_owned(),
            because: format!("phase {phase} {how}: its step {} came out with {}", step.name, decisive.code),
            cited: vec![end_of_step(start, step, decisive.code)],
        });
    }
    if let (Some(way), Some(failing)) = (decisive.way, decisive.failing) {
        let passed = way.deepest().map_or_else(|| "no layer".to_owned(), |layer| layer.to_string());
        steps.push(Step {
            why: format!("why did {} not pass?", way.step),
            because: format!(
                "{} came as far as {passed}; at {}: {}",
                way.kind.name(),
                failing.layer,
                failing.code.row().meaning
            ),
            cited: vec![failed_rung(start, way, failing)],
        });
        steps.extend(others(start, way, decisive.code));
    }
    if decisive.way.is_none()
        && let Some(cited) = child_end(start)
    {
        steps.push(Step {
            why: "why did the program end?".to_owned(),
            because: "an exit code or signal alone proves nothing about the cause".to_owned(),
            cited: vec![cited],
        });
    }
    steps
}

/// Whether others answered: what tells the way from the host.
fn others(start: &Start, way: &Way, code: Code) -> Option<Step> {
    if way.kind.socket || way.kind.loopback || code.layer() > Layer::Tcp {
        return None;
    }
    let witnesses = witness::witnesses(start, way);
    let asked: Vec<&Way> = witnesses.answering.iter().chain(&witnesses.silent).copied().collect();
    if asked.is_empty() {
        return None;
    }
    let because = match (witnesses.answering.is_empty(), witnesses.silent.is_empty()) {
        (true, _) => format!("no: {} did not answer either", witness::named(&witnesses.silent)),
        (false, true) => format!("yes: {}", witness::named(&witnesses.answering)),
        (false, false) => {
            format!("{} did, {} did not", witness::named(&witnesses.answering), witness::named(&witnesses.silent))
        }
    };
    let cited = asked.into_iter().take(2).filter_map(|other| {
        other.failing().map(|failing| failed_rung(start, other, failing)).or_else(|| through(start, other))
    });
    Some(Step { why: "does anything else answer?".to_owned(), because, cited: cited.collect() })
}

/// `orders-db query passed, at 0.4 s`.
fn through(start: &Start, way: &Way) -> Option<Cited> {
    let deepest = way.deepest()?;
    let (.., last) = way.passed.iter().find(|(layer, ..)| *layer == deepest)?;
    let text = format!("{} {deepest} passed, at {:.1} s", witness::name(way), Start::seconds(*last));
    Some(Cited::Event { source: start.source.clone(), text, at: last.at })
}

/// One reading that the ladder of a start excludes.
pub(crate) struct Excludes {
    /// A cause's key or a short name.
    pub(crate) cause: String,
    /// Why.
    pub(crate) why: String,
    /// The measurement.
    pub(crate) cited: Cited,
}

/// What this start passed: a dependency that answered in it is not its cause.
pub(crate) fn ruled_out(one: &Judged, start: &Start) -> Vec<Excludes> {
    let mut out: Vec<Excludes> = Vec::new();
    if let Some(contradiction) = &one.contradiction {
        out.push(Excludes {
            cause: contradiction.claim.to_string(),
            why: format!("the program says so about {}; {}", contradiction.place, contradiction.sentence()),
            cited: contradiction.cited.clone(),
        });
    }
    let component = one.finding.as_ref().and_then(|finding| finding.component.clone());
    let through_ways =
        start.ways.iter().filter(|way| way.failing().is_none() && way.deepest() >= Some(Layer::Protocol));
    for way in through_ways.take(PASSED_TOLD) {
        let Some(cited) = through(start, way) else { continue };
        let name = way.kind.component.clone().unwrap_or_else(|| way.step.clone());
        if out.iter().all(|told| told.cause != name) && Some(&name) != component.as_ref() {
            let why = format!("{} reached {} in this very start", witness::name(way), deepest(way));
            out.push(Excludes { cause: name, why, cited });
        }
    }
    let slot = start.ways.iter().find(|way| {
        way.failing().is_none()
            && way.deepest() >= Some(Layer::Slot)
            && way.kind.component.as_deref() == Some("postgres")
    });
    let capacity = one.finding.as_ref().is_some_and(|finding| finding.key.as_str() == "too_many_connections");
    if let Some(way) = slot.filter(|_| !capacity)
        && let Some(cited) = through(start, way)
    {
        let why = format!("{} granted a connection slot in this very start", witness::name(way));
        out.push(Excludes { cause: "too_many_connections".to_owned(), why, cited });
    }
    out
}

fn deepest(way: &Way) -> String {
    way.deepest().map_or_else(String::new, |layer| layer.to_string())
}

/// What the start did not come to test, in words for a reader: never "ruled out".
pub(crate) fn not_tested(start: &Start) -> Vec<String> {
    let mut out = Vec::new();
    let Some(Decisive { way, failing, .. }) = decisive(start) else { return out };
    if let (Some(way), Some(failing)) = (way, failing)
        && way.kind.component.as_deref() == Some("postgres")
    {
        let open: Vec<&str> = [
            (Layer::Auth, "password (never asked)"),
            (Layer::Slot, "slots (none was asked for)"),
            (Layer::Query, "the database's state (no statement was sent)"),
        ]
        .into_iter()
        .filter(|(layer, _)| failing.layer < *layer && way.deepest() < Some(*layer))
        .map(|(_, words)| words)
        .collect();
        if !open.is_empty() {
            out.push(format!("not tested at {}: {}", way.kind.name(), open.join(", ")));
        }
    }
    if start.child.spawned.is_none() {
        out.push("not tested: the program itself (it was not started)".to_owned());
    }
    out
}

/// What would decide what the ladder leaves open.
pub(crate) fn needed(one: &Judged, start: &Start) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(contradiction) = &one.contradiction {
        out.push(format!(
            "the address and credentials that the program really uses: it says {} about {}, and {}; it uses another \
             address, other credentials or a pool of its own, or the service recovered in between",
            contradiction.claim,
            contradiction.place,
            contradiction.sentence()
        ));
    }
    if one.finding.is_some() {
        return out;
    }
    let Some(decisive) = decisive(start) else {
        return out;
    };
    out.extend(observation(&decisive).map(str::to_owned));
    if start.child_ended_itself() && one.doubtful.is_none() {
        let how = match (&start.child.signal, start.child.code) {
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "its end".to_owned(),
        };
        out.push(format!("why the program ended: {how} alone proves nothing, and what it printed names no cause"));
    }
    out
}

/// The next observation for a code that is no cause by itself.
fn observation(decisive: &Decisive) -> Option<&'static str> {
    Some(match decisive.code {
        Code::BacklogFull => {
            "what the listener of that socket is doing: `ss -lx` shows its queue; it is slow, hung or flooded"
        }
        Code::ConnectForbidden => {
            "which rule of this machine forbids the connection: firewall, network policy or sandbox"
        }
        Code::NoLocalPort => "who holds the local ports: `ss -s`, and what opens connections without reusing them",
        Code::TlsUnjudged => "the certificate and protocol of the server with another client: openssl s_client",
        Code::AuthUnjudged => {
            "a login with the program's own client: the server asks for an authentication that tminus does not speak"
        }
        Code::QueryFailed | Code::ServerRefused => {
            "the server's log at that moment: it answered with an error of its own"
        }
        Code::QuerySilent => {
            "pg_stat_activity and pg_locks while it is silent: a lock, a load, or a pooler without a server connection"
        }
        Code::LeaseLost => "who took the lease, and whether the database answered when it was to be renewed",
        Code::CommandFailed => "the whole output of the command of that step",
        Code::CommandKilled => {
            "who killed the command of that step: memory (dmesg, memory.events), a limit, or a person"
        }
        Code::StepFailed | Code::StepHopeless | Code::StepNotYet => {
            "what the program's own step met: its error, with its cause"
        }
        Code::NotReady => "what the program waits for: a stack dump while it hangs (py-spy dump, jstack, SIGQUIT)",
        Code::Expired | Code::Stopped => "what the step was doing: nothing was seen of it before its time ended",
        Code::Internal => "a report of this defect of tminus, with the recorded events",
        _ => return None,
    })
}

/// Whether waiting can mend it, from the class of the code that decided; none: the cause tells.
pub(crate) fn retry(start: &Start) -> Option<Retry> {
    let decisive = decisive(start)?;
    let own = matches!(
        decisive.code,
        Code::ExitedBeforeReady | Code::ZeroBeforeReady | Code::NotReady | Code::Expired | Code::Stopped
    );
    if own || decisive.way.is_none() && decisive.step.is_none() {
        return None;
    }
    match decisive.code.class() {
        Class::Definite => Some(Retry::Pointless),
        // What a whole budget of waiting did not mend is for the cause to tell.
        Class::Transient if decisive.provisional => Some(Retry::Helps),
        Class::Transient | Class::Unknown => None,
    }
}
