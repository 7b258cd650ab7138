//! What an attempt used: each figure with the file or call it came from, or `None` where it could not be had.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The kernel file or system call a figure was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// cgroup v2 `memory.peak`.
    MemoryPeak,
    /// cgroup v1 `memory.max_usage_in_bytes`.
    MemoryMaxUsage,
    /// `memory.stat` of either version.
    MemoryStat,
    /// cgroup v2 `cpu.stat`.
    CpuStat,
    /// cgroup v1 `cpuacct.usage_user` and `cpuacct.usage_sys`.
    CpuAcct,
    /// `pids.peak` of either version.
    PidsPeak,
    /// cgroup v2 `io.stat`.
    IoStat,
    /// cgroup v2 `cpu.pressure`.
    CpuPressure,
    /// cgroup v2 `memory.pressure`.
    MemoryPressure,
    /// cgroup v2 `io.pressure`.
    IoPressure,
    /// cgroup v2 `memory.events`.
    MemoryEvents,
    /// cgroup v1 `memory.oom_control`.
    MemoryOomControl,
    /// cgroup v2 `memory.current`, looked at now and then.
    MemoryCurrent,
    /// cgroup v2 `pids.current`, looked at now and then.
    PidsCurrent,
    /// The proportional set sizes in `/proc/PID/smaps_rollup` of all processes together, looked at now and then.
    SmapsRollup,
    /// The resident set of the largest single process, of which the kernel keeps the peak (`ru_maxrss` of getrusage(2)).
    MaxRss,
    /// `getrusage(2)` of init's children, after the last of them was reaped: processor time, and the blocks that
    /// processes asked to be read or written, in units of 512 bytes. The children of a process that ignores `SIGCHLD`
    /// are not in it.
    Rusage,
    /// `statfs(2)` of the tmpfs that the attempt's private directories and upper layers are on, at its end.
    Statfs,
    /// The same, looked at now and then.
    StatfsSampled,
}

impl Source {
    /// The name under which the kernel knows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemoryPeak => "memory.peak",
            Self::MemoryMaxUsage => "memory.max_usage_in_bytes",
            Self::MemoryStat => "memory.stat",
            Self::CpuStat => "cpu.stat",
            Self::CpuAcct => "cpuacct.usage_user",
            Self::PidsPeak => "pids.peak",
            Self::IoStat => "io.stat",
            Self::CpuPressure => "cpu.pressure",
            Self::MemoryPressure => "memory.pressure",
            Self::IoPressure => "io.pressure",
            Self::MemoryEvents => "memory.events",
            Self::MemoryOomControl => "memory.oom_control",
            Self::MemoryCurrent => "memory.current",
            Self::PidsCurrent => "pids.current",
            Self::SmapsRollup => "smaps_rollup",
            Self::MaxRss => "ru_maxrss",
            Self::Rusage => "getrusage",
            Self::Statfs | Self::StatfsSampled => "statfs",
        }
    }

    /// Whether it is looked at now and then while the attempt lasts.
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::MemoryCurrent | Self::PidsCurrent | Self::SmapsRollup | Self::StatfsSampled)
    }

    /// Whether a figure from here is only about right: what came and went between two looks is not in it, nor, without a
    /// cgroup, what is not in any process's memory.
    pub const fn is_approximate(self) -> bool {
        self.is_sampled() || matches!(self, Self::MaxRss)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A measurement and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading<T> {
    /// The figure as the kernel gave it.
    pub value: T,
    /// Where it was read.
    pub source: Source,
}

/// What the memory consisted of when the attempt ended, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySplit {
    /// Private memory of processes.
    pub anon: u64,
    /// Page cache of files.
    pub file: u64,
    /// Files on tmpfs and shared memory.
    pub shmem: u64,
    /// Kernel memory; `None` where `memory.stat` does not tell.
    pub kernel: Option<u64>,
}

/// Processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cpu {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
}

/// Block device traffic in bytes. What the page cache or tmpfs served is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Io {
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub write: u64,
}

/// What the attempt's private directories and the upper layers of its copy-on-write views hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes of content, in whole pages; holes in files have none.
    pub bytes: u64,
    /// Files, directories and links, and what overlayfs keeps beside them. Since Linux 6.6 extended attributes are counted
    /// along, one for each begun KiB of all together.
    pub files: u64,
}

/// What init knows of every other process of its sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Children {
    /// Processor time; `None` where it was switched off.
    pub cpu: Option<Cpu>,
    /// Block I/O; `None` where it was switched off or the kernel does not account for it.
    pub io: Option<Io>,
    /// The peak of memory, where it had to be sampled.
    pub memory: Option<Reading<u64>>,
    /// The peak of processes and threads, where it had to be sampled.
    pub pids: Option<Reading<u64>>,
    /// What the directories hold now that are thrown away.
    pub disk: Option<Reading<Disk>>,
    /// The most that they held.
    pub disk_peak: Option<Reading<Disk>>,
    /// Page faults, with and without I/O.
    pub faults: u64,
}

/// How long some task of the attempt had to wait for a resource (the `some total` of the pressure files).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// A processor.
    pub cpu: Option<Reading<Duration>>,
    /// Memory.
    pub memory: Option<Reading<Duration>>,
    /// Block I/O.
    pub io: Option<Reading<Duration>>,
}

/// Out-of-memory events of an attempt's own cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oom {
    /// Processes the kernel killed for want of memory.
    pub kills: u64,
    /// Whether the attempt's own limit was the one that was hit.
    pub own_limit: bool,
}

/// Everything measured of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// High-water mark of the memory charged to the attempt, in bytes.
    pub memory_peak: Option<Reading<u64>>,
    /// What was charged at the end.
    pub memory_split: Option<Reading<MemorySplit>>,
    /// So many page faults at most were counted in the cgroup: those of `memory.stat`, and what it may be behind by.
    pub faults_most: Option<u64>,
    /// Processor time of all processes, daemons included.
    pub cpu: Option<Reading<Cpu>>,
    /// Most processes and threads at once.
    pub pids_peak: Option<Reading<u64>>,
    /// How often a further process or thread was refused, if their number was limited (`pids.events`).
    pub pids_refused: Option<u64>,
    /// Block I/O.
    pub io: Option<Reading<Io>>,
    /// Out-of-memory kills.
    pub oom: Option<Reading<Oom>>,
    /// Stall times.
    pub pressure: Pressure,
    /// What the directories that are thrown away held at the end.
    pub disk: Option<Reading<Disk>>,
    /// The most bytes and the most files that they held, not necessarily both at once.
    pub disk_peak: Option<Reading<Disk>>,
}

impl Usage {
    /// Fills what no cgroup gave from what init's accounts say.
    pub(crate) fn complete_from(&mut self, children: Children) {
        let source = Source::Rusage;
        self.memory_peak = self.memory_peak.or(children.memory);
        self.pids_peak = self.pids_peak.or(children.pids);
        self.disk = self.disk.or(children.disk);
        self.disk_peak = self.disk_peak.or(children.disk_peak);
        self.cpu = self.cpu.or_else(|| children.cpu.map(|value| Reading { value, source }));
        self.io = self.io.or_else(|| children.io.map(|value| Reading { value, source }));
    }
}
