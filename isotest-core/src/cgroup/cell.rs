//! Cgroups in which nothing is measured or limited. Root inside may mount every version 1 hierarchy, and what it finds there is
//! the cgroup it is in: without one of the run's that is the host's, to be written to. To move each workload would cost as
//! much as all other guards together. So a zygote moves once, and what it starts is born where it is; only where the zygote
//! could be frozen with its workload each workload moves.

use super::attempt_cgroup::make_directory;
use super::sweep::{self, FREEZER, thaw_tree};
use super::version::Version;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Files of a cgroup that a workload may change and that those after it would feel.
const STATE: [&str; 23] = [
    "blkio.throttle.read_bps_device",
    "blkio.throttle.read_iops_device",
    "blkio.throttle.write_bps_device",
    "blkio.throttle.write_iops_device",
    "cgroup.freeze",
    "cgroup.max.depth",
    "cgroup.max.descendants",
    "cpu.cfs_period_us",
    "cpu.cfs_quota_us",
    "cpu.max",
    "cpu.rt_runtime_us",
    "cpu.shares",
    "cpu.weight",
    "cpuset.cpus",
    "cpuset.mems",
    "devices.list",
    FREEZER,
    "io.max",
    "memory.high",
    "memory.limit_in_bytes",
    "memory.max",
    "memory.swap.max",
    "pids.max",
];

/// Files that a new directory of version 1 does not have from its parent, and without which no process may enter it.
const INHERITED: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// Directory of the run in one hierarchy.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) run: PathBuf,
    pub(super) handle: Arc<File>,
    pub(super) version: Version,
}

/// Directory in each of several hierarchies for one zygote and what it starts. It is removed when this is dropped.
#[derive(Debug)]
pub struct Cell {
    name: String,
    /// Directories of the cell in the hierarchies of which nothing is needed.
    idle: Vec<Directory>,
    /// Directories of the run in the other hierarchies, for attempts without a cgroup.
    measured: Vec<Site>,
    /// Directories of the cell in the other hierarchies, once there is an attempt without a cgroup.
    unmeasured: OnceLock<Vec<Directory>>,
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    handle: File,
    version: Version,
    /// Descriptor of the `tasks` file, by which a process moves into the directory; `None` in version 2.
    tasks: Option<OwnedFd>,
    /// Whether processes in the directory may be frozen by the freezer of version 1.
    freezes: bool,
    /// Files of [`STATE`] that the directory has, and their first content.
    state: Vec<(File, Vec<u8>)>,
}

/// Descriptors that a workload needs to be born in cgroups of version 2, and to enter those of version 1.
pub(crate) type Entrances<'cell> = (Option<BorrowedFd<'cell>>, Vec<BorrowedFd<'cell>>);

impl Cell {
    /// Computes the greatest number of descriptors that a cell in so many hierarchies has open. A file of [`STATE`]
    /// is in no more than one.
    pub(super) const fn descriptors(hierarchies: usize) -> usize {
        const DIRECTORY_AND_TASKS: usize = 2;
        hierarchies * DIRECTORY_AND_TASKS + STATE.len()
    }

    /// Makes the directories of a cell in the hierarchies of which nothing is needed.
    ///
    /// # Errors
    /// When a directory cannot be made; nothing is left behind then.
    pub(super) fn make(name: String, idle: &[Site], measured: Vec<Site>) -> io::Result<Self> {
        let idle = make_all(&name, idle)?;
        Ok(Self { name, idle, measured, unmeasured: OnceLock::new() })
    }

