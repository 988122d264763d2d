//! A lease in Postgres: one instance at a time does what must be done once.
//!
//! One row per lease in the table `tminus_lease`, which is made when it is missing. The database's
//! clock decides when a lease has run out, so that the instances' clocks do not matter; a fencing
//! token counts up with every grant. Advisory locks are not used: a session that a transaction pooler
//! hands to somebody else keeps them, or loses them.
//!
//! It must never hold a connection between two askings.

use crate::finding::{Failure, Subject};
use crate::postgres;
use crate::probe::Probe;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::plan::Once;
use tminus_core::target::{Environment, Target};
use tminus_core::vocabulary::Layer;
use tokio::time::Instant;

/// How long one asking may take, connection included.
const ASKING: Duration = Duration::from_secs(10);
/// How long one dial may take.
const DIAL: Duration = Duration::from_secs(2);
/// Time between two attempts to renew.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// Most sessions that are named when somebody holds a lock.
const LOCKS_MAX: usize = 5;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The instance: what another one that waits will read.
    pub instance: String,
    /// The service.
    pub service: String,
}

/// A lease that was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Counts up with every grant; an older one is never valid again.
    pub token: u64,
    /// Our clock when the last grant or renewal was asked for: the lease lasts at least its `ttl`
    /// from here.
    pub since: Instant,
}

/// A lease that can be asked for.
pub struct Lease {
    probe: Probe,
    name: String,
    holder: String,
    ttl: Duration,
}

impl Lease {
    /// The lease of a step.
    pub fn new(once: &Once, who: Asked, environment: &Environment) -> Lease {
        let holder = format!("{} {} pid {}", who.service, who.instance, std::process::id());
        Lease {
            probe: Probe::new(&Target::Postgres(once.database.clone()), Layer::Slot, environment),
            name: once.lease.clone(),
            holder,
            ttl: once.ttl.duration(),
        }
    }

    /// Asks for it.
    ///
    /// # Errors
    /// [`Code::LeaseHeld`] with the holder's name and age, or what the database answered.
    pub async fn acquire(&self) -> Result<Granted, Failure> {
        let since = Instant::now();
        let rows = match self.ask(&self.acquire_sql()).await {
            Err(failure) if is_missing_table(&failure) => {
                self.ask(CREATE).await?;
                self.ask(&self.acquire_sql()).await?
            }
            other => other?,
        };
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        match text(0).as_str() {
            "granted" => Ok(Granted { token: text(1).parse().unwrap_or(0), since }),
            _ => Err(Failure::new(Code::LeaseHeld, self.held(&text(2), &text(3), &text(4)))),
        }
    }

    fn held(&self, holder: &str, age: &str, left: &str) -> String {
        format!("lease `{}` is held by {holder} since {age} s, granted for another {left} s", self.name)
    }

    fn acquire_sql(&self) -> String {
        let (name, holder) = (quote(&self.name), quote(&self.holder));
        let ttl = self.ttl.as_millis();
        format!(
            "with granted as (
               insert into tminus_lease as l (name, token, holder, granted_at, expires_at)
               values ({name}, 1, {holder}, clock_timestamp(), clock_timestamp() + interval '{ttl} milliseconds')
               on conflict (name) do update
                 set token = l.token + 1, holder = excluded.holder, granted_at = excluded.granted_at,
                     expires_at = excluded.expires_at
                 where l.expires_at <= clock_timestamp()
               returning token)
             select 'granted', token, null, null, null from granted
             union all
             select 'held', token, holder, round(extract(epoch from clock_timestamp() - granted_at)),
                    round(extract(epoch from expires_at - clock_timestamp()))
             from tminus_lease where name = {name} and not exists (select 1 from granted)"
        )
    }

    /// Renews it; repeated while it provably still lasts.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] when somebody else has it, or when it could not be renewed in time.
    pub async fn renew(&self, granted: &Granted) -> Result<Granted, Failure> {
        // A margin for our own slowness: whoever is not sure to hold it has to stop.
        let until = granted.since + self.ttl.mul_f64(0.8);
        loop {
            let since = Instant::now();
            let failure = match self.ask(&self.renew_sql(granted)).await {
                Ok(rows) if rows.is_empty() => {
                    return Err(Failure::new(Code::LeaseLost, format!("lease `{}` went to somebody else", self.name)));
                }
                Ok(_) => return Ok(Granted { token: granted.token, since }),
                Err(failure) => failure,
            };
            if Instant::now() + RENEW_AGAIN >= until {
                let what = format!("lease `{}` could not be renewed in time: {}", self.name, failure.detail);
                return Err(Failure::new(Code::LeaseLost, what));
            }
            tokio::time::sleep(RENEW_AGAIN).await;
        }
    }

    fn renew_sql(&self, granted: &Granted) -> String {
        format!(
            "update tminus_lease set expires_at = clock_timestamp() + interval '{} milliseconds'
             where name = {} and token = {} and holder = {} and expires_at > clock_timestamp() returning token",
            self.ttl.as_millis(),
            quote(&self.name),
            granted.token,
            quote(&self.holder)
        )
    }

    /// Gives it back, if this process holds it. A failure is no harm: it runs out by itself.
    pub async fn release(&self) {
        let sql = format!(
            "update tminus_lease set expires_at = clock_timestamp()
             where name = {} and holder = {} and expires_at > clock_timestamp()",
            quote(&self.name),
            quote(&self.holder)
        );
        let _ = self.ask(&sql).await;
    }

    /// Sessions of this database that wait for a lock, and who holds it; in words. Empty when nobody
    /// waits, or when the database does not say.
    pub async fn locks(&self) -> Vec<String> {
        let Ok(rows) = self.ask(LOCKS).await else { return Vec::new() };
        rows.iter().take(LOCKS_MAX).map(|row| lock_in_words(row)).collect()
    }

    async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        match tokio::time::timeout(ASKING, self.ask_now(sql)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(Code::QuerySilent, format!("no answer within {} s", ASKING.as_secs()))),
        }
    }
}

