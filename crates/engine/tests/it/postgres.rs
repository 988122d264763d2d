//! Postgres over TCP: what it answers when it is cold, full, or asked by the wrong person.

use crate::support::{ask, ask_short, ask_to, failed, limits, passed, rungs, target, with_database, words};
use tminus::{Limits, Probe, Subject, walk};
use tminus_core::code::Code;
use tminus_core::target::{Environment, Revision, Target};
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::postgres::{Auth, Holder, PASSWORD, Recovery, Stop};
use tminus_rehearse::lab::{Port, Postgres};

#[tokio::test]
async fn an_open_server_shows_its_state_and_slots() {
    let server = Postgres::options().max_connections(20).superuser_reserved(3).start().unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth+ slot+ query+");
    assert_eq!(seen.note(Subject::MaxConnections), Some("20"));
    assert_eq!(seen.note(Subject::InRecovery), Some("false"));
    assert_eq!(seen.note(Subject::TlsUnused), Some("the server does not offer it"));
    assert!(seen.note(Subject::ServerVersion).is_some());
    let slots = seen.slots.unwrap();
    assert_eq!((slots.max, slots.reserved), (20, 3));
    assert!(slots.by_application.iter().any(|(name, count)| name == "tminus" && *count >= 1), "{slots:?}");
    assert!(slots.used.is_some_and(|used| used >= 1));
}

#[tokio::test]
async fn every_kind_of_password_is_spoken() {
    for auth in [Auth::Scram, Auth::Md5, Auth::Clear, Auth::Trust] {
        let server = Postgres::options().auth(auth).start().unwrap();
        passed(&ask(&server.url()).await);
        if auth != Auth::Trust {
            let wrong = server.url().replace(PASSWORD, "wrong-and-secret");
            let seen = ask(&wrong).await;
            assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth!password_rejected slot. query.", "{auth:?}");
            let none = server.url().replace(&format!(":{PASSWORD}"), "");
            failed(&ask(&none).await, Code::PasswordMissing);
        }
    }
}

