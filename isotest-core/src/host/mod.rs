//! What this machine is and allows, as data. [`probe`] reads it.

pub mod probe;
pub mod surroundings;

use crate::policy::Capability;
use crate::sandbox::step::StepError;
use std::path::PathBuf;

/// What an entry of a directory is, as far as building a root of it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory with something in it, or one we may not look into.
    Directory,
    /// A directory with nothing in it.
    EmptyDirectory {
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// What it says.
        target: PathBuf,
    },
    /// A socket.
    Socket,
    /// Anything else.
    File,
}

/// One entry of a directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Absolute.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// The extents of `/proc/self/uid_map`: first id inside, length.
    pub uid_extents: Vec<(u32, u32)>,
    /// The extents of `/proc/self/gid_map`.
    pub gid_extents: Vec<(u32, u32)>,
}

/// A cgroup hierarchy as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupMount {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The directory of this process's own cgroup.
    pub own: PathBuf,
    /// Whether it is the version 2 hierarchy.
    pub unified: bool,
    /// Whether its block I/O figures count anything: recent kernels keep those of version 1 only while some cgroup
    /// is throttled.
    pub counts_io: bool,
    /// The version 1 controllers it carries; empty for version 2, whose controllers are in `cgroup.controllers`.
    pub controllers: Vec<String>,
}

/// What this machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Who we are.
    pub ids: Ids,
    /// What stands in `/`.
    pub root_entries: Vec<HostEntry>,
    /// What stands in `/run`.
    pub run_entries: Vec<HostEntry>,
    /// Whether `/var/tmp` is a directory (a link to another temporary directory needs nothing).
    pub has_var_tmp: bool,
    /// Every mount point.
    pub mount_points: Vec<PathBuf>,
    /// Bytes of memory.
    pub memory_total: u64,
    /// Settings of the network namespace that tests notice: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Whether the kernel accounts for the I/O of processes.
    pub accounts_for_io: bool,
    /// The cgroup hierarchies.
    pub cgroups: Vec<CgroupMount>,
}

/// Something the host refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What cannot be had without it.
    pub capability: Capability,
    /// What was tried, and what the kernel said.
    pub error: StepError,
}

impl Refusal {
    /// Whether it is about a namespace, without which whatever stands on it is refused as well.
    pub const fn is_namespace(&self) -> bool {
        !self.capability.is_metric()
            && !matches!(self.capability, Capability::Rootfs | Capability::CopyOnWrite)
    }
}
