//! One way to one dependency over time.

use super::rig::{Rig, once, plan, probe, ways};
use crate::code::Code;
use crate::event::Passage;
use crate::plan::{LaneIx, Work};
use crate::run::{Dial, Fact, Input};
use crate::time::Millis;
use crate::vocabulary::Layer::{Auth, Dns, Protocol, Query, Slot, Socket, Tcp};

const LANE: LaneIx = LaneIx(0);

fn dialled(slot: u8, outcome: Result<(), Code>) -> Input {
    Input::Dialled(LANE, Dial(slot), outcome)
}

#[test]
fn silent_ways_are_dialled_every_stagger_until_all_are_in_flight() {
    let (mut rig, said) = Rig::begun(probe(&[Dns, Tcp]));
    assert_eq!(said, ["resolve 0"]);
    assert_eq!(rig.at(10, Input::Resolved(LANE, Ok(1))), ["dial 0.0 address 0"]);
    let dials: Vec<(u32, String)> = (1..8).map(|n| (10 + n * 250, format!("dial 0.{n} address 0"))).collect();
    assert_eq!(rig.wakes_until(2_009), dials);
    // The eighth is the last until one comes out; then its place is used at once.
    assert_eq!(rig.wakes_until(2_010), []);
    assert_eq!(rig.at(2_010, dialled(0, Err(Code::NoAnswer))), ["dial 0.0 address 0"]);
}

#[test]
fn a_winner_cancels_the_others_and_goes_deeper() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp, Protocol, Query]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.wakes_until(500);
    assert_eq!(rig.at(510, dialled(1, Ok(()))), ["cancel 0.0", "cancel 0.2", "shake 0 protocol"]);
    assert_eq!(rig.at(520, Input::Shaken(LANE, Ok(()), None)), ["shake 0 query"]);
    let told = rig.told(530, Input::Shaken(LANE, Ok(()), None));
    assert!(told.contains(&Fact::LayerFinished(LANE, Query, Passage::Passed, None, 0)));
    assert_eq!(rig.ended(0), Some((Passage::Passed, None)));
}

#[test]
fn the_number_of_dials_that_a_layer_took_is_told() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.wakes_until(500);
    let told = rig.told(510, dialled(2, Ok(())));
    assert!(told.contains(&Fact::LayerFinished(LANE, Tcp, Passage::Passed, None, 3)), "{told:?}");
}

#[test]
fn addresses_take_turns() {
    let (mut rig, _) = Rig::begun(probe(&[Dns, Tcp]));
    assert_eq!(rig.at(0, Input::Resolved(LANE, Ok(3))), ["dial 0.0 address 0"]);
    let addresses: Vec<String> = rig.wakes_until(750).into_iter().map(|(_, said)| said).collect();
    assert_eq!(addresses, ["dial 0.1 address 1", "dial 0.2 address 2", "dial 0.3 address 0"]);
}

#[test]
fn an_address_without_a_route_does_not_hold_up_the_next() {
    let (mut rig, _) = Rig::begun(probe(&[Dns, Tcp]));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    assert_eq!(rig.at(1, dialled(0, Err(Code::NoRoute))), [""; 0]);
    let said = rig.wakes_until(110);
    assert!(matches!(&said[..], [(100..=110, dial)] if dial == "dial 0.0 address 1"), "{said:?}");
}

