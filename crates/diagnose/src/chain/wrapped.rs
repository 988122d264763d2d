//! Messages that wrap one another on one line: `outer: inner: innermost`.

/// The parts of `message`, outermost first; the whole when it wraps nothing.
///
/// Split at `: ` only: ports, Windows paths and `pkg::name` have no space after the colon. Text in
/// quotes, back-ticks and brackets is never split. The last part is usually the root, but `%w` may
/// stand first in a Go format, so callers keep the whole as well.
pub fn wrapped(message: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut depth = 0usize;
    let bytes = message.as_bytes();
    let mut at = 0;
    // A quote that never closes is looked for once, not again from every later one.
    let mut unclosed = [false; 256];
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'`' | b'\'') if opens(bytes, at) && !unclosed[usize::from(quote)] => {
                match closing(bytes, at, quote) {
                    Some(end) => at = end,
                    None => unclosed[usize::from(quote)] = true,
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b' ') && at > start => {
                parts.push(message[start..at].trim());
                start = at + 2;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(message[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// A quote opens where a word cannot be going on: `can't` opens nothing.
fn opens(bytes: &[u8], at: usize) -> bool {
    at == 0 || !bytes[at - 1].is_ascii_alphanumeric()
}

/// Where the quote opened at `at` closes.
fn closing(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (offset, byte) in bytes[at + 1..].iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if *byte == quote => return Some(at + 1 + offset),
            _ => {}
        }
    }
    None
}
