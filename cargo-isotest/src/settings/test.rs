//! Settings that can differ from test to test; pure.

use super::error::SettingsError;
use super::limits::LimitSettings;
use super::paths::Bind;
use super::policy::policy;
use super::scripts::{SetupScript, Wrapper};
use super::setting::{Origin, Setting};
use crate::budget::{self, Written};
use crate::cli::{Network, RootWord};
use crate::values::{FlakyResult, Priority, Retries, SlowTimeout, ThreadsRequired};
use isotest_core::budget::Budget;
use isotest_core::plan::{SandboxPlan, Timeout};
use isotest_core::policy::{Capability, Level, Policy};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestSettings {
    /// Time limit of an attempt.
    pub(crate) timeout: Setting<Option<Duration>>,
    /// Time after which an attempt is slow, and number of such times after which it is ended.
    pub(crate) slow_timeout: Setting<SlowTimeout>,
    /// Time within which what the test leaves running may end by itself.
    pub(crate) leak_timeout: Setting<Duration>,
    /// Whether the test fails if it leaves a process running.
    pub(crate) fail_on_leak: Setting<bool>,
    /// Number of further attempts of a failed test.
    pub(crate) retries: Setting<Retries>,
    /// Result of a test that passes in a further attempt.
    pub(crate) flaky_result: Setting<FlakyResult>,
    /// Number of threads of the run that the test takes.
    pub(crate) threads_required: Setting<ThreadsRequired>,
    /// Test group of the test, if it is in one.
    pub(crate) test_group: Setting<Option<Arc<str>>>,
    /// Priority of the test in the order in which tests start.
    pub(crate) priority: Setting<Priority>,
    /// Limits of the resources of the test.
    pub(crate) limits: LimitSettings,
    /// Root file system of the test.
    pub(crate) root: Setting<RootWord>,
    /// Network of the test.
    pub(crate) network: Setting<Network>,
    /// Whether the tests of a binary share namespaces and files.
    pub(crate) per_binary: Setting<bool>,
    /// Paths of the host that the test sees in addition to the default.
    pub(crate) binds: Vec<Setting<Bind>>,
    /// Paths of the host that the test writes through to.
    pub(crate) keeps: Vec<Setting<PathBuf>>,
    /// Budgets of the test from the configuration, in addition to those that stand beside it. Each of them holds.
    pub(crate) budgets: Vec<Written>,
    /// Scripts that are executed before the test and others, in the order of their execution.
    pub(crate) setups: Vec<Setting<Arc<SetupScript>>>,
    /// Command by which the test is executed, if there is one.
    pub(crate) wrapper: Option<Setting<Arc<Wrapper>>>,
    /// Levels of capabilities.
    pub(crate) policy: Policy,
}

/// Settings of a test from one source. Settings that the source does not contain are absent or empty.
#[derive(Debug, Clone, Default)]
pub(super) struct TestLayer {
    pub(super) timeout: Option<Setting<Duration>>,
    pub(super) slow_timeout: Option<Setting<SlowTimeout>>,
    pub(super) leak_timeout: Option<Setting<Duration>>,
    pub(super) fail_on_leak: Option<Setting<bool>>,
    pub(super) retries: Option<Setting<Retries>>,
    pub(super) flaky_result: Option<Setting<FlakyResult>>,
    pub(super) threads_required: Option<Setting<ThreadsRequired>>,
    pub(super) test_group: Option<Setting<Option<Arc<str>>>>,
    pub(super) priority: Option<Setting<Priority>>,
    pub(super) limits: LimitSettings,
    pub(super) root: Option<Setting<RootWord>>,
    pub(super) network: Option<Setting<Network>>,
    pub(super) per_binary: Option<Setting<bool>>,
    pub(super) binds: Vec<Setting<Bind>>,
    pub(super) keeps: Vec<Setting<PathBuf>>,
    pub(super) budgets: Vec<Setting<Budget>>,
    pub(super) setups: Vec<Setting<Arc<SetupScript>>>,
    pub(super) wrapper: Option<Setting<Arc<Wrapper>>>,
}

