//! Shares what many rows have in common: 160,000 rows of 16 instances hold 16 origins.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tminus_core::record::{Name, Origin};

/// Entries of one table beyond which it starts over: sharing is worth memory, not all of it.
const MAX_ENTRIES: usize = 65_536;

/// Longer texts are no names; holding many of them would cost more than it saves.
const MAX_KEY: usize = 4096;

/// Names and origins handed out so far.
#[derive(Default)]
pub(crate) struct Interner {
    names: BTreeSet<Name>,
    origins: BTreeSet<Arc<Origin>>,
}

impl Interner {
    pub(crate) fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name: Name = Arc::from(text);
        if text.len() > MAX_KEY {
            return name;
        }
        if self.names.len() >= MAX_ENTRIES {
            self.names.clear();
        }
        self.names.insert(name.clone());
        name
    }

    pub(crate) fn origin(&mut self, origin: Origin) -> Arc<Origin> {
        if let Some(known) = self.origins.get(&origin) {
            return known.clone();
        }
        if self.origins.len() >= MAX_ENTRIES {
            self.origins.clear();
        }
        let origin = Arc::new(origin);
        self.origins.insert(origin.clone());
        origin
    }
}

/// What was made from a repeated piece of input (a prefix, the labels of an entry), by its bytes.
pub(crate) struct Memo<T> {
    made: HashMap<Box<[u8]>, T>,
    /// Rows of one writer often follow one another: compared before anything is hashed.
    last: Option<(Vec<u8>, T)>,
}

impl<T: Clone> Memo<T> {
    pub(crate) fn new() -> Memo<T> {
        Memo { made: HashMap::new(), last: None }
    }

    /// What `make` made of `key`, the first time that it was seen.
    pub(crate) fn get(&mut self, key: &[u8], make: impl FnOnce() -> T) -> T {
        if let Some((_, value)) = self.last.as_ref().filter(|(last, _)| last == key) {
            return value.clone();
        }
        let known = self.made.get(key).cloned();
        let value = known.clone().unwrap_or_else(make);
        if key.len() > MAX_KEY {
            return value;
        }
        if known.is_none() {
            if self.made.len() >= MAX_ENTRIES / 16 {
                self.made.clear();
            }
            self.made.insert(key.into(), value.clone());
        }
        self.last = Some((key.to_vec(), value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_one_allocation() {
        let mut interner = Interner::default();
        let name = interner.name("orders");
        assert!(Arc::ptr_eq(&name, &interner.name("orders")));
        let origin =
            |interner: &mut Interner| interner.origin(Origin { service: Some(name.clone()), ..Origin::default() });
        let first = origin(&mut interner);
        assert!(Arc::ptr_eq(&first, &origin(&mut interner)));
    }

    #[test]
    fn a_memo_makes_each_value_once() {
        let mut memo = Memo::new();
        let mut made = 0;
        for _ in 0..3 {
            memo.get(b"key", || made += 1);
        }
        assert_eq!(made, 1);
    }
}
