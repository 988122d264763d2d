//! The admin endpoints: `/startup`, `/ready`, `/live`, `/metrics`. Off unless the plan names a place.
//!
//! They read a snapshot and never write anything, never ask a dependency, and never hold the start
//! up. Beyond loopback a body holds phase, status and elapsed, and nothing else.
//! Where to start reading: [`Admin::open`], then [`answer`].

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tminus_core::event::{Event, EventKind, Passage};
use tminus_core::run::EVERY_PHASE_PASSED;
use tminus_core::vocabulary::Stage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Longest request that is read, bytes: only its first line matters.
const REQUEST_MAX: usize = 8 << 10;
/// How long a request may take to come, and its answer to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// Before accepting is tried again: without descriptors it would fail again at once.
const RECOVERY: Duration = Duration::from_millis(100);
/// Most requests at a time.
const AT_ONCE: usize = 16;

/// Where the start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Starting,
    Ready,
    Restarting,
    Stopping,
    Failed,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Ready => "ready",
            Status::Restarting => "restarting",
            Status::Stopping => "stopping",
            Status::Failed => "failed",
        }
    }
}

/// What the endpoints show.
#[derive(Debug)]
struct Snapshot {
    status: Status,
    phase: Option<String>,
    began: Instant,
    ready_after: Option<Duration>,
    phases: Vec<(String, u64)>,
    steps: Vec<Step>,
    restarts: u64,
    orphans: u64,
}

/// One step, as metrics and loopback see it.
#[derive(Debug)]
struct Step {
    name: String,
    tries: u64,
    outcome: Option<Passage>,
    code: Option<String>,
}

/// The endpoints of one start.
pub(super) struct Admin(Arc<Mutex<Snapshot>>);

impl Admin {
    /// Listens at `unix:PATH` or `ADDRESS:PORT`.
    ///
    /// # Errors
    /// Why it cannot listen there; worth a warning, never a failure of the start.
    pub(super) fn open(listen: &str, began: Instant) -> Result<Admin, String> {
        let snapshot = Arc::new(Mutex::new(Snapshot {
            status: Status::Starting,
            phase: None,
            began,
            ready_after: None,
            phases: Vec::new(),
            steps: Vec::new(),
            restarts: 0,
            orphans: 0,
        }));
        let cannot = |error: std::io::Error| format!("the admin endpoints cannot listen at {listen}: {error}");
        if let Some(path) = listen.strip_prefix("unix:") {
            remove_stale(Path::new(path));
            let listener = UnixListener::bind(path).map_err(cannot)?;
            tokio::spawn(serve_unix(listener, Arc::clone(&snapshot)));
        } else {
            let address: SocketAddr = listen.parse().map_err(|_| {
                format!("the admin endpoints cannot listen at {listen}: it is neither `unix:PATH` nor `ADDRESS:PORT`")
            })?;
            let listener = std::net::TcpListener::bind(address).map_err(cannot)?;
            listener.set_nonblocking(true).map_err(cannot)?;
            let listener = TcpListener::from_std(listener).map_err(cannot)?;
            tokio::spawn(serve_tcp(listener, Arc::clone(&snapshot), address.ip().is_loopback()));
        }
        Ok(Admin(snapshot))
    }

    /// Takes note of an event.
    pub(super) fn saw(&self, event: &Event) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.saw(event);
    }
}

/// A socket that nobody listens on any more is in the way of ours.
fn remove_stale(path: &Path) {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        let _ = std::fs::remove_file(path);
    }
}

impl Snapshot {
    fn saw(&mut self, event: &Event) {
        match &event.kind {
            EventKind::PhaseStarted { phase } => self.phase = Some(phase.clone()),
            EventKind::PhaseFinished { phase, outcome, elapsed_ns, .. } => {
                self.phases.retain(|(known, _)| known != phase);
                self.phases.push((phase.clone(), elapsed_ns.unwrap_or(0)));
                if *outcome != Passage::Passed {
                    self.status = Status::Failed;
                }
            }
            EventKind::StepStarted { step, .. } => {
                let step = Step { name: step.clone(), tries: 0, outcome: None, code: None };
                self.steps.retain(|known| known.name != step.name);
                self.steps.push(step);
            }
            EventKind::TryStarted { step, .. } => self.step(step, |step| step.tries += 1),
            EventKind::TryFinished { step, code, .. } => {
                let code = code.clone();
                self.step(step, |step| step.code = code);
            }
            EventKind::StepFinished { step, outcome, code, .. } => {
                let (outcome, code) = (*outcome, code.clone());
                self.step(step, |step| (step.outcome, step.code) = (Some(outcome), code));
            }
            EventKind::ChildNotified { stage: Stage::Ready, status, .. } if status == EVERY_PHASE_PASSED => {
                self.status = Status::Ready;
                self.ready_after.get_or_insert_with(|| self.began.elapsed());
            }
            // The start was a success once; readiness is withdrawn until the program is back.
            EventKind::ChildRestart { rest_ns: Some(_), .. } => {
                self.status = Status::Restarting;
                self.restarts += 1;
            }
            EventKind::ChildStopping { .. } | EventKind::ChildExited { .. } if self.status != Status::Failed => {
                self.status = Status::Stopping;
            }
            EventKind::OrphanReaped { .. } => self.orphans += 1,
            _ => {}
        }
    }

