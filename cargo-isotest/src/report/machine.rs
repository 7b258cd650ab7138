//! Machine of a run, on which figures depend besides the tests themselves.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Deserializer, Serialize};
use std::fs;
use std::num::NonZeroUsize;

/// Machine of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Machine {
    /// Name of the host.
    pub(crate) host: Option<String>,
    /// Release of the host's kernel.
    pub(crate) kernel: Option<String>,
    /// Architecture of the processors.
    pub(crate) architecture: String,
    /// Number of processors that tests may run on.
    #[serde(default, deserialize_with = "known")]
    pub(crate) cpus: Option<NonZeroUsize>,
}

impl Machine {
    /// Describes the machine that executes this process.
    pub(crate) fn here() -> Self {
        let line = |name: &str| {
            let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let allowed = sched_getaffinity(Pid::from_raw(0)).ok();
        let is_allowed = |set: &CpuSet, cpu: &usize| set.is_set(*cpu).unwrap_or(false);
        Self {
            host: line("hostname"),
            kernel: line("osrelease"),
            architecture: std::env::consts::ARCH.to_owned(),
            cpus: allowed.and_then(|set| {
                NonZeroUsize::new((0..CpuSet::count()).filter(|cpu| is_allowed(&set, cpu)).count())
            }),
        }
    }
}

impl Machine {
    /// Returns the properties that hold for both of two machines; `None` if their figures cannot be compared.
    pub(crate) fn and(self, other: &Self) -> Option<Self> {
        let host = self.host.clone().filter(|host| Some(host) == other.host.as_ref());
        let alike =
            (&self.kernel, &self.architecture, self.cpus) == (&other.kernel, &other.architecture, other.cpus);
        alike.then_some(Self { host, ..self })
    }
}

/// Reads a number of processors; 0 stands for an unknown number, too.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    Ok(Option::<usize>::deserialize(deserializer)?.and_then(NonZeroUsize::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_kernel_and_processors() {
        let here = Machine::here();
        let version = here.kernel.unwrap();
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
        let jobs = std::thread::available_parallelism().ok();
        assert!(jobs.is_some() && jobs <= here.cpus, "{:?} of {jobs:?}", here.cpus);
    }

    #[test]
    fn no_processor_is_a_number_that_is_not_known() {
        let cpus = |text: &str| serde_json::from_str::<Machine>(text).unwrap().cpus.map(NonZeroUsize::get);
        assert_eq!(cpus(r#"{"architecture":"a","cpus":2}"#), Some(2));
        for unknown in ["", r#","cpus":0"#, r#","cpus":null"#] {
            assert_eq!(cpus(&format!(r#"{{"architecture":"a"{unknown}}}"#)), None, "{unknown}");
        }
    }
}
