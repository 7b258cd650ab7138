//! Error types of archives.

use crate::cargo::nextest_archive::DescriptionError;
use crate::error::Failure;
use crate::exit::{End, Exit};
use crate::sandboxes::roots::UnpackError;
use isotest_core::sandbox::ShowError;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Error of an archive of tests.
#[derive(Debug, thiserror::Error)]
#[error("`{}`", path.display())]
pub(crate) struct AtArchive {
    /// Path of the archive.
    pub(super) path: PathBuf,
    /// Cause of the error.
    #[source]
    pub(super) why: ArchiveError,
}

/// Cause of an error of an archive of tests.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The file cannot be opened or read.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// The file cannot be written.
    #[error("the archive cannot be written")]
    Write(#[source] io::Error),
    /// A file that belongs into the archive cannot be read.
    #[error("`{}` cannot be put into the archive", path.display())]
    Content {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A path or a variable is not UTF-8.
    #[error("`{}` is not UTF-8, and cannot be put into an archive", text.display())]
    NoText {
        /// Path or variable.
        text: OsString,
    },
    /// The archive ends early.
    #[error("the archive is truncated: its end is missing")]
    Truncated,
    /// The digest of the archive does not match its content.
    #[error("the archive is damaged: its digest is {found}, not {expected}")]
    Damaged {
        /// Digest of the content.
        found: String,
        /// Digest at the end of the archive.
        expected: String,
    },
    /// The file is an archive neither of `cargo isotest archive` nor of `cargo nextest archive`.
    #[error("this is no archive of `cargo isotest archive`, nor of `cargo nextest archive`")]
    Other,
    /// The build in an archive of nextest cannot be used.
    #[error("the archive of cargo nextest has nothing that can be executed here")]
    Nextest(#[from] DescriptionError),
    /// The manifest cannot be parsed.
    #[error("the archive does not say what is in it")]
    Manifest(#[source] serde_json::Error),
    /// A later version of the program wrote the archive.
    #[error("the archive was written by cargo-isotest {version}, which this version does not understand")]
    Later {
        /// Version of the program that wrote the archive.
        version: String,
    },
    /// The tests are for another architecture.
    #[error("the tests of the archive are built for {architecture}, and this machine is {here}")]
    Foreign {
        /// Architecture of the tests.
        architecture: String,
        /// Architecture of this machine.
        here: &'static str,
    },
    /// The archive cannot be unpacked.
    #[error("the archive cannot be unpacked")]
    Unpack(#[source] UnpackError),
    /// The host cannot store the unpacked archive.
    #[error("the archive cannot be unpacked into `{}`", directory.display())]
    NoPlace {
        /// Directory for temporary files.
        directory: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// The directories cannot be shown at their paths.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// The command line has arguments for cargo, which does not build the tests of an archive.
    #[error("the tests are built already: `{words}` has no effect on them")]
    Built {
        /// Arguments as they were typed.
        words: String,
    },
}

impl From<UnpackError> for ArchiveError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Truncated => Self::Truncated,
            error => Self::Unpack(error),
        }
    }
}

impl ArchiveError {
    /// Adds the path of the archive to the error.
    pub(super) fn at(self, path: impl Into<PathBuf>) -> AtArchive {
        AtArchive { path: path.into(), why: self }
    }
}

impl Failure for AtArchive {
    fn end(&self) -> End {
        match &self.why {
            ArchiveError::Write(_) | ArchiveError::Content { .. } => Exit::Bug.into(),
            ArchiveError::Show(_) => Exit::CannotIsolate.into(),
            _ => Exit::Usage.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match &self.why {
            ArchiveError::Truncated | ArchiveError::Damaged { .. } => {
                "copy it again from where it was written"
            }
            ArchiveError::Other => "`cargo isotest archive --archive-file FILE` writes one",
            ArchiveError::Nextest(DescriptionError::NoSources(_)) => {
                "such archives have no sources: check the sources out where they were built, or name their workspace with `--workspace-remap`"
            }
            ArchiveError::Later { version } => return Some(format!("install cargo-isotest {version}")),
            ArchiveError::Foreign { .. } => {
                "write an archive on a machine like this one, or with `--target` for it"
            }
            ArchiveError::NoPlace { .. } => "set TMPDIR to a directory that can be written and has room",
            ArchiveError::Unpack(error) if error.refusal().is_some() => {
                "set TMPDIR to a directory that can be written and has room"
            }
            ArchiveError::Show(error) if error.source.kind() == io::ErrorKind::PermissionDenied => {
                "the paths of the machine that built are shown here by mount namespaces: `cargo isotest doctor` says what is in \
                 the way"
            }
            ArchiveError::Show(_) => "make the path with `mkdir -p`",
            ArchiveError::Built { .. } => "give it to `cargo isotest archive`, which builds the tests",
            ArchiveError::Read(_)
            | ArchiveError::Write(_)
            | ArchiveError::Content { .. }
            | ArchiveError::NoText { .. }
            | ArchiveError::Manifest(_)
            | ArchiveError::Nextest(_)
            | ArchiveError::Unpack(_) => return None,
        };
        Some(hint.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo::error::CargoError;
    use crate::testing::errors::{each_of, is_as_kept, told};
    use nix::libc;

    #[test]
    fn each_variant_says_what_is_wrong_and_what_to_do() {
        let errno = io::Error::from_raw_os_error;
        let show = |code| ShowError { path: "/builds/tour".into(), source: errno(code) };
        let examples = each_of!(ArchiveError {
            ArchiveError::Read(_) => [ArchiveError::Read(errno(libc::ENOENT))],
            ArchiveError::Write(_) => [ArchiveError::Write(errno(libc::ENOSPC))],
            ArchiveError::Content { .. } =>
                [ArchiveError::Content { path: "/w/data".into(), source: errno(libc::EACCES) }],
            ArchiveError::NoText { .. } => [ArchiveError::NoText { text: "odd".into() }],
            ArchiveError::Truncated => [ArchiveError::Truncated],
            ArchiveError::Damaged { .. } =>
                [ArchiveError::Damaged { found: "0a".to_owned(), expected: "0b".to_owned() }],
            ArchiveError::Other => [ArchiveError::Other],
            ArchiveError::Nextest(_) => [
                DescriptionError::NoSources("/w/Cargo.toml".into()).into(),
                DescriptionError::Cargo(CargoError::UnknownPackage("tour".to_owned())).into(),
            ],
            ArchiveError::Manifest(_) =>
                [ArchiveError::Manifest(serde_json::from_str::<u8>("{").unwrap_err())],
            ArchiveError::Later { .. } => [ArchiveError::Later { version: "9.0.0".to_owned() }],
            ArchiveError::Foreign { .. } =>
                [ArchiveError::Foreign { architecture: "aarch64".to_owned(), here: "x86_64" }],
            ArchiveError::Unpack(_) => [
                UnpackError::ClimbsOut("../etc/passwd".into()).into(),
                UnpackError::Write { path: "files/w/data".into(), source: errno(libc::ENOSPC) }.into(),
            ],
            ArchiveError::NoPlace { .. } =>
                [ArchiveError::NoPlace { directory: "/tmp".into(), source: errno(libc::EROFS) }],
            ArchiveError::Show(_) => [show(libc::EPERM).into(), show(libc::ENOTDIR).into()],
            ArchiveError::Built { .. } => [ArchiveError::Built { words: "--release".to_owned() }],
        });
        let text = examples.into_iter().map(|error| told(error.at("tour.tar.zst"))).collect();
        is_as_kept("built_archives", text);
    }
}
