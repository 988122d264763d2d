//! Children, PID 1, signals, output and readiness notifications.
//!
//! What it is for: what the command line needs to stand between a platform and a service without
//! being noticed. What it must never do: decide (the run machine does), read this process's
//! environment, print, or exit; and be used by the library, because everything here is about the
//! whole process: its signal mask, its children, its standard streams.
//!
//! Where to start reading: [`Supervisor`] (children and signals), [`Spec`] (what a child gets),
//! [`output`] (its bytes), [`notify`] (what it tells). `sys` holds the only unsafe code.
//!
//! ```no_run
//! # async fn example() -> Result<u8, Box<dyn std::error::Error>> {
//! use tminus_supervise::{Happening, Spec, Supervisor};
//!
//! let mut supervisor = Supervisor::new()?;
//! let child = supervisor.spawn(Spec::new(vec!["true".into()], std::env::vars_os().collect()))?;
//! loop {
//!     match supervisor.next().await? {
//!         Happening::Signal { signal, .. } if signal.forwardable() => supervisor.signal(child, signal)?,
//!         Happening::Exited { child: ended, status } if ended == child => return Ok(status.exit_code()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```

pub mod notify;
pub mod output;
pub mod residence;

mod signal;
mod spawn;
mod status;
mod supervisor;
mod sys;
mod terminal;

pub use signal::{Signal, UnknownSignal};
pub use spawn::{SpawnError, Spec, Stdin, Stream};
pub use status::Status;
pub use supervisor::{ChildId, Happening, Role, Sender, SignalError, Supervisor};
