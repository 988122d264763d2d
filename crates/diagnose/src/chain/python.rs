//! Python tracebacks: the root first, the exception below its calls, groups as trees.

use super::frame::{contains_any, starts_with_any};
use super::grow::{Grow, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

const HEADER: &str = "Traceback (most recent call last):";
const DIRECT: &str = "The above exception was the direct cause of the following exception:";
const CONTEXT: &str = "During handling of the above exception, another exception occurred:";
const FATAL_TYPE: &str = "Fatal Python error";

/// What a row of a traceback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    Header,
    /// CPython itself died; its calls follow, innermost first.
    Fatal(&'t str),
    Connective(Relation),
    Call,
    /// `+---------------- 1 ----------------` of a group; `true` closes the group.
    Rule(bool),
    Other,
}

/// A row without the margin (`  | `) that groups draw, and how deep that margin is.
fn unmargined(text: &str) -> (usize, &str) {
    let inner = text.trim_start_matches(' ');
    let margin = text.len() - inner.len();
    let Some(rest) = inner.strip_prefix(['|', '+']).filter(|_| margin >= 2) else {
        return (0, text);
    };
    (margin, rest.strip_prefix(' ').unwrap_or(rest))
}

fn part_of(text: &str) -> Part<'_> {
    let (margin, inner) = unmargined(text);
    let row = inner.trim();
    if margin > 0 && (row.starts_with("-+---") || row.starts_with("---")) {
        return Part::Rule(row.trim_matches(['-', '+']).is_empty());
    }
    if row == HEADER || row == "Exception Group Traceback (most recent call last):" {
        return Part::Header;
    }
    if let Some(message) = row.strip_prefix(FATAL_TYPE) {
        return Part::Fatal(message.trim_start_matches([':', ' ']));
    }
    match row {
        DIRECT => Part::Connective(Relation::DirectCause),
        CONTEXT => Part::Connective(Relation::Context),
        _ if row.starts_with("File \"") && row.contains("\", line ") => Part::Call,
        _ => Part::Other,
    }
}

/// A traceback, a call of one whose head is missing, or a connective whose first part is missing.
pub(super) fn start(row: &Row) -> Option<Start> {
    let state = match part_of(row.text) {
        Part::Header | Part::Call => State::Calls,
        Part::Fatal(_) => State::Fatal,
        Part::Connective(_) => State::Between,
        Part::Rule(closes) => State::Group(closes),
        Part::Other => return None,
    };
    Start::here(Joiner { state, structured: false, astray: false })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calls are being listed; the exception comes next.
    Calls,
    /// The exception was named; its message may go on.
    Message,
    /// After a connective.
    Between,
    /// Inside a group's tree; `true` once it was closed.
    Group(bool),
    /// After `Fatal Python error`.
    Fatal,
}

struct Joiner {
    state: State,
    /// The message is a list whose entries are not indented (pydantic).
    structured: bool,
    /// A row was met that only a connective further on would make part of the message.
    astray: bool,
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        let step = self.judge(row);
        if step == Step::Join {
            self.astray = false;
        }
        step
    }
}

impl Joiner {
    fn judge(&mut self, row: &Row) -> Step {
        let (margin, _) = unmargined(row.text);
        match part_of(row.text) {
            Part::Rule(closes) => {
                self.state = State::Group(closes);
                Step::Join
            }
            _ if margin > 0 => {
                self.state = State::Group(false);
                Step::Join
            }
            Part::Header if matches!(self.state, State::Between) => {
                self.state = State::Calls;
                Step::Join
            }
            Part::Header | Part::Fatal(_) => Step::End,
            Part::Connective(_) => {
                self.state = State::Between;
                Step::Join
            }
            // A syntax error's place follows the calls; after the message it is another text.
            Part::Call if matches!(self.state, State::Calls | State::Fatal) => Step::Join,
            Part::Call => Step::End,
            Part::Other => self.other(row),
        }
    }

    fn other(&mut self, row: &Row) -> Step {
        match self.state {
            State::Calls if row.fresh => Step::End,
            State::Calls if row.indent() > 0 => Step::Join,
            State::Calls => match exception(row.text) {
                Some(title) => {
                    self.state = State::Message;
                    self.structured = title.message.contains("validation error");
                    Step::Join
                }
                None => Step::Hold,
            },
            State::Message | State::Group(_) if row.fresh || row.late => Step::End,
            State::Message => self.message(row),
            State::Group(_) | State::Between => Step::End,
            State::Fatal if row.fresh => Step::End,
            State::Fatal => fatal_continuation(row),
        }
    }

