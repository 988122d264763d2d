//! Addresses in texts: `host:port`, `"host", port 5432`, URLs. Shared by what reads lines and what
//! compares them with facts.

use crate::catalogue::Catalogue;

/// Every `host:port` that a text names, in the ways in which clients print them.
pub fn host_ports(text: &str) -> Vec<(&str, u16)> {
    let mut out = Vec::new();
    if !text.contains(':') && !text.contains("port ") {
        return out;
    }
    let divides = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ',' | '/' | '@' | '=' | ';' | '<' | '>' | '`')
    };
    for word in text.split(divides) {
        let word = word.trim_end_matches([':', '.']);
        if let Some((host, port)) = word.rsplit_once(':')
            && let (true, Ok(port)) = (is_host(host), port.parse::<u16>())
        {
            out.push((host.trim_matches(['[', ']']), port));
        }
    }
    out.extend(quoted(text));
    out
}

/// libpq's way: `connection to server at "db" (10.0.0.1), port 5432 failed`.
fn quoted(text: &str) -> Option<(&str, u16)> {
    let after = &text[text.find("server at \"")? + "server at \"".len()..];
    let host = &after[..after.find('"')?];
    let rest = &after[after.find("port ")? + "port ".len()..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((host, rest[..digits].parse().ok()?))
}

/// Looks like a host: a name of two letters or more, or an address; not a time of day, not a file.
fn is_host(host: &str) -> bool {
    if host == "::1" || host == "[::1]" {
        return true;
    }
    let file = [".py", ".js", ".ts", ".rs", ".go", ".rb", ".java", ".php", ".mjs", ".cjs", ".c", ".cc", ".kt"];
    // Words that log lines put before a number.
    let counted = ["pid", "tid", "uid", "gid", "line", "code", "status", "errno", "port", "attempt"];
    host.len() >= 2
        && !counted.contains(&host)
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && host.chars().any(|c| c.is_ascii_alphabetic() || c == '.')
        && !file.iter().any(|end| host.ends_with(end))
}

/// The host in a URL, a `host=` pair, or a bare host value.
pub fn host_of(value: &str) -> Option<String> {
    if let Some((_, rest)) = value.split_once("://") {
        let authority = rest.split(['/', '?']).next()?;
        let host_port = authority.rsplit('@').next()?;
        let host = if let Some(v6) = host_port.strip_prefix('[') {
            v6.split(']').next()?
        } else {
            host_port.split(':').next()?
        };
        return (!host.is_empty()).then(|| host.to_owned());
    }
    if let Some((_, rest)) = value.split_once("host=") {
        return rest.split([' ', ';', '&']).next().map(str::to_owned);
    }
    let bare = value.split(':').next()?;
    (!bare.is_empty() && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .then(|| bare.to_owned())
}

/// Is a component only the way to a dependency, so that its errors name nobody?
pub fn is_transport(component: &str) -> bool {
    matches!(component, "dns" | "tcp" | "tls" | "unix-socket" | "socket" | "network")
}

/// The dependency that a setting configures: by its value's scheme, or by a name that ends like, or
/// speaks of, one that is known (`STOCK_DATABASE_URL`, `THUMBS_REDIS`).
pub fn component_of_setting<'c>(catalogue: &'c Catalogue, name: &str, value: &str) -> Option<&'c str> {
    let known = |component: &str| catalogue.components().map(|c| c.name.as_str()).find(|c| *c == component);
    let value = value.trim_start_matches("jdbc:");
    let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
    let of_scheme = match scheme.split('+').next().unwrap_or(scheme) {
        "postgres" | "postgresql" | "pgsql" => known("postgres"),
        "mysql" | "mysql2" | "mariadb" => known("mysql"),
        "redis" | "rediss" | "valkey" => known("redis"),
        "amqp" | "amqps" | "pyamqp" => known("rabbitmq"),
        "mongodb" => known("mongo"),
        "nats" | "kafka" | "mssql" | "clickhouse" | "memcached" | "etcd" => known(scheme),
        _ if value.contains("host=") && value.contains("dbname=") => known("postgres"),
        _ => None,
    };
    let upper = name.to_ascii_uppercase();
    let ends = || {
        let of = |env: &String| upper.strip_suffix(env.as_str()).is_some_and(|before| before.ends_with('_'));
        catalogue.components().find(|c| c.env.iter().any(of)).map(|c| c.name.as_str())
    };
    let speaks = || {
        let words = [
            ("REDIS", "redis"),
            ("POSTGRES", "postgres"),
            ("MYSQL", "mysql"),
            ("MARIADB", "mysql"),
            ("AMQP", "rabbitmq"),
            ("RABBIT", "rabbitmq"),
            ("KAFKA", "kafka"),
            ("NATS", "nats"),
            ("MONGO", "mongo"),
        ];
        words.iter().find(|(word, _)| upper.contains(word)).and_then(|(_, component)| known(component))
    };
    catalogue.component_of_env(name).or(of_scheme).or_else(ends).or_else(speaks)
}

/// The port behind `host` in a value.
pub fn port_after(value: &str, host: &str) -> Option<u16> {
    let rest = &value[value.find(host)? + host.len()..];
    let digits: String = rest.strip_prefix(':')?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_as_clients_print_them() {
        assert_eq!(host_ports("connect ECONNREFUSED 127.0.0.10:5432"), [("127.0.0.10", 5432)]);
        assert_eq!(host_ports("postgresql://app:***@db.internal:5432/app"), [("db.internal", 5432)]);
        assert_eq!(host_ports(r#"connection to server at "pg" (10.1.2.3), port 5432 failed"#), [("pg", 5432)]);
        assert_eq!(host_ports("2026-11-22T10:11:12 main.py:12 12:30"), []);
    }

    #[test]
    fn hosts_of_values() {
        assert_eq!(host_of("redis://:***@cache:6379/0").as_deref(), Some("cache"));
        assert_eq!(host_of("host=db port=5432").as_deref(), Some("db"));
        assert_eq!(host_of("db.internal").as_deref(), Some("db.internal"));
        assert_eq!(port_after("redis://cache:6379/0", "cache"), Some(6379));
    }
}
