//! Builds in archives of `cargo nextest archive`, which keep what cargo said when it built them.

use crate::cargo::build::{Build, Directories};
use crate::cargo::error::CargoError;
use crate::cargo::manifest::Harnesses;
use crate::cargo::metadata::{Project, kind};
use crate::cargo::output_directories::Place;
use crate::cargo::sample::{Configured, Given, Variables};
use crate::cargo::test_environment::Surroundings;
use crate::invocation::Invocation;
use crate::testcase::{Run, TestBinary};
use cargo_metadata::camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{BuildScript, PackageId};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Path of the description of the binaries, the first entry of an archive.
pub(crate) const BINARIES: &str = "target/nextest/binaries-metadata.json";
/// Path of the output of `cargo metadata`, the second entry.
pub(crate) const METADATA: &str = "target/nextest/cargo-metadata.json";
/// Directory of the target directory's files.
pub(crate) const TARGET: &str = "target";
/// Directory of the standard library below the target directory.
const LIBRARY: &str = "nextest/libdirs/host";

/// Description of the binaries. Of its members those are read that execution needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Described {
    rust_build_meta: Output,
    rust_binaries: BTreeMap<String, Binary>,
}

/// Output of the build, with paths relative to the target directory.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Output {
    non_test_binaries: BTreeMap<String, Vec<Program>>,
    #[serde(default)]
    build_script_out_dirs: BTreeMap<String, Utf8PathBuf>,
    #[serde(default)]
    build_script_info: Option<BTreeMap<String, ScriptInfo>>,
    #[serde(default)]
    linked_paths: BTreeSet<Utf8PathBuf>,
    #[serde(default)]
    platforms: Option<Platforms>,
}

#[derive(Debug, Deserialize)]
struct Program {
    kind: String,
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct ScriptInfo {
    #[serde(default)]
    envs: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Platforms {
    host: Platform,
    #[serde(default)]
    targets: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    platform: Triple,
}

#[derive(Debug, Deserialize)]
struct Triple {
    triple: String,
}

#[derive(Debug, Deserialize)]
struct Binary {
    #[serde(rename = "binary-id")]
    id: String,
    #[serde(rename = "binary-name")]
    name: String,
    #[serde(rename = "package-id")]
    package: String,
    kind: String,
    #[serde(rename = "binary-path")]
    path: Utf8PathBuf,
}

impl Output {
    /// Returns the outputs of build scripts as cargo tells them. Directories with libraries are those of one more, since
    /// the archive does not say by which scripts they were named.
    fn scripts(&self, target: &Utf8Path) -> serde_json::Result<Vec<BuildScript>> {
        // The type has no constructor.
        let script = |package: &str, variables: &BTreeMap<String, String>, directory: &Utf8Path, linked| {
            serde_json::from_value(json!({
                "package_id": package, "linked_libs": [], "linked_paths": linked, "cfgs": [],
                "env": variables.iter().collect::<Vec<_>>(), "out_dir": target.join(directory),
            }))
        };
        let none = BTreeMap::new();
        let linked = self.linked_paths.iter().map(|path| target.join(path)).collect();
        let linking = script("", &none, Utf8Path::new(""), linked);
        let own = self.build_script_out_dirs.iter().map(|(package, directory)| {
            let info = self.build_script_info.as_ref().and_then(|info| info.get(package));
            script(package, info.map_or(&none, |info| &info.envs), directory, Vec::new())
        });
        std::iter::once(linking).chain(own).collect()
    }

    /// Returns the architecture of the tests.
    fn architecture(&self) -> Option<&str> {
        let Platforms { host, targets } = self.platforms.as_ref()?;
        targets.first().unwrap_or(host).platform.triple.split('-').next()
    }
}

/// Build in an archive.
#[derive(Debug)]
pub(crate) struct Archived {
    /// Build, with the paths of the machine on which it was done.
    pub(crate) build: Build,
    /// Architecture of the tests, if the archive names it.
    pub(crate) architecture: Option<String>,
}

/// Error of the description of a build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescriptionError {
    /// The text is not what nextest writes.
    #[error("the description of its binaries cannot be read")]
    Parse(#[from] serde_json::Error),
    /// The names and paths do not fit together.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// The sources, which are not in the archive, are not in the workspace.
    #[error("`{}` is not there", .0.display())]
    NoSources(PathBuf),
}

/// Reads the description of a build. `remap` is the new directory of the workspace.
///
/// # Errors
/// When the texts are not what nextest writes, or the sources are not in the workspace.
pub(crate) fn read(
    binaries: &[u8],
    metadata: &[u8],
    remap: Option<&Path>,
    invocation: &Invocation,
) -> Result<Archived, DescriptionError> {
    let Described { rust_build_meta: output, rust_binaries } = serde_json::from_slice(binaries)?;
    let project = Project::parse(&String::from_utf8_lossy(metadata))?;
    let binaries = Tests { project: &project, output: &output, remap, invocation }.all(rust_binaries)?;
    let build = build(&project, &output, binaries);
    Ok(Archived { build, architecture: output.architecture().map(str::to_owned) })
}

fn build(project: &Project, output: &Output, binaries: Vec<Arc<TestBinary>>) -> Build {
    let packages: BTreeSet<_> = binaries.iter().map(|binary| binary.directory.clone()).collect();
    let programs = output.non_test_binaries.values().flatten().filter(|program| program.kind == "bin-exe");
    Build {
        programs: programs.map(|program| project.target.as_std_path().join(&program.path)).collect(),
        directories: Directories {
            workspace: project.workspace.clone(),
            packages: packages.into_iter().collect(),
            dependencies: Vec::new(),
            target: project.target.clone().into(),
            build: project.build.clone().into(),
        },
        // Nothing is said of what was left out.
        is_whole: false,
        untested_documentation: Vec::new(),
        known: project.known(),
        binaries,
    }
}

struct Tests<'a> {
    project: &'a Project,
    output: &'a Output,
    remap: Option<&'a Path>,
    invocation: &'a Invocation,
}

impl Tests<'_> {
    /// Returns all test binaries, in the order in which `cargo test` runs them.
    fn all(&self, binaries: BTreeMap<String, Binary>) -> Result<Vec<Arc<TestBinary>>, DescriptionError> {
        let Self { project, invocation, .. } = self;
        let given = Given {
            runner: Vec::new(),
            environment: self.environment(),
            library: project.target.join(LIBRARY).into(),
        };
        let places = binaries.values().map(|binary| Place::new(&binary.path, project));
        let places: Vec<Place> = places.collect::<Result<_, _>>()?;
        let configured = Configured::alike(places.iter().map(|place| place.triple.clone()), &given);
        let scripts = self.output.scripts(&project.target)?;
        let surroundings = Surroundings::new(project, &scripts, &configured, invocation);
        let run = Arc::new(Run {
            id: String::new(),
            workspace: project.workspace.clone(),
            target: project.target.clone().into(),
            build: project.build.clone().into(),
        });
        let tests = binaries.into_values().zip(&places);
        let tests = tests.map(|(binary, place)| self.one(binary, place, &surroundings, &run));
        let mut tests: Vec<_> = tests.collect::<Result<_, _>>()?;
        tests.sort_by(|one, other| {
            (&one.package, one.kind, &one.name).cmp(&(&other.package, other.kind, &other.name))
        });
        Ok(tests)
    }

