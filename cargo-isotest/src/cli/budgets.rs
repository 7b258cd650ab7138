//! Arguments of `budgets`.

use super::numbers;
use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;

/// Arguments of `budgets`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct BudgetsArgs {
    /// What to do
    #[arg(value_name = "ACTION", value_enum)]
    pub(crate) action: BudgetsAction,
    /// Only tests whose names contain one of these texts, as for a run; for `diff`, a file or a revision of git; for `blame`,
    /// commits and a test, as in `v1.0..HEAD 'BINARY NAME'`
    #[arg(value_name = "FILTER")]
    pub(crate) words: Vec<String>,
    /// How often `init` and `accept` run each test [default: 3]
    #[arg(long, value_name = "NUMBER", value_parser = numbers::count)]
    pub(crate) runs: Option<NonZeroUsize>,
    /// By how much of the highest peak a budget is above it, in percent [default: 25]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) headroom: Option<u32>,
}

/// What is done with budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetsAction {
    /// Record a memory budget for each test that has none, from its highest peak in several runs
    Init,
    /// Raise recorded budgets below the peaks of several runs
    Accept,
    /// Report recorded budgets of tests that are gone, and tests without one
    Check,
    /// List every budget and where it stands
    List,
    /// Find the least memory with which a test passes
    Need,
    /// Compare recorded budgets with those of the last commit, or of a file or a revision
    Diff,
    /// Find the commit in `A..B` since which a test needs more memory, or that test which grew most
    Blame,
}
