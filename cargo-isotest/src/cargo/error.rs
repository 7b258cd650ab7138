//! Error type of cargo and rustc: the project cannot be read or built.

use crate::error::Failure;
use crate::exit::{End, Exit};
use isotest_core::step::shortage;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Error of cargo or rustc.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CargoError {
    /// A tool could not be started.
    #[error("cannot start `{}`", .program.display())]
    Start {
        /// Program.
        program: OsString,
        /// Stage for which the tool is needed.
        stage: Stage,
        /// Error of the system.
        source: io::Error,
    },
    /// A tool failed and said why on its standard error.
    #[error("{task} failed ({status}): {}", cause(.said))]
    Tool {
        /// Task of the tool.
        task: &'static str,
        /// Exit status.
        status: ExitStatus,
        /// Text on standard error.
        said: String,
    },
    /// The output of a tool is invalid.
    #[error("cannot parse the output of `{}`", .program.display())]
    Answer {
        /// Program.
        program: OsString,
        /// Stage for which the tool is needed.
        stage: Stage,
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A manifest or a file of cargo's configuration is invalid.
    #[error("cannot read {what}")]
    File {
        /// Kind of the file, with its path.
        what: String,
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The package of a test binary is missing from cargo's metadata.
    #[error("cargo built a test of `{0}` but its metadata does not name that package")]
    UnknownPackage(String),
    /// A test binary is not in the target directory of cargo's metadata.
    #[error("cargo built `{}` outside the target directory `{}`", .binary.display(), .target.display())]
    OutsideTarget {
        /// Test binary.
        binary: PathBuf,
        /// Target directory.
        target: PathBuf,
    },
    /// The build failed, for a reason that cargo has printed.
    #[error("the build failed ({0})")]
    Build(ExitStatus),
}

/// Stage for which a tool is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading the project.
    Metadata,
    /// Building its tests.
    Build,
}

impl Failure for CargoError {
    fn end(&self) -> End {
        let exit = match self {
            Self::Start { stage: Stage::Build, .. }
            | Self::Answer { stage: Stage::Build, .. }
            | Self::Build(_) => Exit::BuildFailed,
            Self::Start { stage: Stage::Metadata, .. }
            | Self::Answer { stage: Stage::Metadata, .. }
            | Self::Tool { .. }
            | Self::File { .. }
            | Self::UnknownPackage(_)
            | Self::OutsideTarget { .. } => Exit::Metadata,
        };
        exit.into()
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Start { program, source, .. } => Some(of_start(program, source)),
            Self::OutsideTarget { .. } => Some("name the target directory with --target-dir".into()),
            Self::Tool { .. }
            | Self::Answer { .. }
            | Self::File { .. }
            | Self::UnknownPackage(_)
            | Self::Build(_) => None,
        }
    }
}

/// Returns the message of a tool without the prefix `error`, which our own messages have too.
fn cause(said: &str) -> &str {
    let said = said.trim();
    said.strip_prefix("error: ").unwrap_or(said)
}

/// Returns the hint for a tool that could not be started.
fn of_start(program: &OsStr, source: &io::Error) -> String {
    if let Some(hint) = source.raw_os_error().and_then(shortage) {
        return hint.into();
    }
    let program = program.display();
    match source.kind() {
        io::ErrorKind::NotFound => {
            "install Rust with cargo, or name cargo in the environment variable CARGO".into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("check the permissions of `{program}` and of the directories above it")
        }
        _ => format!("check whether `{program} --version` runs in a shell"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::errors::{each_variant, is_as_kept};
    use nix::libc;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_tool_that_was_not_started_is_installed_only_if_it_is_not_there() {
        let hint = |errno| {
            let source = io::Error::from_raw_os_error(errno);
            CargoError::Start { program: "cargo".into(), stage: Stage::Build, source }.hint().unwrap()
        };
        assert!(hint(libc::ENOENT).contains("install Rust"));
        for (errno, says) in [
            (libc::EAGAIN, "ulimit -u"),
            (libc::EMFILE, "ulimit -n"),
            (libc::EACCES, "permissions of `cargo`"),
        ] {
            assert!(hint(errno).contains(says) && !hint(errno).contains("install"), "{}", hint(errno));
        }
    }

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let text = each_variant!(CargoError {
            CargoError::Start { .. } => [
                CargoError::Start { program: "cargo".into(), stage: Stage::Metadata, source: errno(libc::ENOENT) },
                CargoError::Start { program: "cargo".into(), stage: Stage::Build, source: errno(libc::EACCES) },
                CargoError::Start { program: "cargo".into(), stage: Stage::Build, source: errno(libc::EIO) },
            ],
            CargoError::Tool { .. } => [CargoError::Tool {
                task: "`cargo metadata`",
                status: ExitStatus::from_raw(101 << 8),
                said: "error: could not find `Cargo.toml`\n".to_owned(),
            }],
            CargoError::Answer { .. } => [
                CargoError::Answer { program: "cargo".into(), stage: Stage::Metadata, source: "no JSON".into() },
                CargoError::Answer { program: "cargo".into(), stage: Stage::Build, source: "no JSON".into() },
            ],
            CargoError::File { .. } =>
                [CargoError::File { what: "the manifest `Cargo.toml`".to_owned(), source: "expected `]`".into() }],
            CargoError::UnknownPackage(_) => [CargoError::UnknownPackage("tour".to_owned())],
            CargoError::OutsideTarget { .. } =>
                [CargoError::OutsideTarget { binary: "/b/tour".into(), target: "/w/target".into() }],
            CargoError::Build(_) => [CargoError::Build(ExitStatus::from_raw(101 << 8))],
        });
        is_as_kept("cargo", text);
    }
}
