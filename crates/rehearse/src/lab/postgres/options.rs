//! What can be chosen about a Postgres server, and how it is written into its files.
//!
//! Start reading at [`PostgresOptions`].

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PASSWORD, Postgres, SUPERUSER, USER};
use crate::lab::certs::Identity;
use crate::lab::error::Result;
use crate::lab::scratch::Scratch;

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// By SCRAM-SHA-256.
    #[default]
    Scram,
    /// By MD5; the stored passwords are MD5 too.
    Md5,
    /// By the password in clear text.
    Clear,
    /// Not at all.
    Trust,
}

/// What the server does instead of opening for business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing.
    #[default]
    None,
    /// It recovers and says 57P03, "the database system is starting up", until
    /// [`Postgres::finish_recovery`](super::Postgres::finish_recovery).
    Held,
    /// It is a hot standby: in recovery for good, and read-only.
    Standby,
    /// It is a standby that takes no sessions: 57P03, "the database system is not accepting connections".
    ColdStandby,
}

impl Recovery {
    /// The SQLSTATE with which a server in this mode answers; `None` when it takes sessions.
    pub(super) fn answer(self, held: bool) -> Option<&'static str> {
        match self {
            Recovery::Held => held.then_some("57P03"),
            Recovery::ColdStandby => Some("57P03"),
            Recovery::None | Recovery::Standby => None,
        }
    }
}

/// What can be chosen; see [`Postgres::options`](super::Postgres::options).
#[derive(Debug, Default)]
pub struct PostgresOptions {
    auth: Auth,
    rules: Vec<String>,
    settings: Vec<(String, String)>,
    tls: Option<Tls>,
    cloud_sql: Option<String>,
    unix_only: bool,
    recovery: Recovery,
}

#[derive(Debug)]
struct Tls {
    identity: Identity,
    required: bool,
    clients: Option<String>,
}

impl PostgresOptions {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// When a program is missing, or the server ends instead.
    pub fn start(self) -> Result<Postgres> {
        let mut server = Postgres::prepare(self)?;
        server.start()?;
        Ok(server)
    }

    /// Makes everything but does not start the server: its port refuses, its socket is missing.
    ///
    /// # Errors
    ///
    /// When a program is missing, or a file cannot be made.
    pub fn prepare(self) -> Result<Postgres> {
        Postgres::prepare(self)
    }

    /// How clients prove who they are; SCRAM unless told otherwise.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// A line of pg_hba.conf, before the line for everybody.
    pub fn rule(mut self, line: &str) -> Self {
        self.rules.push(line.to_owned());
        self
    }

    /// Any other setting of postgresql.conf.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// The number of slots, the reserved ones included.
    pub fn max_connections(self, n: u32) -> Self {
        self.setting("max_connections", n)
    }

    /// How many of them only superusers get; 3 unless told otherwise.
    pub fn superuser_reserved(self, n: u32) -> Self {
        self.setting("superuser_reserved_connections", n)
    }

    /// How many of them only roles with `pg_use_reserved_connections` get. Postgres 16 and later; an older one
    /// refuses to start and says so.
    pub fn reserved(self, n: u32) -> Self {
        self.setting("reserved_connections", n)
    }

    /// Offers TLS with this certificate.
    pub fn tls(mut self, identity: &Identity) -> Self {
        self.tls = Some(Tls { identity: identity.clone(), required: false, clients: None });
        self
    }

