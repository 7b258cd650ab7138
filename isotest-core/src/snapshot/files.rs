//! Reads the files of `/proc/PID`.

use super::omissions::Omissions;
use procfs::process;
use procfs::{FromRead, ProcResult};
use std::borrow::Cow;
use std::io::Read;

/// Number of bytes that are looked at of the arguments and of the environment of a process: either may be megabytes.
pub(super) const MAX_STRINGS: usize = 64 << 10;

/// Reads a file of `/proc/PID`, where names and paths need not be UTF-8.
pub(super) fn read<T: FromRead>(process: &process::Process, file: &str) -> ProcResult<T> {
    process.read::<_, Bytes>(file)?.parsed()
}

/// Reads a file of `/proc/PID`, without what comes after the last `end` if it has more than `most` bytes, which is
/// noted.
pub(super) fn beginning(
    process: &process::Process,
    file: &'static str,
    (most, end): (usize, u8),
    omissions: &mut Omissions,
) -> Option<Bytes> {
    let read = || -> ProcResult<Vec<u8>> {
        let mut bytes = Vec::new();
        process.open_relative(file)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut bytes = omissions.seen(file, read())?;
    if bytes.len() > most {
        omissions.note(file, format!("only its first {} KiB are looked at", most >> 10));
        bytes.truncate(most);
        let whole = bytes.iter().rposition(|byte| *byte == end);
        bytes.truncate(whole.map_or(0, |last| last + 1));
    }
    Some(Bytes(bytes))
}

/// Bytes of a file as they are.
#[derive(Debug)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the bytes as strings that each end in a NUL.
    pub(super) fn strings(&self) -> Vec<String> {
        let bytes = self.0.strip_suffix(&[0]).unwrap_or(&self.0);
        let strings = bytes.split(|byte| *byte == 0);
        if bytes.is_empty() {
            return Vec::new();
        }
        strings.map(|string| String::from_utf8_lossy(string).into_owned()).collect()
    }

    /// Returns the bytes as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Parses the bytes.
    pub(super) fn parsed<T: FromRead>(&self) -> ProcResult<T> {
        T::from_read(self.text().as_bytes())
    }

    /// Returns the bytes as lines, without the blanks around each.
    pub(super) fn lines(&self) -> Vec<String> {
        self.text().lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl FromRead for Bytes {
    fn from_read<R: Read>(mut reader: R) -> ProcResult<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok(Self(bytes))
    }
}
