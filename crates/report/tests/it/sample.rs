//! Verdicts made by hand: the shapes that people meet.

use crate::build::{at, attempt, cause, empty, evidence, key, ruled_out, starts, strings, why};
use tminus_core::{
    verdict::{
        Advice, AttemptSummary, Cause, Change, Coverage, Evidence, InputCoverage, Rollback, RunnerUp, Supports,
        Verdict, Weight,
    },
    vocabulary::{AttemptOutcome, CauseStatus, Certainty, ChangeKind, Domain, Layer, Outcome, Retry, Role, Stage},
};

const DATABASE: &str = "database-path-2037Z/logs.json";
const MODULE: &str = "module-missing-0041Z/logs.json";

/// Two epochs: a broken socket path, then a package that is not in the image and hides it.
pub fn two_epochs() -> Verdict {
    let mut attempts = starts(1, 9, "2025-09-15T21:28:03Z", 62, 56_000, "lumen-backend-staging-00711-lvp");
    attempts[0].revision = Some("lumen-backend-staging-00709-abc".into());
    for a in &mut attempts {
        (a.exit_code, a.phase, a.stage) = (Some(3), Some("database".into()), Some(Stage::Dependencies));
    }
    for n in 10..=12 {
        let start = at(&format!("2025-09-15T21:37:{:02}Z", n + 15));
        attempts.push(AttemptSummary { start: Some(start), ..attempt(n, AttemptOutcome::CutOff) });
    }
    let mut late = starts(13, 15, "2025-09-16T00:41:05Z", 7, 5_500, "lumen-backend-staging-00734-qxv");
    for a in &mut late {
        (a.exit_code, a.stage) = (Some(3), Some(Stage::Import));
    }
    attempts.extend(late);
    let start = Some(at("2025-09-16T00:42:56Z"));
    attempts.push(AttemptSummary { start, ..attempt(28, AttemptOutcome::CutOff) });
    Verdict {
        service: Some("lumen-backend-staging".into()),
        environment: Some("staging".into()),
        revision: Some("lumen-backend-staging-00734-qxv".into()),
        causes: vec![socket_path(), package()],
        runner_up: Some(RunnerUp {
            cause: key("import_error"),
            would_flip: "a row that shows the package present in the image".into(),
        }),
        advice: Advice {
            retry: Retry::Pointless,
            rollback: Rollback { to: None, because: "no revision in these files was ever ready".into() },
            hold: "none".into(),
            do_not: strings(&[
                "hold code deploys: the fix is one",
                "raise database timeouts: no current start gets that far",
                "roll back on Ready=True: reported for 00709 and 00711, 9 of 9 starts died",
            ]),
        },
        ruled_out: vec![
            ruled_out("capacity", "0 of 1,163 rows report it", &[]),
            ruled_out(
                "connect_timeout",
                "the process ends in an import, nothing was dialled in 15 of 15 starts",
                &["e7"],
            ),
            ruled_out("\"timeout after 25.0s\"", "10.1 to 10.3 s had elapsed", &["e3"]),
        ],
        whys: vec![
            why(
                "c2",
                "Why does the service not start?",
                "The process ends with exit code 3: gunicorn's worker failed to boot.",
                &["e6"],
            ),
            why(
                "c2",
                "Why did the worker fail?",
                "gcp_auth_context_middleware.py imports a package that is not there.",
                &["e5"],
            ),
            why(
                "c2",
                "Why is it not there?",
                "The evidence ends here: not committed, ignored at build, or not installed.",
                &[],
            ),
        ],
        changes: vec![Change {
            id: "x1".into(),
            at: Some(at("2025-09-15T20:38:11Z")),
            kind: ChangeKind::Setting,
            what: "vpc-access-egress".into(),
            from: None,
            to: Some("all-traffic".into()),
            evidence: strings(&["e4"]),
            seen_in: Some((14, 14)),
        }],
        needed: strings(&["the rows between 21:37 and 00:41: tminus why run:lumen-backend-staging --since 24h"]),
        attempts,
        coverage: two_epochs_coverage(),
        ..empty(Outcome::Failed)
    }
}

