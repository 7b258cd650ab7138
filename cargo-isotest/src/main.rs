//! `cargo isotest`: every test of a cargo project in its own sandbox.
//!
//! # Layers
//!
//! This file enters, has the command line read, and hands over to a module of `app`. A module names only modules of
//! lower layers, and files do not name each other in a circle; the workspace's `tidy` test holds the sources against
//! this block.
//!
//! ```text
//! layers, each naming only those below it
//! 11 app
//! 10 report
//! 9 archive schedule
//! 8 sandboxes harness
//! 7 cargo
//! 6 verdict
//! 5 settings
//! 4 select update
//! 3 testcase cli evidence invocation registry
//! 2 baseline budget error history known_crates remark values
//! 1 exit inherited_descriptors pages phases remedy text threads
//! ```
//!
//! - `app` has a module for each subcommand. Only `app` puts the others together: a subcommand is the one place that
//!   knows cargo, sandboxes, schedule and reports at once.
//! - `report` turns events into text and JSON. It knows neither how attempts are executed nor in what order, only the
//!   [events](schedule::events) of a run.
//! - `archive` puts what was built into a file, and what was in it back to its paths. It knows nothing of schedules, and does not
//!   execute what it unpacks.
//! - `schedule` executes attempts in the slots of a run and tells a reporter. It knows no output format, no subcommand
//!   and nothing of cargo.
//! - `sandboxes` makes the core's templates out of settings and project. It knows nothing of test harnesses, slots or
//!   reports.
//! - `harness` knows how a test binary is asked for its tests and for one of them. It knows neither what executes the
//!   question nor in what.
//! - `cargo` asks cargo what a project is, builds it, and works out what `cargo test` would give its tests. It knows
//!   nothing of sandboxes.
//! - `verdict` alone judges: it makes verdicts of the core's outcomes, and holds them to budgets; summary, reports and exit
//!   code follow. It knows no report and nothing of other tests.
//! - `settings` is what holds and where each value came from, `select` which tests are meant, `cli` what was typed. None
//!   of them asks the host or cargo. `cli` knows no default, no environment and nothing of `isotest_core`: `settings`
//!   turns its words into the core's types.
//! - `budget` knows which limits hold for a test and what was used beside them. It knows neither what follows for the test
//!   nor how it is shown.
//! - `baseline` keeps memory peaks that later runs are compared with. It knows tests by their names only, and not what follows for
//!   them.
//! - `registry` tells other processes which attempts are running. It knows tests by their names only.
//! - `update` knows the tools by which tests update their sources, and how these are asked to.
//! - `history` keeps what became of tests in earlier runs. It knows tests by their names only, and nobody who reads it; no
//!   verdict depends on it.
//! - `evidence` keeps what tests left by which tools tell of failures, and copies it into the workspace. It knows tests by
//!   their names only, and not how files leave a sandbox.
//! - `known_crates` knows crates that tests depend on by their names, and no project.
//! - `remark` has the texts of what a run tells of itself at its start, and knows nobody who decides or shows it.
//! - `values` knows how what is said both on the command line and in files is written, and what it means by itself.
//! - `pages` are the texts of the manual, and know nobody who shows them.
//! - `phases` keeps how long what took. It knows nobody whose time it is, and only one table depends on it.
//! - `remedy`, `testcase`, `invocation`, `inherited_descriptors` and `text` know nothing of each other but text.
//! - `error` says what the errors of all areas have in common: message, end of the process, hint. It knows no area: each has
//!   its errors in a file of its own, such as `cargo/error.rs`. `exit` names the exit codes and knows nobody who uses them.
#![forbid(unsafe_code)]

mod app;
mod archive;
mod baseline;
mod budget;
mod cargo;
mod cli;
mod error;
mod evidence;
mod exit;
mod harness;
mod history;
mod inherited_descriptors;
mod invocation;
mod known_crates;
mod pages;
mod phases;
mod registry;
mod remark;
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
mod threads;
mod update;
mod values;
mod verdict;

use app::error_text::error_text;
use app::warning::warn;
use app::{
    closure, convert, debug, doctests, doctor, exec, explain, fit, help, init, join, json_schema, ps, run,
    runner, shell, show_config,
};
use cli::{Cli, ReportArgs};
use error::Error;
use exit::{End, Exit};
use invocation::Invocation;
use isotest_core::policy::Capability;
use schedule::interrupt;
use settings::{Said, Task};
use signal_hook::consts::SIGPIPE;
use std::io::Write;
use std::panic::{UnwindSafe, catch_unwind};
use std::process::ExitCode;
use text::style;

