//! Sample package for queries about the environment and the runner of tests: only cargo itself reads its
//! configuration as cargo does.
//!
//! The package is never compiled. A script in place of rustc writes down the environment that cargo gave it, in which `[env]`
//! is what it is for tests, and cargo then says by which runner it would execute the result.

mod files;
mod library;
mod said;

pub(crate) use said::Variables;

use crate::cargo::command_output;
use crate::cargo::error::{CargoError, Stage};
use crate::cargo::output_directories::Place;
use crate::cli::CargoArgs;
use crate::invocation::Invocation;
use cargo_metadata::camino::Utf8PathBuf;
use files::renew;
use library::{Call, Libraries};
use nix::unistd::getpid;
use said::{NAME, Record};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Settings of tests in cargo's configuration, by target triple; `None` for the host, whose output has no
/// subdirectory.
#[derive(Debug, Default)]
pub(crate) struct Configured(HashMap<Option<String>, Given>);

/// Settings of the tests of one target triple in cargo's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// Runner, program first; empty without one.
    pub(crate) runner: Vec<OsString>,
    /// Environment without the variables of a package.
    pub(crate) environment: Variables,
    /// Directory of the standard library.
    pub(crate) library: PathBuf,
}

/// Records of the script, by target triple.
type Records = HashMap<Option<String>, Record>;

type Invalid = Box<dyn std::error::Error + Send + Sync>;

/// Kind of the sample's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Program, built for the target triples of the command line.
    Program,
    /// Procedural macro, built for the host.
    Macro,
}

/// Sample package in the target directory.
#[derive(Debug)]
pub(crate) struct Sample<'a> {
    cargo: &'a OsStr,
    arguments: &'a CargoArgs,
    invocation: &'a Invocation,
    kind: Kind,
    /// Target directory of the project.
    target_directory: &'a Utf8PathBuf,
    directory: Utf8PathBuf,
}

/// Variables that cargo gives to rustc and not to tests.
const OF_RUSTC: [&str; 8] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MAKEFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_RUSTC_CURRENT_DIR",
    "CARGO_SBOM_PATH",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
];

/// Prefixes of the names of variables that depend on the package.
const OF_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

const RECORD: &str = "ISOTEST_SAMPLE_RECORD";
const WRAPPER: &str = "ISOTEST_SAMPLE_WRAPPER";

impl Configured {
    /// Returns the settings for a target triple.
    pub(crate) fn get(&self, triple: Option<&String>) -> Option<&Given> {
        self.0.get(&triple.cloned())
    }

    /// Returns the platforms of the build: the typed ones, or else those of cargo's configuration.
    pub(crate) fn platforms(&self, typed: &[OsString]) -> Vec<OsString> {
        if typed.is_empty() { self.targets().map(OsString::from).collect() } else { typed.to_vec() }
    }

    /// Returns the target triples, including the host's if the build is for it.
    pub(crate) fn targets(&self) -> impl Iterator<Item = String> {
        self.runners().map(|(triple, _)| triple)
    }

    /// Returns the runner of each target triple; empty for a triple without one.
    pub(crate) fn runners(&self) -> impl Iterator<Item = (String, &[OsString])> {
        // A standard library is at `lib/rustlib/TRIPLE/lib`.
        let of_library = |given: &Given| Some(given.library.parent()?.file_name()?.to_str()?.to_owned());
        let triple =
            move |(triple, given): (&Option<String>, &Given)| triple.clone().or_else(|| of_library(given));
        self.0.iter().filter_map(move |each| Some((triple(each)?, each.1.runner.as_slice())))
    }

    /// Creates the same settings for several target triples.
    pub(crate) fn alike(triples: impl Iterator<Item = Option<String>>, given: &Given) -> Self {
        Self(triples.map(|triple| (triple, given.clone())).collect())
    }

    /// Adds the settings for further target triples.
    pub(crate) fn add(&mut self, other: Self) {
        for (triple, given) in other.0 {
            self.0.entry(triple).or_insert(given);
        }
    }
}

