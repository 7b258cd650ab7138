//! `--doc`: doctests, which cargo builds and hands over to our runner.

use crate::app::runner;
use crate::app::runner_script::Script;
use crate::error::{Error, HostError};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::report::{OutputError, doctests_summary};
use crate::settings::Said;
use anstream::AutoStream;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::process::Stdio;
use tempfile::TempDir;

/// What was typed for doctests.
#[derive(Debug)]
pub(crate) struct Words {
    /// What their names contain.
    pub(crate) filters: Vec<String>,
    /// Arguments of the harness.
    pub(crate) of_harness: Vec<OsString>,
    /// The flags for the runner.
    pub(crate) of_runner: Vec<OsString>,
}

/// Has cargo execute doctests by our runner, with what was typed.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn execute(words: &Words, said: &Said, invocation: &Invocation) -> Result<End, Error> {
    let place = TempDir::with_prefix("isotest-doctests.").map_err(HostError::System)?;
    let account = place.path().join("account");
    let of_runner = words.of_runner.iter().map(OsString::as_os_str);
    let ours = [OsStr::new("--usage-json"), account.as_os_str()].into_iter();
    let script = Script { directory: &invocation.directory, words: ours.chain(of_runner).collect() };
    let script = script.write_into(place.path()).map_err(HostError::System)?;
    let cargo = invocation.variable("CARGO").unwrap_or(OsStr::new("cargo"));
    let mut command = invocation.command(cargo);
    command.args(["test", "--doc"]).args(said.cargo.arguments()).args(&words.filters);
    command.arg("--").args(&words.of_harness).stdin(Stdio::inherit());
    for library in ["GNU", "MUSL"] {
        let machine = std::env::consts::ARCH.to_uppercase();
        command.env(format!("CARGO_TARGET_{machine}_UNKNOWN_LINUX_{library}_RUNNER"), &script);
    }
    let status = command.status().map_err(HostError::System)?;
    let account = match fs::read_to_string(&account) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(HostError::System)?,
    };
    let mut stdout = AutoStream::new(io::stdout(), said.color.value);
    stdout.write_all(doctests_summary(&account).as_bytes()).map_err(OutputError::Stream)?;
    Ok(match runner::end(status) {
        // Cargo says the same of a build that failed; then nothing was executed.
        End::Command(101) if !account.is_empty() => End::Exit(Exit::TestsFailed),
        End::Command(101) => End::Exit(Exit::BuildFailed),
        end => end,
    })
}
