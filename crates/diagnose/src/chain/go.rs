//! Go: panics and fatal errors of the runtime with their goroutines, and errors that loggers
//! print with a stack.

use super::frame::{split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    /// `panic: message`, `fatal error: message`: what and the message.
    Panic(&'t str, &'t str),
    /// `goroutine 1 [running]:`
    Goroutine,
    /// The position of a call: a tab, a file and a line.
    Position,
    /// `main.f(0x1)` or `created by main.f`.
    Function,
    /// Further rows of the runtime: signal, registers, `exit status 2`.
    Trailer,
    Other,
}

fn part_of(text: &str) -> Part<'_> {
    let row = text.trim();
    if let Some(message) = row.strip_prefix("panic: ") {
        return Part::Panic("panic", message);
    }
    if let Some(message) = text.strip_prefix("fatal error: ") {
        return Part::Panic("fatal error", message);
    }
    // net/http recovers the panic of a handler and logs it.
    if let Some(rest) = row.strip_prefix("http: panic serving ") {
        let message = rest.split_once(": ").map_or(rest, |(_, message)| message);
        return Part::Panic("panic", message);
    }
    if row.starts_with("goroutine ") && row.ends_with("]:") {
        return Part::Goroutine;
    }
    if is_position(text) {
        return Part::Position;
    }
    if is_trailer(text) {
        return Part::Trailer;
    }
    if row.starts_with("created by ") || is_function(text) {
        return Part::Function;
    }
    Part::Other
}

/// A tab, a path that ends in `.go:12`, perhaps an offset.
fn is_position(text: &str) -> bool {
    if !text.starts_with(['\t', ' ']) {
        return false;
    }
    let row = text.trim();
    let source = row.split(" +0x").next().unwrap_or(row);
    let (file, number) = split_position(source);
    let known = file.ends_with(".go") || file.ends_with(".s");
    number.is_some() && known && file.contains(['/', '\\'])
}

/// `pkg/path.(*T).f(...)` at the left margin.
fn is_function(text: &str) -> bool {
    let name = text.split('(').next().unwrap_or_default();
    let full = text.ends_with(')') && text.contains('(');
    full && !text.starts_with([' ', '\t']) && !name.contains(' ') && (name.contains('.') || name == "panic")
}

fn is_trailer(text: &str) -> bool {
    let starts = [
        "[signal SIG",
        "exit status ",
        "runtime stack:",
        "...additional frames elided...",
        "SIGSEGV: ",
        "SIGABRT: ",
        "SIGQUIT: ",
        "PC=0x",
        "[originating from goroutine ",
        "runtime: goroutine stack exceeds ",
        "runtime.throw(",
        "goroutine running on other thread",
    ];
    let register = text.split_whitespace().nth(1).is_some_and(|value| value.starts_with("0x"));
    starts_with_any(text, &starts) || register && text.split_whitespace().count() == 2 && text.len() < 40
}

/// A panic, or the stack of an error that stands above it.
pub(super) fn start(row: &Row) -> Option<Start> {
    let joiner = |state| Joiner { state };
    // Most rows are none of these: the costly questions come after the first byte.
    let indented = row.text.starts_with(['\t', ' ']);
    if !indented && !row.text.starts_with(['p', 'f', 'h', 'g']) {
        return None;
    }
    match part_of(row.text) {
        Part::Panic(..) => Start::here(joiner(State::Message)),
        Part::Goroutine => Start::from(Head::Title, joiner(State::Calls)),
        Part::Position => Start::from(Head::Function, joiner(State::Stack)),
        Part::Function | Part::Trailer | Part::Other => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The panic's message may go on until the goroutines come.
    Message,
    /// Goroutines and calls.
    Calls,
    /// The stack of a logged error: functions and positions alone.
    Stack,
}

struct Joiner {
    state: State,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        match (part_of(row.text), self.state) {
            // A deferred function panicked in turn.
            (Part::Panic(..), State::Message) if row.indent() > 0 => Step::Join,
            (Part::Panic(..), _) => Step::End,
            (Part::Goroutine, _) => {
                self.state = State::Calls;
                Step::Join
            }
            (Part::Position, _) => Step::Join,
            (Part::Trailer, State::Message | State::Calls) => Step::Join,
            (Part::Function, State::Message | State::Calls) if !row.fresh => Step::Join,
            // Functions of zap and pkg/errors have no arguments: the position confirms them.
            (_, State::Stack) if !row.fresh && !row.text.contains(' ') => Step::Hold,
            (Part::Other, State::Message) if !row.fresh => Step::Hold,
            _ => Step::End,
        }
    }
}

/// The errors of a panic or of an error logged with its stack.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let mut reader = Reader::default();
    for (at, row) in rows.iter().enumerate().skip(head(rows)?) {
        reader.row(at, row);
    }
    reader.finish()
}

