//! Every code, as the code of the step that ended a start: what is named, and what is not.

use super::{Told, judge, line};
use crate::catalogue::Catalogue;
use crate::live::table::TABLE;
use std::fmt::Write;
use tminus_core::code::{Class, Code};
use tminus_core::event::Passage;
use tminus_core::vocabulary::{AttemptOutcome, Layer};

/// What gives a code, and the words that come with it.
fn seen_at(code: Code) -> (&'static str, &'static str) {
    let word = code.as_str();
    match code {
        Code::ValueMissing => ("", "DATABASE_URL is not set"),
        Code::ValueEmpty => ("", "DATABASE_URL is set and empty"),
        Code::ValueMalformed => ("", "PORT is not a port from 1 to 65535 (`x`)"),
        Code::WhitespaceInValue => ("", "API_KEY ends with a line break"),
        Code::SocketPathTooLong
        | Code::SocketMissing
        | Code::SocketNotASocket
        | Code::SocketDenied
        | Code::SocketStale
        | Code::BacklogFull
        | Code::ClosedBeforeGreeting => ("postgres://app@/orders?host=/cloudsql/shop:europe-west1:orders", ""),
        Code::Loading | Code::MasterDown | Code::ClientsFull => ("redis://10.0.0.9:6379/0", ""),
        _ if word.starts_with("http_") || word.ends_with("_mismatch") && code.layer() == Layer::Query => {
            ("https://pay.example.com:443/health", "")
        }
        Code::PasswordRejected => (super::DATABASE, "password authentication failed for user \"app\""),
        Code::RoleMissing => (super::DATABASE, "role \"app\" does not exist"),
        Code::DatabaseMissing => (super::DATABASE, "database \"orders\" does not exist"),
        Code::TableMissing => (super::DATABASE, "table public.users"),
        Code::LeaseHeld => ("", "lease `migrations` is held by orders i-2 pid 9 since 40 s, granted for another 20 s"),
        Code::FileMissing | Code::FileDenied | Code::FileEmpty => ("file:/etc/orders/key.pem", ""),
        Code::CommandNotFound => ("", "alembik: not found"),
        Code::CommandNotExecutable => ("", "/app/start: Permission denied"),
        Code::CommandFailed => ("", "exit code 1"),
        _ if code.layer() <= Layer::Schema => (super::DATABASE, ""),
        _ => ("", ""),
    }
}

/// A start whose only step ends with `code`.
fn start_with(code: Code) -> Vec<tminus_core::event::Event> {
    let (target, words) = seen_at(code);
    let mut told = Told::start();
    let how = if code.class() == Class::Definite { Passage::Failed } else { Passage::Expired };
    let of_child = matches!(code, Code::ExitedBeforeReady | Code::ZeroBeforeReady | Code::NotReady);
    told.phase("database");
    if of_child {
        told.spawned();
    }
    told.after(10).step("it");
    for _ in 0..3 {
        told.after(1_000);
        if !target.is_empty() {
            told.fails("it", target, code.layer(), code.as_str(), words);
        } else if !words.is_empty() {
            told.note(if code.layer() == Layer::Config { "environment" } else { "it" }, words);
        }
    }
    match code {
        Code::ExitedBeforeReady => told.exited(Some(3), None),
        Code::ZeroBeforeReady => told.exited(Some(0), None),
        _ => &mut told,
    };
    told.step_ends("it", how, code.as_str()).phase_ends(how, code.as_str()).ends(AttemptOutcome::Failed)
}

#[test]
fn every_code_has_a_row_and_its_keys_are_in_the_catalogue() {
    assert_eq!(TABLE.len(), Code::ALL.len());
    for (index, (code, meanings)) in TABLE.iter().enumerate() {
        assert_eq!(*code as usize, index, "{code}");
        for (_, key, _) in *meanings {
            assert!(Catalogue::builtin().cause(&key.parse().unwrap()).is_some(), "{code}: {key}");
        }
    }
}

#[test]
fn every_code_names_what_it_proves_and_no_more() {
    let mut table = String::new();
    for code in Code::ALL {
        let verdict = judge(start_with(*code), &[]);
        writeln!(table, "{code}: {}", line(&verdict)).unwrap();
    }
    assert_eq!(table, include_str!("codes.txt"), "\n{table}");
}

#[test]
fn whoever_is_not_sure_says_what_would_decide() {
    for code in Code::ALL {
        let verdict = judge(start_with(*code), &[]);
        if verdict.causes.is_empty() {
            assert!(!verdict.needed.is_empty(), "{code}");
        } else {
            assert!(!verdict.causes[0].evidence.is_empty(), "{code}");
            assert!(verdict.whys.len() >= 2, "{code}: {:?}", verdict.whys);
        }
        assert!(verdict.attempts.len() == 1, "{code}");
    }
}
