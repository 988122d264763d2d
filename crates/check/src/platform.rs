//! The platform facts: limits and defaults, each with its unit and its source.
//!
//! What it is for: rules take numbers from here, and from nowhere else, so that every number that is
//! printed can be traced. What it must never do: hold a number that `knowledge/platforms.toml` does
//! not have. Where to start reading: `knowledge/platforms.toml`.

/// One number about a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name, as `cloud-run.stop-grace`.
    pub id: &'static str,
    /// The number, in `unit`.
    pub value: u64,
    /// What it counts.
    pub unit: &'static str,
    /// `documented`, `reported` (seen in the field) or `own` (a rule of tminus).
    pub kind: &'static str,
    /// Where it is known from.
    pub source: &'static str,
}

/// Numbers that depend on another one: from `rows[i].0` on, `rows[i].1` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub id: &'static str,
    /// The unit of the first number of a row.
    pub at_unit: &'static str,
    /// The unit of the second.
    pub unit: &'static str,
    /// As in [`Fact`].
    pub kind: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    /// Lower bound and value, rising.
    pub rows: &'static [(u64, u64)],
}

impl Table {
    /// The value that holds at `at`; nothing below the first row.
    pub fn value(&self, at: u64) -> Option<u64> {
        self.rows.iter().rev().find(|(from, _)| at >= *from).map(|(_, value)| *value)
    }
}

include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_unit_and_a_source() {
        let mut ids: Vec<&str> = FACTS.iter().map(|fact| fact.id).collect();
        assert!(FACTS.iter().all(|fact| !fact.unit.is_empty() && fact.source.len() > 10));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), FACTS.len(), "each fact is there once");
    }

    #[test]
    fn the_wrong_row_of_the_tier_table_is_not_read() {
        // db-custom-1-3840 has 100, not the 400 of the row below it.
        assert_eq!(CLOUD_SQL_POSTGRES_MAX_CONNECTIONS.value(3840), Some(100));
        assert_eq!(CLOUD_SQL_POSTGRES_MAX_CONNECTIONS.value(614), Some(25));
        assert_eq!(CLOUD_SQL_POSTGRES_MAX_CONNECTIONS.value(7680), Some(400));
        assert_eq!(CLOUD_SQL_POSTGRES_MAX_CONNECTIONS.value(500_000), Some(1000));
    }
}
