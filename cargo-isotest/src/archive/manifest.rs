//! Manifest of an archive, which describes its build and its tests.

use super::error::ArchiveError;
use crate::cargo::build::{Build, Directories};
use crate::history::Past;
use crate::select::filterset::Known;
use crate::testcase::{BinaryKind, Related, Run, TestBinary};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Number of the format that is written.
const FORMAT: u32 = 1;
/// Variables that belong to the machine and not to the build.
const OF_MACHINE: [&str; 3] = ["PATH", "RUST_RECURSION_COUNT", "HOME"];

/// Fields that the manifests of all versions have.
#[derive(Debug, Deserialize)]
struct Head {
    format: u32,
    version: String,
}

/// Manifest of an archive.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Version of the program that wrote the archive.
    version: String,
    architecture: String,
    pub(super) workspace: PathBuf,
    pub(super) target: PathBuf,
    pub(super) build: PathBuf,
    packages: Vec<PathBuf>,
    dependencies: Vec<PathBuf>,
    programs: Vec<PathBuf>,
    is_whole: bool,
    untested_documentation: Vec<String>,
    known_packages: BTreeSet<String>,
    known_binaries: BTreeSet<String>,
    known_binary_ids: BTreeSet<String>,
    binaries: Vec<Binary>,
    /// Results of earlier runs, by which shards are cut.
    past: Past,
}

#[derive(Debug, Serialize, Deserialize)]
struct Binary {
    id: String,
    package: String,
    name: String,
    kind: BinaryKind,
    dependencies: BTreeSet<String>,
    dependents: BTreeSet<String>,
    harness: bool,
    path: PathBuf,
    directory: PathBuf,
    /// Variables that cargo adds to the environment.
    environment: Vec<(String, String)>,
    runner: Vec<String>,
}

impl Manifest {
    /// Describes a build. `caller` is the environment in which cargo was called, and stays out of the archive.
    ///
    /// # Errors
    /// When a path or a variable is not UTF-8.
    pub(super) fn new(
        build: &Build,
        binaries: &[Arc<TestBinary>],
        past: &Past,
        caller: &[(OsString, OsString)],
    ) -> Result<Self, ArchiveError> {
        let Directories { workspace, packages, dependencies, target, build: intermediate } =
            &build.directories;
        let caller: HashSet<_> = caller.iter().collect();
        let ids: HashSet<_> = binaries.iter().map(|binary| binary.id.as_str()).collect();
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            workspace: workspace.clone(),
            target: target.clone(),
            build: intermediate.clone(),
            packages: packages.clone(),
            dependencies: dependencies.clone(),
            programs: build.programs.clone(),
            is_whole: build.is_whole && binaries.len() == build.binaries.len(),
            untested_documentation: build.untested_documentation.clone(),
            known_packages: build.known.packages.clone(),
            known_binaries: build.known.binaries.clone(),
            known_binary_ids: build.known.binary_ids.clone(),
            binaries: binaries.iter().map(|binary| Binary::new(binary, &caller)).collect::<Result<_, _>>()?,
            past: past.of_binaries(|id| ids.contains(id)),
        })
    }

    /// Reads a manifest, and checks that this program supports its version and this machine the architecture of its
    /// tests.
    ///
    /// # Errors
    /// When the text is not a manifest, or of a later version or another architecture.
    pub(super) fn read(text: &[u8]) -> Result<Self, ArchiveError> {
        let head: Head = serde_json::from_slice(text).map_err(ArchiveError::Manifest)?;
        if head.format > FORMAT {
            return Err(ArchiveError::Later { version: head.version });
        }
        serde_json::from_slice::<Self>(text).map_err(ArchiveError::Manifest)?.executable()
    }

    /// Replaces the architecture of the tests, if there is another one.
    pub(super) fn of_architecture(self, architecture: Option<String>) -> Self {
        Self { architecture: architecture.unwrap_or(self.architecture), ..self }
    }

    /// Checks that this machine supports the architecture of the tests.
    pub(super) fn executable(self) -> Result<Self, ArchiveError> {
        let here = std::env::consts::ARCH;
        let is_foreign = self.architecture != here;
        if is_foreign && self.binaries.iter().any(|binary| binary.runner.is_empty()) {
            return Err(ArchiveError::Foreign { architecture: self.architecture, here });
        }
        Ok(self)
    }

    /// Returns the directories that tests find at their original paths, none within another.
    pub(super) fn directories(&self) -> Vec<&Path> {
        let all = [&self.workspace, &self.target, &self.build].into_iter();
        let mut all: Vec<&Path> =
            all.chain(&self.packages).chain(&self.dependencies).map(PathBuf::as_path).collect();
        all.sort_by_key(|path| path.components().count());
        let mut outermost: Vec<&Path> = Vec::new();
        for path in all {
            if !outermost.iter().any(|outer| path.starts_with(outer)) {
                outermost.push(path);
            }
        }
        outermost
    }

    /// Returns the new path of a file if the workspace is moved.
    pub(super) fn moved(&self, path: &Path, workspace: Option<&Path>) -> PathBuf {
        let below =
            workspace.and_then(|workspace| Some((workspace, path.strip_prefix(&self.workspace).ok()?)));
        below.map_or_else(
            || path.to_owned(),
            |(workspace, below)| workspace.join(below).components().collect(),
        )
    }

    /// Moves the workspace and all paths below it.
    fn remap(&mut self, workspace: &Path) {
        let old = self.workspace.clone();
        let moved = |path: &mut PathBuf| {
            if let Ok(below) = path.strip_prefix(&old) {
                *path = workspace.join(below).components().collect();
            }
        };
        let all = self.packages.iter_mut().chain(&mut self.dependencies).chain(&mut self.programs);
        all.chain([&mut self.workspace, &mut self.target, &mut self.build]).for_each(moved);
        for binary in &mut self.binaries {
            moved(&mut binary.path);
            moved(&mut binary.directory);
            for (_, value) in &mut binary.environment {
                // The value may be a list of paths.
                let parts = value.split(':').map(|part| {
                    let mut path = PathBuf::from(part);
                    moved(&mut path);
                    if path.starts_with(workspace) {
                        path.to_string_lossy().into_owned()
                    } else {
                        part.to_owned()
                    }
                });
                *value = parts.collect::<Vec<_>>().join(":");
            }
        }
    }

    /// Returns the build for a caller with this environment, as if cargo had just done it, and the results of earlier
    /// runs.
    pub(super) fn into_build(
        mut self,
        remap: Option<&Path>,
        run_id: String,
        caller: &[(OsString, OsString)],
    ) -> (Build, Past) {
        if let Some(remap) = remap {
            self.remap(remap);
        }
        let run = Arc::new(Run {
            id: run_id,
            workspace: self.workspace.clone(),
            target: self.target.clone(),
            build: self.build.clone(),
        });
        let binaries = self.binaries.into_iter().map(|binary| Arc::new(binary.into_test(&run, caller)));
        let build = Build {
            binaries: binaries.collect(),
            programs: self.programs,
            directories: Directories {
                workspace: self.workspace,
                packages: self.packages,
                dependencies: self.dependencies,
                target: self.target,
                build: self.build,
            },
            is_whole: self.is_whole,
            untested_documentation: self.untested_documentation,
            known: Known {
                packages: self.known_packages,
                binaries: self.known_binaries,
                binary_ids: self.known_binary_ids,
                groups: BTreeSet::new(),
            },
        };
        (build, self.past)
    }
}

