//! What becomes `/`: the roots of a run, and whether the test binaries can be executed in them.

use crate::build::{Build, Directories};
use crate::caller::Caller;
use crate::cli::RootWord;
use crate::error::Error;
use crate::settings::SandboxSettings;
use crate::testcase::TestBinary;
use isotest_core::closure::{Closure, ElfError, Files, Kind, Lack};
use isotest_core::host::probe;
use isotest_core::plan::{Minimal, Root, Tree};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// A root, and what of the host is copy-on-write in it.
#[derive(Debug)]
pub(crate) struct Rooted {
    /// The root.
    pub(crate) root: Root,
    /// The directories.
    pub(crate) directories: Vec<PathBuf>,
    /// The home directory, if it is not there.
    pub(crate) missing_home: Option<PathBuf>,
}

/// One root for all binaries, or one for each of them, in their order.
///
/// # Errors
/// When it is none, or some binary cannot be executed in it.
pub(crate) fn of(sandbox: &SandboxSettings, build: &Build, caller: &Caller) -> Result<Vec<Rooted>, Error> {
    match &sandbox.root {
        RootWord::Host => Ok(vec![host(&build.directories, caller)]),
        RootWord::Minimal => minimal(sandbox, build, caller),
        RootWord::Directory(path) => {
            let rooted = tree(path, build, caller);
            let rooted = rooted.map_err(|error| Error::Root { path: path.clone(), source: error.into() })?;
            check(path, &rooted, sandbox, build)?;
            Ok(vec![rooted])
        }
    }
}

fn host(directories: &Directories, caller: &Caller) -> Rooted {
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(|name| path(caller, name));
    Rooted {
        root: Root::Host,
        directories: project(directories).chain(homes).collect(),
        missing_home: path(caller, "HOME").filter(|home| !home.exists()),
    }
}

fn tree(directory: &Path, build: &Build, caller: &Caller) -> io::Result<Rooted> {
    let directory = directory.canonicalize()?;
    let entries = probe::tree(&directory)?;
    let is_there = |home: &PathBuf| home.strip_prefix("/").is_ok_and(|home| directory.join(home).is_dir());
    Ok(Rooted {
        missing_home: path(caller, "HOME").filter(|home| !is_there(home)),
        root: Root::Tree(Tree { path: directory, entries, copy_on_write: true }),
        directories: project(&build.directories).collect(),
    })
}

fn minimal(sandbox: &SandboxSettings, build: &Build, caller: &Caller) -> Result<Vec<Rooted>, Error> {
    let files = Files::of_host();
    let (mut roots, mut lacking) = (Vec::new(), Vec::new());
    for binary in &build.binaries {
        let closure = closure(binary, &files)?;
        let lacks = closure.lacks(Kind::native());
        if !lacks.is_empty() {
            lacking.push((binary.id.clone(), lacks));
        }
        let real = closure.objects.iter().map(|object| (object.real.clone(), object.path.clone()));
        let configuration = closure.configuration.iter().map(|path| (path.clone(), path.clone()));
        let shown = if sandbox.hide_package { None } else { Some(binary.directory.clone()) };
        roots.push(Rooted {
            root: Root::Minimal(Minimal {
                files: real.chain(configuration).collect(),
                directories: vec![binary.directory.clone()],
            }),
            directories: shown.into_iter().collect(),
            missing_home: path(caller, "HOME"),
        });
    }
    if lacking.is_empty() { Ok(roots) } else { Err(Error::CannotRun(lacking)) }
}

/// A binary that a runner executes need not be one for this machine.
fn check(root: &Path, rooted: &Rooted, sandbox: &SandboxSettings, build: &Build) -> Result<(), Error> {
    let binds = sandbox.binds.iter().map(|bind| bind.path.clone()).chain(sandbox.keeps.iter().cloned());
    let shared = rooted.directories.iter().cloned().chain(binds).collect();
    let files = Files::of_tree(root, shared)
        .map_err(|error| Error::Root { path: root.to_owned(), source: error.into() })?;
    let mut lacking = Vec::new();
    for binary in build.binaries.iter().filter(|binary| binary.runner.is_empty()) {
        let lacks: Vec<Lack> = closure(binary, &files)?.lacks(Kind::native());
        if !lacks.is_empty() {
            lacking.push((binary.id.clone(), lacks));
        }
    }
    if lacking.is_empty() { Ok(()) } else { Err(Error::CannotRun(lacking)) }
}

fn closure(binary: &TestBinary, files: &Files) -> Result<Closure, Error> {
    let library_path = library_path(binary);
    Closure::of(&binary.path, library_path, files)
        .map_err(|source: ElfError| Error::Closure { program: binary.path.clone(), source })
}

/// Where the environment of a binary's tests says that libraries are.
pub(crate) fn library_path(binary: &TestBinary) -> Option<&OsStr> {
    let variable = binary.environment.iter().find(|(name, _)| name == "LD_LIBRARY_PATH");
    variable.map(|(_, value)| value.as_os_str())
}

fn project(directories: &Directories) -> impl Iterator<Item = PathBuf> {
    let project = [&directories.workspace, &directories.target, &directories.build];
    project.into_iter().chain(&directories.packages).cloned()
}

fn path(caller: &Caller, variable: &str) -> Option<PathBuf> {
    caller.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
