//! Scenes that need a process of their own, because a supervisor is one per process. Each asserts what
//! it is about and ends with 0; the integration tests play them.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;
use tminus_supervise::notify::NotifySocket;
use tminus_supervise::output::{Capture, Ending, HEAD, Output, Source, TAIL, Tap, Watch, Which};
use tminus_supervise::{
    ChildId, Happening, Role, Signal, SignalError, SpawnError, Spec, Status, Stdin, Stream, Supervisor,
};

const SOON: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

fn main() {
    let mut supervisor = Supervisor::new().unwrap();
    assert!(matches!(supervisor.role(), Role::Subreaper | Role::Pid1));
    let mut words = std::env::args().skip(1);
    let (scene, rest) = (words.next().expect("a scene"), words.collect::<Vec<_>>());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        match scene.as_str() {
            "many" => many(&mut supervisor).await,
            "leaderless" => leaderless(&mut supervisor).await,
            "gone" => gone(&mut supervisor).await,
            "specs" => specs(&mut supervisor).await,
            "sender" => sender(&mut supervisor).await,
            "death" => death(&mut supervisor).await,
            "kept" => kept(&mut supervisor).await,
            "held" => held(&mut supervisor).await,
            "watch" => watch(&mut supervisor).await,
            "slow-gate" => slow_gate(&mut supervisor).await,
            "bad-gate" => bad_gate(&mut supervisor).await,
            "voice" => voice(&mut supervisor).await,
            "notify" => notify(&mut supervisor, &rest).await,
            "last-words" => last_words(&mut supervisor, &rest).await,
            other => panic!("no scene `{other}`"),
        }
    });
}

fn spec(words: &[&str]) -> Spec {
    Spec::new(words.iter().map(OsString::from).collect(), std::env::vars_os().collect())
}

fn shell(script: &str) -> Spec {
    spec(&["sh", "-c", script])
}

/// The ending of a child, with what happened before it.
async fn ending(supervisor: &mut Supervisor, child: ChildId) -> (Status, Vec<Happening>) {
    let mut before = Vec::new();
    loop {
        match supervisor.next().await.unwrap() {
            Happening::Exited { child: ended, status } if ended == child => return (status, before),
            other => before.push(other),
        }
    }
}