impl<'a> Sample<'a> {
    /// Creates a sample below a target directory.
    pub(crate) fn new(
        cargo: &'a OsStr,
        arguments: &'a CargoArgs,
        invocation: &'a Invocation,
        kind: Kind,
        target: &'a Utf8PathBuf,
    ) -> Self {
        let name = match kind {
            Kind::Program => "isotest/sample/program",
            Kind::Macro => "isotest/sample/macro",
        };
        Self { cargo, arguments, invocation, kind, target_directory: target, directory: target.join(name) }
    }

    /// Asks cargo for the settings of tests. The sample is kept in the target directory, or among temporary files if
    /// that one cannot be written to, or if its name would split cargo's answer into several lines.
    ///
    /// # Errors
    /// When the sample cannot be written, or cargo fails or its answer cannot be parsed.
    pub(crate) fn ask(&self) -> Result<Configured, CargoError> {
        if !self.directory.as_str().contains('\n') && self.write().is_ok() {
            return self.answer();
        }
        let unwritten = |source: io::Error| CargoError::File {
            what: "the sample package for cargo".to_owned(),
            source: source.into(),
        };
        let place = tempfile::tempdir().map_err(unwritten)?;
        let directory = Utf8PathBuf::try_from(place.path().to_path_buf());
        let directory = directory.map_err(|error| unwritten(error.into_io_error()))?;
        let sample = Sample { directory, ..*self };
        sample.write().map_err(unwritten)?;
        sample.answer()
    }

    fn answer(&self) -> Result<Configured, CargoError> {
        let record = self.directory.join(format!("record.{}", getpid()));
        let (said, recorded) = (self.said(&record), fs::read(&record));
        // The file is missing if cargo did not start the script.
        let _ = fs::remove_file(&record);
        let said = said?;
        let invalid =
            |source| CargoError::Answer { program: self.cargo.into(), stage: Stage::Metadata, source };
        let records = recorded.map_err(Into::into).and_then(|recorded| self.records(&recorded));
        let records = self.with_libraries(records.map_err(invalid)?)?;
        self.configured(&said, records).map_err(invalid)
    }

    /// Adds the directory of the standard library to each record.
    fn with_libraries(
        &self,
        records: Records,
    ) -> Result<HashMap<Option<String>, (PathBuf, Record)>, CargoError> {
        let mut libraries = Libraries::read(self.directory.as_std_path());
        let mut complete = HashMap::new();
        for (triple, record) in records {
            let library = libraries.of(Call { words: &record.words, environment: &record.environment })?;
            complete.insert(triple, (library, record));
        }
        libraries.keep();
        Ok(complete)
    }

    fn said(&self, record: &Utf8PathBuf) -> Result<String, CargoError> {
        let mut command = self.invocation.command(self.cargo);
        command.args(["test", "--no-run", "--offline", "--verbose", "--color", "never", "--jobs", "1"]);
        command.arg("--manifest-path").arg(self.directory.join("Cargo.toml"));
        command.arg("--target-dir").arg(self.target());
        command.args(self.arguments.configuration_arguments());
        let place = toml::Value::from(self.target().as_str());
        let rustc = toml::Value::from(self.rustc().as_str());
        command.args(["--config", &format!("build.build-dir={place}")]);
        command.args(["--config", &format!("build.rustc-wrapper={rustc}")]);
        if let Some(wrapper) = self.invocation.variable("RUSTC_WRAPPER") {
            // The variable takes precedence over `--config`.
            command.env("RUSTC_WRAPPER", self.rustc()).env(WRAPPER, wrapper);
        }
        command.env(RECORD, record);
        command_output::remarks(&mut command, "cargo test --no-run --verbose", Stage::Metadata)
    }

    fn target(&self) -> Utf8PathBuf {
        self.directory.join("target")
    }

    fn rustc(&self) -> Utf8PathBuf {
        self.directory.join("rustc")
    }

