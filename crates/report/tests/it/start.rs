//! What people read about a live start.

use crate::scene::{self, Plans, Story, closed_socket, lumen, path_is_good};
use tminus_core::code::Code;
use tminus_core::event::{EventKind, Passage};
use tminus_core::history::{GoodStart, History};
use tminus_core::plan::{Plan, Platform, Readiness, Work};
use tminus_core::run::{Ended, Exit, Fact, Failure, Reason};
use tminus_core::time::Millis;
use tminus_report::start::{
    StartOptions, TERMINATION_MAX, announcement, block, cloud_logging, good, provisional, termination_message,
};
use tminus_report::{StartView, Words};

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

fn failed(story: &Story, phase: &str, step: &str, code: Code, expired: bool) -> Option<Exit> {
    let failure = Failure { phase: story.phase(phase), step: Some(story.step(step)), code, expired };
    Some(Exit { code: 3, reason: Reason::NotStarted(failure) })
}

fn shown(story: &Story, exit: Option<Exit>) -> String {
    block(&StartView::new(story.plan, &story.events, exit), None, &StartOptions::default())
}

/// A failed probe of the database phase, hopeless at its first try.
fn hopeless(plan: &Plan, code: Code, detail: &str) -> String {
    let mut story = path_is_good(Story::new(plan)).at(0.1).begin_phase("database").begin("orders-db");
    let lane = story.lane("orders-db", "orders-db");
    story = story.fail_lane(lane, 1, code, Some(detail), 0.004);
    story = story.end("orders-db", Passage::Failed, Some(code)).end_phase("database", Passage::Failed, Some(code));
    let exit = failed(&story, "database", "orders-db", code, false);
    shown(&story, exit)
}

/// The six lines answer what, whose move, what to do and what it is not.
fn head_answers(text: &str) {
    let head: Vec<&str> = text.lines().filter(|line| !line.is_empty()).take(6).collect();
    for label in ["tminus: ", "MOVE", "DO", "NOT"] {
        assert!(head.iter().any(|line| line.starts_with(label)), "{label} is not in the first six lines:\n{text}");
    }
}

#[test]
fn the_founding_incident() {
    let plan = lumen();
    let story = closed_socket(&plan);
    let exit = failed(&story, "database", "orders-db", Code::ClosedBeforeGreeting, true);
    let text = shown(&story, exit);
    head_answers(&text);
    assert!(text.contains("75.0 of 75 s"), "the timer that fired, and what elapsed");
    snapshot!("start-closed-socket", text);
}

#[test]
fn a_rejected_password_is_hopeless() {
    let text = hopeless(&lumen(), Code::PasswordRejected, "password authentication failed for user \"app\"");
    head_answers(&text);
    snapshot!("start-password", text);
}

#[test]
fn slots_that_are_full_name_what_was_never_asked() {
    let plan = lumen();
    let mut story = path_is_good(Story::new(&plan)).at(0.1).begin_phase("database").begin("orders-db");
    let lane = story.lane("orders-db", "orders-db");
    let said = Some("remaining connection slots are reserved for roles with the SUPERUSER attribute");
    story = story.fail_often(lane, 9, 0.1, 75.0, Code::SlotsReserved, said);
    story = story.at(75.1).end("orders-db", Passage::Expired, Some(Code::SlotsReserved));
    story = story.end_phase("database", Passage::Expired, Some(Code::SlotsReserved));
    let exit = failed(&story, "database", "orders-db", Code::SlotsReserved, true);
    snapshot!("start-slots", shown(&story, exit));
}

/// A TCP database that nothing answers for, beside witnesses that came out like this.
fn silent(witnesses: &[(&str, &str, bool)]) -> String {
    let mut plans = Plans::new("orders").window(Platform::Kubernetes, 120, false).phase("init", None);
    plans = plans.step("egress", Work::Egress);
    for (name, target, _) in witnesses {
        plans = plans.lane(name, target, true);
    }
    let plan = plans.phase("database", Some(30)).probe("orders-db", "postgres://app@10.1.2.3:5432/orders").0;
    let mut story = Story::new(&plan).begin_phase("init").begin("egress");
    for (name, _, answers) in witnesses {
        let lane = story.lane("egress", name);
        story = match answers {
            true => story.pass_lane(lane, 0.001),
            false => story.fail_lane(lane, 1, Code::NoAnswer, None, 0.01),
        };
    }
    story = story.at(1.0).end("egress", Passage::Passed, None).end_phase("init", Passage::Passed, None);
    story = story.begin_phase("database").begin("orders-db");
    let lane = story.lane("orders-db", "orders-db");
    story = story.fail_often(lane, 6, 1.0, 31.0, Code::NoAnswer, None).at(31.0);
    story = story.end("orders-db", Passage::Expired, Some(Code::NoAnswer));
    story = story.end_phase("database", Passage::Expired, Some(Code::NoAnswer));
    let exit = failed(&story, "database", "orders-db", Code::NoAnswer, true);
    shown(&story, exit)
}

