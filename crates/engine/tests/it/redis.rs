//! Redis: cold, full, cut off, closed to strangers.

use crate::support::{ask, ask_short, ask_to, failed, limits, passed, rungs, target};
use std::time::Duration;
use tminus::Subject;
use tminus_core::code::Code;
use tminus_core::target::Target;
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::redis::PASSWORD;
use tminus_rehearse::lab::{Port, Postgres, Redis};

async fn ask_for_writes(url: &str) -> tminus::Walk {
    let Target::Redis(mut redis) = target(url) else { panic!("not Redis") };
    redis.writes = true;
    ask_to(&Target::Redis(redis), Layer::Query, &limits()).await
}

#[tokio::test]
async fn an_open_server_passes() {
    let server = Redis::options().start().unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+ auth+ query+");
    assert_eq!(seen.note(Subject::Role), Some("master"));
    assert!(seen.note(Subject::ServerVersion).is_some() && seen.note(Subject::Clients).is_some());
    passed(&ask_for_writes(&server.url()).await);
    let seen = ask(&format!("redis+unix://{}?db=3", server.socket().display())).await;
    assert_eq!(rungs(&seen), "socket+ protocol+ auth+ query+");
    failed(&ask(&format!("redis://{}/99", server.address())).await, Code::DatabaseMissing);
}

#[tokio::test]
async fn a_password_is_missing_wrong_or_right() {
    let server = Redis::options().password().start().unwrap();
    passed(&ask(&server.url()).await);
    let bare = format!("redis://{}", server.address());
    assert_eq!(rungs(&ask(&bare).await), "tcp+ protocol+ auth!password_missing query.");
    let seen = ask(&server.url().replace(PASSWORD, "wrong-and-secret")).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+ auth!password_rejected query.");
    // Who asks no deeper than the greeting needs none and sends none.
    let seen = ask_to(&target(&server.url()), Layer::Protocol, &limits()).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+");
    let open = Redis::options().start().unwrap();
    failed(&ask(&format!("redis://:secret-word@{}", open.address())).await, Code::PasswordRejected);
}

#[tokio::test]
async fn a_user_may_be_allowed_little() {
    let server = Redis::options().user("app on >secret-word ~* +ping +select").start().unwrap();
    let seen = ask(&format!("redis://app:secret-word@{}", server.address())).await;
    passed(&seen);
    assert!(seen.note(Subject::NotSeen).is_some_and(|words| words.contains("NOPERM")), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for() {
    let mut server = Redis::options().loading(Duration::from_secs(600)).start().unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "tcp+ protocol!loading auth. query.");
    server.finish_loading().unwrap();
    passed(&ask(&server.url()).await);
}

#[tokio::test]
async fn a_server_that_takes_no_more_clients() {
    let server = Redis::options().maxclients(8).start().unwrap();
    let held = server.fill().unwrap();
    failed(&ask(&server.url()).await, Code::ClientsFull);
    drop(held);
}

#[tokio::test]
async fn a_replica_without_its_master() {
    let nobody = Port::reserve().unwrap();
    let cut_off = Redis::options().cut_off_from(nobody.address()).start().unwrap();
    failed(&ask(&cut_off.url()).await, Code::MasterDown);
    let stale = Redis::options().replica_of(nobody.address()).start().unwrap();
    let seen = ask(&stale.url()).await;
    passed(&seen);
    assert_eq!(seen.note(Subject::Role), Some("slave"));
    failed(&ask_for_writes(&stale.url()).await, Code::ReadOnly);
}

#[tokio::test]
async fn a_cluster_without_slots_is_down() {
    let server = Redis::options().setting("cluster-enabled", "yes").start().unwrap();
    failed(&ask(&server.url()).await, Code::ClusterDown);
}

#[tokio::test]
async fn other_servers_are_not_taken_for_redis() {
    let postgres = Postgres::options().start().unwrap();
    let seen = ask(&format!("redis://{}", postgres.address().unwrap())).await;
    assert!(matches!(seen.code(), Some(Code::OtherProtocol | Code::ClosedBeforeGreeting)), "{seen:?}");
    let redis = Redis::options().start().unwrap();
    // It waits for the end of a line that never comes.
    let url = format!("postgres://u:secret-word@{}/app?sslmode=disable", redis.address());
    failed(&ask_short(&url).await, Code::AcceptedSilent);
    // It takes HTTP for an attack and hangs up.
    failed(&ask(&format!("http://{}/", redis.address())).await, Code::ClosedBeforeGreeting);
}
