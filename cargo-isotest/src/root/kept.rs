//! Roots that were unpacked: below the target directory, each under the digest of what it was unpacked from, so that
//! this happens once.

use super::image::Image;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A root, and what came with it.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its directory.
    pub(super) path: PathBuf,
    pub(super) notes: Notes,
}

/// What is written down beside a root.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) image: Image,
    /// How many device nodes were left out.
    pub(super) nodes: u64,
}

const ROOT: &str = "root";
const NOTES: &str = "notes.json";

/// The root with this name; `unpack` makes it if it is not there, and may use the second directory it is given for
/// whatever else it needs. Nobody sees one that is not complete.
pub(super) fn root<E: From<io::Error>>(
    target: &Path,
    name: &str,
    unpack: impl FnOnce(&Path, &Path) -> Result<Notes, E>,
) -> Result<Kept, E> {
    let roots = target.join("isotest/roots");
    close(&roots)?;
    let complete = roots.join(name);
    if !complete.is_dir() {
        let lock = File::create(roots.join(format!("{name}.lock")))?;
        // Two runs that begin at once unpack it once.
        let _lock =
            Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))?;
        if !complete.is_dir() {
            make(&complete, &roots.join(format!("{name}.partial")), unpack)?;
        }
    }
    let notes = fs::read(complete.join(NOTES))?;
    let notes = serde_json::from_slice(&notes).map_err(io::Error::from)?;
    Ok(Kept { path: complete.join(ROOT), notes })
}

/// Makes the directory of all roots, in which nobody else may look. A root has the owners and permissions of its archive,
/// which comes from strangers: a program in it that becomes its owner when it is executed does nothing in a sandbox,
/// where no mount lets it, but on the host anybody could execute it.
fn close(roots: &Path) -> io::Result<()> {
    fs::create_dir_all(roots.parent().unwrap_or(roots))?;
    match DirBuilder::new().mode(0o700).create(roots) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if fs::metadata(roots)?.permissions().mode() & 0o077 != 0 {
        let closed = fs::set_permissions(roots, Permissions::from_mode(0o700));
        closed.map_err(|error| {
            let what = format!("`{}` cannot be closed to other users ({error}); remove it", roots.display());
            io::Error::new(error.kind(), what)
        })?;
    }
    Ok(())
}

fn make<E: From<io::Error>>(
    complete: &Path,
    partial: &Path,
    unpack: impl FnOnce(&Path, &Path) -> Result<Notes, E>,
) -> Result<(), E> {
    // What a run that was killed has left.
    remove(partial)?;
    let (root, scratch) = (partial.join(ROOT), partial.join("scratch"));
    fs::create_dir_all(&root)?;
    fs::create_dir(&scratch)?;
    let made = unpack(&root, &scratch).and_then(|notes| {
        fs::remove_dir_all(&scratch)?;
        fs::write(partial.join(NOTES), serde_json::to_vec(&notes).map_err(io::Error::from)?)?;
        Ok(fs::rename(partial, complete)?)
    });
    if made.is_err() {
        // What is wrong with the archive is worth more than what is left of it.
        let _ = remove(partial);
    }
    made
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_may_look_at_roots() {
        let place = tempfile::tempdir().unwrap();
        let roots = place.path().join("isotest/roots");
        let mode = || fs::metadata(&roots).unwrap().permissions().mode() & 0o7777;
        let kept = || root::<io::Error>(place.path(), "tar-1", |_, _| Ok(Notes::default())).unwrap();
        assert!(kept().path.is_dir());
        assert_eq!(mode(), 0o700);
        fs::set_permissions(&roots, Permissions::from_mode(0o755)).unwrap();
        assert!(kept().path.is_dir());
        assert_eq!(mode(), 0o700, "one that was made wider");
    }
}
