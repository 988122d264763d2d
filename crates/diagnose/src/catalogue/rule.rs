//! What patterns and markers share: a gate of literals and a bounded regex.

use regex::bytes::{Regex, RegexBuilder};

/// The shortest literal, in bytes: shorter ones let everything through the gate.
pub const LITERAL_MIN: usize = 4;
/// The longest literal, in bytes.
pub const LITERAL_MAX: usize = 200;
/// The longest regex, in bytes.
pub const REGEX_MAX: usize = 1000;
/// How deep a regex may nest.
const REGEX_NESTING: u32 = 20;
/// The largest compiled regex, in bytes.
const REGEX_SIZE: usize = 192 << 10;
/// The largest cache that a search may build for one regex and direction, in bytes.
const REGEX_CACHE: usize = 256 << 10;

/// Why a regex is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next: &'static str,
}

/// Compiles the regex of a rule: multi-line, classes in ASCII, bounded in size and nesting.
///
/// ASCII, and over bytes, because repeats of Unicode classes cost up to fifty times the memory:
/// `\d{1,400}` takes 45 KB so and 2 MB otherwise. Text of other scripts still matches `.` and
/// negated classes, byte by byte; the matcher moves the edges of what matched to whole characters.
/// A regex that cannot be had so (a class with characters beyond ASCII) is compiled with Unicode.
pub fn compile(regex: &str) -> Result<Regex, Refused> {
    if regex.len() > REGEX_MAX {
        let what = format!("the regex has {} bytes, more than {REGEX_MAX}", regex.len());
        return Err(Refused { what, next: "split the rule in two" });
    }
    let build = |unicode| {
        RegexBuilder::new(regex)
            .unicode(unicode)
            .multi_line(true)
            .nest_limit(REGEX_NESTING)
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_CACHE)
            .build()
    };
    let built = match build(false) {
        Err(regex::Error::Syntax(_)) if !regex.is_ascii() => build(true),
        built => built,
    };
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Refused {
            what: format!("the regex compiles to more than {} KiB", REGEX_SIZE >> 10),
            next: "shorten its repeats: `\\S+` is far smaller than `\\S{1,400}`",
        },
        // The parser draws the regex with a caret over several lines; the last says what is wrong.
        error => Refused {
            what: error.to_string().lines().last().unwrap_or_default().replace("error: ", "the regex is wrong: "),
            next: "correct it; classes are ASCII, there is no look-around",
        },
    })
}
