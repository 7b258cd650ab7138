//! The flags and words that say which tests are meant.

use clap::{Args, ValueEnum};
use std::ffi::OsString;

/// Positional arguments: name filters, and what is meant for the test harness.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Words {
    /// Only tests with one of these texts in their names
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Words of the standard test harness: name filters, --skip, --exact, --ignored, --include-ignored,
    /// --nocapture and --test-threads
    #[arg(last = true, value_name = "WORDS")]
    pub(crate) of_harness: Vec<OsString>,
}

impl Words {
    /// At most one filter.
    pub(crate) fn filtering(filter: Option<String>) -> Self {
        Self { filters: filter.into_iter().collect(), ..Self::default() }
    }
}

/// Which tests are selected.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct SelectionArgs {
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// What to do with tests marked `#[ignore]`
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) run_ignored: Option<RunIgnored>,
}

/// How names are compared.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct NameArgs {
    /// Filters and skips are whole names
    #[arg(long)]
    pub(crate) exact: bool,
    /// Leave out tests with this text in their names
    #[arg(long, value_name = "FILTER")]
    pub(crate) skip: Vec<String>,
}

/// Whether ignored tests are selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunIgnored {
    /// Leave them out
    #[default]
    Default,
    /// Execute nothing else
    Only,
    /// Execute them too
    All,
}
