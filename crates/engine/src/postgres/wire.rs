//! Messages of the server, one by one, each within bounds.

use crate::connection::Connection;
use crate::finding::Failure;
use crate::wire::{Broken, tongue};
use postgres_protocol::message::backend::Message;
use tminus_core::code::Code;
use tminus_core::vocabulary::Layer;

/// Longest message that is read. Rows of our own queries and errors are far shorter.
const MESSAGE_MAX: usize = 64 << 10;
/// Longest text of a server that died before it could speak the protocol (libpq reads as much).
const BARE_ERROR_MAX: usize = 30_000;

/// The next message; one that was read ahead first.
pub(super) async fn next(conn: &mut Connection, layer: Layer) -> Result<Message, Failure> {
    let session = super::session(conn);
    if let Some(message) = session.ahead.take() {
        return Ok(message);
    }
    read(conn).await.map_err(|broken| broken.at(layer, true))
}

/// The answer to the startup message. Notices before it are skipped.
pub(super) async fn first(conn: &mut Connection) -> Result<Message, Failure> {
    loop {
        if conn.buffer.is_empty() {
            match conn.fill(MESSAGE_MAX).await {
                Ok(0) => return Err(Broken::Closed.at(Layer::Protocol, false)),
                Ok(_) => {}
                Err(error) => return Err(Broken::from(error).at(Layer::Protocol, false)),
            }
        }
        if !matches!(conn.buffer[0], b'R' | b'E' | b'N' | b'v') {
            let what = format!("what answers speaks {}, not Postgres", tongue(&conn.buffer));
            return Err(Failure::new(Code::OtherProtocol, what));
        }
        if let Some(text) = bare_error(conn).await {
            let words = super::refusal::Words { message: text, ..Default::default() };
            return Err(super::refusal::judge(&words, Layer::Protocol));
        }
        // NegotiateProtocolVersion: the server speaks an older minor version; 3.0 is all we need.
        if conn.buffer[0] == b'v' {
            skip(conn).await.map_err(|broken| broken.at(Layer::Protocol, false))?;
            continue;
        }
        match read(conn).await.map_err(|broken| broken.at(Layer::Protocol, false))? {
            Message::NoticeResponse(_) => {}
            message => return Ok(message),
        }
    }
}

/// `E` and a text up to a zero: what a server says that could not even fork (and what some
/// proxies say). A length that no message has tells it from an ErrorResponse.
async fn bare_error(conn: &mut Connection) -> Option<String> {
    if conn.buffer.first() != Some(&b'E') {
        return None;
    }
    while conn.buffer.len() < 5 {
        if !matches!(conn.fill(BARE_ERROR_MAX).await, Ok(1..)) {
            break;
        }
    }
    let plausible = |len: usize| (8..=BARE_ERROR_MAX).contains(&len);
    if length(&conn.buffer).is_some_and(plausible) {
        return None;
    }
    while !conn.buffer.contains(&0) && conn.buffer.len() < BARE_ERROR_MAX {
        if !matches!(conn.fill(BARE_ERROR_MAX).await, Ok(1..)) {
            break;
        }
    }
    let text = conn.buffer[1..].split(|byte| *byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(text).into_owned())
}

fn length(buffer: &[u8]) -> Option<usize> {
    let bytes: [u8; 4] = buffer.get(1..5)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// Waits until the whole next message is in the buffer.
async fn whole(conn: &mut Connection) -> Result<usize, Broken> {
    loop {
        if let Some(len) = length(&conn.buffer) {
            if !(4..=MESSAGE_MAX).contains(&len) {
                let what = format!("a message of {len} bytes: no Postgres, or longer than any that is expected");
                return Err(Broken::Nonsense(what));
            }
            if conn.buffer.len() > len {
                return Ok(len + 1);
            }
        }
        if conn.fill(MESSAGE_MAX + 4096).await? == 0 {
            return Err(Broken::Closed);
        }
    }
}

async fn skip(conn: &mut Connection) -> Result<(), Broken> {
    let len = whole(conn).await?;
    conn.consume(len);
    Ok(())
}

async fn read(conn: &mut Connection) -> Result<Message, Broken> {
    let len = whole(conn).await?;
    let mut bytes = conn.buffer.split_to(len);
    match Message::parse(&mut bytes) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Broken::Nonsense("a message that ends too early".to_owned())),
        Err(error) => Err(Broken::Nonsense(format!("a message that is none of Postgres': {error}"))),
    }
}