#[test]
fn silence_is_told_apart_by_who_else_answers() {
    let metadata = ("metadata", "tcp://169.254.169.254:80", true);
    let nothing = silent(&[("metadata", "tcp://169.254.169.254:80", false), ("cache", "tcp://10.1.2.9:6379", false)]);
    let network = silent(&[metadata, ("cache", "tcp://10.1.2.9:6379", false)]);
    let host = silent(&[metadata, ("cache", "tcp://10.1.2.9:6379", true)]);
    let alone = silent(&[]);
    let lines = |text: &str| {
        let kept = text.lines().filter(|line| line.starts_with("MOVE") || line.starts_with("OTHERS"));
        kept.collect::<Vec<_>>().join("\n")
    };
    snapshot!("start-silence", [nothing, network, host, alone].map(|text| lines(&text)).join("\n\n"));
}

#[test]
fn a_path_that_warms_up_shows_its_rungs() {
    let plan = Plans::new("orders")
        .window(Platform::CloudRun, 240, true)
        .phase("database", Some(60))
        .probe("orders-db", "postgres://app:pw@10.1.2.3:5432/orders")
        .0;
    let mut story = Story::new(&plan).begin_phase("database").begin("orders-db");
    let lane = story.lane("orders-db", "orders-db");
    story = story.fail_often(lane, 8, 0.0, 41.0, Code::NoAnswer, None);
    story = story.fail_often(lane, 40, 41.0, 90.0, Code::StartingUp, Some("the database system is starting up"));
    story = story.at(90.0).end("orders-db", Passage::Expired, Some(Code::StartingUp));
    story = story.end_phase("database", Passage::Expired, Some(Code::StartingUp));
    let exit = failed(&story, "database", "orders-db", Code::StartingUp, true);
    let text = shown(&story, exit);
    assert!(text.contains("tcp from t+41.0 s"), "{text}");
    assert!(text.contains("extended by progress"), "90 s of 60 s needs a word:\n{text}");
    snapshot!("start-warming", text);
}

#[test]
fn the_window_and_a_lack_of_time_are_named_as_what_they_are() {
    let mut plan = Plans::new("orders")
        .window(Platform::CloudRun, 240, true)
        .phase("migrate", None)
        .step("migrations", Work::Exec(tminus_core::plan::Exec { argv: vec!["alembic".into()], once: None }))
        .phase("database", None)
        .probe("orders-db", "postgres://10.1.2.3/orders")
        .0;
    plan.phases[1].p95 = Some(Millis::secs(62));
    let story = Story::new(&plan).pass_phase("migrate", 0.0, 190.0).begin_phase("database");
    let story = story.end_phase("database", Passage::Failed, Some(Code::NoTimeLeft));
    let failure = Failure { phase: story.phase("database"), step: None, code: Code::NoTimeLeft, expired: true };
    let exit = Some(Exit { code: 3, reason: Reason::NotStarted(failure) });
    snapshot!("start-no-time-left", shown(&story, exit));

    let story = Story::new(&plan).begin_phase("migrate").begin("migrations");
    let step = story.step("migrations");
    let story = story.fact(Fact::TryStarted(step, None, 1)).at(227.0);
    let story = story.fact(Fact::TryFinished(step, None, 1, Passage::Expired, Some(Code::Expired)));
    let story = story.end("migrations", Passage::Expired, Some(Code::Expired));
    let story = story.end_phase("migrate", Passage::Expired, Some(Code::Expired));
    let exit = failed(&story, "migrate", "migrations", Code::Expired, true);
    let text = shown(&story, exit);
    assert!(text.contains("227.0 s of the window's usable 227 s"), "{text}");
}

