//! What a step needs of the whole plan: the witnesses of an egress gate, the database of a lease.
//!
//! Where to start reading: [`settle`].

use super::document::Place;
use super::draft::{LaneDraft, Pending, PhaseDraft, StepDraft, Unresolved};
use super::error::PlanCode;
use super::raw::RawOnce;
use super::scope::Scope;
use super::shape::Located;
use super::words::{Address, Egress, OnceKey, WitnessName};
use super::work::{Trouble, target};
use super::{Once, Platform, Work};
use crate::target::{self, Host, Target};
use crate::time::Millis;
use crate::vocabulary::Layer;
use std::net::IpAddr;

/// How long a lease lasts without renewal when nobody says; it is renewed at a third of that.
const TTL: Millis = Millis::secs(30);

/// Gives every step what it still waits for.
pub(super) fn settle(phases: &mut [PhaseDraft], platform: Platform, scope: &mut Scope<'_, '_>) {
    let dependencies = Dependencies::of(phases);
    for step in phases.iter_mut().flat_map(|phase| &mut phase.steps) {
        match step.pending.take() {
            Some(Pending::Egress(egress)) => gate(step, &egress, &dependencies, platform, scope),
            Some(Pending::Once(once)) => lease(step, &once, &dependencies, scope),
            None => {}
        }
    }
}

/// What the plan depends on outside of the child.
pub(super) struct Dependencies {
    /// Names and targets, in the plan's order.
    targets: Vec<(String, Target)>,
    /// Addresses that are not there.
    unresolved: Vec<Unresolved>,
}

impl Dependencies {
    pub fn of(phases: &[PhaseDraft]) -> Dependencies {
        let steps = || phases.iter().flat_map(|phase| &phase.steps).filter(|step| !step.asks_child);
        let probes = |step: &&StepDraft| step.work == Work::Probe;
        let lanes = steps().filter(probes).flat_map(|step| &step.lanes);
        Dependencies {
            targets: lanes.map(|lane| (lane.name.clone(), lane.target.clone())).collect(),
            unresolved: steps().filter(probes).flat_map(|step| step.unresolved.clone()).collect(),
        }
    }

    /// Where they listen outside of this machine, each once.
    fn hosts(&self) -> Vec<(String, Host)> {
        let mut hosts: Vec<(String, Host)> = Vec::new();
        for (name, target) in &self.targets {
            for host in tcp(target) {
                if !is_local(&host.name) && hosts.iter().all(|(_, known)| known != host) {
                    hosts.push((name.clone(), host.clone()));
                }
            }
        }
        hosts
    }
}

/// The TCP ports that a target has.
fn tcp(target: &Target) -> Vec<&Host> {
    match target {
        Target::Postgres(postgres) => postgres.places.iter().filter_map(port).collect(),
        Target::Redis(redis) => port(&redis.place).into_iter().collect(),
        Target::Http(http) => port(&http.place).into_iter().collect(),
        Target::Tcp(host) => vec![host],
        _ => Vec::new(),
    }
}

fn port(place: &target::Place) -> Option<&Host> {
    match place {
        target::Place::Tcp(host) => Some(host),
        target::Place::Unix(_) => None,
    }
}

/// Whether packets to it stay on this machine: it says nothing about egress.
fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A lane that takes any answer.
fn witness(name: impl Into<String>, target: Target) -> LaneDraft {
    let layers = target.layers(Layer::Tcp);
    LaneDraft { name: name.into(), target, layers, witness: true }
}

/// The metadata server, where the platform is known to have one in every process' reach.
fn metadata(platform: Platform) -> Option<Host> {
    let name = match platform {
        Platform::CloudRun => "169.254.169.254",
        // The task metadata endpoint.
        Platform::Ecs => "169.254.170.2",
        // Some clusters hide it, systemd units and plain processes run anywhere.
        Platform::Kubernetes | Platform::Systemd | Platform::Plain => return None,
    };
    Some(Host { name: name.to_owned(), port: 80 })
}

/// A name that the resolver has to know: a dependency's, or the platform's own.
fn resolvable(dependencies: &Dependencies, platform: Platform) -> Option<String> {
    let named = |host: &Host| host.name.parse::<IpAddr>().is_err();
    let names = dependencies.targets.iter().find_map(|(_, target)| match target {
        Target::Dns(name) => Some(name.clone()),
        _ => None,
    });
    let hosts = dependencies.hosts().into_iter().find(|(_, host)| named(host)).map(|(_, host)| host.name);
    let own = (platform == Platform::CloudRun).then(|| "metadata.google.internal".to_owned());
    names.or(hosts).or(own)
}

/// Every witness that the plan and the platform give.
pub(super) fn witnesses(dependencies: &Dependencies, platform: Platform) -> Vec<LaneDraft> {
    let metadata = metadata(platform).map(|host| witness("metadata", Target::Tcp(host)));
    let resolver = resolvable(dependencies, platform).map(|name| witness("resolver", Target::Dns(name)));
    let others = dependencies.hosts().into_iter().map(|(name, host)| witness(name, Target::Tcp(host)));
    metadata.into_iter().chain(resolver).chain(others).collect()
}

fn gate(
    step: &mut StepDraft,
    egress: &Located<Egress>,
    dependencies: &Dependencies,
    platform: Platform,
    scope: &mut Scope<'_, '_>,
) {
    let before = scope.reader.errors.len();
    step.lanes = match &egress.value {
        Egress::All => witnesses(dependencies, platform),
        Egress::Named(names) => {
            names.iter().filter_map(|name| named(step, name, dependencies, platform, scope)).collect()
        }
    };
    if !step.lanes.is_empty() {
        // Some witness is there: the others only do not speak.
        step.unresolved.clear();
    } else if step.unresolved.is_empty() && scope.reader.errors.len() == before {
        // What is missing for the dependencies is missing for their witnesses.
        let missing = dependencies.unresolved.iter().cloned();
        step.unresolved = missing.map(|one| Unresolved { step: step.name.clone(), ..one }).collect();
        if step.unresolved.is_empty() {
            no_witness(&step.name, &egress.at, scope);
        }
    }
}

