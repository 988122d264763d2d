//! A real Redis of the test's own.
//!
//! Each server has a reserved port of 127.0.0.1 (plain or TLS), and a socket and a user of its own for
//! the lab. The lab keeps one connection open from the start, so that it can still ask when clients
//! are refused; `maxclients` is raised by that one.
//!
//! It must never be given data that matters: nothing is saved unless a test asks.
//!
//! Start reading at [`Redis::options`].

pub mod client;
mod options;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::error::{Error, Result};
use super::port::Port;
use super::process::{Process, tail};
use super::programs::Program;
use super::scratch::Scratch;
use client::{Client, Reply};
pub use options::RedisOptions;

/// The password of the program's user when one is asked for.
pub const PASSWORD: &str = "battery-staple";
/// The keys of a dataset that is loaded slowly: with the delay per key they make the time.
const KEYS: u32 = 4000;
/// A little more than the 1,024 bytes between two looks of a loading server at its clients.
const VALUE: usize = 1100;

/// A Redis server; it and its data are gone when the value is dropped.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    lab: Option<Client>,
    options: RedisOptions,
    port: Port,
    scratch: Scratch,
}

/// Client connections that are open until this is dropped.
#[derive(Debug)]
pub struct HeldClients {
    clients: Vec<Client>,
}

impl HeldClients {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Closes `n` of them.
    pub fn release(&mut self, n: usize) {
        self.clients.truncate(self.clients.len().saturating_sub(n));
    }
}

impl Redis {
    /// What can be chosen about a server. `Redis::options().start()` gives one with all defaults: TCP on 127.0.0.1,
    /// no password.
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    fn prepare(options: RedisOptions) -> Result<Redis> {
        let scratch = Scratch::new("redis")?;
        let port = Port::reserve()?;
        let mut server = Redis { process: None, lab: None, options, port, scratch };
        server.options.place_certificates(&server.scratch)?;
        if server.options.load_time().is_some() {
            server.make_dataset()?;
        }
        Ok(server)
    }

