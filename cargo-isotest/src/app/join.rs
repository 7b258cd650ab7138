//! `--join`: executes a command or a shell in the sandbox of a running attempt.

use crate::app::ps::{self, AttemptError};
use crate::app::{exec, prompt, shell};
use crate::error::Error;
use crate::exit::End;
use crate::invocation::Invocation;
use crate::report;
use crate::sandboxes::error::SandboxError;
use crate::settings::{Command, Settings};
use isotest_core::outcome::Outcome;
use isotest_core::plan::Workload;
use isotest_core::sandbox::Running;
use isotest_core::step::StepError;
use nix::libc;
use nix::unistd::geteuid;

/// Executes the command, or the shell, in the environment and the directory of the attempt's own process.
///
/// # Errors
/// When there is no such attempt, or its sandbox may not be entered, or it ends first.
pub(crate) fn execute(
    attempt: &str,
    command: Option<&Command>,
    settings: &Settings,
    invocation: &Invocation,
) -> Result<End, Error> {
    let ended = || AttemptError::Ended { wanted: attempt.to_owned() };
    let refused = |error: StepError| match error.errno {
        libc::ESRCH => Error::from(ended()),
        _ => SandboxError::Execute(error).into(),
    };
    let running = Running::open(ps::init_of(attempt)?).map_err(refused)?;
    if command.is_none() {
        let whose = format!("in the sandbox of {attempt}, which is running");
        exec::say(settings, &report::before_shell(&whose, None));
    }
    let record = exec::exec_in(workload(command, &running, invocation), settings, &running)?;
    match &record.outcome {
        Outcome::NotIsolated(_) | Outcome::Signaled { .. } if running.has_ended() => Err(ended().into()),
        _ => exec::end(&record, settings),
    }
}

fn workload(command: Option<&Command>, running: &Running, invocation: &Invocation) -> Workload {
    let (program, arguments) = match command {
        Some(Command { program, arguments, .. }) => (program.clone(), arguments.clone()),
        None => (shell::shell(invocation).into(), Vec::new()),
    };
    let mut environment = running.environment().to_vec();
    // The terminal is the caller's, not the test's.
    environment.retain(|(name, _)| name != "TERM");
    environment.extend(invocation.variable("TERM").map(|term| ("TERM".into(), term.to_owned())));
    let mut workload =
        Workload { program, arguments, environment, directory: running.directory().to_path_buf() };
    if command.is_none() {
        prompt::mark(&mut workload, geteuid().is_root());
    }
    workload
}
