//! The cgroup of one attempt: made, entered by descriptors, read, removed.

use super::{Hierarchy, limits, parse};
use crate::plan::Limits;
use crate::policy::Capability;
use crate::usage::{Cpu, Io, Oom, Pressure, Reading, Source, Usage};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The directory, below the one that carries the limit, in which the workload lives and which is the root of its
/// cgroup namespace: a workload with all capabilities may change what it sees, so it does not see its limit.
const INNER: &str = "test";

/// The kernel gives these files whole in one read; none is longer.
const FILE_BYTES: usize = 16 << 10;

/// One attempt's directory in one hierarchy.
#[derive(Debug)]
struct Place {
    /// Where limits are set and figures are read.
    outer: PathBuf,
    /// Where the workload lives; the same without limits.
    inner: PathBuf,
    unified: bool,
    serves: Vec<Capability>,
}

/// The cgroup of one attempt.
#[derive(Debug)]
pub struct Leaf {
    name: String,
    places: Vec<Place>,
    limits: Limits,
}

impl Leaf {
    /// Makes the directories and sets the limits.
    ///
    /// # Errors
    /// When a directory cannot be made or a limit is refused; nothing is left behind then.
    pub(super) fn create(hierarchies: &[Hierarchy], id: &str, limits: Limits) -> io::Result<Self> {
        let name = if limits.any() { format!("{id}/{INNER}") } else { id.to_owned() };
        let mut leaf = Self { name, places: Vec::new(), limits };
        for hierarchy in hierarchies {
            let outer = hierarchy.run.join(id);
            let place = Place {
                inner: hierarchy.run.join(&leaf.name),
                outer,
                unified: hierarchy.unified,
                serves: hierarchy.serves.clone(),
            };
            if let Err(error) = place.create(limits) {
                leaf.places.push(place);
                // The first failure is the one worth telling; what cannot be removed now is swept by the next run.
                let _ = leaf.remove();
                return Err(error);
            }
            leaf.places.push(place);
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
            if place.unified {
                directory = Some(File::open(&place.inner)?.into());
            } else {
                tasks.push(OpenOptions::new().write(true).open(place.inner.join("tasks"))?.into());
            }
        }
        Ok((directory, tasks))
    }

    /// Reads every figure. Call it when the attempt's last process has ended.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for place in &self.places {
            for capability in &place.serves {
                match capability {
                    Capability::Memory => place.read_memory(self.limits, &mut usage),
                    Capability::Cpu => usage.cpu = place.cpu(),
                    Capability::Pids => {
                        usage.pids_peak = place.number("pids.peak", Source::PidsPeak);
                        let events = self.limits.pids.and_then(|_| place.text("pids.events"));
                        usage.pids_refused = events.and_then(|text| parse::keyed(&text, "max"));
                    }
                    Capability::Io => usage.io = place.io(),
                    Capability::Pressure => usage.pressure = place.pressure(),
                    Capability::User
                    | Capability::Pid
                    | Capability::Mount
                    | Capability::Net
                    | Capability::Ipc
                    | Capability::Uts
                    | Capability::Cgroup
                    | Capability::Rootfs
                    | Capability::CopyOnWrite => {}
                }
            }
        }
        usage
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
    fn create(&self, limits: Limits) -> io::Result<()> {
        fs::create_dir(&self.outer)?;
        for capability in &self.serves {
            for setting in limits::settings(limits, *capability, self.unified) {
                let file = self.outer.join(setting.file);
                match fs::write(&file, &setting.value) {
                    Err(error) if setting.optional && error.kind() == io::ErrorKind::NotFound => {}
                    // A cgroup file that does not exist cannot be created, which is refused with EACCES or EPERM.
                    Err(_) if setting.optional && !file.exists() => {}
                    done => done?,
                }
            }
        }
        if self.inner == self.outer { Ok(()) } else { fs::create_dir(&self.inner) }
    }

    fn remove(&self) -> io::Result<()> {
        if self.inner != self.outer {
            remove_if_there(&self.inner)?;
        }
        remove_if_there(&self.outer)
    }

    fn text(&self, file: &str) -> Option<String> {
        text_of(&self.outer.join(file))
    }

    fn number(&self, file: &str, source: Source) -> Option<Reading<u64>> {
        let value = self.text(file)?.trim().parse().ok()?;
        Some(Reading { value, source })
    }

    fn read_memory(&self, limits: Limits, usage: &mut Usage) {
        let stat = self.text("memory.stat");
        let split = if self.unified {
            usage.memory_peak = self.number("memory.peak", Source::MemoryPeak);
            stat.as_deref().and_then(parse::memory_split_v2)
        } else {
            usage.memory_peak = self.number("memory.max_usage_in_bytes", Source::MemoryMaxUsage);
            let kernel = self.text("memory.kmem.usage_in_bytes").and_then(|text| text.trim().parse().ok());
            stat.as_deref().and_then(|text| parse::memory_split_v1(text, kernel))
        };
        usage.memory_split = split.map(|value| Reading { value, source: Source::MemoryStat });
        usage.oom = self.oom(limits);
    }

    fn oom(&self, limits: Limits) -> Option<Reading<Oom>> {
        let (file, source) = if self.unified {
            ("memory.events", Source::MemoryEvents)
        } else {
            ("memory.oom_control", Source::MemoryOomControl)
        };
        let mut kills = parse::keyed(&self.text(file)?, "oom_kill")?;
        if !self.unified && self.inner != self.outer {
            // Version 1 counts a kill only in the directory of the process that was killed.
            kills += parse::keyed(&text_of(&self.inner.join(file))?, "oom_kill")?;
        }
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
        if self.unified {
            let value = parse::io_v2(&self.text("io.stat")?);
            return Some(Reading { value, source: Source::IoStat });
        }
        let file = "blkio.throttle.io_service_bytes";
        let text = self.text(&format!("{file}_recursive")).or_else(|| self.text(file))?;
        Some(Reading { value: parse::io_v1(&text), source: Source::BlkioThrottle })
    }

    fn pressure(&self) -> Pressure {
        let total = |file| self.text(file).as_deref().and_then(parse::pressure);
        Pressure { cpu: total("cpu.pressure"), memory: total("memory.pressure"), io: total("io.pressure") }
    }
}

/// A file, with as few system calls as it takes: this is done ten times an attempt.
fn text_of(file: &Path) -> Option<String> {
    let mut file = File::open(file).ok()?;
    let mut text = vec![0; FILE_BYTES];
    let length = file.read(&mut text).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

fn remove_if_there(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
