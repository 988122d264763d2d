//! `tminus.ladder/1`: what one pass through the layers of a dependency came out with.
//!
//! What it is for: the answer of `tminus probe`, as plain data: whoever dials fills it, whoever
//! shows it reads it. What it must never hold: a secret; texts are the other side's words, bounded
//! and cleaned by whoever made them.
//! Where to start reading: [`Ladder`], then [`Ladder::stop`].

use crate::{code::Code, event::Passage, vocabulary::Layer};
use serde::{Deserialize, Serialize};

/// The name and version of this format.
pub const SCHEMA: &str = "tminus.ladder/1";

/// One dependency, layer by layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ladder {
    /// Always [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    #[serde(default = "own_schema")]
    pub schema: String,
    /// What it is called: a step of the plan, or the variable that it was found in; none when it
    /// was named by its address alone.
    #[serde(default)]
    pub name: Option<String>,
    /// Its address as text that is safe to show.
    pub target: String,
    /// What kind of dependency it is (`postgres`, `redis`, `http`, ...).
    #[serde(default)]
    pub component: String,
    /// Every layer on the way to the deepest that was asked for, in order; those that were not
    /// reached stand there as skipped.
    pub rungs: Vec<Rung>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rung {
    /// Which.
    pub layer: Layer,
    /// How it came out; skipped: not reached.
    pub outcome: Passage,
    /// How long it took, ns.
    #[serde(default)]
    pub elapsed_ns: Option<u64>,
    /// Why, when it did not pass.
    #[serde(default)]
    pub code: Option<Code>,
    /// What the other side said, bounded, without secrets.
    #[serde(default)]
    pub detail: Option<String>,
    /// What was found out on the way (name, value): server version, slots used, certificate dates.
    #[serde(default)]
    pub notes: Vec<(String, String)>,
}

fn own_schema() -> String {
    SCHEMA.to_owned()
}

impl Ladder {
    /// A ladder of which nothing has been tried: every layer stands there as not reached.
    pub fn of(target: impl Into<String>, component: impl Into<String>, layers: &[Layer]) -> Ladder {
        let rung = |layer: &Layer| Rung::skipped(*layer);
        Ladder {
            schema: own_schema(),
            name: None,
            target: target.into(),
            component: component.into(),
            rungs: layers.iter().map(rung).collect(),
        }
    }

    /// The first layer that did not pass, if one was tried and did not.
    pub fn stop(&self) -> Option<&Rung> {
        self.rungs.iter().find(|rung| matches!(rung.outcome, Passage::Failed | Passage::Expired))
    }

    /// The deepest layer that passed.
    pub fn deepest(&self) -> Option<&Rung> {
        self.rungs.iter().rev().find(|rung| rung.outcome == Passage::Passed)
    }

    /// True when every layer that was asked for passed.
    pub fn passed(&self) -> bool {
        !self.rungs.is_empty() && self.rungs.iter().all(|rung| rung.outcome == Passage::Passed)
    }

    /// What it is called: its name, or else its address.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.target)
    }
}

impl Rung {
    /// A layer that was not reached.
    pub fn skipped(layer: Layer) -> Rung {
        Rung { layer, outcome: Passage::Skipped, elapsed_ns: None, code: None, detail: None, notes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_says_where_it_stopped_and_how_deep_it_came() {
        let mut ladder = Ladder::of("tcp://db:5432", "postgres", &[Layer::Dns, Layer::Tcp, Layer::Protocol]);
        assert!(!ladder.passed() && ladder.stop().is_none() && ladder.deepest().is_none());
        ladder.rungs[0].outcome = Passage::Passed;
        ladder.rungs[1].outcome = Passage::Failed;
        assert_eq!(ladder.deepest().map(|r| r.layer), Some(Layer::Dns));
        assert_eq!(ladder.stop().map(|r| r.layer), Some(Layer::Tcp));
        assert_eq!(ladder.title(), "tcp://db:5432");
    }

    #[test]
    fn a_reader_takes_what_an_older_writer_left_out() {
        let text = r#"{"target":"x","rungs":[{"layer":"tcp","outcome":"failed","code":"refused","more":1}]}"#;
        let ladder: Ladder = serde_json::from_str(text).unwrap();
        assert_eq!(ladder.schema, SCHEMA);
        assert_eq!(ladder.stop().and_then(|r| r.code), Some(Code::Refused));
        let again: Ladder = serde_json::from_str(&serde_json::to_string(&ladder).unwrap()).unwrap();
        assert_eq!(again, ladder);
    }
}
