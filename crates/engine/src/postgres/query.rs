//! What a session shows of its server: one round trip for state and slots, one for the schema.
//!
//! Simple statements only, so that it works through transaction poolers. Servers that only speak
//! Postgres' protocol may lack a view or a function: then less is said, and nothing fails of it.

use super::{refusal, session, wire};
use crate::connection::Connection;
use crate::finding::{Failure, Passed, Slots, Subject};
use crate::wire::Broken;
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::escape::{escape_identifier, escape_literal};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tminus_core::code::Code;
use tminus_core::target::{Postgres, Revision, SessionAttrs};
use tminus_core::vocabulary::Layer;

/// State and slots in one row. Everybody may see who holds slots, though not what they do.
const STATE: &str = "select pg_is_in_recovery(), current_setting('transaction_read_only'), \
     current_setting('server_version'), current_setting('max_connections'), \
     current_setting('superuser_reserved_connections'), coalesce(current_setting('reserved_connections', true), '0'), \
     extract(epoch from clock_timestamp())::bigint, \
     (select string_agg(n || ' ' || a, chr(10)) from (select count(*) as n, coalesce(application_name, '') as a \
      from pg_stat_activity where datid is not null group by 2 order by 1 desc, 2 limit 20) as by_application), \
     (select count(*) from pg_stat_activity where datid is not null)";

/// The same for servers that have no such views.
const STATE_SHORT: &str = "select pg_is_in_recovery(), current_setting('transaction_read_only')";

/// Most rows and columns of an answer that are kept.
const ROWS_MAX: usize = 64;

type Row = Vec<Option<String>>;

/// Runs one statement and reads its whole answer.
pub(super) async fn ask(
    conn: &mut Connection,
    layer: Layer,
    statement: &str,
) -> Result<Result<Vec<Row>, refusal::Words>, Failure> {
    let mut out = BytesMut::new();
    frontend::query(statement, &mut out).map_err(|error| Failure::new(Code::QueryFailed, error))?;
    conn.send(&out).await.map_err(|error| Broken::from(error).at(layer, true))?;
    let mut rows = Vec::new();
    let mut error = None;
    loop {
        match wire::next(conn, layer).await {
            Ok(Message::DataRow(body)) if rows.len() < ROWS_MAX => {
                let buffer = body.buffer();
                let cell = |range: Option<std::ops::Range<usize>>| {
                    Ok(range.map(|range| String::from_utf8_lossy(&buffer[range]).into_owned()))
                };
                rows.push(body.ranges().map(cell).collect().unwrap_or_default());
            }
            Ok(Message::ErrorResponse(body)) => error = Some(refusal::Words::of(&body)),
            Ok(Message::ReadyForQuery(_)) => break,
            Ok(_) => {}
            // A FATAL ends the session: what it said counts for more than that it closed.
            Err(failure) => match error.take() {
                Some(words) => return Err(refusal::judge(&words, layer)),
                None => return Err(failure),
            },
        }
    }
    Ok(match error {
        Some(words) => Err(words),
        None => Ok(rows),
    })
}

/// The query layer: a round trip, then what the server is.
pub(super) async fn look(target: &Postgres, conn: &mut Connection) -> Result<Passed, Failure> {
    let mut passed = Passed::default();
    let row = match ask(conn, Layer::Query, STATE).await? {
        Ok(rows) => rows.into_iter().next().unwrap_or_default(),
        Err(words) => {
            let failure = refusal::judge(&words, Layer::Query);
            if !matches!(failure.code, Code::QueryFailed | Code::PermissionDenied | Code::TableMissing) {
                return Err(failure);
            }
            passed.note(Subject::NotSeen, format!("state and slots: {}", words.message));
            match ask(conn, Layer::Query, STATE_SHORT).await? {
                Ok(rows) => rows.into_iter().next().unwrap_or_default(),
                Err(_) => match ask(conn, Layer::Query, "select 1").await? {
                    Ok(_) => Row::new(),
                    Err(words) => return Err(refusal::judge(&words, Layer::Query)),
                },
            }
        }
    };
    let text = |index: usize| row.get(index).and_then(Option::as_deref);
    let recovery = text(0).map(|word| word == "t");
    let read_only = text(1).map(|word| word == "on");
    if let Some(recovery) = recovery {
        passed.note(Subject::InRecovery, recovery);
    }
    if let Some(read_only) = read_only {
        passed.note(Subject::ReadOnly, read_only);
    }
    if let Some(version) = text(2)
        && !session(conn).parameters.contains_key("server_version")
    {
        passed.note(Subject::ServerVersion, version);
    }
    if let Some(ahead) = text(6).and_then(|seconds| seconds.parse::<i64>().ok()).and_then(clock_ahead) {
        passed.note(Subject::ClockAhead, ahead);
    }
    if let Some(slots) = slots(&row) {
        passed.note(Subject::MaxConnections, slots.max);
        passed.note(Subject::Reserved, slots.reserved);
        if let Some(used) = slots.used {
            passed.note(Subject::Used, used);
        }
        let name = |name: &str| if name.is_empty() { "(no name)".to_owned() } else { name.to_owned() };
        let by = slots.by_application.iter().map(|(application, count)| format!("{} {count}", name(application)));
        passed.note(Subject::UsedBy, by.collect::<Vec<_>>().join(", "));
        passed.slots = Some(slots);
    }
    wanted(target.session, recovery, read_only).map(|()| passed)
}

