//! Root file systems of a run, and the check that test binaries can be executed in them.

mod error;
mod image;
mod kept;
mod packed;
mod unpack;

pub(crate) use error::RootError;
pub(crate) use image::Image;

use crate::cargo::build::{Build, Directories};
use crate::cli::{RootKind, RootPath, RootWord};
use crate::invocation::Invocation;
use crate::settings::{SandboxSettings, Settings, TestSettings};
use crate::testcase::TestBinary;
use error::SourceError;
use image::Opened;
use isotest_core::closure::{Closure, Files, Kind, Lack};
use isotest_core::host::probe;
use isotest_core::plan::{Minimal, Root, Tree};
use kept::{Kept, Notes};
pub(crate) use packed::{content, digest};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub(crate) use unpack::{Limits, UnpackError, Unpacking, Whiteouts};

/// Root with the copy-on-write directories of the host in it.
#[derive(Debug)]
pub(crate) struct Rooted {
    /// Root file system.
    pub(crate) root: Root,
    /// Copy-on-write directories.
    pub(crate) directories: Vec<PathBuf>,
    /// Directories of the build, which nothing may cover.
    pub(crate) built: Vec<PathBuf>,
    /// Home directory, if it does not exist.
    pub(crate) missing_home: Option<PathBuf>,
}

/// Roots of a run.
#[derive(Debug)]
pub(crate) struct Roots {
    /// Roots: one for all binaries, or one for each binary.
    pub(crate) each: Vec<Rooted>,
    /// Binaries, in the order of the roots.
    pub(crate) binaries: Vec<Arc<TestBinary>>,
    /// Configuration of the container image of the roots.
    pub(crate) image: Image,
    /// Remarks for the report.
    pub(crate) remarks: Vec<String>,
}

/// Returns the roots for tests.
///
/// # Errors
/// When a root is unusable, or a binary cannot be executed in it.
pub(crate) fn of_tests(
    settings: &Settings,
    build: &Build,
    invocation: &Invocation,
) -> Result<Roots, RootError> {
    let sandbox = &settings.sandbox;
    let roots = match &sandbox.root.value {
        RootWord::Host => Roots::of_one(of_host(&build.directories, invocation)),
        RootWord::Minimal => return minimal(sandbox, &build.binaries, invocation),
        RootWord::At(at) => of_path(at, &build.directories, invocation)?,
    };
    roots.each.iter().try_for_each(|rooted| check(rooted, &settings.test, &build.binaries))?;
    Ok(Roots { binaries: build.binaries.clone(), ..roots })
}

/// Returns the root for a command.
///
/// # Errors
/// When the root is unusable.
pub(crate) fn of_command(
    sandbox: &SandboxSettings,
    directories: &Directories,
    program: &Path,
    invocation: &Invocation,
) -> Result<Roots, RootError> {
    match &sandbox.root.value {
        RootWord::Host => Ok(Roots::of_one(of_host(directories, invocation))),
        RootWord::Minimal => minimal(sandbox, &[Arc::new(command(program, invocation))], invocation),
        RootWord::At(at) => of_path(at, directories, invocation),
    }
}

/// Creates a test binary that stands for a command.
fn command(program: &Path, invocation: &Invocation) -> TestBinary {
    let path = invocation.variable("PATH").unwrap_or_default();
    let is_bare_name = !program.as_os_str().as_bytes().contains(&b'/');
    let mut candidates = std::env::split_paths(path).map(|directory| directory.join(program));
    let found = candidates.find(|path| is_bare_name && path.is_file());
    TestBinary {
        id: program.display().to_string(),
        path: found.unwrap_or_else(|| invocation.absolute(program)),
        directory: invocation.directory.clone(),
        environment: invocation.environment.clone(),
        ..TestBinary::default()
    }
}

impl Roots {
    /// Creates roots with one root for all binaries.
    fn of_one(rooted: Rooted) -> Self {
        Self { each: vec![rooted], binaries: Vec::new(), image: Image::default(), remarks: Vec::new() }
    }
}

