//! Real processes, real signals, real pipes.
mod children;
mod matrix;
mod notify;
mod output;
mod process;
mod spawn;
mod terminal;

use matrix::{Supervisor, World};
use std::time::Duration;

/// A command in front of another: the example that does nothing but supervise.
fn plain(options: &[&str]) -> Vec<String> {
    let words = [&[process::example("plain")][..], &options.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()];
    words.concat()
}

/// Every row, and side by side with those of tini and dumb-init that are installed: no row in which
/// one of them is right can be one in which we are not, because we are right in all of them.
fn compared(world: World) {
    let ours = matrix::assert_all(&Supervisor::new("plain", plain(&[])), world);
    // They are only looked at: what does not come soon does not come.
    process::wait_at_most(Duration::from_secs(3));
    for other in matrix::others() {
        let theirs = matrix::results(&other, world);
        println!("as {world:?}, plain and {}:\n{}", other.name, matrix::side_by_side(&ours, &theirs));
    }
}

#[test]
fn everything_is_right_as_an_ordinary_process() {
    compared(World::Ordinary);
}

#[test]
fn everything_is_right_as_pid_1() {
    compared(World::Pid1);
}

#[test]
fn everything_is_right_with_output_through_pipes() {
    matrix::assert_all(&Supervisor::new("plain --tee", plain(&["--tee"])), World::Pid1);
}
