//! Database of the history. It is read as a whole and replaced as a whole, under a lock on its directory that is held for no
//! longer, so that runs at the same time lose nothing of each other and a failure changes nothing.

use super::error::HistoryError;
use super::past::{Past, TestResult};
use super::place::Place;
use redb::backends::InMemoryBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Results of each test, by the id of its binary and its name.
const TESTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("tests");
/// Numbers that hold for the whole database.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Key of the format's number.
const FORMAT_KEY: &str = "format";
/// Number of the format that is written.
const FORMAT: u64 = 1;
/// Maximum number of results kept of a test.
const MAX_RESULTS: usize = 20;
/// Maximum number of tests kept.
const MAX_TESTS: usize = 50_000;
/// Maximum age of the last result of a test that is kept, in seconds.
const MAX_AGE: u64 = 90 * 24 * 60 * 60;
/// Time limit for another process's lock.
const PATIENCE: Duration = Duration::from_secs(2);
/// Memory limit of the database's page cache, in bytes.
const CACHE_BYTES: usize = 16 << 20;

/// History of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Store {
    directory: PathBuf,
    file: PathBuf,
}

/// Mode of the lock on the history.
#[derive(Clone, Copy)]
enum Lock {
    Shared,
    Exclusive,
}

impl Store {
    /// Creates the store at a place, without accessing the file system.
    pub(crate) fn new(place: Place) -> Self {
        let file = place.directory.join("history.redb");
        Self { directory: place.directory, file }
    }

    /// Reads all results.
    ///
    /// # Errors
    /// When the results cannot be read. The database stays as it is then.
    pub(crate) fn read(&self) -> Result<Past, HistoryError> {
        let _lock = match self.lock(Lock::Shared) {
            Err(HistoryError::Files { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Past::default());
            }
            locked => locked?,
        };
        match self.bytes() {
            Ok(bytes) if bytes.is_empty() => Ok(Past::default()),
            Ok(bytes) => self.past(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Past::default()),
            Err(source) => Err(self.files(source)),
        }
    }

    /// Reads the file, but not a pipe in its place, which would block.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        if fs::metadata(&self.file)?.is_file() {
            fs::read(&self.file)
        } else {
            Err(io::Error::other("it is no file"))
        }
    }

    /// Adds a result of each of these tests, and drops results that are too many or too old.
    ///
    /// # Errors
    /// When the results cannot be added. The database stays as it is then.
    pub(crate) fn add(&self, results: &[(String, String, TestResult)]) -> Result<(), HistoryError> {
        fs::create_dir_all(&self.directory).map_err(|source| self.files(source))?;
        let _lock = self.lock(Lock::Exclusive)?;
        let bytes = match self.bytes() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|source| self.files(source))?,
        };
        let bytes = changed(&bytes, results).map_err(|error| self.database(error))?;
        // The write is not synced to the disk: a power failure loses no more than one run.
        let new = self.directory.join("history.redb.new");
        let replaced = fs::write(&new, bytes).and_then(|()| fs::rename(&new, &self.file));
        if replaced.is_err() {
            let _ = fs::remove_file(&new);
        }
        replaced.map_err(|source| self.files(source))
    }

    /// Moves an unusable database out of the way, and returns its new path. A database that was moved before is lost.
    ///
    /// # Errors
    /// When the database cannot be moved.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, HistoryError> {
        let _lock = self.lock(Lock::Exclusive)?;
        let aside = self.directory.join("history.redb.set-aside");
        // The rename does not replace something of another type, such as a directory, that was set aside earlier.
        let _ = fs::remove_file(&aside);
        fs::rename(&self.file, &aside).map_err(|source| self.files(source))?;
        Ok(aside)
    }

    /// Waits for the lock on the history's directory. The lock is released when the returned file is dropped.
    fn lock(&self, lock: Lock) -> Result<File, HistoryError> {
        let directory = File::open(&self.directory).map_err(|source| self.files(source))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let locked = match lock {
                Lock::Shared => directory.try_lock_shared(),
                Lock::Exclusive => directory.try_lock(),
            };
            match locked {
                Ok(()) => return Ok(directory),
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(Duration::from_millis(10)),
                Err(TryLockError::WouldBlock) => {
                    return Err(HistoryError::Locked { path: self.directory.clone() });
                }
                Err(TryLockError::Error(source)) => return Err(self.files(source)),
            }
        }
    }

    /// Reads the results from a copy of the database, so that neither reading nor redb's check changes the file.
    fn past(&self, bytes: &[u8]) -> Result<Past, HistoryError> {
        let database =
            Bytes::new(bytes).and_then(|bytes| bytes.open()).map_err(|error| self.database(error))?;
        if format(&database).map_err(|error| self.database(error))? > FORMAT {
            return Err(HistoryError::Later { path: self.file.clone() });
        }
        read(&database).map_err(|error| self.database(error))
    }

    fn files(&self, source: io::Error) -> HistoryError {
        HistoryError::Files { path: self.file.clone(), source }
    }

    fn database(&self, source: redb::Error) -> HistoryError {
        HistoryError::Database { path: self.file.clone(), source: Box::new(source) }
    }
}

