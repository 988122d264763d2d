//! Each encoder against what it is there for.

use proptest::prelude::*;
use tminus_report::encode;

#[test]
fn terminal_shows_what_cannot_be_seen() {
    let cases = [
        ("plain text, café, 注文", "plain text, café, 注文"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\rc\td", "a\\nb\\rc d"),
        ("\u{9b}2J \u{7f} \0", "\\u{9b}2J \\x7f \\x00"),
        ("user\u{202e}gnp.exe", "user\\u{202e}gnp.exe"),
        ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ("tag\u{e0041}", "tag\\u{e0041}"),
        ("a\u{301}\u{301}\u{301}\u{301}", "a\u{301}\u{301}\u{301}\\u{301}"),
        ("careful \u{26a0}\u{fe0f}", "careful \u{26a0}"),
    ];
    for (text, want) in cases {
        assert_eq!(encode::terminal(text), want);
    }
    assert_eq!(encode::ascii("café …"), "caf\\u{e9} \\u{2026}");
}

#[test]
fn terminal_leaves_no_workflow_command() {
    let cases = [
        ("::error::gotcha", "\\x3a:error::gotcha"),
        ("  ::add-mask::x", "  \\x3a:add-mask::x"),
        ("x ##[error]y ##vso[task]z", "x \\x23#[error]y \\x23#vso[task]z"),
        ("connect ECONNREFUSED ::1:5432", "connect ECONNREFUSED ::1:5432"),
        ("std::io::Error", "std::io::Error"),
        ("a:::error::b", "a:\\x3a:error::b"),
        ("::::x", "::\\x3a:x"),
        ("listening on :::8080 and ::ffff:10.0.0.1", "listening on :::8080 and ::ffff:10.0.0.1"),
    ];
    for (text, want) in cases {
        assert_eq!(encode::terminal(text), want);
    }
}

#[test]
fn markdown_inline_stays_text() {
    let cases = [
        ("missing_module of orders.refunds", "missing_module of orders.refunds"),
        ("__init__ *bold* `code`", "\\_\\_init\\_\\_ \\*bold\\* \\`code\\`"),
        ("[click](https://evil.example)", "\\[click\\](https:&#8203;//evil.example)"),
        ("![](x) <img src=x onerror=y>", "!\\[\\](x) &lt;img src=x onerror=y&gt;"),
        (
            "@admin see #1 and GH-2 and www.evil.example",
            "@&#8203;admin see #&#8203;1 and GH-&#8203;2 and www&#8203;.evil.example",
        ),
        ("a | b", "a &#124; b"),
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("12. item", "12\\. item"),
        ("two\nlines", "two\\\\nlines"),
        ("&lt; \\ $x$ ~~y~~", "&amp;lt; \\\\ \\$x\\$ \\~\\~y\\~\\~"),
    ];
    for (text, want) in cases {
        assert_eq!(encode::markdown_inline(text), want);
    }
}

#[test]
fn markdown_code_is_longer_than_what_it_holds() {
    assert_eq!(encode::markdown_code("a.b"), "`a.b`");
    assert_eq!(encode::markdown_code("a`b``c"), "```a`b``c```");
    assert_eq!(encode::markdown_code("`a`"), "`` `a` ``");
    assert_eq!(encode::markdown_code(""), "(empty)");
    assert_eq!(encode::markdown_code("a|b@c\\|<d>"), "<code>a&#124;b@&#8203;c\\\\&#124;&lt;d&gt;</code>");
}

#[test]
fn markdown_fence_is_longer_than_what_it_holds() {
    assert_eq!(encode::markdown_fence("plain"), "```text\nplain\n```\n");
    assert_eq!(encode::markdown_fence("a\n```\n@all <b>\r\n"), "````text\na\n```\n@all <b>\n````\n");
    assert_eq!(encode::markdown_fence("\x1b[2J"), "```text\n\\x1b[2J\n```\n");
    assert_eq!(encode::markdown_fence("a\n::error::b"), "```text\na\n\\x3a:error::b\n```\n");
}

#[test]
fn github_is_one_line() {
    assert_eq!(encode::github("100% of\r\n::error::it"), "100%25 of%0D%0A::error::it");
    assert_eq!(encode::github_property("a:b,c%"), "a%3Ab%2Cc%25");
}

#[test]
fn slack_and_html_hold_no_markup() {
    assert_eq!(encode::slack("<!channel> & <@U1> @here"), "&lt;!channel&gt; &amp; &lt;@U1&gt; @\u{200b}here");
    assert_eq!(encode::html("<b title=\"x\" id='y'>&"), "&lt;b title=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
}

/// Texts that are made of what encoders have to deal with.
pub fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z ._/:-]{0,12}",
        prop::sample::select(vec![
            "\x1b[31m",
            "\n",
            "\r\n",
            "::",
            "::error::",
            "##[error]",
            "`",
            "```",
            "````",
            "|",
            "\\",
            "\\|",
            "<script>",
            "&amp;",
            "@team",
            "#12",
            "[x](y)",
            "%0A",
            "\u{202e}",
            "\u{9b}",
            "注文",
            "a\u{301}",
            "…",
            "\u{200d}",
            "👩\u{200d}💻",
            "- ",
            "> ",
            "# ",
            "~~~",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn terminal_is_idempotent_and_free_of_controls(text in hostile()) {
        let once = encode::terminal(&text);
        prop_assert_eq!(&encode::terminal(&once), &once);
        prop_assert!(!once.chars().any(char::is_control), "{:?}", once);
        let ascii = encode::ascii(&text);
        prop_assert!(ascii.is_ascii());
        prop_assert_eq!(encode::ascii(&ascii), ascii);
    }

    #[test]
    fn markdown_inline_leaves_no_markup(text in hostile()) {
        let out = encode::markdown_inline(&text);
        prop_assert!(!out.contains(['<', '>', '|', '\n']), "{:?}", out);
        let mut escaped = false;
        for c in out.chars() {
            prop_assert!(escaped || !matches!(c, '`' | '*' | '[' | ']' | '~' | '$'), "{:?} in {:?}", c, out);
            escaped = c == '\\' && !escaped;
        }
        prop_assert!(!escaped, "a backslash at the end would escape what follows: {:?}", out);
    }

    #[test]
    fn markdown_code_cannot_be_left(text in hostile()) {
        let out = encode::markdown_code(&text);
        prop_assert!(!out.contains(['\n', '|']), "{:?}", out);
        let fence = out.chars().take_while(|c| *c == '`').count();
        if fence > 0 {
            let inner = &out[fence..out.len() - fence];
            let runs = inner.split(|c| c != '`').map(str::len);
            prop_assert!(runs.max().unwrap_or(0) < fence, "{:?}", out);
            prop_assert!(!inner.starts_with('`') && !inner.ends_with('`'), "{:?}", out);
        }
    }

    #[test]
    fn github_cannot_be_left(text in hostile()) {
        let out = encode::github(&text);
        prop_assert!(!out.chars().any(char::is_control), "{:?}", out);
        let property = encode::github_property(&text);
        prop_assert!(!property.contains([':', ',']) && !property.chars().any(char::is_control), "{:?}", property);
    }

    #[test]
    fn slack_and_html_cannot_be_left(text in hostile()) {
        prop_assert!(!encode::slack(&text).contains(['<', '>']));
        prop_assert!(!encode::html(&text).contains(['<', '>', '"', '\'']));
    }
}
