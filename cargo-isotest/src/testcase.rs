//! Test binaries and the test cases in them.

use crate::budget::TestBudget;
use crate::text::sanitize::word;
use crate::values::{Priority, ThreadsRequired};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use strum::{EnumCount, IntoStaticStr, VariantArray};

/// Run that tests are part of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// UUID of the run.
    pub(crate) id: String,
    /// Directory of the workspace's manifest.
    pub(crate) workspace: PathBuf,
    /// Target directory.
    pub(crate) target: PathBuf,
    /// Build directory for intermediate files; usually the target directory.
    pub(crate) build: PathBuf,
}

/// Kind of the target that a test binary is built of, in the order in which cargo executes the tests of a package.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumCount,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum BinaryKind {
    /// Library.
    #[default]
    Lib,
    /// Procedural macros.
    ProcMacro,
    /// Program.
    Bin,
    /// Integration test.
    Test,
    /// Benchmark.
    Bench,
    /// Example.
    Example,
}

impl BinaryKind {
    /// List of all kinds.
    pub(crate) const ALL: [Self; Self::COUNT] = *Self::VARIANTS.as_array().unwrap();

    /// Returns the kind in cargo's words.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the id of a binary of this kind.
    pub(crate) fn id(self, package: &str, name: &str) -> String {
        match self {
            Self::Lib | Self::ProcMacro => package.to_owned(),
            Self::Test => format!("{package}::{name}"),
            Self::Bin | Self::Bench | Self::Example => format!("{package}::{}/{name}", self.as_str()),
        }
    }

    /// Returns the platform that a binary of this kind is built for.
    pub(crate) const fn platform(self) -> Platform {
        match self {
            Self::ProcMacro => Platform::Host,
            Self::Lib | Self::Bin | Self::Test | Self::Bench | Self::Example => Platform::Target,
        }
    }
}

/// Platform that a binary is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Machine that builds.
    Host,
    /// Machine of the target triple, often the one that builds.
    Target,
}

/// Packages of the workspace that one package depends on or that depend on it, over any number of others. Empty if
/// nothing asks for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Related {
    /// Packages that the package depends on.
    pub(crate) dependencies: BTreeSet<String>,
    /// Packages that depend on the package.
    pub(crate) dependents: BTreeSet<String>,
}

/// Built artifact with tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// Id of the binary: `pkg` for the unit tests of a library, `pkg::name` for an integration test, `pkg::bin/name`,
    /// `pkg::example/name` and `pkg::bench/name` for the rest.
    pub(crate) id: String,
    /// Name of the package.
    pub(crate) package: String,
    /// Name of the target.
    pub(crate) name: String,
    /// Kind of the target.
    pub(crate) kind: BinaryKind,
    /// Packages that the binary's package depends on, and packages that depend on it.
    pub(crate) related: Arc<Related>,
    /// Whether cargo gave the binary the standard test harness.
    pub(crate) harness: bool,
    /// Absolute path of the executable.
    pub(crate) path: PathBuf,
    /// Working directory under `cargo test`.
    pub(crate) directory: PathBuf,
    /// Complete environment under `cargo test`.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Runner of the binary, program first: `target.runner` of cargo's configuration; empty without a runner.
    pub(crate) runner: Vec<OsString>,
    /// Run that the binary is part of.
    pub(crate) run: Arc<Run>,
}

impl TestBinary {
    /// Returns `LD_LIBRARY_PATH` of the binary's environment.
    pub(crate) fn library_path(&self) -> Option<&OsStr> {
        let variable = self.environment.iter().find(|(name, _)| name == "LD_LIBRARY_PATH");
        variable.map(|(_, value)| value.as_os_str())
    }
}

/// Named test in a test binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestCase {
    /// Test binary.
    pub(crate) binary: Arc<TestBinary>,
    /// Name as listed by the harness, as text; the binary's name if the whole binary is one test.
    pub(crate) name: String,
    /// Name as listed by the harness, byte for byte, for running the test.
    pub(crate) raw_name: OsString,
    /// Whether the test is marked `#[ignore]`.
    pub(crate) ignored: bool,
    /// Whether the whole binary is one test, since it has no known harness.
    pub(crate) whole: bool,
    /// Budget of the test.
    pub(crate) budget: TestBudget,
    /// Test group that the test is in, if it is in one.
    pub(crate) group: Option<Arc<str>>,
    /// Number of threads of the run that the test takes.
    pub(crate) threads_required: ThreadsRequired,
    /// Rank of the test among those that could start.
    pub(crate) priority: Priority,
    /// Whether the test runs if nobody says otherwise.
    pub(crate) is_default: bool,
}

impl TestCase {
    /// Creates a test of a harness, not ignored.
    pub(crate) fn named(binary: &Arc<TestBinary>, name: &OsStr) -> Self {
        Self {
            binary: Arc::clone(binary),
            name: name.to_string_lossy().into_owned(),
            raw_name: name.to_owned(),
            ignored: false,
            whole: false,
            budget: TestBudget::default(),
            group: None,
            threads_required: ThreadsRequired::default(),
            priority: Priority::default(),
            is_default: true,
        }
    }

    /// Returns the test as it is named in reports: id of the binary, blank, name.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", word(&self.binary.id), word(&self.name))
    }

    /// Creates a stand-in for `count` tests of a binary that share one process.
    pub(crate) fn together(binary: &Arc<TestBinary>, count: usize) -> Self {
        Self::named(binary, format!("{count} tests in one process").as_ref())
    }

    /// Creates the one test of a binary without a known harness.
    pub(crate) fn whole(binary: &Arc<TestBinary>) -> Self {
        Self { whole: true, ..Self::named(binary, binary.name.as_ref()) }
    }
}
