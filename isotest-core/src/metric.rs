//! Metrics of an attempt, a row for each reading: where it comes from, and under which names it is reported. Pure.

use crate::policy::Capability;
use crate::units::Bytes;
use crate::usage::{Source, Usage};
use std::time::Duration;

/// Reading of an attempt: figures that come from the same source.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name of the reading in the documents.
    pub name: &'static str,
    /// Capability by which the reading is asked for.
    pub capability: Capability,
    /// Sources of the reading with cgroups of version 1; the first that is there is read.
    pub v1: &'static [Origin],
    /// Sources of the reading with cgroups of version 2; the first that is there is read.
    pub v2: &'static [Origin],
    /// Sources of the reading without cgroups; empty if it is not measured then.
    pub without: &'static [Origin],
    /// Figures of the reading, in the order in which they are reported.
    pub figures: &'static [Figure],
    /// Key of the source in JSON.
    pub source_key: &'static str,
    /// Key in JSON that says whether the figures are approximate, if any source of the reading gives such.
    pub approximate_key: Option<&'static str>,
    /// Place of the reading in text.
    pub text: Text,
    /// Function that returns the source from which the reading came; `None` if it was not read.
    pub source: fn(&Usage) -> Option<Source>,
}

/// Source, and the kernels that have it.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Source of the reading.
    pub source: Source,
    /// Version of the first kernel that has the source; `None` for every kernel on which there can be a sandbox.
    pub since: Option<(u8, u8)>,
}

/// Figure of a reading.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Key of the figure in JSON.
    pub key: &'static str,
    /// Unit of the figure in JSON.
    pub unit: Unit,
    /// Function that returns the figure in that unit; `None` if it was not measured.
    pub value: fn(&Usage) -> Option<u64>,
}

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Millionths of a second.
    Microseconds,
    /// Number of what the word, which takes an s, names.
    Count(&'static str),
}

/// Place of a reading in text for humans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Column of every attempt's line.
    Column,
    /// Detail below the line where much is told, with these words behind the figures.
    Detail(&'static str),
    /// Absence from text: the reading is told in JSON only.
    Nowhere,
}

const fn always(source: Source) -> Origin {
    Origin { source, since: None }
}

const fn since(since: (u8, u8), source: Source) -> Origin {
    Origin { source, since: Some(since) }
}

const fn figure(key: &'static str, unit: Unit, value: fn(&Usage) -> Option<u64>) -> Figure {
    Figure { key, unit, value }
}

