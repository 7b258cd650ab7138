//! Finds the files that a workload changed below the copy-on-write directories, and those of them that are evidence,
//! in the upper layers.

use super::layers::{Upper, Views};
use super::same_file;
use crate::outcome::ChangedPaths;
use crate::plan::Private;
use nix::dir::{Dir, Entry, Type};
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};
use nix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Maximal length of a list of paths in bytes: it travels in one message.
const MAX_BYTES: usize = 48 << 10;

/// Maximal number of files of evidence that are remembered, handed over or not, and maximal length of the path of
/// one.
const MAX_EVIDENCE: usize = 10_000;
const MAX_PATH_BYTES: usize = 4096;

/// Time between two looks at the kernel's clock of file changes, and the maximal number of looks until it has moved
/// on.
const TICK: Duration = Duration::from_millis(1);
const MAX_TICKS: usize = 20;

/// Depth below which a directory is one change, whatever is in it: each level costs descriptors and stack.
const MAX_DEPTH: usize = 100;

/// Paths that a workload changed, and the evidence among them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Number of all files written and paths deleted, and the first of these paths.
    pub(super) changed: ChangedPaths,
    /// Changed files that are evidence, each with the number of its layer.
    pub(super) evidence: Vec<(usize, PathBuf)>,
    /// Number of further files of evidence: too many, or of too long a path, to be handed over.
    pub(super) evidence_left_out: u64,
}

/// Time of the last change of each path in the upper layers.
#[derive(Debug, Default)]
pub(super) struct Written(HashMap<PathBuf, Changed>);

/// Time of a change in seconds and nanoseconds.
type Changed = (i64, i64);

/// Finds all changes in the upper layers up to now, and returns once a later change would have a later time.
pub(super) fn written(Views { hidden, uppers }: &Views) -> Written {
    let mut written = HashMap::new();
    for upper in uppers {
        if let Ok(directory) = openat(hidden, &upper.directory, FLAGS, Mode::empty()) {
            note_below(directory.as_fd(), &upper.path, MAX_DEPTH, &mut written);
        }
    }
    let latest = written.values().copied().max();
    let is_past = || {
        let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE);
        now.is_ok_and(|now| latest < Some((now.tv_sec(), now.tv_nsec())))
    };
    // A clock that was set back is not waited for.
    let mut looks = 0;
    while !written.is_empty() && looks < MAX_TICKS && !is_past() {
        sleep(TICK);
        looks += 1;
    }
    Written(written)
}

fn note_below(directory: impl AsFd, path: &Path, depth: usize, written: &mut HashMap<PathBuf, Changed>) {
    let Ok(mut listing) = Dir::openat(&directory, ".", FLAGS, Mode::empty()) else { return };
    for entry in entries(&mut listing) {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let path = path.join(name);
        if let Some(changed) = changed(directory.as_fd(), name) {
            written.insert(path.clone(), changed);
        }
        let inside = openat(&directory, name, FLAGS, Mode::empty());
        if let (Ok(inside), Some(depth)) = (inside, depth.checked_sub(1)) {
            note_below(inside, &path, depth, written);
        }
    }
}

/// Returns when an entry was changed last. Entries that hide a file of the lower layer may be one inode, which is
/// changed with each further one: they have the time zero.
fn changed(directory: BorrowedFd<'_>, name: &OsStr) -> Option<Changed> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
    let hides = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR;
    Some(if hides { (0, 0) } else { (stat.st_ctime, stat.st_ctime_nsec) })
}

/// Finds the changes of a workload that did or did not pass, without those in `written`, which are older.
pub(super) fn list(
    Views { hidden, uppers }: &Views,
    private: &Private,
    passed: bool,
    written: &Written,
) -> Changes {
    let (mut found, mut bytes) = (Changes::default(), 0);
    for (layer, upper) in uppers.iter().enumerate() {
        let mut walk = Walk { found, bytes, private, passed, written, layer, hidden, upper };
        if let Ok(directory) = openat(hidden, &upper.directory, FLAGS, Mode::empty()) {
            walk.below(directory.as_fd(), &upper.path, MAX_DEPTH);
        }
        (found, bytes) = (walk.found, walk.bytes);
    }
    found.changed.paths.sort();
    found
}

const FLAGS: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);

struct Walk<'a> {
    found: Changes,
    bytes: usize,
    private: &'a Private,
    passed: bool,
    written: &'a Written,
    layer: usize,
    hidden: &'a File,
    upper: &'a Upper,
}

