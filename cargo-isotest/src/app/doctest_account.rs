//! File in which the runners of doctests report to their caller: a line with figures for each executed doctest, and a
//! line for each that could not be executed.

use crate::error::{Error, Failure};
use crate::exit::{End, Exit};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Doctest that could not be executed.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub(super) struct NotExecuted {
    /// Reason, as the runner told it.
    #[serde(rename = "not_executed")]
    message: String,
    hint: Option<String>,
    exit: u8,
}

impl Failure for NotExecuted {
    fn end(&self) -> End {
        End::Command(self.exit)
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Adds the reason why a doctest was not executed.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn note(path: &Path, error: &Error) -> io::Result<()> {
    let exit = match error.end() {
        End::Exit(exit) => exit as u8,
        End::Command(status) => status,
        End::Signal(_) | End::Interrupted(_) => Exit::Bug as u8,
    };
    let line = serde_json::to_string(&NotExecuted { message: error.chain(), hint: error.hint(), exit })?;
    File::options().append(true).create(true).open(path)?.write_all(format!("{line}\n").as_bytes())
}

/// Returns the first doctest that was not executed.
pub(super) fn not_executed(account: &str) -> Option<NotExecuted> {
    account.lines().find_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HostError;

    #[test]
    fn the_first_that_was_not_executed_is_found_among_the_others() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("account");
        std::fs::write(&path, "{\"type\":\"command-finished\",\"exit_code\":0}\n").unwrap();
        assert!(not_executed(&std::fs::read_to_string(&path).unwrap()).is_none());
        let error = HostError::System(io::Error::from_raw_os_error(1)).into();
        note(&path, &error).unwrap();
        let found = not_executed(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((found.to_string(), found.end()), (error.chain(), End::Command(97)));
    }
}
