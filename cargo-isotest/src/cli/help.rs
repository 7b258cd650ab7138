//! Arguments of `help`.

use clap::Args;

/// Arguments of `help`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct HelpArgs {
    /// Page or subcommand; without it, all pages are listed
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
}