fn socket_path() -> Cause {
    Cause {
        domain: Domain::Network,
        layer: Layer::Protocol,
        owner: Role::Platform,
        confidence: 0.88,
        certainty: Certainty::Likely,
        status: CauseStatus::Masked,
        current: false,
        attempts: vec![1, 3, 5, 7, 9],
        consistent_with: vec![2, 4, 6, 8],
        first_seen: Some(at("2025-09-15T21:28:03Z")),
        last_seen: Some(at("2025-09-15T21:37:17Z")),
        evidence: vec![
            evidence(
                "e1",
                DATABASE,
                214,
                "connection to server on socket \"/cloudsql/lumen-staging:us-central1:staging-shared-postgres/.s.PGSQL.5432\" failed: server closed the connection unexpectedly",
                Supports::Cause,
            ),
            evidence("e3", DATABASE, 140, "Database initialization timeout after 25.0s", Supports::Consequence),
            evidence("e4", DATABASE, 3726, "run.googleapis.com/vpc-access-egress: all-traffic", Supports::Contributing),
        ],
        contributing: strings(&["x1"]),
        remedy: "route egress so that the built-in Cloud SQL socket works".into(),
        next: "gcloud run services update lumen-backend-staging --vpc-egress private-ranges-only".into(),
        ..cause("c1", "proxy_closed_handshake", "/cloudsql/lumen-staging:us-central1:staging-shared-postgres")
    }
}

fn package() -> Cause {
    Cause {
        attempts: (13..=27).collect(),
        first_seen: Some(at("2025-09-16T00:41:05Z")),
        last_seen: Some(at("2025-09-16T00:42:49Z")),
        evidence: vec![
            evidence(
                "e5",
                MODULE,
                699,
                "ModuleNotFoundError: No module named 'lumen_backend.app.services.monitoring'",
                Supports::Cause,
            ),
            evidence("e6", MODULE, 457, "Worker failed to boot.", Supports::Consequence),
            evidence("e8", MODULE, 435, "Container called exit(3).", Supports::End),
            evidence("e7", MODULE, 2437, "Database URL built for staging", Supports::Excludes),
        ],
        weights: vec![
            Weight { because: "root of the chain that ended 15 of 15 starts".into(), log_odds: 2.5 },
            Weight { because: "the server's own words".into(), log_odds: 1.25 },
        ],
        ..cause("c2", "missing_module", "lumen_backend.app.services.monitoring")
    }
}

fn two_epochs_coverage() -> Coverage {
    Coverage {
        rows: 1163,
        records: 1101,
        span_s: 11_696.0,
        covered_s: 649.0,
        caps: strings(&["50 per severity", "limit 1000"]),
        cut_off: 4,
        time_basis: "envelope".into(),
        inputs: vec![
            InputCoverage {
                source: DATABASE.into(),
                format: "Cloud Logging JSON".into(),
                rows: 163,
                ..Default::default()
            },
            InputCoverage {
                source: MODULE.into(),
                format: "Cloud Logging JSON".into(),
                rows: 1000,
                newest_first: true,
                ..Default::default()
            },
        ],
        gaps: vec![(at("2025-09-15T21:37:40Z"), at("2025-09-16T00:41:04Z"))],
        ..Coverage::default()
    }
}

/// One cause, shown in every start; there is a revision to go back to.
pub fn proved() -> Verdict {
    let mut attempts = starts(1, 3, "2026-03-02T07:10:00Z", 40, 5_300, "orders-00036");
    for a in &mut attempts {
        (a.exit_code, a.stage) = (Some(1), Some(Stage::Import));
    }
    let one = Cause {
        attempts: vec![1, 2, 3],
        evidence: vec![evidence(
            "e1",
            "logs.ndjson",
            812,
            "ModuleNotFoundError: No module named 'orders.refunds'",
            Supports::Cause,
        )],
        ..cause("c1", "missing_module", "orders.refunds")
    };
    Verdict {
        service: Some("orders".into()),
        revision: Some("orders-00036".into()),
        causes: vec![one],
        advice: Advice {
            retry: Retry::Pointless,
            rollback: Rollback { to: Some("orders-00035".into()), because: "it answered requests until 07:09".into() },
            ..empty(Outcome::Failed).advice
        },
        attempts,
        coverage: Coverage { rows: 1204, records: 1190, span_s: 86.0, covered_s: 86.0, ..Coverage::default() },
        ..empty(Outcome::Failed)
    }
}

