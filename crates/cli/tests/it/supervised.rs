//! The matrix of what a supervisor owes its program, with the real binaries in front: as PID 1 of a
//! PID namespace and as an ordinary process, side by side with tini and dumb-init.
//!
//! The rows are those of `crates/supervise/tests/it/matrix.rs`. What is seen stands as a table in
//! docs/running.md; to write it anew: `UPDATE_DOCS=1 cargo nextest run -p tminus-cli table`.

use crate::matrix::{self, Supervisor, World};
use crate::process::{self, children, signal, until};
use crate::room::{Room, binary, repository};
use crate::start::Start;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

type Results = BTreeMap<&'static str, Result<(), String>>;

const PLAN: &str = "version = 1\n[service]\nname = \"matrix\"\n\
                    [[phase]]\nname = \"init\"\n[[phase.step]]\nname = \"environment\"\nenv = [\"PATH\"]\n\
                    [[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";

fn slim() -> &'static str {
    env!("CARGO_BIN_EXE_tminus-run")
}

fn supervisor(name: &str, words: &[&str]) -> Supervisor {
    Supervisor::new(name, words.iter().map(|word| (*word).to_owned()).collect())
}

/// Every row holds, and there were rows: where no PID namespace can be had nothing was tested.
#[track_caller]
fn holds(supervisor: &Supervisor, world: World) -> Results {
    let results = matrix::assert_all(supervisor, world);
    assert!(
        !results.is_empty(),
        "{} was not tested as {world:?}: this system allows no PID namespaces; run the tests as root, or allow \
         unprivileged user namespaces",
        supervisor.name
    );
    results
}

/// tini and dumb-init, both of which the test environment must have (`ci/lab-packages`).
#[track_caller]
fn others() -> Vec<Supervisor> {
    let others = matrix::others();
    let names: Vec<&str> = others.iter().map(|other| other.name.as_str()).collect();
    assert_eq!(names, ["tini", "dumb-init"], "they are to be installed: run ci/lab-packages");
    others
}

#[test]
fn tminus_owes_nothing_as_pid_1() {
    holds(&supervisor("tminus run", &[binary(), "run", "--"]), World::Pid1);
}

#[test]
fn tminus_owes_nothing_as_an_ordinary_process() {
    holds(&supervisor("tminus run", &[binary(), "run", "--"]), World::Ordinary);
}

#[test]
fn tminus_run_owes_nothing_as_pid_1() {
    holds(&supervisor("tminus-run run", &[slim(), "run", "--"]), World::Pid1);
}

#[test]
fn tminus_run_owes_nothing_as_an_ordinary_process() {
    holds(&supervisor("tminus-run run", &[slim(), "run", "--"]), World::Ordinary);
}

/// In front of the program stands a plan with one phase that passes.
fn with_a_plan(capture: &str, world: World) {
    let room = Room::new();
    room.put("plan.toml", format!("{PLAN}[output]\ncapture = \"{capture}\"\n"));
    let plan = room.path().join("plan.toml");
    let plan = plan.to_str().expect("a plain path");
    holds(&supervisor(&format!("a plan, {capture}"), &[slim(), "run", "-c", plan, "--"]), world);
}

#[test]
fn with_a_plan_nothing_is_owed_as_pid_1() {
    with_a_plan("auto", World::Pid1);
}

#[test]
fn with_a_plan_and_tee_nothing_is_owed_as_pid_1() {
    with_a_plan("tee", World::Pid1);
}

#[test]
fn with_a_plan_and_tee_nothing_is_owed_as_an_ordinary_process() {
    with_a_plan("tee", World::Ordinary);
}

#[test]
fn with_a_plan_and_inherit_nothing_is_owed_as_pid_1() {
    with_a_plan("inherit", World::Pid1);
}

