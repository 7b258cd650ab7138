//! Files of one attempt's directory, as the kernel writes them.

use super::parse;
use crate::units::Bytes;
use crate::usage::{Reading, Source};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::Read;

/// Number of bytes in which the kernel gives a file whole in one read. Only files with a line for each device
/// may be longer.
const FILE_BYTES: usize = 16 << 10;

/// Directories of one attempt in one hierarchy.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptFiles<'a> {
    /// Outer directory, where limits are set and figures are read.
    pub(super) outer: &'a File,
    /// Inner directory, where the workload lives; `None` if that is the outer one.
    pub(super) inner: Option<&'a File>,
    /// Number of processors that the machine has.
    pub(super) processors: u64,
}

impl AttemptFiles<'_> {
    pub(super) fn text(self, file: &str) -> Option<String> {
        text_of(self.outer, file)
    }

    /// Reads the text of a file that tells only of the processes of the very directory.
    pub(super) fn innermost_text(self, file: &str) -> Option<String> {
        text_of(self.inner.unwrap_or(self.outer), file)
    }

    pub(super) fn value(self, file: &str) -> Option<u64> {
        self.text(file)?.trim().parse().ok()
    }

    /// Reads the number in a file that is named for its source.
    pub(super) fn number(self, source: Source) -> Option<Reading<u64>> {
        Some(Reading { value: self.value(source.as_str())?, source })
    }

    /// Reads the size in a file that is named for its source.
    pub(super) fn size(self, source: Source) -> Option<Reading<Bytes>> {
        self.number(source).map(|reading| reading.map(Bytes::new))
    }

    /// Computes the greatest number of page faults, of which `stat` counts those under `key`. Every processor tells
    /// of 64 changes at a time, and the kernel adds up what they counted when it was told of more than 64 for each of
    /// them (`memcg_rstat_updated` in mm/memcontrol.c).
    pub(super) fn faults_most(self, stat: &str, key: &str) -> Option<u64> {
        const BEHIND: u64 = 64 + 64;
        Some(parse::keyed(stat, key)? + BEHIND * self.processors)
    }
}

/// Reads a file with as few system calls as it takes: this is done ten times an attempt.
pub(super) fn text_of(directory: &File, file: &str) -> Option<String> {
    let file = openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut file = File::from(file);
    let mut text = vec![0; FILE_BYTES];
    let length = file.read(&mut text).ok()?;
    if length == FILE_BYTES {
        file.read_to_end(&mut text).ok()?;
    } else {
        text.truncate(length);
    }
    String::from_utf8(text).ok()
}
