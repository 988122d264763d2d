//! Rows of the form `Type: message`, and what a type's name alone tells.

use super::row::Row;
use super::wrapped;

/// No type has a longer name, with its package.
const LONGEST_NAME: usize = 256;

/// A type and a message found in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Title<'t> {
    pub type_name: &'t str,
    /// What follows on the same row, perhaps nothing.
    pub message: &'t str,
    /// Where the type begins in the text given.
    pub at: usize,
}

/// `pkg.Type: message` or a bare `pkg.Type` at the start of `text`, whatever the type is called.
pub(super) fn at_start(text: &str) -> Option<Title<'_>> {
    let end = name_length(text);
    let type_name = &text[..end];
    let rest = &text[end..];
    let message = match rest.strip_prefix(':') {
        Some(message) if message.is_empty() || message.starts_with(' ') => message.trim(),
        None if rest.trim().is_empty() => "",
        _ => return None,
    };
    let first = type_name.chars().next()?;
    let named = first.is_alphabetic() || first == '_';
    (named && !type_name.ends_with('.')).then_some(Title { type_name, message, at: 0 })
}

/// Like [`at_start`], for types that are called like errors, also after other words
/// (`failed to start Error: no`), in brackets (`[Error: no]`) and with a code
/// (`TypeError [ERR_X]: no`).
pub(super) fn anywhere(text: &str) -> Option<Title<'_>> {
    let colons = text.match_indices(':').map(|(at, _)| at);
    let after = |at: &usize| matches!(text.as_bytes().get(at + 1), None | Some(b' '));
    let row = text.trim_end();
    let row = row.strip_suffix(" {").map_or(row, str::trim_end);
    let ends = colons.filter(after).chain([row.len()]);
    ends.filter_map(|end| ending_at(text, end)).next()
}

/// The title whose type, or the code behind it (Node's ` [CODE]`, .NET's ` (111)`), ends at `end`.
fn ending_at(text: &str, end: usize) -> Option<Title<'_>> {
    let named = without_code(&text[..end]);
    let at = name_start(named)?;
    let name = &named[at..];
    let in_path = name.starts_with(['.', '/']) || text[..at].ends_with(['\\', '-', '@']);
    let message = text[end..].trim_start_matches(':').trim();
    (!in_path && is_error_name(name)).then_some(Title {
        type_name: name,
        message: if message == "{" { "" } else { message },
        at,
    })
}

fn without_code(text: &str) -> &str {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let code = text.strip_suffix([']', ')']).and_then(|inner| inner.rsplit_once([' ']));
    match code {
        Some((before, code)) if code.starts_with(['[', '(']) && code[1..].bytes().all(word) => before,
        _ => text,
    }
}

/// Where the name begins that `text` ends with; nothing when none does or it is absurdly long.
fn name_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = text.len();
    while at > 0 && text.len() - at < LONGEST_NAME {
        let byte = bytes[at - 1];
        if byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_$./".contains(&byte) {
            at -= 1;
        } else if text[..at].ends_with("::") && at < text.len() {
            at -= 2;
        } else {
            break;
        }
    }
    (at < text.len() && text.is_char_boundary(at)).then_some(at)
}

/// Bytes of the dotted name at the start of `text`, with a JVM module (`java.base/`) and
/// Python's `<locals>`.
fn name_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '.' | '_' | '$' => at += 1,
            '/' if at > 0 => at += 1,
            // Ruby and C++ nest types; a message never follows two colons.
            ':' if at > 0 && is_nested(&text[at..]) => at += 2,
            '<' if text[at..].starts_with("<locals>") => at += "<locals>".len(),
            next if next.is_alphanumeric() => at += next.len_utf8(),
            _ => break,
        }
    }
    text[..at].trim_end_matches(['.', '/']).len()
}

fn is_nested(text: &str) -> bool {
    let inner = text.strip_prefix("::");
    inner.is_some_and(|inner| inner.starts_with(|first: char| first.is_alphabetic() || first == '_'))
}

/// Whether a type's name says that it is an error, or is dotted and ends like a type.
pub(super) fn is_error_name(name: &str) -> bool {
    let name = match name.split_once('/') {
        // A module stands before a full name; anything else with a slash is a path.
        Some((_, class)) if class.contains('.') && !class.contains('/') => class,
        Some(_) => return false,
        None => name,
    };
    ends_like_error(name) || starts_upper(last_part(name)) && is_qualified(name)
}

/// Whether a type's name ends in a word for errors.
pub(super) fn ends_like_error(name: &str) -> bool {
    let endings = ["Error", "Exception", "Throwable", "Rejection", "Failure", "Fault", "Death"];
    let last = last_part(name);
    starts_upper(last) && endings.iter().any(|ending| last.ends_with(ending))
}

fn last_part(name: &str) -> &str {
    let part = name.bytes().rposition(|byte| matches!(byte, b'.' | b'$' | b':'));
    part.map_or(name, |at| &name[at + 1..])
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(|first: char| first.is_uppercase())
}

/// `a.b.Type`: at least two parts in small letters before the type; or Ruby's `A::Type`.
fn is_qualified(name: &str) -> bool {
    if name.contains("::") {
        let capital = |part: &str| part.starts_with(|first: char| first.is_ascii_uppercase());
        return name.split("::").all(capital);
    }
    let mut parts = name.rsplit('.').skip(1);
    let small = |part: &str| part.starts_with(|first: char| first.is_ascii_lowercase());
    parts.clone().count() >= 2 && parts.all(small)
}

