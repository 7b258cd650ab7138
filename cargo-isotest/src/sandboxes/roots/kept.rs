//! Store of unpacked roots below the target directory. Each root is stored under the digest of its archive or image, and so
//! unpacked once.

use super::image::Image;
use super::inventory::inventory;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

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
    /// Lock by which others see that the root is in use; `None` for a directory that is not of the store.
    pub(super) lock: Option<Flock<File>>,
}

/// Notes stored beside a root.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    pub(super) image: Image,
    /// Number of skipped device nodes.
    pub(super) nodes: u64,
    /// Digest of what stands in the root.
    #[serde(default)]
    inventory: String,
}

impl Notes {
    pub(super) fn new(image: Image, nodes: u64) -> Self {
        Self { image, nodes, inventory: String::new() }
    }
}

const ROOT: &str = "root";
const NOTES: &str = "notes.json";
const LOCK: &str = "lock";
const PARTIAL: &str = "partial";

/// Time after which a root that no run has used is removed.
const UNUSED: Duration = Duration::from_hours(24 * 30);
/// Maximum number of roots that one run removes, so that none waits long for it.
const MOST_REMOVED: usize = 2;
/// Number of times that a root is looked at while others look at it or make it, and the time in between.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(50);

/// Returns the root stored under `name`; if there is none, or it is no longer what was unpacked, `unpack` fills it, with a
/// second directory as scratch space. An incomplete root is never visible. Roots that nobody has used for long are removed.
///
/// # Errors
/// When `unpack` fails, the store cannot be written, or a damaged root is in use.
pub(super) fn root<E: From<KeepError>>(
    target: &Path,
    name: &str,
    unpack: impl Fn(&Path, &Path) -> Result<Notes, E>,
) -> Result<Kept, E> {
    let roots = directory(target);
    close(&roots)?;
    let complete = roots.join(name);
    let mut is_made = false;
    for attempt in 0..TRIES {
        if complete.is_dir() {
            let lock = lock(&roots, name, FlockArg::LockShared)?;
            if let Some(notes) = sound(&complete) {
                // The time of the lock's file is that of the last use; without it, the root is removed too early.
                let _ = lock.set_modified(SystemTime::now());
                remove_unused(&roots, name);
                return Ok(Kept { path: complete.join(ROOT), notes, lock: Some(lock) });
            }
        }
        if is_made {
            break;
        }
        // Of two runs that start at once, the second waits for the first to unpack the archive.
        let is_there = complete.is_dir();
        let how = if is_there { FlockArg::LockExclusiveNonblock } else { FlockArg::LockExclusive };
        match lock(&roots, name, how) {
            Ok(_lock) if sound(&complete).is_none() => {
                let partial = roots.join(format!("{name}.{PARTIAL}"));
                discard(&complete, &partial).map_err(KeepError::at(&complete, "removed"))?;
                make(&complete, &partial, &unpack)?;
                is_made = true;
            }
            Ok(_) => {}
            Err(error) if is_there && error.source.kind() == io::ErrorKind::WouldBlock => {
                if attempt + 1 == TRIES {
                    return Err(
                        KeepError { what: "made again, since it is damaged and in use", ..error }.into()
                    );
                }
                thread::sleep(BETWEEN);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(KeepError::at(&complete, "kept as it was unpacked")(io::Error::other("it changes")).into())
}

fn lock(roots: &Path, name: &str, how: FlockArg) -> Result<Flock<File>, KeepError> {
    let path = roots.join(format!("{name}.{LOCK}"));
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(KeepError::at(&path, "written"))?;
    Flock::lock(file, how).map_err(|(_, errno)| KeepError::at(&path, "locked")(errno.into()))
}

/// Returns the notes of a root that is as it was unpacked; `None` if there is none, or it is damaged.
fn sound(complete: &Path) -> Option<Notes> {
    let notes: Notes = serde_json::from_slice(&fs::read(complete.join(NOTES)).ok()?).ok()?;
    let is_sound = inventory(&complete.join(ROOT)).is_ok_and(|found| found == notes.inventory);
    is_sound.then_some(notes)
}

/// Removes roots that nobody has used for long, and what killed runs have left. What cannot be removed stays.
fn remove_unused(roots: &Path, own: &str) {
    let mut removed = 0;
    for entry in roots.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        let partial = file_name.strip_suffix(PARTIAL).and_then(|name| name.strip_suffix('.'));
        let name = partial.unwrap_or(file_name);
        // What somebody else has put there has neither notes nor a lock.
        let is_ours = partial.is_some() || path.join(NOTES).is_file();
        let is_ours = is_ours && roots.join(format!("{name}.{LOCK}")).is_file();
        if removed == MOST_REMOVED || name == own || !is_ours || !path.is_dir() {
            continue;
        }
        let Ok(lock) = lock(roots, name, FlockArg::LockExclusiveNonblock) else { continue };
        let used = lock.metadata().and_then(|look| look.modified()).ok();
        let is_old = used.and_then(|used| used.elapsed().ok()).is_some_and(|unused| unused > UNUSED);
        if partial.is_some() || is_old {
            let _ = discard(&path, &roots.join(format!("{name}.{PARTIAL}")));
            removed += 1;
        }
    }
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
    unpack: impl Fn(&Path, &Path) -> Result<Notes, E>,
) -> Result<(), E> {
    let failed = || KeepError::at(partial, "written");
    let (root, scratch) = (partial.join(ROOT), partial.join("scratch"));
    // A killed run may have left a partial root.
    remove(partial).map_err(KeepError::at(partial, "removed"))?;
    fs::create_dir_all(&root).and_then(|()| fs::create_dir(&scratch)).map_err(failed())?;
    let made = unpack(&root, &scratch).and_then(|notes| {
        let finish = || -> io::Result<()> {
            remove(&scratch)?;
            let notes = Notes { inventory: inventory(&root)?, ..notes };
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

/// Removes a root by way of another name, so that half of one never has its own.
fn discard(complete: &Path, partial: &Path) -> io::Result<()> {
    if complete != partial && complete.symlink_metadata().is_ok() {
        remove(partial)?;
        fs::rename(complete, partial)?;
    }
    remove(partial)
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Directories of an archive need not be writable.
            open_up(directory)?;
            fs::remove_dir_all(directory)
        }
        done => done,
    }
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

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

    /// What is damaged, and how.
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

    /// A store, and the number of times that something was unpacked into it.
    struct Store(tempfile::TempDir, Cell<u32>);

    impl Store {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap(), Cell::new(0))
        }

        fn root(&self, name: &str) -> Result<Kept, KeepError> {
            root(self.0.path(), name, |root, _| {
                self.1.set(self.1.get() + 1);
                let made =
                    fs::create_dir_all(root.join("a/b")).and_then(|()| fs::write(root.join("a/b/file"), "x"));
                made.map_err(KeepError::at(root, "written"))?;
                Ok(Notes::default())
            })
        }

        fn path(&self, name: &str) -> PathBuf {
            directory(self.0.path()).join(name)
        }
    }

    #[test]
    fn a_root_that_is_damaged_is_made_again() {
        let store = Store::new();
        for _ in 0..2 {
            assert!(store.root("tar-1").unwrap().path.join("a/b/file").is_file());
        }
        assert_eq!(store.1.get(), 1, "one that is not is unpacked once");
        let rewritten = |root: &Path| {
            let file = root.join("root/a/b/file");
            let time = fs::metadata(&file).unwrap().modified().unwrap();
            fs::write(&file, "y").unwrap();
            File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        };
        let damages: [Damage<'_>; 7] = [
            ("a file of other content, as long and as old", &rewritten),
            ("a file that is gone", &|root| fs::remove_file(root.join("root/a/b/file")).unwrap()),
            ("a file that was cut", &|root| fs::write(root.join("root/a/b/file"), "").unwrap()),
            ("a file too many", &|root| fs::write(root.join("root/a/more"), "").unwrap()),
            ("a tree that is gone", &|root| fs::remove_dir_all(root.join("root")).unwrap()),
            ("notes that were cut", &|root| fs::write(root.join(NOTES), "{").unwrap()),
            ("notes that are gone", &|root| fs::remove_file(root.join(NOTES)).unwrap()),
        ];
        for (number, (what, damage)) in (2..).zip(damages) {
            damage(&store.path("tar-1"));
            let kept = store.root("tar-1").unwrap();
            assert_eq!(fs::read_to_string(kept.path.join("a/b/file")).unwrap(), "x", "{what}");
            assert_eq!(store.1.get(), number, "{what}");
        }
    }

    #[test]
    fn a_damaged_root_is_left_to_who_uses_it() {
        let store = Store::new();
        let kept = store.root("tar-1").unwrap();
        fs::remove_file(kept.path.join("a/b/file")).unwrap();
        let error = store.root("tar-1").unwrap_err().to_string();
        assert!(error.ends_with("cannot be made again, since it is damaged and in use"), "{error}");
        assert!(kept.path.join("a/b").is_dir());
        drop(kept);
        assert!(store.root("tar-1").unwrap().path.join("a/b/file").is_file());
    }

    #[test]
    fn roots_that_nobody_used_for_long_are_removed_a_few_at_a_time() {
        let store = Store::new();
        let age = |name: &str, age: Duration| {
            let lock = File::options().write(true).open(store.path(&format!("{name}.{LOCK}"))).unwrap();
            lock.set_modified(SystemTime::now() - age).unwrap();
        };
        let in_use = store.root("in-use").unwrap();
        for name in ["new", "old-1", "old-2", "old-3"] {
            store.root(name).unwrap();
        }
        fs::set_permissions(store.path("old-1/root/a"), Permissions::from_mode(0o555)).unwrap();
        fs::create_dir(store.path("killed.partial")).unwrap();
        File::create(store.path(&format!("killed.{LOCK}"))).unwrap();
        for name in ["in-use", "old-1", "old-2", "old-3"] {
            age(name, UNUSED + Duration::from_mins(1));
        }
        age("new", UNUSED / 2);
        let left = || {
            let names = directory(store.0.path()).read_dir().unwrap().flatten();
            let names = names.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
            names.map(|name| name.into_string().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        store.root("other").unwrap();
        assert_eq!(left().len(), 7 - MOST_REMOVED, "{:?}", left());
        store.root("other").unwrap();
        let expected = ["in-use", "new", "other"].map(str::to_owned);
        assert_eq!(left(), expected.into());
        drop(in_use);
        store.root("other").unwrap();
        assert!(!left().contains("in-use"));
        // What is not ours stays, however old.
        fs::create_dir_all(store.path("theirs/root")).unwrap();
        File::create(store.path(&format!("theirs.{LOCK}"))).unwrap();
        age("theirs", UNUSED * 2);
        store.root("other").unwrap();
        assert!(left().contains("theirs"));
        // What is used again is made again.
        assert!(store.root("old-1").unwrap().path.join("a/b/file").is_file());
    }
}
