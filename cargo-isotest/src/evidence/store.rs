//! The evidence of a run on its way into the target directory.

use super::beneath::Beneath;
use super::error::EvidenceError;
use super::manifest::{Before, Evidence, Kept};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Where it is in the target directory.
const PLACE: &str = "isotest/evidence";
/// What all tests of a run may leave together, in bytes.
const LARGEST_RUN: u64 = 2 << 30;

/// The evidence of all tests of a project.
#[derive(Debug)]
pub(crate) struct Store {
    /// Path of the directory.
    pub(crate) path: PathBuf,
    workspace: PathBuf,
    tree: Beneath,
    target: Beneath,
    /// What was there when it was opened.
    earlier: HashSet<OsString>,
    room: AtomicU64,
}

impl Store {
    /// Opens that of a project, which need not have a directory yet.
    ///
    /// # Errors
    /// When workspace or target directory cannot be opened.
    pub(crate) fn open(workspace: &Path, target: &Path) -> Result<Self, EvidenceError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| EvidenceError::Directory { path, source }
        };
        let workspace = fs::canonicalize(workspace).map_err(failed(workspace))?;
        let tree = Beneath::open(&workspace).map_err(failed(&workspace))?;
        let path = target.join(PLACE);
        let target = Beneath::open(target).map_err(failed(target))?;
        let names = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            _ => target.directory(Path::new(PLACE)).and_then(|all| all.names()).map_err(failed(&path))?,
        };
        let earlier = names.into_iter().collect();
        Ok(Self { path, workspace, tree, target, earlier, room: AtomicU64::new(LARGEST_RUN) })
    }

    /// Returns the evidence of all tests, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Evidence> {
        let Ok(all) = self.directory() else { return Vec::new() };
        let names = self.earlier.iter().filter_map(|name| name.to_str()?.strip_suffix(".json"));
        let mut evidence: Vec<_> = names.filter_map(|name| Evidence::read(&all, name)).collect();
        evidence.sort_by(|one, other| (&one.binary_id, &one.name).cmp(&(&other.binary_id, &other.name)));
        evidence
    }

    /// Returns the path of a file of a test.
    pub(crate) fn path_of(&self, evidence: &Evidence, kept: &Kept) -> PathBuf {
        self.path.join(evidence.directory()).join(&kept.path)
    }

    /// Opens a file of a test.
    pub(super) fn file(&self, evidence: &Evidence, kept: &Kept) -> io::Result<File> {
        let path = Path::new(&evidence.directory()).join(&kept.path);
        self.directory()?.file(&path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the workspace.
    pub(super) const fn tree(&self) -> &Beneath {
        &self.tree
    }

    fn directory(&self) -> io::Result<Beneath> {
        self.target.directory(Path::new(PLACE))
    }

    /// Takes so many bytes from what is left for the run.
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let left = |room: u64| room.checked_sub(bytes);
        match self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("the tests of a run may leave 2 GiB of evidence together")),
        }
    }
}

/// Keeps the evidence of one test.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Arc<Store>,
    known: Evidence,
}

impl Keeper {
    /// Creates that of a test.
    pub(crate) fn new(store: &Arc<Store>, binary_id: &str, name: &str) -> Self {
        Self { store: Arc::clone(store), known: Evidence::new(binary_id, name) }
    }

    /// Returns who takes the evidence of an attempt that starts now. With the first attempt of a run, what earlier runs left ends.
    pub(crate) fn taker(self, is_first: bool) -> Taker {
        let Self { store, known } = self;
        Taker { store, directory: known.directory(), is_first, since: SystemTime::now(), known, taken: false }
    }
}

/// Takes the evidence of one attempt.
#[derive(Debug)]
pub(crate) struct Taker {
    store: Arc<Store>,
    directory: String,
    is_first: bool,
    /// When the attempt started.
    since: SystemTime,
    known: Evidence,
    taken: bool,
}

