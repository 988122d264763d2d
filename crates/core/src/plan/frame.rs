//! What a plan says besides its phases: service, stop ladder, output, endpoints, exit codes, owners.
//!
//! Where to start reading: [`frame`].

use super::budget::stop_time;
use super::error::PlanCode;
use super::raw::{RawPlan, RawProfileSettings};
use super::scope::Scope;
use super::settings::{Origin, Setting};
use super::shape::{Located, Whole, read_positive, read_word, shown};
use super::words::SignalKey;
use super::{Budget, Capture, Dialling, ExitCodes, Kind, Plan, Restart, Stop};
use crate::target::SOCKET_PATH_MAX;
use crate::time::Millis;
use crate::vocabulary::Role;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// An exit code that a program can have.
type Code = Whole<1, 125>;

/// The plan without its phases, and what else the file says.
pub(super) struct Frame {
    pub plan: Plan,
    pub revision: Option<String>,
    pub catalogue: Option<String>,
}

/// How long a child has after TERM when nobody knows what the platform gives: what Docker gives.
const UNKNOWN_STOP: Millis = Millis::secs(10);
/// What the platform's grace is shortened by, so that our KILL comes before the platform's.
const BEFORE_KILL: Millis = Millis::secs(1);

/// Reads everything besides the phases.
pub(super) fn frame(raw: &RawPlan, profile: &RawProfileSettings, budget: &Budget, scope: &mut Scope<'_, '_>) -> Frame {
    let service = raw.service.as_ref().map(|service| &service.value);
    let kind = service.and_then(|service| service.kind.as_ref());
    let kind = settled("service.kind", (None, kind), Kind::Service, |kind| kind.as_str().to_owned(), scope);
    let revision = revision(raw, scope);
    let plan = Plan {
        kind,
        dialling: dialling(raw, profile, scope),
        stop: stop(raw, profile, budget, scope),
        exit: exit(raw, profile, scope),
        capture: capture(raw, profile, scope),
        admin: admin(raw, profile, scope),
        restart: restart(raw, profile, scope),
        state_dir: state_dir(raw, profile, scope),
        owners: owners(raw, profile),
        redact: scope.redact.clone(),
        ..Plan::observing(name(raw, scope))
    };
    let catalogue = raw.catalogue.as_ref().and_then(|catalogue| catalogue.value.dir.as_ref());
    Frame { plan, revision, catalogue: catalogue.map(|dir| dir.value.clone()) }
}

/// A value of the profile or the plan, or its default; noted either way.
fn settled<T: Clone>(
    key: &str,
    (profile, plan): (Option<&Located<T>>, Option<&Located<T>>),
    default: T,
    text: impl Fn(&T) -> String,
    scope: &mut Scope<'_, '_>,
) -> T {
    let (value, origin) = scope.profiled(profile, plan).unwrap_or((default, Origin::Default));
    scope.note(key, text(&value), origin);
    value
}

