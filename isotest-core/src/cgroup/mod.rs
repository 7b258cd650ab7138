//! Cgroups: one directory for the run and one for each attempt, over version 1, version 2 and hybrid layouts.
//! Which hierarchy serves which metric is decided by which files exist, never by the kernel's version.

mod attempt_cgroup;
mod attempt_files;
mod cell;
mod controllers;
mod failure;
mod free_memory;
mod freezer;
mod interface;
mod parse;
#[cfg(test)]
mod recorded;
mod run_cgroup;
pub mod scope;
mod setting;
mod sweep;
mod v1;
mod v2;
mod version;

pub use attempt_cgroup::AttemptCgroup;
pub use cell::Cell;
pub use free_memory::{FreeMemory, Room};
pub use run_cgroup::{Cgroups, Established};
pub use version::Version;

pub(crate) use attempt_cgroup::INNER;
pub(crate) use freezer::Frozen;
pub(crate) use setting::Setting;

use crate::limits::{Control, Limits};
use crate::policy::Capability;
use nix::unistd::{SysconfVar, sysconf};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Hierarchy in which an attempt has a cgroup, as a person would use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Directory in which a run makes its own.
    pub base: PathBuf,
    /// Version of the hierarchy.
    pub version: Version,
    /// Metrics that are measured in the hierarchy.
    pub serves: Vec<Capability>,
    /// Controllers whose limits are set in the hierarchy.
    pub controls: Vec<Control>,
    /// Numbers of the block devices.
    pub devices: Vec<String>,
    /// Controllers of version 2 that `base` must hand on and does not by itself.
    pub enabled: Vec<&'static str>,
}

impl Place {
    /// Returns the name by which a person calls the run's directory in the hierarchy.
    pub(crate) fn name(&self) -> &'static str {
        match (self.version, self.serves.first(), self.controls.first()) {
            (Version::V1, Some(capability), _) => capability.as_str(),
            (Version::V1, None, Some(control)) => self.version.controller(*control),
            _ => "cgroup2",
        }
    }

    /// Returns the controllers that the run's directory hands on to the attempts'. With any, it may hold no process.
    pub(crate) fn handed_on(&self) -> Vec<&'static str> {
        let is_handed_on = |control: &Control| {
            let measures_io = *control == Control::Io && self.serves.contains(&Capability::Io);
            measures_io || self.controls.contains(control)
        };
        let all = Control::ALL.into_iter().filter(|_| self.version.hands_on());
        all.filter(is_handed_on).map(|control| self.version.controller(control)).collect()
    }
}

/// Hierarchy in which the run has a directory.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    /// Version of the hierarchy.
    pub(crate) version: Version,
    /// Path of the run's directory in the hierarchy.
    pub(crate) run: PathBuf,
    /// Descriptor of the run's directory.
    pub(crate) handle: Arc<File>,
    /// Mount point of the hierarchy, which is also where tests look for it.
    pub(crate) mount_point: PathBuf,
    /// Metrics that are measured in the hierarchy.
    pub(crate) serves: Vec<Capability>,
    /// Controllers whose limits can be set in the hierarchy.
    pub(crate) controls: Vec<Control>,
    /// Number of processors that the machine has.
    pub(crate) processors: u64,
}

impl Hierarchy {
    pub(crate) fn new(
        version: Version,
        run: PathBuf,
        handle: Arc<File>,
        mount_point: PathBuf,
        serves: Vec<Capability>,
    ) -> Self {
        let processors = processors();
        let mut new =
            Self { version, run, handle, mount_point, serves: Vec::new(), controls: Vec::new(), processors };
        for capability in serves {
            new.serve(capability);
        }
        new
    }

    /// Returns the controllers that an attempt's directory hands on to the workload's: of what is measured and of
    /// these limits.
    pub(crate) fn handed_on(&self, limits: &Limits) -> Vec<&'static str> {
        let serves = |control| match control {
            Control::Memory => self.serves.contains(&Capability::Memory),
            Control::Pids => self.serves.contains(&Capability::Pids),
            Control::Io => self.serves.contains(&Capability::Io),
            Control::Cpu => false,
        };
        let limited = limits.controls();
        let is_handed_on = |control: &Control| {
            serves(*control) || (self.controls.contains(control) && limited.contains(control))
        };
        let all = Control::ALL.into_iter().filter(|_| self.version.interface().hands_on());
        all.filter(is_handed_on).map(|control| self.version.controller(control)).collect()
    }

    /// Adds a metric to those that are measured in the hierarchy, and its controller to those whose limits can be
    /// set.
    fn serve(&mut self, capability: Capability) {
        self.serves.push(capability);
        match capability {
            Capability::Memory => self.controls.push(Control::Memory),
            Capability::Pids => self.controls.push(Control::Pids),
            _ => {}
        }
    }
}

/// Returns the number of processors that may be online at some time; where nobody knows, more than there are.
pub fn processors() -> u64 {
    let number = sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(1024)
}
