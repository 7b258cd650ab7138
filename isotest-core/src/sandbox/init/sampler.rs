//! Samples peaks of which the kernel keeps no account, while the workload runs. What comes and goes between two looks
//! is missed, so that such a figure is marked wherever it is told.

use super::own_proc::OwnProc;
use crate::sys::clock::Instant;
use crate::units::Bytes;
use crate::usage::{Disk, Reading, Source};
use nix::fcntl::{OFlag, openat};
use nix::sys::resource::Usage as ResourceUsage;
use nix::sys::stat::Mode;
use nix::sys::statfs::fstatfs;
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// Interval between two looks, at least.
const INTERVAL: Duration = Duration::from_millis(10);
/// Divisor that makes the interval out of the age of an attempt where only files are looked at, of which most stay:
/// the interval is between [`INTERVAL`] and [`MAX_INTERVAL`]. Every look wakes a processor.
const FILES_SHARE: u32 = 100;
const MAX_INTERVAL: Duration = Duration::from_millis(100);
/// Factor between the time that a look takes and the shortest time until the next: the kernel walks through all
/// memory of a process.
const SHARE: u32 = 20;

/// Highest values seen so far.
#[derive(Debug)]
pub(super) struct Sampler {
    peaks: Vec<(Source, Option<u64>)>,
    cgroup: Option<OwnedFd>,
    /// Parent of the workload, which is no part of it.
    parent: Pid,
    files: Option<Files>,
    born: Instant,
    next: Instant,
}

/// File system of the attempt's place to write.
#[derive(Debug)]
pub(super) struct Files {
    /// Root directory of the file system: as long as it is open, whatever the workload unmounts, the file system is
    /// there.
    root: File,
    /// Bytes and files that were in it before the attempt.
    before: Disk,
    /// Highest numbers of bytes and files that have been added since.
    peak: Disk,
}

impl Files {
    /// Opens the file system that holds `scratch`, which nobody has written to yet.
    ///
    /// # Errors
    /// When the kernel does not say what it holds.
    pub(super) fn held_in(scratch: &Path) -> io::Result<Self> {
        let root = File::open(scratch)?;
        let before = held(&root)?;
        Ok(Self { root, before, peak: Disk::default() })
    }

    /// Counts from now on.
    ///
    /// # Errors
    /// When the kernel does not say what it holds.
    pub(super) fn restarted(self) -> io::Result<Self> {
        let before = held(&self.root)?;
        Ok(Self { before, ..self })
    }

    /// Returns the bytes and files that have come since the beginning.
    fn added(&self) -> Option<Disk> {
        let now = held(&self.root).ok()?;
        let Disk { bytes, files } = self.before;
        Some(Disk { bytes: now.bytes.saturating_sub(bytes), files: now.files.saturating_sub(files) })
    }

    fn look(&mut self) {
        if let Some(Disk { bytes, files }) = self.added() {
            self.peak = Disk { bytes: self.peak.bytes.max(bytes), files: self.peak.files.max(files) };
        }
    }
}

/// Returns the bytes and files that a file system holds. A file system without bounds counts nothing.
fn held(root: &File) -> io::Result<Disk> {
    let stat = fstatfs(root)?;
    if stat.blocks() == 0 || stat.files() == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let blocks = stat.blocks().saturating_sub(stat.blocks_free());
    let block_bytes = u64::try_from(stat.block_size()).map_err(io::Error::other)?;
    Ok(Disk {
        bytes: Bytes::new(blocks * block_bytes),
        files: stat.files().saturating_sub(stat.files_free()),
    })
}

impl Sampler {
    /// Makes a sampler of these sources, some of which are in a version 2 directory or are files; `None` if there are
    /// none.
    pub(super) fn new(
        sources: &[Source],
        cgroup: Option<&OwnedFd>,
        files: Option<Files>,
        parent: Pid,
    ) -> Option<Self> {
        let peaks: Vec<_> = sources.iter().map(|&source| (source, None)).collect();
        let cgroup = cgroup.and_then(|directory| directory.try_clone().ok());
        let born = Instant::now();
        (!peaks.is_empty()).then(|| Self { peaks, cgroup, parent, files, born, next: born + INTERVAL })
    }

    /// Returns the time of the next look.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// Looks at all sources if it is time, at processes in `proc`.
    pub(super) fn look(&mut self, proc: &OwnProc) {
        let began = Instant::now();
        if began < self.next {
            return;
        }
        for (source, peak) in &mut self.peaks {
            let value = match source {
                Source::SmapsRollup => memory_of_processes(proc, self.parent),
                Source::StatfsSampled => {
                    self.files.iter_mut().for_each(Files::look);
                    continue;
                }
                source => self.cgroup.as_ref().and_then(|cgroup| number(cgroup, source.as_str())),
            };
            *peak = (*peak).max(value);
        }
        self.next = Instant::now() + self.interval().max(began.elapsed() * SHARE);
    }

