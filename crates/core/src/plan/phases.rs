//! Phases and steps as the plan writes them, with what profiles, phases and defaults add.
//!
//! For a step a value is taken from the profile's step, the profile's phase, the step, the phase, or
//! the default, in this order; a deadline of a phase is never one of its steps.
//! Where to start reading: [`drafts`].

use super::document::Node;
use super::draft::{Need, PhaseDraft, StepDraft};
use super::error::{PlanCode, list, suggest};
use super::raw::{
    RawFinalizer, RawPhase, RawPool, RawProfile, RawProfilePhase, RawProfilePool, RawProfileSettings, RawProfileStep,
    RawProfileValues, RawStep,
};
use super::scope::Scope;
use super::settings::Origin;
use super::shape::{Located, MaybeZero, Whole, shown};
use super::work;
use super::{DEFAULT_PHASES, Work};
use crate::time::Millis;

/// Most steps of a plan. Indices have 16 bits; nobody reads a start of a thousand steps.
const MOST_STEPS: usize = 1000;
/// Most ways of a plan that are probed.
const MOST_LANES: usize = 4000;
/// How long a finalizer may take when nobody says: half of what Cloud Run gives for stopping.
const FINALIZER: Millis = Millis::secs(5);

/// How long an optional step may take when neither it nor its phase says: what is optional must not
/// use up the time of what is not.
const OPTIONAL: Millis = Millis::secs(30);

/// Connections that the program opens at a dependency: facts that `check` computes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The step that probes the dependency.
    pub step: String,
    /// Connections that it keeps.
    pub size: u32,
    /// Connections that it opens beyond them for a while.
    pub overflow: u32,
    /// Processes of one instance that have such a pool each.
    pub workers: u32,
}

/// What the plan's phases come to.
#[derive(Default)]
pub(super) struct Written {
    pub phases: Vec<PhaseDraft>,
    pub pools: Vec<Pool>,
}

/// The phases of the plan as drafts.
pub(super) fn drafts(
    raw: &[Located<RawPhase>],
    profile: &RawProfile,
    root: &Node,
    scope: &mut Scope<'_, '_>,
) -> Written {
    let mut written = Written::default();
    for (index, phase) in raw.iter().enumerate() {
        let Some(name) = phase.value.name.as_ref().map(|name| name.value.0.clone()) else { continue };
        if RawProfileSettings::KEYS.contains(&name.as_str()) {
            let what =
                format!("a phase cannot be called `{name}`: profiles use that name for settings of the whole plan");
            scope.error(PlanCode::BadName, phase.value.name.as_ref().map(|name| &name.at), what, "choose another name");
        }
        let values = profile.phases.iter().find(|(known, ..)| *known == name).map(|(_, _, values)| values);
        let deadline = phase_deadline(&name, &phase.value, values, scope);
        let mut draft = PhaseDraft { name, at: Some(phase.at.clone()), deadline, steps: Vec::new() };
        let raw_steps: &[Located<RawStep>] = phase.value.step.as_ref().map_or(&[], |steps| &steps.value);
        let nodes = phase_node(root, index).and_then(|node| node.get("step"));
        for (index, raw) in raw_steps.iter().enumerate() {
            let given = keys(nodes, index);
            if let Some(mut step) = step(raw, &given, (&phase.value, values), scope, &mut written.pools) {
                bounded_if_optional(&mut step, deadline, scope);
                draft.steps.push(step);
            }
        }
        written.phases.push(draft);
    }
    unknown_names(profile, &written.phases, scope);
    written
}

/// Gives default phases, and every step of theirs, what the profile has for the phase.
pub(super) fn of_profile(drafts: &mut [PhaseDraft], profile: &RawProfile, scope: &mut Scope<'_, '_>) {
    for (name, _, RawProfilePhase { own, .. }) in &profile.phases {
        let Some(draft) = drafts.iter_mut().find(|draft| draft.name == *name) else { continue };
        if let Some(deadline) = &own.deadline {
            draft.deadline = Some(deadline.value);
            let origin = scope.profile_origin(&deadline.at);
            scope.note(format!("phase.{name}.deadline"), deadline.value.to_string(), origin);
        }
        for step in &mut draft.steps {
            macro_rules! take {
                ($key:ident, $field:ident, $read:expr) => {
                    if let Some(value) = &own.$key {
                        step.$field = $read(value.value);
                        let text = format!("{}", $read(value.value));
                        let origin = scope.profile_origin(&value.at);
                        scope.note(format!("step.{}.{}", step.name, stringify!($key)), text, origin);
                    }
                };
            }
            take!(critical, critical, |value: bool| value);
            take!(retry_after_ready, retry_after_ready, |value: bool| value);
            take!(credentials_grace, propagation, |MaybeZero(time)| time);
            if let Some(tries) = &own.tries {
                step.tries = Some(tries.value.0 as u16);
                let origin = scope.profile_origin(&tries.at);
                scope.note(format!("step.{}.tries", step.name), tries.value.0.to_string(), origin);
            }
            bounded_if_optional(step, draft.deadline, scope);
        }
    }
}

