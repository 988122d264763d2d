//! One row as the recognisers see it.

use super::columns;

/// A row, with its logger's columns told apart from what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'t> {
    /// The whole row.
    pub line: &'t str,
    /// What it says, indentation kept.
    pub text: &'t str,
    /// That, without indentation and trailing space.
    pub trimmed: &'t str,
    /// It starts with a stamp.
    pub stamped: bool,
    /// It starts with a level, perhaps behind a stamp.
    pub levelled: bool,
    /// A new record starts here, as far as the caller or the columns tell, and the block's earlier
    /// rows do not each start one.
    pub fresh: bool,
    /// It came noticeably later than the row before.
    pub late: bool,
    pub signs: Signs,
}

impl<'t> Row<'t> {
    /// The row of a whole line.
    pub fn of(line: &'t str) -> Row<'t> {
        let line = line.trim_end_matches(['\r', '\n']);
        let columns = columns::read(line);
        let text = &line[columns.width..];
        Row {
            line,
            text,
            trimmed: text.trim(),
            stamped: columns.stamped,
            levelled: columns.levelled,
            fresh: columns.width > 0,
            late: false,
            signs: Signs::of(line),
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

    pub fn blank(&self) -> bool {
        self.trimmed.is_empty()
    }

    /// Bytes of leading white space, 0 for a blank row.
    pub fn indent(&self) -> usize {
        if self.blank() {
            return 0;
        }
        self.text.len() - self.text.trim_start().len()
    }
}

/// What one pass over a row shows, so that most rows need no closer look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    /// `:  ` as behind the tags of the Postgres server.
    pub tag: bool,
    /// `b:` or `>:` as in the positions of Ruby.
    pub ruby: bool,
    /// `co` at the start or behind `: ` or `) `, as where libpq speaks of a connection.
    pub connection: bool,
}

impl Signs {
    fn of(line: &str) -> Signs {
        // Without branches, so that the compiler compares many bytes at once.
        let bytes = line.as_bytes();
        let from = |at: usize| bytes.get(at..).unwrap_or_default();
        let fours = bytes.iter().zip(from(1)).zip(from(2)).zip(from(3));
        let mut signs = Signs { tag: false, ruby: line.ends_with(':'), connection: line.starts_with("co") };
        for (((a, b), c), d) in fours {
            signs.tag |= (*a == b':') & (*b == b' ') & (*c == b' ');
            signs.ruby |= ((*b == b'b') | (*b == b'>')) & (*c == b':');
            signs.connection |= ((*a == b':') | (*a == b')')) & (*b == b' ') & (*c == b'c') & (*d == b'o');
        }
        signs
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
