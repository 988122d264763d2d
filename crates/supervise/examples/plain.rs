//! The smallest supervisor: runs a command, passes every signal on, and exits as the command did.
//!
//! `plain [--tee] [--notify] [--kill-on SIGNAL] [--say LINE] COMMAND...`
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use tminus_supervise::notify::NotifySocket;
use tminus_supervise::output::{Capture, Ending, Output, Tap};
use tminus_supervise::{ChildId, Happening, Signal, Spec, Supervisor};

#[derive(Default)]
struct Options {
    /// Passes the output through pipes.
    tee: bool,
    /// Listens for messages of the child, and says what it hears.
    notify: bool,
    /// Kills the child's group when this signal comes, instead of passing it on.
    kill_on: Option<Signal>,
    /// Says this line whenever a signal comes.
    say: Option<String>,
    command: Vec<OsString>,
}

fn options() -> Options {
    let (mut options, mut words) = (Options::default(), std::env::args_os().skip(1));
    while let Some(word) = words.next() {
        let mut value = || words.next().and_then(|word| word.into_string().ok()).expect("a value");
        match word.to_str() {
            Some("--tee") => options.tee = true,
            Some("--notify") => options.notify = true,
            Some("--kill-on") => options.kill_on = Some(value().parse().expect("a signal")),
            Some("--say") => options.say = Some(value()),
            Some("--") => break,
            _ => {
                options.command.push(word);
                break;
            }
        }
    }
    options.command.extend(words);
    options
}

fn main() -> ExitCode {
    let mut supervisor = Supervisor::new().expect("signals");
    let options = options();
    let output = Output::open(if options.tee { Capture::Tee } else { Capture::Inherit });
    let attached = output.attach(|_| Tap::default());
    let mut spec = Spec::new(options.command.clone(), std::env::vars_os().collect());
    (spec.stdout, spec.stderr, spec.terminal) = (attached.stdout, attached.stderr, true);
    if options.notify {
        let socket = NotifySocket::open(&[std::env::temp_dir()]).expect("socket");
        spec.env.retain(|(name, _)| name != "NOTIFY_SOCKET");
        spec.env.push(("NOTIFY_SOCKET".into(), socket.address().to_owned()));
        supervisor.listen(socket);
    }
    let child = match supervisor.spawn(spec) {
        Ok(child) => child,
        Err(error) => {
            output.voice().say(&format!("plain: {error}"));
            output.close(Duration::from_secs(1));
            return ExitCode::from(error.exit_code());
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("runtime");
    let code = runtime.block_on(async {
        let code = follow(&mut supervisor, child, &options, &output).await;
        for (_, source) in &attached.sources {
            if let ending @ Ending::Held { .. } = source.finish(Duration::from_millis(100)).await {
                output.voice().say(&format!("plain: {ending:?}"));
            }
        }
        code
    });
    output.close(Duration::from_secs(1));
    ExitCode::from(code)
}

async fn follow(supervisor: &mut Supervisor, child: ChildId, options: &Options, output: &Output) -> u8 {
    let say = |text: &str| output.voice().say(text);
    loop {
        match supervisor.next().await.expect("happening") {
            Happening::Signal { signal, .. } if Some(signal) == options.kill_on => {
                // Nobody left is as good as killed.
                let _ = supervisor.kill_group(child);
            }
            Happening::Signal { signal, .. } if signal.forwardable() => {
                if let Some(line) = &options.say {
                    say(line);
                }
                // It may have ended by now.
                let _ = supervisor.signal(child, signal);
            }
            Happening::Stopped { child: stopped, signal } if stopped == child && signal != Signal::STOP => {
                supervisor.suspend_with(child).expect("suspend");
            }
            Happening::Notified(notify) => say(&format!("plain: {:?}", notify.message)),
            Happening::Exited { child: ended, status } if ended == child => return status.exit_code(),
            _ => {}
        }
    }
}
