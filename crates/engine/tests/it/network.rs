//! Names, ports, and ways on which nothing is said.

use crate::support::{ask, ask_short, failed, limits, passed, rungs, short, target, words};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tminus::{Probe, Subject, Walk, walk};
use tminus_core::code::Code;
use tminus_core::target::Environment;
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::Port;
use tminus_rehearse::lab::path::dns::Answer;
use tminus_rehearse::lab::path::{AcceptThen, Dns, End, FullBacklog, Script};

async fn resolve(dns: &[&Dns], name: &str) -> Walk {
    let probe = Probe::new(&target(&format!("dns:{name}")), Layer::Dns, &Environment::new());
    let servers = dns.iter().map(|dns| dns.address()).collect();
    walk(&probe.with_resolvers(servers), &short()).await
}

fn addresses(seen: &Walk) -> Vec<&str> {
    let mut addresses: Vec<&str> = seen.note(Subject::Addresses).unwrap_or("").split(", ").collect();
    addresses.sort_unstable();
    addresses
}

#[tokio::test]
async fn answers_of_resolvers_become_codes() {
    let dns = Dns::start().unwrap();
    let four = |last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
    let six: IpAddr = "fd00::1".parse().unwrap();
    dns.set("both.test", Answer::Addresses(vec![four(1), four(2), six]));
    dns.set("empty.test", Answer::Addresses(Vec::new()));
    dns.set("none.test", Answer::NoName);
    dns.set("failing.test", Answer::Failure);
    dns.set("refusing.test", Answer::Refused);
    dns.set("silent.test", Answer::Silence);
    dns.set("long.test", Answer::Truncated(vec![four(3)]));
    let seen = resolve(&[&dns], "both.test").await;
    passed(&seen);
    assert_eq!(addresses(&seen), ["10.0.0.1", "10.0.0.2", "fd00::1"]);
    assert!(seen.note(Subject::ResolvedBy).is_some_and(|by| by.contains(&dns.address().to_string())), "{seen:?}");
    assert_eq!(addresses(&resolve(&[&dns], "long.test").await), ["10.0.0.3"]);
    for (name, code) in [
        ("none.test", Code::NameNotFound),
        ("empty.test", Code::NameWithoutAddress),
        ("failing.test", Code::ResolverFailed),
        ("refusing.test", Code::ResolverFailed),
        ("silent.test", Code::ResolverSilent),
    ] {
        failed(&resolve(&[&dns], name).await, code);
    }
}

#[tokio::test]
async fn the_next_resolver_is_asked_when_one_is_silent_or_fails() {
    let (broken, good) = (Dns::start().unwrap(), Dns::start().unwrap());
    good.set("db.test", Answer::address(Ipv4Addr::new(10, 0, 0, 9)));
    for answer in [Answer::Silence, Answer::Failure] {
        broken.set("db.test", answer);
        assert_eq!(addresses(&resolve(&[&broken, &good], "db.test").await), ["10.0.0.9"]);
    }
}

#[tokio::test]
async fn every_address_of_a_name_is_dialled() {
    let dns = Dns::start().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // The first refuses, the second listens.
    let (refusing, listening) = (Ipv4Addr::new(127, 0, 0, 77), Ipv4Addr::LOCALHOST);
    dns.set("db.test", Answer::Addresses(vec![refusing.into(), listening.into()]));
    let probe = Probe::new(&target(&format!("tcp://db.test:{port}")), Layer::Tcp, &Environment::new());
    let seen = walk(&probe.with_resolvers(vec![dns.address()]), &limits()).await;
    assert_eq!(rungs(&seen), "dns+ tcp+");
    assert_eq!(seen.note(Subject::Peer), Some(format!("127.0.0.1:{port}").as_str()));
}

#[tokio::test]
async fn ports_refuse_accept_or_say_nothing() {
    let refusing = Port::reserve().unwrap();
    assert_eq!(rungs(&ask(&format!("tcp://{}", refusing.address())).await), "tcp!refused");
    let hole = FullBacklog::new().unwrap();
    let seen = ask_short(&format!("tcp://{}", hole.address())).await;
    assert_eq!(rungs(&seen), "tcp!no_answer");
    assert!(words(&seen).contains("no answer within"), "{seen:?}");
    let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    passed(&ask(&format!("tcp://{}", open.local_addr().unwrap())).await);
}

#[tokio::test]
async fn a_hole_that_opens_is_seen_while_dialling() {
    let hole = FullBacklog::new().unwrap();
    let address = hole.address();
    let opened = std::thread::spawn(move || {
        // Dials are in flight by the time that the way opens, or begin just then: both must do.
        hole.open().unwrap()
    });
    passed(&ask(&format!("tcp://{address}")).await);
    drop(opened.join().unwrap());
}

#[tokio::test]
async fn a_proxy_that_accepts_and_closes_never_greeted() {
    for end in [End::Close, End::Reset] {
        for (script, scheme) in [
            (Script::at_once(end), "postgres://u:secret-word@"),
            (Script::at_once(end), "redis://"),
            (Script::at_once(end), "http://"),
        ] {
            let way = AcceptThen::tcp(script).unwrap();
            let seen = ask(&format!("{scheme}{}", way.address().unwrap())).await;
            // A reset can come before the dial has looked whether it is connected.
            if end != End::Reset || seen.code() != Some(Code::ConnectReset) {
                failed(&seen, Code::ClosedBeforeGreeting);
            }
        }
    }
    let way = AcceptThen::tcp(Script::at_once(End::Silence)).unwrap();
    failed(&ask_short(&format!("redis://{}", way.address().unwrap())).await, Code::AcceptedSilent);
}

#[tokio::test]
async fn a_server_that_greets_and_closes_is_something_else() {
    // AuthenticationCleartextPassword, then nothing.
    let greeting = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];
    let way = AcceptThen::tcp(Script::after(8, End::Close).say(greeting)).unwrap();
    let url = format!("postgres://u:secret-word@{}/app?sslmode=disable", way.address().unwrap());
    let seen = ask(&url).await;
    assert_eq!(rungs(&seen), "tcp+ protocol+ auth!closed_after_greeting slot. query.");
}

#[tokio::test]
async fn dropping_a_dial_ends_it() {
    let hole = FullBacklog::new().unwrap();
    let probe = Probe::new(&target(&format!("tcp://{}", hole.address())), Layer::Tcp, &Environment::new());
    let addresses = probe.resolve().await.unwrap();
    let dial = probe.dial(&addresses.list[0]);
    assert!(tokio::time::timeout(Duration::from_millis(20), dial).await.is_err());
}
