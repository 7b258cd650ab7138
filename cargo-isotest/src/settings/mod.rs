//! Settings of a run, with the origin of each value: the one place where the command line, the environment and the
//! defaults meet.
//!
//! Each source is a [layer](layer::Layer) of values, any of which may be absent. The layers are merged in one order,
//! the highest first: flags, arguments for the test harness, the environment, the configuration file. Values that are
//! absent from all layers have their defaults here. Settings of some tests in the configuration file take precedence
//! over all of its other settings.

mod config;
mod display;
mod environment;
mod error;
mod execution;
mod groups;
mod held;
mod layer;
mod limits;
mod overrides;
mod paths;
mod policy;
mod said;
mod sandbox;
mod scripts;
mod setting;
mod shard;
mod task;
mod test;

#[cfg(test)]
mod tests;
mod typed;
mod update;

pub(crate) use config::LeftOut;
pub(crate) use display::DisplaySettings;
pub(crate) use error::SettingsError;
pub(crate) use execution::{Execution, Process, cpus};
pub(crate) use groups::TestGroups;
pub(crate) use held::{Held, HeldOverride};
pub(crate) use paths::{Bind, BindAccess};
pub(crate) use said::Said;
pub(crate) use sandbox::SandboxSettings;
pub(crate) use scripts::SetupScript;
pub(crate) use setting::{Origin, Part, Place, Setting, Table};
pub(crate) use task::{Command, Task, Tool};
pub(crate) use test::TestSettings;
pub(crate) use update::Update;

use crate::budget::{self, Written};
use crate::cli::{Budgets, CargoArgs, CourseArgs, ReportFile, RootWord, RunFormat};
use crate::remark::Remark;
use crate::select::Selection;
use crate::select::filterset::{Filterset, Known, TestQuery};
use crate::testcase::{TestBinary, TestCase};
use anstream::ColorChoice;
use error::{ConfigError, Fault};
use isotest_core::budget::Budget;
use layer::Layer;
use overrides::{Override, Overrides};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Settings of a run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Task of the command.
    pub(crate) task: Task,
    /// Flags that are passed on to cargo.
    pub(crate) cargo: CargoArgs,
    /// Criteria by which tests are selected.
    pub(crate) selection: Selection,
    /// Settings of the execution of tests.
    pub(crate) execution: Execution,
    /// Settings of the sandboxes.
    pub(crate) sandbox: SandboxSettings,
    /// Settings of tests that no override matches, and of commands that are no tests.
    pub(crate) test: TestSettings,
    /// Whether results of tests are kept, and used in later runs.
    pub(crate) history: Setting<bool>,
    held: Vec<Held>,
    overrides: Overrides,
    /// Filterset of the tests that run by default; `None` for all tests.
    pub(crate) default_filter: Option<Setting<Filterset>>,
    /// Keys of cargo-nextest's configuration that have no meaning here.
    pub(crate) left_out: Vec<LeftOut>,
    /// Whether the project has only a configuration of cargo-nextest, which is not taken over.
    pub(crate) passes_over: bool,
    /// Limits of threads of test groups.
    pub(crate) groups: TestGroups,
    /// Whether tests wait until there is memory for their expected peaks.
    pub(crate) memory_aware: Setting<bool>,
    /// Mode in which budgets of tests are handled.
    pub(crate) budgets: Setting<Budgets>,
    /// Flags about the run as a whole.
    pub(crate) course: CourseArgs,
    /// Settings of the report for humans.
    pub(crate) display: DisplaySettings,
    /// Format of standard output.
    pub(crate) message_format: Setting<RunFormat>,
    /// Files to which results are written in addition to standard output.
    pub(crate) reports: Vec<Setting<ReportFile>>,
    /// Names of the environment variables whose values stand in no report.
    pub(crate) redact: Vec<String>,
    /// Choice of colour; automatic choice depends on the streams.
    pub(crate) color: Setting<ColorChoice>,
    /// Arguments that do not select tests, as typed.
    pub(crate) again: Vec<OsString>,
    /// Environment variables that hold settings of one test, with their values.
    pub(crate) variables: Vec<(&'static str, OsString)>,
}

impl Settings {
    /// Checks that each name in a filterset matches something in the project. Returns whether a filterset contains a
    /// predicate about dependencies between packages.
    ///
    /// # Errors
    /// When a name matches nothing.
    pub(crate) fn check_filtersets(&self, known: &Known) -> Result<bool, SettingsError> {
        let known = &Known { groups: self.groups.names().map(str::to_owned).collect(), ..known.clone() };
        let typed = &self.selection.filtersets;
        typed.iter().try_for_each(|filterset| filterset.check(known))?;
        let needs_dependencies = self.overrides.check(known)?;
        let default = self.default_filter.as_ref();
        if let Some(Setting { value: filter, origin: Origin::File(key, place) }) = default {
            let wrong = |error| ConfigError { place: *place, fault: Fault::Filter { key, error } };
            filter.check(known).map_err(wrong)?;
        }
        let default = default.map(|filter| &filter.value);
        Ok(needs_dependencies || typed.iter().chain(default).any(Filterset::needs_dependencies))
    }

    /// Returns the value of each key of the whole run, with its origin.
    pub(crate) fn held_of_run(&self) -> &[Held] {
        &self.held
    }

