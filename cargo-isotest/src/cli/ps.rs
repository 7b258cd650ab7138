//! `cargo isotest ps`.

use clap::Args;

/// Which attempts to look at, and how closely.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct PsArgs {
    /// Only this attempt: its id, or the name of its test
    #[arg(value_name = "ATTEMPT")]
    pub(crate) attempt: Option<String>,
    /// Show all that /proc tells of each process
    #[arg(long)]
    pub(crate) full: bool,
    /// Look again every second, until the attempt has ended
    #[arg(long)]
    pub(crate) watch: bool,
}
