//! Addresses of dependencies, as far as a rule needs their parts.
//!
//! What it must never do: print a password; parts that could hold one are not in its errors.
//! Where to start: [`parse`].

/// Schemes that name a dependency.
pub(crate) const SCHEMES: &[&str] = &[
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "redis",
    "rediss",
    "valkey",
    "amqp",
    "amqps",
    "mongodb",
    "nats",
    "kafka",
    "memcached",
];

/// The parts of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url<'t> {
    /// Without a driver (`postgresql+asyncpg` is `postgresql`) and without `jdbc:`.
    pub(crate) scheme: &'t str,
    pub(crate) password: Option<&'t str>,
    /// May be empty.
    pub(crate) host: &'t str,
    pub(crate) query: &'t str,
}

impl<'t> Url<'t> {
    pub(crate) fn param(&self, name: &str) -> Option<&'t str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn is_dependency(&self) -> bool {
        SCHEMES.contains(&self.scheme) || self.scheme == "mongodb+srv"
    }
}

/// Parses `scheme://[user[:password]@]host[:port][/path][?query]`; why not, if not.
pub(crate) fn parse(text: &str) -> Result<Url<'_>, &'static str> {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err("it has no scheme, such as postgresql://");
    };
    let scheme = scheme.split('+').next().unwrap_or(scheme);
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
        return Err("its scheme holds characters that no scheme has");
    }
    if rest.contains(char::is_whitespace) {
        return Err("it holds white space; in a URL that is %20");
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or(rest);
    if !authority.contains('@') && rest.contains('@') {
        return Err("its password holds a `/`; in a URL that is %2F");
    }
    if authority.contains('#') {
        return Err("its password holds a `#`; in a URL that is %23");
    }
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains('@') {
        return Err("its password holds an `@`; in a URL that is %40");
    }
    let password = user.split_once(':').map(|(_, password)| password).filter(|password| !password.is_empty());
    let mut first = None;
    for host in hosts.split(',') {
        let host = host_of(host)?;
        first.get_or_insert(host);
    }
    Ok(Url { scheme, password, host: first.unwrap_or_default(), query })
}

fn host_of(text: &str) -> Result<&str, &'static str> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    match port {
        Some("") => Err("a colon stands where a port should follow"),
        Some(port) if port.parse::<u16>().is_err() => Err("its port is no number from 0 to 65535"),
        _ => Ok(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_real_drivers_are_taken_apart() {
        let url = parse("postgresql+asyncpg://u:p@/app?host=/cloudsql/p:r:i").expect("good");
        assert_eq!((url.scheme, url.host, url.password), ("postgresql", "", Some("p")));
        assert_eq!(url.param("host"), Some("/cloudsql/p:r:i"));
        assert_eq!(parse("jdbc:postgresql://db:5432/app").map(|u| u.host), Ok("db"));
        assert_eq!(parse("redis://[::1]:6379/0").map(|u| u.host), Ok("::1"));
        assert_eq!(parse("mongodb://a:27017,b:27017/x").map(|u| u.host), Ok("a"));
        assert_eq!(parse("sqlite:///app.db").map(|u| u.host), Ok(""));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        for bad in [
            "db:5432/app",
            "postgres://u:p@db:54x/app",
            "postgres://u:p/w@db/app",
            "postgres://u:p@w@db/app",
            "postgres://u:p#w@db/app",
            "redis://db:/0",
            "postgres://d b/app",
        ] {
            let why = parse(bad).expect_err(bad);
            assert!(!why.contains("p#w") && !why.is_empty());
        }
    }
}
