//! Finds the files that belong into an archive: build outputs of the tests, and the files of their packages.

use super::error::ArchiveError;
use crate::cargo::build::{Build, Directories};
use crate::testcase::TestBinary;
use isotest_core::closure::Files;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use walkdir::{DirEntry, WalkDir};

/// Returns the files, symbolic links and empty directories that these test binaries need, absolute and in order.
///
/// # Errors
/// When a directory cannot be read.
pub(super) fn contents(
    build: &Build,
    binaries: &[Arc<TestBinary>],
) -> Result<BTreeSet<PathBuf>, ArchiveError> {
    let mut contents = BTreeSet::new();
    let mut add = |path: &Path| {
        if fs::symlink_metadata(path).is_ok() {
            contents.insert(path.to_owned());
        }
    };
    let files = Files::of_host();
    let variable = |binary: &TestBinary, name: &str| {
        let found = binary.environment.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| PathBuf::from(value))
    };
    for binary in binaries {
        add(&binary.path);
        for library in libraries(binary, &binary.path, &files) {
            add(&library);
        }
        for (name, value) in &binary.environment {
            if name.as_bytes().starts_with(b"CARGO_BIN_EXE_") {
                add(Path::new(value));
                for library in libraries(binary, Path::new(value), &files) {
                    add(&library);
                }
            }
        }
    }
    for program in &build.programs {
        add(program);
        for library in beside(program) {
            add(&library);
        }
    }
    let scripts: BTreeSet<PathBuf> =
        binaries.iter().filter_map(|binary| variable(binary, "OUT_DIR")).collect();
    for script in &scripts {
        walk(script, &[], &mut add)?;
    }
    // `CARGO_TARGET_TMPDIR`: the directory belongs to the build, files that tests have left in it do not.
    add(&build.directories.target.join("tmp"));
    sources(&build.directories, &mut add)?;
    Ok(contents)
}

/// Returns the libraries of an executable that the system does not have: those found by the library path, such as
/// libraries of the build and of the toolchain.
fn libraries(binary: &TestBinary, executable: &Path, files: &Files) -> Vec<PathBuf> {
    let path: Vec<PathBuf> = binary.library_path().map(std::env::split_paths).into_iter().flatten().collect();
    let Ok(closure) = files.closure(executable, binary.library_path()) else { return Vec::new() };
    let paths = closure.objects.iter().skip(1).flat_map(|object| [object.path.clone(), object.real.clone()]);
    paths.filter(|library| path.iter().any(|directory| library.starts_with(directory))).collect()
}

/// Returns the shared libraries beside a program, which tests may load by name.
fn beside(program: &Path) -> Vec<PathBuf> {
    let entries = program.parent().map(fs::read_dir).and_then(Result::ok).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension() == Some(OsStr::new("so"))).collect()
}

/// Adds the files of workspace and packages: those that git tracks or would add, or without git all but hidden
/// directories; never build outputs.
fn sources(directories: &Directories, add: &mut impl FnMut(&Path)) -> Result<(), ArchiveError> {
    let built = [directories.target.as_path(), directories.build.as_path()];
    let all =
        [&directories.workspace].into_iter().chain(&directories.packages).chain(&directories.dependencies);
    let mut roots: Vec<&Path> = Vec::new();
    for path in all {
        if !roots.iter().any(|root| path.starts_with(root)) {
            roots.push(path);
        }
    }
    for root in roots {
        match of_git(root) {
            Some(files) => {
                let files = files.iter().filter(|path| !built.iter().any(|built| path.starts_with(built)));
                files.for_each(|path| add(path));
            }
            None => walk(root, &built, add)?,
        }
    }
    Ok(())
}

/// Asks git for the files of a directory; `None` without git, or if the directory is not in a work tree.
fn of_git(directory: &Path) -> Option<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(directory);
    let asked = git.stdin(Stdio::null()).output().ok().filter(|asked| asked.status.success())?;
    let names = asked.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let files: Vec<_> = names.map(|name| directory.join(OsStr::from_bytes(name))).collect();
    // A directory that the work tree ignores has no files for git.
    (!files.is_empty()).then_some(files)
}

fn walk(directory: &Path, but: &[&Path], add: &mut impl FnMut(&Path)) -> Result<(), ArchiveError> {
    let is_wanted =
        |entry: &DirEntry| !(but.contains(&entry.path()) || entry.file_name() == ".git" && entry.depth() > 0);
    for entry in WalkDir::new(directory).into_iter().filter_entry(is_wanted) {
        let entry = entry.map_err(|error| ArchiveError::Content {
            path: error.path().unwrap_or(directory).to_owned(),
            source: error.into(),
        })?;
        if !entry.file_type().is_dir()
            || entry.path().read_dir().is_ok_and(|mut inside| inside.next().is_none())
        {
            add(entry.path());
        }
    }
    Ok(())
}
