//! The verdict does not depend on how the same rows are handed over (formats.md, "Order and time").
//!
//! Random choices come from a fixed seed, so that a run is the same run everywhere. To look further:
//! `TMINUS_SEED=7 TMINUS_CASES=2000 cargo nextest run -p tminus-cli invariance`.

use crate::corpus::{Case, Input, cases};
use crate::records::{Timed, file, timed};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;
use std::cell::OnceCell;
use tminus_core::verdict::Verdict;

/// What must stay the same: the verdict without where its evidence stands and what it is called.
fn normal(verdict: &Verdict) -> String {
    let mut value = serde_json::to_value(verdict).expect("a verdict is JSON");
    strip(&mut value);
    let root = value.as_object_mut().expect("a verdict is an object");
    root.remove("coverage");
    if let Some(Value::Array(evidence)) = root.get_mut("evidence") {
        evidence.sort_by_key(Value::to_string);
    }
    serde_json::to_string_pretty(&value).expect("JSON is text")
}

/// Removes `source`, `line`, ids of evidence and changes, and references to them.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let cited = map.contains_key("supports") || map.contains_key("kind");
            map.retain(|key, value| {
                let ids = matches!(key.as_str(), "evidence" | "contributing")
                    && value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
                !(matches!(key.as_str(), "source" | "line") || (key == "id" && cited) || ids)
            });
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The first lines that differ, for people.
fn difference(want: &str, got: &str) -> String {
    let lines = want.lines().zip(got.lines()).enumerate().filter(|(_, (a, b))| a != b);
    let shown: Vec<String> = lines.take(6).map(|(n, (a, b))| format!("  {n}: {} -> {}", a.trim(), b.trim())).collect();
    format!("{} -> {} lines\n{}", want.lines().count(), got.lines().count(), shown.join("\n"))
}

/// A recorded case whose records carry a time, and its verdict as recorded.
struct Subject {
    case: Case,
    records: Vec<Timed>,
    verdict: OnceCell<String>,
}

impl Subject {
    fn all() -> Vec<Subject> {
        let all = cases("dev").into_iter().chain(cases("own"));
        all.filter_map(|case| Some(Subject { records: timed(&case)?, verdict: OnceCell::new(), case })).collect()
    }

    /// The verdict of the recorded rows, written as [`file`] writes them.
    fn expected(&self) -> &str {
        self.verdict.get_or_init(|| normal(&self.case.diagnose(&[file(&self.case, "logs", &self.records)])))
    }

    fn holds(&self, inputs: &[Input]) -> Result<(), String> {
        let got = normal(&self.case.diagnose(inputs));
        if got == self.expected() { Ok(()) } else { Err(difference(self.expected(), &got)) }
    }
}

