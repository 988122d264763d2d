//! Steps, phases, deadlines, leases and announcements over time.

use super::rig::{Rig, exec, once, plan, probe, ways};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{Kind, LaneIx, Plan, StepIx, Work};
use crate::run::{Dial, Fact, Input, State};
use crate::time::Millis;
use crate::vocabulary::Layer::{Protocol, Query, Tcp};

fn done(step: u16, outcome: Result<(), Code>) -> Input {
    Input::Done(StepIx(step), outcome)
}

#[test]
fn steps_of_a_phase_run_together_and_phases_one_after_the_other() {
    let (mut rig, said) = Rig::begun(plan(&[&[exec(None), exec(None)], &[exec(None)]]));
    assert_eq!(said, ["run 0", "run 1"]);
    assert_eq!(rig.at(10, done(1, Ok(()))), [""; 0]);
    assert_eq!(rig.at(20, done(0, Ok(()))), ["run 2"]);
}

#[test]
fn a_step_waits_for_what_it_needs_and_not_for_more() {
    let mut plan = plan(&[&[exec(None), exec(None), exec(None)]]);
    plan.steps[1].needs = vec![StepIx(0)];
    let (mut rig, said) = Rig::begun(plan);
    assert_eq!(said, ["run 0", "run 2"]);
    assert_eq!(rig.at(10, done(0, Ok(()))), ["run 1"]);
}

#[test]
fn what_needs_a_step_that_failed_is_skipped() {
    let mut plan = plan(&[&[exec(None), exec(None)]]);
    plan.steps[1].needs = vec![StepIx(0)];
    (plan.steps[0].critical, plan.steps[1].critical) = (false, false);
    let (mut rig, _) = Rig::begun(plan);
    rig.at(10, done(0, Err(Code::CommandNotFound)));
    assert_eq!(rig.ended(1), Some((Passage::Skipped, Some(Code::NeedFailed))));
}

#[test]
fn a_critical_failure_ends_the_others_and_the_start() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(None), exec(None)], &[exec(None)]]));
    assert_eq!(rig.at(10, done(0, Err(Code::CommandNotFound))), ["cancel run 1", "finish 70"]);
    assert_eq!(rig.machine.state(), State::Finished);
}

#[test]
fn time_that_ran_out_has_an_exit_code_of_its_own() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(None)]]));
    let last = rig.wakes_until(60_000);
    assert_eq!(last[last.len() - 2..], [(60_000, "cancel run 0".into()), (60_000, "finish 75".into())]);
}

#[test]
fn optional_failures_do_not_keep_a_service_from_ready() {
    let mut plan = plan(&[&[exec(None)]]);
    plan.steps[0].critical = false;
    let (mut rig, _) = Rig::begun(plan);
    assert!(rig.told(10, done(0, Err(Code::CommandNotFound))).contains(&Fact::Ready));
    assert_eq!(rig.machine.state(), State::Ready);
}

#[test]
fn an_optional_step_is_tried_on_after_ready_where_that_is_asked_for() {
    let mut plan = plan(&[&[exec(None)]]);
    (plan.steps[0].critical, plan.steps[0].retry_after_ready) = (false, true);
    let (mut rig, _) = Rig::begun(plan);
    rig.at(10, done(0, Err(Code::CommandNotFound)));
    assert_eq!(rig.wakes_until(10_010), [(10_010, "run 0".into())]);
    rig.at(10_020, done(0, Err(Code::CommandNotFound)));
    assert_eq!(rig.wakes_until(20_020), [(20_020, "run 0".into())]);
    rig.at(20_030, done(0, Ok(())));
    assert_eq!(rig.armed, crate::time::Tick::NEVER);
}

#[test]
fn a_job_without_a_child_is_complete_when_everything_passed() {
    let mut plan = plan(&[&[exec(None)]]);
    plan.kind = Kind::Job;
    let (mut rig, _) = Rig::begun(plan);
    assert_eq!(rig.at(10, done(0, Ok(()))), ["finish 0"]);
}

#[test]
fn tries_can_be_counted() {
    let mut plan = plan(&[&[exec(None)]]);
    plan.steps[0].tries = 2;
    let (mut rig, _) = Rig::begun(plan);
    rig.at(10, done(0, Err(Code::CommandFailed)));
    rig.wakes_until(2_000);
    rig.at(2_000, done(0, Err(Code::CommandFailed)));
    assert_eq!(rig.ended(0), Some((Passage::Failed, Some(Code::CommandFailed))));
}

#[test]
fn credentials_that_propagate_get_their_grace() {
    let mut plan = probe(&[Tcp, crate::vocabulary::Layer::Auth]);
    plan.steps[0].propagation = Millis::secs(4);
    let (mut rig, _) = Rig::begun(plan);
    let mut ended = None;
    for now in (0..6_000).step_by(1_500) {
        rig.wakes_until(now);
        rig.at(now, Input::Resolved(LaneIx(0), Ok(1)));
        rig.at(now, Input::Dialled(LaneIx(0), Dial(0), Ok(())));
        rig.at(now, Input::Shaken(LaneIx(0), Err(Code::PasswordRejected), None));
        ended = ended.or(rig.ended(0).map(|_| now));
    }
    assert_eq!(ended, Some(4_500));
}