#[tokio::test]
async fn libpq_s_password_file_is_read_when_nobody_else_may() {
    use std::os::unix::fs::PermissionsExt;
    let server = Postgres::options().start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pass");
    std::fs::write(&path, format!("127.0.0.1:*:*:app:{PASSWORD}\n")).unwrap();
    let environment = Environment::from([("PGPASSFILE".to_owned(), path.display().to_string())]);
    let target = target(&server.url().replace(&format!(":{PASSWORD}"), ""));
    for (mode, code) in [(0o600, None), (0o644, Some(Code::PasswordMissing))] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let seen = walk(&Probe::new(&target, Layer::Query, &environment), &limits()).await;
        assert_eq!(seen.code(), code, "{seen:?}");
        assert!(!format!("{seen:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_server_that_is_down_comes_up_while_it_is_asked() {
    let port = Port::reserve().unwrap();
    let url = format!("postgres://app:x@{}/app", port.address());
    assert_eq!(rungs(&ask(&url).await), "tcp!refused tls. protocol. auth. slot. query.");
    let mut server = Postgres::options().start().unwrap();
    server.stop(Stop::Fast).unwrap();
    failed(&ask(&server.url()).await, Code::Refused);
    server.start().unwrap();
    passed(&ask(&server.url()).await);
}

#[tokio::test]
async fn a_server_that_starts_up_is_told_from_one_that_leaves() {
    let mut server = Postgres::options().recovery(Recovery::Held).start().unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol!starting_up auth. slot. query.");
    assert_eq!(seen.note(Subject::SqlState), Some("57P03"));
    server.finish_recovery().unwrap();
    passed(&ask(&server.url()).await);

    let held = server.hold(1, Holder::Ordinary).unwrap();
    server.begin_stop(Stop::Smart).unwrap();
    failed(&ask(&server.url()).await, Code::ShuttingDown);
    drop(held);
}

#[tokio::test]
async fn a_standby_that_takes_no_sessions_says_so() {
    let server = Postgres::options().recovery(Recovery::ColdStandby).start().unwrap();
    // While it replays what it has, it is starting up like any other.
    let seen = loop {
        let seen = ask(&server.url()).await;
        if seen.code() != Some(Code::StartingUp) {
            break seen;
        }
    };
    assert!(matches!(seen.code(), Some(Code::NotAccepting | Code::Recovering)), "{seen:?}");
}

#[tokio::test]
async fn the_last_slot_is_refused_before_a_password_is_looked_at() {
    let server = Postgres::options().max_connections(8).superuser_reserved(2).start().unwrap();
    let held = server.fill(Holder::Superuser).unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth. slot!slots_full query.");
    assert!(words(&seen).contains("too many clients"), "{seen:?}");
    // Not even a wrong password or a database that does not exist would be told.
    failed(&ask(&with_database(&server.url().replace(PASSWORD, "wrong"), "nowhere")).await, Code::SlotsFull);
    drop(held);
    passed(&until_free(&server).await);
}

#[tokio::test]
async fn reserved_slots_are_refused_behind_the_password() {
    let server = Postgres::options().max_connections(8).superuser_reserved(2).start().unwrap();
    let held = server.fill(Holder::Ordinary).unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth+ slot!slots_reserved query.");
    failed(&ask(&server.url().replace(PASSWORD, "wrong")).await, Code::PasswordRejected);
    drop(held);
    passed(&until_free(&server).await);
}

/// Slots are free a moment after their connections were closed.
async fn until_free(server: &Postgres) -> tminus::Walk {
    loop {
        let seen = ask(&server.url()).await;
        if !matches!(seen.code(), Some(Code::SlotsFull | Code::SlotsReserved)) {
            return seen;
        }
    }
}

#[tokio::test]
async fn limits_of_role_and_database_have_names_of_their_own() {
    let server = Postgres::options().start().unwrap();
    server.sql("alter role app connection limit 0").unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth+ slot!role_limit query.");
    server.sql("alter role app connection limit -1").unwrap();
    server.sql("alter database app connection limit 0").unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth+ slot!database_limit query.");
}

#[tokio::test]
async fn a_missing_database_a_missing_role_and_a_forbidden_one() {
    let server = Postgres::options().start().unwrap();
    let seen = ask(&with_database(&server.url(), "nowhere")).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth!database_missing slot. query.");
    // A server that asks for a password does not tell a role that is missing from a wrong password.
    failed(&ask(&server.url().replace("app:", "stranger:")).await, Code::PasswordRejected);
    server.sql("revoke connect on database app from public").unwrap();
    server.sql("alter database app owner to lab").unwrap();
    failed(&ask(&server.url()).await, Code::PermissionDenied);

    let trusting = Postgres::options().auth(Auth::Trust).start().unwrap();
    let seen = ask(&trusting.url().replace("app:", "stranger:")).await;
    assert_eq!(rungs(&seen), "tcp+ tls+ protocol+ auth!role_missing slot. query.");

    let closed = Postgres::options().rule("host app app 127.0.0.1/32 reject").start().unwrap();
    failed(&ask(&closed.url()).await, Code::HostNotPermitted);
}

#[tokio::test]
async fn who_asks_no_deeper_than_the_greeting_sends_no_password() {
    let server = Postgres::options().start().unwrap();
    for url in [server.url().replace(PASSWORD, "wrong"), format!("postgres://{}/app", server.address().unwrap())] {
        let seen = ask_to(&target(&url), Layer::Protocol, &limits()).await;
        assert_eq!(rungs(&seen), "tcp+ tls+ protocol+");
    }
    assert!(!server.log().contains("password authentication failed"));
    let closed = Postgres::options().rule("host all all 127.0.0.1/32 reject").start();
    // A rule against everybody also keeps the lab out; what matters is that a refusal is a greeting.
    if let Ok(closed) = closed {
        let seen = ask_to(&target(&closed.url()), Layer::Protocol, &limits()).await;
        assert_eq!(rungs(&seen), "tcp+ tls+ protocol+");
    }
}

#[tokio::test]
async fn a_paused_server_accepts_and_is_silent() {
    let mut server = Postgres::options().start().unwrap();
    server.pause().unwrap();
    let seen = ask_short(&server.url()).await;
    server.resume().unwrap();
    failed(&seen, Code::AcceptedSilent);
}

#[tokio::test]
async fn standbys_and_primaries_are_told_apart() {
    let standby = Postgres::options().recovery(Recovery::Standby).start().unwrap();
    let primary = Postgres::options().start().unwrap();
    for (server, attributes, code) in [
        (&standby, "any", None),
        (&standby, "standby", None),
        (&standby, "read-only", None),
        (&standby, "read-write", Some(Code::ReadOnly)),
        (&standby, "primary", Some(Code::ReadOnly)),
        (&primary, "primary", None),
        (&primary, "read-write", None),
        (&primary, "prefer-standby", None),
        (&primary, "standby", Some(Code::NotAStandby)),
        (&primary, "read-only", Some(Code::NotAStandby)),
    ] {
        let seen = ask(&format!("{}?target_session_attrs={attributes}", server.url())).await;
        assert_eq!(seen.code(), code, "{attributes}: {seen:?}");
    }
    primary.sql("alter role app set default_transaction_read_only = on").unwrap();
    failed(&ask(&format!("{}?target_session_attrs=read-write", primary.url())).await, Code::ReadOnly);
}

#[tokio::test]
async fn several_hosts_are_asked_in_order() {
    let standby = Postgres::options().recovery(Recovery::Standby).start().unwrap();
    let primary = Postgres::options().start().unwrap();
    let nobody = Port::reserve().unwrap();
    let hosts = [nobody.address(), standby.address().unwrap(), primary.address().unwrap()];
    let hosts = hosts.map(|address| address.to_string()).join(",");
    let url = |attributes: &str| format!("postgres://app:{PASSWORD}@{hosts}/app?target_session_attrs={attributes}");
    let seen = ask(&url("read-write")).await;
    passed(&seen);
    assert_eq!(seen.note(Subject::Peer), Some(primary.address().unwrap().to_string().as_str()));
    let seen = ask(&url("any")).await;
    assert_eq!(seen.note(Subject::Peer), Some(standby.address().unwrap().to_string().as_str()));
    // Who refuses a password is believed.
    let seen = ask(&url("any").replace(PASSWORD, "wrong")).await;
    assert_eq!(seen.note(Subject::Peer), Some(standby.address().unwrap().to_string().as_str()));
    failed(&seen, Code::PasswordRejected);
}

#[tokio::test]
async fn tables_and_revisions_are_looked_for() {
    let server = Postgres::options().start().unwrap();
    for sql in [
        "create table orders (id int)",
        "create table \"Users\" (id int)",
        "create schema billing",
        "create table billing.invoices (id int)",
        "create table alembic_version (version_num text)",
        "insert into alembic_version values ('abc')",
        "grant usage on schema billing to app",
        "grant select on all tables in schema public to app",
    ] {
        server.sql(sql).unwrap();
    }
    let Target::Postgres(mut postgres) = target(&server.url()) else { panic!("not Postgres") };
    postgres.tables = ["orders", "Users", "\"Users\"", "billing.invoices", "ORDERS"].map(String::from).to_vec();
    let revision = |is: &str| Revision { table: "alembic_version".into(), column: "version_num".into(), is: is.into() };
    postgres.revision = Some(revision("abc"));
    let ask = async |postgres: &tminus_core::target::Postgres| {
        let target = Target::Postgres(postgres.clone());
        assert_eq!(target.deepest(), Layer::Schema);
        ask_to(&target, Layer::Schema, &Limits::default()).await
    };
    let seen = ask(&postgres).await;
    passed(&seen);
    assert_eq!(seen.note(Subject::Revision), Some("abc"));

    postgres.revision = Some(revision("xyz"));
    let seen = ask(&postgres).await;
    failed(&seen, Code::SchemaBehind);
    assert!(words(&seen).contains("holds abc; xyz is asked for"), "{seen:?}");

    postgres.tables.push("it's missing; drop table orders".into());
    let seen = ask(&postgres).await;
    failed(&seen, Code::TableMissing);
    assert!(words(&seen).starts_with("missing: it's missing"), "{seen:?}");
    passed(&self::ask(&server.url()).await);
    assert_eq!(server.sql("select count(*) from orders").unwrap().len(), 1, "nothing was dropped");
}

#[tokio::test]
async fn a_user_who_may_see_little_still_gets_an_answer() {
    let server = Postgres::options().start().unwrap();
    server.sql("revoke select on pg_stat_activity from public").unwrap();
    let seen = ask(&server.url()).await;
    passed(&seen);
    assert!(seen.slots.is_none() && seen.note(Subject::NotSeen).is_some(), "{seen:?}");
    assert_eq!(seen.note(Subject::InRecovery), Some("false"));
}
