//! Hostile text in every field of a verdict, through every output.

use crate::{properties::is_command, sample};
use tminus_report::{EvidenceAs, MarkdownOptions, Style, Words, github, json, markdown, terminal};

const HOSTILE: &[&str] = &[
    "\x1b[2J\x1b[1;31mALL GOOD\x1b[0m\x07",
    "safe\u{202e}gnihton\u{2066}",
    "::error file=x::owned\n::set-output name=a::b",
    "##[group]owned",
    "```\n# owned\n@everyone\n````",
    "<img src=x onerror=alert(1)><script>x</script>",
    "| a | b |\n| --- | --- |\\|",
    "@octocat #1278 [click](https://evil.example) ![](http://evil.example/x.png)",
    "\u{9b}31m\u{85}\u{2028}",
    "title=x,line=1::50%0A::warning::owned",
];

fn everything(text: &str) -> Vec<(&'static str, String)> {
    let verdict = sample::saying(text);
    let words = Words::default();
    let full = Style { full: true, ..Style::default() };
    let lines = MarkdownOptions { evidence: EvidenceAs::Lines, issue: Some("#1"), ..Default::default() };
    vec![
        ("terminal", terminal(&verdict, &words, &Style::default())),
        ("terminal, full", terminal(&verdict, &words, &full)),
        ("markdown", markdown(&verdict, &words, &MarkdownOptions::default())),
        ("markdown, lines", markdown(&verdict, &words, &lines)),
        ("github", github(&verdict, &words)),
        ("json", json(&verdict)),
    ]
}

#[test]
fn nothing_steers_a_terminal() {
    for text in HOSTILE {
        for (name, out) in everything(text) {
            let steering =
                |c: char| (c.is_control() && c != '\n') || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{2066}';
            assert!(!out.contains(steering), "{name} of {text:?}:\n{out:?}");
        }
    }
}

#[test]
fn nothing_is_a_workflow_command_but_our_own() {
    for text in HOSTILE {
        for (name, out) in everything(text) {
            for line in out.lines().filter(|line| is_command(line)) {
                let ours = line.starts_with("::error file=") || line.starts_with("::warning file=");
                assert!(name == "github" && ours, "{name} of {text:?}: {line}");
            }
            assert!(name == "github" || !out.contains("##["), "{name} of {text:?}:\n{out}");
        }
    }
}

#[test]
fn properties_of_annotations_are_ours() {
    for text in HOSTILE {
        for line in github(&sample::saying(text), &Words::default()).lines() {
            let command = line.split("::").nth(1).expect("a command");
            let (_, properties) = command.split_once(' ').expect("properties");
            let names: Vec<&str> = properties.split(',').filter_map(|p| p.split('=').next()).collect();
            assert_eq!(names, ["file", "line", "title"], "{line}");
        }
    }
}

#[test]
fn nothing_is_markup_in_markdown() {
    for text in HOSTILE {
        for (name, out) in everything(text).into_iter().filter(|(name, _)| name.starts_with("markdown")) {
            let prose = without_code(&out);
            for markup in ["<img", "<script", "@octocat", "@everyone", "](http", "\n# owned", "\n|  a"] {
                assert!(!prose.contains(markup), "{markup} in {name} of {text:?}:\n{prose}");
            }
        }
    }
}

/// The document without fenced blocks and code spans, where nothing is markup.
pub fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let run: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) => {
                if run.len() >= open.len() && line == run {
                    fence = None;
                }
            }
            None if run.len() >= 3 && line.ends_with("text") => fence = Some(run),
            None => out.push_str(&without_spans(line)),
        }
        out.push('\n');
    }
    assert!(fence.is_none(), "a fence stays open:\n{text}");
    out
}

/// One line without its code spans; a backslash hides a backtick outside of them.
fn without_spans(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut out = String::new();
    let mut i = 0;
    while i < chars.len() {
        if chars[i] == '\\' {
            // What a backslash escapes is no markup.
            out.push('.');
            i += 2;
            continue;
        }
        let run = chars[i..].iter().take_while(|c| **c == '`').count();
        if run == 0 {
            out.push(chars[i]);
            i += 1;
            continue;
        }
        i += run;
        while chars[i..].iter().take_while(|c| **c == '`').count() != run {
            let skip = chars[i..].iter().take_while(|c| **c == '`').count().max(1);
            i += skip;
            assert!(i < chars.len(), "a code span stays open: {line}");
        }
        i += run;
    }
    out
}
