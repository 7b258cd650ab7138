//! Flags on the history of tests.

use clap::Args;

/// The `--no-history` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct HistoryArgs {
    /// Neither use nor keep what becomes of tests, by which they are ordered
    #[arg(long)]
    pub(crate) no_history: bool,
}