/// Rows of all readings, in the order in which they are reported.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "memory peak",
        capability: Capability::Memory,
        v1: &[always(Source::MemoryMaxUsage)],
        v2: &[since((5, 19), Source::MemoryPeak), always(Source::MemoryCurrent)],
        without: &[always(Source::SmapsRollup), always(Source::MaxRss)],
        figures: &[figure("memory_peak_bytes", Unit::Bytes, |usage| {
            usage.memory_peak.map(|peak| peak.value.get())
        })],
        source_key: "memory_source",
        approximate_key: Some("memory_approximate"),
        text: Text::Column,
        source: |usage| usage.memory_peak.map(|peak| peak.source),
    },
    Metric {
        name: "memory split",
        capability: Capability::Memory,
        v1: &[always(Source::MemoryStat)],
        v2: &[always(Source::MemoryStat)],
        without: &[],
        figures: &[
            figure("memory_anon_bytes", Unit::Bytes, |usage| {
                usage.memory_split.map(|split| split.value.anon.get())
            }),
            figure("memory_file_bytes", Unit::Bytes, |usage| {
                usage.memory_split.map(|split| split.value.file.get())
            }),
            figure("memory_shmem_bytes", Unit::Bytes, |usage| {
                usage.memory_split.map(|split| split.value.shmem.get())
            }),
            figure("memory_kernel_bytes", Unit::Bytes, |usage| {
                usage.memory_split?.value.kernel.map(Bytes::get)
            }),
        ],
        source_key: "memory_split_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.memory_split.map(|split| split.source),
    },
    Metric {
        name: "processor time",
        capability: Capability::Cpu,
        v1: &[always(Source::CpuAcct)],
        v2: &[always(Source::CpuStat)],
        without: &[always(Source::Rusage)],
        figures: &[
            figure("cpu_user_us", Unit::Microseconds, |usage| {
                usage.cpu.map(|cpu| microseconds(cpu.value.user))
            }),
            figure("cpu_system_us", Unit::Microseconds, |usage| {
                usage.cpu.map(|cpu| microseconds(cpu.value.system))
            }),
        ],
        source_key: "cpu_source",
        approximate_key: None,
        text: Text::Column,
        source: |usage| usage.cpu.map(|cpu| cpu.source),
    },
    Metric {
        name: "processes",
        capability: Capability::Pids,
        v1: &[since((6, 1), Source::PidsPeak)],
        v2: &[since((6, 1), Source::PidsPeak), always(Source::PidsCurrent)],
        without: &[],
        figures: &[figure("pids_peak", Unit::Count("process"), |usage| {
            usage.pids_peak.map(|peak| peak.value)
        })],
        source_key: "pids_source",
        approximate_key: Some("pids_approximate"),
        text: Text::Column,
        source: |usage| usage.pids_peak.map(|peak| peak.source),
    },
    Metric {
        name: "block I/O",
        capability: Capability::Io,
        // `blkio` does not count what is written back later, which is nearly all that is written, and on recent
        // kernels nothing at all unless something is throttled.
        v1: &[always(Source::Rusage)],
        v2: &[always(Source::IoStat), always(Source::Rusage)],
        without: &[always(Source::Rusage)],
        figures: &[
            figure("io_read_bytes", Unit::Bytes, |usage| usage.io.map(|io| io.value.read.get())),
            figure("io_write_bytes", Unit::Bytes, |usage| usage.io.map(|io| io.value.write.get())),
        ],
        source_key: "io_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.io.map(|io| io.source),
    },
    Metric {
        name: "out-of-memory kills",
        capability: Capability::Memory,
        v1: &[always(Source::MemoryOomControl)],
        v2: &[always(Source::MemoryEvents)],
        without: &[],
        figures: &[figure("oom_kills", Unit::Count("kill"), |usage| usage.oom.map(|oom| oom.value.kills))],
        source_key: "oom_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.oom.map(|oom| oom.source),
    },
    Metric {
        name: "processor pressure",
        capability: Capability::Pressure,
        v1: &[],
        v2: &[always(Source::CpuPressure)],
        without: &[],
        figures: &[figure("pressure_cpu_us", Unit::Microseconds, |usage| {
            usage.pressure.cpu.map(|stalled| microseconds(stalled.value))
        })],
        source_key: "pressure_cpu_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.pressure.cpu.map(|stalled| stalled.source),
    },
    Metric {
        name: "memory pressure",
        capability: Capability::Pressure,
        v1: &[],
        v2: &[always(Source::MemoryPressure)],
        without: &[],
        figures: &[figure("pressure_memory_us", Unit::Microseconds, |usage| {
            usage.pressure.memory.map(|stalled| microseconds(stalled.value))
        })],
        source_key: "pressure_memory_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.pressure.memory.map(|stalled| stalled.source),
    },
    Metric {
        name: "I/O pressure",
        capability: Capability::Pressure,
        v1: &[],
        v2: &[always(Source::IoPressure)],
        without: &[],
        figures: &[figure("pressure_io_us", Unit::Microseconds, |usage| {
            usage.pressure.io.map(|stalled| microseconds(stalled.value))
        })],
        source_key: "pressure_io_source",
        approximate_key: None,
        text: Text::Nowhere,
        source: |usage| usage.pressure.io.map(|stalled| stalled.source),
    },
    Metric {
        name: "disk at the end",
        capability: Capability::Disk,
        v1: &[always(Source::Statfs)],
        v2: &[always(Source::Statfs)],
        without: &[always(Source::Statfs)],
        figures: &[
            figure("disk_bytes", Unit::Bytes, |usage| usage.disk.map(|disk| disk.value.bytes.get())),
            figure("disk_files", Unit::Count("file"), |usage| usage.disk.map(|disk| disk.value.files)),
        ],
        source_key: "disk_source",
        approximate_key: None,
        text: Text::Detail("at the end"),
        source: |usage| usage.disk.map(|disk| disk.source),
    },
    Metric {
        name: "disk peak",
        capability: Capability::Disk,
        v1: &[always(Source::StatfsSampled)],
        v2: &[always(Source::StatfsSampled)],
        without: &[always(Source::StatfsSampled)],
        figures: &[
            figure("disk_peak_bytes", Unit::Bytes, |usage| {
                usage.disk_peak.map(|peak| peak.value.bytes.get())
            }),
            figure("disk_peak_files", Unit::Count("file"), |usage| {
                usage.disk_peak.map(|peak| peak.value.files)
            }),
        ],
        source_key: "disk_peak_source",
        approximate_key: Some("disk_peak_approximate"),
        text: Text::Detail("at most"),
        source: |usage| usage.disk_peak.map(|peak| peak.source),
    },
];

