//! Error type of baselines.

use std::io;
use std::path::PathBuf;

/// Reason why a baseline cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaselineError {
    /// The file cannot be read or written.
    #[error("cannot use the baseline `{}`", .path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Another process holds the lock of the file for longer than the time limit.
    #[error("another process keeps the baseline `{}` locked", .path.display())]
    Locked {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file is not a baseline.
    #[error("`{}` is no baseline", .path.display())]
    Content {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// A later version of the program has written the file.
    #[error("`{}` is a baseline of a later version of cargo-isotest", .path.display())]
    Later {
        /// Path of the file.
        path: PathBuf,
    },
}
