//! The waterfall as SVG: one file that needs nothing else.
//!
//! No script, no reference, no font file. Colours follow the reader's scheme where the viewer knows
//! it; outcomes differ by pattern and by word as well. Every row has a title for pointers and
//! assistive technology, the picture has a title and a description.

use super::model::{Mark, Model, Row, model, ticks};
use crate::StartView;
use crate::encode;
use crate::figures::took;
use crate::terminal::page::fit_line;
use std::fmt::Write as _;

/// Columns of the picture, px.
const WIDTH: i64 = 960;
const NAME: i64 = 196;
const TRACK: i64 = 430;
/// Rows, px.
const ROW: i64 = 20;
const BAR: i64 = 12;
const TOP: i64 = 62;
/// Characters that fit beside the track; one takes about 7.2 px.
const NAME_CHARS: usize = 25;
const WORD_CHARS: usize = 33;
const LINE_CHARS: usize = 126;
/// Most rows; a picture with more is no picture.
const ROWS_MAX: usize = 300;
/// Most shares of the time.
const BLAME_MAX: usize = 8;

const STYLE: &str = "\
text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2328}\
.bg{fill:#ffffff}.h{font-size:14px;font-weight:bold}.p{font-weight:bold}.m{fill:#57606a}\
.g{stroke:#d0d7de;stroke-width:1}.passed{fill:#2da44e}.share{fill:#57606a}\
.failed{fill:url(#x);stroke:#cf222e}.expired{fill:url(#e);stroke:#bc4c00}\
.skipped{fill:none;stroke:#6e7781;stroke-dasharray:3 2}.open{fill:none;stroke:#0969da;stroke-width:1.5}\
.xl{stroke:#cf222e;stroke-width:2}.el{stroke:#bc4c00;stroke-width:2}\
.d{stroke:#8250df;stroke-width:1.5;stroke-dasharray:2 2}.dt{fill:#8250df}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bg{fill:#0d1117}.m{fill:#9198a1}.g{stroke:#3d444d}\
.passed{fill:#3fb950}.share{fill:#9198a1}.failed{stroke:#ff7b72}.expired{stroke:#f0883e}\
.skipped{stroke:#9198a1}.open{stroke:#58a6ff}.xl{stroke:#ff7b72}.el{stroke:#f0883e}\
.d{stroke:#d2a8ff}.dt{fill:#d2a8ff}}";

const PATTERNS: &str = "\
<pattern id=\"x\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<line class=\"xl\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern>\
<pattern id=\"e\" width=\"6\" height=\"4\" patternUnits=\"userSpaceOnUse\">\
<line class=\"el\" x1=\"0\" y1=\"1\" x2=\"6\" y2=\"1\"/></pattern>";

/// The timeline as one SVG document with its line end.
pub fn svg(view: &StartView) -> String {
    let model = model(view);
    let rows = &model.rows[..model.rows.len().min(ROWS_MAX)];
    let below = TOP + ROW * (rows.len().max(1) as i64) + 26;
    let shares = model.spent(BLAME_MAX, 1);
    let path = paths(&model);
    let height = below + ROW * (path.len() as i64 + shares.len() as i64 + 1) + 22;
    let mut out = String::with_capacity(8 * 1024);
    let title = encode::svg(&model.title);
    put(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n<defs>{PATTERNS}</defs>\n\
         <rect class=\"bg\" width=\"{WIDTH}\" height=\"{height}\"/>\n<text class=\"h\" x=\"12\" y=\"24\">{}</text>\n",
            encode::svg(&description(&model)),
            encode::svg(&fit_line(&encode::terminal(&model.title), 100)),
        ),
    );
    axis(&mut out, &model, rows.len().max(1) as i64);
    if rows.is_empty() {
        put(&mut out, format_args!("<text class=\"m\" x=\"{NAME}\" y=\"{}\">no phase was begun</text>\n", TOP + 14));
    }
    for (ix, row) in rows.iter().enumerate() {
        draw(&mut out, &model, row, TOP + ROW * ix as i64);
    }
    legend(&mut out, below - 8);
    let mut y = below + 16;
    for line in &path {
        put(&mut out, format_args!("<text class=\"m\" x=\"12\" y=\"{y}\">{}</text>\n", encode::svg(line)));
        y += ROW;
    }
    for (share, percent) in shares {
        let length = (TRACK * percent / 100).max(1);
        let name = encode::svg(&fit_line(&encode::terminal(&share.name), NAME_CHARS));
        put(
            &mut out,
            format_args!(
                "<g><title>{} {}</title><text x=\"12\" y=\"{}\">{name}</text><rect class=\"share\" x=\"{NAME}\" y=\"{}\" width=\"{length}\" height=\"6\"/>\
             <text x=\"{}\" y=\"{}\">{} ({percent} %)</text></g>\n",
                encode::svg(&share.name),
                took(share.ns),
                y + 4,
                y - 3,
                NAME + TRACK + 12,
                y + 4,
                took(share.ns),
            ),
        );
        y += ROW;
    }
    out.push_str("</svg>\n");
    out
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// The picture in words: what did not pass, and what took longest.
fn description(model: &Model) -> String {
    let bad = model.rows.iter().filter(|row| matches!(row.mark, Mark::Failed | Mark::Expired));
    let mut parts: Vec<String> = bad.take(5).map(|row| format!("{}: {}", row.name, row.word())).collect();
    if let Some(share) = model.blame.first() {
        parts.push(format!("most time went into {} ({})", share.name, took(share.ns)));
    }
    let unseen: Vec<&str> =
        model.rows.iter().filter(|row| row.is_phase && row.mark == Mark::Unseen).map(|row| row.name.as_str()).collect();
    if !unseen.is_empty() {
        parts.push(format!("not reached: {}", unseen.join(", ")));
    }
    format!("Timeline of a start. {}.", parts.join("; "))
}

