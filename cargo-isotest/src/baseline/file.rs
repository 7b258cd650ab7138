//! File of a baseline: JSON, a list of peaks for each test.

use super::error::BaselineError;
use super::key::Key;
use nix::libc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Number of the format that is written.
const SCHEMA: u32 = 1;
/// Maximum number of peaks kept of a test, the latest ones.
pub(crate) const MAX_VALUES: usize = 10;

/// Maximum size of a file that is read, in bytes: that of more than a million tests.
const MAX_BYTES: u64 = 256 << 20;
/// Maximum number of symbolic links that are followed, as by the kernel.
const MAX_LINKS: usize = 40;
/// Time limit for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Memory peaks of tests, and the conditions under which they were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    schema: u32,
    /// Conditions of the measurement.
    pub(crate) key: Key,
    /// Peaks in bytes, the latest last, by the id of the test binary and the name of the test.
    tests: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
}

/// Number of the format of a file, read without the rest.
#[derive(Deserialize)]
struct Format {
    schema: u32,
}

impl Baseline {
    /// Creates a baseline without peaks.
    pub(crate) const fn new(key: Key) -> Self {
        Self { schema: SCHEMA, key, tests: BTreeMap::new() }
    }

    /// Reads a baseline; `None` if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a baseline.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, BaselineError> {
        let text = match contents(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| BaselineError::File { path: path.to_owned(), source })?,
        };
        let content = |source| BaselineError::Content { path: path.to_owned(), source };
        // The version is read first: another version of the file may differ in everything else.
        let Format { schema } = serde_json::from_slice(&text).map_err(content)?;
        if schema > SCHEMA {
            return Err(BaselineError::Later { path: path.to_owned() });
        }
        serde_json::from_slice(&text).map(Some).map_err(content)
    }

    /// Replaces the content of a file, if there is one, by the result of `change`. A lock excludes other processes
    /// meanwhile, so that no addition is lost. A symbolic link stays, and the file to which it leads is replaced.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a baseline; the old content stays then.
    pub(crate) fn update(
        path: &Path,
        change: impl FnOnce(Option<Self>) -> Self,
    ) -> Result<(), BaselineError> {
        let failed = |source| BaselineError::File { path: path.to_owned(), source };
        let target = led_to(path).map_err(failed)?;
        let directory = directory_of(&target);
        fs::create_dir_all(directory).map_err(failed)?;
        let lock = File::open(directory).map_err(failed)?;
        let until = Instant::now() + PATIENCE;
        while let Err(error) = lock.try_lock() {
            match error {
                TryLockError::WouldBlock if Instant::now() < until => sleep(Duration::from_millis(10)),
                TryLockError::WouldBlock => return Err(BaselineError::Locked { path: path.to_owned() }),
                TryLockError::Error(source) => return Err(failed(source)),
            }
        }
        change(Self::read(path)?).write(path, &target)
    }

    fn write(&self, path: &Path, target: &Path) -> Result<(), BaselineError> {
        let written = || -> io::Result<()> {
            let directory = directory_of(target);
            let mut new = tempfile::Builder::new()
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
                .tempfile_in(directory)?;
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            // Written through the open descriptor, as another process may have put a file of its own at the name.
            new.write_all(&text)?;
            new.persist(target).map(drop).map_err(|error| error.error)
        };
        written().map_err(|source| BaselineError::File { path: path.to_owned(), source })
    }

    /// Adds a peak of a test, and drops the oldest ones above the maximum.
    pub(crate) fn add(&mut self, binary_id: &str, name: &str, peak: u64) {
        let tests = self.tests.entry(binary_id.to_owned()).or_default();
        let values = tests.entry(name.to_owned()).or_default();
        values.push(peak);
        values.drain(..values.len().saturating_sub(MAX_VALUES));
    }

    /// Returns the peaks of a test, the latest last.
    pub(crate) fn values(&self, binary_id: &str, name: &str) -> &[u64] {
        let values = self.tests.get(binary_id).and_then(|tests| tests.get(name));
        values.map_or(&[], Vec::as_slice)
    }
}

/// Returns the path to which symbolic links lead, whether a file exists there or not.
fn led_to(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = directory_of(&path).join(target),
            // The path is not a link, or does not exist.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// Returns the directory of a file.
fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or_else(|| Path::new("."))
}

/// Reads a regular file of at most [`MAX_BYTES`], without blocking at a FIFO or a device.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_the_oldest_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/main.json");
        assert_eq!(Baseline::read(&path).unwrap(), None);
        let key: Key = [("kernel", "6.1".to_owned())].into_iter().collect();
        Baseline::update(&path, |known| {
            assert_eq!(known, None);
            let mut baseline = Baseline::new(key.clone());
            (0..12).for_each(|peak| baseline.add("tour::it", "a", peak));
            baseline
        })
        .unwrap();
        let read = Baseline::read(&path).unwrap().unwrap();
        assert_eq!((read.values("tour::it", "a"), &read.key), (&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11][..], &key));
        assert!(read.values("tour::it", "b").is_empty() && read.values("tour", "a").is_empty());
        Baseline::update(&path, |known| known.unwrap()).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), Some(read));
    }

    fn add(path: &Path, test: &str) {
        let changed = Baseline::update(path, |known| {
            let mut baseline = known.unwrap_or_else(|| Baseline::new(Key::default()));
            baseline.add("tour", test, 1);
            baseline
        });
        changed.unwrap();
    }

    #[test]
    fn threads_that_add_at_the_same_time_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("main.json");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = &path;
                scope.spawn(move || (0..10).for_each(|number| add(path, &format!("{thread} {number}"))));
            }
        });
        let baseline = Baseline::read(&path).unwrap().unwrap();
        assert_eq!(baseline.tests["tour"].len(), 40);
    }

    #[test]
    fn a_symbolic_link_stays_and_its_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link, far] = ["there/main.json", "link", "far"].map(|name| directory.path().join(name));
        std::os::unix::fs::symlink("there/main.json", &link).unwrap();
        std::os::unix::fs::symlink("link", &far).unwrap();
        for (path, test) in [(&far, "a"), (&link, "b")] {
            add(path, test);
            assert!(fs::symlink_metadata(path).unwrap().is_symlink());
        }
        assert_eq!(Baseline::read(&file).unwrap().unwrap().tests["tour"].len(), 2);
        fs::remove_file(&far).unwrap();
        std::os::unix::fs::symlink("far", &far).unwrap();
        let error = Baseline::update(&far, Option::unwrap).unwrap_err();
        assert!(matches!(error, BaselineError::File { .. }), "{error}");
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        for (text, expected) in [
            ("{", "is no baseline"),
            ("{\"schema\":1}", "is no baseline"),
            ("{\"schema\":2,\"key\":{},\"tests\":{}}", "later version"),
            ("{\"schema\":2,\"peaks\":[]}", "later version"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Baseline::read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Baseline::read(directory.path()).is_err());
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [fifo.as_path(), Path::new("/dev/zero"), place.path()] {
            assert!(matches!(Baseline::read(path), Err(BaselineError::File { .. })), "{}", path.display());
        }
    }

    #[test]
    fn mutated_baselines_are_read_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("main.json");
        let mut baseline = Baseline::new([("kernel", "6.1".to_owned())].into_iter().collect());
        baseline.add("tour::it", "a", 1 << 20);
        baseline.write(&path, &path).unwrap();
        let seed = fs::read(&path).unwrap();
        mutations::try_all("baseline", &[seed], |bytes| {
            fs::write(&path, bytes).unwrap();
            let _ = Baseline::read(&path).map_err(|error| error.to_string());
        });
    }
}
