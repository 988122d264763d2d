//! What the readers found: they look while they read, so the rules here only say that they did.

use super::{Rule, RuleInfo, Ruling};
use crate::facts::Facts;
use crate::finding::{RuleId, Severity};

const fn read(id: RuleId, title: &'static str, prevents: &'static str) -> Rule {
    let info = RuleInfo { id, title, prevents, severity: Severity::Error, needs: "a manifest" };
    Rule { info, run: looked }
}

fn looked(_: &Facts<'_>, ruling: &mut Ruling<'_>) {
    if ruling.has_files() {
        ruling.checked();
    }
}

pub(super) const RULES: &[Rule] = &[
    read(
        RuleId::FileUnreadable,
        "files can be read",
        "a manifest that was deployed half (an unfinished merge, a template that was not rendered)",
    ),
    read(RuleId::FileUnknown, "files hold something that check knows", "a check that silently looked at nothing"),
    read(
        RuleId::KeyDuplicate,
        "no key stands twice",
        "a probe or variable that is overridden further down (terradart#232: settings missing on one job)",
    ),
    read(
        RuleId::KeyUnknown,
        "every key is known",
        "a probe setting that was never in force because of a slip (candela#749: windows that are not what people think)",
    ),
    read(
        RuleId::ValueInvalid,
        "values have the form that the platform takes",
        "a deploy that is refused, or a default in place of what was meant",
    ),
];
