//! The verdict itself, for machines.

use crate::encode;
use std::fmt::Write as _;
use tminus_core::verdict::Verdict;

/// `tminus.verdict/1`, indented, fields in the order of the type, a line end at the end.
///
/// Hidden characters (direction overrides, C1 controls) and the workflow commands that work anywhere
/// in a line are written with `\u` escapes: the same value for a parser, harmless for a terminal or a
/// runner that shows it.
pub fn json(verdict: &Verdict) -> String {
    let plain = serde_json::to_string_pretty(verdict).unwrap_or_else(|error| {
        // Unreachable for this type: it has no maps with keys other than strings and no fallible
        // serializer. Still no reason to bring a program down.
        serde_json::json!({ "schema": verdict.schema, "error": error.to_string() }).to_string()
    });
    inert(&plain) + "\n"
}

/// JSON that is the same value for a parser and harmless for a terminal or a runner: see [`json`].
pub(crate) fn inert(plain: &str) -> String {
    // A runner acts on these wherever they stand in what a step prints.
    let plain = plain.replace("##[", "\\u0023#[").replace("##vso[", "\\u0023#vso[");
    let mut out = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        if c != '\n' && encode::is_hidden(c) {
            // Outside strings JSON is ASCII and free of controls, so this is inside one.
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let written = write!(out, "\\u{unit:04x}");
                debug_assert!(written.is_ok(), "writing to a String cannot fail");
            }
        } else {
            out.push(c);
        }
    }
    out
}
