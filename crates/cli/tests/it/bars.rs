//! The bars of `corpus/score` on every corpus that is there. `corpus/score --show` says what falls short.

use crate::room::{binary, repository};
use std::path::Path;
use std::process::Command;

/// What `corpus/held` reaches in the columns that fall short of their bar: right answers, with the
/// names that `score` prints. Raise a figure when it grows; a column that meets its bar needs no entry.
const HELD_FLOORS: &[(&str, u32)] = &[("culprit", 95)];

/// Runs `score` and returns what it printed.
fn score(cases: &Path) -> (bool, String) {
    let output = Command::new("python3")
        .arg(repository().join("corpus/score"))
        .args(["--show", "--bin", binary(), "--cases"])
        .arg(cases)
        .output()
        .expect("python3 runs corpus/score");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn the_development_corpus_meets_every_bar() {
    let (good, text) = score(&repository().join("corpus/dev"));
    assert!(good, "{text}");
}

/// `name 12/34 ...` as (name, right, judged).
fn column(line: &str) -> Option<(&str, u32, u32)> {
    let (name, rest) = line.split_once(' ')?;
    let (right, rest) = rest.trim_start().split_once('/')?;
    Some((name, right.parse().ok()?, rest.split_whitespace().next()?.parse().ok()?))
}

#[test]
fn the_own_cases_meet_every_bar() {
    let (good, text) = score(&repository().join("corpus/own"));
    assert!(good, "{text}");
}

#[test]
fn the_held_cases_do_not_fall_back() {
    let (good, text) = score(&repository().join("corpus/held"));
    println!("{text}");
    if good {
        assert!(HELD_FLOORS.is_empty(), "every bar holds: empty the table of floors");
        return;
    }
    let short: Vec<&str> =
        text.lines().filter(|line| line.ends_with("SHORT")).filter_map(|line| column(line).map(|c| c.0)).collect();
    for name in &short {
        assert!(HELD_FLOORS.iter().any(|(floor, _)| floor == name), "`{name}` fell below its bar\n{text}");
    }
    for (name, floor) in HELD_FLOORS {
        let found = text.lines().filter_map(column).find(|(column, ..)| column == name);
        let (_, right, judged) = found.unwrap_or_else(|| panic!("score prints no column `{name}`\n{text}"));
        assert!(right >= *floor, "{name}: {right} of {judged}, was {floor}\n{text}");
        if right > *floor {
            println!("{name}: {right} of {judged} now: raise its floor of {floor}");
        }
    }
}

/// The exports of a real incident stand beside the checkout, not in it.
#[test]
fn the_incident_exports_meet_every_bar() {
    let cases = repository().join("../shared/incident-1278/cases");
    if !cases.is_dir() {
        println!("skipped: no {}", cases.display());
        return;
    }
    let (good, text) = score(&cases);
    assert!(good, "{text}");
}
