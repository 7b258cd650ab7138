//! Test binaries and the test cases in them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

/// The run that tests are part of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// A UUID that no other run has.
    pub(crate) id: String,
    /// The directory of the workspace's manifest.
    pub(crate) workspace: PathBuf,
}

/// One built artefact that holds tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// `pkg` for the unit tests of a library, `pkg::name` for an integration test, `pkg::bin/name`,
    /// `pkg::example/name` and `pkg::bench/name` for the rest.
    pub(crate) id: String,
    /// The package's name.
    pub(crate) package: String,
    /// The target's name.
    pub(crate) name: String,
    /// Whether cargo gave it the standard test harness.
    pub(crate) harness: bool,
    /// The executable, absolute.
    pub(crate) path: PathBuf,
    /// The working directory `cargo test` gives it.
    pub(crate) directory: PathBuf,
    /// The whole environment `cargo test` gives it.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The `target.runner` of cargo's configuration, program first; empty without one.
    pub(crate) runner: Vec<OsString>,
    /// The run it is part of.
    pub(crate) run: Arc<Run>,
}

impl TestBinary {
    /// Where the environment of the binary's tests says that libraries are.
    pub(crate) fn library_path(&self) -> Option<&OsStr> {
        let variable = self.environment.iter().find(|(name, _)| name == "LD_LIBRARY_PATH");
        variable.map(|(_, value)| value.as_os_str())
    }
}

/// One named test in a test binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestCase {
    /// The binary.
    pub(crate) binary: Arc<TestBinary>,
    /// The name the harness listed, as text; the binary's own name if the binary runs whole.
    pub(crate) name: String,
    /// The name as the harness wrote it, byte for byte, by which it is asked for.
    pub(crate) raw_name: OsString,
    /// Whether the harness ignores it unless asked.
    pub(crate) ignored: bool,
    /// Whether the binary does not speak the harness protocol and is executed as one test.
    pub(crate) whole: bool,
}

impl TestCase {
    /// A test of a harness, not ignored.
    pub(crate) fn named(binary: &Arc<TestBinary>, name: &OsStr) -> Self {
        Self {
            binary: Arc::clone(binary),
            name: name.to_string_lossy().into_owned(),
            raw_name: name.to_owned(),
            ignored: false,
            whole: false,
        }
    }

    /// So many of a binary's tests that share a process, as if they were one.
    pub(crate) fn together(binary: &Arc<TestBinary>, count: usize) -> Self {
        Self::named(binary, format!("{count} tests in one process").as_ref())
    }

    /// The binary as one test.
    pub(crate) fn whole(binary: &Arc<TestBinary>) -> Self {
        Self { whole: true, ..Self::named(binary, binary.name.as_ref()) }
    }
}