/// The row that the text begins with: the first panic, or the logger's row above the first call.
fn head(rows: &[Row]) -> Option<usize> {
    let panicked = |row: &Row| matches!(part_of(row.text), Part::Panic(..));
    if let Some(first) = rows.iter().position(panicked) {
        return Some(first);
    }
    let body = rows.iter().position(|row| matches!(part_of(row.text), Part::Goroutine | Part::Position))?;
    let logged = |row: &Row| !row.blank() && (row.columned() || row.text.contains(' '));
    let above = (0..body).rev().find(|at| logged(&rows[*at]));
    Some(above.unwrap_or(body.saturating_sub(1)))
}

#[derive(Default)]
struct Reader {
    /// Panics in the order in which they happened.
    links: Vec<Link>,
    function: Option<String>,
    in_message: bool,
    goroutines: usize,
    truncated: bool,
}

impl Reader {
    fn row(&mut self, at: usize, row: &Row) {
        match part_of(row.text) {
            Part::Panic(what, message) => self.panic(at, what, message),
            Part::Goroutine => {
                self.in_message = false;
                self.goroutines += 1;
            }
            Part::Position => self.position(at, row.text),
            Part::Trailer => self.in_message = false,
            Part::Function | Part::Other if self.links.is_empty() => self.logged(at, row),
            Part::Other if self.in_message && self.goroutines == 0 => {
                self.function = Some(row.text.to_string());
                if let Some(link) = self.links.last_mut() {
                    link.go_on(at, row.text);
                }
            }
            Part::Function | Part::Other => self.function = Some(row.text.to_string()),
        }
    }

    fn panic(&mut self, at: usize, what: &str, message: &str) {
        let (message, recovered) = match message.split_once(" [recovered") {
            Some((message, _)) => (message, true),
            None => (message, false),
        };
        let outer = self.links.len() + 1;
        let mut link = Link::new(what, message, at..at + 1);
        if let Some(last) = self.links.last_mut() {
            last.outer = Some(outer - 1);
        }
        // What the next panic makes of this one, should one follow.
        link.relation = Some(if recovered { Relation::DirectCause } else { Relation::Context });
        self.links.push(link);
        self.in_message = true;
    }

    /// A logger's row with the error's stack below.
    fn logged(&mut self, at: usize, row: &Row) {
        if row.blank() {
            return;
        }
        if row.columned() || row.text.contains(' ') {
            self.links.push(Link::new("", row.text, at..at + 1));
            self.in_message = false;
        } else {
            self.function = Some(row.text.to_string());
        }
    }

    fn position(&mut self, at: usize, text: &str) {
        self.in_message = false;
        // The first goroutine is the one that panicked.
        if self.goroutines > 1 {
            return;
        }
        if self.links.is_empty() {
            self.truncated = true;
            self.links.push(Link::new("", "", at..at + 1));
        }
        let function = self.function.take().unwrap_or_default();
        let frame = frame(at, &function, text);
        if let Some(link) = self.links.last_mut() {
            link.call(frame, false);
        }
    }

    fn finish(mut self) -> Option<Chain> {
        if let Some(last) = self.links.last_mut() {
            last.relation = None;
            last.outer = None;
        }
        let first = self.links.first()?;
        let truncated = self.truncated || first.type_name == "panic" && self.goroutines == 0;
        Chain::new(Language::Go, self.links, truncated)
    }
}

fn frame(at: usize, function: &str, text: &str) -> Frame {
    let row = text.trim();
    let (file, number) = split_position(row.split(" +0x").next().unwrap_or(row));
    // `main.f(0x1, ...)` and `main.(*T).f(...)`: the last bracket holds the arguments.
    let name = match function.rfind('(') {
        Some(open) if function.ends_with(')') => &function[..open],
        _ => function,
    };
    Frame::new(at, name, file, number, place(name, file))
}

fn place(function: &str, file: &str) -> Place {
    let modules = ["/pkg/mod/", "/vendor/", "/go/src/github.com/"];
    if modules.iter().any(|module| file.contains(module)) {
        return Place::ThirdParty;
    }
    let package = function.trim_start_matches("created by ");
    let standard =
        file.contains("/go/src/") || file.contains("/src/runtime/") || file.contains("/src/net/") || is_toolchain(file);
    if standard || package.starts_with("runtime.") || package == "panic" {
        return Place::Runtime;
    }
    Place::Application
}

/// `/usr/lib/go-1.22/src/...`, `/usr/local/go/src/...`.
fn is_toolchain(file: &str) -> bool {
    let Some((root, _)) = file.split_once("/src/") else {
        return false;
    };
    root.rsplit('/').next().is_some_and(|last| last == "go" || last.starts_with("go-1") || last.starts_with("go1"))
}