impl Walk<'_> {
    fn below(&mut self, directory: impl AsFd, path: &Path, depth: usize) {
        let Ok(mut listing) = Dir::openat(&directory, ".", FLAGS, Mode::empty()) else { return };
        for entry in entries(&mut listing) {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            let path = path.join(name);
            let kind = entry.file_type().or_else(|| kind(directory.as_fd(), name));
            if kind != Some(Type::Directory) {
                let is_old = self.is_as_before(directory.as_fd(), name, &path);
                let is_copy = || kind == Some(Type::File) && self.is_copy_of_below(&path);
                if !is_old && !self.is_mount_point(&path) && !is_copy() {
                    self.add(&path);
                    self.add_evidence(&path, kind);
                }
                continue;
            }
            // A directory is in the upper layer when it is new, or when something below it changed or was there for a while;
            // only an empty one has nothing below to speak for it.
            let before = self.found.changed.count;
            let inside = openat(&directory, name, FLAGS, Mode::empty());
            if let (Ok(inside), Some(depth)) = (&inside, depth.checked_sub(1)) {
                self.below(inside, &path, depth);
            }
            let is_old = self.written.0.contains_key(&path);
            let has_nothing_to_say =
                self.found.changed.count == before && !is_old && !self.is_mount_point(&path);
            if has_nothing_to_say && !inside.is_ok_and(|inside| self.is_as_below(inside, &path)) {
                self.add(&path);
            }
        }
    }

    /// Returns whether a directory of the upper layer without changed entries looks the same as the one in the lower
    /// layer.
    fn is_as_below(&self, directory: impl AsFd, path: &Path) -> bool {
        let Some([lower, view]) = self.in_both(path, FLAGS) else { return false };
        let (Ok(was), Ok(is)) = (fstat(&lower), fstat(&directory)) else { return false };
        (was.st_mode, was.st_uid, was.st_gid) == (is.st_mode, is.st_uid, is.st_gid)
            && names(lower) == names(view)
    }

    /// Returns whether a file of the upper layer is still the copy of the one in the lower layer that it was at first.
    fn is_copy_of_below(&self, path: &Path) -> bool {
        // Nobody else may have put something there that blocks.
        let flags = FLAGS.difference(OFlag::O_DIRECTORY) | OFlag::O_NONBLOCK;
        let both = self.in_both(path, flags);
        both.is_some_and(|[lower, view]| same_file::are_same(&lower.into(), &view.into()))
    }

    /// Opens a path in the lower layer, and in both layers as one, in which the overlay's own attributes are not seen.
    fn in_both(&self, path: &Path, flags: OFlag) -> Option<[OwnedFd; 2]> {
        let below = path.strip_prefix(&self.upper.path).ok()?;
        let open = |layer: &Path| {
            let layer = openat(self.hidden, layer, FLAGS, Mode::empty())?;
            let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
            openat2(layer, below, OpenHow::new().flags(flags).resolve(resolve))
        };
        Some([open(&self.upper.lower).ok()?, open(&self.upper.view).ok()?])
    }

    fn is_as_before(&self, directory: BorrowedFd<'_>, name: &OsStr, path: &Path) -> bool {
        let before = self.written.0.get(path);
        before.is_some_and(|before| changed(directory, name) == Some(*before))
    }

    /// Returns whether a path is there only for something to be mounted at it or below.
    fn is_mount_point(&self, path: &Path) -> bool {
        self.private.layers.iter().any(|layer| layer.path.starts_with(path))
    }

    fn add(&mut self, path: &Path) {
        let changed = &mut self.found.changed;
        changed.count += 1;
        let length = path.as_os_str().len();
        if changed.paths.len() < self.private.changed_paths_most && self.bytes + length <= MAX_BYTES {
            self.bytes += length;
            changed.paths.push(path.to_path_buf());
        }
    }

    fn add_evidence(&mut self, path: &Path, kind: Option<Type>) {
        if kind != Some(Type::File) || !self.private.evidence.iter().any(|mark| mark.is_of(path, self.passed))
        {
            return;
        }
        // Longer paths do not fit into a message.
        let is_short = path.as_os_str().len() <= MAX_PATH_BYTES;
        if is_short && self.found.evidence.len() < MAX_EVIDENCE {
            self.found.evidence.push((self.layer, path.to_path_buf()));
        } else {
            self.found.evidence_left_out += 1;
        }
    }
}

/// Returns the entries of a directory, but for the directory itself and the one above it.
fn entries(listing: &mut Dir) -> impl Iterator<Item = Entry> {
    let is_below = |entry: &Entry| ![&b"."[..], b".."].contains(&entry.file_name().to_bytes());
    listing.iter().flatten().filter(is_below)
}

/// Returns the names in a directory in their order, if it can be read.
fn names(directory: impl AsFd) -> Option<Vec<CString>> {
    let mut listing = Dir::openat(directory, ".", FLAGS, Mode::empty()).ok()?;
    let mut names: Vec<_> = entries(&mut listing).map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    Some(names)
}

/// Returns the type of an entry, for file systems that do not tell it in their listings.
fn kind(directory: BorrowedFd<'_>, name: &OsStr) -> Option<Type> {
    let mode = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?.st_mode;
    match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Some(Type::Directory),
        SFlag::S_IFREG => Some(Type::File),
        _ => None,
    }
}