    fn step(&mut self, name: &str, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.name == name) {
            change(step);
        }
    }

    fn elapsed_s(&self) -> f64 {
        self.ready_after.unwrap_or_else(|| self.began.elapsed()).as_secs_f64()
    }

    fn body(&self, trusted: bool) -> String {
        let mut body = serde_json::json!({
            "status": self.status.as_str(),
            "phase": self.phase,
            "elapsed_s": (self.elapsed_s() * 1000.0).round() / 1000.0,
        });
        if trusted {
            let step = |step: &Step| {
                serde_json::json!({
                    "step": step.name, "tries": step.tries, "code": step.code,
                    "outcome": step.outcome.map(Passage::as_str),
                })
            };
            body["steps"] = self.steps.iter().map(step).collect();
        }
        format!("{body}\n")
    }

    /// The Prometheus text format, version 0.0.4. Steps are named on loopback alone, as in [`Snapshot::body`].
    fn metrics(&self, trusted: bool) -> String {
        let mut text = String::new();
        let number = |value: bool| i32::from(value);
        let mut metric = |name: &str, kind: &str, help: &str, rows: &[(String, f64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in rows {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let label = |key: &str, value: &str| {
            format!("{{{key}=\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        };
        let none = String::new;
        metric(
            "tminus_ready",
            "gauge",
            "1 when every phase has passed.",
            &[(none(), number(self.status == Status::Ready).into())],
        );
        metric(
            "tminus_start_seconds",
            "gauge",
            "Time since the process was created; until ready.",
            &[(none(), self.elapsed_s())],
        );
        let phases: Vec<(String, f64)> =
            self.phases.iter().map(|(name, ns)| (label("phase", name), *ns as f64 / 1e9)).collect();
        metric("tminus_phase_seconds", "gauge", "How long a phase took.", &phases);
        if !trusted {
            return text;
        }
        let tries: Vec<(String, f64)> = self.steps.iter().map(|s| (label("step", &s.name), s.tries as f64)).collect();
        metric("tminus_step_tries_total", "counter", "Tries of a step.", &tries);
        metric(
            "tminus_restarts_total",
            "counter",
            "Restarts of the program in place.",
            &[(none(), self.restarts as f64)],
        );
        metric(
            "tminus_orphans_reaped_total",
            "counter",
            "Processes that nobody waited for.",
            &[(none(), self.orphans as f64)],
        );
        text
    }
}

async fn serve_tcp(listener: TcpListener, snapshot: Arc<Mutex<Snapshot>>, trusted: bool) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RECOVERY).await;
            continue;
        };
        let snapshot = Arc::clone(&snapshot);
        tokio::spawn(async move {
            serve(stream, &snapshot, trusted).await;
            drop(place);
        });
    }
}

