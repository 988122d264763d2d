//! Refinements: where words alone mislead, what is known besides them decides.
//!
//! Each is a small named function over one finding and its context. They run in the order of
//! [`REFINEMENTS`]; each either leaves the finding alone or says why it changes it. A refinement
//! never invents a cause from nothing: it needs the finding, or a fact, or the way the attempt ended.

mod address;
mod ending;
mod owner;
mod values;

use crate::catalogue::Catalogue;
use crate::finding::{Cited, Finding};
use crate::reading::Reading;
use crate::weigh::Candidate;
use tminus_core::event::LogRef;
use tminus_core::exits::Exits;
use tminus_core::facts::Facts;

/// What is known besides the words.
pub struct Context<'a> {
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// Configuration facts.
    pub facts: &'a Facts,
    /// The exits file, for its name.
    pub exits: Option<&'a Exits>,
    /// The course of the attempt.
    pub reading: &'a Reading<'a>,
    /// All candidates of the attempt, strongest first.
    pub candidates: &'a [Candidate],
    /// A program's clock that is far off the platform's: seconds, and a line that shows it.
    pub skew: Option<(i64, LogRef)>,
    /// Settings seen in audit rows: (name, value).
    pub settings: &'a [(String, String)],
    /// Texts of other writers in the input (sidecars, servers) during the attempt.
    pub companions: &'a [Companion],
}

/// What another container or service of the same input said.
#[derive(Clone, Debug)]
pub struct Companion {
    /// Its name.
    pub name: String,
    /// What it said, where.
    pub at: LogRef,
    /// Rules that matched: cause keys.
    pub keys: Vec<tminus_core::vocabulary::CauseKey>,
    /// Did it become ready in the input?
    pub ready: bool,
    /// The whole message.
    pub says: String,
}

impl Context<'_> {
    /// A fact as a citation.
    pub fn fact(&self, path: &str) -> Option<Cited> {
        let value = self.facts.at(path)?;
        Some(Cited::Fact { source: self.facts.source.clone(), text: format!("{path} = {value}") })
    }

    /// A fact whose value is not at a path.
    pub fn fact_text(&self, text: String) -> Cited {
        Cited::Fact { source: self.facts.source.clone(), text }
    }
}

/// A refinement: changes the finding, or proposes one where there is none.
type Refinement = fn(&mut Option<Finding>, &Context);

/// All refinements, in order. Addresses before values before endings: what is known of the target
/// is stronger than what is known of the end.
const REFINEMENTS: &[Refinement] = &[
    address::socket_behind_proxy,
    address::peer_of_refusal,
    address::behind_pooler,
    address::pooler_alone,
    address::sidecar_target,
    address::server_beside_it,
    address::wrong_address,
    address::misspelt_name,
    address::named_target,
    address::name_of_address,
    address::configuring_variable,
    values::whitespace,
    values::variable_of_value,
    values::named_place,
    address::bound_address,
    values::own_port,
    values::named_variable,
    values::unknown_option,
    values::object_of_statement,
    values::pool_setting,
    values::known_latency,
    values::other_architecture,
    values::expected_mount,
    values::skewed_clock,
    ending::descriptors_used_up,
    ending::killed_for_memory,
    ending::killed_by_probe,
    ending::never_ready,
    owner::of_setting,
    owner::of_executable,
    owner::of_upstream,
];

/// Those that speak of where something was dialled, whoever dialled it: also for what tminus itself
/// measured.
const OF_LADDER: &[Refinement] =
    &[address::sidecar_target, address::server_beside_it, address::wrong_address, address::misspelt_name];

/// Lets facts correct what the ladder of a live start shows.
pub(crate) fn of_ladder(finding: &mut Finding, context: &Context) {
    let mut one = Some(finding.clone());
    for refinement in OF_LADDER {
        refinement(&mut one, context);
    }
    if let Some(refined) = one {
        *finding = refined;
    }
}

/// Runs every refinement over the finding of an attempt.
pub fn refine(finding: &mut Option<Finding>, context: &Context) {
    for refinement in REFINEMENTS {
        refinement(finding, context);
    }
}