fn main() -> ExitCode {
    isotest_core::stage::enter();
    let end = or_bug(|| match Cli::read(std::env::args_os(), &Capability::ALL.map(Capability::as_str)) {
        Ok(cli) => run(cli).unwrap_or_else(|error| {
            let end = error.end();
            // A reader that has closed our output needs no error message about it.
            if end != End::Signal(SIGPIPE) {
                tell(&error);
            }
            end
        }),
        Err(error) => {
            // Help and version are errors to clap, too; where they cannot be written there is nobody to tell.
            if error.use_stderr() {
                let _ = write!(anstream::stderr(), "{}", cli::told(&error));
                return End::Exit(Exit::Usage);
            }
            let _ = error.print();
            End::Exit(Exit::Ok)
        }
    });
    if let Some(table) = phases::take_table() {
        // A closed standard error is no reason to fail.
        let _ = anstream::stderr().write_all(table.as_bytes());
    }
    take(end)
}

/// Turns a panic, whose exit code would be that of a failed build, into the exit code of an internal error.
fn or_bug(work: impl FnOnce() -> End + UnwindSafe) -> End {
    catch_unwind(work).unwrap_or_else(|_| {
        let mut stderr = anstream::stderr();
        // A closed standard error is no reason to fail.
        let _ = writeln!(
            stderr,
            "{}error{}: internal error: cargo-isotest panicked, see above",
            style::ERROR,
            anstyle::Reset
        );
        let hint = "this is a bug: please report it with the lines above and the command line";
        let _ = writeln!(stderr, " {}hint{}: {hint}", style::HINT, anstyle::Reset);
        End::Exit(Exit::Bug)
    })
}

fn run(cli: Cli) -> Result<End, Error> {
    let invocation = Invocation::of_this_process()?;
    if cli.flags.course.self_profile {
        phases::keep();
    }
    phases::begin("command line");
    let said = Said::read(cli, &invocation)?;
    said.color.value.write_global();
    // The runner prints no warnings, as cargo calls it once for each program.
    if !matches!(said.task, Task::Runner { .. }) {
        said.warnings.iter().for_each(warn);
    }
    match said.task.clone() {
        Task::Execute | Task::List | Task::Archive(_) | Task::Budgets(_) => run::execute(said, &invocation),
        Task::Exec(command) => exec::execute(&command, said, &invocation),
        Task::Doctests { filters, of_harness, of_runner } => {
            let words = doctests::Words { filters, of_harness, of_runner };
            doctests::execute(&words, said, &invocation)
        }
        Task::Runner { command, before } => runner::execute(&command, &before, said, &invocation),
        Task::Doctor(args) => doctor::execute(&args, said, &invocation),
        Task::Debug(tool) => debug::execute(&tool, said, &invocation),
        Task::Shell { of_test } => shell::execute(of_test, said, &invocation),
        Task::Join { attempt, command } => {
            join::execute(&attempt, command.as_ref(), &said.settings()?, &invocation)
        }
        Task::Explain(command) => explain::execute(command.as_ref(), said, &invocation),
        Task::ShowConfig { of_test } => show_config::execute(of_test, said, &invocation),
        Task::ShowSchema => show_config::schema(),
        Task::Closure(program) => {
            closure::show(&program, said.settings()?.message_format.value.into(), &invocation)
        }
        Task::Init(args) => init::execute(&args, &said, &invocation),
        Task::Evidence(args) => app::evidence::execute(&args, said, &invocation),
        Task::Report(ReportArgs { schema: true, .. }) => json_schema::show(),
        Task::Report(args) => convert::convert(&args, &invocation),
        Task::Fit(args) => fit::show(&args, said.settings()?.message_format.value.into(), &invocation),
        Task::Ps(args) => ps::show(&args, said.settings()?.message_format.value.into()),
        Task::Help(args) => help::show(&args),
        Task::Man(args) => help::man(args.subcommand),
        Task::Completions(args) => help::completions(args.shell),
    }
}

fn take(end: End) -> ExitCode {
    match end {
        End::Exit(exit) => ExitCode::from(exit as u8),
        End::Command(status) => ExitCode::from(status),
        End::Interrupted(signal) if let Some(status) = interrupt::status(signal) => ExitCode::from(status),
        End::Signal(signal) | End::Interrupted(signal) => {
            interrupt::end_by(signal);
            // Still here: the signal is blocked, and a shell would say it so.
            ExitCode::from(128_u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)))
        }
    }
}

fn tell(error: &Error) {
    // A closed standard error is no reason to fail.
    let _ = anstream::stderr().write_all(error_text(error).as_bytes());
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
