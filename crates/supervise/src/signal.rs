//! Signal numbers, with names.
//!
//! What it is for: one type for a signal, standard or real-time, that can be sent, shown and read
//! from a plan. What it must never do: send anything. Where to start reading: [`Signal`].

use std::fmt;
use std::str::FromStr;

/// A signal number, 1 to 64.
///
/// Real-time signals are numbers without a name of their own, because their names depend on the C
/// library (`SIGRTMIN` is 34 or 35): they are shown as `signal 40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// Numbers as on x86-64 and arm64 Linux, the platforms that tminus is built for.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

impl Signal {
    /// Hang-up: the terminal went away, or "read your configuration again".
    pub const HUP: Signal = Signal(1);
    /// Interrupt, as the terminal sends it.
    pub const INT: Signal = Signal(2);
    /// Quit, as the terminal sends it.
    pub const QUIT: Signal = Signal(3);
    /// Kill: cannot be caught.
    pub const KILL: Signal = Signal(9);
    /// User-defined 1.
    pub const USR1: Signal = Signal(10);
    /// User-defined 2.
    pub const USR2: Signal = Signal(12);
    /// A write to a pipe that nobody reads.
    pub const PIPE: Signal = Signal(13);
    /// Please stop.
    pub const TERM: Signal = Signal(15);
    /// A child has changed state.
    pub const CHLD: Signal = Signal(17);
    /// Continue after a stop.
    pub const CONT: Signal = Signal(18);
    /// Stop: cannot be caught.
    pub const STOP: Signal = Signal(19);
    /// Stop, as the terminal sends it.
    pub const TSTP: Signal = Signal(20);
    /// A background process reads the terminal.
    pub const TTIN: Signal = Signal(21);
    /// A background process writes to the terminal.
    pub const TTOU: Signal = Signal(22);
    /// A file grew past its limit.
    pub const XFSZ: Signal = Signal(25);
    /// The window has another size.
    pub const WINCH: Signal = Signal(28);

    /// The signal with this number; none when it is not in 1 to 64.
    pub const fn new(number: i32) -> Option<Signal> {
        if number >= 1 && number <= 64 { Some(Signal(number as u8)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// The name without `SIG`; none for real-time signals.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0) - 1).copied()
    }

    /// Whether a supervisor can pass it on: all but KILL and STOP, which nobody can catch, and CHLD,
    /// which is about the supervisor's own children.
    pub const fn forwardable(self) -> bool {
        !matches!(self, Signal::KILL | Signal::STOP | Signal::CHLD)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a signal: use a name like `SIGTERM` or a number from 1 to 64")]
pub struct UnknownSignal(String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `SIGTERM`, `TERM`, `term` or `15`.
    fn from_str(text: &str) -> Result<Signal, UnknownSignal> {
        let upper = text.trim().to_ascii_uppercase();
        if let Ok(number) = upper.parse::<i32>() {
            return Signal::new(number).ok_or_else(|| UnknownSignal(text.to_owned()));
        }
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        match NAMES.iter().position(|known| *known == name) {
            Some(at) => Ok(Signal(at as u8 + 1)),
            None => Err(UnknownSignal(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_shown_and_read_back() {
        for number in 1..=64 {
            let signal = Signal::new(number).unwrap();
            assert_eq!(signal.number().to_string().parse(), Ok(signal));
            if let Some(name) = signal.name() {
                assert_eq!(name.parse(), Ok(signal));
                assert_eq!(format!("SIG{name}").parse(), Ok(signal));
            }
        }
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
    }

    #[test]
    fn names_are_those_of_this_platform() {
        for signal in nix::sys::signal::Signal::iterator() {
            assert_eq!(signal.as_str().parse::<Signal>().unwrap().number(), signal as i32, "{signal}");
        }
    }

    #[test]
    fn only_kill_stop_and_chld_stay() {
        let kept: Vec<_> = (1..=64).filter_map(Signal::new).filter(|signal| !signal.forwardable()).collect();
        assert_eq!(kept, [Signal::KILL, Signal::CHLD, Signal::STOP]);
    }

    #[test]
    fn a_wrong_name_says_what_to_write() {
        let error = "SIGSTOPP".parse::<Signal>().unwrap_err().to_string();
        assert_eq!(error, "`SIGSTOPP` is not a signal: use a name like `SIGTERM` or a number from 1 to 64");
    }
}
