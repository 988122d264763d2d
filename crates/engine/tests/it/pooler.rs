//! PgBouncer in front of Postgres.

use crate::support::{ask, failed, passed, with_database, words};
use tminus::Subject;
use tminus_core::code::Code;
use tminus_rehearse::lab::{PgBouncer, Port, Postgres};

#[tokio::test]
async fn a_pooler_with_a_server_passes() {
    let server = Postgres::options().start().unwrap();
    let pooler = PgBouncer::options(server.address().unwrap()).start().unwrap();
    let seen = ask(&pooler.url()).await;
    passed(&seen);
    assert!(seen.slots.is_some(), "{seen:?}");
    let seen = ask(&with_database(&pooler.url(), "nowhere")).await;
    failed(&seen, Code::DatabaseMissing);
}

#[tokio::test]
async fn a_pooler_whose_server_is_down_or_refuses_it() {
    // All that the first client is told is that it waited.
    let nobody = Port::reserve().unwrap();
    let pooler = PgBouncer::options(nobody.address()).setting("query_wait_timeout", 1).start().unwrap();
    let seen = ask(&pooler.url()).await;
    failed(&seen, Code::PoolerWaited);
    assert_eq!(seen.note(Subject::Pooler), Some("PgBouncer"), "{seen:?}");

    let server = Postgres::options().start().unwrap();
    let pooler = PgBouncer::options(server.address().unwrap()).setting("query_wait_timeout", 5).start().unwrap();
    server.sql("alter role app password 'changed'").unwrap();
    let seen = ask(&pooler.url()).await;
    // The pooler's own password is wrong, not the program's; what it passes on looks the same.
    assert!(matches!(seen.code(), Some(Code::BackendDown | Code::PasswordRejected)), "{seen:?}");
}

#[tokio::test]
async fn a_pooler_that_takes_no_more_clients() {
    let server = Postgres::options().start().unwrap();
    let pooler = PgBouncer::options(server.address().unwrap()).max_client_conn(2).start().unwrap();
    let _held = pooler.hold(2).unwrap();
    let seen = ask(&pooler.url()).await;
    failed(&seen, Code::PoolerClientsFull);
    assert!(words(&seen).contains("max_client_conn"), "{seen:?}");
}

#[tokio::test]
async fn a_pooler_whose_pool_is_taken() {
    let server = Postgres::options().start().unwrap();
    let pooler =
        PgBouncer::options(server.address().unwrap()).pool_size(1).setting("query_wait_timeout", 1).start().unwrap();
    let _held = pooler.hold_transactions(1).unwrap();
    let seen = ask(&pooler.url()).await;
    failed(&seen, Code::PoolerWaited);
}

#[tokio::test]
async fn a_full_server_behind_a_pooler_is_named() {
    use tminus_rehearse::lab::postgres::Holder;
    let server = Postgres::options().max_connections(8).superuser_reserved(2).start().unwrap();
    let _held = server.fill(Holder::Superuser).unwrap();
    let pooler = PgBouncer::options(server.address().unwrap()).setting("query_wait_timeout", 5).start().unwrap();
    let seen = ask(&pooler.url()).await;
    assert!(matches!(seen.code(), Some(Code::SlotsFull | Code::BackendDown)), "{seen:?}");
}
