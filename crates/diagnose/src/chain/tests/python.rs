//! Tracebacks of CPython 3.11, printed by small programs, pydantic, SQLAlchemy and uvicorn.

use super::{call, chain_of, failures, links, whole};
use crate::chain::{Language::Python, Relation, parse};

const CHAIN: &str = include_str!("../samples/python_chain.txt");

#[test]
fn a_chain_is_read_from_the_root_outwards() {
    let found = failures(CHAIN);
    assert_eq!(found.len(), 1);
    // The third line of the last message is not indented: nothing tells it from other output.
    assert_eq!(found[0].range, 0..36);
    let chain = chain_of(CHAIN, &found[0]);
    assert!(!chain.truncated);
    assert_eq!(
        links(&chain),
        [
            ("ConnectionRefusedError", "[Errno 111] Connection refused", Some(Relation::DirectCause)),
            ("RuntimeError", "database init failed: [Errno 111] Connection refused", Some(Relation::Context)),
            ("KeyError", "'SECRET'", Some(Relation::Context)),
            ("Startup", "line one", None),
        ]
    );
    assert_eq!(chain.links[0].lines, 6..7);
    assert_eq!(chain.links[3].whole, "line one\n  line two");
    assert_eq!(chain.root().type_name, "ConnectionRefusedError");
    assert_eq!(chain.outermost().type_name, "Startup");
    assert_eq!(call(chain.root().deepest.as_ref()), "connect /srv/app/p1.py:4");
    assert!(chain.links[2].incidental, "a lookup that the next error does not mention");
}

#[test]
fn members_of_groups_are_leaves() {
    let chain = whole(Python, include_str!("../samples/python_groups.txt"));
    assert!(!chain.truncated);
    let member = Some(Relation::Member);
    assert_eq!(
        links(&chain),
        [
            ("ValueError", "bad 1", member),
            ("ValueError", "bad 2", member),
            ("KeyError", "'k'", Some(Relation::DirectCause)),
            ("TypeError", "inner", member),
            ("FileNotFoundError", "[Errno 2] No such file", member),
            ("ValueError", "z", member),
            ("ExceptionGroup", "nested (2 sub-exceptions)", member),
            ("ExceptionGroup", "startup failed (4 sub-exceptions)", Some(Relation::DirectCause)),
            ("RuntimeError", "lifespan", None),
        ]
    );
    let leaves: Vec<&str> = chain.leaves().map(|link| link.message.as_str()).collect();
    assert_eq!(leaves, ["bad 1", "bad 2", "'k'", "[Errno 2] No such file", "z"]);
    let out: Vec<&str> = chain.outwards(&chain.links[4]).map(|link| link.message.as_str()).collect();
    assert_eq!(
        out,
        ["[Errno 2] No such file", "nested (2 sub-exceptions)", "startup failed (4 sub-exceptions)", "lifespan"]
    );
}

#[test]
fn a_cancelled_wait_is_a_mechanism() {
    let chain = whole(Python, include_str!("../samples/python_timeout.txt"));
    let marks: Vec<(&str, bool)> = chain.links.iter().map(|link| (link.short_type(), link.mechanism)).collect();
    assert_eq!(marks, [("CancelledError", true), ("TimeoutError", true), ("RuntimeError", false)]);
    assert_eq!(chain.root().type_name, "asyncio.exceptions.CancelledError");
    assert_eq!(chain.informative().type_name, "RuntimeError");
    assert_eq!(call(chain.root().application.as_ref()), "conn /srv/app/p7.py:2");
    assert_eq!(call(chain.root().deepest.as_ref()), "sleep /usr/local/lib/python3.11/asyncio/tasks.py:649");
}

#[test]
fn a_syntax_error_shows_its_place() {
    let imported = include_str!("../samples/python_syntax.txt");
    let chain = whole(Python, imported);
    assert_eq!(links(&chain), [("SyntaxError", "invalid syntax", None)]);
    assert_eq!(call(chain.root().deepest.as_ref()), " /srv/app/p3.py:1");
    // Of the file that was to be run there is no traceback at all.
    let direct = "  File \"/srv/app/p3.py\", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax";
    assert!(!whole(Python, direct).truncated);
}

#[test]
fn a_dead_interpreter_shows_its_calls() {
    let chain = whole(Python, include_str!("../samples/python_fatal.txt"));
    assert_eq!(links(&chain), [("Fatal Python error", "Segmentation fault", None)]);
    assert_eq!(call(chain.root().application.as_ref()), "<module> /srv/app/p6.py:1");
}

