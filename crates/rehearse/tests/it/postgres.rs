//! Postgres as `psql` sees it.

use std::path::Path;
use std::process::Command;

use tminus_rehearse::lab::postgres::{Auth, Holder, PASSWORD, Recovery, Stop};
use tminus_rehearse::lab::{Certs, Postgres, Program};

/// What psql prints for `sql`, or its error.
fn psql(url: &str, sql: &str) -> Result<String, String> {
    psql_with(url, sql, &[])
}

fn psql_with(url: &str, sql: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let output = Command::new(Program::Psql.find().unwrap())
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--no-password", "--command", sql, url])
        .env_clear()
        .env("PGCONNECT_TIMEOUT", "20")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[track_caller]
fn refused(url: &str, with: &str) {
    let error = psql(url, "SELECT 1").unwrap_err();
    assert!(error.contains(with), "{error:?} does not contain {with:?}");
}

fn gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn it_answers_over_tcp_and_over_its_socket() {
    let server = Postgres::options().start().unwrap();
    assert_eq!(psql(&server.url(), "SELECT current_user || current_database()").unwrap(), "appapp");
    assert_eq!(psql(&server.socket_url(), "SELECT 41 + 1").unwrap(), "42");
    assert_eq!(
        server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").unwrap()[0][0].as_deref(),
        Some("t")
    );
}

#[test]
fn a_wrong_password_role_and_database_are_told_apart() {
    for auth in [Auth::Scram, Auth::Md5, Auth::Clear] {
        let server = Postgres::options().auth(auth).start().unwrap();
        assert_eq!(psql(&server.url(), "SELECT 1").unwrap(), "1", "{auth:?}");
        refused(&server.url().replace(PASSWORD, "wrong"), "password authentication failed for user \"app\"");
        refused(&format!("{}nowhere", server.url().trim_end_matches("app")), "database \"nowhere\" does not exist");
    }
    let server = Postgres::options().auth(Auth::Trust).start().unwrap();
    assert_eq!(psql(&server.url().replace(PASSWORD, "any"), "SELECT 1").unwrap(), "1");
    refused(&server.url().replace("//app", "//nobody"), "role \"nobody\" does not exist");
}

#[test]
fn rules_of_access_are_its_own() {
    let server = Postgres::options().rule("host app app 127.0.0.1/32 reject").start().unwrap();
    refused(&server.url(), "pg_hba.conf rejects connection");
}

#[test]
fn slots_run_out_with_both_messages_and_are_freed() {
    let server = Postgres::options().max_connections(8).superuser_reserved(2).start().unwrap();
    let mut ordinary = server.fill(Holder::Ordinary).unwrap();
    assert_eq!(ordinary.len(), 6);
    refused(&server.url(), "remaining connection slots are reserved");
    let superuser = server.fill(Holder::Superuser).unwrap();
    assert_eq!(superuser.len(), 2);
    refused(&server.url(), "sorry, too many clients already");
    drop(superuser);
    ordinary.release(2);
    assert_eq!(ordinary.len(), 4);
    until(|| psql(&server.url(), "SELECT 1").is_ok());
}

/// The server notices a closed client in its own time.
fn until(mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it did not come about");
        std::thread::yield_now();
    }
}

#[test]
fn it_stops_is_killed_and_comes_back_on_its_port() {
    let mut server = Postgres::options().start().unwrap();
    server.sql("CREATE TABLE kept (n int)").unwrap();
    for stop in [Some(Stop::Fast), Some(Stop::Immediate), None] {
        let pid = server.pid().unwrap();
        match stop {
            Some(how) => server.stop(how).unwrap(),
            None => server.kill().unwrap(),
        }
        assert!(gone(pid) && !server.running());
        refused(&server.url(), "Connection refused");
        server.start().unwrap();
        assert_eq!(psql(&server.url(), "SELECT to_regclass('kept')").unwrap(), "kept");
    }
}