fn no_witness(step: &str, at: &Place, scope: &mut Scope<'_, '_>) {
    let what = format!("step `{step}` has nobody to ask: the plan has no dependency outside of this machine");
    scope.error(PlanCode::NoWitness, Some(at), what, "name a witness: `egress = [\"tcp://host:443\"]`");
}

fn named(
    step: &mut StepDraft,
    name: &Located<WitnessName>,
    dependencies: &Dependencies,
    platform: Platform,
    scope: &mut Scope<'_, '_>,
) -> Option<LaneDraft> {
    match &name.value {
        WitnessName::Metadata => {
            // Asked for by name, it is where nearly every cloud has it.
            let usual = Host { name: "169.254.169.254".to_owned(), port: 80 };
            Some(witness("metadata", Target::Tcp(metadata(platform).unwrap_or(usual))))
        }
        WitnessName::Resolver => match resolvable(dependencies, platform) {
            Some(name) => Some(witness("resolver", Target::Dns(name))),
            None => {
                if dependencies.unresolved.is_empty() {
                    let what = format!("step `{}` asks the resolver, and no dependency has a name", step.name);
                    scope.error(PlanCode::NoWitness, Some(&name.at), what, "name one: \"dns:example.com\"");
                }
                None
            }
        },
        WitnessName::At(address) => {
            let located = Located { value: address.clone(), at: name.at.clone() };
            match target(&located, scope) {
                Ok(Target::Dns(host)) => Some(witness(address.written(), Target::Dns(host))),
                Ok(Target::Unix(path)) => Some(witness(address.written(), Target::Unix(path))),
                Ok(other) => match tcp(&other).first() {
                    Some(host) => Some(witness(host.name.clone(), Target::Tcp((*host).clone()))),
                    None => {
                        let what = format!("{} cannot witness that packets get out", other.component());
                        let hint = "name an address on the network, such as tcp://host:443";
                        scope.error(PlanCode::BadAddress, Some(&name.at), what, hint);
                        None
                    }
                },
                Err(trouble) => {
                    later(step, trouble);
                    None
                }
            }
        }
    }
}

fn later(step: &mut StepDraft, trouble: Trouble) {
    if let Trouble::Later(variable, bad) = trouble {
        let name = step.name.clone();
        step.unresolved.push(Unresolved { step: name, variable, code: bad.code, what: bad.what, hint: bad.hint });
    }
}

fn lease(step: &mut StepDraft, once: &Located<OnceKey>, dependencies: &Dependencies, scope: &mut Scope<'_, '_>) {
    let raw = &once.value.0;
    let Some(name) = &raw.name else { return };
    let database = match &raw.database {
        Some(address) => named_database(step, address, scope),
        None => first_database(step, once, dependencies, scope),
    };
    let Work::Exec(exec) = &mut step.work else { return };
    exec.once = database.map(|database| {
        let ttl = raw.ttl.as_ref().map_or(TTL, |ttl| ttl.value);
        let wait = raw.wait.as_ref().map(|wait| wait.value);
        Box::new(Once { lease: name.value.0.clone(), database, ttl, wait })
    });
}

fn named_database(
    step: &mut StepDraft,
    address: &Located<Address>,
    scope: &mut Scope<'_, '_>,
) -> Option<target::Postgres> {
    match target(address, scope) {
        Ok(Target::Postgres(postgres)) => Some(postgres),
        Ok(other) => {
            let what = format!("a lease is kept in Postgres; this is {}", other.component());
            scope.error(PlanCode::BadAddress, Some(&address.at), what, "name a Postgres database");
            None
        }
        Err(trouble) => {
            later(step, trouble);
            None
        }
    }
}

/// Whether a variable that is not there would have named a database, as far as its name says.
fn is_of_database(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    ["DATABASE", "POSTGRES", "PG", "SQL", "DB", "DSN"].iter().any(|word| name.contains(word))
}

/// The first Postgres that the plan probes, without what only that probe asks.
fn first_database(
    step: &mut StepDraft,
    once: &Located<OnceKey>,
    dependencies: &Dependencies,
    scope: &mut Scope<'_, '_>,
) -> Option<target::Postgres> {
    let missing = dependencies.unresolved.iter().find(|one| is_of_database(&one.variable.name));
    let found = dependencies.targets.iter().find_map(|(_, target)| match target {
        Target::Postgres(postgres) => Some(postgres),
        _ => None,
    });
    // Never another database than the one that was meant: that may be a replica, or a stranger's.
    if let (Some(postgres), None) = (found, missing) {
        return Some(target::Postgres { tables: Vec::new(), revision: None, ..postgres.clone() });
    }
    if let Some(missing) = missing.or(dependencies.unresolved.first()) {
        step.unresolved.push(Unresolved { step: step.name.clone(), ..missing.clone() });
        return None;
    }
    let RawOnce { name, .. } = &once.value.0;
    let lease = name.as_ref().map_or("", |name| &name.value.0);
    let what = format!("the lease `{lease}` has no database that could keep it: the plan probes no Postgres");
    let hint = "name one: `once = { name = \"...\", database = \"${DATABASE_URL}\" }`";
    scope.error(PlanCode::NoDatabase, Some(&once.at), what, hint);
    None
}