#[test]
fn headlines_around_tracebacks_stay_ordinary_rows() {
    let text = include_str!("../samples/python_threads.txt");
    let ranges: Vec<_> = failures(text).into_iter().map(|block| block.range).collect();
    assert_eq!(ranges, [1..6, 7..16, 17..22]);
    let chain = chain_of(text, &failures(text)[1]);
    assert_eq!(links(&chain), [("ValueError", "", None)]);
}

#[test]
fn a_validation_error_keeps_its_fields() {
    let chain = whole(Python, include_str!("../samples/python_validation.txt"));
    let link = chain.root();
    assert_eq!(link.message, "3 validation errors for Settings");
    assert!(link.whole.contains("\ndatabase_url\n  Field required [type=missing"));
    assert!(link.whole.contains("\nport\n  Input should be a valid integer"));
    assert_eq!(link.lines, 8..18);
}

#[test]
fn messages_of_database_drivers_go_on_over_several_rows() {
    let text = include_str!("../samples/python_uvicorn.txt");
    let found = failures(text);
    assert_eq!(found.len(), 1);
    let chain = chain_of(text, &found[0]);
    let types: Vec<&str> = chain.links.iter().map(|link| link.type_name.as_str()).collect();
    assert_eq!(types, ["psycopg2.OperationalError", "sqlalchemy.exc.OperationalError", "RuntimeError"]);
    assert!(chain.root().whole.ends_with("accepting TCP/IP connections?"));
    assert!(chain.links[1].whole.contains("(Background on this error at: https://sqlalche.me/"));
    assert_eq!(chain.root().third_party.as_ref().map(|frame| frame.function.as_str()), Some("connect"));
    assert!(text.lines().nth(found[0].range.start).is_some_and(|row| row.starts_with("ERROR:    Traceback")));
    assert!(text.lines().nth(found[0].range.end - 1).is_some_and(|row| row.starts_with("RuntimeError: ")));
}

#[test]
fn a_message_may_break_off_at_the_margin_when_a_connective_follows() {
    let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n\
        psycopg2.OperationalError: connection failed: FATAL:  database \"billing\n\" does not exist\n\n\
        The above exception was the direct cause of the following exception:\n\n\
        Traceback (most recent call last):\n  File \"a.py\", line 2, in h\n    f()\nRuntimeError: no";
    let chain = whole(Python, text);
    assert_eq!(chain.root().whole, "connection failed: FATAL:  database \"billing\n\" does not exist");
    assert_eq!(chain.outermost().message, "no");
}

#[test]
fn the_same_error_again_is_a_retry() {
    let part = |at: u32| {
        format!(
            "Traceback (most recent call last):\n  File \"/srv/app/a.py\", line {at}, in f\n    import x\nModuleNotFoundError: No module named 'x'\n"
        )
    };
    let text =
        format!("{}\nDuring handling of the above exception, another exception occurred:\n\n{}", part(1), part(2));
    let chain = whole(Python, &text);
    let repeated: Vec<bool> = chain.links.iter().map(|link| link.repeated).collect();
    assert_eq!(repeated, [false, true]);
}

#[test]
fn cut_tracebacks_are_told_so() {
    let rows: Vec<&str> = CHAIN.lines().collect();
    // The head is missing: calls, then a final `Type: message`.
    assert_eq!(parse(&rows[5..7]), None, "a row of code shows nothing");
    let tail = parse(&rows[4..7]).expect("a call and an exception");
    assert!(tail.truncated);
    assert_eq!(links(&tail), [("ConnectionRefusedError", "[Errno 111] Connection refused", None)]);
    // The end is missing.
    let head = parse(&rows[..6]).expect("calls alone");
    assert!(head.truncated);
    assert_eq!(links(&head), [("", "", None)]);
    assert_eq!(call(head.root().deepest.as_ref()), "connect /srv/app/p1.py:4");
    // The part before the connective is missing.
    let later = parse(&rows[8..17]).expect("the second part");
    assert!(later.truncated);
    assert_eq!(later.root().type_name, "RuntimeError");
}

#[test]
fn rows_of_well_known_messages_stand_at_the_margin() {
    let head = "Traceback (most recent call last):\n  File \"/srv/app/a.py\", line 1, in f\n    g()\n";
    for message in [
        "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n>",
        "kubernetes.client.exceptions.ApiException: (403)\nReason: Forbidden\nHTTP response body: {}",
        "sqlalchemy.exc.DataError: (psycopg2.DataError) a\nb\nc\n[SQL: select 1]\n(Background on this error at: https://sqlalche.me/e/20/9h9h)",
    ] {
        let text = format!("{head}{message}");
        let chain = whole(Python, &text);
        assert_eq!(format!("{}: {}", chain.root().type_name, chain.root().whole), message);
        // What only follows is another matter.
        let followed = format!("{text}\nGoing on without it\n  as configured");
        assert_eq!(failures(&followed), failures(&text));
    }
}
