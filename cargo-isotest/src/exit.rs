//! How the process ends.

use crate::error::{Error, Stage};
use crate::settings::SettingsError;
use crate::verdict::Effect;
use isotest_core::step::{Step, StepError};
use nix::libc;
use signal_hook::consts::SIGPIPE;
use std::io;

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
    /// This host cannot give what is required.
    CannotIsolate = 97,
    /// An attempt has no verdict, because its sandbox could not be set up or was lost.
    NotIsolated = 98,
    /// A test failed.
    TestsFailed = 100,
    /// The build failed.
    BuildFailed = 101,
    /// Cargo's metadata or configuration could not be had.
    Metadata = 102,
    /// A binary could not be asked for its tests.
    Listing = 104,
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

impl From<Effect> for Exit {
    /// The exit code of a run that was not stopped, whose gravest verdict had this effect.
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Passes => Self::Ok,
            Effect::Fails => Self::TestsFailed,
            Effect::Undecided => Self::NotIsolated,
        }
    }
}

impl From<&Error> for End {
    fn from(error: &Error) -> Self {
        match error {
            Error::Interrupted(signal) => Self::Interrupted(*signal),
            // A reader that has gone away ends us as it ends any program.
            Error::Output(source) if source.kind() == io::ErrorKind::BrokenPipe => Self::Signal(SIGPIPE),
            other => Self::Exit(Exit::from(other)),
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Interrupted(_) | Error::Unwritten { .. } | Error::Output(_) => Self::Bug,
            Error::Usage(SettingsError::Filterset(_)) | Error::Filterset(_) => Self::Filterset,
            Error::Usage(_)
            | Error::SeveralTests { .. }
            | Error::Closure { .. }
            | Error::Root { .. }
            | Error::ManyAttempts { .. } => Self::Usage,
            Error::Start { stage: Stage::Build, .. }
            | Error::Answer { stage: Stage::Build, .. }
            | Error::Build(_) => Self::BuildFailed,
            Error::NoDirectory(_)
            | Error::Start { stage: Stage::Metadata, .. }
            | Error::Answer { stage: Stage::Metadata, .. }
            | Error::Tool { .. }
            | Error::File { .. }
            | Error::UnknownPackage(_)
            | Error::OutsideTarget { .. } => Self::Metadata,
            Error::Listing { .. } | Error::CannotRun(_) => Self::Listing,
            Error::NoTests { .. }
            | Error::NoAttempt { .. }
            | Error::NotOurs { .. }
            | Error::AttemptEnded { .. } => Self::NoTests,
            Error::CannotIsolate { .. }
            | Error::CannotLimit { .. }
            | Error::Host(_)
            | Error::NoPlace { .. }
            | Error::Thread { .. }
            | Error::TooFewFiles { .. }
            | Error::Sandbox { .. } => Self::CannotIsolate,
            Error::Execute(error) => Self::of_command(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_verdict_is_graver_than_a_failed_one() {
        let codes = Effect::ALL.map(|effect| Exit::from(effect) as u8);
        assert_eq!(codes, [0, 100, 98]);
        assert_eq!(Effect::ALL.into_iter().max(), Some(Effect::Undecided));
    }
}
