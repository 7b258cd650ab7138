//! Tests the parsers of cgroup files over what kernels wrote into them (`fixtures/kernel`). In each recording 1 MiB
//! was written to a tmpfs and 4 MiB to a disk, and more memory was asked for than the limit of 32 MiB allowed.

use super::attempt_files::AttemptFiles;
use super::parse::{cpu_v2, io_v2, keyed, memory_split_v1, memory_split_v2, pressure};
use super::version::Version;
use crate::limits::Limits;
use crate::metric::{METRICS, Metric};
use crate::policy::Capability;
use crate::units::Bytes;
use crate::usage::{MemorySplit, Source, Usage};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: u64 = 32 << 20;
const ON_TMPFS: u64 = 1 << 20;
const ON_DISK: u64 = 4 << 20;

/// Files of one version in a recording, and the kernel's version.
struct Recording {
    directory: PathBuf,
    kernel: (u32, u32),
}

impl Recording {
    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(file)).ok()
    }

    fn needed(&self, file: &str) -> String {
        self.text(file).unwrap_or_else(|| panic!("{} has no {file}", self.directory.display()))
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.text(file)?.trim().parse().ok()
    }

    /// Returns whether memory was accounted for in this version.
    fn has_memory(&self) -> bool {
        self.directory.join("memory.stat").exists()
    }
}

/// Finds the recordings that have files of a version: at least as many as were made.
fn recordings(version: &str, at_least: usize) -> Vec<Recording> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/kernel");
    let all = fs::read_dir(&top).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<Recording> = all
        .filter(|path| path.join(version).is_dir())
        .map(|path| Recording { directory: path.join(version), kernel: kernel(&path) })
        .collect();
    assert!(found.len() >= at_least, "{} recordings of {version} in {}", found.len(), top.display());
    found
}

fn kernel(recording: &Path) -> (u32, u32) {
    let text = fs::read_to_string(recording.join("proc/osrelease")).unwrap();
    let (major, minor) = text.trim().split_once('.').unwrap();
    (major.parse().unwrap(), minor.parse().unwrap())
}

/// Asserts that each part of the memory is there, and that together they are no more than was allowed.
fn assert_parts(split: MemorySplit, place: &Path) {
    let sum: Bytes =
        [split.anon, split.file, split.shmem, split.kernel.unwrap_or_default()].into_iter().sum();
    assert!(sum.get() <= LIMIT, "{}: {split:?}", place.display());
    assert!((ON_TMPFS..=2 * ON_TMPFS).contains(&split.shmem.get()), "{}: {split:?}", place.display());
}

#[test]
fn memory_of_version_2_is_split_in_its_parts() {
    for recording in recordings("v2", 6).iter().filter(|recording| recording.has_memory()) {
        let split = memory_split_v2(&recording.needed("memory.stat")).unwrap();
        assert_parts(split, &recording.directory);
        let tells = split.kernel.is_some();
        assert_eq!(tells, recording.kernel >= (5, 18), "{}: {split:?}", recording.directory.display());
    }
}

#[test]
fn memory_of_version_1_is_split_in_its_parts() {
    for recording in recordings("v1", 5) {
        let kernel = recording.number("memory.kmem.usage_in_bytes");
        let split = memory_split_v1(&recording.needed("memory.stat"), kernel.map(Bytes::new)).unwrap();
        assert_parts(split, &recording.directory);
    }
}

#[test]
fn the_peak_of_memory_is_near_the_limit_where_the_kernel_keeps_it() {
    for recording in recordings("v2", 6).iter().filter(|recording| recording.has_memory()) {
        let peak = recording.number("memory.peak");
        assert_eq!(peak.is_some(), recording.kernel >= (5, 19), "{}", recording.directory.display());
        assert!(peak.is_none_or(|peak| (LIMIT / 2..=LIMIT).contains(&peak)), "{peak:?}");
    }
    for recording in recordings("v1", 5) {
        let peak = recording.number("memory.max_usage_in_bytes").unwrap();
        assert!((LIMIT / 2..=LIMIT).contains(&peak), "{}: {peak}", recording.directory.display());
        assert!(recording.number("memory.failcnt").is_some_and(|hits| hits > 0));
    }
}

