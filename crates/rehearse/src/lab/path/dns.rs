//! A name server of the test's own: what it says about a name can be changed at any time.
//!
//! It serves UDP and TCP on the same port of 127.0.0.1 (or of another address of the thread's network
//! namespace). It must never ask anybody else: a name that it was not told of does not exist.
//!
//! Start reading at [`Dns::start`] and [`Answer`].

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::super::error::{Error, Result};

/// The time for which answers may be kept by a client; tests change them.
const TTL: u32 = 0;
/// More tries than there can be ports that are free for one protocol only.
const TRIES: usize = 64;
/// How long a client of the TCP side may take for its question.
const QUESTION: Duration = Duration::from_secs(10);

/// What the server says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses; for a question about the other family, none.
    Addresses(Vec<IpAddr>),
    /// The name does not exist (NXDOMAIN).
    NoName,
    /// The server failed (SERVFAIL).
    Failure,
    /// The server will not answer (REFUSED).
    Refused,
    /// Nothing at all.
    Silence,
    /// Over UDP only that the answer is too long (TC); over TCP these addresses.
    Truncated(Vec<IpAddr>),
    /// Something else, after this time.
    After(Duration, Box<Answer>),
    /// The first answer, then the second, then the first again: flapping. It turns with every question of any family.
    Turns(Box<Answer>, Box<Answer>),
}

impl Answer {
    /// One address.
    pub fn address(address: impl Into<IpAddr>) -> Answer {
        Answer::Addresses(vec![address.into()])
    }
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, Answer>,
    asked: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    done: AtomicBool,
    /// Ends the delays of answers when the server ends.
    ended: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name server; it ends when this is dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    udp: UdpSocket,
    tcp: TcpListener,
    threads: Vec<JoinHandle<()>>,
}

impl Dns {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port is free for both protocols.
    pub fn start() -> Result<Dns> {
        let mut failed = None;
        for _ in 0..TRIES {
            match Self::on((Ipv4Addr::LOCALHOST, 0).into()) {
                Ok(server) => return Ok(server),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or(Error::Cannot {
            what: "serve names",
            why: "no port was tried".to_owned(),
            next: "raise the number of tries",
        }))
    }

    /// Serves on this address, in the network namespace of the thread that calls.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours.
    pub fn on(address: SocketAddr) -> Result<Dns> {
        let failed = || Error::io(format!("serve names on {address}"));
        let udp = UdpSocket::bind(address).map_err(failed())?;
        let address = udp.local_addr().map_err(failed())?;
        let tcp = TcpListener::bind(address).map_err(failed())?;
        let shared = Arc::new(Shared::default());
        let (their_udp, their_tcp) = (udp.try_clone().map_err(failed())?, tcp.try_clone().map_err(failed())?);
        let (first, second) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || serve_udp(&their_udp, &first)),
            std::thread::spawn(move || serve_tcp(&their_tcp, &second)),
        ];
        Ok(Dns { address, shared, udp, tcp, threads })
    }

    /// What it says about `name` from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        self.shared.state().names.insert(key(name), answer);
    }

    /// How often it was asked about `name`, over both protocols and all types of records.
    pub fn asked(&self, name: &str) -> u64 {
        self.shared.state().asked.get(&key(name)).copied().unwrap_or(0)
    }

    /// Where it serves, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::SeqCst);
        drop(self.shared.state());
        self.shared.ended.notify_all();
        let _ = rustix::net::shutdown(&self.tcp, rustix::net::Shutdown::Both);
        // A UDP socket that is connected to nobody is woken by a shutdown too, though the call fails.
        let _ = rustix::net::shutdown(&self.udp, rustix::net::Shutdown::Both);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Names are compared without case and without the dot at the end.
fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn serve_udp(socket: &UdpSocket, shared: &Arc<Shared>) {
    let mut buffer = [0; 4096];
    let mut answering: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let received = socket.recv_from(&mut buffer);
        if shared.done.load(Ordering::SeqCst) {
            break;
        }
        let Ok((length, from)) = received else { continue };
        let question = buffer[..length].to_vec();
        let (Ok(socket), shared) = (socket.try_clone(), Arc::clone(shared)) else { continue };
        answering.retain(|thread| !thread.is_finished());
        answering.push(std::thread::spawn(move || {
            if let Some(bytes) = reply(&question, &shared, true) {
                // A client that has gone needs no answer.
                let _ = socket.send_to(&bytes, from);
            }
        }));
    }
    for thread in answering {
        let _ = thread.join();
    }
}

fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut answering: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if shared.done.load(Ordering::SeqCst) {
            break;
        }
        answering.retain(|(_, thread)| !thread.is_finished());
        let (Ok(twin), shared) = (stream.try_clone(), Arc::clone(shared)) else { continue };
        answering.push((twin, std::thread::spawn(move || drop(converse(&stream, &shared)))));
    }
    for (stream, thread) in answering {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = thread.join();
    }
}

/// Over TCP each message has its length before it.
fn converse(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(QUESTION))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        if let Some(bytes) = reply(&question, shared, false) {
            let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())?;
        }
    }
}

/// The bytes of the answer, when there is one.
fn reply(question: &[u8], shared: &Shared, udp: bool) -> Option<Vec<u8>> {
    let message = Packet::parse(question).ok()?;
    let recursion = message.has_flags(PacketFlag::RECURSION_DESIRED);
    let mut message = message.into_reply();
    let asked = message.questions.first()?.clone();
    let name = key(&asked.qname.to_string());
    let mut answer = {
        let mut state = shared.state();
        *state.asked.entry(name.clone()).or_default() += 1;
        let answer = state.names.get(&name).cloned().unwrap_or(Answer::NoName);
        if let Answer::Turns(now, next) = answer {
            state.names.insert(name, Answer::Turns(next, now.clone()));
            *now
        } else {
            answer
        }
    };
    while let Answer::After(time, then) = answer {
        let (_guard, waited) = shared
            .ended
            .wait_timeout_while(shared.state(), time, |_| !shared.done.load(Ordering::SeqCst))
            .unwrap_or_else(PoisonError::into_inner);
        if !waited.timed_out() {
            return None;
        }
        answer = *then;
    }
    message.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if recursion {
        message.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    let addresses = match answer {
        Answer::Silence => return None,
        Answer::NoName => return finish(message, RCODE::NameError),
        Answer::Failure | Answer::After(..) => return finish(message, RCODE::ServerFailure),
        Answer::Refused | Answer::Turns(..) => return finish(message, RCODE::Refused),
        Answer::Truncated(_) if udp => {
            message.set_flags(PacketFlag::TRUNCATION);
            Vec::new()
        }
        Answer::Truncated(addresses) | Answer::Addresses(addresses) => addresses,
    };
    for address in addresses {
        let data = match (address, asked.qtype) {
            (IpAddr::V4(address), QTYPE::TYPE(TYPE::A)) => RData::A(address.into()),
            (IpAddr::V6(address), QTYPE::TYPE(TYPE::AAAA)) => RData::AAAA(address.into()),
            _ => continue,
        };
        message.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, TTL, data));
    }
    finish(message, RCODE::NoError)
}

fn finish(mut message: Packet<'_>, code: RCODE) -> Option<Vec<u8>> {
    *message.rcode_mut() = code;
    message.build_bytes_vec().ok()
}
