//! How a process ended.
//!
//! What it is for: the wait status of the kernel, and the exit code that passes it on. What it must
//! never do: turn one ending into another. Where to start reading: [`Status`].

use crate::Signal;
use std::fmt;

/// How a process ended: with a code, or by a signal. Kept as the kernel gave it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(i32);

impl Status {
    /// From the raw status of `wait(2)` of a process that has ended.
    pub const fn from_raw(raw: i32) -> Status {
        Status(raw)
    }

    /// The raw status of `wait(2)`.
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// The exit code, 0 to 255, when the process ended by itself.
    pub const fn code(self) -> Option<u8> {
        if self.0 & 0x7f == 0 { Some((self.0 >> 8) as u8) } else { None }
    }

    /// The signal that ended the process.
    pub const fn signal(self) -> Option<Signal> {
        Signal::new(self.0 & 0x7f)
    }

    /// Whether a core image was written.
    pub const fn core(self) -> bool {
        self.signal().is_some() && self.0 & 0x80 != 0
    }

    /// The code with which whoever passes this ending on has to exit: the code itself, or 128+n
    /// after signal n.
    pub const fn exit_code(self) -> u8 {
        match self.code() {
            Some(code) => code,
            None => 128 + (self.0 & 0x7f) as u8,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (_, Some(signal)) if self.core() => write!(f, "{signal}, core dumped"),
            (_, Some(signal)) => write!(f, "{signal}"),
            (Some(code), None) => write!(f, "exit {code}"),
            (None, None) => write!(f, "status {:#x}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_pass_and_signals_are_128_and_more() {
        for code in 0..=255u8 {
            let status = Status::from_raw(i32::from(code) << 8);
            assert_eq!((status.code(), status.signal(), status.exit_code()), (Some(code), None, code));
        }
        for number in 1..=64 {
            let status = Status::from_raw(number);
            assert_eq!((status.code(), status.signal()), (None, Signal::new(number)));
            assert_eq!(i32::from(status.exit_code()), 128 + number);
            assert!(!status.core());
            assert!(Status::from_raw(number | 0x80).core());
        }
    }

    #[test]
    fn is_shown_in_words() {
        assert_eq!(Status::from_raw(3 << 8).to_string(), "exit 3");
        assert_eq!(Status::from_raw(9).to_string(), "SIGKILL");
        assert_eq!(Status::from_raw(6 | 0x80).to_string(), "SIGABRT, core dumped");
    }
}
