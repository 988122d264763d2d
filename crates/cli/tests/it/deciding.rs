//! One test per way in which simpler deciding goes wrong, named after what must hold.

use crate::room::Room;
use serde_json::Value;

/// The strongest current cause of a verdict: its key and confidence.
fn current(verdict: &Value) -> Option<(String, f64)> {
    let causes = verdict["causes"].as_array()?;
    let cause = causes.iter().find(|cause| cause["current"] == true)?;
    Some((cause["cause"].as_str()?.to_owned(), cause["confidence"].as_f64()?))
}

#[track_caller]
fn is(verdict: &Value, key: &str) {
    assert_eq!(current(verdict).map(|(key, _)| key).as_deref(), Some(key), "{verdict:#}");
}

/// An exits file: (started, ended, code) of each attempt, seconds after 10:00.
fn exits(attempts: &[(u32, u32, Option<i32>)]) -> String {
    let stamp = |second: u32| format!("2026-11-22T10:{:02}:{:02}Z", second / 60, second % 60);
    let rows: Vec<Value> = attempts
        .iter()
        .enumerate()
        .map(|(index, (started, ended, code))| {
            serde_json::json!({
                "attempt": index + 1, "started": stamp(*started), "ended": stamp(*ended), "exit_code": code,
                "signal": null, "revision": "ledger-00002-abc",
            })
        })
        .collect();
    serde_json::json!({ "attempts": rows }).to_string()
}

const MISSING: &str = "2026-11-22T10:00:01.200Z Traceback (most recent call last):\n\
    2026-11-22T10:00:01.200Z   File \"/srv/app/main.py\", line 3, in <module>\n\
    2026-11-22T10:00:01.200Z     import ledger.rates\n\
    2026-11-22T10:00:01.200Z ModuleNotFoundError: No module named 'ledger.rates'\n";

#[test]
fn requests_that_an_ingress_logs_are_no_progress_of_the_program() {
    let room = Room::new();
    room.put("app.log", MISSING).put("exits.json", exits(&[(0, 2, Some(1))]));
    let requests: String = (0..30)
        .map(|n| format!("10.8.2.{n} - - [22/Nov/2026:10:00:{:02} +0000] \"GET /rates HTTP/1.1\" 503 19\n", n % 4))
        .collect();
    room.put("ingress.log", requests);
    is(&room.verdict(&["--exits", "exits.json", "app.log", "ingress.log"]), "missing_module");
}

#[test]
fn a_replica_that_serves_does_not_make_the_failing_one_ready() {
    let room = Room::new();
    let row = |pod: &str, second: u32, text: &str| {
        let entry = serde_json::json!({
            "timestamp": format!("2026-11-22T10:00:{second:02}.500Z"),
            "logName": "projects/p/logs/stderr",
            "resource": {"type": "k8s_container", "labels": {"pod_name": pod, "container_name": "ledger", "namespace_name": "default"}},
            "textPayload": text,
        });
        format!("{entry}\n")
    };
    let served = "10.8.0.9 - - [22/Nov/2026:10:00:00 +0000] \"GET /rates HTTP/1.1\" 200 163";
    let mut log = String::new();
    for second in 0..40 {
        log += &row("ledger-7c9f-bbbbb", second, served);
        if second % 10 == 1 {
            log += &row("ledger-7c9f-aaaaa", second, "ledger starting");
            log += &row("ledger-7c9f-aaaaa", second, "panic: LEDGER_KEY is not set");
        }
    }
    room.put("pods.ndjson", log).put("exits.json", exits(&[(1, 2, Some(2)), (11, 12, Some(2)), (21, 22, Some(2))]));
    let verdict = room.verdict(&["--exits", "exits.json", "pods.ndjson"]);
    assert_eq!(verdict["outcome"], "failed", "{verdict:#}");
    is(&verdict, "missing_env");
}

#[test]
fn what_is_said_in_the_same_breath_as_a_failure_is_no_progress() {
    let room = Room::new();
    room.put(
        "run.log",
        "2026-11-22T10:00:00.100Z /usr/bin/env: 'nodejs': No such file or directory\n\
         2026-11-22T10:00:00.101Z see the manual of the image for its interpreters\n",
    );
    room.put("exits.json", exits(&[(0, 1, Some(127))]));
    is(&room.verdict(&["--exits", "exits.json", "run.log"]), "command_not_found");
}

