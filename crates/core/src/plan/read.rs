//! Reading a plan: text and environment in, a validated [`Plan`] or every mistake out.
//!
//! It must never read a file, the environment or a clock (the caller hands over what there is), and
//! never show the value of a variable. A value that the environment does not have fails the step
//! that needs it, and not the plan: `run` says it with evidence, `check` at once
//! ([`Loaded::unresolved`]).
//! Where to start reading: [`read`].

use super::document::{self, Document, Place};
use super::draft::{PhaseDraft, StepDraft, assemble};
use super::raw::{RawBudget, RawPhase, RawPlan, RawProfile};
use super::scope::Scope;
use super::settings::Origin;
use super::shape::{Located, Reader, Shape};
use super::words::ReadyKey;
use super::{Budget, Plan, Platform, Work, budget, defaults, order, phases, profile, whole, work};
use crate::target::Environment;
use crate::target::discover;
use crate::time::Millis;

pub use super::document::Source;
pub use super::draft::Unresolved;
pub use super::error::{PlanCode, PlanError};
pub use super::phases::Pool;
pub use super::settings::{Line, Overrides, Setting, Value};

/// The version of the format that this tminus reads.
pub const VERSION: i64 = 1;

/// What reading needs besides the text.
pub struct Inputs<'a> {
    /// Other files, for `extends`: by their path relative to the plan's directory, or an absolute
    /// one. None: it cannot be read.
    pub files: &'a dyn Fn(&str) -> Option<String>,
    /// The plan's name, for errors.
    pub name: &'a str,
    /// The environment that the service gets.
    pub env: &'a Environment,
    /// What flags and `TMINUS_*` variables say.
    pub flags: Overrides,
}

/// A plan that can be run, and what else its file says.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The plan. Its digest is for the caller to add, over [`Loaded::sources`].
    pub plan: Plan,
    /// Every effective value with its origin, without secrets.
    pub values: Vec<Value>,
    /// What is probably not meant.
    pub warnings: Vec<PlanError>,
    /// Connections that the program opens.
    pub pools: Vec<Pool>,
    /// What the environment does not have, or has malformed: those steps will fail.
    pub unresolved: Vec<Unresolved>,
    /// The revision that is started.
    pub revision: Option<String>,
    /// Directory with causes of one's own.
    pub catalogue: Option<String>,
    /// Every file that was read: the plan first, then what it extends.
    pub sources: Vec<Source>,
}

/// Reads a plan.
///
/// # Errors
/// Every mistake, in the order of files and places.
pub fn read(text: &str, inputs: &Inputs<'_>) -> Result<Loaded, Vec<PlanError>> {
    let document = document::load(text, inputs.name, inputs.files).map_err(|(_, errors)| errors)?;
    let mut reader = Reader { sources: &document.sources, env: inputs.env, errors: Vec::new(), warnings: Vec::new() };
    if !version(&document, &mut reader) {
        return Err(reader.errors);
    }
    let raw = RawPlan::read(&document.root, &mut reader).unwrap_or_default();
    let names = raw.redact.as_ref().and_then(|redact| redact.value.names.as_ref());
    let mut scope = Scope {
        redact: names.map(|names| names.value.iter().map(|name| name.value.clone()).collect()).unwrap_or_default(),
        reader: &mut reader,
        overrides: &inputs.flags,
        profile: None,
        credentials_grace: Millis::ZERO,
        values: Vec::new(),
    };
    let made = make(&raw, &document, &mut scope);
    let values = scope.values;
    let in_order = |mistakes: &mut Vec<PlanError>| {
        let file = |error: &PlanError| document.sources.iter().position(|source| source.name == error.file);
        mistakes.sort_by_key(|error| (file(error), error.span.as_ref().map(|span| (span.start, span.end))));
    };
    in_order(&mut reader.errors);
    in_order(&mut reader.warnings);
    match made {
        Some(made) if reader.errors.is_empty() => {
            Ok(Loaded { values, warnings: reader.warnings, sources: document.sources, ..made })
        }
        _ => Err(reader.errors),
    }
}

/// Whether the files are of a version that can be read; a missing one is reported and read on.
fn version(document: &Document, reader: &mut Reader<'_>) -> bool {
    for (file, version) in document.versions.iter().enumerate() {
        match version {
            // Not a number: said when the key is read.
            Some(node) => {
                if let document::Value::Integer(number) = node.value
                    && number != VERSION
                {
                    let what = format!("version {number} of the plan's format is not known to this tminus");
                    let hint = format!("write `version = {VERSION}`, or use the tminus that the plan was written for");
                    reader.error(PlanCode::VersionUnknown, &node.at, what, hint);
                }
            }
            None if file == 0 => {
                let at = Place { file, span: 0..0 };
                let error = reader.mistake(PlanCode::VersionMissing, &at, "the plan does not say its `version`");
                let hint = format!("begin it with `version = {VERSION}`");
                reader.errors.push(PlanError { span: None, ..error.hint(hint) });
            }
            None => {}
        }
    }
    reader.errors.iter().all(|error| error.code != PlanCode::VersionUnknown)
}