#[test]
fn a_command_that_does_not_exist() {
    let plan = Plans::new("orders").phase("services", None).step("child", Work::Spawn).0;
    let story = Story::new(&plan).begin_phase("services").begin("child").at(0.002);
    let story = story.end("child", Passage::Failed, Some(Code::CommandNotFound));
    let story = story.end_phase("services", Passage::Failed, Some(Code::CommandNotFound));
    let Some(exit) = failed(&story, "services", "child", Code::CommandNotFound, false) else { unreachable!() };
    let view = StartView::new(&plan, &story.events, Some(Exit { code: 127, ..exit })).of_program("gunicornn");
    let text = block(&view, None, &StartOptions::default());
    assert!(text.contains("command -v gunicornn, in that image"), "{text}");
    snapshot!("start-command-not-found", text);
}

/// The program was started and ended with this before it was ready.
fn ended(plan: &Plan, code: u8) -> (Story<'_>, Option<Exit>) {
    let story = path_is_good(Story::new(plan)).pass_phase("database", 0.1, 0.5).pass_phase("cache", 0.5, 0.6);
    let story = story.at(0.6).begin_phase("services").begin("child").fact(Fact::ChildSpawned);
    let story = story.end("child", Passage::Passed, None).end_phase("services", Passage::Passed, None);
    let story = story.begin_phase("websocket").begin("events");
    let lane = story.lane("events", "events");
    let story = story.fail_often(lane, 30, 0.6, 6.2, Code::Refused, None).at(6.3);
    let story = story.fact(Fact::ChildExited(Ended::Code(code)));
    let why = if code == 0 { Code::ZeroBeforeReady } else { Code::ExitedBeforeReady };
    let story = story.end("events", Passage::Failed, Some(why)).end_phase("websocket", Passage::Failed, Some(why));
    let exit = Exit { code: if code == 0 { 3 } else { code }, reason: Reason::Child(Ended::Code(code)) };
    (story, Some(exit))
}

fn tail() -> Vec<String> {
    let lines = [
        "[2025-09-16 00:41:03 +0000] [2] [INFO] Booting worker with pid: 2",
        "  File \"/app/lumen/gcp_auth_context_middleware.py\", line 23, in <module>",
        "ModuleNotFoundError: No module named 'lumen.app.services.monitoring'",
        "\u{1b}[31m[2025-09-16 00:41:08 +0000] [1] [ERROR] Worker (pid:2) exited with code 3\u{1b}[0m",
        "[2025-09-16 00:41:08 +0000] [1] [ERROR] Reason: Worker failed to boot.",
    ];
    lines.map(str::to_owned).to_vec()
}

#[test]
fn a_program_that_ends_before_it_is_ready_is_quoted_and_not_judged() {
    let plan = lumen();
    let (story, exit) = ended(&plan, 3);
    let tail = tail();
    let view = StartView::new(&plan, &story.events, exit);
    let text = block(&view, None, &StartOptions { tail: &tail, ..StartOptions::default() });
    head_answers(&text);
    snapshot!("start-child-exited", text);
}

#[test]
fn a_verdict_on_what_it_printed_leads() {
    let plan = lumen();
    let (story, exit) = ended(&plan, 3);
    let mut verdict = crate::sample::proved();
    for evidence in &mut verdict.causes[0].evidence {
        evidence.source = "stderr".into();
    }
    let view = StartView::new(&plan, &story.events, exit);
    let words = Words::default().with_titles(&crate::build::title);
    let options = StartOptions { words, ..StartOptions::default() };
    snapshot!("start-verdict", block(&view, Some(&verdict), &options));
    snapshot!("start-verdict-cloud", pretty(&cloud_logging(&view, Some(&verdict), &words)));
}

#[test]
fn what_the_program_says_is_joined_with_what_the_probes_measured() {
    let plan = Plans::new("orders")
        .phase("database", None)
        .probe("orders-db", "postgres://app@10.1.2.3:5432/orders")
        .phase("services", None)
        .step("child", Work::Spawn)
        .phase("finalize", None)
        .step("ready", Work::Ready(Readiness::Notify))
        .0;
    let story = Story::new(&plan).pass_phase("database", 0.0, 0.1);
    let story = story.pass_phase("services", 0.1, 0.1).fact(Fact::ChildSpawned).begin_phase("finalize").begin("ready");
    let story = story.at(2.1).fact(Fact::ChildExited(Ended::Code(1)));
    let exit = Some(Exit { code: 1, reason: Reason::Child(Ended::Code(1)) });
    let view = StartView::new(&plan, &story.events, exit);
    let mut verdict = crate::sample::proved();
    verdict.causes[0].layer = tminus_core::vocabulary::Layer::Tcp;
    let said = |culprit: &str, verdict: &mut tminus_core::verdict::Verdict| {
        verdict.causes[0].culprit = culprit.into();
        let text = block(&view, Some(verdict), &StartOptions::default());
        text.lines().skip_while(|line| !line.starts_with("PROBES")).take(1).collect::<String>()
    };
    let same = said("10.1.2.3:5432", &mut verdict);
    let other = said("10.9.9.9:5432", &mut verdict);
    assert!(same.contains("orders-db: our probe got as far as query there 2.0 s before"), "{same}");
    assert!(other.contains("no step asks 10.9.9.9:5432; our probes passed at orders-db"), "{other}");
}

