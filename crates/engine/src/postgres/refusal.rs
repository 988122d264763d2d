//! From the words of a server or a pooler to a code.
//!
//! SQLSTATE decides where it can. Messages may be translated, so that the name of the server's own
//! routine (field `R`) stands in where one SQLSTATE means several things. Poolers have few SQLSTATEs
//! and many words: one table.
//! Where to start reading: [`judge`].

use crate::finding::{Failure, Subject};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{ErrorFields, ErrorResponseBody, NoticeResponseBody};
use tminus_core::code::Code;
use tminus_core::vocabulary::Layer;

/// Fields of an ErrorResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    pub severity: String,
    pub sqlstate: String,
    pub message: String,
    pub detail: String,
    pub routine: String,
}

/// Most fields that are read; Postgres has eighteen.
const FIELDS_MAX: usize = 32;

impl Words {
    pub(crate) fn of(body: &ErrorResponseBody) -> Words {
        Words::read(body.fields())
    }

    pub(crate) fn of_notice(body: &NoticeResponseBody) -> Words {
        Words::read(body.fields())
    }

    fn read(mut fields: ErrorFields<'_>) -> Words {
        let mut words = Words::default();
        let mut count = 0;
        while let Ok(Some(field)) = fields.next() {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                // `V` is never translated; `S` may be.
                b'V' => words.severity = value,
                b'S' if words.severity.is_empty() => words.severity = value,
                b'C' => words.sqlstate = value,
                b'M' => words.message = value,
                b'D' => words.detail = value,
                b'R' => words.routine = value,
                _ => {}
            }
            count += 1;
            if count == FIELDS_MAX {
                break;
            }
        }
        words
    }

    fn text(&self) -> String {
        let mut text = if self.severity.is_empty() { String::new() } else { format!("{}: ", self.severity) };
        text.push_str(&self.message);
        if !self.detail.is_empty() {
            text.push_str(&format!(" ({})", self.detail));
        }
        text
    }
}

