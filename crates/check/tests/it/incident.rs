//! The founding incident's manifests, before anybody deploys them.

use crate::cases::found;
use tminus_check::{RuleId, Severity, Source, check};

fn files() -> Vec<Source> {
    vec![
        Source::new("service.yaml", include_str!("fixtures/incident.yaml")),
        Source::new("plan.json", include_str!("fixtures/incident.tf.json")),
    ]
}

#[test]
fn what_three_days_went_into_stands_in_two_files() {
    let report = check(&files(), None, None);
    for rule in [
        RuleId::EgressCloudSqlSocket,
        RuleId::ProbeBeforeLoad,
        RuleId::PoolExceedsSlots,
        RuleId::PoolExceedsSocket,
        RuleId::TimerOrder,
    ] {
        assert!(!found(&report, rule).is_empty(), "{rule}");
    }
    assert!(report.failed());
    let egress = report.findings.iter().find(|f| f.rule == RuleId::EgressCloudSqlSocket).expect("found");
    assert_eq!(egress.severity, Severity::Error);
    let at = egress.at.as_ref().expect("a place");
    assert_eq!((at.file.as_str(), at.line, at.column), ("service.yaml", Some(18), Some(47)));
    let pool = report.findings.iter().find(|f| f.rule == RuleId::PoolExceedsSlots).expect("found");
    let inequality = pool.inequality.as_deref().expect("numbers");
    assert_eq!(
        inequality,
        "lumen-backend-staging: (25 + 30) per process x 2 workers x 20 instances = 2200 > 97 (100 - 3 reserved)"
    );
}

#[test]
fn the_report_is_the_same_bytes_each_time() {
    let json = || serde_json::to_string_pretty(&check(&files(), None, None)).expect("serialises");
    assert_eq!(json(), json());
    insta::assert_snapshot!(json());
}
