//! Many children, orphans, groups, and what is told of them.

use crate::process::{Running, example, processes, signal, until};
use rustix::process::Signal;
use std::process::Command;

/// Plays a scene to its end.
pub fn play(scene: &str) {
    let ended = Command::new(example("scenes")).arg(scene).output().unwrap();
    assert!(ended.status.success(), "{scene}: {}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn no_ending_is_lost_or_stolen_among_200_children_and_200_orphans() {
    play("many");
}

#[test]
fn a_group_can_be_killed_after_its_leader_has_gone_and_only_while_it_is_ours() {
    play("leaderless");
}

#[test]
fn a_child_that_has_ended_gets_no_signals() {
    play("gone");
}

#[test]
fn a_child_gets_what_its_spec_says() {
    play("specs");
}

#[test]
fn the_sender_of_a_signal_is_told() {
    let mut running = Running::start(Command::new(example("scenes")).arg("sender"));
    running.expect("ready").unwrap();
    signal(running.pid(), Signal::USR2);
    let uid = rustix::process::getuid().as_raw();
    running.expect(&format!("SIGUSR2 {} {uid}", std::process::id())).unwrap();
}

#[test]
fn a_death_signal_ends_the_child_of_a_killed_supervisor() {
    let mut running = Running::start(Command::new(example("scenes")).arg("death"));
    let child: u32 = running.line().unwrap().parse().unwrap();
    assert!(processes().contains_key(&child));
    signal(running.pid(), Signal::KILL);
    until("the child to be killed", || processes().get(&child).is_none_or(|(state, _)| *state == 'Z')).unwrap();
}
