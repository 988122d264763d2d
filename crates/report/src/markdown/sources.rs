//! Short names for the files that evidence comes from, and the list that explains them.

use super::{EvidenceAs, document::Document};
use crate::{
    encode::{markdown_code as code, markdown_fence, markdown_inline as inline},
    sentences,
    view::View,
};
use std::collections::BTreeMap;
use tminus_core::verdict::{Evidence, Supports};

/// File name to short name: the letter of the one cause that cites it, or `S1`, `S2`, ...
pub(super) struct Sources<'a> {
    names: BTreeMap<&'a str, String>,
    order: Vec<&'a str>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(view: &View<'a>) -> Sources<'a> {
        let mut order: Vec<&str> = Vec::new();
        let mut cited: Vec<(char, &str)> = Vec::new();
        for (i, cause) in view.causes().iter().enumerate() {
            for evidence in &cause.evidence {
                let source = evidence.source.as_str();
                if !order.contains(&source) {
                    order.push(source);
                }
                if !cited.contains(&(view.letter(i), source)) {
                    cited.push((view.letter(i), source));
                }
            }
        }
        let mut names = BTreeMap::new();
        for (n, source) in order.iter().enumerate() {
            let by: Vec<char> = cited.iter().filter(|(_, s)| s == source).map(|(letter, _)| *letter).collect();
            let only = |letter: &char| cited.iter().filter(|(l, _)| l == letter).count() == 1;
            let name = match by.as_slice() {
                [letter] if view.lettered() && only(letter) => letter.to_string(),
                _ => format!("S{}", n + 1),
            };
            names.insert(*source, name);
        }
        Sources { names, order }
    }

    /// ` [B:699, B:457]` for the pieces of evidence that the verdict holds.
    pub(super) fn references(&self, view: &View, ids: &[String]) -> String {
        let found: Vec<String> = ids.iter().filter_map(|id| view.evidence(id)).map(|e| self.reference(e)).collect();
        if found.is_empty() { String::new() } else { format!(" [{}]", found.join(", ")) }
    }

    fn reference(&self, evidence: &Evidence) -> String {
        let name = self.names.get(evidence.source.as_str()).map_or("?", String::as_str);
        match evidence.line {
            Some(line) => format!("{name}:{line}"),
            // Facts and exits have no lines; their key says which one it is, without its value.
            None => format!("{name}: {}", inline(evidence.text.split(" = ").next().unwrap_or_default())),
        }
    }

    /// What was cited, file by file and cause by cause.
    pub(super) fn write(&self, doc: &mut Document, view: &View, how: EvidenceAs) {
        if self.order.is_empty() {
            return;
        }
        doc.section("Evidence");
        for source in &self.order {
            let input = view.verdict.coverage.inputs.iter().find(|input| input.source == *source);
            let rows = input.map_or(String::new(), |i| format!(" ({})", sentences::counted_rows(i.rows)));
            doc.item(&format!("{} is {}{rows}", self.names.get(source).map_or("?", String::as_str), code(source)));
        }
        doc.blank();
        for i in view.by_weight() {
            self.of_cause(doc, view, i, how);
        }
        doc.blank();
    }

    fn of_cause(&self, doc: &mut Document, view: &View, i: usize, how: EvidenceAs) {
        let cause = &view.causes()[i];
        if cause.evidence.is_empty() {
            return;
        }
        let title = inline(&view.words.title(&cause.cause));
        let name = if view.lettered() { format!("{}, {title}", view.letter(i)) } else { title };
        match how {
            EvidenceAs::Refs => {
                let cited: Vec<String> =
                    cause.evidence.iter().map(|e| format!("{} ({})", self.reference(e), role(e.supports))).collect();
                doc.line(&format!("{name}: {}", cited.join(", ")));
                doc.blank();
            }
            EvidenceAs::Lines => {
                let lines: Vec<String> = cause
                    .evidence
                    .iter()
                    .map(|e| match e.line {
                        Some(line) => format!(":{line} ({}) {}", role(e.supports), e.text),
                        None => format!("({}) {}", role(e.supports), e.text),
                    })
                    .collect();
                doc.line(&format!("{name}:"));
                doc.blank();
                doc.line(markdown_fence(&lines.join("\n")).trim_end());
                doc.blank();
            }
        }
    }
}

fn role(supports: Supports) -> &'static str {
    match supports {
        Supports::Cause => "the cause",
        Supports::Consequence => "what followed",
        Supports::End => "the end",
        Supports::Contributing => "contributes",
        Supports::Excludes => "excludes another",
        Supports::Stage => "how far it came",
    }
}
