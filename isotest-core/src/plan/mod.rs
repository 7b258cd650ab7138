//! What will be done: pure decisions, made before anything happens.

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;

/// What is executed inside a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The file to execute, absolute.
    #[serde(with = "crate::wire::path")]
    pub program: PathBuf,
    /// Its arguments, without its own name.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory, absolute.
    #[serde(with = "crate::wire::path")]
    pub directory: PathBuf,
}
