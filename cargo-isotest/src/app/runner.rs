//! `runner`: a program that cargo hands over, in a sandbox. Doctests get a sandbox each.

use crate::app::exec;
use crate::app::session::CommandSession;
use crate::error::{Error, HostError};
use crate::exit::End;
use crate::invocation::Invocation;
use crate::settings::{Command, Said};
use memchr::memmem;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
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
    exec::in_session(&session, command, invocation)
}

fn are_merged_doctests(program: &Path) -> bool {
    let is_so_called = program.file_name() == Some(OsStr::new(DOCTESTS));
    is_so_called
        && fs::read(program).is_ok_and(|bytes| memmem::find(&bytes, PROGRAM_OF_ONE.as_bytes()).is_some())
}

fn one_by_one(command: &Command, before: &[OsString], invocation: &Invocation) -> io::Result<End> {
    let place = TempDir::with_prefix("isotest-runner.")?;
    let script = place.path().join("one");
    let this = std::env::current_exe()?.into_os_string();
    let words = [this.as_os_str()].into_iter().chain(before.iter().map(OsString::as_os_str));
    fs::write(&script, script_of(words.chain([command.program.as_os_str()]))?)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700))?;
    let mut harness = invocation.command(&command.program);
    harness.args(&command.arguments).env(PROGRAM_OF_ONE, &script).stdin(Stdio::inherit());
    harness.status().map(end)
}

/// A shell script that executes these words and its own arguments.
fn script_of<'a>(words: impl Iterator<Item = &'a OsStr>) -> io::Result<Vec<u8>> {
    let quoted: Result<Vec<_>, _> = words.map(|word| shlex::bytes::try_quote(word.as_bytes())).collect();
    let quoted = quoted.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok([b"#!/bin/sh\nexec ".as_slice(), &quoted.join(b" ".as_slice()), b" \"$@\"\n"].concat())
}

fn end(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Command(u8::try_from(code).unwrap_or(u8::MAX)),
        None => End::Signal(status.signal().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_keeps_words_with_blanks_whole() {
        let words = ["/a b/cargo-isotest", "runner", "--bind=/it's"].map(OsStr::new);
        let script = script_of(words.into_iter()).unwrap();
        assert_eq!(
            String::from_utf8(script).unwrap(),
            "#!/bin/sh\nexec '/a b/cargo-isotest' runner \"--bind=/it's\" \"$@\"\n"
        );
    }

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
