//! What belongs together, however a platform delivers it.

use super::{Kind, Language, Line, blocks, chain_of, failures, lines};
use crate::chain::wrapped;

const CHAIN: &str = "Traceback (most recent call last):
  File \"/srv/app/a.py\", line 1, in f
    import x
ModuleNotFoundError: No module named 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/srv/app/b.py\", line 2, in g
    f()
RuntimeError: setup failed: No module named 'x'";

/// The blocks of rows of which those with `true` begin a record.
fn ranges(rows: &[(bool, &str)]) -> Vec<(std::ops::Range<usize>, Kind)> {
    let rows: Vec<Line> =
        rows.iter().map(|(boundary, text)| Line { text, boundary: *boundary, elapsed_ms: Some(0) }).collect();
    blocks(&rows).into_iter().map(|block| (block.range, block.kind)).collect()
}

#[test]
fn a_chain_split_over_records_is_one_block() {
    let parts: Vec<&str> = CHAIN.split("\n\n").collect();
    let mut rows = vec![(true, "Booting worker")];
    for part in parts {
        rows.extend(part.lines().enumerate().map(|(at, row)| (at == 0, row)));
    }
    rows.push((true, "Worker exiting"));
    let found = ranges(&rows);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1], (1..10, Kind::Failure(Language::Python)));
}

#[test]
fn records_of_one_line_each_join_as_one_record_does() {
    let each: Vec<(bool, &str)> = CHAIN.lines().map(|row| (true, row)).collect();
    let once: Vec<(bool, &str)> = CHAIN.lines().enumerate().map(|(at, row)| (at == 0, row)).collect();
    let plain: Vec<(bool, &str)> = CHAIN.lines().map(|row| (false, row)).collect();
    assert_eq!(ranges(&each), ranges(&once));
    assert_eq!(ranges(&each), ranges(&plain));
    assert_eq!(ranges(&each).len(), 1);
}

#[test]
fn a_new_record_or_a_stamp_ends_a_block() {
    let head =
        ["Traceback (most recent call last):", "  File \"/srv/app/a.py\", line 1, in f", "    g()", "ValueError: no"];
    for (boundary, next) in [
        (true, "    an indented record of its own"),
        (false, "2026-11-22 06:07:41,250 INFO app: going on"),
        (false, "INFO:     Application startup complete."),
        (false, "{\"level\":\"info\",\"msg\":\"going on\"}"),
        (false, "Listening on 8080"),
    ] {
        let mut rows: Vec<(bool, &str)> = head.iter().map(|row| (false, *row)).collect();
        rows[0].0 = true;
        rows.push((boundary, next));
        let found = ranges(&rows);
        assert_eq!(found.len(), 2, "{next}");
        assert_eq!(found[0].0, 0..4, "{next}");
    }
}

#[test]
fn a_stamped_row_amid_the_calls_splits_the_traceback() {
    let text = "Traceback (most recent call last):\n  File \"/srv/app/a.py\", line 1, in f\n    g()\n\
        2026-11-22 06:07:41,250 INFO app: from another thread\n  File \"/srv/app/b.py\", line 2, in g\n    h()\nValueError: no";
    let found = failures(text);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..3, 4..7]);
    assert!(found.iter().all(|block| chain_of(text, block).truncated));
    assert_eq!(chain_of(text, &found[1]).root().type_name, "ValueError");
}

#[test]
fn a_logger_may_put_its_columns_before_every_row() {
    let stamped: String = CHAIN.lines().map(|row| format!("2026-11-22T06:07:41.250Z {row}\n")).collect();
    let text = format!("{stamped}2026-11-22T06:07:41.251Z INFO:     Application startup complete.");
    let found = failures(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 0..11);
    let chain = chain_of(&text, &found[0]);
    assert_eq!(chain.root().type_name, "ModuleNotFoundError");
    assert_eq!(chain.outermost().message, "setup failed: No module named 'x'");
    // A level of its own ends the block even where every row has a stamp.
    let each: String = CHAIN.lines().map(|row| format!("2026-11-22T06:07:41.250Z ERROR app.main: {row}\n")).collect();
    assert_eq!(failures(&each).len(), 1);
}

#[test]
fn rows_that_come_late_do_not_continue_a_message() {
    let row = |text, elapsed_ms| Line { text, boundary: false, elapsed_ms };
    let head = ["Traceback (most recent call last):", "  File \"a.py\", line 1, in f", "OperationalError: no"];
    let mut rows: Vec<Line> = head.iter().map(|text| row(*text, Some(0))).collect();
    rows.push(row("\tIs the server running?", Some(1)));
    rows.push(row("\tsomething else", Some(5_000)));
    let found: Vec<_> = blocks(&rows).into_iter().map(|block| block.range).collect();
    assert_eq!(found, [0..4, 4..5]);
}

#[test]
fn one_line_errors_are_single() {
    let text = "ERROR db: connect: connection refused\n2026/11/22 06:07:41 listen tcp :80: bind: permission denied\nError: x\nfatal: x\n\
        E, [2026-11-22T06:07:41.250 #1] ERROR -- : no\nKeyError: 'x'\nDone in 3 s: ok";
    assert_eq!(blocks(&lines(text)).len(), 7);
    assert!(failures(text).is_empty());
}

#[test]
fn wrapped_messages_split_between_their_errors_only() {
    assert_eq!(
        wrapped("open db: dial tcp 127.0.0.1:5432: connect: connection refused"),
        ["open db", "dial tcp 127.0.0.1:5432", "connect", "connection refused"]
    );
    assert_eq!(wrapped("open C:\\data\\x: denied"), ["open C:\\data\\x", "denied"]);
    assert_eq!(wrapped("key \"a: b\" of `c: d`: can't: x"), ["key \"a: b\" of `c: d`", "can't", "x"]);
    assert_eq!(wrapped("unwrap on: Os { code: 2, kind: NotFound }"), ["unwrap on", "Os { code: 2, kind: NotFound }"]);
    assert_eq!(wrapped("lookup [::1]:53: no such host"), ["lookup [::1]:53", "no such host"]);
    assert_eq!(wrapped("plain"), ["plain"]);
    assert_eq!(wrapped(""), Vec::<&str>::new());
}
