//! What must hold for every verdict, whatever its texts say.

use crate::{build::empty, encoders::hostile, sample, untrusted::without_code};
use proptest::prelude::*;
use tminus_core::{verdict::Verdict, vocabulary::Outcome};
use tminus_report::{EvidenceAs, LINES_MAX, MarkdownOptions, Style, Words, github, json, markdown, terminal};
use unicode_width::UnicodeWidthStr;

/// The text without the colours that a report may use.
pub fn without_sgr(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('m').expect("a colour ends with m");
        assert!(rest[at + 2..at + end].chars().all(|c| c.is_ascii_digit() || c == ';'), "not a colour");
        rest = &rest[at + end + 1..];
    }
    out + rest
}

/// Samples with some of their texts replaced, and lists made longer.
fn verdicts() -> impl Strategy<Value = Verdict> {
    let base = prop::sample::select(vec![
        sample::two_epochs(),
        sample::proved(),
        sample::likely(),
        sample::undetermined(),
        sample::ready(),
        sample::ready_after_failures(),
        sample::no_starts(),
        sample::no_payload(),
        sample::two_current(),
        empty(Outcome::Undetermined),
        empty(Outcome::Failed),
    ]);
    let outcome = prop::sample::select(Outcome::ALL.to_vec());
    prop_oneof![
        hostile().prop_map(|text| sample::saying(&text)),
        (base, outcome, hostile(), 0usize..6).prop_map(|(mut verdict, outcome, text, times)| {
            verdict.outcome = outcome;
            verdict.advice.do_not.extend(vec![text.clone(); times]);
            verdict.needed.extend(vec![text.repeat(3); times]);
            verdict.coverage.notes.extend(vec![text.clone(); times]);
            for cause in &mut verdict.causes {
                cause.culprit = text.repeat(times);
                let more = cause.evidence.clone();
                cause.evidence.extend(more.into_iter().cycle().take(times));
            }
            let more = verdict.causes.clone();
            verdict.causes.extend(more.into_iter().cycle().take(times * 7));
            verdict.attempts.extend(verdict.attempts.clone().into_iter().cycle().take(times * 40));
            verdict
        }),
    ]
}

fn styles() -> impl Strategy<Value = Style> {
    (0usize..140, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(width, full, color, ascii)| Style {
        width,
        full,
        color,
        ascii,
    })
}

/// What a runner would act on: `::name`, with a name that no address could be.
pub fn is_command(line: &str) -> bool {
    let name = line.trim_start().strip_prefix("::").unwrap_or_default();
    name.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| !c.is_ascii_hexdigit() && c != '-')
}

/// Fences open and close in pairs: each opening one is closed by a run at least as long.
fn fences_are_balanced(text: &str) -> bool {
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let run = line.chars().take_while(|c| *c == '`').count();
        let bare = line.trim_start_matches('`').trim().is_empty();
        match open {
            None if run >= 3 && !line[run..].contains('`') => open = Some(run),
            Some(fence) if run >= fence && bare => open = None,
            _ => {}
        }
    }
    open.is_none()
}

/// A cell separator in a table row is a `|` that no backslash and no code span hides; ours hide none.
fn tables_are_even(text: &str) -> bool {
    let mut columns = None;
    text.lines().all(|line| {
        if !line.starts_with("| ") {
            columns = None;
            return true;
        }
        let found = line.matches('|').count();
        *columns.get_or_insert(found) == found
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn terminal_keeps_to_its_page(verdict in verdicts(), style in styles()) {
        let text = terminal(&verdict, &Words::default(), &style);
        let plain = if style.color { without_sgr(&text) } else { text.clone() };
        prop_assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{:?}", plain);
        let width = style.width.clamp(40, 100);
        for line in plain.lines() {
            prop_assert!(line.width() <= width, "{} columns of {}: {:?}", line.width(), width, line);
            prop_assert!(!is_command(line), "a command: {:?}", line);
            prop_assert_eq!(line.trim_end(), line);
        }
        prop_assert!(!plain.contains("##["));
        prop_assert!(style.full || plain.lines().count() <= LINES_MAX, "{} lines:\n{}", plain.lines().count(), plain);
        prop_assert!(!style.ascii || plain.is_ascii(), "{:?}", plain);
        prop_assert!(text.ends_with('\n') && !text.contains("\n\n\n"));
        prop_assert_eq!(terminal(&verdict, &Words::default(), &style), text);
    }

    #[test]
    fn a_good_start_is_one_line(verdict in verdicts(), width in 40usize..100) {
        let verdict = Verdict { outcome: Outcome::Ready, ..verdict };
        let text = terminal(&verdict, &Words::default(), &Style { width, ..Style::default() });
        prop_assert_eq!(text.lines().count(), 1, "{}", text);
    }

    #[test]
    fn markdown_is_whole(verdict in verdicts(), before in verdicts(), lines in any::<bool>()) {
        let evidence = if lines { EvidenceAs::Lines } else { EvidenceAs::Refs };
        let options = MarkdownOptions { previous: Some(&before), evidence, ..Default::default() };
        let text = markdown(&verdict, &Words::default(), &options);
        prop_assert!(fences_are_balanced(&text), "{}", text);
        prop_assert!(tables_are_even(&text), "{}", text);
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text);
        prop_assert!(!without_code(&text).contains("<script"), "{}", text);
        prop_assert!(without_code(&text).lines().filter(|l| l.starts_with("# ")).count() == 1, "{}", text);
    }

    #[test]
    fn annotations_are_commands_and_nothing_else(verdict in verdicts()) {
        let text = github(&verdict, &Words::default());
        for line in text.lines() {
            let known = ["::error ", "::warning ", "::notice "].iter().any(|name| line.starts_with(name));
            prop_assert!(known, "{:?}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
    }

    #[test]
    fn json_reads_back(verdict in verdicts()) {
        let text = json(&verdict);
        prop_assert_eq!(serde_json::from_str::<Verdict>(&text).expect("valid JSON"), verdict);
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text);
    }
}
