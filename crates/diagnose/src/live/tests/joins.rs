//! What the child said beside what was measured.

use super::{DATABASE, REDIS, TO_QUERY, Told, cause, judge};
use tminus_core::event::{Event, Passage};
use tminus_core::vocabulary::{AttemptOutcome, Layer, Outcome};

/// Our probe of the database passes at 1 s; the child is started at 1.2 s and exits 1 at 3 s.
fn child_dies_beside_an_open_database() -> Told {
    let mut told = Told::start();
    told.phase("database").after(1_000).open("orders-db", DATABASE, TO_QUERY).phase_ends(Passage::Passed, "");
    told.phase("services").after(200).step("child").spawned().step_ends("child", Passage::Passed, "");
    told
}

fn dies(mut told: Told) -> Vec<Event> {
    told.step("ready").after(1_800).exited(Some(1), None);
    told.step_ends("ready", Passage::Failed, "exited_before_ready");
    told.phase_ends(Passage::Failed, "exited_before_ready").ends(AttemptOutcome::Failed)
}

const IMPORT: &[(i64, &str)] = &[
    (1_500, "INFO starting up"),
    (1_900, "Traceback (most recent call last):"),
    (1_900, "  File \"/app/main.py\", line 3, in <module>"),
    (1_900, "    from orders import refunds"),
    (1_900, "ModuleNotFoundError: No module named 'orders.refunds'"),
];

fn refused(address: &str) -> Vec<(i64, String)> {
    vec![
        (1_500, "INFO starting up".into()),
        (2_000, "Traceback (most recent call last):".into()),
        (2_000, "  File \"/app/main.py\", line 30, in start".into()),
        (2_000, "    await asyncpg.connect(dsn)".into()),
        (
            2_000,
            format!(
                "psycopg2.OperationalError: connection to server at \"{address}\", port 5432 failed: Connection refused"
            ),
        ),
        (2_000, "\tIs the server running on that host and accepting TCP/IP connections?".into()),
    ]
}

fn lines(owned: &[(i64, String)]) -> Vec<(i64, &str)> {
    owned.iter().map(|(ms, text)| (*ms, text.as_str())).collect()
}

#[test]
fn a_module_that_is_missing_is_named_while_the_database_is_fine() {
    let verdict = judge(dies(child_dies_beside_an_open_database()), IMPORT);
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.culprit.as_str()), ("missing_module", "orders.refunds"));
    assert!(found.evidence.iter().any(|e| e.source == "output" && e.line == Some(5)), "{:?}", found.evidence);
    let text = "child exited with code 1 after 1.8 s";
    assert!(found.evidence.iter().any(|e| e.source == "events" && e.text == text), "{:?}", found.evidence);
    assert!(verdict.ruled_out.iter().any(|out| out.cause == "postgres" && out.why.contains("in this very start")));
    assert_eq!(verdict.attempts[0].exit_code, Some(1));
    assert_eq!(verdict.attempts[0].records, 5 - 3);
}

#[test]
fn an_import_error_wins_over_an_optional_dependency_that_is_down() {
    let mut told = Told::start();
    told.phase("cache").step("sessions");
    for _ in 0..5 {
        told.after(100).fails("sessions", REDIS, Layer::Tcp, "refused", "");
    }
    told.step_ends("sessions", Passage::Expired, "refused").phase_ends(Passage::Passed, "");
    told.phase("services").step("child").spawned().step_ends("child", Passage::Passed, "");
    let verdict = judge(dies(told), IMPORT);
    assert_eq!(cause(&verdict).cause.as_str(), "missing_module");
}

#[test]
fn a_dependency_that_answered_us_is_not_blamed_for_what_the_program_says() {
    let verdict = judge(dies(child_dies_beside_an_open_database()), &lines(&refused("db.internal")));
    assert_eq!(verdict.outcome, Outcome::Undetermined, "{:?}", verdict.causes);
    assert!(verdict.needed[0].contains("our probe reached query there 1.0 s before"), "{:?}", verdict.needed);
    let out = verdict.ruled_out.iter().find(|out| out.cause == "db_connection_refused").expect("ruled out");
    assert!(!out.evidence.is_empty());
}

#[test]
fn the_program_dials_another_address_than_the_plan() {
    let verdict = judge(dies(child_dies_beside_an_open_database()), &lines(&refused("127.0.0.1")));
    let found = cause(&verdict);
    assert_eq!((found.cause.as_str(), found.culprit.as_str()), ("wrong_host", "127.0.0.1:5432"));
    assert!(found.alternatives.iter().any(|other| other.cause.as_str() == "db_connection_refused"));
    assert!(found.confidence < 0.8);
}

