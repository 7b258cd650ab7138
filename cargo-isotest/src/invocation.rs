//! The environment and the directory in which we were called, and in which cargo is called in turn.

use isotest_core::reaper;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

/// Environment and directory, as values, so that nothing below reads the process's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// All variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The working directory, absolute.
    pub(crate) directory: PathBuf,
}

impl Caller {
    /// Those of this process.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Ok(Self { environment: env::vars_os().collect(), directory: env::current_dir()? })
    }

    /// The value of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The path as seen from the directory.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.directory.join(path).components().collect()
    }

    /// A command that is given this environment and directory, and no input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.given_to(Command::new(program))
    }

    /// The same for a question of ours, which must not end by what is meant for the tests: the compiler does not fit into every
    /// stack that they do.
    pub(crate) fn question(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command(program);
        command.env_remove("RUST_MIN_STACK");
        command
    }

    /// A command that is given all of it, and of which nothing outlives us.
    pub(crate) fn reaped_command(&self, program: impl AsRef<OsStr>) -> Command {
        self.given_to(reaper::command(program))
    }

    fn given_to(&self, mut command: Command) -> Command {
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }
}