/// With `TMINUS=off` the program stands alone: what holds without a supervisor holds, nothing else.
#[test]
fn tminus_off_is_the_program_alone_in_every_row() {
    process::wait_at_most(Duration::from_secs(3));
    let right = |supervisor: &Supervisor| -> BTreeMap<&str, bool> {
        // Without anybody who reaps, a thousand orphans would be waited for patiently.
        let results = matrix::results_of(supervisor, World::Ordinary, |row| !row.contains("1000"));
        results.into_iter().map(|(row, result)| (row, result.is_ok())).collect()
    };
    let alone = right(&supervisor("env", &["env"]));
    let off = right(&supervisor("off", &["env", "TMINUS=off", slim(), "run", "--"]));
    assert!(alone["exit codes 0 to 255 pass"] && !alone["an ending by signal n is 128+n"], "{alone:#?}");
    assert_eq!(off, alone);
}

/// Equal or better: in no row is one of them right and we are not. And the page says what was seen.
#[test]
fn the_table_of_supervisors_is_as_seen_and_ours_is_right_where_any_is() {
    let ours = supervisor("tminus run", &[binary(), "run", "--"]);
    let mut seen: Vec<(String, [Results; 2])> = vec![("tminus run".to_owned(), both(|world| holds(&ours, world)))];
    // They are only looked at: what does not come soon does not come.
    process::wait_at_most(Duration::from_secs(5));
    for other in others() {
        let results = both(|world| matrix::results(&other, world));
        for (mine, theirs) in seen[0].1.iter().zip(&results) {
            for (row, result) in theirs {
                assert!(result.is_err() || mine[row].is_ok(), "{}: {row}", other.name);
            }
            println!("{}", matrix::side_by_side(mine, theirs));
        }
        seen.push((other.name, results));
    }
    let table = table(&seen);
    println!("{table}");
    page_holds(&table);
}

fn both(look: impl Fn(World) -> Results) -> [Results; 2] {
    [look(World::Pid1), look(World::Ordinary)]
}

/// Rows in the order of the matrix, one column each.
fn table(seen: &[(String, [Results; 2])]) -> String {
    let mut text = String::from("| what is owed |");
    for (name, _) in seen {
        text += &format!(" {name} |");
    }
    text += &format!("\n|---|{}\n", "---|".repeat(seen.len()));
    for row in matrix::rows() {
        text += &format!("| {row} |");
        for (_, [first, ordinary]) in seen {
            let cell = match (first[row].is_ok(), ordinary[row].is_ok()) {
                (true, true) => "yes",
                (true, false) => "as PID 1",
                (false, true) => "not as PID 1",
                (false, false) => "no",
            };
            text += &format!(" {cell} |");
        }
        text += "\n";
    }
    text
}

const BEGIN: &str = "<!-- table: supervisors -->\n";
const END: &str = "<!-- end of table -->\n";

#[track_caller]
fn page_holds(table: &str) {
    let path = repository().join("docs/running.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (shown, after) = rest.split_once(END).expect("the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
    } else {
        assert_eq!(shown, table, "docs/running.md says something else: UPDATE_DOCS=1 writes it anew");
    }
}

/// It stopped itself too, and whoever continued it before it had done so continued it for nothing.
#[test]
fn a_program_that_was_sent_stop_does_not_stop_its_supervisor() {
    let start = Start::new();
    let mut running = start.begin(&["sh", "-c", "echo up >&2; exec sleep 1000"]);
    running.until_said("up");
    let (child, _) = children(running.pid())[0];
    let before = switches(running.pid());
    signal(child, Signal::STOP);
    until("the program to stop", || children(running.pid()) == [(child, 'T')]).expect("a stopped program");
    // It has been told of that, and has gone back to waiting.
    until("the supervisor to have heard", || switches(running.pid()) > before).expect("word of the stop");
    signal(child, Signal::KILL);
    assert_eq!(running.end().code, 137);
}

/// How often a process has gone to sleep of its own will, or been stopped.
fn switches(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("a count");
    line.trim().parse().expect("a number")
}
