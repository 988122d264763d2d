//! The ladder of `tminus probe`, and what `run --explain` says.

use crate::scene::{CLOUD_SQL, lumen};
use tminus_core::code::Code;
use tminus_core::event::Passage;
use tminus_core::ladder::{Ladder, Rung};
use tminus_core::plan::{Exec, Once, Work};
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Layer;
use tminus_report::ladder::{change, ladder};
use tminus_report::start::{ExplainFacts, FileUse, explain};
use tminus_report::{Style, Words};

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

fn target(text: &str) -> Target {
    Target::parse(text, &Default::default()).expect("a target")
}

/// A ladder that stops at `code`'s layer, or passes.
fn stopped(name: &str, target: &Target, code: Option<Code>, detail: Option<&str>) -> Ladder {
    let layers = target.layers(target.deepest());
    let mut ladder = Ladder { name: Some(name.into()), ..Ladder::of(target.display(), target.component(), &layers) };
    for (ix, rung) in ladder.rungs.iter_mut().enumerate() {
        rung.elapsed_ns = Some(400_000 * (ix as u64 + 1));
        if Some(rung.layer) == code.map(|code| code.layer()) {
            (rung.outcome, rung.code, rung.detail) = (Passage::Failed, code, detail.map(str::to_owned));
            break;
        }
        rung.outcome = Passage::Passed;
    }
    ladder
}

fn notes(rung: &mut Rung, notes: &[(&str, &str)]) {
    rung.notes = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
}

fn show(one: &Ladder, target: &Target) -> String {
    ladder(one, Some(target), &Words::default(), &Style::default())
}

#[test]
fn rungs_of_many_kinds() {
    let database = target("postgres://app:hunter2@db.internal:5432/orders?sslmode=require");
    let mut good = stopped("orders-db", &database, None, None);
    for rung in &mut good.rungs {
        match rung.layer {
            Layer::Dns => notes(rung, &[("addresses", "10.1.2.3, 10.1.2.4")]),
            Layer::Tls => {
                notes(rung, &[("version", "1.3"), ("certificate_until", "2026-03-01"), ("issuer", "lumen CA")])
            }
            Layer::Query => notes(
                rung,
                &[
                    ("server_version", "15.4"),
                    ("in_recovery", "no"),
                    ("max_connections", "100"),
                    ("used_connections", "64"),
                    ("reserved_connections", "3"),
                    ("used_by", "orders 48, backup 4, (none) 12"),
                ],
            ),
            _ => {}
        }
    }
    let said = Some("password authentication failed for user \"app\"");
    let rejected = stopped("orders-db", &database, Some(Code::PasswordRejected), said);
    let socket = target(CLOUD_SQL);
    let closed = stopped("DATABASE_URL", &socket, Some(Code::ClosedBeforeGreeting), None);
    let cache = target("redis://cache.internal:6379/0");
    let loading =
        stopped("REDIS_URL", &cache, Some(Code::Loading), Some("LOADING Redis is loading the dataset in memory"));
    let api = target("https://api.example.com/health");
    let refused = stopped("billing", &api, Some(Code::Refused), None);
    let all = [
        show(&good, &database),
        show(&rejected, &database),
        show(&closed, &socket),
        show(&loading, &cache),
        show(&refused, &api),
    ];
    let all = all.join("\n");
    assert!(!all.contains("hunter2"));
    snapshot!("ladders", all);
}

#[test]
fn watching_says_changes_alone() {
    let database = target("postgres://app@db:5432/orders");
    let refused = stopped("orders-db", &database, Some(Code::Refused), None);
    let starting = stopped("orders-db", &database, Some(Code::StartingUp), None);
    let good = stopped("orders-db", &database, None, None);
    let mut slower = good.clone();
    slower.rungs[0].elapsed_ns = Some(99);
    assert_eq!(change(Some(&good), &slower, Millis(1)), None, "a time is no change");
    let lines = [
        change(None, &refused, Millis(0)),
        change(Some(&refused), &refused, Millis(1000)),
        change(Some(&refused), &starting, Millis(41_200)),
        change(Some(&starting), &good, Millis(43_000)),
    ];
    snapshot!("ladder-changes", lines.into_iter().flatten().collect::<String>());
}

#[test]
fn explain_leaves_nothing_out_and_shows_no_secret() {
    let mut plan = lumen();
    let Target::Postgres(database) = target(CLOUD_SQL) else { panic!("a database") };
    plan.steps[2].work = Work::Exec(Exec {
        argv: ["alembic", "upgrade", "head"].map(str::to_owned).to_vec(),
        once: Some(Box::new(Once { lease: "migrations".into(), database, ttl: Millis::secs(30), wait: None })),
    });
    plan.steps[3].deadline = Some(Millis::secs(20));
    plan.steps[3].critical = false;
    plan.steps[4].finalizer = Some((vec!["./drain".into()], Millis::secs(5)));
    let file = |path: &str, why: &str| FileUse { path: path.into(), why: why.into() };
    let facts = ExplainFacts {
        origin: "./tminus.toml".into(),
        command: ["gunicorn", "lumen:app", "--token", "t0k3n-in-argv"].map(str::to_owned).to_vec(),
        reads: vec![file("/etc/resolv.conf", "names"), file("/etc/hosts", "names")],
        writes: vec![file("/dev/termination-log", "the verdict of a failed start")],
        variables: vec![("DATABASE_URL".into(), "orders-db".into()), ("REDIS_URL".into(), "redis".into())],
        listens: vec![("unix:/run/tminus/notify".into(), "READY=1 of the program".into())],
        asks: vec![],
        posts: vec![],
        secrets: vec!["t0k3n-in-argv".into()],
    };
    let text = explain(&plan, &facts, &Style::default());
    for secret in ["s3cret-pw", "t0k3n-in-argv"] {
        assert!(!text.contains(secret), "{text}");
    }
    let words: String = text.split_whitespace().collect();
    for lane in &plan.lanes {
        let address = lane.target.to_string();
        assert!(words.contains(&address), "{address}\n{text}");
    }
    snapshot!("explain", text);
}
