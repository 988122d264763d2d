//! The exit code and what it means: as much as a number can.

use super::view::{Ending, StartView};
use tminus_core::code::Code;
use tminus_core::run::{Ended, Reason};

/// `3 (did not start; waiting ran out)`; none while no exit is decided.
pub(crate) fn exit(view: &StartView) -> Option<String> {
    let exit = view.exit?;
    let means = match exit.reason {
        Reason::NotStarted(failure) => match (exit.code, failure.code) {
            (127, Code::CommandNotFound) => "did not start; the command does not exist".to_owned(),
            (126, Code::CommandNotExecutable) => "did not start; the command cannot be executed".to_owned(),
            _ if failure.expired => "did not start; waiting ran out".to_owned(),
            _ => "did not start; waiting cannot help".to_owned(),
        },
        Reason::Child(Ended::Code(0)) if exit.code != 0 => {
            "did not start; the program ended with 0 before it was ready".to_owned()
        }
        Reason::Child(Ended::Code(code)) => of_program(view, code),
        Reason::Child(Ended::Signal(number)) => {
            let name = tminus_core::run::signal_name(number);
            format!("the program was ended by {name}{}", by_signal(number))
        }
        Reason::Stopped(signal) => format!("told to stop by {}", tminus_core::run::signal_name(signal)),
        Reason::Complete => "every phase passed".to_owned(),
    };
    Some(format!("{} ({means})", exit.code))
}

fn of_program(view: &StartView, code: u8) -> String {
    let early = view.ending() == Ending::ChildEnded;
    match code {
        3 if early => "the program's own; gunicorn: any worker that fails to boot; proves nothing by itself".to_owned(),
        0 => "the program's own".to_owned(),
        126 | 127 if early => "the program's own; a shell says so when what it runs cannot be".to_owned(),
        129..=159 if early => {
            let name = tminus_core::run::signal_name(code - 128);
            format!("the program's own; a shell says so when what it runs is ended by {name}")
        }
        _ if early => "the program's own; proves nothing by itself".to_owned(),
        _ => "the program's own".to_owned(),
    }
}

/// What a signal may mean; never who sent it, which a process cannot know.
fn by_signal(number: u8) -> &'static str {
    match number {
        9 => ": memory limit, or a kill by the platform; the number does not tell which",
        6 => ": it aborted itself",
        4 | 7 | 8 | 11 => ": it crashed",
        _ => "",
    }
}
