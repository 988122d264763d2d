//! From a value to a target: which scheme, then the module of that scheme.

use super::text::{self, Part};
use super::url::{self, Url};
use super::{BadTarget, Environment, Target, http, postgres, redis};
use crate::code::Code;
use crate::plan::suggest;

/// What can be probed, for hints.
const SCHEMES: &str =
    "postgres, redis, rediss, http, https, ws, wss, tcp://host:port, unix:/path, dns:name, file:/path, host:port";

/// Schemes of Postgres dialects and of wrappers around them.
const POSTGRES: &[&str] = &["postgres", "postgresql", "postgis", "jdbc:postgresql", "pgsql", "psql", "alloydb"];
/// CockroachDB speaks Postgres' protocol on a port of its own.
const COCKROACH: &[&str] = &["cockroachdb", "cockroach"];
const COCKROACH_PORT: u16 = 26257;

impl Target {
    /// Reads what a service was given as the address of a dependency. `environment` fills what
    /// libpq would take from its `PG*` variables; other kinds of target do not look at it.
    ///
    /// # Errors
    /// [`BadTarget`] names the mistake and its place, and shows nothing of the value.
    pub fn parse(value: &str, environment: &Environment) -> Result<Target, BadTarget> {
        let keywords = postgres::is_keywords(value);
        text::check(value, keywords)?;
        if keywords {
            return postgres::keywords(value, environment).map(Target::Postgres);
        }
        if let Some(url) = Url::split(value) {
            return scheme(&url?, environment);
        }
        if let Some((scheme, rest)) = Part::new(value, 0).split(':') {
            match scheme.text {
                "unix" => return socket(rest),
                "dns" => return dns(rest),
                "file" => return file(rest),
                _ => {}
            }
        }
        plain(value, environment)
    }
}

fn scheme(url: &Url<'_>, environment: &Environment) -> Result<Target, BadTarget> {
    let whole = url.scheme.text.to_ascii_lowercase();
    let (base, driver) = whole.split_once('+').unwrap_or((&whole, ""));
    if POSTGRES.contains(&base) {
        return postgres::uri(url, postgres::PORT, environment).map(Target::Postgres);
    }
    if COCKROACH.contains(&base) {
        return postgres::uri(url, COCKROACH_PORT, environment).map(Target::Postgres);
    }
    match (base, driver) {
        ("redis" | "valkey" | "rediss" | "valkeys", "unix" | "socket") => redis::socket(url).map(Target::Redis),
        ("redis" | "valkey", "ssl" | "tls") | ("rediss" | "valkeys", _) => redis::uri(url, true).map(Target::Redis),
        ("redis" | "valkey", _) => redis::uri(url, false).map(Target::Redis),
        ("http" | "ws", "unix") => http::socket(url).map(Target::Http),
        ("http", _) => http::uri(url, false, false).map(Target::Http),
        ("https", _) => http::uri(url, true, false).map(Target::Http),
        ("ws", _) => http::uri(url, false, true).map(Target::Http),
        ("wss", _) => http::uri(url, true, true).map(Target::Http),
        ("tcp", _) => tcp(url),
        ("unix", _) if url.user.is_some() || url.query.is_some() => redis::socket(url).map(Target::Redis),
        ("unix", _) => socket(url.rooted()),
        ("dns", _) => dns(url.hosts),
        ("file", _) => file(url.rooted()),
        _ => {
            let near = ["postgres", "postgresql", "redis", "rediss", "http", "https", "ws", "wss", "tcp", "unix"];
            let hint = suggest(base, near).unwrap_or_else(|| format!("known: {SCHEMES}"));
            Err(BadTarget { hint: Some(hint), ..url.scheme.bad("the scheme is none that can be probed") })
        }
    }
}

fn tcp(url: &Url<'_>) -> Result<Target, BadTarget> {
    if url.user.is_some() || url.query.is_some() || url.path.is_some_and(|path| !path.text.is_empty()) {
        let hint = Some("tcp://host:port".to_owned());
        return Err(BadTarget { hint, ..url.scheme.bad("a TCP address has only a host and a port") });
    }
    // Port 0 is no port: it shows that none was given.
    let host = url::single(url, 0)?;
    match host.port {
        0 => Err(BadTarget { hint: Some("tcp://host:port".to_owned()), ..url.hosts.bad("the port is missing") }),
        _ => Ok(Target::Tcp(host)),
    }
}

fn socket(path: Part<'_>) -> Result<Target, BadTarget> {
    let text = path.decode()?;
    if !text.starts_with('/') {
        let hint = Some("unix:/run/app.sock".to_owned());
        return Err(BadTarget { hint, ..path.bad("the path of a socket begins with `/`") });
    }
    match url::socket(text, Some(path.span()))? {
        super::Place::Unix(path) => Ok(Target::Unix(path)),
        super::Place::Tcp(host) => Ok(Target::Tcp(host)),
    }
}

fn dns(name: Part<'_>) -> Result<Target, BadTarget> {
    if name.text.contains(':') {
        return Err(name.bad("a name is asked for, without a port"));
    }
    url::network_host(name, 1).map(|host| Target::Dns(host.name))
}

fn file(path: Part<'_>) -> Result<Target, BadTarget> {
    match path.decode()? {
        text if text.is_empty() => Err(BadTarget { span: Some((path.at, path.at)), ..path.bad("the path is missing") }),
        text => Ok(Target::File(text)),
    }
}

/// A value without a scheme: `host:port`, or the path of a socket.
fn plain(value: &str, environment: &Environment) -> Result<Target, BadTarget> {
    let part = Part::new(value, 0);
    if let Some(rest) = value.strip_prefix("/cloudsql/") {
        // The directory that Cloud Run mounts for an instance; the socket in it is Postgres' own.
        let directory = value.split("/.s.PGSQL.").next().unwrap_or(value).trim_end_matches('/');
        if rest.trim_end_matches('/').split('/').next().is_some_and(|instance| !instance.is_empty()) {
            let keywords = format!("host='{}'", directory.replace(['\\', '\''], ""));
            return postgres::keywords(&keywords, &without_host(environment))
                .map(Target::Postgres)
                .map_err(|bad| BadTarget { span: Some((0, value.len())), ..bad });
        }
    }
    if value.starts_with('/') {
        return socket(part);
    }
    if value.contains('@') {
        // Never guess at a value that seems to hold a password.
        let hint = Some(format!("begin it with a scheme: {SCHEMES}"));
        return Err(BadTarget { hint, span: None, ..part.bad("the value has no scheme") });
    }
    let bad = |what: &str| BadTarget { hint: Some(format!("known: {SCHEMES}")), ..part.bad(what) };
    match url::network_host(part, 0) {
        Ok(host) if host.port > 0 => Ok(Target::Tcp(host)),
        Ok(_) => Err(bad("the value has neither a scheme nor a port")),
        Err(error) if error.code == Code::ValueMalformed && error.hint.is_none() => Err(bad(&error.what)),
        Err(error) => Err(error),
    }
}

/// PG* variables without those that would move the target elsewhere.
fn without_host(environment: &Environment) -> Environment {
    let elsewhere = ["PGHOST", "PGHOSTADDR"];
    environment
        .iter()
        .filter(|(name, _)| !elsewhere.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}
