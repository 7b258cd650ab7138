//! Measures a part of a test.

use super::{Usage, UsageError, usage};
use crate::units::Bytes;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Usage of the attempt while a region lasted, by all threads and processes of the test; `None` is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RegionUsage {
    /// Time from the start of the region to its end, stops of the run included.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Size of what was read from block devices.
    pub io_read: Option<Bytes>,
    /// Size of what was written to block devices.
    pub io_write: Option<Bytes>,
    /// Maximum of memory that was charged at once, if it was more than ever before.
    pub memory_peak: Option<Bytes>,
}

/// Part of a test. When it is dropped, what was used in it is written to standard error, in a line such as `region
/// parse: 84 ms, 83 ms cpu, peak 318.4 MiB`; in a process that is no attempt's, nothing is.
#[derive(Debug)]
#[must_use = "a region ends when it is dropped"]
pub struct Region {
    name: String,
    begun: Instant,
    before: Result<Usage, UsageError>,
}

/// Begins a region of this name.
pub fn region(name: impl Into<String>) -> Region {
    Region { name: name.into(), begun: Instant::now(), before: usage() }
}

impl Region {
    /// Reads what was used in the region up to now.
    ///
    /// # Errors
    /// When the process is in no attempt, or nothing is counted.
    pub fn usage(&self) -> Result<RegionUsage, UsageError> {
        Ok(between(self.before?, usage()?, self.begun.elapsed()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Ok(used) = self.usage() {
            // A line that cannot be written must not end a test, least of all one that panics.
            let _ = writeln!(io::stderr(), "{}", line(&self.name, &used));
        }
    }
}

fn between(before: Usage, after: Usage, wall: Duration) -> RegionUsage {
    let more = |before: Option<Bytes>, after: Option<Bytes>| Some(after?.saturating_sub(before?));
    RegionUsage {
        wall,
        cpu: after.cpu.zip(before.cpu).map(|(after, before)| after.saturating_sub(before)),
        io_read: more(before.io_read, after.io_read),
        io_write: more(before.io_write, after.io_write),
        memory_peak: after.memory_peak.filter(|peak| before.memory_peak.is_some_and(|before| before < *peak)),
    }
}

fn line(name: &str, used: &RegionUsage) -> String {
    let time = |time: Duration| format!("{} ms", time.as_millis());
    let io = |size: Option<Bytes>| size.filter(|size| size.get() > 0);
    let parts = [
        Some(time(used.wall)),
        used.cpu.map(|cpu| format!("{} cpu", time(cpu))),
        used.memory_peak.map(|peak| format!("peak {peak}")),
        io(used.io_read).map(|size| format!("{size} read")),
        io(used.io_write).map(|size| format!("{size} written")),
    ];
    format!("region {name}: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_what_was_added_and_a_peak_only_if_it_rose() {
        let before = Usage {
            memory_peak: Some(Bytes::mib(8)),
            cpu: Some(Duration::from_millis(10)),
            io_read: Some(Bytes::new(100)),
            ..Usage::default()
        };
        let after = Usage {
            cpu: Some(Duration::from_millis(94)),
            io_read: Some(Bytes::new(100)),
            io_write: Some(Bytes::new(7)),
            ..before
        };
        let wall = Duration::from_millis(90);
        let used = between(before, after, wall);
        assert_eq!((used.cpu, used.memory_peak), (Some(Duration::from_millis(84)), None));
        assert_eq!((used.io_read, used.io_write), (Some(Bytes::new(0)), None));
        assert_eq!(line("parse", &used), "region parse: 90 ms, 84 ms cpu");
        let risen = between(before, Usage { memory_peak: Some(Bytes::mib(9)), ..after }, wall);
        assert_eq!(line("parse", &risen), "region parse: 90 ms, 84 ms cpu, peak 9 MiB");
    }
}
