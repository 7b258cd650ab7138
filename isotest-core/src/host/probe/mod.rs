//! Reads [`Host`] from `/proc`, `/sys` and the root directory. Changes nothing.

mod entries;
mod mountinfo;
#[cfg(test)]
mod recorded;
mod run;
mod surroundings;

pub(crate) use mountinfo::unescaped;
pub use surroundings::surroundings;

use super::families::Families;
use super::{CgroupMount, CowSources, Host, HostEntry, Ids};
use entries::entries;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::unistd::{getegid, geteuid};
use procfs::process::{MountInfo, Process};
use procfs::{Current, ProcError, ProcessCGroup};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Settings a test may notice and a new network namespace does not take over by itself.
const NET_SETTINGS: [&str; 6] = [
    "ipv4/ip_unprivileged_port_start",
    "ipv4/ip_local_port_range",
    "ipv4/ip_local_reserved_ports",
    "ipv4/ping_group_range",
    "ipv6/bindv6only",
    "core/somaxconn",
];

/// Reads all facts about this machine.
///
/// # Errors
/// When `/proc` or `/` cannot be read.
pub fn host() -> io::Result<Host> {
    let myself = Process::myself().map_err(io_error)?;
    let mounts = myself.mountinfo().map_err(io_error)?.0;
    let ids = ids()?;
    Ok(Host {
        root_entries: entries(Path::new("/"))?,
        run: unless_missing(run::read(&mounts)).map_err(|error| error.to_string()),
        has_var_tmp: fs::symlink_metadata("/var/tmp").is_ok_and(|meta| meta.is_dir()),
        mount_points: mounts.iter().map(|mount| unescaped(&mount.mount_point)).collect(),
        memory_total: procfs::Meminfo::current().map_err(io_error)?.mem_total,
        net_settings: net_settings(ids.gid),
        families: families()?,
        accounts_for_io: Path::new("/proc/self/io").exists(),
        cgroups: cgroups(&myself.cgroups().map_err(io_error)?.0, &mounts),
        cow_sources: CowSources::default(),
        ids,
    })
}

fn io_error(error: ProcError) -> io::Error {
    match error {
        ProcError::PermissionDenied(path) => {
            io::Error::new(io::ErrorKind::PermissionDenied, format!("no permission to read {path:?}"))
        }
        ProcError::Io(error, _) => error,
        other => io::Error::other(other),
    }
}

/// Inode number of the machine's first user namespace (`USER_NS_INIT_INO` of linux/nsfs.h, the same since Linux 3.8).
const USER_NS_INIT_INO: u64 = 0xEFFF_FFFD;

fn ids() -> io::Result<Ids> {
    Ok(Ids {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
        uid_extents: extents(&fs::read_to_string("/proc/self/uid_map")?),
        gid_extents: extents(&fs::read_to_string("/proc/self/gid_map")?),
        in_first_user_namespace: fs::metadata("/proc/self/ns/user")?.ino() == USER_NS_INIT_INO,
    })
}

/// Returns the first inside id and the length of each line of a `uid_map` (user_namespaces(7)).
fn extents(map: &str) -> Vec<(u32, u32)> {
    map.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let first = fields.next()?.parse().ok()?;
            Some((first, fields.nth(1)?.parse().ok()?))
        })
        .collect()
}

/// Lists the entries of a directory of the host that becomes `/`, by their paths inside.
///
/// # Errors
/// When the directory cannot be read.
pub fn tree(directory: &Path) -> io::Result<Vec<HostEntry>> {
    let mut entries = entries(directory)?;
    for entry in &mut entries {
        if let Ok(below) = entry.path.strip_prefix(directory) {
            entry.path = Path::new("/").join(below);
        }
    }
    Ok(entries)
}

fn unless_missing<T: Default>(read: io::Result<T>) -> io::Result<T> {
    read.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(T::default()) } else { Err(error) })
}

fn families() -> io::Result<Families> {
    let address = |interface: InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
    };
    Ok(getifaddrs()?.filter_map(address).collect())
}

