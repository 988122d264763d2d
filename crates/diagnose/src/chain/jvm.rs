//! JVM stack traces: the outermost exception first, each above its calls, and what Spring Boot
//! prints when an application cannot start.

use super::frame::{contains_any, split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

/// What a row of a stack trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `Exception in thread "main" Type: message`; the title.
    Uncaught(&'t str),
    Call,
    /// `... 12 more`, `... 3 common frames omitted`.
    Elided,
    /// `Caused by: Type: message` and its like; the title.
    Linked(Relation, &'t str),
    /// logback's root-first order: `Wrapped by: Type: message`.
    WrappedBy(&'t str),
    /// The line of `*` around a report of Spring Boot.
    Stars,
    /// The machine itself could not start; the reason stands on the next row.
    NoMachine,
    Other,
}

fn part_of(text: &str) -> Part<'_> {
    let row = text.trim();
    if let Some(rest) = row.strip_prefix("Exception in thread \"") {
        return Part::Uncaught(rest.split_once("\" ").map_or("", |(_, title)| title));
    }
    // A row that ends with the colon heads the list of a Rust report.
    if let Some(rest) = row.strip_prefix("Caused by: ") {
        return Part::Linked(Relation::CausedBy, rest);
    }
    if let Some(rest) = row.strip_prefix("Suppressed: ") {
        return Part::Linked(Relation::Suppressed, rest);
    }
    if let Some(rest) = row.strip_prefix("Wrapped by: ") {
        return Part::WrappedBy(rest);
    }
    if is_call(row) {
        return Part::Call;
    }
    if is_elided(row) {
        return Part::Elided;
    }
    if row.len() >= 20 && row.bytes().all(|byte| byte == b'*') {
        return Part::Stars;
    }
    if row == "Error occurred during initialization of VM"
        || row == "Error occurred during initialization of boot layer"
    {
        return Part::NoMachine;
    }
    Part::Other
}

/// `at pkg.Type.method(File.java:12)`, perhaps with the archive behind it.
fn is_call(row: &str) -> bool {
    let Some(call) = row.strip_prefix("at ") else {
        return false;
    };
    let Some((function, rest)) = call.split_once('(') else {
        return false;
    };
    let source = rest.split(')').next().unwrap_or_default();
    let known =
        [".java", ".kt", ".scala", ".groovy", ".clj", "Native Method", "Unknown Source", "<generated>", "SourceFile"];
    function.contains('.') && !function.contains(' ') && contains_any(source, &known)
}

fn is_elided(row: &str) -> bool {
    let Some(rest) = row.strip_prefix("... ") else {
        return false;
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let after = &rest[digits..];
    digits > 0 && starts_with_any(after, &[" more", " common frames omitted", " frames truncated"])
}

/// A stack trace, or a part of one whose beginning stands above.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |state| Joiner { state };
    match part_of(row.text) {
        Part::Uncaught(_) => Start::here(joiner(State::Title)),
        Part::Call | Part::Elided => Start::from(Head::Title, joiner(State::Calls)),
        Part::Linked(Relation::Suppressed, _) if row.indent() == 0 => None,
        Part::Linked(_, title) | Part::WrappedBy(title) => {
            // `Caused by: disk full` may stand in any text.
            title::at_start(title).filter(|title| title::is_error_name(title.type_name))?;
            Start::from(Head::Title, joiner(State::Title))
        }
        Part::Stars => Start::here(joiner(State::Report(1))),
        Part::NoMachine => Start::here(joiner(State::Reason)),
        Part::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An exception was named; its message may go on until its calls come.
    Title,
    Calls,
    /// The next row is the reason.
    Reason,
    /// A report of Spring Boot; how many of its marks were met.
    Report(u8),
}

struct Joiner {
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if let State::Report(met) = self.state {
            return self.report(met, row);
        }
        match part_of(row.text) {
            Part::Call | Part::Elided => {
                self.state = State::Calls;
                Step::Join
            }
            Part::Linked(..) | Part::WrappedBy(_) => {
                self.state = State::Title;
                Step::Join
            }
            Part::Uncaught(_) | Part::Stars | Part::NoMachine => Step::End,
            Part::Other if self.state == State::Reason && !row.fresh && !row.blank() => {
                self.state = State::Calls;
                Step::Join
            }
            Part::Other if self.state == State::Calls || row.fresh => Step::End,
            Part::Other if is_title(row) => Step::End,
            Part::Other => Step::Hold,
        }
    }

    fn confirmed(&self) -> bool {
        !matches!(self.state, State::Report(met) if met < 3)
    }
}

impl Joiner {
    /// Stars, `APPLICATION FAILED TO START`, stars, `Description:` and text, `Action:` and text.
    fn report(&mut self, met: u8, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        let text = row.trimmed;
        let mark = match met {
            1 => text == "APPLICATION FAILED TO START",
            2 => part_of(row.text) == Part::Stars,
            3 => text == "Description:",
            4 => text == "Action:",
            _ => false,
        };
        if mark {
            self.state = State::Report(met + 1);
            return Step::Join;
        }
        // The text of a section is told by its place only: a paragraph ends at a new record.
        match met {
            4 if !row.fresh => Step::Join,
            5 if !row.fresh => {
                self.state = State::Report(6);
                Step::Join
            }
            _ => Step::End,
        }
    }
}

/// A row at the left margin that names an exception begins another text.
fn is_title(row: &Row) -> bool {
    row.indent() == 0 && title::at_start(row.text).is_some_and(|title| title::is_error_name(title.type_name))
}

/// The exceptions of a stack trace, or the description of a report.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    if rows.iter().any(|row| part_of(row.text) == Part::Stars) {
        return report(rows);
    }
    let body = |row: &Row| !matches!(part_of(row.text), Part::Other);
    let first = rows.iter().position(body)?;
    let head = match part_of(rows[first].text) {
        Part::Uncaught(_) | Part::NoMachine => first,
        _ => title::head(rows, first),
    };
    let mut reader = Reader::default();
    for (at, row) in rows.iter().enumerate().skip(head) {
        reader.row(at, row);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    links: Vec<Link>,
    /// Indentation of the exceptions that may still get a cause, with the link of each.
    open: Vec<(usize, usize)>,
    in_message: bool,
    truncated: bool,
}

impl Reader {
    fn row(&mut self, at: usize, row: &Row) {
        match part_of(row.text) {
            Part::Uncaught(title) => self.outermost(at, title),
            Part::Linked(relation, title) => self.linked(at, row, relation, title),
            Part::WrappedBy(title) => self.wrapper(at, title),
            Part::Call => self.call(at, row),
            Part::Elided => self.in_message = false,
            Part::Stars | Part::NoMachine => {}
            Part::Other if self.links.is_empty() => self.outermost(at, row.text),
            Part::Other if self.in_message && !row.fresh => self.last(|link| link.go_on(at, row.text)),
            Part::Other => {}
        }
    }

    fn last(&mut self, change: impl FnOnce(&mut Link)) {
        if let Some(link) = self.links.last_mut() {
            change(link);
        }
    }

    /// The first exception printed; any text stands for one, since its calls follow.
    fn outermost(&mut self, at: usize, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.links.push(named(at, text));
        self.open.push((0, self.links.len() - 1));
        self.in_message = true;
    }

    /// A cause of the exception printed at the same indentation, or a suppressed one of the
    /// exception one step further left.
    fn linked(&mut self, at: usize, row: &Row, relation: Relation, text: &str) {
        let suppressed = relation == Relation::Suppressed;
        let indent = row.indent();
        self.open.retain(|(column, _)| *column < indent + usize::from(!suppressed));
        let mut link = named(at, text);
        link.outer = self.open.last().map(|(_, link)| *link);
        link.relation = link.outer.map(|_| relation);
        self.truncated |= link.outer.is_none();
        self.open.retain(|(column, _)| *column < indent);
        self.links.push(link);
        self.open.push((indent, self.links.len() - 1));
        self.in_message = true;
    }

    /// The exception that wraps the one before it.
    fn wrapper(&mut self, at: usize, text: &str) {
        let outer = self.links.len();
        self.last(|link| {
            link.outer = Some(outer);
            link.relation = Some(Relation::CausedBy);
        });
        self.links.push(named(at, text));
        self.open = vec![(0, outer)];
        self.in_message = true;
    }

    fn call(&mut self, at: usize, row: &Row) {
        self.in_message = false;
        let frame = frame(at, row.trimmed);
        if self.links.is_empty() {
            // The head is missing; its calls still tell where it happened.
            self.truncated = true;
            self.links.push(Link::new("", "", at..at + 1));
            self.open.push((0, 0));
        }
        self.last(|link| link.call(frame, false));
    }

    fn finish(self) -> Option<Chain> {
        // A thread dump lists calls, but nothing failed.
        if self.links.first()?.type_name == "java.lang.Thread.State" {
            return None;
        }
        Chain::new(Language::Jvm, self.links, self.truncated)
    }
}

/// The link that a title names, wherever in the row its type stands.
fn named(at: usize, text: &str) -> Link {
    let text = text.trim();
    let starting =
        title::at_start(text).filter(|title| !title.type_name.contains('/') || title.type_name.contains('.'));
    let found = title::anywhere(text).or(starting);
    match found {
        Some(title) => Link::new(title.type_name, title.message, at..at + 1),
        None => Link::new("", text, at..at + 1),
    }
}

fn frame(at: usize, row: &str) -> Frame {
    let call = row.trim_start_matches("at ");
    let (function, rest) = call.split_once('(').unwrap_or((call, ""));
    let source = rest.split(')').next().unwrap_or_default();
    // `java.base@17/java.util.X.m`, `app//com.x.Y.m`.
    let function = function.rsplit('/').next().unwrap_or(function);
    let (file, number) = split_position(source);
    Frame::new(at, function, file, number, place(call, function))
}

fn place(call: &str, function: &str) -> Place {
    let runtime = [
        "java.",
        "javax.",
        "jakarta.",
        "jdk.",
        "sun.",
        "com.sun.",
        "kotlin.",
        "kotlinx.",
        "scala.",
        "groovy.lang.",
        "clojure.lang.",
        "org.codehaus.groovy.",
        "org.springframework.",
    ];
    if call.starts_with("java.") && call.contains('/') || starts_with_any(function, &runtime) {
        return Place::Runtime;
    }
    let library = [
        "org.apache.",
        "org.hibernate.",
        "org.postgresql.",
        "com.zaxxer.",
        "com.mysql.",
        "org.mariadb.",
        "oracle.",
        "com.microsoft.",
        "io.netty.",
        "reactor.",
        "io.lettuce.",
        "redis.clients.",
        "com.fasterxml.",
        "com.google.",
        "org.flywaydb.",
        "liquibase.",
        "io.micronaut.",
        "io.quarkus.",
        "org.eclipse.",
        "io.undertow.",
        "org.jboss.",
        "com.mongodb.",
        "com.datastax.",
        "com.rabbitmq.",
        "io.grpc.",
        "io.vertx.",
        "okhttp3.",
        "okio.",
        "ch.qos.",
        "org.slf4j.",
        "net.sf.",
        "org.junit.",
        "software.amazon.",
        "com.amazonaws.",
        "com.azure.",
        "io.r2dbc.",
        "org.jooq.",
        "org.elasticsearch.",
        "co.elastic.",
        "org.quartz.",
        "org.mybatis.",
        "io.smallrye.",
        "org.xnio.",
        "akka.",
        "play.",
        "org.aspectj.",
        "net.bytebuddy.",
        "org.yaml.",
        "feign.",
        "retrofit2.",
        "io.micrometer.",
    ];
    if starts_with_any(function, &library) {
        return Place::ThirdParty;
    }
    Place::Application
}

/// The report that Spring Boot makes of a failure that it knows: its description is the message.
fn report(rows: &[Row]) -> Option<Chain> {
    let after = |heading: &str| {
        let at = rows.iter().position(|row| row.trimmed == heading)?;
        let text = (at + 1..rows.len()).find(|row| !rows[*row].blank())?;
        (rows[text].trimmed != "Action:").then_some(text)
    };
    let first = after("Description:")?;
    let action = rows.iter().position(|row| row.trimmed == "Action:");
    let mut link = Link::new("", rows[first].text, first..first + 1);
    for (at, row) in rows.iter().enumerate().take(action.unwrap_or(rows.len())).skip(first + 1) {
        link.go_on(at, row.text);
    }
    Chain::new(Language::Jvm, vec![link], action.is_none())
}
