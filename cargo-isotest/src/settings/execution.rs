//! Settings of the execution of tests.

use super::error::SettingsError;
use super::layer::Layer;
use super::setting::{Origin, Setting};
use super::task::Task;
use super::update::Update;
use crate::values::{Jobs, MaxFail};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

/// Default of the time limit of a binary that lists its tests.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// Settings of the execution of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    /// Number of tests that are executed at once.
    pub(crate) jobs: Setting<NonZeroUsize>,
    /// Number of failures after which no further test starts.
    pub(crate) max_fail: Setting<MaxFail>,
    /// Time limit of the whole run.
    pub(crate) global_timeout: Setting<Option<Duration>>,
    /// Whether the output of tests is captured; otherwise, tests have the standard streams of this process.
    pub(crate) capture: Setting<bool>,
    /// Time limit of a binary that lists its tests.
    pub(crate) list_timeout: Setting<Duration>,
    /// Contents of one process: a test, or the tests of a binary.
    pub(crate) process: Process,
}

/// Contents of one process: a test, or the tests of a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// One test.
    Test,
    /// Selected tests of one binary, as `cargo test` executes them.
    Binary {
        /// Number of tests that the process executes at once, if it was set.
        threads: Option<NonZeroUsize>,
    },
}

impl Execution {
    pub(super) fn from_layer(layer: &Layer, jobs: Option<Setting<Jobs>>, task: &Task) -> Self {
        let capture = Setting::or(layer.capture, true);
        Self {
            jobs: match jobs {
                Some(jobs) => jobs.map(|jobs| jobs.on(cpus())),
                // With output that is not captured, the tests of several slots could not be told apart at one terminal.
                None if capture.value && task.is_of_tests() => Setting::default(cpus()),
                None => Setting::default(NonZeroUsize::MIN),
            },
            // Recording budgets needs the peaks of all tests: a failure does not end the run.
            max_fail: match task {
                Task::Budgets(_) => Setting::default(MaxFail::default()),
                _ => Setting::or(layer.max_fail, MaxFail::default()),
            },
            global_timeout: match (task, layer.global_timeout) {
                (Task::Budgets(_), _) | (_, None) => Setting::default(None),
                (_, Some(time)) => time.map(Some),
            },
            capture,
            list_timeout: Setting::or(layer.list_timeout, LIST_TIMEOUT),
            process: Process::Test,
        }
    }

    /// Returns the settings for an update of sources. Tools that update files rely on `cargo test`, which executes
    /// one binary after the other, each in one process. That process reads the environment and the defaults itself.
    pub(super) fn for_update(self, update: Option<Update>) -> Self {
        let Some(Update::Written(variable)) = update else { return self };
        let threads = match self.jobs.origin {
            Origin::Flag(_)
            | Origin::HarnessArgument(_)
            | Origin::File(..)
            | Origin::Environment("ISOTEST_JOBS") => Some(self.jobs.value),
            Origin::Environment(_) | Origin::Default => None,
        };
        let jobs = Setting { value: NonZeroUsize::MIN, origin: Origin::Environment(variable) };
        Self { jobs, process: Process::Binary { threads }, ..self }
    }

    /// Returns the settings, unless a time limit is zero.
    pub(super) fn checked(self) -> Result<Self, SettingsError> {
        let Setting { value, origin } = self.list_timeout;
        if value.is_zero() {
            return Err(SettingsError::NoTime { origin, whose: "test binary" });
        }
        let Setting { value, origin } = self.global_timeout;
        if value.is_some_and(|time| time.is_zero()) {
            return Err(SettingsError::NoTime { origin, whose: "run" });
        }
        Ok(self)
    }
}

/// Returns the number of CPUs available to this process, or 1 if it is unknown.
pub(crate) fn cpus() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
