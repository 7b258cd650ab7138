//! Exit codes and ends of the process.

use isotest_core::step::{Step, StepError};
use nix::libc;

/// Exit code of the process. An end without an exit code is by the signal that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Every executed test passed.
    Ok = 0,
    /// The command line is invalid, or the root that it names is unusable.
    Usage = 2,
    /// No test was selected, or the named attempt is not running.
    NoTests = 4,
    /// An internal error occurred, or output could not be written.
    Bug = 70,
    /// A filterset cannot be parsed, or names something that is not in the project.
    Filterset = 94,
    /// The configuration file cannot be read or is invalid, or its chosen profile is unknown.
    Configuration = 96,
    /// The host lacks a required capability.
    CannotIsolate = 97,
    /// An attempt has no verdict, because its sandbox could not be set up or was lost.
    NotIsolated = 98,
    /// Tests broke their budgets, and no test failed otherwise.
    OverBudget = 99,
    /// A test failed.
    TestsFailed = 100,
    /// The build failed.
    BuildFailed = 101,
    /// The metadata or configuration of cargo could not be read.
    Metadata = 102,
    /// A test binary could not be asked for its tests.
    Listing = 104,
    /// A setup script failed, and no test was executed.
    SetupFailed = 105,
    /// A command exceeded its time limit; same code as of timeout(1).
    TimedOut = 124,
    /// A command cannot be executed; same code as of a shell.
    NotExecutable = 126,
    /// A command does not exist; same code as of a shell.
    NotFound = 127,
}

impl Exit {
    /// Returns the exit code for a command that was not executed.
    pub(crate) const fn of_command(error: &StepError) -> Self {
        match (error.step, error.errno) {
            (Step::Exec, libc::ENOENT) => Self::NotFound,
            (Step::Exec, _) => Self::NotExecutable,
            _ => Self::NotIsolated,
        }
    }
}

/// End of the process: an exit code, or the signal that ended the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Exit code of this program.
    Exit(Exit),
    /// Exit status of a command.
    Command(u8),
    /// Signal, passed on to the parent process.
    Signal(i32),
    /// Signal that ended the run before it was finished.
    Interrupted(i32),
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}
