//! Views of a copy-on-write directory of an ordinary user with something mounted below it. Pure.
//!
//! The kernel refuses such a directory as the lower layer of an overlay to all but root, since what the mount covers
//! would be seen. So another lower layer is assembled: the directories on the way to the mount, with copies of the
//! files in them; and over it the directories beside that way are views of their own. Only the mount itself, and what
//! there is too much of, is read-only.

use crate::host::{Host, ListedKind, Listing};
use crate::plan::Entry;
use std::path::{Path, PathBuf};

/// Greatest number of views that one directory is taken apart into: each is an overlay for every attempt that has
/// written.
const MAX_VIEWS: usize = 32;
/// Greatest number of mounts, read-only ones included.
const MAX_MOUNTS: usize = 128;
/// Greatest number of bytes of files that are copied, which every zygote keeps in memory.
const MAX_COPIED_BYTES: u64 = 16 << 20;
/// Size of the largest page of any machine: a copy takes whole ones.
const MAX_PAGE_BYTES: u64 = 64 << 10;

/// Entries that stand for one directory.
#[derive(Debug, Default)]
pub(super) struct MountWalk {
    /// Parts of the lower layer.
    pub(super) lower: Vec<Entry>,
    /// Size of the copies in the lower layer, in bytes.
    pub(super) room: u64,
    /// Directories that are views of their own.
    pub(super) views: Vec<PathBuf>,
    /// Mounts on the host.
    pub(super) mounts: Vec<PathBuf>,
    /// Further directories that are read-only.
    pub(super) read_only: Vec<PathBuf>,
    /// Number of entries in `read_only` that are there only because they are too many or too large.
    pub(super) excess: usize,
}

/// Takes `root` apart, so that its lower layer is assembled at `lower`. Of too many directories, those on the way to
/// one of `wanted` become views first.
///
/// # Errors
/// Reason why it cannot be done, as the end of a sentence.
pub(super) fn walk_mounts(
    root: &Path,
    lower: &Path,
    wanted: &[PathBuf],
    host: &Host,
) -> Result<MountWalk, &'static str> {
    let way = Way { root, lower, host, mounts: host.mounts_below(root).collect() };
    let mut parts = Parts::default();
    let top = way.listing(root).ok_or("and its entries are too many or cannot be read")?;
    way.take_apart(top, &mut parts);
    let walk = parts.walk(&way, wanted);
    if walk.views.len() + walk.read_only.len() + walk.mounts.len() > MAX_MOUNTS {
        return Err("and too many of its entries would have to be mounted");
    }
    Ok(walk)
}

/// Way from a directory down to what is mounted below it.
struct Way<'host> {
    root: &'host Path,
    lower: &'host Path,
    host: &'host Host,
    mounts: Vec<&'host Path>,
}

/// Parts on that way and beside it, before it is decided what becomes of them.
#[derive(Default)]
struct Parts<'host> {
    walk: MountWalk,
    directories: Vec<&'host Path>,
    files: Vec<(u64, &'host Path)>,
}

impl<'host> Way<'host> {
    fn listing(&self, directory: &Path) -> Option<&'host Listing> {
        self.host.cow_sources.listings.iter().find(|listing| listing.directory == directory)
    }

    /// Returns the place of `path` in the lower layer.
    fn at(&self, path: &Path) -> PathBuf {
        self.lower.join(path.strip_prefix(self.root).unwrap_or(path))
    }

    fn take_apart(&self, listing: &'host Listing, parts: &mut Parts<'host>) {
        parts.walk.lower.push(Entry::Directory { path: self.at(&listing.directory), mode: listing.mode });
        for (path, original) in &listing.entries {
            let leads_to_mount = self.mounts.iter().any(|mount| mount.starts_with(path) && mount != path);
            match self.listing(path).filter(|_| leads_to_mount) {
                Some(below) => self.take_apart(below, parts),
                None => self.take(path, original, parts),
            }
        }
    }

    fn take(&self, path: &'host Path, original: &ListedKind, parts: &mut Parts<'host>) {
        let at = self.at(path);
        let is_beside = !self.mounts.iter().any(|mount| mount.starts_with(path));
        let stands = match original {
            _ if !is_beside => {
                // A directory that cannot be listed brings what is mounted in it along.
                let mounted = self.mounts.contains(&path);
                let to = if mounted { &mut parts.walk.mounts } else { &mut parts.walk.read_only };
                to.push(path.to_path_buf());
                if matches!(original, ListedKind::Other) {
                    Entry::File { path: at }
                } else {
                    Entry::Directory { path: at, mode: 0o755 }
                }
            }
            ListedKind::EmptyDirectory { mode } => Entry::Directory { path: at, mode: *mode },
            ListedKind::Directory => {
                parts.directories.push(path);
                Entry::Directory { path: at, mode: 0o755 }
            }
            ListedKind::Symlink { target } => Entry::Symlink { path: at, target: target.clone() },
            ListedKind::File { bytes } => {
                parts.files.push((*bytes, path));
                return;
            }
            ListedKind::Other => {
                parts.walk.read_only.push(path.to_path_buf());
                Entry::File { path: at }
            }
        };
        parts.walk.lower.push(stands);
    }
}

