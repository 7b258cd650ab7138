//! Settings of one source, and their merge with those of other sources; pure.

use super::display::DisplayLayer;
use super::error::SettingsError;
use super::groups::TestGroups;
use super::overrides::Override;
use super::setting::Setting;
use super::test::TestLayer;
use crate::cli::{Budgets, ReportFile, RunFormat, RunIgnored};
use crate::select::filterset::Filterset;
use crate::values::{Jobs, Machine, MaxFail, Partition};
use anstream::ColorChoice;
use isotest_core::policy::{Capability, Level};
use std::time::Duration;

/// Settings of one source. Settings that the source does not contain are absent or empty.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) filters: Vec<String>,
    pub(super) skips: Vec<String>,
    pub(super) filtersets: Vec<Filterset>,
    pub(super) default_filter: Option<Setting<Filterset>>,
    pub(super) ignore_default_filter: Option<Setting<bool>>,
    pub(super) exact: Option<Setting<bool>>,
    pub(super) ignored: Option<Setting<RunIgnored>>,
    pub(super) partition: Option<Setting<Partition>>,
    /// Number of jobs. An invalid number is an error only if no higher layer has one.
    pub(super) jobs: Option<Result<Setting<Jobs>, SettingsError>>,
    pub(super) max_fail: Option<Setting<MaxFail>>,
    pub(super) global_timeout: Option<Setting<Duration>>,
    pub(super) capture: Option<Setting<bool>>,
    pub(super) list_timeout: Option<Setting<Duration>>,
    pub(super) history: Option<Setting<bool>>,
    pub(super) memory_aware: Option<Setting<bool>>,
    pub(super) hide_package: Option<Setting<bool>>,
    pub(super) trace_missing: Option<Setting<bool>>,
    pub(super) redact: Vec<Setting<String>>,
    /// Variable by which tests are asked to update their sources.
    pub(super) update: Option<&'static str>,
    pub(super) discard_updates: Option<Setting<bool>>,
    pub(super) test: TestLayer,
    /// Settings of some tests only.
    pub(super) overrides: Vec<Override>,
    pub(super) groups: TestGroups,
    pub(super) budgets: Option<Setting<Budgets>>,
    pub(super) levels: Vec<Setting<(Capability, Level)>>,
    pub(super) display: DisplayLayer,
    pub(super) message_format: Option<Setting<RunFormat>>,
    pub(super) reports: Vec<Setting<ReportFile>>,
    pub(super) color: Option<Setting<ColorChoice>>,
}

impl Layer {
    /// Merges all layers, the highest first: each value is that of the highest layer that has it, and lists are
    /// joined.
    pub(super) fn merged(layers: impl IntoIterator<Item = Self>) -> Self {
        layers.into_iter().fold(Self::default(), Self::or)
    }

    /// Removes overrides for other platforms.
    pub(super) fn keep_those_of(&mut self, machine: &Machine) {
        self.overrides.retain(|one| one.platforms.are_of(machine));
    }

    /// Makes the first override that has a default filter decide which tests run by default.
    pub(super) fn choose_default_filter(&mut self) {
        let first = self.overrides.iter_mut().find_map(|one| one.default_filter.take());
        self.default_filter = first.or(self.default_filter.take());
    }

    pub(super) fn or(self, lower: Self) -> Self {
        let is_silent =
            |level: &Setting<(Capability, Level)>| self.levels.iter().all(|own| own.value.0 != level.value.0);
        let is_other =
            |file: &Setting<ReportFile>| self.reports.iter().all(|own| own.value.path != file.value.path);
        let others: Vec<_> = lower.reports.into_iter().filter(is_other).collect();
        let levels: Vec<_> = lower.levels.into_iter().filter(is_silent).collect();
        Self {
            filters: [self.filters, lower.filters].concat(),
            skips: [self.skips, lower.skips].concat(),
            filtersets: [self.filtersets, lower.filtersets].concat(),
            default_filter: self.default_filter.or(lower.default_filter),
            ignore_default_filter: self.ignore_default_filter.or(lower.ignore_default_filter),
            exact: self.exact.or(lower.exact),
            ignored: self.ignored.or(lower.ignored),
            partition: self.partition.or(lower.partition),
            jobs: self.jobs.or(lower.jobs),
            max_fail: self.max_fail.or(lower.max_fail),
            global_timeout: self.global_timeout.or(lower.global_timeout),
            capture: self.capture.or(lower.capture),
            list_timeout: self.list_timeout.or(lower.list_timeout),
            history: self.history.or(lower.history),
            memory_aware: self.memory_aware.or(lower.memory_aware),
            hide_package: self.hide_package.or(lower.hide_package),
            trace_missing: self.trace_missing.or(lower.trace_missing),
            redact: [self.redact, lower.redact].concat(),
            update: self.update.or(lower.update),
            discard_updates: self.discard_updates.or(lower.discard_updates),
            budgets: self.budgets.or(lower.budgets),
            test: self.test.or(lower.test),
            overrides: self.overrides.into_iter().chain(lower.overrides).collect(),
            groups: self.groups.or(lower.groups),
            levels: [self.levels, levels].concat(),
            display: self.display.or(lower.display),
            message_format: self.message_format.or(lower.message_format),
            reports: [self.reports, others].concat(),
            color: self.color.or(lower.color),
        }
    }
}
