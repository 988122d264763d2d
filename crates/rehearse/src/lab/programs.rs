//! Which programs are installed, and where.
//!
//! Debian keeps Postgres's server programs out of `PATH`; the newest installed version is taken.
//! It must never answer "skip": who needs a program that is missing gets the command that installs it.
//!
//! Start reading at [`Program::find`].

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};

/// A program that the lab, or a test that uses it, may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The Postgres server.
    Postgres,
    /// Makes a Postgres data directory.
    Initdb,
    /// The Postgres client.
    Psql,
    /// The Redis server.
    RedisServer,
    /// The Redis client.
    RedisCli,
    /// The Postgres pooler.
    Pgbouncer,
    /// The NATS server.
    NatsServer,
    /// A minimal init, for comparisons.
    Tini,
    /// Another minimal init, for comparisons.
    DumbInit,
    /// A Python ASGI server, for the examples.
    Uvicorn,
    /// A Python pre-forking server, for the examples.
    Gunicorn,
    /// Makes namespaces.
    Unshare,
    /// Enters namespaces.
    Nsenter,
    /// Changes the user of a command.
    Setpriv,
    /// Configures interfaces and routes.
    Ip,
    /// Removes System V shared memory.
    Ipcrm,
    /// Speaks TLS.
    Openssl,
}

impl Program {
    /// Every program, in the order of declaration.
    pub const ALL: [Program; 17] = [
        Program::Postgres,
        Program::Initdb,
        Program::Psql,
        Program::RedisServer,
        Program::RedisCli,
        Program::Pgbouncer,
        Program::NatsServer,
        Program::Tini,
        Program::DumbInit,
        Program::Uvicorn,
        Program::Gunicorn,
        Program::Unshare,
        Program::Nsenter,
        Program::Setpriv,
        Program::Ip,
        Program::Ipcrm,
        Program::Openssl,
    ];

    /// The name of its file, and the Debian package that has it.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Program::Postgres => ("postgres", "postgresql"),
            Program::Initdb => ("initdb", "postgresql"),
            Program::Psql => ("psql", "postgresql-client"),
            Program::RedisServer => ("redis-server", "redis-server"),
            Program::RedisCli => ("redis-cli", "redis-tools"),
            Program::Pgbouncer => ("pgbouncer", "pgbouncer"),
            Program::NatsServer => ("nats-server", "nats-server"),
            Program::Tini => ("tini", "tini"),
            Program::DumbInit => ("dumb-init", "dumb-init"),
            Program::Uvicorn => ("uvicorn", "uvicorn"),
            Program::Gunicorn => ("gunicorn", "gunicorn"),
            Program::Unshare => ("unshare", "util-linux"),
            Program::Nsenter => ("nsenter", "util-linux"),
            Program::Setpriv => ("setpriv", "util-linux"),
            Program::Ip => ("ip", "iproute2"),
            Program::Ipcrm => ("ipcrm", "util-linux"),
            Program::Openssl => ("openssl", "openssl"),
        }
    }

    /// The name of its file.
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The Debian package that has it.
    pub const fn package(self) -> &'static str {
        self.names().1
    }

    /// Where it is installed.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], whose text holds the command that installs it.
    pub fn find(self) -> Result<PathBuf> {
        let (program, package) = self.names();
        let mut places = Vec::new();
        if package.starts_with("postgresql") {
            places.extend(postgres_places(Path::new("/usr/lib/postgresql")));
        }
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        // Not in the PATH of every user, and where Debian puts servers.
        places.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
        places
            .iter()
            .map(|place| place.join(program))
            .find(|file| file.is_file())
            .ok_or(Error::Missing { program, package })
    }

    /// Whether it is installed.
    pub fn is_here(self) -> bool {
        self.find().is_ok()
    }
}

/// The directories of Postgres's programs, newest version first.
fn postgres_places(base: &Path) -> Vec<PathBuf> {
    let version = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
    let mut found: Vec<PathBuf> = std::fs::read_dir(base)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    found.sort_by_key(|path| std::cmp::Reverse(version(path)));
    found.into_iter().map(|path| path.join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_postgres_is_taken() {
        let base = tempfile::tempdir().unwrap();
        for version in ["9", "15", "8"] {
            std::fs::create_dir(base.path().join(version)).unwrap();
        }
        let places = postgres_places(base.path());
        assert_eq!(places[0], base.path().join("15/bin"));
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn what_is_missing_names_its_package() {
        let (program, package) = Program::DumbInit.names();
        let text = Error::Missing { program, package }.to_string();
        assert!(text.contains("apt-get install dumb-init"), "{text}");
    }

    #[test]
    fn all_is_complete_and_in_order() {
        let mut sorted = Program::ALL;
        sorted.sort();
        assert_eq!(sorted, Program::ALL);
    }
}
