//! Describes a plan to be explained; pure.

use crate::cgroup::Place;
use crate::plan::{SandboxPlan, Template};
use std::ffi::OsString;
use std::path::PathBuf;

/// Plan to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// Name that a person would use for the test.
    pub title: &'a str,
    /// Template that a zygote prepares.
    pub template: &'a Template,
    /// Plan of the attempt.
    pub plan: &'a SandboxPlan,
    /// Places of the attempt's cgroups.
    pub hierarchies: &'a [Place],
    /// Cgroups that the processes of a test are to leave: they could write to them, and nothing of them is needed.
    pub idle: &'a [PathBuf],
    /// Environment in which the script will be executed: the script does not set again what the workload finds in it.
    pub environment: &'a [(OsString, OsString)],
}
