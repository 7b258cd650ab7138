//! `runner`: a program that cargo hands over, in a sandbox. Doctests get a sandbox each.

use crate::app::exec::{self, UsageFile};
use crate::app::runner_script::Script;
use crate::app::session::CommandSession;
use crate::error::{Error, HostError};
use crate::exit::End;
use crate::invocation::Invocation;
use crate::settings::{Command, Said};
use memchr::memmem;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;

/// The file in which rustdoc puts a doctest, or all of a crate that it could merge (edition 2024).
const DOCTESTS: &str = "rust_out";
/// Which program merged doctests execute for each of them. Rustdoc sets it only where there is no runner; without it all
/// are executed in one process, and one that ends it hides what the others would have said.
const PROGRAM_OF_ONE: &str = "RUSTDOC_DOCTEST_BIN_PATH";
/// Which of them that program is to execute.
const NUMBER_OF_ONE: &str = "RUSTDOC_DOCTEST_RUN_NB_TEST";

/// Executes it in a sandbox. Merged doctests are executed one by one, by a harness outside that executes nothing else.
///
/// # Errors
/// What keeps it from being executed.
pub(crate) fn execute(
    command: &Command,
    before: &[OsString],
    said: Said,
    invocation: &Invocation,
) -> Result<End, Error> {
    if invocation.variable(NUMBER_OF_ONE).is_none() && are_merged_doctests(&command.program) {
        return Ok(one_by_one(command, before, invocation).map_err(HostError::System)?);
    }
    let mut session = CommandSession::open(said, invocation)?;
    // Rustdoc keeps doctests in a temporary directory of its own, which tests do not see otherwise.
    if let Some(directory) = command.program.parent().filter(|directory| directory.is_absolute()) {
        session.show(directory);
    }
    let usage = command.usage_json.as_deref().map(UsageFile::append).transpose()?;
    exec::in_session(&session, command, usage, invocation)
}

fn are_merged_doctests(program: &Path) -> bool {
    let is_so_called = program.file_name() == Some(OsStr::new(DOCTESTS));
    is_so_called
        && fs::read(program).is_ok_and(|bytes| memmem::find(&bytes, PROGRAM_OF_ONE.as_bytes()).is_some())
}

fn one_by_one(command: &Command, before: &[OsString], invocation: &Invocation) -> io::Result<End> {
    let place = TempDir::with_prefix("isotest-runner.")?;
    let words = before.iter().skip(1).map(OsString::as_os_str).chain([command.program.as_os_str()]);
    let script =
        Script { directory: &invocation.directory, words: words.collect() }.write_into(place.path())?;
    let mut harness = invocation.command(&command.program);
    if let Some(directory) = &command.directory {
        harness.current_dir(directory);
    }
    harness.args(&command.arguments).env(PROGRAM_OF_ONE, &script).stdin(Stdio::inherit());
    harness.status().map(end)
}

/// How we end when a process did not fail in our hands.
pub(super) fn end(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Command(u8::try_from(code).unwrap_or(u8::MAX)),
        None => End::Signal(status.signal().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rustdoc_made_is_taken_for_doctests() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        assert!(are_merged_doctests(&file(DOCTESTS, "..RUSTDOC_DOCTEST_BIN_PATH..")));
        assert!(!are_merged_doctests(&file("other", "..RUSTDOC_DOCTEST_BIN_PATH..")));
        assert!(!are_merged_doctests(&file(DOCTESTS, "a doctest alone")));
    }
}
