//! `cargo metadata`: packages and directories of the project.

use crate::cargo::command_output::answer;
use crate::cargo::error::{CargoError, Stage};
use crate::cli::CargoArgs;
use crate::invocation::Invocation;
use crate::select::filterset::Known;
use crate::testcase::{BinaryKind, Related};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, Package, PackageId, Resolve, Target, TargetKind};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// Project with its packages and directories.
#[derive(Debug)]
pub(crate) struct Project {
    /// Directory of the workspace's manifest.
    pub(crate) workspace: PathBuf,
    /// Target directory.
    pub(crate) target: Utf8PathBuf,
    /// Build directory for intermediate files; usually the target directory.
    pub(crate) build: Utf8PathBuf,
    packages: HashMap<PackageId, Package>,
    rust_versions: HashMap<PackageId, String>,
    members: Vec<PackageId>,
    related: HashMap<PackageId, Arc<Related>>,
}

/// Fields of the output that `cargo_metadata` does not keep verbatim.
#[derive(Debug, Deserialize)]
struct Written {
    packages: Vec<WrittenPackage>,
}

#[derive(Debug, Deserialize)]
struct WrittenPackage {
    id: PackageId,
    rust_version: Option<String>,
}

impl Project {
    /// Runs `cargo metadata` without dependencies.
    pub(crate) fn read(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
    ) -> Result<Self, CargoError> {
        Self::ask(cargo, arguments, invocation, &["--no-deps".as_ref()])
    }

    /// Runs `cargo metadata` with dependencies.
    pub(crate) fn with_dependencies(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
    ) -> Result<Self, CargoError> {
        Self::ask(cargo, arguments, invocation, &[])
    }

    /// Runs `cargo metadata` with all dependencies on `platforms` and finds out which members of the workspace depend on
    /// each other with any feature.
    pub(crate) fn with_related(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
        platforms: &[OsString],
    ) -> Result<Self, CargoError> {
        let platforms = platforms.iter().flat_map(|platform| [OsStr::new("--filter-platform"), platform]);
        let more: Vec<_> = [OsStr::new("--all-features")].into_iter().chain(platforms).collect();
        Self::ask(cargo, arguments, invocation, &more)
    }

    fn ask(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
        more: &[&OsStr],
    ) -> Result<Self, CargoError> {
        let mut command = invocation.question(cargo);
        command.args(["metadata", "--format-version", "1"]).args(more).args(arguments.metadata_arguments());
        // `cargo metadata` has no `--target-dir`.
        if let Some(directory) = &arguments.compilation.place.target_dir {
            command.env("CARGO_TARGET_DIR", invocation.absolute(directory));
        }
        let text = answer(&mut command, "cargo metadata", Stage::Metadata)?;
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| CargoError::Answer {
            program: cargo.into(),
            stage: Stage::Metadata,
            source,
        };
        Self::parse(&text).map_err(|error| unreadable(error.into()))
    }

    /// Parses the output of `cargo metadata`.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self::new(serde_json::from_str(text)?, serde_json::from_str(text)?))
    }

    fn new(metadata: Metadata, written: Written) -> Self {
        let versions =
            written.packages.into_iter().filter_map(|package| Some((package.id, package.rust_version?)));
        let members = metadata.workspace_members;
        let names = metadata.packages.iter().map(|package| (package.id.clone(), package.name.to_string()));
        let names: HashMap<_, _> = names.collect();
        Self {
            workspace: metadata.workspace_root.into(),
            build: metadata.build_directory.unwrap_or_else(|| metadata.target_directory.clone()),
            target: metadata.target_directory,
            packages: metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect(),
            rust_versions: versions.collect(),
            related: metadata.resolve.map(|resolve| related(&resolve, &names, &members)).unwrap_or_default(),
            members,
        }
    }

    /// Returns a package by its id.
    pub(crate) fn package(&self, id: &PackageId) -> Option<&Package> {
        self.packages.get(id)
    }

    /// Returns the members of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().filter_map(|id| self.package(id))
    }

    /// Returns the members of the workspace on which a package depends or that depend on it; empty unless these were
    /// requested.
    pub(crate) fn related(&self, id: &PackageId) -> Arc<Related> {
        self.related.get(id).map(Arc::clone).unwrap_or_default()
    }

    /// Returns the names that filtersets can refer to.
    pub(crate) fn known(&self) -> Known {
        let mut known = Known::default();
        for package in self.members() {
            known.packages.insert(package.name.to_string());
            let targets = package.targets.iter().filter(|target| !target.is_custom_build());
            for target in targets {
                known.binaries.insert(target.name.clone());
                known.binary_ids.insert(kind(target).id(&package.name, &target.name));
            }
        }
        known
    }

    /// Returns the `rust-version` of a package verbatim; empty without one.
    pub(crate) fn rust_version(&self, id: &PackageId) -> &str {
        self.rust_versions.get(id).map_or("", String::as_str)
    }
}

/// Returns the kind of a target with tests.
pub(crate) fn kind(target: &Target) -> BinaryKind {
    match target.kind.first() {
        Some(TargetKind::Bin) => BinaryKind::Bin,
        Some(TargetKind::Test) => BinaryKind::Test,
        Some(TargetKind::Bench) => BinaryKind::Bench,
        Some(TargetKind::Example) => BinaryKind::Example,
        Some(TargetKind::ProcMacro) => BinaryKind::ProcMacro,
        _ => BinaryKind::Lib,
    }
}

/// Returns the dependencies and the dependents of each member of the workspace, within the workspace.
fn related(
    resolve: &Resolve,
    names: &HashMap<PackageId, String>,
    members: &[PackageId],
) -> HashMap<PackageId, Arc<Related>> {
    let next =
        resolve.nodes.iter().map(|node| (&node.id, node.deps.iter().map(|dependency| &dependency.pkg)));
    let next: HashMap<&PackageId, Vec<&PackageId>> = next.map(|(id, deps)| (id, deps.collect())).collect();
    let dependencies: Vec<_> = members.iter().map(|member| reached(member, &next)).collect();
    let in_words = |ids: &mut dyn Iterator<Item = &PackageId>| -> BTreeSet<String> {
        ids.filter_map(|id| names.get(id)).cloned().collect()
    };
    let of = |(index, member): (usize, &PackageId)| {
        let own = &dependencies[index];
        let dependents = members.iter().zip(&dependencies).filter(|(_, all)| all.contains(member));
        let related = Related {
            dependencies: in_words(&mut members.iter().filter(|other| own.contains(other))),
            dependents: in_words(&mut dependents.map(|(id, _)| id)),
        };
        (member.clone(), Arc::new(related))
    };
    members.iter().enumerate().map(of).collect()
}

/// Returns all packages on which a package depends, directly or not; dependencies may be circular.
fn reached<'a>(
    from: &'a PackageId,
    next: &HashMap<&'a PackageId, Vec<&'a PackageId>>,
) -> HashSet<&'a PackageId> {
    let mut reached = HashSet::new();
    let mut ahead = vec![from];
    while let Some(at) = ahead.pop() {
        ahead.extend(next.get(at).into_iter().flatten().copied().filter(|id| reached.insert(*id)));
    }
    reached
}
