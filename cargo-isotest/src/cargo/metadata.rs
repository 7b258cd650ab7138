//! What cargo knows of the project: `cargo metadata`.

use crate::cargo::command_output::answer;
use crate::cli::CargoArgs;
use crate::error::{Error, Stage};
use crate::invocation::Caller;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;

/// The project that was called for.
#[derive(Debug)]
pub(crate) struct Project {
    /// The directory of the workspace's manifest.
    pub(crate) workspace: PathBuf,
    /// Where cargo puts what it was asked for.
    pub(crate) target: Utf8PathBuf,
    /// Where cargo keeps everything else; as a rule the same.
    pub(crate) build: Utf8PathBuf,
    packages: HashMap<PackageId, Package>,
    rust_versions: HashMap<PackageId, String>,
}

/// The part of the answer that `cargo_metadata` does not keep as it was written.
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
    /// Asks cargo.
    pub(crate) fn of(cargo: &OsStr, arguments: &CargoArgs, caller: &Caller) -> Result<Self, Error> {
        Self::ask(cargo, arguments, caller, &["--no-deps"])
    }

    /// Asks cargo for the packages the workspace depends on, too.
    pub(crate) fn with_dependencies(
        cargo: &OsStr,
        arguments: &CargoArgs,
        caller: &Caller,
    ) -> Result<Self, Error> {
        Self::ask(cargo, arguments, caller, &[])
    }

    fn ask(cargo: &OsStr, arguments: &CargoArgs, caller: &Caller, more: &[&str]) -> Result<Self, Error> {
        let mut command = caller.question(cargo);
        command.args(["metadata", "--format-version", "1"]).args(more).args(arguments.metadata_arguments());
        // `cargo metadata` has no flag for it.
        if let Some(directory) = &arguments.compilation.place.target_dir {
            command.env("CARGO_TARGET_DIR", caller.absolute(directory));
        }
        let text = answer(&mut command, "cargo metadata", Stage::Metadata)?;
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Answer {
            program: cargo.into(),
            stage: Stage::Metadata,
            source,
        };
        let metadata = MetadataCommand::parse(&text).map_err(|error| unreadable(error.into()))?;
        let written: Written = serde_json::from_str(&text).map_err(|error| unreadable(error.into()))?;
        Ok(Self::read(metadata, written))
    }

    fn read(metadata: Metadata, written: Written) -> Self {
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

    /// The package, if the metadata names it.
    pub(crate) fn package(&self, id: &PackageId) -> Option<&Package> {
        self.packages.get(id)
    }

    /// The package's `rust-version` as it was written; empty without one.
    pub(crate) fn rust_version(&self, id: &PackageId) -> &str {
        self.rust_versions.get(id).map_or("", String::as_str)
    }
}
