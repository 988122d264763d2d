//! What tminus itself says while a program runs: few lines, whole, and only between the program's.

use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::event::Event;
use tminus_core::plan::Plan;
use tminus_core::plan::StepIx;
use tminus_core::time::Millis;
use tminus_report::start::{self, StartOptions, StartView};

/// Before this much time a stop needs no explanation: nothing was waited for.
const WORTH_SAYING: i64 = 10_000_000_000;

/// Speaks on standard error.
pub(super) struct Voice {
    way: tminus_supervise::output::Voice,
    plan: Plan,
    said: bool,
}

impl Voice {
    pub(super) fn new(way: tminus_supervise::output::Voice, plan: &Plan) -> Voice {
        Voice { way, plan: plan.clone(), said: false }
    }

    /// A line or several.
    pub(super) fn say(&self, text: &str) {
        self.way.say(text);
    }

    pub(super) fn warn(&self, text: &str) {
        self.way.say(&format!("tminus: warning: {text}"));
    }

    /// A step is still waited for.
    pub(super) fn announce(
        &self,
        step: StepIx,
        elapsed: Millis,
        limit: Option<Millis>,
        code: Option<Code>,
        holder: Option<&str>,
    ) {
        self.say(&start::announcement(&self.plan, step, elapsed, limit, code, holder));
    }

    /// What is known so far, `now` nanoseconds after the process was created, because somebody wants
    /// the start to end; once, and only when something was being waited for.
    pub(super) fn provisional(&mut self, events: &[Event], now: i64, signal: u8) {
        let waited = now >= WORTH_SAYING;
        if self.said || !waited || self.plan.implied {
            return;
        }
        let now = events.last().map_or(0, |event| event.t).max(now);
        let view = StartView::new(&self.plan, events, None).until(now);
        if view.is_ready() {
            return;
        }
        self.said = true;
        self.say(&start::provisional(&view, signal, None, &StartOptions::default()));
    }

    /// Whether the provisional block was printed.
    pub(super) fn has_explained(&self) -> bool {
        self.said
    }

    /// Waits until everything is written.
    pub(super) fn flush(&self, limit: Duration) {
        self.way.flush(limit);
    }
}
