//! The faults of the founding incident's orchestrator, each with a test that it is not ours.

use crate::start::{Start, probing};
use tminus_core::event::{EventKind, Passage};
use tminus_core::vocabulary::Layer;
use tminus_rehearse::lab::path::{AcceptThen, End, FullBacklog, Script};
use tminus_rehearse::lab::{Postgres, Result};

const CHILD: &str = "[[phase]]\nname = \"services\"\n[[phase.step]]\nname = \"child\"\nspawn = true\n";

#[test]
fn a_timeout_names_the_operation_its_own_limit_and_what_really_elapsed() -> Result<()> {
    let hole = FullBacklog::new()?;
    let ended = Start::with_plan(&probing(&format!("tcp://{}", hole.address()), "1500ms")).run(&["true"]);
    ended.says(&["orders-db", "of 1.5 s", "database"]);
    let elapsed = ended.events.iter().find_map(|event| match &event.kind {
        EventKind::StepFinished { elapsed_ns, .. } => *elapsed_ns,
        _ => None,
    });
    // The figure that is shown is the one that was measured.
    let shown = elapsed.expect("the step finished") as f64 / 1e9;
    ended.says(&[&format!("{shown:.1}")]);
    Ok(())
}

#[test]
fn a_database_step_has_asked_the_database_when_it_passes() -> Result<()> {
    let postgres = Postgres::options().start()?;
    let ended = Start::with_plan(&probing("${DB}", "30s")).env("DB", postgres.url()).run(&["true"]);
    let query = |kind: &EventKind| {
        matches!(kind, EventKind::LayerFinished { layer: Layer::Query, outcome: Passage::Passed, .. })
    };
    assert!(ended.events.iter().any(|event| query(&event.kind)), "{}", ended.err);
    Ok(())
}

#[test]
fn an_optional_step_is_bounded_and_its_error_is_kept() {
    let plan = format!(
        "[[phase]]\nname = \"init\"\n[[phase.step]]\nname = \"migrations\"\ncritical = false\ndeadline = \"700ms\"\n\
         exec = [\"sh\", \"-c\", \"echo the lock is taken >&2; sleep 600\"]\n{CHILD}"
    );
    let ended = Start::with_plan(&plan).run(&["sh", "-c", "sleep 0.2"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.step("migrations").0, Passage::Expired);
    ended.says(&["the lock is taken", "DEGRADED", "migrations"]);
}

#[test]
fn a_refusal_and_a_hang_are_both_fatal_in_every_environment() -> Result<()> {
    let hole = FullBacklog::new()?;
    for environment in ["staging", "production"] {
        for target in [format!("tcp://{}", hole.address()), "tcp://127.0.0.1:1".to_owned()] {
            let profiles = "[profile.staging.database]\ndeadline = \"400ms\"\n[profile.production.database]\ndeadline = \"500ms\"\n";
            let plan = format!("environment = \"{environment}\"\n{}{profiles}", probing(&target, "9s"));
            let ended = Start::with_plan(&plan).run(&["true"]);
            assert_eq!((ended.code, ended.spawned()), (3, false), "{environment} {target}: {}", ended.err);
        }
    }
    Ok(())
}

#[test]
fn the_root_error_is_told_however_often_it_was_tried() -> Result<()> {
    let proxy = AcceptThen::tcp(Script::at_once(End::Close))?;
    let address = proxy.address().expect("it listens on TCP");
    let url = format!("postgres://app:secret@{address}/orders?sslmode=disable");
    let ended = Start::with_plan(&probing("${DB}", "3500ms")).env("DB", url).run(&["true"]);
    ended.says(&["CLOSED before greeting", "tries"]);
    assert!(!ended.err.to_lowercase().contains("circuit"));
    Ok(())
}

#[test]
fn nothing_completes_a_start_whose_critical_phase_failed() {
    let ended = Start::with_plan(&probing("tcp://127.0.0.1:1", "300ms")).run(&["touch", "started"]);
    assert_eq!((ended.code, ended.spawned()), (3, false));
    let later = |kind: &EventKind| matches!(kind, EventKind::PhaseStarted { phase } if phase == "services");
    assert!(!ended.events.iter().any(|event| later(&event.kind)));
}

#[test]
fn what_the_program_says_of_a_cause_is_no_evidence_of_it() {
    let program = "echo 'ERROR startup failed: VPC connector capacity exhausted, infrastructure issue' >&2; \
                   echo 'Traceback (most recent call last):' >&2; \
                   echo '  File \"/app/main.py\", line 3, in <module>' >&2; \
                   echo '    import orders.refunds' >&2; \
                   echo \"ModuleNotFoundError: No module named 'orders.refunds'\" >&2; exit 3";
    let ended = Start::new().run(&["sh", "-c", program]);
    assert_eq!(ended.code, 3);
    ended.says(&["orders.refunds", "not in the image"]);
    let own: Vec<&str> = ended.err.lines().skip_while(|line| !line.starts_with("tminus: ")).collect();
    let head: Vec<&&str> = own.iter().filter(|line| line.starts_with("NOW") || line.starts_with("MOVE")).collect();
    assert!(head.len() == 2 && !head.iter().any(|line| line.contains("capacity")), "{}", ended.err);
}

#[test]
fn exit_code_3_of_the_program_proves_nothing() {
    let ended = Start::new().run(&["sh", "-c", "exit 3"]);
    assert_eq!(ended.code, 3);
    ended.says(&["proves nothing by itself"]);
    for word in ["platform team", "database team", "network team", "capacity"] {
        assert!(!ended.err.contains(word), "{}", ended.err);
    }
}

#[test]
fn an_unknown_environment_is_never_development() {
    let plan = format!(
        "environment = \"${{ENVIRONMENT}}\"\n{}[profile.development.database]\ndeadline = \"1s\"\n",
        probing("tcp://127.0.0.1:1", "9s")
    );
    let ended = Start::with_plan(&plan).env("ENVIRONMENT", "stagin").run(&["true"]);
    assert_eq!((ended.code, ended.spawned()), (2, false), "{}", ended.err);
    ended.says(&["stagin", "development"]);
}

#[test]
fn a_bound_port_is_not_ready_and_neither_is_a_pre_fork_masters_word() {
    // What gunicorn's master does: bind, say READY, and die when its workers cannot load the program.
    let master = "import os, socket, sys\n\
                  port = socket.socket(); port.bind(('127.0.0.1', 0)); port.listen()\n\
                  to = os.environ['NOTIFY_SOCKET']; to = '\\0' + to[1:] if to[0] == '@' else to\n\
                  s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(to)\n\
                  s.send(b'READY=1\\nSTATUS=Gunicorn arbiter booted')\n\
                  sys.exit(3)\n";
    let plan = format!("{CHILD}[[phase.step]]\nname = \"ready\"\nneeds = [\"child\"]\nready = \"notify\"\n");
    let start = Start::with_plan(&plan);
    start.room.put("master.py", master);
    let ended = start.run(&["python3", "master.py"]);
    assert_eq!(ended.code, 3);
    assert_eq!(ended.step("ready"), (Passage::Failed, Some("exited_before_ready".into())), "{}", ended.err);
}
