//! Go 1.19, Rust 1.95 and .NET 8: panics, reports and unhandled exceptions.

use super::{call, chain_of, failures, links, whole};
use crate::chain::{Language::DotNet, Language::Go, Language::Rust, Relation, parse};

#[test]
fn a_go_panic_keeps_its_wrapped_message_whole() {
    let chain = whole(Go, include_str!("../samples/go_panic.txt"));
    assert_eq!(links(&chain), [("panic", "open db: dial tcp 127.0.0.1:1: connect: connection refused", None)]);
    assert_eq!(call(chain.root().application.as_ref()), "main.main /src/a.go:7");
    assert!(!chain.truncated);
    assert!(parse(&["panic: open db: refused"]).expect("its head").truncated);
}

#[test]
fn go_panics_in_turn() {
    let chain = whole(Go, include_str!("../samples/go_again.txt"));
    assert_eq!(links(&chain), [("panic", "first", Some(Relation::DirectCause)), ("panic", "again: first", None)]);
    let chain = whole(Go, include_str!("../samples/go_deferred.txt"));
    assert_eq!(links(&chain), [("panic", "first", Some(Relation::Context)), ("panic", "in defer", None)]);
}

#[test]
fn the_go_runtime_s_own_errors() {
    let chain = whole(Go, include_str!("../samples/go_nil.txt"));
    assert_eq!(chain.root().message, "runtime error: invalid memory address or nil pointer dereference");
    let chain = whole(Go, include_str!("../samples/go_deadlock.txt"));
    assert_eq!(links(&chain), [("fatal error", "all goroutines are asleep - deadlock!", None)]);
    assert_eq!(
        call(chain.root().deepest.as_ref()),
        "sync.runtime_SemacquireMutex /usr/local/go/src/runtime/sema.go:77"
    );
    assert_eq!(call(chain.root().application.as_ref()), "main.main /src/dl.go:3");
}

#[test]
fn a_go_panic_of_several_lines_follows_the_logged_one() {
    let text = include_str!("../samples/go_lines.txt");
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 2..10);
    assert_eq!(chain_of(text, &found[0]).root().whole, "multi\nline");
}

#[test]
fn a_go_error_is_logged_with_its_stack() {
    let text = "2026-11-22T06:07:41.250Z\tERROR\tserver/main.go:12\tstart failed\t{\"error\": \"no route\"}\nmain.run\n\t/src/main.go:12\n\
        github.com/acme/x.Do\n\t/root/go/pkg/mod/github.com/acme/x@v1.2.0/x.go:30\nruntime.main\n\t/usr/local/go/src/runtime/proc.go:250\n\
        2026-11-22T06:07:41.251Z\tINFO\tbye";
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 0..7);
    let chain = chain_of(text, &found[0]);
    assert_eq!(chain.root().message, "start failed\t{\"error\": \"no route\"}");
    assert_eq!(call(chain.root().application.as_ref()), "main.run /src/main.go:12");
    assert_eq!(chain.root().third_party.as_ref().map(|frame| frame.number), Some(Some(30)));
}

#[test]
fn a_deadline_at_the_end_of_a_go_message_is_a_mechanism() {
    let chain = parse(&["panic: open db: context deadline exceeded", "", "goroutine 1 [running]:"]).expect("a panic");
    assert!(chain.root().mechanism);
    let chain = parse(&["panic: context deadline exceeded: dial tcp 10.0.0.2:5432: i/o timeout"]).expect("a panic");
    assert!(!chain.root().mechanism);
}

#[test]
fn a_rust_panic_has_its_message_below() {
    let chain = whole(Rust, include_str!("../samples/rust_unwrap.txt"));
    let message = "called `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }";
    assert_eq!(links(&chain), [("panic", message, None)]);
    assert_eq!(chain.root().lines, 1..2);
    assert_eq!(call(chain.root().application.as_ref()), " a.rs:3");
    let chain = whole(Rust, include_str!("../samples/rust_lines.txt"));
    assert_eq!(chain.root().whole, "multi\nline\nmessage");
}

#[test]
fn two_rust_panics_are_two_failures() {
    let text = include_str!("../samples/rust_two.txt");
    let found = failures(text);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..3, 4..6]);
    assert_eq!(chain_of(text, &found[1]).root().message, "second");
}

#[test]
fn the_old_form_of_a_rust_panic_is_one_row() {
    let text = "thread 'main' panicked at 'DATABASE_URL must be set: NotPresent', src/main.rs:4:29\n\
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
    let chain = whole(Rust, text);
    assert_eq!(links(&chain), [("panic", "DATABASE_URL must be set: NotPresent", None)]);
    assert_eq!(call(chain.root().application.as_ref()), " src/main.rs:4");
}

const REPORTS: &str = "Error: failed to start orders

Caused by:
    0: cannot open database
    1: connection to server failed
       second line of it
    2: Connection refused (os error 111)

Location:
    src/main.rs:12:5
ordinary row
Error: failed to read config

Caused by:
    No such file or directory (os error 2)
ordinary row
Error:
   0: failed to start
   1: Connection refused (os error 111)

Location:
   src/main.rs:8

  ━━━━━━━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━━━━━━━
