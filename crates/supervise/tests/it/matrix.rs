//! What every supervisor of one command owes it, as a table of rows.
//!
//! Any command that takes another command as its last arguments can be measured: an example of this
//! package, `tini --`, `dumb-init --`, and `tminus run --`. Needs a module `process` beside it, a
//! POSIX shell, coreutils and util-linux.

use crate::process::{Running, children, patiently, run, signal, signal_number, until};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A command that supervises another.
pub struct Supervisor {
    pub name: String,
    words: Vec<String>,
}

/// Where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Below whoever runs the test.
    Ordinary,
    /// As PID 1 of a PID namespace of its own.
    Pid1,
}

type Row = fn(&Setting<'_>) -> Result<(), String>;

const ROWS: &[(&str, Row)] = &[
    ("exit codes 0 to 255 pass", exit_codes),
    ("an ending by signal n is 128+n", endings_by_signal),
    ("127 when not found", not_found),
    ("126 when not executable", not_executable),
    ("TERM reaches the child, its code passes", term_passes),
    ("a child that TERM ends is 143", term_ends),
    ("a second TERM reaches the child", second_term),
    ("common signals reach the child", common_signals),
    ("TTIN and TTOU reach the child", job_signals),
    ("signals of faults reach the child", fault_signals),
    ("real-time signals reach the child", real_time_signals),
    ("signals reach only the child, not its group", only_the_child),
    ("a stopped child is continued by CONT", continued),
    ("0 zombies after 5 orphans", |setting| orphans(setting, 5)),
    ("0 zombies after 1000 orphans", |setting| patiently(|| orphans(setting, 1000))),
    ("daemons are not waited for", daemons),
    ("mask and dispositions are those that were given", mask_as_given),
    ("descriptors are those that were given", descriptors_as_given),
    ("standard input passes", stdin_passes),
    ("the environment passes", environment_passes),
];

/// The supervisors to compare with, as far as they are installed.
pub fn others() -> Vec<Supervisor> {
    let known = [("tini", &["tini", "-s", "--"][..]), ("dumb-init", &["dumb-init", "--"][..])];
    let installed = known.iter().filter(|(name, _)| {
        let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    });
    installed
        .map(|(name, words)| Supervisor::new(name, words.iter().map(|word| (*word).to_owned()).collect()))
        .collect()
}

/// The names of the rows, in their order.
#[allow(dead_code, reason = "only for those who draw a table")]
pub fn rows() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, _)| *name)
}

/// Every row with its result.
pub fn results(supervisor: &Supervisor, world: World) -> BTreeMap<&'static str, Result<(), String>> {
    results_of(supervisor, world, |_| true)
}

/// Those rows with their results that are wanted.
pub fn results_of(
    supervisor: &Supervisor,
    world: World,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<&'static str, Result<(), String>> {
    let Some(wrapper) = world.wrapper() else { return BTreeMap::new() };
    let setting = Setting { supervisor, world, wrapper };
    ROWS.iter().filter(|(name, _)| wanted(name)).map(|(name, row)| (*name, row(&setting))).collect()
}

/// Fails with all rows that are wrong; returns the results otherwise.
pub fn assert_all(supervisor: &Supervisor, world: World) -> BTreeMap<&'static str, Result<(), String>> {
    let results = results(supervisor, world);
    let wrong: Vec<_> =
        results.iter().filter_map(|(row, result)| result.as_ref().err().map(|why| (row, why))).collect();
    assert!(wrong.is_empty(), "{} as {world:?}: {wrong:#?}", supervisor.name);
    results
}

/// Two columns of results, for people.
pub fn side_by_side(
    ours: &BTreeMap<&'static str, Result<(), String>>,
    theirs: &BTreeMap<&'static str, Result<(), String>>,
) -> String {
    let word = |result: Option<&Result<(), String>>| match result {
        Some(Ok(())) => "yes".to_owned(),
        Some(Err(why)) => format!("no: {why}"),
        None => "-".to_owned(),
    };
    ours.keys().map(|row| format!("  {row:<48} {:<4} {}\n", word(ours.get(row)), word(theirs.get(row)))).collect()
}

impl Supervisor {
    pub fn new(name: &str, words: Vec<String>) -> Supervisor {
        Supervisor { name: name.to_owned(), words }
    }
}

impl World {
    /// The command that makes this world; none where the system does not allow it.
    fn wrapper(self) -> Option<&'static [&'static str]> {
        static PID1: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
        let ways: [&[&str]; 2] = [
            &["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
            &["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"],
        ];
        let works = |way: &&[&str]| {
            let tried = Command::new(way[0]).args(&way[1..]).arg("true").stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        };
        match self {
            World::Ordinary => Some(&[]),
            World::Pid1 => *PID1.get_or_init(|| {
                let way = ways.into_iter().find(works);
                if way.is_none() {
                    println!("not tested as PID 1: this system allows no PID namespaces");
                }
                way
            }),
        }
    }
}

struct Setting<'a> {
    supervisor: &'a Supervisor,
    world: World,
    wrapper: &'static [&'static str],
}

