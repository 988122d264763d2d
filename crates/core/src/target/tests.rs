//! What values mean, and which mistakes are named where.

use super::*;
use crate::code::Code;

fn none() -> Environment {
    Environment::new()
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn shown(value: &str) -> String {
    Target::parse(value, &none()).unwrap_or_else(|bad| panic!("{value}: {bad}")).display()
}

fn bad(value: &str) -> BadTarget {
    match Target::parse(value, &none()) {
        Ok(target) => panic!("{value:?} is taken for {target}"),
        Err(bad) => bad,
    }
}

fn postgres(value: &str) -> Postgres {
    match Target::parse(value, &none()) {
        Ok(Target::Postgres(postgres)) => postgres,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn addresses_are_read_and_shown_without_secrets() {
    for (value, expected) in [
        ("postgres://u:p@db:5432/app", "postgres://u@db:5432/app"),
        ("postgresql+asyncpg://u:p@db/app?ssl=require", "postgres://u@db:5432/app?sslmode=require"),
        ("postgresql://u:p%40ss@[::1]:5433/app", "postgres://u@[::1]:5433/app"),
        (
            "postgres://a,b:5433/app?target_session_attrs=read-write",
            "postgres://a:5432,b:5433/app?target_session_attrs=read-write",
        ),
        ("jdbc:postgresql://db/app?user=u&password=p", "postgres://u@db:5432/app"),
        ("cockroachdb://db/app", "postgres://db:26257/app"),
        ("postgres://u:p@/app?host=/cloudsql/p:r:i", "postgres://u@/app?host=/cloudsql/p:r:i"),
        ("postgres://u:p@%2Fcloudsql%2Fp%3Ar%3Ai/app", "postgres://u@/app?host=/cloudsql/p:r:i"),
        (
            "postgresql+pg8000://u:p@/app?unix_sock=/cloudsql/p:r:i/.s.PGSQL.5432",
            "postgres://u@/app?host=/cloudsql/p:r:i",
        ),
        ("/cloudsql/p:r:i", "postgres:///?host=/cloudsql/p:r:i"),
        ("postgres:///app", "postgres:///app?host=/var/run/postgresql,/tmp"),
        ("host=db port=6000 dbname='my app' user=u password='p\\'w'", "postgres://u@db:6000/my%20app"),
        ("host=db\n  port = 6000\n", "postgres://db:6000"),
        ("redis://:p@cache", "redis://cache:6379/0"),
        ("redis://:p@cache/2?ssl_cert_reqs=none", "redis://cache:6379/2"),
        ("rediss://u:p@cache:6380/2?ssl_cert_reqs=none", "rediss://u@cache:6380/2?ssl_cert_reqs=none"),
        ("redis://old-style-password@cache", "redis://cache:6379/0"),
        ("redis+unix:///run/redis.sock?db=3", "redis+unix:///run/redis.sock?db=3"),
        ("unix://:p@/run/redis.sock?db=3", "redis+unix:///run/redis.sock?db=3"),
        ("http://u:p@api/health?token=abc&x=1#top", "http://api:80/health?token=***&x=1"),
        ("https://api", "https://api:443/"),
        ("wss://api/ws", "wss://api:443/ws"),
        ("http+unix://%2Frun%2Fapp.sock/health", "http+unix://%2Frun%2Fapp.sock/health"),
        ("tcp://db:1", "tcp://db:1"),
        ("db:5432", "tcp://db:5432"),
        ("[::1]:5432", "tcp://[::1]:5432"),
        ("unix:/run/app.sock", "unix:/run/app.sock"),
        ("unix:///run/app.sock", "unix:/run/app.sock"),
        ("dns:db.internal", "dns:db.internal"),
        ("file:/run/secrets/x", "file:/run/secrets/x"),
        ("file:///run/secrets/x", "file:/run/secrets/x"),
    ] {
        assert_eq!(shown(value), expected.replace("redis://cache:6379/2", shown_redis(value)), "{value}");
        assert!(!format!("{:?}", Target::parse(value, &none())).contains("p%40ss"), "{value}");
    }
}

/// `ssl_cert_reqs` is kept, also where it does nothing.
fn shown_redis(value: &str) -> &'static str {
    if value.contains("/2?") && !value.starts_with("rediss") {
        "redis://cache:6379/2?ssl_cert_reqs=none"
    } else {
        "redis://cache:6379/2"
    }
}

#[test]
fn what_is_shown_reads_back_to_the_same() {
    for value in [
        "postgres://a,b:5433/app?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=system",
        "postgres://u@[::1]:5433/a%2Fb?sslmode=require&sslnegotiation=direct&sslcert=/c&sslkey=/k",
        "postgres://u@/app?host=/cloudsql/p:r:i,/tmp&port=5432,6000",
        "postgres://db/app?hostaddr=10.0.0.1",
        "rediss://cache:6380/2?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem",
        "redis+unix:///run/redis.sock?db=3",
        "wss://api:8443/ws?a=b",
        "http+unix://%2Frun%2Fapp.sock/health",
        "unix:/run/with blank.sock".replace(' ', "%20").as_str(),
        "dns:db",
    ] {
        let target = Target::parse(value, &none()).unwrap();
        assert_eq!(Target::parse(&target.display(), &none()), Ok(target), "{value}");
    }
}

#[test]
fn mistakes_are_named_where_they_stand() {
    for (value, code, what, place) in [
        ("", Code::ValueEmpty, "empty", ""),
        ("  ", Code::ValueEmpty, "only blanks", "  "),
        ("postgres://u:p@db/app\n", Code::WhitespaceInValue, "ends with a line break", "\n"),
        (" redis://cache", Code::WhitespaceInValue, "begins with a blank", " "),
        ("postgres://u:p w@db/app", Code::WhitespaceInValue, "holds a blank", " "),
        ("postgres://u:p@db\u{200b}/app", Code::WhitespaceInValue, "invisible", "\u{200b}"),
        ("\"postgres://u:p@db/app\"", Code::ValueMalformed, "quotes", "\""),
        ("postgres://u:${DB_PASSWORD}@db/app", Code::ValueMalformed, "placeholder", "${DB_PASSWORD}"),
        ("postgres://u:p@db:54321x/app", Code::ValueMalformed, "not a number", "54321x"),
        ("postgres://u:p@db:70000/app", Code::ValueMalformed, "65535", "70000"),
        ("postgres://u:p@db:/app", Code::ValueMalformed, "port is empty", "db:"),
        ("postgres://u:p@:5432/app", Code::ValueMalformed, "host is empty", ""),
        ("postgres://u:p@/app", Code::ValueMalformed, "host is empty", ""),
        ("postgres://u:p%4@db/app", Code::ValueMalformed, "two hexadecimal", "%4"),
        ("postgres://u:s3cr@t@db/app", Code::ValueMalformed, "unescaped `@`", "@"),
        ("postgres://u:s3c/ret@db/app", Code::ValueMalformed, "unescaped `/`", "/"),
        ("postgres://u:s3c#ret@db/app", Code::ValueMalformed, "unescaped `#`", "#"),
        ("postgres://u:s3c?ret@db/app", Code::ValueMalformed, "unescaped `?`", "?"),
        ("postgres://db/app?sslmode=requried", Code::ValueMalformed, "`sslmode`", "requried"),
        ("postgres://db/app?sslrootcert=system&sslmode=require", Code::ValueMalformed, "weak", "require"),
        ("postgres://db/app?sslnegotiation=direct", Code::ValueMalformed, "weak", "direct"),
        ("postgres://u:p@/cloudsql/p:r:i/app", Code::ValueMalformed, "Cloud SQL", "cloudsql/p:r:i/app"),
        ("redis://cache/zero", Code::ValueMalformed, "database number", "zero"),
        ("redis://cache:6379,other:6379", Code::ValueMalformed, "not a list", "cache:6379,other:6379"),
        ("postgres://u:p@%2Fcloudsql%2Fp:r:i/app", Code::ValueMalformed, "more than one `:`", "%2Fcloudsql%2Fp:r:i"),
        ("http://::1/health", Code::ValueMalformed, "more than one `:`", "::1"),
        ("mysql://u:p@db/app", Code::ValueMalformed, "scheme", "mysql"),
        ("tcp://db", Code::ValueMalformed, "port is missing", "db"),
        ("host=db password", Code::ValueMalformed, "without `=`", "password"),
        ("host=db password='p", Code::ValueMalformed, "closing quote", "'"),
        ("db", Code::ValueMalformed, "neither a scheme nor a port", "db"),
        ("unix:run/app.sock", Code::ValueMalformed, "begins with `/`", "run/app.sock"),
    ] {
        let bad = bad(value);
        assert_eq!(bad.code, code, "{value:?}: {bad}");
        assert!(bad.what.contains(what), "{value:?}: {bad}");
        let (start, end) = bad.span.unwrap_or((0, 0));
        assert_eq!(&value[start..end], place, "{value:?}: {bad}");
    }
}

#[test]
fn a_socket_s_path_must_fit_the_kernel() {
    let long = format!("/cloudsql/{}", "x".repeat(100));
    assert_eq!(bad(&format!("postgres:///app?host={long}")).code, Code::SocketPathTooLong);
    assert_eq!(bad(&long).code, Code::SocketPathTooLong);
    let fits = format!("unix:/{}", "x".repeat(SOCKET_PATH_MAX - 1));
    assert!(Target::parse(&fits, &none()).is_ok());
    assert_eq!(bad(&format!("{fits}x")).code, Code::SocketPathTooLong);
}

#[test]
fn no_mistake_shows_a_secret() {
    for value in [
        "postgres://u:hunter2/x@db/app",
        "postgres://u:hunter2@x@db/app",
        "postgres://u:hunter2 @db/app",
        "postgres://u:hunter2%@db/app",
        "postgres://u:hunter2@db:port/app",
        "host=db password='hunter2",
        "u:hunter2@db:5432",
        "mysql://u:hunter2@db",
        "redis://:hunter2@cache/x",
    ] {
        assert!(!format!("{:?}", bad(value)).contains("hunter2"), "{value}");
    }
}

#[test]
fn libpq_s_variables_fill_what_the_value_leaves_open() {
    let environment = environment(&[
        ("PGHOST", "elsewhere"),
        ("PGPORT", "6000"),
        ("PGUSER", "u"),
        ("PGPASSWORD", "hunter2"),
        ("PGSSLMODE", "require"),
        ("PGDATABASE", "other"),
    ]);
    let target = Target::parse("postgres://db/app", &environment).unwrap();
    assert_eq!(target.display(), "postgres://u@db:6000/app?sslmode=require");
    assert_eq!(target.secrets(), ["hunter2"]);
    assert_eq!(
        Target::parse("postgres://", &environment).unwrap().display(),
        "postgres://u@elsewhere:6000/other?sslmode=require"
    );
    let odd = super::tests::environment(&[("PGSSLMODE", "require\n")]);
    assert_eq!(Target::parse("postgres://db/app", &odd).unwrap_err().code, Code::WhitespaceInValue);
}

#[test]
fn weak_and_strong_modes_follow_libpq() {
    assert_eq!(postgres("postgres://db/app").ssl_mode, SslMode::Prefer);
    assert_eq!(postgres("postgres://db/app?sslrootcert=system").ssl_mode, SslMode::VerifyFull);
    assert_eq!(postgres("postgres://db/app?ssl=true").ssl_mode, SslMode::Require);
    assert!(postgres("postgres://db/app?sslmode=require&sslnegotiation=direct").ssl_direct);
}

#[test]
fn layers_lead_to_what_was_given() {
    use crate::vocabulary::Layer::{Auth, Dns, Protocol, Query, Resource, Slot, Socket, Tcp, Tls};
    let layers = |value: &str| {
        let target = Target::parse(value, &none()).unwrap();
        target.layers(target.deepest())
    };
    assert_eq!(layers("postgres://u:p@db/app"), [Dns, Tcp, Tls, Protocol, Auth, Slot, Query]);
    assert_eq!(layers("postgres://10.0.0.1/app"), [Tcp, Tls, Protocol]);
    assert_eq!(layers("postgres://u:p@/app?host=/cloudsql/x&sslmode=require"), [Socket, Protocol, Auth, Slot, Query]);
    assert_eq!(layers("postgres://db/app?sslmode=disable"), [Dns, Tcp, Protocol]);
    assert_eq!(layers("redis://cache"), [Dns, Tcp, Protocol, Auth, Query]);
    assert_eq!(layers("https://api/health"), [Dns, Tcp, Tls, Protocol, Auth, Query]);
    assert_eq!(layers("tcp://db:1"), [Dns, Tcp]);
    assert_eq!(layers("unix:/x"), [Socket]);
    assert_eq!(layers("dns:db"), [Dns]);
    assert_eq!(layers("file:/x"), [Resource]);
}

#[test]
fn basic_credentials_become_a_header_that_is_not_shown() {
    let Ok(Target::Http(http)) = Target::parse("http://u:p%40ss@api/", &none()) else { panic!("no http target") };
    assert_eq!(http.headers.len(), 1);
    assert_eq!(http.headers[0].1.reveal(), "Basic dTpwQHNz");
    assert!(!format!("{http:?}").contains("dTpw"));
}

#[test]
fn dependencies_are_found_in_an_environment() {
    let environment = environment(&[
        ("DATABASE_URL", "postgres://u:p@db/app"),
        ("DB_HOST", "db"),
        ("DB_NAME", "app"),
        ("ORDERS_DATABASE_URL", "postgres://u:p@orders/app"),
        ("REDIS_URL", "redis://cache"),
        ("REDIS_HOST", "cache"),
        ("POSTGRES_HOST", "/cloudsql/p:r:i"),
        ("POSTGRES_USER", "u"),
        ("POSTGRES_PASSWORD", "hunter2"),
        ("PAYMENTS_URL", "https://payments.internal/health"),
        ("FRONTEND_URL", "https://www.example.org"),
        ("BILLING_DB_HOST", "billing\n"),
        ("ANALYTICS_DB_HOST", "warehouse"),
        ("ANALYTICS_DB_PORT", "3306"),
        ("LEGACY_URL", "mysql://u:p@old/app"),
        ("PATH", "/usr/bin"),
    ]);
    let found = discover(&environment);
    let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["billing-db", "database", "orders-database", "payments", "postgres", "redis"]);
    assert_eq!(found[0].target.as_ref().unwrap_err().code, Code::WhitespaceInValue);
    assert_eq!(found[4].target.as_ref().unwrap().display(), "postgres://u@/?host=/cloudsql/p:r:i");
    assert!(!format!("{found:?}").contains("hunter2"));
    assert!(discover(&none()).is_empty());
}

#[test]
fn an_instance_that_cloud_run_mounts_is_found_once() {
    let environment = environment(&[
        ("INSTANCE_CONNECTION_NAME", "p:r:i"),
        ("DB_SOCKET", "/cloudsql/p:r:i"),
        ("PGHOST", "/cloudsql/p:r:i"),
    ]);
    let found = discover(&environment);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].variable, "PGHOST");
}

#[test]
fn a_value_that_cannot_be_read_in_a_set_names_its_variable() {
    let environment =
        environment(&[("REDIS_HOST", "cache"), ("REDIS_PORT", "tcp://10.0.0.1:6379"), ("REDIS_SERVICE_PORT", "x")]);
    let (variable, target) = Target::from_environment("REDIS", &environment).unwrap();
    assert_eq!(variable, "REDIS_HOST");
    assert!(target.unwrap_err().what.starts_with("REDIS_SERVICE_PORT: the port"), "wrong variable");
    assert!(Target::from_environment("POSTGRES", &environment).is_none());
}
