//! Text of logs is untrusted: it must not steer a terminal, a Markdown page or a workflow.

use crate::room::{Answer, Room};

/// What somebody who can write into a log might try.
const ATTACKS: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1Hall is well\u{1b}]0;owned\u{7}",
    "\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\ \u{1b}]52;c;cm0gLXJmIC8=\u{7}",
    "\u{9b}31m \u{90}q\u{9c} \u{8}\u{8}\u{8}\r\u{7f}\0",
    "\u{202e}gpj.exe\u{202c} \u{2066}isolate\u{2069} \u{200f}\u{61c}",
    "zero\u{200b}width\u{feff}\u{2028}line\u{2029}separators\u{85}",
    "``` \n# heading\n~~~~\n</details></pre>\n```````` @octo-org/admins",
    "@octocat @octo-org/admins see #1 and octo-org/repo#2, closes #3",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- --> <details open>",
    "[link](javascript:alert(1)) ![x](https://evil.example/p.png) [a]: https://evil.example",
    "| a | b |\n|---|---|\n- [ ] task\n* * *\n> quote\n1. one",
    "::error file=a,line=1::pwned\n::set-output name=x::y\n::stop-commands::t\n##[error]x",
    "%0A::error::x %25 %0D \r\n::warning::y",
    "\\`*_{}[]()#+-.!|<>~ \\\\ && $(id) `id` ${HOME}",
    "https://evil.example/?q=1 www.evil.example mailto:x@evil.example",
];

/// A start that fails with `text` in its message, its culprit and a warning before it.
fn room(text: &str) -> Room {
    let room = Room::new();
    let flat = text.replace('\n', "\\n");
    let log = format!(
        "WARNING {text}\nINFO:     Waiting for application startup.\nTraceback (most recent call last):\n  File \"/srv/app/main.py\", line 3, in <module>\n    \
         import x\nModuleNotFoundError: No module named '{flat}'\n{text}\n"
    );
    room.put("web.log", log).put("exits.json", r#"{"attempts":[{"attempt":1,"exit_code":1}]}"#);
    room
}

fn run(room: &Room, args: &[&str]) -> Answer {
    let answer = room.tminus(&[&["why"], args, &["--exits", "exits.json", "web.log"]].concat());
    assert_eq!(answer.code, 0, "{}", answer.err);
    answer
}

/// Controls, and characters that reorder or hide what stands around them.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn a_terminal_shows_controls_instead_of_obeying_them() {
    for attack in ATTACKS {
        let room = room(attack);
        for args in [&[][..], &["--full"], &["--format", "markdown"], &["--format", "github"]] {
            let answer = run(&room, args);
            for (stream, text) in [("stdout", &answer.out), ("stderr", &answer.err)] {
                let found: Vec<String> =
                    text.chars().filter(|c| is_harmful(*c)).map(|c| format!("U+{:04X}", c as u32)).collect();
                assert!(found.is_empty(), "{args:?} {stream} of {attack:?} holds {found:?}:\n{text}");
            }
        }
        // With colours on, the only escapes are ours: colour and weight.
        let coloured = run(&room, &["--color", "always", "--full"]).out;
        for sequence in coloured.split('\u{1b}').skip(1) {
            let end =
                sequence.find(|c: char| !(c == '[' || c == ';' || c.is_ascii_digit())).map(|at| &sequence[at..=at]);
            assert!(
                sequence.starts_with('[') && end == Some("m"),
                "{attack:?}: {:?}",
                &sequence[..sequence.len().min(12)]
            );
        }
    }
}

/// Markdown outside of code: what is between fences and between backticks on one line is inert.
fn prose(markdown: &str) -> String {
    let (mut out, mut fence) = (String::new(), None::<String>);
    for line in markdown.lines() {
        let ticks: String = line.trim_start().chars().take_while(|c| matches!(c, '`' | '~')).collect();
        match &fence {
            Some(open) if ticks.starts_with(open.as_str()) && line.trim() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                out.push_str(&without_escapes(&without_code(line)));
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a fence stays open:\n{markdown}");
    out
}

/// A line without what a backslash makes inert.
fn without_escapes(line: &str) -> String {
    let (mut out, mut chars) = (String::new(), line.chars());
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else {
            out.push(c);
        }
    }
    out
}

/// A line without its code spans: a run of backticks up to the next run of the same length.
fn without_code(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        let run = rest[at..].chars().take_while(|c| *c == '`').count();
        let body = &rest[at + run..];
        let mut from = 0;
        let end = loop {
            let Some(found) = body[from..].find('`').map(|n| n + from) else { break None };
            let length = body[found..].chars().take_while(|c| *c == '`').count();
            if length == run {
                break Some(found + length);
            }
            from = found + length;
        };
        out.push_str(&rest[..at]);
        match end {
            Some(end) => rest = &body[end..],
            None => {
                out.push_str(&rest[at..at + run]);
                rest = body;
            }
        }
    }
    out + rest
}

#[test]
fn a_markdown_page_keeps_its_form() {
    for attack in ATTACKS {
        let page = run(&room(attack), &["--format", "markdown"]).out;
        let text = prose(&page);
        let live = ["<script", "<img", "<!--", "</details", "</pre", "](javascript:", "![", "@octo", "octo-org/repo#2"];
        let blocks = ["\n# heading", "\n| a | b", "\n- [ ] task", "\n> quote", "\n1. one", "\n* * *", "\n[a]: https"];
        for markup in live.iter().chain(&blocks) {
            assert!(!text.contains(markup), "{attack:?}: `{markup}` is live in:\n{page}");
        }
    }
}

#[test]
fn a_workflow_gets_only_our_commands() {
    let plain = run(&room("harmless"), &["--format", "github"]).out.lines().count();
    for attack in ATTACKS {
        let out = run(&room(attack), &["--format", "github"]).out;
        assert_eq!(out.lines().count(), plain, "{attack:?} makes another line:\n{out}");
        for line in out.lines() {
            let ours = ["::error ", "::warning ", "::notice ", "::error::", "::warning::", "::notice::"];
            assert!(ours.iter().any(|command| line.starts_with(command)), "{attack:?}: {line}");
            let tail =
                line.split_once("::").and_then(|(_, rest)| rest.split_once("::")).map_or("", |(_, message)| message);
            assert!(!tail.contains('\r') && !line.contains("##[error]x\n"), "{attack:?}: {line}");
        }
    }
}

/// A file's name is as untrusted as its text.
#[test]
fn names_of_files_are_untrusted_too() {
    let room = room("harmless");
    let name = "a\n::error::pwned\u{1b}[2J<img src=x>```.log";
    room.put(name, std::fs::read(room.path().join("web.log")).expect("a log"));
    for format in ["text", "markdown", "github"] {
        let answer = room.tminus(&["why", "--full", "--format", format, "--exits", "exits.json", name]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        assert!(!answer.out.lines().any(|line| line.starts_with("::error::pwned")), "{format}:\n{}", answer.out);
        assert!(!answer.out.contains('\u{1b}'), "{format}:\n{}", answer.out);
        if format == "markdown" {
            assert!(!prose(&answer.out).contains("<img"), "{}", answer.out);
        }
    }
    let missing = room.tminus(&["why", "no\u{1b}[2Jsuch\nfile.log"]);
    assert_eq!(missing.code, 2);
    assert!(!missing.err.contains('\u{1b}'), "{:?}", missing.err);
}
