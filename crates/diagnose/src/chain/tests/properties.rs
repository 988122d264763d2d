//! What holds for any text.

use super::{Kind, Line, blocks, lines, parse};
use crate::chain::join::Joiner;
use proptest::prelude::*;

/// Rows of failure texts in all languages, to be mixed at will.
const ROWS: [&str; 72] = [
    "Traceback (most recent call last):",
    "  File \"/srv/app/a.py\", line 1, in f",
    "    import x",
    "    ^^^^^^",
    "ValueError: no",
    "asyncio.exceptions.CancelledError",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
    "  + Exception Group Traceback (most recent call last):",
    "  | ExceptionGroup: two (2 sub-exceptions)",
    "  +-+---------------- 1 ----------------",
    "    | ValueError: one",
    "    +---------------- 2 ----------------",
    "    +------------------------------------",
    "[SQL: select 1]",
    "Fatal Python error: Segmentation fault",
    "Exception in thread \"main\" java.lang.IllegalStateException: outer",
    "\tat com.acme.Main.main(Main.java:9)",
    "Caused by: java.net.ConnectException: Connection refused",
    "\tSuppressed: java.io.IOException: disk",
    "\tCaused by: java.io.IOException: disk",
    "\t... 12 more",
    "Wrapped by: java.lang.Error: x",
    "***************************",
    "APPLICATION FAILED TO START",
    "Description:",
    "Action:",
    "/srv/app/x.js:12",
    "    ^",
    "Error: boot failed",
    "    at f (/srv/app/x.js:1:2)",
    "    at f (/srv/app/x.js:1:2) {",
    "  [cause]: Error: inner",
    "  [errors]: [",
    "    Error: a",
    "  code: 'X'",
    "  }",
    "}",
    "Node.js v20.20.2",
    "panic: open db: refused",
    "\tpanic: again",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/src/main.go:7 +0x2ee",
    "fatal error: all goroutines are asleep - deadlock!",
    "thread 'main' panicked at src/main.rs:1:2:",
    "thread 'main' panicked at 'no', src/main.rs:1:2",
    "stack backtrace:",
    "   0: core::panicking::panic_fmt",
    "             at /rustc/x/library/core/src/panicking.rs:80:14",
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "Caused by:",
    "    0: cannot open",
    "Location:",
    "    src/main.rs:12:5",
    "Error:",
    "a.rb:4:in `go': boot failed (Boot)",
    "\tfrom a.rb:5:in `<main>'",
    "PHP Fatal error:  Uncaught PDOException: refused in /a.php:2",
    "Stack trace:",
    "#0 /a.php(3): conn()",
    "Next RuntimeException: no in /a.php:3",
    "  thrown in /a.php on line 3",
    "Unhandled exception. System.AggregateException: x",
    " ---> System.IO.IOException: b",
    "   at P.B() in /src/P.cs:line 2<---",
    "   --- End of inner exception stack trace ---",
    "2026-11-22 06:07:41.250 GMT [15] FATAL:  no",
    "2026-11-22 06:07:41.250 GMT [15] DETAIL:  why",
    "2026-11-22 06:07:41,250 INFO app: ordinary",
    "ordinary row",
    "",
];

/// 96 cases unless the environment asks for more.
fn cases() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: if asked.cases == 256 { 96 } else { asked.cases }, ..asked }
}

fn row() -> impl Strategy<Value = String> {
    let known = prop::sample::select(ROWS.to_vec()).prop_map(str::to_string);
    let cut = (prop::sample::select(ROWS.to_vec()), any::<prop::sample::Index>()).prop_map(|(row, at)| {
        let at = at.index(row.len() + 1);
        row.chars().take(at).collect()
    });
    prop_oneof![8 => known, 2 => cut, 2 => "\\PC{0,60}", 1 => "[ \\t:.\"'(){}\\[\\]A-Za-z0-9/-]{0,60}"]
}

fn stream() -> impl Strategy<Value = Vec<(String, bool, Option<u64>)>> {
    let elapsed = prop::option::of(prop_oneof![Just(0u64), 0..1_000u64]);
    prop::collection::vec((row(), any::<bool>(), elapsed), 0..120)
}

proptest! {
    // Each case is a stream of many rows; more cases run with PROPTEST_CASES.
    #![proptest_config(cases())]

    #[test]
    fn blocks_cover_all_lines_once_and_in_order(stream in stream()) {
        let lines: Vec<Line> = stream
            .iter()
            .map(|(text, boundary, elapsed_ms)| Line { text, boundary: *boundary, elapsed_ms: *elapsed_ms })
            .collect();
        let mut next = 0;
        for block in blocks(&lines) {
            prop_assert_eq!(block.range.start, next);
            prop_assert!(block.range.end > next);
            prop_assert!(block.kind != Kind::Single || block.range.len() == 1);
            next = block.range.end;
        }
        prop_assert_eq!(next, lines.len());
    }

    #[test]
    fn chains_of_any_rows_hold_together(stream in stream()) {
        let rows: Vec<&str> = stream.iter().map(|(text, ..)| text.as_str()).collect();
        if let Some(chain) = parse(&rows) {
            prop_assert!(!chain.links.is_empty());
            prop_assert!(chain.leaves().count() >= 1);
            prop_assert!(!chain.root().whole.is_empty() || chain.informative().lines.end <= rows.len());
            for (at, link) in chain.links.iter().enumerate() {
                prop_assert!(link.outer.is_none_or(|outer| outer > at && outer < chain.links.len()));
                prop_assert_eq!(link.outer.is_some(), link.relation.is_some());
                prop_assert!(link.lines.start < link.lines.end && link.lines.end <= rows.len());
                prop_assert!(link.whole.len() <= 4096);
            }
        }
    }

    #[test]
    fn every_failure_block_of_known_rows_is_stable_when_cut_out(stream in stream()) {
        let rows: Vec<&str> = stream.iter().map(|(text, ..)| text.as_str()).collect();
        let text = rows.join("\n");
        let lines = lines(&text);
        for block in blocks(&lines) {
            let Kind::Failure(_) = block.kind else { continue };
            let alone = blocks(&lines[block.range.clone()]);
            prop_assert_eq!(alone.len(), 1, "{:?}", &lines[block.range]);
        }
    }

    #[test]
    fn the_work_is_linear(stream in stream(), times in 1usize..8) {
        let lines: Vec<Line> = stream
            .iter()
            .cycle()
            .take(stream.len() * times)
            .map(|(text, boundary, elapsed_ms)| Line { text, boundary: *boundary, elapsed_ms: *elapsed_ms })
            .collect();
        let mut joiner = Joiner::new(&lines);
        joiner.run();
        prop_assert!(joiner.work <= 4 * lines.len(), "{} rows read for {} lines", joiner.work, lines.len());
    }
}
