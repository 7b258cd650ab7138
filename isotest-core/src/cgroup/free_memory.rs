//! Memory that attempts can have: what the machine and every cgroup around the run's leave free, and what they have.

use super::parse::keyed;
use super::{Cgroups, Version};
use crate::host::{CgroupMount, Host};
use crate::policy::Capability;
use procfs::{Current, Meminfo};
use std::fs;
use std::path::{Path, PathBuf};

/// Number from which a limit counts as none: version 1 says so by the largest number of pages.
const NO_LIMIT: u64 = 1 << 62;

/// Memory that there is for the attempts of a run, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Memory that all attempts can have together.
    pub all: u64,
    /// Memory that they have; 0 where nothing counts it.
    pub used: u64,
}

/// Cgroups from which free memory is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeMemory {
    version: Version,
    /// Directory of the run, if the kernel counts its memory there.
    run: Option<PathBuf>,
    /// Directories around the run's.
    around: Vec<PathBuf>,
}

impl FreeMemory {
    /// Finds the cgroups that limit the attempts of a run.
    pub fn of_run(cgroups: &Cgroups, host: &Host) -> Self {
        let counted =
            cgroups.hierarchies.iter().find(|hierarchy| hierarchy.serves.contains(&Capability::Memory));
        if let Some(hierarchy) = counted {
            let around = hierarchy.run.parent().map(|base| up(base, &hierarchy.mount_point));
            let around = around.unwrap_or_default();
            return Self { version: hierarchy.version, run: Some(hierarchy.run.clone()), around };
        }
        let carries = |mount: &&CgroupMount| mount.controllers.iter().any(|one| one == "memory");
        let unified = || host.cgroups.iter().find(|mount| mount.unified);
        let mount = host.cgroups.iter().find(carries).or_else(unified);
        let around = mount.map_or_else(Vec::new, |mount| up(&mount.own, &mount.mount_point));
        Self { version: mount.map_or(Version::V2, Version::from_mount), run: None, around }
    }

    /// Reads how much memory all attempts at once can have and what they have, page cache that the kernel can take back
    /// not counted. `None` where nothing says it.
    pub fn read(&self) -> Option<Room> {
        let machine = Meminfo::current().ok().and_then(|memory| memory.mem_available);
        let around = self.around.iter().filter_map(|directory| self.free_in(directory));
        let free = around.chain(machine).min()?;
        let used = self.run.as_ref().and_then(|run| self.used_in(run)).unwrap_or(0);
        Some(Room { all: free.saturating_add(used), used })
    }

    /// Reads what a cgroup leaves free; `None` without a limit.
    fn free_in(&self, directory: &Path) -> Option<u64> {
        let limit = number(directory, self.version.memory_files().limit)?;
        if limit >= NO_LIMIT {
            return None;
        }
        Some(limit.saturating_sub(self.used_in(directory)?))
    }

    fn used_in(&self, directory: &Path) -> Option<u64> {
        let MemoryFiles { usage, active_file, inactive_file, .. } = self.version.memory_files();
        let usage = number(directory, usage)?;
        let stat = fs::read_to_string(directory.join("memory.stat")).ok()?;
        let cache = [active_file, inactive_file].into_iter().filter_map(|key| keyed(&stat, key)).sum();
        Some(usage.saturating_sub(cache))
    }
}

/// Names by which a version calls the files of memory, and the page cache in `memory.stat`, with all below.
#[derive(Debug, Clone, Copy)]
struct MemoryFiles {
    limit: &'static str,
    usage: &'static str,
    active_file: &'static str,
    inactive_file: &'static str,
}

impl Version {
    const fn memory_files(self) -> MemoryFiles {
        match self {
            Self::V1 => MemoryFiles {
                limit: "memory.limit_in_bytes",
                usage: "memory.usage_in_bytes",
                active_file: "total_active_file",
                inactive_file: "total_inactive_file",
            },
            Self::V2 => MemoryFiles {
                limit: "memory.max",
                usage: "memory.current",
                active_file: "active_file",
                inactive_file: "inactive_file",
            },
        }
    }
}

/// Reads the number in a file; `None` if it is none, such as `max`.
fn number(directory: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(directory.join(file)).ok()?.trim().parse().ok()
}

/// Returns a directory and all above it as far as the mount point.
fn up(directory: &Path, mount_point: &Path) -> Vec<PathBuf> {
    let within = |path: &&Path| path.starts_with(mount_point);
    directory.ancestors().take_while(within).map(Path::to_path_buf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn write(directory: &Path, files: &[(&str, &str)]) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        files.iter().try_for_each(|(name, text)| fs::write(directory.join(name), text))
    }

    #[test]
    fn the_tightest_cgroup_around_counts_and_what_attempts_have_is_theirs() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        let [outer, base, run] =
            ["outer", "outer/base", "outer/base/run"].map(|path| place.path().join(path));
        let tight = [
            ("memory.max", "1000\n"),
            ("memory.current", "700\n"),
            ("memory.stat", "active_file 150\ninactive_file 50\n"),
        ];
        let loose = [("memory.max", "max\n"), ("memory.current", "900\n"), ("memory.stat", "")];
        let own = [("memory.current", "300\n"), ("memory.stat", "active_file 100\ninactive_file 0\n")];
        let free = FreeMemory {
            version: Version::V2,
            run: Some(run.clone()),
            around: vec![base.clone(), outer.clone(), place.path().into()],
        };
        for (at_base, at_outer) in [(tight, loose), (loose, tight)] {
            write(&base, &at_base)?;
            write(&outer, &at_outer)?;
            write(&run, &own)?;
            assert_eq!(free.read(), Some(Room { all: 1000 - (700 - 200) + (300 - 100), used: 300 - 100 }));
        }
        assert_eq!(up(&base, place.path()), free.around);
        Ok(())
    }

    #[test]
    fn version_1_has_no_word_for_no_limit() -> io::Result<()> {
        let place = tempfile::tempdir()?;
        let free = FreeMemory { version: Version::V1, run: None, around: vec![place.path().into()] };
        let stat = ("memory.stat", "total_active_file 1\ntotal_inactive_file 1\n");
        write(
            place.path(),
            &[("memory.usage_in_bytes", "4"), stat, ("memory.limit_in_bytes", "9223372036854771712")],
        )?;
        let machine = free.read();
        assert!(machine.is_some_and(|room| room.all > 1 << 20), "the machine's: {machine:?}");
        write(place.path(), &[("memory.limit_in_bytes", "9")])?;
        assert_eq!(free.read(), Some(Room { all: 7, used: 0 }));
        Ok(())
    }
}