/// Many at a time: every ending comes once and belongs to its child.
async fn many(supervisor: &mut Supervisor) {
    let mut expected = BTreeMap::new();
    for number in 0..200u32 {
        // Each leaves an orphan behind, which is nobody's ending.
        let child = supervisor.spawn(shell(&format!("(true &); exit {}", number % 256))).unwrap();
        expected.insert(child, number as u8);
    }
    let mut orphans = 0;
    while !expected.is_empty() || orphans < 200 {
        match supervisor.next().await.unwrap() {
            Happening::Exited { child, status } => assert_eq!(expected.remove(&child), status.code()),
            Happening::OrphanReaped { status, .. } => {
                assert_eq!(status.code(), Some(0));
                orphans += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(orphans, 200);
}

/// A group without its leader can be killed, once, and then there is nobody.
async fn leaderless(supervisor: &mut Supervisor) {
    let child = supervisor.spawn(shell("sleep 1000 & exit 4")).unwrap();
    assert_eq!(ending(supervisor, child).await.0.code(), Some(4));
    assert!(supervisor.kill_group(child).unwrap());
    let Happening::OrphanReaped { status, .. } = supervisor.next().await.unwrap() else { panic!() };
    assert_eq!(status.signal(), Some(Signal::KILL));
    assert!(!supervisor.kill_group(child).unwrap());
    // Without others in the group there was nobody from the start.
    let alone = supervisor.spawn(spec(&["true"])).unwrap();
    ending(supervisor, alone).await;
    assert!(!supervisor.kill_group(alone).unwrap());
}

async fn gone(supervisor: &mut Supervisor) {
    let child = supervisor.spawn(spec(&["true"])).unwrap();
    assert!(supervisor.pid(child).is_some());
    // Ended, and not told yet: a signal to it reaches nobody else.
    assert!(supervisor.signal(child, Signal::CONT).is_ok());
    ending(supervisor, child).await;
    assert_eq!(supervisor.pid(child), None);
    assert!(matches!(supervisor.signal(child, Signal::TERM), Err(SignalError::Gone)));
    assert!(matches!(supervisor.suspend_with(child), Err(SignalError::Gone)));
}

async fn code(supervisor: &mut Supervisor, spec: Spec) -> Option<u8> {
    let child = supervisor.spawn(spec).unwrap();
    ending(supervisor, child).await.0.code()
}

/// Everything that a spec can say.
async fn specs(supervisor: &mut Supervisor) {
    let test = |script: &str| shell(&format!("test {script}"));
    assert_eq!(code(supervisor, Spec { cwd: Some("/usr".into()), ..test("\"$(pwd -P)\" = /usr") }).await, Some(0));
    assert_eq!(code(supervisor, Spec { stdin: Stdin::Null, ..spec(&["cat"]) }).await, Some(0));
    assert_eq!(code(supervisor, Spec { stdout: Stream::Null, ..test("/dev/fd/1 -ef /dev/null") }).await, Some(0));
    let complete = Spec::new(
        vec!["sh".into(), "-c".into(), "test \"$ONLY\" = 1 && test -z \"$HOME$USER\"".into()],
        vec![("ONLY".into(), "1".into())],
    );
    assert_eq!(code(supervisor, complete).await, Some(0));
    let ours = Spec { own_group: false, ..test("$(cut -d' ' -f5 /proc/self/stat) != $$") };
    assert_eq!(code(supervisor, ours).await, Some(0));
    assert_eq!(code(supervisor, test("$(cut -d' ' -f5 /proc/$$/stat) = $$")).await, Some(0));
    let error = supervisor.spawn(Spec { cwd: Some("/none".into()), ..spec(&["true"]) }).unwrap_err();
    assert!(matches!(error, SpawnError::Other { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot start in directory `/none`: No such file or directory (os error 2)");
    let long = vec!["true".into(), "x".repeat(3_000_000).into()];
    let error = supervisor.spawn(Spec::new(long, Vec::new())).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    assert_eq!(error.exit_code(), 126);
    // A failed spawn leaves no child behind.
    assert_eq!(code(supervisor, spec(&["true"])).await, Some(0));
}

async fn sender(supervisor: &mut Supervisor) {
    println!("ready");
    let Happening::Signal { signal, sender: Some(sender) } = supervisor.next().await.unwrap() else { panic!() };
    println!("{signal} {} {}", sender.pid, sender.uid);
}

async fn death(supervisor: &mut Supervisor) {
    let child = Spec { death_signal: Some(Signal::KILL), ..spec(&["sleep", "1000"]) };
    let child = supervisor.spawn(child).unwrap();
    println!("{}", supervisor.pid(child).unwrap());
    ending(supervisor, child).await;
}

fn attach(spec: &mut Spec, output: &Output, tap: impl FnMut(Which) -> Tap) -> Vec<(Which, Source)> {
    let attached = output.attach(tap);
    assert!(attached.problem.is_none() && output.problems().is_empty());
    (spec.stdout, spec.stderr) = (attached.stdout, attached.stderr);
    attached.sources
}

/// Standard output leads to a pipe, standard error elsewhere.
async fn kept(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Auto);
    let script = "echo begin; seq 1 300000 | sed 's/777$/777 error/'; echo oops >&2; printf end";
    let mut spec = shell(script);
    let sources =
        attach(&mut spec, &output, |_| Tap { gate: Some(Box::new(|line| line.ends_with(b"error"))), watch: None });
    let child = supervisor.spawn(spec).unwrap();
    ending(supervisor, child).await;
    let [(Which::Stdout, out), (Which::Stderr, err)] = &sources[..] else { panic!("{sources:?}") };
    assert_eq!(out.finish(LONG).await, Ending::Closed);
    assert_eq!(err.finish(LONG).await, Ending::Closed);
    assert_eq!(err.kept().head, b"oops\n");
    let kept = out.kept();
    assert_eq!((kept.skipped, kept.lost, kept.blind), (0, 0, false));
    assert_eq!((kept.lines, kept.head.len(), kept.tail.len()), (300_001, HEAD, TAIL));
    assert!(kept.head.starts_with(b"begin\n1\n2\n") && kept.tail.ends_with(b"299999\n300000\nend"));
    assert!(kept.middle.iter().any(|line| line.bytes == b"13777 error"), "{}", kept.middle.len());
    assert_eq!(kept.middle.len() as u64 + kept.middle_dropped, 300 - in_head(&kept.head) - in_tail(&kept.tail));
}

fn in_head(head: &[u8]) -> u64 {
    head.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"error")).count() as u64
}

fn in_tail(tail: &[u8]) -> u64 {
    in_head(tail)
}

/// A grandchild holds the pipe: what is there is passed on, and it is said that somebody holds it.
async fn held(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Tee);
    let mut spec = shell("exec 3<&0; echo one; (read line <&3; echo two) & exit 3");
    spec.stdin = Stdin::Inherit;
    let sources = attach(&mut spec, &output, |_| Tap::default());
    let child = supervisor.spawn(spec).unwrap();
    assert_eq!(ending(supervisor, child).await.0.code(), Some(3));
    for (_, source) in &sources {
        assert_eq!(source.finish(Duration::ZERO).await, Ending::Held { unread: 0 });
        assert_eq!(source.finish(SOON).await, Ending::Held { unread: 0 });
    }
    assert_eq!(sources[0].1.kept().head, b"one\n");
    supervisor.kill_group(child).unwrap();
    for (_, source) in &sources {
        assert_eq!(source.finish(LONG).await, Ending::Closed);
    }
}

/// The first matching line is told, also the one without an end, and none when there is none.
async fn watch(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Tee);
    let cases = [
        ("echo starting; echo 'ready on 1'; echo 'ready on 2'", Some(&b"ready on 1"[..])),
        ("head -c 5000000 /dev/zero; echo; echo ready on 3; head -c 5000000 /dev/zero", Some(b"ready on 3")),
        ("printf 'ready on 4'", Some(b"ready on 4")),
        ("echo nothing", None),
    ];
    for (script, expected) in cases {
        let (mut watch, mut line) = {
            let (watch, line) = Watch::new(Box::new(|line| line.starts_with(b"ready")));
            (Some(watch), line)
        };
        let mut spec = shell(script);
        let sources = attach(&mut spec, &output, |_| Tap { gate: None, watch: watch.take() });
        let child = supervisor.spawn(spec).unwrap();
        assert_eq!(line.line().await.as_deref(), expected, "{script}");
        ending(supervisor, child).await;
        assert_eq!(sources[0].1.finish(LONG).await, Ending::Closed);
    }
}

/// A gate that cannot keep up costs lines, not speed, and the end is kept all the same.
async fn slow_gate(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Tee);
    let mut spec = shell("yes 'a line that is looked at by a slow gate' | head -c 60000000; echo; echo last");
    let sources = attach(&mut spec, &output, |_| Tap {
        gate: Some(Box::new(|_| {
            std::thread::sleep(Duration::from_micros(1));
            false
        })),
        watch: None,
    });
    let child = supervisor.spawn(spec).unwrap();
    ending(supervisor, child).await;
    assert_eq!(sources[0].1.finish(LONG).await, Ending::Closed);
    let kept = sources[0].1.kept();
    assert_eq!(kept.bytes, 60_000_006);
    assert!(kept.skipped > 30_000_000, "{kept:?}");
    assert!(kept.gaps.iter().map(|gap| gap.length).sum::<u64>() <= kept.skipped && !kept.gaps.is_empty());
    assert!(kept.tail.ends_with(b"\nlast\n"));
}

