//! `runner`: executes a program that cargo hands over, in a sandbox. Doctests get a sandbox each.
//!
//! Where rustdoc puts doctests into one program (edition 2024), its harness executes that program once more for each of them.
//! The harness is executed outside, and has each executed by another call of this runner. What of the program runs outside are
//! the harness and what libraries have executed before `main`.

use crate::app::doctest_account;
use crate::app::exec::{self, UsageFile};
use crate::app::runner_script::{Place, Script};
use crate::app::session::CommandSession;
use crate::error::{Error, HostError};
use crate::exit::{End, Exit};
use crate::invocation::Invocation;
use crate::settings::{Command, Said};
use isotest_core::reaper::Reaped;
use memchr::memmem;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

/// Name of the file in which rustdoc puts a doctest, or all of a crate that it could merge (edition 2024).
const DOCTESTS: &str = "rust_out";
/// Prefix of the name of the source of merged doctests.
const SOURCE: &str = "doctest_bundle_";
/// Variable with the program that merged doctests execute for each of them. Rustdoc sets it only where there is no
/// runner; without it all are executed in one process, and one that ends the process hides the results of the others.
const PROGRAM_OF_ONE: &str = "RUSTDOC_DOCTEST_BIN_PATH";
/// Variable with the number of the doctest that the program is to execute.
const NUMBER_OF_ONE: &str = "RUSTDOC_DOCTEST_RUN_NB_TEST";

/// Executes the program in a sandbox. Merged doctests are executed one by one, by a harness outside that executes
/// nothing else.
///
/// # Errors
/// When the program cannot be executed.
pub(crate) fn execute(
    command: &Command,
    before: &[OsString],
    said: Said,
    invocation: &Invocation,
) -> Result<End, Error> {
    let done = if invocation.variable(NUMBER_OF_ONE).is_none() && are_merged_doctests(&command.program) {
        one_by_one(command, before, invocation).map_err(|error| HostError::System(error).into())
    } else {
        in_sandbox(command, said, invocation)
    };
    if let (Err(error), Some(account)) = (&done, &command.usage_json) {
        // The caller reports the error even if it cannot be noted.
        let _ = doctest_account::note(account, error);
    }
    done
}

fn in_sandbox(command: &Command, said: Said, invocation: &Invocation) -> Result<End, Error> {
    let mut session = CommandSession::open(said, invocation)?;
    // Rustdoc keeps doctests in a temporary directory of its own, which tests do not see otherwise.
    if let Some(directory) = command.program.parent().filter(|directory| directory.is_absolute()) {
        session.show(directory);
    }
    let usage = command.usage_json.as_deref().map(UsageFile::append).transpose()?;
    let end = exec::in_session(&session, command, usage, invocation)?;
    if end == End::Exit(Exit::TimedOut) {
        // A closed standard error is no reason to fail.
        let _ = writeln!(anstream::stderr(), "the time of the program is over: it was killed");
    }
    Ok(end)
}

/// Returns whether rustdoc made the program of several doctests: their source lies beside it, and it knows the
/// variable.
fn are_merged_doctests(program: &Path) -> bool {
    if program.file_name() != Some(OsStr::new(DOCTESTS)) {
        return false;
    }
    let directory = program.parent().and_then(|directory| fs::read_dir(directory).ok());
    let mut siblings = directory.into_iter().flatten().flatten().map(|entry| entry.file_name());
    let has_source = siblings.any(|name| name.to_string_lossy().starts_with(SOURCE));
    has_source
        && fs::read(program).is_ok_and(|bytes| memmem::find(&bytes, PROGRAM_OF_ONE.as_bytes()).is_some())
}

fn one_by_one(command: &Command, before: &[OsString], invocation: &Invocation) -> io::Result<End> {
    let place = Place::new()?;
    let words = before.iter().skip(1).map(OsString::as_os_str).chain([command.program.as_os_str()]);
    let script =
        Script { directory: &invocation.directory, words: words.collect() }.write_into(place.path())?;
    let mut harness = invocation.reaped_command(&command.program);
    if let Some(directory) = &command.directory {
        harness.current_dir(directory);
    }
    harness.args(&command.arguments).env(PROGRAM_OF_ONE, &script);
    Reaped::start(harness)?.wait().map(end)
}

/// Turns the exit status of a process into the end of this one.
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
    fn only_what_rustdoc_made_of_several_is_taken_for_doctests() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let known = "..RUSTDOC_DOCTEST_BIN_PATH..";
        assert!(!are_merged_doctests(&file(DOCTESTS, known)), "one that names the variable");
        file("doctest_bundle_2024.rs", "");
        assert!(are_merged_doctests(&file(DOCTESTS, known)));
        assert!(!are_merged_doctests(&file("other", known)));
        assert!(!are_merged_doctests(&file(DOCTESTS, "a doctest alone")));
    }
}
