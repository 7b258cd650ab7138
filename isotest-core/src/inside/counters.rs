//! Reads the counters of the attempt's cgroup, at the paths at which they are shown.

use crate::units::Bytes;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

/// Name of the variable with the metrics that a test's own cgroup counts, by blanks: `memory`, `cpu`, `pids`, `io`.
pub const METRICS: &str = "ISOTEST_METRICS";

/// Usage of the attempt up to now: of all its processes, those included that have ended. A figure that is not counted
/// here is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// Memory that is charged now.
    pub memory: Option<Bytes>,
    /// Maximum of memory that was charged at once.
    pub memory_peak: Option<Bytes>,
    /// Processor time, of user and system together.
    pub cpu: Option<Duration>,
    /// Number of processes and threads that there are now.
    pub procs: Option<u64>,
    /// Maximum number of processes and threads that there were at once.
    pub procs_peak: Option<u64>,
    /// Size of what was read from block devices.
    pub io_read: Option<Bytes>,
    /// Size of what was written to block devices.
    pub io_write: Option<Bytes>,
}

/// Reason why there are no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// Process that is not in an attempt of `cargo isotest`.
    NotIsolated,
    /// Attempt that has no cgroup that counts anything.
    NotMeasured,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotIsolated => {
                "this process is not executed by `cargo isotest`: what its cgroup counts is not its own"
            }
            Self::NotMeasured => "no cgroup counts here what the test uses: `cargo isotest doctor` says why",
        })
    }
}

impl std::error::Error for UsageError {}

/// Reads what the attempt has used up to now.
///
/// # Errors
/// When the process is in no attempt, or nothing is counted.
pub fn usage() -> Result<Usage, UsageError> {
    let metrics = env::var(METRICS).map_err(|_| UsageError::NotIsolated)?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let usage = read(&metrics, |hierarchy| directory(&mounts, hierarchy));
    if usage == Usage::default() { Err(UsageError::NotMeasured) } else { Ok(usage) }
}

/// Hierarchy by what it is mounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hierarchy {
    /// Hierarchy of version 2.
    Unified,
    /// Hierarchy of version 1 with this controller.
    Of(&'static str),
}

/// Reads the figures of those metrics; `directory` says where the cgroup of a hierarchy is. The files that exist
/// decide which version serves a metric.
fn read(metrics: &str, directory: impl Fn(Hierarchy) -> Option<PathBuf>) -> Usage {
    let unified = directory(Hierarchy::Unified);
    let text = |place: Option<&PathBuf>, file: &str| fs::read_to_string(place?.join(file)).ok();
    let number = |place: Option<&PathBuf>, file: &str| text(place, file)?.trim().parse::<u64>().ok();
    let mut usage = Usage::default();
    for metric in metrics.split_whitespace() {
        match metric {
            "memory" => {
                let legacy = directory(Hierarchy::Of("memory"));
                let either = |new: &str, old: &str| {
                    let number = number(unified.as_ref(), new).or_else(|| number(legacy.as_ref(), old));
                    number.map(Bytes::new)
                };
                usage.memory = either("memory.current", "memory.usage_in_bytes");
                usage.memory_peak = either("memory.peak", "memory.max_usage_in_bytes");
            }
            "pids" => {
                let legacy = directory(Hierarchy::Of("pids"));
                let either = |file| number(unified.as_ref(), file).or_else(|| number(legacy.as_ref(), file));
                usage.procs = either("pids.current");
                usage.procs_peak = either("pids.peak");
            }
            "cpu" => {
                let microseconds =
                    text(unified.as_ref(), "cpu.stat").and_then(|stat| keyed(&stat, "usage_usec"));
                let nanoseconds = || number(directory(Hierarchy::Of("cpuacct")).as_ref(), "cpuacct.usage");
                let time = microseconds.map(Duration::from_micros);
                usage.cpu = time.or_else(|| nanoseconds().map(Duration::from_nanos));
            }
            "io" => {
                let stat = text(unified.as_ref(), "io.stat");
                let sum = |key: &str| stat.as_ref().map(|stat| devices(stat, key)).map(Bytes::new);
                (usage.io_read, usage.io_write) = (sum("rbytes"), sum("wbytes"));
            }
            _ => {}
        }
    }
    usage
}