#[test]
fn dials_go_on_over_the_end_of_a_try() {
    let (mut rig, _) = Rig::begun(probe(&[Dns, Tcp]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    for at in (250..5_000).step_by(250) {
        rig.wakes_until(at);
        if at >= 2_000 {
            rig.at(at, dialled(((at / 250) % 8) as u8, Err(Code::NoAnswer)));
        }
    }
    // A try is told every five seconds; its dials live on, and the name is asked again meanwhile.
    assert_eq!(rig.wakes_until(5_000), [(5_000, "resolve 0".to_owned())]);
    assert_eq!(rig.at(5_000, dialled(4, Err(Code::NoAnswer))), ["dial 0.4 address 0"]);
    assert_eq!(rig.at(5_010, Input::Resolved(LANE, Ok(2))), [""; 0]);
    let told = rig.told(5_020, dialled(3, Ok(())));
    assert!(
        told.contains(&Fact::TryFinished(crate::plan::StepIx(0), Some(LANE), 2, Passage::Passed, None)),
        "{told:?}"
    );
}

#[test]
fn a_failing_resolver_does_not_stop_dials_that_are_under_way() {
    let (mut rig, _) = Rig::begun(probe(&[Dns, Tcp]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.at(1, dialled(0, Err(Code::Refused)));
    let refused = |rig: &mut Rig, until: u32| {
        while rig.armed.0 <= until {
            let now = rig.armed.0;
            if rig.at(now, Input::Wake).iter().any(|said| said.starts_with("dial")) {
                rig.at(now, dialled(0, Err(Code::Refused)));
            }
        }
    };
    refused(&mut rig, 5_050);
    assert_eq!(rig.at(5_060, Input::Resolved(LANE, Err(Code::ResolverFailed))), [""; 0]);
    assert!(rig.armed.0 <= 5_200);
    refused(&mut rig, 5_300);
    assert!(rig.armed.0 <= 5_500, "still dialling");
}

#[test]
fn a_final_answer_waits_for_what_is_in_flight() {
    let (mut rig, _) = Rig::begun(probe(&[Dns, Tcp]));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    rig.wakes_until(250);
    assert_eq!(rig.at(260, dialled(1, Err(Code::ConnectForbidden))), [""; 0]);
    assert_eq!(rig.wakes_until(1_000), []);
    assert_eq!(rig.at(1_000, dialled(0, Err(Code::NoAnswer))), ["close 0"]);
    assert_eq!(rig.ended(0), None);
}

#[test]
fn a_socket_is_dialled_at_once_and_without_a_resolver() {
    let (_, said) = Rig::begun(probe(&[Socket, Protocol]));
    assert_eq!(said, ["dial 0.0 address 0"]);
}

#[test]
fn a_port_and_a_socket_of_one_server_are_dialled_together() {
    let (mut rig, said) = Rig::begun(probe(&[Socket, Tcp, Protocol]));
    assert_eq!(said, ["resolve 0"]);
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    assert_eq!(rig.at(1, dialled(0, Ok(()))), ["shake 0 protocol"]);
}

#[test]
fn a_refusal_before_its_layer_is_told_at_its_layer() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp, Protocol, Auth, Slot]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.at(1, dialled(0, Ok(())));
    let told = rig.told(2, Input::Shaken(LANE, Err(Code::SlotsFull), None));
    let layers = [
        Fact::LayerFinished(LANE, Protocol, Passage::Skipped, None, 0),
        Fact::LayerStarted(LANE, Slot),
        Fact::LayerFinished(LANE, Slot, Passage::Failed, Some(Code::SlotsFull), 0),
    ];
    assert_eq!(told[..3], layers);
}

#[test]
fn what_was_accepted_is_not_asked_ten_times_a_second() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp, Protocol]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.at(1, dialled(0, Ok(())));
    assert_eq!(rig.at(2, Input::Shaken(LANE, Err(Code::ConnectReset), None)), ["close 0"]);
    assert!((1_002..=1_252).contains(&rig.armed.0), "{:?}", rig.armed);
}

#[test]
fn a_wish_to_be_asked_later_is_heard() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp, Protocol]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.at(1, dialled(0, Ok(())));
    rig.at(2, Input::Shaken(LANE, Err(Code::HttpUnavailable), Some(Millis::secs(7))));
    assert_eq!(rig.armed.0, 7_002);
}

