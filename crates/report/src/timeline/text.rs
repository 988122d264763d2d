//! The waterfall as text.

use super::model::{Mark, Model, Row, model, ticks};
use crate::figures::took;
use crate::terminal::page::{Line, Page, Paint, Section, width};
use crate::{StartView, Style};

/// Most rows without `full`: with what stands around them a page stays within its lines.
const ROWS_MAX: usize = 24;
/// Widest column of names, and of the words behind the bars.
const NAME_MAX: usize = 26;
const WORD_MAX: usize = 34;
/// Narrowest and widest track.
const TRACK_MIN: usize = 10;
/// Columns of a time.
const TIME: usize = 12;
/// Most shares of the time that are named without `full`, and the least that is worth it, percent.
const BLAME_MAX: usize = 6;

/// The characters of the bars: every outcome has one of its own, so that colour says nothing more.
struct Glyphs {
    passed: char,
    failed: char,
    expired: char,
    skipped: char,
    open: char,
    instant: char,
    deadline: char,
    edge: char,
}

const UNICODE: Glyphs =
    Glyphs {
        passed: '█', failed: '╳', expired: '▒', skipped: '·', open: '▷', instant: '▏', deadline: '┊', edge: '│'
    };
const ASCII: Glyphs =
    Glyphs { passed: '=', failed: 'x', expired: '!', skipped: '.', open: '>', instant: '|', deadline: ':', edge: '|' };

/// The timeline as lines, each ended by a line end: phases and steps in declared order with their
/// bars, deadlines and outcomes, then the chain that decided how long it took, and what the time was
/// spent on. Without `full` at most [`LINES_MAX`](crate::LINES_MAX) lines: steps that passed quickly
/// are counted instead of drawn.
pub fn text(view: &StartView, style: &Style) -> String {
    let page = Page::new(style);
    let model = model(view);
    let glyphs = if style.ascii { &ASCII } else { &UNICODE };
    let shown = shown(&model, style.full);
    let layout = Layout::new(&page, &shown);
    let mut lines = vec![page.bare(vec![(Paint::Plain, page.fit(&model.title, page.width))])];
    if shown.is_empty() {
        lines.push(page.one("", "no phase was begun"));
        return page.print(vec![Section::new(lines, 2)]);
    }
    lines.push(axis(&page, &layout, &model));
    for (row, hidden) in &shown {
        lines.push(draw(&page, &layout, &model, glyphs, row, *hidden));
    }
    let keep = lines.len();
    let mut sections = vec![Section::new(lines, keep)];
    let mut below = Vec::new();
    if model.path.len() > 1 {
        below.extend(page.hanging("PATH", &model.path.join(" > "), 2, 3));
    }
    let spent = spent(&model, style.full);
    if !spent.is_empty() {
        below.extend(page.hanging("SPENT", &spent.join(", "), 0, 2));
    }
    below.extend(page.hanging("MARKS", &legend(glyphs), 0, 2));
    sections.push(Section::new(below, 1));
    page.print(sections)
}

/// Where the columns are.
struct Layout {
    name: usize,
    track: usize,
}

impl Layout {
    fn new(page: &Page, shown: &[(&Row, usize)]) -> Layout {
        let name = shown.iter().map(|(row, _)| width(&page.show(&row.name)) + 2).max().unwrap_or(0).min(NAME_MAX);
        let word = shown.iter().map(|(row, hidden)| word(row, *hidden).chars().count()).max().unwrap_or(0);
        let name = name.min(page.width / 3);
        let room = page.width.saturating_sub(name + 3 + TIME + word.min(WORD_MAX) + 1);
        Layout { name, track: room.max(TRACK_MIN) }
    }

    /// The column of a moment, 0 to the last.
    fn column(&self, at: i64, total: i64) -> usize {
        let at = i128::from(at.clamp(0, total)) * self.track as i128 / i128::from(total);
        usize::try_from(at).unwrap_or(0).min(self.track - 1)
    }
}

/// The rows that are drawn, each with how many of its steps are not.
fn shown(model: &Model, full: bool) -> Vec<(&Row, usize)> {
    let rows = &model.rows;
    let phases = rows.iter().filter(|row| row.is_phase).count();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    if !full && rows.len() > ROWS_MAX {
        // What failed tells most, then phases, then what took longest.
        let rank = |ix: &usize| {
            let row = &rows[*ix];
            let calm = matches!(row.mark, Mark::Passed | Mark::Unseen);
            (calm, !row.is_phase, std::cmp::Reverse(row.elapsed()), *ix)
        };
        order.sort_by_key(rank);
        order.truncate(ROWS_MAX);
        order.sort_unstable();
    }
    let mut out: Vec<(&Row, usize)> = Vec::new();
    let mut next = 0;
    for ix in order {
        let hidden = ix - next;
        if let Some(last) = out.last_mut() {
            last.1 += hidden;
        }
        out.push((&rows[ix], 0));
        next = ix + 1;
    }
    if let Some(last) = out.last_mut() {
        last.1 += rows.len() - next;
    }
    debug_assert!(phases <= rows.len());
    out
}