    fn interval(&self) -> Duration {
        let only_files = self.peaks.iter().all(|(source, _)| *source == Source::StatfsSampled);
        let share = if only_files { self.born.elapsed() / FILES_SHARE } else { INTERVAL };
        share.clamp(INTERVAL, MAX_INTERVAL)
    }

    /// Returns the peak of memory. The kernel does keep the most that any single process has ever had: a short one,
    /// or one that grew between two looks, is known by that.
    pub(super) fn memory(&self, dead: &ResourceUsage) -> Option<Reading<Bytes>> {
        if let Some(seen) = self.peak(Source::MemoryCurrent) {
            return Some(seen.map(Bytes::new));
        }
        self.peaks.iter().find(|(source, _)| *source == Source::SmapsRollup)?;
        let alone = u64::try_from(dead.max_rss()).ok().filter(|kibibytes| *kibibytes > 0);
        let alone = alone.map(|kibibytes| Reading { value: Bytes::kib(kibibytes), source: Source::MaxRss });
        let together = self.peak(Source::SmapsRollup).map(|peak| peak.map(Bytes::new));
        alone.into_iter().chain(together).max_by_key(|reading| reading.value)
    }

    /// Returns the peak of processes and threads.
    pub(super) fn pids(&self) -> Option<Reading<u64>> {
        self.peak(Source::PidsCurrent)
    }

    /// Returns the bytes and files in the directories that are thrown away.
    pub(super) fn disk(&self) -> Option<Reading<Disk>> {
        let value = self.watched_files()?.added()?;
        Some(Reading { value, source: Source::Statfs })
    }

    /// Returns the peaks of bytes and of files in the directories that are thrown away, at one of the looks or now.
    pub(super) fn disk_peak(&self) -> Option<Reading<Disk>> {
        let (now, Disk { bytes, files }) = (self.disk()?.value, self.watched_files()?.peak);
        let value = Disk { bytes: now.bytes.max(bytes), files: now.files.max(files) };
        Some(Reading { value, source: Source::StatfsSampled })
    }

    fn watched_files(&self) -> Option<&Files> {
        let is_watched = self.peaks.iter().any(|(source, _)| *source == Source::StatfsSampled);
        self.files.as_ref().filter(|_| is_watched)
    }

    /// Returns the highest value of a source, if there was one.
    fn peak(&self, source: Source) -> Option<Reading<u64>> {
        let (_, value) = self.peaks.iter().find(|(other, _)| *other == source)?;
        value.map(|value| Reading { value, source })
    }
}

/// Sums up the memory of all processes of the sandbox but init and `parent`. A page that several share is counted in parts.
fn memory_of_processes(proc: &OwnProc, parent: Pid) -> Option<u64> {
    // A process that has just ended has no memory. If no process could be read, the sum is unknown.
    let others = proc.processes().into_iter().filter(|&pid| pid != parent.as_raw());
    others.filter_map(|pid| proc.memory(pid)).reduce(|sum, memory| sum + memory)
}

fn number(directory: &OwnedFd, file: &str) -> Option<u64> {
    let file = openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(file).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::resource::{UsageWho, getrusage};
    use std::fs;

    #[test]
    fn the_highest_of_the_current_figures_stands_for_the_peak() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let handle = OwnedFd::from(File::open(directory.path())?);
        let sources = [Source::MemoryCurrent, Source::PidsCurrent];
        let mut sampler = Sampler::new(&sources, Some(&handle), None, Pid::this())
            .ok_or_else(|| io::Error::other("no sampler"))?;
        let dead = getrusage(UsageWho::RUSAGE_SELF)?;
        assert_eq!((sampler.memory(&dead), sampler.pids()), (None, None), "nothing was seen yet");
        for (memory, pids) in [(4096, 2), (8192, 1), (12, 3)] {
            fs::write(directory.path().join("memory.current"), format!("{memory}\n"))?;
            fs::write(directory.path().join("pids.current"), format!("{pids}\n"))?;
            sampler.next = Instant::now();
            sampler.look(&OwnProc::open()?);
        }
        let reading = |value, source| Some(Reading { value, source });
        assert_eq!(sampler.memory(&dead), reading(Bytes::kib(8), Source::MemoryCurrent));
        assert_eq!(sampler.pids(), Some(Reading { value: 3, source: Source::PidsCurrent }));
        assert!(sampler.next() > Instant::now(), "not again at once");
        Ok(())
    }

    #[test]
    fn nothing_to_look_at_is_no_sampler() {
        assert!(Sampler::new(&[], None, None, Pid::this()).is_none());
    }
}
