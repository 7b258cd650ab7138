//! Output of the commands cargo and rustc.

use crate::error::{Error, Stage};
use std::ffi::OsString;
use std::process::{Command, Output};

/// Runs a command and returns its standard output.
///
/// # Errors
/// When the command cannot be started, fails, or writes something other than UTF-8.
pub(crate) fn answer(command: &mut Command, task: &'static str, stage: Stage) -> Result<String, Error> {
    let program: OsString = command.get_program().into();
    let started = command.output();
    let Output { status, stdout, stderr } =
        started.map_err(|source| Error::Start { program: program.clone(), stage, source })?;
    if !status.success() {
        return Err(Error::Tool { task, status, said: String::from_utf8_lossy(&stderr).into_owned() });
    }
    String::from_utf8(stdout).map_err(|error| Error::Answer { program, stage, source: error.into() })
}
