//! Mistakes that the reader of a plan found in its text.

use crate::source::Span;

/// One mistake: what, where, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// False for what is only probably not meant.
    pub fatal: bool,
    /// The flag or variable that is at fault, when it is none of the plan's text.
    pub outside: Option<String>,
    /// Bytes of the plan's text; none when it is at fault as a whole, or not at all.
    pub span: Option<Span>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place of the plan that belongs to it, and why.
    pub related: Option<(Span, String)>,
}
