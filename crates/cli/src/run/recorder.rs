//! The events of this start: kept for the verdict, written where they are asked for.
//!
//! A file that takes nothing is a warning, once, and never more: the start goes on without it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use tminus_core::event::{Event, EventKind};
use tminus_supervise::output::Voice;

/// Most events that are kept: of a start that is tried again and again, the first and the newest say
/// what there is to say.
const KEPT_MAX: usize = 6_000;
/// How many of them are the first ones.
const FIRST_MAX: usize = 2_000;

/// Takes events.
pub(super) struct Recorder {
    events: Vec<Event>,
    left_out: u64,
    file: Option<Written>,
    voice: Voice,
}

/// Where events are written as they happen.
struct Written {
    name: String,
    file: File,
    /// Whether the last line may have been written in part.
    torn: bool,
    warned: bool,
}

impl Recorder {
    /// Writes a copy to `path`, if that is asked for.
    pub(super) fn to(path: Option<&Path>, voice: Voice) -> Recorder {
        let mut recorder = Recorder { events: Vec::new(), left_out: 0, file: None, voice };
        let Some(path) = path else { return recorder };
        let name = path.display().to_string();
        match File::options().create(true).append(true).open(path) {
            Ok(file) => recorder.file = Some(Written { name, file, torn: false, warned: false }),
            Err(error) => {
                recorder.voice.say(&format!("tminus: warning: events cannot be written to `{name}`: {error}"));
            }
        }
        recorder
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
        let Some(copy) = &mut self.file else { return Ok(()) };
        copy.write(event).inspect_err(|problem| {
            if !std::mem::replace(&mut copy.warned, true) {
                self.voice.say(&format!("tminus: warning: events cannot be written to {problem}"));
            }
        })
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

impl Written {
    fn write(&mut self, event: &Event) -> Result<(), String> {
        let mut line = serde_json::to_vec(event).map_err(|e| e.to_string())?;
        line.push(b'\n');
        if self.torn {
            // What was written of the last line must not swallow this one.
            line.insert(0, b'\n');
        }
        let written = self.file.write_all(&line);
        self.torn = written.is_err();
        written.map_err(|e| format!("`{}`: {e}", self.name))
    }
}
