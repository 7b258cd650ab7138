//! Store of unpacked roots below the target directory. Each root is stored under the digest of its archive or image, and so
//! unpacked once.

use super::image::Image;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Error of the root store.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be {what}", path.display())]
pub(crate) struct KeepError {
    path: PathBuf,
    what: &'static str,
    pub(super) source: io::Error,
}

impl KeepError {
    fn at(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), what, source }
    }
}

/// Stored root with its notes.
#[derive(Debug)]
pub(super) struct Kept {
    /// Directory of the root.
    pub(super) path: PathBuf,
    pub(super) notes: Notes,
}

/// Notes stored beside a root.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) image: Image,
    /// Number of skipped device nodes.
    pub(super) nodes: u64,
}

const ROOT: &str = "root";
const NOTES: &str = "notes.json";

/// Returns the root stored under `name`; if there is none, `unpack` fills it, with a second directory as scratch space. An
/// incomplete root is never visible.
///
/// # Errors
/// When `unpack` fails, or the store cannot be written.
pub(super) fn root<E: From<KeepError>>(
    target: &Path,
    name: &str,
    unpack: impl FnOnce(&Path, &Path) -> Result<Notes, E>,
) -> Result<Kept, E> {
    let roots = directory(target);
    close(&roots)?;
    let complete = roots.join(name);
    if !complete.is_dir() {
        let path = roots.join(format!("{name}.lock"));
        let lock = File::create(&path).map_err(KeepError::at(&path, "written"))?;
        // Of two runs that start at once, the second waits for the first to unpack the archive.
        let _lock = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, errno)| KeepError::at(&path, "locked")(errno.into()))?;
        if !complete.is_dir() {
            make(&complete, &roots.join(format!("{name}.partial")), unpack)?;
        }
    }
    let path = complete.join(NOTES);
    let notes = fs::read(&path).and_then(|notes| Ok(serde_json::from_slice(&notes)?));
    Ok(Kept { path: complete.join(ROOT), notes: notes.map_err(KeepError::at(&path, "read"))? })
}

/// Returns the directory of the store.
pub(super) fn directory(target: &Path) -> PathBuf {
    target.join("isotest/roots")
}

/// Creates the directory of the store, closed to other users. A root has owners and permissions from an untrusted archive:
/// a set-user-ID program is harmless in a sandbox, which mounts `nosuid`, but other users could execute it on the host.
fn close(roots: &Path) -> Result<(), KeepError> {
    let inner = || match DirBuilder::new().mode(0o700).create(roots) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::metadata(roots),
    };
    let made = fs::create_dir_all(roots.parent().unwrap_or(roots)).and_then(|()| inner());
    if made.map_err(KeepError::at(roots, "made"))?.permissions().mode() & 0o077 != 0 {
        let closed = fs::set_permissions(roots, Permissions::from_mode(0o700));
        closed.map_err(KeepError::at(roots, "closed to other users"))?;
    }
    Ok(())
}

fn make<E: From<KeepError>>(
    complete: &Path,
    partial: &Path,
    unpack: impl FnOnce(&Path, &Path) -> Result<Notes, E>,
) -> Result<(), E> {
    let failed = || KeepError::at(partial, "written");
    let (root, scratch) = (partial.join(ROOT), partial.join("scratch"));
    // A killed run may have left a partial root.
    remove(partial).map_err(KeepError::at(partial, "removed"))?;
    fs::create_dir_all(&root).and_then(|()| fs::create_dir(&scratch)).map_err(failed())?;
    let made = unpack(&root, &scratch).and_then(|notes| {
        let finish = || -> io::Result<()> {
            fs::remove_dir_all(&scratch)?;
            fs::write(partial.join(NOTES), serde_json::to_vec(&notes)?)?;
            fs::rename(partial, complete)
        };
        Ok(finish().map_err(failed())?)
    });
    if made.is_err() {
        // The error of the archive matters more than one of the removal.
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
        let kept = || root::<KeepError>(place.path(), "tar-1", |_, _| Ok(Notes::default())).unwrap();
        assert!(kept().path.is_dir());
        assert_eq!(mode(), 0o700);
        fs::set_permissions(&roots, Permissions::from_mode(0o755)).unwrap();
        assert!(kept().path.is_dir());
        assert_eq!(mode(), 0o700, "one that was made wider");
    }
}
