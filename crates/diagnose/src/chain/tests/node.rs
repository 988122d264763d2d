//! Errors of Node 20, uncaught and logged.

use super::{call, chain_of, failures, links, whole};
use crate::chain::{Language::Node, Relation, parse};

#[test]
fn a_cause_between_braces_is_the_root() {
    let text = include_str!("../samples/node_cause.txt");
    let chain = whole(Node, text);
    assert_eq!(
        links(&chain),
        [("Error", "connect ECONNREFUSED 127.0.0.1:5432", Some(Relation::CausedBy)), ("Error", "boot failed", None),]
    );
    assert!(!chain.truncated);
    assert_eq!(chain.outermost().lines, 4..5);
    assert_eq!(call(chain.root().application.as_ref()), "connect /srv/app/n1.js:2");
    let cut: Vec<&str> = text.lines().take(20).collect();
    assert!(parse(&cut).expect("its head").truncated, "a brace is open");
}

#[test]
fn an_error_event_has_two_lists_of_calls() {
    let chain = whole(Node, include_str!("../samples/node_event.txt"));
    assert_eq!(links(&chain), [("Error", "connect ECONNREFUSED 127.0.0.1:1", None)]);
    assert_eq!(call(chain.root().deepest.as_ref()), "TCPConnectWrap.afterConnect [as oncomplete] node:net:1611");
    assert_eq!(chain.root().application, None);
}

#[test]
fn a_missing_module_lists_who_required_it() {
    let chain = whole(Node, include_str!("../samples/node_module.txt"));
    assert_eq!(chain.root().whole, "Cannot find module './nothere'\nRequire stack:\n- /srv/app/n3.js");
    assert_eq!(call(chain.root().application.as_ref()), "Object.<anonymous> /srv/app/n3.js:1");
}

#[test]
fn members_of_an_aggregate_are_leaves() {
    let chain = whole(Node, include_str!("../samples/node_aggregate.txt"));
    let member = Some(Relation::Member);
    assert_eq!(
        links(&chain),
        [("Error", "a", member), ("TypeError", "b", member), ("AggregateError", "all failed", None)]
    );
    assert_eq!(chain.leaves().count(), 2);
    assert!(!chain.truncated);
}

#[test]
fn a_syntax_error_follows_its_excerpt() {
    let chain = whole(Node, include_str!("../samples/node_syntax.txt"));
    assert_eq!(links(&chain), [("SyntaxError", "Unexpected end of input", None)]);
}

#[test]
fn logged_errors_end_before_ordinary_rows() {
    let text = include_str!("../samples/node_logged.txt");
    let found = failures(text);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..11, 12..20, 21..27, 29..35]);
    let chain = chain_of(text, &found[0]);
    assert_eq!(chain.root().whole, "multi\nline\nmessage");
    let chain = chain_of(text, &found[2]);
    assert_eq!(links(&chain), [("Error", "ENOENT: no such file or directory, open '/nope'", None)]);
    // A thrown value that is no error.
    let chain = chain_of(text, &found[3]);
    assert_eq!(links(&chain), [("", "{ code: 1 }", None)]);
}

#[test]
fn drivers_name_their_errors_by_hand() {
    let text = "[boot] fatal: error: password authentication failed for user \"gw\"\n\
        \x20   at Parser.parseErrorMessage (/opt/app/node_modules/pg-protocol/dist/parser.js:285:98)\n\
        \x20   at async main (/srv/app/src/server.js:12:3) {\n  code: '28P01',\n  severity: 'FATAL'\n}";
    let chain = whole(Node, text);
    assert_eq!(links(&chain), [("error", "password authentication failed for user \"gw\"", None)]);
    assert_eq!(call(chain.root().application.as_ref()), "main /srv/app/src/server.js:12");
    assert_eq!(chain.root().third_party.as_ref().map(|frame| frame.number), Some(Some(285)));
}

#[test]
fn a_message_may_name_places_and_leave_rows_empty() {
    let text = "PrismaClientInitializationError: \nInvalid `prisma.user.findMany()` invocation in\n/app/src/index.ts:10:35\n\n\
        \x20 8 const app = express();\n→ 10   const users = await prisma.user.findMany(\nCan't reach database server at `db:5432`\n\n\
        Please make sure your database server is running at `db:5432`.\n    at Cn.handleRequestError (/app/node_modules/@prisma/client/runtime/library.js:121:7615)";
    let chain = whole(Node, text);
    assert_eq!(chain.root().type_name, "PrismaClientInitializationError");
    assert!(chain.root().whole.contains("Can't reach database server at `db:5432`"));
}

#[test]
fn warnings_with_calls_are_no_failures() {
    let text = ["(node:12) Warning: Setting NODE_TLS_REJECT_UNAUTHORIZED", "    at f (/srv/app/x.js:1:2)"];
    assert_eq!(parse(&text), None);
    let text = ["(node:12) UnhandledPromiseRejectionWarning: Error: no", "    at f (/srv/app/x.js:1:2)"];
    assert_eq!(links(&parse(&text).expect("an error")), [("Error", "no", None)]);
}