async fn serve_unix(listener: UnixListener, snapshot: Arc<Mutex<Snapshot>>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RECOVERY).await;
            continue;
        };
        let snapshot = Arc::clone(&snapshot);
        tokio::spawn(async move {
            serve(stream, &snapshot, true).await;
            drop(place);
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, snapshot: &Mutex<Snapshot>, trusted: bool) {
    let exchange = async {
        let mut request = Vec::new();
        let mut piece = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST_MAX {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => request.extend_from_slice(&piece[..count]),
            }
        }
        let answer = answer(&request, &snapshot.lock().unwrap_or_else(PoisonError::into_inner), trusted);
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    // Whoever is slow gets nothing.
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
}

/// The whole answer to a request.
fn answer(request: &[u8], snapshot: &Snapshot, trusted: bool) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let good = |good: bool| if good { "200 OK" } else { "503 Service Unavailable" };
    let json = "application/json";
    let (status, kind, body) = match path {
        _ if method != "GET" && method != "HEAD" => ("405 Method Not Allowed", "text/plain", "only GET\n".to_owned()),
        "/startup" => (good(snapshot.ready_after.is_some()), json, snapshot.body(trusted)),
        "/ready" => (good(snapshot.status == Status::Ready), json, snapshot.body(trusted)),
        // That it answers at all is what it says: dependencies are none of a liveness probe's business.
        "/live" => (good(true), json, snapshot.body(trusted)),
        "/metrics" => (good(true), "text/plain; version=0.0.4", snapshot.metrics(trusted)),
        _ => ("404 Not Found", "text/plain", "known: /startup /ready /live /metrics\n".to_owned()),
    };
    let length = body.len();
    let body = if method == "HEAD" { String::new() } else { body };
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tminus_core::event::{AttemptId, Origin, VERSION};

    fn snapshot(kinds: Vec<EventKind>) -> Snapshot {
        let mut snapshot = Snapshot {
            status: Status::Starting,
            phase: None,
            began: Instant::now(),
            ready_after: None,
            phases: Vec::new(),
            steps: Vec::new(),
            restarts: 0,
            orphans: 0,
        };
        for (seq, kind) in kinds.into_iter().enumerate() {
            let attempt = AttemptId("a".into());
            snapshot.saw(&Event { v: VERSION, attempt, seq: seq as u64, at: None, t: 0, src: Origin::Live, kind });
        }
        snapshot
    }

    fn status(request: &str, snapshot: &Snapshot) -> String {
        answer(request.as_bytes(), snapshot, false).lines().next().unwrap_or_default().to_owned()
    }

    fn ready() -> EventKind {
        EventKind::ChildNotified { stage: Stage::Ready, status: EVERY_PHASE_PASSED.into(), at: None }
    }

    #[test]
    fn endpoints_never_answer_ok_always_or_error_always() {
        let starting = snapshot(vec![EventKind::PhaseStarted { phase: "database".into() }]);
        let ready = snapshot(vec![ready()]);
        let stopping = snapshot(vec![self::ready(), EventKind::ChildStopping { signal: None, at: None }]);
        for (path, wanted) in [("/startup", [503, 200, 200]), ("/ready", [503, 200, 503]), ("/live", [200, 200, 200])] {
            for (snapshot, wanted) in [&starting, &ready, &stopping].into_iter().zip(wanted) {
                let line = status(&format!("GET {path} HTTP/1.1\r\n\r\n"), snapshot);
                assert!(line.contains(&wanted.to_string()), "{path}: {line}");
            }
        }
    }

    #[test]
    fn readiness_is_withdrawn_while_the_program_restarts() {
        let exited = EventKind::ChildExited { code: Some(3), signal: None, reason: None, at: None };
        let restart = EventKind::ChildRestart { number: 1, limit: 5, lived_ns: None, rest_ns: Some(7) };
        let finished = |elapsed_ns| EventKind::PhaseFinished {
            phase: "services".into(),
            outcome: Passage::Passed,
            code: None,
            elapsed_ns: Some(elapsed_ns),
        };
        let mut kinds = vec![finished(1_000_000_000), ready(), exited, restart];
        let resting = snapshot(kinds.clone());
        assert!(status("GET /ready HTTP/1.1\r\n\r\n", &resting).contains("503"));
        assert!(status("GET /startup HTTP/1.1\r\n\r\n", &resting).contains("200"));
        assert!(resting.body(false).contains("restarting"));
        kinds.extend([finished(2_000_000_000), ready()]);
        let back = snapshot(kinds);
        assert!(status("GET /ready HTTP/1.1\r\n\r\n", &back).contains("200"));
        let metrics = back.metrics(true);
        assert!(metrics.contains("tminus_restarts_total 1\n"), "{metrics}");
        // A label must not occur twice.
        assert_eq!(metrics.matches("tminus_phase_seconds{phase=\"services\"}").count(), 1, "{metrics}");
    }

    #[test]
    fn beyond_loopback_a_body_holds_phase_status_and_elapsed_alone() {
        let step = EventKind::StepStarted { phase: "database".into(), step: "orders-db".into() };
        let snapshot = snapshot(vec![EventKind::PhaseStarted { phase: "database".into() }, step]);
        let far: serde_json::Value = serde_json::from_str(&snapshot.body(false)).unwrap();
        let keys: Vec<&str> = far.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["elapsed_s", "phase", "status"]);
        assert!(snapshot.body(true).contains("orders-db"));
        assert!(!snapshot.metrics(false).contains("orders-db") && snapshot.metrics(true).contains("orders-db"));
    }

    #[test]
    fn only_reading_is_possible() {
        let snapshot = snapshot(vec![]);
        for method in ["POST", "PUT", "DELETE", "PATCH", "", "\u{0}"] {
            assert!(status(&format!("{method} /ready HTTP/1.1\r\n\r\n"), &snapshot).contains("405"), "{method}");
        }
        assert!(status("GET /nothing HTTP/1.1\r\n\r\n", &snapshot).contains("404"));
    }

    #[test]
    fn names_cannot_break_out_of_labels() {
        let step = EventKind::StepStarted { phase: "p".into(), step: "a\"} 1\nevil 2".into() };
        let metrics = snapshot(vec![step]).metrics(true);
        assert!(metrics.contains("step=\"a\\\"} 1\\nevil 2\"} 0"), "{metrics}");
    }
}
