//! What is wrong with what was asked for.

use super::setting::{Origin, Setting};
use crate::cli::UnknownWord;
use isotest_core::policy::{Capability, Level, PolicyError};
use std::ffi::OsString;
use std::path::PathBuf;

/// What was asked for makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A word after `--`.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// A wish that cannot be granted.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Contradicting wishes.
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
    #[error("{} leaves no {whose} any time", origin.written("0s"))]
    NoTime {
        /// Where it was said.
        origin: Origin,
        /// Who would have to be done in it.
        whose: &'static str,
    },
    /// `--hide-package` where it is not shown for itself.
    #[error("`--hide-package` goes with `--root minimal` only")]
    HidesPackage,
    /// A limit on swap alone.
    #[error("{} limits nothing without a limit on memory; give `--memory-limit`, too", origin.written(bytes))]
    SwapAlone {
        /// Where it was said.
        origin: Origin,
        /// The limit.
        bytes: u64,
    },
    /// A name of no resource.
    #[error("{}: no limit is named `{name}`; there are {}", origin.written(name), known.join(", "))]
    NoSuchRlimit {
        /// Where it was said.
        origin: Origin,
        /// The name.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A name of no capability.
    #[error("{}: no capability is named so; there are {}", origin.written(name), known.join(", "))]
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
