//! Directories of the host for the output of setup scripts, which later tests see. They lie in one directory of the
//! run.

use super::run_directory::{RunDirectory, remove};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Prefix of the name of the directory of a run.
const PREFIX: &str = "isotest-setup-";

/// Directory of the setup scripts of a run, which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct SetupPlace(RunDirectory);

/// Paths for the output of one setup script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfScript {
    /// Directory that the script fills.
    pub(crate) directory: PathBuf,
    /// File in which the script writes environment variables.
    pub(crate) variables: PathBuf,
}

impl SetupPlace {
    /// Creates the directory of a run below a directory for temporary files, and removes the directories of killed
    /// runs.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        RunDirectory::create(parent, PREFIX).map(Self)
    }

    /// Creates the directory and the file of a script anew.
    ///
    /// # Errors
    /// When they cannot be created.
    pub(crate) fn of_script(&self, name: &str) -> io::Result<OfScript> {
        let place = self.0.path().join(name);
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
