//! Arguments of `ps`.

use clap::Args;

/// Arguments of `ps`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct PsArgs {
    /// Show only this attempt, by id or by test name
    #[arg(value_name = "ATTEMPT")]
    pub(crate) attempt: Option<String>,
    /// Show all details from /proc of each process
    #[arg(long)]
    pub(crate) full: bool,
    /// Refresh every second until the attempt has ended
    #[arg(long)]
    pub(crate) watch: bool,
}
