//! Everything that people read, as they read it.

use crate::{
    build::{at, empty, key, strings, title},
    sample,
};
use tminus_core::{
    verdict::{RuledOut, Verdict},
    vocabulary::{CauseStatus, Role},
};
use tminus_report::{Claim, EvidenceAs, MarkdownOptions, Style, Words, github, json, markdown, terminal};

fn words() -> Words<'static> {
    Words::default().with_titles(&title)
}

fn shown(verdict: &Verdict) -> String {
    terminal(verdict, &words(), &Style::default())
}

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

#[test]
fn two_epochs_on_a_terminal() {
    snapshot!("terminal-two-epochs", shown(&sample::two_epochs()));
}

#[test]
fn two_epochs_on_a_narrow_terminal() {
    snapshot!(
        "terminal-two-epochs-80",
        terminal(&sample::two_epochs(), &words(), &Style { width: 80, ..Style::default() })
    );
}

#[test]
fn two_epochs_in_full() {
    snapshot!(
        "terminal-two-epochs-full",
        terminal(&sample::two_epochs(), &words(), &Style { full: true, ..Style::default() })
    );
}

#[test]
fn two_epochs_in_ascii_without_titles() {
    let style = Style { ascii: true, width: 90, ..Style::default() };
    snapshot!("terminal-two-epochs-ascii", terminal(&sample::two_epochs(), &Words::default(), &style));
}

#[test]
fn colours_add_nothing_but_colours() {
    let verdict = sample::two_epochs();
    let coloured = terminal(&verdict, &words(), &Style { color: true, ..Style::default() });
    snapshot!("terminal-two-epochs-color", coloured.replace('\x1b', "ESC"));
    assert_eq!(crate::properties::without_sgr(&coloured), shown(&verdict));
}

#[test]
fn one_proved_cause() {
    snapshot!("terminal-proved", shown(&sample::proved()));
}

#[test]
fn a_likely_cause_with_its_runner_up() {
    snapshot!("terminal-likely", shown(&sample::likely()));
}

#[test]
fn two_causes_at_once() {
    snapshot!("terminal-two-current", shown(&sample::two_current()));
}

#[test]
fn undetermined_names_no_cause_as_fact() {
    let text = shown(&sample::undetermined());
    snapshot!("terminal-undetermined", &text);
    let named = text.lines().position(|line| line.contains("no answer at all")).expect("the runner-up is mentioned");
    assert!(
        text.lines().nth(named).is_some_and(|line| line.starts_with("ELSE")),
        "only as what it would take:\n{text}"
    );
}

#[test]
fn a_good_start_is_one_line() {
    let lines = format!("{}{}", shown(&sample::ready()), shown(&sample::ready_after_failures()));
    snapshot!("terminal-ready", lines);
}

#[test]
fn inputs_without_a_start_say_what_to_give() {
    let blank = empty(tminus_core::vocabulary::Outcome::Undetermined);
    let all = [sample::no_starts(), sample::no_payload(), blank].iter().map(shown).collect::<Vec<_>>().join("\n");
    snapshot!("terminal-no-starts", all);
}

#[test]
fn the_first_six_lines_answer_the_five_questions() {
    for verdict in
        [sample::two_epochs(), sample::proved(), sample::likely(), sample::undetermined(), sample::two_current()]
    {
        for width in [40, 80, 100] {
            let text = terminal(&verdict, &words(), &Style { width, ..Style::default() });
            let labels: Vec<&str> =
                text.lines().filter(|l| !l.is_empty()).skip(1).take(5).filter_map(|l| l.split(' ').next()).collect();
            assert_eq!(labels, ["NOW", "MOVE", "DO", "NEXT", "DON'T"], "{text}");
        }
    }
}

#[test]
fn a_command_that_is_cut_in_the_head_stands_in_full_below() {
    let verdict = sample::likely();
    let text = shown(&verdict).replace("\n         ", " ");
    assert!(text.contains(&verdict.causes[0].next), "{text}");
}

#[test]
fn long_culprits_are_cut_in_the_middle_and_whole_in_the_proof() {
    let mut verdict = sample::proved();
    let culprit = format!("com.example.{}.OrderServiceConfiguration", "very.long.package".repeat(5));
    verdict.causes[0].culprit = culprit.clone();
    let text = shown(&verdict);
    let now = text.lines().nth(1).expect("NOW");
    assert!(now.contains("com.exam") && now.contains('…') && now.contains("Configuration   proved"), "{now}");
    assert!(text.replace("\n         ", "").contains(&format!("culprit: {culprit}")), "{text}");
}

#[test]
fn wide_characters_take_two_columns() {
    let mut verdict = sample::proved();
    verdict.service = Some("注文サービス".into());
    verdict.causes[0].culprit = "設定ファイルがありません".repeat(6);
    snapshot!("terminal-wide", shown(&verdict));
}

#[test]
fn a_service_without_a_name_has_a_report() {
    let mut verdict = sample::proved();
    (verdict.service, verdict.revision) = (None, None);
    assert!(shown(&verdict).starts_with("this service does not start: 3 of 3 complete starts failed, 0 ready\n"));
}

