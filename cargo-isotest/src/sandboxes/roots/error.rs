//! Errors of root file systems.

use super::image::ImageError;
use super::kept::KeepError;
use super::unpack::UnpackError;
use crate::error::Failure;
use crate::exit::{End, Exit};
use isotest_core::closure::{ElfError, Lack};
use std::path::PathBuf;
use std::{fmt, io};

/// Error of a root file system.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    /// The root is unusable.
    #[error("cannot use `{}` as a root", .path.display())]
    Unusable {
        /// Path of the root.
        path: PathBuf,
        /// Reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no place to unpack the root.
    #[error("cannot unpack `{}` below `{}`", .path.display(), .into.display())]
    NoPlace {
        /// Path of the archive or image.
        path: PathBuf,
        /// Directory of unpacked roots.
        into: PathBuf,
        /// Reason.
        why: io::ErrorKind,
        /// File and error of the system.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is no program whose libraries are known.
    #[error("cannot tell what `{}` needs", .program.display())]
    Closure {
        /// File.
        program: PathBuf,
        /// Reason.
        source: ElfError,
    },
    /// The root lacks what test binaries need.
    #[error("not every test binary can be executed in this root: {}", CannotRun(.0))]
    CannotRun(Vec<(String, Vec<Lack>)>),
}

impl Failure for RootError {
    fn end(&self) -> End {
        match self {
            Self::Unusable { .. } | Self::Closure { .. } => Exit::Usage.into(),
            Self::NoPlace { .. } => Exit::CannotIsolate.into(),
            Self::CannotRun(_) => Exit::Listing.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoPlace { why, .. } => return place(*why).map(str::to_owned),
            Self::CannotRun(_) => {
                "build for what the root has, for example statically with `--target x86_64-unknown-linux-musl`, or install \
                 there what is missing"
            }
            Self::Unusable { .. } | Self::Closure { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Returns the hint for a directory of roots that cannot be written.
const fn place(why: io::ErrorKind) -> Option<&'static str> {
    match why {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
            "make room there; roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
            "roots are kept below the target directory, or without a project below `$XDG_CACHE_HOME`: name one that you \
             may write to",
        ),
        _ => None,
    }
}

struct CannotRun<'a>(&'a [(String, Vec<Lack>)]);

impl fmt::Display for CannotRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (binary_id, lacks)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{binary_id}`")?;
            for (index, lack) in lacks.iter().enumerate() {
                write!(f, "{} {lack}", if index == 0 { ":" } else { "," })?;
            }
        }
        Ok(())
    }
}

/// Error of the archive or image of a root.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The root cannot be stored.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The archive is invalid.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// The image is invalid.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl SourceError {
    /// Returns the host's error, if the archive or image itself is valid.
    pub(super) fn refusal(&self) -> Option<&io::Error> {
        match self {
            Self::File(_) => None,
            Self::Keep(error) => Some(&error.source),
            Self::Archive(error) => error.refusal(),
            Self::Image(error) => error.refusal(),
        }
    }
}
