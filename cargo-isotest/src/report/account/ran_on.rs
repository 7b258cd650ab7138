//! Machine on which an attempt was executed, and what its figures depend on there; pure.

use crate::report::machine::Machine;
use serde_json::{Map, Value, json};

/// Machine of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::report) struct RanOn {
    /// Name of the host.
    pub(super) host: Option<String>,
    /// Release of its kernel.
    pub(super) kernel: Option<String>,
    /// Versions of cgroups from which figures are.
    pub(super) cgroups: Option<String>,
}

impl RanOn {
    /// Returns the machine of a run; `None` if the run says nothing of it.
    pub(super) fn of(machine: Option<&Machine>, cgroups: Option<&str>) -> Option<Self> {
        let ran_on = Self {
            host: machine.and_then(|machine| machine.host.clone()),
            kernel: machine.and_then(|machine| machine.kernel.clone()),
            cgroups: cgroups.map(str::to_owned),
        };
        (ran_on != Self::default()).then_some(ran_on)
    }

    /// Returns what is known of it, by name.
    pub(in crate::report) fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let said = [("host", &self.host), ("kernel", &self.kernel), ("cgroups", &self.cgroups)];
        said.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Returns it as an object.
    pub(in crate::report) fn json(&self) -> Value {
        let members: Map<_, _> = self.said().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        members.into()
    }
}
