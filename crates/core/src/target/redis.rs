//! Redis as its clients read it: `redis://`, `rediss://`, `unix://` with a database, and the
//! spellings of Celery and Flask.

use super::text::encode;
use super::url::{self, Url};
use super::{BadTarget, Place, Redis};
use crate::secret::Secret;

/// Redis' port.
pub(super) const PORT: u16 = 6379;

/// `redis://[[user]:password@]host[:port][/database]`.
pub(super) fn uri(url: &Url<'_>, tls: bool) -> Result<Redis, BadTarget> {
    let host = url::single(url, PORT)?;
    let mut redis = start(url, Place::Tcp(host), tls)?;
    if let Some(path) = url.path.filter(|path| !path.text.is_empty()) {
        redis.database = database(&path.decode()?).ok_or_else(|| {
            let hint = Some("redis://host:6379/0".to_owned());
            BadTarget { hint, ..path.bad("the path is not a database number") }
        })?;
    }
    parameters(redis, url)
}

/// `unix://[user:password@]/path/of/the/socket[?db=0]`.
pub(super) fn socket(url: &Url<'_>) -> Result<Redis, BadTarget> {
    if !url.hosts.text.is_empty() {
        return Err(url.hosts.bad("a socket's address has three slashes before its path"));
    }
    let Some(path) = url.path else { return Err(url.hosts.bad("the path of the socket is missing")) };
    let place = url::socket(format!("/{}", path.decode()?), Some(path.span()))?;
    parameters(start(url, place, false)?, url)
}

fn start(url: &Url<'_>, place: Place, tls: bool) -> Result<Redis, BadTarget> {
    Ok(Redis {
        place,
        tls,
        unverified: false,
        root_cert: None,
        user: url.user()?,
        password: url.password()?.map(Secret::new),
        database: 0,
        writes: false,
    })
}

fn parameters(mut redis: Redis, url: &Url<'_>) -> Result<Redis, BadTarget> {
    for (name, value, part) in url.parameters()? {
        match name.as_str() {
            "db" | "virtual_host" => {
                redis.database = database(&value).ok_or_else(|| part.bad("`db` is not a database number"))?;
            }
            "username" if !value.is_empty() => redis.user = Some(value),
            "password" if !value.is_empty() => redis.password = Some(Secret::new(value)),
            "ssl_ca_certs" if !value.is_empty() => redis.root_cert = Some(value),
            "ssl_cert_reqs" => redis.unverified = matches!(value.to_ascii_lowercase().as_str(), "none" | "cert_none"),
            _ => {}
        }
    }
    Ok(redis)
}

fn database(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// The target without secrets. A user without a password is left out: in old addresses that is
/// where the password stands.
pub(super) fn display(redis: &Redis) -> String {
    let user = redis.user.as_ref().filter(|_| redis.password.is_some());
    let user = user.map(|user| format!("{}@", encode(user, ""))).unwrap_or_default();
    let mut parameters = Vec::new();
    let out = match &redis.place {
        Place::Tcp(host) => {
            let scheme = if redis.tls { "rediss" } else { "redis" };
            format!("{scheme}://{user}{}/{}", super::display::host(host), redis.database)
        }
        Place::Unix(path) => {
            parameters.push(("db", redis.database.to_string()));
            format!("redis+unix://{user}{}", encode(path, "/"))
        }
    };
    if redis.unverified {
        parameters.push(("ssl_cert_reqs", "none".to_owned()));
    }
    if let Some(root) = &redis.root_cert {
        parameters.push(("ssl_ca_certs", root.clone()));
    }
    super::display::with_parameters(out, &parameters)
}
