//! Drafts to findings: places to lines, secrets out of every text.
//!
//! What it is for: one gate between what rules say and what leaves the crate. What it must never do:
//! let a secret through: texts of secret variables, passwords of addresses and secret arguments are
//! masked by their place in the file and by their value, then everything that looks like a secret.
//! Where to start reading: [`Settling::new`].

use crate::facts::{Facts, PlanFacts};
use crate::finding::{At, Draft, Finding, NotChecked, Related, Severity};
use crate::model::{EnvValue, Input, Origin};
use crate::rules::values::{holds_secret, may_be_secret, secret_words};
use crate::source::{Excerpt, Lines, MASK, Source, Span};
use crate::url;
use std::collections::BTreeMap;
use tminus_core::redact::{Redactor, is_secret_name};

/// Most findings of one rule: a file of a thousand slips is one mistake.
const FINDINGS_MAX: usize = 50;

pub(crate) struct Settling<'f> {
    files: &'f [Source],
    lines: Vec<Lines<'f>>,
    plan: Option<(&'f Source, Lines<'f>)>,
    environment: &'f str,
    secrets: BTreeMap<Input, Vec<Span>>,
    redactor: Redactor,
}

impl<'f> Settling<'f> {
    pub(crate) fn new(files: &'f [Source], facts: &Facts<'f>) -> Settling<'f> {
        let mut secrets: BTreeMap<Input, Vec<Span>> = BTreeMap::new();
        let mut values = Vec::new();
        let mut hide = |at: Origin, value: &str| {
            secrets.entry(at.input).or_default().push(at.span);
            // A password that is a plain word cannot be told from that word in a sentence.
            let telling = value.len() >= 6 && !value.chars().all(|c| c.is_ascii_lowercase());
            if telling {
                values.push(value.trim().to_owned());
            }
        };
        for bag in facts.model.bags.iter() {
            for (key, value) in
                bag.values.iter().filter(|(key, value)| bag.secret || holds_secret(&key.value, &value.value))
            {
                let plain = bag.secret && !may_be_secret(&value.value) && !is_secret_name(&key.value);
                hide(value.at, if plain { "" } else { &value.value });
            }
        }
        for (_, container) in facts.containers() {
            for variable in &container.env {
                if let EnvValue::Text(text) = &variable.value
                    && (holds_secret(&variable.name.value, &text.value)
                        || (is_secret_name(&variable.name.value) && !text.value.is_empty()))
                {
                    let password = url::parse(&text.value).ok().and_then(|url| url.password);
                    let text_of = if may_be_secret(&text.value) { text.value.as_str() } else { "" };
                    hide(narrow(files, text.at, &variable.name.value, password), password.unwrap_or(text_of));
                }
            }
            for i in secret_words(&container.argv) {
                hide(container.argv[i].at, "");
            }
        }
        for (at, value) in facts.plan.map(of_plan).unwrap_or_default() {
            hide(at, value);
        }
        if let Some(environment) = facts.environment {
            for (name, text) in &environment.values {
                if holds_secret(name, text) {
                    let password = url::parse(text).ok().and_then(|url| url.password);
                    let nowhere = Origin { input: Input::Environment, span: Span::default() };
                    hide(nowhere, password.unwrap_or(text));
                }
            }
        }
        Settling {
            files,
            lines: files.iter().map(|file| Lines::new(&file.text)).collect(),
            plan: facts.plan.map(|plan| (&plan.source, Lines::new(&plan.source.text))),
            environment: facts.environment.map_or("environment", |environment| environment.origin.as_str()),
            secrets,
            redactor: Redactor::new(values),
        }
    }

    /// A text without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text).into_owned()
    }

    /// `service.yaml:12`, or the environment's name.
    pub(crate) fn cite(&self, origin: Origin) -> String {
        let at = self.at(origin);
        match at.line {
            Some(line) => format!("{}:{line}", at.file),
            None => at.file,
        }
    }

    fn at(&self, origin: Origin) -> At {
        let found = match origin.input {
            Input::File(index) => self.files.get(index).zip(self.lines.get(index)),
            Input::Plan => self.plan.as_ref().map(|(source, lines)| (*source, lines)),
            Input::Environment | Input::Outside => None,
        };
        let Some((source, lines)) = found else {
            return At { file: self.environment.to_owned(), line: None, column: None, end_column: None, excerpt: None };
        };
        let secrets = self.secrets.get(&origin.input).map(Vec::as_slice).unwrap_or_default();
        let (from, to, excerpt) = lines.excerpt(origin.span, secrets);
        At {
            file: source.name.clone(),
            line: Some(from.line),
            column: Some(from.column),
            end_column: (to.line == from.line).then_some(to.column),
            excerpt: Some(self.clean_excerpt(&excerpt)),
        }
    }

    /// What looks like a secret goes, piece by piece, so that the mark stays where it was.
    fn clean_excerpt(&self, excerpt: &Excerpt) -> Excerpt {
        let clean = self.clean(&excerpt.text);
        if clean == excerpt.text {
            return excerpt.clone();
        }
        let chars: Vec<char> = excerpt.text.chars().collect();
        let end = excerpt.before.saturating_add(excerpt.marked).min(chars.len());
        let piece = |from: usize, to: usize| chars[from.min(to)..to].iter().collect::<String>();
        let (before, marked, after) =
            (piece(0, excerpt.before.min(end)), piece(excerpt.before, end), piece(end, chars.len()));
        let (before, marked, after) = (self.clean(&before), self.clean(&marked), self.clean(&after));
        let text = format!("{before}{marked}{after}");
        // A secret that only the whole line shows (its name before the mark, its value in it).
        if self.clean(&text) != text {
            let text = format!("{before}{MASK}");
            return Excerpt { before: before.chars().count(), marked: MASK.len(), text };
        }
        Excerpt { before: before.chars().count(), marked: marked.chars().count(), text }
    }

    /// Findings, worst first, then by place and rule. Equal ones are one.
    pub(crate) fn findings(&self, mut drafts: Vec<Draft>) -> Vec<Finding> {
        drafts.sort_by(|a, b| {
            (a.severity, a.at, a.rule).cmp(&(b.severity, b.at, b.rule)).then_with(|| a.message.cmp(&b.message))
        });
        drafts.dedup_by(|a, b| a.rule == b.rule && a.at == b.at && a.message == b.message);
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        let mut findings: Vec<Finding> = Vec::new();
        for draft in drafts {
            let count = counts.entry(draft.rule).or_default();
            *count += 1;
            if *count <= FINDINGS_MAX {
                findings.push(self.finding(draft));
            }
        }
        for (rule, count) in counts.into_iter().filter(|(_, count)| *count > FINDINGS_MAX) {
            let message = format!("{} more findings of this rule are not listed", count - FINDINGS_MAX);
            findings.push(Finding {
                rule,
                severity: Severity::Note,
                message,
                at: None,
                related: Vec::new(),
                inequality: None,
                help: None,
                source: None,
            });
        }
        findings
    }

    fn finding(&self, draft: Draft) -> Finding {
        let related = draft.related.iter().filter(|(at, _)| *at != draft.at);
        Finding {
            rule: draft.rule,
            severity: draft.severity,
            message: self.clean(&draft.message),
            at: (draft.at.input != Input::Outside).then(|| self.at(draft.at)),
            related: related.map(|(at, text)| Related { at: self.at(*at), text: self.clean(text) }).collect(),
            inequality: draft.inequality.map(|text| self.clean(&text)),
            help: draft.help.map(|text| self.clean(&text)),
            source: draft.source,
        }
    }

    pub(crate) fn not_checked(&self, list: Vec<NotChecked>) -> Vec<NotChecked> {
        list.into_iter().map(|one| NotChecked { needs: self.clean(&one.needs), ..one }).collect()
    }
}

