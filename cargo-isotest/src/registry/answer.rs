//! What a run tells of itself; pure.

use serde::{Deserialize, Serialize};

/// The version of [`Answer`]. The one who asks may be of another version of the program.
pub(crate) const SCHEMA: u32 = 1;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// [`SCHEMA`] of the one who answers.
    pub(crate) schema: u32,
    /// The supervisor, in its own pid namespace.
    pub(crate) pid: i32,
    /// How many attempts at once.
    pub(crate) jobs: usize,
    /// How many tests are selected; 0 as long as that is not known.
    pub(crate) tests: usize,
    /// How many of them have ended.
    pub(crate) ended: usize,
    /// Those that are running.
    pub(crate) attempts: Vec<Present>,
}

/// An attempt that is running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Present {
    /// Its number in the run.
    pub(crate) number: usize,
    /// The process below which its init is found, in the supervisor's pid namespace.
    pub(crate) zygote: i32,
    /// Its test's binary.
    pub(crate) binary_id: String,
    /// Its test's name.
    pub(crate) name: String,
}