#[test]
fn one_answer_lets_the_egress_gate_pass_and_a_refusal_is_one() {
    let mut plan = plan(&[&[Work::Egress]]);
    ways(&mut plan, 0, &[&[Dns, Tcp], &[Dns, Tcp]]);
    let (mut rig, said) = Rig::begun(plan);
    assert_eq!(said, ["resolve 0", "resolve 1"]);
    rig.at(1, Input::Resolved(LaneIx(0), Ok(1)));
    rig.at(2, Input::Resolved(LaneIx(1), Ok(1)));
    let said = rig.at(9, Input::Dialled(LaneIx(1), Dial(0), Err(Code::Refused)));
    assert_eq!(said[..3], ["close 1", "cancel 0.0", "close 0"]);
    assert_eq!(rig.ended(0), Some((Passage::Passed, None)));
}

#[test]
fn a_proxy_that_only_accepts_proves_no_egress() {
    let mut plan = plan(&[&[Work::Egress]]);
    ways(&mut plan, 0, &[&[Tcp, Protocol]]);
    let (mut rig, _) = Rig::begun(plan);
    rig.at(1, Input::Resolved(LANE, Ok(1)));
    rig.at(2, dialled(0, Ok(())));
    rig.at(3, Input::Shaken(LANE, Err(Code::ClosedBeforeGreeting), None));
    assert_eq!(rig.ended(0), None);
    rig.wakes_until(2_000);
    rig.at(2_000, Input::Resolved(LANE, Ok(1)));
    rig.at(2_001, dialled(0, Ok(())));
    rig.at(2_002, Input::Shaken(LANE, Err(Code::PasswordRejected), None));
    assert_eq!(rig.ended(0), Some((Passage::Passed, None)));
}

#[test]
fn a_resolver_is_a_witness_by_any_answer() {
    let mut plan = plan(&[&[Work::Egress]]);
    ways(&mut plan, 0, &[&[Dns]]);
    let (mut rig, _) = Rig::begun(plan);
    rig.at(1, Input::Resolved(LANE, Err(Code::NameNotFound)));
    assert_eq!(rig.ended(0), Some((Passage::Passed, None)));
}

#[test]
fn what_ran_out_of_time_is_called_by_what_was_seen_last() {
    let (mut rig, _) = Rig::begun(probe(&[Tcp, Protocol]));
    rig.at(0, Input::Resolved(LANE, Ok(1)));
    rig.at(1, dialled(0, Ok(())));
    rig.at(58_900, Input::Shaken(LANE, Err(Code::StartingUp), None));
    rig.wakes_until(59_950);
    // The next try has only begun; it has not seen anything yet.
    rig.wakes_until(60_200);
    assert_eq!(rig.ended(0), Some((Passage::Expired, Some(Code::StartingUp))));
}

// ---- several places, as libpq asks them

/// A lane of a Postgres target that lists this many places.
fn several(layers: &[crate::vocabulary::Layer], places: usize) -> crate::plan::Plan {
    use crate::target::{Host, Place, Target};
    let mut plan = probe(layers);
    let Some(mut postgres) = once(None).map(|once| once.database) else { unreachable!("a lease has a database") };
    let place = |at| match at {
        0 => Place::Unix("/run/postgresql/.s.PGSQL.5432".into()),
        at => Place::Tcp(Host { name: format!("10.0.0.{at}"), port: 5432 }),
    };
    postgres.places = (0..places).map(place).collect();
    plan.lanes[0].target = Target::Postgres(postgres);
    plan
}

#[test]
fn of_two_sockets_both_are_dialled() {
    let (mut rig, said) = Rig::begun(several(&[Socket, Protocol], 2));
    assert_eq!(said, ["resolve 0"]);
    assert_eq!(rig.at(0, Input::Resolved(LANE, Ok(2))), ["dial 0.0 address 0"]);
    assert_eq!(rig.at(1, dialled(0, Err(Code::SocketMissing))), [""; 0]);
    let said = rig.wakes_until(110);
    assert!(matches!(said.as_slice(), [(100..=110, text)] if text == "dial 0.0 address 1"), "{said:?}");
}

