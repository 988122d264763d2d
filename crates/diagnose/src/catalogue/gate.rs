//! Which rules a text's literals name, and what each of them needs besides: made by the build for
//! what is built in, and at the start for a catalogue with a user's rules.

use super::needles::Needles;
use super::required::Haystack;
use super::strings::Strings;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The gate of a catalogue. Rules are numbered as they were given.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) needles: Needles,
    /// Where the rules of each literal end in `owners`.
    pub(super) ends: Cow<'static, [u32]>,
    /// The rules of all literals.
    pub(super) owners: Cow<'static, [u32]>,
    /// What each rule's regex requires; nothing is known of a number that it lacks.
    pub(super) required: Strings,
}

impl Gate {
    /// The gate of rules whose literals are given, and what their regexes require.
    pub fn new<'r>(rules: impl Iterator<Item = &'r [String]>, required: Strings) -> Self {
        let mut by_literal: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (index, literals) in rules.enumerate() {
            for literal in literals {
                by_literal.entry(literal).or_default().push(index as u32);
            }
        }
        let needles = Needles::new(by_literal.keys().copied());
        let ends = by_literal.values().scan(0, |end, rules| {
            *end += rules.len() as u32;
            Some(*end)
        });
        let ends = ends.collect();
        Gate { needles, ends, owners: by_literal.into_values().flatten().collect(), required }
    }

    /// Does any literal of any rule occur?
    pub fn any(&self, text: &[u8]) -> bool {
        self.needles.any(text)
    }

    /// Calls `found` with the rule, the start and the end of every occurrence of its literals.
    pub fn each(&self, text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        self.needles.each(text, |literal, start| {
            let first = literal.checked_sub(1).map_or(0, |before| self.ends[before]);
            for &rule in &self.owners[first as usize..self.ends[literal] as usize] {
                found(rule as usize, start, start + self.needles.length(literal));
            }
        });
    }

    /// Could the regex of `rule` match in `text`? Quick; `false` means that it does not.
    pub fn could_match(&self, rule: usize, text: &Haystack) -> bool {
        text.meets(self.required.get(rule))
    }
}
