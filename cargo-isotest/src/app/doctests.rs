//! `--doc`: makes cargo build doctests and execute them with our runner.

use crate::app::doctest_account;
use crate::app::runner;
use crate::app::runner_script::{Place, Script};
use crate::app::warning::{Warning, warn};
use crate::cargo::build::Workspace;
use crate::cargo::platform;
use crate::error::{Error, HostError};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::{OutputError, doctests_summary};
use crate::settings::Said;
use anstream::AutoStream;
use isotest_core::reaper::Reaped;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Arguments of the command line for doctests.
#[derive(Debug)]
pub(crate) struct Words {
    /// Filters, parts of the doctests' names.
    pub(crate) filters: Vec<String>,
    /// Arguments of the harness.
    pub(crate) of_harness: Vec<OsString>,
    /// Flags for the runner.
    pub(crate) of_runner: Vec<OsString>,
}

/// Makes cargo execute doctests with our runner and the arguments.
///
/// # Errors
/// When there is no project, its configuration is invalid, cargo cannot be started, or a doctest could not be executed.
pub(crate) fn execute(words: &Words, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let workspace = Workspace::read(&said.cargo, invocation)?;
    let (typed, color) = (said.cargo.clone(), said.color.value);
    // The runners read it again, but nobody would see what they say of it.
    said.settings_in(Some(workspace.root()), invocation, |cargo| platform::machine(cargo, invocation))?;
    let place = Place::new().map_err(HostError::System)?;
    let account = place.path().join("account");
    let of_runner = words.of_runner.iter().map(OsString::as_os_str);
    let ours = [OsStr::new("--usage-json"), account.as_os_str()].into_iter();
    let script = Script { directory: &invocation.directory, words: ours.chain(of_runner).collect() };
    let script = script.write_into(place.path()).map_err(HostError::System)?;
    let cargo = invocation.variable("CARGO").unwrap_or(OsStr::new("cargo"));
    let mut command = invocation.reaped_command(cargo);
    command.args(["test", "--doc", "--no-fail-fast"]).args(typed.arguments());
    command.arg("--").args(&words.filters).args(&words.of_harness);
    for (target, runner) in workspace.configured(&typed)?.runners() {
        if let Some(runner) = runner.first().filter(|runner| !is_ours(runner)) {
            let runner = runner.display().to_string();
            warn(Warning::OtherRunner { target: target.clone(), runner });
        }
        command.env(variable_of_runner(&target), &script);
    }
    let status = Reaped::start(command).and_then(Reaped::wait).map_err(HostError::System)?;
    let account = match fs::read_to_string(&account) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(HostError::System)?,
    };
    if let Some(failure) = doctest_account::not_executed(&account) {
        return Err(failure.into());
    }
    let mut stdout = AutoStream::new(io::stdout(), color);
    stdout.write_all(doctests_summary(&account).as_bytes()).map_err(OutputError::Stream)?;
    Ok(match runner::end(status) {
        // Cargo says the same of a build that failed; then nothing was executed.
        End::Command(101) if !account.is_empty() => End::Exit(Exit::TestsFailed),
        End::Command(101) => End::Exit(Exit::BuildFailed),
        end => end,
    })
}

/// Returns whether a configured runner is this program.
fn is_ours(runner: &OsStr) -> bool {
    Path::new(runner).file_name() == Some(OsStr::new("cargo-isotest"))
}

/// Returns the name of the environment variable that tells cargo the runner of a target.
fn variable_of_runner(target: &str) -> String {
    format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace(['-', '.'], "_"))
}
