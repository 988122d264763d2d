//! Whole courses of starts: the founding incident's shape, cut-off starts, hangs, kills, several
//! steps, and recorded starts beside logs.

use super::{DATABASE, EPOCH_MS, REDIS, TO_QUERY, Told, cause, judge, judge_with};
use crate::catalogue::Catalogue;
use crate::{Diagnosis, Options};
use tminus_core::event::{AttemptId, Passage};
use tminus_core::facts::Facts;
use tminus_core::vocabulary::{AttemptOutcome, CauseStatus, Certainty, Domain, Layer, Outcome, Retry, Role, Stage};

const SOCKET: &str = "postgres://app@/orders?host=/cloudsql/shop:europe-west1:orders";

/// The founding incident: the socket is there, accepts, and closes before a word, 61 of 61 times.
fn socket_that_closes() -> Told {
    let mut told = Told::start();
    told.phase("database").step("orders-db");
    for _ in 0..61 {
        told.after(1_230).passes("orders-db", SOCKET, &[Layer::Socket]);
        told.fails("orders-db", SOCKET, Layer::Protocol, "closed_before_greeting", "");
    }
    told.step_ends("orders-db", Passage::Expired, "closed_before_greeting");
    told.phase_ends(Passage::Expired, "closed_before_greeting");
    told
}

#[test]
fn a_socket_that_accepts_and_closes_is_the_way_not_the_database() {
    let facts = Facts::read(
        r#"{"changes":[{"at":"2026-11-22T05:00:00Z","what":"vpc-access-egress","from":"private-ranges-only","to":"all-traffic"}]}"#,
        "facts.json",
    );
    let verdict = judge_with(socket_that_closes().ends(AttemptOutcome::Failed), &[], facts.unwrap().0);
    let found = cause(&verdict);
    assert_eq!(
        (found.cause.as_str(), found.domain, found.owner, found.certainty),
        ("proxy_closed_handshake", Domain::Network, Role::Platform, Certainty::Proved)
    );
    assert_eq!(found.culprit, "/cloudsql/shop:europe-west1:orders");
    let first = &found.evidence[0];
    assert!(first.text.starts_with("orders-db protocol closed_before_greeting, 61 of 61 tries in 75.0 s"), "{first:?}");
    assert_eq!((first.source.as_str(), first.line), ("events", None));
    assert_eq!(found.contributing, ["x1"]);
    assert!(verdict.runner_up.as_ref().is_none_or(|other| other.cause.as_str() != "deadline_too_short"));
    assert!(verdict.needed.iter().any(|text| text.contains("password (never asked)")), "{:?}", verdict.needed);
    assert_eq!(verdict.attempts[0].stage, Some(Stage::Image));
    assert_eq!((verdict.service.as_deref(), verdict.environment.as_deref()), (Some("orders"), Some("staging")));
    assert_eq!(verdict.attempts[0].phase.as_deref(), Some("database"));
}

#[test]
fn a_database_that_is_still_starting_makes_the_deadline_a_candidate_with_its_numbers() {
    let mut told = Told::start();
    told.phase("database");
    let events = told.stuck(
        "orders-db",
        DATABASE,
        Layer::Protocol,
        "starting_up",
        "the database system is starting up",
        (8, 1_000),
    );
    let verdict = judge(events, &[]);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.owner), ("db_starting_up", Role::Nobody));
    assert_eq!(verdict.advice.retry, Retry::Helps);
    let other = verdict.runner_up.as_ref().expect("a runner-up");
    assert_eq!(other.cause.as_str(), "deadline_too_short");
    assert!(other.would_flip.contains("8.0 s"), "{other:?}");
}

#[test]
fn a_start_that_is_told_to_stop_says_provisionally_what_it_waited_for() {
    let mut told = Told::start();
    told.phase("database").step("orders-db");
    for _ in 0..20 {
        told.after(1_000).fails("orders-db", DATABASE, Layer::Tcp, "refused", "");
    }
    told.step_ends("orders-db", Passage::Skipped, "stopped").phase_ends(Passage::Failed, "stopped");
    let cut_off = told.ends(AttemptOutcome::CutOff);
    let verdict = judge(cut_off.clone(), &[]);
    let found = cause(&verdict);
    assert_eq!(found.cause.as_str(), "db_connection_refused");
    assert!(found.certainty != Certainty::Proved, "{found:?}");
    assert_eq!(verdict.advice.retry, Retry::Helps);
    assert_eq!(verdict.attempts[0].outcome, AttemptOutcome::CutOff);
    // A record that ends while the start goes on says as much.
    let open: Vec<_> = cut_off.into_iter().take(21).collect();
    assert_eq!(cause(&judge(open, &[])).cause.as_str(), "db_connection_refused");
}

