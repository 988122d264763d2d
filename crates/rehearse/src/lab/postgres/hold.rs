//! Connections that are kept: taken slots, and locks that somebody else holds.
//!
//! Start reading at [`Held`].

use super::session::{Refusal, Session};
use super::{HOLDER, Postgres, SUPERUSER, answer};
use crate::lab::error::Result;

/// The name under which the lab's connections appear in `pg_stat_activity`.
const APPLICATION: &str = "lab holder";

/// Refusals one after the other that mean that every slot is taken. Each lasts until the server's process
/// for it has ended.
const REFUSED_IN_A_ROW: u32 = 5;

/// As whom connections are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// An ordinary role: it cannot take the reserved slots.
    Ordinary,
    /// A superuser: it takes every slot.
    Superuser,
}

/// Connections that are open until this is dropped.
#[derive(Debug)]
pub struct Held {
    sessions: Vec<Session>,
}

impl Held {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Closes `n` of them.
    pub fn release(&mut self, n: usize) {
        self.sessions.truncate(self.sessions.len().saturating_sub(n));
    }
}

impl Holder {
    fn role(self) -> &'static str {
        match self {
            Holder::Ordinary => HOLDER,
            Holder::Superuser => SUPERUSER,
        }
    }
}

impl Postgres {
    /// Takes `n` slots.
    ///
    /// # Errors
    ///
    /// The server's answer when it has not that many.
    pub fn hold(&self, n: usize, holder: Holder) -> Result<Held> {
        let sessions = (0..n).map(|_| self.session(holder.role(), APPLICATION));
        let sessions: std::result::Result<_, Refusal> = sessions.collect();
        Ok(Held { sessions: sessions.map_err(|refusal| answer("a connection to hold", &refusal))? })
    }

    /// Takes every slot that `holder` can have: the next client is refused with 53300.
    ///
    /// # Errors
    ///
    /// Any other answer of the server than 53300.
    pub fn fill(&self, holder: Holder) -> Result<Held> {
        let mut sessions = Vec::new();
        let mut refused = 0;
        // Whoever has just left still has its slot while its process ends.
        while refused < REFUSED_IN_A_ROW {
            match self.session(holder.role(), APPLICATION) {
                Ok(session) => {
                    sessions.push(session);
                    refused = 0;
                }
                Err(refusal) if refusal.code() == Some("53300") => refused += 1,
                Err(refusal) => return Err(answer("a connection to hold", &refusal)),
            }
        }
        Ok(Held { sessions })
    }

    /// Holds the session-level advisory lock `key` of the program's database.
    ///
    /// # Errors
    ///
    /// The server's answer; it waits as long as somebody else holds the lock, within the session's limit.
    pub fn hold_advisory_lock(&self, key: i64) -> Result<Held> {
        self.hold_by(&format!("SELECT pg_advisory_lock({key})"))
    }

    /// Holds an ACCESS EXCLUSIVE lock of a table in an open transaction.
    ///
    /// # Errors
    ///
    /// The server's answer, for example that the table is missing.
    pub fn hold_table_lock(&self, table: &str) -> Result<Held> {
        self.hold_by(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
    }

    fn hold_by(&self, sql: &str) -> Result<Held> {
        let mut session = self.session(SUPERUSER, APPLICATION).map_err(|refusal| answer(sql, &refusal))?;
        session.query(sql).map_err(|refusal| answer(sql, &refusal))?;
        Ok(Held { sessions: vec![session] })
    }
}
