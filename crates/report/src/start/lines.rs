//! One-liners: a good start, a wait that takes long, a restart in place.

use super::case::spaced;
use super::view::StartView;
use crate::Style;
use crate::figures::{self, took};
use crate::terminal::page::Page;
use tminus_core::code::Code;
use tminus_core::event::EventKind;
use tminus_core::history::Comparison;
use tminus_core::plan::{Plan, StepIx};
use tminus_core::time::Millis;

/// Most phases that the line of a good start names.
const PHASES_MAX: usize = 3;

/// The one line of a start that is ready, with a line end: how long it took, what it was spent on,
/// and how that is beside earlier starts. Optional steps that did not pass are named: the start is
/// degraded by them.
pub fn good(view: &StartView, history: Option<&Comparison>) -> String {
    good_line(view, history, &Page::new(&Style::default()))
}

/// The same, on a page of any width; phases are left out before anything else is.
pub(super) fn good_line(view: &StartView, history: Option<&Comparison>, page: &Page) -> String {
    let lines = (0..=PHASES_MAX).rev().map(|phases| good_text(view, history, phases));
    let mut last = String::new();
    for line in lines {
        last = line;
        if page.fits(&last) {
            break;
        }
    }
    page.fit(&last, page.width) + "\n"
}

fn good_text(view: &StartView, history: Option<&Comparison>, most: usize) -> String {
    let total = view.ready_at().unwrap_or(view.end);
    let mut parts = Vec::new();
    let phases = longest(view, total, most);
    if !phases.is_empty() {
        parts.push(phases.join(", "));
    }
    if let Some((against, history)) = history.and_then(|history| Some((history.total.as_ref()?, history))) {
        parts.push(format!("median of {} {}", figures::counted(against.of, "start"), seconds(against.median)));
        let slower = history.slower.iter().take(1);
        parts.extend(slower.map(|slow| format!("{} {} slower", slow.name, seconds(slow.longer()))));
    }
    let missing: Vec<String> = view
        .missing()
        .map(|(_, step)| match step.last_code() {
            Some(code) => format!("{}: {}", step.name, spaced(code)),
            None => step.name.clone(),
        })
        .collect();
    let how = if missing.is_empty() { "ready in" } else { "ready, DEGRADED, in" };
    let mut text = format!("tminus: {} {how} {}", view.service, took(total));
    if !missing.is_empty() {
        text += &format!(" without {}", missing.join(", "));
    }
    if !parts.is_empty() {
        text += &format!(" ({})", parts.join("; "));
    }
    text
}

/// The phases that took most of the time, in declared order, without those that took next to none.
fn longest(view: &StartView, total: i64, most: usize) -> Vec<String> {
    let took = |ix: &usize| view.phases[*ix].elapsed(view.end).unwrap_or(0);
    let mut order: Vec<usize> = (0..view.phases.len()).filter(|ix| took(ix) * 20 >= total && took(ix) > 0).collect();
    order.sort_by_key(|ix| (std::cmp::Reverse(took(ix)), *ix));
    order.truncate(most);
    order.sort_unstable();
    let one = view.phases.iter().filter(|phase| phase.began.is_some()).count() < 2;
    if one {
        Vec::new()
    } else {
        order.iter().map(|ix| format!("{} {:.1}", view.phases[*ix].name, took(ix) as f64 / 1e9)).collect()
    }
}

/// The one line of a program that failed after ready, with a line end: how it ended, how long it had
/// lived, when it is started again or why it is not. `ended` is its `child.exited`, `restart` the
/// `child.restart` that followed.
pub fn restart(service: &str, ended: Option<&EventKind>, restart: &EventKind) -> String {
    let EventKind::ChildRestart { number, limit, lived_ns, rest_ns } = restart else { return String::new() };
    let how = match ended {
        Some(EventKind::ChildExited { signal: Some(signal), .. }) => format!("was ended by {signal}"),
        Some(EventKind::ChildExited { code: Some(code), .. }) => format!("ended with exit code {code}"),
        _ => "ended".to_owned(),
    };
    let lived = lived_ns.map_or(String::new(), |lived| format!(" after {}", took(nanoseconds(lived))));
    let next = match rest_ns {
        Some(rest) => format!("started again in {}, restart {number} of {limit}", took(nanoseconds(*rest))),
        None => format!("given up after {limit} restarts in a row"),
    };
    one_line(&format!("tminus: {service} {how}{lived}; {next}"))
}

/// The one line of a program that is ready again, with a line end; `after` is in nanoseconds, since
/// it ended.
pub fn ready_again(service: &str, after: i64, restart: &EventKind) -> String {
    let EventKind::ChildRestart { number, limit, .. } = restart else { return String::new() };
    one_line(&format!("tminus: {service} ready again, {} after it ended (restart {number} of {limit})", took(after)))
}

fn one_line(text: &str) -> String {
    let page = Page::new(&Style::default());
    page.fit(text, page.width) + "\n"
}

fn nanoseconds(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn seconds(time: Millis) -> String {
    took(i64::from(time.0) * 1_000_000)
}

/// The one line of a wait that takes long, with a line end: which step, how long of how long, what
/// was seen last, and who holds what it waits for. `elapsed` and `limit` are the phase's, as
/// [`Command::Announce`](tminus_core::run::Command::Announce) gives them.
pub fn announcement(
    plan: &Plan,
    step: StepIx,
    elapsed: Millis,
    limit: Option<Millis>,
    code: Option<Code>,
    holder: Option<&str>,
) -> String {
    let name = plan.steps.get(usize::from(step.0)).map_or("a step", |step| step.name.as_str());
    let phase = plan.steps.get(usize::from(step.0)).and_then(|step| plan.phases.get(usize::from(step.phase.0)));
    let phase = phase.map(|phase| phase.name.as_str()).filter(|phase| *phase != name);
    let place = phase.map_or(String::new(), |phase| format!(" in {phase}"));
    // What the window leaves is no round figure.
    let shown = |limit: Millis| if limit.0.is_multiple_of(100) { figures::limit(limit) } else { seconds(limit) };
    let of = limit.map_or(String::new(), |limit| format!(" of {}", shown(limit)));
    let wait = format!("tminus: waiting for {name}{place}, {}{of}", seconds(elapsed));
    let held = holder.map_or(String::new(), |holder| format!("; held by {holder}"));
    let texts = match code {
        // Who holds it says that it is held.
        Some(Code::LeaseHeld) if holder.is_some() => {
            let holder = holder.unwrap_or_default();
            vec![format!("{wait}: the lease is held by {holder}"), format!("{wait}: held by {holder}")]
        }
        Some(code) => vec![format!("{wait}: {}{held}", code.row().meaning), format!("{wait}: {}{held}", spaced(code))],
        None => vec![format!("{wait}{held}")],
    };
    let page = Page::new(&Style::default());
    let text = texts.iter().find(|text| page.fits(text)).or(texts.last()).map_or("", String::as_str);
    page.fit(text, page.width) + "\n"
}