impl Binary {
    fn new(binary: &TestBinary, caller: &HashSet<&(OsString, OsString)>) -> Result<Self, ArchiveError> {
        let text = |text: &OsStr| {
            text.to_str().map(str::to_owned).ok_or_else(|| ArchiveError::NoText { text: text.to_owned() })
        };
        let is_added = |variable: &&(OsString, OsString)| {
            !caller.contains(variable) && OF_MACHINE.iter().all(|name| variable.0 != *name)
        };
        let added = binary.environment.iter().filter(is_added);
        Ok(Self {
            id: binary.id.clone(),
            package: binary.package.clone(),
            name: binary.name.clone(),
            kind: binary.kind,
            dependencies: binary.related.dependencies.clone(),
            dependents: binary.related.dependents.clone(),
            harness: binary.harness,
            path: binary.path.clone(),
            directory: binary.directory.clone(),
            environment: added
                .map(|(name, value)| Ok((text(name)?, text(value)?)))
                .collect::<Result<_, ArchiveError>>()?,
            runner: binary.runner.iter().map(|word| text(word)).collect::<Result<_, _>>()?,
        })
    }

    fn into_test(self, run: &Arc<Run>, caller: &[(OsString, OsString)]) -> TestBinary {
        let mut environment = caller.to_vec();
        environment.retain(|(name, _)| !self.environment.iter().any(|(added, _)| name == added.as_str()));
        environment.extend(self.environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        TestBinary {
            id: self.id,
            package: self.package,
            name: self.name,
            kind: self.kind,
            related: Arc::new(Related { dependencies: self.dependencies, dependents: self.dependents }),
            harness: self.harness,
            path: self.path,
            directory: self.directory,
            environment,
            runner: self.runner.into_iter().map(Into::into).collect(),
            run: Arc::clone(run),
        }
    }
}
