//! The host of the command line: processes through the supervisor, the child's word, its output.

use super::observe::Observer;
use super::recorder::Recorder;
use super::setting::Prepared;
use super::upward::Above;
use super::voice::Voice;
use crate::args::Run;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tminus::Failure;
use tminus::driver::{Host, HostEvent, Job, Waiting};
use tminus_core::code::Code;
use tminus_core::event::EventKind;
use tminus_core::plan::{Plan, Readiness, Work};
use tminus_core::run::Ended;
use tminus_core::target::Target;
use tminus_core::time::Millis;
use tminus_core::vocabulary::Stage;
use tminus_diagnose::catalogue::Catalogue;
use tminus_supervise::notify::{Message, Notify, NotifySocket};
use tminus_supervise::output::{Attached, FirstLine, Kept, Output, Source, Tap, Watch, Which};
use tminus_supervise::residence;
use tminus_supervise::{ChildId, Happening, Signal, SpawnError, Spec, Status, Stdin, Supervisor};
use tokio::time::Instant;

/// From TERM to KILL of a command that is cancelled.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long output of an ended child is waited for when somebody still holds its pipe.
const DRAIN: Duration = Duration::from_millis(300);
/// Most events that tell of orphans: a service that leaves many is told of by the first ones.
const ORPHANS_TOLD: u32 = 50;

/// A command of a job.
struct Running {
    job: Job,
    sources: Vec<(Which, Source)>,
}

/// What a host is made of.
pub(super) struct Parts {
    pub(super) supervisor: Supervisor,
    pub(super) voice: Voice,
    pub(super) output: Output,
    pub(super) above: Rc<Above>,
    pub(super) recorder: Rc<RefCell<Recorder>>,
    /// When this process was created.
    pub(super) began: Instant,
}

/// Everything about processes.
pub(super) struct Supervised {
    supervisor: Supervisor,
    argv: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    notify_address: Option<OsString>,
    /// Whether sockets were passed to us for the program (sd_listen_fds(3)).
    listens: bool,
    implied: bool,
    pub(super) above: Rc<Above>,
    pub(super) output: Output,
    pub(super) voice: Voice,
    child: Option<ChildId>,
    child_was: Option<ChildId>,
    pub(super) sources: Vec<(Which, Source)>,
    first_lines: Vec<FirstLine>,
    running: BTreeMap<ChildId, Running>,
    /// Commands that were cancelled, and when their groups are killed.
    dying: BTreeMap<ChildId, Instant>,
    queue: VecDeque<HostEvent>,
    orphans: u32,
    began: Instant,
    observer: Option<Observer>,
    recorder: Rc<RefCell<Recorder>>,
    /// Whether the child has said that it is ready.
    pub(super) ready: bool,
}

impl Supervised {
    pub(super) fn new(args: &Run, prepared: &Prepared, parts: Parts) -> Supervised {
        let Parts { mut supervisor, voice, output, above, recorder, began } = parts;
        let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        environment.retain(|(name, _)| name != "NOTIFY_SOCKET" && name != "WATCHDOG_USEC" && name != "WATCHDOG_PID");
        let listens = environment.iter().any(|(name, value)| name == "LISTEN_PID" && *value == *own_pid());
        let notify_listened = prepared.plan.listens_to_notify();
        let directories: Vec<PathBuf> = ["/run", "/tmp", "/dev/shm"].map(PathBuf::from).to_vec();
        let socket = NotifySocket::open(&directories);
        let notify_address = socket.as_ref().ok().map(|socket| socket.address().to_owned());
        match socket {
            Ok(socket) => supervisor.listen(socket),
            Err(error) if notify_listened => voice.warn(&format!("no notification socket: {error}")),
            Err(_) => {}
        }
        if let tminus_supervise::Role::Plain(error) = supervisor.role() {
            voice.warn(&format!("orphans of the program are not reaped here: {error}"));
        }
        Supervised {
            supervisor,
            argv: args.command.clone(),
            environment,
            notify_address,
            listens,
            implied: prepared.plan.implied,
            above,
            output,
            voice,
            child: None,
            child_was: None,
            sources: Vec::new(),
            first_lines: Vec::new(),
            running: BTreeMap::new(),
            dying: BTreeMap::new(),
            queue: VecDeque::new(),
            orphans: 0,
            began,
            observer: Observer::new(prepared, args.wait),
            recorder,
            ready: false,
        }
    }

