//! What must hold for every start, over random plans and fault schedules.
//!
//! Each case has a number, and a number is a case for ever. A case that fails is shrunk and printed
//! as data, with the command that runs it alone.

use crate::generate::{Case, case};
use crate::judge::Judge;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tminus_core::run::{Command, Fact, RESTARTS};
use tminus_sim::{Seen, drive, watch};

/// How many cases are run when nobody says otherwise.
const CASES: u64 = 10_000;
/// How many tests share them, so that they run side by side.
const SHARES: u64 = 4;

#[allow(clippy::disallowed_methods)] // A test may be told by its environment which cases to run.
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What does not hold in a case.
fn wrongs(case: &Case) -> Vec<String> {
    let (plan, world) = case.build();
    let mut judge = Judge::new(&plan);
    let ending = watch(&plan, &world, case.seed, &mut |now, seen| judge.see(now, seen));
    judge.verdict(&ending)
}

/// The events of a case: numbered without gaps, never back in time, the same bytes again.
fn wrong_events(case: &Case) -> Vec<String> {
    let (plan, world) = case.build();
    let run = drive(&plan, &world, case.seed);
    let numbered = run.events.iter().enumerate().all(|(at, event)| event.seq == at as u64);
    let forward = run.events.windows(2).all(|pair| pair[0].t <= pair[1].t && pair[0].at <= pair[1].at);
    let same = run.ndjson() == drive(&plan, &world, case.seed).ndjson();
    let found = [(numbered, "numbers have gaps"), (forward, "time goes back"), (same, "the same seed, other bytes")];
    found.iter().filter(|(good, _)| !good).map(|(_, wrong)| (*wrong).to_owned()).collect()
}

/// What a number stands for.
fn generated(number: u64) -> Case {
    let mut runner = TestRunner::new_with_rng(Config::default(), numbered(number));
    case().new_tree(&mut runner).unwrap_or_else(|why| panic!("case {number}: {why}")).current()
}

fn numbered(number: u64) -> TestRng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

fn run_case(number: u64, wrongs: fn(&Case) -> Vec<String>) {
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, numbered(number));
    let outcome = runner.run(&case(), |case| {
        let wrongs = wrongs(&case);
        if wrongs.is_empty() { Ok(()) } else { Err(TestCaseError::fail(wrongs.join("\n"))) }
    });
    if let Err(TestError::Fail(why, smallest)) = outcome {
        panic!(
            "case {number} does not hold:\n{why}\nthe smallest that does not:\n{smallest:#?}\nalone: \
             TMINUS_SIM_CASE={number} cargo nextest run -p tminus-sim -E 'test(random_starts::one)'"
        );
    }
}

fn share(of: u64) {
    let cases = told("TMINUS_SIM_CASES").unwrap_or(CASES);
    (of..cases).step_by(SHARES as usize).for_each(|number| run_case(number, wrongs));
}

#[test]
fn first_share() {
    share(0);
}

#[test]
fn second_share() {
    share(1);
}

#[test]
fn third_share() {
    share(2);
}

#[test]
fn fourth_share() {
    share(3);
}

#[test]
fn events_in_order() {
    let cases = told("TMINUS_SIM_CASES").unwrap_or(CASES);
    (0..cases).step_by(20).for_each(|number| run_case(number, wrong_events));
}

/// What is judged has to happen: children that fail after ready, in every number.
#[test]
fn many_of_them_start_the_child_again() {
    let mut most = [0u32; RESTARTS as usize + 1];
    for number in 0..2_000 {
        let case = generated(number);
        let (plan, world) = case.build();
        let mut restarts = 0;
        watch(&plan, &world, case.seed, &mut |_, seen| {
            if let Seen::Command(Command::Emit(Fact::ChildRestart(number, Some(_)))) = seen {
                restarts = restarts.max(number);
            }
        });
        most[usize::from(restarts)] += 1;
    }
    assert!(most.iter().all(|cases| *cases > 0) && most[0] < 1_800, "{most:?}");
}

/// The case that `TMINUS_SIM_CASE` names, or the first.
#[test]
fn one() {
    let number = told("TMINUS_SIM_CASE").unwrap_or(0);
    run_case(number, wrongs);
    run_case(number, wrong_events);
}