/// A gate that fails ends the looking and nothing else.
async fn bad_gate(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Tee);
    let mut spec = shell("seq 1 200000");
    let sources = attach(&mut spec, &output, |_| Tap {
        gate: Some(Box::new(|line| if line == b"20000" { panic!("a bad gate") } else { false })),
        watch: None,
    });
    let child = supervisor.spawn(spec).unwrap();
    assert_eq!(ending(supervisor, child).await.0.code(), Some(0));
    assert_eq!(sources[0].1.finish(LONG).await, Ending::Closed);
    assert!(sources[0].1.kept().blind);
}

/// Own lines stand between lines; the one that has no end yet is ended when nothing else is left.
async fn voice(supervisor: &mut Supervisor) {
    let output = Output::open(Capture::Tee);
    let voice = output.voice();
    voice.say("own before");
    assert!(voice.flush(LONG));
    let mut spec = shell("printf 'a line in '; read go; echo 'two parts'; read go; printf 'an unfinished'");
    spec.stdin = Stdin::Inherit;
    let sources = attach(&mut spec, &output, |_| Tap::default());
    let child = supervisor.spawn(spec).unwrap();
    let [(_, source)] = &sources[..] else { panic!("standard output and error are not the same") };
    let passed_on = |bytes| {
        while source.kept().bytes < bytes {
            std::thread::yield_now();
        }
    };
    // Standard input is a fifo that leads to the child.
    let go_on = || std::fs::write(std::env::var_os("GO_ON").unwrap(), "\n").unwrap();
    passed_on("a line in ".len() as u64);
    voice.say("own between");
    go_on();
    // Both in one piece would be one line end with the rest of a line behind it.
    passed_on("a line in two parts\n".len() as u64);
    go_on();
    ending(supervisor, child).await;
    assert_eq!(source.finish(LONG).await, Ending::Closed);
    voice.say("own\nafter");
    assert!(output.close(LONG));
    assert_eq!(voice.dropped(), 0);
}

