//! Flags of the heading "Execution".

use super::numbers::time;
use crate::values::{FlakyResult, Jobs, MaxFail, Retries, SlowTimeout};
use clap::{Args, ValueEnum};

/// Flags that decide how the tests of a run are executed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct ExecutionArgs {
    #[command(flatten)]
    pub(crate) jobs: JobArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    #[command(flatten)]
    pub(crate) retries: RetryArgs,
    #[command(flatten)]
    pub(crate) capture: CaptureArgs,
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
    /// Report a test as slow after TIME, and again each TIME; `{ period = "60s", terminate-after = 2, grace-period = "5s",
    /// on-timeout = "pass" }` ends it, too [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = SlowTimeout::read)]
    pub(crate) slow_timeout: Option<SlowTimeout>,
    #[command(flatten)]
    pub(crate) listing: ListingArgs,
    #[command(flatten)]
    pub(crate) leaks: LeakArgs,
    #[command(flatten)]
    pub(crate) sharing: SharingArgs,
    /// Fail tests that exceed their budgets, only report it, or ignore budgets [default: enforce]
    #[arg(long, value_name = "MODE", value_enum)]
    pub(crate) budgets: Option<Budgets>,
}

/// Value of `--budgets`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Budgets {
    /// Fail tests that exceed their budgets
    #[default]
    Enforce,
    /// Report what tests use of their budgets
    Report,
    /// Ignore budgets
    Off,
}

/// The `--jobs` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct JobArgs {
    /// Number of tests to run simultaneously; `-1` is one fewer than CPUs [default: num-cpus]
    #[arg(short, long, alias = "test-threads", value_name = "N", value_parser = Jobs::read, allow_negative_numbers = true)]
    pub(crate) jobs: Option<Jobs>,
}

/// Flags that cut a run short.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct CutArgs {
    /// Run all tests regardless of failure (the default)
    #[arg(long, alias = "nff", overrides_with_all = ["fail_fast", "max_fail"])]
    pub(crate) no_fail_fast: bool,
    /// Start no new tests after the first failure
    #[arg(long, alias = "ff", overrides_with_all = ["no_fail_fast", "max_fail"])]
    pub(crate) fail_fast: bool,
    /// Start no new tests after N failures; with `:immediate`, end those that run
    #[arg(long, value_name = "N[:MODE]", value_parser = MaxFail::read, overrides_with_all = ["fail_fast", "no_fail_fast"])]
    pub(crate) max_fail: Option<MaxFail>,
    /// End the run after TIME, and the tests that run then
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) global_timeout: Option<humantime::Duration>,
}

/// Flags on tests that have failed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct RetryArgs {
    /// Run a failed test up to N more times, at once or as in `{ backoff = "fixed", count = 2, delay = "1s" }`, also
    /// `exponential` with `jitter` and `max-delay` [default: 0]
    #[arg(long, value_name = "N", value_parser = Retries::read)]
    pub(crate) retries: Option<Retries>,
    /// Result of a test that passes only after a retry [default: pass]
    #[arg(long, value_name = "RESULT", value_enum)]
    pub(crate) flaky_result: Option<FlakyResult>,
}

/// The `--no-capture` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct CaptureArgs {
    /// Do not capture the output of tests; implies `--jobs 1` unless `--jobs` is given
    #[arg(long, alias = "nocapture")]
    pub(crate) no_capture: bool,
}

/// The `--timeout` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct TimeoutArgs {
    /// Kill a test or command after TIME, e.g. `90s` or `2m 30s`
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<humantime::Duration>,
}

/// The `--list-timeout` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct ListingArgs {
    /// Time limit for a test binary to list its tests [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) list_timeout: Option<humantime::Duration>,
}

/// The `--fail-on-leak` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct LeakArgs {
    /// Fail a test or command that leaves processes running
    #[arg(long)]
    pub(crate) fail_on_leak: bool,
}

/// The `--per-binary` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct SharingArgs {
    /// Let the tests of a binary share network and files, one after another; each keeps its own process and figures
    #[arg(long)]
    pub(crate) per_binary: bool,
}
