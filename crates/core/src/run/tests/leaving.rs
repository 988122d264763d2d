//! The child, signals and the way out, in every state.

use super::rig::{Rig, exec, plan, probe};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{Kind, Plan, Readiness, StepIx, Work};
use crate::run::{Ended, Fact, Input, State};
use crate::time::Millis;
use crate::vocabulary::{AttemptOutcome, Layer};

/// A child that is waited for by its word, then something else.
fn service() -> Plan {
    let mut plan = plan(&[&[Work::Spawn, Work::Ready(Readiness::Notify)], &[exec(None)]]);
    plan.steps[1].needs = vec![StepIx(0)];
    plan.steps[1].deadline = Some(Millis::secs(20));
    plan
}

fn spawned() -> Rig {
    let (mut rig, said) = Rig::begun(service());
    assert_eq!(said, ["spawn"]);
    rig.at(5, Input::Spawned(Ok(())));
    rig
}

/// It, ready.
fn ready() -> Rig {
    let mut rig = spawned();
    assert_eq!(rig.at(100, Input::ChildReady), ["run 2"]);
    rig.at(200, Input::Done(StepIx(2), Ok(())));
    assert_eq!(rig.machine.state(), State::Ready);
    rig
}

fn outcome(facts: &[Fact]) -> Option<AttemptOutcome> {
    facts.iter().find_map(|fact| if let Fact::AttemptFinished(how) = fact { Some(*how) } else { None })
}

#[test]
fn exit_codes_of_a_child() {
    let starting: &[(Ended, &str)] = &[
        (Ended::Code(3), "finish 3"),
        (Ended::Code(127), "finish 127"),
        (Ended::Signal(9), "finish 137"),
        // A service that ends well before it is ready has not kept its promise.
        (Ended::Code(0), "finish 70"),
    ];
    for (ended, said) in starting {
        assert_eq!(spawned().at(50, Input::ChildExited(*ended)), [*said]);
        let passes = if *ended == Ended::Code(0) { "finish 0" } else { said };
        assert_eq!(ready().at(300, Input::ChildExited(*ended)), [passes]);
    }
}

#[test]
fn a_child_that_ends_is_what_the_steps_that_wait_for_it_failed_of() {
    let mut rig = spawned();
    rig.at(50, Input::ChildExited(Ended::Code(3)));
    assert_eq!(rig.ended(1), Some((Passage::Failed, Some(Code::ExitedBeforeReady))));
    let mut rig = spawned();
    rig.at(50, Input::ChildExited(Ended::Code(0)));
    assert_eq!(rig.ended(1), Some((Passage::Failed, Some(Code::ZeroBeforeReady))));
}

#[test]
fn a_job_that_ends_well_early_is_done() {
    let mut plan = service();
    plan.kind = Kind::Job;
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, Input::Spawned(Ok(())));
    let told = rig.told(50, Input::ChildExited(Ended::Code(0)));
    assert_eq!(outcome(&told), Some(AttemptOutcome::Ready));
    assert_eq!(rig.ended(1), Some((Passage::Skipped, Some(Code::Stopped))));
}

#[test]
fn a_start_without_a_plan_passes_everything() {
    for (ended, code) in [(Ended::Code(0), 0), (Ended::Code(7), 7), (Ended::Signal(15), 143)] {
        let (mut rig, said) = Rig::begun(Plan::observing("orders"));
        assert_eq!(said, ["spawn"]);
        rig.at(5, Input::Spawned(Ok(())));
        assert_eq!(rig.at(6, Input::ChildExited(ended)), [format!("finish {code}")]);
    }
}

#[test]
fn a_child_that_cannot_be_started() {
    let rows = [
        (Code::CommandNotFound, "finish 127"),
        (Code::CommandNotExecutable, "finish 126"),
        (Code::NoDescriptor, "finish 70"),
    ];
    for (code, said) in rows {
        let (mut rig, _) = Rig::begun(service());
        assert_eq!(rig.at(5, Input::Spawned(Err(code))), [said]);
        assert_eq!(rig.ended(0), Some((Passage::Failed, Some(code))));
    }
}

#[test]
fn a_child_that_says_nothing_is_not_ready_and_is_stopped() {
    let mut rig = spawned();
    let said = rig.wakes_until(20_005);
    assert_eq!(said.last(), Some(&(20_005, "signal 15".into())));
    assert_eq!(rig.ended(1), Some((Passage::Expired, Some(Code::NotReady))));
    assert_eq!(rig.at(20_100, Input::ChildExited(Ended::Code(0))), ["finish 75"]);
}

#[test]
fn a_child_may_ask_for_more_time_within_the_window() {
    let mut plan = service();
    plan.budget.window = Some(Millis::secs(43));
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, Input::Spawned(Ok(())));
    rig.at(19_000, Input::ChildExtends(Millis::secs(10)));
    rig.wakes_until(28_999);
    assert_eq!(rig.machine.state(), State::Starting);
    rig.at(28_999, Input::ChildExtends(Millis::secs(600)));
    rig.wakes_until(39_999);
    assert_eq!(rig.machine.state(), State::Starting);
    rig.wakes_until(40_000);
    assert_eq!(rig.machine.state(), State::Leaving);
}

