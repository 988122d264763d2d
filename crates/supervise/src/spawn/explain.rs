//! From the error of an exec to what is wrong with the file.
//!
//! What it is for: the kernel says ENOENT both for a missing program and for a missing interpreter,
//! and ENOEXEC both for a script without `#!` and for a program of another machine; this module
//! looks at the file and says which. What it must never do: change the exit code's class for the
//! better. Where to start reading: [`exec`].

use super::SpawnError;
use rustix::io::Errno;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// As much of a program as is read: the header, and the table that names the loader.
const HEAD: u64 = 4096;

/// Why none of the candidates could be executed. `about` is the one that the error is about.
pub(super) fn exec(
    program: &OsStr,
    candidates: &[CString],
    about: usize,
    cwd: Option<&Path>,
    error: io::Error,
) -> SpawnError {
    let places: Vec<PathBuf> = candidates.iter().map(|path| place(path, cwd)).collect();
    let shown = program.to_string_lossy();
    match Errno::from_io_error(&error) {
        // A file that is there and still "not found": its interpreter is missing.
        Some(Errno::NOENT) => match places.iter().find(|path| path.is_file()) {
            Some(path) => not_executable(path, missing_interpreter(path)),
            None => not_found(&shown, &places),
        },
        Some(Errno::NOTDIR) => not_found(&shown, &places),
        // A directory of that name, or a directory of PATH that may not be searched, is no program.
        Some(Errno::ACCESS) if !shown.contains('/') && !places.iter().any(|path| path.is_file()) => {
            not_found(&shown, &places)
        }
        Some(Errno::ACCESS) => {
            let path = places.get(about).cloned().unwrap_or_default();
            let reason = denied(&path);
            not_executable(&path, reason)
        }
        Some(Errno::NOEXEC) => {
            let path = places.get(about).cloned().unwrap_or_default();
            let reason = bad_format(&path);
            not_executable(&path, reason)
        }
        Some(Errno::TOOBIG) => SpawnError::Other {
            what: format!("cannot execute `{shown}`: arguments and environment together are too long"),
            error,
        },
        Some(Errno::TXTBSY) => {
            SpawnError::Other { what: format!("cannot execute `{shown}`: the file is open for writing"), error }
        }
        _ => SpawnError::Other { what: format!("cannot execute `{shown}`"), error },
    }
}

/// Why there was no process to execute it in.
pub(super) fn fork(program: &OsStr, error: io::Error) -> SpawnError {
    let hint = match Errno::from_io_error(&error) {
        Some(Errno::AGAIN) => ": the limit of processes is reached (pids.max of the container, or `ulimit -u`)",
        Some(Errno::NOMEM) => ": no memory for another process",
        Some(Errno::MFILE | Errno::NFILE) => ": the limit of open files is reached (`ulimit -n`)",
        _ => "",
    };
    SpawnError::Other { what: format!("cannot start a process for `{}`{hint}", program.to_string_lossy()), error }
}

fn place(path: &CString, cwd: Option<&Path>) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    cwd.map_or_else(|| path.to_path_buf(), |cwd| cwd.join(path))
}

fn not_found(shown: &str, places: &[PathBuf]) -> SpawnError {
    SpawnError::NotFound(match places {
        [path] if shown.contains('/') => format!("cannot find `{}`: no such file; is it in the image?", path.display()),
        places => {
            let directories: Vec<_> =
                places.iter().filter_map(|path| path.parent()).map(Path::to_string_lossy).collect();
            format!("cannot find `{shown}` in PATH ({}): is it installed in the image?", directories.join(":"))
        }
    })
}

fn not_executable(path: &Path, reason: String) -> SpawnError {
    SpawnError::NotExecutable(format!("cannot execute `{}`: {reason}", path.display()))
}

