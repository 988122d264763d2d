//! The strip: one letter for each start along the time axis, gaps drawn, and a row for each epoch.

use super::{
    head,
    page::{INDENT, Line, Page, Paint, width},
};
use crate::{
    figures::{self, counted},
    sentences,
    view::{CUT_OFF, Piece, READY, UNEXPLAINED, View},
    words,
};
use tminus_core::Timestamp;

/// Most rows of epochs without `--full`.
const ROWS_MAX: usize = 5;
/// Fewer columns than these say nothing about a culprit.
const CULPRIT_MIN: usize = 12;
/// Runs of one letter at least this long are counted instead of drawn when room is short.
const RUN_MIN: usize = 4;

struct Cell {
    label: String,
    body: String,
}

/// The strip and its legend; nothing when there is one epoch, or none.
pub(super) fn strip(page: &Page, view: &View, full: bool) -> Vec<Line> {
    if !view.lettered() {
        return Vec::new();
    }
    let mut lines = axis(page, view);
    let mut shown = view.by_weight();
    let left_out = if full { 0 } else { shown.len().saturating_sub(ROWS_MAX) };
    shown.truncate(shown.len() - left_out);
    shown.sort_unstable();
    let rows: Vec<Row> = shown.into_iter().map(|i| Row::of(view, i)).collect();
    lines.extend(rows.iter().map(|row| row.line(page, view, &rows)));
    if left_out > 0 {
        lines.push(page.one("", &format!("and {} more, in --full", counted(left_out, "epoch"))));
    }
    lines
}

fn axis(page: &Page, view: &View) -> Vec<Line> {
    let pieces = view.pieces();
    let key = key(&pieces);
    let mut cells = cells(page, &pieces, false);
    if total(&cells) > page.room() {
        cells = self::cells(page, &pieces, true);
    }
    drop_middle(page, &mut cells);
    if cells.is_empty() {
        return Vec::new();
    }
    let (mut labels, mut bodies) = (String::new(), String::new());
    for cell in &cells {
        let columns = width(&cell.label).max(width(&cell.body));
        labels += &format!("{:<columns$}  ", cell.label);
        bodies += &format!("{:<columns$}  ", cell.body);
    }
    let mut lines = Vec::new();
    if !labels.trim().is_empty() {
        lines.push(page.line("", vec![(Paint::Dim, format!("{} UTC", labels.trim_end()))]));
    }
    let bodies = bodies.trim_end().to_owned();
    let fits = width(&bodies) + 4 + width(&key) <= page.room();
    if fits || key.is_empty() {
        lines.push(page.line("", vec![(Paint::Plain, bodies), (Paint::Dim, format!("    {key}"))]));
    } else {
        lines.push(page.line("", vec![(Paint::Plain, bodies)]));
        lines.push(page.line("", vec![(Paint::Dim, key)]));
    }
    lines
}

/// What the marks that are no letters mean, for those that occur.
fn key(pieces: &[Piece]) -> String {
    let occurs = |mark| pieces.iter().any(|p| matches!(p, Piece::Starts { marks, .. } if marks.contains(&mark)));
    let known = [(CUT_OFF, "? cut off"), (READY, "+ ready"), (UNEXPLAINED, "x cause not known")];
    known.iter().filter(|(mark, _)| occurs(*mark)).map(|(_, text)| *text).collect::<Vec<_>>().join(", ")
}

fn cells(page: &Page, pieces: &[Piece], short: bool) -> Vec<Cell> {
    let cell = |piece: &Piece| match piece {
        Piece::Starts { from, to, marks } => Cell {
            label: figures::minutes(*from, *to),
            body: if short { counted_runs(marks) } else { marks.iter().collect() },
        },
        Piece::Gap(seconds) => {
            let span = figures::span(*seconds).unwrap_or_default();
            Cell {
                label: String::new(),
                body: page.show(&if short { format!("-- {span} --") } else { format!("-- no rows for {span} --") }),
            }
        }
    };
    pieces.iter().map(cell).collect()
}

