//! The two exports of the founding incident, as they were filed.

use crate::{Kept, corpus::misplaced, read};
use std::{collections::BTreeSet, path::Path};
use tminus_core::{
    record::{Clock, Stream},
    vocabulary::Severity,
};

/// An export, when the record of the incident stands beside the project.
fn export(case: &str) -> Option<(String, Kept)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/incident-1278/cases").join(case).join("logs.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("the record of the incident is not there: {case} is not read");
        return None;
    };
    let (kept, summary) = read(&text);
    assert_eq!(summary.rows as usize, kept.records.len());
    assert_eq!(kept.skipped, []);
    Some((text, kept))
}

fn instances(kept: &Kept) -> BTreeSet<String> {
    kept.records.iter().filter_map(|record| Some(record.origin.instance.as_deref()?.to_owned())).collect()
}

#[test]
fn the_export_of_the_missing_module() {
    let Some((text, kept)) = export("module-missing-0041Z") else {
        return;
    };
    assert_eq!(kept.records.len(), 1000);
    assert_eq!(instances(&kept).len(), 16);
    assert_eq!(misplaced(&kept, &text), [] as [String; 0]);
    assert!(kept.records.iter().all(|record| record.at.is_some_and(|at| at.clock == Clock::Envelope)));
    // 356 rows carry a decoy: severity ERROR in a field of an informational row.
    let errors = kept.records.iter().filter(|record| record.severity == Some(Severity::Error));
    let on_envelope = errors.filter(|record| !record.text.starts_with("[2025-")).count();
    assert_eq!(on_envelope, 75);
    assert!(kept.records.iter().all(|record| !record.text.contains("Missing field")));
    let exits = kept
        .records
        .iter()
        .filter(|record| record.stream == Stream::Platform && record.text.starts_with("Container called exit(3)"));
    assert_eq!(exits.count(), 15);
    // Origins are shared, not repeated.
    let origins: BTreeSet<_> = kept.records.iter().map(|record| std::sync::Arc::as_ptr(&record.origin)).collect();
    assert!(origins.len() <= 64, "{} origins", origins.len());
}

#[test]
fn the_export_of_the_database_path() {
    let Some((text, kept)) = export("database-path-2037Z") else {
        return;
    };
    assert_eq!(kept.records.len(), 163);
    assert_eq!(instances(&kept).len(), 12);
    assert_eq!(misplaced(&kept, &text), [] as [String; 0]);
    let stream = |stream: Stream| kept.records.iter().filter(|record| record.stream == stream).collect::<Vec<_>>();
    let requests = stream(Stream::Request);
    assert_eq!(requests.len(), 22);
    assert!(requests.iter().all(|record| record.detail.request.as_ref().is_some_and(|request| request.status == 503)));
    let exits = stream(Stream::Platform)
        .into_iter()
        .filter(|record| record.text.starts_with("Container called exit(3)"))
        .count();
    assert_eq!(exits, 5);
    let audits = stream(Stream::Audit);
    assert_eq!(audits.len(), 14);
    for audit in audits {
        let has = |name: &str, value: &str| audit.detail.settings.iter().any(|(n, v)| n == name && v.contains(value));
        assert!(has("run.googleapis.com/vpc-access-egress", "all-traffic"), "{audit:?}");
        assert!(has("run.googleapis.com/cloudsql-instances", "staging-shared-postgres"), "{audit:?}");
        assert!(
            audit
                .detail
                .settings
                .iter()
                .all(|(name, value)| !name.starts_with("env.") || value.is_empty() || value.starts_with("secret "))
        );
        let lines: Vec<&str> = text.lines().collect();
        for ((name, value), line) in audit.detail.settings.iter().zip(&audit.detail.setting_lines) {
            let line = lines.get(*line as usize - 1).copied().unwrap_or_default();
            let last = name.rsplit('.').next().unwrap_or(name);
            assert!(line.contains(last) || line.contains(value.as_str()), "{name} = {value}: {line}");
        }
    }
}

#[test]
fn doubly_escaped_tracebacks_are_lines_again() {
    let Some((_, kept)) = export("database-path-2037Z") else {
        return;
    };
    let migrations = kept
        .records
        .iter()
        .find(|record| record.text.starts_with("Failed to run migrations"))
        .expect("a failed migration");
    assert!(migrations.text.lines().count() > 3, "{}", migrations.text);
    let traceback = kept.records.iter().find(|record| record.text.starts_with("Traceback")).expect("a traceback");
    assert!(traceback.text.lines().any(|line| line.starts_with("  File \"")), "{}", traceback.text);
    // A value that is shown with its line break stays as it was shown.
    let shown = kept.records.iter().find(|record| record.text.starts_with("SERVICE_ID contained")).expect("a warning");
    assert!(shown.text.contains(r"-backend\n'"), "{}", shown.text);
}
