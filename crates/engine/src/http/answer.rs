//! Head and body of an answer, within bounds.

use crate::connection::Connection;
use crate::finding::{Failure, bounded};
use crate::wire::{Broken, tongue};
use std::time::Duration;
use tminus_core::Timestamp;
use tminus_core::code::Code;
use tminus_core::vocabulary::Layer;

/// Longest head.
const HEAD_MAX: usize = 32 << 10;
/// Most header lines.
const HEADERS_MAX: usize = 100;
/// Longest body; a body that is longer is no answer of a health endpoint.
const BODY_MAX: usize = 64 << 10;
/// Longest wish of a server that is believed.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// What of the head is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    pub reason: String,
    pub location: Option<String>,
    pub retry_after: Option<Duration>,
    pub clock_ahead: Option<i64>,
    pub upgrade: String,
    pub connection: String,
    pub accept: String,
    length: Option<usize>,
    chunked: bool,
}

/// Reads the head; interim answers (1xx but 101) are skipped.
pub(super) async fn head(conn: &mut Connection) -> Result<Head, Failure> {
    let mut greeted = false;
    loop {
        match parse(&conn.buffer, Timestamp::now().as_second()) {
            Ok(Some((head, len))) => {
                conn.consume(len);
                greeted = true;
                if !(100..200).contains(&head.status) || head.status == 101 {
                    return Ok(head);
                }
                continue;
            }
            Ok(None) => {}
            Err(()) => return Err(foreign(&conn.buffer)),
        }
        match conn.fill(HEAD_MAX).await {
            Ok(0) => return Err(Broken::Closed.at(Layer::Protocol, greeted)),
            Ok(_) => {}
            Err(error) => return Err(Broken::from(error).at(Layer::Protocol, greeted)),
        }
    }
}

fn foreign(bytes: &[u8]) -> Failure {
    match tongue(bytes) {
        "TLS" => Failure::new(Code::TlsRequired, "what answers speaks TLS; the address says no TLS (http://)"),
        "HTTP" => Failure::new(Code::OtherProtocol, "an answer of HTTP that cannot be read"),
        other => Failure::new(Code::OtherProtocol, format!("what answers speaks {other}, not HTTP")),
    }
}

/// The head in `bytes` and its length; `now` is Unix time.
fn parse(bytes: &[u8], now: i64) -> Result<Option<(Head, usize)>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(()),
    };
    let mut head =
        Head { status: response.code.unwrap_or(0), reason: bounded(response.reason.unwrap_or("")), ..Head::default() };
    for header in response.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        match header.name.to_ascii_lowercase().as_str() {
            "location" => head.location = Some(without_query(&value)),
            "retry-after" => head.retry_after = retry_after(&value, now),
            "date" => head.clock_ahead = date(&value).map(|theirs| now - theirs).filter(|ahead| ahead.abs() > 60),
            "upgrade" => head.upgrade = value,
            "connection" => head.connection = value,
            "sec-websocket-accept" => head.accept = value,
            "content-length" => head.length = Some(value.parse().map_err(|_| ())?),
            "transfer-encoding" => head.chunked = value.to_ascii_lowercase().ends_with("chunked"),
            _ => {}
        }
    }
    Ok(Some((head, len)))
}

/// Tokens stand in the queries of addresses to log in at.
fn without_query(location: &str) -> String {
    bounded(location.split(['?', '#']).next().unwrap_or(""))
}

/// Seconds or a date, at most an hour.
fn retry_after(value: &str, now: i64) -> Option<Duration> {
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from(date(value)? - now).unwrap_or(0),
    };
    Some(Duration::from_secs(seconds).min(RETRY_MAX))
}

fn date(value: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(value).ok().map(|zoned| zoned.timestamp().as_second())
}

/// Reads the body: by length, in chunks, or until the server closes.
pub(super) async fn body(conn: &mut Connection, head: &Head) -> Result<Vec<u8>, Failure> {
    loop {
        let (whole, room) = match (head.chunked, head.length) {
            (true, _) => (chunks(&conn.buffer).map_err(|what| Failure::new(Code::BodyMismatch, what))?, 2 * BODY_MAX),
            (false, Some(len)) if len > BODY_MAX => return Err(too_long()),
            (false, Some(len)) => (conn.buffer.get(..len).map(<[u8]>::to_vec), BODY_MAX + 1),
            (false, None) => (None, BODY_MAX + 1),
        };
        if let Some(body) = whole {
            return Ok(body);
        }
        if conn.buffer.len() > BODY_MAX && !head.chunked || conn.buffer.len() >= room {
            return Err(too_long());
        }
        match conn.fill(room).await {
            Ok(0) if !head.chunked && head.length.is_none() => return Ok(conn.buffer.to_vec()),
            // TLS without close_notify: how many servers end an answer.
            Err(error)
                if error.kind() == std::io::ErrorKind::UnexpectedEof && !head.chunked && head.length.is_none() =>
            {
                return Ok(conn.buffer.to_vec());
            }
            Ok(0) => return Err(Failure::new(Code::BodyMismatch, "the body ends too early")),
            Ok(_) => {}
            Err(error) => return Err(Broken::from(error).at(Layer::Query, true)),
        }
    }
}

fn too_long() -> Failure {
    Failure::new(Code::BodyMismatch, format!("the body is longer than {BODY_MAX} bytes"))
}

/// The body of a chunked message; `None`: not all of it is there yet.
fn chunks(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk that has no size"),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| "a chunk that is too long")?;
        if body.len() + size.min(BODY_MAX + 1) > BODY_MAX {
            return Err("the body is longer than 65536 bytes");
        }
        let Some(data) = bytes.get(start..start + size) else { return Ok(None) };
        body.extend_from_slice(data);
        match bytes.get(start + size..start + size + 2) {
            Some(b"\r\n") => bytes = &bytes[start + size + 2..],
            Some(_) => return Err("a chunk that does not end where it says"),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    fn read(text: &str) -> Head {
        parse(text.as_bytes(), NOW).unwrap().unwrap().0
    }

    #[test]
    fn a_head_gives_status_wish_and_clock() {
        let head = read(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nDate: Sun, 06 Nov 1994 08:47:37 GMT\r\n\
             Location: /login?token=abc\r\n\r\n",
        );
        assert_eq!((head.status, head.retry_after, head.clock_ahead), (503, Some(Duration::from_secs(7)), Some(120)));
        assert_eq!(head.location.as_deref(), Some("/login"));
        let head = read("HTTP/1.0 429 \r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n\r\n");
        assert_eq!(head.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(read("HTTP/1.1 429 x\r\nRetry-After: 999999\r\n\r\n").retry_after, Some(RETRY_MAX));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nDate", NOW), Ok(None));
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n", NOW), Err(()));
    }

    #[test]
    fn chunks_are_joined_within_bounds() {
        assert_eq!(chunks(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), Ok(Some(b"abcde".to_vec())));
        assert_eq!(chunks(b"3\r\nab"), Ok(None));
        assert!(chunks(b"3\r\nabcd\r\n").is_err());
        assert!(chunks(b"zz\r\n").is_err());
        assert!(chunks(b"ffffffff\r\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, NOW);
            let _ = chunks(&bytes);
            let mut shaped = b"HTTP/1.1 200 OK\r\n".to_vec();
            shaped.extend(&bytes);
            let _ = parse(&shaped, NOW);
        }
    }
}
