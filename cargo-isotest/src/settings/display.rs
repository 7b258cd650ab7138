//! Settings of the report for humans; pure.

use super::setting::{Origin, Setting};
use crate::cli::{DisplayArgs, FinalStatusLevel, OutputTime, ShowProgress, StatusLevel};

/// Settings of the report for humans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DisplaySettings {
    /// Level from which results are shown during the run.
    pub(crate) status_level: Setting<StatusLevel>,
    /// Level from which results are listed at the end of the run.
    pub(crate) final_status_level: Setting<FinalStatusLevel>,
    /// Time at which the output of passing tests is shown.
    pub(crate) success_output: Setting<OutputTime>,
    /// Time at which the output of other tests is shown.
    pub(crate) failure_output: Setting<OutputTime>,
    /// Form in which the progress of the run is shown.
    pub(crate) show_progress: Setting<ShowProgress>,
    /// Number of tests with the highest peaks, and number of the slowest tests, that are listed at the end of the
    /// run.
    pub(crate) top: Setting<usize>,
}

impl Default for DisplaySettings {
    fn default() -> Self {
        Self::from_layer(&DisplayLayer::default())
    }
}

impl DisplaySettings {
    /// Returns the settings of a layer, or else the defaults.
    pub(super) fn from_layer(layer: &DisplayLayer) -> Self {
        let show_progress = layer.show_progress.unwrap_or(Setting::default(ShowProgress::default()));
        let (status, last) = match show_progress.value {
            ShowProgress::Only => (StatusLevel::Slow, FinalStatusLevel::None),
            _ => (StatusLevel::default(), FinalStatusLevel::default()),
        };
        Self {
            status_level: layer.status_level.unwrap_or(Setting::default(status)),
            final_status_level: layer.final_status_level.unwrap_or(Setting::default(last)),
            success_output: layer.success_output.unwrap_or(Setting::default(OutputTime::Never)),
            failure_output: layer.failure_output.unwrap_or(Setting::default(OutputTime::Immediate)),
            show_progress,
            top: layer.top.unwrap_or(Setting::default(0)),
        }
    }
}

/// Settings of the report for humans from one source.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DisplayLayer {
    pub(super) status_level: Option<Setting<StatusLevel>>,
    pub(super) final_status_level: Option<Setting<FinalStatusLevel>>,
    pub(super) success_output: Option<Setting<OutputTime>>,
    pub(super) failure_output: Option<Setting<OutputTime>>,
    pub(super) show_progress: Option<Setting<ShowProgress>>,
    pub(super) top: Option<Setting<usize>>,
}

impl DisplayLayer {
    /// Returns the settings of the flags. `--quiet` hides results of passing tests.
    pub(super) fn typed(typed: &DisplayArgs, quiet: bool) -> Self {
        let DisplayArgs {
            status_level,
            final_status_level,
            success_output,
            failure_output,
            show_progress,
            hide_progress_bar,
            top,
        } = *typed;
        let quiet = quiet.then_some(Setting::flag("--quiet", StatusLevel::Fail));
        let hidden = hide_progress_bar.then_some(Setting::flag("--hide-progress-bar", ShowProgress::None));
        Self {
            status_level: status_level.map(|level| Setting::flag("--status-level", level)).or(quiet),
            final_status_level: final_status_level.map(|level| Setting::flag("--final-status-level", level)),
            success_output: success_output.map(|time| Setting::flag("--success-output", time)),
            failure_output: failure_output.map(|time| Setting::flag("--failure-output", time)),
            show_progress: show_progress.map(|how| Setting::flag("--show-progress", how)).or(hidden),
            top: top.map(|number| Setting::flag("--top", number)),
        }
    }

    /// Returns the settings of the arguments for the test harness.
    pub(super) fn of_harness(show_output: bool) -> Self {
        let origin = Origin::HarnessArgument("--show-output");
        let shown = show_output.then_some(Setting { value: OutputTime::Immediate, origin });
        Self { success_output: shown, ..Self::default() }
    }

    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            status_level: self.status_level.or(lower.status_level),
            final_status_level: self.final_status_level.or(lower.final_status_level),
            success_output: self.success_output.or(lower.success_output),
            failure_output: self.failure_output.or(lower.failure_output),
            show_progress: self.show_progress.or(lower.show_progress),
            top: self.top.or(lower.top),
        }
    }
}
