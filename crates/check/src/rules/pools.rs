//! Connections: what all instances may open, against what there is.

use super::network::{cloud_sql_socket, database_of};
use super::{Rule, RuleInfo, Ruling};
use crate::facts::{Facts, Variable};
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Database, Engine, Known, Located, Origin, Platform, Workload, WorkloadKind};
use crate::platform;
use crate::url;

pub(super) const RULES: &[Rule] = &[
    Rule {
        info: RuleInfo {
            id: RuleId::PoolExceedsSlots,
            title: "all pools together fit the database",
            prevents: "suna#6722 (380 wanted of 237), hushh#5872 (144 of 100, 900 refusals in an hour), simple-report#3136: incidents 11 to 15",
            severity: Severity::Error,
            needs: "pool sizes, in a plan or in variables",
        },
        run: slots,
    },
    Rule {
        info: RuleInfo {
            id: RuleId::PoolExceedsSocket,
            title: "the pools of one instance fit the Cloud SQL socket",
            prevents: "cloud-run-faq#114: refused at 100 connections per instance while the database has thousands free",
            severity: Severity::Error,
            needs: "a Cloud Run service with a Cloud SQL socket and pool sizes",
        },
        run: socket,
    },
];

/// What one instance of a workload may open.
struct Pool {
    at: Origin,
    per_process: u64,
    workers: u64,
    /// `5 + 10` or `15`.
    size: String,
    workers_assumed: bool,
}

impl Pool {
    fn per_instance(&self) -> u64 {
        self.per_process.saturating_mul(self.workers)
    }

    fn terms(&self) -> String {
        let workers = match (self.workers, self.workers_assumed) {
            (1, true) => return format!("{} per instance (one process, assumed)", self.size),
            (1, false) => "1 worker".to_owned(),
            (n, _) => format!("{n} workers"),
        };
        format!("{} per process x {workers}", self.size)
    }
}

/// Variables that say how large a pool is, and how far beyond it may go.
const SIZES: &[&str] = &[
    "DB_POOL_SIZE",
    "DATABASE_POOL_SIZE",
    "SQLALCHEMY_POOL_SIZE",
    "POSTGRES_POOL_SIZE",
    "PG_POOL_SIZE",
    "POOL_SIZE",
    "DB_POOL_MAX",
    "DB_POOL_MAX_SIZE",
    "DATABASE_POOL_MAX",
    "PG_POOL_MAX",
    "PGPOOL_MAX",
    "DB_MAX_CONNECTIONS",
    "DB_POOL",
    "DB_MAX_OPEN_CONNS",
    "SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE",
    "HIKARI_MAXIMUM_POOL_SIZE",
    "SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE",
    "POSTGRES_MAX_CONNECTIONS_PER_POOL",
];
const OVERFLOWS: &[&str] = &[
    "DB_MAX_OVERFLOW",
    "DATABASE_MAX_OVERFLOW",
    "DB_POOL_MAX_OVERFLOW",
    "SQLALCHEMY_MAX_OVERFLOW",
    "MAX_OVERFLOW",
    "DB_POOL_OVERFLOW",
    "POSTGRES_MAX_OVERFLOW",
    "DATABASE_POOL_OVERFLOW",
];
/// Parameters of an address that do.
const SIZE_PARAMS: &[&str] = &["connection_limit", "pool_size", "pool_max_conns", "maximumPoolSize"];

fn pools<'f>(facts: &Facts<'f>, workload: &'f Workload) -> Vec<Pool> {
    let mut all = Vec::new();
    for container in &workload.containers {
        let workers = facts.server(workload, container).and_then(|server| server.workers);
        let variables = facts.variables(container);
        if let Some((size, overflow)) = in_variables(&variables) {
            all.push(pool(&size, overflow.as_ref(), workers.as_ref()));
        }
    }
    let main = workload.main();
    let mut planned = Vec::new();
    for step in facts.plan_for(workload).into_iter().flat_map(|plan| &plan.phases).flat_map(|phase| &phase.steps) {
        let Some(own) = &step.pool else { continue };
        let server = main.and_then(|container| facts.server(workload, container)?.workers);
        planned.push(pool(&own.size, own.overflow.as_ref(), own.workers.as_ref().or(server.as_ref())));
    }
    // What the plan says and what variables say is the same pool: the plan wins.
    if planned.is_empty() { all } else { planned }
}

fn pool(size: &Located<u64>, overflow: Option<&Located<u64>>, workers: Option<&Located<u64>>) -> Pool {
    let more = overflow.map_or(0, |overflow| overflow.value);
    let text = if more == 0 { size.value.to_string() } else { format!("({} + {more})", size.value) };
    Pool {
        at: size.at,
        per_process: size.value.saturating_add(more),
        workers: workers.map_or(1, |workers| workers.value.max(1)),
        size: text,
        workers_assumed: workers.is_none(),
    }
}

