//! Flags on what the report for humans shows of tests.

use super::numbers::count_or_none;
use clap::{Args, ValueEnum};

/// Flags on the report for humans.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct DisplayArgs {
    /// Show the results of tests from this level on, while the run goes on [default: pass, or fail with --quiet]
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    pub(crate) status_level: Option<StatusLevel>,
    /// List the results of tests from this level on once more, when the run has ended [default: flaky]
    #[arg(long, value_name = "LEVEL", value_enum, hide_short_help = true)]
    pub(crate) final_status_level: Option<FinalStatusLevel>,
    /// When to show the output of tests that pass [default: never]
    #[arg(long, value_name = "WHEN", value_enum, hide_short_help = true)]
    pub(crate) success_output: Option<OutputTime>,
    /// When to show the output of tests that do not pass [default: immediate]
    #[arg(long, value_name = "WHEN", value_enum, hide_short_help = true)]
    pub(crate) failure_output: Option<OutputTime>,
    /// How to show the progress of the run [default: auto]
    #[arg(long, value_name = "HOW", value_enum, hide_short_help = true)]
    pub(crate) show_progress: Option<ShowProgress>,
    /// Show no progress bar, as `--show-progress none`
    #[arg(long, hide_short_help = true, conflicts_with = "show_progress")]
    pub(crate) hide_progress_bar: bool,
    /// List the N tests with the highest memory peaks and the N slowest when the run has ended [default: 0]
    #[arg(long, value_name = "N", value_parser = count_or_none, hide_short_help = true)]
    pub(crate) top: Option<usize>,
}

/// Value of `--status-level`; each level includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum StatusLevel {
    /// Nothing
    None,
    /// Tests that do not pass
    Fail,
    /// Attempts that are followed by others, and tests that pass only then
    Retry,
    /// Tests that run for long
    Slow,
    /// Tests that leave processes running
    Leak,
    /// Tests that pass
    #[default]
    Pass,
    /// Everything
    All,
}

/// Value of `--final-status-level`; each level includes those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FinalStatusLevel {
    /// Nothing
    None,
    /// Tests that do not pass
    Fail,
    /// Tests that pass only after a retry
    #[default]
    #[value(alias = "retry")]
    Flaky,
    /// Tests that ran for long
    Slow,
    /// Tests that are ignored
    Skip,
    /// Tests that left processes running
    Leak,
    /// Tests that pass
    Pass,
    /// Everything
    All,
}

/// Value of `--show-progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowProgress {
    /// A bar on a terminal, but not with `--no-capture`, nor where CI is set
    #[default]
    Auto,
    /// Nothing
    None,
    /// A bar on a terminal, even where CI is set
    Bar,
    /// A count before the name of each test that ends
    Counter,
    /// A bar on a terminal, and no results of tests that pass
    Only,
}

/// Value of `--success-output` and `--failure-output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputTime {
    /// When the test has ended
    Immediate,
    /// When the run has ended
    Final,
    /// At both times
    ImmediateFinal,
    /// Never
    Never,
}

impl OutputTime {
    /// Whether output is shown when the test has ended.
    pub(crate) const fn is_immediate(self) -> bool {
        matches!(self, Self::Immediate | Self::ImmediateFinal)
    }

    /// Whether output is shown when the run has ended.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Final | Self::ImmediateFinal)
    }
}
