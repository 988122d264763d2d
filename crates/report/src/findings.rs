//! What `tminus check` came to, for a terminal and for a workflow run; and as JSON.
//!
//! What it is for: a finding is read beside the file that it is about: place, the line itself with a
//! mark under what is meant, the arithmetic, what to do. What was not checked is said, and is no success.
//! What it must never do: print a name, a value or a line of a manifest but through [`encode`]; show
//! more than fits unless everything is asked for.
//! Where to start reading: [`terminal`], then [`github`].

use crate::encode;
use crate::terminal::{LINES_MAX, Style, WIDTH_MAX, WIDTH_MIN};
use std::collections::BTreeMap;
use tminus_check::{At, Finding, Report, Severity};
use unicode_width::UnicodeWidthChar;

/// Lines of the short form that the facts that are missing may take.
const MISSING_MAX: usize = 4;

/// The runner shows ten annotations of a kind per step; the rest would be silently dropped.
const ANNOTATIONS_MAX: usize = 9;

/// The report as lines, each ended by a line end: the summary, findings with the lines that they are
/// about, and what was not checked. Without `full` at most [`LINES_MAX`] lines.
pub fn terminal(report: &Report, style: &Style) -> String {
    let page = Page { width: style.width.clamp(WIDTH_MIN, WIDTH_MAX), style: *style };
    let mut lines = vec![page.summary(report)];
    let missing = page.missing(report);
    if style.full {
        for finding in &report.findings {
            lines.push(String::new());
            lines.extend(page.finding(finding));
        }
        lines.extend(page.values(report));
    } else {
        let room = LINES_MAX.saturating_sub(1 + if missing.is_empty() { 0 } else { missing.len() + 1 });
        lines.extend(page.fitting(&report.findings, room));
    }
    if !missing.is_empty() {
        lines.push(String::new());
        lines.extend(missing);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Findings alone, each with the line that it is about and an empty line before it.
pub fn listed(findings: &[Finding], style: &Style) -> String {
    let page = Page { width: style.width.clamp(WIDTH_MIN, WIDTH_MAX), style: *style };
    let lines = findings.iter().flat_map(|finding| std::iter::once(String::new()).chain(page.finding(finding)));
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Workflow commands: one `::error`, `::warning` or `::notice` for each finding, one line each.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for (severity, command) in [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "notice")]
    {
        let all: Vec<&Finding> = report.findings.iter().filter(|finding| finding.severity == severity).collect();
        for finding in all.iter().take(ANNOTATIONS_MAX) {
            let mut text = vec![finding.message.clone()];
            text.extend(finding.inequality.clone());
            text.extend(finding.related.iter().map(|related| format!("{}: {}", place(&related.at), related.text)));
            text.extend(finding.help.clone().map(|help| format!("help: {help}")));
            annotate(&mut out, command, finding.at.as_ref(), finding.rule.as_str(), &text.join("\n"));
        }
        if let Some(more) = all.len().checked_sub(ANNOTATIONS_MAX).filter(|more| *more > 0) {
            annotate(&mut out, command, None, "tminus check", &format!("{more} more of these are in the log"));
        }
    }
    out
}

/// The report as JSON of [`tminus_check::SCHEMA`], ended by a line end.
///
/// # Errors
/// None that the types of a report can cause; the serialiser's are passed on.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

fn annotate(out: &mut String, command: &str, at: Option<&At>, title: &str, text: &str) {
    let mut properties = Vec::new();
    if let Some((at, line)) = at.and_then(|at| Some((at, at.line?))) {
        properties.push(format!("file={}", encode::github_property(&at.file)));
        properties.push(format!("line={line}"));
        properties.extend(at.column.map(|column| format!("col={column}")));
        properties.extend(at.end_column.map(|column| format!("endColumn={column}")));
    }
    properties.push(format!("title={}", encode::github_property(title)));
    out.push_str(&format!("::{command} {}::{}\n", properties.join(","), encode::github(text)));
}

/// `service.yaml:18:47`, or the environment's name.
fn place(at: &At) -> String {
    match (at.line, at.column) {
        (Some(line), Some(column)) => format!("{}:{line}:{column}", at.file),
        _ => at.file.clone(),
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How wide, and in which manner.
struct Page {
    width: usize,
    style: Style,
}

impl Page {
    fn show(&self, text: &str) -> String {
        if self.style.ascii { encode::ascii(text) } else { encode::terminal(text) }
    }

    fn paint(&self, severity: Severity, text: &str) -> String {
        let sgr = match severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[33m",
            Severity::Note => "\x1b[2m",
        };
        if self.style.color { format!("{sgr}{text}\x1b[0m") } else { text.to_owned() }
    }

    fn summary(&self, report: &Report) -> String {
        let unchecked = report.not_checked.iter().map(|one| one.rule).collect::<std::collections::BTreeSet<_>>().len();
        let counts: Vec<String> =
            [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
                .into_iter()
                .filter(|(severity, _)| report.count(*severity) > 0)
                .map(|(severity, word)| count(report.count(severity), word))
                .collect();
        let found = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
        self.fit(
            &format!("check: {found}; {} passed, {unchecked} not checked", count(report.passed.len(), "rule")),
            self.width,
        )
    }

    /// As many findings with their lines as there is room for; the rest as one line each, the very
    /// rest as a number.
    fn fitting(&self, findings: &[Finding], room: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut whole = true;
        for (i, finding) in findings.iter().enumerate() {
            let rest = findings.len() - i - 1;
            let block = self.finding(finding);
            whole = whole && lines.len() + 1 + block.len() + rest + usize::from(rest > 0) <= room;
            if whole {
                lines.push(String::new());
                lines.extend(block);
            } else if lines.len() + 1 + usize::from(rest > 0) < room || (rest == 0 && lines.len() < room) {
                lines.push(self.line(finding));
            } else {
                lines.push(format!("and {} more: --full", rest + 1));
                return lines;
            }
        }
        lines
    }

    /// One finding on one line.
    fn line(&self, finding: &Finding) -> String {
        let at = finding.at.as_ref().map(place).unwrap_or_default();
        let head = format!("{}[{}]", finding.severity.as_str(), finding.rule);
        let rest = format!(" {at} {}", finding.message);
        format!("{}{}", self.paint(finding.severity, &head), self.fit(&rest, self.width.saturating_sub(head.len())))
    }

    /// One finding with the line that it is about.
    fn finding(&self, finding: &Finding) -> Vec<String> {
        let head = format!("{}[{}]", finding.severity.as_str(), finding.rule);
        let mut lines = self.wrap(&format!("{head} {}", finding.message), 0);
        if let Some(first) = lines.first_mut().filter(|first| first.starts_with(&head)) {
            *first = format!("{}{}", self.paint(finding.severity, &head), &first[head.len()..]);
        }
        let gutter = finding.at.as_ref().and_then(|at| at.line).map_or(1, |line| line.to_string().len());
        let pad = " ".repeat(gutter);
        if let Some(at) = &finding.at {
            lines.push(format!("{pad}--> {}", self.fit(&place(at), self.width.saturating_sub(gutter + 4))));
            lines.extend(self.excerpt(at, gutter, finding.severity));
        }
        for related in &finding.related {
            let text = format!("{}: {}", place(&related.at), related.text);
            let wrapped = self.wrap(&format!("+ {text}"), gutter + 1);
            lines.extend(wrapped.into_iter().map(|line| format!("{pad} {line}")));
        }
        for (label, text) in [("=", finding.inequality.as_deref()), ("help:", finding.help.as_deref())] {
            if let Some(text) = text {
                let wrapped = self.wrap(&format!("{label} {text}"), gutter + 1);
                lines.extend(wrapped.into_iter().map(|line| format!("{pad} {line}")));
            }
        }
        if let Some(source) = finding.source.filter(|_| self.style.full) {
            let wrapped = self.wrap(&format!("source: {source}"), gutter + 1);
            lines.extend(wrapped.into_iter().map(|line| format!("{pad} {line}")));
        }
        lines
    }

    /// The line, and a mark under what is meant. Each piece is encoded for itself, so that the mark
    /// stands under the encoded text.
    fn excerpt(&self, at: &At, gutter: usize, severity: Severity) -> Vec<String> {
        let (Some(line), Some(excerpt)) = (at.line, &at.excerpt) else {
            return Vec::new();
        };
        let piece =
            |from: usize, count: usize| self.show(&excerpt.text.chars().skip(from).take(count).collect::<String>());
        let room = self.width.saturating_sub(gutter + 3);
        let mut before = piece(0, excerpt.before);
        let mut marked = piece(excerpt.before, excerpt.marked);
        let after = piece(excerpt.before + excerpt.marked, usize::MAX);
        if before.trim().is_empty() && marked.is_empty() && after.is_empty() {
            return Vec::new();
        }
        // What is meant has to be seen: what stands before it is cut from its left.
        let most = room.saturating_sub(columns(&marked).min(room / 2));
        if columns(&before) > most {
            let kept = most.saturating_sub(self.dots().len());
            let mut width = 0;
            let from = before.char_indices().rev().take_while(|(_, c)| {
                width += c.width().unwrap_or(0);
                width <= kept
            });
            let from = from.last().map_or(before.len(), |(at, _)| at);
            before = format!("{}{}", self.dots(), &before[from..]);
        }
        marked = self.cut(&marked, room.saturating_sub(columns(&before)));
        let after = self.cut(&after, room.saturating_sub(columns(&before) + columns(&marked)));
        // The pieces meet again: what is a command only as a whole is made harmless as a whole.
        let whole = format!("{before}{marked}{after}");
        let shown = self.show(&whole);
        let mark = "^".repeat(columns(&marked).max(1));
        let pad = " ".repeat(gutter);
        let mut lines = vec![format!("{line:>gutter$} | {}", self.cut(&shown, room))];
        if shown == whole {
            lines.push(format!("{pad} | {}{}", " ".repeat(columns(&before)), self.paint(severity, &mark)));
        }
        lines
    }

    /// The facts that are missing, with the rules that need them.
    fn missing(&self, report: &Report) -> Vec<String> {
        // What is about something that is here comes first.
        let mut by_need: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
        for one in &report.not_checked {
            by_need.entry((!one.applies, &one.needs)).or_default().push(one.rule.as_str());
        }
        let mut all: Vec<(&str, Vec<&str>)> = by_need.into_iter().map(|((_, needs), rules)| (needs, rules)).collect();
        // Then what most rules wait for; the sort keeps the order of equals.
        let here = |needs: &str| report.not_checked.iter().any(|one| one.applies && one.needs == needs);
        all.sort_by_key(|(needs, rules)| (!here(needs), std::cmp::Reverse(rules.len())));
        let text = |(needs, rules): &(&str, Vec<&str>)| format!("not checked: needs {needs}: {}", rules.join(", "));
        if self.style.full {
            return all.iter().flat_map(|one| self.wrap(&text(one), 2)).collect();
        }
        let most = if all.len() > MISSING_MAX { MISSING_MAX - 1 } else { MISSING_MAX };
        // A list that is cut says less than its length.
        let short = |one: &(&str, Vec<&str>)| match text(one) {
            whole if columns(&self.show(&whole)) <= self.width => whole,
            _ => format!("not checked: needs {}: {}", one.0, count(one.1.len(), "rule")),
        };
        let mut lines: Vec<String> = all.iter().take(most).map(|one| self.fit(&short(one), self.width)).collect();
        let rest: usize = all.iter().skip(most).map(|(_, rules)| rules.len()).sum();
        if rest > 0 {
            lines.push(self.fit(&format!("not checked: {rest} more for want of other facts: --full"), self.width));
        }
        lines
    }

    /// Every effective value, with its origin.
    fn values(&self, report: &Report) -> Vec<String> {
        let mut lines = Vec::new();
        let mut of = None;
        for value in &report.values {
            if of != Some(&value.of) {
                lines.push(String::new());
                lines.push(self.fit(&format!("values of {}", value.of), self.width));
                of = Some(&value.of);
            }
            let text = format!("{} = {}   {}: {}", value.name, value.value, value.known, value.origin);
            lines.extend(self.wrap(&text, 2).into_iter().map(|line| format!("  {line}")));
        }
        lines
    }

    fn dots(&self) -> &'static str {
        if self.style.ascii { ".." } else { "…" }
    }

    /// The text, encoded, in at most so many columns.
    fn fit(&self, text: &str, room: usize) -> String {
        self.cut(&self.show(text), room)
    }

    /// An encoded text in at most so many columns.
    fn cut(&self, text: &str, room: usize) -> String {
        if columns(text) <= room {
            return text.to_owned();
        }
        let room = room.saturating_sub(columns(self.dots()));
        let mut used = 0;
        let kept = text.chars().take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        });
        let kept: String = kept.collect();
        format!("{}{}", kept.trim_end(), self.dots())
    }

    /// The text, encoded, broken at spaces; further lines are indented by two. A word that fits on no
    /// line is cut.
    fn wrap(&self, text: &str, less: usize) -> Vec<String> {
        let room = self.width.saturating_sub(less);
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in self.show(text).split(' ') {
            let word = self.cut(word, room.saturating_sub(2));
            if !line.trim().is_empty() && columns(&line) + 1 + columns(&word) > room {
                lines.push(std::mem::replace(&mut line, "  ".to_owned()));
            } else if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
        lines
    }
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tminus_check::{Source, check};

    const SERVICE: &str = include_str!("../../check/tests/it/fixtures/incident.yaml");
    const RESOURCES: &str = include_str!("../../check/tests/it/fixtures/incident.tf.json");

    fn incident() -> Report {
        check(&[Source::new("service.yaml", SERVICE), Source::new("plan.json", RESOURCES)], None, None)
    }

    #[test]
    fn the_founding_incident_for_people() {
        insta::assert_snapshot!("findings_terminal", terminal(&incident(), &Style::default()));
        insta::assert_snapshot!("findings_full", terminal(&incident(), &Style { full: true, ..Style::default() }));
    }

    #[test]
    fn the_founding_incident_for_a_workflow() {
        let text = github(&incident());
        assert!(text.lines().all(|line| line.starts_with("::")));
        insta::assert_snapshot!("findings_github", text);
    }

    #[test]
    fn it_fits_whatever_is_found() {
        let slips: String = (0..200).map(|i| format!("        unknown{i}: x\n")).collect();
        let text = format!("{SERVICE}{slips}");
        for width in [WIDTH_MIN, 60, WIDTH_MAX] {
            for ascii in [false, true] {
                let report = check(&[Source::new("s.yaml", text.replace("  traffic:", "  trafik:"))], None, None);
                let shown = terminal(&report, &Style { width, ascii, ..Style::default() });
                assert!(shown.lines().count() <= LINES_MAX, "{} lines", shown.lines().count());
                assert!(shown.lines().all(|line| columns(line) <= width), "{width}: {shown}");
                assert!(!ascii || shown.is_ascii());
            }
        }
    }

    #[test]
    fn marks_stand_under_what_is_meant() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: \"wörld\u{202e}\", imagee: x}]}\n";
        let shown = terminal(&check(&[Source::new("p.yaml", text)], None, None), &Style::default());
        let lines: Vec<&str> = shown.lines().collect();
        let mark = lines.iter().position(|line| line.contains('^')).expect("a mark");
        let columns_before = |line: &str, what: &str| columns(line.split(what).next().unwrap_or_default());
        assert_eq!(columns_before(lines[mark], "^"), columns_before(lines[mark - 1], "imagee"));
    }

    /// A manifest is as untrusted as a log: it must not steer a terminal or a workflow.
    #[test]
    fn hostile_text_is_inert() {
        let hostile = "::error::x\u{1b}[2J\u{202e}%0A::set-output name=a::b ##[error]";
        let key = hostile.replace('\u{1b}', "\\e").replace('\u{202e}', "\\u202e");
        let text = format!("services:\n  a: {{\"{key}\": x, image: y}}\n");
        let report = check(&[Source::new(hostile, text)], None, None);
        assert!(!report.findings.is_empty());
        for full in [false, true] {
            let shown = terminal(&report, &Style { full, ..Style::default() });
            assert!(!shown.contains(['\u{1b}', '\u{202e}']) && !shown.contains("##["));
            assert!(shown.lines().all(|line| !line.trim_start().starts_with("::")), "{shown}");
        }
        for line in github(&report).lines() {
            assert!(line.starts_with("::error ") || line.starts_with("::warning ") || line.starts_with("::notice "));
            assert!(!line.contains('\u{1b}'));
        }
    }

    #[test]
    fn the_same_report_is_the_same_bytes() {
        assert_eq!(terminal(&incident(), &Style::default()), terminal(&incident(), &Style::default()));
        assert_eq!(json(&incident()).ok(), json(&incident()).ok());
    }
}