/// Opens or unpacks the root file system at a path.
fn of_path(at: &RootPath, directories: &Directories, invocation: &Invocation) -> Result<Roots, RootError> {
    let unusable = |error: SourceError| RootError::Unusable { path: at.path.clone(), source: error.into() };
    let store = store(directories, invocation);
    let kept = unpacked(at, &store).map_err(|error| match error.refusal().map(io::Error::kind) {
        Some(why) => {
            let into = kept::directory(&store);
            RootError::NoPlace { path: at.path.clone(), into, why, source: error.into() }
        }
        None => unusable(error),
    })?;
    let rooted = tree(&kept, directories, invocation).map_err(|error| unusable(error.into()))?;
    Ok(Roots { image: kept.notes.image.clone(), remarks: remarks(&kept), ..Roots::of_one(rooted) })
}

/// Returns the parent of the root store: the target directory, or without a project the user's cache directory.
fn store(directories: &Directories, invocation: &Invocation) -> PathBuf {
    let cache = path(invocation, "XDG_CACHE_HOME")
        .or_else(|| path(invocation, "HOME").map(|home| home.join(".cache")));
    let is_no_project = directories.target == directories.workspace;
    cache.filter(|_| is_no_project).unwrap_or_else(|| directories.target.clone())
}

/// Returns the directory of the root, unpacked if necessary.
fn unpacked(RootPath { kind, path }: &RootPath, target: &Path) -> Result<Kept, SourceError> {
    let digest = || -> io::Result<String> { digest(File::open(path)?) };
    match kind {
        RootKind::Directory => Ok(Kept { path: path.clone(), notes: Notes::default() }),
        RootKind::Tar => kept::root(target, &format!("tar-{}", digest()?), |root, _| {
            let nodes = unpack(path, root)?;
            Ok(Notes { nodes, image: Image::default() })
        }),
        RootKind::Oci if path.is_dir() => {
            let opened = Opened::open(path)?;
            kept::root(target, &format!("oci-{}", opened.digest), |root, _| {
                let nodes = opened.unpack(root)?;
                Ok(Notes { nodes, image: opened.image.clone() })
            })
        }
        RootKind::Oci => kept::root(target, &format!("oci-{}", digest()?), |root, scratch| {
            unpack(path, scratch)?;
            let opened = Opened::open(scratch)?;
            let nodes = opened.unpack(root)?;
            Ok(Notes { nodes, image: opened.image })
        }),
    }
}

/// Unpacks one archive, and returns the number of skipped device nodes.
fn unpack(archive: &Path, into: &Path) -> Result<u64, SourceError> {
    let mut unpacking = Unpacking::new(into, Limits::default())?;
    unpacking.archive(content(File::open(archive)?)?, Whiteouts::None)?;
    Ok(unpacking.finish()?)
}

/// Returns the host's root, the default.
pub(crate) fn of_host(directories: &Directories, invocation: &Invocation) -> Rooted {
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(|name| path(invocation, name));
    Rooted {
        root: Root::Host,
        directories: project(directories).chain(homes).collect(),
        built: built(directories),
        missing_home: path(invocation, "HOME").filter(|home| !home.exists()),
    }
}

fn tree(kept: &Kept, directories: &Directories, invocation: &Invocation) -> io::Result<Rooted> {
    let directory = kept.path.canonicalize()?;
    let entries = probe::tree(&directory)?;
    let is_there = |home: &PathBuf| home.strip_prefix("/").is_ok_and(|home| directory.join(home).is_dir());
    Ok(Rooted {
        missing_home: path(invocation, "HOME").filter(|home| !is_there(home)),
        root: Root::Tree(Tree { path: directory, entries, copy_on_write: true }),
        directories: project(directories).collect(),
        built: built(directories),
    })
}

fn remarks(Kept { path, notes: Notes { image, nodes } }: &Kept) -> Vec<String> {
    let mut remarks = vec![format!("the root file system is `{}`, not the host's", path.display())];
    if *nodes > 0 {
        remarks.push(format!("{nodes} device nodes and named pipes of the archive were skipped"));
    }
    let names: Vec<_> = image.environment.iter().map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        remarks.push(format!(
            "the image sets {names}; except for `PATH`, variables that tests already have take precedence"
        ));
    }
    let user = image.user.iter().map(|user| format!("user `{user}`"));
    let directory = image.directory.iter().map(|directory| format!("directory `{directory}`"));
    let unused: Vec<_> = user.chain(directory).collect();
    if !unused.is_empty() {
        remarks.push(format!("the image's {} is not used: tests keep their own", unused.join(" and ")));
    }
    remarks
}

