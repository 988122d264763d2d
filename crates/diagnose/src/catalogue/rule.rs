//! What patterns and markers share: a gate of literals and a bounded regex.

use regex_automata::meta::{BuildError, Config, Regex};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

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

/// How much is built before the first search. What is found is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Ready soon, slow on long texts: for rules that see a few lines, as most do.
    Little,
    /// Ready late (three times the work), fast on long texts.
    Much,
}

/// Compiles the regex of a rule: multi-line, classes in ASCII, bounded in size and nesting.
///
/// ASCII, and over bytes, because repeats of Unicode classes cost up to fifty times the memory:
/// `\d{1,400}` takes 45 KB so and 2 MB otherwise. Text of other scripts still matches `.` and
/// negated classes, byte by byte; the matcher moves the edges of what matched to whole characters.
/// A regex that cannot be had so (a class with characters beyond ASCII) is compiled with Unicode.
pub fn compile(regex: &str) -> Result<Regex, Refused> {
    build(&parse(regex)?, Effort::Little)
}

/// Reads the regex of a rule, as [`compile`] says.
pub fn parse(regex: &str) -> Result<Hir, Refused> {
    if regex.len() > REGEX_MAX {
        let what = format!("the regex has {} bytes, more than {REGEX_MAX}", regex.len());
        return Err(Refused { what, next: "split the rule in two" });
    }
    let read = |unicode| {
        let mut grammar = ParserBuilder::new();
        grammar.utf8(false).unicode(unicode).multi_line(true).nest_limit(REGEX_NESTING);
        grammar.build().parse(regex).map_err(|error| error.to_string())
    };
    let read = match read(false) {
        Err(_) if !regex.is_ascii() => read(true),
        read => read,
    };
    read.map_err(|error| wrong(&error))
}

/// Compiles what [`parse`] read.
///
/// The literals of a rule have found the text already: what would look for literals again, and
/// whatever else takes longer to build than it saves, is left out.
pub fn build(regex: &Hir, effort: Effort) -> Result<Regex, Refused> {
    let engines = Config::new()
        .utf8_empty(false)
        .auto_prefilter(false)
        .hybrid(effort == Effort::Much)
        .nfa_size_limit(Some(REGEX_SIZE))
        .hybrid_cache_capacity(REGEX_CACHE);
    Regex::builder().configure(engines).build_from_hir(regex).map_err(|error| too_large(&error))
}

fn too_large(error: &BuildError) -> Refused {
    if error.size_limit().is_none() {
        return wrong(&error.to_string());
    }
    Refused {
        what: format!("the regex compiles to more than {} KiB", REGEX_SIZE >> 10),
        next: "shorten its repeats: `\\S+` is far smaller than `\\S{1,400}`",
    }
}

/// The parser draws the regex with a caret over several lines; the last says what is wrong.
fn wrong(error: &str) -> Refused {
    Refused {
        what: error.lines().last().unwrap_or_default().replace("error: ", "the regex is wrong: "),
        next: "correct it; classes are ASCII, there is no look-around",
    }
}
