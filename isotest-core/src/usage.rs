//! Use of resources by an attempt: each figure with the file or call it came from, or `None` where it could not be
//! had.

use crate::units::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Kernel file or system call from which a figure was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// File `memory.peak` of cgroup v2.
    MemoryPeak,
    /// File `memory.max_usage_in_bytes` of cgroup v1.
    MemoryMaxUsage,
    /// File `memory.stat` of either version.
    MemoryStat,
    /// File `cpu.stat` of cgroup v2.
    CpuStat,
    /// Files `cpuacct.usage_user` and `cpuacct.usage_sys` of cgroup v1.
    CpuAcct,
    /// File `pids.peak` of either version.
    PidsPeak,
    /// File `io.stat` of cgroup v2.
    IoStat,
    /// File `cpu.pressure` of cgroup v2.
    CpuPressure,
    /// File `memory.pressure` of cgroup v2.
    MemoryPressure,
    /// File `io.pressure` of cgroup v2.
    IoPressure,
    /// File `memory.events` of cgroup v2.
    MemoryEvents,
    /// File `memory.oom_control` of cgroup v1.
    MemoryOomControl,
    /// File `memory.current` of cgroup v2, looked at now and then.
    MemoryCurrent,
    /// File `pids.current` of cgroup v2, looked at now and then.
    PidsCurrent,
    /// Proportional set sizes in `/proc/PID/smaps_rollup` of all processes together, looked at now and then.
    SmapsRollup,
    /// Resident set of the largest single process, of which the kernel keeps the peak (`ru_maxrss` of getrusage(2)).
    MaxRss,
    /// Result of getrusage(2) for init's children, after the last of them was reaped: processor time, and the blocks
    /// that processes asked to be read or written, in units of 512 bytes. The children of a process that ignores
    /// `SIGCHLD` are not in it.
    Rusage,
    /// Result of statfs(2), at the attempt's end, for the tmpfs of its private directories and upper layers.
    Statfs,
    /// Result of statfs(2), looked at now and then, for the tmpfs of the attempt's private directories and upper
    /// layers.
    StatfsSampled,
}

impl Source {
    /// Returns the name under which the kernel knows the source.
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

    /// Returns whether the source is looked at now and then while the attempt lasts.
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::MemoryCurrent | Self::PidsCurrent | Self::SmapsRollup | Self::StatfsSampled)
    }

    /// Returns whether a figure from this source is only about right: what came and went between two looks is not in
    /// it, nor, without a cgroup, what is not in any process's memory.
    pub const fn is_approximate(self) -> bool {
        self.is_sampled() || matches!(self, Self::MaxRss)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Measurement, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading<T> {
    /// Figure as the kernel gave it.
    pub value: T,
    /// Source from which the figure was read.
    pub source: Source,
}

impl<T> Reading<T> {
    /// Returns what a function makes of the value, from the same source.
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Reading<U> {
        Reading { value: function(self.value), source: self.source }
    }
}

/// Parts of the memory when the attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemorySplit {
    /// Private memory of processes.
    pub anon: Bytes,
    /// Page cache of files.
    pub file: Bytes,
    /// Files on tmpfs and shared memory.
    pub shmem: Bytes,
    /// Kernel memory; `None` where `memory.stat` does not tell.
    pub kernel: Option<Bytes>,
}

/// Processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cpu {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
}

/// Block device traffic. What the page cache or tmpfs served is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Io {
    /// Size of what was read.
    pub read: Bytes,
    /// Size of what was written.
    pub write: Bytes,
}

/// Content of the attempt's private directories and the upper layers of its copy-on-write views together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Disk {
    /// Size of the content, in whole pages; holes in files have none.
    pub bytes: Bytes,
    /// Number of files, directories and links, and of what overlayfs keeps beside them. Since Linux 6.6 extended
    /// attributes are counted along, one for each begun KiB of all together.
    pub files: u64,
}

/// Figures that init knows of every other process of its sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Children {
    /// Processor time; `None` where it was switched off.
    pub cpu: Option<Cpu>,
    /// Block I/O; `None` where it was switched off or the kernel does not account for it.
    pub io: Option<Io>,
    /// Peak of memory, where it had to be sampled.
    pub memory: Option<Reading<Bytes>>,
    /// Peak of processes and threads, where it had to be sampled.
    pub pids: Option<Reading<u64>>,
    /// Present content of the directories that are thrown away.
    pub disk: Option<Reading<Disk>>,
    /// Peak of the content of the directories that are thrown away.
    pub disk_peak: Option<Reading<Disk>>,
    /// Number of page faults, with and without I/O.
    pub faults: u64,
}

/// Time for which some task of the attempt had to wait for a resource (the `some total` of the pressure files).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Time of waiting for a processor.
    pub cpu: Option<Reading<Duration>>,
    /// Time of waiting for memory.
    pub memory: Option<Reading<Duration>>,
    /// Time of waiting for block I/O.
    pub io: Option<Reading<Duration>>,
}

/// Out-of-memory events of an attempt's own cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oom {
    /// Number of processes that the kernel killed for want of memory.
    pub kills: u64,
    /// Whether the attempt's own limit was the one that was hit.
    pub own_limit: bool,
}

/// Figures measured of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// High-water mark of the memory charged to the attempt.
    pub memory_peak: Option<Reading<Bytes>>,
    /// Parts of the memory charged to the attempt at its end.
    pub memory_split: Option<Reading<MemorySplit>>,
    /// Greatest number of page faults that were counted in the cgroup: those of `memory.stat`, and what it may be
    /// behind by.
    pub faults_most: Option<u64>,
    /// Processor time of all processes, daemons included.
    pub cpu: Option<Reading<Cpu>>,
    /// Greatest number of processes and threads at once.
    pub pids_peak: Option<Reading<u64>>,
    /// Number of times a further process or thread was refused, if their number was limited (`pids.events`).
    pub pids_refused: Option<u64>,
    /// Block I/O.
    pub io: Option<Reading<Io>>,
    /// Out-of-memory kills.
    pub oom: Option<Reading<Oom>>,
    /// Stall times.
    pub pressure: Pressure,
    /// Content of the directories that are thrown away, at the attempt's end.
    pub disk: Option<Reading<Disk>>,
    /// Greatest number of bytes and greatest number of files in the directories that are thrown away, not necessarily
    /// both at once.
    pub disk_peak: Option<Reading<Disk>>,
}

impl Usage {
    /// Fills in the figures that no cgroup gave from what init's accounts say.
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
