//! A Redis client that holds connections and asks small things: RESP2, over TCP or a socket.
//!
//! It must never be used to judge how a real client fares: it knows no TLS.
//!
//! Start reading at [`Client::ask`].

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// The longest answer, and the most elements of an array, that are read.
const LONGEST: usize = 1 << 20;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, as `OK`.
    Status(String),
    /// An error, with its code: `NOAUTH Authentication required.`
    Error(String),
    /// A number.
    Integer(i64),
    /// A text, or nothing.
    Bulk(Option<String>),
    /// Several of these.
    Array(Vec<Reply>),
}

/// An open connection; dropping it closes it.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to a socket; nothing is asked.
    pub(super) fn open(socket: &Path) -> std::io::Result<Client> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Asks one thing and reads one answer.
    ///
    /// # Errors
    ///
    /// When the connection ends, or the answer is not RESP2. An error reply is an answer.
    pub fn ask(&mut self, words: &[&str]) -> std::io::Result<Reply> {
        self.send(words)?;
        self.read()
    }

    /// Asks and reads nothing yet.
    pub(super) fn send(&mut self, words: &[&str]) -> std::io::Result<()> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes())
    }

    /// Reads one answer.
    pub(super) fn read(&mut self) -> std::io::Result<Reply> {
        read(&mut self.stream)
    }
}

fn read(stream: &mut impl BufRead) -> std::io::Result<Reply> {
    let malformed = |what: &str| std::io::Error::other(format!("not RESP2: {what}"));
    let mut line = String::new();
    if stream.by_ref().take(LONGEST as u64).read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end_matches(['\r', '\n']);
    let Some(rest) = line.get(1..) else { return Err(malformed("an empty line")) };
    let count = || rest.parse::<i64>().ok().filter(|n| *n <= LONGEST as i64).ok_or_else(|| malformed(line));
    Ok(match line.as_bytes()[0] {
        b'+' => Reply::Status(rest.to_owned()),
        b'-' => Reply::Error(rest.to_owned()),
        b':' => Reply::Integer(count()?),
        b'$' => match usize::try_from(count()?) {
            Err(_) => Reply::Bulk(None),
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Reply::Bulk(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
        },
        b'*' => Reply::Array((0..count()?).map(|_| read(stream)).collect::<std::io::Result<_>>()?),
        _ => return Err(malformed(line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_is_read() {
        let mut bytes: &[u8] = b"*5\r\n+OK\r\n-LOADING x\r\n:7\r\n$2\r\nhi\r\n$-1\r\n";
        let reply = read(&mut bytes).unwrap();
        let expected = [
            Reply::Status("OK".to_owned()),
            Reply::Error("LOADING x".to_owned()),
            Reply::Integer(7),
            Reply::Bulk(Some("hi".to_owned())),
            Reply::Bulk(None),
        ];
        assert_eq!(reply, Reply::Array(expected.to_vec()));
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        for bytes in ["", "\r\n", "HTTP/1.1 400\r\n", "$999999999\r\n", "$5\r\nab"] {
            assert!(read(&mut bytes.as_bytes()).is_err(), "{bytes:?}");
        }
    }
}
