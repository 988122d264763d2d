//! The explanation chosen for one attempt, before attempts are put together.

use crate::catalogue::Catalogue;
use crate::weigh::{Candidate, normal};
use tminus_core::event::LogRef;
use tminus_core::verdict::{CULPRIT_MAX, Supports, Weight};
use tminus_core::vocabulary::{CauseKey, Domain, Layer, Role};

/// What a piece of evidence cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cited {
    /// A line of a log.
    Log(LogRef, Option<tminus_core::Timestamp>),
    /// A fact or exit, as `key = value`, with the name of its file.
    Fact {
        /// Name of the file.
        source: String,
        /// `key = value`.
        text: String,
    },
    /// Something that a live start recorded.
    Event {
        /// Name of the record.
        source: String,
        /// What, beginning with who or what it is about.
        text: String,
        /// When.
        at: Option<tminus_core::Timestamp>,
    },
}

/// One citation and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// What is cited.
    pub cited: Cited,
    /// What it supports.
    pub supports: Supports,
}

/// An explanation of one attempt.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Key of the catalogue.
    pub key: CauseKey,
    /// Domain, decided apart from the words.
    pub domain: Domain,
    /// Layer.
    pub layer: Layer,
    /// Who owns the next move.
    pub owner: Role,
    /// The identifier at fault.
    pub culprit: String,
    /// The dependency it is about.
    pub component: Option<String>,
    /// Event of the attempt that shows it; none when only facts or the exit tell.
    pub event: Option<usize>,
    /// Citations, strongest first.
    pub citations: Vec<Citation>,
    /// Other readings and why not.
    pub alternatives: Vec<(CauseKey, String)>,
    /// The explanation that came second, and what would make it win, where more than weights is known.
    pub rival: Option<(CauseKey, String)>,
    /// Terms of the score.
    pub weights: Vec<Weight>,
}

impl Finding {
    /// A finding for `key`, with the catalogue's domain, layer and owner.
    pub fn new(key: &str, culprit: Option<String>, catalogue: &Catalogue) -> Option<Finding> {
        let key: CauseKey = key.parse().ok()?;
        let entry = catalogue.cause(&key)?;
        Some(Finding {
            domain: entry.domain,
            layer: entry.layer,
            owner: entry.owner,
            culprit: shorten(culprit.as_deref().unwrap_or(&entry.culprit)),
            key,
            component: None,
            event: None,
            citations: Vec::new(),
            alternatives: Vec::new(),
            rival: None,
            weights: Vec::new(),
        })
    }

    /// Names what is at fault.
    pub fn name(&mut self, culprit: &str) {
        self.culprit = shorten(culprit);
    }

    /// The finding that a candidate makes.
    pub fn of(candidate: &Candidate, at: Option<tminus_core::Timestamp>, catalogue: &Catalogue) -> Option<Finding> {
        let mut finding = Finding::new(candidate.key.as_str(), candidate.culprit.clone(), catalogue)?;
        finding.component.clone_from(&candidate.component);
        finding.event = Some(candidate.event);
        finding.cite(Cited::Log(candidate.at.clone(), at), Supports::Cause);
        finding.weights.clone_from(&candidate.weights);
        Some(finding)
    }

    /// Turns the finding into one of another key: the words stay, what they mean is corrected.
    pub fn becomes(&mut self, key: &str, culprit: Option<String>, because: &str, log_odds: f64, catalogue: &Catalogue) {
        let Some(other) = Finding::new(key, culprit.or_else(|| Some(self.culprit.clone())), catalogue) else { return };
        if other.key != self.key {
            self.alternatives.push((self.key.clone(), because.to_owned()));
        }
        (self.key, self.domain, self.layer, self.owner, self.culprit) =
            (other.key, other.domain, other.layer, other.owner, other.culprit);
        self.add(because, log_odds);
    }

    /// Adds a term.
    pub fn add(&mut self, because: impl Into<String>, log_odds: f64) {
        self.weights.push(Weight { because: because.into(), log_odds });
    }

    /// Adds a citation, once.
    pub fn cite(&mut self, cited: Cited, supports: Supports) {
        let new = Citation { cited, supports };
        if !self.citations.iter().any(|c| same_place(&c.cited, &new.cited)) {
            self.citations.push(new);
        }
    }

    /// Puts a citation of the cause before all others; those become its consequences.
    pub fn lead_with(&mut self, cited: Cited) {
        self.citations.retain(|citation| !same_place(&citation.cited, &cited));
        for citation in &mut self.citations {
            citation.supports = Supports::Consequence;
        }
        self.citations.insert(0, Citation { cited, supports: Supports::Cause });
    }

    /// Sum of the terms.
    pub fn score(&self) -> f64 {
        self.weights.iter().map(|w| w.log_odds).sum()
    }

    /// Probability that the finding is right.
    pub fn confidence(&self) -> f64 {
        crate::calibrate::confidence(self.score())
    }

    /// Is the culprit only what the catalogue calls such a thing, not an identifier?
    pub fn unnamed(&self, catalogue: &Catalogue) -> bool {
        let phrase = ["the ", "a ", "an "].iter().any(|article| self.culprit.starts_with(article))
            || self.culprit.contains("' ");
        phrase || catalogue.cause(&self.key).is_some_and(|entry| entry.culprit == self.culprit)
    }

    /// Key and normalised culprit: what makes two attempts one epoch.
    pub fn identity(&self) -> (CauseKey, String) {
        (self.key.clone(), normal(&self.culprit))
    }
}

/// One place is cited once, whatever else is known of it.
fn same_place(a: &Cited, b: &Cited) -> bool {
    let first = |text: &str| text.lines().next().unwrap_or("").to_owned();
    match (a, b) {
        (Cited::Log(a, _), Cited::Log(b, _)) => {
            a.source == b.source && a.line == b.line && first(&a.text) == first(&b.text)
        }
        _ => a == b,
    }
}

/// At most 120 characters, cut in the middle, one line.
fn shorten(culprit: &str) -> String {
    let one_line: String = culprit.split_whitespace().collect::<Vec<_>>().join(" ");
    let chars: Vec<char> = one_line.chars().collect();
    if chars.len() <= CULPRIT_MAX {
        return one_line;
    }
    let half = CULPRIT_MAX / 2 - 1;
    chars[..half].iter().chain(std::iter::once(&'…')).chain(&chars[chars.len() - half..]).collect()
}
