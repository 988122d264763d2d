//! Every rule finds what it is for, and is silent beside it.

use crate::cases::{found, nothing};
use crate::table::table;
use std::collections::BTreeSet;
use tminus_check::{RuleId, rules};

#[test]
fn every_rule_finds_what_it_is_for_and_is_silent_beside_it() {
    let table = table();
    let mut wrong = Vec::new();
    for (rule, bad, good) in &table {
        for (i, case) in bad.iter().enumerate() {
            let report = case.report();
            if found(&report, *rule).is_empty() {
                let others: Vec<_> = report.findings.iter().map(|finding| &finding.message).collect();
                wrong.push(format!("{rule}: bad case {i} is not found, but {others:?}"));
            }
        }
        for (i, case) in good.iter().enumerate() {
            let report = case.report();
            let false_alarms = found(&report, *rule);
            if !false_alarms.is_empty() {
                wrong.push(format!("{rule}: good case {i}: {false_alarms:?}"));
            } else if !report.passed.contains(rule) {
                let needs: Vec<_> = report.not_checked.iter().filter(|one| one.rule == *rule).collect();
                wrong.push(format!("{rule}: good case {i} was not looked at: {needs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tested: BTreeSet<RuleId> =
        table.iter().filter(|(_, bad, good)| !bad.is_empty() && !good.is_empty()).map(|row| row.0).collect();
    assert_eq!(tested, RuleId::ALL.iter().copied().collect(), "each rule has a case of both kinds");
}

#[test]
fn every_rule_is_described() {
    let described: Vec<RuleId> = rules().map(|rule| rule.id).collect();
    assert_eq!(described.len(), RuleId::ALL.len());
    assert_eq!(described.iter().copied().collect::<BTreeSet<_>>(), RuleId::ALL.iter().copied().collect());
    for rule in rules() {
        assert!(!rule.title.is_empty() && !rule.needs.is_empty() && rule.prevents.len() > 20, "{}", rule.id);
    }
}

#[test]
fn without_facts_nothing_passes() {
    let report = nothing().report();
    assert_eq!((report.passed.len(), report.findings.len()), (0, 0));
    let unchecked: BTreeSet<RuleId> = report.not_checked.iter().map(|one| one.rule).collect();
    assert_eq!(unchecked, RuleId::ALL.iter().copied().collect());
}

#[test]
fn each_rule_is_in_one_list() {
    for row in table() {
        for case in row.1.into_iter().chain(row.2) {
            let report = case.report();
            for rule in RuleId::ALL {
                let failed = report.findings.iter().any(|finding| finding.rule == *rule);
                let unchecked = report.not_checked.iter().any(|one| one.rule == *rule);
                let passed = report.passed.contains(rule);
                assert!(failed || unchecked || passed, "{rule} is in no list");
                assert!(!(passed && (failed || unchecked)), "{rule} passed and did not");
            }
        }
    }
}