fn name(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> String {
    let own = raw.service.as_ref().and_then(|service| service.value.name.as_ref());
    let platform = scope.reader.env.get("K_SERVICE").filter(|name| !name.is_empty()).cloned();
    let (name, origin) = scope
        .over(Setting::Service, |text| Ok(text.to_owned()))
        .or_else(|| scope.profiled(None, own).map(|(name, origin)| (name.0, origin)))
        .or_else(|| platform.map(|name| (name, Origin::Environment("K_SERVICE"))))
        .unwrap_or_else(|| ("service".to_owned(), Origin::Default));
    scope.note("service.name", name.clone(), origin);
    name
}

fn revision(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Option<String> {
    let own = raw.service.as_ref().and_then(|service| service.value.revision.as_ref());
    let platform = scope.reader.env.get("K_REVISION").filter(|name| !name.is_empty()).cloned();
    let (revision, origin) = scope
        .over(Setting::Revision, |text| Ok(text.to_owned()))
        .or_else(|| scope.profiled(None, own))
        .or_else(|| platform.map(|name| (name, Origin::Environment("K_REVISION"))))?;
    scope.note("service.revision", revision.clone(), origin);
    Some(revision)
}

/// A key of a table, as the profile and as the plan give it.
macro_rules! key {
    ($profile:ident, $raw:ident, $table:ident, $key:ident) => {
        (
            $profile.$table.as_ref().and_then(|table| table.value.$key.as_ref()),
            $raw.$table.as_ref().and_then(|table| table.value.$key.as_ref()),
        )
    };
}

fn dialling(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> Dialling {
    let usual = Dialling::default();
    let time = Millis::to_string;
    let stagger = key!(profile, raw, dialling, stagger);
    let life = key!(profile, raw, dialling, life);
    let in_flight = key!(profile, raw, dialling, in_flight);
    let handshake = key!(profile, raw, dialling, handshake);
    Dialling {
        stagger: settled("dialling.stagger", stagger, usual.stagger, time, scope),
        life: settled("dialling.life", life, usual.life, time, scope),
        in_flight: settled("dialling.in_flight", in_flight, Whole(usual.in_flight.into()), number, scope).0 as u8,
        handshake: settled("dialling.handshake", handshake, usual.handshake, time, scope),
    }
}

fn number<const LOW: i64, const HIGH: i64>(number: &Whole<LOW, HIGH>) -> String {
    number.0.to_string()
}

fn stop(raw: &RawPlan, profile: &RawProfileSettings, budget: &Budget, scope: &mut Scope<'_, '_>) -> Stop {
    let signal = key!(profile, raw, stop, signal);
    let signal = settled("stop.signal", signal, SignalKey(15), |signal| signal.name().to_owned(), scope);
    let (of_profile, own) = key!(profile, raw, stop, kill_after);
    let given = scope.over(Setting::KillAfter, read_positive).or_else(|| scope.profiled(of_profile, own));
    let (kill_after, origin) = given.unwrap_or_else(|| match stop_time(budget) {
        Some(grace) if grace > BEFORE_KILL => (grace.less(BEFORE_KILL), Origin::Preset(budget.platform)),
        Some(grace) => (grace, Origin::Preset(budget.platform)),
        None => (UNKNOWN_STOP, Origin::Default),
    });
    if let (Some(grace), Some(located)) = (stop_time(budget), of_profile.or(own))
        && kill_after > grace
    {
        let what = format!("the platform ends the child after {grace}: `kill_after` of {kill_after} never fires");
        scope.reader.warn(
            PlanCode::TimerNeverFires,
            &located.at,
            what,
            "make it shorter, or the platform's grace longer",
        );
    }
    scope.note("stop.kill_after", kill_after.to_string(), origin);
    Stop { signal: signal.0, kill_after: Some(kill_after) }
}

fn exit(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> ExitCodes {
    let mut code = |key: &'static str, given: (Option<&Located<Code>>, Option<&Located<Code>>), usual: u8| {
        for two in [given.0, given.1].into_iter().flatten().filter(|code| code.value.0 == 2) {
            let what = "2 is the code of usage errors";
            scope.error(PlanCode::OutOfRange, Some(&two.at), what, "choose 1, or one from 3 to 125");
        }
        settled(key, given, Whole(usual.into()), number, scope).0 as u8
    };
    let usual = ExitCodes::default();
    ExitCodes {
        expired: code("exit.expired", key!(profile, raw, exit, expired), usual.expired),
        hopeless: code("exit.hopeless", key!(profile, raw, exit, hopeless), usual.hopeless),
    }
}

fn capture(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> Capture {
    let known: Vec<&str> = Capture::ALL.iter().map(|word| word.as_str()).collect();
    let (of_profile, own) = key!(profile, raw, output, capture);
    let (capture, origin) = scope
        .over(Setting::Capture, |text| read_word(text, &known))
        .or_else(|| scope.profiled(of_profile, own))
        .unwrap_or((Capture::Auto, Origin::Default));
    scope.note("output.capture", capture.as_str(), origin);
    capture
}

fn restart(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> Restart {
    let known: Vec<&str> = Restart::ALL.iter().map(|word| word.as_str()).collect();
    let service = raw.service.as_ref().and_then(|service| service.value.restart.as_ref());
    if let (Some(top), Some(service)) = (&raw.restart, service) {
        let what = "`restart` stands at the top and in [service]";
        let mut error = scope.mistake(PlanCode::Conflict, Some(&service.at), what).hint("keep one of them");
        if top.at.file == service.at.file {
            error.related = Some((top.at.span.clone(), "the other is here".to_owned()));
        }
        scope.reader.errors.push(error);
    }
    let (restart, origin) = scope
        .over(Setting::Restart, |text| read_word(text, &known))
        .or_else(|| scope.profiled(profile.restart.as_ref(), service.or(raw.restart.as_ref())))
        .unwrap_or((Restart::Never, Origin::Default));
    scope.note("restart", restart.as_str(), origin);
    restart
}

fn state_dir(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> Option<String> {
    let (dir, origin) = scope
        .over(Setting::StateDir, |text| Ok(text.to_owned()))
        .or_else(|| scope.profiled(profile.state_dir.as_ref(), raw.state_dir.as_ref()))?;
    scope.note("state_dir", dir.clone(), origin);
    Some(dir)
}

fn admin(raw: &RawPlan, profile: &RawProfileSettings, scope: &mut Scope<'_, '_>) -> Option<String> {
    let (of_profile, own) = key!(profile, raw, admin, listen);
    // One that another goes before is looked at too: it holds in other environments.
    for given in [of_profile, own].into_iter().flatten() {
        if let Err((code, what, hint)) = listen(&given.value) {
            let what = format!("{} {what}", shown(&given.value));
            let error = scope.mistake(code, Some(&given.at), what).maybe_hint(hint);
            scope.reader.errors.push(error);
        }
    }
    let (address, origin) = scope
        .over(Setting::Admin, |text| listen(text).map(|()| text.to_owned()))
        .or_else(|| scope.profiled(of_profile, own))?;
    scope.note("admin.listen", address.clone(), origin);
    Some(address)
}

/// Whether something can listen there.
fn listen(text: &str) -> Result<(), (PlanCode, String, Option<String>)> {
    let bad = |what: &str, hint: Option<String>| Err((PlanCode::BadAddress, what.to_owned(), hint));
    let usual = || Some("write \"127.0.0.1:9000\" or \"unix:/run/tminus.sock\"".to_owned());
    match text.strip_prefix("unix:") {
        Some(path) if !path.starts_with('/') => bad("is not the path of a socket", usual()),
        Some(path) if path.len() > SOCKET_PATH_MAX => {
            bad("is longer than the 107 bytes that the kernel takes", usual())
        }
        Some(_) => Ok(()),
        None if text.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0) => Ok(()),
        None => {
            let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
            bad("is no address to listen on", local.map(|local| format!("write \"{local}\"")).or_else(usual))
        }
    }
}

/// Teams by role.
fn owners(raw: &RawPlan, profile: &RawProfileSettings) -> BTreeMap<Role, String> {
    macro_rules! team {
        ($role:ident, $key:ident) => {{
            let (of_profile, own) = key!(profile, raw, owners, $key);
            of_profile.or(own).map(|team| (Role::$role, team.value.clone()))
        }};
    }
    let teams = [
        team!(Application, application),
        team!(Build, build),
        team!(Platform, platform),
        team!(Network, network),
        team!(Database, database),
        team!(Vendor, vendor),
    ];
    teams.into_iter().flatten().collect()
}