/// One likely cause that waiting may mend, with a runner-up and facts as evidence.
pub fn likely() -> Verdict {
    let mut attempts = starts(1, 4, "2026-03-02T07:10:00Z", 90, 61_000, "bookings-7");
    for a in &mut attempts {
        (a.signal, a.stage) = (Some("SIGKILL".into()), Some(Stage::Dependencies));
    }
    let slots = Cause {
        domain: Domain::Capacity,
        layer: Layer::Slot,
        owner: Role::Database,
        confidence: 0.86,
        certainty: Certainty::Likely,
        attempts: vec![1, 2, 4],
        consistent_with: vec![3],
        evidence: vec![
            evidence("e1", "pod.log", 31, "FATAL:  sorry, too many clients already", Supports::Cause),
            Evidence { line: None, ..evidence("e2", "facts.json", 0, "env.POOL_SIZE = 40", Supports::Contributing) },
        ],
        remedy: "free slots, or make the pools of all instances fit into max_connections".into(),
        next: "psql \"$DATABASE_URL\" -c \"select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc\"".into(),
        ..cause("c1", "too_many_connections", "db.internal:5432")
    };
    Verdict {
        service: Some("bookings".into()),
        environment: Some("production".into()),
        causes: vec![slots],
        runner_up: Some(RunnerUp {
            cause: key("auth_failed"),
            would_flip: "one connection that is granted a slot and is still refused".into(),
        }),
        advice: Advice {
            retry: Retry::Helps,
            hold: "app".into(),
            do_not: strings(&["scale out: each instance asks for 40 more slots"]),
            ..empty(Outcome::Failed).advice
        },
        needed: strings(&["max_connections and who holds them at the time of a start"]),
        attempts,
        coverage: Coverage {
            rows: 412,
            records: 400,
            span_s: 331.0,
            skipped: 3,
            time_basis: "assumed_utc".into(),
            ..Coverage::default()
        },
        ..empty(Outcome::Failed)
    }
}

/// Starts that fail without a word of why.
pub fn undetermined() -> Verdict {
    let mut attempts = starts(1, 3, "2026-03-02T07:10:00Z", 70, 60_000, "feed-12");
    for a in &mut attempts {
        (a.exit_code, a.stage) = (Some(1), Some(Stage::Config));
    }
    Verdict {
        service: Some("feed".into()),
        revision: Some("feed-12".into()),
        runner_up: Some(RunnerUp {
            cause: key("connect_timeout"),
            would_flip: "a row that names an address that was dialled and did not answer".into(),
        }),
        needed: strings(&["the standard error of one failed start, to its end", "the start-up probe's settings"]),
        attempts,
        coverage: Coverage { rows: 96, records: 96, span_s: 200.0, without_payload: 41, ..Coverage::default() },
        ..empty(Outcome::Undetermined)
    }
}

/// A good start, the first one.
pub fn ready() -> Verdict {
    let mut attempts = starts(1, 1, "2026-03-02T07:10:00Z", 1, 4_200, "tides-3");
    attempts[0].outcome = AttemptOutcome::Ready;
    Verdict {
        service: Some("tides".into()),
        revision: Some("tides-3".into()),
        attempts,
        coverage: Coverage { rows: 30, records: 30, span_s: 4.2, ..Coverage::default() },
        ..empty(Outcome::Ready)
    }
}

