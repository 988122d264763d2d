//! What supervision costs, side by side, in one run: starting `true`, passing 1 GiB on, memory at rest.
//!
//! `cargo run --release -p tminus-supervise --example overhead`, with `plain` built beside it. tini is
//! compared with when it is installed. Figures of a busy machine are only good for ratios.
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

const STARTS: usize = 200;
const ROUNDS: usize = 5;
const BYTES: &str = "1G";

fn main() {
    let plain = beside("plain");
    let plain = plain.to_str().expect("a path");
    let ways: [(&str, Vec<&str>); 3] = [("direct", vec![]), ("plain", vec![plain]), ("tini", vec!["tini", "-s", "--"])];
    let ways: Vec<_> = ways.into_iter().filter(|(_, words)| runs(words)).collect();
    println!("starting `true`, median of {STARTS}, in turn:");
    let mut times = vec![Vec::new(); ways.len()];
    for _ in 0..STARTS {
        for ((_, words), times) in ways.iter().zip(&mut times) {
            let began = Instant::now();
            assert!(command(words, &["true"]).status().expect("true").success());
            times.push(began.elapsed());
        }
    }
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort_unstable();
        println!("  {name:<16} {:>8.3} ms", times[STARTS / 2].as_secs_f64() * 1e3);
    }
    println!("{BYTES} of zeroes into a pipe, best of {ROUNDS}, in turn:");
    let ways = [("plain pipe", vec![]), ("plain --tee", vec![plain, "--tee"])];
    let mut best = [f64::MAX; 2];
    for _ in 0..ROUNDS {
        for ((_, words), best) in ways.iter().zip(&mut best) {
            *best = best.min(drained(command(words, &["head", "-c", BYTES, "/dev/zero"])));
        }
    }
    for ((name, _), best) in ways.iter().zip(best) {
        println!("  {name:<16} {:>8.0} MB/s", 1073.741824 / best);
    }
    println!("  ratio            {:>8.2}", best[0] / best[1]);
    println!("memory at rest, resident:");
    for (name, words) in [("plain", vec![plain]), ("plain --tee", vec![plain, "--tee"])] {
        println!("  {name:<16} {:>8} kB", resident(&words));
    }
}

fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("a path").with_file_name(name)
}

fn runs(words: &[&str]) -> bool {
    command(words, &["true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn command(before: &[&str], words: &[&str]) -> Command {
    let words = [before, words].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// Seconds until everything was read.
fn drained(mut command: Command) -> f64 {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut buffer = vec![0; 64 * 1024];
    while stdout.read(&mut buffer).expect("bytes") > 0 {}
    assert!(child.wait().expect("a status").success());
    began.elapsed().as_secs_f64()
}

/// Kilobytes while the child, which has said that it runs, does nothing.
fn resident(words: &[&str]) -> u64 {
    let mut command = command(words, &["sh", "-c", "echo ready; exec sleep 1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    let mut line = [0; 6];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut line).expect("a line");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    let size = line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number");
    let stop = Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert!(stop.success());
    child.wait().expect("a status");
    size
}
