//! Errors of the history. None of them ends a run.

use std::io;
use std::path::PathBuf;

/// Why the history cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// A file or directory cannot be opened, read, written or moved.
    #[error("`{path}`")]
    Files {
        /// Path of the file or directory.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The file is no database that can be read or written.
    #[error("`{path}`")]
    Database {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: Box<redb::Error>,
    },
    /// A later version of the program has written the database.
    #[error("`{path}` is in the format of a later version of cargo-isotest")]
    Later {
        /// Path of the file.
        path: PathBuf,
    },
    /// Another process has the history for longer than is waited for.
    #[error("another process keeps `{path}` locked")]
    Locked {
        /// Path of the directory.
        path: PathBuf,
    },
}