#[test]
fn the_process_that_was_killed_for_its_memory_is_counted() {
    for recording in recordings("v2", 6).iter().filter(|recording| recording.has_memory()) {
        assert_eq!(keyed(&recording.needed("memory.events"), "oom_kill"), Some(1));
        assert!(keyed(&recording.needed("memory.events.local"), "oom").is_some_and(|hits| hits > 0));
    }
    for recording in recordings("v1", 5) {
        assert_eq!(keyed(&recording.needed("memory.oom_control"), "oom_kill"), Some(1));
    }
}

#[test]
fn processor_time_is_that_of_the_work() {
    for recording in recordings("v2", 6).iter().filter(|recording| recording.has_memory()) {
        let text = recording.needed("cpu.stat");
        let cpu = cpu_v2(&text).unwrap();
        let whole = Duration::from_micros(keyed(&text, "usage_usec").unwrap());
        assert!(!cpu.user.is_zero() && !cpu.system.is_zero(), "{cpu:?}");
        assert!(whole.abs_diff(cpu.user + cpu.system) <= Duration::from_micros(1), "{whole:?} {cpu:?}");
    }
    for recording in recordings("v1", 5) {
        for file in ["cpuacct.usage_user", "cpuacct.usage_sys"] {
            assert!(recording.number(file).is_some_and(|nanoseconds| nanoseconds > 0), "{file}");
        }
    }
}

#[test]
fn what_was_written_to_a_disk_is_counted_and_not_what_was_written_to_tmpfs() {
    for recording in recordings("v2", 6).iter().filter(|recording| recording.has_memory()) {
        let io = io_v2(&recording.needed("io.stat"));
        assert!(
            (ON_DISK..=2 * ON_DISK).contains(&io.write.get()),
            "{}: {io:?}",
            recording.directory.display()
        );
    }
}

#[test]
fn pressure_is_told_wherever_version_2_is_mounted() {
    for recording in recordings("v2", 6) {
        for file in ["cpu.pressure", "memory.pressure", "io.pressure"] {
            let total = pressure(&recording.needed(file));
            assert!(total.is_some(), "{}: {file}", recording.directory.display());
        }
    }
}

/// Finds where the table says that a kernel keeps a reading among its cgroup files.
fn kept(metric: &Metric, version: Version, kernel: (u32, u32)) -> Option<Source> {
    let origins = match version {
        Version::V1 => metric.v1,
        Version::V2 => metric.v2,
    };
    let has =
        |since: Option<(u8, u8)>| since.is_none_or(|(major, minor)| kernel >= (major.into(), minor.into()));
    let in_cgroup = origins.iter().filter(|origin| !matches!(origin.source, Source::Rusage | Source::Statfs));
    let mut kept = in_cgroup.filter(|origin| !origin.source.is_sampled() && has(origin.since));
    kept.next().map(|origin| origin.source)
}

#[test]
fn each_reading_is_where_the_table_says_and_since_the_kernel_that_it_says() {
    for (directory, at_least, version) in [("v1", 5, Version::V1), ("v2", 6, Version::V2)] {
        let recordings = recordings(directory, at_least);
        let mut tried = 0;
        for recording in recordings.iter().filter(|recording| recording.has_memory()) {
            let outer = File::open(&recording.directory).unwrap();
            let files = AttemptFiles { outer: &outer, inner: None, processors: 1 };
            let mut usage = Usage::default();
            for metric in Capability::ALL {
                version.interface().read(metric, files, &Limits::default(), &mut usage);
            }
            for metric in METRICS {
                let (found, kept) = ((metric.source)(&usage), kept(metric, version, recording.kernel));
                assert_eq!(found, kept, "{} in {}", metric.name, recording.directory.display());
            }
            tried += 1;
        }
        assert!(tried >= 2, "{tried} recordings of {directory}");
    }
}
