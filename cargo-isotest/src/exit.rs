//! How the process ends.

use isotest_core::step::{Step, StepError};
use nix::libc;

/// The exit codes. What has no code of its own ends by the signal that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Every test that was executed passed.
    Ok = 0,
    /// The command line makes no sense, or the root it names is none.
    Usage = 2,
    /// There was no test to execute, or no such attempt.
    NoTests = 4,
    /// A bug of ours, or what was to be written could not be.
    Bug = 70,
    /// A filterset cannot be parsed, or names what is not in the project.
    Filterset = 94,
    /// The configuration file cannot be read or is invalid, or the profile chosen of it is unknown.
    Configuration = 96,
    /// This host cannot give what is required.
    CannotIsolate = 97,
    /// An attempt has no verdict, because its sandbox could not be set up or was lost.
    NotIsolated = 98,
    /// Tests broke their budgets, and no test failed otherwise.
    OverBudget = 99,
    /// A test failed.
    TestsFailed = 100,
    /// The build failed.
    BuildFailed = 101,
    /// Cargo's metadata or configuration could not be had.
    Metadata = 102,
    /// A binary could not be asked for its tests.
    Listing = 104,
    /// A setup script failed, and no test was executed.
    SetupFailed = 105,
    /// A command's time ran out; as timeout(1) says it.
    TimedOut = 124,
    /// A command cannot be executed; as a shell says it.
    NotExecutable = 126,
    /// There is no such command; as a shell says it.
    NotFound = 127,
}

impl Exit {
    /// Of a command that was not executed.
    pub(crate) const fn of_command(error: &StepError) -> Self {
        match (error.step, error.errno) {
            (Step::Exec, libc::ENOENT) => Self::NotFound,
            (Step::Exec, _) => Self::NotExecutable,
            _ => Self::NotIsolated,
        }
    }
}

/// The end of the process: an exit code, or the signal that ended the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// An exit code.
    Exit(Exit),
    /// The exit status of a command.
    Command(u8),
    /// A signal, passed on to whoever waits for this process.
    Signal(i32),
    /// A signal that ended the run before it was finished.
    Interrupted(i32),
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}
