//! Good manifests of many shapes are silent: a false alarm is a defect.

use tminus_check::{Source, check};

const GOOD: &[(&str, &str)] = &[
    ("cloud-run.yaml", include_str!("fixtures/good/cloud-run.yaml")),
    ("cloud-run-sidecar.yaml", include_str!("fixtures/good/cloud-run-sidecar.yaml")),
    ("cloud-run-job.yaml", include_str!("fixtures/good/cloud-run-job.yaml")),
    ("kubernetes.yaml", include_str!("fixtures/good/kubernetes.yaml")),
    ("kubernetes-native-sidecar.yaml", include_str!("fixtures/good/kubernetes-native-sidecar.yaml")),
    ("nginx.yaml", include_str!("fixtures/good/nginx.yaml")),
    ("compose.yaml", include_str!("fixtures/good/compose.yaml")),
    ("terraform-run.json", include_str!("fixtures/good/terraform-run.json")),
    ("terraform-ecs.json", include_str!("fixtures/good/terraform-ecs.json")),
    ("orders.service", include_str!("fixtures/good/orders.service")),
];

#[test]
fn good_manifests_are_silent() {
    for (name, text) in GOOD {
        let report = check(&[Source::new(*name, *text)], None, None);
        assert_eq!(report.findings, Vec::new(), "{name}");
        assert!(!report.passed.is_empty(), "{name}: something was looked at");
    }
}

#[test]
fn names_of_files_say_nothing() {
    for (_, text) in GOOD {
        let report = check(&[Source::new("data.bin", *text)], None, None);
        assert_eq!(report.findings, Vec::new());
    }
}

#[test]
fn every_file_is_understood() {
    for (name, text) in GOOD {
        let report = check(&[Source::new(*name, *text)], None, None);
        assert!(report.values.iter().any(|value| value.name == "image" || value.name == "stop grace"), "{name}");
    }
}
