//! Arguments of `evidence`.

use clap::{Args, ValueEnum};

/// Arguments of `evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct EvidenceArgs {
    /// What to do [default: list]
    #[arg(value_name = "ACTION", value_enum)]
    pub(crate) action: Option<EvidenceAction>,
    /// Only files of which the path, or the test's name, contains one of these texts
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
}

/// What is done with evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvidenceAction {
    /// List what tests left, and where it is
    #[default]
    List,
    /// Copy it into the workspace, except where a file there has changed since
    Apply,
}
