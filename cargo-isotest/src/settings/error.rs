//! Errors of settings.

use super::setting::{Origin, Setting};
use crate::cli::UnknownWord;
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::select::filterset::FiltersetError;
use isotest_core::policy::{Capability, Level, PolicyError};
use std::ffi::OsString;
use std::path::PathBuf;

/// Error of a setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// An argument after `--` is unsupported.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// A filterset cannot be parsed.
    #[error(transparent)]
    Filterset(#[from] FiltersetError),
    /// The policy is inconsistent.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A capability has two levels.
    #[error(
        "`{capability}` cannot be both `{}` ({}) and `{}` ({})",
        first.value, first.origin, second.value, second.origin
    )]
    TwoLevels {
        /// The capability.
        capability: Capability,
        /// What was said first.
        first: Setting<Level>,
        /// What was said then.
        second: Setting<Level>,
    },
    /// A duration of zero.
    #[error("{}: the time limit of a {whose} must be greater than 0", origin.written("0s"))]
    NoTime {
        /// Where it was said.
        origin: Origin,
        /// Who would have to be done in it.
        whose: &'static str,
    },
    /// `--hide-package` is given without `--root minimal`.
    #[error("`--hide-package` requires `--root minimal`")]
    HidesPackage,
    /// A swap limit is given without a memory limit.
    #[error("{} has no effect without a memory limit; add `--memory-limit`", origin.written(bytes))]
    SwapAlone {
        /// Where it was said.
        origin: Origin,
        /// The limit.
        bytes: u64,
    },
    /// The resource of an rlimit is unknown.
    #[error("{}: unknown resource `{name}`; known: {}", origin.written(name), known.join(", "))]
    NoSuchRlimit {
        /// Where it was said.
        origin: Origin,
        /// The name.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A capability is unknown.
    #[error("{}: unknown capability; known: {}", origin.written(name), known.join(", "))]
    NoSuchCapability {
        /// Where it was said.
        origin: Origin,
        /// The name.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// `--ignored` with `--include-ignored`, or either with another `--run-ignored`.
    #[error("`{first}` and `{second}` contradict each other")]
    Contradiction {
        /// What was said first.
        first: &'static str,
        /// What was said then.
        second: &'static str,
    },
    /// A path that is to be shown, kept or made `/`.
    #[error("{} does not exist", origin.written(path.display()))]
    NoSuchPath {
        /// Where it was said.
        origin: Origin,
        /// The path, absolute.
        path: PathBuf,
    },
    /// The value of an environment variable.
    #[error("the environment variable `{name}` is `{}`, which is not {expected}", value.display())]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: OsString,
        /// What it should be.
        expected: &'static str,
    },
}

impl Failure for SettingsError {
    fn end(&self) -> End {
        match self {
            Self::Filterset(error) => error.end(),
            _ => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Filterset(error) => return error.hint(),
            Self::TwoLevels { .. } => {
                "a limit requires the figure that it limits, and `--network` says what becomes of `net`"
            }
            _ => "`cargo isotest --help` names all flags",
        };
        Some(hint.into())
    }
}