impl TestLayer {
    /// Merges this layer with a lower one, whose values hold where this layer has none. Lists are joined.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            timeout: self.timeout.or(lower.timeout),
            slow_timeout: self.slow_timeout.or(lower.slow_timeout),
            leak_timeout: self.leak_timeout.or(lower.leak_timeout),
            fail_on_leak: self.fail_on_leak.or(lower.fail_on_leak),
            retries: self.retries.or(lower.retries),
            flaky_result: self.flaky_result.or(lower.flaky_result),
            threads_required: self.threads_required.or(lower.threads_required),
            test_group: self.test_group.or(lower.test_group),
            priority: self.priority.or(lower.priority),
            limits: self.limits.or(lower.limits),
            root: self.root.or(lower.root),
            network: self.network.or(lower.network),
            per_binary: self.per_binary.or(lower.per_binary),
            binds: [self.binds, lower.binds].concat(),
            keeps: [self.keeps, lower.keeps].concat(),
            budgets: [self.budgets, lower.budgets].concat(),
            setups: [self.setups, lower.setups].concat(),
            wrapper: self.wrapper.or(lower.wrapper),
        }
    }
}

impl Default for TestSettings {
    fn default() -> Self {
        Self {
            timeout: Setting::default(None),
            slow_timeout: Setting::default(SlowTimeout::default()),
            leak_timeout: Setting::default(SandboxPlan::LEAK_GRACE),
            fail_on_leak: Setting::default(false),
            retries: Setting::default(Retries::default()),
            flaky_result: Setting::default(FlakyResult::default()),
            threads_required: Setting::default(ThreadsRequired::default()),
            test_group: Setting::default(None),
            priority: Setting::default(Priority::default()),
            limits: LimitSettings::default(),
            root: Setting::default(RootWord::default()),
            network: Setting::default(Network::default()),
            per_binary: Setting::default(false),
            binds: Vec::new(),
            keeps: Vec::new(),
            budgets: Vec::new(),
            setups: Vec::new(),
            wrapper: None,
            policy: Policy::default(),
        }
    }
}

impl TestSettings {
    /// Returns the time after which the test is told to end, which is the earlier of its two limits.
    pub(crate) fn end(&self) -> Option<Timeout> {
        let slow = self.slow_timeout.value;
        let after = self.timeout.value.into_iter().chain(slow.end()).min()?;
        Some(Timeout { after, grace: slow.grace_period })
    }

    /// Returns the settings of a layer, with levels of capabilities, and with defaults for absent settings.
    pub(super) fn from_layer(
        layer: TestLayer,
        levels: &[Setting<(Capability, Level)>],
    ) -> Result<Self, SettingsError> {
        let defaults = Self::default();
        let timeout = layer.timeout.map_or(defaults.timeout, |timeout| timeout.map(Some));
        if timeout.value.is_some_and(|time| time.is_zero()) {
            return Err(SettingsError::NoTime { origin: timeout.origin, whose: "test" });
        }
        let slow_timeout = layer.slow_timeout.unwrap_or(defaults.slow_timeout);
        if slow_timeout.value.period.is_zero() {
            return Err(SettingsError::NoPeriod { origin: slow_timeout.origin });
        }
        let limits = layer.limits.checked()?;
        let network = layer.network.unwrap_or(defaults.network);
        let policy = policy(levels, &limits, network)?;
        let is_off = policy.level(Capability::Net) == Level::Off;
        Ok(Self {
            timeout,
            slow_timeout,
            leak_timeout: layer.leak_timeout.unwrap_or(defaults.leak_timeout),
            fail_on_leak: layer.fail_on_leak.unwrap_or(defaults.fail_on_leak),
            retries: layer.retries.unwrap_or(defaults.retries),
            flaky_result: layer.flaky_result.unwrap_or(defaults.flaky_result),
            threads_required: layer.threads_required.unwrap_or(defaults.threads_required),
            test_group: layer.test_group.unwrap_or(defaults.test_group),
            priority: layer.priority.unwrap_or(defaults.priority),
            limits,
            root: layer.root.unwrap_or(defaults.root),
            network: if is_off { network.map(|_| Network::Host) } else { network },
            per_binary: layer.per_binary.unwrap_or(defaults.per_binary),
            binds: layer.binds,
            keeps: layer.keeps,
            budgets: layer.budgets.into_iter().map(written).collect(),
            setups: in_order(layer.setups),
            wrapper: layer.wrapper,
            policy,
        })
    }
}

fn written(said: Setting<Budget>) -> Written {
    let origin = match said.origin {
        Origin::File(_, place) => budget::Origin {
            file: place.table.file.display().to_string(),
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
        },
        _ => budget::Origin::default(),
    };
    Written { budget: said.value, origin }
}

/// Removes duplicates of scripts, and returns them in the order of the file.
fn in_order(mut setups: Vec<Setting<Arc<SetupScript>>>) -> Vec<Setting<Arc<SetupScript>>> {
    setups.sort_by_key(|setup| setup.value.number);
    setups.dedup_by_key(|setup| setup.value.number);
    setups
}
