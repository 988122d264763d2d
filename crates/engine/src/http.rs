//! HTTP/1.1 and WebSocket: one GET, and what its answer means.
//!
//! It never follows a redirect (a page to log in at is no success) and never sends credentials
//! unless it is asked to go as deep as `auth`. Head and body are bounded.
//! Where to start reading: [`handshake`].

mod answer;
mod websocket;

pub(crate) use websocket::goodbye;

use crate::connection::{Connection, Session as Protocol};
use crate::finding::{Failure, Note, Passed, Subject};
use crate::probe::Context;
use crate::tls::{self, Strictness, Terms};
use crate::trust::Source;
use crate::wire::Broken;
use answer::Head;
use std::path::PathBuf;
use tminus_core::code::Code;
use tminus_core::target::Http;
use tminus_core::vocabulary::Layer;

/// How far the exchange came.
#[derive(Debug, Default)]
pub(crate) struct Session {
    head: Option<Head>,
    pub(crate) websocket: bool,
}

/// Takes a connection through one layer.
pub(crate) async fn handshake(
    target: &Http,
    context: &Context,
    conn: &mut Connection,
    layer: Layer,
) -> Result<Passed, Failure> {
    match layer {
        Layer::Tls => {
            let roots = target.root_cert.as_ref().map_or(Source::System, |file| Source::File(PathBuf::from(file)));
            let name = context.name_of(conn);
            let terms = Terms { strictness: Strictness::Name, roots, client: None, name, alpn: Some(b"http/1.1") };
            tls::handshake(conn, &terms, &context.places).await
        }
        Layer::Protocol => ask(target, context, conn).await,
        Layer::Auth => {
            let head = head(conn)?;
            match head.status {
                status @ (401 | 403) if !wanted(target, status) => Err(refused(head, Code::HttpUnauthorized)),
                _ => Ok(Passed::default()),
            }
        }
        Layer::Query => judge(target, conn).await,
        _ => Ok(Passed::default()),
    }
}

fn head(conn: &Connection) -> Result<&Head, Failure> {
    match &conn.session {
        Protocol::Http(Session { head: Some(head), .. }) => Ok(head),
        _ => Err(Failure::new(Code::Internal, "the answer is looked at before it was asked for")),
    }
}

fn wanted(target: &Http, status: u16) -> bool {
    match target.expect.status.as_slice() {
        [] if target.expect.websocket.is_some() => status == 101,
        [] => (200..300).contains(&status),
        listed => listed.contains(&status),
    }
}

/// Sends the request and reads the head of the answer.
async fn ask(target: &Http, context: &Context, conn: &mut Connection) -> Result<Passed, Failure> {
    let key = target.expect.websocket.as_ref().map(|_| websocket::Key::random());
    let request = request(target, context.deepest, key.as_ref());
    conn.send(request.as_bytes()).await.map_err(|error| Broken::from(error).at(Layer::Protocol, false))?;
    let head = answer::head(conn).await?;
    let notes = notes(&head);
    let outcome = match (&key, head.status) {
        (_, status) if !wanted(target, status) && early(status).is_some() => {
            Err(refused(&head, early(status).unwrap_or(Code::HttpError)))
        }
        (Some(key), 101) => websocket::agreed(&head, key),
        // Who is refused for lack of credentials is told so by the next layer.
        (Some(_), status) if !matches!(status, 401 | 403) => Err(refused(&head, Code::HttpNotUpgraded)),
        _ => Ok(()),
    };
    let websocket = key.is_some() && outcome.is_ok() && head.status == 101;
    conn.session = Protocol::Http(Session { head: Some(head), websocket });
    outcome.map(|()| Passed { notes, slots: None })
}

/// Answers that say something about the server itself, not about this request.
fn early(status: u16) -> Option<Code> {
    match status {
        502..=504 => Some(Code::HttpUnavailable),
        500..=599 => Some(Code::HttpError),
        429 => Some(Code::HttpTooMany),
        _ => None,
    }
}

fn notes(head: &Head) -> Vec<Note> {
    let mut notes = vec![Note::new(Subject::Status, head.status)];
    if let Some(location) = &head.location {
        notes.push(Note::new(Subject::Location, location));
    }
    if let Some(ahead) = head.clock_ahead {
        notes.push(Note::new(Subject::ClockAhead, ahead));
    }
    notes
}

fn refused(head: &Head, code: Code) -> Failure {
    let detail = match &head.location {
        Some(location) => format!("status {} {}, to {location}", head.status, head.reason),
        None => format!("status {} {}", head.status, head.reason),
    };
    Failure { retry_after: head.retry_after, notes: notes(head), ..Failure::new(code, detail) }
}

fn request(target: &Http, deepest: Layer, key: Option<&websocket::Key>) -> String {
    let line = |text: &str| text.replace(['\r', '\n'], "");
    let mut out = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tminus/{}\r\nAccept: */*\r\n",
        line(&target.path),
        line(&target.host),
        env!("CARGO_PKG_VERSION")
    );
    match key {
        Some(key) => out.push_str(&format!(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
            key.offered()
        )),
        None => out.push_str("Connection: close\r\n"),
    }
    if deepest >= Layer::Auth {
        for (name, value) in &target.headers {
            out.push_str(&format!("{}: {}\r\n", line(name), line(value.reveal())));
        }
    }
    out.push_str("\r\n");
    out
}

/// Status and body, or the exchange over a WebSocket.
async fn judge(target: &Http, conn: &mut Connection) -> Result<Passed, Failure> {
    let head = head(conn)?.clone();
    if !wanted(target, head.status) {
        return Err(refused(&head, Code::HttpStatus));
    }
    if let Some(echo) = &target.expect.websocket {
        return websocket::echo(conn, echo).await;
    }
    if target.expect.json.is_empty() {
        return Ok(Passed::default());
    }
    let body = answer::body(conn, &head).await?;
    let size = body.len();
    let json: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| Failure::new(Code::BodyMismatch, format!("the body is no JSON: {error}")))?;
    for (pointer, expected) in &target.expect.json {
        match json.pointer(pointer) {
            Some(found) if found == expected => {}
            Some(found) => {
                let detail = format!("{pointer} is {found}, not {expected}");
                return Err(Failure::new(Code::BodyMismatch, detail));
            }
            None => return Err(Failure::new(Code::BodyMismatch, format!("{pointer} is not in the body"))),
        }
    }
    Ok(Passed::default().with(Subject::Size, size))
}
