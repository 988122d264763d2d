//! The child's further lives.

use super::rig::{Rig, exec, plan, probe};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{Kind, PhaseIx, Plan, Readiness, Restart, StepIx, Work};
use crate::run::{Ended, Fact, Input, QUIET, RESTARTS, State};
use crate::time::{Millis, Tick};
use crate::vocabulary::{AttemptOutcome, Layer};

/// Work before the child, the child, its word, work after it.
fn service() -> Plan {
    let mut plan = plan(&[&[exec(None)], &[Work::Spawn, Work::Ready(Readiness::Notify)], &[exec(None)]]);
    plan.steps[2].needs = vec![StepIx(1)];
    plan.steps[2].deadline = Some(Millis::secs(20));
    plan.restart = Restart::OnFailure;
    plan
}

/// It, ready at 200 ms.
fn ready(plan: Plan) -> Rig {
    let (mut rig, _) = Rig::begun(plan);
    assert_eq!(rig.at(10, Input::Done(StepIx(0), Ok(()))), ["spawn"]);
    rig.at(20, Input::Spawned(Ok(())));
    assert_eq!(rig.at(100, Input::ChildReady), ["run 3"]);
    rig.at(200, Input::Done(StepIx(3), Ok(())));
    assert_eq!((rig.machine.state(), rig.armed), (State::Ready, Tick::NEVER));
    rig
}

/// The child fails; when it is started again.
fn fails(rig: &mut Rig, at: u32, number: u8) -> u32 {
    let told = rig.told(at, Input::ChildExited(Ended::Code(3)));
    let Some(Fact::ChildRestart(said, Some(rest))) = told.last().copied() else { panic!("{told:?}") };
    assert_eq!((said, rig.armed.0), (number, at + rest.0));
    assert_eq!(rig.machine.state(), State::Resting);
    rig.armed.0
}

/// The child is started again and becomes ready.
fn serves_again(rig: &mut Rig, at: u32) {
    assert_eq!(rig.at(at, Input::Wake), ["kill", "spawn"]);
    rig.at(at + 20, Input::Spawned(Ok(())));
    assert_eq!(rig.at(at + 100, Input::ChildReady), ["run 3"]);
    let told = rig.told(at + 200, Input::Done(StepIx(3), Ok(())));
    assert_eq!(told.last(), Some(&Fact::Ready));
}

#[test]
fn a_child_that_fails_after_ready_is_started_again_and_what_follows_runs_again() {
    let mut rig = ready(service());
    let due = fails(&mut rig, 5_000, 1);
    assert!((5_250..=5_500).contains(&due), "{due}");
    let told = rig.told(due, Input::Wake);
    assert_eq!(told, [Fact::PhaseStarted(PhaseIx(1)), Fact::StepStarted(StepIx(1))]);
    let mut rig = ready(service());
    let due = fails(&mut rig, 5_000, 1);
    serves_again(&mut rig, due);
}

#[test]
fn only_failures_of_services_that_were_ready_are_answered_so() {
    let asked = [Ended::Code(0), Ended::Code(143), Ended::Signal(15), Ended::Signal(2), Ended::Signal(1)];
    for ended in asked {
        assert_eq!(ready(service()).at(300, Input::ChildExited(ended)), [format!("finish {}", ended.exit_code())]);
    }
    let never = Plan { restart: Restart::Never, ..service() };
    let job = Plan { kind: Kind::Job, ..service() };
    for plan in [never, job] {
        assert_eq!(ready(plan).at(300, Input::ChildExited(Ended::Signal(11))), ["finish 139"]);
    }
    let (mut rig, _) = Rig::begun(service());
    rig.at(10, Input::Done(StepIx(0), Ok(())));
    rig.at(20, Input::Spawned(Ok(())));
    assert_eq!(rig.at(30, Input::ChildExited(Ended::Code(3))), ["finish 3"]);
}

#[test]
fn a_child_that_said_that_it_stops_is_not_brought_back() {
    let mut rig = ready(service());
    rig.at(300, Input::ChildStopping);
    assert_eq!(rig.at(310, Input::ChildExited(Ended::Code(1))), ["finish 1"]);
}

#[test]
fn a_child_that_was_told_to_stop_is_not_brought_back() {
    let mut rig = ready(service());
    assert_eq!(rig.at(300, Input::Stop(15)), ["signal 15"]);
    assert_eq!(rig.at(310, Input::ChildExited(Ended::Code(1))), ["finish 1"]);
}

#[test]
fn restarts_in_a_row_are_bounded_and_the_last_end_is_the_answer() {
    let mut rig = ready(service());
    let mut at = 5_000;
    for number in 1..=RESTARTS {
        at = fails(&mut rig, at, number);
        serves_again(&mut rig, at);
        at += 1_000;
    }
    let told = rig.told(at, Input::ChildExited(Ended::Code(3)));
    assert!(told.contains(&Fact::ChildRestart(RESTARTS, None)), "{told:?}");
    assert_eq!(told.last(), Some(&Fact::AttemptFinished(AttemptOutcome::ReadyThenFailed)));
    assert_eq!(rig.commands().last().map(|command| format!("{command:?}").contains("code: 3")), Some(true));
}