#[test]
fn a_place_that_is_closed_for_good_does_not_close_the_others() {
    for codes in [[Code::SocketDenied, Code::Refused], [Code::Refused, Code::SocketDenied]] {
        let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Protocol], 2));
        rig.at(0, Input::Resolved(LANE, Ok(2)));
        rig.at(1, dialled(0, Err(codes[0])));
        rig.wakes_until(110);
        rig.at(120, dialled(0, Err(codes[1])));
        assert_eq!(rig.ended(0), None, "{codes:?}: one of them may still come");
    }
    let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Protocol], 2));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    rig.at(1, dialled(0, Err(Code::SocketDenied)));
    rig.wakes_until(110);
    rig.at(120, dialled(0, Err(Code::SocketNotASocket)));
    assert_eq!(rig.ended(0), Some((Passage::Failed, Some(Code::SocketNotASocket))));
}

#[test]
fn a_server_of_the_wrong_kind_is_followed_by_the_next_place_at_once_and_a_round_by_a_rest() {
    let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Query], 3));
    rig.at(0, Input::Resolved(LANE, Ok(3)));
    rig.at(1, dialled(0, Ok(())));
    // The next try resolves anew, and begins behind the place that is of no use.
    for address in [1, 2] {
        let now = 10 * address;
        let said = rig.at(now, Input::Shaken(LANE, Err(Code::ReadOnly), None));
        assert_eq!(said, ["close 0", "resolve 0"]);
        assert_eq!(rig.at(now + 1, Input::Resolved(LANE, Ok(3))), [format!("dial 0.0 address {address}")]);
        rig.at(now + 2, dialled(0, Ok(())));
    }
    assert_eq!(rig.at(30, Input::Shaken(LANE, Err(Code::ReadOnly), None)), ["close 0"]);
    let said = rig.wakes_until(1_300);
    assert!(matches!(said.as_slice(), [(1_030..=1_280, text)] if text == "resolve 0"), "{said:?}");
    assert_eq!(rig.at(1_301, Input::Resolved(LANE, Ok(3))), ["dial 0.0 address 0"]);
}

/// One place at a time, so that a fast standby does not win every race against a slow primary.
#[test]
fn places_are_dialled_one_after_the_other() {
    let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Query], 2));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    let dials: Vec<String> = rig.wakes_until(1_999).into_iter().map(|(_, said)| said).collect();
    assert!(dials.iter().all(|dial| dial.ends_with("address 0")) && dials.len() == 7, "{dials:?}");
    let said = rig.at(2_000, dialled(0, Err(Code::NoAnswer)));
    assert_eq!(said.last().map(String::as_str), Some("dial 0.0 address 1"), "{said:?}");
}

/// The standby answers, the primary is not there: each round is as deep as one that reached it, and
/// is not followed by the next at once.
#[test]
fn a_round_that_ends_at_a_place_that_cannot_be_reached_rests() {
    let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Query], 2));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    rig.at(1, dialled(0, Ok(())));
    rig.at(10, Input::Shaken(LANE, Err(Code::ReadOnly), None));
    rig.at(11, Input::Resolved(LANE, Ok(2)));
    rig.wakes_until(110);
    assert_eq!(rig.at(120, dialled(0, Err(Code::Refused))), ["close 0"]);
    let said = rig.wakes_until(1_400);
    assert!(matches!(said.as_slice(), [(1_120..=1_370, text)] if text == "resolve 0"), "{said:?}");
}

#[test]
fn who_refuses_a_password_is_believed() {
    let (mut rig, _) = Rig::begun(several(&[Socket, Tcp, Auth], 2));
    rig.at(0, Input::Resolved(LANE, Ok(2)));
    rig.at(1, dialled(0, Ok(())));
    rig.at(10, Input::Shaken(LANE, Err(Code::PasswordRejected), None));
    assert_eq!(rig.ended(0), Some((Passage::Failed, Some(Code::PasswordRejected))));
}
