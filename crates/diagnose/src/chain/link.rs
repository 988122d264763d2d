//! The parsed form of a failure text.

use super::{Frame, Language, Place, title};
use std::ops::Range;

/// No message is kept longer than this; a failure can embed a whole document.
const LONGEST_MESSAGE: usize = 4096;

/// How an error led to the one further out ([`Link::outer`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The program named it as the cause of the outer one (`raise ... from`, PHP's `Next`).
    DirectCause,
    /// It was being handled when the outer one was raised: often its cause, sometimes only the
    /// failure that a fallback was tried after.
    Context,
    /// Listed as the cause of the outer one (`Caused by:`, `[cause]:`, ` ---> `).
    CausedBy,
    /// Happened while cleaning up after the outer one: never its cause.
    Suppressed,
    /// One of the errors that the outer one collects.
    Member,
}

/// One error of a chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// The type as printed, with its package; empty when the runtime names none or the row that
    /// names it is missing. Panics are `panic`, server rows have their severity.
    pub type_name: String,
    /// First line of the message.
    pub message: String,
    /// The whole message, cut at 4 KiB.
    pub whole: String,
    /// The rows of type and message, counted from the first row of the block. The first one is the
    /// row to cite.
    pub lines: Range<usize>,
    /// The link that this one led to, as an index into [`Chain::links`]; `None` for the outermost.
    pub outer: Option<usize>,
    /// How it led there; `None` for the outermost.
    pub relation: Option<Relation>,
    /// The innermost call.
    pub deepest: Option<Frame>,
    /// The innermost call in the program's own code.
    pub application: Option<Frame>,
    /// The innermost call in a library that is neither the program's nor the runtime's.
    pub third_party: Option<Frame>,
    /// It says how something was ended (cancelled, timed out, interrupted), not why.
    pub mechanism: bool,
    /// The same type and message as an error further in: a retry or a fallback met it again.
    pub repeated: bool,
    /// A lookup that failed (`KeyError`, `queue.Empty` ...) while an error was raised that does
    /// not speak of it: how the code got there, hardly why that failed.
    pub incidental: bool,
}

impl Link {
    /// A link whose type and message stand on the rows `lines`. `whole` may have several lines.
    pub(super) fn new(type_name: &str, whole: &str, lines: Range<usize>) -> Link {
        let whole = cut(whole.trim_end());
        let message = whole.lines().find(|line| !line.trim().is_empty());
        Link {
            type_name: cut(type_name).to_string(),
            message: message.unwrap_or_default().trim().to_string(),
            whole: whole.to_string(),
            lines,
            ..Link::default()
        }
    }

    /// Adds row `at` to the message.
    pub(super) fn go_on(&mut self, at: usize, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.lines.end = at + 1;
        let room = LONGEST_MESSAGE.saturating_sub(self.whole.len() + 1);
        if self.message.is_empty() {
            self.message = cut(text.trim()).to_string();
        }
        self.whole.push('\n');
        self.whole.push_str(up_to(text.trim_end(), room));
        self.whole.truncate(self.whole.trim_end().len());
    }

    /// Takes notice of one call; `innermost_last` as the language prints its calls.
    pub(super) fn call(&mut self, frame: Frame, innermost_last: bool) {
        let own = match frame.place {
            Place::Application => Some(&mut self.application),
            Place::ThirdParty => Some(&mut self.third_party),
            Place::Runtime => None,
        };
        for slot in own.into_iter().chain([&mut self.deepest]) {
            if innermost_last || slot.is_none() {
                *slot = Some(frame.clone());
            }
        }
    }

    /// Last part of the type's name, without package.
    pub fn short_type(&self) -> &str {
        let name = self.type_name.rsplit(['.', '\\', ':', '/']).next();
        name.unwrap_or_default()
    }
}

/// The links with every error before the one that it led to, and otherwise as they were.
fn inner_first(links: Vec<Link>) -> Vec<Link> {
    let mut inner: Vec<Vec<usize>> = vec![Vec::new(); links.len()];
    let mut order = Vec::with_capacity(links.len());
    let mut open = Vec::new();
    for (at, link) in links.iter().enumerate() {
        match link.outer {
            Some(outer) => inner[outer].push(at),
            None => open.push(at),
        }
    }
    // Outer before inner, last before first; reversed in the end.
    while let Some(at) = open.pop() {
        order.push(at);
        open.append(&mut inner[at]);
    }
    order.reverse();
    let mut place = vec![0; links.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new;
    }
    let moved = |old: &usize| Link { outer: links[*old].outer.map(|outer| place[outer]), ..links[*old].clone() };
    order.iter().map(moved).collect()
}