/// Runs a command with a notification socket and says what comes.
async fn notify(supervisor: &mut Supervisor, command: &[String]) {
    let socket = NotifySocket::open(&[std::env::temp_dir()]).unwrap();
    let mut spec = spec(&command.iter().map(String::as_str).collect::<Vec<_>>());
    spec.env.retain(|(name, _)| name != "NOTIFY_SOCKET");
    spec.env.push(("NOTIFY_SOCKET".into(), socket.address().to_owned()));
    supervisor.listen(socket);
    let child = supervisor.spawn(spec).unwrap();
    loop {
        match supervisor.next().await.unwrap() {
            Happening::Notified(notify) => println!("{:?}", notify.message),
            Happening::Exited { child: ended, status } if ended == child => {
                println!("{status}, {} descriptors", std::fs::read_dir("/proc/self/fd").unwrap().count());
                return;
            }
            _ => {}
        }
    }
}

/// What a child says before it ends is heard before its end, also when both wait to be taken.
async fn last_words(supervisor: &mut Supervisor, command: &[String]) {
    let socket = NotifySocket::open(&[std::env::temp_dir()]).unwrap();
    let mut spec = spec(&command.iter().map(String::as_str).collect::<Vec<_>>());
    spec.env.retain(|(name, _)| name != "NOTIFY_SOCKET");
    spec.env.push(("NOTIFY_SOCKET".into(), socket.address().to_owned()));
    supervisor.listen(socket);
    let child = supervisor.spawn(spec).unwrap();
    let stat = format!("/proc/{}/stat", supervisor.pid(child).unwrap());
    let is_zombie = || std::fs::read_to_string(&stat).unwrap().rsplit(") ").next().unwrap().starts_with('Z');
    while !is_zombie() {
        std::thread::yield_now();
    }
    let (_, before) = ending(supervisor, child).await;
    let ready = |happening: &Happening| matches!(happening, Happening::Notified(notify) if notify.message.ready);
    assert!(before.iter().any(ready), "{before:?}");
}
