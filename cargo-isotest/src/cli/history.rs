//! Flags on the history of tests.

use clap::Args;

/// Flags on what is kept of tests and expected of them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct HistoryArgs {
    /// Neither use nor record test results, which decide the order of tests
    #[arg(long)]
    pub(crate) no_history: bool,
    /// Do not wait until there is memory for what tests are expected to use
    #[arg(long)]
    pub(crate) no_memory_aware: bool,
}
