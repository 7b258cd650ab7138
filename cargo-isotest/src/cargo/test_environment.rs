//! Environment of a test binary under `cargo test`.

use crate::cargo::error::{CargoError, Stage};
use crate::cargo::metadata::Project;
use crate::cargo::output_directories::Place;
use crate::cargo::sample::{Configured, Given, Variables};
use crate::inherited_descriptors;
use crate::invocation::Invocation;
use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{BuildScript, Package, Target, TargetKind};
use std::collections::BTreeSet;
use std::env::{join_paths, split_paths};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Facts of a build that the environments of test binaries depend on.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    project: &'a Project,
    scripts: &'a [BuildScript],
    configured: &'a Configured,
    invocation: &'a Invocation,
}

impl<'a> Surroundings<'a> {
    /// Collects the facts of one build.
    pub(crate) fn new(
        project: &'a Project,
        scripts: &'a [BuildScript],
        configured: &'a Configured,
        invocation: &'a Invocation,
    ) -> Self {
        Self { project, scripts, configured, invocation }
    }

    /// Returns the output directories of an executable.
    pub(crate) fn place(&self, executable: &Utf8Path) -> Result<Place, CargoError> {
        Place::new(executable, self.project)
    }

    /// Returns the settings of tests with these output directories in cargo's configuration.
    pub(crate) fn given(&self, place: &Place) -> Result<&'a Given, CargoError> {
        self.configured.get(place.triple.as_ref()).ok_or_else(|| CargoError::Answer {
            program: "cargo".into(),
            stage: Stage::Metadata,
            source: format!("it does not say how it would execute tests in `{}`", place.output).into(),
        })
    }

    /// Returns the complete environment of a target under `cargo test`.
    pub(crate) fn environment(
        &self,
        package: &Package,
        target: &Target,
        place: &Place,
    ) -> Result<Vec<(OsString, OsString)>, CargoError> {
        let Given { environment, library, .. } = self.given(place)?;
        let mut all: Variables = environment.clone();
        all.insert(LIBRARY_PATH.into(), self.library_path(place, library)?);
        all.extend(self.said_by_build_script(package, place));
        all.extend(self.cargo_itself());
        all.extend(of_package(package, self.project.rust_version(&package.id)));
        if matches!(target.kind.first(), Some(TargetKind::Test | TargetKind::Bench)) {
            all.extend(programs(package, place));
        }
        let mut all = all.into_iter().collect();
        inherited_descriptors::forget(&mut all);
        Ok(all)
    }

    fn cargo_itself(&self) -> Option<(OsString, OsString)> {
        self.invocation.variable("CARGO").map(|cargo| ("CARGO".into(), cargo.to_owned()))
    }

    fn said_by_build_script(&self, package: &Package, place: &Place) -> Vec<(OsString, OsString)> {
        // Built for both host and target, a package has two scripts; a script's directory is beside what it was for.
        let mut scripts = self.scripts.iter().rev().filter(|script| script.package_id == package.id);
        let Some(script) = scripts.find(|script| script.out_dir.starts_with(&place.intermediate)) else {
            return Vec::new();
        };
        let out = ("OUT_DIR".into(), script.out_dir.clone().into());
        std::iter::once(out)
            .chain(script.env.iter().map(|(name, value)| (name.into(), value.into())))
            .collect()
    }

    // The caller's library path comes last, unless it begins with ours already.
    fn library_path(&self, place: &Place, library: &Path) -> Result<OsString, CargoError> {
        let mut path: Vec<PathBuf> = self.linked_directories(place).into_iter().map(PathBuf::from).collect();
        path.push(place.output.clone().into());
        path.push(place.intermediate.join("deps").into());
        path.push(library.to_owned());
        let callers: Vec<_> =
            self.invocation.variable(LIBRARY_PATH).map(split_paths).into_iter().flatten().collect();
        let path =
            if callers.starts_with(&path) { callers } else { path.into_iter().chain(callers).collect() };
        join_paths(path).map_err(|error| CargoError::File {
            what: format!("a path for `{LIBRARY_PATH}`"),
            source: error.into(),
        })
    }

    // Cargo sorts them with their kinds before them, and leaves out those that are not its own.
    fn linked_directories(&self, place: &Place) -> Vec<&'a Utf8Path> {
        let paths: BTreeSet<_> = self.scripts.iter().flat_map(|script| &script.linked_paths).collect();
        paths
            .into_iter()
            .map(|path| without_kind(path))
            .filter(|path| path.starts_with(&place.output))
            .collect()
    }
}

fn without_kind(path: &Utf8Path) -> &Utf8Path {
    let kinds = ["native=", "crate=", "dependency=", "framework=", "all="];
    kinds.iter().find_map(|kind| path.as_str().strip_prefix(kind)).map_or(path, Utf8Path::new)
}

fn of_package(package: &Package, rust_version: &str) -> Vec<(OsString, OsString)> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let path = |value: Option<&Utf8Path>| value.map(Utf8Path::to_string).unwrap_or_default();
    let version = &package.version;
    [
        ("CARGO_MANIFEST_DIR", path(package.manifest_path.parent())),
        ("CARGO_MANIFEST_PATH", package.manifest_path.to_string()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(package.license_file.as_deref())),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_README", path(package.readme.as_deref())),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_RUST_VERSION", rust_version.to_owned()),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into()
}

fn programs(package: &Package, place: &Place) -> Vec<(OsString, OsString)> {
    let programs = package.targets.iter().filter(|target| target.is_bin());
    let variable = |name: &str| (format!("CARGO_BIN_EXE_{name}").into(), place.output.join(name).into());
    programs.map(|program| variable(&program.name)).collect()
}