/// Words of poolers and proxies (lower case), most telling first, with who says so.
const POOLERS: &[(&str, Code, &str)] = &[
    // PgBouncer
    ("no more connections allowed", Code::PoolerClientsFull, "PgBouncer"),
    ("max_db_client_connections", Code::PoolerClientsFull, "PgBouncer"),
    ("max_user_client_connections", Code::PoolerClientsFull, "PgBouncer"),
    ("client connections exceeded", Code::PoolerClientsFull, "PgBouncer"),
    ("query_wait_timeout", Code::PoolerWaited, "PgBouncer"),
    ("client_login_timeout", Code::BackendDown, "PgBouncer"),
    ("server login has been failing", Code::BackendDown, "PgBouncer"),
    ("server login failed", Code::BackendDown, "PgBouncer"),
    ("server_login_retry", Code::BackendDown, "PgBouncer"),
    ("pgbouncer cannot connect to server", Code::BackendDown, "PgBouncer"),
    ("server conn crashed", Code::BackendDown, "PgBouncer"),
    ("server_lifetime", Code::BackendDown, "PgBouncer"),
    ("server closed the connection", Code::BackendDown, "PgBouncer"),
    ("does not allow connections: ", Code::BackendDown, "PgBouncer"),
    ("database is disabled", Code::NotAccepting, "PgBouncer"),
    ("bouncer config error", Code::BackendDown, "PgBouncer"),
    ("the pooler is shut down", Code::ShuttingDown, "PgBouncer"),
    ("no such database", Code::DatabaseMissing, "PgBouncer"),
    ("no such user", Code::RoleMissing, "PgBouncer"),
    ("auth failed", Code::PasswordRejected, "PgBouncer"),
    ("sasl authentication failed", Code::PasswordRejected, "PgBouncer"),
    ("ssl required", Code::TlsRequired, "PgBouncer"),
    ("tls required", Code::TlsRequired, "PgBouncer"),
    // Supavisor
    ("emaxconnsession", Code::PoolerClientsFull, "Supavisor"),
    ("maxclientsinsessionmode", Code::PoolerClientsFull, "Supavisor"),
    ("max clients reached", Code::PoolerClientsFull, "Supavisor"),
    ("max client connections reached", Code::PoolerClientsFull, "Supavisor"),
    ("emaxclientconn", Code::PoolerClientsFull, "Supavisor"),
    ("echeckouttimeout", Code::PoolerWaited, "Supavisor"),
    ("unable to check out connection", Code::PoolerWaited, "Supavisor"),
    ("unable to check out process", Code::PoolerWaited, "Supavisor"),
    ("tenant or user not found", Code::RoleMissing, "Supavisor"),
    ("edbhandlerexited", Code::BackendDown, "Supavisor"),
    ("connection to database not available", Code::BackendDown, "Supavisor"),
    ("ecircuitbreaker", Code::HostBlocked, "Supavisor"),
    // RDS Proxy
    ("timed-out waiting to acquire database connection", Code::PoolerWaited, "RDS Proxy"),
    ("rds proxy has no credentials", Code::RoleMissing, "RDS Proxy"),
    ("rds proxy requires tls", Code::TlsRequired, "RDS Proxy"),
    ("iam authentication failed for the role", Code::PasswordRejected, "RDS Proxy"),
    ("password that was provided for the role", Code::PasswordRejected, "RDS Proxy"),
    ("rds proxy could not connect", Code::BackendDown, "RDS Proxy"),
    ("limit for this rds proxy", Code::PoolerClientsFull, "RDS Proxy"),
    // PgCat
    ("allserversdown", Code::BackendDown, "PgCat"),
    ("could not get connection from the pool", Code::PoolerWaited, "PgCat"),
    ("no pool configured for database", Code::DatabaseMissing, "PgCat"),
    // Odyssey
    ("failed to get remote server connection", Code::BackendDown, "Odyssey"),
    ("too many tcp connections", Code::PoolerClientsFull, "Odyssey"),
    ("odyssey: route", Code::DatabaseMissing, "Odyssey"),
    // Neon
    ("couldn't connect to compute node", Code::BackendDown, "Neon"),
    ("control plane request failed", Code::BackendDown, "Neon"),
    ("endpoint is disabled", Code::NotAccepting, "Neon"),
];

/// What 57P03 says, as far as its message is known: English first, then the translations of
/// Postgres that say it.
const COLD: &[(&str, Code)] = &[
    ("is starting up", Code::StartingUp),
    ("is shutting down", Code::ShuttingDown),
    ("in recovery mode", Code::Recovering),
    ("not yet accepting connections", Code::Recovering),
    ("not accepting connections", Code::NotAccepting),
    ("datenbanksystem startet", Code::StartingUp),
    ("fährt herunter", Code::ShuttingDown),
    ("wiederherstellungsmodus", Code::Recovering),
    ("se lance", Code::StartingUp),
    ("s'arrête", Code::ShuttingDown),
    ("cours de restauration", Code::Recovering),
    ("iniciándose", Code::StartingUp),
    ("apagándose", Code::ShuttingDown),
    ("modo de recuperación", Code::Recovering),
    ("запускается", Code::StartingUp),
    ("останавливается", Code::ShuttingDown),
    ("восстановления", Code::Recovering),
    ("起動", Code::StartingUp),
    ("シャットダウン", Code::ShuttingDown),
    ("リカバリ", Code::Recovering),
    ("启动", Code::StartingUp),
    ("关闭", Code::ShuttingDown),
    ("恢复", Code::Recovering),
];

/// What an error means that came at `layer`.
pub(crate) fn judge(words: &Words, layer: Layer) -> Failure {
    let message = words.message.to_lowercase();
    let pooler = pooler(&message);
    let code = match pooler {
        Some((code, _)) => code,
        None => by_state(words, &message, layer),
    };
    let mut failure = Failure::new(code, words.text());
    if !words.sqlstate.is_empty() {
        failure = failure.with(Subject::SqlState, &words.sqlstate);
    }
    match pooler {
        Some((_, who)) => failure.with(Subject::Pooler, who),
        None => failure,
    }
}