/// Returns the value in the line that begins with a key.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Sums up over all devices what follows a key.
fn devices(stat: &str, key: &str) -> u64 {
    let values = stat.split_whitespace().filter_map(|field| field.strip_prefix(key)?.strip_prefix('='));
    values.filter_map(|value| value.parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// Finds the first mount point of a hierarchy: what is seen there is the attempt's own directory.
fn directory(mounts: &str, hierarchy: Hierarchy) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        // proc_pid_mountinfo(5): the mount point is the fifth field; after a dash come type, source and options.
        let (mount, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let kind = system.next()?;
        let is_it = match hierarchy {
            Hierarchy::Unified => kind == "cgroup2",
            Hierarchy::Of(controller) => {
                kind == "cgroup" && system.nth(1)?.split(',').any(|option| option == controller)
            }
        };
        is_it.then(|| mount.split(' ').nth(4).map(|point| Path::new(point).to_owned())).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
        31 23 0:28 / /sys/fs/cgroup ro,relatime - tmpfs tmpfs rw,mode=755\n\
        35 31 0:32 / /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory\n\
        33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct ro shared:3 - cgroup cgroup rw,cpu,cpuacct\n\
        41 31 0:38 / /sys/fs/cgroup/unified ro,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn hierarchies_are_found_by_what_they_are_mounted_for() {
        for (hierarchy, found) in [
            (Hierarchy::Unified, Some("/sys/fs/cgroup/unified")),
            (Hierarchy::Of("memory"), Some("/sys/fs/cgroup/memory")),
            (Hierarchy::Of("cpuacct"), Some("/sys/fs/cgroup/cpu,cpuacct")),
            (Hierarchy::Of("pids"), None),
        ] {
            assert_eq!(directory(HYBRID, hierarchy), found.map(PathBuf::from), "{hierarchy:?}");
        }
    }

    #[test]
    fn figures_are_read_from_the_files_of_either_version() {
        let place = tempfile::tempdir().unwrap();
        let [new, old] = ["new", "old"].map(|name| place.path().join(name));
        let write = |directory: &Path, file: &str, text: &str| {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join(file), text).unwrap();
        };
        write(&new, "cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
        write(&old, "memory.usage_in_bytes", "5\n");
        write(&old, "memory.max_usage_in_bytes", "7\n");
        let hybrid =
            |hierarchy| Some(if hierarchy == Hierarchy::Unified { new.clone() } else { old.clone() });
        let expected = Usage {
            memory: Some(Bytes::new(5)),
            memory_peak: Some(Bytes::new(7)),
            cpu: Some(Duration::from_micros(1500)),
            ..Usage::default()
        };
        assert_eq!(read("memory cpu pids io", hybrid), expected);
        assert_eq!(read("cpu", hybrid), Usage { memory: None, memory_peak: None, ..expected });
        write(&new, "memory.current", "50\n");
        write(&new, "memory.peak", "70\n");
        write(&new, "pids.current", "2\n");
        write(&new, "io.stat", "8:0 rbytes=1 wbytes=2 rios=1 wios=1\n259:1 rbytes=10 wbytes=20 rios=1\n");
        write(&old, "cpuacct.usage", "9\n");
        let all = read("memory cpu pids io", hybrid);
        assert_eq!(
            (all.memory, all.memory_peak, all.procs, all.procs_peak),
            (Some(Bytes::new(50)), Some(Bytes::new(70)), Some(2), None)
        );
        assert_eq!((all.io_read, all.io_write), (Some(Bytes::new(11)), Some(Bytes::new(22))));
        assert_eq!(read("cpu", |_| Some(old.clone())).cpu, Some(Duration::from_nanos(9)));
        assert_eq!(read("memory cpu pids io", |_| None), Usage::default(), "control");
    }
}
