//! Looks at the directories that are to be copy-on-write, as far as a plan depends on what is in them. Changes
//! nothing.

use super::{CowSources, Foreign, Host, ListedKind, Listing};
use crate::sys::fd::set_attribute;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{AccessFlags, access};
use std::collections::VecDeque;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Number of entries above which a directory is not worth descending into.
const MAX_ENTRIES: usize = 2000;

/// Number of entries below a root that are looked at for their owners: where one is another's, others are as a rule.
const MAX_OWNERS: usize = 256;

/// Looks at the directories `roots`.
pub fn read(roots: &[PathBuf], host: &Host) -> CowSources {
    let ways = ways_to_mounts(roots, host);
    let looked_at = if host.ids.maps_everybody() { &[] } else { roots };
    let mut foreign: Vec<_> = looked_at.iter().filter_map(|root| foreign(root, roots, host)).collect();
    // A path may be an ancestor of several roots, and then be listed for each.
    foreign.sort_by(|a, b| a.path.cmp(&b.path));
    foreign.dedup_by(|a, b| a.path == b.path);
    CowSources {
        listings: ways.iter().filter_map(|directory| listing(directory, host).ok()).collect(),
        refused: Vec::new(),
        foreign,
        keeps_directories: keeps_directories(host),
    }
}

/// Returns whether directories that are not new cannot be removed in a copy-on-write directory, which is tried.
pub fn keeps_directories(host: &Host) -> bool {
    host.ids.uid != 0 && !tmpfs_keeps_attributes()
}

/// Returns whether a tmpfs keeps attributes of users, as it does since Linux 6.6, which is tried. An overlay hides a
/// directory that was removed behind an attribute; those of an ordinary user are on a tmpfs.
pub fn tmpfs_keeps_attributes() -> bool {
    let file = memfd_create(c"isotest", MFdFlags::MFD_CLOEXEC);
    file.is_ok_and(|file| set_attribute(file.as_fd(), c"user.isotest").is_ok())
}

/// Finds files and directories that cannot be copied on the way from the outermost root to `root` and, as far as the
/// caller may change it, in it. Roots themselves are never copied.
fn foreign(root: &Path, roots: &[PathBuf], host: &Host) -> Option<Foreign> {
    let is_foreign = |meta: &Metadata| !host.ids.maps(meta.uid(), meta.gid());
    let outermost =
        roots.iter().filter(|outer| root.starts_with(outer)).min_by_key(|outer| outer.as_os_str().len())?;
    let may_change = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
    let (mut found, mut changeable) = (Vec::new(), may_change(root));
    let (mut directories, mut left) = (VecDeque::from([root.to_path_buf()]), MAX_OWNERS);
    while let Some(directory) = directories.pop_front() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten().take(left) {
            left -= 1;
            let path = entry.path();
            if host.mounts(&path) || roots.contains(&path) {
                continue;
            }
            let Ok(meta) = entry.metadata() else { continue };
            let is_foreign = is_foreign(&meta);
            if (is_foreign || !changeable) && !meta.is_symlink() && may_change(&path) {
                changeable = true;
                found.extend(is_foreign.then(|| path.clone()));
            }
            if meta.is_dir() {
                directories.push_back(path);
            }
        }
    }
    // If the path can be changed, the directories that lead to it are copied with it.
    let way = root.ancestors().take_while(|path| changeable && path != outermost);
    let foreign_way = way.filter(|path| fs::symlink_metadata(path).is_ok_and(|meta| is_foreign(&meta)));
    found.extend(foreign_way.map(Path::to_path_buf));
    let more = found.len().saturating_sub(1);
    found.into_iter().min().map(|path| Foreign { path, more })
}

/// Lists the directories from each root down to the mounts below it. Root needs to know nothing of them: it may leave
/// mounts out of a view.
fn ways_to_mounts(roots: &[PathBuf], host: &Host) -> Vec<PathBuf> {
    let mut ways: Vec<PathBuf> = Vec::new();
    for root in roots.iter().filter(|_| host.ids.uid != 0) {
        for mount in host.mounts_below(root) {
            let way = mount.ancestors().skip(1).take_while(|directory| directory.starts_with(root));
            ways.extend(way.map(Path::to_path_buf));
        }
    }
    ways.sort();
    ways.dedup();
    ways
}

fn listing(directory: &Path, host: &Host) -> io::Result<Listing> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        entries.push((entry.path(), original(&entry, host)?));
        if entries.len() > MAX_ENTRIES {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mode = fs::metadata(directory)?.permissions().mode() & 0o7777;
    Ok(Listing { directory: directory.to_path_buf(), mode, entries })
}

fn original(entry: &DirEntry, host: &Host) -> io::Result<ListedKind> {
    let (path, kind) = (entry.path(), entry.file_type()?);
    if kind.is_dir() {
        // A mounted file system may be slow to answer, or may never answer.
        let is_empty = || fs::read_dir(&path).is_ok_and(|mut inside| inside.next().is_none());
        if host.mounts(&path) || !is_empty() {
            return Ok(ListedKind::Directory);
        }
        return Ok(ListedKind::EmptyDirectory { mode: entry.metadata()?.permissions().mode() & 0o7777 });
    }
    if kind.is_symlink() {
        return Ok(ListedKind::Symlink { target: fs::read_link(&path)? });
    }
    if kind.is_file() && !host.mounts(&path) && access(&path, AccessFlags::R_OK).is_ok() {
        return Ok(ListedKind::File { bytes: entry.metadata()?.len() });
    }
    Ok(ListedKind::Other)
}