impl Parts<'_> {
    fn walk(mut self, way: &Way<'_>, wanted: &[PathBuf]) -> MountWalk {
        self.directories.sort_by_key(|directory| !wanted.iter().any(|path| path.starts_with(directory)));
        let beyond = self.directories.split_off(self.directories.len().min(MAX_VIEWS));
        self.walk.views = self.directories.iter().map(|path| path.to_path_buf()).collect();
        self.files.sort_unstable();
        let (mut copied, mut uncopied) = (0, Vec::new());
        for (bytes, path) in &self.files {
            copied += bytes;
            self.walk.lower.push(if copied <= MAX_COPIED_BYTES {
                self.walk.room += bytes.next_multiple_of(MAX_PAGE_BYTES);
                Entry::Copy { from: path.to_path_buf(), to: way.at(path) }
            } else {
                uncopied.push(*path);
                Entry::File { path: way.at(path) }
            });
        }
        self.walk.excess = beyond.len() + uncopied.len();
        self.walk.read_only.extend(beyond.into_iter().chain(uncopied).map(Path::to_path_buf));
        self.walk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::CowSources;

    fn listing(directory: &str, entries: Vec<(String, ListedKind)>) -> Listing {
        let entries = entries.into_iter().map(|(name, original)| (Path::new(directory).join(name), original));
        Listing { directory: directory.into(), mode: 0o700, entries: entries.collect() }
    }

    fn named(names: &[&str], original: &ListedKind) -> Vec<(String, ListedKind)> {
        names.iter().map(|name| ((*name).to_owned(), original.clone())).collect()
    }

    fn host(listings: Vec<Listing>) -> Host {
        let mount_points = vec!["/".into(), "/home/u/data/disk".into()];
        Host {
            mount_points,
            cow_sources: CowSources { listings, ..CowSources::default() },
            ..crate::host::sample(1000)
        }
    }

    fn walked(host: &Host, wanted: &[&str]) -> Result<MountWalk, &'static str> {
        let wanted: Vec<_> = wanted.iter().map(PathBuf::from).collect();
        walk_mounts(Path::new("/home/u"), Path::new("/lower"), &wanted, host)
    }

    #[test]
    fn only_the_mount_is_read_only() {
        let file = |bytes| ListedKind::File { bytes };
        let mut top = named(&["data", "project"], &ListedKind::Directory);
        top.extend(named(&["notes"], &file(10)));
        top.extend(named(&["link"], &ListedKind::Symlink { target: "notes".into() }));
        let data = named(&["beside", "disk"], &ListedKind::Directory);
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", data)]);
        let walk = walked(&host, &[]).unwrap();
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(walk.views, paths(&["/home/u/data/beside", "/home/u/project"]));
        assert_eq!((walk.mounts, walk.excess), (paths(&["/home/u/data/disk"]), 0));
        assert_eq!(walk.read_only, paths(&[]));
        let directory = |path: &str, mode| Entry::Directory { path: path.into(), mode };
        let expected = [
            directory("/lower/", 0o700),
            directory("/lower/data", 0o700),
            directory("/lower/data/beside", 0o755),
            directory("/lower/data/disk", 0o755),
            directory("/lower/project", 0o755),
            Entry::Symlink { path: "/lower/link".into(), target: "notes".into() },
            Entry::Copy { from: "/home/u/notes".into(), to: "/lower/notes".into() },
        ];
        assert_eq!(walk.lower, expected);
    }

    #[test]
    fn of_too_many_directories_the_wanted_come_first() {
        let names: Vec<_> = (0..60).map(|n| (format!("d{n:02}"), ListedKind::Directory)).collect();
        let top = [names, named(&["data"], &ListedKind::Directory)].concat();
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", Vec::new())]);
        let walk = walked(&host, &["/home/u/d59/project"]).unwrap();
        assert_eq!((walk.views.len(), walk.views[0].as_path()), (MAX_VIEWS, Path::new("/home/u/d59")));
        assert_eq!((walk.excess, walk.read_only.len()), (60 - MAX_VIEWS, 60 - MAX_VIEWS));
    }

    #[test]
    fn of_too_large_files_the_smallest_are_copied() {
        let files = [("a", MAX_COPIED_BYTES), ("b", 1), ("c", 2)];
        let files = files.map(|(name, bytes)| (name.to_owned(), ListedKind::File { bytes }));
        let top = [files.to_vec(), named(&["data"], &ListedKind::Directory)].concat();
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", Vec::new())]);
        let walk = walked(&host, &[]).unwrap();
        let is_copied = |entry: &&Entry| matches!(entry, Entry::Copy { .. });
        assert_eq!(walk.lower.iter().filter(is_copied).count(), 2);
        assert_eq!(walk.room, 2 * MAX_PAGE_BYTES);
        assert_eq!((walk.read_only, walk.excess), (vec!["/home/u/a".into()], 1));
    }

    #[test]
    fn what_cannot_be_listed_is_read_only() {
        let top = named(&["data"], &ListedKind::Directory);
        let walk = walked(&host(vec![listing("/home/u", top)]), &[]).unwrap();
        assert_eq!(walk.read_only, [Path::new("/home/u/data")]);
        assert!(walked(&host(Vec::new()), &[]).is_err());
        let many = (0..200).map(|n| (format!("{n}"), ListedKind::Other)).collect();
        assert!(walked(&host(vec![listing("/home/u", many)]), &[]).is_err());
    }
}
