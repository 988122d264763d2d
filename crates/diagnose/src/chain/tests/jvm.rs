//! Stack traces of OpenJDK 17, and the shapes that logback and Spring Boot give them.

use super::{call, chain_of, failures, links, whole};
use crate::chain::{Kind, Language, Language::Jvm, Relation, blocks, parse};

#[test]
fn the_last_cause_is_the_root_and_suppressed_errors_are_none() {
    let chain = whole(Jvm, include_str!("../samples/jvm_suppressed.txt"));
    let caused = Some(Relation::CausedBy);
    assert_eq!(
        links(&chain),
        [
            ("java.io.IOException", "disk", caused),
            ("java.lang.IllegalStateException", "close failed", Some(Relation::Suppressed)),
            ("java.net.ConnectException", "Connection refused", caused),
            ("java.lang.RuntimeException", "mid failed", caused),
            ("java.lang.IllegalStateException", "outer", None),
        ]
    );
    let root = chain.root();
    assert_eq!(root.type_name, "java.net.ConnectException");
    assert_eq!(root.whole, "Connection refused\n  hint: check host\nlast line");
    assert_eq!(root.lines, 5..8);
    assert_eq!(call(root.application.as_ref()), "M.db M.java:4");
    assert_eq!(chain.leaves().count(), 1);
}

#[test]
fn a_logged_exception_begins_at_its_own_row() {
    let text = include_str!("../samples/jvm_logged.txt");
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 2..6);
    let chain = chain_of(text, &found[0]);
    assert_eq!(chain.root().type_name, "java.lang.OutOfMemoryError");
    // The same record with its headline parses alike, in rows counted from the headline.
    let rows: Vec<&str> = text.lines().collect();
    let record = parse(&rows[..6]).expect("a record with its headline");
    assert_eq!(links(&record), links(&chain));
    assert_eq!(record.outermost().lines, 2..3);
}

#[test]
fn a_missing_main_class_has_no_calls() {
    let chain = whole(Jvm, include_str!("../samples/jvm_no_class.txt"));
    assert_eq!(
        links(&chain),
        [
            ("java.lang.ClassNotFoundException", "Nope", Some(Relation::CausedBy)),
            ("Error", "Could not find or load main class Nope", None),
        ]
    );
    let text = "Error occurred during initialization of VM\nToo small maximum heap";
    assert_eq!(whole(Jvm, text).root().message, "Too small maximum heap");
}

const SPRING: &str = "2026-11-22T06:07:41.250Z ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed

org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'flyway': Unable to obtain connection
\tat org.springframework.beans.factory.support.AbstractBeanFactory.doGetBean(AbstractBeanFactory.java:313) ~[spring-beans-6.1.jar!/:6.1]
\tat com.acme.orders.Main.main(Main.java:12) ~[!/:1.0]
Caused by: org.flywaydb.core.internal.exception.FlywaySqlException: Unable to obtain connection from database: refused
-----------------------------------------------
SQL State  : 08001
Message    : Connection to db:5432 refused.

\tat org.flywaydb.core.internal.jdbc.JdbcUtils.openConnection(JdbcUtils.java:60) ~[flyway-core-9.jar!/:na]
\t... 12 common frames omitted
Caused by: org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct.
\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:342) ~[postgresql-42.jar!/:42]
\tat java.base/java.lang.Thread.run(Thread.java:840) ~[na:na]
\t... 30 common frames omitted
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method) ~[na:na]
\tat org.postgresql.core.PGStream.createSocket(PGStream.java:243) ~[postgresql-42.jar!/:42]
\t... 40 common frames omitted
2026-11-22T06:07:41.251Z  INFO 1 --- [main] com.acme.Main : bye";

#[test]
fn causes_with_reports_between_them_stay_one_block() {
    let found = failures(SPRING);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 2..20);
    let chain = chain_of(SPRING, &found[0]);
    let types: Vec<&str> = chain.links.iter().map(|link| link.short_type()).collect();
    assert_eq!(types, ["ConnectException", "PSQLException", "FlywaySqlException", "BeanCreationException"]);
    assert!(chain.links[2].whole.contains("SQL State  : 08001"));
    let root = chain.root();
    assert_eq!(call(root.deepest.as_ref()), "sun.nio.ch.Net.pollConnect Native Method");
    assert_eq!(call(root.third_party.as_ref()), "org.postgresql.core.PGStream.createSocket PGStream.java:243");
    assert_eq!(root.application, None);
    assert_eq!(call(chain.outermost().application.as_ref()), "com.acme.orders.Main.main Main.java:12");
}

#[test]
fn logback_may_print_the_root_first() {
    let text = "java.net.ConnectException: Connection refused\n\tat com.acme.Db.open(Db.java:3)\n\
        Wrapped by: java.lang.IllegalStateException: no database\n\tat com.acme.Main.main(Main.java:9)";
    let chain = whole(Jvm, text);
    assert_eq!(chain.root().type_name, "java.net.ConnectException");
    assert_eq!(chain.outermost().message, "no database");
}

#[test]
fn a_report_of_spring_boot_is_its_description() {
    let text = "***************************\nAPPLICATION FAILED TO START\n***************************\n\n\
        Description:\n\nWeb server failed to start. Port 8080 was already in use.\n\nAction:\n\n\
        Identify and stop the process that's listening on port 8080.";
    let chain = whole(Jvm, text);
    assert_eq!(links(&chain), [("", "Web server failed to start. Port 8080 was already in use.", None)]);
    assert_eq!(chain.root().lines, 6..7);
    assert!(!chain.truncated);
    // Rows of stars alone are decoration.
    let banner = blocks(&super::lines("********************\n* orders *\n********************"));
    assert!(banner.iter().all(|block| block.kind == Kind::Single));
}

#[test]
fn a_trace_without_its_head_still_names_its_cause() {
    let text = "\tat com.acme.Main.main(Main.java:9)\nCaused by: java.net.UnknownHostException: db\n\tat java.base/java.net.X.y(X.java:1)";
    let chain = whole(Jvm, text);
    assert!(chain.truncated);
    assert_eq!(chain.root().type_name, "java.net.UnknownHostException");
    assert_eq!(chain.language, Language::Jvm);
}

#[test]
fn a_thread_dump_is_no_failure() {
    let text =
        ["\"main\" #1 prio=5 os_prio=0", "   java.lang.Thread.State: RUNNABLE", "\tat com.acme.Main.main(Main.java:9)"];
    assert_eq!(parse(&text), None);
}
