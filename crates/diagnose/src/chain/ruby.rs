//! Ruby errors: the outermost first, position, message and type on one row, its cause below its
//! calls; and the reports of rake and Rails, whose calls stand at the margin.

use super::frame::{contains_any, split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `file.rb:1:in 'm': message (Type)`
    Error {
        position: &'t str,
        message: &'t str,
        type_name: &'t str,
    },
    /// `from file.rb:1:in 'm'`, or without `from` in a report.
    Call(&'t str),
    /// `Caused by:` of a report.
    Cause,
    Other,
}

fn part_of(text: &str) -> Part<'_> {
    let row = text.trim();
    if row == "Caused by:" {
        return Part::Cause;
    }
    if let Some(call) = row.strip_prefix("from ") {
        return if is_call(call) { Part::Call(call) } else { Part::Other };
    }
    let Some(end) = position_end(row) else {
        return Part::Other;
    };
    let (position, rest) = row.split_at(end);
    match rest.strip_prefix(": ") {
        Some(text) => error(position, text),
        None if rest.is_empty() && position.contains(":in ") => Part::Call(position),
        None => Part::Other,
    }
}

fn error<'t>(position: &'t str, text: &'t str) -> Part<'t> {
    let named = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    match named {
        Some((message, type_name)) if title::at_start(type_name).is_some_and(|title| title.message.is_empty()) => {
            let message = message.trim();
            Part::Error { position, message, type_name }
        }
        _ if text == "unhandled exception" => Part::Error { position, message: text, type_name: "RuntimeError" },
        _ if starts_with_any(text, &["syntax error", "syntax errors found"]) => {
            Part::Error { position, message: text, type_name: "SyntaxError" }
        }
        _ => Part::Other,
    }
}

/// Where `file.rb:12` or `file.rb:12:in 'm'` ends at the start of a row.
fn position_end(row: &str) -> Option<usize> {
    let word = row.split(' ').next()?;
    let colon = |(at, _): (usize, &str)| {
        let source = &word[..at];
        (source.ends_with(".rb") || source.ends_with('>') || source.starts_with('/') && row.contains(":in "))
            .then_some(at + 1)
    };
    let source = word.match_indices(':').find_map(colon)?;
    let digits = row[source..].bytes().take_while(u8::is_ascii_digit).count();
    let number = source + digits;
    let Some(method) = row[number..].strip_prefix(":in ").filter(|_| digits > 0) else {
        return (digits > 0).then_some(number);
    };
    let quoted = method.strip_prefix(['`', '\''])?;
    let close = quoted.find('\'')?;
    Some(row.len() - quoted.len() + close + 1)
}

fn is_call(call: &str) -> bool {
    call.contains(":in ") || position_end(call).is_some_and(|end| end == call.len())
}

/// An error, or calls whose error stands above.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |first, state| Joiner { first, state };
    if !row.signs.ruby {
        return None;
    }
    match part_of(row.text) {
        Part::Error { .. } => Start::here(joiner(row.trimmed.to_string(), State::Message)),
        Part::Call(_) => Start::from(Head::Title, joiner(String::new(), State::Calls)),
        Part::Cause | Part::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The message may go on until the calls come.
    Message,
    Calls,
    /// After `Caused by:`: a title must come.
    Cause,
}

struct Joiner {
    /// The first error. When it comes again the program ran again: it is no cause of itself.
    first: String,
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        let text = row.trimmed;
        match part_of(row.text) {
            Part::Call(_) => {
                self.state = State::Calls;
                Step::Join
            }
            Part::Error { .. } if self.state == State::Calls && self.first != text && !row.late => {
                self.state = State::Message;
                Step::Join
            }
            Part::Error { .. } => Step::End,
            Part::Cause => {
                self.state = State::Cause;
                Step::Join
            }
            Part::Other if row.fresh => Step::End,
            Part::Other if self.state == State::Cause => {
                self.state = State::Message;
                Step::Join
            }
            Part::Other if self.state == State::Message && !row.late => {
                // An excerpt with its mark, or a message that goes on above its calls.
                let indented = row.indent() > 0;
                if indented { Step::Join } else { Step::Hold }
            }
            Part::Other if starts_with_any(text, &["Tasks: TOP", "(See full trace by running"]) => Step::Join,
            Part::Other if text.starts_with("... ") && text.ends_with("levels...") => Step::Join,
            Part::Other => Step::End,
        }
    }
}

/// The errors of one text.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let mut links: Vec<Link> = Vec::new();
    let mut in_message = false;
    let mut expected = true;
    let head = head(rows);
    for (at, row) in rows.iter().enumerate().skip(head) {
        match part_of(row.text) {
            Part::Error { position, message, type_name } => {
                let mut link = Link::new(type_name, message, at..at + 1);
                link.call(frame(at, position), false);
                links.push(link);
                (in_message, expected) = (true, false);
            }
            Part::Call(call) => {
                if links.is_empty() {
                    links.push(Link::new("", "", at..at + 1));
                }
                if let Some(link) = links.last_mut() {
                    link.call(frame(at, call), false);
                }
                in_message = false;
            }
            Part::Cause => expected = true,
            Part::Other if row.blank() => {}
            Part::Other if expected => {
                links.push(named(at, row));
                (in_message, expected) = (true, false);
            }
            Part::Other if in_message => {
                if let Some(link) = links.last_mut() {
                    link.go_on(at, row.text);
                }
            }
            Part::Other => {}
        }
    }
    let truncated = links.first().is_some_and(|link| link.whole.is_empty() && link.type_name.is_empty());
    for (at, link) in links.iter_mut().enumerate().skip(1) {
        link.outer = Some(at - 1);
        link.relation = Some(Relation::CausedBy);
    }
    Chain::new(Language::Ruby, links, truncated)
}

/// The row that the text begins with: an error, or the title above the first call.
fn head(rows: &[Row]) -> usize {
    let known = |row: &Row| matches!(part_of(row.text), Part::Error { .. } | Part::Call(_));
    let first = rows.iter().position(known).unwrap_or(0);
    match part_of(rows[first].text) {
        Part::Call(_) => title::head(rows, first),
        _ => first,
    }
}

/// The title of a report: `Type: message`, or Rails' `Type (message):`.
fn named(at: usize, row: &Row) -> Link {
    let text = row.trimmed;
    if let Some(title) = title::anywhere(text) {
        return Link::new(title.type_name, title.message, at..at + 1);
    }
    match text.strip_suffix("):").and_then(|text| text.split_once(" (")) {
        Some((type_name, message)) if title::at_start(type_name).is_some() => Link::new(type_name, message, at..at + 1),
        _ => Link::new("", text, at..at + 1),
    }
}

fn frame(at: usize, position: &str) -> Frame {
    let (source, method) = position.split_once(":in ").unwrap_or((position, ""));
    let (file, number) = split_position(source);
    let method = method.trim_matches(['`', '\'']);
    Frame::new(at, method, file, number, place(file))
}

fn place(file: &str) -> Place {
    if contains_any(file, &["/gems/", "/bundler/gems/", "/vendor/bundle/"]) && !file.contains("/rubygems/") {
        return Place::ThirdParty;
    }
    let bin = ["/usr/local/bin/", "/usr/bin/", "bin/"];
    let library = contains_any(file, &["/lib/ruby/", "/rubygems/", "<internal:"]);
    if library || starts_with_any(file, &bin) {
        return Place::Runtime;
    }
    Place::Application
}
