//! Bad plans, values, manifests and arguments, through the binary: each is answered by a clear error,
//! and a start that is refused leaves nothing behind that was begun.
//!
//! The answers are snapshots: what a person reads is judged by reading it. To accept a change:
//! `INSTA_UPDATE=always cargo nextest run -p tminus-cli refusals`, then read the difference.

use crate::room::Room;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

/// A secret that no answer may show.
const SECRET: &str = "hunter2x";

/// What one run answered: code, and both streams.
fn answer(room: &Room, env: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let path = std::env::var("PATH").expect("a PATH");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tminus"));
    command.env_clear().env("PATH", path).envs(env.iter().copied()).current_dir(room.path()).args(args);
    let output = command.stdin(std::process::Stdio::null()).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!format!("{out}{err}").contains(SECRET), "a secret is shown:\n{out}{err}");
    (output.status.code().expect("it was not killed"), format!("{err}{out}"))
}

/// Paths of everything in a room.
fn files(room: &Room) -> BTreeSet<std::path::PathBuf> {
    let entries = std::fs::read_dir(room.path()).expect("a room");
    entries.map(|entry| entry.expect("readable").path()).collect()
}

/// Processes that were begun in this room and are still there.
fn left_behind(room: &Room) -> Vec<std::path::PathBuf> {
    let here = room.path().canonicalize().expect("a room");
    let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| Some(entry.ok()?.path()));
    processes.filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == here)).collect()
}

/// A start that must be refused: the listener is what it would ask, `started` what it would make.
struct Refused {
    room: Room,
    listener: TcpListener,
}

impl Refused {
    fn new() -> Refused {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it need not block");
        Refused { room: Room::new(), listener }
    }

    /// A first phase without mistakes, that asks the listener, opens a socket and runs a command.
    fn sound(&self) -> String {
        let at = self.listener.local_addr().expect("it is bound");
        format!(
            "[admin]\nlisten = \"unix:{}/admin.sock\"\n[[phase]]\nname = \"first\"\n[[phase.step]]\nname = \"sound\"\n\
             probe = \"tcp://{at}\"\n[[phase.step]]\nname = \"made\"\nexec = [\"touch\", \"made\"]\n",
            self.room.path().display()
        )
    }

    /// Runs it; the answer with its code, after it was seen that nothing was begun.
    fn run(&self, env: &[(&str, &str)], flags: &[&str], code: i32) -> String {
        let before = files(&self.room);
        let args = [&["run", "--events", "events.ndjson"], flags, &["--", "touch", "started"]].concat();
        let (got, text) = answer(&self.room, env, &args);
        assert_eq!(got, code, "{text}");
        assert_eq!(files(&self.room), before, "something was made:\n{text}");
        assert_eq!(left_behind(&self.room), Vec::<std::path::PathBuf>::new(), "something still runs:\n{text}");
        let asked = self.listener.accept().map(|(_, peer)| peer);
        assert!(asked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "it was asked:\n{text}");
        text
    }
}

/// What varies from run to run: the room's path and port.
fn settled(text: &str, refused: &Refused) -> String {
    let at = refused.listener.local_addr().expect("it is bound").to_string();
    text.replace(&refused.room.path().display().to_string(), "[room]").replace(&at, "[listener]")
}