    fn spec(&self, argv: Vec<OsString>, attached: Attached) -> Spec {
        let mut spec = Spec::new(argv, self.environment.clone());
        spec.stdout = attached.stdout;
        spec.stderr = attached.stderr;
        spec
    }

    fn notified(&mut self, notify: Notify) {
        self.above.pass(&notify.message, self.implied);
        let Message { ready, stopping, status, extend, .. } = notify.message;
        let ready = ready && !is_of_a_pre_fork_master(status.as_deref());
        if let Some(extend) = extend {
            let by = Millis(u32::try_from(extend.as_millis()).unwrap_or(u32::MAX));
            self.queue.push_back(HostEvent::ChildExtends(by));
        }
        let stage = if ready { Stage::Ready } else { Stage::Process };
        if ready || status.is_some() {
            let status = status.unwrap_or_else(|| "READY=1".to_owned());
            self.queue.push_back(HostEvent::Note(EventKind::ChildNotified { stage, status, at: None }));
        }
        if ready {
            self.ready = true;
            self.queue.push_back(HostEvent::ChildReady);
        }
        if stopping {
            self.queue.push_back(HostEvent::ChildStopping);
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Signal { signal, .. } => self.signalled(signal),
            Happening::Exited { child, status } => self.exited(child, status),
            Happening::OrphanReaped { pid, status } => self.reaped(pid, status),
            Happening::Notified(notify) => self.notified(notify),
            // Only with what stops a job: after STOP nobody tells us, only the child, to go on.
            Happening::Stopped { child, signal } if Some(child) == self.child && signal != Signal::STOP => {
                // Where that is refused the child simply stays stopped.
                let _ = self.supervisor.suspend_with(child);
            }
            Happening::Stopped { .. } | Happening::Continued { .. } => {}
        }
    }

    fn signalled(&mut self, signal: Signal) {
        let stops = matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT);
        match self.child {
            _ if stops => self.queue.push_back(HostEvent::Stop(number(signal))),
            Some(child) if signal.forwardable() => {
                let _ = self.supervisor.signal(child, signal);
            }
            // Nobody is there yet who could want it: what ends a process by default ends the start. Between
            // two lives of the program it is as good as done: the next one reads everything anew.
            None if signal == Signal::HUP && self.child_was.is_none() => {
                self.queue.push_back(HostEvent::Stop(number(signal)))
            }
            _ => {}
        }
    }

    fn reaped(&mut self, pid: u32, status: Status) {
        self.orphans += 1;
        if self.orphans <= ORPHANS_TOLD {
            let code = status.code().map(i32::from);
            self.queue.push_back(HostEvent::Note(EventKind::OrphanReaped { pid, code }));
        }
    }

    fn exited(&mut self, child: ChildId, status: Status) {
        self.dying.remove(&child);
        if Some(child) == self.child {
            self.child = None;
            self.child_was = Some(child);
            self.queue.push_back(HostEvent::ChildExited(ended(status)));
        } else if let Some(running) = self.running.remove(&child) {
            let outcome = outcome(status, &running.sources);
            self.queue.push_back(HostEvent::Done(running.job, outcome));
        }
    }

    /// Kills what has not ended of commands that were cancelled.
    fn kill_the_dying(&mut self, now: Instant) {
        let due: Vec<ChildId> = self.dying.iter().filter(|(_, at)| **at <= now).map(|(child, _)| *child).collect();
        for child in due {
            self.dying.remove(&child);
            let _ = self.supervisor.kill_group(child);
        }
    }

    fn command(plan: &Plan, job: Job) -> Vec<String> {
        match job {
            Job::Step(step) => match &plan.step(step).work {
                Work::Exec(exec) => exec.argv.clone(),
                _ => Vec::new(),
            },
            Job::Lane(lane) => match &plan.lane(lane).target {
                Target::Command(argv) => argv.clone(),
                _ => Vec::new(),
            },
            Job::Finalizer(step) => plan.step(step).finalizer.clone().map(|(argv, _)| argv).unwrap_or_default(),
        }
    }

    /// After the start: what the child wrote to the end, and nothing of ours left behind.
    pub(super) async fn drain(&mut self) {
        for (_, source) in &self.sources {
            source.finish(DRAIN).await;
        }
        let left: Vec<ChildId> = self.dying.keys().chain(self.running.keys()).copied().collect();
        for child in left {
            let _ = self.supervisor.kill_group(child);
        }
    }

    /// What the child printed, as far as it was kept.
    pub(super) fn printed(&self) -> Vec<(&'static str, Kept)> {
        let name = |which: &Which| match which {
            Which::Stdout => "stdout",
            Which::Stderr => "stderr",
            Which::Both => "output",
        };
        self.sources.iter().map(|(which, source)| (name(which), source.kept())).collect()
    }

    /// Asks the dependencies that were discovered, if that was not done yet.
    pub(super) async fn observe(&mut self) -> Vec<EventKind> {
        match &mut self.observer {
            Some(observer) => observer.ask_now().await,
            None => Vec::new(),
        }
    }
}

