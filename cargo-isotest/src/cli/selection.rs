//! Arguments that select tests.

use clap::{Args, ValueEnum};
use std::ffi::OsString;

/// Positional arguments: name filters, and arguments of the test harness.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Words {
    /// Run only tests whose names contain one of these texts
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Arguments of the test harness: name filters, --skip, --exact, --ignored, --include-ignored, --nocapture and
    /// --test-threads
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) of_harness: Vec<OsString>,
}

impl Words {
    /// Creates arguments with at most one filter.
    pub(crate) fn filtering(filter: Option<String>) -> Self {
        Self { filters: filter.into_iter().collect(), ..Self::default() }
    }
}

/// Flags that select tests.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct SelectionArgs {
    #[command(flatten)]
    pub(crate) names: NameArgs,
    #[command(flatten)]
    pub(crate) filtersets: FiltersetArgs,
    /// Run tests marked `#[ignore]`
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) run_ignored: Option<RunIgnored>,
}

/// Flags that select tests by name.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct NameArgs {
    /// Match filters against whole test names
    #[arg(long)]
    pub(crate) exact: bool,
    /// Skip tests whose names contain this text
    #[arg(long, value_name = "FILTER")]
    pub(crate) skip: Vec<String>,
}

/// The `--filterset` flag.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Tests")]
pub(crate) struct FiltersetArgs {
    /// Run only tests for which this expression is true, as in `package(parser) - test(slow)`, or another one of this flag
    #[arg(short = 'E', long = "filterset", alias = "filter-expr", value_name = "EXPR")]
    pub(crate) expressions: Vec<String>,
}

/// Value of `--run-ignored`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunIgnored {
    /// Run only tests that are not ignored
    #[default]
    Default,
    /// Run only ignored tests
    Only,
    /// Run ignored tests too
    All,
}
