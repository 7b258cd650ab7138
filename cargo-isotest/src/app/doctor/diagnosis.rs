//! Diagnosis of a host by `doctor`.

use crate::app::seen::Seen;
use crate::remedy::Remedy;
use isotest_core::host::surroundings::Surroundings;
use isotest_core::policy::Capability;

/// State of a capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Available; with the source of the figure, for metrics.
    Ok(Option<&'static str>),
    /// Available in part, for this reason.
    Degraded(String),
    /// Unavailable, for this reason.
    Missing(String),
    /// Disabled by `--off`.
    Off,
}

/// Diagnosis of a host.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) surroundings: Surroundings,
    pub(super) cgroup_layout: Option<&'static str>,
    pub(super) conditions: Vec<(Capability, Condition)>,
    pub(super) remedies: Vec<Remedy>,
    /// Whether all required capabilities are available.
    pub(super) met: bool,
    /// Facts of the project, if they were requested.
    pub(super) project: Option<Seen>,
}
