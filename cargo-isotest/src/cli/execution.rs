//! The flags that say how tests are executed.

use clap::Args;
use std::num::NonZeroUsize;

/// How the tests of a run are executed.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct ExecutionArgs {
    #[command(flatten)]
    pub(crate) jobs: JobArgs,
    /// Execute all tests, whatever fails (the default)
    #[arg(long, overrides_with = "fail_fast")]
    pub(crate) no_fail_fast: bool,
    /// Start no further test once one has failed
    #[arg(long, overrides_with = "no_fail_fast")]
    pub(crate) fail_fast: bool,
    #[command(flatten)]
    pub(crate) capture: CaptureArgs,
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
    #[command(flatten)]
    pub(crate) listing: ListingArgs,
    #[command(flatten)]
    pub(crate) leaks: LeakArgs,
}

/// How many job slots there are.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct JobArgs {
    /// How many tests are executed at once [default: one for each processor]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

/// Whether output is captured.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct CaptureArgs {
    /// Let tests use the terminal; one at a time unless --jobs says otherwise
    #[arg(long, alias = "nocapture")]
    pub(crate) no_capture: bool,
}

/// The time limit of an attempt.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct TimeoutArgs {
    /// Kill a test that takes longer, e.g. `90s` or `2m 30s`
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<humantime::Duration>,
}

/// The time limit of a listing.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct ListingArgs {
    /// How long a test binary may take to list its tests [default: 60s]
    #[arg(long, value_name = "TIME")]
    pub(crate) list_timeout: Option<humantime::Duration>,
}

/// What becomes of leaked processes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct LeakArgs {
    /// A test that leaves a process running has failed
    #[arg(long)]
    pub(crate) fail_on_leak: bool,
}
