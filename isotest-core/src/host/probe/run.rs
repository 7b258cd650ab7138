//! Looks through `/run` for sockets.

use super::entries::entries;
use super::mountinfo::unescaped;
use crate::host::{HostEntry, Kind, Run, WithSockets};
use nix::unistd::{AccessFlags, eaccess};
use procfs::process::MountInfo;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Lists the entries of `/run`, and finds the directories in it that hold sockets.
pub(super) fn read(mounts: &[MountInfo]) -> io::Result<Run> {
    let entries = entries(Path::new("/run"))?;
    // Of several mounts at the same path the last one is seen.
    let types = mounts.iter().map(|mount| (unescaped(&mount.mount_point), mount.fs_type.as_str())).collect();
    let mut search = Search { types, found: BTreeMap::new() };
    for entry in &entries {
        search.look_through(entry);
    }
    Ok(Run { entries, with_sockets: search.found })
}

struct Search<'a> {
    /// Type of the file system that is mounted at a path.
    types: HashMap<PathBuf, &'a str>,
    found: BTreeMap<PathBuf, WithSockets>,
}

impl Search<'_> {
    /// Returns whether an entry is a socket, or a directory that holds one or may.
    fn look_through(&mut self, entry: &HostEntry) -> bool {
        let HostEntry { path, kind } = entry;
        if *kind != Kind::Directory || self.is_elsewhere(path) {
            return *kind == Kind::Socket;
        }
        // Tests have no more permissions than this process, so that they cannot enter the directory either.
        if eaccess(path, AccessFlags::X_OK).is_err() {
            return false;
        }
        let Ok(meta) = fs::metadata(path) else { return false };
        // In a directory that we may enter but not list, one who knows the name of a socket may connect to it.
        let inside = entries(path);
        let mut holds = inside.is_err();
        let entries = inside.unwrap_or_default();
        for entry in &entries {
            holds |= self.look_through(entry);
        }
        if holds {
            // The set-group-id bit is left out: no file is created here that would inherit the group.
            let mode = meta.permissions().mode() & 0o1777;
            self.found.insert(path.clone(), WithSockets { mode, entries });
        }
        holds
    }

    /// Returns whether a file system other than a tmpfs is mounted at `path`. Services have their sockets on a tmpfs;
    /// another file system may be large, slow, or wait for somebody.
    fn is_elsewhere(&self, path: &Path) -> bool {
        self.types.get(path).is_some_and(|kind| *kind != "tmpfs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn found(directory: &Path, mounts: &[(&Path, &'static str)]) -> Vec<(PathBuf, u32, usize)> {
        let types = mounts.iter().map(|(path, kind)| (path.to_path_buf(), *kind)).collect();
        let mut search = Search { types, found: BTreeMap::new() };
        search.look_through(&HostEntry { path: directory.to_owned(), kind: Kind::Directory });
        let found = search.found.into_iter();
        found.map(|(path, opened)| (path, opened.mode, opened.entries.len())).collect()
    }

    #[test]
    fn a_socket_is_found_however_deep() {
        let place = tempfile::tempdir().unwrap();
        let (a, deep) = (place.path().join("a"), place.path().join("a/b"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(a.join("empty")).unwrap();
        for (directory, mode) in [(&a, 0o755), (&deep, 0o2750)] {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::write(deep.join("file"), "").unwrap();
        assert_eq!(found(&a, &[]), []);
        let _socket = UnixListener::bind(deep.join("socket")).unwrap();
        assert_eq!(found(&a, &[]), [(a.clone(), 0o755, 2), (deep.clone(), 0o750, 2)]);
        assert_eq!(found(&a, &[(&deep, "tmpfs")]).len(), 2);
        assert_eq!(found(&a, &[(&deep, "fuse")]), []);
    }

    #[test]
    fn what_may_be_entered_but_not_read_may_hold_one() {
        let place = tempfile::tempdir().unwrap();
        let closed = place.path().join("closed");
        fs::create_dir(&closed).unwrap();
        let with_mode = |mode: u32| {
            fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).unwrap();
            found(&closed, &[])
        };
        // Root may read it.
        let expected =
            if nix::unistd::geteuid().is_root() { vec![] } else { vec![(closed.clone(), 0o311, 0)] };
        assert_eq!(with_mode(0o311), expected);
        assert_eq!(with_mode(0o600), []);
        assert_eq!(with_mode(0o700), []);
    }
}