#[test]
fn ended_with_zero_is_told_as_what_it_is() {
    let plan = lumen();
    let (story, exit) = ended(&plan, 0);
    snapshot!("start-zero", shown(&story, exit));
}

#[test]
fn told_to_stop_leaves_what_was_seen_by_then() {
    let plan = lumen();
    let story = closed_socket(&plan);
    let events: Vec<_> = story.events.iter().filter(|event| event.t < 43_000_000_000).cloned().collect();
    let view = StartView::new(&plan, &events, None).until(43_000_000_000);
    let text = provisional(&view, 15, None, &StartOptions::default());
    assert!(text.starts_with("tminus: told to stop by SIGTERM after 43.0 s, not ready; so far: "), "{text}");
    snapshot!("start-provisional", text);
}

/// A good start.
fn fine(plan: &Plan) -> Story<'_> {
    let mut story = Story::new(plan);
    let ends = [0.1, 0.2, 1.5, 1.6, 17.6, 19.0, 19.5];
    let mut from = 0.0;
    for (ix, to) in ends.into_iter().enumerate() {
        let name = plan.phases[ix].name.clone();
        story = story.pass_phase(&name, from, to);
        from = to;
    }
    story
}

#[test]
fn a_good_start_is_one_line_beside_earlier_ones() {
    let plan = lumen();
    let story = fine(&plan);
    let view = StartView::new(&plan, &story.events, None);
    let start = GoodStart::of(&story.events).expect("a good start");
    let mut history = History::new("lumen", None);
    for ms in 0..20 {
        let mut before = start.clone();
        before.total_ms = Millis(18_900 + ms);
        before.phases[2].ms = Millis(500);
        history.push(before);
    }
    let comparison = history.compare(&start);
    let lines = [good(&view, None), good(&view, Some(&comparison))];
    assert!(lines.iter().all(|line| line.lines().count() == 1));
    snapshot!("start-good", lines.concat());
}

#[test]
fn a_degraded_start_names_what_is_missing() {
    let plan = Plans::new("orders")
        .phase("cache", Some(5))
        .probe("redis", "redis://cache:6379")
        .with(|step| step.critical = false)
        .phase("services", None)
        .step("child", Work::Spawn)
        .0;
    let mut story = Story::new(&plan).begin_phase("cache").begin("redis");
    let lane = story.lane("redis", "redis");
    story = story.fail_often(lane, 12, 0.0, 5.0, Code::Refused, None).at(5.0);
    story = story.end("redis", Passage::Expired, Some(Code::Refused)).end_phase("cache", Passage::Passed, None);
    story = story.pass_phase("services", 5.0, 7.5);
    let view = StartView::new(&plan, &story.events, None);
    assert!(view.is_degraded());
    snapshot!("start-degraded", good(&view, None));
}

#[test]
fn waiting_is_announced_with_what_is_seen_and_who_holds_it() {
    let plan = lumen();
    let step = Story::new(&plan).step("orders-db");
    let say = |code, holder| announcement(&plan, step, Millis::secs(10), Some(Millis::secs(75)), code, holder);
    let holder = "pid 4711 alembic, active for 40 s";
    let lines = [
        say(None, None),
        say(Some(Code::ClosedBeforeGreeting), None),
        say(Some(Code::LeaseHeld), Some(holder)),
        announcement(&plan, step, Millis(37_500), None, Some(Code::StartingUp), None),
    ];
    snapshot!("start-announcements", lines.concat());
}

#[test]
fn the_line_for_cloud_logging_is_one_line_of_json() {
    let plan = lumen();
    let story = closed_socket(&plan);
    let exit = failed(&story, "database", "orders-db", Code::ClosedBeforeGreeting, true);
    let line = cloud_logging(&StartView::new(&plan, &story.events, exit), None, &Words::default());
    assert_eq!(line.lines().count(), 1);
    assert!(!line.contains("s3cret-pw"));
    snapshot!("start-cloud", pretty(&line));
}

