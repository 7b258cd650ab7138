//! Describes this machine and what it allows, as data. [`probe`] reads it.

pub mod bounds;
pub mod cow_sources;
pub mod families;
pub mod probe;
pub mod surroundings;

use crate::namespace::Namespace;
use crate::policy::Capability;
use crate::step::StepError;
use families::Families;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Prefix of the names of the directories in `/run` and `/tmp` in which runs on this machine are found; the number of
/// their user follows.
pub const REGISTRY: &str = "isotest-";

/// Kind of an entry of a directory, as far as building a root of it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Directory with something in it, or one we may not look into or even at.
    Directory,
    /// Directory with nothing in it.
    EmptyDirectory {
        /// Permissions of the directory.
        mode: u32,
    },
    /// Symbolic link.
    Symlink {
        /// Target of the link.
        target: PathBuf,
    },
    /// Socket.
    Socket,
    /// Entry of any other kind.
    File,
}

/// Entry of a directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Absolute path of the entry.
    pub path: PathBuf,
    /// Kind of the entry.
    pub kind: Kind,
}

/// Contents of the host's `/run`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// Entries of `/run`.
    pub entries: Vec<HostEntry>,
    /// Directories in `/run` and below it that hold a socket somewhere, or may.
    pub with_sockets: BTreeMap<PathBuf, WithSockets>,
}

/// Directory that holds a socket somewhere, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithSockets {
    /// Permissions of the directory.
    pub mode: u32,
    /// Entries of the directory; none where we may enter it, but not look into it.
    pub entries: Vec<HostEntry>,
}

/// Ids of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Extents of `/proc/self/uid_map`: first id inside, length.
    pub uid_extents: Vec<(u32, u32)>,
    /// Extents of `/proc/self/gid_map`.
    pub gid_extents: Vec<(u32, u32)>,
    /// Whether the user namespace is the machine's first, whose root alone may have some features of overlayfs.
    pub in_first_user_namespace: bool,
}

impl Ids {
    /// Returns whether an owner and a group have ids in a sandbox: an ordinary user's own, and all that root has.
    pub fn maps(&self, uid: u32, gid: u32) -> bool {
        let among = |id: u32, extents: &[(u32, u32)]| {
            extents
                .iter()
                .any(|(first, length)| id.checked_sub(*first).is_some_and(|offset| offset < *length))
        };
        if self.uid != 0 {
            return (uid, gid) == (self.uid, self.gid);
        }
        among(uid, &self.uid_extents) && among(gid, &self.gid_extents)
    }

    /// Returns whether every owner and group has an id in a sandbox.
    pub fn maps_everybody(&self) -> bool {
        let everybody = [(0, u32::MAX)];
        self.uid == 0 && self.uid_extents == everybody && self.gid_extents == everybody
    }
}

/// Cgroup hierarchy as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupMount {
    /// Path at which the hierarchy is mounted.
    pub mount_point: PathBuf,
    /// Directory of this process's own cgroup.
    pub own: PathBuf,
    /// Whether the hierarchy is that of version 2.
    pub unified: bool,
    /// Version 1 controllers of the hierarchy; empty for version 2, whose controllers are in `cgroup.controllers`.
    pub controllers: Vec<String>,
}

/// Facts about this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Ids of this process.
    pub ids: Ids,
    /// Entries of `/`.
    pub root_entries: Vec<HostEntry>,
    /// Contents of `/run`, or the reason why they are not known.
    pub run: Result<Run, String>,
    /// Whether `/var/tmp` is a directory (a link to another temporary directory needs nothing).
    pub has_var_tmp: bool,
    /// Paths of all mount points.
    pub mount_points: Vec<PathBuf>,
    /// Bytes of memory of the machine.
    pub memory_total: u64,
    /// Settings of the network namespace that tests notice: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Address families of the internet in which an interface other than the loopback one has an address.
    pub families: Families,
    /// Whether the kernel accounts for the I/O of processes.
    pub accounts_for_io: bool,
    /// Cgroup hierarchies.
    pub cgroups: Vec<CgroupMount>,
    /// Facts about the directories that are to be copy-on-write, as [`cow_sources::read`] finds them.
    pub cow_sources: CowSources,
}