    fn one(
        &self,
        binary: Binary,
        place: &Place,
        surroundings: &Surroundings<'_>,
        run: &Arc<Run>,
    ) -> Result<Arc<TestBinary>, DescriptionError> {
        let unknown = || CargoError::UnknownPackage(binary.package.clone());
        let id = PackageId { repr: binary.package.clone() };
        let package = self.project.package(&id).ok_or_else(unknown)?;
        let is_built_from = |target: &&cargo_metadata::Target| {
            target.name == binary.name && kind(target).as_str() == binary.kind
        };
        let target = package.targets.iter().find(is_built_from).ok_or_else(unknown)?;
        let manifest = self.moved(package.manifest_path.as_std_path());
        if !manifest.exists() {
            return Err(DescriptionError::NoSources(manifest));
        }
        let harness = Harnesses::read(&manifest)?.is_standard(target);
        let environment = surroundings.environment(package, target, place)?;
        Ok(Arc::new(TestBinary {
            id: binary.id,
            package: package.name.to_string(),
            name: binary.name,
            kind: kind(target),
            related: self.project.related(&id),
            harness,
            path: binary.path.into(),
            directory: package.manifest_path.parent().map(Into::into).unwrap_or_default(),
            environment,
            runner: Vec::new(),
            run: Arc::clone(run),
        }))
    }

    /// Returns the environment of the caller with that of cargo's configuration.
    fn environment(&self) -> Variables {
        let mut all: Variables = self.invocation.environment.iter().cloned().collect();
        let mut known = BTreeSet::new();
        for (file, settings) in configurations(&self.moved(&self.project.workspace), self.invocation) {
            let Ok(Configuration { env, .. }) = settings else { continue };
            for (name, said) in env {
                let is_nearest = known.insert(name.clone());
                if is_nearest && (said.force() || !all.contains_key(OsStr::new(&name))) {
                    all.insert(name.into(), said.value(&file));
                }
            }
        }
        all
    }

