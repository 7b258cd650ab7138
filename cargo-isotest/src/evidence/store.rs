//! Stores the evidence of a run in the target directory.

use super::beneath::Beneath;
use super::error::EvidenceError;
use super::manifest::{Before, Evidence, Kept};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Path of the evidence in the target directory.
const PLACE: &str = "isotest/evidence";
/// Maximum size of the evidence of all tests of a run, in bytes.
const LARGEST_RUN: u64 = 2 << 30;

/// Evidence of all tests of a project.
#[derive(Debug)]
pub(crate) struct Store {
    /// Path of the directory of the evidence.
    pub(crate) path: PathBuf,
    workspace: PathBuf,
    tree: Beneath,
    target: Beneath,
    /// Names of the entries that existed when the store was opened.
    earlier: HashSet<OsString>,
    room: AtomicU64,
    /// Evidence of each test in this run, by the name of its directory.
    left: Mutex<HashMap<String, Arc<Mutex<Left>>>>,
}

/// Evidence of the attempts of a run at one test so far. Several attempts may be running at once.
#[derive(Debug)]
struct Left {
    /// Whether the evidence of earlier runs was removed.
    is_of_this_run: bool,
    known: Evidence,
}

impl Store {
    /// Opens the store of a project, which need not have a directory yet.
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
        Ok(Self {
            path,
            workspace,
            tree,
            target,
            earlier,
            room: AtomicU64::new(LARGEST_RUN),
            left: Mutex::default(),
        })
    }

    /// Returns the evidence of all tests, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Evidence> {
        let Ok(all) = self.directory() else { return Vec::new() };
        let names = self.earlier.iter().filter_map(|name| name.to_str()?.strip_suffix(".json"));
        let mut evidence: Vec<_> = names.filter_map(|name| Evidence::read(&all, name)).collect();
        evidence.sort_by(|one, other| (&one.binary_id, &one.name).cmp(&(&other.binary_id, &other.name)));
        evidence
    }

    /// Returns the path of a file of a test's evidence.
    pub(crate) fn path_of(&self, evidence: &Evidence, kept: &Kept) -> PathBuf {
        self.path.join(evidence.directory()).join(&kept.path)
    }

    /// Opens a file of a test's evidence.
    pub(super) fn file(&self, evidence: &Evidence, kept: &Kept) -> io::Result<File> {
        let path = Path::new(&evidence.directory()).join(&kept.path);
        self.directory()?.file(&path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns the directory of the workspace.
    pub(super) const fn tree(&self) -> &Beneath {
        &self.tree
    }

    fn directory(&self) -> io::Result<Beneath> {
        self.target.directory(Path::new(PLACE))
    }

    /// Returns the evidence of a test in this run.
    fn left(&self, known: Evidence) -> Arc<Mutex<Left>> {
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.entry(known.directory());
        Arc::clone(left.or_insert_with(|| Arc::new(Mutex::new(Left { is_of_this_run: false, known }))))
    }

    /// Forgets a test of which nothing is kept, unless another attempt at it is running: of most tests there is nothing.
    fn forget(&self, directory: &str, left: &Arc<Mutex<Left>>) {
        const KNOWN_HERE_AND_TO_THE_CALLER: usize = 2;
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(left) == KNOWN_HERE_AND_TO_THE_CALLER {
            all.remove(directory);
        }
    }

    /// Takes the bytes from the remaining space of the run.
    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let left = |room: u64| room.checked_sub(bytes);
        match self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("the tests of a run may leave 2 GiB of evidence together")),
        }
    }
}

/// Keeper of the evidence of one test.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Arc<Store>,
    known: Evidence,
}

impl Keeper {
    /// Creates a keeper for a test.
    pub(crate) fn new(store: &Arc<Store>, binary_id: &str, name: &str) -> Self {
        Self { store: Arc::clone(store), known: Evidence::new(binary_id, name) }
    }

    /// Returns the taker of the evidence of an attempt that starts now. The first attempt of a run that ends or
    /// leaves something removes the evidence of earlier runs.
    pub(crate) fn taker(self) -> Taker {
        let Self { store, known } = self;
        Taker { directory: known.directory(), left: store.left(known), store, since: SystemTime::now() }
    }
}

/// Taker of the evidence of one attempt.
#[derive(Debug)]
pub(crate) struct Taker {
    store: Arc<Store>,
    directory: String,
    left: Arc<Mutex<Left>>,
    /// Time when the attempt started.
    since: SystemTime,
}

impl Taker {
    /// Copies a file that the test saw at this path into the store, and adds it to the manifest.
    ///
    /// # Errors
    /// When the file cannot be copied or added: files outside the manifest are never offered.
    pub(crate) fn take(&mut self, path: &Path, file: File) -> io::Result<()> {
        let below = path.strip_prefix(&self.store.workspace).map_err(io::Error::other)?;
        let name = below.to_str().ok_or_else(|| io::Error::other("its name is no text"))?;
        let bytes = file.metadata()?.len();
        self.store.reserve(bytes)?;
        let all = self.store.directory()?;
        let left = &mut *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if !left.is_of_this_run {
            Evidence::remove(&all, &self.directory)?;
            left.is_of_this_run = true;
        }
        all.put(&Path::new(&self.directory).join(below), file.take(bytes))?;
        left.known.add(Kept { path: name.to_owned(), bytes, before: self.before(below) });
        left.known.write(&all)
    }

