//! What the plan itself says.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::Facts;
use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Input, Origin};

pub(super) const RULES: &[Rule] = &[Rule {
    info: RuleInfo {
        id: RuleId::PlanInvalid,
        title: "The plan can be read, and says nothing that it cannot mean",
        prevents: "an unknown environment that silently became development; a timeout that bounded a step which \
                   opens no connection",
        severity: Severity::Error,
        needs: "a plan",
    },
    run: plan_invalid,
}];

fn plan_invalid(facts: &Facts<'_>, ruling: &mut Ruling<'_>) {
    let Some(plan) = facts.plan else { return };
    ruling.checked();
    let at = |input, span| Origin { input, span };
    for mistake in &plan.mistakes {
        let severity = if mistake.fatal { Severity::Error } else { Severity::Warning };
        let span = mistake.span.unwrap_or_default();
        let mut draft = match &mistake.outside {
            Some(name) => {
                let what = format!("{name}: {}", mistake.what);
                Draft::new(RuleId::PlanInvalid, severity, at(Input::Outside, span), what)
            }
            None => Draft::new(RuleId::PlanInvalid, severity, at(Input::Plan, span), mistake.what.clone()),
        };
        if let Some(help) = &mistake.help {
            draft = draft.help(help.clone());
        }
        if let Some((span, text)) = &mistake.related {
            draft = draft.also(at(Input::Plan, *span), text.clone());
        }
        ruling.find(draft);
    }
}