impl Host for Supervised {
    fn run(&mut self, plan: &Plan, job: Job, _limit: Option<Duration>) {
        let argv: Vec<OsString> = Supervised::command(plan, job).into_iter().map(OsString::from).collect();
        let mut attached = self.output.attach(|_| Tap::default());
        let sources = std::mem::take(&mut attached.sources);
        let mut spec = self.spec(argv, attached);
        spec.stdin = Stdin::Null;
        match self.supervisor.spawn(spec) {
            Ok(child) => {
                self.running.insert(child, Running { job, sources });
            }
            Err(error) => self.queue.push_back(HostEvent::Done(job, Err(not_spawned(&error)))),
        }
    }

    fn cancel(&mut self, job: Job) {
        let of_job: Vec<ChildId> = self.running.iter().filter(|(_, r)| r.job == job).map(|(child, _)| *child).collect();
        for child in of_job {
            self.running.remove(&child);
            let _ = self.supervisor.signal(child, Signal::TERM);
            self.dying.insert(child, Instant::now() + CANCEL_GRACE);
        }
        self.queue.retain(|event| !matches!(event, HostEvent::Done(of, _) if *of == job));
    }

    fn spawn(&mut self, plan: &Plan) -> Result<u32, Failure> {
        let watched = ready_line(plan);
        let mut lines = Vec::new();
        let mut attached = self.output.attach(|_| {
            let watch = watched.clone().map(|text| {
                let (watch, line) = Watch::new(Box::new(move |bytes| contains(bytes, text.as_bytes())));
                lines.push(line);
                watch
            });
            Tap { gate: Some(Box::new(speaks)), watch }
        });
        self.sources = std::mem::take(&mut attached.sources);
        self.first_lines = lines;
        let mut spec = self.spec(self.argv.clone(), attached);
        spec.terminal = true;
        spec.listens = self.listens;
        if let Some(address) = &self.notify_address {
            spec.env.push(("NOTIFY_SOCKET".into(), address.clone()));
        }
        let child = self.supervisor.spawn(spec).map_err(|error| not_spawned(&error))?;
        self.child = Some(child);
        if let Some(observer) = &mut self.observer {
            observer.child_runs();
        }
        Ok(self.supervisor.pid(child).unwrap_or_default())
    }

    fn signal(&mut self, signal: u8) {
        let Some(child) = self.child else { return };
        self.above.stopping();
        if let Some(signal) = Signal::new(signal.into()) {
            let _ = self.supervisor.signal(child, signal);
        }
    }

    fn kill(&mut self) {
        if let Some(child) = self.child.or(self.child_was) {
            let _ = self.supervisor.kill_group(child);
        }
    }

    async fn next(&mut self) -> HostEvent {
        loop {
            if let Some(event) = self.queue.pop_front() {
                if let HostEvent::Stop(signal) = event {
                    self.above.stopping();
                    self.provisional(signal);
                }
                return event;
            }
            let kill_at = self.dying.values().min().copied();
            tokio::select! {
                biased;
                happening = self.supervisor.next() => match happening {
                    Ok(happening) => self.happened(happening),
                    Err(error) => {
                        self.voice.warn(&format!("the kernel no longer tells of children and signals: {error}"));
                        std::future::pending::<()>().await;
                    }
                },
                () = line_came(&mut self.first_lines) => {
                    self.first_lines.clear();
                    self.ready = true;
                    self.queue.push_back(HostEvent::ChildReady);
                }
                seen = observed(&mut self.observer, self.ready) => {
                    self.queue.extend(seen.into_iter().map(HostEvent::Note));
                    // Without a plan nobody says when the start is over: it is taken to be now.
                    residence::give_back();
                }
                () = until(kill_at), if kill_at.is_some() => self.kill_the_dying(Instant::now()),
            }
        }
    }