    fn before(&self, path: &Path) -> Before {
        let changed = fs::symlink_metadata(self.store.workspace.join(path)).and_then(|meta| meta.modified());
        match changed {
            Ok(changed) if self.since <= changed => Before::Unknown,
            Ok(_) | Err(_) => Before::look(&self.store.tree, path),
        }
    }

    /// Removes the evidence of an earlier run, if no attempt of this one has done so.
    fn end(&self) -> io::Result<()> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_earlier = self.store.earlier.contains(&OsString::from(&self.directory));
        if !left.is_of_this_run && is_of_earlier {
            Evidence::remove(&self.store.directory()?, &self.directory)?;
        }
        left.is_of_this_run = true;
        let is_kept = is_of_earlier || !left.known.files.is_empty();
        drop(left);
        if !is_kept {
            self.store.forget(&self.directory, &self.left);
        }
        Ok(())
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        // If removal fails, the evidence stays listed as that of an earlier run, and the next run removes it.
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

    fn store(place: &Path) -> Arc<Store> {
        Arc::new(Store::open(place, &place.join("target")).unwrap())
    }

    /// Takes a file that an attempt leaves.
    fn take(taker: &mut Taker, path: &str, text: &str) -> io::Result<()> {
        let left = tempfile::NamedTempFile::new().unwrap();
        fs::write(left.path(), text).unwrap();
        let path = taker.store.workspace.join(path);
        taker.take(&path, File::open(left.path()).unwrap())
    }

    /// Lets an attempt of a run leave a file; `None` for one that leaves nothing.
    fn attempt(store: &Arc<Store>, file: Option<(&str, &str)>) {
        let mut taker = Keeper::new(store, "tour", "t").taker();
        if let Some((path, text)) = file {
            take(&mut taker, path, text).unwrap();
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
    fn nothing_is_remembered_of_tests_that_leave_nothing() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        let run = store(place);
        let remembered = || run.left.lock().unwrap().len();
        let (first, second) =
            (Keeper::new(&run, "tour", "t").taker(), Keeper::new(&run, "tour", "t").taker());
        drop(first);
        assert_eq!(remembered(), 1, "another attempt is running");
        drop(second);
        assert_eq!(remembered(), 0);
        attempt(&run, Some(("tests/a.snap.new", "one")));
        attempt(&run, None);
        assert_eq!((remembered(), kept(place).len()), (1, 1), "control");
    }

    #[test]
    fn evidence_lasts_until_the_test_runs_again() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        attempt(&store(place), Some(("tests/a.snap.new", "zero")));
        let run = store(place);
        attempt(&run, Some(("tests/a.snap.new", "one")));
        assert_eq!(kept(place), ["tests/a.snap.new one"]);
        attempt(&run, Some(("tests/b.snap.new", "two")));
        attempt(&run, Some(("tests/b.snap.new", "three")));
        attempt(&run, None);
        assert_eq!(kept(place), ["tests/a.snap.new one", "tests/b.snap.new three"]);
        attempt(&store(place), Some(("tests/c.snap.new", "four")));
        assert_eq!(kept(place), ["tests/c.snap.new four"]);
        attempt(&store(place), None);
        assert_eq!(
            (kept(place).len(), fs::read_dir(place.join("target").join(PLACE)).unwrap().count()),
            (0, 0)
        );
    }

    #[test]
    fn attempts_at_once_share_a_directory_and_none_takes_from_another() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        attempt(&store(place), Some(("0.snap.new", "of an earlier run")));
        let run = store(place);
        let mut takers: Vec<_> = (0..3).map(|_| Keeper::new(&run, "tour", "t").taker()).collect();
        for (number, taker) in takers.iter_mut().enumerate().rev() {
            take(taker, &format!("{}.snap.new", number + 1), "left").unwrap();
        }
        drop(takers);
        assert_eq!(kept(place), ["1.snap.new left", "2.snap.new left", "3.snap.new left"]);
    }

    #[test]
    fn what_cannot_be_noted_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        let mut taker = Keeper::new(&store(place), "tour", "t").taker();
        take(&mut taker, "a.snap.new", "one").unwrap();
        let manifest = place.join("target").join(PLACE).join(format!("{}.json", taker.directory));
        fs::remove_file(&manifest).unwrap();
        fs::create_dir(&manifest).unwrap();
        assert!(take(&mut taker, "b.snap.new", "two").is_err());
    }

    #[test]
    fn what_the_workspace_had_is_noted_unless_it_was_changed_meanwhile() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::create_dir(place.join("target")).unwrap();
        write(&place.join("a.snap.new"), "old");
        sleep(Duration::from_millis(20));
        let store = Arc::new(Store::open(place, &place.join("target")).unwrap());
        let taker = Keeper::new(&store, "tour", "t").taker();
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
        let mut taker = Keeper::new(&store, "tour", "t").taker();
        fs::create_dir(place.join("target").join(PLACE)).unwrap();
        let link = place.join("target").join(PLACE).join(&taker.directory);
        taker.left.lock().unwrap().is_of_this_run = true;
        std::os::unix::fs::symlink(outside.path(), link).unwrap();
        let path = store.workspace.join("a.snap.new");
        assert!(taker.take(&path, File::open("/proc/self/exe").unwrap()).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
