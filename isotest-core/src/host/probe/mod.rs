//! Reads [`Host`] from `/proc`, `/sys` and the root directory, and tries in processes that are thrown away what can only
//! be tried. Changes nothing.

mod run;
mod surroundings;
mod whole;

pub use surroundings::surroundings;
pub use whole::{attempt, refusals, refused_namespaces};

use super::{CgroupMount, Host, HostEntry, Ids, Kind, Originals};
use nix::unistd::{getegid, geteuid};
use procfs::process::{MountInfo, Process};
use procfs::{Current, ProcError};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
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

/// Reads everything.
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
        accounts_for_io: Path::new("/proc/self/io").exists(),
        cgroups: cgroups(&myself, &mounts)?,
        originals: Originals::default(),
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

fn ids() -> io::Result<Ids> {
    Ok(Ids {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
        uid_extents: extents(&fs::read_to_string("/proc/self/uid_map")?),
        gid_extents: extents(&fs::read_to_string("/proc/self/gid_map")?),
    })
}

/// First inside id and length of each line of a `uid_map` (user_namespaces(7)).
fn extents(map: &str) -> Vec<(u32, u32)> {
    map.lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let first = fields.next()?.parse().ok()?;
            Some((first, fields.nth(1)?.parse().ok()?))
        })
        .collect()
}

/// What stands in a directory of the host that becomes `/`, by its path inside.
///
/// # Errors
/// When it cannot be read.
pub fn tree(directory: &Path) -> io::Result<Vec<HostEntry>> {
    let mut entries = entries(directory)?;
    for entry in &mut entries {
        if let Ok(below) = entry.path.strip_prefix(directory) {
            entry.path = Path::new("/").join(below);
        }
    }
    Ok(entries)
}

fn entries(directory: &Path) -> io::Result<Vec<HostEntry>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths.into_iter().filter_map(entry).collect())
}

/// `None` where it has vanished since its directory was read.
fn entry(path: PathBuf) -> Option<HostEntry> {
    let kind = match kind(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        // As a rule a file system that somebody else has mounted for themselves.
        Err(_) => Kind::Directory,
        Ok(kind) => kind,
    };
    Some(HostEntry { path, kind })
}

fn unless_missing<T: Default>(read: io::Result<T>) -> io::Result<T> {
    read.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(T::default()) } else { Err(error) })
}

fn kind(path: &Path) -> io::Result<Kind> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(Kind::Symlink { target: fs::read_link(path)? });
    }
    if meta.file_type().is_socket() {
        return Ok(Kind::Socket);
    }
    if !meta.is_dir() {
        return Ok(Kind::File);
    }
    // What we may not look into is not known to be empty.
    let empty = fs::read_dir(path).is_ok_and(|mut inside| inside.next().is_none());
    let mode = meta.permissions().mode() & 0o7777;
    Ok(if empty { Kind::EmptyDirectory { mode } } else { Kind::Directory })
}

/// A path or word of mountinfo, in which space, tab, newline and backslash are octal (proc_pid_mountinfo(5)).
pub(crate) fn unescaped(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| byte == b'\\').and_then(octal);
        plain.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(plain).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
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

/// The cgroups of a process, or of this one, and where they are seen here.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn cgroups_of(pid: Option<i32>) -> io::Result<Vec<CgroupMount>> {
    let myself = Process::myself().map_err(io_error)?;
    let mounts = myself.mountinfo().map_err(io_error)?.0;
    let process = pid.map_or(Ok(myself), Process::new).map_err(io_error)?;
    cgroups(&process, &mounts)
}

fn cgroups(myself: &Process, mounts: &[MountInfo]) -> io::Result<Vec<CgroupMount>> {
    let memberships = myself.cgroups().map_err(io_error)?.0;
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
            controllers.next().is_some()
                && membership.controllers.iter().all(|name| mount.super_options.contains_key(name))
        });
        let Some(membership) = membership else { continue };
        let mount_point = unescaped(&mount.mount_point);
        let Some(own) = directory_of(&membership.pathname, &mount.root, &mount_point) else { continue };
        let controllers = if unified { Vec::new() } else { membership.controllers.clone() };
        found.push(CgroupMount { mount_point, own, unified, controllers });
    }
    Ok(found)
}

/// Where the cgroup `path` is seen below a mount of the part `root` of its hierarchy; `None` when it lies outside.
fn directory_of(path: &str, root: &str, mount_point: &Path) -> Option<PathBuf> {
    let below = Path::new(path).strip_prefix(root).ok()?;
    let outside = below.components().any(|part| part == std::path::Component::ParentDir);
    (!outside).then(|| mount_point.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_paths_are_unescaped() {
        for (given, expected) in [
            ("/a", "/a"),
            ("/with\\040space", "/with space"),
            ("/back\\134slash", "/back\\slash"),
            ("/new\\012line\\040", "/new\nline "),
            ("/short\\04", "/short\\04"),
        ] {
            assert_eq!(unescaped(Path::new(given)), Path::new(expected));
        }
    }

    #[test]
    fn what_cannot_be_looked_at_costs_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(entry(place.path().join("vanished")), None);
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        // An error that root gets, too.
        let refused = file.join("below");
        let expected = HostEntry { path: refused.clone(), kind: Kind::Directory };
        assert_eq!(entry(refused), Some(expected));
    }

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
