//! The encoders of untrusted text, one per place where it can be shown.
//!
//! What it is for: log text, names of files, services and revisions come from whoever could make a
//! program print something. Each encoder makes such a text inert in one medium and leaves an
//! ordinary text as it is. What it must never do: lose the fact that something was there (characters
//! that cannot be seen are written out), or depend on what is around the text.
//! Where to start reading: `is_hidden`, then the medium of interest.

use std::fmt::Write as _;
use unicode_width::UnicodeWidthChar;

/// Most combining characters that may follow one another; more would climb over other lines.
const COMBINING_MAX: usize = 3;

/// A zero-width space as a character reference: it breaks what a renderer would link or notify,
/// and stays visible to whoever reads the source.
const BREAK: &str = "&#8203;";

/// Text for one line of a terminal. Nothing in it moves the cursor, changes colours, reorders the
/// line, or is taken for a workflow command by a runner that captures the output. Idempotent.
pub fn terminal(text: &str) -> String {
    defuse_commands(&visible(text, |_| false))
}

/// Text for one line of a terminal that shows ASCII alone: what [`terminal`] gives, with every
/// other character written as `\u{...}`. Idempotent.
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in terminal(text).chars() {
        if c.is_ascii() { out.push(c) } else { write_escape(&mut out, c) }
    }
    out
}

/// Text inside a paragraph, a list item or a table cell of GitHub's Markdown: no emphasis, link,
/// image, HTML, mention, issue reference, heading, list or table comes out of it.
pub fn markdown_inline(text: &str) -> String {
    let text = visible(text, |_| false);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let block_marker = block_marker_end(&chars);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|p| chars[p]);
        let after = chars.get(i + 1).copied();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '\\' | '`' | '*' | '[' | ']' | '~' | '$' => out.extend(['\\', c]),
            '_' if !(before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)) => {
                out.push_str("\\_");
            }
            _ if Some(i) == block_marker => out.extend(['\\', c]),
            '@' => out.extend(["@", BREAK]),
            '#' if after.is_some_and(|c| c.is_ascii_digit()) => out.extend(["#", BREAK]),
            '-' if after.is_some_and(|c| c.is_ascii_digit()) && ends_with_gh(&chars[..i]) => out.extend(["-", BREAK]),
            ':' if after == Some('/') => out.extend([":", BREAK]),
            '.' if ends_with_www(&chars[..i]) => out.extend([BREAK, "."]),
            _ => out.push(c),
        }
    }
    out
}

