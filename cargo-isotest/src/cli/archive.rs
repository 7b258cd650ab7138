//! Flags and arguments of archives.

use clap::Args;
use std::path::PathBuf;

/// Archive whose tests are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct ArchiveFileArgs {
    /// Take the built tests from an archive that `cargo isotest archive` wrote, without cargo and sources
    #[arg(long, value_name = "FILE")]
    pub(crate) archive_file: Option<PathBuf>,
    /// Show tests of an archive the workspace at this path, not at the one where it was built
    #[arg(long, value_name = "DIRECTORY", requires = "archive_file")]
    pub(crate) workspace_remap: Option<PathBuf>,
}

/// Arguments of `archive`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct ArchiveArgs {
    /// Put only test binaries into the archive of which tests are selected by these texts
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// File to write, as a rule NAME.tar.zst
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) archive_file: PathBuf,
}
