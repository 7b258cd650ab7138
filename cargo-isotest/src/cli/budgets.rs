//! Arguments of `budgets`.

use super::numbers;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, ValueEnum};
use std::num::NonZeroUsize;

/// Arguments of `budgets`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct BudgetsArgs {
    /// What to do
    #[arg(value_name = "ACTION", value_enum)]
    pub(crate) action: BudgetsAction,
    /// Only tests whose names contain one of these texts, as for a run; for `list`, also the path of a
    /// test binary; for `diff`, a file or a revision of git; for `blame`, commits and a test, as in `v1.0..HEAD 'BINARY NAME'`
    #[arg(value_name = "FILTER")]
    pub(crate) words: Vec<String>,
    /// How often `init` and `accept` run each test [default: 3]
    #[arg(long, value_name = "NUMBER", value_parser = numbers::count)]
    pub(crate) runs: Option<NonZeroUsize>,
    /// Room that a recorded budget leaves above the highest figure, in percent of the figure [default: 25, of times 100]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) headroom: Option<u32>,
    /// What `init` records, and `accept` raises [default: memory; for `accept`, whatever is recorded]
    #[arg(long, value_name = "METRIC,...", value_enum, value_delimiter = ',')]
    pub(crate) metric: Vec<BudgetsMetric>,
}

/// What is done with budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetsAction {
    /// Record a budget for each test that has none, from the most that it used in several runs
    Init,
    /// Raise recorded budgets below what tests used in several runs
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

/// What can be budgeted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetsMetric {
    /// Peak of memory
    Memory,
    /// Processor time
    Cpu,
    /// Processes and threads at once
    Procs,
    /// Time from start to end
    Wall,
    /// Files in directories that are thrown away
    Disk,
    /// Bytes written to block devices
    #[value(name = "io_write")]
    IoWrite,
}

/// Ids of flags that other actions take and that mean nothing to `blame`, which executes one test, or all, at each commit.
const NOT_OF_BLAME: [&str; 9] = [
    "runs",
    "headroom",
    "metric",
    "exact",
    "skip",
    "expressions",
    "run_ignored",
    "partition",
    "message_format",
];

/// Returns the error about what is typed and `blame` cannot use.
pub(super) fn refusal(definition: &Command, typed: &ArgMatches) -> Option<clap::Error> {
    let typed = typed.subcommand_matches("budgets")?;
    typed.get_one::<BudgetsAction>("action").filter(|action| **action == BudgetsAction::Blame)?;
    let mut definition = definition.clone();
    definition.build();
    let budgets = definition.find_subcommand_mut("budgets")?;
    let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
    let unused = budgets
        .get_arguments()
        .find(|flag| NOT_OF_BLAME.iter().any(|id| flag.get_id() == id) && is_typed(flag.get_id().as_str()));
    let unused = unused.and_then(|flag| flag.get_long()).map(|long| format!("--{long}"));
    let mut words = typed.get_many::<String>("words").into_iter().flatten();
    let unused = unused.or_else(|| words.find(|word| word.starts_with('-')).cloned())?;
    let why = format!(
        "`budgets blame` does not support `{unused}`; it takes commits and at most one test, as in `v1.0..HEAD 'BINARY NAME'`"
    );
    Some(budgets.error(ErrorKind::UnknownArgument, why))
}
