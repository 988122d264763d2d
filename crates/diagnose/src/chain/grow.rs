//! What one language tells the joiner: that a row begins a block, and which rows the block takes.

use super::row::{Row, Step};

/// A block that takes rows, in one language's way.
pub(super) trait Grow {
    /// Whether the block takes the next row.
    fn step(&mut self, row: &Row) -> Step;

    /// Whether what was taken so far is a failure text.
    fn confirmed(&self) -> bool {
        true
    }
}

/// A block begun in the middle: where its first row is to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// This row is the first that there is.
    Here,
    /// The last row that named an error, or else the row before.
    Title,
    /// Like [`Head::Title`], and a blank row may stand between.
    Paragraph,
    /// The row before is a function's name; its message may stand before that.
    Function,
}

/// A row that begins a block.
pub(super) struct Start {
    pub head: Head,
    pub grow: Box<dyn Grow>,
}

impl Start {
    /// A block that begins with this row.
    pub fn here(grow: impl Grow + 'static) -> Option<Start> {
        Start::from(Head::Here, grow)
    }

    /// A block that begins at `head`.
    pub fn from(head: Head, grow: impl Grow + 'static) -> Option<Start> {
        Some(Start { head, grow: Box::new(grow) })
    }
}