impl Setting<'_> {
    fn command(&self, command: &[&str]) -> Command {
        self.command_after(&[], command)
    }

    /// With another command in front of the supervisor.
    fn command_after(&self, before: &[&str], command: &[&str]) -> Command {
        let supervisor: Vec<&str> = self.supervisor.words.iter().map(String::as_str).collect();
        let words = [self.wrapper, before, &supervisor, command].concat();
        let mut built = Command::new(words[0]);
        built.args(&words[1..]).stderr(Stdio::null());
        built
    }

    fn shell(&self, script: &str) -> Command {
        self.command(&["sh", "-c", script])
    }

    fn start(&self, script: &str) -> Running {
        Running::start(&mut self.shell(script))
    }

    fn code(&self, script: &str) -> Result<i32, String> {
        self.start(script).code()
    }

    fn same_code(&self, script: &str, expected: i32) -> Result<(), String> {
        same(self.code(script)?, expected, script)
    }

    /// The supervisor's process id, as seen from here.
    fn pid(&self, running: &Running) -> Result<u32, String> {
        match self.world {
            World::Ordinary => Ok(running.pid()),
            World::Pid1 => children(running.pid()).first().map(|(pid, _)| *pid).ok_or("no PID 1".to_owned()),
        }
    }

    /// The supervised child's process id, as seen from here: the first one that the supervisor had.
    fn child(&self, running: &Running) -> Result<u32, String> {
        let pid = self.pid(running)?;
        children(pid).first().map(|(pid, _)| *pid).ok_or("no child".to_owned())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

/// Reads until "end", or until the input has ended. Shells tell that from a read that a signal has
/// interrupted in different ways, so it is told by its being there again and again.
const READ_ON: &str = "m=0; until [ \"$line\" = end ] || [ $m -gt 1000 ]; do read line || m=$((m+1)); done";

/// A shell that prints the number of each of these signals.
fn reporter(signals: &[i32]) -> String {
    let traps: String = signals.iter().map(|number| format!("trap 'echo {number}' {number}; ")).collect();
    format!("{traps} echo ready; {READ_ON}; exit 5")
}

fn signals_reach(setting: &Setting<'_>, signals: &[i32]) -> Result<(), String> {
    let mut running = setting.start(&reporter(signals));
    running.expect("ready")?;
    let pid = setting.pid(&running)?;
    for number in signals {
        signal_number(pid, *number);
        running.expect(&number.to_string()).map_err(|why| format!("signal {number}: {why}"))?;
    }
    running.write("end\n");
    same(running.code()?, 5, "code")
}

fn exit_codes(setting: &Setting<'_>) -> Result<(), String> {
    let step = if setting.world == World::Ordinary { 1 } else { 17 };
    (0..=255).step_by(step).try_for_each(|code| setting.same_code(&format!("exit {code}"), code))
}

fn endings_by_signal(setting: &Setting<'_>) -> Result<(), String> {
    // All that end a process by default; without core files.
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 40, 64]
        .into_iter()
        .try_for_each(|number| setting.same_code(&format!("ulimit -c 0; kill -{number} $$"), 128 + number))
}

fn not_found(setting: &Setting<'_>) -> Result<(), String> {
    for program in ["/no/such/program", "no-such-program-anywhere"] {
        let (code, _) = run(&mut setting.command(&[program]), b"");
        same(code, Some(127), program)?;
    }
    Ok(())
}

fn not_executable(setting: &Setting<'_>) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let plain = directory.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").map_err(|error| error.to_string())?;
    for path in [plain.as_path(), directory.path()] {
        let (code, _) = run(&mut setting.command(&[path.to_str().unwrap()]), b"");
        same(code, Some(126), "code")?;
    }
    Ok(())
}

fn term_passes(setting: &Setting<'_>) -> Result<(), String> {
    let mut running = setting.start(&format!("trap 'exit 42' TERM; echo ready; {READ_ON}"));
    running.expect("ready")?;
    signal(setting.pid(&running)?, Signal::TERM);
    same(running.code()?, 42, "code")
}

fn term_ends(setting: &Setting<'_>) -> Result<(), String> {
    let mut running = setting.start("echo ready; exec sleep 1000");
    running.expect("ready")?;
    signal(setting.pid(&running)?, Signal::TERM);
    same(running.code()?, 143, "code")
}

fn second_term(setting: &Setting<'_>) -> Result<(), String> {
    let script = "trap 'n=$((n+1)); echo $n; [ $n = 1 ] || exit 9' TERM; echo ready";
    let mut running = setting.start(&format!("{script}; {READ_ON}"));
    running.expect("ready")?;
    let pid = setting.pid(&running)?;
    signal(pid, Signal::TERM);
    running.expect("1")?;
    signal(pid, Signal::TERM);
    running.expect("2")?;
    same(running.code()?, 9, "code")
}

fn common_signals(setting: &Setting<'_>) -> Result<(), String> {
    signals_reach(setting, &[1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 24, 25, 26, 27, 28, 29, 30])
}

fn job_signals(setting: &Setting<'_>) -> Result<(), String> {
    signals_reach(setting, &[21, 22])
}