/// Plans with a mistake, by what is wrong; `SOUND` is a phase without.
const PLANS: &[(&str, &str)] = &[
    ("unknown keys", "version = 1\n[servce]\nname = \"orders\"\nSOUND[[phase]]\nname = \"a\"\ndedline = \"3s\"\n"),
    ("wrong types", "version = \"1\"\n[budget]\nwindow = 240\nSOUND[[phase]]\nname = [\"a\"]\n"),
    ("no version", "[service]\nname = \"orders\"\nSOUND"),
    ("another version", "version = 7\nSOUND"),
    (
        "an unknown scheme",
        "version = 1\nSOUND[[phase.step]]\nname = \"db\"\nprobe = \"postgers://db/x\"\n[[phase.step]]\nname = \"k\"\nprobe = \"kafka://b:9092\"\n",
    ),
    (
        "names twice",
        "version = 1\nSOUND[[phase.step]]\nname = \"sound\"\nprobe = \"tcp://b:1\"\n[[phase]]\nname = \"first\"\n",
    ),
    (
        "steps that need each other",
        "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nneeds = [\"y\"]\nprobe = \"tcp://a:1\"\n[[phase.step]]\nname = \"y\"\nneeds = [\"x\"]\nprobe = \"tcp://b:1\"\n",
    ),
    (
        "a need that is nowhere",
        "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nneeds = [\"sond\"]\nprobe = \"tcp://a:1\"\n",
    ),
    ("a setting from a variable that is not set", "version = 1\n[service]\nrevision = \"${REVISION}\"\nSOUND"),
    ("a variable inside of a value", "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nprobe = \"http://${HOST}/\"\n"),
    (
        "a password in an address",
        "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nprobe = \"postgres://app:hunter2x@db/x\"\n",
    ),
    (
        "a secret among arguments",
        "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nexec = [\"psql\", \"postgres://app:hunter2x@db/x\"]\n",
    ),
    (
        "a secret among arguments, by reference",
        "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nexec = [\"psql\", \"${DATABASE_URL}\"]\n",
    ),
    ("two kinds of work", "version = 1\nSOUND[[phase.step]]\nname = \"x\"\nprobe = \"tcp://a:1\"\nexec = [\"true\"]\n"),
    (
        "an environment without a profile",
        "version = 1\n[service]\nenvironment = \"stagin\"\nSOUND[profile.staging.first]\ndeadline = \"3s\"\n",
    ),
    (
        "no environment",
        "version = 1\n[service]\nenvironment = \"${ENVIRONMENT}\"\nSOUND[profile.staging.first]\ndeadline = \"3s\"\n",
    ),
    (
        "a profile of an unknown phase",
        "version = 1\n[service]\nenvironment = \"staging\"\nSOUND[profile.staging.frist]\ndeadline = \"3s\"\n",
    ),
    ("a base that is not there", "version = 1\nextends = \"base.toml\"\nSOUND"),
    ("a base that is a directory", "version = 1\nextends = \"directory\"\nSOUND"),
    ("a plan that extends itself", "version = 1\nextends = \"tminus.toml\"\nSOUND"),
    ("a window that leaves no time", "version = 1\n[budget]\nplatform = \"cloud-run\"\nwindow = \"8s\"\nSOUND"),
    ("nothing", ""),
    ("no TOML", "this is no plan\n"),
];

#[test]
fn bad_plans_start_nothing() {
    let mut told = String::new();
    for (what, plan) in PLANS {
        let refused = Refused::new();
        refused.room.put("tminus.toml", plan.replace("SOUND", &refused.sound()));
        std::fs::create_dir(refused.room.path().join("directory")).expect("a directory");
        let text = refused.run(&[("DATABASE_URL", "postgres://app:hunter2x@db/x")], &[], 2);
        told += &format!("## {what}\n{}\n", settled(&text, &refused));
    }
    insta::assert_snapshot!("plans", told);
}

#[test]
fn files_that_are_no_plan_start_nothing() {
    let refused = Refused::new();
    let room = &refused.room;
    room.put("binary.toml", b"\x7fELF\x02\x01\x01\0\xff\xfe");
    room.put("large.toml", "# 0123456789\n".repeat(800_000));
    room.put("plain.toml", "version = 1\n");
    std::fs::create_dir(room.path().join("directory")).expect("a directory");
    std::os::unix::fs::symlink("loop.toml", room.path().join("loop.toml")).expect("a link");
    let mut told = String::new();
    for name in ["binary.toml", "large.toml", "directory", "nowhere.toml", "plain.toml/x", "loop.toml"] {
        let text = refused.run(&[], &["-c", name], 2);
        assert_eq!(refused.run(&[("TMINUS_CONFIG", name)], &[], 2), text);
        told += &format!("## {name}\n{text}\n");
    }
    insta::assert_snapshot!("no-plans", told);
}