/// What is optional must not use up the time of what is not.
fn bounded_if_optional(step: &mut StepDraft, of_phase: Option<Millis>, scope: &mut Scope<'_, '_>) {
    if !step.critical && step.deadline.or(of_phase).is_none() {
        step.deadline = Some(OPTIONAL);
        scope.note(format!("step.{}.deadline", step.name), OPTIONAL.to_string(), Origin::Default);
    }
}

/// Whether the plan holds more than machines can index or people can read.
pub(super) fn bounded(phases: &[PhaseDraft], scope: &mut Scope<'_, '_>) -> bool {
    let steps: usize = phases.iter().map(|phase| phase.steps.len()).sum();
    let lanes: usize = phases.iter().flat_map(|phase| &phase.steps).map(|step| step.lanes.len()).sum();
    for (count, most, what) in [(steps, MOST_STEPS, "steps"), (lanes, MOST_LANES, "addresses to ask")] {
        if count > most {
            scope.error(PlanCode::TooLarge, None, format!("{count} {what}; {most} are the most"), "divide the plan");
        }
    }
    steps <= MOST_STEPS && lanes <= MOST_LANES
}

fn phase_node(root: &Node, index: usize) -> Option<&Node> {
    match &root.get("phase")?.value {
        super::document::Value::Array(items) => items.get(index),
        _ => None,
    }
}