fn word(row: &Row, hidden: usize) -> String {
    let optional = if row.optional && row.mark != Mark::Passed { " (optional)" } else { "" };
    let hidden = if hidden > 0 { format!(" (+{hidden} more)") } else { String::new() };
    format!("{}{optional}{hidden}", row.word()).trim_start().to_owned()
}

fn axis(page: &Page, layout: &Layout, model: &Model) -> Line {
    let mut line = String::new();
    for tick in ticks(model.total) {
        let column = layout.column(tick, model.total);
        let label = if tick == 0 { "0".to_owned() } else { short(tick) };
        let used = line.chars().count();
        if column >= used && column + label.len() <= layout.track + TIME {
            line += &" ".repeat(column - used);
            line += &label;
            line.push(' ');
        }
    }
    page.bare(vec![(Paint::Dim, format!("{}  {}", " ".repeat(layout.name), line.trim_end()))])
}

/// A tick of the scale: round, so without decimals.
pub(super) fn short(ns: i64) -> String {
    match ns {
        0..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        1_000_000_000..600_000_000_000 => format!("{} s", ns / 1_000_000_000),
        600_000_000_000..7_200_000_000_000 => format!("{} min", ns / 60_000_000_000),
        _ => format!("{} h", ns / 3_600_000_000_000),
    }
}

fn draw(page: &Page, layout: &Layout, model: &Model, glyphs: &Glyphs, row: &Row, hidden: usize) -> Line {
    let indent = match (row.is_phase, row.critical) {
        (true, _) => "",
        (false, true) => "* ",
        (false, false) => "  ",
    };
    let name = format!("{indent}{}", page.fit(&row.name, layout.name - indent.len().min(layout.name)));
    let pad = " ".repeat(layout.name.saturating_sub(width(&name)));
    let paint = match row.mark {
        Mark::Passed => Paint::Good,
        Mark::Failed | Mark::Expired => Paint::Bad,
        Mark::Open => Paint::Warn,
        Mark::Skipped | Mark::Unseen => Paint::Dim,
    };
    let time = row.elapsed().map(took).unwrap_or_default();
    let edge = glyphs.edge;
    let label = if row.is_phase { Paint::Label } else { Paint::Plain };
    page.bare(vec![
        (label, name),
        (Paint::Plain, format!("{pad} {edge}")),
        (paint, bar(layout, model, glyphs, row)),
        (Paint::Plain, format!("{edge}{time:>TIME$} ")),
        (paint, word(row, hidden)),
    ])
}

fn bar(layout: &Layout, model: &Model, glyphs: &Glyphs, row: &Row) -> String {
    let mut cells = vec![' '; layout.track];
    let Some((from, to)) = row.span else { return cells.into_iter().collect() };
    let (first, last) = (layout.column(from, model.total), layout.column(to, model.total));
    let glyph = match row.mark {
        Mark::Passed => glyphs.passed,
        Mark::Failed => glyphs.failed,
        Mark::Expired => glyphs.expired,
        Mark::Skipped => glyphs.skipped,
        Mark::Open => glyphs.open,
        Mark::Unseen => ' ',
    };
    // A bar ends before the column where the next one begins; one of no length is a tick.
    let end = if to >= model.total { layout.track } else { last.max(first) };
    if end <= first {
        cells[first] = if row.mark == Mark::Passed { glyphs.instant } else { glyph };
    } else {
        cells[first..end].fill(glyph);
    }
    if let Some(deadline) = row.deadline.filter(|at| *at <= model.total) {
        cells[layout.column(deadline, model.total)] = glyphs.deadline;
    }
    cells.into_iter().collect()
}

fn spent(model: &Model, full: bool) -> Vec<String> {
    let shares = if full { model.spent(usize::MAX, 0) } else { model.spent(BLAME_MAX, 1) };
    shares.into_iter().map(|(share, percent)| format!("{} {} ({percent} %)", share.name, took(share.ns))).collect()
}

fn legend(g: &Glyphs) -> String {
    format!(
        "{} passed  {} failed  {} ran out of time  {} cancelled  {} under way  {} deadline  * on the path",
        g.passed, g.failed, g.expired, g.skipped, g.open, g.deadline
    )
}