/// How far our clock is ahead of the server's, when it is more than a minute.
pub(crate) fn clock_ahead(theirs: i64) -> Option<i64> {
    let ahead = tminus_core::Timestamp::now().as_second().saturating_sub(theirs);
    (ahead.unsigned_abs() > 60).then_some(ahead)
}

fn slots(row: &Row) -> Option<Slots> {
    let number = |index: usize| row.get(index)?.as_deref()?.parse::<u32>().ok();
    let by_application = row.get(7)?.as_deref().unwrap_or("").lines().filter_map(|line| {
        let (count, name) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    Some(Slots {
        max: number(3)?,
        reserved: number(4)?.saturating_add(number(5).unwrap_or(0)),
        used: number(8),
        by_application: by_application.collect(),
    })
}

/// `target_session_attrs`, as libpq reads it.
fn wanted(session: SessionAttrs, recovery: Option<bool>, read_only: Option<bool>) -> Result<(), Failure> {
    let (recovery, read_only) = (recovery.unwrap_or(false), read_only.unwrap_or(false));
    let asked = format!("target_session_attrs={session}");
    let is = match (recovery, read_only) {
        (true, _) => "the server is a standby",
        (false, true) => "the server is a primary whose transactions are read-only",
        (false, false) => "the server is a primary",
    };
    let code = match session {
        SessionAttrs::Any | SessionAttrs::PreferStandby => return Ok(()),
        SessionAttrs::ReadWrite if recovery || read_only => Code::ReadOnly,
        SessionAttrs::Primary if recovery => Code::ReadOnly,
        SessionAttrs::ReadOnly if !recovery && !read_only => Code::NotAStandby,
        SessionAttrs::Standby if !recovery => Code::NotAStandby,
        _ => return Ok(()),
    };
    Err(Failure::new(code, format!("{asked}; {is}")))
}

/// The schema layer: tables, then the revision.
pub(super) async fn schema(target: &Postgres, conn: &mut Connection) -> Result<Passed, Failure> {
    let mut passed = Passed::default();
    let mut missing = Vec::new();
    for chunk in target.tables.chunks(50) {
        let columns: Vec<String> = chunk.iter().map(|table| exists(table)).collect();
        let row = one(conn, &format!("select {}", columns.join(", "))).await?;
        let absent =
            |(table, there): (&String, &Option<String>)| (there.as_deref() != Some("t")).then(|| table.clone());
        missing.extend(chunk.iter().zip(&row).filter_map(absent));
    }
    if !missing.is_empty() {
        return Err(Failure::new(Code::TableMissing, format!("missing: {}", missing.join(", "))));
    }
    if let Some(revision) = &target.revision {
        let stands = at(conn, revision).await?;
        passed.note(Subject::Revision, stands);
    }
    Ok(passed)
}

async fn one(conn: &mut Connection, statement: &str) -> Result<Row, Failure> {
    match ask(conn, Layer::Schema, statement).await? {
        Ok(rows) => Ok(rows.into_iter().next().unwrap_or_default()),
        Err(words) => Err(refusal::judge(&words, Layer::Schema)),
    }
}

/// An expression that is true when `table` exists: by SQL's own reading of the name, and as it is
/// spelled (a migration tool may have created it in quotes).
fn exists(table: &str) -> String {
    let spelled: Vec<String> = table.split('.').map(escape_identifier).collect();
    let regclass = |name: &str| format!("to_regclass({}) is not null", escape_literal(name));
    let word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
    };
    match () {
        () if table.contains('"') => regclass(table),
        () if table.split('.').all(word) => {
            format!("({} or {})", regclass(&spelled.join(".")), regclass(&table.to_lowercase()))
        }
        // SQL would not read it as a name; it can only have been created in quotes.
        () => regclass(&spelled.join(".")),
    }
}

async fn at(conn: &mut Connection, revision: &Revision) -> Result<String, Failure> {
    let there = one(conn, &format!("select {}", exists(&revision.table))).await?;
    if there.first().and_then(Option::as_deref) != Some("t") {
        return Err(Failure::new(Code::TableMissing, format!("missing: {}", revision.table)));
    }
    let table: Vec<String> = revision.table.split('.').map(escape_identifier).collect();
    let column = escape_identifier(&revision.column);
    let statement = format!(
        "select count(*) filter (where {column}::text = {}) > 0, max({column}::text) from {}",
        escape_literal(&revision.is),
        table.join(".")
    );
    let row = one(conn, &statement).await?;
    let last = row.get(1).and_then(Option::as_deref).unwrap_or("nothing");
    match row.first().and_then(Option::as_deref) {
        Some("t") => Ok(revision.is.clone()),
        _ => Err(Failure::new(
            Code::SchemaBehind,
            format!("{} holds {last}; {} is asked for", revision.table, revision.is),
        )),
    }
}
