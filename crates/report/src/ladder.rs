//! The ladder of `tminus probe`: one dependency, layer by layer.
//!
//! What it is for: which rung, how long, what it means, whose move. What it must never do: say more
//! about a layer than its code does, or anything about layers that were not reached; print what the
//! other side said without encoding it.
//! Where to start reading: [`ladder`]; [`change`] is the one-liner of `--watch`.

use crate::figures::{self, took};
use crate::start::view::{self, Kind, spoken};
use crate::start::{Advice, clamp, plain, shouted, spaced};
use crate::terminal::page::{Line, Page, Paint, Section, fit_line, width};
use crate::{Style, WIDTH_MAX, Words, encode};
use tminus_core::code::{Class, Code};
use tminus_core::event::Passage;
use tminus_core::ladder::{Ladder, Rung};
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::{Layer, Role};

/// Columns of a layer's name, of `ok` with its time, and between that and what was said.
const LAYER: usize = 11;
const OUTCOME: usize = 12;
const GAP: usize = 3;
/// Most lines of what was said without `full`.
const SAID_MAX: usize = 4;
/// Most notes of one rung without `full`.
const NOTES_MAX: usize = 6;

/// The ladder as lines, each ended by a line end. `target` is what was asked, when it is at hand: it
/// fills the commands. What stopped it comes first, with whose move it is; then the rungs.
pub fn ladder(ladder: &Ladder, target: Option<&Target>, words: &Words, style: &Style) -> String {
    let page = Page::new(style);
    let mut head = vec![title(&page, ladder)];
    if let Some((rung, code)) = stopped(ladder) {
        head.extend(verdict(&page, ladder, rung, code, target, words));
    }
    let rungs = ladder.rungs.iter().flat_map(|one| rung(&page, one, style.full)).collect();
    page.print(vec![Section::new(head, 6), Section::new(rungs, ladder.rungs.len()).apart()])
}

fn stopped(ladder: &Ladder) -> Option<(&Rung, Code)> {
    let rung = ladder.stop()?;
    Some((rung, rung.code.unwrap_or(Code::silent_at(rung.layer))))
}

/// `orders-db FAILED at protocol: closed before greeting   postgres://...`.
fn title(page: &Page, ladder: &Ladder) -> Line {
    let (paint, how) = match (stopped(ladder), ladder.deepest()) {
        (Some((rung, code)), _) => (Paint::Bad, format!("FAILED at {}: {}", rung.layer, spaced(code))),
        (None, Some(deepest)) if ladder.passed() => {
            let total: u64 = ladder.rungs.iter().filter_map(|rung| rung.elapsed_ns).fold(0, u64::saturating_add);
            (Paint::Good, format!("ok down to {} in {}", deepest.layer, took(clamp(total))))
        }
        (None, Some(deepest)) => (Paint::Warn, format!("ok down to {}, the rest was not tried", deepest.layer)),
        (None, None) => (Paint::Warn, "not tried".to_owned()),
    };
    let name = page.fit_middle(ladder.title(), page.width / 2);
    let room = page.width.saturating_sub(width(&name) + 1 + how.len() + 3);
    // Cut to less than this an address says nothing.
    let address = match ladder.name.is_some() && room >= 20 {
        true => format!("   {}", page.fit_middle(&ladder.target, room)),
        false => String::new(),
    };
    page.bare(vec![(Paint::Plain, format!("{name} ")), (paint, how), (Paint::Dim, address)])
}

fn verdict(page: &Page, ladder: &Ladder, rung: &Rung, code: Code, target: Option<&Target>, words: &Words) -> Vec<Line> {
    let row = code.row();
    let kind = kind(ladder, target);
    let team = match row.owner {
        Role::Database if !matches!(kind, Kind::Postgres | Kind::CloudSql | Kind::Redis) => {
            "whoever runs it".to_owned()
        }
        owner => words.team(owner),
    };
    let wait = match row.class {
        Class::Transient => "waiting may mend it".to_owned(),
        Class::Definite if row.grace_ms > 0 => format!("worth waiting for {}, no longer", Millis(row.grace_ms)),
        Class::Definite => "waiting does not mend it".to_owned(),
        Class::Unknown => "whether waiting mends it is not known".to_owned(),
    };
    let mut lines = page.hanging("MEANS", row.meaning, 0, 2);
    lines.push(page.one("MOVE", &format!("{team}; {wait}")));
    let Advice { look, act } = plain(code, kind, ladder.title(), target);
    lines.extend(page.hanging("LOOK", &look, 2, 2));
    lines.extend(page.hanging("DO", &act, 2, 2));
    let not = not(ladder, rung, code);
    if !not.is_empty() {
        lines.push(page.one("NOT", &not.join(", ")));
    }
    lines
}

fn kind(ladder: &Ladder, target: Option<&Target>) -> Kind {
    match (target, ladder.component.as_str()) {
        (Some(target), _) => view::kind(target),
        (None, "postgres") => Kind::Postgres,
        (None, "redis") => Kind::Redis,
        (None, "http") => Kind::Http,
        (None, "tcp") => Kind::Tcp,
        (None, "socket") => Kind::Unix,
        (None, "dns") => Kind::Dns,
        (None, "file") => Kind::File,
        (None, "command") => Kind::Command,
        (None, _) => Kind::Other,
    }
}