fn net_settings(gid: u32) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for name in NET_SETTINGS {
        let Ok(value) = fs::read_to_string(Path::new("/proc/sys/net").join(name)) else { continue };
        let value = value.trim().to_owned();
        if name.ends_with("ping_group_range") {
            // A new namespace maps nobody else's group: the caller's, if the host lets it ping, and none otherwise.
            if contains_group(&value, gid) {
                settings.push((name.to_owned(), format!("{gid}\t{gid}")));
            }
        } else {
            settings.push((name.to_owned(), value));
        }
    }
    settings
}

fn contains_group(range: &str, gid: u32) -> bool {
    let mut bounds = range.split_whitespace().filter_map(|bound| bound.parse::<u32>().ok());
    matches!((bounds.next(), bounds.next()), (Some(low), Some(high)) if (low..=high).contains(&gid))
}

/// Finds the cgroups of a process, or of this one, and the directories at which they are seen here.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn cgroups_of(pid: Option<i32>) -> io::Result<Vec<CgroupMount>> {
    let myself = Process::myself().map_err(io_error)?;
    let mounts = myself.mountinfo().map_err(io_error)?.0;
    let process = pid.map_or(Ok(myself), Process::new).map_err(io_error)?;
    Ok(cgroups(&process.cgroups().map_err(io_error)?.0, &mounts))
}

fn cgroups(memberships: &[ProcessCGroup], mounts: &[MountInfo]) -> Vec<CgroupMount> {
    let mut found: Vec<CgroupMount> = Vec::new();
    for mount in mounts {
        let unified = mount.fs_type == "cgroup2";
        if !unified && mount.fs_type != "cgroup" {
            continue;
        }
        let membership = memberships.iter().find(|membership| {
            if unified {
                return membership.hierarchy == 0;
            }
            let mut controllers = membership.controllers.iter().filter(|name| !name.is_empty());
            controllers.next().is_some() && membership.controllers.iter().all(|name| carries(mount, name))
        });
        let Some(membership) = membership else { continue };
        let mount_point = unescaped(&mount.mount_point);
        let Some(own) = directory_of(&membership.pathname, &mount.root, &mount_point) else { continue };
        let controllers = if unified { Vec::new() } else { membership.controllers.clone() };
        found.push(CgroupMount { mount_point, own, unified, controllers });
    }
    found
}

/// Returns whether a version 1 mount is of the hierarchy of a controller, or of one with only a name: `name=NAME`.
fn carries(mount: &MountInfo, controller: &str) -> bool {
    match controller.split_once('=') {
        Some((key, name)) => mount.super_options.get(key).is_some_and(|given| given.as_deref() == Some(name)),
        None => mount.super_options.contains_key(controller),
    }
}

/// Returns the directory of the cgroup `path` below a mount of `root` of its hierarchy; `None` if it lies outside.
fn directory_of(path: &str, root: &str, mount_point: &Path) -> Option<PathBuf> {
    let below = Path::new(path).strip_prefix(root).ok()?;
    let outside = below.components().any(|part| part == std::path::Component::ParentDir);
    (!outside).then(|| mount_point.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_read_from_every_line() {
        assert_eq!(extents("         0          0 4294967295\n"), [(0, u32::MAX)]);
        assert_eq!(extents("0 1000 1\n1 100000 65536\n"), [(0, 1), (1, 65536)]);
        assert_eq!(extents(""), []);
    }

    #[test]
    fn a_cgroup_outside_of_the_mount_is_not_found() {
        let mount_point = Path::new("/sys/fs/cgroup");
        assert_eq!(directory_of("/a/b", "/", mount_point), Some("/sys/fs/cgroup/a/b".into()));
        assert_eq!(directory_of("/a/b", "/a", mount_point), Some("/sys/fs/cgroup/b".into()));
        assert_eq!(directory_of("/../..", "/", mount_point), None);
        assert_eq!(directory_of("/other", "/a", mount_point), None);
    }

    #[test]
    fn only_a_range_that_holds_the_group_lets_it_ping() {
        assert!(contains_group("0 2147483647", 1000));
        assert!(!contains_group("1 0", 0));
    }
}
