//! Node.js errors: the outermost first, above its calls, its properties in braces behind them.

use super::frame::{contains_any, split_position, starts_with_any};
use super::grow::{Grow, Head, Start};
use super::row::{Row, Step};
use super::{Chain, Frame, Language, Link, Place, Relation, title};

/// An excerpt of the source has at most this many rows before the error is named.
const LONGEST_EXCERPT: usize = 8;

/// `at f (file:1:2)`, `at file:1:2`, `at async f (...)`.
fn is_call(row: &str) -> bool {
    let Some(call) = row.strip_prefix("at ") else {
        return row.starts_with("... ") && row.contains(" lines matching cause stack trace");
    };
    let call = call.trim_end_matches(['{', ',', ' ']);
    let source = match call.rsplit_once('(') {
        Some((_, source)) => source.trim_end_matches(')'),
        None => call.trim_start_matches("async "),
    };
    let (file, number) = split_position(source);
    number.is_some() && !file.is_empty() && !file.contains(' ')
        || source == "<anonymous>"
        || source == "native"
        || source.starts_with("index ")
}

/// `/srv/app/x.js:12` or `node:internal/x:12`, alone on its row: where an uncaught error arose.
fn is_position(text: &str) -> bool {
    let ends_in_line = text.trim_end().ends_with(|last: char| last.is_ascii_digit());
    let starts = text.starts_with(['/', 'f', 'n']) || text.get(1..3) == Some(":\\");
    if !ends_in_line || !starts {
        return false;
    }
    let (file, number) = split_position(text.trim_end());
    // Where a column follows the line it is a message that names a place.
    let number = number.filter(|number| text.trim_end().len() == file.len() + 1 + number.to_string().len());
    let path = starts_with_any(file, &["/", "file://", "node:"]) || file.get(1..3) == Some(":\\");
    let source = [".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".jsx", ".tsx", ".json", ".node"];
    let known = file.starts_with("node:") || source.iter().any(|ending| file.ends_with(ending));
    number.is_some() && path && known && !file.contains(' ')
}

/// A title that ends in an open brace: an error without calls, its properties follow.
fn opens_object(row: &Row) -> bool {
    row.trimmed.ends_with(" {") && title::anywhere(row.text).is_some() && contains_any(row.text, &["[", "Error: "])
}

/// An error, the excerpt of its source, or calls whose title stands above.
pub(super) fn start(row: &Row) -> Option<Start> {
    let text = row.trimmed;
    if is_call(text) && row.indent() > 0 {
        return Start::from(Head::Title, Joiner::new(after_call(row)));
    }
    if row.indent() == 0 && is_position(row.text) {
        return Start::here(Joiner::new(State::Excerpt(0)));
    }
    if opens_object(row) {
        return Start::here(Joiner::new(State::Object(row.indent())));
    }
    None
}

/// What follows a call: more calls, or the properties that its row opens.
fn after_call(row: &Row) -> State {
    if row.trimmed.ends_with(" {") {
        // The brace closes at the indentation of the error's title, two steps to the left.
        return State::Object(row.indent().saturating_sub(4));
    }
    State::Calls
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Rows of source; how many.
    Excerpt(usize),
    /// The mark under the source was met: the next row names the error.
    Marked,
    /// The error was named; its message may go on until its calls come.
    Title,
    Calls,
    /// Properties, until the brace closes at this indentation.
    Object(usize),
    /// After the properties.
    Closed,
    Done,
}

struct Joiner {
    state: State,
    rows: usize,
}

impl Joiner {
    fn new(state: State) -> Joiner {
        Joiner { state, rows: 1 }
    }

    fn join(&mut self, state: State) -> Step {
        self.state = state;
        self.rows += 1;
        Step::Join
    }
}

impl Grow for Joiner {
    fn step(&mut self, row: &Row) -> Step {
        let text = row.trimmed;
        if self.state == State::Done || row.columned() && !is_call(text) {
            return Step::End;
        }
        if let State::Object(indent) = self.state {
            return self.object(indent, row);
        }
        if row.blank() {
            return self.blank();
        }
        if is_call(text) && row.indent() > 0 {
            return self.join(after_call(row));
        }
        if text.starts_with("Node.js v") {
            return self.join(State::Done);
        }
        if is_cause(row) && self.state == State::Calls {
            return self.join(State::Title);
        }
        if text.starts_with("Emitted 'error' event ") || text.starts_with("(Use `node --trace-") {
            return self.join(State::Calls);
        }
        match self.state {
            State::Excerpt(_) | State::Marked | State::Title if row.fresh => Step::End,
            State::Excerpt(rows) => self.excerpt(rows, row),
            State::Marked if text.ends_with(" {") => self.join(State::Object(row.indent())),
            State::Marked => self.join(State::Title),
            State::Title => Step::Hold,
            State::Calls | State::Object(_) | State::Closed | State::Done => Step::End,
        }
    }

    fn confirmed(&self) -> bool {
        self.rows > 1 || !matches!(self.state, State::Excerpt(_))
    }
}

impl Joiner {
    fn blank(&mut self) -> Step {
        if let State::Excerpt(rows) = &mut self.state {
            *rows += 1;
        }
        Step::Hold
    }

    fn excerpt(&mut self, rows: usize, row: &Row) -> Step {
        let marks = row.trimmed.bytes().all(|byte| byte == b'^' || byte == b'~');
        if marks {
            return self.join(State::Marked);
        }
        let named = title::at_start(row.text);
        if rows > 0 && named.is_some_and(|title| title::is_error_name(title.type_name)) {
            return self.join(State::Title);
        }
        self.state = State::Excerpt(rows + 1);
        if rows < LONGEST_EXCERPT { Step::Hold } else { Step::End }
    }

    /// Properties of an error, until the brace that closes them.
    fn object(&mut self, indent: usize, row: &Row) -> Step {
        if row.blank() {
            return Step::Hold;
        }
        if row.indent() > indent {
            return self.join(State::Object(indent));
        }
        if row.trimmed.starts_with(['}', ']']) {
            return self.join(State::Closed);
        }
        Step::End
    }
}

/// `caused by: Error: ...` behind the calls: how pino's serializer and VError print a cause.
fn is_cause(row: &Row) -> bool {
    row.indent() == 0 && row.trimmed.get(..11).is_some_and(|head| head.eq_ignore_ascii_case("caused by: "))
}

/// A warning or `console.trace` shows calls, but nothing failed.
fn is_notice(text: &str) -> bool {
    let warning = text.starts_with("(node:") && text.contains("Warning: ") && !text.contains("RejectionWarning: ");
    warning || text.starts_with("Trace: ") || text.trim() == "Trace"
}

/// The errors of one text.
pub(super) fn parse(rows: &[Row]) -> Option<Chain> {
    let body = |row: &Row| start(row).is_some();
    let first = rows.iter().position(body)?;
    let head = if is_call(rows[first].trimmed) { title::head(rows, first) } else { first };
    if is_notice(rows[head].text) {
        return None;
    }
    let mut reader = Reader::default();
    for (at, row) in rows.iter().enumerate().skip(head) {
        reader.row(at, row);
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    links: Vec<Link>,
    /// Indentation of the errors whose braces may be open, with the link of each.
    open: Vec<(usize, usize)>,
    /// Indentation of the lists of members that are open, with the collecting link.
    lists: Vec<(usize, usize)>,
    in_message: bool,
    /// The source excerpt above the title: nothing is a title before it ends.
    in_excerpt: bool,
    /// Braces and brackets that were opened at the end of a row and not closed yet.
    depth: usize,
    truncated: bool,
}

impl Reader {
    fn row(&mut self, at: usize, row: &Row) {
        let text = row.trimmed;
        if self.links.is_empty() && row.indent() == 0 && is_position(row.text) {
            self.in_excerpt = true;
        } else if text.is_empty() || text.starts_with("Node.js v") || text.starts_with("Emitted 'error'") {
            self.in_message &= text.is_empty();
        } else if is_call(text) && row.indent() > 0 {
            self.call(at, row);
        } else if is_cause(row) && !self.links.is_empty() {
            let cause = text.split_once(": ").map_or(text, |(_, cause)| cause);
            self.push(at, row, cause, Some((self.links.len() - 1, Relation::CausedBy)));
        } else if self.in_excerpt {
            self.excerpt(at, row);
        } else if self.in_message {
            self.message(at, row);
        } else if self.links.is_empty() {
            self.push(at, row, text, None);
        } else {
            self.property(at, row);
        }
    }

    fn excerpt(&mut self, at: usize, row: &Row) {
        let text = row.trimmed;
        let marks = text.bytes().all(|byte| byte == b'^' || byte == b'~');
        if marks {
            self.in_excerpt = false;
        } else if title::at_start(row.text).is_some_and(|title| title::is_error_name(title.type_name)) {
            self.in_excerpt = false;
            self.push(at, row, text, None);
        }
    }

    fn message(&mut self, at: usize, row: &Row) {
        // Properties behind an error without calls are no message.
        if row.trimmed.starts_with(['}', ']']) || is_property(row.trimmed) && self.braced() {
            self.in_message = false;
            return self.property(at, row);
        }
        if let Some(link) = self.links.last_mut() {
            link.go_on(at, row.text);
        }
    }

    fn braced(&self) -> bool {
        !self.open.is_empty()
    }

    /// A row between braces: a cause, a list of members, a member, or an ordinary property.
    fn property(&mut self, at: usize, row: &Row) {
        let text = row.trimmed;
        self.depth = self.depth.saturating_sub(usize::from(text.starts_with(['}', ']'])));
        self.depth += usize::from(text.ends_with(['{', '[']));
        let indent = row.indent();
        self.open.retain(|(column, _)| *column < indent);
        self.lists.retain(|(column, _)| *column < indent);
        let Some((_, outer)) = self.open.last().copied() else {
            return;
        };
        if let Some(cause) = text.strip_prefix("[cause]: ").or(text.strip_prefix("cause: ")) {
            self.push(at, row, cause, Some((outer, Relation::CausedBy)));
        } else if starts_with_any(text, &["[errors]: [", "errors: ["]) {
            self.lists.push((indent, outer));
        } else if let Some((_, group)) = self.lists.last().copied() {
            if title::anywhere(text).is_some() {
                self.push(at, row, text, Some((group, Relation::Member)));
            }
        } else if self.links[outer].type_name.is_empty()
            && let Some((_, value)) = text.split_once(": ")
            && title::at_start(value).is_some_and(|title| title::is_error_name(title.type_name))
        {
            // console.error({ err }): the error is a property of what was printed.
            self.push(at, row, value, Some((outer, Relation::CausedBy)));
        }
    }

    fn push(&mut self, at: usize, row: &Row, text: &str, outer: Option<(usize, Relation)>) {
        let braced = text.ends_with(" {");
        let text = text.trim_end_matches(" {").trim_end_matches(',');
        let mut link = named(at, text);
        if let Some((outer, relation)) = outer {
            link.outer = Some(outer);
            link.relation = Some(relation);
        }
        self.links.push(link);
        self.in_message = !braced;
        if braced {
            // A property's own brace was counted with the property.
            self.depth += usize::from(outer.is_none());
            self.open.push((row.indent(), self.links.len() - 1));
        }
    }

    fn call(&mut self, at: usize, row: &Row) {
        let text = row.trimmed;
        self.in_message = false;
        self.in_excerpt = false;
        if self.links.is_empty() {
            self.truncated = true;
            self.links.push(Link::new("", "", at..at + 1));
        }
        let last = self.links.len() - 1;
        if text.starts_with("at ") {
            self.links[last].call(frame(at, text), false);
        }
        if text.ends_with(" {") {
            self.depth += 1;
            self.open.push((row.indent().saturating_sub(4), last));
        }
    }

    fn finish(self) -> Option<Chain> {
        Chain::new(Language::Node, self.links, self.truncated || self.depth > 0)
    }
}

/// `code: 'X'`, `[cause]: ...`.
fn is_property(text: &str) -> bool {
    let name = text.split_once(": ").map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_[]'$".contains(&byte))
}

/// The link that a title names, wherever in the row its type stands.
fn named(at: usize, text: &str) -> Link {
    match title::anywhere(text) {
        Some(title) => {
            let bracketed = text[..title.at].ends_with('[');
            let message = if bracketed { title.message.trim_end_matches(']') } else { title.message };
            Link::new(title.type_name, message, at..at + 1)
        }
        None => match text.split_once("error: ") {
            // Drivers that set an error's name by hand: `error: password authentication failed`.
            Some((before, message)) if before.is_empty() || before.ends_with(' ') => {
                Link::new("error", message, at..at + 1)
            }
            _ => Link::new("", text.trim_start_matches("Uncaught "), at..at + 1),
        },
    }
}

fn frame(at: usize, row: &str) -> Frame {
    let call = row.trim_start_matches("at ").trim_start_matches("async ");
    let call = call.trim_end_matches(['{', ',', ' ']);
    let (function, source) = match call.rsplit_once('(') {
        Some((function, source)) => (function, source.trim_end_matches(')')),
        None => ("", call),
    };
    let (file, number) = split_position(source);
    Frame::new(at, function, file, number, place(file))
}

fn place(file: &str) -> Place {
    if contains_any(file, &["node_modules/", "node_modules\\", "/.pnpm/", "/.yarn/"]) {
        return Place::ThirdParty;
    }
    let runtime =
        starts_with_any(file, &["node:", "internal/", "events.js", "net.js", "<anonymous>", "native", "index "]);
    // Old runtimes print their own files without a directory.
    if runtime || !file.contains(['/', '\\']) || file.contains("webpack/bootstrap") {
        return Place::Runtime;
    }
    Place::Application
}