/// The chain that decided how long it took, in lines.
fn paths(model: &Model) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if model.path.len() < 2 {
        return lines;
    }
    let mut line = "path".to_owned();
    for (ix, name) in model.path.iter().enumerate() {
        let part = format!("{} {}", if ix == 0 { ":" } else { " >" }, fit_line(&encode::terminal(name), 40));
        if line.chars().count() + part.chars().count() > LINE_CHARS {
            lines.push(std::mem::replace(&mut line, "     ".to_owned()));
        }
        line += &part;
    }
    lines.push(line);
    lines.truncate(4);
    lines
}

fn x(at: i64, total: i64) -> i64 {
    let offset = i128::from(at.clamp(0, total)) * i128::from(TRACK) / i128::from(total);
    NAME + i64::try_from(offset).unwrap_or(TRACK)
}

fn axis(out: &mut String, model: &Model, rows: i64) {
    for tick in ticks(model.total) {
        let x = x(tick, model.total);
        put(
            out,
            format_args!(
                "<line class=\"g\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/><text class=\"m\" x=\"{}\" y=\"{}\">{}</text>\n",
                TOP - 6,
                TOP + ROW * rows,
                x + 3,
                TOP - 10,
                if tick == 0 { "0".to_owned() } else { super::text::short(tick) },
            ),
        );
    }
    if let Some(ready) = model.ready {
        let x = x(ready, model.total);
        put(
            out,
            format_args!(
                "<line class=\"open\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/>\n",
                TOP - 6,
                TOP + ROW * rows
            ),
        );
    }
}

fn draw(out: &mut String, model: &Model, row: &Row, y: i64) {
    let time = row.elapsed().map(took).unwrap_or_default();
    let word = row.word();
    let optional = if row.optional { " (optional)" } else { "" };
    let label = format!("{}{optional}: {}", row.name, [time.as_str(), word.as_str()].join(" ").trim());
    let indent = if row.is_phase { 12 } else { 24 };
    let marker = if !row.is_phase && row.critical { "* " } else { "" };
    let room = NAME_CHARS - if row.is_phase { 0 } else { 2 };
    let name = fit_line(&format!("{marker}{}", encode::terminal(&row.name)), room);
    let class = if row.is_phase { " class=\"p\"" } else { "" };
    put(
        out,
        format_args!(
            "<g><title>{}</title><text{class} x=\"{indent}\" y=\"{}\">{}</text>",
            encode::svg(&label),
            y + 13,
            encode::svg(&name),
        ),
    );
    if let Some((from, to)) = row.span {
        let (from, to) = (x(from, model.total), x(to, model.total));
        shape(out, row.mark, from, (to - from).max(2), y + 3);
    }
    if let Some(deadline) = row.deadline.filter(|at| *at <= model.total) {
        let x = x(deadline, model.total);
        put(
            out,
            format_args!(
                "<line class=\"d\" x1=\"{x}\" y1=\"{y}\" x2=\"{x}\" y2=\"{}\"/><path class=\"dt\" d=\"M{} {y}h6l-3 5z\"/>",
                y + ROW - 1,
                x - 3,
            ),
        );
    }
    let rest = fit_line(&encode::terminal(&word), WORD_CHARS);
    put(
        out,
        format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><text x=\"{}\" y=\"{}\">{}</text></g>\n",
            NAME + TRACK + 80,
            y + 13,
            encode::svg(&time),
            NAME + TRACK + 90,
            y + 13,
            encode::svg(&rest),
        ),
    );
}

fn shape(out: &mut String, mark: Mark, x: i64, width: i64, y: i64) {
    let class = match mark {
        Mark::Passed => "passed",
        Mark::Failed => "failed",
        Mark::Expired => "expired",
        Mark::Skipped => "skipped",
        Mark::Open => "open",
        Mark::Unseen => return,
    };
    put(out, format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"1\"/>"));
    let end = x + width;
    match mark {
        Mark::Failed => put(
            out,
            format_args!("<path class=\"xl\" d=\"M{} {y}l{BAR} {BAR}m0 -{BAR}l-{BAR} {BAR}\"/>", end - BAR / 2),
        ),
        Mark::Expired => put(out, format_args!("<path class=\"el\" d=\"M{end} {}v{}\"/>", y - 2, BAR + 4)),
        _ => {}
    }
}

fn legend(out: &mut String, y: i64) {
    let mut x = NAME;
    for (mark, word) in [
        (Mark::Passed, "passed"),
        (Mark::Failed, "failed"),
        (Mark::Expired, "ran out of time"),
        (Mark::Skipped, "cancelled"),
        (Mark::Open, "under way"),
    ] {
        shape(out, mark, x, 18, y - 10);
        put(out, format_args!("<text class=\"m\" x=\"{}\" y=\"{y}\">{word}</text>", x + 32));
        x += 32 + 8 * word.len() as i64 + 16;
    }
    put(
        out,
        format_args!(
            "<line class=\"d\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/><text class=\"m\" x=\"{}\" y=\"{y}\">deadline</text>\n",
            y - 12,
            y + 3,
            x + 8,
        ),
    );
}
