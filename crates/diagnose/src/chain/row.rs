//! One row as the recognisers see it.

use super::columns;

/// A row, with its logger's columns told apart from what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'t> {
    /// The whole row.
    pub line: &'t str,
    /// What it says, indentation kept.
    pub text: &'t str,
    /// It starts with a stamp.
    pub stamped: bool,
    /// It starts with a level, perhaps behind a stamp.
    pub levelled: bool,
    /// A new record starts here, as far as the caller or the columns tell, and the block's earlier
    /// rows do not each start one.
    pub fresh: bool,
    /// It came noticeably later than the row before.
    pub late: bool,
}

impl<'t> Row<'t> {
    /// The row of a whole line.
    pub fn of(line: &'t str) -> Row<'t> {
        let line = line.trim_end_matches(['\r', '\n']);
        let columns = columns::read(line);
        Row {
            line,
            text: &line[columns.width..],
            stamped: columns.stamped,
            levelled: columns.levelled,
            fresh: columns.width > 0,
            late: false,
        }
    }

    /// It has columns of a logger.
    pub fn columned(&self) -> bool {
        self.stamped || self.levelled
    }

    /// It has a column that `other`, a row of the same text, lacks.
    pub fn has_more_columns_than(&self, other: Option<&Row>) -> bool {
        let (stamped, levelled) = other.map_or((false, false), |row| (row.stamped, row.levelled));
        self.stamped && !stamped || self.levelled && !levelled
    }

    /// Without indentation and trailing space.
    pub fn trimmed(&self) -> &'t str {
        self.text.trim()
    }

    pub fn blank(&self) -> bool {
        self.trimmed().is_empty()
    }

    /// Bytes of leading white space, 0 for a blank row.
    pub fn indent(&self) -> usize {
        if self.blank() {
            return 0;
        }
        self.text.len() - self.text.trim_start().len()
    }
}

/// What a growing block makes of the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to the block.
    Join,
    /// It belongs to the block if a later row does.
    Hold,
    /// The block ended before it.
    End,
}
