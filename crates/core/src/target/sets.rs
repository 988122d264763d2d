//! Dependencies that are given in several variables: `POSTGRES_HOST`, `POSTGRES_USER`, ...

use super::text;
use super::{BadTarget, Environment, Host, Place, Redis, Target, postgres, redis, url};
use crate::code::Code;
use crate::secret::Secret;

/// Prefixes of sets that mean Postgres unless something in them says otherwise.
pub(super) const DATABASES: &[&str] = &["POSTGRES", "POSTGRESQL", "PG", "DB", "DATABASE", "SQL", "RDS"];
/// Prefixes of sets that mean Redis.
pub(super) const CACHES: &[&str] = &["REDIS", "VALKEY", "CACHE_REDIS"];

/// Each thing, and the endings under which it is given.
const HOST: &[&str] = &["HOST", "HOSTNAME", "SERVER", "SERVICE_HOST", "ADDR"];
const PORT: &[&str] = &["PORT", "SERVICE_PORT"];
const USER: &[&str] = &["USER", "USERNAME"];
const PASSWORD: &[&str] = &["PASSWORD", "PASS", "PASSWD"];
const NAME: &[&str] = &["DB", "DATABASE", "NAME", "DBNAME"];
const SSL: &[&str] = &["SSLMODE", "SSL_MODE"];

impl Target {
    /// The dependency that `PREFIX_HOST`, `PREFIX_PORT`, ... describe; `None` when there is no host.
    /// The second value is the variable that names the host.
    pub fn from_environment(prefix: &str, environment: &Environment) -> Option<(String, Result<Target, BadTarget>)> {
        let find = |endings: &[&str]| {
            endings.iter().find_map(|ending| {
                let joined = if prefix == "PG" {
                    [format!("PG{ending}"), format!("PG_{ending}")].to_vec()
                } else {
                    vec![format!("{prefix}_{ending}")]
                };
                joined.into_iter().find_map(|name| environment.get_key_value(&name))
            })
        };
        let (variable, host) = find(HOST)?;
        // Kubernetes announces services as tcp://10.0.0.1:5432 in `X_PORT`; the number is elsewhere.
        let port = find(PORT).filter(|(_, port)| !port.starts_with("tcp://")).or_else(|| find(&PORT[1..]));
        let other = find(&["ENGINE", "CONNECTION", "DIALECT", "TYPE", "DRIVER"]);
        if other.is_some_and(|(_, word)| !speaks_postgres(word)) {
            return None;
        }
        let set =
            Set { variable, host, port, user: find(USER), password: find(PASSWORD), name: find(NAME), ssl: find(SSL) };
        let target = match CACHES.contains(&prefix) {
            true => set.redis(environment.get(&format!("{prefix}_TLS")).or(environment.get(&format!("{prefix}_SSL")))),
            false if set.port.is_some_and(|(_, port)| matches!(port.trim(), "3306" | "1433" | "1521" | "27017")) => {
                return None;
            }
            false => set.postgres(environment),
        };
        Some((variable.clone(), target))
    }
}

fn speaks_postgres(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["postgres", "pgsql", "psql", "psycopg", "asyncpg", "pg", "cockroach", "redis"]
        .iter()
        .any(|known| word.contains(known))
}

type Pair<'e> = (&'e String, &'e String);

struct Set<'e> {
    variable: &'e str,
    host: &'e str,
    port: Option<Pair<'e>>,
    user: Option<Pair<'e>>,
    password: Option<Pair<'e>>,
    name: Option<Pair<'e>>,
    ssl: Option<Pair<'e>>,
}

impl Set<'_> {
    /// Mistakes of single values, said with the name of their variable.
    fn check(&self) -> Result<(), BadTarget> {
        let named = |variable: &str, value: &str| {
            text::check(value, false).map_err(|bad| BadTarget { what: format!("{variable}: {}", bad.what), ..bad })
        };
        named(self.variable, self.host)?;
        for (variable, value) in [self.port, self.user, self.name, self.ssl].into_iter().flatten() {
            if !value.is_empty() {
                named(variable, value)?;
            }
        }
        // A password may hold anything, but a line break at its end was not meant.
        match self.password {
            Some((variable, value)) if value.ends_with(['\n', '\r']) || value.starts_with(['\n', '\r']) => {
                Err(BadTarget {
                    code: Code::WhitespaceInValue,
                    what: format!("{variable}: the value begins or ends with a line break"),
                    span: None,
                    hint: Some("remove it where the value is made (`echo -n`, trim in the secret)".to_owned()),
                })
            }
            _ => Ok(()),
        }
    }

    fn postgres(&self, environment: &Environment) -> Result<Target, BadTarget> {
        self.check()?;
        let mut value = String::new();
        let mut add = |name: &str, given: Option<&str>| {
            let Some(given) = given.filter(|given| !given.is_empty()) else { return };
            value.push_str(&format!("{name}='{}' ", given.replace('\\', "\\\\").replace('\'', "\\'")));
        };
        add("host", Some(self.host));
        add("port", self.port.map(|(_, port)| port.as_str()));
        add("user", self.user.map(|(_, user)| user.as_str()));
        add("password", self.password.map(|(_, password)| password.as_str()));
        add("dbname", self.name.map(|(_, name)| name.as_str()));
        add("sslmode", self.ssl.map(|(_, mode)| mode.as_str()));
        // Places in this made-up text are not places in a value that anybody wrote.
        let bad = |bad: BadTarget| BadTarget { span: None, what: format!("{}: {}", self.variable, bad.what), ..bad };
        postgres::keywords(&value, environment).map(Target::Postgres).map_err(bad)
    }

    fn redis(&self, tls: Option<&String>) -> Result<Target, BadTarget> {
        self.check()?;
        let bad = |bad: BadTarget| BadTarget { span: None, what: format!("{}: {}", self.variable, bad.what), ..bad };
        if self.host.contains("://") {
            return Target::parse(self.host, &Environment::new()).map_err(bad);
        }
        let place = if self.host.starts_with('/') {
            url::socket(self.host.to_owned(), None).map_err(bad)?
        } else {
            let Host { name, port: inline } =
                url::network_host(text::Part::new(self.host, 0), redis::PORT).map_err(bad)?;
            let port = match self.port {
                Some((variable, port)) => url::parse_port(text::Part::new(port, 0)).map_err(|error| BadTarget {
                    span: None,
                    what: format!("{variable}: {}", error.what),
                    ..error
                })?,
                None => inline,
            };
            Place::Tcp(Host { name, port })
        };
        Ok(Target::Redis(Redis {
            place,
            tls: tls.is_some_and(|word| matches!(word.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")),
            unverified: false,
            root_cert: None,
            user: self.user.map(|(_, user)| user.clone()).filter(|user| !user.is_empty()),
            password: self.password.map(|(_, password)| password.clone()).filter(|p| !p.is_empty()).map(Secret::new),
            database: self.name.and_then(|(_, name)| name.parse().ok()).unwrap_or(0),
            writes: false,
        }))
    }
}
