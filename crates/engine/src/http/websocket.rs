//! WebSocket (RFC 6455), client side, as much as one exchange of texts needs.

use super::answer::Head;
use crate::connection::Connection;
use crate::finding::{Failure, Passed, bounded};
use crate::wire::Broken;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use tminus_core::code::Code;
use tminus_core::target::Echo;
use tminus_core::vocabulary::Layer;

/// The constant of RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest message that is read.
const MESSAGE_MAX: usize = 64 << 10;
/// Most frames that are read for one message; a server may ping, and may fragment.
const FRAMES_MAX: usize = 256;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The nonce of a handshake.
pub(super) struct Key(String);

impl Key {
    pub(super) fn random() -> Key {
        Key(STANDARD.encode(random::<16>()))
    }

    pub(super) fn offered(&self) -> &str {
        &self.0
    }

    /// What a server must answer that understood it.
    fn accepted(&self) -> String {
        let text = format!("{}{GUID}", self.0);
        STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness a mask of zeros is still a mask; it protects proxies, not secrets.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// Did the server really switch?
pub(super) fn agreed(head: &Head, key: &Key) -> Result<(), Failure> {
    let bad = |what: &str| Err(Failure::new(Code::HttpNotUpgraded, what));
    let token = |list: &str, word: &str| list.split(',').any(|token| token.trim().eq_ignore_ascii_case(word));
    if !token(&head.upgrade, "websocket") || !token(&head.connection, "upgrade") {
        return bad("status 101, but not to WebSocket");
    }
    match head.accept == key.accepted() {
        true => Ok(()),
        false => bad("Sec-WebSocket-Accept is not the answer to the key that was sent"),
    }
}

/// Sends a text and looks for one in the answer.
pub(super) async fn echo(conn: &mut Connection, echo: &Echo) -> Result<Passed, Failure> {
    if let Some(text) = &echo.send {
        send(conn, TEXT, text.as_bytes()).await?;
    }
    if let Some(expected) = &echo.expect {
        let message = message(conn).await?;
        let text = String::from_utf8_lossy(&message);
        if !text.contains(expected.as_str()) {
            let detail = format!("the answer is `{}`; `{}` is asked for", bounded(&text), bounded(expected));
            return Err(Failure::new(Code::EchoMismatch, detail));
        }
    }
    Ok(Passed::default())
}

/// The goodbye: a close frame, normal closure.
pub(crate) fn goodbye() -> Vec<u8> {
    frame(CLOSE, &1000u16.to_be_bytes(), random())
}

async fn send(conn: &mut Connection, kind: u8, payload: &[u8]) -> Result<(), Failure> {
    let frame = frame(kind, payload, random());
    conn.send(&frame).await.map_err(|error| Broken::from(error).at(Layer::Query, true))
}

/// A whole, masked frame.
fn frame(kind: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0x80 | kind];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// One frame of the server.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    last: bool,
    kind: u8,
    payload: Vec<u8>,
}

/// The first frame in `bytes` and its length; `None`: not all of it is there yet.
fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>, &'static str> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err("a frame with an extension that was not agreed on");
    }
    if second & 0x80 != 0 {
        return Err("a masked frame of a server");
    }
    let (len, start) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 10),
            None => return Ok(None),
        },
        len => (u64::from(*len), 2),
    };
    let len = usize::try_from(len).ok().filter(|len| *len <= MESSAGE_MAX).ok_or("a frame that is too long")?;
    let Some(payload) = bytes.get(start..start + len) else { return Ok(None) };
    Ok(Some((Frame { last: first & 0x80 != 0, kind: first & 15, payload: payload.to_vec() }, start + len)))
}

/// The next message; pings are answered on the way.
async fn message(conn: &mut Connection) -> Result<Vec<u8>, Failure> {
    let bad = |what: &str| Failure::new(Code::EchoMismatch, what);
    let mut message = Vec::new();
    let mut frames = 0;
    while frames < FRAMES_MAX {
        let Some((frame, len)) = parse(&conn.buffer).map_err(bad)? else {
            match conn.fill(MESSAGE_MAX + 16).await {
                Ok(0) => return Err(bad("the connection was closed before an answer")),
                Ok(_) => continue,
                Err(error) => return Err(Broken::from(error).at(Layer::Query, true)),
            }
        };
        conn.consume(len);
        frames += 1;
        match frame.kind {
            TEXT | BINARY | CONTINUATION => {
                message.extend(frame.payload);
                if message.len() > MESSAGE_MAX {
                    return Err(bad("a message that is too long"));
                }
                if frame.last {
                    return Ok(message);
                }
            }
            PING => send(conn, PONG, &frame.payload).await?,
            CLOSE => {
                let code = frame.payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                return Err(bad(&format!("the server closed the WebSocket with code {}", code.unwrap_or(1005))));
            }
            _ => {}
        }
    }
    Err(bad("many frames and no message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_accept_is_that_of_the_standard() {
        assert_eq!(Key("dGhlIHNhbXBsZSBub25jZQ==".into()).accepted(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn frames_are_those_of_the_standard() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(TEXT, b"Hello", [0x37, 0xfa, 0x21, 0x3d]), hello);
        let whole = [0x81, 5, b'H', b'e', b'l', b'l', b'o'];
        assert_eq!(parse(&whole), Ok(Some((Frame { last: true, kind: TEXT, payload: b"Hello".to_vec() }, 7))));
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), Ok(None));
        }
        assert!(parse(&hello).is_err());
        assert!(parse(&[0x81, 127, 255, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert_eq!(frame(TEXT, &[0; 300], [0; 4]).len(), 300 + 8);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
