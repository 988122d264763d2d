//! Nothing answers: who else does?

use super::{DATABASE, REDIS, TO_QUERY, Told, cause, judge};
use tminus_core::event::{Event, Passage};
use tminus_core::vocabulary::{AttemptOutcome, Domain, Layer, Retry, Role};

const METADATA: &str = "http://169.254.169.254:80/";

/// A start whose database never answers, with what its egress step and its cache came out with.
fn silent_database(metadata: Option<bool>, redis: Option<bool>) -> Vec<Event> {
    let mut told = Told::start();
    told.phase("init").step("egress");
    let mut ask = |step: &str, target: &str, answers: bool, code: &str| {
        match answers {
            true => told.layer(step, target, Layer::Tcp, Passage::Passed, code, ""),
            false => told.after(500).fails(step, target, Layer::Tcp, "no_answer", ""),
        };
    };
    if let Some(answers) = metadata {
        ask("egress", METADATA, answers, "");
    }
    if let Some(answers) = redis {
        ask("cache", REDIS, answers, "refused");
    }
    told.phase_ends(Passage::Passed, "").phase("database");
    told.stuck("orders-db", DATABASE, Layer::Tcp, "no_answer", "", (5, 5_000))
}

#[test]
fn nobody_answers_at_all() {
    let verdict = judge(silent_database(Some(false), Some(false)), &[]);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.domain, found.owner), ("egress_not_up", Domain::Platform, Role::Platform));
    assert_eq!(verdict.advice.retry, Retry::Helps);
    assert!(found.confidence >= 0.95, "{found:?}");
}

#[test]
fn only_the_link_itself_answers() {
    let verdict = judge(silent_database(Some(true), Some(false)), &[]);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.domain, found.owner), ("connect_timeout", Domain::Network, Role::Network));
    assert!(found.weights.iter().any(|w| w.because.contains("the way to this network")), "{:?}", found.weights);
}

#[test]
fn a_sibling_that_refuses_has_answered() {
    let verdict = judge(silent_database(Some(true), Some(true)), &[]);
    let found = cause(&verdict);
    assert_eq!(found.cause.as_str(), "connect_timeout");
    assert_eq!(found.culprit, "db.internal:5432");
    assert!(found.weights.iter().any(|w| w.because.contains("this host alone")), "{:?}", found.weights);
    assert!(verdict.whys.iter().any(|why| why.why == "does anything else answer?" && why.because.starts_with("yes")));
}

#[test]
fn without_witnesses_the_claim_is_smaller() {
    let alone = judge(silent_database(None, None), &[]);
    let told_apart = judge(silent_database(Some(true), Some(true)), &[]);
    assert!(cause(&alone).confidence < cause(&told_apart).confidence);
    assert!(cause(&alone).alternatives.iter().any(|other| other.cause.as_str() == "egress_not_up"));
}

#[test]
fn a_database_that_answers_a_sibling_step_is_no_witness_of_the_way_out_when_it_is_local() {
    let mut told = Told::start();
    told.phase("dependencies").open("local", "redis://127.0.0.1:6379/0", TO_QUERY);
    let events = told.stuck("orders-db", DATABASE, Layer::Tcp, "no_answer", "", (3, 5_000));
    let verdict = judge(events, &[]);
    assert!(cause(&verdict).weights.iter().any(|w| w.because.contains("nobody else was asked")));
}

#[test]
fn a_silent_resolver_beside_silent_addresses_is_the_way_out() {
    let mut told = Told::start();
    told.phase("init").step("egress").after(500).fails("egress", METADATA, Layer::Tcp, "no_answer", "");
    told.step_ends("egress", Passage::Expired, "no_answer").phase("database");
    let events = told.stuck("orders-db", DATABASE, Layer::Dns, "resolver_silent", "", (4, 5_000));
    assert_eq!(cause(&judge(events, &[])).cause.as_str(), "egress_not_up");
    let mut told = Told::start();
    let events = told.phase("database").after(1).stuck("x", DATABASE, Layer::Tcp, "no_answer", "", (1, 1));
    assert!(events.iter().len() > 3 && judge(events, &[]).attempts[0].outcome == AttemptOutcome::Failed);
}

#[test]
fn an_egress_step_whose_witnesses_are_all_silent_is_the_way_out() {
    let mut told = Told::start();
    told.phase("init").step("egress");
    for _ in 0..3 {
        told.after(5_000).fails("egress", METADATA, Layer::Tcp, "no_answer", "");
        told.fails("egress", "tcp://10.0.0.9:6379", Layer::Tcp, "no_answer", "");
    }
    told.step_ends("egress", Passage::Expired, "no_answer").phase_ends(Passage::Expired, "no_answer");
    assert_eq!(cause(&judge(told.ends(AttemptOutcome::Failed), &[])).cause.as_str(), "egress_not_up");
}

#[test]
fn a_missing_socket_beside_one_that_answers_is_a_wrong_path() {
    let path = |instance: &str| format!("postgres://app@/orders?host=/cloudsql/shop:europe-west1:{instance}");
    let start = |sibling: bool| {
        let mut told = Told::start();
        told.phase("database");
        if sibling {
            told.open("reports-db", &path("reports"), &[Layer::Socket, Layer::Protocol]);
        }
        told.stuck("orders-db", &path("order"), Layer::Socket, "socket_missing", "", (4, 10_000))
    };
    let (alone, beside) = (judge(start(false), &[]), judge(start(true), &[]));
    assert_eq!(cause(&alone).cause.as_str(), "wrong_socket_path");
    assert_eq!(alone.runner_up.as_ref().map(|other| other.cause.as_str()), Some("sidecar_not_ready"));
    assert!(cause(&alone).confidence < 0.7 && cause(&beside).confidence >= 0.8);
}