impl Lease {
    /// Connects, asks, and says goodbye.
    async fn ask_now(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let addresses = self.probe.resolve().await?;
        let mut last = Failure::new(Code::NameWithoutAddress, "");
        for address in &addresses.list {
            let dialled = tokio::time::timeout(DIAL, self.probe.dial(address)).await;
            let mut connection = match dialled {
                Ok(Ok(connection)) => connection,
                Ok(Err(failure)) => {
                    last = failure;
                    continue;
                }
                Err(_) => {
                    last = Failure::new(Code::NoAnswer, format!("{address}: no answer"));
                    continue;
                }
            };
            for layer in self.probe.layers().iter().copied().filter(|layer| *layer > Layer::Tcp) {
                self.probe.handshake(&mut connection, layer).await?;
            }
            let answer = postgres::statement(&mut connection, sql).await;
            connection.close().await;
            return answer;
        }
        Err(last)
    }
}

const CREATE: &str = "create table if not exists tminus_lease (
    name text primary key, token bigint not null, holder text not null,
    granted_at timestamptz not null, expires_at timestamptz not null)";

const LOCKS: &str = "select w.pid, w.application_name, round(extract(epoch from clock_timestamp() - w.query_start)),
      b.pid, b.application_name, b.state, round(extract(epoch from clock_timestamp() - b.xact_start)),
      coalesce(host(b.client_addr), 'socket')
    from pg_stat_activity w cross join lateral unnest(pg_blocking_pids(w.pid)) as p(pid)
    join pg_stat_activity b on b.pid = p.pid
    where w.datname = current_database() and w.wait_event_type = 'Lock' order by w.query_start, w.pid limit 5";

fn lock_in_words(row: &[Option<String>]) -> String {
    let text = |index: usize| row.get(index).and_then(Option::as_deref).unwrap_or("?");
    let name = |index: usize| match text(index) {
        "" => "no application name",
        name => name,
    };
    format!(
        "pid {} ({}) waits since {} s for a lock of pid {} ({}, {}, in this transaction since {} s, from {})",
        text(0),
        name(1),
        text(2),
        text(3),
        name(4),
        text(5),
        text(6),
        text(7)
    )
}

/// SQLSTATE 42P01, undefined_table.
fn is_missing_table(failure: &Failure) -> bool {
    failure.notes.iter().any(|note| note.subject == Subject::SqlState && note.value == "42P01")
}

/// A string constant of SQL. Backslashes are doubled too and the constant marked, so that it means
/// the same whatever `standard_conforming_strings` says.
fn quote(text: &str) -> String {
    let body: String = text.chars().filter(|c| *c != '\0').collect();
    format!("E'{}'", body.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(quote("a'b\\c\0"), "E'a''b\\\\c'");
    }

    #[test]
    fn a_holder_is_named_with_pid_application_state_and_age() {
        let row: Vec<Option<String>> = ["7", "alembic", "41", "99", "", "idle in transaction", "312", "10.0.0.3"]
            .map(|s| Some(s.to_owned()))
            .into();
        assert_eq!(
            lock_in_words(&row),
            "pid 7 (alembic) waits since 41 s for a lock of pid 99 (no application name, idle in transaction, in this \
             transaction since 312 s, from 10.0.0.3)"
        );
    }
}
