//! What a plan says besides its phases: service, stop ladder, output, endpoints, exit codes, owners.
//!
//! Where to start reading: [`frame`].

use super::budget::stop_time;
use super::error::PlanCode;
use super::raw::{RawOwners, RawPlan};
use super::scope::Scope;
use super::settings::{Origin, Setting};
use super::shape::{Located, read_positive, read_word, shown};
use super::words::SignalKey;
use super::{Budget, Capture, Dialling, ExitCodes, Kind, Plan, Restart, Stop};
use crate::target::SOCKET_PATH_MAX;
use crate::time::Millis;
use crate::vocabulary::Role;
use std::collections::BTreeMap;
use std::net::SocketAddr;

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
pub(super) fn frame(raw: &RawPlan, budget: &Budget, scope: &mut Scope<'_, '_>) -> Frame {
    let service = raw.service.as_ref().map(|service| &service.value);
    let kind = service.and_then(|service| service.kind.as_ref());
    let kind = settled("service.kind", kind, Kind::Service, |kind| kind.as_str().to_owned(), scope);
    let revision = revision(raw, scope);
    let plan = Plan {
        kind,
        dialling: dialling(raw, scope),
        stop: stop(raw, budget, scope),
        exit: exit(raw, scope),
        capture: capture(raw, scope),
        admin: admin(raw, scope),
        restart: restart(raw, scope),
        state_dir: state_dir(raw, scope),
        owners: raw.owners.as_ref().map(|owners| teams(&owners.value)).unwrap_or_default(),
        redact: scope.redact.clone(),
        ..Plan::observing(name(raw, scope))
    };
    let catalogue = raw.catalogue.as_ref().and_then(|catalogue| catalogue.value.dir.as_ref());
    Frame { plan, revision, catalogue: catalogue.map(|dir| dir.value.clone()) }
}

/// A value of the plan, or its default; noted either way.
fn settled<T: Clone>(
    key: &str,
    given: Option<&Located<T>>,
    default: T,
    text: impl Fn(&T) -> String,
    scope: &mut Scope<'_, '_>,
) -> T {
    let (value, origin) = scope.profiled(None, given).unwrap_or((default, Origin::Default));
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

fn dialling(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Dialling {
    let own = raw.dialling.as_ref().map(|dialling| &dialling.value);
    let usual = Dialling::default();
    let time = Millis::to_string;
    let stagger = own.and_then(|own| own.stagger.as_ref());
    let life = own.and_then(|own| own.life.as_ref());
    let handshake = own.and_then(|own| own.handshake.as_ref());
    let in_flight = own.and_then(|own| own.in_flight.as_ref());
    let in_flight = in_flight.map(|located| Located { value: located.value.0 as u8, at: located.at.clone() });
    Dialling {
        stagger: settled("dialling.stagger", stagger, usual.stagger, time, scope),
        life: settled("dialling.life", life, usual.life, time, scope),
        in_flight: settled("dialling.in_flight", in_flight.as_ref(), usual.in_flight, u8::to_string, scope),
        handshake: settled("dialling.handshake", handshake, usual.handshake, time, scope),
    }
}

fn stop(raw: &RawPlan, budget: &Budget, scope: &mut Scope<'_, '_>) -> Stop {
    let own = raw.stop.as_ref().map(|stop| &stop.value);
    let signal = own.and_then(|own| own.signal.as_ref());
    let signal = settled("stop.signal", signal, SignalKey(15), |signal| signal.name().to_owned(), scope);
    let given = scope
        .over(Setting::KillAfter, read_positive)
        .or_else(|| scope.profiled(None, own.and_then(|own| own.kill_after.as_ref())));
    let (kill_after, origin) = given.unwrap_or_else(|| match stop_time(budget) {
        Some(grace) if grace > BEFORE_KILL => (grace.less(BEFORE_KILL), Origin::Preset(budget.platform)),
        Some(grace) => (grace, Origin::Preset(budget.platform)),
        None => (UNKNOWN_STOP, Origin::Default),
    });
    if let (Some(grace), Some(located)) = (stop_time(budget), own.and_then(|own| own.kill_after.as_ref()))
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

fn exit(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> ExitCodes {
    let own = raw.exit.as_ref().map(|exit| &exit.value);
    let mut code = |key: &'static str, given: Option<&Located<super::shape::Whole<1, 125>>>, usual: u8| {
        if let Some(two) = given.filter(|code| code.value.0 == 2) {
            let what = "2 is the code of usage errors";
            scope.error(PlanCode::OutOfRange, Some(&two.at), what, "choose 1, or one from 3 to 125");
        }
        let given = given.map(|located| Located { value: located.value.0 as u8, at: located.at.clone() });
        settled(key, given.as_ref(), usual, u8::to_string, scope)
    };
    let usual = ExitCodes::default();
    ExitCodes {
        expired: code("exit.expired", own.and_then(|own| own.expired.as_ref()), usual.expired),
        hopeless: code("exit.hopeless", own.and_then(|own| own.hopeless.as_ref()), usual.hopeless),
    }
}

fn capture(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Capture {
    let known: Vec<&str> = Capture::ALL.iter().map(|word| word.as_str()).collect();
    let own = raw.output.as_ref().and_then(|output| output.value.capture.as_ref());
    let (capture, origin) = scope
        .over(Setting::Capture, |text| read_word(text, &known))
        .or_else(|| scope.profiled(None, own))
        .unwrap_or((Capture::Auto, Origin::Default));
    scope.note("output.capture", capture.as_str(), origin);
    capture
}

fn restart(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Restart {
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
        .or_else(|| scope.profiled(None, service.or(raw.restart.as_ref())))
        .unwrap_or((Restart::Never, Origin::Default));
    scope.note("restart", restart.as_str(), origin);
    restart
}

fn state_dir(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Option<String> {
    let (dir, origin) = scope
        .over(Setting::StateDir, |text| Ok(text.to_owned()))
        .or_else(|| scope.profiled(None, raw.state_dir.as_ref()))?;
    scope.note("state_dir", dir.clone(), origin);
    Some(dir)
}

fn admin(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Option<String> {
    let own = raw.admin.as_ref().and_then(|admin| admin.value.listen.as_ref());
    let given = scope.over(Setting::Admin, |text| listen(text).map(|()| text.to_owned()));
    let (address, origin) = match given {
        Some(given) => given,
        None => {
            let own = own?;
            if let Err((code, what, hint)) = listen(&own.value) {
                let what = format!("{} {what}", shown(&own.value));
                let error = scope.mistake(code, Some(&own.at), what).maybe_hint(hint);
                scope.reader.errors.push(error);
                return None;
            }
            (own.value.clone(), scope.plan_origin(&own.at))
        }
    };
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
fn teams(raw: &RawOwners) -> BTreeMap<Role, String> {
    let all = [
        (Role::Application, &raw.application),
        (Role::Build, &raw.build),
        (Role::Platform, &raw.platform),
        (Role::Network, &raw.network),
        (Role::Database, &raw.database),
        (Role::Vendor, &raw.vendor),
    ];
    all.into_iter().filter_map(|(role, team)| Some((role, team.as_ref()?.value.clone()))).collect()
}
