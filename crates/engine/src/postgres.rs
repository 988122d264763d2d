//! Postgres: from SSLRequest to the tables, one layer at a time.
//!
//! It sends what libpq would send and nothing more, and never goes deeper than it is told. Every
//! message of the server is bounded. Words of servers and poolers become codes in `refusal.rs`.
//! Where to start reading: [`handshake`].

mod auth;
mod encryption;
mod passfile;
mod query;
mod refusal;
mod wire;

use crate::connection::{Connection, Session as Protocol};
use crate::finding::{Failure, Passed, Subject};
use crate::probe::Context;
use crate::wire::Broken;
use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use std::collections::BTreeMap;
use tminus_core::code::Code;
use tminus_core::target::Postgres;
use tminus_core::vocabulary::Layer;

/// The goodbye.
pub(crate) const TERMINATE: &[u8] = b"X\0\0\0\x04";
/// The name under which probes stand in `pg_stat_activity`.
const APPLICATION: &str = "tminus";
/// Who asks when the target names no user: the server's greeting needs none that exists.
const NOBODY: &str = "tminus";
/// Most parameters that a server may report; Postgres reports about fifteen.
const PARAMETERS_MAX: usize = 64;

/// How far the protocol came.
#[derive(Default)]
pub(crate) struct Session {
    /// The answer to the startup message, when it asks for authentication.
    pending: Option<Message>,
    /// A message that was read ahead.
    ahead: Option<Message>,
    greeted: bool,
    authenticated: bool,
    /// A way that `prefer` and `allow` try second was tried.
    second_way: bool,
    parameters: BTreeMap<String, String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("greeted", &self.greeted).finish_non_exhaustive()
    }
}

impl Session {
    /// True when the server waits for more from us, so that a goodbye is due.
    pub(crate) fn is_open(&self) -> bool {
        self.greeted
    }
}

/// The session of a connection, made when it is first needed.
fn session(conn: &mut Connection) -> &mut Session {
    if !matches!(conn.session, Protocol::Postgres(_)) {
        conn.session = Protocol::Postgres(Session::default());
    }
    match &mut conn.session {
        Protocol::Postgres(session) => session,
        _ => unreachable!("set above"),
    }
}

/// Takes a connection through one layer.
pub(crate) async fn handshake(
    target: &Postgres,
    context: &Context,
    conn: &mut Connection,
    layer: Layer,
) -> Result<Passed, Failure> {
    match layer {
        Layer::Tls => encryption::negotiate(target, context, conn).await,
        Layer::Protocol => greet(target, context, conn).await,
        Layer::Auth => auth::authenticate(target, context, conn).await,
        Layer::Slot => slot(conn).await,
        Layer::Query => query::look(target, conn).await,
        Layer::Schema => query::schema(target, conn).await,
        _ => Ok(Passed::default()),
    }
}

/// Runs one statement on a connection that has passed the slot layer; the rows as text, bounded.
pub(crate) async fn statement(conn: &mut Connection, statement: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
    query::ask(conn, Layer::Query, statement).await?.map_err(|words| refusal::judge(&words, Layer::Query))
}

/// The startup message and the first answer to it.
async fn greet(target: &Postgres, context: &Context, conn: &mut Connection) -> Result<Passed, Failure> {
    match start(target, conn).await {
        Ok(()) => Ok(greeting(conn)),
        Err(failure) => match encryption::second_way(target, context, conn, &failure).await {
            Some(Ok(())) => Ok(greeting(conn)),
            Some(Err(failure)) => greeted_anyway(failure, target, context),
            None => greeted_anyway(failure, target, context),
        },
    }
}

/// An error about who is asking is a greeting, when nobody in particular was to ask.
fn greeted_anyway(failure: Failure, target: &Postgres, context: &Context) -> Result<Passed, Failure> {
    let about_us = failure.code.layer() == Layer::Auth || failure.code == Code::PermissionDenied;
    let shallow = context.deepest <= Layer::Protocol || target.user.is_none();
    match about_us && shallow && failure.code != Code::ClosedAfterGreeting {
        true => Ok(Passed { notes: failure.notes, slots: None }.with(Subject::Notice, failure.detail)),
        false => Err(failure),
    }
}

/// Sends the startup message and keeps the answer when it is no error.
async fn start(target: &Postgres, conn: &mut Connection) -> Result<(), Failure> {
    let mut message = BytesMut::new();
    let mut parameters = vec![
        ("user", target.user.as_deref().unwrap_or(NOBODY)),
        ("application_name", APPLICATION),
        ("client_encoding", "UTF8"),
    ];
    if let Some(database) = &target.database {
        parameters.push(("database", database));
    }
    frontend::startup_message(parameters, &mut message).map_err(|error| Failure::new(Code::ValueMalformed, error))?;
    conn.send(&message).await.map_err(|error| Broken::from(error).at(Layer::Protocol, false))?;
    let message = wire::first(conn).await?;
    match message {
        Message::ErrorResponse(body) => {
            session(conn).greeted = false;
            Err(refusal::judge(&refusal::Words::of(&body), Layer::Protocol))
        }
        message => {
            let session = session(conn);
            session.greeted = true;
            session.pending = Some(message);
            Ok(())
        }
    }
}

/// Notes about the first answer.
fn greeting(conn: &mut Connection) -> Passed {
    let passed = Passed::default();
    match session(conn).pending.as_ref().and_then(auth::kind) {
        Some(kind) => passed.with(Subject::Authentication, kind),
        None => passed,
    }
}

/// From the end of authentication to the first ReadyForQuery: a slot is ours.
async fn slot(conn: &mut Connection) -> Result<Passed, Failure> {
    let mut passed = Passed::default();
    loop {
        let message = wire::next(conn, Layer::Slot).await?;
        match message {
            Message::ReadyForQuery(_) => break,
            Message::ErrorResponse(body) => return Err(refusal::judge(&refusal::Words::of(&body), Layer::Slot)),
            Message::ParameterStatus(body) => {
                let (Ok(name), Ok(value)) = (body.name(), body.value()) else { continue };
                let session = session(conn);
                if session.parameters.len() < PARAMETERS_MAX {
                    session.parameters.insert(name.to_owned(), value.to_owned());
                }
            }
            Message::NoticeResponse(body) => {
                passed.note(Subject::Notice, refusal::Words::of_notice(&body).message);
            }
            _ => {}
        }
    }
    if let Some(version) = session(conn).parameters.get("server_version") {
        passed.note(Subject::ServerVersion, version);
    }
    Ok(passed)
}
