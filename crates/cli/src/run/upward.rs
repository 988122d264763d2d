//! What is said to whoever supervises tminus itself: systemd, or another tminus.
//!
//! It hears READY and STOPPING once each, whoever of the program and us says them first, and every
//! status and request for time as it comes. An answer is never waited for, and a supervisor that does
//! not listen changes nothing. Where to start reading: [`Above::pass`].

use std::cell::RefCell;
use std::ffi::OsStr;
use tminus_supervise::notify::{Message, Upward};

/// The way up, and what went there.
#[derive(Default)]
pub(super) struct Above {
    way: Option<Upward>,
    said: RefCell<Said>,
}

/// What the supervisor knows.
#[derive(Default)]
struct Said {
    ready: bool,
    stopping: bool,
    status: Option<String>,
    /// Whether that status is about our own waiting.
    own_status: bool,
}

impl Above {
    /// For our own `NOTIFY_SOCKET`, if there is one; with the reason why it cannot be used.
    pub(super) fn at(address: Option<&OsStr>) -> (Above, Option<String>) {
        match address.filter(|address| !address.is_empty()).map(Upward::to) {
            None => (Above::default(), None),
            Some(Ok(way)) => (Above { way: Some(way), ..Above::default() }, None),
            Some(Err(error)) => (Above::default(), Some(format!("nobody is told of readiness: {error}"))),
        }
    }

    /// Passes on what the program says. With a plan its READY is not that of the start.
    pub(super) fn pass(&self, message: &Message, implied: bool) {
        self.tell(Message { ready: message.ready && implied, ..message.clone() }, false);
    }

    /// What tminus itself waits for.
    pub(super) fn waits_for(&self, step: &str) {
        self.tell(Message { status: Some(format!("waiting for {step}")), ..Message::default() }, true);
    }

    /// A word of tminus about the program.
    pub(super) fn says(&self, status: &str) {
        self.tell(Message { status: Some(status.to_owned()), ..Message::default() }, false);
    }

    /// Every phase has passed. A status that says what was waited for is not true any longer.
    pub(super) fn ready(&self) {
        let status = self.said.borrow().own_status.then(|| "ready".to_owned());
        self.tell(Message { ready: true, status, ..Message::default() }, false);
    }

    /// It ends.
    pub(super) fn stopping(&self) {
        self.tell(Message { stopping: true, ..Message::default() }, false);
    }

    fn tell(&self, mut message: Message, own_status: bool) {
        let Some(way) = &self.way else { return };
        self.said.borrow_mut().leave_new(&mut message, own_status);
        let bytes_are_left = message.ready
            || message.stopping
            || message.status.is_some()
            || message.extend.is_some()
            || message.errno.is_some();
        if bytes_are_left {
            // Whoever does not listen misses it.
            let _ = way.send(&message);
        }
    }
}

impl Said {
    /// Takes away what was said before, and remembers the rest.
    fn leave_new(&mut self, message: &mut Message, own_status: bool) {
        message.ready &= !self.ready;
        message.stopping &= !self.stopping;
        self.ready |= message.ready;
        self.stopping |= message.stopping;
        if message.status == self.status {
            message.status = None;
        }
        if message.status.is_some() {
            (self.status, self.own_status) = (message.status.clone(), own_status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_not_said_again() {
        let mut said = Said::default();
        let mut new = |message: Message| {
            let mut message = message;
            said.leave_new(&mut message, false);
            message
        };
        let stopping = Message { stopping: true, ..Message::default() };
        assert_eq!(new(stopping.clone()), stopping);
        assert_eq!(new(stopping), Message::default());
        let loading = Message { ready: true, status: Some("loading".into()), ..Message::default() };
        assert_eq!(new(loading.clone()), loading);
        assert_eq!(new(loading), Message::default());
    }

    #[test]
    fn an_address_that_cannot_be_used_is_a_reason_and_no_address_is_none() {
        assert!(Above::at(None).1.is_none());
        assert!(Above::at(Some(OsStr::new(""))).1.is_none());
        assert!(Above::at(Some(OsStr::new("vsock:2:1"))).1.is_some_and(|text| text.contains("NOTIFY_SOCKET")));
    }
}
