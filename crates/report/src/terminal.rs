//! The report for a terminal.
//!
//! What it is for: a person at three in the morning. The first six non-empty lines answer what,
//! whose move, what to do, what comes next and what not to do; then the starts over time, the proof,
//! what is ruled out, what is missing and what was seen.
//! What it must never do: exceed its width or, without `full`, [`LINES_MAX`] lines; print a control
//! character of somebody else; name a cause where the verdict is undetermined.
//! Where to start reading: [`terminal`], then `head`.

mod full;
mod head;
pub(crate) mod page;
mod proof;
mod strip;

use crate::{Words, sentences, view::View};
use page::{Line, Page, Section};
use tminus_core::{verdict::Verdict, vocabulary::Outcome};

/// Widest line, in columns.
pub const WIDTH_MAX: usize = 100;
/// Narrowest line that a report can be set in; a smaller width is taken as this one.
pub const WIDTH_MIN: usize = 40;
/// Most lines without `full`, empty ones included.
pub const LINES_MAX: usize = 35;

/// How a terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; taken into [`WIDTH_MIN`] to [`WIDTH_MAX`].
    pub width: usize,
    /// Everything that the verdict holds, however long.
    pub full: bool,
    /// Colours, as SGR sequences.
    pub color: bool,
    /// ASCII alone; everything else is written out.
    pub ascii: bool,
}

impl Default for Style {
    /// 100 columns, short, plain, Unicode.
    fn default() -> Self {
        Style { width: WIDTH_MAX, full: false, color: false, ascii: false }
    }
}

/// The report as lines, each ended by a line end. A good start is one line.
pub fn terminal(verdict: &Verdict, words: &Words, style: &Style) -> String {
    let view = View::new(verdict, words);
    let page = Page::new(style);
    if verdict.outcome == Outcome::Ready && !style.full {
        return page.print(vec![Section::new(vec![head::ready(&page, &view)], 1)]);
    }
    let mut sections = vec![Section::new(head::head(&page, &view), head::LINES), head::more(&page, &view)];
    sections.push(Section::new(strip::strip(&page, &view, style.full), 4).apart());
    sections.push(Section::new(proof::proof(&page, &view, style.full), 6).apart());
    if style.full {
        sections.push(Section::new(full::whys(&page, &view), 0).apart());
    }
    sections.extend(tail(&page, &view, style.full));
    if style.full {
        sections.extend(full::appendix(&page, &view));
    }
    page.print(sections)
}

/// What is excluded, what came second, what is missing, what was seen.
fn tail(page: &Page, view: &View, full: bool) -> Vec<Section> {
    let verdict = view.verdict;
    let not: Vec<String> = verdict.ruled_out.iter().map(|r| proof::ruled_out(view, r)).collect();
    let otherwise = verdict.runner_up.as_ref().map_or(Vec::new(), |second| {
        let title = view.words.title(&second.cause);
        let text = match view.lead() {
            Some(_) => format!("{title}, if: {}", second.would_flip),
            None => format!("nearest, not shown: {title}; it needs: {}", second.would_flip),
        };
        page.hanging("ELSE", &text, 2, 2)
    });
    // Where nothing is known the first piece to get is already the thing to do.
    let skip = usize::from(view.lead().is_none() && verdict.outcome != Outcome::Ready);
    let get: Vec<String> = verdict.needed.iter().skip(skip).cloned().collect();
    let not = page.items("NOT", &not, 4, 2);
    let get = page.items("GET", &get, 3, 2);
    let parts = [(not, 2), (otherwise, 1), (get, 1), (seen(page, view, full), 2)];
    let mut sections: Vec<Section> = parts
        .into_iter()
        .filter(|(lines, _)| !lines.is_empty())
        .map(|(lines, keep)| Section::new(lines, keep))
        .collect();
    if let Some(first) = sections.first_mut() {
        first.apart = true;
    }
    sections
}

fn seen(page: &Page, view: &View, full: bool) -> Vec<Line> {
    let mut lines = page.hanging("SEEN", &sentences::coverage(view), 2, 2);
    for note in &view.verdict.coverage.notes {
        lines.extend(page.hanging("", note, 2, 1));
    }
    if !full && view.verdict.coverage.rows > 0 {
        page.append_or_line(&mut lines, "--full for the rest");
    }
    lines
}
