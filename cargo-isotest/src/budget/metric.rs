//! Metrics that can be budgeted, one for each key of the attribute.

use isotest_core::Bytes;
use isotest_core::budget::Budget;
use isotest_core::metric::microseconds;
use isotest_core::policy::Capability;
use isotest_core::usage::{Reading, Usage};
use std::time::Duration;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Metric that can be budgeted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Metric {
    /// Peak of memory.
    Memory,
    /// Processor time.
    Cpu,
    /// Maximum number of simultaneous processes and threads.
    Procs,
    /// Wall time from start to end.
    Wall,
    /// Peak size of the directories that are thrown away.
    Disk,
    /// Bytes written to block devices.
    IoWrite,
}

/// Unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Microseconds.
    Microseconds,
    /// Number without a unit.
    Count,
}

impl Metric {
    /// Metrics, in the order of reports.
    pub(crate) const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the metric's index in [`Self::ALL`].
    pub(crate) const fn place(self) -> usize {
        self as usize
    }

    /// Returns the key in the attribute, which is also the name in reports.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the unit of the metric's limits and figures.
    pub(crate) const fn unit(self) -> Unit {
        match self {
            Self::Memory | Self::Disk | Self::IoWrite => Unit::Bytes,
            Self::Cpu | Self::Wall => Unit::Microseconds,
            Self::Procs => Unit::Count,
        }
    }

    /// Returns the capability that measures the metric; `None` for the clock, which every host has.
    pub(crate) const fn capability(self) -> Option<Capability> {
        match self {
            Self::Memory => Some(Capability::Memory),
            Self::Cpu => Some(Capability::Cpu),
            Self::Procs => Some(Capability::Pids),
            Self::Wall => None,
            Self::Disk => Some(Capability::Disk),
            Self::IoWrite => Some(Capability::Io),
        }
    }

    /// Returns the limit of the metric in a budget.
    pub(crate) fn limit(self, budget: &Budget) -> Option<u64> {
        match self {
            Self::Memory => budget.memory.map(Bytes::get),
            Self::Cpu => budget.cpu.map(microseconds),
            Self::Procs => budget.procs,
            Self::Wall => budget.wall.map(microseconds),
            Self::Disk => budget.disk.map(Bytes::get),
            Self::IoWrite => budget.io_write.map(Bytes::get),
        }
    }

    /// Returns the use of the metric, and whether the figure is approximate.
    pub(crate) fn used(self, usage: &Usage, wall: Duration) -> Option<(u64, bool)> {
        match self {
            Self::Memory => usage.memory_peak.map(|peak| figure(peak, Bytes::get)),
            Self::Cpu => usage.cpu.map(|cpu| figure(cpu, |cpu| microseconds(cpu.user + cpu.system))),
            Self::Procs => usage.pids_peak.map(|peak| figure(peak, |count| count)),
            Self::Wall => Some((microseconds(wall), false)),
            Self::Disk => usage.disk_peak.map(|peak| figure(peak, |disk| disk.bytes.get())),
            Self::IoWrite => usage.io.map(|io| figure(io, |io| io.write.get())),
        }
    }
}

/// Returns the value of a reading, and whether it is approximate.
fn figure<T>(reading: Reading<T>, value: impl Fn(T) -> u64) -> (u64, bool) {
    (value(reading.value), reading.source.is_approximate())
}
