//! Files that tests are about to read, read ahead: the first to touch a file pays for its page cache, which should be
//! nobody's test.

use crate::testcase::TestBinary;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most files of the workspace that are read ahead, and the most bytes.
const FILES_MOST: usize = 10_000;
const BYTES_MOST: u64 = 64 << 20;

/// Reads ahead the test binaries and the workspace's own files, but for `target`.
pub(crate) fn page_cache(binaries: &[Arc<TestBinary>], workspace: &Path, target: &Path) {
    for binary in binaries {
        read_ahead(&binary.path);
    }
    let mut left = (FILES_MOST, BYTES_MOST);
    let mut directories: Vec<PathBuf> = vec![workspace.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && entry.path() != target && entry.file_name() != ".git" {
                directories.push(entry.path());
            } else if meta.is_file() {
                let (files, bytes) = left;
                let (Some(files), Some(bytes)) = (files.checked_sub(1), bytes.checked_sub(meta.len())) else {
                    return;
                };
                left = (files, bytes);
                read_ahead(&entry.path());
            }
        }
    }
}

/// A file that cannot be read ahead is one that costs its first reader a little more.
fn read_ahead(path: &Path) {
    if let Ok(file) = File::open(path) {
        let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
    }
}