#[test]
fn our_probe_and_the_program_agree() {
    let mut told = Told::start();
    told.phase("services")
        .step("child")
        .spawned()
        .step_ends("child", Passage::Passed, "")
        .phase_ends(Passage::Passed, "");
    told.after(1_900).fails("observed", DATABASE, Layer::Tcp, "refused", "");
    let alone = Told::start();
    let told = dies(told);
    let agreed = judge(told, &lines(&refused("db.internal")));
    let mut alone = alone;
    alone
        .phase("services")
        .step("child")
        .spawned()
        .step_ends("child", Passage::Passed, "")
        .phase_ends(Passage::Passed, "");
    let said = judge(dies(alone), &lines(&refused("db.internal")));
    assert_eq!(cause(&agreed).cause, cause(&said).cause);
    assert!(cause(&agreed).confidence >= cause(&said).confidence);
    assert!(cause(&agreed).weights.iter().any(|w| w.because.contains("came out the same")));
    assert!(
        cause(&said).weights.iter().any(|w| w.because.contains("no step of this start asks")),
        "{:?}",
        cause(&said).weights
    );
}

#[test]
fn what_was_measured_counts_where_the_program_only_ran_out_of_time() {
    let socket = "postgres://app@/orders?host=/cloudsql/shop:europe-west1:orders";
    let mut told = Told::start();
    told.phase("services")
        .step("child")
        .spawned()
        .step_ends("child", Passage::Passed, "")
        .phase_ends(Passage::Passed, "");
    told.after(500).passes("observed", socket, &[Layer::Socket]);
    told.fails("observed", socket, Layer::Protocol, "closed_before_greeting", "");
    let printed = &[
        (600, "Traceback (most recent call last):"),
        (600, "  File \"/usr/lib/python3/site-packages/asyncpg/connect_utils.py\", line 900, in _connect_addr"),
        (600, "    await connected"),
        (600, "asyncio.exceptions.TimeoutError"),
    ];
    let verdict = judge(dies(told), printed);
    let found = cause(&verdict);
    assert_eq!(found.cause.as_str(), "proxy_closed_handshake");
    assert_eq!(found.culprit, "/cloudsql/shop:europe-west1:orders");
    assert!(found.evidence.iter().any(|e| e.source == "output"), "{:?}", found.evidence);
}

#[test]
fn an_optional_dependency_beside_a_silent_end_is_not_named() {
    let mut told = Told::start();
    told.phase("cache").step("sessions").fails("sessions", REDIS, Layer::Tcp, "refused", "");
    told.step_ends("sessions", Passage::Failed, "refused").phase_ends(Passage::Passed, "");
    told.phase("services").step("child").spawned().step_ends("child", Passage::Passed, "");
    let verdict = judge(dies(told), &[]);
    assert_eq!(verdict.outcome, Outcome::Undetermined, "{:?}", verdict.causes);
    assert!(verdict.needed.iter().any(|needed| needed.contains("10.0.0.9:6379")), "{:?}", verdict.needed);
}

#[test]
fn other_credentials_than_ours_stay_the_programs_matter() {
    let printed = &[(1_900, "psycopg2.OperationalError: FATAL:  password authentication failed for user \"legacy\"")];
    let verdict = judge(dies(child_dies_beside_an_open_database()), printed);
    assert_eq!(cause(&verdict).cause.as_str(), "auth_failed");
    assert_eq!(cause(&verdict).culprit, "user legacy");
}

#[test]
fn a_failing_check_of_the_program_is_explained_by_what_the_program_said() {
    let mut told = child_dies_beside_an_open_database();
    told.phase_ends(Passage::Passed, "").phase("finalize").after(2_000);
    let own = "http://127.0.0.1:8080/ready";
    told.step("check").passes("check", own, &[Layer::Tcp, Layer::Protocol, Layer::Auth]);
    told.fails("check", own, Layer::Query, "http_status", "500");
    let mut events = told;
    events.step_ends("check", Passage::Failed, "http_status").phase_ends(Passage::Failed, "http_status");
    events.stopping("SIGTERM").after(50).exited(Some(0), None);
    let events = events.ends(AttemptOutcome::Failed);
    assert_eq!(cause(&judge(events.clone(), &[])).cause.as_str(), "unexpected_answer");
    let verdict = judge(
        events,
        &[
            (1_300, "INFO up"),
            (
                2_500,
                "sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"refunds\" does not exist",
            ),
        ],
    );
    assert_eq!(cause(&verdict).cause.as_str(), "missing_table");
}