/// Adds the image's variables to the environment of a test. `PATH` is that of the image.
pub(crate) fn complete(environment: &mut Vec<(OsString, OsString)>, image: &Image) {
    for (name, value) in &image.environment {
        match environment.iter_mut().find(|(other, _)| other == name.as_str()) {
            Some((_, own)) if name == "PATH" => *own = value.into(),
            Some(_) => {}
            None => environment.push((name.into(), value.into())),
        }
    }
}

fn minimal(
    sandbox: &SandboxSettings,
    binaries: &[Arc<TestBinary>],
    invocation: &Invocation,
) -> Result<Roots, RootError> {
    let files = Files::of_host();
    let (mut roots, mut lacking) = (Vec::new(), Vec::new());
    for binary in binaries {
        let closure = closure(binary, &files)?;
        let lacks = closure.lacks(Kind::native());
        if !lacks.is_empty() {
            lacking.push((binary.id.clone(), lacks));
        }
        let real = closure.objects.iter().map(|object| (object.real.clone(), object.path.clone()));
        let configuration = closure.configuration.iter().map(|path| (path.clone(), path.clone()));
        let shown = if sandbox.hide_package.value { None } else { Some(binary.directory.clone()) };
        roots.push(Rooted {
            root: Root::Minimal(Minimal {
                files: real.chain(configuration).collect(),
                directories: vec![binary.directory.clone()],
            }),
            directories: shown.into_iter().collect(),
            built: Vec::new(),
            missing_home: path(invocation, "HOME"),
        });
    }
    if !lacking.is_empty() {
        return Err(RootError::CannotRun(lacking));
    }
    let remark = "of the host, only the program, its libraries and bound paths are visible";
    let (binaries, image) = (binaries.to_vec(), Image::default());
    Ok(Roots { each: roots, binaries, image, remarks: vec![remark.into()] })
}

/// Checks that all binaries can be executed in a root. Binaries with a runner may be for another architecture.
fn check(rooted: &Rooted, test: &TestSettings, binaries: &[Arc<TestBinary>]) -> Result<(), RootError> {
    let Root::Tree(Tree { path: root, .. }) = &rooted.root else { return Ok(()) };
    let binds = test.binds.iter().map(|bind| bind.value.path.clone());
    let binds = binds.chain(test.keeps.iter().map(|keep| keep.value.clone()));
    let shared = rooted.directories.iter().cloned().chain(binds).collect();
    let files = Files::of_tree(root, shared)
        .map_err(|error| RootError::Unusable { path: root.clone(), source: error.into() })?;
    let mut lacking = Vec::new();
    for binary in binaries.iter().filter(|binary| binary.runner.is_empty()) {
        let lacks: Vec<Lack> = closure(binary, &files)?.lacks(Kind::native());
        if !lacks.is_empty() {
            lacking.push((binary.id.clone(), lacks));
        }
    }
    if lacking.is_empty() { Ok(()) } else { Err(RootError::CannotRun(lacking)) }
}

fn closure(binary: &TestBinary, files: &Files) -> Result<Closure, RootError> {
    files
        .closure(&binary.path, binary.library_path())
        .map_err(|source| RootError::Closure { program: binary.path.clone(), source })
}

fn project(directories: &Directories) -> impl Iterator<Item = PathBuf> {
    let project = [&directories.workspace, &directories.target, &directories.build];
    project.into_iter().chain(&directories.packages).chain(&directories.dependencies).cloned()
}

/// Returns the target directory and the build directory; nothing without a project.
fn built(directories: &Directories) -> Vec<PathBuf> {
    let built = [&directories.target, &directories.build];
    built.into_iter().filter(|built| **built != directories.workspace).cloned().collect()
}

fn path(invocation: &Invocation, variable: &str) -> Option<PathBuf> {
    invocation.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