/// Secrets of a plan: arguments (which an error is about), passwords of what it probes.
fn of_plan(plan: &PlanFacts) -> Vec<(Origin, &str)> {
    let mut all = Vec::new();
    let steps = || plan.phases.iter().flat_map(|phase| &phase.steps);
    for argv in steps().map(|step| &step.exec).chain([&plan.child]) {
        all.extend(secret_words(argv).into_iter().map(|i| (argv[i].at, "")));
    }
    for target in steps().filter_map(|step| step.target.as_ref()) {
        let password = url::parse(&target.value).ok().and_then(|url| url.password);
        all.extend(password.map(|password| (target.at, password)));
    }
    all
}

/// The part of a variable's text that is secret: the password of an address, or what stands behind
/// `NAME=` in a line of compose. The whole where that cannot be found by its letters.
fn narrow(files: &[Source], at: Origin, name: &str, password: Option<&str>) -> Origin {
    let Input::File(index) = at.input else {
        return at;
    };
    let Some(written) = files.get(index).and_then(|file| file.text.get(at.span.start..at.span.end)) else {
        return at;
    };
    let part = |from: usize, length: usize| Origin {
        input: at.input,
        span: Span::new(at.span.start + from, at.span.start + from + length),
    };
    if let Some(password) = password {
        return written.find(&format!(":{password}@")).map_or(at, |found| part(found + 1, password.len()));
    }
    let head = format!("{name}=");
    match written.find(&head) {
        Some(found) if found <= 1 => part(found + head.len(), written.len() - found - head.len()),
        _ => at,
    }
}