impl Metric {
    /// Returns the readings that a capability asks for.
    pub fn for_capability(capability: Capability) -> impl Iterator<Item = &'static Self> {
        METRICS.iter().filter(move |metric| metric.capability == capability)
    }

    /// Returns whether init measures the reading all by itself, whatever cgroups there are.
    pub(crate) fn is_without_cgroup(&self) -> bool {
        [self.v1, self.v2].iter().all(|origins| {
            let sources = |origins: &[Origin]| origins.iter().map(|origin| origin.source).collect::<Vec<_>>();
            sources(origins) == sources(self.without)
        })
    }
}

/// Returns the source from which a figure of a capability was read, if one was.
pub fn source(usage: &Usage, capability: Capability) -> Option<Source> {
    Metric::for_capability(capability).find_map(|metric| (metric.source)(usage))
}

/// Returns a duration in JSON; the greatest that fits if it is longer.
pub fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_metric_has_readings_and_nothing_else_has() {
        for capability in Capability::ALL {
            assert_eq!(
                Metric::for_capability(capability).next().is_some(),
                capability.is_metric(),
                "{capability}"
            );
        }
    }

    #[test]
    fn each_key_is_one_figures_and_says_its_unit() {
        let mut keys = BTreeSet::new();
        for metric in METRICS {
            assert!(!metric.figures.is_empty(), "{}", metric.name);
            for figure in metric.figures {
                assert!(keys.insert(figure.key), "{}", figure.key);
                assert_eq!(figure.unit == Unit::Bytes, figure.key.ends_with("_bytes"), "{}", figure.key);
                assert_eq!(figure.unit == Unit::Microseconds, figure.key.ends_with("_us"), "{}", figure.key);
                assert_eq!((figure.value)(&Usage::default()), None, "{}", figure.key);
            }
            assert!(keys.insert(metric.source_key) && metric.source_key.ends_with("_source"));
            assert_eq!((metric.source)(&Usage::default()), None, "{}", metric.name);
            let origins = [metric.v1, metric.v2, metric.without].concat();
            let approximate = origins.iter().any(|origin| origin.source.is_approximate());
            assert_eq!(metric.approximate_key.is_some(), approximate, "{}", metric.name);
            assert!(
                metric.approximate_key.is_none_or(|key| key.ends_with("_approximate") && keys.insert(key))
            );
        }
    }

    #[test]
    fn each_reading_is_to_be_had_somewhere() {
        for metric in METRICS {
            assert!(!metric.v2.is_empty(), "{}: version 2 has all", metric.name);
        }
        let only_v2 = METRICS.iter().filter(|metric| metric.v1.is_empty());
        let only_v2: BTreeSet<_> = only_v2.map(|metric| metric.capability).collect();
        assert_eq!(only_v2, BTreeSet::from([Capability::Pressure]));
    }
}