    /// Returns descriptors to which the zygote writes `0`, to move into the cell with all that it will start.
    pub(crate) fn for_zygote(&self) -> Vec<BorrowedFd<'_>> {
        tasks_of(self.idle.iter().filter(|directory| !directory.freezes)).collect()
    }

    /// Returns what a workload needs besides its own cgroup; `has_leaf` says whether it has one.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub(crate) fn for_workload(&self, has_leaf: bool) -> io::Result<Entrances<'_>> {
        let mut tasks: Vec<_> = tasks_of(self.idle.iter().filter(|directory| directory.freezes)).collect();
        if has_leaf {
            return Ok((None, tasks));
        }
        let directories = if let Some(made) = self.unmeasured.get() {
            made
        } else {
            let made = make_all(&self.name, &self.measured)?;
            self.unmeasured.get_or_init(|| made)
        };
        tasks.extend(tasks_of(directories.iter()));
        let born_in = directories.iter().find(|directory| directory.version == Version::V2);
        Ok((born_in.map(|directory| directory.handle.as_fd()), tasks))
    }

    /// Returns whether every directory of the cell that a workload would be in looks as it was made; `has_leaf` says
    /// whether it has a cgroup of its own.
    pub(crate) fn is_untouched(&self, has_leaf: bool) -> bool {
        let unmeasured = self.unmeasured.get().into_iter().flatten().filter(|_| !has_leaf);
        self.idle.iter().chain(unmeasured).all(Directory::is_untouched)
    }

    /// Thaws the cell, so that frozen processes can die.
    pub(crate) fn thaw(&self) {
        self.directories()
            .filter(|directory| directory.freezes)
            .for_each(|directory| thaw_tree(&directory.path));
    }

    fn directories(&self) -> impl Iterator<Item = &Directory> {
        self.idle.iter().chain(self.unmeasured.get().into_iter().flatten())
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.directories().for_each(Directory::remove);
    }
}

impl Directory {
    fn make(site: &Site, name: &str) -> io::Result<Self> {
        let handle = make_directory(&site.handle, name)?;
        let path = site.run.join(name);
        Self::open(site, &path, handle).inspect_err(|_| {
            // The first error is returned; a directory that cannot be removed now is removed with that of the run.
            let _ = fs::remove_dir(&path);
        })
    }

    fn open(site: &Site, path: &Path, handle: File) -> io::Result<Self> {
        inherit(&site.run, path)?;
        let tasks = match site.version {
            Version::V1 => Some(open(&handle, site.version.entrance(), OFlag::O_WRONLY)?),
            Version::V2 => None,
        };
        let file = |name: &&str| {
            let file = File::from(open(&handle, name, OFlag::O_RDONLY).ok()?);
            let text = text_of(&file)?;
            Some((file, text))
        };
        let state = STATE.iter().filter_map(file).collect();
        let freezes = site.version == Version::V1 && path.join(FREEZER).exists();
        Ok(Self { path: path.to_owned(), handle, version: site.version, tasks, freezes, state })
    }

    fn is_untouched(&self) -> bool {
        const WITHOUT_DIRECTORIES: u64 = 2;
        self.handle.metadata().is_ok_and(|meta| meta.nlink() == WITHOUT_DIRECTORIES)
            && self.state.iter().all(|(file, text)| text_of(file).as_ref() == Some(text))
    }

    /// Removes the directory. If that fails now, it is removed with the run's directory, or swept by the next run.
    fn remove(&self) {
        let _ = sweep::remove_tree(&self.path);
    }
}

fn make_all(name: &str, sites: &[Site]) -> io::Result<Vec<Directory>> {
    let mut made: Vec<Directory> = Vec::new();
    for site in sites {
        match Directory::make(site, name) {
            Ok(directory) => made.push(directory),
            Err(error) => {
                made.iter().for_each(Directory::remove);
                return Err(error);
            }
        }
    }
    Ok(made)
}

fn tasks_of<'a>(directories: impl Iterator<Item = &'a Directory>) -> impl Iterator<Item = BorrowedFd<'a>> {
    directories.filter_map(|directory| directory.tasks.as_ref()).map(AsFd::as_fd)
}

/// Gives a new directory what it needs of its parent to hold processes.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn inherit(parent: &Path, directory: &Path) -> io::Result<()> {
    for file in INHERITED {
        if let Ok(text) = fs::read(parent.join(file)) {
            fs::write(directory.join(file), text)?;
        }
    }
    Ok(())
}

fn open(directory: &File, file: &str, flags: OFlag) -> io::Result<OwnedFd> {
    Ok(openat(directory, file, flags | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// Reads the beginning of a file, which is all of it as it is made.
fn text_of(file: &File) -> Option<Vec<u8>> {
    let mut text = vec![0; 512];
    let length = file.read_at(&mut text, 0).ok()?;
    text.truncate(length);
    Some(text)
}
