//! What people read about a live start: the block of a failed one, the line of a good one, the lines of
//! a restart in place.
//!
//! What it is for: whoever is woken up by a start that failed reads here what happened, whose move
//! it is, what to look at and to do, and what it is not, in the first six lines; the measurements
//! follow. What it must never do: claim more than the codes of the start prove, say anything about
//! what was not reached, show a secret, or look at a clock.
//! Where to start reading: [`StartView`], then [`block`], then `case`.

mod advice;
mod case;
mod cloud;
mod ended;
mod exit;
mod explain;
mod fold;
mod lines;
pub(crate) mod others;
pub(crate) mod view;

pub(crate) use advice::{Advice, plain};
pub(crate) use case::{clamp, shouted, spaced};
pub use cloud::{REPORTED_ERROR, cloud_logging};
pub use explain::{ExplainFacts, FileUse, explain};
pub use lines::{announcement, good, ready_again, restart};
pub use view::StartView;

use crate::terminal::page::{Line, Page, Paint, Section};
use crate::{Style, Words};
use case::Case;
use tminus_core::run::signal_name;
use tminus_core::verdict::{Cause, Verdict};
use view::Ending;

/// Most bytes of a Kubernetes termination message that are used; the kubelet keeps 4,096.
pub const TERMINATION_MAX: usize = 4_000;

/// Most lines of the first sentence.
const TITLE_MAX: usize = 2;

/// How a block is wanted.
#[derive(Clone, Copy, Default)]
pub struct StartOptions<'a> {
    /// Width, colours, whether everything is shown.
    pub style: Style,
    /// Titles of causes; teams that the plan does not name.
    pub words: Words<'a>,
    /// What the program printed last, oldest first; shown when no verdict speaks for it.
    pub tail: &'a [String],
}

/// The block of a start that failed, as lines, each ended by a line end: at most [`LINES_MAX`](crate::LINES_MAX) lines
/// without `full`, at most 100 columns.
///
/// `verdict` is what the verdict worker made of the events and of the program's output; it leads
/// where the program was started and a cause is named. A start that is ready gives the line of
/// [`good`].
pub fn block(view: &StartView, verdict: Option<&Verdict>, options: &StartOptions) -> String {
    let page = Page::new(&options.style);
    let case = Case::new(view, &options.words);
    if case.ending == Ending::Ready && !options.style.full {
        return lines::good_line(view, None, &page);
    }
    page.print(sections(&page, &case, verdict, options))
}

/// The block of a start that is told to stop before it was ready: what had been seen by then.
/// `signal` is the number of the signal.
pub fn provisional(view: &StartView, signal: u8, verdict: Option<&Verdict>, options: &StartOptions) -> String {
    let page = Page::new(&options.style);
    let mut case = Case::new(view, &options.words);
    if case.ending == Ending::Ready {
        return block(view, verdict, options);
    }
    if case.ending == Ending::Running {
        case.ending = Ending::Stopped(Some(signal_name(signal)));
    }
    page.print(sections(&page, &case, verdict, options))
}

/// The record that Kubernetes keeps of a container that ended (`/dev/termination-log`): the plain
/// block, at most [`TERMINATION_MAX`] bytes, cut at a line.
pub fn termination_message(view: &StartView, verdict: Option<&Verdict>, options: &StartOptions) -> String {
    let style = Style { color: false, full: false, ..options.style };
    let mut text = block(view, verdict, &StartOptions { style, ..*options });
    if text.len() > TERMINATION_MAX {
        let end = text.as_bytes()[..TERMINATION_MAX].iter().rposition(|byte| *byte == b'\n');
        text.truncate(end.map_or(0, |at| at + 1));
    }
    text
}

fn sections(page: &Page, case: &Case, verdict: Option<&Verdict>, options: &StartOptions) -> Vec<Section> {
    let cause = ended::cause(case, verdict);
    let ended = matches!(case.ending, Ending::ChildEnded | Ending::EndedAfterReady);
    let (title, context) = title_line(page, case);
    let mut head = title;
    match cause {
        Some(cause) => head.extend(move_of_cause(page, case, cause)),
        None => head.extend(move_of_code(page, case)),
    }
    let rules_out = |verdict: &&Verdict| !verdict.ruled_out.is_empty() || !verdict.advice.do_not.is_empty();
    head.extend(not(page, case, verdict.filter(|_| cause.is_some()).filter(rules_out)));
    let mut sections = vec![Section::new(head, 6)];
    if let Some(unseen) = case.unseen() {
        sections.push(Section::new(page.hanging("UNSEEN", &unseen, 0, 2), 1));
    }
    if let Some(cause) = cause {
        sections.push(Section::new(proof(page, case, cause), 3));
    }
    sections.push(Section::new(ladder(page, case), 1));
    let tail = if ended || case.code() == Some(tminus_core::code::Code::NotReady) { options.tail } else { &[] };
    if cause.is_none() && !tail.is_empty() {
        sections.push(Section::new(last_lines(page, tail, options.style.full), 2));
    }
    sections.push(Section::new(footer(page, case, context), 1));
    sections
}

