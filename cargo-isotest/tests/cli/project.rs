//! The projects tests are run of, and where they are built.

use nix::unistd::Uid;
use std::fs;
use std::path::{Path, PathBuf};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/projects");
const BUILT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/projects");

/// A package and its target directory.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// What it is built into.
    pub(crate) target: PathBuf,
}

impl Project {
    /// The project as it lies in the repository, built where all tests find it built. Each user builds it, since what
    /// belongs to another user cannot be changed in a copy-on-write directory.
    pub(crate) fn fixture(name: &str) -> Self {
        let directory = Path::new(FIXTURES).join(name).canonicalize().unwrap();
        Self { directory, target: Path::new(&format!("{BUILT}-{}", Uid::effective())).join(name) }
    }

    /// A copy below `place`, with a target directory of its own in it.
    pub(crate) fn copied(name: &str, place: &Path) -> Self {
        let directory = place.join(name);
        copy(&Path::new(FIXTURES).join(name), &directory);
        Self { target: directory.join("target"), directory }
    }

    /// A package made of these files.
    pub(crate) fn written(place: &Path, files: &[(&str, &str)]) -> Self {
        for (path, text) in files {
            let path = place.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { directory: place.to_owned(), target: place.join("target") }
    }

    /// Its manifest.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.directory.join("Cargo.toml")
    }

    /// The built test binary whose name begins like this.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        let is_it = |path: &PathBuf| {
            let stem = path.file_name().unwrap().to_string_lossy();
            path.extension().is_none() && stem.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
        };
        let entries = fs::read_dir(self.target.join("debug/deps")).unwrap();
        entries.map(|entry| entry.unwrap().path()).find(is_it).expect("the binary is built")
    }

    /// Every file below its directory but what was built, and its size.
    pub(crate) fn files(&self) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        list(&self.directory, &self.target, &mut files);
        files.sort();
        files
    }
}

fn list(directory: &Path, but: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path == but || path.ends_with("target") {
            continue;
        }
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            list(&path, but, files);
        }
        files.push((path, if meta.is_dir() { 0 } else { meta.len() }));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_name() == "target" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