    /// Starts the server, or starts it again on the same port. Returns when it answers commands, or, when it loads
    /// slowly, when it says so.
    ///
    /// # Errors
    ///
    /// When it ends instead, with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        if self.running() {
            return Ok(());
        }
        let text = self.options.file(self.port.number(), self.scratch.path());
        self.launch(&text)
    }

    fn launch(&mut self, settings: &str) -> Result<()> {
        let file = self.scratch.write("redis.conf", settings.as_bytes())?;
        let mut command = Command::new(Program::RedisServer.find()?);
        command.arg(file).current_dir(self.scratch.path());
        let log = self.scratch.path().join("log");
        let mut process = Process::spawn("redis-server", command, self.scratch.account(), &log, Signal::TERM)?;
        let socket = self.lab_socket();
        let lab = process.until("answering", || {
            let mut lab = Client::open(&socket).map_err(|error| error.to_string())?;
            lab.ask(&["AUTH", "lab", "lab"]).map_err(|error| error.to_string())?;
            // INFO is answered by a server that loads, or that has lost its master.
            match lab.ask(&["INFO", "server"]).map_err(|error| error.to_string())? {
                Reply::Bulk(Some(_)) => Ok(lab),
                other => Err(format!("{other:?}")),
            }
        })?;
        self.lab = Some(lab);
        self.process = Some(process);
        Ok(())
    }

    /// Fills the directory with a dataset whose loading can be slowed down.
    fn make_dataset(&mut self) -> Result<()> {
        let text = RedisOptions::default().setting("rdbcompression", "no").file(0, self.scratch.path());
        self.launch(&text)?;
        let value = "v".repeat(VALUE);
        for key in 0..KEYS {
            self.command(&["SET", &format!("key:{key}"), &value])?;
        }
        self.command(&["SAVE"])?;
        self.stop()
    }

    /// Lets a server that loads slowly load as fast as it can, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it ends instead.
    pub fn finish_loading(&mut self) -> Result<()> {
        self.command(&["CONFIG", "SET", "key-load-delay", "0"])?;
        let (Some(process), Some(lab)) = (&mut self.process, &mut self.lab) else { return Ok(()) };
        process.until("loaded", || match lab.ask(&["INFO", "persistence"]) {
            Ok(Reply::Bulk(Some(text))) if text.contains("\r\nloading:0\r\n") => Ok(()),
            Ok(_) => Err("loading".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Whether the server process is there (it may be paused).
    pub fn running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| matches!(process.end_within(std::time::Duration::ZERO), Ok(None)))
    }

    /// Stops the server and waits until it is gone; the port then refuses.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled or waited for.
    pub fn stop(&mut self) -> Result<()> {
        self.lab = None;
        self.process.take().map_or(Ok(()), |mut process| process.end(Signal::TERM).map(drop))
    }

    /// Kills the server with SIGKILL.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled or waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.lab = None;
        self.process.take().map_or(Ok(()), |mut process| process.kill().map(drop))
    }

    /// Stops and starts it again.
    ///
    /// # Errors
    ///
    /// As [`Redis::stop`] and [`Redis::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start()
    }

    /// Freezes the server: the kernel still completes connections, nobody answers on them.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn pause(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(Signal::STOP))
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn resume(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(Signal::CONT))
    }

    /// Asks as the lab's user, who may do everything.
    ///
    /// # Errors
    ///
    /// When the server does not run, or answers with an error.
    pub fn command(&mut self, words: &[&str]) -> Result<Reply> {
        let request = || words.first().copied().unwrap_or_default().to_owned();
        let lab = self.lab.as_mut().ok_or_else(|| Error::Answer {
            server: "redis",
            request: request(),
            answer: "it does not run".to_owned(),
        })?;
        match lab.ask(words).map_err(Error::io(format!("ask redis {}", request())))? {
            Reply::Error(answer) => Err(Error::Answer { server: "redis", request: request(), answer }),
            reply => Ok(reply),
        }
    }

    /// Holds `n` clients, not logged in.
    ///
    /// # Errors
    ///
    /// When the server does not take that many.
    pub fn hold(&self, n: usize) -> Result<HeldClients> {
        let clients = (0..n).map(|_| self.client());
        Ok(HeldClients { clients: clients.collect::<Result<_>>()? })
    }

    /// Holds as many clients as the server takes: the next one is refused.
    ///
    /// # Errors
    ///
    /// When it refuses for another reason.
    pub fn fill(&self) -> Result<HeldClients> {
        let mut clients = Vec::new();
        loop {
            match self.client() {
                Ok(client) => clients.push(client),
                Err(Error::Answer { answer, .. }) if answer.contains("max number of clients") => {
                    return Ok(HeldClients { clients });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A client that the server has seen: it answered something, be it that it wants a password.
    fn client(&self) -> Result<Client> {
        let failed = || Error::io(format!("ask redis at {}", self.lab_socket().display()));
        let mut client = Client::open(&self.lab_socket()).map_err(failed())?;
        // A client that is refused is answered and closed before it asks; asking may then fail first.
        let sent = client.send(&["PING"]);
        match client.read() {
            Ok(Reply::Error(answer)) if answer.contains("max number of clients") => {
                Err(Error::Answer { server: "redis", request: "a connection to hold".to_owned(), answer })
            }
            Ok(_) => Ok(client),
            Err(error) => Err(failed()(sent.err().unwrap_or(error))),
        }
    }

    /// The TCP address of the server; with TLS when that was asked for.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL for the program under test: `redis://` or `rediss://`, with the password if there is one.
    pub fn url(&self) -> String {
        let login = if self.options.wants_password() { format!("default:{PASSWORD}@") } else { String::new() };
        format!("{}://{login}{}/0", self.options.scheme(), self.address())
    }

    /// The socket that the program under test may use as well.
    pub fn socket(&self) -> PathBuf {
        self.lab_socket()
    }

    fn lab_socket(&self) -> PathBuf {
        self.scratch.path().join("s")
    }

    /// The process number of the server, when it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The temporary directory of the server.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// The last lines of the server's log.
    pub fn log(&self) -> String {
        tail(&self.scratch.path().join("log"))
    }
}
