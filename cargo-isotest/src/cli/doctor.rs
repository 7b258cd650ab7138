//! Arguments of `doctor`.

use clap::Args;

/// Arguments of `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct DoctorArgs {
    /// Look at the project of the working directory, too, and say what is known to differ for its tests
    #[arg(long)]
    pub(crate) project: bool,
}
