//! A copy-on-write directory of an ordinary user with something mounted below it. Pure.
//!
//! The kernel refuses such a directory as the lower layer of an overlay to all but root, since what the mount covers
//! would be seen. So another lower layer is assembled: the directories on the way to the mount, with copies of the
//! files in them; and over it the directories beside that way are views of their own. Only the mount itself, and what
//! there is too much of, is read-only.

use super::Entry;
use crate::host::{Host, Listing, Original};
use std::path::{Path, PathBuf};

/// The most views that one directory is taken apart into: each is an overlay for every attempt that has written.
const MAX_VIEWS: usize = 32;
/// The most mounts, read-only ones included.
const MAX_MOUNTS: usize = 128;
/// The most that is copied of files, which every zygote keeps in memory.
const MAX_COPIED_BYTES: u64 = 16 << 20;
/// The largest page of any machine: a copy takes whole ones.
const MAX_PAGE_BYTES: u64 = 64 << 10;

/// What stands for one directory.
#[derive(Debug, Default)]
pub(super) struct Descent {
    /// What the lower layer consists of.
    pub(super) lower: Vec<Entry>,
    /// The room that the copies in it take, in bytes.
    pub(super) room: u64,
    /// The directories that are views of their own.
    pub(super) views: Vec<PathBuf>,
    /// What is mounted.
    pub(super) mounts: Vec<PathBuf>,
    /// What else is read-only.
    pub(super) read_only: Vec<PathBuf>,
    /// How many of those are read-only only because they are too many or too large.
    pub(super) excess: usize,
}

/// Takes `root` apart, so that its lower layer is assembled at `lower`. Of too many directories, those on the way to
/// one of `wanted` become views first.
///
/// # Errors
/// Why it cannot be done, as the end of a sentence.
pub(super) fn descend(
    root: &Path,
    lower: &Path,
    wanted: &[PathBuf],
    host: &Host,
) -> Result<Descent, &'static str> {
    let way = Way { root, lower, host, mounts: host.mounts_below(root).collect() };
    let mut parts = Parts::default();
    let top = way.listing(root).ok_or("and its entries are too many or cannot be read")?;
    way.take_apart(top, &mut parts);
    let descent = parts.descent(&way, wanted);
    if descent.views.len() + descent.read_only.len() + descent.mounts.len() > MAX_MOUNTS {
        return Err("and too many of its entries would have to be mounted");
    }
    Ok(descent)
}

/// The way from a directory down to what is mounted below it.
struct Way<'host> {
    root: &'host Path,
    lower: &'host Path,
    host: &'host Host,
    mounts: Vec<&'host Path>,
}

/// What stands on that way and beside it, before it is decided what becomes of it.
#[derive(Default)]
struct Parts<'host> {
    descent: Descent,
    directories: Vec<&'host Path>,
    files: Vec<(u64, &'host Path)>,
}

impl<'host> Way<'host> {
    fn listing(&self, directory: &Path) -> Option<&'host Listing> {
        self.host.originals.listings.iter().find(|listing| listing.directory == directory)
    }

    /// Where `path` stands in the lower layer.
    fn at(&self, path: &Path) -> PathBuf {
        self.lower.join(path.strip_prefix(self.root).unwrap_or(path))
    }

    fn take_apart(&self, listing: &'host Listing, parts: &mut Parts<'host>) {
        parts.descent.lower.push(Entry::Directory { path: self.at(&listing.directory), mode: listing.mode });
        for (path, original) in &listing.entries {
            let leads_to_mount = self.mounts.iter().any(|mount| mount.starts_with(path) && mount != path);
            match self.listing(path).filter(|_| leads_to_mount) {
                Some(below) => self.take_apart(below, parts),
                None => self.take(path, original, parts),
            }
        }
    }

    fn take(&self, path: &'host Path, original: &Original, parts: &mut Parts<'host>) {
        let at = self.at(path);
        let is_beside = !self.mounts.iter().any(|mount| mount.starts_with(path));
        let stands = match original {
            _ if !is_beside => {
                // A directory that cannot be listed brings what is mounted in it along.
                let mounted = self.mounts.contains(&path);
                let to = if mounted { &mut parts.descent.mounts } else { &mut parts.descent.read_only };
                to.push(path.to_path_buf());
                if matches!(original, Original::Other) {
                    Entry::File { path: at }
                } else {
                    Entry::Directory { path: at, mode: 0o755 }
                }
            }
            Original::EmptyDirectory { mode } => Entry::Directory { path: at, mode: *mode },
            Original::Directory => {
                parts.directories.push(path);
                Entry::Directory { path: at, mode: 0o755 }
            }
            Original::Symlink { target } => Entry::Symlink { path: at, target: target.clone() },
            Original::File { bytes } => {
                parts.files.push((*bytes, path));
                return;
            }
            Original::Other => {
                parts.descent.read_only.push(path.to_path_buf());
                Entry::File { path: at }
            }
        };
        parts.descent.lower.push(stands);
    }
}

