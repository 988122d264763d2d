//! Texts to the model: told apart by what they hold, never by their names.
//!
//! What it is for: each platform's reader takes documents and adds to one [`Model`], since several
//! files describe one system. What it must never do: fail a file because of a part that it does not
//! know. Where to start reading: [`read`].

mod cloud_run;
mod compose;
mod ecs;
mod keys;
mod kubernetes;
mod pod;
mod systemd;
mod terraform;

pub(crate) use pod::mebibytes;

use crate::finding::{Draft, RuleId, Severity};
use crate::model::{Input, Model, Origin};
use crate::reading::Reading;
use crate::source::{BYTES_MAX, Source, Span};
use crate::tree::{self, Node};

/// Documents of a `List` may hold lists; no tool nests them deeper.
const LISTS_MAX: usize = 4;

/// Adds what a file says to `model`, and what is wrong with the file itself to `out`.
pub(crate) fn read(file: usize, source: &Source, model: &mut Model, out: &mut Vec<Draft>) {
    let at = |span| Origin { input: Input::File(file), span };
    if source.text.len() > BYTES_MAX {
        let what = format!("the file has {} bytes; manifests have at most {BYTES_MAX}", source.text.len());
        out.push(
            Draft::new(RuleId::FileUnreadable, Severity::Error, at(Span::default()), what).help("give manifests alone"),
        );
        return;
    }
    if systemd::is_unit(&source.text) {
        systemd::read(file, source, model, out);
        return;
    }
    let documents = tree::parse(&source.text);
    if let Some((why, span)) = &documents.error {
        let template = source.text.contains("{{");
        let cut = span.start >= source.text.trim_end().len() && !source.text.trim().is_empty();
        let help = match (template, cut) {
            (true, _) => "templates are checked after rendering: helm template, envsubst, jinja",
            (_, true) => "it seems to be cut off: get the whole of it",
            _ => "correct the file; what stands behind this place was not read",
        };
        let what = match cut {
            true => "the file ends in the middle of a value".to_owned(),
            false => format!("the file cannot be read from here on: {why}"),
        };
        out.push(Draft::new(RuleId::FileUnreadable, Severity::Error, at(*span), what).help(help));
    }
    for (key, span) in &documents.duplicates {
        let what = format!("`{key}` stands twice in the same map; only one of them counts");
        out.push(Draft::new(RuleId::KeyDuplicate, Severity::Error, at(*span), what).help("keep one"));
    }
    let mut reading = Reading { file, out };
    let known = documents.roots.iter().filter(|root| document(&mut reading, root, model, 0)).count();
    if known == 0 && documents.error.is_none() {
        let span = documents.roots.first().map_or(Span::default(), |root| root.span);
        let what = "the file holds nothing that check knows";
        reading.out.push(Draft::new(RuleId::FileUnknown, Severity::Error, at(span), what).help(
            "known are: Cloud Run and Knative services, Kubernetes objects, compose files, `terraform show -json`, ECS task definitions, systemd units",
        ));
    }
}

/// Reads one document; false when it is nothing that is known.
fn document(reading: &mut Reading<'_>, root: &Node, model: &mut Model, depth: usize) -> bool {
    let text = |key| root.get(key).and_then(Node::text);
    match (text("apiVersion"), text("kind")) {
        (Some(_), Some(kind)) if kind.ends_with("List") && depth < LISTS_MAX => {
            let items = root.get("items").map(Node::items).unwrap_or_default();
            items.iter().for_each(|item| {
                document(reading, item, model, depth + 1);
            });
            true
        }
        (Some(api), Some(kind)) => {
            let knative = api.starts_with("serving.knative.dev/");
            let job = api.starts_with("run.googleapis.com/") && kind == "Job";
            if knative || job {
                cloud_run::read(reading, root, kind, model);
            } else {
                kubernetes::read(reading, root, (api, kind), model);
            }
            true
        }
        _ if text("format_version").is_some() => terraform::read(reading, root, model),
        _ if root.get("services").is_some_and(Node::is_map) => {
            compose::read(reading, root, model);
            true
        }
        _ if ecs::is_task_definition(root) => {
            ecs::read(reading, root, model);
            true
        }
        _ => false,
    }
}
