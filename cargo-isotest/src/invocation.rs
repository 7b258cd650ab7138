//! Environment and working directory of this invocation, with which cargo is started too.

use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::inherited_descriptors;
use isotest_core::reaper;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

/// Environment and working directory as values, so that no other module reads those of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Environment variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Absolute working directory.
    pub(crate) directory: PathBuf,
}

/// Error of a working directory that no longer exists.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell the current directory")]
pub(crate) struct NoDirectory(#[source] io::Error);

impl Failure for NoDirectory {
    fn end(&self) -> End {
        Exit::Metadata.into()
    }

    fn hint(&self) -> Option<String> {
        Some("change to a directory that exists".into())
    }
}

impl Invocation {
    /// Reads the environment and the working directory of this process.
    pub(crate) fn of_this_process() -> Result<Self, NoDirectory> {
        let directory = env::current_dir().map_err(NoDirectory)?;
        Ok(Self { environment: env::vars_os().collect(), directory })
    }

    /// Returns the value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// Returns the environment for a process in a sandbox, without mentions of descriptors that the process does not
    /// inherit.
    pub(crate) fn sandboxed_environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = self.environment.clone();
        inherited_descriptors::forget(&mut environment);
        environment
    }

    /// Resolves `path` against the working directory.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.directory.join(path).components().collect()
    }

    /// Creates a command with this environment and working directory, and with empty standard input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.given_to(Command::new(program))
    }

    /// Creates a command like [`command`](Self::command) for a query of a tool, without `RUST_MIN_STACK`, which is meant for
    /// tests: the compiler does not fit into a small stack.
    pub(crate) fn question(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command(program);
        command.env_remove("RUST_MIN_STACK");
        command
    }

    /// Creates a command like [`command`](Self::command), whose descendants are killed when this process ends.
    pub(crate) fn reaped_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.given_to(reaper::command(program))
    }

    fn given_to(&self, mut command: Command) -> Command {
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{is_as_kept, told};

    #[test]
    fn a_directory_that_is_gone_says_what_to_do() {
        is_as_kept("directory", told(NoDirectory(io::Error::from_raw_os_error(2))));
    }
}
