//! Redis and what speaks its protocol: PING, AUTH, SELECT and three sections of INFO.
//!
//! It never writes a key: whether the server takes writes is read from what it says about itself.
//! Where to start reading: [`handshake`]; the words of refusals are in [`judge`].

mod resp;

use crate::connection::{Connection, Session as Protocol};
use crate::finding::{Failure, Passed, Subject};
use crate::probe::Context;
use crate::tls::{self, Strictness, Terms};
use crate::trust::Source;
use crate::wire::{Broken, tongue};
use resp::Reply;
use std::path::PathBuf;
use tminus_core::code::Code;
use tminus_core::target::Redis;
use tminus_core::vocabulary::Layer;

/// Longest answer that is read; a section of INFO has about 2 KB.
const ANSWER_MAX: usize = 64 << 10;

/// How far the protocol came.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The server wants to know who is asking.
    wants_password: bool,
    /// What the server said about writes in its greeting.
    no_writes: Option<String>,
}

fn session(conn: &mut Connection) -> &mut Session {
    if !matches!(conn.session, Protocol::Redis(_)) {
        conn.session = Protocol::Redis(Session::default());
    }
    match &mut conn.session {
        Protocol::Redis(session) => session,
        _ => unreachable!("set above"),
    }
}

/// Takes a connection through one layer.
pub(crate) async fn handshake(
    target: &Redis,
    context: &Context,
    conn: &mut Connection,
    layer: Layer,
) -> Result<Passed, Failure> {
    match layer {
        Layer::Tls => {
            let roots = target.root_cert.as_ref().map_or(Source::System, |file| Source::File(PathBuf::from(file)));
            let strictness = if target.unverified { Strictness::Nothing } else { Strictness::Name };
            let name = context.name_of(conn);
            let terms = Terms { strictness, roots, client: None, name, alpn: None };
            tls::handshake(conn, &terms, &context.places).await
        }
        Layer::Protocol => greet(target, context, conn).await,
        Layer::Auth => authenticate(target, conn).await,
        Layer::Query => look(target, conn).await,
        _ => Ok(Passed::default()),
    }
}

async fn greet(target: &Redis, context: &Context, conn: &mut Connection) -> Result<Passed, Failure> {
    match ask(conn, &["PING"], Layer::Protocol, false).await? {
        Reply::Error(words) if words.starts_with("NOAUTH") || words.contains("operation not permitted") => {
            session(conn).wants_password = true;
            Ok(Passed::default().with(Subject::Authentication, "password"))
        }
        // It greets; that it takes no writes concerns those who want to write.
        Reply::Error(words) if words.starts_with("MISCONF") => {
            session(conn).no_writes = Some(words.clone());
            Ok(Passed::default().with(Subject::Notice, words))
        }
        // PING may be forbidden to a user that may do everything that the program needs.
        Reply::Error(words) if words.starts_with("NOPERM") => Ok(Passed::default().with(Subject::Notice, words)),
        Reply::Error(words) => {
            let failure = judge(&words, Layer::Protocol);
            let about_us = failure.code == Code::HostNotPermitted && context.deepest <= Layer::Protocol;
            match about_us && target.password.is_none() {
                true => Ok(Passed::default().with(Subject::Notice, words)),
                false => Err(failure),
            }
        }
        _ => Ok(Passed::default().with(Subject::Authentication, "none")),
    }
}

async fn authenticate(target: &Redis, conn: &mut Connection) -> Result<Passed, Failure> {
    let Some(password) = &target.password else {
        return match session(conn).wants_password {
            true => Err(Failure::new(Code::PasswordMissing, "")),
            false => Ok(Passed::default()),
        };
    };
    let mut words = vec!["AUTH"];
    words.extend(target.user.as_deref());
    words.push(password.reveal());
    match ask(conn, &words, Layer::Auth, true).await? {
        Reply::Error(words) => Err(judge(&words, Layer::Auth)),
        _ => Ok(Passed::default()),
    }
}

async fn look(target: &Redis, conn: &mut Connection) -> Result<Passed, Failure> {
    let mut passed = Passed::default();
    if target.database != 0 {
        let number = target.database.to_string();
        if let Reply::Error(words) = ask(conn, &["SELECT", &number], Layer::Query, true).await? {
            return Err(judge(&words, Layer::Query));
        }
    }
    match ask(conn, &["PING"], Layer::Query, true).await? {
        Reply::Error(words) if words.starts_with("NOPERM") => passed.note(Subject::NotSeen, words),
        Reply::Error(words) if words.starts_with("MISCONF") => session(conn).no_writes = Some(words),
        Reply::Error(words) => return Err(judge(&words, Layer::Query)),
        Reply::Text(words) if words.eq_ignore_ascii_case("PONG") => {}
        other => return Err(Failure::new(Code::QueryFailed, format!("PING is answered with {}", other.kind()))),
    }
    let info = sections(conn, &mut passed).await?;
    let at = |name: &str| info.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    for (name, subject) in
        [("redis_version", Subject::ServerVersion), ("role", Subject::Role), ("connected_clients", Subject::Clients)]
    {
        if let Some(value) = at(name) {
            passed.note(subject, value);
        }
    }
    if at("loading") == Some("1") {
        return Err(Failure::new(Code::Loading, "INFO says loading:1"));
    }
    if at("cluster_enabled") == Some("1") {
        cluster(conn, &mut passed).await?;
    }
    let replica = at("role") == Some("slave");
    if replica && at("master_link_status") == Some("down") {
        passed.note(Subject::Notice, "the link to its master is down");
    }
    if target.writes && replica && at("slave_read_only") != Some("0") {
        return Err(Failure::new(Code::ReadOnly, "the server is a read-only replica"));
    }
    match &session(conn).no_writes {
        Some(words) if target.writes => Err(Failure::new(Code::ReadOnly, words)),
        _ => Ok(passed),
    }
}

