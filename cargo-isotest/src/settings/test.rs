//! What holds for a test and can differ from test to test; pure.

use super::error::SettingsError;
use super::limits::LimitSettings;
use super::paths::Bind;
use super::policy::policy;
use super::scripts::{SetupScript, Wrapper};
use super::setting::{Origin, Setting};
use crate::budget::{self, Written};
use crate::cli::Network;
use crate::values::{FlakyResult, Priority, Retries, SlowTimeout, ThreadsRequired};
use isotest_core::budget::Budget;
use isotest_core::plan::Timeout;
use isotest_core::policy::{Capability, Level, Policy};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestSettings {
    /// After how long the test is killed.
    pub(crate) timeout: Setting<Option<Duration>>,
    /// After how long the test is slow, and after how many times as long it is killed.
    pub(crate) slow_timeout: Setting<SlowTimeout>,
    /// Whether the test has failed if it leaves a process running.
    pub(crate) fail_on_leak: Setting<bool>,
    /// How often the test is attempted again once it has failed.
    pub(crate) retries: Setting<Retries>,
    /// What the test is worth if it passes then.
    pub(crate) flaky_result: Setting<FlakyResult>,
    /// How many threads of the run the test takes.
    pub(crate) threads_required: Setting<ThreadsRequired>,
    /// The test group that the test is in, if it is in one.
    pub(crate) test_group: Setting<Option<Arc<str>>>,
    /// Which tests the test starts before.
    pub(crate) priority: Setting<Priority>,
    /// How much the test may use.
    pub(crate) limits: LimitSettings,
    /// The network.
    pub(crate) network: Setting<Network>,
    /// Whether the tests of a binary for which it holds have namespaces and files in common.
    pub(crate) per_binary: Setting<bool>,
    /// What is shown of the host besides the default.
    pub(crate) binds: Vec<Setting<Bind>>,
    /// What is written through to the host.
    pub(crate) keeps: Vec<Setting<PathBuf>>,
    /// Limits that the test is held to, besides those that stand beside it. Each of them holds.
    pub(crate) budgets: Vec<Written>,
    /// What is executed before the test and others, in the order in which that happens.
    pub(crate) setups: Vec<Setting<Arc<SetupScript>>>,
    /// By what the test is executed.
    pub(crate) wrapper: Option<Setting<Arc<Wrapper>>>,
    /// How much each capability is wanted.
    pub(crate) policy: Policy,
}

/// What one source says of the settings of a test. What is absent or empty it does not speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct TestLayer {
    pub(super) timeout: Option<Setting<Duration>>,
    pub(super) slow_timeout: Option<Setting<SlowTimeout>>,
    pub(super) fail_on_leak: Option<Setting<bool>>,
    pub(super) retries: Option<Setting<Retries>>,
    pub(super) flaky_result: Option<Setting<FlakyResult>>,
    pub(super) threads_required: Option<Setting<ThreadsRequired>>,
    pub(super) test_group: Option<Setting<Option<Arc<str>>>>,
    pub(super) priority: Option<Setting<Priority>>,
    pub(super) limits: LimitSettings,
    pub(super) network: Option<Setting<Network>>,
    pub(super) per_binary: Option<Setting<bool>>,
    pub(super) binds: Vec<Setting<Bind>>,
    pub(super) keeps: Vec<Setting<PathBuf>>,
    pub(super) budgets: Vec<Setting<Budget>>,
    pub(super) setups: Vec<Setting<Arc<SetupScript>>>,
    pub(super) wrapper: Option<Setting<Arc<Wrapper>>>,
}

impl TestLayer {
    /// What this layer says, and where it is silent what a lower one says; of lists both.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            timeout: self.timeout.or(lower.timeout),
            slow_timeout: self.slow_timeout.or(lower.slow_timeout),
            fail_on_leak: self.fail_on_leak.or(lower.fail_on_leak),
            retries: self.retries.or(lower.retries),
            flaky_result: self.flaky_result.or(lower.flaky_result),
            threads_required: self.threads_required.or(lower.threads_required),
            test_group: self.test_group.or(lower.test_group),
            priority: self.priority.or(lower.priority),
            limits: self.limits.or(lower.limits),
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
            fail_on_leak: Setting::default(false),
            retries: Setting::default(Retries::default()),
            flaky_result: Setting::default(FlakyResult::default()),
            threads_required: Setting::default(ThreadsRequired::default()),
            test_group: Setting::default(None),
            priority: Setting::default(Priority::default()),
            limits: LimitSettings::default(),
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
    /// When the test is told to end: at the earlier of the two times.
    pub(crate) fn end(&self) -> Option<Timeout> {
        let slow = self.slow_timeout.value;
        let after = self.timeout.value.into_iter().chain(slow.end()).min()?;
        Some(Timeout { after, grace: slow.grace_period })
    }

    /// What a layer says, with these levels of capabilities, and the defaults.
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
            fail_on_leak: layer.fail_on_leak.unwrap_or(defaults.fail_on_leak),
            retries: layer.retries.unwrap_or(defaults.retries),
            flaky_result: layer.flaky_result.unwrap_or(defaults.flaky_result),
            threads_required: layer.threads_required.unwrap_or(defaults.threads_required),
            test_group: layer.test_group.unwrap_or(defaults.test_group),
            priority: layer.priority.unwrap_or(defaults.priority),
            limits,
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

/// Each script once, in the order of the file.
fn in_order(mut setups: Vec<Setting<Arc<SetupScript>>>) -> Vec<Setting<Arc<SetupScript>>> {
    setups.sort_by_key(|setup| setup.value.number);
    setups.dedup_by_key(|setup| setup.value.number);
    setups
}
