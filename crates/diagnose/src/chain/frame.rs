//! One call of a stack, and whose code it is in.

/// Whose code a call is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The program itself.
    Application,
    /// A library that was installed beside it.
    ThirdParty,
    /// The language's own library or runtime, or the framework that starts the program.
    Runtime,
}

/// One call of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Row of the block that shows it.
    pub line: usize,
    /// Function or method as printed; empty when not printed.
    pub function: String,
    /// File as printed; empty when not printed.
    pub file: String,
    /// Line in that file.
    pub number: Option<u32>,
    /// Whose code it is in.
    pub place: Place,
}

impl Frame {
    /// The frame shown on row `line`.
    pub(super) fn new(line: usize, function: &str, file: &str, number: Option<u32>, place: Place) -> Frame {
        Frame { line, function: function.trim().to_string(), file: file.trim().to_string(), number, place }
    }
}

/// `file:12` or `file:12:34` taken apart into file and line.
pub(super) fn split_position(text: &str) -> (&str, Option<u32>) {
    let number = |text: &str| text.parse::<u32>().ok();
    let Some((head, last)) = text.rsplit_once(':') else {
        return (text, None);
    };
    let Some(last) = number(last) else {
        return (text, None);
    };
    match head.rsplit_once(':') {
        Some((file, line)) if number(line).is_some() => (file, number(line)),
        _ => (head, Some(last)),
    }
}

/// Whether `text` starts with one of `starts`.
pub(super) fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

/// Whether `text` contains one of `parts`.
pub(super) fn contains_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}
