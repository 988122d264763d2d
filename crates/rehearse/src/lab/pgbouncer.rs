//! A real PgBouncer in front of a Postgres of the lab: transaction pooling, and its ways to refuse.
//!
//! It must never be used to hide a Postgres from the lab: the lab reaches that by its own socket.
//!
//! Start reading at [`PgBouncer::options`].

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::error::{Error, Result};
use super::port::Port;
use super::postgres::session::{Endpoint, Session};
use super::postgres::{DATABASE, PASSWORD, USER};
use super::process::{Process, tail};
use super::programs::Program;
use super::scratch::Scratch;

/// How long a connection to it may take: the kernel answers at once.
const CONNECT: Duration = Duration::from_secs(5);

/// What can be chosen about a pooler.
#[derive(Debug)]
pub struct PgBouncerOptions {
    backend: SocketAddr,
    pool_size: u32,
    max_clients: u32,
    password: bool,
    settings: Vec<(String, String)>,
}

/// A pooler; it is gone when the value is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    process: Option<Process>,
    options: PgBouncerOptions,
    port: Port,
    scratch: Scratch,
}

/// Client connections of a pooler, each in an open transaction or idle, until this is dropped.
#[derive(Debug)]
pub struct HeldClients {
    sessions: Vec<Session>,
}

impl HeldClients {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Closes `n` of them.
    pub fn release(&mut self, n: usize) {
        self.sessions.truncate(self.sessions.len().saturating_sub(n));
    }
}

impl PgBouncerOptions {
    /// How many connections to the server there are for the program's role and database; 4 unless told otherwise.
    pub fn pool_size(mut self, n: u32) -> Self {
        self.pool_size = n;
        self
    }

    /// How many clients it takes; 100 unless told otherwise.
    pub fn max_client_conn(mut self, n: u32) -> Self {
        self.max_clients = n;
        self
    }

    /// Wants the password of clients. The lab then cannot hold clients of its own.
    pub fn password(mut self) -> Self {
        self.password = true;
        self
    }

    /// Any other setting of pgbouncer.ini.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts the pooler and waits until it answers; its server may be down.
    ///
    /// # Errors
    ///
    /// When the program is missing, or it ends instead.
    pub fn start(self) -> Result<PgBouncer> {
        let mut pooler =
            PgBouncer { process: None, options: self, port: Port::reserve()?, scratch: Scratch::new("pool")? };
        pooler.start()?;
        Ok(pooler)
    }

    fn file(&self, port: u16, directory: &std::path::Path) -> String {
        let at = directory.display();
        let mut text = format!(
            "[databases]\n{DATABASE} = host={} port={} user={USER} password={PASSWORD}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {at}\npool_mode = transaction\n\
             auth_type = {}\nauth_file = {at}/users\nadmin_users = lab\ndefault_pool_size = {}\n\
             max_client_conn = {}\n",
            self.backend.ip(),
            self.backend.port(),
            if self.password { "scram-sha-256" } else { "trust" },
            self.pool_size,
            self.max_clients,
        );
        for (name, value) in &self.settings {
            text.push_str(&format!("{name} = {value}\n"));
        }
        text
    }
}

impl PgBouncer {
    /// What can be chosen about a pooler in front of the server at `backend`, which may be down.
    pub fn options(backend: SocketAddr) -> PgBouncerOptions {
        PgBouncerOptions { backend, pool_size: 4, max_clients: 100, password: false, settings: Vec::new() }
    }

    /// Starts it, or starts it again on the same port.
    ///
    /// # Errors
    ///
    /// When it ends instead, with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let users = format!("\"{USER}\" \"{PASSWORD}\"\n\"lab\" \"{PASSWORD}\"\n");
        self.scratch.write("users", users.as_bytes())?;
        let text = self.options.file(self.port.number(), self.scratch.path());
        let file = self.scratch.write("pgbouncer.ini", text.as_bytes())?;
        let mut command = Command::new(Program::Pgbouncer.find()?);
        command.arg(file).current_dir(self.scratch.path());
        let log = self.scratch.path().join("log");
        let mut process = Process::spawn("pgbouncer", command, self.scratch.account(), &log, Signal::TERM)?;
        let address = self.address();
        process.until("listening", || {
            std::net::TcpStream::connect_timeout(&address, CONNECT).map(drop).map_err(|error| error.to_string())
        })?;
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

    /// Holds `n` clients, each in an open transaction: each has a connection of the pool.
    ///
    /// # Errors
    ///
    /// What the pooler answered, or that it gave no connection in time.
    pub fn hold_transactions(&self, n: usize) -> Result<HeldClients> {
        self.hold_by(n, "BEGIN; SELECT 1")
    }

    /// Holds `n` clients that do nothing.
    ///
    /// # Errors
    ///
    /// What the pooler answered.
    pub fn hold(&self, n: usize) -> Result<HeldClients> {
        self.hold_by(n, "")
    }

    fn hold_by(&self, n: usize, sql: &str) -> Result<HeldClients> {
        let hold = || {
            let mut session = Session::open(&Endpoint::Tcp(self.address()), USER, DATABASE, "lab holder")?;
            if !sql.is_empty() {
                session.query(sql)?;
            }
            Ok(session)
        };
        let sessions: std::result::Result<_, super::postgres::session::Refusal> = (0..n).map(|_| hold()).collect();
        let sessions = sessions.map_err(|refusal| Error::Answer {
            server: "pgbouncer",
            request: "a client to hold".to_owned(),
            answer: refusal.to_string(),
        })?;
        Ok(HeldClients { sessions })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL of the program's role and database through it.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{DATABASE}", self.address())
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        tail(&self.scratch.path().join("log"))
    }

    /// Its process number, when it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}