    /// A row after `Type: message`: messages go on with indented rows and some known ones.
    fn message(&mut self, row: &Row) -> Step {
        let text = row.trimmed;
        let ends = starts_with_any(text, &LAST_ROWS);
        let goes_on = row.indent() > 0
            || starts_with_any(text, &FURTHER_ROWS)
            || matches!(text, ">" | ")" | "}" | "]" | "\"\"\"");
        if ends || goes_on && !self.astray {
            return Step::Join;
        }
        // The fields of a validation error stand alone on a row, their faults are indented below.
        let field = self.structured && !row.trimmed.contains(' ');
        self.astray |= !field;
        Step::Hold
    }
}

/// Rows at the margin with which messages of well-known libraries go on.
const FURTHER_ROWS: [&str; 17] = [
    "DETAIL:",
    "HINT:",
    "CONTEXT:",
    "LINE ",
    "QUERY:",
    "STATEMENT:",
    "connection to server at ",
    "connection to server on socket ",
    "could not connect to server: ",
    "Multiple connection attempts failed",
    "Help: https://docs.oracle.com",
    "Reason: ",
    "HTTP response headers: ",
    "HTTP response body: ",
    "Failed validating ",
    "On instance",
    "(Caused by ",
];

/// Rows with which SQLAlchemy ends a message, whatever stood before.
const LAST_ROWS: [&str; 5] =
    ["[SQL: ", "[parameters: ", "[cached since", "[generated in", "(Background on this error at"];

fn fatal_continuation(row: &Row) -> Step {
    let text = row.trimmed;
    let known = ["Current thread ", "Thread 0x", "Python runtime state:", "Extension modules:", "<no Python frame>"];
    if row.indent() > 0 || starts_with_any(text, &known) {
        return Step::Join;
    }
    Step::End
}

/// The row that names an exception: at the left margin, the type first.
fn exception(text: &str) -> Option<title::Title<'_>> {
    if text.starts_with([' ', '\t']) {
        return None;
    }
    title::at_start(text)
}

/// The errors of a traceback, a chain of them, or a tree.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let mut reader = Reader::default();
    for (at, row) in rows.iter().enumerate() {
        reader.row(at, row);
    }
    reader.finish()
}

/// The errors at one margin: those of the main chain, or one member of a group after another.
#[derive(Default)]
struct Level {
    margin: usize,
    /// The group whose members stand here.
    group: Option<usize>,
    /// The last error of the present chain, and how it relates to the next.
    last: Option<(usize, Option<Relation>)>,
}

#[derive(Default)]
struct Reader<'t> {
    links: Vec<Link>,
    /// The last row of the text that shows a call: its like has the same columns.
    model: Option<Row<'t>>,
    /// The main chain, and a level for every group that is open.
    levels: Vec<Level>,
    /// Calls of an error that is not named yet.
    calls: Option<Link>,
    /// A member of a group begins, perhaps without calls.
    member: bool,
    in_message: bool,
    innermost_first: bool,
    truncated: bool,
}

impl<'t> Reader<'t> {
    fn row(&mut self, at: usize, row: &Row<'t>) {
        let (margin, inner) = unmargined(row.text);
        self.close_levels(margin);
        match part_of(row.text) {
            Part::Header => {
                self.drop_unnamed();
                self.in_message = false;
                self.member = false;
                self.calls = Some(Link::default());
            }
            Part::Fatal(message) => {
                self.push(Link::new(FATAL_TYPE, message, at..at + 1));
                self.innermost_first = true;
            }
            Part::Connective(relation) => self.connective(relation),
            Part::Rule(closes) => self.rule(margin, inner, closes),
            Part::Call => {
                self.model = Some(*row);
                self.call(at, inner);
            }
            Part::Other if row.has_more_columns_than(self.model.as_ref()) => self.in_message = false,
            Part::Other => self.other(at, inner),
        }
    }

