//! Error type of the history. No error of it ends a run.

use std::io;
use std::path::PathBuf;

/// Reason why the history cannot be read or written.
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
    /// The file is not a database that can be read or written.
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
    /// Another process holds the lock of the history for longer than the time limit.
    #[error("another process keeps `{path}` locked")]
    Locked {
        /// Path of the directory.
        path: PathBuf,
    },
}
