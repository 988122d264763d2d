//! The host of an embedding program: its own code, and commands waited for through pidfds.
//!
//! Never waits for "any child": the program may have children of its own.

use super::{CancellationToken, Task};
use crate::driver::{Host, HostEvent, Job, Waiting};
use crate::finding::Failure;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use std::time::Duration;
use tminus_core::code::Code;
use tminus_core::plan::{Plan, Work};
use tminus_core::target::Environment;
use tokio::io::unix::AsyncFd;

type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// Runs the steps of an embedding program.
pub(crate) struct Embedded {
    tasks: BTreeMap<String, Task>,
    undo: BTreeMap<String, Task>,
    environment: Environment,
    stop: CancellationToken,
    stop_told: bool,
    running: BTreeMap<Job, Running>,
}

impl Embedded {
    pub(super) fn new(
        tasks: BTreeMap<String, Task>,
        undo: BTreeMap<String, Task>,
        environment: Environment,
        stop: CancellationToken,
    ) -> Embedded {
        Embedded { tasks, undo, environment, stop, stop_told: false, running: BTreeMap::new() }
    }

    fn task(&self, plan: &Plan, job: Job) -> Option<&Task> {
        match job {
            Job::Step(step) => self.tasks.get(&plan.step(step).name),
            Job::Finalizer(step) => self.undo.get(&plan.step(step).name),
            Job::Lane(_) => None,
        }
    }

    /// The command of a job.
    fn command(&self, plan: &Plan, job: Job) -> Vec<String> {
        match job {
            Job::Step(step) => match &plan.step(step).work {
                Work::Exec(exec) => exec.argv.clone(),
                _ => Vec::new(),
            },
            Job::Lane(lane) => match &plan.lane(lane).target {
                tminus_core::target::Target::Command(argv) => argv.clone(),
                _ => Vec::new(),
            },
            Job::Finalizer(step) => plan.step(step).finalizer.clone().map(|(argv, _)| argv).unwrap_or_default(),
        }
    }
}

impl Host for Embedded {
    fn run(&mut self, plan: &Plan, job: Job, _limit: Option<Duration>) {
        let running: Running = match self.task(plan, job) {
            Some(task) => {
                let work = task();
                Box::pin(async move { work.await.map_err(|error| Failure::new(error.code(), &error)) })
            }
            None => Box::pin(command(self.command(plan, job), self.environment.clone())),
        };
        self.running.insert(job, running);
    }

    fn cancel(&mut self, job: Job) {
        self.running.remove(&job);
    }

    fn spawn(&mut self, _plan: &Plan) -> Result<u32, Failure> {
        Err(Failure::new(Code::Internal, "an embedded start has no child"))
    }

    fn signal(&mut self, _signal: u8) {}

    fn kill(&mut self) {}

    async fn next(&mut self) -> HostEvent {
        let Embedded { running, stop, stop_told, .. } = self;
        let done = poll_fn(|context| {
            for (job, work) in running.iter_mut() {
                if let Poll::Ready(outcome) = work.as_mut().poll(context) {
                    let job = *job;
                    running.remove(&job);
                    return Poll::Ready(HostEvent::Done(job, outcome));
                }
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            () = stop.cancelled(), if !*stop_told => {
                *stop_told = true;
                HostEvent::Stop(super::TERM)
            }
            event = done => event,
        }
    }

    fn announce(&mut self, _waiting: Waiting) {}
}

/// A command in a process group of its own; dropping it kills the group.
struct Group(Option<Child>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(child) = &mut self.0 else { return };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        // It was killed: the wait is short, and nobody else may reap it.
        let _ = child.wait();
    }
}

async fn command(argv: Vec<String>, environment: Environment) -> Result<(), Failure> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Failure::new(Code::Internal, "this step has neither code nor a command"));
    };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&environment).stdin(Stdio::null()).process_group(0);
    let mut group = Group(Some(command.spawn().map_err(|error| not_spawned(program, &error))?));
    let status = ended(group.0.as_mut().expect("it was just put there")).await;
    group.0 = None;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(match status.signal() {
            Some(signal) => Failure::new(Code::CommandKilled, format!("`{program}` was ended by signal {signal}")),
            None => {
                let code = status.code().unwrap_or_default();
                Failure::new(Code::CommandFailed, format!("`{program}` ended with exit code {code}"))
            }
        }),
        Err(error) => Err(Failure::new(Code::Internal, format!("cannot wait for `{program}`: {error}"))),
    }
}

// The new name of this function is unsafe for descriptors that somebody else may close; this one is
// ours alone.
#[allow(deprecated)]
async fn ended(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    let pidfd = AsyncFd::new(pidfd_open(pid, PidfdFlags::empty())?)?;
    let _ = pidfd.readable().await?;
    child.wait()
}

fn not_spawned(program: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::CommandNotFound,
        io::ErrorKind::PermissionDenied => Code::CommandNotExecutable,
        _ if error.raw_os_error() == Some(8) => Code::CommandNotExecutable, // ENOEXEC
        _ => Code::Internal,
    };
    Failure::new(code, format!("`{program}`: {error}"))
}
