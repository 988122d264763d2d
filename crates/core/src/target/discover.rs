//! What a service depends on, as its environment shows it.
//!
//! It only reads names and values; it never decides that a dependency is needed. A dependency that
//! was merely discovered never fails a start.

use super::{BadTarget, Environment, Target, sets};
use crate::vocabulary::Layer;

/// A dependency that the environment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Name for people, made of the variable's name: `database`, `orders-database`, `redis`.
    pub name: String,
    /// The variable that names it.
    pub variable: String,
    /// What it names, or what is wrong with it.
    pub target: Result<Target, BadTarget>,
}

/// Addresses of the service itself or of its clients: nothing that it depends on.
const OWN: &[&str] = &[
    "FRONTEND",
    "PUBLIC",
    "BASE",
    "APP",
    "SITE",
    "SELF",
    "HOME",
    "CALLBACK",
    "REDIRECT",
    "WEBSITE",
    "ORIGIN",
    "CLIENT",
    "DOCS",
    "LOGO",
    "PROXY",
    "SERVICE",
    "K",
    "ROOT",
    "LOGIN",
    "LOGOUT",
    "WEBHOOK",
    "REPO",
    "REPOSITORY",
    "IMAGE",
];

/// Every dependency in `environment`, sorted by name, each once.
pub fn discover(environment: &Environment) -> Vec<Discovered> {
    let mut found: Vec<Discovered> = Vec::new();
    // Addresses first: they say more than sets of variables for the same server.
    for (variable, value) in environment {
        let found_here = if is_address(variable) { address(variable, value, environment) } else { None };
        found.extend(found_here);
    }
    for prefix in prefixes(environment) {
        if let Some((variable, target)) = Target::from_environment(&prefix, environment) {
            found.push(Discovered { name: name(&variable), variable, target });
        }
    }
    for (variable, value) in environment {
        found.extend(cloud_sql(variable, value, environment));
    }
    dedup(found)
}

/// Names whose value is an address.
fn is_address(variable: &str) -> bool {
    ["URL", "URI", "DSN", "CONNECTION_STRING", "BROKER", "RESULT_BACKEND"]
        .iter()
        .any(|ending| variable.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
        || matches!(variable, "DATABASE_DSN" | "DATABASE")
}

fn address(variable: &str, value: &str, environment: &Environment) -> Option<Discovered> {
    let speaks =
        ["DATABASE", "POSTGRES", "PG", "REDIS", "DB"].iter().any(|word| variable.split('_').any(|part| part == *word));
    let scheme =
        value.trim().trim_matches(['"', '\'']).split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let base = scheme.as_deref().map(|scheme| scheme.split('+').next().unwrap_or(scheme).to_owned());
    let known = match base.as_deref() {
        Some("postgres" | "postgresql" | "postgis" | "cockroachdb" | "redis" | "rediss" | "valkey" | "valkeys") => true,
        Some("http" | "https" | "ws" | "wss") => {
            let own = variable.split('_').next().is_some_and(|first| OWN.contains(&first));
            // A mistake in the address of some web page is nobody's dependency.
            !own && Target::parse(value, environment).is_ok()
        }
        // `mysql://`, `sqlite://` and the like are databases that cannot be probed: no mistake.
        Some(_) => false,
        None => speaks && (value.contains("host=") || value.trim().is_empty() && variable == "DATABASE_URL"),
    };
    known.then(|| Discovered {
        name: name(variable),
        variable: variable.to_owned(),
        target: Target::parse(value, environment),
    })
}

/// Prefixes of sets: the well-known ones, also behind the name of a part (`ORDERS_DB_HOST`).
fn prefixes(environment: &Environment) -> Vec<String> {
    let mut prefixes = Vec::new();
    for known in sets::DATABASES.iter().chain(sets::CACHES) {
        prefixes.push((*known).to_owned());
        let ending = format!("_{known}_HOST");
        prefixes.extend(environment.keys().filter_map(|name| {
            name.strip_suffix(&ending).filter(|part| !part.is_empty()).map(|part| format!("{part}_{known}"))
        }));
    }
    prefixes
}

/// `/cloudsql/...` in any variable, or the name of an instance whose socket Cloud Run mounts there.
fn cloud_sql(variable: &str, value: &str, environment: &Environment) -> Option<Discovered> {
    let named = matches!(variable, "INSTANCE_CONNECTION_NAME" | "CLOUD_SQL_CONNECTION_NAME" | "CLOUDSQL_INSTANCE")
        && value.matches(':').count() == 2;
    let path = match value {
        path if path.starts_with("/cloudsql/") => path.to_owned(),
        instance if named => format!("/cloudsql/{}", instance.trim()),
        _ => return None,
    };
    Some(Discovered { name: name(variable), variable: variable.to_owned(), target: Target::parse(&path, environment) })
}

/// `ORDERS_DATABASE_URL`: `orders-database`.
fn name(variable: &str) -> String {
    const ENDINGS: &[&str] = &[
        "_CONNECTION_STRING",
        "_CONNECTION_NAME",
        "_SERVICE_HOST",
        "_HOSTNAME",
        "_URL",
        "_URI",
        "_DSN",
        "_HOST",
        "_SERVER",
        "_ADDR",
    ];
    let stem = match variable {
        "PGHOST" => "postgres",
        variable => ENDINGS.iter().find_map(|ending| variable.strip_suffix(ending)).unwrap_or(variable),
    };
    stem.to_ascii_lowercase().replace('_', "-")
}

/// Sorted by name; of several variables that name the same server the first found stays.
fn dedup(found: Vec<Discovered>) -> Vec<Discovered> {
    let same = |a: &Target, b: &Target| match (a, b) {
        (Target::Postgres(a), Target::Postgres(b)) => {
            a.places == b.places && (a.database == b.database || a.database.is_none() || b.database.is_none())
        }
        (Target::Redis(a), Target::Redis(b)) => a.place == b.place,
        (Target::Http(a), Target::Http(b)) => a.place == b.place && a.tls == b.tls,
        (a, b) => a == b,
    };
    let mut kept: Vec<Discovered> = Vec::new();
    for candidate in found {
        let twin = kept.iter().any(|other| match (&other.target, &candidate.target) {
            (Ok(a), Ok(b)) => same(a, b),
            _ => other.variable == candidate.variable,
        });
        if !twin {
            kept.push(candidate);
        }
    }
    kept.sort_by(|a, b| (&a.name, &a.variable).cmp(&(&b.name, &b.variable)));
    kept
}

/// How deep a merely discovered dependency is asked: never with credentials.
pub const DISCOVERED_DEEPEST: Layer = Layer::Protocol;