/// The row that names the error whose calls begin at row `body`: the last title at the left margin,
/// else the last one anywhere, else the row before; `body` itself when nothing stands above. What
/// stands before it is a logger's own line.
pub(super) fn head(rows: &[Row], body: usize) -> usize {
    let above = || (0..body).rev();
    let margin = |row: &Row| row.indent() == 0 && anywhere(row.text).is_some_and(|title| title.at == 0);
    above()
        .find(|at| margin(&rows[*at]))
        .or_else(|| above().find(|at| anywhere(rows[*at].text).is_some()))
        .or_else(|| above().next().filter(|at| !rows[*at].blank()))
        .unwrap_or(body)
}

/// Names of errors that say how something was ended, wherever they are defined.
const MECHANISMS: [&str; 16] = [
    "AbortError",
    "BrokenPipeError",
    "CancellationException",
    "CancelledError",
    "CancelledException",
    "ClosedByInterruptException",
    "DeadlineExceeded",
    "DeadlineExceededException",
    "GeneratorExit",
    "Interrupt",
    "InterruptedException",
    "KeyboardInterrupt",
    "OperationCanceledException",
    "SystemExit",
    "TaskCanceledException",
    "JobCancellationException",
];

/// Where a plain timeout lives. A driver's own timeout (`redis.exceptions.TimeoutError`) names the
/// component that was waited for, so it does tell something.
const TIMEOUT_HOMES: [&str; 14] = [
    "",
    "anyio",
    "async_timeout",
    "asyncio",
    "asyncio.exceptions",
    "asyncio.timeouts",
    "builtins",
    "concurrent.futures",
    "concurrent.futures._base",
    "java.util.concurrent",
    "kotlinx.coroutines",
    "socket",
    "System",
    "trio",
];

/// Whole messages of wrapped errors that say no more than such a type.
const MECHANISM_TEXTS: [&str; 10] = [
    "context canceled",
    "context cancelled",
    "context deadline exceeded",
    "deadline exceeded",
    "deadline has elapsed",
    "future timed out",
    "operation timed out",
    "operation was canceled",
    "signal: terminated",
    "signal: interrupt",
];

/// Whether an error says how something was ended, not why.
pub(super) fn is_mechanism(type_name: &str, whole: &str) -> bool {
    let (home, last) = type_name.rsplit_once(['.', ':']).unwrap_or(("", type_name));
    if MECHANISMS.contains(&last) {
        return true;
    }
    // An operating system's timeout is an answer of the network, not a timer of the program.
    let of_system = whole.starts_with("[Errno") || whole.starts_with("[WinError");
    if matches!(last, "TimeoutError" | "TimeoutException" | "timeout" | "TimeoutCancellationException") {
        return TIMEOUT_HOMES.contains(&home.trim_end_matches(':')) && !of_system;
    }
    if last == "IOException" && whole.trim() == "Broken pipe" {
        return true;
    }
    // A wrapped error tells no more than the one at its end, when that one only ran out of time.
    let printed = matches!(type_name, "" | "panic" | "fatal error");
    let root = wrapped(whole.lines().next().unwrap_or_default()).pop();
    printed && root.is_some_and(|root| MECHANISM_TEXTS.contains(&root))
}

/// Whether a type is that of a lookup that found nothing, which programs use as a branch.
pub(super) fn is_lookup(short: &str) -> bool {
    let lookups =
        ["AttributeError", "Empty", "IndexError", "KeyError", "LookupError", "StopAsyncIteration", "StopIteration"];
    lookups.contains(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_found_behind_words_brackets_and_codes() {
        let found = |text| anywhere(text).map(|title: Title| (title.type_name, title.message));
        assert_eq!(found("failed to start Error: multi"), Some(("Error", "multi")));
        assert_eq!(found("[Error: ENOENT: no such file] {"), Some(("Error", "ENOENT: no such file] {")));
        assert_eq!(found("RangeError [ERR_SOCKET_BAD_PORT]: port"), Some(("RangeError", "port")));
        assert_eq!(found("SocketException (111): refused"), Some(("SocketException", "refused")));
        assert_eq!(found("Caused by: org.x.db.Broken: m"), Some(("org.x.db.Broken", "m")));
        assert_eq!(found("java.base/java.lang.Error"), Some(("java.base/java.lang.Error", "")));
        assert_eq!(found("an Error happened: x"), None);
        assert_eq!(found("see https://a.b.c/Error"), None);
        assert_eq!(found("listening on db.internal.example: 80"), None);
    }

    #[test]
    fn a_driver_s_own_timeout_is_no_mechanism() {
        assert!(is_mechanism("asyncio.exceptions.CancelledError", ""));
        assert!(is_mechanism("TimeoutError", ""));
        assert!(is_mechanism("java.util.concurrent.TimeoutException", "5 s"));
        assert!(is_mechanism("", "context deadline exceeded"));
        assert!(!is_mechanism("TimeoutError", "[Errno 110] Connection timed out"));
        assert!(!is_mechanism("redis.exceptions.TimeoutError", "Timeout connecting to server"));
        assert!(!is_mechanism("sqlalchemy.exc.TimeoutError", "QueuePool limit of size 5"));
    }
}
