//! A real Postgres of the test's own.
//!
//! Each server has a copied data directory, a reserved port of 127.0.0.1 or only a socket, and a
//! socket of its own for the lab, over which the lab is superuser without a password. So what the
//! program under test sees (password, TLS, slots, recovery) can be broken without locking the lab out.
//!
//! It must never be given data that matters: fsync is off.
//!
//! Start reading at [`Postgres::options`].

mod hold;
mod options;
pub mod session;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::error::{Error, Result};
use super::port::Port;
use super::process::Process;
use super::programs::Program;
use super::scratch::Scratch;
pub use hold::{Held, Holder};
pub use options::{Auth, PostgresOptions, Recovery};
use session::{Endpoint, Refusal, Row, Session};

/// The superuser, also of the lab.
pub const SUPERUSER: &str = "lab";
/// The ordinary role that the lab holds connections as.
const HOLDER: &str = "lab_holder";
/// The role of the program under test; it owns [`DATABASE`].
pub const USER: &str = "app";
/// The password of [`USER`] and of [`SUPERUSER`].
pub const PASSWORD: &str = "correct-horse";
/// The database of the program under test.
pub const DATABASE: &str = "app";

/// How a server is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Refuses new clients (57P03, shutting down) and waits for those that it has.
    Smart,
    /// Ends its clients' sessions, then itself.
    Fast,
    /// Ends without tidying up; the next start recovers.
    Immediate,
}

/// A Postgres server; it and its data are gone when the value is dropped.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    options: PostgresOptions,
    port: Option<Port>,
    data: PathBuf,
    scratch: Scratch,
}

impl Postgres {
    /// What can be chosen about a server. `Postgres::options().start()` gives one with all defaults:
    /// TCP on 127.0.0.1, SCRAM passwords, 100 connections of which 3 are reserved.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    /// A data directory and a port, without a server.
    fn prepare(options: PostgresOptions) -> Result<Postgres> {
        let scratch = Scratch::new("pg")?;
        let data = template::copy(&scratch, "data")?;
        let port = if options.listens() { Some(Port::reserve()?) } else { None };
        let mut server = Postgres { process: None, options, port, data, scratch };
        server.configure()?;
        Ok(server)
    }

    /// Writes settings, access rules, certificates and the mode of recovery.
    fn configure(&mut self) -> Result<()> {
        self.scratch.directory("lab")?;
        let sockets = self.socket_directories().iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        if let Some(name) = self.options.cloud_sql_directory() {
            self.scratch.directory(&name)?;
        }
        let settings = self.options.settings(self.number(), &sockets.join(","), self.scratch.path());
        self.options.place_certificates(&self.scratch)?;
        self.scratch.write("data/postgresql.auto.conf", settings.as_bytes())?;
        self.scratch.write("data/pg_hba.conf", self.options.access(SUPERUSER, HOLDER).as_bytes())?;
        if let Some(sql) = self.options.statements() {
            template::alone(&self.scratch, &self.data, &sql)?;
        }
        match self.options.recovery_mode() {
            Recovery::None => {}
            Recovery::Held => {
                self.scratch.write("hold", b"")?;
                self.scratch.write("data/recovery.signal", b"")?;
            }
            Recovery::Standby | Recovery::ColdStandby => {
                self.scratch.write("data/standby.signal", b"")?;
            }
        }
        Ok(())
    }