/// `AAAAAAAAAB??` as `A*9 B ??`.
fn counted_runs(marks: &[char]) -> String {
    let mut out = String::new();
    for run in marks.chunk_by(|a, b| a == b) {
        if !out.is_empty() {
            out.push(' ');
        }
        if run.len() < RUN_MIN { out.extend(run) } else { out += &format!("{}*{}", run[0], run.len()) }
    }
    out
}

fn total(cells: &[Cell]) -> usize {
    cells.iter().map(|c| width(&c.label).max(width(&c.body)) + 2).sum::<usize>() + "UTC".len()
}

/// Where even counted runs do not fit, the middle of the story goes: how it began and how it stands
/// now say most.
fn drop_middle(page: &Page, cells: &mut Vec<Cell>) {
    let mut dropped = false;
    while total(cells) + 5 > page.room() && cells.len() > 2 {
        let middle = cells.len() / 2;
        cells.remove(middle);
        dropped = true;
    }
    if dropped {
        let middle = cells.len() / 2;
        cells.insert(middle.max(1), Cell { label: String::new(), body: page.dots().to_owned() });
    }
}

/// `  A    Cloud SQL socket accepts, then closes     9 starts  ~56 s   NOT RE-TESTED since 21:37`.
struct Row {
    cause: usize,
    starts: String,
    span: String,
    status: String,
    current: bool,
}

impl Row {
    fn of(view: &View, i: usize) -> Row {
        let cause = &view.causes()[i];
        Row {
            cause: i,
            starts: counted(cause.attempts.len() + cause.consistent_with.len(), "start"),
            span: view.typical_span(i).and_then(figures::span).map_or(String::new(), |s| format!("~{s}")),
            status: sentences::status(view, i),
            current: cause.current,
        }
    }

    /// The columns of all rows line up, so each is as wide as its widest text.
    fn line(&self, page: &Page, view: &View, all: &[Row]) -> Line {
        let widest = |of: fn(&Row) -> &str| all.iter().map(|row| width(of(row))).max().unwrap_or(0);
        let (starts, span, status) = (widest(|r| &r.starts), widest(|r| &r.span), widest(|r| &r.status));
        let figures = format!("  {:>starts$}  {:>span$}   ", self.starts, self.span);
        let room = page.room().saturating_sub(width(&figures) + status);
        let mut what = named(page, view, self.cause, room);
        what += &" ".repeat(room.saturating_sub(width(&what)));
        let letter = format!("  {}{}", view.letter(self.cause), " ".repeat(INDENT - 3));
        let paint = if self.current { Paint::Bad } else { Paint::Warn };
        page.bare(vec![
            (Paint::Label, letter),
            (Paint::Plain, what),
            (Paint::Dim, figures),
            (paint, self.status.clone()),
        ])
    }
}

/// Title and culprit where both fit. Else the title, which the proof completes; or the short name,
/// where the title is too long, or where only the culprit tells two epochs apart.
fn named(page: &Page, view: &View, i: usize, room: usize) -> String {
    let cause = &view.causes()[i];
    let both = head::titled(page, view, i, room);
    if !both.contains(page.dots()) {
        return both;
    }
    let title = page.show(&view.words.title(&cause.cause));
    let shared = view.causes().iter().any(|c| c.cause == cause.cause && c.culprit != cause.culprit);
    if !shared && width(&title) <= room {
        return title;
    }
    let short = page.fit(&words::spaced(cause.cause.as_str()), room);
    let left = room.saturating_sub(width(&short) + ": ".len());
    if left < CULPRIT_MIN { short } else { format!("{short}: {}", page.fit_middle(&cause.culprit, left)) }
}

/// First and last moment of an epoch, for the reader of `--full`.
pub(super) fn period(period: (Option<Timestamp>, Option<Timestamp>)) -> String {
    match period {
        (Some(from), Some(to)) => {
            format!("{} to {} UTC", figures::moment(from), figures::moment(to))
        }
        (Some(at), None) | (None, Some(at)) => format!("{} UTC", figures::moment(at)),
        (None, None) => "at an unknown time".to_owned(),
    }
}