/// What a pooler says. What it repeats of its server's words counts for more than its own.
fn pooler(message: &str) -> Option<(Code, &'static str)> {
    let (_, code, who) = POOLERS.iter().find(|(words, ..)| message.contains(words))?;
    let repeated = if *code == Code::BackendDown { passed_on(message) } else { None };
    Some((repeated.unwrap_or(*code), who))
}

/// Words of a server that something between passes on with a SQLSTATE of its own.
fn passed_on(message: &str) -> Option<Code> {
    let has = |part: &str| message.contains(part);
    match () {
        () if has("too many clients") => Some(Code::SlotsFull),
        () if has("connection slots are reserved") => Some(Code::SlotsReserved),
        () if has("too many connections for role") => Some(Code::RoleLimit),
        () if has("too many connections for database") => Some(Code::DatabaseLimit),
        () if has("database system") => cold(message),
        () => None,
    }
}

fn cold(message: &str) -> Option<Code> {
    COLD.iter().find(|(words, _)| message.contains(words)).map(|(_, code)| *code)
}

fn by_state(words: &Words, message: &str, layer: Layer) -> Code {
    let has = |part: &str| message.contains(part);
    let routine = words.routine.as_str();
    match words.sqlstate.as_str() {
        "57P03" => cold(message).unwrap_or(Code::NotAccepting),
        "57P01" => Code::ShuttingDown,
        "57P02" => Code::Recovering,
        "57P04" | "3D000" => Code::DatabaseMissing,
        "53300" => full(message, routine),
        "28P01" => Code::PasswordRejected,
        "28000" if has("client certificate") => Code::TlsClientCertificate,
        "28000" if has("pg_hba") => Code::HostNotPermitted,
        "28000" if has("does not exist") || routine == "InitializeSessionUserId" && !has("not permitted") => {
            Code::RoleMissing
        }
        "28000" => Code::PasswordRejected,
        "42501" => Code::PermissionDenied,
        "25006" => Code::ReadOnly,
        "55000" if has("not currently accepting connections") => Code::NotAccepting,
        "42P01" => Code::TableMissing,
        "0A000" if has("frontend protocol") => Code::OtherProtocol,
        "08001" | "08004" | "08006" | "08000" => Code::BackendDown,
        // A server that could not fork, in words of the old protocol.
        "" if has("could not fork") => Code::NotAccepting,
        // What poolers say for all they have no SQLSTATE for, and old servers in plain text.
        "" | "08P01" if passed_on(message).is_some() => passed_on(message).unwrap_or(Code::ServerRefused),
        "" | "08P01" if has("authentication failed") => Code::PasswordRejected,
        _ if layer >= Layer::Query => Code::QueryFailed,
        _ => Code::ServerRefused,
    }
}

