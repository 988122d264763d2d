//! `tminus check`: platform manifests, environment and plan to facts, facts to findings.
//!
//! What it is for: most failed starts stand in a file before anybody deploys it: an egress setting that
//! breaks a socket, a pool that does not fit a database, a probe that asks nobody.
//! What it must never do: touch files, clocks, the environment or the network (the caller hands over
//! texts); call a rule passed whose facts are absent; show a secret.
//! Where to start reading: [`check`], then `rules`, then `manifest`.

mod facts;
mod finding;
mod manifest;
mod mistake;
mod model;
pub mod platform;
mod reading;
mod rules;
mod server;
mod settle;
mod source;
mod tree;
mod url;
mod values;
mod words;

pub use facts::{Environment, PhaseFacts, PlanFacts, PoolFacts, Readiness, StepFacts};
pub use finding::{At, EffectiveValue, Finding, NotChecked, Related, Report, RuleId, SCHEMA, Severity};
pub use mistake::Mistake;
pub use model::{Input, Known, Located, Origin};
pub use rules::{RuleInfo, rules};
pub use source::{BYTES_MAX, Excerpt, Place, Source, Span};

use facts::Facts;
use model::Model;

/// Checks everything that is known of a system at once: all `files` describe one system, `env` is the
/// environment of its program, `plan` what its plan says. Nothing is read but what is given.
pub fn check(files: &[Source], env: Option<&Environment>, plan: Option<&PlanFacts>) -> Report {
    let mut model = Model::default();
    let mut drafts = Vec::new();
    for (index, file) in files.iter().enumerate() {
        manifest::read(index, file, &mut model, &mut drafts);
    }
    scale(&mut model);
    let facts = Facts::new(&model, plan, env);
    let outcome = rules::run(&facts, files, &mut drafts);
    let settled = settle::Settling::new(files, &facts);
    Report {
        schema: SCHEMA,
        findings: settled.findings(drafts),
        not_checked: settled.not_checked(outcome.not_checked),
        passed: outcome.passed,
        values: values::effective(&facts, &settled),
    }
}

/// Autoscalers say how many instances there can be, wherever they stand.
fn scale(model: &mut Model) {
    for (name, most) in &model.autoscalers {
        for workload in model.workloads.iter_mut().filter(|workload| workload.name == *name) {
            workload.max_instances = Some(*most);
        }
    }
}