// ---- budget and deadlines

fn windowed(mut plan: Plan, seconds: u32) -> Plan {
    plan.budget.window = Some(Millis::secs(seconds));
    plan
}

#[test]
fn no_phase_reaches_past_the_window() {
    let (mut rig, _) = Rig::begun(windowed(plan(&[&[exec(None)]]), 23));
    let said = rig.wakes_until(100_000);
    assert_eq!(said.last(), Some(&(20_000, "finish 75".into())));
}

#[test]
fn what_usually_takes_longer_than_is_left_is_not_begun() {
    let mut plan = windowed(plan(&[&[exec(None)], &[exec(None)]]), 23);
    plan.phases[1].p95 = Some(Millis::secs(8));
    let (mut rig, _) = Rig::begun(plan);
    let told = rig.told(12_001, done(0, Ok(())));
    let phase = crate::plan::PhaseIx(1);
    assert!(told.contains(&Fact::PhaseFinished(phase, Passage::Failed, Some(Code::NoTimeLeft))), "{told:?}");
    assert_eq!(rig.machine.state(), State::Finished);
}

#[test]
fn what_usually_fits_is_begun() {
    let mut plan = windowed(plan(&[&[exec(None)], &[exec(None)]]), 23);
    plan.phases[1].p95 = Some(Millis::secs(8));
    let (mut rig, _) = Rig::begun(plan);
    assert_eq!(rig.at(12_000, done(0, Ok(()))), ["run 1"]);
}

#[test]
fn a_deeper_layer_extends_a_deadline_by_half_of_it_and_only_once() {
    let mut plan = probe(&[Tcp, Protocol, Query]);
    plan.steps[0].deadline = Some(Millis::secs(10));
    let (mut rig, _) = Rig::begun(plan);
    rig.at(0, Input::Resolved(LaneIx(0), Ok(1)));
    rig.wakes_until(9_000);
    rig.at(9_000, Input::Dialled(LaneIx(0), Dial(0), Ok(())));
    rig.at(9_010, Input::Shaken(LaneIx(0), Err(Code::StartingUp), None));
    // TCP was passed at 9.0 s: until 14.0 s. Passing it again is no progress.
    rig.wakes_until(12_000);
    rig.at(12_000, Input::Resolved(LaneIx(0), Ok(1)));
    rig.at(12_000, Input::Dialled(LaneIx(0), Dial(0), Ok(())));
    rig.wakes_until(13_999);
    assert_eq!(rig.ended(0), None);
    rig.wakes_until(14_000);
    assert_eq!(rig.machine.state(), State::Finished);
}

#[test]
fn progress_does_not_reach_past_the_window() {
    let mut plan = windowed(probe(&[Tcp, Protocol]), 13);
    plan.steps[0].deadline = Some(Millis::secs(9));
    let (mut rig, _) = Rig::begun(plan);
    rig.at(0, Input::Resolved(LaneIx(0), Ok(1)));
    rig.at(8_000, Input::Dialled(LaneIx(0), Dial(0), Ok(())));
    let said = rig.wakes_until(60_000);
    assert_eq!(said.last(), Some(&(10_000, "finish 75".into())));
}

#[test]
fn waiting_is_announced_at_ten_seconds_half_and_four_fifths() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(None)]]));
    let said: Vec<u32> = rig
        .wakes_until(59_999)
        .into_iter()
        .filter(|(_, said)| said.starts_with("announce 0"))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(said, [10_000, 30_000, 48_000]);
}

#[test]
fn waiting_without_a_limit_is_announced_again_and_ever_more_seldom() {
    let mut endless = plan(&[&[exec(None)]]);
    (endless.phases[0].deadline, endless.steps[0].deadline, endless.budget.window) = (None, None, None);
    let (mut rig, _) = Rig::begun(endless);
    let said = rig.wakes_until(5_000_000);
    let at: Vec<u32> =
        said.iter().filter(|(_, said)| said.starts_with("announce 0")).map(|(at, _)| at / 1000).collect();
    assert_eq!(at, [10, 60, 300, 900, 1_800, 3_600]);
    assert!(said.iter().all(|(_, said)| said.ends_with("of None")), "{said:?}");
}

// ---- leases

fn leased(outcome: Result<(), Code>) -> Input {
    Input::Leased(StepIx(0), outcome)
}

fn renewed(outcome: Result<(), Code>) -> Input {
    Input::Renewed(StepIx(0), outcome)
}