    /// Starts the server, or starts it again on the same port and with the same data.
    ///
    /// Returns when it answers: with a session, or, when it is held in recovery or a cold standby, with 57P03.
    ///
    /// # Errors
    ///
    /// When it ends instead, with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        if self.running() {
            return Ok(());
        }
        loop {
            match self.start_once() {
                // The sessions of a server that was killed may take a moment to notice and to let go of its memory.
                Err(Error::Ended { log, .. }) if last_start(&log).contains("pre-existing shared memory block") => {}
                result => return result,
            }
        }
    }

    fn start_once(&mut self) -> Result<()> {
        let mut command = self.options.command(Program::Postgres.find()?);
        command.arg("-D").arg(&self.data).current_dir(self.scratch.path());
        let log = self.scratch.path().join("log");
        let mut process = Process::spawn("postgres", command, self.scratch.account(), &log, Signal::QUIT)?;
        let (endpoint, expected) = (self.lab_endpoint(), self.options.recovery_mode().answer(self.held()));
        let up = process.until("answering", || match Session::open(&endpoint, SUPERUSER, "postgres", "lab") {
            Ok(_) if expected.is_none() => Ok(()),
            Err(refusal) if expected.is_some() && refusal.code() == expected => Ok(()),
            Ok(_) => Err("it takes sessions".to_owned()),
            Err(refusal) => Err(refusal.to_string()),
        });
        self.process = Some(process);
        if up.is_err() {
            self.process = None;
        }
        up
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
    pub fn stop(&mut self, how: Stop) -> Result<()> {
        self.release()?;
        if let Some(mut process) = self.process.take() {
            process.end(how.signal())?;
        }
        Ok(())
    }

    /// Asks the server to stop and does not wait: with [`Stop::Smart`] and a held session it refuses new ones with
    /// 57P03 (shutting down) until the session ends.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled.
    pub fn begin_stop(&mut self, how: Stop) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), |process| process.signal(how.signal()))
    }

    /// Kills the server process with SIGKILL; the next [`Postgres::start`] recovers.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled or waited for.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Stops and starts it again.
    ///
    /// # Errors
    ///
    /// As [`Postgres::stop`] and [`Postgres::start`].
    pub fn restart(&mut self, how: Stop) -> Result<()> {
        self.stop(how)?;
        self.start()
    }

    /// Freezes the server process: the kernel still completes connections, nobody answers on them.
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

    /// Lets a server that was started with [`Recovery::Held`] finish, and waits until it takes sessions.
    ///
    /// # Errors
    ///
    /// When it ends instead.
    pub fn finish_recovery(&mut self) -> Result<()> {
        self.release()?;
        let endpoint = self.lab_endpoint();
        match &mut self.process {
            // It takes sessions as soon as its data are consistent; recovery ends a moment later.
            Some(process) => process.until("recovered", || {
                let words = |refusal: Refusal| refusal.to_string();
                let mut session = Session::open(&endpoint, SUPERUSER, "postgres", "lab").map_err(words)?;
                let rows = session.query("SELECT pg_is_in_recovery()").map_err(words)?;
                let over = rows.first().and_then(|row| row.first()).is_some_and(|cell| cell.as_deref() == Some("f"));
                if over { Ok(()) } else { Err("it is still in recovery".to_owned()) }
            }),
            None => Ok(()),
        }
    }

    fn held(&self) -> bool {
        self.scratch.path().join("hold").exists()
    }

    fn release(&self) -> Result<()> {
        let hold = self.scratch.path().join("hold");
        match std::fs::remove_file(&hold) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::at("remove", &hold)(error)),
            _ => Ok(()),
        }
    }

    /// Runs statements as superuser in the program's database and gives the rows of all of them.
    ///
    /// # Errors
    ///
    /// The server's answer, or why there was none.
    pub fn sql(&self, sql: &str) -> Result<Vec<Row>> {
        self.session(SUPERUSER, "lab")
            .and_then(|mut session| session.query(sql))
            .map_err(|refusal| answer(sql, &refusal))
    }

    /// Opens a session of the lab, over its own socket and without a password.
    fn session(&self, role: &str, application: &str) -> std::result::Result<Session, Refusal> {
        Session::open(&self.lab_endpoint(), role, DATABASE, application)
    }

    /// The TCP address of the server.
    ///
    /// # Errors
    ///
    /// When it listens on sockets only.
    pub fn address(&self) -> Result<SocketAddr> {
        self.port.as_ref().map(Port::address).ok_or(Error::Cannot {
            what: "give a TCP address",
            why: "this server listens on a unix socket only".to_owned(),
            next: "use socket_directory",
        })
    }

    /// The port in its address and in the names of its sockets.
    fn number(&self) -> u16 {
        self.port.as_ref().map_or(5432, Port::number)
    }

    /// The directory of the socket that a program is given: the one named like a Cloud SQL instance when that was
    /// asked for, else the lab's.
    pub fn socket_directory(&self) -> PathBuf {
        self.options
            .cloud_sql_directory()
            .map_or_else(|| self.scratch.path().join("lab"), |name| self.scratch.path().join(name))
    }

    /// The socket file in [`Postgres::socket_directory`].
    pub fn socket(&self) -> PathBuf {
        self.socket_directory().join(format!(".s.PGSQL.{}", self.number()))
    }

    /// The directory below which the Cloud SQL sockets are; in a container it would be `/cloudsql`.
    pub fn cloud_sql_root(&self) -> PathBuf {
        self.scratch.path().join("cloudsql")
    }

    /// The URL of the program's role and database: over TCP, or over the socket when there is no TCP.
    pub fn url(&self) -> String {
        match &self.port {
            Some(port) => format!("postgres://{USER}:{PASSWORD}@{}/{DATABASE}", port.address()),
            None => self.socket_url(),
        }
    }

    /// The same over the socket.
    pub fn socket_url(&self) -> String {
        let host = self.socket_directory().display().to_string().replace('/', "%2F").replace(':', "%3A");
        format!("postgres://{USER}:{PASSWORD}@/{DATABASE}?host={host}&port={}", self.number())
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
        super::process::tail(&self.scratch.path().join("log"))
    }

    fn lab_endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.scratch.path().join(format!("lab/.s.PGSQL.{}", self.number())))
    }

    fn socket_directories(&self) -> Vec<PathBuf> {
        let names = std::iter::once("lab".to_owned()).chain(self.options.cloud_sql_directory());
        names.map(|name| self.scratch.path().join(name)).collect()
    }

    /// A server that was killed leaves its System V segment; its number is in the lock file.
    fn forget_shared_memory(&self) {
        let lock = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let segment = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let (Some(segment), Ok(ipcrm)) = (segment, Program::Ipcrm.find()) {
            let _ = Command::new(ipcrm).args(["-m", segment]).stderr(std::process::Stdio::null()).status();
        }
    }
}

impl Stop {
    fn signal(self) -> Signal {
        match self {
            Stop::Smart => Signal::TERM,
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        }
    }
}

/// What a server wrote since it was last started.
fn last_start(log: &str) -> &str {
    log.rfind("starting PostgreSQL").map_or(log, |at| &log[at..])
}

fn answer(request: &str, refusal: &Refusal) -> Error {
    Error::Answer { server: "postgres", request: request.to_owned(), answer: refusal.to_string() }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A restore command that waits would keep the server from ending.
        let _ = self.release();
        self.process = None;
        self.forget_shared_memory();
    }
}
