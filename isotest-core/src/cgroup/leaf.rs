//! The cgroup of one attempt: made, entered by descriptors, read, removed.

use super::limits::{self, Setting};
use super::{Hierarchy, parse, sweep};
use crate::limits::Limits;
use crate::metric;
use crate::policy::Capability;
use crate::step::{Step, StepError};
use crate::usage::{Cpu, Io, Oom, Pressure, Reading, Source, Usage};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The directory, below the one that carries the limit, in which the workload lives and which is the root of its
/// cgroup namespace: a workload with all capabilities may change what it sees, so it does not see its limit.
pub(crate) const INNER: &str = "test";

/// The kernel gives these files whole in one read of so much. Only those with a line for each device may be longer.
const FILE_BYTES: usize = 16 << 10;

/// One attempt's directory in one hierarchy. Everything is reached through descriptors: the way down from the root is
/// longer than what is done at its end.
#[derive(Debug)]
struct Place {
    /// The run's directory.
    run: Arc<File>,
    /// The name, in the run's directory, of the one where limits are set and figures are read.
    id: String,
    /// Where that is.
    path: PathBuf,
    /// That directory.
    outer: File,
    /// Where the workload lives, if that is another one.
    inner: Option<File>,
    unified: bool,
    serves: Vec<Capability>,
    /// The limits, with their values as the kernel repeated them.
    set: Vec<Setting>,
    /// How many processors the machine has.
    processors: u64,
}

/// The cgroup of one attempt.
#[derive(Debug)]
pub struct Leaf {
    name: String,
    places: Vec<Place>,
    limits: Limits,
}

impl Leaf {
    /// How many descriptors it has open in one hierarchy, at most.
    pub(super) const DESCRIPTORS: usize = 2;

    /// Makes the directories and sets the limits.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused; nothing is left behind then.
    pub(super) fn create(
        hierarchies: &[Hierarchy],
        id: &str,
        limits: &Limits,
        devices: &[String],
    ) -> io::Result<Self> {
        let name = if limits.any() { format!("{id}/{INNER}") } else { id.to_owned() };
        let mut leaf = Self { name, places: Vec::new(), limits: limits.clone() };
        for hierarchy in hierarchies {
            match Place::create(hierarchy, id, limits, devices) {
                Ok(place) => leaf.places.push(place),
                Err(error) => {
                    // The first failure is the one worth telling; what cannot be removed now is swept by the next run.
                    let _ = leaf.remove();
                    return Err(error);
                }
            }
        }
        Ok(leaf)
    }

    /// Its directory relative to each of the run's directories.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a process needs to be born in it (a version 2 directory) and to enter it (version 1 `tasks` files).
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub(crate) fn entrances(&self) -> io::Result<(Option<OwnedFd>, Vec<OwnedFd>)> {
        let mut directory = None;
        let mut tasks = Vec::new();
        for place in &self.places {
            let inner = place.inner.as_ref().unwrap_or(&place.outer);
            if place.unified {
                directory = Some(inner.try_clone()?.into());
            } else {
                tasks.push(openat(inner, "tasks", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?);
            }
        }
        Ok((directory, tasks))
    }

    /// Reads every figure. Call it when the attempt's last process has ended.
    ///
    /// # Errors
    /// When a file is gone from which one was to be read.
    pub fn usage(&self) -> Result<Usage, StepError> {
        let mut usage = Usage::default();
        for place in &self.places {
            self.read(place, &mut usage);
            for capability in
                place.serves.iter().filter(|capability| metric::source(&usage, **capability).is_none())
            {
                let file = witness(*capability, place.unified);
                Step::ReadFigures.on(file, || place.open(file))?;
            }
        }
        Ok(usage)
    }

    /// Which limit is not what it was when it was set, if one is not. Call it when the attempt's last process has ended.
    pub fn changed_limit(&self) -> Option<String> {
        let mut set = self.places.iter().flat_map(|place| place.set.iter().map(move |set| (place, set)));
        set.find_map(|(place, set)| {
            let now = text_of(place.directory(set), set.file).unwrap_or_default();
            let (file, set, now) = (set.file, set.value.trim(), now.trim());
            (set != now).then(|| format!("its limit `{file}` was changed from {set} to {now}"))
        })
    }

    fn read(&self, place: &Place, usage: &mut Usage) {
        for capability in &place.serves {
            match capability {
                Capability::Memory => place.read_memory(&self.limits, usage),
                Capability::Cpu => usage.cpu = place.cpu(),
                Capability::Pids => {
                    usage.pids_peak = place.number("pids.peak", Source::PidsPeak);
                    usage.pids_refused = self.limits.pids.and_then(|_| place.events("pids.events", "max"));
                }
                Capability::Io => usage.io = place.io(),
                Capability::Pressure => usage.pressure = place.pressure(),
                // No cgroup serves any other.
                _ => {}
            }
        }
    }

    /// Removes the directories. Call it when the attempt's last process has ended.
    ///
    /// # Errors
    /// The first that could not be removed; the others are.
    pub fn remove(&self) -> io::Result<()> {
        let mut result = Ok(());
        for place in &self.places {
            result = result.and(place.remove());
        }
        result
    }
}

impl Place {
    /// Makes the directory and sets the limits; nothing is left behind if one is refused.
    fn create(hierarchy: &Hierarchy, id: &str, limits: &Limits, devices: &[String]) -> io::Result<Self> {
        let run = Arc::clone(&hierarchy.handle);
        let outer = make_directory(&run, id)?;
        let (unified, serves) = (hierarchy.unified, hierarchy.serves.clone());
        let (set, processors) = (Vec::new(), hierarchy.processors);
        let path = hierarchy.run.join(id);
        let mut place =
            Self { run, id: id.to_owned(), path, outer, inner: None, unified, serves, set, processors };
        let settings = hierarchy.controls.iter();
        let settings = settings.flat_map(|control| limits::settings(limits, *control, unified, devices));
        match place.limit(settings, limits.any()) {
            Ok(()) => Ok(place),
            Err(error) => {
                // As above: the failure to tell is the first.
                let _ = place.remove();
                Err(error)
            }
        }
    }

