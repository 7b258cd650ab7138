//! Files that tests are about to read, read ahead: the first to touch a file pays for its page cache, which should be
//! nobody's test.

use crate::build::Build;
use crate::root::library_path;
use isotest_core::closure::{Closure, Files};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most files of the workspace that are read ahead, and the most bytes; the same for libraries.
const FILES_MOST: usize = 10_000;
const BYTES_MOST: u64 = 64 << 20;

/// Reads ahead the test binaries and the programs they start, the libraries of both, and the workspace's own files but
/// for the target directory.
pub(crate) fn page_cache(build: &Build) {
    let mut ahead = Ahead::default();
    let tests = build.binaries.iter().map(|binary| (&binary.path, library_path(binary)));
    // Tests pass their environment on.
    let inherited = build.binaries.first().and_then(|binary| library_path(binary));
    let programs = build.programs.iter().map(|program| (program, inherited));
    let programs: Vec<_> = tests.chain(programs).collect();
    for file in programs.iter().filter_map(|(path, _)| File::open(path).ok()) {
        ahead.read(&file);
    }
    libraries(&programs, &mut ahead);
    workspace(&build.directories.workspace, &build.directories.target, &mut ahead);
}

fn libraries(programs: &[(&PathBuf, Option<&OsStr>)], ahead: &mut Ahead) {
    let (files, mut left) = (Files::of_host(), Left::default());
    for (program, library_path) in programs {
        let Ok(closure) = Closure::of(program, *library_path, &files) else { continue };
        for library in closure.objects.iter().skip(1) {
            if !ahead.read_within(&library.real, &mut left) {
                return;
            }
        }
    }
}

fn workspace(workspace: &Path, target: &Path, ahead: &mut Ahead) {
    let mut left = Left::default();
    let mut directories: Vec<PathBuf> = vec![workspace.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && entry.path() != target && entry.file_name() != ".git" {
                directories.push(entry.path());
            } else if kind.is_file() && !ahead.read_within(&entry.path(), &mut left) {
                return;
            }
        }
    }
}

/// What may still be read ahead.
struct Left {
    files: usize,
    bytes: u64,
}

impl Default for Left {
    fn default() -> Self {
        Self { files: FILES_MOST, bytes: BYTES_MOST }
    }
}

impl Left {
    /// Takes a file's share; false if that much is no longer left.
    fn take(&mut self, meta: &Metadata) -> bool {
        let (Some(files), Some(bytes)) = (self.files.checked_sub(1), self.bytes.checked_sub(meta.len()))
        else {
            return false;
        };
        (self.files, self.bytes) = (files, bytes);
        true
    }
}

/// The files that have been read ahead, by device and inode.
#[derive(Default)]
struct Ahead(HashSet<(u64, u64)>);

impl Ahead {
    /// Reads a file ahead unless too little is left for it; false if so. One that cannot be read ahead is one that
    /// costs its first reader a little more.
    fn read_within(&mut self, path: &Path, left: &mut Left) -> bool {
        let Ok(file) = File::open(path) else { return true };
        let Ok(meta) = file.metadata() else { return true };
        if self.0.contains(&(meta.dev(), meta.ino())) {
            return true;
        }
        let is_room = left.take(&meta);
        if is_room {
            self.read(&file);
        }
        is_room
    }

    fn read(&mut self, file: &File) {
        if let Ok(meta) = file.metadata()
            && self.0.insert((meta.dev(), meta.ino()))
        {
            let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
        }
    }
}
