//! Rows by number and by name, each read when it is first asked for: a verdict needs a few of
//! thousands.

use super::read::Entry;
use super::strings::Strings;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Rows as the build embeds them, in declared order.
#[derive(Debug)]
pub struct Sealed {
    /// Their names.
    pub names: Strings,
    /// The rows as JSON.
    pub rows: Strings,
    /// Their numbers, by name.
    pub by_name: &'static [u32],
}

/// Rows of one kind.
#[derive(Debug)]
pub struct Table<T: 'static> {
    /// Where rows that nobody asked for yet are read from.
    sealed: Option<&'static Sealed>,
    rows: Vec<OnceLock<Box<T>>>,
    by_name: Cow<'static, [u32]>,
}

impl<T: Entry> Table<T> {
    /// The rows that the build embedded.
    pub fn sealed(sealed: &'static Sealed) -> Self {
        let rows = sealed.by_name.iter().map(|_| OnceLock::new()).collect();
        Table { sealed: Some(sealed), rows, by_name: sealed.by_name.into() }
    }

    /// Rows that are at hand.
    pub fn open(rows: Vec<T>) -> Self {
        let mut by_name: Vec<u32> = (0..rows.len() as u32).collect();
        by_name.sort_by_key(|&index| rows[index as usize].name());
        let rows = rows.into_iter().map(|row| OnceLock::from(Box::new(row))).collect();
        Table { sealed: None, rows, by_name: by_name.into() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row of that number, less than [`Table::len`].
    pub fn get(&self, index: usize) -> &T {
        self.rows[index].get_or_init(|| {
            let row = self.sealed.map_or("", |sealed| sealed.rows.get(index));
            serde_json::from_str(row).expect("the build wrote it with the same types")
        })
    }

    /// The number of the row of that name.
    pub fn find(&self, name: &str) -> Option<usize> {
        let found = self.by_name.binary_search_by(|&index| self.name(index as usize).cmp(name)).ok()?;
        Some(self.by_name[found] as usize)
    }

    /// All rows, in declared order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn name(&self, index: usize) -> &str {
        match self.sealed {
            Some(sealed) => sealed.names.get(index),
            None => self.get(index).name(),
        }
    }
}
