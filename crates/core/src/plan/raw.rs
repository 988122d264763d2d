//! The keys of a plan, each with its meaning: what the reader reads, what the JSON Schema says and
//! what docs/plan.md must explain.
//!
//! Nothing is decided here: defaults, profiles and everything that two keys have to agree on come
//! later. A key is named as the plan writes it.
//! Where to start reading: [`RawPlan`], then [`RawStep`].

use super::document::{Entry, Node, Place, Value};
use super::shape::{Located, MaybeZero, Reader, Shape, Whole, shape};
use super::words::{
    Address, Answers, Argv, Egress, EnvItem, Headers, JsonMatch, Name, OnceKey, OneOrMany, ReadyKey, SignalKey,
    Statuses, WitnessName,
};
use super::{Capture, Format, Kind, Platform, Restart};
use crate::time::Millis;
use crate::vocabulary::Layer;
use std::collections::BTreeMap;

/// A number of things.
pub(super) type Count = Whole<1, 1_000_000>;

shape! {
    /// The plan of a start: tminus.toml.
    RawPlan requires [] {
        /// Version of this format: 1.
        version: Whole<1, { i64::MAX }>,
        /// A plan that this one builds on, by its path relative to this file. Tables are merged key
        /// by key, phases and steps by their names; all else of this file replaces what stands there.
        extends: String,
        /// The service that is started.
        service: RawService,
        /// Names of environments that use the profile of another: `"preview-*: staging"`.
        environments: Vec<Located<String>>,
        /// Values per environment.
        profile: BTreeMap<String, (Place, RawProfile)>,
        /// The time that the platform gives.
        budget: RawBudget,
        /// How dialling is paced.
        dialling: RawDialling,
        /// The phases, in order. Without any: the seven default phases.
        phase: Vec<Located<RawPhase>>,
        /// Without phases of one's own: dependencies that are found in the environment are gates.
        discover: bool,
        /// How the child is stopped.
        stop: RawStop,
        /// What happens to the child's output.
        output: RawOutput,
        /// Endpoints about the start.
        admin: RawAdmin,
        /// What tminus exits with when it ends the start itself.
        exit: RawExit,
        /// Whether a child that ends after ready is started again in place: `never` or `on-failure`.
        restart: Restart,
        /// Directory for the bounded record of earlier starts.
        state_dir: String,
        /// Real teams for roles.
        owners: RawOwners,
        /// What is secret besides what looks it.
        redact: RawRedact,
        /// Causes of one's own.
        catalogue: RawCatalogue,
    }

    /// The service that is started.
    RawService requires [] {
        /// Its name.
        name: Name,
        /// `service`: it serves until it is stopped. `job`: it ends by itself.
        kind: Kind,
        /// The environment, usually `"${ENVIRONMENT}"`; chooses the profile.
        environment: Address,
        /// The revision that is started.
        revision: String,
        /// Whether a child that ends after ready is started again in place: `never` or `on-failure`.
        restart: Restart,
        /// How readiness is known, for a plan without phases of its own.
        ready: ReadyKey,
    }

    /// The time that the platform gives.
    RawBudget requires [] {
        /// What runs the process; sets the default window and grace.
        platform: Platform,
        /// From the creation of the process to when the platform gives up.
        window: Millis,
        /// From TERM to KILL by the platform.
        grace: Millis,
        /// What the platform waits before its first start-up probe, in addition to the window that
        /// it has by default.
        initial_delay: MaybeZero,
        /// The platform's start-up probe: the window is computed from it.
        probe: RawProbeSettings,
        /// How long refused credentials are asked again, where new ones take time to arrive.
        credentials_grace: MaybeZero,
    }

    /// The platform's start-up probe.
    RawProbeSettings requires [period, failure_threshold] {
        /// Time between two probes.
        period: Millis,
        /// How many failures in a row end the start.
        failure_threshold: Count,
        /// What it waits before the first.
        initial_delay: MaybeZero,
    }

    /// How dialling is paced.
    RawDialling requires [] {
        /// Time between dials while nothing answers.
        stagger: Millis,
        /// How long one dial waits for an answer.
        life: Millis,
        /// Most dials at once.
        in_flight: Whole<1, 8>,
        /// How long an accepted connection may take for one layer.
        handshake: Millis,
    }

    /// A named stage of the start.
    RawPhase requires [name] {
        /// Its name.
        name: Name,
        /// How long it may take, from when it begins.
        deadline: Millis,
        /// Whether the failure of one of its steps is the start's failure, for steps that do not say.
        critical: bool,
        /// How often a step is tried at most, for steps that do not say.
        tries: Whole<1, 65535>,
        /// Whether optional steps that failed are tried on after ready, for steps that do not say.
        retry_after_ready: bool,
        /// How long refused credentials are asked again, for steps that do not say.
        credentials_grace: MaybeZero,
        /// Its steps. They run at the same time, unless they need each other.
        step: Vec<Located<RawStep>>,
    }

    /// The smallest thing that can pass or fail. It has exactly one kind of work: `env`, `files`,
    /// `probe`, `command`, `egress`, `exec`, `spawn`, `ready`, `request` or `websocket`.
    RawStep requires [name] {
        /// Its name, unique in the plan.
        name: Name,
        /// Steps of this or an earlier phase that must have passed before it begins.
        needs: Vec<Located<String>>,
        /// Whether its failure is the start's failure.
        critical: bool,
        /// How long it may take, from when it begins.
        deadline: Millis,
        /// How often it is tried at most. Without it: an `exec` once, all else as often as time allows.
        tries: Whole<1, 65535>,
        /// Whether it is tried on after ready, when it is optional and failed.
        retry_after_ready: bool,
        /// How long refused credentials are asked again.
        credentials_grace: MaybeZero,
        /// What is run on stop, if this step passed.
        finalizer: RawFinalizer,
        /// The pool of connections that the program opens there; `check` computes with it.
        pool: RawPool,
        /// Work: variables that must be there and well-formed.
        env: Vec<Located<EnvItem>>,
        /// Work: files that must be there and readable.
        files: Vec<Located<Address>>,
        /// Work: dependencies that must answer, by address; usually `"${DATABASE_URL}"`.
        probe: OneOrMany,
        /// With `probe`: the deepest layer that is asked.
        depth: Layer,
        /// With `probe` of Postgres: tables that must exist.
        tables: Vec<Located<String>>,
        /// With `probe` of Postgres: the revision that the schema must have.
        migrations: RawMigrations,
        /// With `probe`: the server must take writes.
        read_write: bool,
        /// Work: a command that is tried until it ends with 0.
        command: Argv,
        /// Work: anything outside answers at all; `true`, or the witnesses that are asked.
        egress: Egress,
        /// Work: a command that has to end with 0.
        exec: Argv,
        /// With `exec`: only one instance at a time, through a lease in a Postgres database.
        once: OnceKey,
        /// Work: the child is started.
        spawn: bool,
        /// Work: the child says or shows that it is ready.
        ready: ReadyKey,
        /// Work: an HTTP endpoint of the child answers as expected.
        request: Address,
        /// Work: a WebSocket endpoint of the child answers.
        websocket: Address,
        /// With `websocket`: the text that is sent.
        send: String,
        /// With `request`: status and JSON that must come back. With `websocket`: text that must.
        expect: Answers,
        /// With `request` and `websocket`: headers that are sent.
        headers: Headers,
    }

    /// A variable that must be there.
    RawVariable requires [name] {
        /// Its name.
        name: Name,
        /// What its value must look like.
        format: Format,
        /// Whether its value must never be shown. Without it: by its name.
        secret: bool,
        /// Whether an empty value is good.
        may_be_empty: bool,
    }

    /// What is run on stop.
    RawFinalizer requires [exec] {
        /// The command.
        exec: Argv,
        /// How long it may take.
        deadline: Millis,
    }

    /// A pool of connections that the program opens.
    RawPool requires [size] {
        /// Connections that it keeps.
        size: Count,
        /// Connections that it opens beyond them for a while.
        overflow: Whole<0, 1_000_000>,
        /// Processes of one instance that have such a pool each.
        workers: Count,
    }

    /// The revision that a schema must have.
    RawMigrations requires [table, is] {
        /// Table that holds it.
        table: String,
        /// Column.
        column: String,
        /// Value that must stand there.
        is: String,
    }

    /// A lease.
    RawOnce requires [name] {
        /// Its name.
        name: Name,
        /// The Postgres database that keeps it. Without it: the first that the plan probes.
        database: Address,
        /// How long it lasts without renewal, by the database's clock.
        ttl: Millis,
        /// How long to wait for another holder. Without it: as long as the budget allows.
        wait: Millis,
    }

    /// How readiness is seen from outside or in the output. Exactly one of `log`, `http` and `tcp`.
    RawReady requires [] {
        /// A line of the child's output contains this text.
        log: String,
        /// An HTTP endpoint of the child answers.
        http: Address,
        /// A port of the child takes connections. Programs that bind before they load pass early.
        tcp: Address,
        /// With `http`: statuses that are good. Without it: 200 to 299.
        status: Statuses,
        /// With `http`: JSON pointers and the values that must stand there.
        json: JsonMatch,
    }

    /// What an HTTP endpoint must answer.
    RawAnswer requires [] {
        /// Statuses that are good. Without it: 200 to 299.
        status: Statuses,
        /// JSON pointers and the values that must stand there.
        json: JsonMatch,
    }

    /// Values of a phase for one environment.
    RawProfileValues requires [] {
        /// Instead of the plan's `deadline`.
        deadline: Millis,
        /// Instead of the plan's `critical`.
        critical: bool,
        /// Instead of the plan's `tries`.
        tries: Whole<1, 65535>,
        /// Instead of the plan's `retry_after_ready`.
        retry_after_ready: bool,
        /// Instead of the plan's `credentials_grace`.
        credentials_grace: MaybeZero,
    }

    /// Values of a step for one environment.
    RawProfileStep requires [] {
        /// Instead of the plan's `deadline`.
        deadline: Millis,
        /// Instead of the plan's `critical`.
        critical: bool,
        /// Instead of the plan's `tries`.
        tries: Whole<1, 65535>,
        /// Instead of the plan's `retry_after_ready`.
        retry_after_ready: bool,
        /// Instead of the plan's `credentials_grace`.
        credentials_grace: MaybeZero,
        /// Instead of the plan's `pool`, key by key.
        pool: RawProfilePool,
    }

    /// What is different about a pool in one environment.
    RawProfilePool requires [] {
        /// Connections that it keeps.
        size: Count,
        /// Connections that it opens beyond them for a while.
        overflow: Whole<0, 1_000_000>,
        /// Processes of one instance that have such a pool each.
        workers: Count,
    }

    /// How the child is stopped.
    RawStop requires [] {
        /// What it is sent when tminus itself ends the start: `"TERM"`, `"INT"`, `"QUIT"` ...
        signal: SignalKey,
        /// From that to KILL of its group. Without it: a second less than the platform's grace.
        kill_after: Millis,
    }

    /// What happens to the child's output.
    RawOutput requires [] {
        /// `auto`, `tee` or `inherit`.
        capture: Capture,
    }

    /// Endpoints about the start.
    RawAdmin requires [] {
        /// `"127.0.0.1:PORT"` or `"unix:/path"`.
        listen: String,
    }

    /// What tminus exits with when it ends the start itself.
    RawExit requires [] {
        /// Waiting ran out.
        expired: Whole<1, 125>,
        /// Waiting cannot help.
        hopeless: Whole<1, 125>,
    }

    /// Real teams for roles.
    RawOwners requires [] {
        /// Who writes the program.
        application: String,
        /// Who builds its image.
        build: String,
        /// Who runs the platform.
        platform: String,
        /// Who runs the network.
        network: String,
        /// Who runs the database.
        database: String,
        /// Who sells what it depends on.
        vendor: String,
    }

    /// What is secret besides what looks it.
    RawRedact requires [] {
        /// Names of variables.
        names: Vec<Located<String>>,
    }

    /// Causes of one's own.
    RawCatalogue requires [] {
        /// Directory with catalogue files.
        dir: String,
    }
}