impl Host {
    /// Returns the mount points below a directory, without those below another one of them.
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

/// Facts about directories that are to be copy-on-write, as far as a plan depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CowSources {
    /// Directories on the way from one of them to a mount point below it, without any that cannot be read.
    pub listings: Vec<Listing>,
    /// Directories of which the kernel has refused a copy-on-write view, with its error.
    pub refused: Vec<(PathBuf, String)>,
    /// Files and directories that the caller may change on the host, but not through a copy-on-write view.
    pub foreign: Vec<Foreign>,
    /// Whether a directory that is not new cannot be removed from the caller's views.
    pub keeps_directories: bool,
}

impl CowSources {
    /// Returns the kernel's error when it refused a view of this directory.
    pub(crate) fn refusal(&self, directory: &Path) -> Option<&str> {
        let refused = self.refused.iter().find(|(path, _)| path == directory);
        refused.map(|(_, error)| error.as_str())
    }
}

/// Files and directories that belong to a user or group without an id inside: the kernel copies them for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// First of their paths in order.
    pub path: PathBuf,
    /// Number of further paths among those that were looked at.
    pub more: usize,
}

/// Directory with its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Absolute path of the directory.
    pub directory: PathBuf,
    /// Permissions of the directory.
    pub mode: u32,
    /// Absolute paths of the entries, in order, with their kinds.
    pub entries: Vec<(PathBuf, ListedKind)>,
}

/// Kind of an entry of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedKind {
    /// Directory with something in it or on it, or one we may not look into.
    Directory,
    /// Directory with nothing in it.
    EmptyDirectory {
        /// Permissions of the directory.
        mode: u32,
    },
    /// Symbolic link.
    Symlink {
        /// Target of the link.
        target: PathBuf,
    },
    /// Regular file that we may read.
    File {
        /// Length of the file in bytes.
        bytes: u64,
    },
    /// Entry of any other kind.
    Other,
}

/// Step that the host refuses, and the capability that needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Capability that cannot be had without the step.
    pub capability: Capability,
    /// Error of the kernel, and the step that was tried.
    pub error: StepError,
}

impl Refusal {
    /// Returns whether the capability is a namespace, without which whatever stands on it is refused as well.
    pub fn is_namespace(&self) -> bool {
        Namespace::for_capability(self.capability).is_some()
    }
}

/// Makes a host with nothing on it, for tests of plans.
#[cfg(test)]
pub(crate) fn sample(uid: u32) -> Host {
    Host {
        ids: Ids {
            uid,
            gid: uid,
            uid_extents: Vec::new(),
            gid_extents: Vec::new(),
            in_first_user_namespace: true,
        },
        root_entries: Vec::new(),
        run: Ok(Run::default()),
        has_var_tmp: true,
        mount_points: Vec::new(),
        memory_total: 1 << 30,
        net_settings: Vec::new(),
        families: Families::default(),
        accounts_for_io: true,
        cgroups: Vec::new(),
        cow_sources: CowSources::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_is_mapped_alone() {
        let ids =
            Ids { uid_extents: vec![(0, u32::MAX)], gid_extents: vec![(0, u32::MAX)], ..sample(1000).ids };
        assert!(ids.maps(1000, 1000) && !ids.maps(1000, 100) && !ids.maps(0, 1000));
        let ids = Ids { uid: 0, uid_extents: vec![(0, 1), (1000, 10)], ..ids };
        assert!(ids.maps(0, 0) && ids.maps(1009, 5) && !ids.maps(1010, 5) && !ids.maps(1, 5));
    }

    #[test]
    fn of_nested_mounts_the_outer_is_told() {
        let mount_points = ["/", "/w/a", "/w/a/b", "/wide", "/w"].map(PathBuf::from).to_vec();
        let host = Host { mount_points, ..sample(0) };
        let below =
            |path: &str| host.mounts_below(Path::new(path)).map(Path::to_path_buf).collect::<Vec<_>>();
        assert_eq!(below("/w"), [Path::new("/w/a")]);
        assert_eq!(below("/w/a"), [Path::new("/w/a/b")]);
        assert_eq!(below("/w/a/b"), [""; 0].map(Path::new));
    }
}
