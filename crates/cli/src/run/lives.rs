//! The program's further lives, told: one line each, and the word upward.
//!
//! What it must never do: decide anything; the run machine has. A line says how the program ended,
//! how long it had lived, when it comes back, and how many times of how many that makes.
//! Where to start reading: [`Lives::saw`].

use super::upward::Above;
use std::rc::Rc;
use tminus_core::event::{Event, EventKind};
use tminus_core::run::EVERY_PHASE_PASSED;
use tminus_report::start;
use tminus_supervise::output::Voice;

/// Tells of restarts.
pub(super) struct Lives {
    service: String,
    voice: Voice,
    above: Rc<Above>,
    /// How the program ended last.
    exited: Option<Event>,
    /// The restart that is under way.
    restart: Option<EventKind>,
}

impl Lives {
    pub(super) fn new(service: &str, voice: Voice, above: Rc<Above>) -> Lives {
        Lives { service: service.to_owned(), voice, above, exited: None, restart: None }
    }

    pub(super) fn saw(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ChildExited { .. } => self.exited = Some(event.clone()),
            EventKind::ChildRestart { rest_ns, .. } => {
                let ended = self.exited.as_ref().map(|event| &event.kind);
                let line = start::restart(&self.service, ended, &event.kind);
                self.say(&line);
                self.restart = rest_ns.map(|_| event.kind.clone());
            }
            EventKind::ChildNotified { status, .. } if status == EVERY_PHASE_PASSED => {
                if let (Some(restart), Some(exited)) = (self.restart.take(), &self.exited) {
                    let line = start::ready_again(&self.service, event.t.saturating_sub(exited.t), &restart);
                    self.say(&line);
                }
            }
            _ => {}
        }
    }

    /// Says a line here and upward. To systemd a service that restarts in place stays active: RELOADING
    /// would make `systemctl reload` wait for it, and STOPPING would be a lie.
    fn say(&self, line: &str) {
        self.voice.say(line);
        self.above.says(line.trim_start_matches("tminus: ").trim_end());
    }
}
