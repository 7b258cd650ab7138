//! `cargo isotest`: every test of a cargo project in its own sandbox.
#![forbid(unsafe_code)]

mod app;
mod cargo;
mod cli;
mod error;
mod exit;
mod harness;
mod invocation;
mod registry;
mod remedy;
mod report;
mod sandboxes;
mod schedule;
mod select;
mod settings;
mod testcase;
#[cfg(test)]
mod testing;
mod text;

use app::{closure, doctor, exec, explain, join, ps, run, shell};
use cargo::build;
use cli::Cli;
use error::Error;
use exit::{End, Exit};
use invocation::Caller;
use schedule::interrupt;
use settings::{Settings, Task};
use signal_hook::consts::SIGPIPE;
use std::io::Write;
use std::panic::{UnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    isotest_core::stage::enter();
    take(or_bug(|| match Cli::read(std::env::args_os()) {
        Ok(cli) => run(cli).unwrap_or_else(|error| {
            let end = End::from(&error);
            // Whoever has gone away from our output does not want to hear of it.
            if end != End::Signal(SIGPIPE) {
                tell(&error);
            }
            end
        }),
        Err(error) => {
            // Help and version are errors to clap, too; where they cannot be written there is nobody to tell.
            let _ = error.print();
            End::Exit(if error.use_stderr() { Exit::Usage } else { Exit::Ok })
        }
    }))
}

/// A panic has said where it happened, but by itself it would end with the code of a build that failed.
fn or_bug(work: impl FnOnce() -> End + UnwindSafe) -> End {
    catch_unwind(work).unwrap_or_else(|_| {
        let mut stderr = anstream::stderr();
        // Where standard error is closed there is nobody to tell.
        let _ =
            writeln!(stderr, "{}error{}: cargo-isotest has a bug, see above", error::STYLE, anstyle::Reset);
        let hint =
            "please report it to those who maintain cargo-isotest, with these lines and the command line";
        let _ = writeln!(stderr, " {}hint{}: {hint}", error::HINT_STYLE, anstyle::Reset);
        End::Exit(Exit::Bug)
    })
}

fn run(cli: Cli) -> Result<End, Error> {
    let caller = Caller::of_this_process().map_err(Error::NoDirectory)?;
    let settings = Settings::of(cli, &caller)?;
    match &settings.task {
        Task::Execute | Task::List => {
            let build = build::Build::of(&settings.cargo, &caller)?;
            run::execute(&settings, &build, &caller)
        }
        Task::Exec(command) => exec::execute(command, &settings, &caller),
        Task::Doctor => doctor::execute(&settings, &caller),
        Task::Shell { of_test } => shell::execute(*of_test, &settings, &caller),
        Task::Join { attempt, command } => join::execute(attempt, command.as_ref(), &settings, &caller),
        Task::Explain(command) => explain::execute(command.as_ref(), &settings, &caller),
        Task::Closure(program) => closure::show(program, settings.message_format, &caller),
        Task::Ps(args) => ps::show(args, settings.message_format),
    }
}

fn take(end: End) -> ExitCode {
    match end {
        End::Exit(exit) => ExitCode::from(exit as u8),
        End::Command(status) => ExitCode::from(status),
        End::Signal(signal) => {
            interrupt::end_by(signal);
            // Still here: the signal is blocked, and a shell would say it so.
            ExitCode::from(128_u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)))
        }
    }
}

fn tell(error: &Error) {
    let mut stderr = anstream::stderr();
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(stderr, "{}error{}: {}", error::STYLE, anstyle::Reset, error.chain());
    if let Error::CannotIsolate { remedies, .. } | Error::CannotLimit { remedies, .. } = error {
        let _ = write!(stderr, "{}", doctor::remedies(remedies));
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(stderr, " {}hint{}: {hint}", error::HINT_STYLE, anstyle::Reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    #[test]
    fn a_panic_is_a_bug_and_no_failed_build() {
        assert_eq!(or_bug(|| resume_unwind(Box::new("a bug"))), End::Exit(Exit::Bug));
        assert_eq!(or_bug(|| End::Command(3)), End::Command(3));
    }
}