#[test]
fn a_server_that_comes_later_has_its_address_before() {
    let mut server = Postgres::options().prepare().unwrap();
    refused(&server.url(), "Connection refused");
    server.start().unwrap();
    assert_eq!(psql(&server.url(), "SELECT 1").unwrap(), "1");
}

#[test]
fn a_paused_server_accepts_and_says_nothing() {
    let mut server = Postgres::options().start().unwrap();
    server.pause().unwrap();
    let error = psql_with(&server.url(), "SELECT 1", &[("PGCONNECT_TIMEOUT", "2")]).unwrap_err();
    assert!(error.contains("timeout expired"), "{error}");
    server.resume().unwrap();
    assert_eq!(psql(&server.url(), "SELECT 1").unwrap(), "1");
}

#[test]
fn recovery_says_57p03_until_it_is_over() {
    let mut server = Postgres::options().recovery(Recovery::Held).start().unwrap();
    refused(&server.url(), "the database system is starting up");
    let error = psql(&server.url(), "SELECT 1").unwrap_err();
    assert!(error.contains("FATAL"), "{error}");
    server.finish_recovery().unwrap();
    assert_eq!(psql(&server.url(), "SELECT pg_is_in_recovery()").unwrap(), "f");
}

#[test]
fn standbys_are_read_only_or_take_no_sessions() {
    let hot = Postgres::options().recovery(Recovery::Standby).start().unwrap();
    assert_eq!(psql(&hot.url(), "SELECT pg_is_in_recovery()").unwrap(), "t");
    assert_eq!(psql(&hot.url(), "SHOW transaction_read_only").unwrap(), "on");
    let error = psql(&hot.url(), "CREATE TABLE t (n int)").unwrap_err();
    assert!(error.contains("in a read-only transaction"), "{error}");
    let cold = Postgres::options().recovery(Recovery::ColdStandby).start().unwrap();
    // Until its data are consistent it says that it starts up: 57P03 as well.
    loop {
        let error = psql(&cold.url(), "SELECT 1").unwrap_err();
        if error.contains("the database system is not accepting connections") {
            break;
        }
        assert!(error.contains("the database system is starting up"), "{error}");
    }
}

#[test]
fn a_smart_stop_refuses_new_sessions() {
    let mut server = Postgres::options().start().unwrap();
    let held = server.hold(1, Holder::Ordinary).unwrap();
    server.begin_stop(Stop::Smart).unwrap();
    until(|| {
        psql(&server.url(), "SELECT 1").is_err_and(|error| error.contains("the database system is shutting down"))
    });
    assert!(server.running());
    drop(held);
    until(|| !server.running());
}

#[test]
fn locks_are_held_and_let_go() {
    let server = Postgres::options().start().unwrap();
    server.sql("CREATE TABLE orders (n int); ALTER TABLE orders OWNER TO app").unwrap();
    let advisory = server.hold_advisory_lock(7).unwrap();
    let table = server.hold_table_lock("orders").unwrap();
    let tried = "SELECT pg_try_advisory_lock(7)";
    assert_eq!(psql(&server.url(), tried).unwrap(), "f");
    let blocked = psql(&server.url(), "SET lock_timeout = '50ms'; SELECT * FROM orders").unwrap_err();
    assert!(blocked.contains("lock timeout"), "{blocked}");
    drop((advisory, table));
    until(|| psql(&server.url(), tried).unwrap() == "t");
    assert_eq!(psql(&server.url(), "SELECT * FROM orders").unwrap(), "");
}

#[test]
fn a_cloud_sql_socket_is_where_cloud_run_has_it() {
    let server = Postgres::options().cloud_sql("project:europe-west1:orders").start().unwrap();
    assert!(server.socket().ends_with("cloudsql/project:europe-west1:orders/.s.PGSQL.5432"));
    assert!(server.socket().as_os_str().len() < 108);
    assert_eq!(psql(&server.url(), "SELECT 1").unwrap(), "1");
    assert!(server.address().is_err());
    refused(&server.url().replace(PASSWORD, "wrong"), "password authentication failed");
}

