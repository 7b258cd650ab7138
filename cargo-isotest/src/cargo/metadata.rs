//! `cargo metadata`: packages and directories of the project.

use crate::cargo::command_output::answer;
use crate::cli::CargoArgs;
use crate::error::{Error, Stage};
use crate::invocation::Invocation;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;

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
    pub(crate) fn read(cargo: &OsStr, arguments: &CargoArgs, invocation: &Invocation) -> Result<Self, Error> {
        Self::ask(cargo, arguments, invocation, &["--no-deps"])
    }

    /// Runs `cargo metadata` with dependencies.
    pub(crate) fn with_dependencies(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
    ) -> Result<Self, Error> {
        Self::ask(cargo, arguments, invocation, &[])
    }

    fn ask(
        cargo: &OsStr,
        arguments: &CargoArgs,
        invocation: &Invocation,
        more: &[&str],
    ) -> Result<Self, Error> {
        let mut command = invocation.question(cargo);
        command.args(["metadata", "--format-version", "1"]).args(more).args(arguments.metadata_arguments());
        // `cargo metadata` has no flag for it.
        if let Some(directory) = &arguments.compilation.place.target_dir {
            command.env("CARGO_TARGET_DIR", invocation.absolute(directory));
        }
        let text = answer(&mut command, "cargo metadata", Stage::Metadata)?;
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Answer {
            program: cargo.into(),
            stage: Stage::Metadata,
            source,
        };
        let metadata = MetadataCommand::parse(&text).map_err(|error| unreadable(error.into()))?;
        let written: Written = serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?;
        Ok(Self::new(metadata, written))
    }

    fn new(metadata: Metadata, written: Written) -> Self {
        let versions =
            written.packages.into_iter().filter_map(|package| Some((package.id, package.rust_version?)));
        Self {
            workspace: metadata.workspace_root.into(),
            build: metadata.build_directory.unwrap_or_else(|| metadata.target_directory.clone()),
            target: metadata.target_directory,
            packages: metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect(),
            rust_versions: versions.collect(),
        }
    }

    /// Returns a package by its id.
    pub(crate) fn package(&self, id: &PackageId) -> Option<&Package> {
        self.packages.get(id)
    }

    /// Returns the `rust-version` of a package verbatim; empty without one.
    pub(crate) fn rust_version(&self, id: &PackageId) -> &str {
        self.rust_versions.get(id).map_or("", String::as_str)
    }
}