/// The first line, and what of it did not fit: the profile and the window, which then stand below.
fn title_line(page: &Page, case: &Case) -> (Vec<Line>, Option<String>) {
    let title = format!("tminus: {}", case.title());
    let context = case.context();
    let whole = format!("{title} ({context})");
    let (text, rest) = match (context.is_empty(), page.fits(&whole)) {
        (true, _) => (title, None),
        (false, true) => (whole, None),
        (false, false) => (title, Some(context)),
    };
    // Nobody is to guess how the first sentence ends.
    let lines = page.wrapped(&text, page.width).into_iter().take(TITLE_MAX);
    (lines.map(|line| page.bare(vec![(Paint::Bad, line)])).collect(), rest)
}

fn move_of_code(page: &Page, case: &Case) -> Vec<Line> {
    let mut lines = page.hanging("MOVE", &case.whose(), 2, 2);
    if let Some(advice) = case.advice() {
        lines.extend(page.hanging("LOOK", &advice.look, 2, 2));
        lines.extend(page.hanging("DO", &advice.act, 2, 2));
    }
    lines
}

fn move_of_cause(page: &Page, case: &Case, cause: &Cause) -> Vec<Line> {
    let mut lines = page.hanging("NOW", &ended::cause_line(case, cause), 2, 2);
    let remedy = if cause.remedy.is_empty() { String::new() } else { format!(": {}", cause.remedy) };
    lines.extend(page.hanging("MOVE", &format!("{}{remedy}", case.team(cause.owner)), 2, 2));
    if !cause.next.is_empty() {
        lines.extend(page.hanging("DO", &cause.next, 2, 2));
    }
    lines
}

/// What it is not, and what not to do.
fn not(page: &Page, case: &Case, verdict: Option<&Verdict>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut clauses: Vec<String> = match verdict {
        Some(verdict) => {
            verdict.ruled_out.iter().map(|out| format!("{}: {}", crate::words::spaced(&out.cause), out.why)).collect()
        }
        None => case.not(),
    };
    if verdict.is_none() {
        clauses.extend(case.waiting());
    }
    let join = if verdict.is_some() { "; " } else { ", " };
    if !clauses.is_empty() {
        clauses.truncate(4);
        lines.extend(page.hanging("NOT", &clauses.join(join), 0, 3));
    }
    if let Some(verdict) = verdict
        && !verdict.advice.do_not.is_empty()
    {
        lines.extend(page.hanging("DON'T", &verdict.advice.do_not.join("; "), 0, 2));
    }
    lines
}

fn proof(page: &Page, case: &Case, cause: &Cause) -> Vec<Line> {
    let mut lines = page.items("PROOF", &ended::proof(cause), ended::PROOF_MAX, 2);
    if let Some(join) = ended::join(case, cause) {
        lines.extend(page.hanging("PROBES", &join, 0, 2));
    }
    lines
}

fn ladder(page: &Page, case: &Case) -> Vec<Line> {
    let ladder = case.ladder();
    let label = if ladder.is_some() { "" } else { "SEEN" };
    let mut lines: Vec<Line> = ladder.iter().flat_map(|text| page.hanging("LADDER", text, 2, 3)).collect();
    for (i, note) in case.ladder_notes().iter().enumerate() {
        lines.extend(page.hanging(if i == 0 { label } else { "" }, note, 2, 2));
    }
    if let Some(others) = case.others_line() {
        lines.extend(page.hanging("OTHERS", &others, 0, 2));
    }
    lines
}

fn last_lines(page: &Page, tail: &[String], full: bool) -> Vec<Line> {
    let most = if full { tail.len() } else { ended::TAIL_MAX };
    let spoken: Vec<&String> = tail.iter().filter(|line| !line.trim().is_empty()).collect();
    let from = spoken.len().saturating_sub(most);
    let mut lines = Vec::new();
    for (i, line) in spoken[from..].iter().enumerate() {
        lines.push(page.one(if i == 0 { "LAST" } else { "" }, line.trim_end()));
    }
    lines
}

/// The profile and window, what could not be written, and the exit code.
fn footer(page: &Page, case: &Case, context: Option<String>) -> Vec<Line> {
    let mut lines: Vec<Line> = context.iter().map(|text| page.one("PLAN", text)).collect();
    for (sink, error) in case.view.sinks.iter().take(2) {
        lines.push(page.one("LOST", &format!("{sink}: {error}")));
    }
    if let Some(exit) = exit::exit(case.view) {
        lines.extend(page.hanging("EXIT", &exit, 2, 2));
    }
    lines
}
