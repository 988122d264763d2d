//! .NET exceptions: the outermost first, the inner ones named below it, then the calls from the
//! innermost out.

use super::frame::{split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `Unhandled exception. Type: message`
    Unhandled(&'t str),
    /// ` ---> Type: message`; whether it is a further member of an aggregate.
    Inner(&'t str, bool),
    Call(&'t str),
    /// `--- End of inner exception stack trace ---`
    EndOfInner,
    /// `--- End of stack trace from previous location ---`
    Resumed,
    Other,
}

fn part_of(text: &str) -> Part<'_> {
    let row = text.trim();
    for start in ["Unhandled exception. ", "Unhandled Exception: "] {
        if let Some(rest) = row.strip_prefix(start) {
            return Part::Unhandled(rest);
        }
    }
    if let Some(inner) = row.strip_prefix("---> ") {
        let member = inner.strip_prefix("(Inner Exception #").and_then(|rest| rest.split_once(") "));
        return match member {
            Some((_, title)) => Part::Inner(title, true),
            None => Part::Inner(inner, false),
        };
    }
    if row.starts_with("--- End of inner ") {
        return Part::EndOfInner;
    }
    if row.starts_with("--- End of stack trace from previous location") {
        return Part::Resumed;
    }
    call(row).map_or(Part::Other, Part::Call)
}

/// `at A.B.M(args) in file:line 12`, without the `at`.
fn call(row: &str) -> Option<&str> {
    let call = row.strip_prefix("at ")?.trim_end_matches("<---");
    let (function, rest) = call.split_once('(')?;
    let (arguments, position) = rest.split_once(')')?;
    let positioned = position.is_empty() || position.starts_with(" in ") || position.starts_with(" [0x");
    // JVM and Node name a source where .NET has arguments.
    let source = split_position(arguments).1.is_some() || arguments.ends_with(".java");
    (function.contains('.') && !function.ends_with(' ') && positioned && !source).then_some(call)
}

/// An unhandled exception, or calls and inner exceptions whose head stands above.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |state| Joiner { state };
    match part_of(row.text) {
        Part::Unhandled(_) => Start::here(joiner(State::Title)),
        Part::Inner(title, _) => {
            title::anywhere(title).filter(|title| title.at == 0)?;
            Start::from(Head::Title, joiner(State::Title))
        }
        Part::Call(_) | Part::EndOfInner => Start::from(Head::Title, joiner(State::Calls)),
        Part::Resumed | Part::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The message may go on until inner exceptions or calls come.
    Title,
    Calls,
}

struct Joiner {
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        let next = match part_of(row.text) {
            Part::Inner(..) => State::Title,
            Part::Call(_) | Part::EndOfInner | Part::Resumed => State::Calls,
            Part::Unhandled(_) => return Step::End,
            Part::Other if self.state == State::Calls || row.fresh => return Step::End,
            Part::Other => return Step::Hold,
        };
        self.state = next;
        Step::Join
    }
}

/// The exceptions of one text.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let body = |row: &Row| !matches!(part_of(row.text), Part::Other);
    let first = rows.iter().position(body)?;
    let head = match part_of(rows[first].text) {
        Part::Unhandled(_) => first,
        _ => title::head(rows, first),
    };
    let mut reader = Reader::default();
    for (at, row) in rows.iter().enumerate().skip(head) {
        reader.row(at, row);
    }
    // The calls of the outermost exception come last.
    let complete = reader.open.len() <= 1;
    Chain::new(Language::DotNet, reader.links, reader.truncated || !complete)
}

#[derive(Default)]
struct Reader {
    links: Vec<Link>,
    /// The exceptions whose calls are still to come, the next one last.
    open: Vec<usize>,
    in_message: bool,
    truncated: bool,
}

impl Reader {
    fn row(&mut self, at: usize, row: &Row) {
        match part_of(row.text) {
            Part::Unhandled(title) => self.named(at, title, false),
            Part::Inner(title, member) => self.named(at, title, member),
            Part::Call(call) => {
                self.in_message = false;
                self.call(at, call);
            }
            Part::EndOfInner => {
                self.in_message = false;
                self.open.pop();
            }
            Part::Resumed => self.in_message = false,
            Part::Other if row.blank() => {}
            Part::Other if self.links.is_empty() => self.named(at, row.trimmed, false),
            Part::Other if self.in_message => {
                if let Some(link) = self.links.last_mut() {
                    link.go_on(at, row.text);
                }
            }
            Part::Other => {}
        }
    }

    /// An exception; the one whose calls are still to come is further out. Old runtimes put the
    /// inner ones on the same row.
    fn named(&mut self, at: usize, text: &str, member: bool) {
        if member {
            self.open.truncate(1);
        }
        for text in text.split(" ---> ") {
            let outer = self.open.last().copied();
            let mut link = match title::anywhere(text) {
                Some(title) => Link::new(title.type_name, title.message, at..at + 1),
                None => Link::new("", text, at..at + 1),
            };
            let collects = outer.is_some_and(|outer| self.links[outer].short_type() == "AggregateException");
            let relation = if collects { Relation::Member } else { Relation::CausedBy };
            link.outer = outer;
            link.relation = outer.map(|_| relation);
            self.truncated |= outer.is_none() && !self.links.is_empty();
            self.open.push(self.links.len());
            self.links.push(link);
        }
        self.in_message = true;
    }

    fn call(&mut self, at: usize, call: &str) {
        if self.links.is_empty() {
            self.truncated = true;
            self.links.push(Link::new("", "", at..at + 1));
            self.open.push(0);
        }
        let Some(link) = self.open.last().copied() else {
            return;
        };
        self.links[link].call(frame(at, call), false);
    }
}

fn frame(at: usize, call: &str) -> Frame {
    let (function, rest) = call.split_once('(').unwrap_or((call, ""));
    let position = rest.split_once(") in ").map_or("", |(_, position)| position);
    let (file, number) = position.rsplit_once(":line ").unwrap_or((position, ""));
    Frame::new(at, function, file, number.trim().parse().ok(), place(function))
}

fn place(function: &str) -> Place {
    if starts_with_any(function, &["System.", "Microsoft.", "Interop."]) {
        return Place::Runtime;
    }
    let library = [
        "Npgsql.",
        "StackExchange.",
        "MySql",
        "RabbitMQ.",
        "Confluent.",
        "Grpc.",
        "Serilog.",
        "Newtonsoft.",
        "Polly.",
        "MassTransit.",
        "Dapper.",
        "MongoDB.",
        "Amazon.",
        "Azure.",
        "Google.",
        "Autofac.",
        "AutoMapper.",
        "MediatR.",
        "Hangfire.",
        "Quartz.",
        "NLog.",
        "log4net.",
        "Swashbuckle.",
        "Oracle.",
        "Elastic.",
        "Nest.",
        "FluentValidation.",
    ];
    if starts_with_any(function, &library) {
        return Place::ThirdParty;
    }
    Place::Application
}