    /// Returns the value of each key for a test, with its origin; without a test, the values for tests that no
    /// override matches. `beside` are the budgets that stand beside the test.
    pub(crate) fn held_of_test(&self, test: Option<&TestCase>, beside: &[Written]) -> Vec<Held> {
        let matching = test.map(|test| self.overrides.of(Some(test))).unwrap_or_default();
        let (mut test, levels) = (self.overrides.layer(matching), self.overrides.levels().to_vec());
        test.budgets.extend(beside.iter().map(said_beside));
        config::held_of_test(&Layer { test, levels, ..Layer::default() })
    }

    /// Returns the settings of each override that holds for a test, or of all overrides without a test.
    pub(crate) fn held_overrides(&self, test: Option<&TestCase>) -> Vec<HeldOverride> {
        let held = |one: &Override| {
            let layer = Layer { test: one.layer.clone(), ..Layer::default() };
            HeldOverride { filter: one.filter.clone(), place: one.place, said: config::said_of_test(&layer) }
        };
        self.overrides.of(test).into_iter().map(held).collect()
    }

    /// Returns warnings about the overrides that hold for none of the tests.
    pub(crate) fn unused_overrides(&self, tests: &[TestCase]) -> Vec<Remark> {
        self.overrides.unused(tests)
    }

    /// Returns whether some tests write a path through to the host.
    pub(crate) fn keep_some(&self) -> bool {
        self.keeps().next().is_some()
    }

    /// Returns the paths that some tests write through to the host.
    fn keeps(&self) -> impl Iterator<Item = &Setting<PathBuf>> {
        self.test.keeps.iter().chain(self.overrides.keeps())
    }

    /// Returns the directories that are to be made before tests write them through to the host: those below `built`,
    /// the directories into which cargo builds.
    ///
    /// # Errors
    /// When another path that tests are to write does not exist.
    pub(crate) fn kept_directories(&self, built: &[&Path]) -> Result<Vec<PathBuf>, SettingsError> {
        let missing = self.keeps().filter(|keep| keep.value.symlink_metadata().is_err());
        let made = missing.map(|Setting { value, origin }| {
            let is_built = built.iter().any(|built| value.starts_with(built));
            let wrong = || SettingsError::NoSuchPath { origin: *origin, path: value.clone() };
            is_built.then(|| value.clone()).ok_or_else(wrong)
        });
        made.collect()
    }

    /// Returns whether some tests are retried.
    pub(crate) fn retry_some(&self) -> bool {
        0 < self.test.retries.value.count || self.overrides.retry_some()
    }

    /// Returns the roots that tests of a binary may have. The first is the one in which the binary is asked for its
    /// tests: that of all tests for which no other is chosen by more than their binary.
    pub(crate) fn roots_of(&self, binary: &TestBinary) -> Vec<&Setting<RootWord>> {
        self.overrides.roots_of(&self.test.root, binary)
    }

    /// Returns whether some tests share a sandbox.
    pub(crate) fn share_some(&self) -> bool {
        self.test.per_binary.value || self.overrides.share_some()
    }

    /// Returns the settings of each test.
    ///
    /// # Errors
    /// When a setting of a test is invalid, or its settings contradict each other.
    pub(crate) fn for_tests<'a>(
        &self,
        tests: impl IntoIterator<Item = &'a TestCase>,
    ) -> Result<Vec<Arc<TestSettings>>, SettingsError> {
        self.overrides.for_tests(&self.test, tests)
    }

    /// Writes into each test its test group, and whether it runs by default.
    ///
    /// # Errors
    /// When a setting of a test is invalid, or its settings contradict each other.
    pub(crate) fn assign(&self, tests: &mut [TestCase]) -> Result<(), SettingsError> {
        if let Some(filter) = &self.default_filter {
            for test in tests.iter_mut() {
                test.is_default = filter.value.matches(&TestQuery::from(&*test));
            }
        }
        if self.groups.is_empty() {
            return Ok(());
        }
        let of_each = self.for_tests(tests.iter())?;
        for (test, own) in tests.iter_mut().zip(of_each) {
            test.group.clone_from(&own.test_group.value);
        }
        Ok(())
    }

    /// Adds settings of directories that are known only once the tests are built: if tests update their sources,
    /// these are written through, except for directories into which cargo builds.
    pub(crate) fn for_project<'a>(
        mut self,
        sources: impl Iterator<Item = &'a PathBuf>,
        built: [&'a PathBuf; 2],
    ) -> Self {
        if let Some(Update::Written(variable)) = self.sandbox.update {
            let origin = Origin::Environment(variable);
            let sources: Vec<_> = sources.collect();
            // What somebody asked to keep is kept, built or not.
            let is_kept = |path: &&PathBuf| self.test.keeps.iter().any(|kept| kept.value == **path);
            let is_within =
                |path: &&PathBuf| sources.iter().any(|source| path.starts_with(source) && path != source);
            let copied = built.into_iter().filter(|path| is_within(path) && !is_kept(path));
            self.sandbox.copied_within = copied.cloned().collect();
            let keeps: Vec<_> = sources.into_iter().cloned().map(|value| Setting { value, origin }).collect();
            self.overrides.keep(&keeps);
            self.test.keeps.extend(keeps);
        }
        self
    }
}

/// Returns the JSON schema of the configuration file.
pub(crate) fn schema() -> serde_json::Value {
    config::schema()
}

/// Converts a budget that a file other than the configuration file holds into a setting.
fn said_beside(Written { budget, origin: written }: &Written) -> Setting<Budget> {
    let budget::Origin { file, line } = written;
    let table = Table::kept(Path::new(file), Part::Whole);
    let place = Place { table, line: usize::try_from(*line).unwrap_or(usize::MAX) };
    Setting { value: *budget, origin: Origin::File("budget", place) }
}