    fn limit(&mut self, settings: impl Iterator<Item = Setting>, nested: bool) -> io::Result<()> {
        if nested {
            self.inner = Some(make_directory(&self.outer, INNER)?);
        }
        let mut written: Vec<Setting> = Vec::new();
        for setting in settings {
            let is_set = set(self.directory(&setting), &setting)?;
            let same = |known: &Setting| (known.file, known.innermost) == (setting.file, setting.innermost);
            if is_set && !written.iter().any(same) {
                written.push(setting);
            }
        }
        // A file that names several devices is whole only now.
        for setting in &mut written {
            setting.value = text_of(self.directory(setting), setting.file).unwrap_or_default();
        }
        self.set = written;
        Ok(())
    }

    fn directory(&self, setting: &Setting) -> &File {
        self.inner.as_ref().filter(|_| setting.innermost).unwrap_or(&self.outer)
    }

    fn remove(&self) -> io::Result<()> {
        let inner = self.inner.as_ref().map_or(Ok(()), |_| remove_if_there(&self.outer, INNER));
        match inner.and_then(|()| remove_if_there(&self.run, &self.id)) {
            // Root inside may have made others below.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => sweep::remove_tree(&self.path),
            removed => removed,
        }
    }

    fn open(&self, file: &str) -> io::Result<OwnedFd> {
        Ok(openat(&self.outer, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)
    }

    /// Every processor tells of 64 changes at a time, and the kernel adds up what they counted when it was told of more
    /// than 64 for each of them (`memcg_rstat_updated` in mm/memcontrol.c).
    fn faults_most(&self, stat: Option<&str>, key: &str) -> Option<u64> {
        const BEHIND: u64 = 64 + 64;
        Some(parse::keyed(stat?, key)? + BEHIND * self.processors)
    }

    fn text(&self, file: &str) -> Option<String> {
        text_of(&self.outer, file)
    }

    fn number(&self, file: &str, source: Source) -> Option<Reading<u64>> {
        let value = self.text(file)?.trim().parse().ok()?;
        Some(Reading { value, source })
    }

    /// A count of events. Version 1 counts one only in the directory of the process it happened to.
    fn events(&self, file: &str, key: &str) -> Option<u64> {
        let outer = parse::keyed(&self.text(file)?, key)?;
        match self.inner.as_ref().filter(|_| !self.unified) {
            Some(inner) => Some(outer + parse::keyed(&text_of(inner, file)?, key)?),
            None => Some(outer),
        }
    }

    fn read_memory(&self, limits: &Limits, usage: &mut Usage) {
        let stat = self.text("memory.stat");
        let split = if self.unified {
            usage.memory_peak = self.number("memory.peak", Source::MemoryPeak);
            usage.faults_most = self.faults_most(stat.as_deref(), "pgfault");
            stat.as_deref().and_then(parse::memory_split_v2)
        } else {
            usage.memory_peak = self.number("memory.max_usage_in_bytes", Source::MemoryMaxUsage);
            usage.faults_most = self.faults_most(stat.as_deref(), "total_pgfault");
            let kernel = self.text("memory.kmem.usage_in_bytes").and_then(|text| text.trim().parse().ok());
            stat.as_deref().and_then(|text| parse::memory_split_v1(text, kernel))
        };
        usage.memory_split = split.map(|value| Reading { value, source: Source::MemoryStat });
        usage.oom = self.oom(limits);
    }

    fn oom(&self, limits: &Limits) -> Option<Reading<Oom>> {
        let (file, source) = if self.unified {
            ("memory.events", Source::MemoryEvents)
        } else {
            ("memory.oom_control", Source::MemoryOomControl)
        };
        let kills = self.events(file, "oom_kill")?;
        // A kill is the attempt's own doing only if its own limit was hit; the machine may have been short.
        let own_limit = kills > 0 && limits.memory.is_some() && self.hit_own_limit();
        Some(Reading { value: Oom { kills, own_limit }, source })
    }

    fn hit_own_limit(&self) -> bool {
        if self.unified {
            let events = self.text("memory.events.local").or_else(|| self.text("memory.events"));
            return events.and_then(|text| parse::keyed(&text, "oom")).is_some_and(|hits| hits > 0);
        }
        self.number("memory.failcnt", Source::MemoryOomControl).is_some_and(|hits| hits.value > 0)
    }

    fn cpu(&self) -> Option<Reading<Cpu>> {
        if self.unified {
            let value = parse::cpu_v2(&self.text("cpu.stat")?)?;
            return Some(Reading { value, source: Source::CpuStat });
        }
        let time = |file| self.text(file)?.trim().parse().ok().map(Duration::from_nanos);
        let value = Cpu { user: time("cpuacct.usage_user")?, system: time("cpuacct.usage_sys")? };
        Some(Reading { value, source: Source::CpuAcct })
    }

    fn io(&self) -> Option<Reading<Io>> {
        let value = parse::io_v2(&self.text("io.stat")?);
        Some(Reading { value, source: Source::IoStat })
    }

    fn pressure(&self) -> Pressure {
        let total = |source: Source| {
            let value = parse::pressure(&self.text(source.as_str())?)?;
            Some(Reading { value, source })
        };
        Pressure {
            cpu: total(Source::CpuPressure),
            memory: total(Source::MemoryPressure),
            io: total(Source::IoPressure),
        }
    }
}

/// Writes a limit; false if the kernel has no such file and need not have it.
pub(super) fn set(directory: &File, setting: &Setting) -> io::Result<bool> {
    match openat(directory, setting.file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        Err(Errno::ENOENT) if setting.optional => Ok(false),
        Err(error) => Err(error.into()),
        Ok(file) => File::from(file).write_all(setting.value.as_bytes()).map(|()| true),
    }
}

/// A file that is there, whatever the kernel, if what serves this metric is.
const fn witness(capability: Capability, unified: bool) -> &'static str {
    match (capability, unified) {
        (Capability::Memory, _) => "memory.stat",
        (Capability::Pids, _) => "pids.current",
        (Capability::Io, _) => "io.stat",
        (Capability::Cpu, false) => "cpuacct.usage",
        (Capability::Pressure, _) => "memory.pressure",
        (_, _) => "cpu.stat",
    }
}

/// A file, with as few system calls as it takes: this is done ten times an attempt.
fn text_of(directory: &File, file: &str) -> Option<String> {
    let file = openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut file = File::from(file);
    let mut text = vec![0; FILE_BYTES];
    let length = file.read(&mut text).ok()?;
    if length == FILE_BYTES {
        file.read_to_end(&mut text).ok()?;
    } else {
        text.truncate(length);
    }
    String::from_utf8(text).ok()
}

pub(super) fn make_directory(parent: &File, name: &str) -> io::Result<File> {
    mkdirat(parent, name, Mode::from_bits_truncate(0o755))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?.into())
}