#[test]
fn an_optional_dependency_does_not_explain_an_end_that_says_nothing() {
    let room = Room::new();
    room.put(
        "run.log",
        "2026-11-22T10:00:00.100Z INFO ledger starting\n\
         2026-11-22T10:00:00.300Z WARN memcached: connect ECONNREFUSED 127.0.0.1:11211, it is optional\n\
         2026-11-22T10:00:00.310Z ERROR startup aborted\n",
    );
    room.put("exits.json", exits(&[(0, 1, Some(1))]));
    let verdict = room.verdict(&["--exits", "exits.json", "run.log"]);
    assert_eq!(verdict["outcome"], "undetermined", "{verdict:#}");
    assert!(!verdict["needed"].as_array().expect("a list").is_empty());
}

#[test]
fn of_errors_that_come_at_once_the_first_known_one_leads() {
    let room = Room::new();
    room.put(
        "fpm.log",
        "[22-Nov-2026 10:00:00] ERROR: [/srv/app/pool.d/web.conf:6] unknown entry 'pm.max_childs'\n\
         [22-Nov-2026 10:00:00] ERROR: Unable to include /srv/app/pool.d/web.conf from /srv/app/fpm.conf at line 6\n\
         [22-Nov-2026 10:00:00] ERROR: failed to load configuration file '/srv/app/fpm.conf'\n\
         [22-Nov-2026 10:00:00] ERROR: FPM initialization failed\n",
    );
    room.put("exits.json", exits(&[(0, 1, Some(78))]));
    is(&room.verdict(&["--exits", "exits.json", "fpm.log"]), "invalid_config_parameter");
}

#[test]
fn a_service_that_is_stopped_and_started_again_and_again_did_not_come_up() {
    let room = Room::new();
    let one = |second: u32| {
        let stamp = |offset: u32| format!("2026-11-22T10:00:{:02}.000Z", second + offset);
        format!(
            "{} [INFO] Listening at: http://0.0.0.0:8000 (7)\n\
             {} ERROR django.security.DisallowedHost: Invalid HTTP_HOST header: '10.0.0.7:8000'. You may need to add '10.0.0.7' to ALLOWED_HOSTS.\n\
             {} ERROR django.security.DisallowedHost: Invalid HTTP_HOST header: '10.0.0.7:8000'. You may need to add '10.0.0.7' to ALLOWED_HOSTS.\n",
            stamp(0),
            stamp(3),
            stamp(6)
        )
    };
    room.put("web.log", [one(1), one(12), one(23)].concat());
    room.put("exits.json", exits(&[(0, 9, Some(0)), (11, 20, Some(0)), (22, 31, Some(0))]));
    let verdict = room.verdict(&["--exits", "exits.json", "web.log"]);
    is(&verdict, "invalid_env_value");
}

#[test]
fn rows_before_the_first_stamp_of_a_start_belong_to_it() {
    let room = Room::new();
    let one = |second: u32| {
        format!(
            "retrying kafka-0.events:9092: connection refused (try 1 of 5), next in 0.2 s\n\
             event bus connected after 2 tries\n\
             2026-11-22 10:00:{second:02},100 INFO    ledger starting\n\
             Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 9, in <module>\nKeyError: 'CH'\n\
             ERROR:    Application startup failed. Exiting.\n"
        )
    };
    room.put("web.log", [one(1), one(5), one(9)].concat());
    room.put("exits.json", exits(&[(0, 2, Some(3)), (4, 6, Some(3)), (8, 10, Some(3))]));
    is(&room.verdict(&["--exits", "exits.json", "web.log"]), "startup_exception");
}

#[test]
fn a_pool_is_used_up_only_where_connecting_had_worked() {
    let timeout = "2026-11-22T10:00:05.000Z ERROR KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. Are you missing a .transacting(trx) call?\n";
    let room = Room::new();
    room.put("exits.json", exits(&[(0, 6, Some(1))]));
    room.put("with.log", format!("2026-11-22T10:00:00.500Z INFO ledger database connected\n{timeout}"));
    room.put("without.log", format!("2026-11-22T10:00:00.500Z INFO ledger starting\n{timeout}"));
    is(&room.verdict(&["--exits", "exits.json", "with.log"]), "pool_exhausted");
    assert_eq!(room.verdict(&["--exits", "exits.json", "without.log"])["outcome"], "undetermined");
}

#[test]
fn what_a_probe_met_at_the_programs_own_port_blames_no_dependency() {
    let room = Room::new();
    room.put(
        "events.log",
        "2026-11-22T10:00:00Z INFO ledger starting\n\
         2026-11-22T10:00:10Z Startup probe failed: dial tcp 10.8.0.7:5432: connect: connection refused\n\
         2026-11-22T10:00:20Z Startup probe failed: dial tcp 10.8.0.7:5432: connect: connection refused\n",
    );
    let verdict = room.verdict(&["events.log"]);
    assert_ne!(current(&verdict).map(|(key, _)| key).as_deref(), Some("db_connection_refused"), "{verdict:#}");
}