/// Values for one environment: settings of the whole plan, and per phase its values and those of its
/// steps.
#[derive(Clone, Debug, Default)]
pub(super) struct RawProfile {
    /// What stands beside the phases.
    pub settings: RawProfileSettings,
    /// Per phase.
    pub phases: Vec<(String, Place, RawProfilePhase)>,
}

shape! {
    /// Settings of the whole plan for one environment, each key by key instead of the plan's.
    RawProfileSettings requires [] {
        /// Instead of the plan's `[budget]`.
        budget: RawBudget,
        /// Instead of the plan's `[dialling]`.
        dialling: RawDialling,
        /// Instead of the plan's `[stop]`.
        stop: RawStop,
        /// Instead of the plan's `[output]`.
        output: RawOutput,
        /// Instead of the plan's `[admin]`.
        admin: RawAdmin,
        /// Instead of the plan's `[exit]`.
        exit: RawExit,
        /// Instead of the plan's `[owners]`.
        owners: RawOwners,
        /// Instead of the plan's `restart`.
        restart: Restart,
        /// Instead of the plan's `state_dir`.
        state_dir: String,
    }
}

/// Values for one phase in one environment.
#[derive(Clone, Debug, Default)]
pub(super) struct RawProfilePhase {
    /// Of the phase.
    pub own: RawProfileValues,
    /// Of its steps.
    pub steps: Vec<(String, Place, RawProfileStep)>,
}