#[test]
fn a_lease_is_waited_for_renewed_and_given_back() {
    let (mut rig, said) = Rig::begun(plan(&[&[exec(once(None))]]));
    assert_eq!(said, ["acquire 0"]);
    assert_eq!(rig.at(5, leased(Err(Code::LeaseHeld))), [""; 0]);
    let again = rig.wakes_until(1_255);
    assert!(matches!(&again[..], [(1_005..=1_255, said)] if said == "acquire 0"), "{again:?}");
    assert_eq!(rig.at(2_000, leased(Ok(()))), ["run 0"]);
    let renewals: Vec<_> = rig.wakes_until(12_000).into_iter().filter(|(_, said)| said == "renew 0").collect();
    assert_eq!(renewals, [(12_000, "renew 0".into())]);
    assert_eq!(rig.at(12_010, renewed(Ok(()))), [""; 0]);
    assert_eq!(rig.at(13_000, done(0, Ok(()))), ["release 0"]);
}

#[test]
fn who_loses_a_lease_stops_at_once_and_gives_nothing_back() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(once(None))]]));
    rig.at(0, leased(Ok(())));
    rig.wakes_until(10_000);
    assert_eq!(rig.at(10_010, renewed(Err(Code::LeaseLost))), ["cancel run 0", "finish 70"]);
}

#[test]
fn a_renewal_that_did_not_get_through_is_repeated_until_the_lease_is_over() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(once(None))]]));
    rig.at(0, leased(Ok(())));
    rig.wakes_until(10_000);
    rig.at(10_010, renewed(Err(Code::Refused)));
    let again: Vec<_> = rig.wakes_until(11_300).into_iter().filter(|(_, said)| said == "renew 0").collect();
    assert_eq!(again.len(), 1);
    // That one is never answered: what was granted at 0 s ends at 30 s.
    let said = rig.wakes_until(60_000);
    assert_eq!(said[said.len() - 2..], [(30_000, "cancel run 0".into()), (30_000, "finish 70".into())]);
}

#[test]
fn a_lease_is_renewed_between_two_tries_of_its_work() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(once(None))]]));
    rig.at(0, leased(Ok(())));
    rig.at(9_900, done(0, Err(Code::CommandFailed)));
    let said = rig.wakes_until(10_000);
    assert_eq!(said.first(), Some(&(10_000, "renew 0".into())));
    rig.at(10_010, renewed(Ok(())));
    let said = rig.wakes_until(20_010);
    assert!(said.iter().any(|(_, said)| said == "run 0"), "{said:?}");
    assert_eq!(said.last(), Some(&(20_010, "renew 0".into())));
}

#[test]
fn a_step_that_is_ended_while_it_asks_for_a_lease_stops_asking() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(once(None))]]));
    assert_eq!(rig.at(5, Input::Stop(15)), ["release 0", "finish 143"]);
}

#[test]
fn waiting_for_a_lease_has_a_time_of_its_own() {
    let mut plan = plan(&[&[exec(once(Some(Millis::secs(20))))]]);
    plan.steps[0].deadline = Some(Millis::secs(5));
    let (mut rig, _) = Rig::begun(plan);
    rig.at(5, leased(Err(Code::LeaseHeld)));
    rig.wakes_until(19_000);
    assert_eq!(rig.at(19_000, leased(Ok(()))), ["run 0"]);
    rig.wakes_until(23_999);
    assert_eq!(rig.ended(0), None);
    rig.wakes_until(24_000);
    assert_eq!(rig.machine.state(), State::Finished);
}

#[test]
fn a_lease_that_never_comes_is_called_by_its_holder() {
    let (mut rig, _) = Rig::begun(plan(&[&[exec(once(Some(Millis::secs(20))))]]));
    rig.at(5, leased(Err(Code::LeaseHeld)));
    let mut ended = None;
    while ended.is_none() && rig.armed.0 <= 20_000 {
        let now = rig.armed.0;
        if rig.at(now, Input::Wake).contains(&"acquire 0".to_owned()) {
            rig.at(now, leased(Err(Code::LeaseHeld)));
        }
        ended = rig.ended(0).map(|how| (now, how));
    }
    assert_eq!(ended, Some((20_000, (Passage::Expired, Some(Code::LeaseHeld)))));
}

#[test]
fn every_lane_of_a_probe_has_to_pass() {
    let mut plan = plan(&[&[Work::Probe]]);
    ways(&mut plan, 0, &[&[Tcp], &[Tcp]]);
    let (mut rig, _) = Rig::begun(plan);
    for lane in 0..2 {
        rig.at(1, Input::Resolved(LaneIx(lane), Ok(1)));
    }
    rig.at(2, Input::Dialled(LaneIx(0), Dial(0), Ok(())));
    assert_eq!(rig.ended(0), None);
    rig.at(3, Input::Dialled(LaneIx(1), Dial(0), Ok(())));
    assert_eq!(rig.ended(0), Some((Passage::Passed, None)));
}
