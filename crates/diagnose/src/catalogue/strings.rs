//! Many texts behind each other: what the build can embed without a pointer for each.

use std::borrow::Cow;

/// Texts by number.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    pub(super) text: Cow<'static, str>,
    /// Where each ends.
    pub(super) ends: Cow<'static, [u32]>,
}

impl Strings {
    /// The text of that number; they begin at 0. Empty when there are not so many.
    pub fn get(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..end as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.get(index))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for one in texts {
            text.push_str(one.as_ref());
            ends.push(text.len() as u32);
        }
        Strings { text: text.into(), ends: ends.into() }
    }
}