/// A good start after a database that needed its time.
pub fn ready_after_failures() -> Verdict {
    let mut attempts = starts(1, 4, "2026-03-02T07:10:00Z", 20, 9_000, "tides-3");
    attempts[3].outcome = AttemptOutcome::Ready;
    let slow = Cause {
        domain: Domain::Dependency,
        layer: Layer::Protocol,
        owner: Role::Nobody,
        status: CauseStatus::Resolved,
        current: false,
        attempts: vec![1, 2, 3],
        evidence: vec![evidence("e1", "tides.log", 12, "FATAL:  the database system is starting up", Supports::Cause)],
        remedy: "wait for the database".into(),
        next: "pg_isready -h db".into(),
        ..cause("c1", "db_starting_up", "db:5432")
    };
    Verdict { causes: vec![slow], attempts, ..ready() }
}

/// Rows, but no start in them.
pub fn no_starts() -> Verdict {
    Verdict {
        service: Some("orders".into()),
        coverage: Coverage {
            rows: 1000,
            records: 990,
            span_s: 120.0,
            caps: strings(&["limit 1000"]),
            ..Coverage::default()
        },
        ..empty(Outcome::Undetermined)
    }
}

/// An export that lost every message.
pub fn no_payload() -> Verdict {
    Verdict {
        coverage: Coverage { rows: 5000, records: 5000, without_payload: 5000, ..Coverage::default() },
        ..empty(Outcome::Undetermined)
    }
}

/// Two causes that stop different instances at the same time.
pub fn two_current() -> Verdict {
    let mut verdict = proved();
    let variable = Cause {
        domain: Domain::Configuration,
        layer: Layer::Config,
        owner: Role::Application,
        confidence: 0.81,
        certainty: Certainty::Likely,
        attempts: vec![4, 5],
        evidence: vec![evidence("e2", "logs.ndjson", 1100, "KeyError: 'STRIPE_KEY'", Supports::Cause)],
        remedy: "set the variable".into(),
        next: "gcloud run services describe orders --format json".into(),
        ..cause("c2", "missing_env", "STRIPE_KEY")
    };
    verdict.attempts.extend(starts(4, 2, "2026-03-02T07:10:05Z", 40, 2_000, "orders-00036"));
    verdict.attempts.sort_by_key(|a| a.start);
    verdict.causes.push(variable);
    verdict
}

/// Every text field of the verdict is `text`.
pub fn saying(text: &str) -> Verdict {
    let mut verdict = two_epochs();
    let say = || text.to_owned();
    verdict.service = Some(say());
    verdict.environment = Some(say());
    verdict.revision = Some(say());
    for cause in &mut verdict.causes {
        cause.culprit = say();
        cause.remedy = say();
        cause.next = say();
        for evidence in &mut cause.evidence {
            (evidence.source, evidence.text) = (say(), say());
        }
        for weight in &mut cause.weights {
            weight.because = say();
        }
    }
    for attempt in &mut verdict.attempts {
        attempt.instance = Some(say());
        attempt.revision = Some(say());
        attempt.phase = Some(say());
        attempt.signal = Some(say());
    }
    if let Some(second) = &mut verdict.runner_up {
        second.would_flip = say();
    }
    verdict.advice.do_not = vec![say(), say()];
    verdict.advice.hold = say();
    verdict.advice.rollback = Rollback { to: Some(say()), because: say() };
    for item in &mut verdict.ruled_out {
        (item.cause, item.why) = (say(), say());
    }
    for why in &mut verdict.whys {
        (why.why, why.because) = (say(), say());
    }
    for change in &mut verdict.changes {
        (change.what, change.from, change.to) = (say(), Some(say()), Some(say()));
    }
    verdict.needed = vec![say(), say()];
    verdict.coverage.notes = vec![say()];
    verdict.coverage.caps = vec![say()];
    verdict.coverage.clocks = vec![say()];
    for input in &mut verdict.coverage.inputs {
        (input.source, input.format, input.skipped) = (say(), say(), vec![say()]);
    }
    verdict
}