/// Every `TMINUS_*` variable of docs/plan.md that can be wrong, and the flags that say the same.
#[test]
fn bad_settings_start_nothing_with_a_plan_and_without() {
    let refused = Refused::new();
    let mut told = String::new();
    let settings = [
        ("TMINUS_WINDOW", "abc"),
        ("TMINUS_GRACE", "5"),
        ("TMINUS_INITIAL_DELAY", "-3s"),
        ("TMINUS_PLATFORM", "cloudrun"),
        ("TMINUS_KILL_AFTER", "0s"),
        ("TMINUS_CAPTURE", "all"),
        ("TMINUS_ADMIN", "localhost:9000"),
        ("TMINUS_RESTART", "always"),
    ];
    for (name, value) in settings {
        std::fs::remove_file(refused.room.path().join("tminus.toml")).ok();
        let without = refused.run(&[(name, value)], &[], 2);
        refused.room.put("tminus.toml", format!("version = 1\n{}", refused.sound()));
        let text = refused.run(&[(name, value)], &[], 2);
        let (_, below) = text.split_once('\n').expect("several lines");
        assert!(without.contains(below), "without a plan it is another mistake:\n{without}\n{text}");
        told += &format!("## {name}={value}\n{text}\n");
    }
    for (flag, value) in [("--window", "abc"), ("--platform", "cloudrun")] {
        told += &format!("## {flag} {value}\n{}\n", refused.run(&[], &[flag, value], 2));
    }
    std::fs::remove_file(refused.room.path().join("tminus.toml")).expect("the plan");
    told += &format!("## without a plan\n{}\n", refused.run(&[("TMINUS_WINDOW", "240")], &[], 2));
    insta::assert_snapshot!("settings", told);
}

/// Values of dependencies are the environment's: the start goes on to the step that needs them.
#[test]
fn bad_values_fail_their_step_without_being_shown() {
    let long = format!("postgres://app:{SECRET}@/x?host=/{}", "s".repeat(120));
    let values = [
        ("whitespace", format!("postgres://app:{SECRET}@127.0.0.1:1/x ")),
        ("a line break", format!("postgres://app:{SECRET}@127.0.0.1:1/x\n")),
        ("a socket's path that is too long", long),
        ("a port that is none", format!("postgres://app:{SECRET}@127.0.0.1:fivethousand/x")),
        ("no address at all", SECRET.to_owned()),
        ("an empty value", String::new()),
    ];
    let mut told = String::new();
    for (what, value) in values {
        let refused = Refused::new();
        let plan = "version = 1\n[budget]\nplatform = \"plain\"\n[[phase]]\nname = \"database\"\n[[phase.step]]\nname = \"orders-db\"\nprobe = \"${DATABASE_URL}\"\n";
        refused.room.put("tminus.toml", plan);
        let (code, text) = answer(&refused.room, &[("DATABASE_URL", &value)], &["run", "--", "touch", "started"]);
        assert_eq!((code, files(&refused.room).len()), (3, 1), "{text}");
        let (code, checked) = answer(&refused.room, &[("DATABASE_URL", &value)], &["check"]);
        assert_eq!(code, 1, "{checked}");
        let checked = checked.split("\nnot checked").next().unwrap_or_default().to_owned();
        told += &format!("## {what}\n{text}\n{checked}\n");
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"after [0-9.]+ m?s", "after [time]");
    settings.bind(|| insta::assert_snapshot!("values", told));
}

