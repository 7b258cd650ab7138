//! What becomes `/`: the roots of a run, and whether the test binaries can be executed in them.

mod image;
mod kept;
mod metered;
mod packed;
mod unpack;

pub(crate) use image::Image;

use crate::build::{Build, Directories};
use crate::caller::Caller;
use crate::cli::RootWord;
use crate::error::Error;
use crate::settings::SandboxSettings;
use crate::testcase::TestBinary;
use image::{ImageError, Opened};
use isotest_core::closure::{Closure, ElfError, Files, Kind, Lack};
use isotest_core::host::probe;
use isotest_core::plan::{Minimal, Root, Tree};
use kept::{Kept, Notes};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use unpack::{Limits, UnpackError, Unpacking, Whiteouts};

/// A root, and what of the host is copy-on-write in it.
#[derive(Debug)]
pub(crate) struct Rooted {
    /// The root.
    pub(crate) root: Root,
    /// The directories.
    pub(crate) directories: Vec<PathBuf>,
    /// The home directory, if it is not there.
    pub(crate) missing_home: Option<PathBuf>,
    /// What the image it was made from says.
    pub(crate) image: Image,
    /// What a reader of the report should know about it.
    pub(crate) remarks: Vec<String>,
}

/// Why an archive or image is no root.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    /// It cannot be read, or there is no room for it.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is no archive of a root.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// It is no image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// One root for all binaries, or one for each of them, in their order.
///
/// # Errors
/// When it is none, or some binary cannot be executed in it.
pub(crate) fn of(sandbox: &SandboxSettings, build: &Build, caller: &Caller) -> Result<Vec<Rooted>, Error> {
    match &sandbox.root {
        RootWord::Host => Ok(vec![host(&build.directories, caller)]),
        RootWord::Minimal => minimal(sandbox, build, caller),
        RootWord::Directory(path) | RootWord::Tar(path) | RootWord::Oci(path) => {
            let failed = |error: RootError| Error::Root { path: path.clone(), source: error.into() };
            let kept = unpacked(&sandbox.root, path, &build.directories.target).map_err(failed)?;
            let rooted = tree(kept, build, caller).map_err(|error| failed(error.into()))?;
            check(&rooted, sandbox, build)?;
            Ok(vec![rooted])
        }
    }
}

/// The directory in which the root is.
fn unpacked(word: &RootWord, path: &Path, target: &Path) -> Result<Kept, RootError> {
    let digest = || -> io::Result<String> { packed::digest(File::open(path)?) };
    match word {
        RootWord::Tar(_) => kept::root(target, &format!("tar-{}", digest()?), |root, _| {
            let nodes = unpack(path, root)?;
            Ok(Notes { nodes, image: Image::default() })
        }),
        RootWord::Oci(_) if path.is_dir() => {
            let opened = Opened::of(path)?;
            kept::root(target, &format!("oci-{}", opened.digest), |root, _| {
                let nodes = opened.unpack(root)?;
                Ok(Notes { nodes, image: opened.image.clone() })
            })
        }
        RootWord::Oci(_) => kept::root(target, &format!("oci-{}", digest()?), |root, scratch| {
            unpack(path, scratch)?;
            let opened = Opened::of(scratch)?;
            let nodes = opened.unpack(root)?;
            Ok(Notes { nodes, image: opened.image })
        }),
        RootWord::Host | RootWord::Minimal | RootWord::Directory(_) => {
            Ok(Kept { path: path.to_owned(), notes: Notes::default() })
        }
    }
}

/// Unpacks one archive, and returns how many device nodes were left out.
fn unpack(archive: &Path, into: &Path) -> Result<u64, RootError> {
    let mut unpacking = Unpacking::new(into, Limits::default())?;
    unpacking.archive(packed::content(File::open(archive)?)?, Whiteouts::None)?;
    Ok(unpacking.finish()?)
}

fn host(directories: &Directories, caller: &Caller) -> Rooted {
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(|name| path(caller, name));
    Rooted {
        root: Root::Host,
        directories: project(directories).chain(homes).collect(),
        missing_home: path(caller, "HOME").filter(|home| !home.exists()),
        image: Image::default(),
        remarks: Vec::new(),
    }
}

fn tree(kept: Kept, build: &Build, caller: &Caller) -> io::Result<Rooted> {
    let directory = kept.path.canonicalize()?;
    let entries = probe::tree(&directory)?;
    let is_there = |home: &PathBuf| home.strip_prefix("/").is_ok_and(|home| directory.join(home).is_dir());
    Ok(Rooted {
        remarks: remarks(&directory, &kept.notes),
        image: kept.notes.image,
        missing_home: path(caller, "HOME").filter(|home| !is_there(home)),
        root: Root::Tree(Tree { path: directory, entries, copy_on_write: true }),
        directories: project(&build.directories).collect(),
    })
}

fn remarks(directory: &Path, Notes { image, nodes }: &Notes) -> Vec<String> {
    let mut remarks =
        vec![format!("tests see the root file system in `{}`, not the host's", directory.display())];
    if *nodes > 0 {
        remarks.push(format!("{nodes} device nodes and named pipes of the archive were left out"));
    }
    let names: Vec<_> = image.environment.iter().map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        remarks.push(format!("the image sets {names}; of these, tests keep what they have but `PATH`"));
    }
    let user = image.user.iter().map(|user| format!("user `{user}`"));
    let directory = image.directory.iter().map(|directory| format!("directory `{directory}`"));
    let unused: Vec<_> = user.chain(directory).collect();
    if !unused.is_empty() {
        remarks.push(format!(
            "the image's {} are for its own programs: tests keep theirs",
            unused.join(" and ")
        ));
    }
    remarks
}

/// Completes a test's environment by that of the image. The directories of programs are those of the root.
pub(crate) fn complete(environment: &mut Vec<(OsString, OsString)>, image: &Image) {
    for (name, value) in &image.environment {
        match environment.iter_mut().find(|(other, _)| other == name.as_str()) {
            Some((_, own)) if name == "PATH" => *own = value.into(),
            Some(_) => {}
            None => environment.push((name.into(), value.into())),
        }
    }
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
            image: Image::default(),
            remarks: vec![
                "tests see nothing of the host but their binary, its libraries, and what is bound".into(),
            ],
        });
    }
    if lacking.is_empty() { Ok(roots) } else { Err(Error::CannotRun(lacking)) }
}

/// A binary that a runner executes need not be one for this machine.
fn check(rooted: &Rooted, sandbox: &SandboxSettings, build: &Build) -> Result<(), Error> {
    let Root::Tree(Tree { path: root, .. }) = &rooted.root else { return Ok(()) };
    let binds = sandbox.binds.iter().map(|bind| bind.path.clone()).chain(sandbox.keeps.iter().cloned());
    let shared = rooted.directories.iter().cloned().chain(binds).collect();
    let files = Files::of_tree(root, shared)
        .map_err(|error| Error::Root { path: root.clone(), source: error.into() })?;
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