#[test]
fn tls_is_offered_required_and_bad_in_one_way_each() {
    let certs = Certs::get().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("ca.crt");
    std::fs::write(&root, certs.ca.pem()).unwrap();
    let root = root.to_str().unwrap();
    let verify = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", root)];
    for (identity, expected) in [
        (&certs.good, None),
        // libpq of this age names the name only; openssl, asked in the tests of certificates, names the rest.
        (&certs.expired, Some("certificate verify failed")),
        (&certs.wrong_name, Some("does not match host name")),
        (&certs.unknown_issuer, Some("certificate verify failed")),
    ] {
        let server = Postgres::options().tls(identity).tls_required().start().unwrap();
        match (psql_with(&server.url(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &verify), expected)
        {
            (Ok(ssl), None) => assert_eq!(ssl, "t"),
            (Err(error), Some(expected)) => assert!(error.contains(expected), "{error:?} without {expected:?}"),
            (result, expected) => panic!("{result:?}, expected {expected:?}"),
        }
        let plain = psql_with(&server.url(), "SELECT 1", &[("PGSSLMODE", "disable")]).unwrap_err();
        assert!(plain.contains("no encryption"), "{plain}");
    }
}

#[test]
fn client_certificates_are_wanted() {
    let certs = Certs::get().unwrap();
    let server = Postgres::options().tls(&certs.good).tls_required().client_ca(&certs.ca.pem()).start().unwrap();
    let without = psql_with(&server.url(), "SELECT 1", &[("PGSSLMODE", "require")]).unwrap_err();
    assert!(without.contains("valid client certificate"), "{without}");
    let directory = tempfile::tempdir().unwrap();
    for (identity, works) in [(&certs.client, true), (&certs.unknown_client, false)] {
        let (cert, key) = (directory.path().join("c.crt"), directory.path().join("c.key"));
        std::fs::write(&cert, identity.chain_pem()).unwrap();
        std::fs::write(&key, identity.key_pem()).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let variables =
            [("PGSSLMODE", "require"), ("PGSSLCERT", cert.to_str().unwrap()), ("PGSSLKEY", key.to_str().unwrap())];
        let result = psql_with(&server.url(), "SELECT 1", &variables);
        assert_eq!(result.is_ok(), works, "{result:?}");
    }
}

#[test]
fn a_setting_that_it_refuses_is_told_with_its_log() {
    let error = Postgres::options().setting("shared_buffers", "many").start().unwrap_err().to_string();
    assert!(error.contains("postgres ended") && error.contains("shared_buffers"), "{error}");
}

#[test]
fn nothing_is_left_when_it_is_dropped() {
    let mut server = Postgres::options().start().unwrap();
    let held = server.hold(3, Holder::Ordinary).unwrap();
    let rows = server.sql("SELECT pid FROM pg_stat_activity").unwrap();
    let mut pids: Vec<u32> = rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    pids.push(server.pid().unwrap());
    assert!(pids.len() > 4);
    server.pause().unwrap();
    let directory = server.directory().to_owned();
    drop(server);
    drop(held);
    assert!(!directory.exists());
    until(|| pids.iter().all(|pid| gone(*pid)));
}

#[test]
fn nothing_is_left_after_a_panic_but_the_log() {
    let server = Postgres::options().start().unwrap();
    let (pid, directory) = (server.pid().unwrap(), server.directory().to_owned());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _server = server;
        panic!("on purpose");
    }));
    assert!(result.is_err());
    assert!(gone(pid) && !directory.exists());
    // But its log is, below the target directory, for whoever has to find out.
    let program = std::env::current_exe().unwrap();
    let name = format!("tminus-lab/failed/postgres-{pid}.log");
    let log = program.ancestors().map(|place| place.join(&name)).find(|log| log.is_file()).unwrap();
    assert!(std::fs::read_to_string(&log).unwrap().contains("ready to accept connections"));
    std::fs::remove_file(log).unwrap();
}
