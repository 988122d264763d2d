//! An empty Postgres data directory, made once and copied for every server.
//!
//! `initdb` takes a second or two and every test needs a server, so the result is kept below the cargo
//! target directory, under a name that holds whatever it depends on. Processes may race: each builds in
//! a place of its own and renames; who comes second throws its work away.
//!
//! It must never be run in or changed: servers get copies.
//!
//! Start reading at [`copy`].

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::account::Account;
use super::super::error::{Error, Result};
use super::super::programs::Program;
use super::super::scratch::{Scratch, kept_place};
use super::{DATABASE, HOLDER, PASSWORD, SUPERUSER, USER};

/// Raised when what the template holds changes.
const EDITION: u32 = 1;

/// Puts a new data directory at `data` of `scratch`.
pub(super) fn copy(scratch: &Scratch, data: &str) -> Result<PathBuf> {
    let to = scratch.directory(data)?;
    match kept(scratch.account())? {
        Some(template) => copy_tree(&template, &to, scratch.account())?,
        None => build(scratch, &to)?,
    }
    std::fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(Error::at("set the mode of", &to))?;
    Ok(to)
}

/// The template below the target directory, made when it is not there; `None` when there is no such directory.
fn kept(account: Option<Account>) -> Result<Option<PathBuf>> {
    let Some(cache) = kept_place() else { return Ok(None) };
    let initdb = Program::Initdb.find()?;
    let version: String = initdb.components().filter_map(|part| part.as_os_str().to_str()?.parse::<u32>().ok()).fold(
        String::new(),
        |mut all, part| {
            all.push_str(&format!("-{part}"));
            all
        },
    );
    let uid = account.map_or_else(|| rustix::process::geteuid().as_raw(), Account::uid);
    let template = cache.join(format!("postgres{version}-user-{uid}-edition-{EDITION}"));
    if template.is_dir() {
        return Ok(Some(template));
    }
    std::fs::create_dir_all(&cache).map_err(Error::at("make", &cache))?;
    let scratch = Scratch::new("initdb")?;
    let built = scratch.directory("data")?;
    build(&scratch, &built)?;
    let mine = tempfile::tempdir_in(&cache).map_err(Error::at("make a directory in", &cache))?;
    copy_tree(&built, mine.path(), account)?;
    match std::fs::rename(mine.path(), &template) {
        Ok(()) => {
            let _ = mine.keep();
        }
        Err(_) if template.is_dir() => {}
        Err(error) => return Err(Error::at("make", &template)(error)),
    }
    Ok(Some(template))
}

fn build(scratch: &Scratch, data: &Path) -> Result<()> {
    let mut initdb = Command::new(Program::Initdb.find()?);
    initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", "--wal-segsize=1"]);
    initdb.arg(format!("--username={SUPERUSER}")).arg("--pgdata").arg(data).current_dir(scratch.path());
    run(initdb, scratch, "initdb", b"")?;
    let sql = format!(
        "ALTER ROLE {SUPERUSER} PASSWORD '{PASSWORD}'\n\
         CREATE ROLE {HOLDER} LOGIN\n\
         CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'\n\
         CREATE DATABASE {DATABASE} OWNER {USER}\n"
    );
    alone(scratch, data, &sql)
}

/// Runs statements, one a line, on a data directory on which no server runs.
pub(super) fn alone(scratch: &Scratch, data: &Path, sql: &str) -> Result<()> {
    let mut single = Command::new(Program::Postgres.find()?);
    single.args(["--single", "-j", "-F", "-c", "exit_on_error=true", "-D"]).arg(data).arg("postgres");
    single.current_dir(scratch.path());
    // With -j, a statement ends with a semicolon and an empty line.
    let sql: String = sql.lines().map(|statement| format!("{statement};\n\n")).collect();
    run(single, scratch, "postgres --single", sql.as_bytes())
}

fn run(mut command: Command, scratch: &Scratch, name: &'static str, input: &[u8]) -> Result<()> {
    if let Some(account) = scratch.account() {
        account.apply(&mut command);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::at("run", command.get_program()))?;
    // A few statements fit into the pipe; a program that ends early is told by its status.
    if let Some(mut pipe) = child.stdin.take() {
        let _ = pipe.write_all(input);
    }
    let output = child.wait_with_output().map_err(Error::io(format!("wait for {name}")))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() && !said.contains("FATAL:") && !said.contains("ERROR:") {
        return Ok(());
    }
    Err(Error::Ended { program: name, status: output.status.to_string(), log: said })
}

/// Copies files and directories, with their modes, and gives them to the servers' user.
fn copy_tree(from: &Path, to: &Path, account: Option<Account>) -> Result<()> {
    for entry in std::fs::read_dir(from).map_err(Error::at("read", from))? {
        let entry = entry.map_err(Error::at("read", from))?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(Error::at("read", &source))?.is_dir() {
            std::fs::create_dir(&copy).map_err(Error::at("make", &copy))?;
            let mode = entry.metadata().map_err(Error::at("read", &source))?.permissions();
            std::fs::set_permissions(&copy, mode).map_err(Error::at("set the mode of", &copy))?;
            copy_tree(&source, &copy, account)?;
        } else {
            std::fs::copy(&source, &copy).map_err(Error::at("copy", &source))?;
        }
        if let Some(account) = account {
            account.own(&copy)?;
        }
    }
    Ok(())
}
