//! What this machine is and allows, as data. [`probe`] reads it.

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

/// What the names of the directories in `/run` and `/tmp` begin with in which runs on this machine are found; the number of
/// their user follows.
pub const REGISTRY: &str = "isotest-";

/// What an entry of a directory is, as far as building a root of it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory with something in it, or one we may not look into or even at.
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

/// The host's `/run`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// What stands in it.
    pub entries: Vec<HostEntry>,
    /// The directories in it and below it that hold a socket somewhere, or may.
    pub with_sockets: BTreeMap<PathBuf, WithSockets>,
}

/// A directory that holds a socket somewhere, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithSockets {
    /// Its permissions.
    pub mode: u32,
    /// What stands in it; nothing where we may enter it, but not look into it.
    pub entries: Vec<HostEntry>,
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
    /// Whether the user namespace is the machine's first, whose root alone may have some features of overlayfs.
    pub in_first_user_namespace: bool,
}

impl Ids {
    /// Whether an owner and a group have ids in a sandbox: an ordinary user's own, and all that root has.
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

    /// Whether every owner and group has.
    pub fn maps_everybody(&self) -> bool {
        let everybody = [(0, u32::MAX)];
        self.uid == 0 && self.uid_extents == everybody && self.gid_extents == everybody
    }
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
    /// What stands in `/run`, or why that is not known.
    pub run: Result<Run, String>,
    /// Whether `/var/tmp` is a directory (a link to another temporary directory needs nothing).
    pub has_var_tmp: bool,
    /// Every mount point.
    pub mount_points: Vec<PathBuf>,
    /// Bytes of memory.
    pub memory_total: u64,
    /// Settings of the network namespace that tests notice: path below `/proc/sys/net`, value.
    pub net_settings: Vec<(String, String)>,
    /// Address families of the internet in which an interface other than the loopback one has an address.
    pub families: Families,
    /// Whether the kernel accounts for the I/O of processes.
    pub accounts_for_io: bool,
    /// The cgroup hierarchies.
    pub cgroups: Vec<CgroupMount>,
    /// What the directories that are to be copy-on-write look like, as [`cow_sources::read`] finds them.
    pub cow_sources: CowSources,
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
pub struct CowSources {
    /// Those on the way from one of them to something that is mounted below it. What cannot be read is not here.
    pub listings: Vec<Listing>,
    /// Those of which the kernel has refused a copy-on-write view, and what it said.
    pub refused: Vec<(PathBuf, String)>,
    /// What the caller may change on the host, but not through a copy-on-write view.
    pub foreign: Vec<Foreign>,
    /// Whether a directory that is not new cannot be removed from the caller's views.
    pub keeps_directories: bool,
}

impl CowSources {
    /// What the kernel said when it refused a view of this directory.
    pub(crate) fn refusal(&self, directory: &Path) -> Option<&str> {
        let refused = self.refused.iter().find(|(path, _)| path == directory);
        refused.map(|(_, error)| error.as_str())
    }
}

/// What belongs to a user or group that has no id inside: the kernel copies it for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The first path found.
    pub path: PathBuf,
    /// How many more there are among those that were looked at.
    pub more: usize,
}

/// A directory and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Absolute.
    pub directory: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Absolute paths, in order.
    pub entries: Vec<(PathBuf, ListedKind)>,
}

/// What an entry of a [`Listing`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedKind {
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

/// Something the host refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What cannot be had without it.
    pub capability: Capability,
    /// What was tried, and what the kernel said.
    pub error: StepError,
}

impl Refusal {
    /// Whether it is about a namespace, without which whatever stands on it is refused as well.
    pub fn is_namespace(&self) -> bool {
        Namespace::for_capability(self.capability).is_some()
    }
}

/// A host with nothing on it, for tests of plans.
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
