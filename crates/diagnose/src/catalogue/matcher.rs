//! Which rules' words stand in a text: one gate of literals over everything, then the regexes of
//! the rules that the gate names, each compiled when it is first needed.

use super::gate::Gate;
use super::required::Haystack;
use super::rule::{self, Effort};
use regex_automata::PatternID;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use regex_syntax::hir::Hir;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A longer text is looked at only at its two ends, this many bytes of each.
pub const END: usize = 8 << 10;
/// The most matches of one rule that are visited in one end of a text.
const VISITS: usize = 64;
/// A regex that has looked at more bytes than this is worth building for speed.
const FEW_BYTES: usize = 4 << 10;

/// Where the words of one rule stand in a text. Offsets are bytes of the whole text, on character
/// boundaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the rule.
    pub rule: usize,
    /// What matched: the regex, or the literal of a rule without one.
    pub range: Range<usize>,
    /// Named captures that took part, in the order of the regex.
    pub captures: Vec<Capture>,
}

/// A named capture of a rule's regex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands, in bytes of the whole text.
    pub range: Range<usize>,
}

/// The words of many rules, ready to be looked for.
#[derive(Debug)]
pub struct Matcher {
    gate: Gate,
    rules: Vec<OnceLock<Words>>,
}

/// What a rule looks for behind the gate.
#[derive(Debug)]
enum Words {
    /// Its literals.
    Literals,
    /// Its regex.
    Regex(Box<Lazy>),
    /// A regex that cannot be read; it never matches.
    Broken,
}

/// A regex, compiled as far as it was needed.
#[derive(Debug)]
struct Lazy {
    read: Hir,
    /// How many bytes it has looked at.
    bytes: AtomicUsize,
    few: OnceLock<Option<Compiled>>,
    many: OnceLock<Option<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    /// The named captures: index and name.
    names: Vec<(usize, Arc<str>)>,
}

impl Matcher {
    /// A matcher of `rules` rules behind their gate.
    pub fn new(gate: Gate, rules: usize) -> Self {
        Matcher { gate, rules: (0..rules).map(|_| OnceLock::new()).collect() }
    }

    /// Does any literal of any rule occur? `false` means that [`Matcher::scan`] finds nothing.
    pub fn gate(&self, text: &str) -> bool {
        ends(text).any(|end| self.gate.any(&text.as_bytes()[end]))
    }

    /// The first and the last match of every rule, by start, then in the order of the rules.
    /// `source` gives the regex of a rule. Regexes must have passed [`rule::compile`]; one that does
    /// not compile never matches.
    pub fn scan<'r>(&self, text: &str, source: impl Fn(usize) -> Option<&'r str>) -> Vec<Found> {
        // Which rule's literals stand where: rule, start, end.
        let mut seen: Vec<(usize, usize, usize)> = Vec::new();
        for part in ends(text) {
            let offset = part.start;
            self.gate.each(&text.as_bytes()[part], |rule, start, end| seen.push((rule, offset + start, offset + end)));
        }
        seen.sort_unstable();
        let parts: Vec<(Range<usize>, Haystack)> = match seen.is_empty() {
            true => return Vec::new(),
            false => ends(text).map(|part| (part.clone(), Haystack::new(&text[part]))).collect(),
        };
        let mut found = Vec::new();
        for seen in seen.chunk_by(|a, b| a.0 == b.0) {
            let rule = seen[0].0;
            // Mostly it could not, and then the regex need not even be read.
            let mut parts = parts.iter().filter(|(_, part)| self.gate.could_match(rule, part)).peekable();
            if parts.peek().is_none() {
                continue;
            }
            match self.rules[rule].get_or_init(|| Words::new(source(rule))) {
                Words::Broken => {}
                Words::Literals => {
                    let literal = |&(rule, start, end)| Found { rule, range: start..end, captures: Vec::new() };
                    found.extend(outermost(seen.iter().map(literal)));
                }
                Words::Regex(regex) => {
                    let matches = parts.flat_map(|(part, _)| regex.matches(rule, text, part.clone()));
                    // Every match holds a literal: most often there is one, and no second search.
                    found.extend(outermost(matches.take(seen.len())));
                }
            }
        }
        found.sort_by_key(|found| (found.range.start, found.rule));
        found
    }
}