#[test]
fn an_exit_code_alone_proves_nothing() {
    let mut told = Told::start();
    told.phase("services")
        .step("child")
        .spawned()
        .step_ends("child", Passage::Passed, "")
        .phase_ends(Passage::Passed, "");
    let verdict = judge(told.after(900).exited(Some(3), None).ends(AttemptOutcome::Failed), &[(100, "hello")]);
    assert_eq!(verdict.outcome, Outcome::Undetermined);
    assert!(
        verdict.needed.iter().any(|text| text.contains("exit code 3 alone proves nothing")),
        "{:?}",
        verdict.needed
    );
}

#[test]
fn a_kill_is_for_memory_only_where_the_kernel_says_so() {
    let killed = |note: Option<&str>| {
        let mut told = Told::start();
        told.phase("services").step("child").spawned().step_ends("child", Passage::Passed, "").after(4_000);
        if let Some(note) = note {
            told.note("cgroup", note);
        }
        told.exited(None, Some("SIGKILL"));
        told.phase_ends(Passage::Failed, "exited_before_ready").ends(AttemptOutcome::Failed)
    };
    assert_eq!(cause(&judge(killed(Some("oom_kill = 1")), &[])).cause.as_str(), "out_of_memory");
    for note in [None, Some("oom_kill = 0")] {
        let verdict = judge(killed(note), &[(100, "working")]);
        assert_eq!(verdict.outcome, Outcome::Undetermined, "{:?}", verdict.causes);
        assert!(verdict.needed.iter().any(|text| text.contains("termination reason")), "{:?}", verdict.needed);
        assert_eq!(verdict.attempts[0].signal.as_deref(), Some("SIGKILL"));
    }
}

#[test]
fn the_critical_step_decides_between_several_that_fail() {
    let mut told = Told::start();
    told.phase("database").step("cache").step("orders-db");
    for _ in 0..4 {
        told.after(500).fails("cache", REDIS, Layer::Tcp, "refused", "");
        told.fails(
            "orders-db",
            DATABASE,
            Layer::Auth,
            "password_rejected",
            "password authentication failed for user \"app\"",
        );
    }
    told.step_ends("orders-db", Passage::Failed, "password_rejected").step_ends("cache", Passage::Skipped, "stopped");
    told.phase_ends(Passage::Failed, "password_rejected");
    let verdict = judge(told.ends(AttemptOutcome::Failed), &[]);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.culprit.as_str()), ("auth_failed", "user app"));
    assert_eq!(verdict.advice.retry, Retry::Pointless);
    assert_eq!(verdict.causes.len(), 1);
}

#[test]
fn what_a_step_needed_is_the_cause_not_the_step() {
    let mut told = Told::start();
    told.phase("database").step("orders-db").after(300);
    told.fails("orders-db", DATABASE, Layer::Auth, "database_missing", "database \"orders\" does not exist");
    told.step_ends("orders-db", Passage::Failed, "database_missing").step("migrations");
    told.step_ends("migrations", Passage::Skipped, "need_failed").phase_ends(Passage::Failed, "need_failed");
    assert_eq!(cause(&judge(told.ends(AttemptOutcome::Failed), &[])).cause.as_str(), "database_does_not_exist");
}

#[test]
fn a_command_that_fails_is_explained_by_what_it_said() {
    let mut told = Told::start();
    told.phase("database").open("orders-db", DATABASE, TO_QUERY).step("migrations").after(2_000);
    told.note("migrations", "exit code 255: FAILED: Multiple head revisions are present for given argument 'head'; please specify a specific target revision, '<branchname>@head' to narrow to a specific head, or 'heads' for all heads");
    told.step_ends("migrations", Passage::Failed, "command_failed").phase_ends(Passage::Failed, "command_failed");
    assert_eq!(cause(&judge(told.ends(AttemptOutcome::Failed), &[])).cause.as_str(), "multiple_migration_heads");
}

