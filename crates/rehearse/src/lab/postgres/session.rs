//! A Postgres client that holds connections: start-up and simple queries, nothing else.
//!
//! The lab needs connections that stay open, from inside any runtime or none. It must never be used to
//! judge a server's answer to a real client: it knows neither TLS nor any password exchange.
//!
//! Start reading at [`Session::open`].

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long one answer of a server may take before the session gives up, unless told otherwise.
const ANSWER: Duration = Duration::from_secs(30);
/// The longest message that is read: the lab asks small questions.
const LONGEST: usize = 1 << 20;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

/// Why a session could not be opened, or a query failed.
#[derive(Debug)]
pub enum Refusal {
    /// The server said no.
    Server {
        /// `FATAL`, `ERROR` and so on, not translated.
        severity: String,
        /// The SQLSTATE.
        code: String,
        /// The message.
        message: String,
    },
    /// The connection failed before the server said anything.
    Io(std::io::Error),
    /// The server said something that this client does not know.
    Unknown(String),
}

impl Refusal {
    /// The SQLSTATE, when the server gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Refusal::Server { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Server { severity, code, message } => write!(f, "{severity} {code}: {message}"),
            Refusal::Io(error) => write!(f, "{error}"),
            Refusal::Unknown(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Refusal::Io(error)
    }
}

/// One row of an answer: a text or NULL for each column.
pub type Row = Vec<Option<String>>;

enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An open connection; dropping it closes it.
pub struct Session {
    wire: Wire,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.wire {
            Wire::Tcp(_) => "Session over TCP",
            Wire::Unix(_) => "Session over a unix socket",
        })
    }
}

impl Session {
    /// Connects without a password, and waits until the server takes queries.
    ///
    /// # Errors
    ///
    /// What the server answered instead, or why there was no answer.
    pub fn open(at: &Endpoint, user: &str, database: &str, application: &str) -> Result<Session, Refusal> {
        let wire = match at {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, ANSWER)?;
                stream.set_nodelay(true)?;
                Wire::Tcp(stream)
            }
            Endpoint::Unix(path) => Wire::Unix(UnixStream::connect(path)?),
        };
        let mut session = Session { wire };
        session.limit(Some(ANSWER))?;
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, "application_name", application] {
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        session.send(None, &body)?;
        session.answer()?;
        Ok(session)
    }

    /// Asks in the simple protocol; several statements may be separated by semicolons.
    ///
    /// # Errors
    ///
    /// The server's first error, or why there was no answer.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Row>, Refusal> {
        self.ask(sql)?;
        self.answer()
    }

    /// Sends a query and does not wait for its answer: for what is meant to block.
    pub(crate) fn ask(&mut self, sql: &str) -> Result<(), Refusal> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)
    }

    /// How long one answer may take; `None` for as long as it takes.
    fn limit(&self, limit: Option<Duration>) -> std::io::Result<()> {
        match &self.wire {
            Wire::Tcp(stream) => stream.set_read_timeout(limit),
            Wire::Unix(stream) => stream.set_read_timeout(limit),
        }
    }

    /// Reads until the server is ready for the next query.
    fn answer(&mut self) -> Result<Vec<Row>, Refusal> {
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            let (kind, body) = match self.receive() {
                Ok(message) => message,
                // A FATAL is followed by the end of the connection: it is the answer.
                Err(error) => return Err(failed.unwrap_or(Refusal::Io(error))),
            };
            match kind {
                b'R' if body.get(..4) != Some(&[0, 0, 0, 0]) => {
                    return Err(Refusal::Unknown("the server asks for a password, which this client has not".into()));
                }
                b'E' => failed = failed.or(Some(refusal(&body))),
                b'D' => rows.push(row(&body).ok_or_else(|| Refusal::Unknown("a malformed row".into()))?),
                b'Z' => return failed.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<(), Refusal> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend((body.len() as u32 + 4).to_be_bytes());
        message.extend(body);
        match &mut self.wire {
            Wire::Tcp(stream) => stream.write_all(&message)?,
            Wire::Unix(stream) => stream.write_all(&message)?,
        }
        Ok(())
    }

    fn receive(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(std::io::Error::other(format!("a message of {length} bytes")));
        }
        let mut body = vec![0; length - 4];
        self.fill(&mut body)?;
        Ok((head[0], body))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        match &mut self.wire {
            Wire::Tcp(stream) => stream.read_exact(buffer),
            Wire::Unix(stream) => stream.read_exact(buffer),
        }
    }
}

/// The fields of an ErrorResponse that the lab shows.
fn refusal(body: &[u8]) -> Refusal {
    let field = |kind: u8| {
        body.split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&kind))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
            .unwrap_or_default()
    };
    Refusal::Server { severity: field(b'V'), code: field(b'C'), message: field(b'M') }
}

/// A DataRow: the number of columns, then length and bytes of each, -1 for NULL.
fn row(body: &[u8]) -> Option<Row> {
    let columns = u16::from_be_bytes(body.get(..2)?.try_into().ok()?);
    let mut rest = &body[2..];
    let mut row = Row::new();
    for _ in 0..columns {
        let length = i32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        rest = &rest[4..];
        if length < 0 {
            row.push(None);
            continue;
        }
        let value = rest.get(..length as usize)?;
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = &rest[length as usize..];
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_cut_ones_are_refused() {
        let body = [0, 3, 0, 0, 0, 1, b'a', 255, 255, 255, 255, 0, 0, 0, 0];
        assert_eq!(row(&body), Some(vec![Some("a".to_owned()), None, Some(String::new())]));
        for cut in 0..body.len() {
            assert_eq!(row(&body[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn an_error_is_told_by_its_untranslated_severity() {
        let refusal = refusal(b"SSCHWERWIEGEND\0VFATAL\0C57P03\0Mthe database system is starting up\0\0");
        assert_eq!(refusal.to_string(), "FATAL 57P03: the database system is starting up");
        assert_eq!(refusal.code(), Some("57P03"));
    }
}