    fn write(&self) -> io::Result<()> {
        let target = match self.kind {
            Kind::Program => "[[bin]]",
            Kind::Macro => "[lib]\nproc-macro = true",
        };
        let manifest = format!(
            "[package]\nname = \"{NAME}\"\nversion = \"0.0.0\"\n\n\
             {target}\nname = \"{NAME}\"\npath = \"main.rs\"\ntest = true\nharness = false\n\n[workspace]\n"
        );
        if !self.target_directory.exists() {
            // Cargo marks only those directories as caches that it makes itself.
            fs::create_dir_all(self.target_directory)?;
            let tag = self.target_directory.join("CACHEDIR.TAG");
            renew(tag.as_std_path(), "Signature: 8a477f597d28d172789f06886806bc55\n", 0o644)?;
        }
        fs::create_dir_all(&self.directory)?;
        let place = |name| self.directory.join(name).into_std_path_buf();
        renew(&place("Cargo.toml"), &manifest, 0o644)?;
        renew(&place("main.rs"), "fn main() {}\n", 0o644)?;
        renew(&place("rustc"), include_str!("rustc.sh"), 0o755)
    }

    /// Returns the target triple of one of the sample's executables.
    fn triple(&self, executable: &str) -> Result<Option<String>, Invalid> {
        let target = self.target();
        let place = Place::within(executable.into(), &target, &target);
        place
            .map(|place| place.triple)
            .ok_or_else(|| format!("`{executable}` is in no directory of executables").into())
    }

    /// Parses the records of the script, by target triple.
    fn records(&self, recorded: &[u8]) -> Result<Records, Invalid> {
        let records = said::records(recorded).ok_or("the record of cargo's environment is cut off")?;
        let of_triple = |record: Record| {
            let directory = record.directory().ok_or("the record of cargo's environment has no directory")?;
            Ok((self.triple(&format!("{directory}/{NAME}"))?, record))
        };
        records.into_iter().map(of_triple).collect()
    }

    fn configured(
        &self,
        said: &str,
        mut records: HashMap<Option<String>, (PathBuf, Record)>,
    ) -> Result<Configured, Invalid> {
        let mut configured = Configured::default();
        for (runner, executable) in said::executables(said, &self.target(), |path| Path::new(path).is_file())
        {
            let triple = self.triple(&executable)?;
            let Some((library, Record { environment, .. })) = records.remove(&triple) else {
                return Err(format!("there is no record of the environment of `{executable}`").into());
            };
            configured.0.insert(triple, Given { runner, environment: self.of_tests(environment), library });
        }
        if configured.0.is_empty() {
            return Err("it does not say how it would execute a test".into());
        }
        Ok(configured)
    }

    /// Converts the environment of the script to that of tests.
    fn of_tests(&self, mut environment: Variables) -> Variables {
        environment.remove(OsStr::new(RECORD));
        environment.remove(OsStr::new(WRAPPER));
        let is_ours = |name: &str, value: &OsString| {
            OF_RUSTC.contains(&name)
                || OF_PACKAGE.iter().any(|beginning| name.starts_with(beginning))
                || name == "RUSTC_WRAPPER" && value == self.rustc().as_os_str()
        };
        environment.retain(|name, value| !name.to_str().is_some_and(|name| is_ours(name, value)));
        for (name, value) in &self.invocation.environment {
            environment.entry(name.clone()).or_insert_with(|| value.clone());
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_a_name_and_a_runner() {
        let given = |library: &str, runner: &[&str]| Given {
            runner: runner.iter().map(OsString::from).collect(),
            environment: Variables::new(),
            library: library.into(),
        };
        let configured = Configured(HashMap::from([
            (None, given("/toolchain/lib/rustlib/x86_64-unknown-linux-gnu/lib", &[])),
            (Some("board".to_owned()), given("/toolchain/lib/rustlib/board/lib", &["qemu", "-L"])),
        ]));
        let mut runners: Vec<_> =
            configured.runners().map(|(triple, runner)| (triple, runner.to_vec())).collect();
        runners.sort();
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let expected = [
            ("board".to_owned(), words(&["qemu", "-L"])),
            ("x86_64-unknown-linux-gnu".to_owned(), words(&[])),
        ];
        assert_eq!(runners, expected);
        assert_eq!(configured.platforms(&words(&["typed"])), words(&["typed"]));
        assert_eq!(configured.platforms(&[]).len(), 2);
    }
}
