//! The output of children: passed on byte for byte, and kept where it may explain a failure.
//!
//! What it is for: [`Output`] stands between a child's output and ours. What it must never do: alter
//! a byte, hold the child up by looking, or end the child by a failure of its own: where a pipe or a
//! thread cannot be had, the child inherits our stream. Where to start reading: [`Output::open`];
//! `pump` is the thread, `flow` the bytes in it, `keep` what is kept, `voice` our own lines.
//!
//! The pipe lives as long as this process. When tminus is not PID 1 and is killed, the pipe loses its
//! reader: the child's next write raises SIGPIPE, as with any pipeline. As PID 1 the question does
//! not arise. A service that must outlive its supervisor wants [`Capture::Inherit`].

mod flow;
mod keep;
mod lines;
mod pump;
mod source;
mod target;
mod voice;

pub use keep::{Gap, Gate, HEAD, Kept, KeptLine, MIDDLE, TAIL};
pub use source::{Ending, FirstLine, Predicate, Source, Tap, Watch};
pub use voice::Voice;

use crate::Stream;
use keep::Keep;
use pump::{Command, Control};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use source::{Live, Shared};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use target::Target;

/// The size of a child's pipe. Only what is in it takes memory; each wake-up moves so much more that
/// very fast output costs a fifth of the processor time on top, not a half.
const PIPE: usize = 1024 * 1024;

/// Whether children write to our streams or into pipes of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// A stream that is a terminal is inherited, any other is passed through a pipe.
    #[default]
    Auto,
    /// Both streams are passed through pipes.
    Tee,
    /// Both streams are inherited: nothing is kept, no thread runs.
    Inherit,
}

/// Which of a child's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both: they lead to the same file, and so share one pipe, in which their order stays as it is.
    Both,
}

/// Our two output streams, and the pumps to them.
#[derive(Debug)]
pub struct Output {
    stdout: Option<Arc<Control>>,
    stderr: Option<Arc<Control>>,
    voice: Voice,
    problems: Vec<io::Error>,
}

/// What one child is given, and what the caller holds of it.
#[derive(Debug)]
pub struct Attached {
    /// For [`Spec::stdout`](crate::Spec::stdout).
    pub stdout: Stream,
    /// For [`Spec::stderr`](crate::Spec::stderr).
    pub stderr: Stream,
    /// What passes through us; empty when both streams are inherited.
    pub sources: Vec<(Which, Source)>,
    /// Why a stream is inherited that should not be; worth a warning.
    pub problem: Option<io::Error>,
}

impl Output {
    /// Looks where our streams lead, and starts one thread per distinct target that is not inherited.
    /// To be called after [`Supervisor::new`](crate::Supervisor::new), so that the threads leave
    /// signals alone.
    pub fn open(capture: Capture) -> Output {
        let (out, err) = (io::stdout(), io::stderr());
        let piped = |terminal: bool| match capture {
            Capture::Auto => !terminal,
            Capture::Tee => true,
            Capture::Inherit => false,
        };
        let mut problems = Vec::new();
        let mut pump = |wanted: bool, target: &mut Option<Target>| {
            let started = wanted.then(|| target.take().map(Control::start)).flatten()?;
            started.map_err(|error| problems.push(error)).ok()
        };
        let (mut to_out, mut to_err) = (Target::of(out.as_fd()).ok(), Target::of(err.as_fd()).ok());
        let same = matches!((&to_out, &to_err), (Some(out), Some(err)) if out.identity == err.identity);
        let stdout = pump(piped(out.is_terminal()), &mut to_out);
        let stderr = if same { stdout.clone() } else { pump(piped(err.is_terminal()), &mut to_err) };
        let voice = match &stderr {
            Some(control) => Voice::through(control.clone()),
            None => Voice::direct(to_err),
        };
        Output { stdout, stderr, voice, problems }
    }

    /// Why a stream is inherited that should be passed through a pipe; worth a warning.
    pub fn problems(&self) -> &[io::Error] {
        &self.problems
    }

    /// Our own lines, on standard error.
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Streams for one more child. `tap` says, per pipe, what is to be looked at.
    pub fn attach(&self, mut tap: impl FnMut(Which) -> Tap) -> Attached {
        let mut attached =
            Attached { stdout: Stream::Inherit, stderr: Stream::Inherit, sources: Vec::new(), problem: None };
        let shared = matches!((&self.stdout, &self.stderr), (Some(out), Some(err)) if Arc::ptr_eq(out, err));
        let result = if shared {
            self.attach_both(&mut attached, &mut tap)
        } else {
            let out = connect(self.stdout.as_ref(), Which::Stdout, &mut tap, &mut attached.sources);
            let err = connect(self.stderr.as_ref(), Which::Stderr, &mut tap, &mut attached.sources);
            out.map(|stream| attached.stdout = stream).and(err.map(|stream| attached.stderr = stream))
        };
        attached.problem = result.err();
        attached
    }

    fn attach_both(&self, attached: &mut Attached, tap: &mut impl FnMut(Which) -> Tap) -> io::Result<()> {
        let stream = connect(self.stdout.as_ref(), Which::Both, tap, &mut attached.sources)?;
        if let Stream::Pipe(end) = stream {
            // The second descriptor first: when there is none left, both streams are inherited.
            attached.stderr = Stream::Pipe(end.try_clone()?);
            attached.stdout = Stream::Pipe(end);
        }
        Ok(())
    }

    /// Writes what was said and ends the threads, but waits no longer than this.
    /// Says whether all own lines were written. What children wrote is waited for by
    /// [`Source::finish`], before this; children that still write get a closed pipe.
    pub fn close(self, limit: Duration) -> bool {
        self.voice.flush(limit)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        for control in [&self.stdout, &self.stderr].into_iter().flatten() {
            control.send(Command::Stop);
        }
    }
}

/// A pipe into a pump; without a pump the stream is inherited.
fn connect(
    control: Option<&Arc<Control>>,
    which: Which,
    tap: &mut impl FnMut(Which) -> Tap,
    sources: &mut Vec<(Which, Source)>,
) -> io::Result<Stream> {
    let Some(control) = control else { return Ok(Stream::Inherit) };
    let (read, write): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC)?;
    // Without permission it stays as it is: more wake-ups for very fast output, and no other difference.
    let _ = fcntl_setpipe_size(&write, PIPE);
    let Tap { gate, watch } = tap(which);
    let keep = Shared(Arc::new(Mutex::new(Keep::new(gate))));
    let source = Source { control: control.clone(), id: control.next_source(), keep: keep.clone() };
    control.send(Command::Add(Live::new(source.id, read, keep, watch)));
    sources.push((which, source));
    Ok(Stream::Pipe(write))
}
