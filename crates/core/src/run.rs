//! The run machine: what a start does next, decided without touching the world.
//!
//! [`Machine::step`] takes the time and one [`Input`] and answers with [`Command`]s; a driver
//! executes them and comes back with inputs. Staggering of dials, cancelling, classification,
//! pacing, budgets, order of phases and the stop ladder are all here, so that every driver (the real
//! one, the simulated one) runs the very same start. It never reads a clock, never allocates in a
//! step, never blocks, and the same inputs give the same commands.
//!
//! Contract with a driver: it executes commands in order, feeds one input at a time, and after a
//! command that cancels something it feeds nothing more of what was cancelled.
//!
//! Where to start reading: [`Input`] and [`Command`], then `machine.rs` (phases), `steps.rs`,
//! `lane.rs` (one way to one dependency), `lease.rs`, `clock.rs` (deadlines), `child.rs` and
//! `again.rs` (its restarts), `leaving.rs` (stopping). `narrate.rs` turns the machine's [`Fact`]s into events.

mod again;
mod child;
mod clock;
mod lane;
mod lease;
mod leaving;
mod machine;
mod narrate;
mod pace;
mod steps;
#[cfg(test)]
mod tests;

pub use again::{QUIET, RESTARTS};
pub use machine::{Machine, State};
pub use narrate::{EVERY_PHASE_PASSED, Narrator, Subject, When, signal_name};

use crate::code::Code;
use crate::event::Passage;
use crate::plan::{LaneIx, PhaseIx, StepIx};
use crate::time::{Millis, Tick};
use crate::vocabulary::{AttemptOutcome, Layer};

/// True for the layers that a connection walks through; the others belong to processes.
fn is_of_connection(layer: Layer) -> bool {
    layer <= Layer::Schema
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

impl Ended {
    /// What a shell would say of it: the code, or 128 + the signal's number.
    pub const fn exit_code(self) -> u8 {
        match self {
            Ended::Code(code) => code,
            Ended::Signal(signal) => 128u8.wrapping_add(signal),
        }
    }
}

/// What happened in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The start begins. The first input, once.
    Begin,
    /// The time that was armed has come.
    Wake,
    /// A name was resolved to this many addresses (at most 255 are used), or not.
    Resolved(LaneIx, Result<u8, Code>),
    /// A dial came out.
    Dialled(LaneIx, Dial, Result<(), Code>),
    /// A layer of a connection came out. The time is a wish of the other side (`Retry-After`).
    Shaken(LaneIx, Result<(), Code>, Option<Millis>),
    /// What [`Command::Run`] started is over.
    Done(StepIx, Result<(), Code>),
    /// The lease was granted, or not.
    Leased(StepIx, Result<(), Code>),
    /// The lease was renewed, or lost.
    Renewed(StepIx, Result<(), Code>),
    /// The child runs, or could not be started.
    Spawned(Result<(), Code>),
    /// The child says that it is ready (sd_notify, or the line that was waited for).
    ChildReady,
    /// The child asks for more time (`EXTEND_TIMEOUT_USEC`).
    ChildExtends(Millis),
    /// The child says that it is stopping.
    ChildStopping,
    /// The child ended.
    ChildExited(Ended),
    /// A finalizer is over, however.
    Finalized(StepIx),
    /// Somebody wants tminus to end: the number of the signal.
    Stop(u8),
}

/// A dial in flight, 0 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dial(pub u8);

/// What a driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Resolve the lane's name. Answered by [`Input::Resolved`], in bounded time. It may come while
    /// dials are in flight: an answer then replaces the addresses of the dials that follow.
    Resolve(LaneIx),
    /// Dial one of the lane's addresses (counted from 0) for at most this long. Answered by
    /// [`Input::Dialled`]; the connection is kept for the handshakes.
    Dial(LaneIx, Dial, u8, Millis),
    /// Forget a dial.
    CancelDial(LaneIx, Dial),
    /// Take the lane's connection through one layer, for at most this long. Answered by
    /// [`Input::Shaken`].
    Handshake(LaneIx, Layer, Millis),
    /// Forget whatever the lane is doing and close its connection politely.
    Close(LaneIx),
    /// Do the step's work (check values, run a command), for at most this long. Answered by
    /// [`Input::Done`].
    Run(StepIx, Option<Millis>),
    /// End the step's work, its whole process group.
    CancelRun(StepIx),
    /// Try to get the step's lease. Answered by [`Input::Leased`].
    Acquire(StepIx),
    /// Renew it. Answered by [`Input::Renewed`].
    Renew(StepIx),
    /// Give it back, or stop asking for it: a grant that is on its way is given back too. Not
    /// answered.
    Release(StepIx),
    /// Start the child, and watch from its first breath for its sign of readiness
    /// ([`crate::plan::Readiness`]). Answered by [`Input::Spawned`].
    Spawn,
    /// Send the child a signal.
    Signal(u8),
    /// Kill the child's whole process group; also before it is started again, where what its last life
    /// left behind goes.
    Kill,
    /// Run the finalizer of a step for at most this long. Answered by [`Input::Finalized`].
    Finalize(StepIx, Millis),
    /// Send [`Input::Wake`] at this time. Replaces the one before; `NEVER` disarms.
    Arm(Tick),
    /// Say that this step is still waited for: since when, of how much.
    Announce(StepIx, Millis, Option<Millis>),
    /// Write down what happened.
    Emit(Fact),
    /// Leave, with this exit code.
    Finish(Exit),
}

/// What happened, in indices; [`Narrator`] makes an event of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The attempt began.
    AttemptStarted,
    /// A phase was admitted.
    PhaseStarted(PhaseIx),
    /// A phase ended.
    PhaseFinished(PhaseIx, Passage, Option<Code>),
    /// A step began.
    StepStarted(StepIx),
    /// A step ended.
    StepFinished(StepIx, Passage, Option<Code>),
    /// A try of a step began; the number counts from 1, per lane.
    TryStarted(StepIx, Option<LaneIx>, u16),
    /// A try of a step ended.
    TryFinished(StepIx, Option<LaneIx>, u16, Passage, Option<Code>),
    /// A layer was begun.
    LayerStarted(LaneIx, Layer),
    /// A layer ended; the number of dials that it took, where it dials.
    LayerFinished(LaneIx, Layer, Passage, Option<Code>, u16),
    /// The child runs.
    ChildSpawned,
    /// Everything has passed (or only optional things have not).
    Ready,
    /// The child is told to stop.
    ChildStopping(u8),
    /// The child ended.
    ChildExited(Ended),
    /// The child that ended after ready is started again: the how manieth time in a row, and after what
    /// rest. None: not any more, that was the last time.
    ChildRestart(u8, Option<Millis>),
    /// The attempt ended.
    AttemptFinished(AttemptOutcome),
}

/// Why tminus ends, and with which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// Why.
    pub reason: Reason,
}

/// Why tminus ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The child ended by itself, or because it was told to.
    Child(Ended),
    /// The start failed: where, how, and whether its time ran out (or waiting cannot help).
    NotStarted(Failure),
    /// It was told to stop before there was a child.
    Stopped(u8),
    /// Nothing is left to do: no child, every phase passed.
    Complete,
}

/// Where and how a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The phase.
    pub phase: PhaseIx,
    /// The step that decided; none when the phase or the window itself ran out.
    pub step: Option<StepIx>,
    /// The last that was seen of it.
    pub code: Code,
    /// True when time ran out, false when waiting cannot help.
    pub expired: bool,
}