fn in_variables(variables: &[Variable<'_>]) -> Option<(Located<u64>, Option<Located<u64>>)> {
    let named = |names: &[&str]| {
        variables
            .iter()
            .filter(|v| names.contains(&v.name))
            .find_map(|v| Some(Located::set(v.text.trim().parse().ok()?, v.at)))
    };
    let in_url = |names: &[&str]| {
        variables.iter().find_map(|v| {
            let url =
                url::parse(v.text).ok().filter(|url| matches!(url.scheme, "postgres" | "postgresql" | "mysql"))?;
            let value = names.iter().find_map(|name| url.param(name)?.parse().ok())?;
            Some(Located::set(value, v.at))
        })
    };
    let size = named(SIZES).or_else(|| in_url(SIZE_PARAMS))?;
    Some((size, named(OVERFLOWS).or_else(|| in_url(&["max_overflow"]))))
}

/// What one workload may ask of a database.
struct Demand<'f> {
    workload: &'f Workload,
    pool: Pool,
    instances: Located<u64>,
    peak: u64,
}

fn slots(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let mut by_database: Vec<(&Database, Vec<Demand<'_>>)> = Vec::new();
    for workload in facts.model.workloads.iter().filter(|w| w.kind == WorkloadKind::Service) {
        for pool in pools(facts, workload) {
            let Some(database) = database_of(facts, workload).filter(|database| database.max_connections.is_some())
            else {
                ruling.needs(format!(
                    "max_connections of the database of {} (its Terraform resource, or its manifest)",
                    workload.name
                ));
                continue;
            };
            let Some(instances) = workload.max_instances else {
                ruling.needs(format!(
                    "the largest number of instances of {} (maxScale, replicas, desired_count)",
                    workload.name
                ));
                continue;
            };
            let peak = workload.overlap.as_ref().map_or(instances.value, |overlap| overlap.value.peak(instances.value));
            let demand = Demand { workload, pool, instances, peak };
            match by_database.iter_mut().find(|(known, _)| known.at == database.at) {
                Some((_, demands)) => demands.push(demand),
                None => by_database.push((database, vec![demand])),
            }
        }
    }
    for (database, demands) in by_database {
        ruling.checked();
        compare(database, &demands, ruling);
    }
}

fn compare(database: &Database, demands: &[Demand<'_>], ruling: &mut Ruling<'_>) {
    let Some(limit) = &database.max_connections else {
        return;
    };
    let reserved = if database.engine == Engine::Postgres { platform::POSTGRES_SUPERUSER_RESERVED.value } else { 0 };
    let usable = limit.value.saturating_sub(reserved);
    let sum = |of: fn(&Demand<'_>) -> u64| {
        demands.iter().map(|d| d.pool.per_instance().saturating_mul(of(d))).fold(0, u64::saturating_add)
    };
    let (steady, peak) = (sum(|d| d.instances.value), sum(|d| d.peak));
    if peak <= usable {
        return;
    }
    let (severity, wanted, when) = if steady > usable {
        (Severity::Error, steady, "with all instances")
    } else {
        (Severity::Warning, peak, "while a new version takes over")
    };
    let terms: Vec<String> = demands
        .iter()
        .map(|d| {
            let instances = if steady > usable {
                format!("{} instances", d.instances.value)
            } else {
                format!("{} instances ({} + overlap)", d.peak, d.instances.value)
            };
            format!("{}: {} x {instances}", d.workload.name, d.pool.terms())
        })
        .collect();
    let named = demands.iter().map(|d| d.workload.name.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("{named}: up to {wanted} connections {when}, {} has room for {usable}", database.name);
    let mut draft = Draft::new(RuleId::PoolExceedsSlots, severity, demands[0].pool.at, message);
    draft =
        draft.inequality(format!("{} = {wanted} > {usable} ({} - {reserved} reserved)", terms.join("; "), limit.value));
    for demand in demands {
        draft = draft.also(demand.instances.at, format!("instances of {}", demand.workload.name));
    }
    draft = draft.also(
        limit.at,
        if matches!(limit.known, Known::Default(_)) {
            "max_connections by its class or default"
        } else {
            "max_connections"
        },
    );
    draft.source = crate::facts::fact_of(limit.known).map(|fact| fact.source);
    let per: u64 = demands.iter().map(|d| d.pool.workers.saturating_mul(d.peak)).fold(0, u64::saturating_add);
    let fits = usable.checked_div(per).unwrap_or(0);
    ruling.find(draft.help(if fits > 0 {
        format!("a pool of {fits} per process fits; or fewer instances, a pooler, a larger database")
    } else {
        "no pool fits so many processes: fewer instances, a pooler, or a larger database".to_owned()
    }));
}

fn socket(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let limit = platform::CLOUD_RUN_CLOUD_SQL_SOCKET_CONNECTIONS_MAX;
    for workload in facts.model.workloads.iter().filter(|w| w.platform == Platform::CloudRun) {
        let Some((at, what)) = cloud_sql_socket(facts, workload) else {
            continue;
        };
        for pool in pools(facts, workload) {
            ruling.checked();
            if pool.per_instance() > limit.value {
                let message = format!(
                    "{}: one instance may open {} connections through the Cloud SQL socket",
                    workload.name,
                    pool.per_instance()
                );
                let draft = Draft::new(RuleId::PoolExceedsSocket, Severity::Error, pool.at, message)
                    .also(at, what.clone())
                    .source(limit);
                let sum = format!("{} = {} > {}", pool.terms(), pool.per_instance(), limit.value);
                ruling.find(draft.inequality(sum).help("smaller pools, or fewer workers per instance"));
            }
        }
    }
}