    /// Takes TCP clients only with TLS.
    pub fn tls_required(mut self) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.required = true;
        }
        self
    }

    /// Wants a client certificate that this authority (PEM) has signed.
    pub fn client_ca(mut self, ca_pem: &str) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.clients = Some(ca_pem.to_owned());
        }
        self
    }

    /// Listens on no TCP port, only on `cloudsql/INSTANCE/.s.PGSQL.5432` in its directory, as Cloud Run mounts it.
    pub fn cloud_sql(mut self, instance: &str) -> Self {
        self.cloud_sql = Some(instance.to_owned());
        self.unix_only = true;
        self
    }

    /// Listens on no TCP port.
    pub fn unix_only(mut self) -> Self {
        self.unix_only = true;
        self
    }

    /// What it does instead of opening for business.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    pub(super) fn listens(&self) -> bool {
        !self.unix_only
    }

    pub(super) fn recovery_mode(&self) -> Recovery {
        self.recovery
    }

    pub(super) fn cloud_sql_directory(&self) -> Option<String> {
        self.cloud_sql.as_ref().map(|instance| format!("cloudsql/{instance}"))
    }

    pub(super) fn command(&self, program: PathBuf) -> Command {
        Command::new(program)
    }

    /// What has to be run before the first start: the template's passwords are SCRAM.
    pub(super) fn statements(&self) -> Option<String> {
        (self.auth == Auth::Md5).then(|| {
            format!(
                "SET password_encryption = 'md5'\n\
                 ALTER ROLE {USER} PASSWORD '{PASSWORD}'\n\
                 ALTER ROLE {SUPERUSER} PASSWORD '{PASSWORD}'\n"
            )
        })
    }

    pub(super) fn place_certificates(&self, scratch: &Scratch) -> Result<()> {
        if let Some(tls) = &self.tls {
            scratch.write("server.crt", tls.identity.chain_pem().as_bytes())?;
            scratch.write("server.key", tls.identity.key_pem().as_bytes())?;
            if let Some(ca) = &tls.clients {
                scratch.write("clients.crt", ca.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The content of postgresql.auto.conf.
    pub(super) fn settings(&self, port: u16, sockets: &str, directory: &Path) -> String {
        let directory = directory.display();
        let mut text = String::new();
        let mut set = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        };
        set("listen_addresses", if self.unix_only { "" } else { "127.0.0.1" });
        set("port", &port.to_string());
        set("unix_socket_directories", sockets);
        // Nothing of a lab outlives it: neither the disk's safety nor memory outside of the directory.
        for (name, value) in [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
            ("dynamic_shared_memory_type", "mmap"),
            ("shared_buffers", "16MB"),
            ("max_wal_size", "32MB"),
            ("log_line_prefix", "%m [%p] "),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
        ] {
            set(name, value);
        }
        match self.recovery {
            // The server waits for a segment that the archive does not have, until the file is gone.
            Recovery::Held => {
                set("restore_command", &format!("while [ -e {directory}/hold ]; do sleep 0.02; done; exit 1"))
            }
            Recovery::ColdStandby => set("hot_standby", "off"),
            Recovery::None | Recovery::Standby => {}
        }
        if let Some(tls) = &self.tls {
            set("ssl", "on");
            set("ssl_cert_file", &format!("{directory}/server.crt"));
            set("ssl_key_file", &format!("{directory}/server.key"));
            if tls.clients.is_some() {
                set("ssl_ca_file", &format!("{directory}/clients.crt"));
            }
        }
        for (name, value) in &self.settings {
            set(name, value);
        }
        text
    }

    /// The content of pg_hba.conf. The lab's roles come first, and only over sockets without a password.
    pub(super) fn access(&self, superuser: &str, holder: &str) -> String {
        let method = match self.auth {
            Auth::Scram => "scram-sha-256",
            Auth::Md5 => "md5",
            Auth::Clear => "password",
            Auth::Trust => "trust",
        };
        let (kind, check) = match &self.tls {
            Some(Tls { required, clients, .. }) => (
                if *required { "hostssl" } else { "host" },
                if clients.is_some() && *required { " clientcert=verify-ca" } else { "" },
            ),
            None => ("host", ""),
        };
        let mut text = format!("local all {superuser},{holder} trust\n");
        for rule in &self.rules {
            text.push_str(rule);
            text.push('\n');
        }
        let _ = writeln!(text, "local all all {method}");
        let _ = writeln!(text, "{kind} all all all {method}{check}");
        text
    }
}