#[test]
fn a_cause_that_comes_back_keeps_its_letter() {
    let mut verdict = sample::two_epochs();
    let mut again = verdict.causes[0].clone();
    (again.id, again.current, again.status) = ("c3".into(), true, CauseStatus::Present);
    (again.attempts, again.consistent_with) = (vec![29], vec![]);
    (again.first_seen, again.last_seen) = (Some(at("2025-09-16T00:43:10Z")), Some(at("2025-09-16T00:44:06Z")));
    let last = verdict.attempts[8].clone();
    verdict.attempts.push(tminus_core::verdict::AttemptSummary {
        n: 29,
        start: again.first_seen,
        end: again.last_seen,
        ..last
    });
    verdict.causes[1].current = false;
    verdict.causes[1].status = CauseStatus::Resolved;
    verdict.causes.push(again);
    snapshot!("terminal-a-b-a", shown(&verdict));
}

#[test]
fn many_epochs_still_fit() {
    let mut verdict = sample::two_epochs();
    let cause = verdict.causes[1].clone();
    for i in 0..60 {
        let mut another = cause.clone();
        (another.id, another.culprit, another.current) = (format!("d{i}"), format!("package_{i}"), i > 55);
        verdict.causes.push(another);
    }
    snapshot!("terminal-many-epochs", shown(&verdict));
}

#[test]
fn teams_have_the_names_that_they_were_given() {
    let team = |role: Role| (role == Role::Build).then(|| "Team Anvil (#anvil)".to_owned());
    let text = terminal(&sample::proved(), &words().with_teams(&team), &Style::default());
    assert!(text.contains("\nMOVE   Team Anvil (#anvil): ship the package in the image\n"), "{text}");
}

#[test]
fn the_escalation_of_two_epochs() {
    let claims = [Claim { what: "$500K ARR", by: "incident note, no source given", at: "16 Sep 01:45" }];
    let options =
        MarkdownOptions { issue: Some("#1278"), claims: &claims, clean_starts: Some(3), ..Default::default() };
    snapshot!("markdown-two-epochs", markdown(&sample::two_epochs(), &words(), &options));
}

#[test]
fn the_escalation_with_lines() {
    let options = MarkdownOptions { evidence: EvidenceAs::Lines, ..Default::default() };
    snapshot!("markdown-likely-lines", markdown(&sample::likely(), &words(), &options));
}

#[test]
fn the_escalation_of_other_shapes() {
    let options = MarkdownOptions::default();
    snapshot!("markdown-proved", markdown(&sample::proved(), &words(), &options));
    snapshot!("markdown-two-current", markdown(&sample::two_current(), &words(), &options));
    snapshot!("markdown-undetermined", markdown(&sample::undetermined(), &words(), &options));
    snapshot!("markdown-ready", markdown(&sample::ready_after_failures(), &words(), &options));
    snapshot!("markdown-no-starts", markdown(&sample::no_starts(), &words(), &options));
}

#[test]
fn a_changed_verdict_is_a_correction() {
    let mut now = sample::two_epochs();
    now.ruled_out.insert(
        0,
        RuledOut { cause: "too_many_connections".into(), why: "0 of 1,163 rows report it".into(), evidence: vec![] },
    );
    let before = sample::likely();
    let with = |previous: &Verdict, verdict: &Verdict| {
        let text = markdown(verdict, &words(), &MarkdownOptions { previous: Some(previous), ..Default::default() });
        text.lines().filter(|line| line.starts_with('>')).map(|line| format!("{line}\n")).collect::<String>()
    };
    let mut first_epoch = sample::two_epochs();
    first_epoch.causes.truncate(1);
    first_epoch.causes[0].current = true;
    first_epoch.causes[0].status = CauseStatus::Present;
    first_epoch.attempts.truncate(12);
    first_epoch.coverage.rows = 163;
    let mut newer_rules = before.clone();
    newer_rules.tool.catalogue = "sha256:fedc".into();
    newer_rules.causes[0].cause = key("auth_failed");
    newer_rules.needed = strings(&["nothing"]);
    let all = [
        with(&before, &now),
        with(&first_epoch, &now),
        with(&newer_rules, &before),
        with(&now, &sample::undetermined()),
    ];
    snapshot!("markdown-corrections", all.join("\n"));
    assert_eq!(with(&now, &now), "", "an unchanged verdict corrects nothing");
}

#[test]
fn annotations_of_a_workflow_run() {
    let all: Vec<String> = [
        sample::two_epochs(),
        sample::two_current(),
        sample::undetermined(),
        sample::ready_after_failures(),
        sample::no_starts(),
    ]
    .iter()
    .map(|verdict| github(verdict, &words()))
    .collect();
    snapshot!("github", all.join("\n"));
}

#[test]
fn json_is_the_verdict_in_the_order_of_its_type() {
    let verdict = sample::proved();
    let text = json(&verdict);
    assert!(
        text.starts_with("{\n  \"schema\": \"tminus.verdict/1\",\n  \"tool\": {\n    \"version\": \"0.1.0\","),
        "{text}"
    );
    assert!(text.ends_with("}\n"));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("json-proved", text);
    });
}
