//! Messages of the Postgres server and of its client library.

use super::{chain_of, failures, links};
use crate::chain::{Kind, Language::Postgres, blocks, parse};

const SERVER: &str =
    "2026-11-22 06:07:41.250 GMT [15] LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use
2026-11-22 06:07:41.250 GMT [15] HINT:  Is another postmaster already running on port 5432?
2026-11-22 06:07:41.251 GMT [15] FATAL:  could not create any TCP/IP sockets
2026-11-22 06:07:41.252 GMT [15] LOG:  database system is shut down
2026-11-22 06:07:41.253 GMT [16] app@orders ERROR:  relation \"orders\" does not exist at character 15
2026-11-22 06:07:41.253 GMT [16] app@orders STATEMENT:  select *
\tfrom orders
2026-11-22 06:07:41.254 GMT [17] app@orders LOG:  connection authorized: user=app
2026-11-22 06:07:41.254 GMT [17] app@orders DETAIL:  nothing failed here
2026-11-22 06:07:41.255 GMT [18] app@orders FATAL:  sorry, too many clients already
2026-11-22 06:07:41.255 GMT [19] app@orders DETAIL:  of another process";

#[test]
fn rows_of_one_server_message_are_one_failure() {
    let found = failures(SERVER);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..2, 4..7]);
    assert!(found.iter().all(|block| block.kind == Kind::Failure(Postgres)));
    let chain = chain_of(SERVER, &found[1]);
    assert_eq!(links(&chain), [("ERROR", "relation \"orders\" does not exist at character 15", None)]);
    assert!(chain.root().whole.ends_with("STATEMENT: select *\n\tfrom orders"));
}

#[test]
fn a_single_row_of_the_server_is_an_ordinary_line() {
    let row = "2026-11-22 06:07:41.251 GMT [15] FATAL:  the database system is starting up";
    assert!(blocks(&super::lines(row)).iter().all(|block| block.kind == Kind::Single));
    assert_eq!(parse(&[row]), None);
}

#[test]
fn the_client_library_goes_on_behind_a_tab() {
    let text = "psql: error: connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\
        \tIs the server running on that host and accepting TCP/IP connections?\nordinary row\n\
        psql:/x.sql:1: ERROR:  relation \"x\" does not exist\nLINE 1: select * from x;\n                      ^\nordinary row";
    let found = failures(text);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..2, 3..6]);
    assert!(chain_of(text, &found[0]).root().whole.ends_with("accepting TCP/IP connections?"));
}

/// It was cut inside that letter.
#[test]
fn a_letter_of_several_bytes_before_the_colons_is_no_tag() {
    for row in ["𝔞:  ¡", "ÄERROR:  ¡", "𝔬FATAL:  x"] {
        assert!(blocks(&super::lines(row)).iter().all(|block| block.kind == Kind::Single), "{row}");
        assert_eq!(parse(&[row]), None, "{row}");
    }
}
