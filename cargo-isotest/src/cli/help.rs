//! Arguments of `help`, `man` and `completions`.

use clap::Args;
use clap_complete::Shell;

/// Arguments of `help`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct HelpArgs {
    /// Page or subcommand; without it, all pages are listed
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
}

/// Arguments of `man`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ManArgs {
    /// Subcommand; without it, the page is that of a run
    #[arg(value_name = "SUBCOMMAND")]
    pub(crate) subcommand: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell that reads the script
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