#[test]
fn ready_before_it_is_waited_for_counts() {
    let mut plan = service();
    plan.steps[1].phase = crate::plan::PhaseIx(1);
    (plan.phases[0].steps, plan.phases[1].steps) = (0..1, 1..3);
    plan.phases.insert(1, crate::plan::Phase { steps: 1..1, ..plan.phases[0].clone() });
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, Input::ChildReady);
    rig.at(6, Input::Spawned(Ok(())));
    assert_eq!(rig.ended(1), Some((Passage::Passed, None)));
}

// ---- told to stop

#[test]
fn told_to_stop_while_it_waits() {
    let (mut rig, _) = Rig::begun(probe(&[Layer::Socket]));
    let said = rig.at(50, Input::Stop(15));
    assert_eq!(said, ["cancel 0.0", "close 0", "finish 143"]);
}

#[test]
fn told_to_stop_before_the_child_is_there() {
    let (mut rig, _) = Rig::begun(service());
    assert_eq!(rig.at(1, Input::Stop(15)), [""; 0]);
    assert_eq!(rig.at(5, Input::Spawned(Ok(()))), ["signal 15"]);
    let told = rig.told(9, Input::ChildExited(Ended::Signal(15)));
    assert_eq!(outcome(&told), Some(AttemptOutcome::CutOff));
}

#[test]
fn a_start_of_the_child_that_nobody_answers_is_not_waited_for_for_ever() {
    let (mut rig, _) = Rig::begun(service());
    rig.at(1, Input::Stop(15));
    assert_eq!(rig.wakes_until(10_000), [(2_001, "finish 143".into())]);
}

#[test]
fn told_to_stop_while_the_child_starts_and_when_it_is_ready() {
    for mut rig in [spawned(), ready()] {
        assert_eq!(rig.at(300, Input::Stop(2)), ["signal 2"]);
        assert_eq!(rig.at(350, Input::ChildExited(Ended::Code(42))), ["finish 42"]);
    }
}

#[test]
fn a_ready_service_that_was_told_to_stop_was_a_good_start() {
    let mut rig = ready();
    rig.at(300, Input::Stop(15));
    let told = rig.told(350, Input::ChildExited(Ended::Signal(15)));
    assert_eq!(outcome(&told), Some(AttemptOutcome::Ready));
}

#[test]
fn a_second_signal_is_passed_on_and_shortens_nothing() {
    let mut rig = ready();
    assert_eq!(rig.at(300, Input::Stop(15)), ["signal 15"]);
    assert_eq!(rig.at(400, Input::Stop(15)), ["signal 15"]);
    assert_eq!(rig.wakes_until(5_299), []);
    assert_eq!(rig.wakes_until(5_300), [(5_300, "kill".into())]);
    assert_eq!(rig.at(5_301, Input::ChildExited(Ended::Signal(9))), ["finish 137"]);
}

#[test]
fn a_child_that_even_kill_does_not_end_is_given_up() {
    let mut rig = ready();
    rig.at(300, Input::Stop(15));
    let said: Vec<_> = rig.wakes_until(60_000).into_iter().map(|(at, said)| format!("{at} {said}")).collect();
    assert_eq!(said, ["5300 kill", "7300 finish 143"]);
}

#[test]
fn a_child_without_a_limit_is_never_killed() {
    let mut plan = service();
    plan.stop.kill_after = None;
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, Input::Spawned(Ok(())));
    rig.at(50, Input::Stop(15));
    assert_eq!(rig.armed, crate::time::Tick::NEVER);
}

#[test]
fn what_passed_is_undone_in_reverse_order_also_after_a_failure() {
    let mut plan = plan(&[&[exec(None), exec(None), exec(None)], &[exec(None)]]);
    for step in &mut plan.steps {
        step.finalizer = Some((vec!["undo".into()], Millis::secs(3)));
    }
    plan.steps[1].critical = false;
    let (mut rig, _) = Rig::begun(plan);
    rig.at(10, Input::Done(StepIx(0), Ok(())));
    rig.at(10, Input::Done(StepIx(1), Err(Code::CommandNotFound)));
    rig.at(20, Input::Done(StepIx(2), Ok(())));
    assert_eq!(rig.at(30, Input::Done(StepIx(3), Err(Code::CommandNotFound))), ["finalize 2 3.0 s"]);
    // One that takes longer than it may is not waited for.
    assert_eq!(rig.wakes_until(3_030), [(3_030, "finalize 0 3.0 s".into())]);
    assert_eq!(rig.at(3_050, Input::Finalized(StepIx(2))), [""; 0]);
    assert_eq!(rig.at(3_060, Input::Finalized(StepIx(0))), ["finish 70"]);
}

#[test]
fn finalizers_wait_for_the_child() {
    let mut plan = service();
    plan.steps[2].finalizer = Some((vec!["undo".into()], Millis::secs(3)));
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, Input::Spawned(Ok(())));
    rig.at(6, Input::ChildReady);
    rig.at(7, Input::Done(StepIx(2), Ok(())));
    assert_eq!(rig.at(10, Input::Stop(15)), ["signal 15"]);
    assert_eq!(rig.at(20, Input::ChildExited(Ended::Code(0))), ["finalize 2 3.0 s"]);
}

#[test]
fn nothing_is_said_after_the_end() {
    let mut rig = spawned();
    rig.at(50, Input::ChildExited(Ended::Code(3)));
    assert_eq!(rig.at(60, Input::Stop(15)), [""; 0]);
    assert_eq!(rig.told(61, Input::Wake), []);
}
