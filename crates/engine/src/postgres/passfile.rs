//! libpq's password file: `host:port:database:user:password`, one a line.
//!
//! It is read when a server asks for a password and the target has none, as the program's driver
//! would. A file that others may read is ignored, as libpq does.

use crate::probe::Address;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tminus_core::secret::Secret;
use tminus_core::target::Postgres;

/// Largest file that is read.
const FILE_MAX: u64 = 1 << 20;

/// The password for this target at this address.
pub(super) fn look_up(path: &Path, target: &Postgres, peer: Option<&Address>) -> Option<Secret> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.mode() & 0o077 != 0 {
        return None;
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).ok()?;
    let (host, port) = match peer? {
        Address::Tcp { socket, host } => (host.to_string(), socket.port().to_string()),
        Address::Unix(path) => {
            let (directory, file) = path.rsplit_once('/')?;
            // libpq calls its default directory localhost.
            let host = if directory == "/var/run/postgresql" || directory == "/tmp" { "localhost" } else { directory };
            (host.to_owned(), file.rsplit('.').next()?.to_owned())
        }
    };
    let user = target.user.as_deref()?;
    let database = target.database.as_deref().unwrap_or(user);
    text.lines().find_map(|line| matching(line, [&host, &port, database, user]))
}

/// The password of a line whose four fields fit.
fn matching(line: &str, wanted: [&str; 4]) -> Option<Secret> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![String::new()];
    let mut stars = vec![true];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                fields.last_mut()?.extend(characters.next());
                *stars.last_mut()? = false;
            }
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                stars.push(true);
            }
            c => fields.last_mut()?.push(c),
        }
    }
    let [host, port, database, user, password] = fields.try_into().ok()?;
    let fits = |index: usize, field: &str| field == "*" && stars[index] || field == wanted[index];
    let all = [host, port, database, user].iter().enumerate().all(|(index, field)| fits(index, field));
    (all && !password.is_empty()).then(|| Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_matched_as_libpq_does() {
        let wanted = ["db", "5432", "app", "u"];
        let password = |line: &str| matching(line, wanted).map(|secret| secret.reveal().to_owned());
        assert_eq!(password("db:5432:app:u:p:w\\\\x").as_deref(), Some("p:w\\x"));
        assert_eq!(password("*:*:*:u:pw").as_deref(), Some("pw"));
        for other in ["#db:5432:app:u:pw", "db:5433:app:u:pw", "db:5432:app:u", "\\*:*:*:u:pw", "db:5432:app:u:", ""] {
            assert_eq!(password(other), None, "{other}");
        }
    }
}
