//! Which rules' words stand in a text: one gate of literals over everything, then the regexes of
//! the rules that the gate names, each compiled when it is first needed.

use super::needles::Needles;
use super::rule;
use regex::bytes::{Captures, Regex};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A longer text is looked at only at its two ends, this many bytes of each.
pub const END: usize = 8 << 10;
/// The most matches of one rule that are visited in one end of a text.
const VISITS: usize = 64;

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
    needles: Needles,
    gates: Vec<Gate>,
    rules: Vec<Rule>,
}

/// One literal: its length and the rules that it is a gate of.
#[derive(Debug)]
struct Gate {
    length: usize,
    rules: Vec<usize>,
}

#[derive(Debug)]
struct Rule {
    regex: Option<String>,
    compiled: OnceLock<Option<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    /// The named captures: index and name.
    names: Vec<(usize, Arc<str>)>,
}

impl Matcher {
    /// Prepares rules given as (literals, regex). Regexes must have passed [`rule::compile`]; one
    /// that does not compile never matches.
    pub fn new<'r>(rules: impl Iterator<Item = (&'r [String], Option<&'r str>)>) -> Self {
        let mut gates: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut prepared = Vec::new();
        for (index, (literals, regex)) in rules.enumerate() {
            for literal in literals {
                gates.entry(literal).or_default().push(index);
            }
            prepared.push(Rule { regex: regex.map(str::to_owned), compiled: OnceLock::new() });
        }
        let needles = Needles::new(gates.keys().copied());
        let gates = gates.into_iter().map(|(literal, rules)| Gate { length: literal.len(), rules }).collect();
        Matcher { needles, gates, rules: prepared }
    }

    /// Does any literal of any rule occur? `false` means that [`Matcher::scan`] finds nothing.
    pub fn gate(&self, text: &str) -> bool {
        ends(text).any(|end| self.needles.any(&text.as_bytes()[end]))
    }

    /// The first and the last match of every rule, by start, then in the order of the rules.
    pub fn scan(&self, text: &str) -> Vec<Found> {
        // Which rule's literals stand where: rule, start, end.
        let mut seen: Vec<(usize, usize, usize)> = Vec::new();
        for end in ends(text) {
            self.needles.each(&text.as_bytes()[end.clone()], |literal, start| {
                let Gate { length, rules } = &self.gates[literal];
                seen.extend(rules.iter().map(|&rule| (rule, end.start + start, end.start + start + length)));
            });
        }
        seen.sort_unstable();
        let mut found = Vec::new();
        for seen in seen.chunk_by(|a, b| a.0 == b.0) {
            let rule = seen[0].0;
            match &self.rules[rule].regex {
                None => {
                    let literal = |&(rule, start, end)| Found { rule, range: start..end, captures: Vec::new() };
                    found.extend(outermost(seen.iter().map(literal)));
                }
                Some(source) => {
                    if let Some(compiled) = self.rules[rule].compiled.get_or_init(|| Compiled::new(source)) {
                        // Every match holds a literal: most often there is one, and no second search.
                        found.extend(outermost(compiled.matches(rule, text).take(seen.len())));
                    }
                }
            }
        }
        found.sort_by_key(|found| (found.range.start, found.rule));
        found
    }
}

impl Compiled {
    fn new(source: &str) -> Option<Self> {
        let regex = rule::compile(source).ok()?;
        let names = regex.capture_names().enumerate().filter_map(|(index, name)| Some((index, name?.into()))).collect();
        Some(Compiled { regex, names })
    }

    /// The matches in a text, at most [`VISITS`] in each of its ends.
    fn matches(&self, rule: usize, text: &str) -> impl Iterator<Item = Found> {
        ends(text).flat_map(move |end| {
            let bytes = &text.as_bytes()[end.clone()];
            // Looking for captures costs several times as much as looking for a match.
            let (plain, capturing) = match self.names.is_empty() {
                true => (Some(self.regex.find_iter(bytes)), None),
                false => (None, Some(self.regex.captures_iter(bytes))),
            };
            let plain = plain.into_iter().flatten().map(move |found| (found.range(), Vec::new()));
            let capturing = capturing.into_iter().flatten().map(|captures| self.named(&captures));
            plain.chain(capturing).take(VISITS).map(move |(range, mut captures)| {
                captures.iter_mut().for_each(|capture| capture.range = whole(text, end.start, &capture.range));
                Found { rule, range: whole(text, end.start, &range), captures }
            })
        })
    }

    /// What matched, and the named captures that took part.
    fn named(&self, captures: &Captures<'_>) -> (Range<usize>, Vec<Capture>) {
        let named = |(index, name): &(usize, Arc<str>)| {
            Some(Capture { name: Arc::clone(name), range: captures.get(*index)?.range() })
        };
        (captures.get_match().range(), self.names.iter().filter_map(named).collect())
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