/// `text` cut at the longest length of a message.
fn cut(text: &str) -> &str {
    up_to(text, LONGEST_MESSAGE)
}

/// `text` cut at the last character boundary within `length` bytes.
fn up_to(text: &str, length: usize) -> &str {
    if text.len() <= length {
        return text;
    }
    let end = (0..=length).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The errors of one failure text.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Who printed it.
    pub language: Language,
    /// Never empty. An error stands before the one that it led to, the outermost is last.
    pub links: Vec<Link>,
    /// The beginning or the end of the text is missing.
    pub truncated: bool,
}

impl Chain {
    /// The chain of `links`, in whatever order they were printed; nothing when there are none.
    pub(super) fn new(language: Language, links: Vec<Link>, truncated: bool) -> Option<Chain> {
        if links.is_empty() {
            return None;
        }
        let mut chain = Chain { language, links: inner_first(links), truncated };
        chain.mark();
        Some(chain)
    }

    /// Where the trouble began: the first leaf, whatever its kind.
    pub fn root(&self) -> &Link {
        self.leaves().next().unwrap_or(self.outermost())
    }

    /// The error that ended the program or reached the log.
    pub fn outermost(&self) -> &Link {
        &self.links[self.links.len() - 1]
    }

    /// The errors that none led to; several when errors were collected. Suppressed errors are
    /// not among them, nor what led to those.
    pub fn leaves(&self) -> impl Iterator<Item = &Link> {
        let mut has_inner = vec![false; self.links.len()];
        let mut suppressed = vec![false; self.links.len()];
        for at in (0..self.links.len()).rev() {
            let link = &self.links[at];
            let Some(outer) = link.outer else { continue };
            suppressed[at] = suppressed[outer] || link.relation == Some(Relation::Suppressed);
            has_inner[outer] |= !suppressed[at];
        }
        let keep = move |at: &usize| !has_inner[*at] && !suppressed[*at];
        (0..self.links.len()).filter(keep).map(|at| &self.links[at])
    }

    /// The innermost error that says why something failed and not merely that it was ended;
    /// the root when there is none.
    pub fn informative(&self) -> &Link {
        self.leaves().find_map(|leaf| self.outwards(leaf).find(|link| link.tells())).unwrap_or(self.root())
    }

    /// `from` and the errors that it led to, up to the outermost.
    pub fn outwards<'c>(&'c self, from: &'c Link) -> impl Iterator<Item = &'c Link> {
        std::iter::successors(Some(from), |link| self.links.get(link.outer?))
    }

    /// Sets the marks that follow from types and messages.
    fn mark(&mut self) {
        for at in 0..self.links.len() {
            let link = &self.links[at];
            let mechanism = title::is_mechanism(&link.type_name, &link.whole);
            let incidental =
                link.relation == Some(Relation::Context) && title::is_lookup(link.short_type()) && !self.echoed(link);
            let repeated = at > 0 && same(&self.links[at - 1], link);
            let link = &mut self.links[at];
            link.mechanism = mechanism;
            link.incidental = incidental;
            link.repeated = repeated;
        }
    }

    /// Whether the next error out repeats what this one says.
    fn echoed(&self, link: &Link) -> bool {
        let said = link.message.trim_matches(['\'', '"']);
        let outer = link.outer.and_then(|outer| self.links.get(outer));
        said.len() > 1 && outer.is_some_and(|outer| outer.whole.contains(said))
    }
}

impl Link {
    /// Whether it can be the reason of a failure.
    fn tells(&self) -> bool {
        let unnamed = self.type_name.is_empty() && self.whole.is_empty();
        !(self.mechanism || self.incidental || unnamed)
    }
}

fn same(one: &Link, other: &Link) -> bool {
    !one.type_name.is_empty() && one.type_name == other.type_name && one.whole == other.whole
}
