//! Root file systems of a run, and the check that test binaries can be executed in them.

mod error;
mod image;
mod inventory;
mod kept;
mod packed;
mod unpack;

pub(crate) use error::RootError;
pub(crate) use image::Image;

use crate::cargo::build::{Build, Directories};
use crate::cli::{RootKind, RootPath, RootWord};
use crate::invocation::Invocation;
use crate::remark::Remark;
use crate::settings::{Setting, Settings, TestSettings};
use crate::testcase::TestBinary;
use error::SourceError;
use image::Opened;
use isotest_core::closure::{Closure, Files, Kind, Lack};
use isotest_core::host::probe;
use isotest_core::plan::{Minimal, Root, Tree};
use kept::{Kept, Notes};
use nix::fcntl::Flock;
pub(crate) use packed::{content, digest};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
pub(crate) use unpack::{Limits, UnpackError, Unpacking, Whiteouts};

/// Root with the copy-on-write directories of the host in it.
#[derive(Debug)]
pub(crate) struct Rooted {
    /// Setting that names the root.
    pub(crate) word: Setting<RootWord>,
    /// Binary whose root it is; `None` if it is a root for all binaries.
    binary: Option<Arc<TestBinary>>,
    /// Root file system.
    pub(crate) root: Root,
    /// Copy-on-write directories.
    pub(crate) directories: Vec<PathBuf>,
    /// Directories of the build, which nothing may cover.
    pub(crate) built: Vec<PathBuf>,
    /// Home directory, if it does not exist.
    pub(crate) missing_home: Option<PathBuf>,
    /// Configuration of the container image of the root.
    pub(crate) image: Arc<Image>,
    /// Remarks for the report.
    pub(crate) remarks: Vec<Remark>,
    /// Files that the host lacks and the binary needs.
    lacks: Vec<Lack>,
    /// Lock by which other runs see that the root is in use.
    #[expect(dead_code, reason = "it is held as long as the root")]
    lock: Option<Flock<File>>,
}

/// Roots of a run.
#[derive(Debug)]
pub(crate) struct Roots {
    /// Roots; those of tests that no override matches come first. Never empty if there are binaries.
    pub(crate) each: Vec<Rooted>,
    /// Binaries, each with the index of the root in which it is asked for its tests.
    asked: Vec<(Arc<TestBinary>, usize)>,
    /// Roots that some tests may have and that could not be made, with the reasons.
    unusable: Vec<(RootWord, RootError)>,
}

/// Returns the roots in which the binaries are asked for their tests, and if tests are to be executed, those that tests may
/// have. Of the latter, one that cannot be made is in the way of the tests that are to have it only.
///
/// # Errors
/// When a root in which a binary is asked for its tests is unusable, or the binary cannot be executed in it.
pub(crate) fn of_tests(
    settings: &Settings,
    build: &Build,
    invocation: &Invocation,
) -> Result<Roots, RootError> {
    let directories = &build.directories;
    let may_have = |binary| {
        let mut words = settings.roots_of(binary);
        if !settings.task.executes_tests() {
            words.truncate(1);
        }
        words
    };
    let of_binaries: Vec<_> = build.binaries.iter().map(|binary| (binary, may_have(binary))).collect();
    let base = &settings.test.root;
    let mut each: Vec<Rooted> = Vec::new();
    let mut unusable: Vec<(RootWord, RootError)> = Vec::new();
    for word in iter::once(base).chain(of_binaries.iter().flat_map(|(_, words)| words.iter().copied())) {
        let is_known = each.iter().any(|rooted| rooted.word.value == word.value)
            || unusable.iter().any(|(other, _)| *other == word.value);
        if is_known {
            continue;
        }
        let made = match &word.value {
            RootWord::Host => Ok(vec![Rooted { word: word.clone(), ..of_host(directories, invocation) }]),
            RootWord::Minimal => {
                let may_be_in = |words: &[&Setting<RootWord>]| {
                    words.iter().chain([&base]).any(|root| root.value == RootWord::Minimal)
                };
                let shown = of_binaries.iter().filter(|(_, words)| may_be_in(words));
                let shown = shown.map(|(binary, _)| *binary);
                minimal(word, settings.sandbox.hide_package.value, shown, invocation)
            }
            RootWord::At(at) => of_path(word, at, directories, invocation).map(|rooted| vec![rooted]),
        };
        let is_asked_in = |(_, words): &(_, Vec<&Setting<RootWord>>)| words[0].value == word.value;
        match made {
            Ok(made) => each.extend(made),
            Err(error) if word.value == base.value || of_binaries.iter().any(is_asked_in) => {
                return Err(error);
            }
            Err(error) => unusable.push((word.value.clone(), error)),
        }
    }
    let mut roots = Roots { each, asked: Vec::new(), unusable };
    let asked: Vec<_> = of_binaries.iter().map(|(binary, words)| (*binary, words[0])).collect();
    let indices = asked.iter().map(|(binary, word)| (Arc::clone(binary), roots.index(&word.value, binary)));
    roots.asked = indices.collect();
    roots.check_each(&asked, &settings.test)?;
    Ok(roots)
}

