//! Freezes what is in the run's cgroups of version 2: it stands still, and neither it nor its parent is told. What
//! the freezer of version 1 holds does not die of SIGKILL, and would be there for good if this process was killed: it
//! is left alone.

use super::run_cgroup::Cgroups;
use super::v2::SUPERVISOR;
use super::version::Version;
use procfs::process::Process;
use std::fs;
use std::path::{Path, PathBuf};

/// Cgroups that have been frozen, and are until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    cgroups: Vec<FrozenCgroup>,
}

#[derive(Debug)]
struct FrozenCgroup {
    path: PathBuf,
}

impl Frozen {
    /// Returns whether the process is in one of the frozen cgroups. One that has ended is in none.
    pub(crate) fn holds(&self, pid: i32) -> bool {
        let Ok(entries) = Process::new(pid).and_then(|process| process.cgroups()) else { return false };
        let is_below = |cgroup: &FrozenCgroup, pathname: &str| {
            cgroup.end().is_some_and(|end| {
                let mut parts = Path::new(pathname).ancestors();
                parts.any(|part| part.ends_with(&end))
            })
        };
        let mut unified = entries.into_iter().filter(|entry| entry.hierarchy == 0);
        unified.any(|entry| self.cgroups.iter().any(|cgroup| is_below(cgroup, &entry.pathname)))
    }
}

impl FrozenCgroup {
    /// Returns the names of the run's directory and the cgroup's own, which are nobody else's.
    fn end(&self) -> Option<PathBuf> {
        Some(Path::new(self.path.parent()?.file_name()?).join(self.path.file_name()?))
    }

    fn set(&self, frozen: bool) -> bool {
        fs::write(self.path.join("cgroup.freeze"), if frozen { "1" } else { "0" }).is_ok()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for cgroup in &self.cgroups {
            // If the cgroup is gone, no process is left frozen.
            let _ = cgroup.set(false);
        }
    }
}

impl Cgroups {
    /// Freezes the cgroups of version 2 of all attempts. What cannot be frozen is not among them.
    pub(crate) fn freeze(&self) -> Frozen {
        let directories = self.run_directories().filter(|(_, version)| *version == Version::V2);
        let entries = directories.flat_map(|(run, _)| {
            let entries = fs::read_dir(run).into_iter().flatten().flatten();
            let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let others = directories.filter(|entry| entry.file_name() != SUPERVISOR);
            others.map(|entry| FrozenCgroup { path: entry.path() })
        });
        Frozen { cgroups: entries.filter(|cgroup| cgroup.set(true)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    #[test]
    fn attempts_are_frozen_and_the_supervisor_is_not() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        let run = base.path().join("isotest-1-2");
        for name in ["7", "cell-0", SUPERVISOR] {
            fs::create_dir_all(run.join(name))?;
            fs::write(run.join(name).join("cgroup.freeze"), "0")?;
        }
        let handle = Arc::new(fs::File::open(&run)?);
        let mut cgroups = Cgroups::default();
        let mount_point = base.path().to_path_buf();
        let hierarchy =
            super::super::Hierarchy::new(Version::V2, run.clone(), handle, mount_point, Vec::new());
        cgroups.hierarchies.push(hierarchy);
        let states = || {
            ["7", "cell-0", SUPERVISOR]
                .map(|name| fs::read_to_string(run.join(name).join("cgroup.freeze")).ok())
        };
        let state = |text: &str| Some(text.to_owned());
        let frozen = cgroups.freeze();
        assert_eq!(states(), [state("1"), state("1"), state("0")]);
        assert!(!frozen.holds(1), "it is in none of them");
        drop(frozen);
        assert_eq!(states(), [state("0"), state("0"), state("0")]);
        Ok(())
    }
}