impl Words {
    fn new(source: Option<&str>) -> Self {
        let Some(source) = source else { return Words::Literals };
        let lazy = |read| Lazy { read, bytes: AtomicUsize::new(0), few: OnceLock::new(), many: OnceLock::new() };
        rule::parse(source).map_or(Words::Broken, |read| Words::Regex(Box::new(lazy(read))))
    }
}

impl Lazy {
    /// The matches in `part` of a text, at most [`VISITS`].
    fn matches(&self, rule: usize, text: &str, part: Range<usize>) -> impl Iterator<Item = Found> {
        let compiled = self.compiled(part.len()).into_iter();
        compiled.flat_map(move |compiled| {
            let offset = part.start;
            compiled.matches(&text.as_bytes()[part.clone()]).map(move |(range, mut captures)| {
                captures.iter_mut().for_each(|capture| capture.range = whole(text, offset, &capture.range));
                Found { rule, range: whole(text, offset, &range), captures }
            })
        })
    }

    /// The regex, built for as much as it has seen and for `bytes` more.
    fn compiled(&self, bytes: usize) -> Option<&Compiled> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let many = || self.many.get_or_init(|| Compiled::new(&self.read, Effort::Much)).as_ref();
        let few = || self.few.get_or_init(|| Compiled::new(&self.read, Effort::Little)).as_ref();
        match before.saturating_add(bytes) > FEW_BYTES {
            true => many().or_else(few),
            false => few(),
        }
    }
}

impl Compiled {
    fn new(read: &Hir, effort: Effort) -> Option<Self> {
        let regex = rule::build(read, effort).ok()?;
        let names = regex.group_info().pattern_names(PatternID::ZERO);
        let names = names.enumerate().filter_map(|(index, name)| Some((index, name?.into()))).collect();
        Some(Compiled { regex, names })
    }

    /// The matches in a text, at most [`VISITS`], with the named captures that took part.
    fn matches(&self, text: &[u8]) -> impl Iterator<Item = (Range<usize>, Vec<Capture>)> {
        // Looking for captures costs several times as much as looking for a match.
        let (plain, capturing) = match self.names.is_empty() {
            true => (Some(self.regex.find_iter(text)), None),
            false => (None, Some(self.regex.captures_iter(text))),
        };
        let plain = plain.into_iter().flatten().map(|found| (found.range(), Vec::new()));
        let capturing = capturing.into_iter().flatten().filter_map(|captures| self.named(&captures));
        plain.chain(capturing).take(VISITS)
    }

    /// What matched, and the named captures that took part.
    fn named(&self, captures: &Captures) -> Option<(Range<usize>, Vec<Capture>)> {
        let named = |(index, name): &(usize, Arc<str>)| {
            Some(Capture { name: Arc::clone(name), range: captures.get_group(*index)?.range() })
        };
        Some((captures.get_match()?.range(), self.names.iter().filter_map(named).collect()))
    }
}

/// A range of a part that begins at `offset`, as whole characters of the whole text: a bounded
/// repeat over bytes can stop inside one.
fn whole(text: &str, offset: usize, range: &Range<usize>) -> Range<usize> {
    floor(text, offset + range.start)..ceil(text, offset + range.end)
}

/// The last character boundary that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The first character boundary that is not before `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// The parts of a text that are looked at: all of it, or its two ends.
fn ends(text: &str) -> impl Iterator<Item = Range<usize>> {
    let (first, last) = match text.len() {
        length if length <= 2 * END => (0..length, None),
        length => (0..floor(text, END), Some(ceil(text, length - END)..length)),
    };
    std::iter::once(first).chain(last)
}

/// The first and the last of what an iterator gives.
fn outermost<T>(mut items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let first = items.next();
    first.into_iter().chain(items.last())
}
