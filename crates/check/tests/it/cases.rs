//! Small manifests around the one thing that a test is about.

use tminus_check::{Environment, PlanFacts, Report, RuleId, Source, check};

/// What one test checks.
pub struct Case {
    pub files: Vec<Source>,
    pub environment: Option<Environment>,
    pub plan: Option<PlanFacts>,
}

impl Case {
    pub fn report(&self) -> Report {
        check(&self.files, self.environment.as_ref(), self.plan.as_ref())
    }

    pub fn with(mut self, plan: PlanFacts) -> Case {
        self.plan = Some(plan);
        self
    }

    pub fn and(mut self, text: impl Into<String>) -> Case {
        let name = format!("file{}", self.files.len());
        self.files.push(Source::new(name, text));
        self
    }
}

/// One file.
pub fn file(text: impl Into<String>) -> Case {
    Case { files: vec![Source::new("file0", text)], environment: None, plan: None }
}

/// No files.
pub fn nothing() -> Case {
    Case { files: Vec::new(), environment: None, plan: None }
}

/// Variables alone.
pub fn environment(values: &[(&str, &str)]) -> Case {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment { origin: "environment".to_owned(), values };
    Case { environment: Some(environment), ..nothing() }
}

/// A Cloud Run service: lines of annotations, lines of its container.
pub fn run(annotations: &[&str], container: &[&str]) -> Case {
    file(format!(
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: api}}\nspec:\n  template:\n    metadata:\n      annotations:\n        run.googleapis.com/client-name: gcloud\n{}    spec:\n      containers:\n      - image: api:1\n{}",
        lines(8, annotations),
        lines(8, container),
    ))
}

/// A Kubernetes deployment: lines of its spec, of its pod, of its container.
pub fn deployment(spec: &[&str], pod: &[&str], container: &[&str]) -> Case {
    file(deployment_text(spec, pod, container))
}

pub fn deployment_text(spec: &[&str], pod: &[&str], container: &[&str]) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api}}\nspec:\n{}  template:\n    spec:\n{}      containers:\n      - name: api\n        image: api:1\n{}",
        lines(2, spec),
        lines(6, pod),
        lines(8, container),
    )
}

/// A compose file: lines below `services:`.
pub fn compose(services: &[&str]) -> Case {
    file(format!("services:\n{}", lines(2, services)))
}

/// A Terraform state with one resource.
pub fn terraform(kind: &str, values: &str) -> Case {
    file(terraform_text(kind, values))
}

pub fn terraform_text(kind: &str, values: &str) -> String {
    format!(
        r#"{{"format_version":"1.0","values":{{"root_module":{{"resources":[{{"address":"a.b","mode":"managed","type":"{kind}","name":"b","values":{values}}}]}}}}}}"#
    )
}

fn lines(indent: usize, lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

/// The findings of one rule, as text.
pub fn found(report: &Report, rule: RuleId) -> Vec<String> {
    report.findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.message.clone()).collect()
}