    /// The level in use; the main chain exists from the start.
    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let top = self.levels.len() - 1;
        &mut self.levels[top]
    }

    fn connective(&mut self, relation: Relation) {
        self.drop_unnamed();
        self.in_message = false;
        match &mut self.level().last {
            Some((_, next)) => *next = Some(relation),
            None => self.truncated = true,
        }
    }

    /// Calls without an exception below them: the row that names it is missing.
    fn drop_unnamed(&mut self) {
        let Some(mut link) = self.calls.take() else {
            return;
        };
        self.truncated = true;
        if let Some(frame) = &link.deepest {
            link.lines = frame.line..frame.line + 1;
            self.push(link);
        }
    }

    fn call(&mut self, at: usize, inner: &str) {
        let frame = frame(at, inner);
        if self.innermost_first {
            if let Some(link) = self.links.last_mut() {
                link.call(frame, false);
            }
            return;
        }
        // A syntax error shows its place like a call, without `, in`.
        let place_only = !inner.contains(", in ");
        self.truncated |= self.calls.is_none() && !place_only && !self.member;
        self.in_message = false;
        self.calls.get_or_insert_default().call(frame, true);
    }

    fn other(&mut self, at: usize, inner: &str) {
        if self.in_message {
            return self.continue_message(at, inner);
        }
        // Without calls above it only a member of a group is named.
        let expected = self.calls.is_some() || self.member;
        let Some(title) = exception(inner).filter(|_| expected) else {
            return;
        };
        let calls = self.calls.take().unwrap_or_default();
        let named = Link::new(title.type_name, title.message, at..at + 1);
        self.push(Link {
            deepest: calls.deepest,
            application: calls.application,
            third_party: calls.third_party,
            ..named
        });
        self.member = false;
        self.in_message = true;
    }

    fn continue_message(&mut self, at: usize, inner: &str) {
        if let Some(link) = self.links.last_mut() {
            link.go_on(at, inner);
        }
    }

    /// Adds an error to the present level; the one before it there led to it.
    fn push(&mut self, link: Link) {
        let at = self.links.len();
        self.links.push(link);
        let before = self.level().last.replace((at, None));
        if let Some((before, relation)) = before {
            // Two texts of one block without a connective: the row between them is missing.
            self.truncated |= relation.is_none();
            self.links[before].outer = Some(at);
            self.links[before].relation = relation.or(Some(Relation::Context));
        }
    }

    /// A rule of a group's tree: it begins the members, the next member, or closes the group.
    fn rule(&mut self, margin: usize, inner: &str, closes: bool) {
        self.drop_unnamed();
        self.in_message = false;
        self.member = !closes;
        if inner.starts_with("-+") {
            let group = self.level().last.map(|(group, _)| group);
            self.truncated |= group.is_none();
            self.levels.push(Level { margin: margin + 2, group, last: None });
        } else {
            self.close_member();
        }
    }

    /// The last error of the present level is a member of the group.
    fn close_member(&mut self) {
        let level = self.level();
        let group = level.group;
        if let (Some(group), Some((member, _))) = (group, level.last.take()) {
            self.links[member].outer = Some(group);
            self.links[member].relation = Some(Relation::Member);
        }
    }

    /// Leaves the groups that are drawn further in than `margin`.
    fn close_levels(&mut self, margin: usize) {
        while self.levels.len() > 1 && self.level().margin > margin {
            self.drop_unnamed();
            self.close_member();
            self.levels.pop();
            self.in_message = false;
            self.member = false;
        }
    }

    fn finish(mut self) -> Option<Chain> {
        self.drop_unnamed();
        self.close_levels(0);
        let connected = self.level().last.is_none_or(|(_, next)| next.is_none());
        Chain::new(Language::Python, self.links, self.truncated || !connected)
    }
}

/// The call that a `File "...", line 1, in f` row shows.
fn frame(at: usize, inner: &str) -> Frame {
    let row = inner.trim().trim_start_matches("File \"");
    let (file, rest) = row.split_once("\", line ").unwrap_or((row, ""));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let function = rest[digits..].trim_start_matches([',', ' ']);
    let function = function.strip_prefix("in ").unwrap_or(function);
    Frame::new(at, function, file, rest[..digits].parse().ok(), place(file))
}

fn place(file: &str) -> Place {
    // Compiled modules show the path of their source, which is not installed.
    let compiled = file.ends_with(".pyx") || file.ends_with(".pxi");
    if compiled || contains_any(file, &["site-packages/", "dist-packages/", "site-packages\\"]) {
        return Place::ThirdParty;
    }
    // The scripts that pip installs beside the interpreter have no extension.
    let script = file.contains("/bin/") && !file.ends_with(".py");
    let library = contains_any(file, &["/lib/python3.", "/lib/python2.", "/lib64/python3.", "\\Lib\\"]);
    if library || script || file.starts_with('<') {
        return Place::Runtime;
    }
    Place::Application
}
