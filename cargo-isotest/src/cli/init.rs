//! Arguments of `init`.

use clap::Args;

/// Arguments of `init`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct InitArgs {
    /// Print the file, and write none
    #[arg(long)]
    pub(crate) print: bool,
}
