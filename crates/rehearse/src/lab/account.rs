//! As whom the servers run: Postgres and PgBouncer refuse to run as root.
//!
//! Start reading at [`Account::of_servers`].

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::{Error, Result};

/// A user to run servers as, when the lab itself runs as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user of the servers: nobody else than ourselves, unless we are root.
    pub(crate) fn of_servers() -> Result<Option<Account>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = std::fs::read_to_string("/etc/passwd").map_err(Error::at("read", "/etc/passwd"))?;
        ["postgres", "nobody"].iter().find_map(|name| Account::named(&users, name)).map(Some).ok_or(Error::Cannot {
            what: "run servers as root",
            why: "there is neither a user postgres nor a user nobody".to_owned(),
            next: "install postgresql, which makes the first of them",
        })
    }

    fn named(users: &str, name: &str) -> Option<Account> {
        let row: Vec<&str> = users.lines().find(|row| row.split(':').next() == Some(name))?.split(':').collect();
        Some(Account { uid: row.get(2)?.parse().ok()?, gid: row.get(3)?.parse().ok()? })
    }

    /// Gives `path` to this user.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid)).map_err(Error::at("change the owner of", path))
    }

    /// Runs `command` as this user; the standard library drops the supplementary groups with it.
    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// The number of the user.
    pub(crate) fn uid(self) -> u32 {
        self.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:7::/:\npostgres:x:101:104::/:/bin/bash\n";
        assert_eq!(Account::named(users, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(Account::named(users, "nobody"), None);
    }
}