Backtrace omitted. Run with RUST_BACKTRACE=1 environment variable to display it.
ordinary row";

#[test]
fn reports_of_anyhow_and_eyre_list_the_outermost_first() {
    let found = failures(REPORTS);
    let ranges: Vec<_> = found.iter().map(|block| block.range.clone()).collect();
    assert_eq!(ranges, [0..10, 11..15, 16..25]);
    let caused = Some(Relation::CausedBy);
    let chain = chain_of(REPORTS, &found[0]);
    assert_eq!(
        links(&chain),
        [
            ("", "Connection refused (os error 111)", caused),
            ("", "connection to server failed", caused),
            ("", "cannot open database", caused),
            ("", "failed to start orders", None),
        ]
    );
    assert_eq!(chain.root().lines, 6..7);
    assert_eq!(call(chain.root().application.as_ref()), " src/main.rs:12");
    let chain = chain_of(REPORTS, &found[1]);
    assert_eq!(
        links(&chain),
        [("", "No such file or directory (os error 2)", caused), ("", "failed to read config", None)]
    );
    let chain = chain_of(REPORTS, &found[2]);
    assert_eq!(links(&chain), [("", "Connection refused (os error 111)", caused), ("", "failed to start", None)]);
}

#[test]
fn a_report_may_stand_below_any_row() {
    let text = "ordinary row\ncould not start: no database\n\nCaused by:\n    refused";
    let found = failures(text);
    assert_eq!(found[0].range, 1..5);
    let caused = Some(Relation::CausedBy);
    let chain = chain_of(text, &found[0]);
    assert_eq!(links(&chain), [("", "refused", caused), ("", "could not start: no database", None)]);
    let cut = parse(&["Caused by:", "    0: refused"]).expect("its end");
    assert!(cut.truncated);
}

const HOST: &str = "Unhandled exception. System.InvalidOperationException: Failed to start orders
 ---> Npgsql.NpgsqlException (0x80004005): Failed to connect to 127.0.0.1:5432
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)
   --- End of inner exception stack trace ---
   at Npgsql.Internal.NpgsqlConnector.RawOpen(SslMode sslMode, Boolean async, CancellationToken cancellationToken)
--- End of stack trace from previous location ---
   at Orders.Db.Open() in /src/Db.cs:line 12
   --- End of inner exception stack trace ---
   at Orders.Startup.Run() in /src/Startup.cs:line 30
   at Program.<Main>$(String[] args) in /src/Program.cs:line 5";

#[test]
fn dotnet_lists_calls_from_the_innermost_exception_out() {
    let chain = whole(DotNet, HOST);
    let caused = Some(Relation::CausedBy);
    assert_eq!(
        links(&chain),
        [
            ("System.Net.Sockets.SocketException", "Connection refused", caused),
            ("Npgsql.NpgsqlException", "Failed to connect to 127.0.0.1:5432", caused),
            ("System.InvalidOperationException", "Failed to start orders", None),
        ]
    );
    assert!(!chain.truncated);
    assert_eq!(call(chain.links[1].application.as_ref()), "Orders.Db.Open /src/Db.cs:12");
    assert_eq!(call(chain.outermost().application.as_ref()), "Orders.Startup.Run /src/Startup.cs:30");
    let cut: Vec<&str> = HOST.lines().take(6).collect();
    assert!(parse(&cut).expect("its head").truncated);
}

#[test]
fn dotnet_hosts_log_exceptions_indented() {
    let text = "fail: Microsoft.Extensions.Hosting.Internal.Host[11]\n      Hosting failed to start\n\
        \x20     System.IO.IOException: Failed to bind to address http://[::]:8080: address already in use.\n\
        \x20      ---> System.Net.Sockets.SocketException (98): Address already in use\n\
        \x20        at System.Net.Sockets.Socket.DoBind(EndPoint endPointSnapshot, SocketAddress socketAddress)\n\
        \x20        --- End of inner exception stack trace ---\n\
        \x20        at Orders.Program.Main(String[] args)\ninfo: Orders[0]\n      bye";
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 2..7);
    let chain = chain_of(text, &found[0]);
    assert_eq!(chain.root().message, "Address already in use");
    assert_eq!(chain.outermost().type_name, "System.IO.IOException");
}

#[test]
fn members_of_a_dotnet_aggregate_are_leaves() {
    let text = "Unhandled exception. System.AggregateException: One or more errors occurred. (a) (b)\n\
        \x20---> System.InvalidOperationException: a\n   at P.A() in /src/P.cs:line 1\n   --- End of inner exception stack trace ---\n\
        \x20  at P.Main() in /src/P.cs:line 9\n ---> (Inner Exception #1) System.IO.IOException: b\n   at P.B() in /src/P.cs:line 2<---";
    let chain = whole(DotNet, text);
    let member = Some(Relation::Member);
    let names: Vec<_> = chain.links.iter().map(|link| (link.message.as_str(), link.relation)).collect();
    assert_eq!(names, [("a", member), ("b", member), ("One or more errors occurred. (a) (b)", None)]);
    assert_eq!(chain.leaves().count(), 2);
}
