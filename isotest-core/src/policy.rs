//! What the user wants of every sandbox: for each capability `require`, `prefer` or `off`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something a sandbox can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Capability {
    /// A user namespace.
    User,
    /// A process id namespace.
    Pid,
    /// A mount namespace.
    Mount,
    /// A network namespace.
    Net,
    /// A System V and POSIX IPC namespace.
    Ipc,
    /// A host name of its own.
    Uts,
    /// A cgroup namespace.
    Cgroup,
    /// The tmpfs-backed root.
    Rootfs,
    /// Copy-on-write views of workspace, target directory and home.
    CopyOnWrite,
    /// Memory peaks.
    Memory,
    /// Processor time.
    Cpu,
    /// Peaks of processes and threads.
    Pids,
    /// Block I/O.
    Io,
    /// Stall times.
    Pressure,
}

impl Capability {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 14] = [
        Self::User,
        Self::Pid,
        Self::Mount,
        Self::Net,
        Self::Ipc,
        Self::Uts,
        Self::Cgroup,
        Self::Rootfs,
        Self::CopyOnWrite,
        Self::Memory,
        Self::Cpu,
        Self::Pids,
        Self::Io,
        Self::Pressure,
    ];

    /// Its word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Pid => "pid",
            Self::Mount => "mount",
            Self::Net => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
            Self::Rootfs => "rootfs",
            Self::CopyOnWrite => "copy-on-write",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Io => "io",
            Self::Pressure => "pressure",
        }
    }

    /// Whether it is a figure rather than a wall.
    pub const fn is_metric(self) -> bool {
        matches!(self, Self::Memory | Self::Cpu | Self::Pids | Self::Io | Self::Pressure)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a capability is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Without it the run does not start.
    Require,
    /// Without it the run goes on and says so.
    Prefer,
    /// It is not wanted.
    Off,
}

/// What holds of a capability in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every attempt has it.
    InForce,
    /// It was preferred and could not be had, for this reason.
    Missing(String),
    /// It was switched off.
    Off,
}

/// The isolation line as data: what is in force for each capability, in the order of [`Capability::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// One state for each capability.
    pub states: Vec<(Capability, State)>,
    /// The cgroup layout in use: `v1`, `v2` or `hybrid`; `None` without cgroups.
    pub cgroup_layout: Option<&'static str>,
    /// Anything else a reader of the report must know, such as directories that are read-only.
    pub remarks: Vec<String>,
}
