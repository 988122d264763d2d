//! What can be chosen about a Redis server, and how it is written into its file.
//!
//! Start reading at [`RedisOptions`].

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::{KEYS, PASSWORD, Redis};
use crate::lab::certs::Identity;
use crate::lab::error::Result;
use crate::lab::scratch::Scratch;

/// What can be chosen; see [`Redis::options`](super::Redis::options).
#[derive(Debug, Default)]
pub struct RedisOptions {
    password: bool,
    users: Vec<String>,
    settings: Vec<(String, String)>,
    maxclients: Option<u32>,
    master: Option<(SocketAddr, bool)>,
    loading: Option<Duration>,
    tls: Option<(Identity, Option<String>)>,
}

impl RedisOptions {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// When the program is missing, or the server ends instead.
    pub fn start(self) -> Result<Redis> {
        let mut server = Redis::prepare(self)?;
        server.start()?;
        Ok(server)
    }

    /// Makes everything but does not start the server: its port refuses.
    ///
    /// # Errors
    ///
    /// When the program is missing, or a file cannot be made.
    pub fn prepare(self) -> Result<Redis> {
        Redis::prepare(self)
    }

    /// Wants [`PASSWORD`](super::PASSWORD) from the default user.
    pub fn password(mut self) -> Self {
        self.password = true;
        self
    }

    /// Adds a user, in the words of `ACL SETUSER`: `reader on >secret ~* +get`.
    pub fn user(mut self, rules: &str) -> Self {
        self.users.push(rules.to_owned());
        self
    }

    /// Takes at most `n` clients, the lab's own not counted.
    pub fn maxclients(mut self, n: u32) -> Self {
        self.maxclients = Some(n);
        self
    }

    /// Is a read-only replica of the server at `master`, which may be down; it then serves what it has.
    pub fn replica_of(mut self, master: SocketAddr) -> Self {
        self.master = Some((master, true));
        self
    }

    /// As [`RedisOptions::replica_of`], but while its master is down it answers MASTERDOWN.
    pub fn cut_off_from(mut self, master: SocketAddr) -> Self {
        self.master = Some((master, false));
        self
    }

    /// Loads its data for about this time after each start, and answers LOADING meanwhile;
    /// [`Redis::finish_loading`](super::Redis::finish_loading) ends it sooner.
    pub fn loading(mut self, time: Duration) -> Self {
        self.loading = Some(time);
        self
    }

    /// Speaks only TLS on its port, with this certificate.
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Some((identity.clone(), None));
        self
    }

    /// Wants a client certificate that this authority (PEM) has signed.
    pub fn client_ca(mut self, ca_pem: &str) -> Self {
        if let Some((_, clients)) = &mut self.tls {
            *clients = Some(ca_pem.to_owned());
        }
        self
    }

    /// Any other line of redis.conf.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn load_time(&self) -> Option<Duration> {
        self.loading
    }

    pub(super) fn wants_password(&self) -> bool {
        self.password
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "rediss" } else { "redis" }
    }

    pub(super) fn place_certificates(&self, scratch: &Scratch) -> Result<()> {
        if let Some((identity, clients)) = &self.tls {
            scratch.write("server.crt", identity.chain_pem().as_bytes())?;
            scratch.write("server.key", identity.key_pem().as_bytes())?;
            // Redis wants an authority also when it asks nobody for a certificate.
            let clients = clients.as_deref().unwrap_or(identity.chain_pem());
            scratch.write("clients.crt", clients.as_bytes())?;
        }
        Ok(())
    }

    /// The content of redis.conf; port 0 is none.
    pub(super) fn file(&self, port: u16, directory: &Path) -> String {
        let at = directory.display();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("dir {at}"),
            format!("unixsocket {at}/s"),
            "save \"\"".to_owned(),
            "daemonize no".to_owned(),
            "user lab on >lab ~* &* +@all".to_owned(),
        ];
        lines.extend(self.users.iter().map(|rules| format!("user {rules}")));
        match &self.tls {
            Some((_, clients)) => lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-cert-file {at}/server.crt"),
                format!("tls-key-file {at}/server.key"),
                format!("tls-ca-cert-file {at}/clients.crt"),
                format!("tls-auth-clients {}", if clients.is_some() { "yes" } else { "no" }),
            ]),
            None => lines.push(format!("port {port}")),
        }
        if self.password {
            lines.push(format!("requirepass {PASSWORD}"));
        }
        if let Some(n) = self.maxclients {
            lines.push(format!("maxclients {}", n.saturating_add(1)));
        }
        if let Some((master, stale)) = &self.master {
            lines.push(format!("replicaof {} {}", master.ip(), master.port()));
            lines.push(format!("replica-serve-stale-data {}", if *stale { "yes" } else { "no" }));
        }
        if let Some(time) = self.loading {
            lines.push(format!("key-load-delay {}", time.as_micros() / u128::from(KEYS)));
            lines.push("loading-process-events-interval-bytes 1024".to_owned());
            lines.push("rdbcompression no".to_owned());
        }
        lines.extend(self.settings.iter().map(|(name, value)| format!("{name} {value}")));
        lines.push(String::new());
        lines.join("\n")
    }
}