/// The keys of a step, also of those whose values have mistakes: they were given.
fn keys(steps: Option<&Node>, index: usize) -> Vec<&str> {
    let super::document::Value::Array(items) = &steps.map(|node| &node.value).unwrap_or(&NOTHING) else {
        return Vec::new();
    };
    match items.get(index).map(|node| &node.value) {
        Some(super::document::Value::Table(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

static NOTHING: super::document::Value = super::document::Value::Date;

fn phase_deadline(
    name: &str,
    phase: &RawPhase,
    values: Option<&RawProfilePhase>,
    scope: &mut Scope<'_, '_>,
) -> Option<Millis> {
    let of_profile = values.and_then(|values| values.own.deadline.as_ref());
    let (deadline, origin) = match (of_profile, &phase.deadline) {
        (Some(deadline), _) => (deadline.value, scope.profile_origin(&deadline.at)),
        (None, Some(deadline)) => (deadline.value, Origin::Phase(scope.line(&deadline.at))),
        (None, None) => return None,
    };
    scope.note(format!("phase.{name}.deadline"), deadline.to_string(), origin);
    Some(deadline)
}

/// Where the values of a step may stand.
struct Layers<'v> {
    profile_step: Option<&'v RawProfileStep>,
    profile_phase: Option<&'v RawProfileValues>,
    step: &'v RawStep,
    phase: &'v RawPhase,
}

/// Takes a value from where it stands first, and notes it.
macro_rules! first {
    ($layers:ident, $key:ident, $scope:ident, $name:expr, $default:expr, $read:expr, $text:expr) => {{
        let found = $layers
            .profile_step
            .and_then(|values| values.$key.clone())
            .or_else(|| $layers.profile_phase.and_then(|values| values.$key.clone()))
            .map(|value| ($read(value.value), $scope.profile_origin(&value.at)))
            .or_else(|| $layers.step.$key.clone().map(|v| ($read(v.value), Origin::Step($scope.line(&v.at)))))
            .or_else(|| $layers.phase.$key.clone().map(|v| ($read(v.value), Origin::Phase($scope.line(&v.at)))));
        let (value, origin) = found.unwrap_or(($default, Origin::Default));
        $scope.note(format!("step.{}.{}", $name, stringify!($key)), $text(&value), origin);
        value
    }};
}

fn step(
    raw: &Located<RawStep>,
    given: &[&str],
    (phase, values): (&RawPhase, Option<&RawProfilePhase>),
    scope: &mut Scope<'_, '_>,
    pools: &mut Vec<Pool>,
) -> Option<StepDraft> {
    let name = raw.value.name.as_ref()?.value.0.clone();
    let kind = work::kind(raw, given, scope);
    let profile_step =
        values.and_then(|values| values.steps.iter().find(|(known, ..)| *known == name)).map(|(_, _, values)| values);
    let profile_phase = values.map(|values| &values.own);
    let layers = Layers { profile_step, profile_phase, step: &raw.value, phase };
    let mut draft = StepDraft::new(name.clone(), Work::Hosted);
    draft.at = Some(raw.at.clone());
    draft.deadline = step_deadline(&name, &layers, scope);
    draft.critical = first!(layers, critical, scope, name, true, |value| value, bool::to_string);
    let tries = |Whole(count): Whole<1, 65535>| Some(count as u16);
    let usual = if kind == Some("exec") { "1" } else { "as many as time allows" };
    let text = |tries: &Option<u16>| tries.map_or_else(|| usual.to_owned(), |tries| tries.to_string());
    draft.tries = first!(layers, tries, scope, name, None, tries, text);
    let same = |value| value;
    draft.retry_after_ready = first!(layers, retry_after_ready, scope, name, false, same, bool::to_string);
    let zero = |MaybeZero(time)| time;
    let usual = scope.credentials_grace;
    draft.propagation = first!(layers, credentials_grace, scope, name, usual, zero, Millis::to_string);
    if draft.critical && draft.retry_after_ready {
        let at = raw.value.retry_after_ready.as_ref().map_or(&raw.at, |value| &value.at);
        let what = format!("step `{name}` is critical: when it fails there is no after ready");
        scope.error(PlanCode::Conflict, Some(at), what, "write `critical = false`, or remove `retry_after_ready`");
    }
    let needs: &[Located<String>] = raw.value.needs.as_ref().map_or(&[], |needs| &needs.value);
    draft.needs = needs.iter().map(|need| Need { name: need.value.clone(), at: Some(need.at.clone()) }).collect();
    draft.finalizer = raw.value.finalizer.as_ref().and_then(|finalizer| finalized(&finalizer.value));
    draft.asks_child = matches!(kind, Some("ready" | "request" | "websocket"));
    work::work(&raw.value, &mut draft, scope);
    let of_profile = profile_step.and_then(|values| values.pool.as_ref());
    pools.extend(pool(name, raw.value.pool.as_ref(), of_profile, scope));
    Some(draft)
}

fn step_deadline(name: &str, layers: &Layers<'_>, scope: &mut Scope<'_, '_>) -> Option<Millis> {
    let of_profile = layers.profile_step.and_then(|values| values.deadline.as_ref());
    let (deadline, origin) = match (of_profile, &layers.step.deadline) {
        (Some(deadline), _) => (deadline.value, scope.profile_origin(&deadline.at)),
        (None, Some(deadline)) => (deadline.value, Origin::Step(scope.line(&deadline.at))),
        (None, None) => return None,
    };
    scope.note(format!("step.{name}.deadline"), deadline.to_string(), origin);
    Some(deadline)
}

fn finalized(raw: &RawFinalizer) -> Option<(Vec<String>, Millis)> {
    let deadline = raw.deadline.as_ref().map_or(FINALIZER, |deadline| deadline.value);
    Some((raw.exec.as_ref()?.value.0.clone(), deadline))
}

/// What the program opens there, key by key from the profile, the step or the defaults.
fn pool(
    step: String,
    own: Option<&Located<RawPool>>,
    of_profile: Option<&Located<RawProfilePool>>,
    scope: &mut Scope<'_, '_>,
) -> Option<Pool> {
    let profile = of_profile.map(|pool| &pool.value);
    let Some(own) = own.map(|pool| &pool.value) else {
        // What differs from nothing says nothing.
        if let Some(of_profile) = of_profile {
            let what = format!("the profile changes the pool of step {}, which has none", shown(&step));
            scope.error(PlanCode::Conflict, Some(&of_profile.at), what, "give the step a `pool` of its own");
        }
        return None;
    };
    macro_rules! count {
        ($key:ident, $usual:literal) => {{
            let of_profile = profile.and_then(|pool| pool.$key.as_ref());
            let (count, origin) = of_profile
                .map(|count| (count.value.0, scope.profile_origin(&count.at)))
                .or_else(|| own.$key.as_ref().map(|count| (count.value.0, Origin::Step(scope.line(&count.at)))))
                .unwrap_or(($usual, Origin::Default));
            scope.note(format!("step.{step}.pool.{}", stringify!($key)), count.to_string(), origin);
            count as u32
        }};
    }
    let (size, overflow, workers) = (count!(size, 1), count!(overflow, 0), count!(workers, 1));
    Some(Pool { step, size, overflow, workers })
}

/// Says which names of the used profile the plan does not have.
fn unknown_names(profile: &RawProfile, phases: &[PhaseDraft], scope: &mut Scope<'_, '_>) {
    let default = || DEFAULT_PHASES.to_vec();
    let known: Vec<&str> = match phases {
        [] => default(),
        phases => phases.iter().map(|phase| phase.name.as_str()).collect(),
    };
    for (name, at, values) in &profile.phases {
        if !known.contains(&name.as_str()) {
            let what = format!("the profile is for phase {}, which the plan does not have", shown(name));
            let hint = suggest(name, known.iter().copied())
                .unwrap_or_else(|| format!("its phases are {}", list(known.iter().copied())));
            scope.error(PlanCode::UnknownPhase, Some(at), what, hint);
            continue;
        }
        let steps = phases.iter().filter(|phase| phase.name == *name).flat_map(|phase| &phase.steps);
        let steps: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
        for (step, at, _) in values.steps.iter().filter(|(step, ..)| !steps.contains(&step.as_str())) {
            let what = format!("the profile is for step {}, which phase `{name}` does not have", shown(step));
            let hint = suggest(step, steps.iter().copied())
                .unwrap_or_else(|| format!("its steps are {}", list(steps.iter().copied())));
            scope.error(PlanCode::UnknownPhase, Some(at), what, hint);
        }
    }
}