/// Returns a builder that opens a database only if its pages are undamaged: with others redb may panic.
fn checked() -> Builder {
    let mut builder = Builder::new();
    builder.set_check_integrity_on_open(true).set_cache_size(CACHE_BYTES);
    builder
}

/// Bytes of a database, which outlive the database object.
#[derive(Debug, Clone)]
struct Bytes(Arc<InMemoryBackend>);

impl Bytes {
    fn new(bytes: &[u8]) -> Result<Self, redb::Error> {
        let backend = InMemoryBackend::new();
        backend.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        backend.write(0, bytes)?;
        Ok(Self(Arc::new(backend)))
    }

    fn open(&self) -> Result<Database, redb::Error> {
        Ok(checked().create_with_backend(self.clone())?)
    }

    fn copied(&self) -> Result<Vec<u8>, redb::Error> {
        let length = usize::try_from(self.0.len()?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        self.0.read(0, &mut bytes)?;
        Ok(bytes)
    }
}

impl StorageBackend for Bytes {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Returns the database with further results.
fn changed(bytes: &[u8], results: &[(String, String, TestResult)]) -> Result<Vec<u8>, redb::Error> {
    let bytes = Bytes::new(bytes)?;
    let database = bytes.open()?;
    write(&database, results)?;
    drop(database);
    bytes.copied()
}

fn format(database: &Database) -> Result<u64, redb::Error> {
    let numbers = database.begin_read()?.open_table(NUMBERS)?;
    let format = numbers.get(FORMAT_KEY)?;
    format.map(|format| format.value()).ok_or_else(|| redb::Error::Corrupted("it has no format".to_owned()))
}

fn read(database: &Database) -> Result<Past, redb::Error> {
    let mut past = Past::default();
    for entry in database.begin_read()?.open_table(TESTS)?.iter()? {
        let (key, value) = entry?;
        let (binary_id, name) = key.value();
        past.insert(binary_id, name, decoded(value.value())?);
    }
    Ok(past)
}

fn write(database: &Database, results: &[(String, String, TestResult)]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let before =
            transaction.open_table(NUMBERS)?.insert(FORMAT_KEY, FORMAT)?.map(|format| format.value());
        if before.is_some_and(|format| format > FORMAT) {
            return Err(redb::Error::Corrupted("a later version of cargo-isotest has changed it".to_owned()));
        }
        let mut tests = transaction.open_table(TESTS)?;
        for (binary_id, name, result) in results {
            let key = (binary_id.as_str(), name.as_str());
            let known = tests.get(key)?.map(|value| decoded(value.value())).transpose()?;
            let mut all = known.unwrap_or_default();
            all.push(result.clone());
            all.drain(..all.len().saturating_sub(MAX_RESULTS));
            tests.insert(key, encoded(&all)?.as_slice())?;
        }
        let now = results.iter().map(|(.., result)| result.at).max().unwrap_or_default();
        for (binary_id, name) in outdated(&tests, now)? {
            tests.remove((binary_id.as_str(), name.as_str()))?;
        }
    }
    Ok(transaction.commit()?)
}

/// Returns the tests without a recent result, and the oldest ones above the maximum.
fn outdated(
    tests: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    now: u64,
) -> Result<Vec<(String, String)>, redb::Error> {
    let mut ages = Vec::new();
    for entry in tests.iter()? {
        let (key, value) = entry?;
        let last = decoded(value.value())?.last().map_or(0, |result| result.at);
        let (binary_id, name) = key.value();
        ages.push((now.saturating_sub(last), binary_id.to_owned(), name.to_owned()));
    }
    ages.sort_unstable();
    let old = ages.iter().position(|(age, ..)| MAX_AGE < *age).unwrap_or(ages.len());
    Ok(ages.drain(old.min(MAX_TESTS)..).map(|(_, binary_id, name)| (binary_id, name)).collect())
}

fn decoded(bytes: &[u8]) -> Result<Vec<TestResult>, redb::Error> {
    postcard::from_bytes(bytes).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

fn encoded(results: &[TestResult]) -> Result<Vec<u8>, redb::Error> {
    postcard::to_stdvec(results).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    fn result(at: u64, wall_us: u64) -> TestResult {
        TestResult {
            at,
            verdict: "passed".to_owned(),
            passes: true,
            wall_us: Some(wall_us),
            cpu_us: None,
            memory_peak: Some(1 << 20),
        }
    }

    fn store(place: &Path) -> Store {
        let place = Place::of_workspace(Path::new("/w/tour"), Some(place), None).unwrap();
        Store::new(place)
    }

    fn add(store: &Store, name: &str, result: TestResult) {
        store.add(&[("tour".to_owned(), name.to_owned(), result)]).unwrap();
    }

    #[test]
    fn what_was_added_is_read_and_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        assert_eq!(store.read().unwrap(), Past::default());
        assert!(!store.directory.exists(), "reading leaves nothing behind");
        add(&store, "old", result(0, 1));
        for number in 0..25 {
            add(&store, "new", result(number, number));
        }
        let past = store.read().unwrap();
        let walls: Vec<_> = past.results("tour", "new").iter().map(|result| result.wall_us).collect();
        assert_eq!(walls, (5..25).map(Some).collect::<Vec<_>>(), "the last 20");
        assert_eq!(past.last("tour", "old"), Some(&result(0, 1)));
        add(&store, "new", result(MAX_AGE + 1, 7));
        assert_eq!(store.read().unwrap().last("tour", "old"), None);
        assert_eq!(store.read().unwrap().last("tour", "new").unwrap().wall_us, Some(7));
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let mut sizes = Vec::new();
        for run in 0..60 {
            let results: Vec<_> =
                (0..300).map(|test| ("tour".to_owned(), format!("test_{test}"), result(run, test))).collect();
            store.add(&results).unwrap();
            sizes.push(fs::metadata(&store.file).unwrap().len());
        }
        assert!(sizes[59] <= sizes[30], "{sizes:?}");
    }

    #[test]
    fn threads_that_add_at_the_same_time_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..5 {
                        add(store, &format!("test_{thread}_{number}"), result(thread, number));
                        add(store, "shared", result(thread, number));
                    }
                });
            }
        });
        let past = store.read().unwrap();
        assert_eq!(past.results("tour", "shared").len(), 20);
        let all = (0..4).flat_map(|thread| (0..5).map(move |number| format!("test_{thread}_{number}")));
        assert!(all.clone().count() == 20 && all.into_iter().all(|name| past.last("tour", &name).is_some()));
    }

    #[test]
    fn a_lock_is_waited_for_but_not_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        add(&store, "a", result(0, 1));
        let lock = store.lock(Lock::Exclusive).unwrap();
        assert!(matches!(store.read(), Err(HistoryError::Locked { .. })));
        drop(lock);
        assert!(store.read().is_ok());
    }

    #[test]
    fn a_database_of_a_later_version_is_known_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        add(&store, "a", result(0, 1));
        let database = checked().create(&store.file).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(NUMBERS).unwrap().insert(FORMAT_KEY, FORMAT + 1).unwrap();
        transaction.commit().unwrap();
        drop(database);
        assert!(matches!(store.read(), Err(HistoryError::Later { .. })), "{:?}", store.read());
        assert!(store.add(&[("tour".to_owned(), "a".to_owned(), result(0, 2))]).is_err());
        assert!(matches!(store.read(), Err(HistoryError::Later { .. })), "it is not touched");
        let aside = store.set_aside().unwrap();
        assert!(aside.exists());
        assert_eq!(store.read().unwrap(), Past::default());
        add(&store, "a", result(0, 1));
    }

    /// Damages the database at many places: the file is read as it was or refused.
    #[test]
    fn a_damaged_database_is_refused_or_read_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        let results: Vec<_> =
            (0..200).map(|test| ("tour".to_owned(), format!("test_{test}"), result(1, test))).collect();
        store.add(&results).unwrap();
        let (whole, past) = (fs::read(&store.file).unwrap(), store.read().unwrap());
        let mut random = fastrand::Rng::with_seed(1);
        let mut refused = 0;
        for _ in 0..100 {
            fs::write(&store.file, &whole).unwrap();
            let file = File::options().write(true).open(&store.file).unwrap();
            let at = random.u64(..u64::try_from(whole.len()).unwrap());
            if random.u8(..8) == 0 {
                file.set_len(at).unwrap();
            } else {
                file.write_all_at(&[random.u8(..); 16], at).unwrap();
            }
            match store.read() {
                Ok(read) => assert!(read == past || at == 0, "{at}"),
                Err(_) => refused += 1,
            }
            let _ = store.add(&results[..1]);
        }
        assert!(refused > 10, "control: some damage counts: {refused}");
    }

    #[test]
    fn a_mutated_history_is_read_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path());
        for name in ["a", "b"] {
            add(&store, name, result(1, 2));
        }
        let whole = fs::read(&store.file).unwrap();
        // Damages the pages in use; the rest stays as it is.
        mutations::try_all("history", &[&whole[..whole.len().min(1 << 15)]], |bytes| {
            let bytes = [bytes, &whole[bytes.len().min(whole.len())..]].concat();
            fs::write(&store.file, bytes).unwrap();
            let _ = store.read().map_err(|error| error.to_string());
        });
    }
}