/// Returns the root for a command.
///
/// # Errors
/// When the root is unusable.
pub(crate) fn of_command(
    settings: &Settings,
    directories: &Directories,
    program: &Path,
    invocation: &Invocation,
) -> Result<Roots, RootError> {
    let word = &settings.test.root;
    let of_one = |rooted| Roots { each: vec![rooted], asked: Vec::new(), unusable: Vec::new() };
    match &word.value {
        RootWord::Host => Ok(of_one(Rooted { word: word.clone(), ..of_host(directories, invocation) })),
        RootWord::Minimal => {
            let binary = &Arc::new(command(program, invocation));
            let hides_package = settings.sandbox.hide_package.value;
            let each = minimal(word, hides_package, [binary], invocation)?;
            let roots = Roots { each, asked: Vec::new(), unusable: Vec::new() };
            roots.check(word, &settings.test, [binary])?;
            Ok(roots)
        }
        RootWord::At(at) => Ok(of_one(of_path(word, at, directories, invocation)?)),
    }
}

impl Roots {
    /// Checks that the root that a setting names for tests could be made.
    ///
    /// # Errors
    /// When it could not.
    pub(crate) fn usable(&self, word: &RootWord) -> Result<(), RootError> {
        let unusable = self.unusable.iter().find(|(other, _)| other == word);
        unusable.map_or(Ok(()), |(_, error)| Err(error.clone()))
    }

    /// Returns the index of the root that a setting names for the tests of `binary`.
    pub(crate) fn index(&self, word: &RootWord, binary: &Arc<TestBinary>) -> usize {
        let named = || self.each.iter().enumerate().filter(|(_, rooted)| rooted.word.value == *word);
        let own = named().find(|(_, rooted)| rooted.is_for(binary)).or_else(|| named().next());
        own.map(|(index, _)| index).unwrap_or_default()
    }

    /// Returns the index of the root in which `binary` is asked for its tests.
    pub(crate) fn asked_in(&self, binary: &Arc<TestBinary>) -> usize {
        if self.each.len() == 1 {
            return 0;
        }
        let own = self.asked.iter().find(|(other, _)| Arc::ptr_eq(other, binary));
        own.map(|(_, index)| *index).unwrap_or_default()
    }

    /// Checks that binaries can be executed in the roots in which they are asked for their tests.
    fn check_each(
        &self,
        asked: &[(&Arc<TestBinary>, &Setting<RootWord>)],
        test: &TestSettings,
    ) -> Result<(), RootError> {
        for (place, (_, word)) in asked.iter().enumerate() {
            let is_same = |other: &Setting<RootWord>| other.value == word.value;
            if !asked.iter().take(place).any(|(_, other)| is_same(other)) {
                let there = asked.iter().filter(|(_, other)| is_same(other)).map(|(binary, _)| *binary);
                self.check(word, test, there)?;
            }
        }
        Ok(())
    }

