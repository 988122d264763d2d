//! The verdict worker: a short-lived process that reads a failed start and answers with its verdict.
//!
//! It exists so that the process that supervises a program stays small: the catalogue's regexes are
//! compiled here, in a process whose time and memory are limited and whose death costs nothing but
//! the better answer. Input on standard input: a [`Header`] as one line of JSON, the events as lines,
//! then each output of the program behind a line that [`OUTPUT`] begins. Output: the verdict as JSON.
//! Where to start reading: [`ask`] (the asking side), [`work`] (the answering side).

use crate::error::Failure;
use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tminus_core::Timestamp;
use tminus_core::event::Event;
use tminus_core::facts::Facts;
use tminus_core::record::{Record, Skipped};
use tminus_core::verdict::Verdict;
use tminus_diagnose::catalogue::Catalogue;
use tminus_diagnose::{Diagnosis, Options};

/// How long a worker may take: what is left for leaving is three seconds.
const TIME: Duration = Duration::from_millis(2500);
/// Memory of a worker, bytes.
const MEMORY: u64 = 1 << 30;
/// Processor time of a worker, seconds.
const PROCESSOR: u64 = 5;
/// Most bytes that a worker reads, and that it may answer.
const BYTES_MAX: u64 = 32 << 20;
/// Begins the line before an output; its name follows.
const OUTPUT: &str = "--- output ";

/// What a worker is told besides events and outputs.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The service.
    pub(crate) service: String,
    /// The environment of the program, without secrets.
    pub(crate) environment: BTreeMap<String, String>,
}

/// Asks a worker for the verdict; none when it could not say in time.
pub(crate) async fn ask(header: &Header, events: &[Event], outputs: &[(&str, Vec<u8>)]) -> Option<Verdict> {
    let input = input(header, events, outputs).ok()?;
    let mut child = Command::new("/proc/self/exe")
        .arg("verdict-worker")
        .env_clear()
        .stdin(Stdio::from(input))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut answer = tokio::net::unix::pipe::Receiver::from_owned_fd(child.stdout.take()?.into()).ok()?;
    let mut bytes = Vec::new();
    let reading = async {
        use tokio::io::AsyncReadExt;
        (&mut answer).take(BYTES_MAX).read_to_end(&mut bytes).await
    };
    let read = tokio::time::timeout(TIME, reading).await;
    // It has answered or is not waited for any longer; who reaps it does not matter.
    let _ = child.kill();
    let _ = child.wait();
    read.ok()?.ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A file in memory with everything that the worker reads.
fn input(header: &Header, events: &[Event], outputs: &[(&str, Vec<u8>)]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("tminus-start", MemfdFlags::CLOEXEC)?);
    let mut out = std::io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut out, header)?;
    out.write_all(b"\n")?;
    for event in events {
        serde_json::to_writer(&mut out, event)?;
        out.write_all(b"\n")?;
    }
    for (name, bytes) in outputs {
        writeln!(out, "{OUTPUT}{name} {}", bytes.len())?;
        out.write_all(bytes)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    seek(&file, SeekFrom::Start(0))?;
    Ok(file)
}

/// Answers: reads a start from standard input, writes its verdict to standard output.
#[inline(never)] // its frame would be that of every start
pub(crate) fn work() -> Result<ExitCode, Failure> {
    limit();
    let start = read(std::io::stdin().lock().take(BYTES_MAX)).map_err(|error| {
        Failure::new("cannot read a start from standard input")
            .because(error)
            .hint("this command is for `tminus run` itself")
    })?;
    crate::print(&tminus_report::json(&verdict(start)))?;
    Ok(ExitCode::SUCCESS)
}

/// Where these limits are refused the worker runs without them: its time is limited by whoever asks.
fn limit() {
    let _ = setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) });
    let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(PROCESSOR), maximum: Some(PROCESSOR) });
}

/// A start as a worker reads it.
struct Start {
    header: Header,
    events: Vec<Event>,
    outputs: Vec<(String, Vec<u8>)>,
}

fn read(input: impl Read) -> Result<Start, String> {
    let mut input = BufReader::new(input);
    let mut line = String::new();
    input.read_line(&mut line).map_err(|e| e.to_string())?;
    let header = serde_json::from_str(&line).map_err(|e| format!("line 1: {e}"))?;
    let mut start = Start { header, events: Vec::new(), outputs: Vec::new() };
    loop {
        line.clear();
        if input.read_line(&mut line).map_err(|e| e.to_string())? == 0 {
            return Ok(start);
        }
        if let Some((name, length)) = line.strip_prefix(OUTPUT).and_then(|rest| rest.trim_end().rsplit_once(' ')) {
            let length: u64 = length.parse().map_err(|_| "the length of an output is no number".to_owned())?;
            let mut bytes = Vec::new();
            (&mut input).take(length.min(BYTES_MAX)).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
            start.outputs.push((name.to_owned(), bytes));
        } else if let Ok(event) = serde_json::from_str(&line) {
            start.events.push(event);
        }
    }
}

/// Hands rows to a diagnosis.
struct Feed<'a, 'c>(&'a mut Diagnosis<'c>);

impl tminus_logs::Sink for Feed<'_, '_> {
    fn record(&mut self, record: Record) {
        self.0.record(record);
    }
    fn skipped(&mut self, skipped: Skipped) {
        self.0.skipped(skipped);
    }
}

fn verdict(start: Start) -> Verdict {
    let Start { header, events, outputs } = start;
    let facts = Facts { env: header.environment, ..Facts::default() };
    let options = Options {
        service: Some(header.service).filter(|service| !service.is_empty()),
        exits: None,
        facts,
        budget: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut diagnosis = Diagnosis::new(Catalogue::builtin(), options);
    diagnosis.live("events", events);
    for (name, bytes) in outputs {
        let source = diagnosis.open_output(&name);
        let options = tminus_logs::Options { anchor: Some(Timestamp::now()), ..tminus_logs::Options::default() };
        // Bytes in memory can be read; what they hold is counted and reported.
        if let Ok(read) = tminus_logs::read(source, bytes.as_slice(), &options, &mut Feed(&mut diagnosis)) {
            let formats: Vec<&str> = read.formats.keys().copied().collect();
            diagnosis.close(source, formats.join(", "), read.rows);
        }
    }
    diagnosis.verdict()
}
