//! The rules: one small function each, over facts.
//!
//! What it is for: each rule says what it prevents, which facts it needs, and looks at them.
//! What it must never do: pass where its facts are absent. A rule that looked says so
//! ([`Ruling::checked`]); one that lacks something says what ([`Ruling::needs`]).
//! Where to start reading: [`RULES`], then any file below `rules/`.

mod budget;
mod files;
mod network;
mod order;
mod plan;
mod pools;
mod probes;
mod stop;
mod timers;
pub(crate) mod values;

use crate::facts::Facts;
use crate::finding::{Draft, NotChecked, RuleId, Severity};
use crate::source::Source;

/// What is known of a rule without running it.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// Its name.
    pub id: RuleId,
    /// What holds when it passes.
    pub title: &'static str,
    /// Which failed starts it prevents: threads and incidents.
    pub prevents: &'static str,
    /// How bad a finding is at worst.
    pub severity: Severity,
    /// The facts without which it cannot look.
    pub needs: &'static str,
}

/// A rule and its function.
pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) run: fn(&Facts<'_>, &mut Ruling<'_>),
}

/// Every rule.
static RULES: [&[Rule]; 10] = [
    plan::RULES,
    files::RULES,
    network::RULES,
    budget::RULES,
    probes::RULES,
    timers::RULES,
    pools::RULES,
    values::RULES,
    stop::RULES,
    order::RULES,
];

/// Every rule, for lists and documentation.
pub fn rules() -> impl Iterator<Item = &'static RuleInfo> {
    RULES.iter().flat_map(|rules| rules.iter()).map(|rule| &rule.info)
}

/// What a rule came to.
pub(crate) struct Ruling<'o> {
    out: &'o mut Vec<Draft>,
    files: &'o [Source],
    checked: bool,
    needs: Vec<String>,
}

impl Ruling<'_> {
    /// The facts were there and have been looked at.
    pub(crate) fn checked(&mut self) {
        self.checked = true;
    }

    /// This fact is absent.
    pub(crate) fn needs(&mut self, fact: impl Into<String>) {
        self.needs.push(fact.into());
    }

    pub(crate) fn find(&mut self, draft: Draft) {
        self.checked = true;
        self.out.push(draft);
    }

    /// There are files at all.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }
}

/// What all rules came to, besides findings.
pub(crate) struct Outcome {
    pub(crate) not_checked: Vec<NotChecked>,
    pub(crate) passed: Vec<RuleId>,
}

/// Runs every rule; findings are added to `out`.
pub(crate) fn run(facts: &Facts<'_>, files: &[Source], out: &mut Vec<Draft>) -> Outcome {
    let mut outcome = Outcome { not_checked: Vec::new(), passed: Vec::new() };
    for rule in RULES.iter().flat_map(|rules| rules.iter()) {
        let id = rule.info.id;
        let mut ruling = Ruling { out, files, checked: false, needs: Vec::new() };
        (rule.run)(facts, &mut ruling);
        let (checked, mut needs) = (ruling.checked, ruling.needs);
        let applies = !needs.is_empty();
        let failed = out.iter().any(|draft| draft.rule == id);
        if !checked && needs.is_empty() && !failed {
            needs.push(rule.info.needs.to_owned());
        }
        if checked && needs.is_empty() && !failed {
            outcome.passed.push(id);
        }
        needs.sort();
        needs.dedup();
        outcome.not_checked.extend(needs.into_iter().map(|needs| NotChecked { rule: id, needs, applies }));
    }
    outcome
}
