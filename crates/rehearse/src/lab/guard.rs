//! Ends servers and removes directories when the process that made them was killed.
//!
//! `Drop` covers returns and panics. It does not cover SIGKILL (a test runner's time limit), `abort`,
//! or values in statics. So the first server of a process starts a small shell that reads what to
//! end from a pipe; the pipe's other end closes with the process, however that comes about. A signal
//! on the parent's death would be less text, but it follows the thread that spawned, not the process.
//!
//! It must never signal what was not announced to it, and forgets what has ended, so that a number
//! that the kernel gives out again is not hit.
//!
//! Start reading at [`Watched`].

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// The shell of the guard: `+ KEY QUIT PID` and `+ KEY RM PATH` announce, `- KEY` forgets; at the end of the
/// input, what is left is asked to end, given 2 s, killed, and its directories are removed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
jobs= 
while read -r sign key verb what; do
  case $sign in
  +) jobs="$jobs
$key $verb $what" ;;
  -) jobs=$(printf '%s\n' "$jobs" | grep -v "^$key ") ;;
  esac
done
each() { printf '%s\n' "$jobs" | while read -r key verb what; do
  case $verb in "$1") eval "$2" ;; esac
done; }
left() { each QUIT 'kill -0 "$what" 2>/dev/null && echo "$what"'; }
each QUIT 'kill -QUIT "$what"; kill -CONT "$what"' 2>/dev/null
tries=0
while [ "$tries" -lt 40 ] && [ -n "$(left)" ]; do
  sleep 0.05
  tries=$((tries + 1))
done
each QUIT 'kill -KILL -- "-$what" "$what"' 2>/dev/null
each RM 'rm -rf -- "$what"'
"#;

struct Guard {
    pipe: Option<std::process::ChildStdin>,
    next: u64,
}

static GUARD: OnceLock<Mutex<Guard>> = OnceLock::new();

/// Something that the guard ends when this process is gone; dropping it forgets it.
#[derive(Debug)]
pub(crate) struct Watched(u64);

impl Watched {
    /// A process group whose leader is `pid`.
    pub(crate) fn process(pid: u32) -> Watched {
        tell(|key| format!("+ {key} QUIT {pid}\n"))
    }

    /// A directory.
    pub(crate) fn directory(path: &Path) -> Watched {
        tell(|key| format!("+ {key} RM {}\n", path.display()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut guard = guard().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        guard.say(&format!("- {}\n", self.0));
    }
}

fn tell(line: impl FnOnce(u64) -> String) -> Watched {
    let mut guard = guard().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    guard.next += 1;
    let key = guard.next;
    guard.say(&line(key));
    Watched(key)
}

impl Guard {
    /// A guard that died is no reason to fail: `Drop` does its part still.
    fn say(&mut self, line: &str) {
        if let Some(pipe) = &mut self.pipe
            && pipe.write_all(line.as_bytes()).is_err()
        {
            self.pipe = None;
        }
    }
}

fn guard() -> &'static Mutex<Guard> {
    GUARD.get_or_init(|| {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Mutex::new(Guard { pipe: child.ok().and_then(|mut child| child.stdin.take()), next: 0 })
    })
}