#[test]
fn bad_arguments_start_nothing() {
    let refused = Refused::new();
    refused.room.put("plan.toml", "version = 1\n");
    let mut told = String::new();
    for args in [
        "run",
        "run touch started",
        "run --",
        "run --wiat -- touch started",
        "run --seed x -- touch started",
        "run --events",
        "run --wait -c plan.toml -- touch started",
        "frobnicate",
        "chekc",
        "check --format yaml",
        "probe --depth depth tcp://127.0.0.1:1",
        "probe --limit 5 tcp://127.0.0.1:1",
        "probe --limit 0s tcp://127.0.0.1:1",
        "probe --interval 2s tcp://127.0.0.1:1",
        "probe",
        "probe orders-db",
        "probe kafka://broker:9092",
        "probe postgres://app:hunter2x@db:fivethousand/x",
    ] {
        let before = files(&refused.room);
        let (code, text) = answer(&refused.room, &[], &args.split(' ').collect::<Vec<_>>());
        assert_eq!((code, files(&refused.room)), (2, before), "{args}\n{text}");
        told += &format!("$ tminus {}\n{text}\n", args.replace(SECRET, "***"));
    }
    insta::assert_snapshot!("arguments", told);
}

/// Manifests with a mistake, by name.
const MANIFESTS: &[(&str, &str)] = &[
    ("broken.yaml", "a: [1, 2\nb: 3\n"),
    ("kind.yaml", "apiVersion: v1\nkind: Servce\nmetadata:\n  name: orders\n"),
    ("group.yaml", "apiVersion: v1\nkind: Deployment\nmetadata:\n  name: orders\n"),
    ("custom.yaml", "apiVersion: example.com/v1\nkind: Frobnicator\nmetadata:\n  name: orders\n"),
    (
        "several.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n\
         spec:\n  template:\n    spec:\n      containers:\n      - name: web\n        imagee: x\n---\njust text\n",
    ),
    (
        "compose.yaml",
        "x-env: &env\n  DATABASE_URL: \"postgres://app:hunter2x@db:5432/orders \"\nservices:\n  web:\n    image: web\n    environment:\n      <<: *env\n    depends_on: [db]\n  db:\n    image: postgres:16\n",
    ),
    ("no-plan.json", "{\"format_version\": \"1.2\", \"rows\": []}"),
    ("cut.json", "{\"format_version\": \"1.2\", \"planned_values\": {\"root_module\": {\"resources\": [\n"),
    ("binary.yaml", "\0\u{1}\u{2}"),
    ("empty.yaml", ""),
    ("other.txt", "just a text\n"),
];

#[test]
fn bad_manifests_are_pointed_at() {
    let mut told = String::new();
    let room = Room::new();
    for (name, text) in MANIFESTS {
        room.put(name, text);
        let (code, text) = answer(&room, &[], &["check", name]);
        assert_eq!(code, i32::from(*name != "custom.yaml"), "{name}\n{text}");
        let found = text.split("\nnot checked").next().unwrap_or_default();
        told += &format!("## {name}\n{found}\n");
    }
    std::fs::create_dir(room.path().join("directory")).expect("a directory");
    std::os::unix::fs::symlink("loop.yaml", room.path().join("loop.yaml")).expect("a link");
    room.put("one.toml", "version = 1\n").put("two.toml", "version = 1\n");
    for args in [&["directory"][..], &["nowhere.yaml"], &["loop.yaml"], &["one.toml", "two.toml"], &[]] {
        let (code, text) = answer(&room, &[], &[&["check"], args].concat());
        assert_eq!(code, 2, "{args:?}\n{text}");
        told += &format!("$ tminus check {}\n{text}\n", args.join(" "));
    }
    insta::assert_snapshot!("manifests", told);
}

/// What is only probably not meant does not stop a start, and `check` says it.
#[test]
fn warnings_of_a_plan_are_shown_by_check() {
    let room = Room::new();
    let plan = "version = 1\n[budget]\nplatform = \"cloud-run\"\n[stop]\nkill_after = \"30s\"\n[[phase]]\nname = \"database\"\ndeadline = \"300s\"\n\
                [[phase.step]]\nname = \"orders-db\"\nprobe = \"tcp://127.0.0.1:1\"\ndeadline = \"400s\"\n[[phase]]\nname = \"empty\"\n";
    room.put("tminus.toml", plan);
    let (_, text) = answer(&room, &[], &["check"]);
    insta::assert_snapshot!("warnings", text.split("\nnot checked").next().unwrap_or_default());
}
