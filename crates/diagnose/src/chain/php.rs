//! Uncaught PHP errors: the root first, each above its calls; and the stack traces that Monolog
//! and Laravel log.

use super::frame::{contains_any, split_position};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `PHP Fatal error:  Uncaught Type: message in file:12`
    Uncaught(&'t str),
    /// `Next Type: message in file:12`
    Next(&'t str),
    /// `Stack trace:` or `[stacktrace]`
    Trace,
    /// `#0 file(12): f()`
    Call(&'t str),
    /// `  thrown in file on line 12`
    Thrown,
    Other,
}

fn part_of(text: &str) -> Part<'_> {
    let row = text.trim();
    if let Some((before, rest)) = row.split_once("Fatal error: ")
        && let Some(error) = rest.trim_start().strip_prefix("Uncaught ")
        && before.len() < 24
    {
        return Part::Uncaught(error);
    }
    if let Some(error) = row.strip_prefix("Next ").filter(|error| title::anywhere(error).is_some()) {
        return Part::Next(error);
    }
    if matches!(row, "Stack trace:" | "[stacktrace]") {
        return Part::Trace;
    }
    if row.starts_with("thrown in ") && row.contains(" on line ") {
        return Part::Thrown;
    }
    if let Some(call) = call(row) {
        return Part::Call(call);
    }
    Part::Other
}

/// `#0 file(12): f()` or `#1 {main}` behind its number.
fn call(row: &str) -> Option<&str> {
    let rest = row.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let call = rest[digits..].strip_prefix(' ').filter(|_| digits > 0)?;
    let known = call == "{main}" || call.starts_with("[internal function]") || call.contains(".php(");
    known.then_some(call)
}

/// An uncaught error, or a trace whose error stands above.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |state| Joiner { state };
    match part_of(row.text) {
        Part::Uncaught(_) => Start::here(joiner(State::Message)),
        Part::Trace => Start::from(Head::Title, joiner(State::Trace)),
        Part::Call(_) => Start::from(Head::Title, joiner(State::Calls)),
        Part::Next(_) | Part::Thrown | Part::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The message may go on until the trace comes.
    Message,
    /// After `Stack trace:`: nothing yet proves that calls come.
    Trace,
    Calls,
    Done,
}

struct Joiner {
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if self.state == State::Done {
            return Step::End;
        }
        let next = match part_of(row.text) {
            Part::Trace | Part::Call(_) => State::Calls,
            Part::Next(_) if self.state == State::Calls => State::Message,
            Part::Thrown => State::Done,
            Part::Other if row.blank() => return Step::Hold,
            Part::Other if self.state == State::Message && !row.fresh => return Step::Hold,
            // The quote and brace that end Laravel's record.
            Part::Other if self.state == State::Calls && row.trimmed == "\"}" => State::Done,
            _ => return Step::End,
        };
        self.state = next;
        Step::Join
    }

    fn confirmed(&self) -> bool {
        self.state != State::Trace
    }
}

/// The errors of one text, root first as printed.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let uncaught = rows.iter().position(|row| matches!(part_of(row.text), Part::Uncaught(_)));
    match uncaught {
        Some(head) => uncaught_chain(rows, head),
        None => logged(rows),
    }
}

fn uncaught_chain(rows: &[Row], head: usize) -> Option<Chain> {
    let mut links: Vec<Link> = Vec::new();
    let mut in_message = false;
    let mut traced = false;
    for (at, row) in rows.iter().enumerate().skip(head) {
        match part_of(row.text) {
            Part::Uncaught(text) | Part::Next(text) => {
                links.push(named(at, text));
                in_message = true;
            }
            Part::Trace => (in_message, traced) = (false, true),
            Part::Call(call) => {
                in_message = false;
                if let (Some(link), Some(frame)) = (links.last_mut(), frame(at, call)) {
                    link.call(frame, false);
                }
            }
            Part::Thrown => {}
            Part::Other if in_message => {
                if let Some(link) = links.last_mut() {
                    link.go_on(at, row.text);
                    take_position(link, at);
                }
            }
            Part::Other => {}
        }
    }
    let last = links.len().saturating_sub(1);
    for (at, link) in links.iter_mut().enumerate().take(last) {
        link.outer = Some(at + 1);
        link.relation = Some(Relation::DirectCause);
    }
    Chain::new(Language::Php, links, !traced)
}