    fn moved(&self, path: &Path) -> PathBuf {
        let below = self.remap.zip(path.strip_prefix(&self.project.workspace).ok());
        below.map_or_else(|| path.to_owned(), |(workspace, below)| workspace.join(below))
    }
}

/// Configuration file of cargo. Of its settings those are read that hold for the execution of tests.
#[derive(Debug, Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    env: BTreeMap<String, Variable>,
    #[serde(default)]
    target: BTreeMap<String, toml::Value>,
    include: Option<toml::Value>,
}

/// Variable of the environment, as a text or as a table.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Variable {
    Text(String),
    Table {
        value: String,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        relative: bool,
    },
}

impl Variable {
    const fn force(&self) -> bool {
        matches!(self, Self::Table { force: true, .. })
    }

    /// Returns the value; a relative path begins where the directory `.cargo` of the file is.
    fn value(self, file: &Path) -> OsString {
        match self {
            Self::Table { value, relative: true, .. } => {
                file.ancestors().nth(2).unwrap_or(Path::new("/")).join(value).into()
            }
            Self::Text(value) | Self::Table { value, .. } => value.into(),
        }
    }
}

/// Returns the configuration files of cargo that hold in a directory, the nearest first.
fn configurations(
    directory: &Path,
    invocation: &Invocation,
) -> Vec<(PathBuf, Result<Configuration, toml::de::Error>)> {
    let home = invocation.variable("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| invocation.variable("HOME").map(|home| Path::new(home).join(".cargo")));
    let directories = directory.ancestors().map(|directory| directory.join(".cargo")).chain(home);
    let mut known = BTreeSet::new();
    let files = directories.map(|directory| directory.join("config.toml"));
    let files = files.filter(|file| known.insert(file.clone()));
    let read = |file: PathBuf| fs::read_to_string(&file).ok().map(|text| (file, toml::from_str(&text)));
    files.filter_map(read).collect()
}

/// Returns the configuration files of cargo that say more of the execution of tests in a workspace than what is read of them:
/// runners, further files, or what is not understood.
pub(crate) fn not_applied(workspace: &Path, invocation: &Invocation) -> Vec<PathBuf> {
    let configurations = configurations(workspace, invocation).into_iter();
    let left_out = configurations.filter(|(_, settings)| settings.as_ref().map_or(true, says_more));
    left_out.map(|(file, _)| file).collect()
}

fn says_more(configuration: &Configuration) -> bool {
    let mut platforms = configuration.target.values();
    configuration.include.is_some() || platforms.any(|platform| platform.get("runner").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_whoever_linked_them() {
        let output = |scripts: serde_json::Value| -> Output {
            serde_json::from_value(json!({
                "non-test-binaries": {}, "linked-paths": ["debug/build/z-1/out"], "build-script-out-dirs": scripts,
                "build-script-info": {"a": {"envs": {"A": "1"}}},
            }))
            .unwrap()
        };
        for scripts in [json!({}), json!({"a": "debug/build/a-1/out"})] {
            let told = output(scripts.clone()).scripts(Utf8Path::new("/t")).unwrap();
            let linked: Vec<_> = told.iter().flat_map(|script| &script.linked_paths).collect();
            assert_eq!(linked, ["/t/debug/build/z-1/out"], "{scripts}");
        }
        let told = output(json!({"a": "debug/build/a-1/out"})).scripts(Utf8Path::new("/t")).unwrap();
        assert_eq!(told[1].env, [("A".to_owned(), "1".to_owned())]);
        assert_eq!(told[1].out_dir, "/t/debug/build/a-1/out");
    }

    #[test]
    fn of_a_configuration_the_environment_is_read_and_the_rest_told_that_tests_depend_on() {
        let read = |text: &str| toml::from_str::<Configuration>(text);
        for (text, more) in [
            ("[env]\nA = '1'", false),
            ("[build]\njobs = 1\n[target.x86_64-unknown-linux-gnu]\nlinker = 'cc'", false),
            ("[target.x86_64-unknown-linux-gnu]\nrunner = 'qemu'", true),
            ("include = 'other.toml'", true),
        ] {
            assert_eq!(says_more(&read(text).unwrap()), more, "{text}");
        }
        let mut env = read("env.A = 'a'\n[env.B]\nvalue = 'b'\nforce = true\nrelative = true").unwrap().env;
        let mut one = |name: &str| env.remove(name).unwrap();
        let (a, b) = (one("A"), one("B"));
        assert_eq!((a.force(), b.force()), (false, true));
        let file = Path::new("/w/.cargo/config.toml");
        assert_eq!((a.value(file), b.value(file)), ("a".into(), "/w/b".into()));
    }
}