/// INFO, as far as it is permitted.
async fn sections(conn: &mut Connection, passed: &mut Passed) -> Result<Vec<(String, String)>, Failure> {
    let mut info = Vec::new();
    for section in ["server", "replication", "persistence", "clients", "cluster"] {
        match ask(conn, &["INFO", section], Layer::Query, true).await? {
            Reply::Text(text) => info.extend(text.lines().filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })),
            Reply::Error(words) => {
                let failure = judge(&words, Layer::Query);
                if matches!(failure.code, Code::Loading | Code::MasterDown) {
                    return Err(failure);
                }
                passed.note(Subject::NotSeen, format!("INFO {section}: {words}"));
                break;
            }
            _ => break,
        }
    }
    Ok(info)
}

async fn cluster(conn: &mut Connection, passed: &mut Passed) -> Result<(), Failure> {
    match ask(conn, &["CLUSTER", "INFO"], Layer::Query, true).await? {
        Reply::Text(text) => match text.lines().find_map(|line| line.strip_prefix("cluster_state:")) {
            Some(state) if state.trim() != "ok" => {
                Err(Failure::new(Code::ClusterDown, format!("cluster_state:{}", state.trim())))
            }
            _ => Ok(()),
        },
        Reply::Error(words) => {
            passed.note(Subject::NotSeen, format!("CLUSTER INFO: {words}"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Sends one command and reads one answer.
async fn ask(conn: &mut Connection, words: &[&str], layer: Layer, greeted: bool) -> Result<Reply, Failure> {
    let sent = conn.send(&resp::command(words)).await;
    loop {
        match resp::parse(&conn.buffer) {
            Ok(Some((reply, len))) => {
                conn.consume(len);
                return Ok(reply);
            }
            Ok(None) => {}
            Err(what) if greeted => return Err(Failure::new(Code::OtherProtocol, what)),
            Err(_) => return Err(foreign(&conn.buffer)),
        }
        match conn.fill(ANSWER_MAX).await {
            Ok(0) => return Err(Broken::Closed.at(layer, greeted)),
            Ok(_) => {}
            // A server that is full says so and closes before it is asked: writing then fails, and
            // what it said is still there to read.
            Err(error) => return Err(Broken::from(sent.err().unwrap_or(error)).at(layer, greeted)),
        }
    }
}

fn foreign(bytes: &[u8]) -> Failure {
    match tongue(bytes) {
        "TLS" => Failure::new(Code::TlsRequired, "what answers speaks TLS; the address says no TLS (redis://)"),
        other => Failure::new(Code::OtherProtocol, format!("what answers speaks {other}, not Redis")),
    }
}

/// Words that Redis puts in front of an error, and what they mean.
const WORDS: &[(&str, Code)] = &[
    ("LOADING", Code::Loading),
    ("MASTERDOWN", Code::MasterDown),
    ("NOAUTH", Code::PasswordMissing),
    ("WRONGPASS", Code::PasswordRejected),
    ("NOPERM", Code::PermissionDenied),
    ("READONLY", Code::ReadOnly),
    ("MISCONF", Code::ReadOnly),
    ("NOREPLICAS", Code::ReadOnly),
    ("CLUSTERDOWN", Code::ClusterDown),
    ("DENIED", Code::HostNotPermitted),
    ("BUSY", Code::NotAccepting),
    ("ERR max number of clients", Code::ClientsFull),
    ("ERR max number of connections", Code::ClientsFull),
    ("ERR invalid password", Code::PasswordRejected),
    ("ERR invalid username-password", Code::PasswordRejected),
    ("ERR AUTH <password> called without any password", Code::PasswordRejected),
    ("ERR Client sent AUTH, but no password is set", Code::PasswordRejected),
    ("ERR DB index is out of range", Code::DatabaseMissing),
    ("ERR invalid DB index", Code::DatabaseMissing),
    ("ERR SELECT is not allowed in cluster mode", Code::DatabaseMissing),
    // Proxies in front of it (Twemproxy, Envoy).
    ("ERR Connection refused", Code::BackendDown),
    ("ERR no upstream host", Code::BackendDown),
    ("ERR upstream failure", Code::BackendDown),
];

/// What an error that came at `layer` means.
fn judge(words: &str, layer: Layer) -> Failure {
    let code = WORDS.iter().find(|(word, _)| words.starts_with(word)).map(|(_, code)| *code);
    let other = if layer >= Layer::Query { Code::QueryFailed } else { Code::ServerRefused };
    Failure::new(code.unwrap_or(other), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_redis_become_codes() {
        for (words, expected) in [
            ("LOADING Redis is loading the dataset in memory", Code::Loading),
            ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Code::MasterDown),
            ("NOAUTH Authentication required.", Code::PasswordMissing),
            ("WRONGPASS invalid username-password pair or user is disabled.", Code::PasswordRejected),
            ("ERR max number of clients reached", Code::ClientsFull),
            ("DENIED Redis is running in protected mode because ...", Code::HostNotPermitted),
            ("READONLY You can't write against a read only replica.", Code::ReadOnly),
            ("CLUSTERDOWN The cluster is down", Code::ClusterDown),
            ("ERR DB index is out of range", Code::DatabaseMissing),
            ("ERR something new", Code::ServerRefused),
        ] {
            assert_eq!(judge(words, Layer::Protocol).code, expected, "{words}");
        }
        assert_eq!(judge("ERR something new", Layer::Query).code, Code::QueryFailed);
    }
}