/// An error that a logger printed above its trace.
fn logged(rows: &[Row]) -> Option<Chain> {
    let body = |row: &Row| matches!(part_of(row.text), Part::Trace | Part::Call(_));
    let first = rows.iter().position(body)?;
    let calls = rows.iter().any(|row| matches!(part_of(row.text), Part::Call(_)));
    if !calls {
        return None;
    }
    let head = title::head(rows, first);
    let mut link = match rows.get(head).filter(|_| head < first) {
        Some(row) => object(head, row.trimmed).unwrap_or_else(|| named(head, row.trimmed)),
        None => Link::new("", "", first..first + 1),
    };
    for (at, row) in rows.iter().enumerate().skip(first) {
        if let Part::Call(call) = part_of(row.text) {
            frame(at, call).into_iter().for_each(|frame| link.call(frame, false));
        }
    }
    Chain::new(Language::Php, vec![link], head == first)
}

/// Monolog's `[object] (Type(code: 1): message at file:12)`.
fn object(at: usize, text: &str) -> Option<Link> {
    let (_, object) = text.split_once("[object] (")?;
    let (type_name, rest) = object.split_once("(code: ")?;
    let (_, message) = rest.split_once("): ")?;
    let (message, position) = message.rsplit_once(" at ").unwrap_or((message, ""));
    let mut link = Link::new(&type_name.replace("\\\\", "\\"), message, at..at + 1);
    let (file, number) = split_position(position.trim_end_matches(')'));
    if number.is_some() {
        link.call(Frame::new(at, "", file, number, place(file)), false);
    }
    Some(link)
}

/// `Type: message in file:12`, or `Type in file:12`.
fn named(at: usize, text: &str) -> Link {
    let length = text.find([':', ' ']).unwrap_or(text.len());
    let (type_name, rest) = text.split_at(length);
    let mut link = match rest.strip_prefix(": ") {
        Some(message) => Link::new(type_name, message, at..at + 1),
        None if rest.starts_with(" in ") => Link::new(type_name, rest, at..at + 1),
        None => match title::anywhere(text) {
            Some(title) => Link::new(title.type_name, title.message, at..at + 1),
            None => Link::new("", text, at..at + 1),
        },
    };
    take_position(&mut link, at);
    link
}

/// Takes ` in file:12` off the message's end: it is the innermost call.
fn take_position(link: &mut Link, at: usize) {
    let Some((message, position)) =
        link.whole.rsplit_once(" in ").or(link.whole.strip_prefix("in ").map(|position| ("", position)))
    else {
        return;
    };
    let (file, number) = split_position(position);
    if number.is_none() || file.contains('\n') {
        return;
    }
    let frame = Frame::new(at, "", file, number, place(file));
    let rest = Link::new("", message, link.lines.clone());
    (link.message, link.whole) = (rest.message, rest.whole);
    link.call(frame, false);
}

/// The call of `file(12): f()`; none for `{main}`.
fn frame(at: usize, call: &str) -> Option<Frame> {
    let (file, rest) = call.split_once(".php(")?;
    let (number, function) = rest.split_once(')')?;
    let function = function.trim_start_matches(": ");
    let file = format!("{file}.php");
    let place = place(&file);
    Some(Frame::new(at, function, &file, number.parse().ok(), place))
}

fn place(file: &str) -> Place {
    if contains_any(file, &["/vendor/", "\\vendor\\"]) {
        return Place::ThirdParty;
    }
    Place::Application
}
