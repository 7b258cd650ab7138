//! What a workload changed below the copy-on-write directories, read from the upper layers.

use super::layers::Upper;
use crate::outcome::ChangedPaths;
use crate::plan::Private;
use nix::dir::{Dir, Type};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest list in bytes: it travels in one message.
const MAX_BYTES: usize = 48 << 10;

/// Below this depth a directory is one change, whatever is in it: each level costs descriptors and stack.
const MAX_DEPTH: usize = 100;

/// Counts every file written and every path deleted, and lists the first of them.
pub(super) fn list(uppers: &[Upper], private: &Private) -> ChangedPaths {
    let mut changes = Changes { found: ChangedPaths::default(), bytes: 0, private };
    for upper in uppers {
        if let Ok(directory) = openat(&upper.directory, ".", FLAGS, Mode::empty()) {
            changes.below(directory.as_fd(), &upper.path, MAX_DEPTH);
        }
    }
    changes.found.paths.sort();
    changes.found
}

const FLAGS: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);

struct Changes<'a> {
    found: ChangedPaths,
    bytes: usize,
    private: &'a Private,
}

impl Changes<'_> {
    fn below(&mut self, directory: impl AsFd, path: &Path, depth: usize) {
        let Ok(mut listing) = Dir::openat(&directory, ".", FLAGS, Mode::empty()) else { return };
        for entry in listing.iter().flatten() {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let path = path.join(name);
            if entry.file_type() != Some(Type::Directory) {
                if !self.is_mount_point(&path) {
                    self.add(&path);
                }
                continue;
            }
            // A directory is in the upper layer when it is new, or when something below it changed; only an empty
            // one has nothing below to speak for it.
            let before = self.found.count;
            let inside = openat(&directory, name, FLAGS, Mode::empty());
            if let (Ok(inside), Some(depth)) = (inside, depth.checked_sub(1)) {
                self.below(inside, &path, depth);
            }
            if self.found.count == before && !self.is_mount_point(&path) {
                self.add(&path);
            }
        }
    }

    /// Whether it is there only for something to be mounted at it or below.
    fn is_mount_point(&self, path: &Path) -> bool {
        self.private.layers.iter().any(|layer| layer.path.starts_with(path))
    }

    fn add(&mut self, path: &Path) {
        self.found.count += 1;
        let length = path.as_os_str().len();
        if self.found.paths.len() < self.private.changed_paths_most && self.bytes + length <= MAX_BYTES {
            self.bytes += length;
            self.found.paths.push(path.to_path_buf());
        }
    }
}