    fn announce(&mut self, waiting: Waiting) {
        self.above.waits_for(&waiting.step);
        let (code, detail) = waiting.last.map_or((None, None), |(code, detail)| (Some(code), Some(detail)));
        let holder = detail.filter(|_| code == Some(Code::LeaseHeld));
        self.voice.announce(waiting.ix, waiting.elapsed, waiting.limit, code, holder.as_deref());
    }
}

impl Supervised {
    /// Told to stop before ready: what is known so far is said at once, because the platform may
    /// leave no time for more.
    fn provisional(&mut self, signal: u8) {
        let recorder = Rc::clone(&self.recorder);
        let now = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.voice.provisional(recorder.borrow().events(), now, signal);
    }
}

/// True for lines that may mean something to the catalogue.
fn speaks(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| Catalogue::builtin().gate(line))
}

/// The text of the line that says that the program is ready, if a line says so.
fn ready_line(plan: &Plan) -> Option<String> {
    plan.steps.iter().find_map(|step| match &step.work {
        Work::Ready(Readiness::Log(text)) => Some(text.clone()),
        _ => None,
    })
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}

/// Comes back when the first of the lines has come, on whichever output; never when none is waited
/// for.
async fn line_came(lines: &mut [FirstLine]) {
    let mut waiting: Vec<_> = lines.iter_mut().map(|line| Box::pin(line.line())).collect();
    poll_fn(|context| {
        let mut index = 0;
        while index < waiting.len() {
            match waiting[index].as_mut().poll(context) {
                Poll::Ready(Some(_)) => return Poll::Ready(()),
                // This output ended without it.
                Poll::Ready(None) => drop(waiting.swap_remove(index)),
                Poll::Pending => index += 1,
            }
        }
        Poll::Pending
    })
    .await
}

async fn observed(observer: &mut Option<Observer>, ready: bool) -> Vec<EventKind> {
    match observer {
        Some(observer) => observer.due(ready).await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// gunicorn's master says READY as soon as it has bound its port (`Arbiter.start`), before a worker has
/// loaded the program: it proves what a bound port proves.
fn is_of_a_pre_fork_master(status: Option<&str>) -> bool {
    status.is_some_and(|status| status.starts_with("Gunicorn arbiter booted"))
}

fn own_pid() -> OsString {
    std::process::id().to_string().into()
}

/// Signals are 1 to 64.
fn number(signal: Signal) -> u8 {
    u8::try_from(signal.number()).unwrap_or(u8::MAX)
}

fn ended(status: Status) -> Ended {
    match (status.code(), status.signal()) {
        (_, Some(signal)) => Ended::Signal(number(signal)),
        (code, None) => Ended::Code(code.unwrap_or(1)),
    }
}

/// What a command came out with, with the last that it printed.
fn outcome(status: Status, sources: &[(Which, Source)]) -> Result<(), Failure> {
    let last = || {
        let kept = sources.iter().map(|(_, source)| source.kept()).max_by_key(|kept| kept.lines);
        kept.map(|kept| last_lines(&kept.tail, 3)).filter(|text| !text.is_empty())
    };
    let with_last = |what: String| match last() {
        Some(printed) => format!("{what}; it last printed: {printed}"),
        None => what,
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (_, Some(signal)) => Err(Failure::new(Code::CommandKilled, with_last(format!("ended by {signal}")))),
        (Some(127), _) => Err(Failure::new(
            Code::CommandFailed,
            with_last("exit code 127, a command that it calls is missing".into()),
        )),
        (code, _) => Err(Failure::new(Code::CommandFailed, with_last(format!("exit code {}", code.unwrap_or(1))))),
    }
}

/// The last lines of a text, on one line.
fn last_lines(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(most)..].join(" | ")
}

fn not_spawned(error: &SpawnError) -> Failure {
    let code = match error {
        SpawnError::NotFound(_) => Code::CommandNotFound,
        SpawnError::NotExecutable(_) | SpawnError::Other { .. } => Code::CommandNotExecutable,
    };
    Failure::new(code, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_wherever_it_stands() {
        assert!(contains(b"INFO: Application startup complete.", b"startup complete"));
        assert!(!contains(b"startup", b"startup complete"));
        assert!(!contains(b"anything", b""));
    }

    #[test]
    fn the_last_lines_are_brought_to_one() {
        assert_eq!(last_lines(b"a\n\nb\nc\nd\n", 3), "b | c | d");
        assert_eq!(last_lines(b"", 3), "");
    }
}