/// Puts the plan together; none when something that everything depends on is wrong.
fn make(raw: &RawPlan, document: &Document, scope: &mut Scope<'_, '_>) -> Option<Loaded> {
    for (key, given) in [
        ("version", raw.version.as_ref().map(|version| (version.value.0.to_string(), &version.at))),
        ("extends", raw.extends.as_ref().map(|extends| (extends.value.clone(), &extends.at))),
    ] {
        if let Some((text, at)) = given {
            scope.note(key, text, scope.plan_origin(at));
        }
    }
    let (environment, profile) = profile::choose(raw, scope);
    let (own, of_profile) = (located(&raw.budget), located(&profile.settings.budget));
    let budget = budget::settle(&own, &of_profile, scope);
    scope.credentials_grace = credentials_grace(&own, &of_profile, scope);
    let (drafts, pools) = drafts(raw, document, &profile, &budget, scope);
    if !phases::bounded(&drafts, scope) {
        return None;
    }
    order::validate(&drafts, scope);
    order::empty(&drafts, scope);
    order::timers(&drafts, &budget, scope);
    let unresolved = drafts.iter().flat_map(|phase| &phase.steps).flat_map(|step| step.unresolved.clone()).collect();
    // Indices are made last: with a mistake above they might not mean what they say.
    let (phases, steps, lanes) = if scope.reader.errors.is_empty() { assemble(drafts) } else { Default::default() };
    let frame = super::frame::frame(raw, &profile.settings, &budget, scope);
    let plan = Plan { environment, budget, phases, steps, lanes, implied: false, ..frame.plan };
    Some(Loaded {
        plan,
        values: Vec::new(),
        warnings: Vec::new(),
        pools,
        unresolved,
        revision: frame.revision,
        catalogue: frame.catalogue,
        sources: Vec::new(),
    })
}

fn located<T: Clone + Default>(table: &Option<Located<T>>) -> T {
    table.as_ref().map(|table| table.value.clone()).unwrap_or_default()
}

fn credentials_grace(own: &RawBudget, profile: &RawBudget, scope: &mut Scope<'_, '_>) -> Millis {
    let given = scope.profiled_zero(profile.credentials_grace.as_ref(), own.credentials_grace.as_ref());
    let (grace, origin) = given.unwrap_or((Millis::ZERO, Origin::Default));
    scope.note("budget.credentials_grace", grace.to_string(), origin);
    grace
}

/// The phases: the plan's own, or the default ones.
fn drafts(
    raw: &RawPlan,
    document: &Document,
    profile: &RawProfile,
    budget: &Budget,
    scope: &mut Scope<'_, '_>,
) -> (Vec<PhaseDraft>, Vec<Pool>) {
    let written: &[Located<RawPhase>] = raw.phase.as_ref().map_or(&[], |phases| &phases.value);
    let written = phases::drafts(written, profile, &document.root, scope);
    // Also when every phase has a mistake, the plan has phases of its own.
    let own = document.root.get("phase").is_some();
    let mut drafts = if own { written.phases } else { default_phases(raw, profile, budget.platform, scope) };
    if own {
        only_without_phases(raw, scope);
        defaults::with_child(&mut drafts, scope);
    }
    whole::settle(&mut drafts, budget.platform, scope);
    (drafts, written.pools)
}

/// Says which keys have no meaning beside phases of the plan's own.
fn only_without_phases(raw: &RawPlan, scope: &mut Scope<'_, '_>) {
    let ready = raw.service.as_ref().and_then(|service| service.value.ready.as_ref()).map(|ready| &ready.at);
    let discover = raw.discover.as_ref().filter(|discover| discover.value).map(|discover| &discover.at);
    for (key, at, step) in [("ready", ready, "ready = ..."), ("discover", discover, "probe = ...")] {
        if let Some(at) = at {
            let what = format!("`{key}` belongs to the default phases, and the plan has phases of its own");
            scope.error(PlanCode::Conflict, Some(at), what, format!("write a step with `{step}` instead"));
        }
    }
}

fn default_phases(
    raw: &RawPlan,
    profile: &RawProfile,
    platform: Platform,
    scope: &mut Scope<'_, '_>,
) -> Vec<PhaseDraft> {
    let mut found = Vec::new();
    let mut broken = Vec::new();
    if raw.discover.as_ref().is_some_and(|discover| discover.value) {
        for one in discover(scope.reader.env) {
            let variable = scope.reader.env.contains_key(&one.variable).then_some(one.variable);
            match (one.target, variable) {
                (Ok(target), variable) => found.push(defaults::Found { name: one.name, variable, target }),
                (Err(bad), Some(variable)) => broken.push((one.name, variable, bad)),
                (Err(_), None) => {}
            }
        }
    }
    let ready = raw.service.as_ref().and_then(|service| service.value.ready.as_ref());
    let ready = ready.map(|key: &Located<ReadyKey>| {
        let mut step = StepDraft { asks_child: true, ..StepDraft::new("ready", Work::Hosted) };
        work::ready(&key.value, &mut step, scope);
        step
    });
    let mut drafts = defaults::phases(found, platform, ready);
    for (name, variable, bad) in broken {
        defaults::add_broken(&mut drafts, name, variable, bad);
    }
    phases::of_profile(&mut drafts, profile, scope);
    drafts
}

/// The JSON Schema of the plan.
#[cfg(feature = "schema")]
pub fn schema(generator: schemars::SchemaGenerator) -> schemars::Schema {
    generator.into_root_schema_for::<RawPlan>()
}
