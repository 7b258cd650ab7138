//! Arguments that select tests.

use super::baseline::BaselineArgs;
use super::numbers::time;
use crate::values::{PartitionWord, Stress};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::str::FromStr;

/// Positional arguments: name filters, and arguments of the test harness.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Words {
    /// Which tests to run, as the report prints them: a part of a test's name (`parser`), a test binary (`tour::parser`), or one test
    /// (`'tour::parser rejects_nul'`); several add up
    #[arg(value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// Arguments of the test harness: name filters, --skip, --exact, --ignored, --include-ignored, --nocapture,
    /// --show-output and --test-threads
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) of_harness: Vec<OsString>,
}

/// What selects doctests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct DoctestWords {
    /// Run only doctests whose names contain one of these texts, such as a path or the name of an item
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Arguments of the test harness that rustdoc makes
    #[arg(last = true, value_name = "ARGS")]
    of_harness: Vec<OsString>,
}

impl From<DoctestWords> for Words {
    fn from(DoctestWords { filters, of_harness }: DoctestWords) -> Self {
        Self { filters, of_harness }
    }
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
    /// Also run tests that the configuration's `default-filter` leaves out
    #[arg(long, hide_short_help = true)]
    pub(crate) ignore_default_filter: bool,
    /// Run tests marked `#[ignore]`
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) run_ignored: Option<RunIgnored>,
    /// Run one part of the selected tests: `slice:M/N` deals them out in turn, `hash:M/N` by their names, `auto` by recorded
    /// time and memory, and takes the part that the CI service or the engine of a cluster has put into the environment
    #[arg(long, value_name = "PART")]
    pub(crate) partition: Option<PartitionWord>,
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
    /// Run only tests that this expression selects, as in `package(parser) - test(slow)`; given several times, a test runs that any
    /// of them selects; see `cargo isotest help filtersets`
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
    #[value(alias = "ignored-only")]
    Only,
    /// Run ignored tests too
    All,
}

/// Flags about the run as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct CourseArgs {
    /// Build the tests, but run none
    #[arg(long)]
    pub(crate) no_run: bool,
    /// Start tests in random order; the report prints the seed, which repeats it
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = DRAWN)]
    pub(crate) shuffle: Option<Seed>,
    /// Run only tests that failed when they last ran
    #[arg(long, conflicts_with = "no_history")]
    pub(crate) rerun_failed: bool,
    /// Run each test N times, or until interrupted if N is `infinite`, and show how its times and memory peaks spread
    #[arg(long, value_name = "N", value_parser = Stress::read, conflicts_with = "no_run")]
    pub(crate) stress_count: Option<Stress>,
    /// Run each test again and again until TIME has passed, as `--stress-count`
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["stress_count", "no_run"])]
    pub(crate) stress_duration: Option<humantime::Duration>,
    /// What to do if no test is selected [default: auto]
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) no_tests: Option<NoTests>,
    /// Write on standard error where the time of the run went, and the median attempt's
    #[arg(long, hide = true)]
    pub(crate) self_profile: bool,
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
}

/// Flags on tools that execute a test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Execution")]
pub(crate) struct ToolArgs {
    /// Run the one selected test below a debugger in its sandbox, e.g. `rust-gdb --args`: with the terminal, without timeout
    #[arg(long, value_name = "COMMAND", value_parser = command, conflicts_with_all = ["tracer", "no_run", "stress_count", "stress_duration", "report", "message_format", "save_baseline", "baseline", "retries"])]
    pub(crate) debugger: Option<CommandWords>,
    /// Run the one selected test below a tracer in its sandbox, e.g. `strace -f`: with the terminal, without timeout
    #[arg(long, value_name = "COMMAND", value_parser = command, conflicts_with_all = ["no_run", "stress_count", "stress_duration", "report", "message_format", "save_baseline", "baseline", "retries"])]
    pub(crate) tracer: Option<CommandWords>,
}

/// Words of a command, of which there is at least the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandWords {
    /// The program.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
}

fn command(text: &str) -> Result<CommandWords, String> {
    let mut words = shlex::split(text).ok_or("a quote is not closed")?.into_iter();
    let program = words.next().ok_or("a command, such as `rust-gdb --args`")?;
    Ok(CommandWords { program, arguments: words.collect() })
}

impl CourseArgs {
    /// How often each test is executed, if that was said.
    pub(crate) fn stress(&self) -> Option<Stress> {
        let duration = self.stress_duration.map(|time| Stress::Duration(time.into()));
        self.stress_count.or(duration)
    }
}

/// Value of `--shuffle` for a seed that is drawn.
const DRAWN: &str = "random";

/// Seed of a random order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seed {
    /// Drawn for this run.
    Drawn,
    /// This number.
    Number(u64),
}

impl FromStr for Seed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.parse().map(Self::Number);
        if text == DRAWN {
            Ok(Self::Drawn)
        } else {
            number().map_err(|_| "a seed is a whole number".to_owned())
        }
    }
}

/// Value of `--no-tests`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoTests {
    /// Fail, unless `--rerun-failed` finds that all passed
    #[default]
    Auto,
    /// End with exit code 0
    Pass,
    /// End with exit code 0 after a warning
    Warn,
    /// End with exit code 4
    Fail,
}
