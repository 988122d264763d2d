//! Ruby 3.1 and PHP 8.2: uncaught errors, and the reports of rake, Rails and Laravel.

use super::{call, failures, links, whole};
use crate::chain::{Language::Php, Language::Ruby, Relation};

#[test]
fn a_ruby_cause_follows_the_calls() {
    let text = include_str!("../samples/ruby_cause.txt");
    let chain = whole(Ruby, text);
    assert_eq!(
        links(&chain),
        [
            ("Errno::ECONNREFUSED", "Connection refused - connect(2) for 127.0.0.1:5432", Some(Relation::CausedBy)),
            ("Boot", "boot failed", None),
        ]
    );
    assert_eq!(chain.outermost().whole, "boot failed\nsecond line");
    assert_eq!(call(chain.root().application.as_ref()), "conn a.rb:3");
    // The program ran and failed again: two failures, not a cause of itself.
    let twice = format!("{text}{text}");
    let ranges: Vec<_> = failures(&twice).into_iter().map(|block| block.range).collect();
    assert_eq!(ranges, [0..7, 7..14]);
}

#[test]
fn a_ruby_excerpt_belongs_to_the_message() {
    let chain = whole(Ruby, include_str!("../samples/ruby_excerpt.txt"));
    assert_eq!(links(&chain), [("NoMethodError", "undefined method `foo' for nil:NilClass", None)]);
}

#[test]
fn ruby_3_4_quotes_differently() {
    let text = "app.rb:3:in 'Db#conn': refused (Errno::ECONNREFUSED)\n\tfrom app.rb:5:in '<main>'";
    let chain = whole(Ruby, text);
    assert_eq!(call(chain.root().deepest.as_ref()), "Db#conn app.rb:3");
}

#[test]
fn rake_prints_its_calls_at_the_margin() {
    let text = "rails aborted!\nActiveRecord::ConnectionNotEstablished: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n\
        \tIs the server running on that host and accepting TCP/IP connections?\n\
        /usr/local/bundle/gems/activerecord-7.1.3/lib/active_record/x.rb:81:in `rescue in new_client'\n/app/config/environment.rb:5:in `<main>'\n\n\
        Caused by:\nPG::ConnectionBad: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n\
        /app/config/environment.rb:5:in `<main>'\nTasks: TOP => db:migrate\n(See full trace by running task with --trace)\nordinary row";
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 1..11);
    let chain = super::chain_of(text, &found[0]);
    let types: Vec<&str> = chain.links.iter().map(|link| link.type_name.as_str()).collect();
    assert_eq!(types, ["PG::ConnectionBad", "ActiveRecord::ConnectionNotEstablished"]);
    assert_eq!(call(chain.outermost().application.as_ref()), "<main> /app/config/environment.rb:5");
    assert!(chain.outermost().whole.contains("Is the server running"));
}

#[test]
fn php_prints_the_root_first() {
    let chain = whole(Php, include_str!("../samples/php_next.txt"));
    assert_eq!(
        links(&chain),
        [
            ("PDOException", "SQLSTATE[HY000] [2002] Connection refused", Some(Relation::DirectCause)),
            ("RuntimeException", "boot failed", None),
        ]
    );
    assert_eq!(chain.outermost().whole, "boot failed\nsecond");
    assert_eq!(call(chain.root().deepest.as_ref()), " /srv/app/a.php:2");
    assert!(!chain.truncated);
}

#[test]
fn laravel_logs_an_object_with_its_trace() {
    let text = "[2026-11-22 06:07:41] production.ERROR: refused {\"exception\":\"[object] (PDOException(code: 2002): SQLSTATE[HY000] [2002] Connection refused at /app/vendor/laravel/Connector.php:70)\n\
        [stacktrace]\n#0 /app/vendor/laravel/Connector.php(70): PDO->__construct()\n#1 /app/app/Boot.php(12): connect()\n#2 {main}\n\"}\nordinary row";
    let found = failures(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].range, 0..6);
    let chain = super::chain_of(text, &found[0]);
    assert_eq!(links(&chain), [("PDOException", "SQLSTATE[HY000] [2002] Connection refused", None)]);
    assert_eq!(call(chain.root().application.as_ref()), "connect() /app/app/Boot.php:12");
}
