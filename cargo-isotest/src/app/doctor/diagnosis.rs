//! What the doctor found out.

use crate::remedy::Remedy;
use isotest_core::host::surroundings::Surroundings;
use isotest_core::policy::Capability;

/// How a capability is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// It can be had; figures say where they come from.
    Ok(Option<&'static str>),
    /// Something less can be had.
    Degraded(String),
    /// It cannot be had.
    Missing(String),
    /// It is not wanted.
    Off,
}

/// What was found out.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) surroundings: Surroundings,
    pub(super) cgroup_layout: Option<&'static str>,
    pub(super) conditions: Vec<(Capability, Condition)>,
    pub(super) remedies: Vec<Remedy>,
    /// Whether everything that is required can be had.
    pub(super) met: bool,
}