fn pretty(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

#[test]
fn the_termination_message_is_the_block_within_its_bytes() {
    let plan = lumen();
    let (story, exit) = ended(&plan, 3);
    let view = StartView::new(&plan, &story.events, exit);
    let tail: Vec<String> = (0..40).map(|n| format!("{n} {}", "數據庫".repeat(60))).collect();
    let options = StartOptions { tail: &tail, ..StartOptions::default() };
    let text = termination_message(&view, None, &options);
    assert!(text.len() <= TERMINATION_MAX && text.ends_with('\n'));
    assert_eq!(text, block(&view, None, &options)[..text.len()]);
}

#[test]
fn the_owners_of_the_plan_are_called_by_their_names() {
    let mut plan = lumen();
    plan.owners.insert(tminus_core::vocabulary::Role::Platform, "team-cloud".into());
    let story = closed_socket(&plan);
    let exit = failed(&story, "database", "orders-db", Code::ClosedBeforeGreeting, true);
    assert!(shown(&story, exit).contains("MOVE   team-cloud: "));
}

#[test]
fn without_a_plan_it_only_observed() {
    let plan = Plan::observing("uvicorn");
    let story = Story::new(&plan).begin_phase("services").begin("child").fact(Fact::ChildSpawned);
    let story = story.end("child", Passage::Passed, None).end_phase("services", Passage::Passed, None).at(2.3);
    let story = story.fact(Fact::ChildExited(Ended::Code(1)));
    let found = EventKind::LayerFinished {
        target: "postgres://app@db:5432/orders".into(),
        layer: tminus_core::vocabulary::Layer::Tcp,
        outcome: Passage::Failed,
        code: Some("refused".into()),
        elapsed_ns: Some(300_000),
        at: None,
        step: None,
        detail: None,
        dials: Some(1),
    };
    let story = story.at(2.4).note(found);
    let exit = Some(Exit { code: 1, reason: Reason::Child(Ended::Code(1)) });
    let view = StartView::new(&plan, &story.events, exit);
    let tail = tail();
    snapshot!("start-observed", block(&view, None, &StartOptions { tail: &tail, ..StartOptions::default() }));
}

#[test]
fn nothing_secret_is_shown_anywhere() {
    let plan = lumen();
    let story = closed_socket(&plan);
    let exit = failed(&story, "database", "orders-db", Code::ClosedBeforeGreeting, true);
    let view = StartView::new(&plan, &story.events, exit);
    let all = [
        block(&view, None, &StartOptions::default()),
        cloud_logging(&view, None, &Words::default()),
        tminus_report::timeline::svg(&view),
        tminus_report::timeline::text(&view, &Default::default()),
        tminus_report::start::explain(&plan, &Default::default(), &Default::default()),
    ];
    for text in all {
        assert!(!text.contains("s3cret-pw"), "{text}");
    }
    assert!(scene::CLOUD_SQL.contains("s3cret-pw"), "the plan does hold it");
}

#[test]
fn starts_that_fail_alike_are_grouped_by_their_first_line() {
    let plan = lumen();
    let first = |until: f64| {
        let story = closed_socket(&plan);
        let exit = failed(&story, "database", "orders-db", Code::ClosedBeforeGreeting, true);
        let view = StartView::new(&plan, &story.events, exit).until((until * 1e9) as i64);
        let line = cloud_logging(&view, None, &Words::default());
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        value["message"].as_str().and_then(|text| text.lines().next()).map(str::to_owned)
    };
    assert_eq!(first(75.1), first(90.0));
    assert_eq!(first(75.1).as_deref(), Some("lumen-backend-staging does not start: database: closed before greeting"));
}

#[test]
fn a_step_of_the_program_itself_and_a_lease_name_what_was_noted() {
    let exec = tminus_core::plan::Exec { argv: vec!["alembic".into()], once: None };
    let plan = Plans::new("orders").phase("migrate", Some(30)).step("migrations", Work::Exec(exec)).0;
    let story = Story::new(&plan).begin_phase("migrate").begin("migrations");
    let story = story.note(EventKind::EvidenceNoted {
        source: "migrations".into(),
        text: "held by pid 4711 (alembic), active, for 12 min".into(),
    });
    let story = story.at(30.0).end("migrations", Passage::Expired, Some(Code::LeaseHeld));
    let story = story.end_phase("migrate", Passage::Expired, Some(Code::LeaseHeld));
    let exit = failed(&story, "migrate", "migrations", Code::LeaseHeld, true);
    snapshot!("start-lease", shown(&story, exit));
}
