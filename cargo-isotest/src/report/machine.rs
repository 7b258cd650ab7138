//! What figures depend on besides the tests themselves.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs;

/// The machine of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The name of the host.
    pub(crate) host: Option<String>,
    /// The release of its kernel.
    pub(crate) kernel: Option<String>,
    /// The architecture.
    pub(crate) architecture: String,
    /// How many processors tests may run on; 0 if the kernel does not tell.
    pub(crate) cpus: usize,
}

impl Machine {
    /// The one that this process is executed on.
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
            cpus: allowed.map_or(0, |set| (0..CpuSet::count()).filter(|cpu| is_allowed(&set, cpu)).count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_kernel_and_processors() {
        let here = Machine::here();
        let version = here.kernel.unwrap();
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{version}");
        let jobs = std::thread::available_parallelism().unwrap().get();
        assert!(jobs <= here.cpus, "{} of {jobs}", here.cpus);
    }
}
