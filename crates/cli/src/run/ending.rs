//! What is said and left behind when a start is over.
//!
//! Nothing here can change the exit code, and everything is bounded in time: the platform may be about
//! to end the process.

use super::host::Supervised;
use super::recorder::Recorder;
use super::setting::Prepared;
use super::timeline;
use crate::args::Run;
use crate::worker::{self, Header};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;
use tminus_core::event::EventKind;
use tminus_core::plan::Platform;
use tminus_core::run::{Exit, Reason};
use tminus_core::target::Environment;
use tminus_core::verdict::Verdict;
use tminus_core::vocabulary::AttemptOutcome;
use tminus_diagnose::catalogue::Catalogue;
use tminus_report::Words;
use tminus_report::start::{self, StartOptions, StartView};
use tminus_supervise::output::Kept;

/// Where Kubernetes looks for the last words of a container, unless the pod says otherwise.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// Names the place where the pod does (`terminationMessagePath`).
const TERMINATION_LOG_NAMED: &str = "TMINUS_TERMINATION_LOG";
/// How long our own last lines may wait for whoever reads them.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Most lines of the program's output that are shown without a verdict.
const TAIL_LINES: usize = 8;

/// Ends a start; comes back with the exit code.
pub(super) async fn end(
    args: &Run,
    prepared: &Prepared,
    exit: Exit,
    mut host: Supervised,
    recorder: &Rc<RefCell<Recorder>>,
) -> u8 {
    host.above.stopping();
    host.drain().await;
    if failed(recorder, exit) {
        for kind in host.observe().await {
            recorder.borrow_mut().append(kind);
        }
        explain(args, prepared, exit, &host, recorder).await;
    }
    host.voice.flush(LAST_WORDS);
    host.output.close(LAST_WORDS);
    exit.code
}

/// Whether it ended in a way that wants words: before it was ready (also after a restart), and not
/// because it was told to.
fn failed(recorder: &Rc<RefCell<Recorder>>, exit: Exit) -> bool {
    if matches!(exit.reason, Reason::NotStarted(_)) {
        return true;
    }
    let outcome = recorder.borrow().events().iter().rev().find_map(|event| match event.kind {
        EventKind::AttemptFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    match outcome {
        Some(AttemptOutcome::Failed) => true,
        Some(AttemptOutcome::CutOff) => !matches!(exit.reason, Reason::Child(_)),
        _ => false,
    }
}

async fn explain(args: &Run, prepared: &Prepared, exit: Exit, host: &Supervised, recorder: &Rc<RefCell<Recorder>>) {
    let printed = host.printed();
    let events = recorder.borrow().events().to_vec();
    let header = Header { service: prepared.plan.service.clone(), environment: prepared.shown_environment() };
    let outputs: Vec<(&str, Vec<u8>)> = printed.iter().map(|(name, kept)| (*name, text_of(kept))).collect();
    let verdict = worker::ask(&header, &events, &outputs).await;
    let program = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let view = StartView::new(&prepared.plan, &events, Some(exit)).of_program(program);
    let title = |key: &_| Catalogue::builtin().cause(key).map(|entry| entry.title.clone());
    let tail: Vec<String> =
        tail(&outputs).into_iter().map(|line| prepared.redactor.clean(&line).into_owned()).collect();
    let options = StartOptions { words: Words::default().with_titles(&title), tail: &tail, ..StartOptions::default() };
    if prepared.plan.budget.platform == Platform::CloudRun && !std::io::stderr().is_terminal() {
        // One row with everything in it; the block as lines would be a row each.
        host.voice.say(&start::cloud_logging(&view, verdict.as_ref(), &options.words));
    } else if !host.voice.has_explained() {
        host.voice.say(&start::block(&view, verdict.as_ref(), &options));
    }
    leave_behind(args, prepared, &view, verdict.as_ref(), &options, host);
}

/// Where the termination message goes, and whether somebody named that place.
pub(super) fn termination_log(environment: &Environment) -> (&str, bool) {
    let named = environment.get(TERMINATION_LOG_NAMED).filter(|path| !path.is_empty());
    named.map_or((TERMINATION_LOG, false), |path| (path, true))
}

/// The usual file exists where the platform reads it, and is not made anywhere else.
fn last_words(path: &str, named: bool, text: &str) -> std::io::Result<()> {
    match std::fs::File::options().write(true).truncate(true).create(named).open(path) {
        Ok(mut file) => std::io::Write::write_all(&mut file, text.as_bytes()),
        Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn leave_behind(
    args: &Run,
    prepared: &Prepared,
    view: &StartView,
    verdict: Option<&Verdict>,
    options: &StartOptions,
    host: &Supervised,
) {
    let (path, named) = termination_log(&prepared.environment);
    if let Err(error) = last_words(path, named, &start::termination_message(view, verdict, options)) {
        host.voice.warn(&format!("the termination message cannot be written to {path}: {error}"));
    }
    if let Some(path) = &args.timeline
        && let Err(problem) = timeline::write(path, view)
    {
        host.voice.warn(&problem);
    }
}

/// What was kept of an output, as one text; what is missing between is a line that says so.
fn text_of(kept: &Kept) -> Vec<u8> {
    let mut text = kept.head.clone();
    for line in &kept.middle {
        text.extend_from_slice(&line.bytes);
        text.push(b'\n');
    }
    text.extend_from_slice(&kept.tail);
    text
}

fn tail(outputs: &[(&str, Vec<u8>)]) -> Vec<String> {
    // Programs tell of their end on standard error, if on anything.
    let last = outputs.iter().rev().find(|(_, text)| !text.is_empty());
    let Some((_, text)) = last else { return Vec::new() };
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}
