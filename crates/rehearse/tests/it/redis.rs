//! Redis as `redis-cli` sees it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tminus_rehearse::lab::redis::PASSWORD;
use tminus_rehearse::lab::redis::client::Reply;
use tminus_rehearse::lab::{Certs, Port, Program, Redis};

/// What redis-cli prints; errors of the server included.
fn cli(url: &str, words: &[&str]) -> String {
    let output = Command::new(Program::RedisCli.find().unwrap())
        .args(["-u", url, "--no-auth-warning"])
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    text.trim().to_owned()
}

#[test]
fn it_answers() {
    let server = Redis::options().start().unwrap();
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
    assert_eq!(cli(&server.url(), &["SET", "a", "b"]), "OK");
}

#[test]
fn passwords_and_users() {
    let server = Redis::options().password().user("reader on >secret ~* +get +ping +auth").start().unwrap();
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
    let open = server.url().replace(&format!("default:{PASSWORD}@"), "");
    assert!(cli(&open, &["PING"]).starts_with("NOAUTH"));
    assert!(cli(&server.url().replace(PASSWORD, "wrong"), &["PING"]).contains("WRONGPASS"));
    let reader = open.replace("redis://", "redis://reader:secret@");
    assert_eq!(cli(&reader, &["PING"]), "PONG");
    assert!(cli(&reader, &["SET", "a", "b"]).contains("NOPERM"));
}

#[test]
fn clients_run_out_and_are_freed() {
    let mut server = Redis::options().maxclients(4).start().unwrap();
    let mut held = server.fill().unwrap();
    assert_eq!(held.len(), 4);
    assert!(cli(&server.url(), &["PING"]).contains("max number of clients"));
    held.release(1);
    // The lab still gets through, and sees the client leave.
    loop {
        let Reply::Bulk(Some(text)) = server.command(&["INFO", "clients"]).unwrap() else { panic!("no text") };
        if text.contains("connected_clients:4\r\n") {
            break;
        }
    }
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
}

#[test]
fn it_loads_until_told_otherwise() {
    let mut server = Redis::options().loading(Duration::from_secs(300)).start().unwrap();
    assert!(cli(&server.url(), &["PING"]).starts_with("LOADING Redis is loading the dataset in memory"));
    server.finish_loading().unwrap();
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
    assert_eq!(cli(&server.url(), &["DBSIZE"]), "4000");
}

#[test]
fn a_replica_without_its_master() {
    let master = Port::reserve().unwrap();
    let cut_off = Redis::options().cut_off_from(master.address()).start().unwrap();
    assert!(cli(&cut_off.url(), &["GET", "a"]).starts_with("MASTERDOWN Link with MASTER is down"));
    let stale = Redis::options().replica_of(master.address()).start().unwrap();
    assert_eq!(cli(&stale.url(), &["PING"]), "PONG");
    assert!(cli(&stale.url(), &["SET", "a", "b"]).starts_with("READONLY"));
}

#[test]
fn it_stops_is_killed_is_paused_and_comes_back() {
    let mut server = Redis::options().prepare().unwrap();
    assert!(cli(&server.url(), &["PING"]).contains("Connection refused"));
    server.start().unwrap();
    server.restart().unwrap();
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
    server.kill().unwrap();
    assert!(cli(&server.url(), &["PING"]).contains("Connection refused"));
    server.start().unwrap();
    server.pause().unwrap();
    server.resume().unwrap();
    assert_eq!(cli(&server.url(), &["PING"]), "PONG");
}

#[test]
fn it_speaks_tls() {
    let certs = Certs::get().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("ca.crt");
    std::fs::write(&root, certs.ca.pem()).unwrap();
    let root = root.to_str().unwrap();
    let good = Redis::options().tls(&certs.good).password().start().unwrap();
    assert!(good.url().starts_with("rediss://"));
    assert_eq!(cli(&good.url(), &["--cacert", root, "PING"]), "PONG");
    let expired = Redis::options().tls(&certs.expired).start().unwrap();
    assert!(cli(&expired.url(), &["--cacert", root, "PING"]).contains("certificate"));
    let wants = Redis::options().tls(&certs.good).client_ca(&certs.ca.pem()).start().unwrap();
    assert_ne!(cli(&wants.url(), &["--cacert", root, "PING"]), "PONG");
    let (cert, key) = (directory.path().join("c.crt"), directory.path().join("c.key"));
    std::fs::write(&cert, certs.client.chain_pem()).unwrap();
    std::fs::write(&key, certs.client.key_pem()).unwrap();
    let with = ["--cacert", root, "--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap(), "PING"];
    assert_eq!(cli(&wants.url(), &with), "PONG");
}

#[test]
fn a_setting_that_it_refuses_is_told_with_its_log() {
    let error = Redis::options().setting("maxmemory", "plenty").start().unwrap_err().to_string();
    assert!(error.contains("redis-server ended") && error.contains("maxmemory"), "{error}");
}

#[test]
fn nothing_is_left_when_it_is_dropped() {
    let server = Redis::options().start().unwrap();
    let held = server.hold(2).unwrap();
    assert_eq!(held.len(), 2);
    let (pid, directory) = (server.pid().unwrap(), server.directory().to_owned());
    drop(server);
    assert!(!directory.exists() && !Path::new(&format!("/proc/{pid}")).exists());
}
