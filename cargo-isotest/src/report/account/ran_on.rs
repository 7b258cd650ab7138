//! Machine on which an attempt was executed, and on which its figures depend; pure.

use crate::report::machine::Machine;
use serde_json::{Map, Value, json};

/// Machine of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::report) struct RanOn {
    /// Name of the host.
    pub(super) host: Option<String>,
    /// Release of the host's kernel.
    pub(super) kernel: Option<String>,
    /// Versions of the cgroups from which figures are read.
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

    /// Returns what is known of the machine, by name.
    pub(in crate::report) fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let said = [("host", &self.host), ("kernel", &self.kernel), ("cgroups", &self.cgroups)];
        said.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Returns the machine as an object.
    pub(in crate::report) fn json(&self) -> Value {
        let members: Map<_, _> = self.said().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        members.into()
    }
}
