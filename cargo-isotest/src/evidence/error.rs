//! Error type of evidence.

use crate::error::Failure;
use crate::exit::{End, Exit};
use std::io;
use std::path::PathBuf;

/// Reason why evidence cannot be kept, listed or copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvidenceError {
    /// The directory of the evidence cannot be created or read.
    #[error("cannot use `{path}` for the evidence of tests")]
    Directory {
        /// Path of the directory.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// Files were not copied into the workspace, each with the reason.
    #[error("not copied into the workspace: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// No evidence has one of these names.
    #[error("no evidence is of a test or a file with `{}` in its name", .0.join("` or `"))]
    NoneNamed(Vec<String>),
}

impl Failure for EvidenceError {
    fn end(&self) -> End {
        match self {
            Self::Directory { .. } => Exit::Bug.into(),
            Self::Refused(_) => Exit::Usage.into(),
            Self::NoneNamed(_) => Exit::NoTests.into(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Directory { .. } => None,
            Self::Refused(_) => Some(
                "execute the tests again, or copy the files by hand from where `cargo isotest evidence` says"
                    .to_owned(),
            ),
            Self::NoneNamed(_) => Some("`cargo isotest evidence` lists all".to_owned()),
        }
    }
}
