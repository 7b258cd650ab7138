//! Directories of the host in which setup scripts leave what the tests after them see. They lie in one directory of the run,
//! which is locked while the run lives: what is left of a run that was killed the next one removes.

use crate::text::style;
use nix::unistd::Uid;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// How the directory of a run is called.
const PREFIX: &str = "isotest-setup-";

/// Directory of the setup scripts of a run. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SetupPlace {
    directory: PathBuf,
    _lock: File,
}

/// Places of one setup script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfScript {
    /// The directory that the script leaves.
    pub(crate) directory: PathBuf,
    /// The file in which the script writes environment variables.
    pub(crate) variables: PathBuf,
}

impl SetupPlace {
    /// Creates the directory of a run below a directory for temporary files, and removes those of runs that were killed.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        loop {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?.keep();
            let lock = File::open(&directory)?;
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &directory) => return Ok(Self { directory, _lock: lock }),
                // Whoever sweeps has come before the lock, and removes it.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    let _ = remove(&directory);
                    return Err(error);
                }
            }
        }
    }

    /// Creates the places of a script anew.
    ///
    /// # Errors
    /// When they cannot be.
    pub(crate) fn of_script(&self, name: &str) -> io::Result<OfScript> {
        let place = self.directory.join(name);
        match remove(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let directory = place.join("directory");
        DirBuilder::new().recursive(true).mode(0o755).create(&directory)?;
        let variables = place.join("variables");
        File::create_new(&variables)?;
        // A script may execute its work as another user.
        fs::set_permissions(&variables, Permissions::from_mode(0o666))?;
        Ok(OfScript { directory, variables })
    }
}

impl Drop for SetupPlace {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.directory) {
            // A closed standard error is no reason to fail.
            let _ = writeln!(
                anstream::stderr(),
                "{STYLE}warning{STYLE:#}: what setup scripts left in `{}` could not be removed: {error}; the next run removes it",
                self.directory.display(),
                STYLE = style::WARNING
            );
        }
    }
}

/// Whether an open directory is the one at this path.
fn is_at(open: &File, path: &Path) -> bool {
    let same = |one: fs::Metadata, other: fs::Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    open.metadata().is_ok_and(|one| fs::symlink_metadata(path).is_ok_and(|other| same(one, other)))
}

/// Removes what this user's runs have left that were killed. What cannot be removed stays for the next run.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
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

/// Removes a directory, also if those in it may not be listed or changed by their owner.
fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // From the top: below a directory that may not be listed nothing is found.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_but_of_runs_that_live() {
        let parent = tempfile::tempdir().unwrap();
        let left = || fs::read_dir(parent.path()).unwrap().count();
        let living = SetupPlace::create(parent.path()).unwrap();
        let killed = parent.path().join("isotest-setup-killed");
        fs::create_dir_all(killed.join("pg/directory/closed")).unwrap();
        fs::set_permissions(killed.join("pg/directory/closed"), Permissions::from_mode(0o000)).unwrap();
        fs::create_dir(parent.path().join("of-others")).unwrap();
        let second = SetupPlace::create(parent.path()).unwrap();
        assert_eq!(left(), 3, "two runs and what is no run's");
        let OfScript { directory, variables } = second.of_script("pg").unwrap();
        fs::write(directory.join("file"), "").unwrap();
        fs::create_dir_all(directory.join("closed/within")).unwrap();
        fs::set_permissions(directory.join("closed"), Permissions::from_mode(0o000)).unwrap();
        fs::write(variables, "A=1").unwrap();
        let again = second.of_script("pg").unwrap();
        assert_eq!(fs::read_dir(again.directory).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(again.variables).unwrap(), "");
        drop((living, second));
        assert_eq!(left(), 1);
    }
}
