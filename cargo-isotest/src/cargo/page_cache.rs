//! Readahead of files that tests will read: the first process to read a file is charged for its page cache, and that should
//! not be a test.

use crate::cargo::build::Build;
use isotest_core::closure::Files;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Limits of the readahead of the workspace, and of libraries.
const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 64 << 20;
/// Limit of the readahead of executables, whose debug information is large and rarely read.
const MAX_PROGRAM_BYTES: u64 = 1 << 30;

/// Length of one readahead request. The kernel silently truncates requests to the larger of a device's `read_ahead_kb`,
/// by default 128, and `max_sectors_kb` (force_page_cache_ra() in Linux's mm/readahead.c).
const PIECE: i64 = 128 << 10;

/// Reads ahead test binaries and programs, their libraries, and the files of the workspace outside of the target
/// directory.
pub(crate) fn page_cache(build: &Build) {
    let mut ahead = Ahead::default();
    let tests = build.binaries.iter().map(|binary| (&binary.path, binary.library_path()));
    // Tests hand their environment on to the programs that they start.
    let inherited = build.binaries.first().and_then(|binary| binary.library_path());
    let programs = build.programs.iter().map(|program| (program, inherited));
    let programs: Vec<_> = tests.chain(programs).collect();
    let mut left = Left { files: MAX_FILES, bytes: MAX_PROGRAM_BYTES };
    for (program, _) in &programs {
        ahead.read(program, &mut left);
    }
    let left = Left { files: MAX_FILES, bytes: MAX_BYTES };
    libraries(&programs, &mut ahead, left);
    workspace(&build.directories.workspace, &build.directories.target, &mut ahead, left);
}

fn libraries(programs: &[(&PathBuf, Option<&OsStr>)], ahead: &mut Ahead, mut left: Left) {
    let files = Files::of_host();
    for (program, library_path) in programs {
        let Ok(closure) = files.closure(program, *library_path) else { continue };
        for library in closure.objects.iter().skip(1) {
            ahead.read(&library.real, &mut left);
        }
    }
}

fn workspace(workspace: &Path, target: &Path, ahead: &mut Ahead, mut left: Left) {
    let is_source = |entry: &DirEntry| entry.path() != target && entry.file_name() != ".git";
    for entry in WalkDir::new(workspace).into_iter().filter_entry(is_source).flatten() {
        if entry.file_type().is_file() {
            ahead.read(entry.path(), &mut left);
        }
        if left.files == 0 {
            return;
        }
    }
}

/// Remaining budget of a readahead.
#[derive(Debug, Clone, Copy)]
struct Left {
    files: usize,
    bytes: u64,
}

impl Left {
    /// Takes the budget for one file; returns false if too little is left. A smaller file may still fit.
    fn take(&mut self, size: u64) -> bool {
        let Some(files) = self.files.checked_sub(1) else { return false };
        self.files = files;
        let bytes = self.bytes.checked_sub(size);
        self.bytes = bytes.unwrap_or(self.bytes);
        bytes.is_some()
    }
}

/// Files already visited, by device and inode.
#[derive(Debug, Default)]
struct Ahead(HashSet<(u64, u64)>);

impl Ahead {
    /// Reads a file ahead if the budget allows. Failures are ignored: they only charge the first reader.
    fn read(&mut self, path: &Path, left: &mut Left) {
        let Ok(file) = File::open(path) else { return };
        let Ok(meta) = file.metadata() else { return };
        if !self.0.insert((meta.dev(), meta.ino())) || !left.take(meta.len()) {
            return;
        }
        let mut offset = 0;
        while u64::try_from(offset).is_ok_and(|offset| offset < meta.len()) {
            let _ = posix_fadvise(&file, offset, PIECE, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
            offset += PIECE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_is_too_large_leaves_room_for_smaller_ones() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let mut left = Left { files: 4, bytes: 250 };
        fs::write(path("large"), [1; 300]).unwrap();
        let taken = ["large", "a", "b", "c", "d"].map(|name| {
            if name != "large" {
                fs::write(path(name), [1; 100]).unwrap();
            }
            let before = left.bytes;
            Ahead::default().read(&path(name), &mut left);
            before - left.bytes
        });
        assert_eq!(taken, [0, 100, 100, 0, 0]);
        assert_eq!(left.files, 0);
    }
}
