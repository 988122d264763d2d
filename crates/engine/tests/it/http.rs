//! HTTP and WebSocket: what each answer means.

use crate::support::{ask, ask_short, ask_to, failed, limits, passed, rungs, target, words};
use std::time::Duration;
use tminus::{Subject, Walk};
use tminus_core::code::Code;
use tminus_core::target::{Echo, Http as Endpoint, Target};
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::http::Response;
use tminus_rehearse::lab::path::{AcceptThen, End, Script};
use tminus_rehearse::lab::{Http, Postgres};

async fn ask_with(url: &str, change: impl FnOnce(&mut Endpoint)) -> Walk {
    let Target::Http(mut http) = target(url) else { panic!("not HTTP") };
    change(&mut http);
    ask_to(&Target::Http(http), Layer::Query, &limits()).await
}

#[tokio::test]
async fn statuses_stop_at_the_layer_that_they_speak_of() {
    let server = Http::start().unwrap();
    for (status, expected) in [
        (200, "tcp+ protocol+ auth+ query+"),
        (204, "tcp+ protocol+ auth+ query+"),
        (401, "tcp+ protocol+ auth!http_unauthorized query."),
        (403, "tcp+ protocol+ auth!http_unauthorized query."),
        (404, "tcp+ protocol+ auth+ query!http_status"),
        (405, "tcp+ protocol+ auth+ query!http_status"),
        (429, "tcp+ protocol!http_too_many auth. query."),
        (500, "tcp+ protocol!http_error auth. query."),
        (502, "tcp+ protocol!http_unavailable auth. query."),
        (503, "tcp+ protocol!http_unavailable auth. query."),
    ] {
        server.set("/", Response::new(status, ""));
        let seen = ask(&server.url("/")).await;
        assert_eq!(rungs(&seen), expected, "{status}");
        assert_eq!(seen.note(Subject::Status), Some(status.to_string().as_str()));
    }
    server.set("/", Response::new(503, "").header("Retry-After", "7"));
    assert_eq!(ask(&server.url("/")).await.retry_after, Some(Duration::from_secs(7)));
    server.set("/", Response::new(404, ""));
    passed(&ask_with(&server.url("/"), |http| http.expect.status = vec![404]).await);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Http::start().unwrap();
    server.set("/", Response::redirect(302, "/login?token=secret-word"));
    server.set("/login", Response::new(200, ""));
    let seen = ask(&server.url("/")).await;
    failed(&seen, Code::HttpStatus);
    assert!(words(&seen).ends_with("to /login"), "{seen:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn credentials_go_no_further_than_they_must() {
    let server = Http::start().unwrap();
    server.set("/", Response::new(200, ""));
    let url = server.url("/").replace("http://", "http://app:secret-word@");
    let seen = ask_to(&target(&url), Layer::Protocol, &limits()).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+");
    assert!(!format!("{:?}", server.requests()).to_lowercase().contains("authorization"));
    passed(&ask(&url).await);
    assert!(format!("{:?}", server.requests()).to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn bodies_are_compared_within_bounds() {
    let server = Http::start().unwrap();
    let expect =
        |http: &mut Endpoint| http.expect.json = vec![("/status".into(), "ok".into()), ("/n".into(), 1.into())];
    server.set("/", Response::json(r#"{"status":"ok","n":1}"#));
    passed(&ask_with(&server.url("/"), expect).await);
    for (body, what) in [
        (r#"{"status":"degraded","n":1}"#.to_owned(), "/status is \"degraded\", not \"ok\""),
        (r#"{"n":1}"#.to_owned(), "/status is not in the body"),
        ("<html>".to_owned(), "no JSON"),
        (format!("\"{}\"", "x".repeat(100_000)), "longer than"),
    ] {
        server.set("/", Response::json(body));
        let seen = ask_with(&server.url("/"), expect).await;
        failed(&seen, Code::BodyMismatch);
        assert!(words(&seen).contains(what), "{seen:?}");
    }
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"status\r\n10\r\n\":\"ok\",\"n\":1}   \r\n0\r\n\r\n";
    let way = AcceptThen::tcp(Script::after(10, End::Close).say(*chunked)).unwrap();
    passed(&ask_with(&format!("http://{}/", way.address().unwrap()), expect).await);
}

#[tokio::test]
async fn a_websocket_echoes() {
    let server = Http::start().unwrap();
    server.set("/ws", Response::web_socket());
    let url = server.url("/ws").replace("http://", "ws://");
    passed(&ask(&url).await);
    let echo = |send: &str, expect: &str| Echo { send: Some(send.into()), expect: Some(expect.into()) };
    let long = "x".repeat(30_000);
    for text in ["hello", long.as_str()] {
        passed(&ask_with(&url, |http| http.expect.websocket = Some(echo(text, text))).await);
    }
    let seen = ask_with(&url, |http| http.expect.websocket = Some(echo("hello", "goodbye"))).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+ auth+ query!echo_mismatch");

    server.set("/ws", Response::new(200, "a page"));
    assert_eq!(rungs(&ask(&url).await), "tcp+ protocol!http_not_upgraded auth. query.");
    server.set("/ws", Response::new(401, ""));
    assert_eq!(rungs(&ask(&url).await), "tcp+ protocol+ auth!http_unauthorized query.");
    let forged = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n";
    let way = AcceptThen::tcp(Script::after(10, End::Close).say(*forged)).unwrap();
    failed(&ask(&format!("ws://{}/", way.address().unwrap())).await, Code::HttpNotUpgraded);
}

#[tokio::test]
async fn servers_that_are_no_web_servers() {
    let postgres = Postgres::options().start().unwrap();
    let seen = ask(&format!("http://{}/", postgres.address().unwrap())).await;
    assert!(matches!(seen.code(), Some(Code::OtherProtocol | Code::ClosedBeforeGreeting)), "{seen:?}");
    let web = Http::start().unwrap();
    let url = format!("postgres://u:secret-word@{}/app?sslmode=disable", web.address());
    let seen = ask_short(&url).await;
    let known = [Code::OtherProtocol, Code::ClosedBeforeGreeting, Code::AcceptedSilent];
    assert!(seen.code().is_some_and(|code| known.contains(&code)), "{seen:?}");
    web.set("/", Response::hangup());
    failed(&ask(&web.url("/")).await, Code::ClosedBeforeGreeting);
}