/// The entries of a table that `own` takes, as a table of its own, and the others.
fn divided(node: &Node, entries: &[Entry], own: impl Fn(&Entry) -> bool) -> (Node, Vec<Entry>) {
    let (own, others) = entries.iter().cloned().partition(own);
    (Node { at: node.at.clone(), value: Value::Table(own) }, others)
}

impl Shape for RawProfile {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<RawProfile> {
        let entries = reader.entries(node, "[profile.ENVIRONMENT.PHASE]")?;
        // Whatever is no setting and no table is a mistake that is said among the settings.
        let setting = |entry: &Entry| RawProfileSettings::KEYS.contains(&entry.key.as_str()) || !entry.node.is_table();
        let (settings, phases) = divided(node, entries, setting);
        let settings = RawProfileSettings::read(&settings, reader).unwrap_or_default();
        let mut profile = RawProfile { settings, phases: Vec::new() };
        for entry in phases {
            if let Some(phase) = RawProfilePhase::read(&entry.node, reader) {
                profile.phases.push((entry.key, entry.at, phase));
            }
        }
        Some(profile)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        with_others::<RawProfileSettings>(RawProfilePhase::schema(generator), generator)
    }
}

impl Shape for RawProfilePhase {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<RawProfilePhase> {
        let entries = reader.entries(node, "[profile.ENVIRONMENT.PHASE]")?;
        // A key of a phase is never a table, a step always is.
        let (own, steps) = divided(node, entries, |entry| !entry.node.is_table());
        let mut phase = RawProfilePhase { own: RawProfileValues::read(&own, reader)?, steps: Vec::new() };
        for entry in steps {
            if let Some(values) = RawProfileStep::read(&entry.node, reader) {
                phase.steps.push((entry.key, entry.at, values));
            }
        }
        Some(phase)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        with_others::<RawProfileValues>(RawProfileStep::schema(generator), generator)
    }
}

/// The schema of a table whose other keys are names.
#[cfg(feature = "schema")]
fn with_others<T: schemars::JsonSchema>(
    others: schemars::Schema,
    generator: &mut schemars::SchemaGenerator,
) -> schemars::Schema {
    let mut schema = T::json_schema(generator);
    schema.insert("additionalProperties".to_owned(), others.to_value());
    schema
}

/// One witness of an egress gate.
pub(super) type Witnesses = Vec<Located<WitnessName>>;
