//! Time inside a start: whole milliseconds since the process was created.
//!
//! It must never be read from a clock here; drivers hand it over. 32 bits hold 49 days, more than
//! any start takes; after ready nothing is timed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u32);

/// A point in time: milliseconds since the process was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u32);

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);

    /// Whole seconds.
    pub const fn secs(seconds: u32) -> Millis {
        Millis(seconds.saturating_mul(1000))
    }

    /// As seconds.
    pub fn as_secs(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// What is left after `other`; zero when nothing is.
    pub const fn less(self, other: Millis) -> Millis {
        Millis(self.0.saturating_sub(other.0))
    }

    /// The sum.
    pub const fn plus(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }

    /// As the standard library's duration.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0 as u64)
    }
}

/// `0.4 s` below ten seconds, `75 s` from there on, `250 ms` below a second.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms @ 0..=999 => write!(f, "{ms} ms"),
            ms if ms < 10_000 || ms % 1000 != 0 && ms < 600_000 => write!(f, "{:.1} s", f64::from(ms) / 1000.0),
            ms => write!(f, "{} s", ms / 1000),
        }
    }
}

impl Tick {
    /// A point that never comes.
    pub const NEVER: Tick = Tick(u32::MAX);

    /// The point `by` later; never, when that is too far.
    pub const fn after(self, by: Millis) -> Tick {
        Tick(self.0.saturating_add(by.0))
    }

    /// The time from `earlier` to here; zero when it is the other way round.
    pub const fn since(self, earlier: Tick) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}
