//! Test binaries of a build, from cargo's messages.

use crate::cargo::error::CargoError;
use crate::cargo::manifest::Harnesses;
use crate::cargo::metadata::{Project, kind};
use crate::cargo::output_directories::Place;
use crate::cargo::test_environment::Surroundings;
use crate::cli::CargoArgs;
use crate::error::{Error, HostError};
use crate::testcase::{Run, TestBinary};
use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{Artifact, BuildScript, Message, Package, PackageId};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

/// Executables and build scripts among cargo's messages.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Test executables, in the order of their completion.
    tests: Vec<Artifact>,
    /// Executables of binary targets, which integration tests may start.
    pub(crate) programs: Vec<PathBuf>,
    /// Outputs of build scripts.
    pub(crate) scripts: Vec<BuildScript>,
    /// Directories of local packages that were built, such as path dependencies beside the workspace.
    pub(crate) local: BTreeSet<PathBuf>,
}

impl Built {
    /// Extracts executables and build scripts from messages.
    pub(crate) fn from_messages(messages: Vec<Message>) -> Self {
        let mut built = Self::default();
        for message in messages {
            if let Message::CompilerArtifact(artifact) = &message
                && artifact.package_id.repr.contains("path+file://")
            {
                built.local.extend(artifact.manifest_path.parent().map(PathBuf::from));
            }
            match message {
                Message::CompilerArtifact(artifact)
                    if artifact.profile.test && artifact.executable.is_some() =>
                {
                    built.tests.push(artifact);
                }
                Message::CompilerArtifact(artifact) if artifact.target.is_bin() => {
                    built.programs.extend(artifact.executable.map(PathBuf::from));
                }
                Message::BuildScriptExecuted(script) => built.scripts.push(script),
                _ => {}
            }
        }
        built
    }

    /// Returns whether a test belongs to a package outside of `project`.
    pub(crate) fn names_packages_outside(&self, project: &Project) -> bool {
        self.tests.iter().any(|test| project.package(&test.package_id).is_none())
    }

    /// Returns whether each member of the workspace was built that has tests, with all targets that `cargo test` builds.
    pub(crate) fn is_whole(&self, project: &Project, arguments: &CargoArgs) -> bool {
        let is_built = |id: &PackageId| self.tests.iter().any(|test| test.package_id == *id);
        let has_tests = |package: &Package| package.targets.iter().any(|target| target.test);
        let members = project.members().filter(|package| has_tests(package));
        !arguments.targets.is_narrowed() && members.map(|package| &package.id).all(is_built)
    }

    /// Returns whether a test is for the host, whose output directory names no target triple.
    pub(crate) fn is_for_host(&self, project: &Project) -> Result<bool, Error> {
        for executable in self.tests.iter().filter_map(|test| test.executable.as_deref()) {
            if Place::new(executable, project)?.triple.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the packages whose doctests `cargo test` would run, by name.
    pub(crate) fn untested_documentation(&self, project: &Project, arguments: &CargoArgs) -> Vec<String> {
        if arguments.targets.is_narrowed() {
            return Vec::new();
        }
        let packages = self.tests.iter().filter_map(|test| project.package(&test.package_id));
        let documented = packages.filter(|package| package.targets.iter().any(|target| target.doctest));
        let mut names: Vec<_> = documented.map(|package| package.name.to_string()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Returns the test binaries in the order in which `cargo test` runs them.
pub(crate) fn test_binaries(
    built: &Built,
    project: &Project,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Arc<TestBinary>>, Error> {
    let mut harnesses: HashMap<&PackageId, Harnesses> = HashMap::new();
    let mut binaries = Vec::new();
    let run = Arc::new(run(project).map_err(HostError::System)?);
    for (package, test, executable) in in_order(built, project)? {
        if !harnesses.contains_key(&package.id) {
            harnesses.insert(&package.id, Harnesses::read(package.manifest_path.as_std_path())?);
        }
        let place = surroundings.place(executable)?;
        binaries.push(Arc::new(TestBinary {
            id: kind(&test.target).id(&package.name, &test.target.name),
            package: package.name.to_string(),
            name: test.target.name.clone(),
            kind: kind(&test.target),
            related: project.related(&package.id),
            harness: harnesses[&package.id].is_standard(&test.target),
            path: executable.into(),
            directory: package.manifest_path.parent().map(Into::into).unwrap_or_default(),
            environment: surroundings.environment(package, &test.target, &place)?,
            runner: surroundings.given(&place)?.runner.clone(),
            run: Arc::clone(&run),
        }));
    }
    Ok(binaries)
}

/// Creates a run of the project's tests with a random UUID from the kernel.
fn run(project: &Project) -> io::Result<Run> {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim_end().to_owned();
    Ok(Run {
        id,
        workspace: project.workspace.clone(),
        target: project.target.clone().into(),
        build: project.build.clone().into(),
    })
}

type Test<'a> = (&'a Package, &'a Artifact, &'a Utf8Path);

/// Returns the test executables sorted as by cargo: by package, kind and name, and by path for several target triples.
fn in_order<'a>(built: &'a Built, project: &'a Project) -> Result<Vec<Test<'a>>, CargoError> {
    let mut tests = Vec::new();
    for test in &built.tests {
        let package = project.package(&test.package_id);
        let package = package.ok_or_else(|| CargoError::UnknownPackage(test.package_id.repr.clone()))?;
        tests.extend(test.executable.as_deref().map(|executable| (package, test, executable)));
    }
    tests.sort_by_key(|(package, test, executable)| {
        let package = (&package.name, &package.version, &package.id);
        (package, kind(&test.target), &test.target.name, *executable)
    });
    Ok(tests)
}
