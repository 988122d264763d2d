//! `tminus run`: the countdown, then the program, supervised.
//!
//! Order matters here: the supervisor takes the signals before any thread exists, the plan is read
//! before anything is started, and nothing of ours can fail the program once it runs. What happens
//! is decided by the run machine; this module only carries things to it.
//! Where to start reading: [`run`], then `run/host.rs` (the program), `run/ending.rs` (what is said
//! when a start fails).

mod admin;
mod ending;
mod host;
mod lives;
mod observe;
mod ready;
mod recorder;
mod setting;
mod timeline;
mod upward;
mod voice;

use crate::args::Run;
use crate::error::Failure;
use crate::plan_file;
use std::cell::RefCell;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::rc::Rc;
use tminus::driver::Driver;
use tminus_core::event::Event;
use tminus_core::plan::Capture;
use tminus_supervise::Supervisor;
use tminus_supervise::output::Output;

/// Runs a start; comes back with the exit code of `tminus run`.
pub(crate) fn run(args: &Run) -> Result<ExitCode, Failure> {
    if std::env::var_os("TMINUS").is_some_and(|value| value == "off") {
        return Err(execute(args));
    }
    let environment = plan_file::environment();
    let file = plan_file::find(&args.plan)?;
    let prepared = setting::prepare(args, file.as_ref(), &environment)?;
    if args.explain {
        crate::print(&setting::explain(args, &prepared))?;
        return Ok(ExitCode::SUCCESS);
    }
    countdown(args, prepared)
}

/// `TMINUS=off`: the program, and nothing of us.
fn execute(args: &Run) -> Failure {
    let Some((program, arguments)) = args.command.split_first() else {
        return Failure::new("no program is named").hint("write the command after `--`");
    };
    let error = std::process::Command::new(program).args(arguments).exec();
    let (what, code) = match error.kind() {
        std::io::ErrorKind::NotFound => ("is not found", 127),
        _ => ("cannot be executed", 126),
    };
    Failure::new(format!("`{}` {what}", program.display())).because(error).exit(code)
}

fn countdown(args: &Run, prepared: setting::Prepared) -> Result<ExitCode, Failure> {
    let supervisor = Supervisor::new()
        .map_err(|error| Failure::new("cannot take the signals of this process").because(error).exit(3))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::new("cannot make a runtime").because(error).exit(3))?;
    let _inside = runtime.enter();
    let output = Output::open(match prepared.plan.capture {
        Capture::Auto => tminus_supervise::output::Capture::Auto,
        Capture::Tee => tminus_supervise::output::Capture::Tee,
        Capture::Inherit => tminus_supervise::output::Capture::Inherit,
    });
    let voice = voice::Voice::new(output.voice(), &prepared.plan);
    for problem in output.problems() {
        voice.warn(&format!("the program's output is not kept: {problem}"));
    }
    let (above, problem) = upward::Above::at(std::env::var_os("NOTIFY_SOCKET").as_deref());
    let above = Rc::new(above);
    if let Some(problem) = problem {
        voice.warn(&problem);
    }
    let recorder = Rc::new(RefCell::new(recorder::Recorder::to(args.events.as_deref(), output.voice())));
    let setting = prepared.setting(args);
    let admin = prepared
        .plan
        .admin
        .as_deref()
        .and_then(|listen| admin::Admin::open(listen, setting.began).map_err(|problem| voice.warn(&problem)).ok());
    let mut ready = ready::Ready::new(args, &prepared, output.voice(), Rc::clone(&above), Rc::clone(&recorder));
    let mut lives = lives::Lives::new(&prepared.plan.service, output.voice(), Rc::clone(&above));
    let began = setting.began;
    let parts = host::Parts { supervisor, voice, output, above, recorder: Rc::clone(&recorder), began };
    let host = host::Supervised::new(args, &prepared, parts);
    let sink = {
        let recorder = Rc::clone(&recorder);
        move |event: &Event| {
            let taken = recorder.borrow_mut().take(event);
            if let Some(admin) = &admin {
                admin.saw(event);
            }
            ready.saw(event);
            lives.saw(event);
            taken
        }
    };
    let driver = Driver::new(&prepared.plan, setting, host, sink);
    // On the heap: what stands on the stack of PID 1 stays resident as long as the service runs.
    let (exit, host, _) = runtime.block_on(Box::pin(driver.run()));
    let code = runtime.block_on(Box::pin(ending::end(args, &prepared, exit, host, &recorder)));
    Ok(ExitCode::from(code))
}
