//! What people read of bad files, and what nobody may ever read: secrets.

use crate::cases::{Case, compose, deployment, environment, file, run};
use tminus_check::{Report, Source, check};

/// Findings as one line each.
fn lines(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let at = finding.at.as_ref().expect("a place");
        let place = at.line.map_or(at.file.clone(), |line| format!("{}:{line}:{}", at.file, at.column.unwrap_or(0)));
        out += &format!("{} {place} [{}] {}\n", finding.severity.as_str(), finding.rule, finding.message);
        for (label, text) in [("  =", &finding.inequality), ("  >", &finding.help)] {
            if let Some(text) = text {
                out += &format!("{label} {text}\n");
            }
        }
    }
    out
}

#[test]
fn bad_files() {
    let slips = run(
        &["run.googleapis.com/vpc-access-egres: all-traffic", "autoscaling.knative.dev/maxScale: ten"],
        &[
            "startupProbe:",
            "  tcpScoket: {port: 8080}",
            "  failureTreshold: 30",
            "  periodSeconds: 5s",
            "enviroment: []",
        ],
    );
    let cases = [
        ("slips", slips),
        ("template", file("{{- if .Values.on }}\nkind: Deployment\n{{- end }}\n")),
        ("merge", file("services:\n  a:\n<<<<<<< HEAD\n    image: x\n=======\n")),
        ("unknown", file("title: not a manifest\n")),
        ("binary", file("\u{0}\u{1}\u{2}")),
        (
            "compose",
            compose(&[
                "a: {image: x, depends_on: {db: {condition: service_healthy}}, restart: on-fail}",
                "db: {image: redis, healthcheck: {test: redis-cli ping, retrys: 3}}",
            ]),
        ),
        (
            "kubernetes",
            deployment(
                &["replicas: three"],
                &["terminationGracePeriodSecond: 5"],
                &["livenessProbe: {httpGet: {path: /ready, prot: 80}}"],
            ),
        ),
    ];
    let mut out = String::new();
    for (name, case) in cases {
        out += &format!("## {name}\n{}\n", lines(&case.report()));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn secrets_are_in_no_report() {
    const SECRET: &str = "Zq7-hunter2-Zq7";
    let cases: Vec<Case> = vec![
        run(&[], &["env:", "- name: DB_PASSWORD", &format!("  value: ' {SECRET} '")]),
        run(&[], &["env:", "- name: API_TOKEN", "  value: |", &format!("    {SECRET}")]),
        run(&[], &[&format!("env: [{{name: DATABASE_URL, value: 'postgres://u:{SECRET}@localhost:54x/d '}}]")]),
        run(&[], &[&format!("env: [{{name: DATABASE_URL, value: 'postgres://u:{SECRET}@localhost:5432/d'}}]")]),
        run(&[], &[&format!("args: [--password, {SECRET}]")]),
        run(&[], &["args:", "- --db-token", &format!("- {SECRET}")]),
        run(&[], &[&format!("command: [sh, -c, 'DB_PASSWORD={SECRET} gunicorn a:b']")]),
        compose(&[&format!("a: {{image: x, environment: ['DB_PASSWORD=\"{SECRET}\"']}}")]),
        compose(&[
            "a:",
            "  image: x",
            "  environment:",
            &format!("    - REDIS_URL=redis://:{SECRET}@localhost:6379/0 "),
        ]),
        file(format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{anything: '{SECRET} '}}\n")),
        file(format!(
            "{{\"services\":{{\"a\":{{\"image\":\"x\",\"imagee\":1,\"environment\":{{\"DB_PASSWORD\":\"{SECRET}\\n\"}}}}}}}}"
        )),
        environment(&[
            ("DB_PASSWORD", &format!("{SECRET}\n")),
            ("DATABASE_URL", &format!("postgres://u:{SECRET}@db:x/d")),
        ]),
    ];
    for (i, case) in cases.iter().enumerate() {
        let report = case.report();
        assert!(!report.findings.is_empty(), "case {i} finds something that could show it");
        let json = serde_json::to_string(&report).expect("serialises");
        assert!(!json.contains("hunter2"), "case {i}: {json}");
        assert!(!format!("{:?}{:?}", case.files, case.environment).contains("hunter2"), "case {i}: Debug");
    }
}

#[test]
fn several_files_are_one_system() {
    let one = "services:\n  db: {image: 'postgres:16', command: postgres -c max_connections=20}\n";
    let two = "services:\n  a: {image: x, environment: {DATABASE_URL: 'postgres://u@db/d', DB_POOL_SIZE: 30}}\n";
    let report = check(&[Source::new("one.yaml", one), Source::new("two.yaml", two)], None, None);
    insta::assert_snapshot!(lines(&report));
}

#[test]
fn a_huge_file_is_refused_in_words() {
    let report = check(&[Source::new("big", "a".repeat(9 << 20))], None, None);
    insta::assert_snapshot!(lines(&report));
}

#[test]
fn large_plans_are_read() {
    let resource = r#"{"address":"a.b","mode":"managed","type":"null_resource","name":"b","values":{"id":"1","triggers":{"a":"b"}}}"#;
    let all = vec![resource; 40_000].join(",");
    let text = format!(r#"{{"format_version":"1.0","values":{{"root_module":{{"resources":[{all}]}}}}}}"#);
    let report = check(&[Source::new("state.json", text)], None, None);
    assert_eq!(report.findings, Vec::new());
}
