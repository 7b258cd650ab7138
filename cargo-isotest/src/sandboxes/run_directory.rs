//! Directory of a run, which holds a lock on it while it lives: the next run removes the directories of killed runs.

use crate::text::style;
use nix::unistd::Uid;
use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Directory of a run, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    directory: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Creates a directory whose name begins with `prefix`, and removes the directories of killed runs.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub(crate) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        sweep(parent, prefix);
        loop {
            let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
            let lock = File::open(&directory)?;
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &directory) => return Ok(Self { directory, _lock: lock }),
                // Another run swept the directory before it was locked, and removes it.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    let _ = remove(&directory);
                    return Err(error);
                }
            }
        }
    }

    /// Returns the path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.directory) {
            // A closed standard error is no reason to fail.
            let _ = writeln!(
                anstream::stderr(),
                "{STYLE}warning{STYLE:#}: `{}` could not be removed: {error}; the next run removes it",
                self.directory.display(),
                STYLE = style::WARNING
            );
        }
    }
}

/// Returns whether an open directory is the one at this path.
fn is_at(open: &File, path: &Path) -> bool {
    let same = |one: fs::Metadata, other: fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    open.metadata().is_ok_and(|one| fs::symlink_metadata(path).is_ok_and(|other| same(one, other)))
}

/// Removes the directories of this user's killed runs. Failures are left to the next run.
fn sweep(parent: &Path, prefix: &str) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    for path in named.map(|entry| entry.path()) {
        let is_ours = fs::symlink_metadata(&path)
            .is_ok_and(|meta| meta.is_dir() && meta.uid() == Uid::effective().as_raw());
        if let (true, Ok(open)) = (is_ours, File::open(&path))
            && open.try_lock().is_ok()
        {
            let _ = remove(&path);
        }
    }
}

/// Removes a directory, even if its subdirectories may not be listed or changed by their owner.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // From the top down: nothing is found below a directory that may not be listed.
            for entry in WalkDir::new(directory).into_iter().flatten() {
                if entry.file_type().is_dir() {
                    let _ = fs::set_permissions(entry.path(), Permissions::from_mode(0o700));
                }
            }
            fs::remove_dir_all(directory)
        }
        done => done,
    }
}