/// Runs `check` for random (subject, seed) and asserts that it holds.
fn for_all(property: &str, count: u32, names: &[&str], check: impl Fn(usize, u64) -> Result<(), String>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, count) = (number("TMINUS_SEED").unwrap_or(1278), number("TMINUS_CASES").map_or(count, |n| n as u32));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&(0..names.len(), proptest::num::u64::ANY), |(index, seed)| {
        check(index, seed)
            .map_err(|why| TestCaseError::fail(format!("{property}, case {}, seed {seed}: {why}", names[index])))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// The same over the recorded cases whose records carry a time.
fn for_all_timed(property: &str, count: u32, check: impl Fn(&Subject, u64) -> Result<(), String>) {
    let subjects = Subject::all();
    let names: Vec<&str> = subjects.iter().map(|s| s.case.name.as_str()).collect();
    for_all(property, count, &names, |index, seed| check(&subjects[index], seed));
}

/// A small generator: enough to choose a permutation, the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Every case, and both directions of each: newest first says the same as oldest first.
#[test]
fn reversal_of_records_changes_nothing() {
    let mut broken = Vec::new();
    let subjects = Subject::all();
    for subject in &subjects {
        let reversed: Vec<Timed> = subject.records.iter().rev().cloned().collect();
        let outcome = subject.holds(&[file(&subject.case, "logs", &reversed)]);
        if let Err(why) = outcome {
            broken.push(format!("{}: {why}", subject.case.name));
        }
    }
    assert!(broken.is_empty(), "{} of {} cases\n{}", broken.len(), subjects.len(), broken.join("\n"));
}

/// Records of one moment (the rows of a traceback) stay together; moments at most 10 ms apart change
/// places, where no moment comes twice.
fn shuffled(records: &[Timed], dice: &mut Dice) -> Vec<Timed> {
    let mut moments: Vec<Vec<Timed>> = Vec::new();
    for record in records {
        match moments.last_mut() {
            Some(last) if last[0].at == record.at => last.push(record.clone()),
            _ => moments.push(vec![record.clone()]),
        }
    }
    let mut out = Vec::new();
    let mut rest = moments.as_mut_slice();
    while !rest.is_empty() {
        let first = rest[0][0].at;
        let near = rest.iter().take_while(|m| m[0].at.duration_since(first).unsigned_abs().as_millis() < 10).count();
        let (bucket, later) = rest.split_at_mut(near);
        let mut times: Vec<_> = bucket.iter().map(|m| m[0].at).collect();
        times.sort_unstable();
        if times.windows(2).all(|pair| pair[0] != pair[1]) {
            dice.shuffle(bucket);
        }
        out.extend(bucket.iter().flatten().cloned());
        rest = later;
    }
    out
}

fn holds_shuffled(subject: &Subject, seed: u64) -> Result<(), String> {
    let records = shuffled(&subject.records, &mut Dice(seed));
    subject.holds(&[file(&subject.case, "logs", &records)])
}

#[test]
fn shuffling_records_within_ten_milliseconds_changes_nothing() {
    for_all_timed("shuffle", 600, holds_shuffled);
}

/// These once turned a file round: most of its steps in time are shorter than a shuffle.
#[test]
fn shuffling_files_of_short_steps_changes_nothing() {
    let subjects = Subject::all();
    for (name, seed) in [
        ("billing-trailing-newline", 5_576_959_894_246_209_465),
        ("undetermined-init-file", 9_412_436_498_050_521_150),
        ("orders-missing-env", 16_947_032_091_594_244_946),
    ] {
        let subject = subjects.iter().find(|subject| subject.case.name == name).expect("a recorded case");
        holds_shuffled(subject, seed).unwrap_or_else(|why| panic!("{name}, seed {seed}: {why}"));
    }
}

/// A cut between two moments; both parts keep their order.
#[test]
fn splitting_a_file_in_two_changes_nothing_in_either_order() {
    for_all_timed("split", 400, |subject, seed| {
        let cuts: Vec<usize> =
            (1..subject.records.len()).filter(|&n| subject.records[n - 1].at != subject.records[n].at).collect();
        if cuts.is_empty() {
            return Ok(());
        }
        let cut = cuts[Dice(seed).below(cuts.len())];
        let (head, tail) = subject.records.split_at(cut);
        let (head, tail) = (file(&subject.case, "head", head), file(&subject.case, "tail", tail));
        subject
            .holds(&[head.clone(), tail.clone()])
            .map_err(|why| format!("cut after {cut} records, in order: {why}"))?;
        subject.holds(&[tail, head]).map_err(|why| format!("cut after {cut} records, tail first: {why}"))
    });
}

/// The logs of two services, given in either order.
#[test]
fn the_order_of_files_changes_nothing() {
    let all: Vec<Case> = cases("dev").into_iter().chain(cases("own")).collect();
    let names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
    for_all("files", 300, &names, |index, seed| {
        let (case, other) = (&all[index], &all[Dice(seed).below(all.len())]);
        let named = |name: &str, input: &Input| Input { name: name.to_owned(), bytes: input.bytes.clone() };
        let (a, b) = (named("a", &case.inputs[0]), named("b", &other.inputs[0]));
        let one = normal(&case.diagnose(&[a.clone(), b.clone()]));
        let two = normal(&case.diagnose(&[b, a]));
        if one == two { Ok(()) } else { Err(format!("with {}: {}", other.name, difference(&one, &two))) }
    });
}