#[test]
fn who_holds_the_lease_is_named_and_nobody_has_to_act() {
    let mut told = Told::start();
    told.phase("database").step("migrations");
    told.note("migrations", "lease `migrations` is held by orders i-2 pid 9 since 40 s, granted for another 20 s");
    told.after(60_000)
        .step_ends("migrations", Passage::Expired, "lease_held")
        .phase_ends(Passage::Expired, "lease_held");
    let verdict = judge(told.ends(AttemptOutcome::Failed), &[]);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.owner, found.layer), ("lock_timeout", Role::Nobody, Layer::Migration));
    assert!(found.culprit.contains("orders i-2 pid 9"), "{found:?}");
    assert_eq!(verdict.runner_up.as_ref().map(|other| other.cause.as_str()), Some("deadline_too_short"));
}

#[test]
fn a_program_that_is_not_found_is_named_without_the_sentence_about_it() {
    for (note, name) in [
        ("cannot find `gunicornn` in PATH (/usr/bin:/bin)", "gunicornn"),
        ("cannot execute `./plain.txt`: permission denied", "./plain.txt"),
        ("orders: not found", "orders"),
    ] {
        let mut told = Told::start();
        told.phase("services").step("child");
        told.note("spawn", note).step_ends("child", Passage::Failed, "command_not_found");
        told.phase_ends(Passage::Failed, "command_not_found");
        let verdict = judge(told.ends(AttemptOutcome::Failed), &[]);
        assert_eq!(verdict.causes[0].culprit, name, "{note}");
    }
}

#[test]
fn a_later_start_that_passed_the_layer_resolves_an_earlier_cause() {
    let first = socket_that_closes().ends(AttemptOutcome::Failed);
    let mut told = Told::start();
    told.after(200_000).phase("database").open(
        "orders-db",
        SOCKET,
        &[Layer::Socket, Layer::Protocol, Layer::Auth, Layer::Slot, Layer::Query],
    );
    told.phase_ends(Passage::Passed, "").phase("services").step("child");
    told.note("spawn", "orders: not found").step_ends("child", Passage::Failed, "command_not_found");
    told.phase_ends(Passage::Failed, "command_not_found");
    let mut second = told.ends(AttemptOutcome::Failed);
    second.iter_mut().for_each(|event| event.attempt = AttemptId("0190-next".into()));
    let begins = second.iter().position(|event| event.t > 0).unwrap_or(0);
    second.iter_mut().for_each(|event| event.t = (event.t - 200_000_000_000).max(0));
    assert!(begins > 0);
    second.remove(0);
    let verdict = judge(first.into_iter().chain(second).collect(), &[]);
    let told: Vec<_> = verdict.causes.iter().map(|cause| (cause.cause.as_str(), cause.status)).collect();
    assert_eq!(told, [("proxy_closed_handshake", CauseStatus::Resolved), ("command_not_found", CauseStatus::Present)]);
}

#[test]
fn a_good_start_has_no_cause() {
    let mut told = Told::start();
    told.phase("database").open("orders-db", DATABASE, TO_QUERY).phase_ends(Passage::Passed, "");
    let verdict = judge(told.spawned().ends(AttemptOutcome::Ready), &[(5, "ERROR: something that did not matter")]);
    assert_eq!((verdict.outcome, verdict.causes.len()), (Outcome::Ready, 0));
}

#[test]
fn a_record_in_pieces_in_any_order_gives_the_same_verdict() {
    let events = socket_that_closes().ends(AttemptOutcome::Failed);
    let whole = judge(events.clone(), &[]);
    let mut diagnosis = Diagnosis::new(Catalogue::builtin(), Options { version: "0".into(), ..Options::default() });
    let mut turned = events.clone();
    turned.reverse();
    for piece in turned.chunks(7) {
        diagnosis.live("events", piece.to_vec());
    }
    diagnosis.live("events", events); // a second copy of the same record
    assert_eq!(serde_json::to_string(&diagnosis.verdict()).unwrap(), serde_json::to_string(&whole).unwrap());
    assert!(whole.causes[0].first_seen.is_some_and(|at| at.as_millisecond() == EPOCH_MS));
}
