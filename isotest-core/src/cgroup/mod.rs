//! Cgroups: one directory for the run and one leaf for each attempt, over version 1, version 2 and hybrid layouts.
//! Which hierarchy serves which metric is decided by which files exist, never by the kernel's version.

mod base;
mod leaf;
mod limits;
mod parse;
mod sweep;

pub use base::{Cgroups, Established};
pub use leaf::Leaf;

use crate::policy::Capability;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// One hierarchy in which the run has a directory.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    /// Whether it is version 2.
    pub(crate) unified: bool,
    /// The run's directory in it.
    pub(crate) run: PathBuf,
    /// The same, opened.
    pub(crate) handle: Arc<File>,
    /// Where it is mounted, which is also where tests look for it.
    pub(crate) mount_point: PathBuf,
    /// What is measured and limited here.
    pub(crate) serves: Vec<Capability>,
    /// How many processors the machine has.
    pub(crate) processors: u64,
}