fn fault_signals(setting: &Setting<'_>) -> Result<(), String> {
    signals_reach(setting, &[4, 5, 6, 7, 8, 11, 31])
}

fn real_time_signals(setting: &Setting<'_>) -> Result<(), String> {
    signals_reach(setting, &[35, 40, 50, 64])
}

fn only_the_child(setting: &Setting<'_>) -> Result<(), String> {
    // The worker is in the child's group and prints what it gets. Traps run in the order of their
    // numbers: TERM, if it came, before WINCH, which is sent when the child has had its TERM.
    let worker = format!("trap \"echo worker\" TERM; trap \"echo asked\" WINCH; echo ready; {READ_ON}");
    let script = format!("exec 3<&0; trap 'echo child' TERM; sh -c '{worker}' <&3 & wait $!; wait $!; exit 6");
    let mut running = setting.start(&script);
    running.expect("ready")?;
    let child = setting.child(&running)?;
    let (worker, _) = children(child).first().copied().ok_or("no worker")?;
    signal(setting.pid(&running)?, Signal::TERM);
    running.expect("child")?;
    signal(worker, Signal::WINCH);
    running.expect("asked")?;
    running.write("end\n");
    same(running.code()?, 6, "code")
}

fn continued(setting: &Setting<'_>) -> Result<(), String> {
    let mut running = setting.start("echo ready; while read line; do echo $line; done");
    running.expect("ready")?;
    let child = setting.child(&running)?;
    let state = || crate::process::processes().get(&child).map(|(state, _)| *state);
    signal(child, Signal::STOP);
    until("the child to stop", || state() == Some('T'))?;
    running.write("again\n");
    signal(setting.pid(&running)?, Signal::CONT);
    running.expect("again")
}

fn orphans(setting: &Setting<'_>, count: usize) -> Result<(), String> {
    // Each is left to whoever reaps by a subshell that ends at once.
    let script =
        format!("i=0; while [ $i -lt {count} ]; do (sh -c 'exit 7' &); i=$((i+1)); done; echo done; read line; exit 6");
    let mut running = setting.start(&script);
    running.expect("done")?;
    let pid = setting.pid(&running)?;
    until("orphans to be reaped", || children(pid).len() == 1)?;
    running.write("\n");
    same(running.code()?, 6, "code")
}

fn daemons(setting: &Setting<'_>) -> Result<(), String> {
    let script = "(setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!); exit 8";
    let mut running = setting.start(script);
    let daemon: u32 = running.line()?.parse().map_err(|_| "no pid".to_owned())?;
    let result = running.code().and_then(|code| same(code, 8, "code"));
    if setting.world == World::Ordinary {
        // As PID 1 it ends with its namespace.
        signal(daemon, Signal::KILL);
    }
    result
}

fn mask_as_given(setting: &Setting<'_>) -> Result<(), String> {
    for options in [&[][..], &["--ignore-signal=HUP", "--block-signal=USR2"], &["--ignore-signal=CHLD"]] {
        let look = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"];
        let (_, expected) = run(Command::new("env").args(options).args(look), b"");
        let (_, found) = run(&mut setting.command_after(&[&["env"], options].concat(), &look), b"");
        same(signal_sets(&found)?, signal_sets(&expected)?, &format!("{options:?}"))?;
    }
    Ok(())
}

/// The sets, without signals 32 and 33, which the C library keeps for its threads.
fn signal_sets(status: &[u8]) -> Result<Vec<u64>, String> {
    let text = String::from_utf8_lossy(status);
    let sets = text.lines().filter_map(|line| u64::from_str_radix(line.split('\t').nth(1)?, 16).ok());
    let sets: Vec<u64> = sets.map(|set| set & !(0b11 << 31)).collect();
    if sets.len() == 2 { Ok(sets) } else { Err(format!("no signal sets in `{text}`")) }
}

fn descriptors_as_given(setting: &Setting<'_>) -> Result<(), String> {
    // One more is given on purpose.
    let look = ["sh", "-c", "ls /proc/$$/fd"];
    let given = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 9</dev/null; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
        shell.stderr(Stdio::null());
        run(&mut shell, b"").1
    };
    let mut alone = Command::new(look[0]);
    alone.args(&look[1..]);
    same(given(&setting.command(&look)), given(&alone), "descriptors")
}

fn stdin_passes(setting: &Setting<'_>) -> Result<(), String> {
    let input: Vec<u8> = (0..300_000u32).map(|number| (number * 7 % 251) as u8).collect();
    let (code, output) = run(&mut setting.command(&["cat"]), &input);
    same(code, Some(0), "code")?;
    if output == input { Ok(()) } else { Err(format!("{} bytes of {}", output.len(), input.len())) }
}

fn environment_passes(setting: &Setting<'_>) -> Result<(), String> {
    let mut command = setting.shell("printf %s \"$TMINUS_TEST_VALUE\"");
    let value = "a=b\nc d";
    same(run(command.env("TMINUS_TEST_VALUE", value), b"").1, value.as_bytes().to_vec(), "value")
}