/// EACCES: on the file itself, on the way to it, on its interpreter, or by the file system.
fn denied(path: &Path) -> String {
    match fs::metadata(path) {
        Err(_) => "a directory on the way to it may not be searched by this user".to_owned(),
        Ok(found) if found.is_dir() => "it is a directory".to_owned(),
        Ok(found) if !found.is_file() => "it is not a regular file".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            format!("permission denied: its mode is {:o}; `chmod +x` is missing", found.permissions().mode() & 0o7777)
        }
        Ok(_) => match interpreter(path) {
            Some(by) if Path::new(&by).is_dir() || !executable(Path::new(&by)) => {
                format!("its interpreter `{}` may not be executed", by.escape_debug())
            }
            _ => "permission denied for this user, or its file system is mounted noexec".to_owned(),
        },
    }
}

fn executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

fn missing_interpreter(path: &Path) -> String {
    match interpreter(path) {
        Some(by) if by.ends_with('\r') => {
            format!(
                "its `#!` line ends in a carriage return, so that `{}` is not found: save it with unix line ends",
                by.escape_debug()
            )
        }
        Some(by) => format!("its interpreter `{}` is not there: is it installed in the image?", by.escape_debug()),
        None => "its interpreter is not there".to_owned(),
    }
}

fn bad_format(path: &Path) -> String {
    let head = head(path);
    match (machine(&head), head.as_slice()) {
        (Some(theirs), _) if theirs != std::env::consts::ARCH => {
            format!("it is built for {theirs}, this machine is {}", std::env::consts::ARCH)
        }
        (Some(_), _) => "it is a damaged or foreign program".to_owned(),
        (None, []) => "it is empty".to_owned(),
        (None, text) if text.starts_with(b"\xef\xbb\xbf#!") => {
            "a byte order mark stands before its `#!` line: save it without".to_owned()
        }
        (None, text) if !text.contains(&0) => "it is a script without a `#!` line".to_owned(),
        _ => "it is no program that this system knows".to_owned(),
    }
}

fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = File::open(path) {
        // What could not be read is not described.
        let _ = file.take(HEAD).read_to_end(&mut head);
    }
    head
}

/// What the kernel runs instead of the file: the program of its `#!` line, or the loader that an ELF
/// file names.
fn interpreter(path: &Path) -> Option<String> {
    let head = head(path);
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        let line = line.trim_ascii_start();
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
        return Some(String::from_utf8_lossy(&line[..end]).into_owned());
    }
    elf_loader(&head)
}

/// The PT_INTERP of a little-endian 64-bit ELF file, when it stands in the head, as it does in
/// practice.
fn elf_loader(head: &[u8]) -> Option<String> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| usize::try_from(u64::from_le_bytes(head.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok();
    let (table, size, count) = (word(32)?, half(54)?, half(56)?);
    for index in 0..count.min(64) {
        let at = table.checked_add(index * size)?;
        if head.get(at..at.checked_add(4)?)? == 3u32.to_le_bytes() {
            let (offset, length) = (word(at + 8)?, word(at + 32)?);
            let name = head.get(offset..offset.checked_add(length)?)?;
            return Some(String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned());
        }
    }
    None
}

/// The architecture of an ELF file, by the names of Rust where it has one.
fn machine(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let little = head.get(5) == Some(&1);
    let bytes: [u8; 2] = head.get(18..20)?.try_into().ok()?;
    let number = if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    Some(match number {
        3 => "x86",
        40 => "arm",
        62 => "x86_64",
        183 => "aarch64",
        243 => "riscv64",
        22 => "s390x",
        21 => "powerpc64",
        _ => "another architecture",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_this_very_program_is_found() {
        let me = std::env::current_exe().unwrap();
        let head = head(&me);
        assert_eq!(machine(&head), Some(std::env::consts::ARCH));
        if let Some(loader) = elf_loader(&head) {
            assert!(Path::new(&loader).exists(), "{loader}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        for length in 0..80 {
            let mut head = b"\x7fELF\x02\x01".to_vec();
            head.resize(6 + length, 0xff);
            let _ = (elf_loader(&head), machine(&head));
        }
    }
}
