//! Our own lines, in a stream that belongs to the child.
//!
//! What it is for: saying something on standard error without ever breaking a line of the child, and
//! without ever waiting for whoever reads. What it must never do: block (but for a flush with a
//! limit), or grow without bound. Where to start reading: [`Voice::say`].

use super::pump::Control;
use super::target::{PIPE_BUF, Target};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Own lines that wait for a reader; what comes on top is dropped and counted.
pub(super) const MAX_WAITING: usize = 256 * 1024;

/// A way to say something on standard error. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Voice(Way);

#[derive(Clone, Debug)]
enum Way {
    /// The child writes there by itself: so do we.
    Direct(Arc<Mutex<Direct>>),
    /// The pump knows where lines end.
    Pump(Arc<Control>),
}

#[derive(Debug)]
struct Direct {
    /// None when there is no standard error.
    target: Option<Target>,
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
}

impl Voice {
    pub(super) fn direct(target: Option<Target>) -> Voice {
        let direct = Direct { target, waiting: VecDeque::new(), bytes: 0, dropped: 0 };
        Voice(Way::Direct(Arc::new(Mutex::new(direct))))
    }

    pub(super) fn through(control: Arc<Control>) -> Voice {
        Voice(Way::Pump(control))
    }

    /// Says these lines; a missing line end is added. Up to 4,096 bytes are written in one piece,
    /// longer texts in pieces that end at line ends where possible. Returns at once.
    pub fn say(&self, text: &str) {
        let pieces = pieces(text);
        match &self.0 {
            Way::Pump(control) => control.say(pieces),
            Way::Direct(direct) => {
                let mut direct = direct.lock().unwrap_or_else(PoisonError::into_inner);
                for piece in pieces {
                    direct.queue(piece);
                }
                direct.write();
            }
        }
    }

    /// Waits until everything that was said is written, but no longer than this. Says whether it is.
    /// Meant for the end: a line of the child that has no end yet is ended first.
    pub fn flush(&self, limit: Duration) -> bool {
        match &self.0 {
            Way::Pump(control) => control.flush(limit),
            Way::Direct(direct) => direct.lock().unwrap_or_else(PoisonError::into_inner).flush(limit),
        }
    }

    /// Bytes of ours that found no room, because nobody reads.
    pub fn dropped(&self) -> u64 {
        match &self.0 {
            Way::Pump(control) => control.dropped(),
            Way::Direct(direct) => direct.lock().unwrap_or_else(PoisonError::into_inner).dropped,
        }
    }
}

impl Direct {
    fn queue(&mut self, piece: Vec<u8>) {
        if self.bytes + piece.len() > MAX_WAITING {
            self.dropped += piece.len() as u64;
            return;
        }
        self.bytes += piece.len();
        self.waiting.push_back(piece);
    }

    /// Writes what the target takes now. False when something has to wait.
    fn write(&mut self) -> bool {
        while let Some(piece) = self.waiting.front_mut() {
            let written = match &self.target {
                Some(target) => target.write(piece),
                None => Err(Errno::BADF),
            };
            match written {
                Ok(count) if count < piece.len() => {
                    piece.drain(..count);
                    self.bytes -= count;
                }
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return false,
                // Written, or there is nobody any more who could read it.
                written => {
                    self.bytes -= piece.len();
                    self.dropped += if written.is_ok() { 0 } else { piece.len() as u64 };
                    self.waiting.pop_front();
                }
            }
        }
        true
    }

    fn flush(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.write() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(target) = self.target.as_ref().filter(|_| !left.is_zero()) else { return false };
            // Interrupted or not: the next write says what is the case.
            let _ = poll(&mut [PollFd::new(target, PollFlags::OUT)], Some(&timespec(left)));
        }
    }
}

pub(super) fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: duration.subsec_nanos().into() }
}

/// Cuts a text into pieces that can be written at once: at line ends, or inside lines that are too
/// long for that.
fn pieces(text: &str) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let bytes = text.strip_suffix('\n').unwrap_or(text).as_bytes();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = [line, b"\n"].concat();
        match pieces.last_mut() {
            Some(last) if last.len() + line.len() <= PIPE_BUF => last.extend_from_slice(&line),
            _ => pieces.extend(line.chunks(PIPE_BUF).map(<[u8]>::to_vec)),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn pieces_are_small_whole_lines_and_lose_nothing() {
        assert_eq!(pieces("a"), [b"a\n"]);
        assert_eq!(pieces("a\nb\n"), [b"a\nb\n"]);
        let text = (0..2000).map(|number| format!("line {number}\n")).collect::<String>();
        let cut = pieces(&text);
        assert!(cut.len() > 4 && cut.iter().all(|piece| piece.len() <= PIPE_BUF && piece.ends_with(b"\n")));
        assert_eq!(cut.concat(), text.as_bytes());
        let long = "x".repeat(10_000);
        assert_eq!(pieces(&long).concat(), format!("{long}\n").as_bytes());
    }

    #[test]
    fn a_full_pipe_does_not_block_and_what_waits_is_bounded() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let voice = Voice::direct(Some(Target::of(write.as_fd()).unwrap()));
        for number in 0..10_000 {
            voice.say(&format!("{number} {}", "x".repeat(90)));
        }
        assert!(voice.dropped() > 0);
        assert!(!voice.flush(Duration::ZERO));
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            std::io::Read::read_to_end(&mut std::fs::File::from(read), &mut all).map(|_| all)
        });
        assert!(voice.flush(Duration::from_secs(20)));
        drop((voice, write));
        let all = String::from_utf8(reader.join().unwrap().unwrap()).unwrap();
        assert!(all.len() > MAX_WAITING && all.starts_with("0 x") && all.ends_with("x\n"));
        assert!(all.lines().all(|line| line.ends_with(&"x".repeat(90))));
    }

    #[test]
    fn without_a_reader_lines_are_gone_and_nothing_waits() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        drop(read);
        let voice = Voice::direct(Some(Target::of(write.as_fd()).unwrap()));
        voice.say("anybody?");
        assert!(voice.flush(Duration::ZERO));
        assert_eq!(voice.dropped(), 9);
    }
}
