//! What this machine is and allows, as data. [`probe`] reads it.

pub mod originals;
pub mod probe;

use std::path::{Path, PathBuf};

/// What an entry of a directory is, as far as building a root of it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory with something in it, or one we may not look into.
    Directory,
    /// A directory with nothing in it.
    EmptyDirectory {
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// What it says.
        target: PathBuf,
    },
    /// A socket.
    Socket,
    /// Anything else.
    File,
}

/// One entry of a directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Absolute.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// The extents of `/proc/self/uid_map`: first id inside, length.
    pub uid_extents: Vec<(u32, u32)>,
    /// The extents of `/proc/self/gid_map`.
    pub gid_extents: Vec<(u32, u32)>,
}

/// A cgroup hierarchy as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupMount {
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The directory of this process's own cgroup.
    pub own: PathBuf,
    /// Whether it is the version 2 hierarchy.
    pub unified: bool,
    /// Whether its block I/O figures count anything: recent kernels keep those of version 1 only while some cgroup
    /// is throttled.
    pub counts_io: bool,
    /// The version 1 controllers it carries; empty for version 2, whose controllers are in `cgroup.controllers`.
    pub controllers: Vec<String>,
}

/// What this machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Who we are.
    pub ids: Ids,
    /// What stands in `/`.
    pub root_entries: Vec<HostEntry>,
    /// What stands in `/run`.
    pub run_entries: Vec<HostEntry>,
    /// Whether `/var/tmp` is a directory (a link to another temporary directory needs nothing).
    pub has_var_tmp: bool,
    /// Every mount point.
    pub mount_points: Vec<PathBuf>,
    /// Bytes of memory.
    pub memory_total: u64,
    /// Settings of the network namespace that tests notice: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Whether the kernel accounts for the I/O of processes.
    pub accounts_for_io: bool,
    /// The cgroup hierarchies.
    pub cgroups: Vec<CgroupMount>,
    /// What the directories that are to be copy-on-write look like, as [`originals::read`] finds them.
    pub originals: Originals,
}

impl Host {
    /// What is mounted below a directory, without what is mounted below that again.
    pub fn mounts_below<'host>(&'host self, directory: &'host Path) -> impl Iterator<Item = &'host Path> {
        let below = move |path: &Path| path.starts_with(directory) && path != directory;
        let covered =
            move |path: &Path| path.ancestors().skip(1).any(|outer| below(outer) && self.mounts(outer));
        let points = self.mount_points.iter().map(PathBuf::as_path);
        points.filter(move |path| below(path) && !covered(path))
    }

    fn mounts(&self, path: &Path) -> bool {
        self.mount_points.iter().any(|point| point == path)
    }
}

/// What directories that are to be copy-on-write look like, as far as a plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Originals {
    /// Those on the way from one of them to something that is mounted below it. What cannot be read is not here.
    pub listings: Vec<Listing>,
}

/// A directory and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Absolute.
    pub directory: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Absolute paths, in order.
    pub entries: Vec<(PathBuf, Original)>,
}

/// What an entry of a [`Listing`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Original {
    /// A directory with something in it or on it, or one we may not look into.
    Directory,
    /// A directory with nothing in it.
    EmptyDirectory {
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// What it says.
        target: PathBuf,
    },
    /// A regular file we may read.
    File {
        /// How long it is.
        bytes: u64,
    },
    /// Anything else.
    Other,
}

/// A host with nothing on it, for tests of plans.
#[cfg(test)]
pub(crate) fn sample(uid: u32) -> Host {
    Host {
        ids: Ids { uid, gid: uid, uid_extents: Vec::new(), gid_extents: Vec::new() },
        root_entries: Vec::new(),
        run_entries: Vec::new(),
        has_var_tmp: true,
        mount_points: Vec::new(),
        memory_total: 1 << 30,
        net_settings: Vec::new(),
        accounts_for_io: true,
        cgroups: Vec::new(),
        originals: Originals::default(),
    }
}
