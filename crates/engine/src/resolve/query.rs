//! One question to the resolvers: over UDP, the next resolver before the first has given up, over
//! TCP when an answer does not fit.

use super::files::Config;
use super::message::{Answer, Rcode, Read, question, read};
use crate::finding::Failure;
use ring::rand::{SecureRandom, SystemRandom};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tminus_core::code::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until, timeout};

/// After this long without an answer the next resolver is asked too.
const STAGGER: Duration = Duration::from_millis(400);
/// After this long a question is repeated to the same resolver: UDP loses packets.
const REPEAT: Duration = Duration::from_millis(1000);
/// Longest answer over UDP that is read. We offer no more than 512, some send more.
const DATAGRAM_MAX: usize = 4096;

/// Asks every resolver until one knows.
pub(super) async fn ask(config: &Config, name: &str, kind: u16) -> Result<(Answer, SocketAddr), Failure> {
    let [first, rest @ ..] = config.servers.as_slice() else {
        return Err(Failure::new(Code::ResolverSilent, "no resolver is configured"));
    };
    // At most three: futures of one type, those that are not used never begin.
    let one = one(config, *first, name, kind, Duration::ZERO);
    let two = maybe(config, rest.first().copied(), name, kind, STAGGER);
    let three = maybe(config, rest.get(1).copied(), name, kind, 2 * STAGGER);
    tokio::pin!(one, two, three);
    let mut outcomes = Vec::new();
    let (mut done_one, mut done_two, mut done_three) = (false, false, false);
    while !(done_one && done_two && done_three) {
        let outcome = tokio::select! {
            outcome = &mut one, if !done_one => { done_one = true; outcome }
            outcome = &mut two, if !done_two => { done_two = true; outcome }
            outcome = &mut three, if !done_three => { done_three = true; outcome }
        };
        match outcome {
            // SERVFAIL and the like: another resolver may know.
            Ok((answer, from)) if !matches!(answer.code, Rcode::Other(_)) => return Ok((answer, from)),
            other => outcomes.push(other),
        }
    }
    let failed = outcomes.iter().position(Result::is_ok).unwrap_or(0);
    outcomes.swap_remove(failed)
}

async fn maybe(
    config: &Config,
    server: Option<SocketAddr>,
    name: &str,
    kind: u16,
    wait: Duration,
) -> Result<(Answer, SocketAddr), Failure> {
    match server {
        Some(server) => one(config, server, name, kind, wait).await,
        None => Err(Failure::new(Code::ResolverSilent, "")),
    }
}

async fn one(
    config: &Config,
    server: SocketAddr,
    name: &str,
    kind: u16,
    wait: Duration,
) -> Result<(Answer, SocketAddr), Failure> {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let patience = config.timeout * config.attempts;
    let question = question(id(), name, kind);
    let silent = |what: String| Failure::new(Code::ResolverSilent, format!("{server}: {what}"));
    let outcome = timeout(patience, async {
        match config.tcp {
            true => stream(server, &question).await,
            false => match datagram(server, &question).await? {
                Read::Answer(answer) => Ok(answer),
                _ => stream(server, &question).await,
            },
        }
    });
    match outcome.await {
        Ok(Ok(answer)) => Ok((answer, server)),
        Ok(Err(error)) => Err(silent(crate::dial::words(&error))),
        Err(_) => Err(silent(format!("no answer within {} s", patience.as_secs()))),
    }
}

fn id() -> u16 {
    let mut bytes = [0; 2];
    // A connected socket with a random port guards against forgeries too.
    let _ = SystemRandom::new().fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

/// An answer or "truncated"; strays are ignored.
async fn datagram(server: SocketAddr, question: &[u8]) -> io::Result<Read> {
    let any: IpAddr = if server.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut bytes = [0; DATAGRAM_MAX];
    let mut again = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(again) => {
                socket.send(question).await?;
                again = Instant::now() + REPEAT;
            }
            got = socket.recv(&mut bytes) => match read(question, &bytes[..got?]) {
                Read::Stray => {}
                read => return Ok(read),
            }
        }
    }
}

async fn stream(server: SocketAddr, question: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let mut out = (question.len() as u16).to_be_bytes().to_vec();
    out.extend(question);
    stream.write_all(&out).await?;
    let len = stream.read_u16().await?;
    // A length of two bytes bounds it.
    let mut bytes = vec![0; usize::from(len)];
    stream.read_exact(&mut bytes).await?;
    match read(question, &bytes) {
        Read::Answer(answer) => Ok(answer),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not the answer to the question")),
    }
}