impl Taker {
    /// Copies a file that the test saw at this path.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub(crate) fn take(&mut self, path: &Path, file: File) -> io::Result<()> {
        let below = path.strip_prefix(&self.store.workspace).map_err(io::Error::other)?;
        let name = below.to_str().ok_or_else(|| io::Error::other("its name is no text"))?;
        let bytes = file.metadata()?.len();
        self.store.reserve(bytes)?;
        let all = self.store.directory()?;
        if !self.taken {
            self.begin(&all)?;
        }
        let to = Path::new(&self.directory).join(below);
        all.put(&to, file.take(bytes))?;
        self.taken = true;
        self.known.add(Kept { path: name.to_owned(), bytes, before: self.before(below) });
        Ok(())
    }

    /// Removes what an earlier run left, or goes on with what an earlier attempt did.
    fn begin(&mut self, all: &Beneath) -> io::Result<()> {
        if self.is_first {
            return Evidence::remove(all, &self.directory);
        }
        if let Some(earlier) = Evidence::read(all, &self.directory) {
            self.known = earlier;
        }
        Ok(())
    }

    fn before(&self, path: &Path) -> Before {
        let changed = fs::symlink_metadata(self.store.workspace.join(path)).and_then(|meta| meta.modified());
        match changed {
            Ok(changed) if self.since <= changed => Before::Unknown,
            Ok(_) | Err(_) => Before::look(&self.store.tree, path),
        }
    }

    fn end(&self) -> io::Result<()> {
        if self.taken {
            return self.known.write(&self.store.directory()?);
        }
        let has_earlier = self.store.earlier.contains(&OsString::from(&self.directory));
        if self.is_first && has_earlier {
            Evidence::remove(&self.store.directory()?, &self.directory)
        } else {
            Ok(())
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        // What has no manifest is not offered, and replaced by the next run.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;
    use std::time::Duration;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Lets an attempt leave a file; `None` for one that leaves nothing.
    fn attempt(place: &Path, is_first: bool, file: Option<(&str, &str)>) {
        let store = Arc::new(Store::open(place, &place.join("target")).unwrap());
        let mut taker = Keeper::new(&store, "tour", "t").taker(is_first);
        if let Some((path, text)) = file {
            let left = tempfile::NamedTempFile::new().unwrap();
            fs::write(left.path(), text).unwrap();
            let path = store.workspace.join(path);
            taker.take(&path, File::open(left.path()).unwrap()).unwrap();
        }
    }

    fn kept(place: &Path) -> Vec<String> {
        let store = Store::open(place, &place.join("target")).unwrap();
        let all = store.all();
        let read = |evidence: &Evidence, kept: &Kept| {
            format!("{} {}", kept.path, fs::read_to_string(store.path_of(evidence, kept)).unwrap())
        };
        all.iter().flat_map(|evidence| evidence.files.iter().map(|kept| read(evidence, kept))).collect()
    }

    #[test]
    fn evidence_lasts_until_the_test_runs_again() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        attempt(place, true, Some(("tests/a.snap.new", "one")));
        assert_eq!(kept(place), ["tests/a.snap.new one"]);
        attempt(place, false, Some(("tests/b.snap.new", "two")));
        attempt(place, false, Some(("tests/b.snap.new", "three")));
        attempt(place, false, None);
        assert_eq!(kept(place), ["tests/a.snap.new one", "tests/b.snap.new three"]);
        attempt(place, true, Some(("tests/c.snap.new", "four")));
        assert_eq!(kept(place), ["tests/c.snap.new four"]);
        attempt(place, true, None);
        assert_eq!(
            (kept(place).len(), fs::read_dir(place.join("target").join(PLACE)).unwrap().count()),
            (0, 0)
        );
    }

    #[test]
    fn what_the_workspace_had_is_noted_unless_it_was_changed_meanwhile() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        write(&place.join("a.snap.new"), "old");
        sleep(Duration::from_millis(20));
        let store = Arc::new(Store::open(place, &place.join("target")).unwrap());
        let taker = Keeper::new(&store, "tour", "t").taker(true);
        assert!(matches!(taker.before(Path::new("a.snap.new")), Before::File(_)));
        assert_eq!(taker.before(Path::new("b.snap.new")), Before::Nothing);
        sleep(Duration::from_millis(20));
        write(&place.join("a.snap.new"), "new");
        assert_eq!(taker.before(Path::new("a.snap.new")), Before::Unknown);
    }

    #[test]
    fn a_link_in_the_target_directory_leads_evidence_nowhere() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let place = place.path();
        fs::create_dir_all(place.join("target/isotest")).unwrap();
        std::os::unix::fs::symlink(outside.path(), place.join("target").join(PLACE)).unwrap();
        assert!(Store::open(place, &place.join("target")).is_err());
        fs::remove_file(place.join("target").join(PLACE)).unwrap();
        let store = Arc::new(Store::open(place, &place.join("target")).unwrap());
        let mut taker = Keeper::new(&store, "tour", "t").taker(true);
        fs::create_dir(place.join("target").join(PLACE)).unwrap();
        let link = place.join("target").join(PLACE).join(&taker.directory);
        taker.taken = true;
        std::os::unix::fs::symlink(outside.path(), link).unwrap();
        let path = store.workspace.join("a.snap.new");
        assert!(taker.take(&path, File::open("/proc/self/exe").unwrap()).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
