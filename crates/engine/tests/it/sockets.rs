//! Unix sockets, as Cloud Run mounts them and as they break.

use crate::support::{ask, failed, passed, rungs, words};
use tminus::Subject;
use tminus_core::code::Code;
use tminus_rehearse::lab::Postgres;
use tminus_rehearse::lab::path::{AcceptThen, End, FullSocket, Script, SocketFile};

const SOCKET: &str = "cloudsql/p:r:i/.s.PGSQL.5432";

fn url(path: &std::path::Path) -> String {
    format!("postgres://u:secret-word@/app?host={}", path.parent().unwrap().display())
}

#[tokio::test]
async fn a_server_behind_a_cloud_sql_socket_passes() {
    let server = Postgres::options().cloud_sql("p:r:i").start().unwrap();
    let seen = ask(&server.url()).await;
    assert_eq!(rungs(&seen), "socket+ protocol+ auth+ slot+ query+");
    assert_eq!(seen.note(Subject::Peer), Some(server.socket().display().to_string().as_str()));
    // sslmode means nothing on a socket.
    passed(&ask(&format!("{}&sslmode=verify-full", server.url())).await);
}

#[tokio::test]
async fn each_broken_socket_has_a_code() {
    let missing = SocketFile::missing(SOCKET).unwrap();
    let seen = ask(&url(missing.path())).await;
    assert_eq!(rungs(&seen), "socket!socket_missing protocol. auth. slot. query.");
    assert!(words(&seen).ends_with("is empty"), "{seen:?}");

    let stale = SocketFile::stale(".s.PGSQL.5432").unwrap();
    failed(&ask(&url(stale.path())).await, Code::SocketStale);
    let file = SocketFile::not_a_socket(".s.PGSQL.5432").unwrap();
    failed(&ask(&url(file.path())).await, Code::SocketNotASocket);

    let full = FullSocket::new(".s.PGSQL.5432").unwrap();
    failed(&ask(&url(full.path())).await, Code::BacklogFull);
    failed(&ask(&format!("unix:{}", full.path().display())).await, Code::BacklogFull);
}

#[test]
fn a_socket_that_is_not_permitted() {
    let closed = SocketFile::not_permitted(".s.PGSQL.5432").unwrap();
    let url = url(closed.path());
    // Root may go anywhere: a thread of its own becomes nobody.
    let asked = std::thread::spawn(move || {
        if rustix::process::geteuid().is_root() {
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(&url))
    });
    failed(&asked.join().unwrap(), Code::SocketDenied);
}

#[tokio::test]
async fn a_proxy_that_accepts_and_closes_is_no_slot_and_no_password() {
    for script in [Script::at_once(End::Close), Script::after(8, End::Close)] {
        let way = AcceptThen::unix(".s.PGSQL.5432", script).unwrap();
        let seen = ask(&url(way.path().unwrap())).await;
        assert_eq!(rungs(&seen), "socket+ protocol!closed_before_greeting auth. slot. query.");
    }
}