    /// Checks that binaries can be executed in the root that a setting names for them, with what their tests see
    /// besides. Binaries with a runner may be for another architecture.
    ///
    /// # Errors
    /// When the root lacks files that they need.
    pub(crate) fn check<'a>(
        &self,
        word: &Setting<RootWord>,
        test: &TestSettings,
        binaries: impl IntoIterator<Item = &'a Arc<TestBinary>, IntoIter: Clone>,
    ) -> Result<(), RootError> {
        let binaries = binaries.into_iter();
        let mut lacking = Vec::new();
        for rooted in self.each.iter().filter(|rooted| rooted.word.value == word.value) {
            let own = binaries.clone().filter(|binary| rooted.is_for(binary));
            lacking.extend(rooted.lacking(test, own)?);
        }
        if lacking.is_empty() {
            return Ok(());
        }
        Err(RootError::CannotRun { origin: word.origin, lacking })
    }
}

impl Rooted {
    fn is_for(&self, binary: &Arc<TestBinary>) -> bool {
        self.binary.as_ref().is_none_or(|own| Arc::ptr_eq(own, binary))
    }

    /// Returns what each of the binaries needs and the root lacks, for those that lack something.
    fn lacking<'a>(
        &self,
        test: &TestSettings,
        binaries: impl Iterator<Item = &'a Arc<TestBinary>>,
    ) -> Result<Vec<(String, Vec<Lack>)>, RootError> {
        let Root::Tree(Tree { path: root, .. }) = &self.root else {
            let lacks = (!self.lacks.is_empty()).then_some(&self.lacks);
            return Ok(binaries.filter_map(|binary| Some((binary.id.clone(), lacks.cloned()?))).collect());
        };
        let binds = test.binds.iter().map(|bind| bind.value.path.clone());
        let binds = binds.chain(test.keeps.iter().map(|keep| keep.value.clone()));
        let shared = self.directories.iter().cloned().chain(binds).collect();
        let files = Files::of_tree(root, shared).map_err(|error| RootError::Unusable {
            origin: self.word.origin,
            path: root.clone(),
            source: Arc::new(error),
        })?;
        let mut lacking = Vec::new();
        for binary in binaries.filter(|binary| binary.runner.is_empty()) {
            let lacks: Vec<Lack> = closure(binary, &files)?.lacks(Kind::native());
            if !lacks.is_empty() {
                lacking.push((binary.id.clone(), lacks));
            }
        }
        Ok(lacking)
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

/// Opens or unpacks the root file system at a path.
fn of_path(
    word: &Setting<RootWord>,
    at: &RootPath,
    directories: &Directories,
    invocation: &Invocation,
) -> Result<Rooted, RootError> {
    let origin = word.origin;
    let unusable =
        |error: SourceError| RootError::Unusable { origin, path: at.path.clone(), source: Arc::new(error) };
    let store = store(directories, invocation);
    let kept = unpacked(at, &store).map_err(|error| match error.refusal().map(io::Error::kind) {
        Some(why) => {
            let into = kept::directory(&store);
            RootError::NoPlace { origin, path: at.path.clone(), into, why, source: Arc::new(error) }
        }
        None => unusable(error),
    })?;
    let rooted = tree(kept, directories, invocation).map_err(|error| unusable(error.into()))?;
    Ok(Rooted { word: word.clone(), ..rooted })
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
        RootKind::Directory => Ok(Kept { path: path.clone(), notes: Notes::default(), lock: None }),
        RootKind::Tar => kept::root(target, &format!("tar-{}", digest()?), |root, _| {
            let nodes = unpack(path, root)?;
            Ok(Notes::new(Image::default(), nodes))
        }),
        RootKind::Oci if path.is_dir() => {
            let opened = Opened::open(path)?;
            kept::root(target, &format!("oci-{}", opened.digest), |root, _| {
                let nodes = opened.unpack(root)?;
                Ok(Notes::new(opened.image.clone(), nodes))
            })
        }
        RootKind::Oci => kept::root(target, &format!("oci-{}", digest()?), |root, scratch| {
            unpack(path, scratch)?;
            let opened = Opened::open(scratch)?;
            let nodes = opened.unpack(root)?;
            Ok(Notes::new(opened.image, nodes))
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
        word: Setting::default(RootWord::Host),
        binary: None,
        root: Root::Host,
        directories: project(directories).chain(homes).collect(),
        built: built(directories),
        missing_home: path(invocation, "HOME").filter(|home| !home.exists()),
        image: Arc::default(),
        remarks: Vec::new(),
        lacks: Vec::new(),
        lock: None,
    }
}

fn tree(kept: Kept, directories: &Directories, invocation: &Invocation) -> io::Result<Rooted> {
    let directory = kept.path.canonicalize()?;
    let entries = probe::tree(&directory)?;
    let is_there = |home: &PathBuf| home.strip_prefix("/").is_ok_and(|home| directory.join(home).is_dir());
    Ok(Rooted {
        missing_home: path(invocation, "HOME").filter(|home| !is_there(home)),
        root: Root::Tree(Tree { path: directory, entries, copy_on_write: true }),
        directories: project(directories).collect(),
        remarks: remarks(&kept),
        image: Arc::new(kept.notes.image),
        lock: kept.lock,
        ..of_host(directories, invocation)
    })
}

fn remarks(Kept { path, notes: Notes { image, nodes, .. }, .. }: &Kept) -> Vec<Remark> {
    let mut remarks = vec![Remark::OtherRoot(path.clone())];
    if *nodes > 0 {
        remarks.push(Remark::NodesSkipped(*nodes));
    }
    let names: Vec<_> = image.environment.iter().map(|(name, _)| name.clone()).collect();
    if !names.is_empty() {
        remarks.push(Remark::ImageSets(names));
    }
    let user = image.user.iter().map(|user| format!("user `{user}`"));
    let directory = image.directory.iter().map(|directory| format!("directory `{directory}`"));
    let unused: Vec<_> = user.chain(directory).collect();
    if !unused.is_empty() {
        remarks.push(Remark::ImageUnused(unused));
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

/// Returns a root for each binary with what it needs to be executed.
fn minimal<'a>(
    word: &Setting<RootWord>,
    hides_package: bool,
    binaries: impl IntoIterator<Item = &'a Arc<TestBinary>>,
    invocation: &Invocation,
) -> Result<Vec<Rooted>, RootError> {
    let files = Files::of_host();
    let of_binary = |binary: &Arc<TestBinary>| {
        let closure = closure(binary, &files)?;
        let real = closure.objects.iter().map(|object| (object.real.clone(), object.path.clone()));
        let configuration = closure.configuration.iter().map(|path| (path.clone(), path.clone()));
        let shown = if hides_package { None } else { Some(binary.directory.clone()) };
        Ok(Rooted {
            word: word.clone(),
            binary: Some(Arc::clone(binary)),
            root: Root::Minimal(Minimal {
                files: real.chain(configuration).collect(),
                directories: vec![binary.directory.clone()],
            }),
            directories: shown.into_iter().collect(),
            built: Vec::new(),
            missing_home: path(invocation, "HOME"),
            image: Arc::default(),
            remarks: vec![Remark::MinimalRoot],
            lacks: closure.lacks(Kind::native()),
            lock: None,
        })
    };
    binaries.into_iter().map(of_binary).collect()
}

fn closure(binary: &TestBinary, files: &Files) -> Result<Closure, RootError> {
    files
        .closure(&binary.path, binary.library_path())
        .map_err(|source| RootError::Closure { program: binary.path.clone(), source: Arc::new(source) })
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
