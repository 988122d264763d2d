//! A temporary directory of one server, owned by the user that the server runs as.
//!
//! Start reading at [`Scratch::new`].

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::{Error, Result};
use super::guard::Watched;

/// Room enough for the data of many servers; a container's default is less.
const ROOM: u64 = 1 << 30;
/// The longest base for which socket paths stay below the kernel's 108 bytes.
const LONGEST_BASE: usize = 24;

/// A directory that is removed when the value is dropped, or when the process is killed.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: tempfile::TempDir,
    account: Option<Account>,
    _watched: Watched,
}

impl Scratch {
    /// An empty directory, mode 0700, of the servers' user.
    pub(crate) fn new(name: &str) -> Result<Scratch> {
        let account = Account::of_servers()?;
        let base = base();
        let directory = tempfile::Builder::new()
            .prefix(&format!("tml-{name}-"))
            .rand_bytes(6)
            .tempdir_in(&base)
            .map_err(Error::at("make a directory in", &base))?;
        if let Some(account) = account {
            account.own(directory.path())?;
        }
        let watched = Watched::directory(directory.path());
        Ok(Scratch { directory, account, _watched: watched })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The user that owns it, when that is not ourselves.
    pub(crate) fn account(&self) -> Option<Account> {
        self.account
    }

    /// Makes a directory in it, with those above it.
    pub(crate) fn directory(&self, name: &str) -> Result<PathBuf> {
        let mut path = self.path().to_owned();
        for part in name.split('/') {
            path.push(part);
            if !path.is_dir() {
                std::fs::create_dir(&path).map_err(Error::at("make", &path))?;
                self.give(&path)?;
            }
        }
        Ok(path)
    }

    /// Writes a file of mode 0600 in it, replacing what was there.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path().join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(Error::at("replace", &path))?;
        }
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .map_err(Error::at("write", &path))?;
        self.give(&path)?;
        Ok(path)
    }

    /// Gives a path in it to the servers' user.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        self.account.map_or(Ok(()), |account| account.own(path))
    }
}

/// Memory when there is room: a Postgres has more than a thousand files, and copying them is what a start waits for.
fn base() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let room = rustix::fs::statvfs(&memory).map_or(0, |at| at.f_bavail.saturating_mul(at.f_frsize));
    let writable = rustix::fs::access(&memory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok();
    if room >= ROOM && writable {
        return memory;
    }
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() <= LONGEST_BASE { usual } else { PathBuf::from("/tmp") }
}

/// A place for what outlives a run: in the target directory in which the running test was built. Cargo marks it
/// with one file when it makes it, and with the other when it builds in it. `None` outside of such a directory.
pub(crate) fn kept_place() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let marks = ["CACHEDIR.TAG", ".rustc_info.json"];
    let target = program.ancestors().find(|directory| marks.iter().any(|mark| directory.join(mark).is_file()))?;
    Some(target.join("tminus-lab"))
}