/// A code span for a paragraph, a list item or a table cell of GitHub's Markdown. Its fence is
/// longer than any run of backticks inside. A text with `|` becomes a `<code>` element, because no
/// escape of `|` survives in the code span of a table cell next to a backslash.
pub fn markdown_code(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let text = defuse_commands(&visible(text, |_| false));
    if text.contains('|') {
        return format!("<code>{}</code>", markdown_inline(&text));
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // One space on either side is stripped by the renderer, and needed where the text itself
    // begins or ends with what would be read as part of the fence.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A fenced block of GitHub's Markdown, from its opening fence to the line end after its closing
/// one. The fence is longer than any run of backticks inside; line ends stay line ends.
pub fn markdown_fence(text: &str) -> String {
    let text = visible(&text.replace("\r\n", "\n"), |c| c == '\n');
    let text = text.lines().map(defuse_commands).collect::<Vec<_>>().join("\n");
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// The message of a GitHub workflow command: `%`, CR and LF are percent-encoded, so that it stays
/// one command of one line.
pub fn github(text: &str) -> String {
    visible(text, |c| matches!(c, '\r' | '\n')).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property (`title=`, `file=`) of a GitHub workflow command: as [`github`], and `:` and `,`,
/// which end a property, are encoded too.
pub fn github_property(text: &str) -> String {
    github(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text for Slack's mrkdwn: `&`, `<` and `>` are encoded, so that no link and no mention comes out
/// of it, and the words that notify a whole channel are broken. Line ends stay.
pub fn slack(text: &str) -> String {
    let mut out = escape_markup(&visible(text, |c| c == '\n'));
    for word in ["@channel", "@here", "@everyone"] {
        out = out.replace(word, &format!("@\u{200b}{}", &word[1..]));
    }
    out
}

/// Text for the content or a quoted attribute of HTML. Line ends stay.
pub fn html(text: &str) -> String {
    escape_markup(&visible(text, |c| c == '\n')).replace('"', "&quot;").replace('\'', "&#39;")
}

/// Text for the content or a quoted attribute of SVG: as [`html`], on one line, and without the two
/// characters that no XML document may hold.
pub fn svg(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }).collect();
    escape_markup(&visible(&text, |_| false)).replace('"', "&quot;").replace('\'', "&#39;")
}

/// True for characters that a reader cannot see, or that change what is shown around them:
/// controls, direction marks and overrides, zero-width and filler characters, line separators, tags.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Writes hidden characters out as `\x1b` or `\u{202e}`, except those that `keep` lets through; a
/// tab becomes a space. Presentation selectors (U+FE00 to U+FE0F) say nothing by themselves and go.
fn visible(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut combining = 0;
    for c in text.chars() {
        let stacked = !c.is_ascii() && c.width() == Some(0);
        combining = if stacked { combining + 1 } else { 0 };
        match c {
            _ if keep(c) => out.push(c),
            '\t' => out.push(' '),
            '\u{fe00}'..='\u{fe0f}' => {}
            _ if is_hidden(c) || combining > COMBINING_MAX => write_escape(&mut out, c),
            _ => out.push(c),
        }
    }
    out
}

fn write_escape(out: &mut String, c: char) {
    let written = match c {
        '\n' => {
            out.push_str("\\n");
            Ok(())
        }
        '\r' => {
            out.push_str("\\r");
            Ok(())
        }
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// Workflow runners act on `::name::` at the start of a line, after spaces too, and on `##[name]` or
/// `##vso[` anywhere in what a step prints. A text can come to stand at the start of a line wherever
/// it is broken: after a space, or (where a long word is) not before a colon, for which runs of colons
/// have to be short. Addresses (`::1`, `:::8080`) and paths (`std::io`) stay as they are.
fn defuse_commands(text: &str) -> String {
    let text = text.replace("##[", "\\x23#[").replace("##vso[", "\\x23#vso[");
    if !text.contains("::") {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let (mut may_start, mut colons) = (true, 0);
    for (at, c) in text.char_indices() {
        let pair = text[at..].strip_prefix("::");
        if pair.is_some_and(|rest| colons >= 2 || (may_start && begins_with_command(rest))) {
            out.push_str("\\x3a");
        } else {
            out.push(c);
        }
        colons = if c == ':' { colons + 1 } else { 0 };
        may_start = c == ':' || c.is_whitespace();
    }
    out
}

/// The name of a command has letters that are no hexadecimal digits; what follows `::` in an address
/// has none.
fn begins_with_command(text: &str) -> bool {
    let name = text.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-');
    name.into_iter().any(|c| !c.is_ascii_hexdigit() && c != '-')
}

fn escape_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Where a backslash stops a leading heading, list item, rule or ordered number, if there is one.
fn block_marker_end(chars: &[char]) -> Option<usize> {
    let start = chars.iter().position(|c| !c.is_whitespace())?;
    if matches!(chars[start], '#' | '-' | '+' | '=') {
        return Some(start);
    }
    let digits = chars[start..].iter().take_while(|c| c.is_ascii_digit()).count();
    let end = start + digits;
    let item = digits > 0 && matches!(chars.get(end), Some('.' | ')'));
    (item && chars.get(end + 1).is_none_or(|c| c.is_whitespace())).then_some(end)
}

fn ends_with_gh(before: &[char]) -> bool {
    ends_with_ignoring_case(before, "gh")
}

fn ends_with_www(before: &[char]) -> bool {
    ends_with_ignoring_case(before, "www")
}

fn ends_with_ignoring_case(before: &[char], word: &str) -> bool {
    let n = word.len();
    before.len() >= n && before[before.len() - n..].iter().zip(word.chars()).all(|(a, b)| a.eq_ignore_ascii_case(&b))
}
