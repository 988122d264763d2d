//! The events of this start: kept for the verdict, written where they are asked for.

use std::fs::File;
use std::io::Write;
use tminus_core::event::{Event, EventKind};

/// Most events that are kept: of a start that is tried again and again, the first and the newest say
/// what there is to say.
const KEPT_MAX: usize = 6_000;
/// How many of them are the first ones.
const FIRST_MAX: usize = 2_000;

/// Takes events.
pub(super) struct Recorder {
    events: Vec<Event>,
    left_out: u64,
    file: Option<(String, File)>,
}

impl Recorder {
    pub(super) fn new(file: Option<(String, File)>) -> Recorder {
        Recorder { events: Vec::new(), left_out: 0, file }
    }

    /// The events that were kept, oldest first.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Keeps an event and writes it down.
    pub(super) fn take(&mut self, event: &Event) -> Result<(), String> {
        if self.events.len() == KEPT_MAX {
            // In blocks, so that keeping stays cheap.
            self.left_out += (KEPT_MAX / 4) as u64;
            self.events.drain(FIRST_MAX..FIRST_MAX + KEPT_MAX / 4);
        }
        self.events.push(event.clone());
        let Some((name, file)) = &mut self.file else { return Ok(()) };
        let mut line = serde_json::to_vec(event).map_err(|e| e.to_string())?;
        line.push(b'\n');
        file.write_all(&line).map_err(|e| format!("{name}: {e}"))
    }

    /// Adds what was found out when everything was over.
    pub(super) fn append(&mut self, kind: EventKind) {
        let Some(last) = self.events.last() else { return };
        let event = Event { seq: last.seq + 1, kind, ..last.clone() };
        // The file is a copy: whoever waits for it learns the rest from the verdict.
        let _ = self.take(&event);
    }

    /// After ready nothing of the way there is needed any more but its outline.
    pub(super) fn forget_the_way(&mut self) {
        self.events.retain(|event| {
            !matches!(
                event.kind,
                EventKind::TryStarted { .. }
                    | EventKind::TryFinished { .. }
                    | EventKind::LayerStarted { .. }
                    | EventKind::LayerFinished { .. }
            )
        });
        self.events.shrink_to_fit();
    }
}