/// What this pass excludes.
fn not(ladder: &Ladder, rung: &Rung, code: Code) -> Vec<String> {
    let asked = |layer: Layer| ladder.rungs.iter().find(|rung| rung.layer == layer);
    let passed = |layer: Layer| asked(layer).is_some_and(|rung| rung.outcome == Passage::Passed);
    let skipped = |layer: Layer| asked(layer).is_some_and(|rung| rung.outcome == Passage::Skipped);
    let spoke = spoken(code) || passed(Layer::Protocol);
    let mut not = Vec::new();
    if spoke && rung.layer >= Layer::Protocol {
        not.push("the way there (the server answered)".to_owned());
    } else if code == Code::Refused {
        not.push("the way there (the host answered)".to_owned());
    }
    if skipped(Layer::Slot) && !spoke {
        not.push("slots (server never spoke)".to_owned());
    }
    if skipped(Layer::Auth) {
        not.push("password (never asked)".to_owned());
    } else if passed(Layer::Auth) {
        not.push("password (accepted)".to_owned());
    }
    not
}

fn rung(page: &Page, rung: &Rung, full: bool) -> Vec<Line> {
    let code = rung.code.unwrap_or(Code::silent_at(rung.layer));
    let (paint, outcome) = match rung.outcome {
        Passage::Passed => (Paint::Good, "ok".to_owned()),
        Passage::Failed | Passage::Expired => (Paint::Bad, shouted(code)),
        Passage::Skipped => (Paint::Dim, "not reached".to_owned()),
    };
    let time = match (rung.outcome, rung.elapsed_ns) {
        (Passage::Skipped, _) | (_, None) => String::new(),
        (_, Some(ns)) => took(clamp(ns)),
    };
    let passed = rung.outcome == Passage::Passed;
    // Behind what passed, below what failed: there the words are longer and matter more.
    let used = if passed { 2 + LAYER + OUTCOME + GAP } else { 2 + LAYER };
    let most = if full { usize::MAX } else { SAID_MAX };
    let said = page.wrapped(&said(rung, full).join("; "), page.width.saturating_sub(used));
    let mut said = said.into_iter().take(most);
    let time = if passed {
        let first = said.next().unwrap_or_default();
        format!("{time:>pad$}{}{first}", " ".repeat(GAP), pad = OUTCOME - "ok".len())
    } else {
        format!("   {time}")
    };
    let head = format!("  {:<LAYER$}", rung.layer.as_str());
    let mut lines = vec![page.bare(vec![(Paint::Plain, head), (paint, outcome), (Paint::Plain, time)])];
    lines.extend(said.map(|text| page.bare(vec![(Paint::Plain, format!("{}{text}", " ".repeat(used)))])));
    lines
}

/// What the other side said, and the notes as words; what belongs together in one.
fn said(rung: &Rung, full: bool) -> Vec<String> {
    let value = |name: &str| rung.notes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut said: Vec<String> = rung.detail.iter().cloned().collect();
    let slots = value("used_connections").zip(value("max_connections")).map(|(used, most)| {
        let reserved = value("reserved_connections").map_or(String::new(), |n| format!(", {n} reserved"));
        format!("{used} of {most} slots used{reserved}")
    });
    let told =
        |name: &str| slots.is_some() && ["used_connections", "max_connections", "reserved_connections"].contains(&name);
    let rest: Vec<String> = rung.notes.iter().filter(|(name, _)| !told(name)).map(|(n, v)| note(n, v)).collect();
    said.extend(slots);
    let most = if full { rest.len() } else { NOTES_MAX };
    said.extend(rest.iter().take(most).cloned());
    if rest.len() > most {
        said.push(format!("and {} more", rest.len() - most));
    }
    said
}

/// A note as words: `server_version`, `15.4` as `server version 15.4`.
fn note(name: &str, value: &str) -> String {
    let name = name.replace('_', " ");
    if value.is_empty() { name } else { format!("{name} {value}") }
}

/// The line of `--watch`, with a line end: what is different from the ladder before, `since` the
/// watch began; none when it came out alike (times and notes do not count).
pub fn change(before: Option<&Ladder>, after: &Ladder, since: Millis) -> Option<String> {
    let state = |ladder: &Ladder| {
        (ladder.deepest().map(|rung| rung.layer), stopped(ladder).map(|(rung, code)| (rung.layer, code)))
    };
    if before.is_some_and(|before| state(before) == state(after)) {
        return None;
    }
    let now = match (stopped(after), after.deepest()) {
        (Some((rung, code)), _) => format!("{} {}: {}", rung.layer, shouted(code), code.row().meaning),
        (None, Some(deepest)) => format!("ok down to {}", deepest.layer),
        (None, None) => "not tried".to_owned(),
    };
    let was = before.and_then(|before| match (stopped(before), before.deepest()) {
        (Some((rung, code)), _) => Some(format!(" (was: {} {})", rung.layer, spaced(code))),
        (None, Some(_)) => Some(" (was: ok)".to_owned()),
        (None, None) => None,
    });
    let text = format!(
        "t+{:<9} {}  {now}{}",
        figures::took(i64::from(since.0) * 1_000_000),
        after.title(),
        was.unwrap_or_default()
    );
    let mut line = fit_line(&encode::terminal(&text), WIDTH_MAX);
    line.push('\n');
    Some(line)
}
