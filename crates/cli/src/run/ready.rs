//! The moment at which everything has passed: one line, the record of good starts, the word upward.

use super::recorder::Recorder;
use super::setting::Prepared;
use super::timeline;
use crate::args::Run;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tminus_core::event::{Event, EventKind};
use tminus_core::history::{GoodStart, History};
use tminus_core::plan::Plan;
use tminus_core::vocabulary::Stage;
use tminus_report::start::{StartView, good};
use tminus_supervise::notify::{Message, Upward};
use tminus_supervise::output::Voice;

/// What is done once, at ready.
pub(super) struct Ready {
    plan: Plan,
    history: History,
    history_file: Option<PathBuf>,
    timeline: Option<PathBuf>,
    voice: Voice,
    upward: Rc<Option<Upward>>,
    recorder: Rc<RefCell<Recorder>>,
    over: bool,
}

impl Ready {
    pub(super) fn new(
        args: &Run,
        prepared: &Prepared,
        voice: Voice,
        upward: Rc<Option<Upward>>,
        recorder: Rc<RefCell<Recorder>>,
    ) -> Ready {
        Ready {
            plan: prepared.plan.clone(),
            history: prepared.history.clone(),
            history_file: prepared.history_file.clone(),
            timeline: args.timeline.clone(),
            voice,
            upward,
            recorder,
            over: prepared.plan.implied,
        }
    }

    /// Looks whether this event is the moment. A child that says READY is not: only the plan's last
    /// phase is.
    pub(super) fn saw(&mut self, event: &Event) {
        let ready = matches!(&event.kind, EventKind::ChildNotified { stage: Stage::Ready, status, .. }
            if status == tminus_core::run::EVERY_PHASE_PASSED);
        if !ready || self.over {
            return;
        }
        self.over = true;
        self.now();
    }

    fn now(&mut self) {
        let mut recorder = self.recorder.borrow_mut();
        let start = GoodStart::of(recorder.events());
        let comparison = start.as_ref().map(|start| self.history.compare(start));
        let view = StartView::new(&self.plan, recorder.events(), None);
        self.voice.say(&good(&view, comparison.as_ref()));
        if let Some(path) = &self.timeline {
            self.written(timeline::write(path, &view));
        }
        drop(view);
        if let (Some(start), Some(path)) = (start, &self.history_file) {
            self.history.push(start);
            self.written(remember(path, &self.history.write()));
        }
        if let Some(upward) = self.upward.as_ref() {
            let _ = upward.send(&Message { ready: true, ..Message::default() });
        }
        recorder.forget_the_way();
        tminus_supervise::residence::give_back();
    }

    fn written(&self, outcome: Result<(), String>) {
        if let Err(problem) = outcome {
            self.voice.say(&format!("tminus: warning: {problem}"));
        }
    }
}

/// Replaces the record whole: a reader sees the old one or the new one.
fn remember(path: &Path, text: &str) -> Result<(), String> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let directory = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = directory.and_then(|()| std::fs::write(&beside, text)).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        format!("the record of good starts cannot be written to {}: {error}", path.display())
    })
}
