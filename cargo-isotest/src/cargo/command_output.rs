//! Output of the commands cargo and rustc.

use crate::cargo::error::{CargoError, Stage};
use std::process::{Command, Output};

/// Runs a command and returns its standard output.
///
/// # Errors
/// When the command cannot be started, fails, or writes something other than UTF-8.
pub(crate) fn answer(command: &mut Command, task: &'static str, stage: Stage) -> Result<String, CargoError> {
    let Output { stdout, .. } = output(command, task, stage)?;
    text(command, stdout, stage)
}

/// Runs a command and returns its standard error.
///
/// # Errors
/// When the command cannot be started, fails, or writes something other than UTF-8.
pub(crate) fn remarks(command: &mut Command, task: &'static str, stage: Stage) -> Result<String, CargoError> {
    let Output { stderr, .. } = output(command, task, stage)?;
    text(command, stderr, stage)
}

fn output(command: &mut Command, task: &'static str, stage: Stage) -> Result<Output, CargoError> {
    let output = command.output().map_err(|source| CargoError::Start {
        program: command.get_program().into(),
        stage,
        source,
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(CargoError::Tool { task, status: output.status, said });
    }
    Ok(output)
}

fn text(command: &Command, bytes: Vec<u8>, stage: Stage) -> Result<String, CargoError> {
    let program = command.get_program();
    String::from_utf8(bytes).map_err(|error| CargoError::Answer {
        program: program.into(),
        stage,
        source: error.into(),
    })
}