impl Parts<'_> {
    fn descent(mut self, way: &Way<'_>, wanted: &[PathBuf]) -> Descent {
        self.directories.sort_by_key(|directory| !wanted.iter().any(|path| path.starts_with(directory)));
        let beyond = self.directories.split_off(self.directories.len().min(MAX_VIEWS));
        self.descent.views = self.directories.iter().map(|path| path.to_path_buf()).collect();
        self.files.sort_unstable();
        let (mut copied, mut uncopied) = (0, Vec::new());
        for (bytes, path) in &self.files {
            copied += bytes;
            self.descent.lower.push(if copied <= MAX_COPIED_BYTES {
                self.descent.room += bytes.next_multiple_of(MAX_PAGE_BYTES);
                Entry::Copy { from: path.to_path_buf(), to: way.at(path) }
            } else {
                uncopied.push(*path);
                Entry::File { path: way.at(path) }
            });
        }
        self.descent.excess = beyond.len() + uncopied.len();
        self.descent.read_only.extend(beyond.into_iter().chain(uncopied).map(Path::to_path_buf));
        self.descent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Originals;

    fn listing(directory: &str, entries: Vec<(String, Original)>) -> Listing {
        let entries = entries.into_iter().map(|(name, original)| (Path::new(directory).join(name), original));
        Listing { directory: directory.into(), mode: 0o700, entries: entries.collect() }
    }

    fn named(names: &[&str], original: &Original) -> Vec<(String, Original)> {
        names.iter().map(|name| ((*name).to_owned(), original.clone())).collect()
    }

    fn host(listings: Vec<Listing>) -> Host {
        let mount_points = vec!["/".into(), "/home/u/data/disk".into()];
        Host {
            mount_points,
            originals: Originals { listings, ..Originals::default() },
            ..crate::host::sample(1000)
        }
    }

    fn of(host: &Host, wanted: &[&str]) -> Result<Descent, &'static str> {
        let wanted: Vec<_> = wanted.iter().map(PathBuf::from).collect();
        descend(Path::new("/home/u"), Path::new("/lower"), &wanted, host)
    }

    #[test]
    fn only_the_mount_is_read_only() {
        let file = |bytes| Original::File { bytes };
        let mut top = named(&["data", "project"], &Original::Directory);
        top.extend(named(&["notes"], &file(10)));
        top.extend(named(&["link"], &Original::Symlink { target: "notes".into() }));
        let data = named(&["beside", "disk"], &Original::Directory);
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", data)]);
        let descent = of(&host, &[]).unwrap();
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(descent.views, paths(&["/home/u/data/beside", "/home/u/project"]));
        assert_eq!((descent.mounts, descent.excess), (paths(&["/home/u/data/disk"]), 0));
        assert_eq!(descent.read_only, paths(&[]));
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
        assert_eq!(descent.lower, expected);
    }

    #[test]
    fn of_too_many_directories_the_wanted_come_first() {
        let names: Vec<_> = (0..60).map(|n| (format!("d{n:02}"), Original::Directory)).collect();
        let top = [names, named(&["data"], &Original::Directory)].concat();
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", Vec::new())]);
        let descent = of(&host, &["/home/u/d59/project"]).unwrap();
        assert_eq!((descent.views.len(), descent.views[0].as_path()), (MAX_VIEWS, Path::new("/home/u/d59")));
        assert_eq!((descent.excess, descent.read_only.len()), (60 - MAX_VIEWS, 60 - MAX_VIEWS));
    }

    #[test]
    fn of_too_large_files_the_smallest_are_copied() {
        let files = [("a", MAX_COPIED_BYTES), ("b", 1), ("c", 2)];
        let files = files.map(|(name, bytes)| (name.to_owned(), Original::File { bytes }));
        let top = [files.to_vec(), named(&["data"], &Original::Directory)].concat();
        let host = host(vec![listing("/home/u", top), listing("/home/u/data", Vec::new())]);
        let descent = of(&host, &[]).unwrap();
        let is_copied = |entry: &&Entry| matches!(entry, Entry::Copy { .. });
        assert_eq!(descent.lower.iter().filter(is_copied).count(), 2);
        assert_eq!(descent.room, 2 * MAX_PAGE_BYTES);
        assert_eq!((descent.read_only, descent.excess), (vec!["/home/u/a".into()], 1));
    }

    #[test]
    fn what_cannot_be_listed_is_read_only() {
        let top = named(&["data"], &Original::Directory);
        let descent = of(&host(vec![listing("/home/u", top)]), &[]).unwrap();
        assert_eq!(descent.read_only, [Path::new("/home/u/data")]);
        assert!(of(&host(Vec::new()), &[]).is_err());
        let many = (0..200).map(|n| (format!("{n}"), Original::Other)).collect();
        assert!(of(&host(vec![listing("/home/u", many)]), &[]).is_err());
    }
}
