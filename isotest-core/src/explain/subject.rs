//! What is explained; pure.

use crate::cgroup::Place;
use crate::plan::{SandboxPlan, Template};
use std::ffi::OsString;
use std::path::PathBuf;

/// What is explained.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// What a person would call it.
    pub title: &'a str,
    /// What a zygote prepares.
    pub template: &'a Template,
    /// The attempt.
    pub plan: &'a SandboxPlan,
    /// Where it has its cgroups.
    pub hierarchies: &'a [Place],
    /// The cgroups that what runs in a test is to leave: it could write to them, and nothing of them is needed.
    pub idle: &'a [PathBuf],
    /// The environment in which the script will be executed: what the workload finds in it is not said again.
    pub environment: &'a [(OsString, OsString)],
}
