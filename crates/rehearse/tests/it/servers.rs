//! The smaller servers: HTTP, PgBouncer, NATS, and what they do to real clients.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tminus_rehearse::lab::http::Response;
use tminus_rehearse::lab::{Http, Nats, PgBouncer, Port, Postgres, Program};

/// Sends one request and reads until the connection ends.
fn get(server: &Http, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: lab\r\n{headers}connection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn http_answers_what_it_was_told() {
    let server = Http::start().unwrap();
    server.set("/ready", Response::json("{\"ok\":true}"));
    server.set("/moved", Response::redirect(302, "/ready"));
    server.set("/late", Response::new(503, "not yet").after(Duration::from_millis(20)));
    server.set("/cut", Response::new(200, "half of it").cut_after(4));
    server.set("/none", Response::hangup());
    let ready = get(&server, "/ready?deep=1", "");
    assert!(ready.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"), "{ready}");
    assert!(ready.ends_with("content-length: 11\r\n\r\n{\"ok\":true}"), "{ready}");
    assert!(get(&server, "/moved", "").contains("location: /ready"));
    assert!(get(&server, "/late", "").starts_with("HTTP/1.1 503 Service Unavailable"));
    assert!(get(&server, "/cut", "").ends_with("content-length: 10\r\n\r\nhalf"));
    assert_eq!(get(&server, "/none", ""), "");
    assert!(get(&server, "/other", "").starts_with("HTTP/1.1 404"));
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/ready?deep=1", "/moved", "/late", "/cut", "/none", "/other"]);
}

#[test]
fn http_keeps_a_connection_and_ends_with_its_value() {
    let server = Http::start().unwrap();
    server.set("/", Response::new(200, "a"));
    server.set("/never", Response::new(200, "").after(Duration::from_secs(3600)));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut answer = vec![0; "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na".len()];
    for _ in 0..2 {
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert!(answer.ends_with(b"\r\n\r\na"));
    }
    stream.write_all(b"GET /never HTTP/1.1\r\n\r\n").unwrap();
    let address = server.address();
    drop(server);
    assert_eq!(stream.read(&mut answer).unwrap(), 0);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_web_socket_sends_back() {
    let server = Http::start().unwrap();
    server.set("/ws", Response::web_socket());
    assert!(get(&server, "/ws", "").starts_with("HTTP/1.1 426"));
    let stream = TcpStream::connect(server.address()).unwrap();
    let (mut socket, response) =
        tungstenite::client(format!("ws://{}/ws", server.address()), stream).expect("the handshake");
    assert_eq!(response.status().as_u16(), 101);
    socket.send(tungstenite::Message::text("ping")).unwrap();
    assert_eq!(socket.read().unwrap(), tungstenite::Message::text("ping"));
}

#[test]
fn https_shows_its_certificate_and_openssl_judges_it() {
    let certs = tminus_rehearse::lab::Certs::get().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("ca.crt");
    std::fs::write(&root, certs.ca.pem()).unwrap();
    for (identity, verdict) in [
        (&certs.good, "Verify return code: 0 (ok)"),
        (&certs.expired, "certificate has expired"),
        (&certs.not_yet_valid, "certificate is not yet valid"),
        (&certs.wrong_name, "hostname mismatch"),
        (&certs.unknown_issuer, "unable to get local issuer certificate"),
        (&certs.self_signed, "self-signed certificate"),
    ] {
        let server = Http::tls(identity).unwrap();
        server.set("/", Response::new(200, "safe"));
        assert!(server.url("/").starts_with("https://127.0.0.1:"));
        let mut openssl = Command::new(Program::Openssl.find().unwrap());
        openssl.args([
            "s_client",
            "-ign_eof",
            "-verify_hostname",
            tminus_rehearse::lab::certs::SERVER_NAME,
            "-connect",
        ]);
        openssl.arg(server.address().to_string()).arg("-CAfile").arg(&root);
        let mut client = openssl
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        let output = client.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(verdict), "{verdict:?} is not in {text}");
        assert!(text.contains("safe"), "{text}");
    }
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(Program::Psql.find().unwrap())
        .args(["--no-psqlrc", "-At", "--no-password", "-c", sql, url])
        .env("PGCONNECT_TIMEOUT", "20")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn a_pooler_passes_queries_and_runs_out() {
    let server = Postgres::options().start().unwrap();
    let pooler = PgBouncer::options(server.address().unwrap())
        .pool_size(1)
        .max_client_conn(3)
        .setting("query_wait_timeout", 1)
        .start()
        .unwrap();
    assert_eq!(psql(&pooler.url(), "SELECT 2 + 2").unwrap(), "4");
    let busy = pooler.hold_transactions(1).unwrap();
    let error = psql(&pooler.url(), "SELECT 1").unwrap_err();
    assert!(error.contains("query_wait_timeout"), "{error}");
    let idle = pooler.hold(2).unwrap();
    assert_eq!((busy.len(), idle.len()), (1, 2));
    let error = psql(&pooler.url(), "SELECT 1").unwrap_err();
    assert!(error.contains("no more connections allowed"), "{error}");
}

#[test]
fn a_pooler_without_its_server() {
    let backend = Port::reserve().unwrap();
    let mut pooler = PgBouncer::options(backend.address()).password().setting("query_wait_timeout", 2).start().unwrap();
    let error = psql(&pooler.url(), "SELECT 1").unwrap_err();
    assert!(error.contains("server login has been failing") || error.contains("query_wait_timeout"), "{error}");
    let pid = pooler.pid().unwrap();
    pooler.stop().unwrap();
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    let error = psql(&pooler.url(), "SELECT 1").unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    pooler.start().unwrap();
    assert!(
        psql(&pooler.url().replace("correct", "wrong"), "SELECT 1").unwrap_err().contains("SASL authentication failed")
    );
}

#[test]
fn nats_greets_and_comes_back() {
    let mut server = Nats::start().unwrap();
    assert_eq!(server.url(), format!("nats://{}", server.address()));
    server.stop().unwrap();
    assert_eq!(TcpStream::connect(server.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.start_again().unwrap();
    let mut word = [0; 5];
    TcpStream::connect(server.address()).unwrap().read_exact(&mut word).unwrap();
    assert_eq!(&word, b"INFO ");
}