fn full(message: &str, routine: &str) -> Code {
    let has = |part: &str| message.contains(part);
    match () {
        () if has("reserved") || routine == "InitPostgres" => Code::SlotsReserved,
        () if has("for role") || has("for user") || routine == "InitializeSessionUserId" => Code::RoleLimit,
        () if has("for database") || routine == "CheckMyDatabase" => Code::DatabaseLimit,
        () => Code::SlotsFull,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(sqlstate: &str, message: &str, routine: &str) -> Code {
        let words = Words {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            routine: routine.to_owned(),
            ..Words::default()
        };
        judge(&words, Layer::Protocol).code
    }

    #[test]
    fn a_cold_server_is_told_from_a_leaving_and_a_recovering_one() {
        for (message, expected) in [
            ("the database system is starting up", Code::StartingUp),
            ("the database system is shutting down", Code::ShuttingDown),
            ("the database system is in recovery mode", Code::Recovering),
            ("the database system is not yet accepting connections", Code::Recovering),
            ("the database system is not accepting connections", Code::NotAccepting),
            ("das Datenbanksystem startet", Code::StartingUp),
            ("das Datenbanksystem fährt herunter", Code::ShuttingDown),
            ("le système de bases de données se lance", Code::StartingUp),
            ("el sistema de base de datos está apagándose", Code::ShuttingDown),
            ("система баз данных запускается", Code::StartingUp),
            ("データベースシステムは起動処理中です", Code::StartingUp),
            ("数据库系统正在启动", Code::StartingUp),
            ("words of a language that nobody listed", Code::NotAccepting),
        ] {
            assert_eq!(code("57P03", message, "ProcessStartupPacket"), expected, "{message}");
        }
    }

    #[test]
    fn full_servers_say_which_limit_also_in_other_languages() {
        for (message, routine, expected) in [
            ("sorry, too many clients already", "InitProcess", Code::SlotsFull),
            ("tut mir leid, schon zu viele Verbindungen", "InitProcess", Code::SlotsFull),
            ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "", Code::SlotsReserved),
            ("die verbleibenden Verbindungen sind anderswo", "InitPostgres", Code::SlotsReserved),
            ("too many connections for role \"a\"", "InitializeSessionUserId", Code::RoleLimit),
            ("zu viele Verbindungen von Rolle »a«", "InitializeSessionUserId", Code::RoleLimit),
            ("too many connections for database \"a\"", "CheckMyDatabase", Code::DatabaseLimit),
        ] {
            assert_eq!(code("53300", message, routine), expected, "{message}");
        }
    }

    #[test]
    fn who_is_asking_is_refused_in_many_ways() {
        let hba = "no pg_hba.conf entry for host \"10.0.0.1\", user \"a\", database \"b\", no encryption";
        for (state, message, routine, expected) in [
            ("28P01", "password authentication failed for user \"a\"", "auth_failed", Code::PasswordRejected),
            ("28000", hba, "ClientAuthentication", Code::HostNotPermitted),
            ("28000", "role \"a\" does not exist", "InitializeSessionUserId", Code::RoleMissing),
            ("28000", "Rolle »a« existiert nicht", "InitializeSessionUserId", Code::RoleMissing),
            ("28000", "role \"a\" is not permitted to log in", "InitializeSessionUserId", Code::PasswordRejected),
            ("28000", "connection requires a valid client certificate", "", Code::TlsClientCertificate),
            ("3D000", "database \"x\" does not exist", "InitPostgres", Code::DatabaseMissing),
            ("42501", "permission denied for database \"x\"", "InitPostgres", Code::PermissionDenied),
            ("XX000", "something else", "", Code::ServerRefused),
        ] {
            assert_eq!(code(state, message, routine), expected, "{message}");
        }
    }

    #[test]
    fn poolers_are_known_by_their_words_and_pass_on_their_servers() {
        for (message, expected) in [
            ("no more connections allowed (max_client_conn)", Code::PoolerClientsFull),
            ("query_wait_timeout", Code::PoolerWaited),
            ("server login has been failing, cached error: connect failed (server_login_retry)", Code::BackendDown),
            ("server login failed: FATAL sorry, too many clients already", Code::SlotsFull),
            ("server login failed: FATAL the database system is starting up", Code::StartingUp),
            (
                "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited",
                Code::PoolerClientsFull,
            ),
            ("(EMAXCONNSESSION) max clients reached in session mode", Code::PoolerClientsFull),
            ("Tenant or user not found", Code::RoleMissing),
            ("Timed-out waiting to acquire database connection", Code::PoolerWaited),
            ("could not get connection from the pool - AllServersDown", Code::BackendDown),
            ("no such database: x", Code::DatabaseMissing),
            ("sorry, too many clients already", Code::SlotsFull),
            ("\"trust\" authentication failed", Code::PasswordRejected),
        ] {
            assert_eq!(code("08P01", message, ""), expected, "{message}");
        }
    }
}
