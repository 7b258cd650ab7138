//! File of a baseline: JSON, a list of peaks for each test.

use super::error::BaselineError;
use super::key::Key;
use nix::libc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Number of the format that is written.
const SCHEMA: u32 = 1;
/// Number of peaks that are kept of a test, the latest.
pub(crate) const MAX_VALUES: usize = 10;

/// Size of a file that is read at most, in bytes: that of more than a million tests.
const MAX_BYTES: u64 = 256 << 20;

/// Memory peaks of tests, and the conditions under which they were measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    schema: u32,
    /// The conditions.
    pub(crate) key: Key,
    /// Peaks in bytes, the latest last, by the id of the test binary and the name of the test.
    tests: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
}

/// Format of a file, whatever else is in it.
#[derive(Deserialize)]
struct Format {
    schema: u32,
}

impl Baseline {
    /// Creates one without peaks.
    pub(crate) const fn new(key: Key) -> Self {
        Self { schema: SCHEMA, key, tests: BTreeMap::new() }
    }

    /// Reads a file. `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is no baseline.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, BaselineError> {
        let text = match contents(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| BaselineError::File { path: path.to_owned(), source })?,
        };
        let content = |source| BaselineError::Content { path: path.to_owned(), source };
        // A later format need have nothing else in common with this one.
        let Format { schema } = serde_json::from_slice(&text).map_err(content)?;
        if schema > SCHEMA {
            return Err(BaselineError::Later { path: path.to_owned() });
        }
        serde_json::from_slice(&text).map(Some).map_err(content)
    }

    /// Writes a file, or replaces it whole.
    ///
    /// # Errors
    /// When it cannot be written; what was there stays then.
    pub(crate) fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let written = || -> io::Result<()> {
            let directory = path.parent().filter(|parent| *parent != Path::new(""));
            let directory = directory.unwrap_or_else(|| Path::new("."));
            fs::create_dir_all(directory)?;
            let mut new = tempfile::Builder::new()
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
                .tempfile_in(directory)?;
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            // By name it could be somebody else's file by now.
            new.write_all(&text)?;
            new.persist(path).map(drop).map_err(|error| error.error)
        };
        written().map_err(|source| BaselineError::File { path: path.to_owned(), source })
    }

    /// Adds a peak of a test, and drops the oldest of too many.
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

/// Reads a regular file of a size that a baseline can have. Neither a FIFO nor a device holds anybody up.
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
        let mut baseline = Baseline::new(key.clone());
        for peak in 0..12 {
            baseline.add("tour::it", "a", peak);
        }
        baseline.write(&path).unwrap();
        let read = Baseline::read(&path).unwrap().unwrap();
        assert_eq!((read.values("tour::it", "a"), &read.key), (&[2, 3, 4, 5, 6, 7, 8, 9, 10, 11][..], &key));
        assert!(read.values("tour::it", "b").is_empty() && read.values("tour", "a").is_empty());
        read.write(&path).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), Some(read));
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
        baseline.write(&path).unwrap();
        let seed = fs::read(&path).unwrap();
        mutations::try_all("baseline", &[seed], |bytes| {
            fs::write(&path, bytes).unwrap();
            let _ = Baseline::read(&path).map_err(|error| error.to_string());
        });
    }
}
