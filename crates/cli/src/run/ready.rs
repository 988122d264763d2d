//! The moment at which everything has passed: one line, the record of good starts, the word upward.

use super::recorder::Recorder;
use super::setting::Prepared;
use super::timeline;
use super::upward::Above;
use crate::args::Run;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tminus_core::event::{Event, EventKind};
use tminus_core::history::{GoodStart, History};
use tminus_core::plan::Plan;
use tminus_core::vocabulary::Stage;
use tminus_report::start::{StartView, good};
use tminus_supervise::output::Voice;

/// What is done once, at ready.
pub(super) struct Ready {
    plan: Plan,
    history: History,
    history_file: Option<PathBuf>,
    history_unread: bool,
    timeline: Option<PathBuf>,
    voice: Voice,
    above: Rc<Above>,
    recorder: Rc<RefCell<Recorder>>,
    over: bool,
}

impl Ready {
    pub(super) fn new(
        args: &Run,
        prepared: &Prepared,
        voice: Voice,
        above: Rc<Above>,
        recorder: Rc<RefCell<Recorder>>,
    ) -> Ready {
        Ready {
            plan: prepared.plan.clone(),
            history: prepared.history.clone(),
            history_file: prepared.history_file.clone(),
            history_unread: prepared.history_unread,
            timeline: args.timeline.clone(),
            voice,
            above,
            recorder,
            over: prepared.plan.implied,
        }
    }

    /// Looks whether this event is the moment. A child that says READY is not: only the plan's last
    /// phase is.
    pub(super) fn saw(&mut self, event: &Event) {
        let ready = matches!(&event.kind, EventKind::ChildNotified { stage: Stage::Ready, status, .. }
            if status == tminus_core::run::EVERY_PHASE_PASSED);
        if !ready {
            return;
        }
        if self.over {
            // Ready again, in place: it was a good start once, and is not another one.
            self.recorder.borrow_mut().forget_the_way();
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
            self.written(remember(path, &self.history.write(), self.history_unread));
        }
        self.above.ready();
        recorder.forget_the_way();
        tminus_supervise::residence::give_back();
    }

    fn written(&self, outcome: Result<(), String>) {
        if let Err(problem) = outcome {
            self.voice.say(&format!("tminus: warning: {problem}"));
        }
    }
}

/// Replaces the record whole: a reader sees the old one or the new one. What was there and could not
/// be read stays beside it, once, as `history.json.unread`: it may be worth more to a person.
fn remember(path: &Path, text: &str, unread: bool) -> Result<(), String> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let directory = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let kept = || if unread { std::fs::rename(path, path.with_extension("json.unread")) } else { Ok(()) };
    let written = directory
        .and_then(|()| std::fs::write(&beside, text))
        .and_then(|()| kept())
        .and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        format!("the record of good starts cannot be written to {}: {error}", path.display())
    })
}
