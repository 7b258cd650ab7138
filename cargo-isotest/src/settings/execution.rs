//! How tests are executed.

use super::error::SettingsError;
use super::layer::Layer;
use super::setting::{Origin, Setting};
use super::task::Task;
use super::update::Update;
use crate::values::{Jobs, MaxFail};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

/// How long a binary may take to list its tests if nobody says so.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// How tests are executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    /// How many at once.
    pub(crate) jobs: Setting<NonZeroUsize>,
    /// After how many failures no further test starts.
    pub(crate) max_fail: Setting<MaxFail>,
    /// After how long the whole run is ended.
    pub(crate) global_timeout: Setting<Option<Duration>>,
    /// Whether output is captured; otherwise tests have our standard streams.
    pub(crate) capture: Setting<bool>,
    /// After how long a binary is killed that is asked for its tests.
    pub(crate) list_timeout: Setting<Duration>,
    /// What one process executes.
    pub(crate) process: Process,
}

/// What one process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// One test.
    Test,
    /// The selected tests of one binary, as `cargo test` executes them.
    Binary {
        /// How many at once, if that was said.
        threads: Option<NonZeroUsize>,
    },
}

impl Execution {
    pub(super) fn from_layer(layer: &Layer, jobs: Option<Setting<Jobs>>, task: &Task) -> Self {
        let capture = Setting::or(layer.capture, true);
        Self {
            jobs: match jobs {
                Some(jobs) => jobs.map(|jobs| jobs.on(cpus())),
                // Several at one terminal could not be told apart.
                None if capture.value && task.is_of_tests() => Setting::default(cpus()),
                None => Setting::default(NonZeroUsize::MIN),
            },
            // Budgets are those of all tests, whatever one of them does.
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

    /// Tools that update files count on `cargo test`, which executes one binary after the other, each in one process. Of
    /// the environment and of what holds by default that process knows itself.
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

    /// This, unless no time is left.
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

/// The number of CPUs that there are for this process, or 1 if that is not known.
pub(crate) fn cpus() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