#[test]
fn a_child_that_served_long_enough_has_its_restarts_forgotten() {
    let mut rig = ready(service());
    let due = fails(&mut rig, 5_000, 1);
    serves_again(&mut rig, due);
    assert_eq!(rig.armed, Tick(due + 200).after(QUIET));
    assert_eq!(rig.wakes_until(rig.armed.0), []);
    assert_eq!(rig.armed, Tick::NEVER, "a service that runs is not woken");
    let later = rig.now + 60_000;
    fails(&mut rig, later, 1);
}

#[test]
fn told_to_stop_during_the_rest_ends_at_once() {
    let mut rig = ready(service());
    fails(&mut rig, 5_000, 1);
    let told = rig.told(5_100, Input::Stop(15));
    assert_eq!(told, [Fact::AttemptFinished(AttemptOutcome::Ready)]);
    assert_eq!(rig.commands().last().map(|command| format!("{command:?}").contains("code: 143")), Some(true));
}

#[test]
fn a_life_that_ends_before_it_is_ready_counts_as_one() {
    let mut rig = ready(service());
    let due = fails(&mut rig, 5_000, 1);
    rig.at(due, Input::Wake);
    rig.at(due + 20, Input::Spawned(Ok(())));
    let again = fails(&mut rig, due + 50, 2);
    assert_eq!(rig.ended(2), Some((Passage::Failed, Some(Code::ExitedBeforeReady))));
    serves_again(&mut rig, again);
}

#[test]
fn a_life_that_does_not_become_ready_in_time_is_the_end() {
    let mut rig = ready(service());
    let due = fails(&mut rig, 5_000, 1);
    rig.at(due, Input::Wake);
    rig.at(due + 20, Input::Spawned(Ok(())));
    assert_eq!(rig.wakes_until(due + 20_020).last(), Some(&(due + 20_020, "signal 15".into())));
    let told = rig.told(due + 20_100, Input::ChildExited(Ended::Signal(15)));
    assert_eq!(told.last(), Some(&Fact::AttemptFinished(AttemptOutcome::ReadyThenFailed)));
}

#[test]
fn a_life_has_the_usable_time_anew() {
    let mut plan = service();
    (plan.steps[2].deadline, plan.phases[1].deadline) = (None, None);
    plan.budget.window = Some(Millis::secs(33));
    let mut rig = ready(plan);
    let due = fails(&mut rig, 500_000, 1);
    rig.at(due, Input::Wake);
    rig.at(due + 20, Input::Spawned(Ok(())));
    let said = rig.wakes_until(due + 30_000);
    assert_eq!(said.last(), Some(&(due + 30_000, "signal 15".into())));
}

#[test]
fn what_passed_in_an_earlier_life_is_undone_once() {
    let mut plan = service();
    for step in [1, 3] {
        plan.steps[step].finalizer = Some((vec!["undo".into()], Millis::secs(3)));
    }
    let mut rig = ready(plan);
    fails(&mut rig, 5_000, 1);
    assert_eq!(rig.at(5_100, Input::Stop(15)), ["finalize 3 3.0 s"]);
    assert_eq!(rig.at(5_200, Input::Finalized(StepIx(3))), ["finalize 1 3.0 s"]);
    assert_eq!(rig.at(5_300, Input::Finalized(StepIx(1))), ["finish 143"]);
}

/// An optional step that is still tried after ready stops meanwhile, and goes on afterwards; what
/// needs it does not wait for it.
#[test]
fn what_is_tried_on_after_ready_waits_until_the_child_is_back() {
    let mut plan = probe(&[Layer::Socket]);
    let rest = service();
    plan.phases.push(crate::plan::Phase { steps: 1..3, ..plan.phases[0].clone() });
    for (at, work) in [Work::Spawn, Work::Ready(Readiness::Notify)].into_iter().enumerate() {
        let step = crate::plan::Step { phase: PhaseIx(1), work, ..rest.steps[1 + at].clone() };
        plan.steps.push(crate::plan::Step { needs: Vec::new(), ..step });
    }
    (plan.steps[0].critical, plan.steps[0].retry_after_ready, plan.steps[0].tries) = (false, true, 1);
    plan.steps[2].needs = vec![StepIx(1)];
    plan.restart = Restart::OnFailure;
    let (mut rig, _) = Rig::begun(plan);
    let refused = Input::Dialled(crate::plan::LaneIx(0), crate::run::Dial(0), Err(Code::SocketDenied));
    assert_eq!(rig.at(5, refused).last().map(String::as_str), Some("spawn"));
    rig.at(20, Input::Spawned(Ok(())));
    rig.at(100, Input::ChildReady);
    assert_eq!(rig.machine.state(), State::Ready);
    assert_eq!(rig.wakes_until(10_100), [(10_100, "dial 0.0 address 0".into())]);
    let told = rig.told(10_101, Input::ChildExited(Ended::Code(3)));
    assert_eq!(rig.ended(0), Some((Passage::Skipped, None)));
    assert!(matches!(told.last(), Some(Fact::ChildRestart(1, Some(_)))), "{told:?}");
    let due = rig.armed.0;
    assert_eq!(rig.at(due, Input::Wake), ["kill", "spawn"]);
    rig.at(due + 20, Input::Spawned(Ok(())));
    rig.at(due + 100, Input::ChildReady);
    assert_eq!(rig.wakes_until(due + 10_100), [(due + 10_100, "dial 0.0 address 0".into())]);
}
