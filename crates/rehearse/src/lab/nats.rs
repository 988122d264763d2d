//! A real NATS server of the test's own.
//!
//! It must never be given data that matters: it keeps nothing.
//!
//! Start reading at [`Nats::start`].

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::error::Result;
use super::port::Port;
use super::process::{Process, tail};
use super::programs::Program;
use super::scratch::Scratch;

/// How long one greeting may take.
const GREETING: Duration = Duration::from_secs(5);

/// A NATS server with JetStream; it is gone when the value is dropped.
#[derive(Debug)]
pub struct Nats {
    process: Option<Process>,
    port: Port,
    scratch: Scratch,
}

impl Nats {
    /// Starts a server and waits for its greeting.
    ///
    /// # Errors
    ///
    /// When the program is missing, or it ends instead.
    pub fn start() -> Result<Nats> {
        let mut server = Nats { process: None, port: Port::reserve()?, scratch: Scratch::new("nats")? };
        server.start_again()?;
        Ok(server)
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    ///
    /// When it ends instead, with the end of its log.
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let store = self.scratch.directory("store")?;
        let mut command = Command::new(Program::NatsServer.find()?);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.number().to_string(), "--jetstream", "--store_dir"]);
        command.arg(store).current_dir(self.scratch.path());
        let log = self.scratch.path().join("log");
        let mut process = Process::spawn("nats-server", command, self.scratch.account(), &log, Signal::TERM)?;
        let address = self.address();
        process.until("greeting", || greeting(address).map_err(|error| error.to_string()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it and waits until it is gone; the port then refuses.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled or waited for.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.end(Signal::TERM).map(drop))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        tail(&self.scratch.path().join("log"))
    }
}

/// The server speaks first.
fn greeting(address: SocketAddr) -> std::io::Result<()> {
    let stream = TcpStream::connect_timeout(&address, GREETING)?;
    stream.set_read_timeout(Some(GREETING))?;
    let mut word = Vec::new();
    BufReader::new(stream).read_until(b' ', &mut word)?;
    if word == b"INFO " { Ok(()) } else { Err(std::io::Error::other("it does not greet as NATS does")) }
}