pub(super) fn remove_if_there(parent: &File, name: &str) -> io::Result<()> {
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Control;
    use std::fs;
    use std::path::Path;

    /// What stands for an attempt's cgroup: files keep what is written to them, as those of the kernel do.
    fn place(directory: &Path, unified: bool) -> io::Result<Place> {
        let outer = File::open(directory)?;
        Ok(Place {
            run: Arc::new(outer.try_clone()?),
            id: "1".to_owned(),
            path: directory.join("1"),
            outer,
            inner: None,
            unified,
            serves: Vec::new(),
            set: Vec::new(),
            processors: 1,
        })
    }

    #[test]
    fn block_io_is_summed_over_all_of_very_many_devices() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let place = place(directory.path(), true)?;
        for devices in [1, 1000] {
            let lines = (0..devices).map(|minor| format!("259:{minor} rbytes=1 wbytes=2 rios=1 wios=1\n"));
            fs::write(directory.path().join("io.stat"), lines.collect::<String>())?;
            let summed = place.io().map(|io| (io.value.read, io.value.write));
            assert_eq!(summed, Some((devices, 2 * devices)));
        }
        Ok(())
    }

    #[test]
    fn limits_of_several_devices_in_one_file_are_not_taken_for_changes() -> io::Result<()> {
        let limits = Limits { io: Some(1000), ..Limits::default() };
        let devices = ["8:0".to_owned(), "259:16".to_owned()];
        let files = ["io.max", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"];
        for (unified, written) in [(true, &files[..1]), (false, &files[1..])] {
            let directory = tempfile::tempdir()?;
            for file in written {
                fs::write(directory.path().join(file), "")?;
            }
            let mut place = place(directory.path(), unified)?;
            place.limit(limits::settings(&limits, Control::Io, unified, &devices).into_iter(), false)?;
            assert_eq!(place.set.len(), written.len());
            let leaf = Leaf { name: "1".to_owned(), places: vec![place], limits: limits.clone() };
            assert_eq!(leaf.changed_limit(), None);
            fs::write(directory.path().join(written[0]), "259:16 1")?;
            assert!(leaf.changed_limit().is_some_and(|what| what.contains(written[0])), "control");
        }
        Ok(())
    }
}
