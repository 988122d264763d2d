//! An empty directory in which the binary runs with an empty environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the repository's files are.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/cli stands two levels below the root")
        .to_owned()
}

/// The binary under test.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_tminus")
}

/// An empty directory, removed at the end.
pub struct Room {
    dir: tempfile::TempDir,
}

/// What a run of the binary left behind.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Room {
    pub fn new() -> Room {
        Room { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with the directories above it.
    pub fn put(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Room {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside of the room")).expect("directories");
        std::fs::write(path, bytes).expect("a file");
        self
    }

    /// Runs the binary with nothing on standard input.
    pub fn tminus(&self, args: &[&str]) -> Answer {
        self.run(args, &[], b"")
    }

    /// Runs the binary with variables and standard input.
    pub fn run(&self, args: &[&str], env: &[(&str, &str)], stdin: &[u8]) -> Answer {
        let mut command = assert_cmd::Command::new(binary());
        command.env_clear().envs(env.iter().copied()).current_dir(self.path()).args(args);
        let output = command.write_stdin(stdin).timeout(Duration::from_secs(60)).output().expect("the binary runs");
        Answer {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }

    /// The verdict for `args`, which must be answered.
    pub fn verdict(&self, args: &[&str]) -> serde_json::Value {
        let answer = self.tminus(&[&["why", "--format", "json"], args].concat());
        assert_eq!(answer.code, 0, "{}", answer.err);
        serde_json::from_str(&answer.out).expect("a verdict is JSON")
    }
}

impl Answer {
    /// The parts of an error: code 2, nothing on standard output, and every one of `parts` in it.
    #[track_caller]
    pub fn is_an_error_about(&self, parts: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        assert_eq!(self.out, "", "nothing but the answer belongs on standard output");
        assert!(self.err.starts_with("error: "), "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing from:\n{}", self.err);
        }
    }
}
